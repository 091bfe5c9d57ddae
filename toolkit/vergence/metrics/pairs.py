"""The pairs themselves: worst positives, hardest negatives, likely false negatives, near-duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import Pairs, Positives, full_precision
from vergence.geometry import pairs as who_belongs
from vergence.metrics.directions import to_unit, usable
from vergence.metrics.raw import evened, raw_rows

__all__ = ["Chosen", "PairLists", "near_duplicates", "pairs"]

CELLS = 2**22
"""Cosines in memory at a time."""
NEAR = 0.15
"""Inputs are nearly equal below this part of the usual distance between two samples."""
GRID = 2.0**20
"""Cosines closer than 1e-6 are a tie."""

Values = NDArray[np.floating]
Index = NDArray[np.int64]
Labels = Tensor | tuple[Tensor | None, ...] | None
Found = tuple[Values, Index, Index]
"""Scores, and the two row numbers of each."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A few pairs and what they were chosen by. Row numbers count through all views, one under the other."""

    i: Int[Tensor, " found"]
    j: Int[Tensor, " found"]
    score: Float[Tensor, " found"]
    """Cosine; of near-duplicates the distance of their inputs as a part of the usual one."""
    of: int
    """Pairs they were chosen from."""
    found: int
    """Pairs that meet the criterion, chosen or not."""
    criterion: str
    """In words."""


@dataclass(frozen=True, eq=False)
class PairLists:
    """The pairs worth looking at among some views."""

    worst_positives: Chosen
    hardest_negatives: Chosen
    false_negatives: Chosen
    """Likely ones: the criterion says by what."""
    positive_mean: float | None
    """Over all positive pairs; None where there are none."""
    negative_mean: float | None
    pairs_positive: int
    pairs_negative: int
    rows: int
    """Rows that have a direction."""
    rows_left_out: int
    sizes: tuple[int, ...] = field(repr=False)
    """Rows of each view."""


@torch.no_grad()
def pairs(*views: Tensor, labels: Labels = None, positives: Positives | None = None, most: int = 5) -> PairLists:
    r"""The pairs that say most: positives that lie far apart, negatives that lie close.

        worst positives     the lowest cosines among positives
        hardest negatives   the highest cosines of different samples; with labels, of different labels
        false negatives     with labels: negatives of one label, the highest cosines first
                            without: two rows, each the other's nearest negative, more alike than each is to any
                            positive of its own. That is a guess, and its criterion says so

    views: V >= 1 tensors (batch, dim); batches may differ when `positives` says who belongs together.
    labels, positives: as for `geometry.pairs`; rows of one group are never negatives. most: pairs on each list.

    A worst positive near 1 says that views agree, also at collapse, where hardest negatives are near 1 as well. A
    hardest negative near 1 with inputs that look alike is a duplicate or a false negative; with inputs that do not,
    the encoder confuses them.

    Two samples stand on a list once, with their worst (hardest) rows. Ties go by row number. Rows that are zero or not
    finite are left out and counted. Memory: a few blocks of 4 million cosines, whatever the batch.

    Raises ShapeError, TooFewRows (fewer than 2 rows have a direction), NotFinite, ZeroRows, DeviceMismatch,
    ArgumentError.
    Source: the galleries of hard negatives in Robinson et al. 2020, arXiv:2010.04592, and of false ones in Chuang et
    al. 2020, arXiv:2007.00224; mutual nearest neighbours as in Dwibedi et al. 2021, arXiv:2104.14548.
    """
    shapes.check_count("pairs", "most", most)
    given = who_belongs(views, labels, positives, call="pairs")
    everything, left_out = usable("pairs", given)
    size = given.rows.abs().amax(1)
    rows = torch.nonzero((size > 0) & torch.isfinite(size)).squeeze(1).cpu().numpy()
    if len(rows) < 2:
        raise errors.TooFewRows(
            f"pairs: {len(rows)} row with a direction ({left_out} left out), 2 are needed. Use a larger batch."
        )
    samples = samples_of(given, positives)[rows]
    seen = _Seen(replace(everything, rows=to_unit(everything.rows)), samples, most)
    with full_precision(everything.rows.device):
        seen.look()
    told = "of different labels" if everything.labels is not None else "of different samples"
    return PairLists(
        worst_positives=_chosen(seen.worst, rows, -1, seen.positives, seen.positives, "lowest cosine among positives"),
        hardest_negatives=_chosen(
            seen.hardest, rows, 1, seen.apart, seen.apart, f"highest cosine {told}"
        ),
        false_negatives=seen.false_negatives(rows),
        positive_mean=seen.positive_sum / seen.positives if seen.positives else None,
        negative_mean=seen.negative_sum / seen.negatives if seen.negatives else None,
        pairs_positive=seen.positives, pairs_negative=seen.negatives, rows=len(rows), rows_left_out=left_out,
        sizes=given.sizes,
    )  # fmt: skip


class _Seen:
    """What one pass over all pairs finds."""

    def __init__(self, who: Pairs, samples: Index, most: int) -> None:
        self.who, self.samples, self.most = who, samples, most
        self.labels = None if who.labels is None else who.labels.cpu().numpy()
        n = len(who.rows)
        self.worst: Found = _nothing()
        self.hardest: Found = _nothing()
        self.alike: Found = _nothing()
        self.positive_sum = self.negative_sum = 0.0
        self.positives = self.negatives = self.apart = self.same = 0
        self.nearest = np.full(n, -1, np.int64)
        self.nearest_cosine = np.full(n, -np.inf)
        self.own = np.full(n, -np.inf)
        """Highest cosine with a positive."""

    def look(self) -> None:
        """Once over all pairs, in blocks of rows."""
        n = len(self.who.rows)
        step = max(1, CELLS // n)
        for start in range(0, n, step):
            stop = min(start + step, n)
            found = (self.who.rows[start:stop] @ self.who.rows.T).clamp_(-1, 1).cpu().numpy()
            # Differences that are rounding error become ties, so that the order does not hang on the block.
            cosines = np.rint(found * GRID) / GRID
            positive, negative = (mask.cpu().numpy() for mask in self.who.masks(start, stop))
            self._sums(cosines, positive, negative)
            alike = None
            if self.labels is not None:
                block = self.labels[start:stop, None]
                alike = negative & (block == self.labels) & (block >= 0)
                self.same += int(alike.sum())
                self.alike = self._best(self.alike, cosines, alike, start)
            other = negative if alike is None else negative & ~alike
            self.apart += int(other.sum())
            self.worst = self._best(self.worst, -cosines, positive, start)
            self.hardest = self._best(self.hardest, cosines, other, start)
            if alike is None:
                self._neighbours(cosines, positive, negative, start)

    def _sums(self, cosines: Values, positive: NDArray[np.bool_], negative: NDArray[np.bool_]) -> None:
        self.positives += int(positive.sum())
        self.negatives += int(negative.sum())
        self.positive_sum += float(cosines.sum(where=positive, dtype=np.float64))
        self.negative_sum += float(cosines.sum(where=negative, dtype=np.float64))

    def _best(self, kept: Found, scores: Values, mask: NDArray[np.bool_], start: int) -> Found:
        """The highest scores so far, each two samples once."""
        views = len(self.who.sizes)
        # Two samples meet in at most views^2 pairs of rows; more where ids say that rows of one view are one.
        wanted = self.most * views**2
        flat = np.flatnonzero(mask)
        while True:
            values = scores.ravel()[flat]
            near = flat
            if len(flat) > wanted:
                least = np.partition(values, len(values) - wanted)[len(values) - wanted]
                above = flat[values > least]
                near = np.concatenate([above, flat[values == least][: wanted - len(above)]])
            width = scores.shape[1]
            found = scores.ravel()[near], near // width + start, near % width
            best = _once(*_join(kept, found), self.samples, self.most)
            if len(best[0]) >= self.most or wanted >= len(flat):
                return best
            wanted *= 4

    def _neighbours(
        self, cosines: Values, positive: NDArray[np.bool_], negative: NDArray[np.bool_], start: int
    ) -> None:
        """The nearest negative of every row, and its nearest positive; both masks hold each pair once."""
        far = np.where(negative, cosines, -np.inf)
        own = np.where(positive, cosines, -np.inf)
        stop = start + len(cosines)
        rows = np.arange(start, stop)
        for best, index, at in (
            (far.max(1), far.argmax(1), rows),
            (far.max(0), far.argmax(0) + start, np.arange(cosines.shape[1])),
        ):
            nearer = best > self.nearest_cosine[at]
            self.nearest_cosine[at[nearer]] = best[nearer]
            self.nearest[at[nearer]] = index[nearer]
        self.own[rows] = np.maximum(self.own[rows], own.max(1))
        self.own = np.maximum(self.own, own.max(0))

    def false_negatives(self, rows: Index) -> Chosen:
        """By label where there are labels, else by mutual nearest neighbours."""
        if self.labels is not None:
            return _chosen(self.alike, rows, 1, self.negatives, self.same, "same label, highest cosine")
        words = "a guess: each the other's nearest, and more alike than their own positives"
        i = np.flatnonzero(self.nearest >= 0)
        j = self.nearest[i]
        mutual = (self.nearest[j] == i) & (i < j)
        near = self.nearest_cosine[i]
        # A row without a positive has nothing that its neighbour could be compared with.
        closer = np.isfinite(self.own[i]) & np.isfinite(self.own[j]) & (near > np.maximum(self.own[i], self.own[j]))
        keep = mutual & closer
        every = _once(near[keep], i[keep], j[keep], self.samples, int(keep.sum()))
        best = every[0][: self.most], every[1][: self.most], every[2][: self.most]
        return _chosen(best, rows, 1, self.negatives, len(every[0]), words)


def near_duplicates(
    *inputs: Shaped[Tensor, "batch ..."], positives: Positives | None = None, near: float = NEAR, most: int = 5
) -> Chosen:
    r"""Different samples whose inputs are nearly equal.

        score(a, b) = ||x_a - x_b|| / sqrt(mean over different samples of ||x - x'||^2)  <  near

    inputs: one tensor per view, (batch, ...), as the model saw it; views of different shapes are compared within
    themselves only. positives: as for `geometry.pairs`; rows of one group are no different samples. From 8 samples on,
    the furthest one in twenty (one at least) is left out of the mean below the root. near: > 0; 0.15 is where the
    cosine of two inputs, their common mean taken off, passes about 0.98.

    Reads 0 for equal inputs and 1 for two that differ as samples usually do. A plain cosine would not do: two drawings
    on white paper have 0.98 whatever they show. Inputs larger than 4,096 numbers are averaged down first; inputs
    that are not finite are left out. Augmented copies of one picture may lie far apart: what is found is certain,
    what is not found is not certain to be absent.

    Raises ShapeError, ArgumentError.
    """
    shapes.check_positive("near_duplicates", "near", near)
    shapes.check_count("near_duplicates", "most", most)
    if not inputs:
        raise errors.ShapeError("near_duplicates: there are no inputs. Hand over one tensor per view: x1, x2.")
    who = who_belongs([torch.zeros(len(x), 1) for x in inputs], None, _on_cpu(positives), call="near_duplicates")
    samples = samples_of(who, positives)
    starts = np.cumsum((0, *who.sizes))
    kinds: dict[tuple[object, ...], list[int]] = {}
    for number, x in enumerate(inputs):
        kinds.setdefault((tuple(x.shape[1:]), x.is_floating_point()), []).append(number)
    seen = _nothing()
    total = pairs_of = 0
    for members in kinds.values():
        index = np.concatenate([np.arange(starts[m], starts[m + 1]) for m in members])
        rows, _ = raw_rows(torch.cat([inputs[m].detach().cpu() for m in members]))
        found, count, compared = _near_among(rows, index, who, samples, near)
        seen = _join(seen, found)
        total, pairs_of = total + count, pairs_of + compared
    best = _once(*seen, samples, most)
    words = f"inputs nearer than {near:g} of the usual distance"
    return _chosen(best, np.arange(len(samples)), -1, pairs_of, total, words)


def _near_among(rows: Tensor, index: Index, who: Pairs, samples: Index, near: float) -> tuple[Found, int, int]:
    """Near pairs of views of one kind, how many pairs of samples they are, and how many pairs were compared."""
    good = torch.isfinite(rows).all(1)
    rows, index = rows[good], index[good.numpy()]
    n = len(rows)
    if n < 2:
        return _nothing(), 0, 0
    even = evened(rows, samples[index])
    for counted in (even.usual, torch.ones_like(even.usual)):
        squares, counts, compared, (a, b) = _close(even.rows, counted, index, who, samples, near)
        if counts:
            break  # else the usual ones are all of one group, and what is usual is left to the others
    usual = squares / counts if counts else 0.0
    i, j = index[a], index[b]
    # By differences: the products above lose what two nearly equal inputs differ by.
    parts = zip(torch.split(torch.from_numpy(a), 1024), torch.split(torch.from_numpy(b), 1024), strict=True)
    values = torch.cat([(even.exact(p) - even.exact(q)).square().sum(1) for p, q in parts]).numpy()
    ratio = np.sqrt(values / usual) if usual > 0 else np.zeros_like(values)
    inside = ratio < near
    score, i, j = _once(-ratio[inside], i[inside], j[inside], samples, int(inside.sum()))
    return (score, i, j), len(score), compared


def _close(
    rows: Tensor, counted: Tensor, index: Index, who: Pairs, samples: Index, near: float
) -> tuple[float, int, int, tuple[Index, Index]]:
    """Sum and number of the squared distances that count, pairs compared, and those that may turn out to be near."""
    n, kept, squares, counts, compared = len(rows), [], 0.0, 0, 0
    lengths, own = rows.square().sum(1), counted.numpy()
    reach = lengths.numpy()
    # The usual distance is known at the end; it can be no more than twice the longest row that counts.
    most = 4 * near**2 * float(lengths[counted].max()) * (1 + 1e-3)
    step = max(1, CELLS // n)
    for start in range(0, n, step):
        stop = min(start + step, n)
        apart = (lengths[start:stop, None] + lengths - 2 * rows[start:stop] @ rows.T).clamp_(min=0).numpy()
        others = different(who, samples, index[start:stop], index) & (index[start:stop, None] < index)
        usual = others & own[start:stop, None] & own
        squares += float(apart.sum(where=usual, dtype=np.float64))
        counts, compared = counts + int(usual.sum()), compared + int(others.sum())
        close = np.flatnonzero(others & (apart <= most + 1e-5 * (reach[start:stop, None] + reach)))
        kept.append((close // n + start, close % n))
    a, b = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    return squares, counts, compared, (a, b)


def different(who: Pairs, samples: Index, rows: Index, columns: Index) -> NDArray[np.bool_]:
    """Pairs of rows that are no positives and no two views of one sample."""
    found: NDArray[np.bool_] = samples[rows, None] != samples[columns]
    if who.groups is not None:
        groups = who.groups.numpy()
        found &= (groups[rows, None] != groups[columns]) | (groups[rows, None] < 0)
    if who.matrix is not None:
        matrix, first = who.matrix.numpy(), who.sizes[0]
        inside = (rows[:, None] < first) & (columns >= first) & (columns < first + who.sizes[1])
        belong = matrix[np.minimum(rows, first - 1)[:, None], np.clip(columns - first, 0, who.sizes[1] - 1)]
        found &= ~(inside & belong)
    return found


def samples_of(who: Pairs, positives: Positives | None) -> Index:
    """Which sample each row is a view of: its number in the view, where all views list the same samples."""
    same = len(set(who.sizes)) == 1
    one = positives is None or (isinstance(positives, Tensor) and positives.dtype != torch.bool)
    if same and one:
        return np.tile(np.arange(who.sizes[0]), len(who.sizes))
    return np.arange(sum(who.sizes))


def _once(scores: Values, i: Index, j: Index, samples: Index, most: int) -> Found:
    """The highest scores, each two samples once, ties by row number."""
    order = np.lexsort((j, i, -scores))
    a, b = samples[i[order]], samples[j[order]]
    key = np.minimum(a, b) * (int(samples.max(initial=0)) + 1) + np.maximum(a, b)
    _, first = np.unique(key, return_index=True)
    taken = order[np.sort(first)[:most]]
    return scores[taken], i[taken], j[taken]


def _join(one: Found, other: Found) -> Found:
    a, b, c = (np.concatenate(both) for both in zip(one, other, strict=True))
    return a, b, c


def _nothing() -> Found:
    return np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)


def _chosen(found: Found, rows: Index, sign: int, of: int, met: int, criterion: str) -> Chosen:
    score = torch.from_numpy(np.asarray(sign * found[0], np.float32))
    i, j = (torch.from_numpy(rows[part]) for part in found[1:])
    return Chosen(i, j, score + 0.0, of, met, criterion)


def _on_cpu(positives: Positives | None) -> Positives | None:
    if isinstance(positives, Tensor):
        return positives.cpu()
    if isinstance(positives, Sequence):
        return [None if one is None else one.cpu() for one in positives]
    return None
