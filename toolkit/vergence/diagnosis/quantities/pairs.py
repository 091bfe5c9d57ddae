"""Of pairs: positives that lie like negatives, how far partners are apart, negatives of one class, copies."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.diagnosis.quantities.classes import pulls_classes, repeated
from vergence.diagnosis.quantities.loss import smoothed
from vergence.record.history import Series

__all__ = ["QUANTITIES"]

MEDIAN, LOWEST = 0.5, 0.1
RECENT = 4
"""Looks that a share is the mean of: at 64 pairs a look alone is off by a twentieth."""
LONG, LONGEST = 8, 20
FEWEST_LOOKS = 3
"""One look does not say whether it was before training."""
TWO_HEAPS, ALL = 0.4, 0.75
PAIRED, TWO_KINDS = 0.7, 0.3
"""Inputs of a pair that are nearer than this part of the distance of strangers belong together; where so few rows have
their nearest in the other view, that holds inputs of another kind."""
FEWEST_BINS = 4
"""Cosines of negatives that fill fewer bins than this have no shape that could be compared."""
FEW_COPIES = 0.005
"""Per sample: one in two batches of 128."""
FEWEST_BATCHES = 3
"""Batches that together say which classes there are."""
ALIKE, NEAR = 0.02, 0.1
"""Copies lie closer than this part of the usual distance of two samples; neighbours as near as that are no copies."""

Values = NDArray[np.float64]


def as_negatives(lens: Lens, place: str) -> Series | None:
    """Twice the share of positives at or below the median negative.

    0: every positive lies above. 1: positives lie as negatives do. Pairs of which a share s is none read s where the
    others lie above the median, because a partner drawn at random is a negative.
    """
    found = _through(lens, place, lambda positive, negative: _below(positive, negative, MEDIAN))
    return None if found is None else Series(found.steps, _medians(found.values))


def as_lowest(lens: Lens, place: str) -> Series | None:
    """Ten times the share of positives among the lowest tenth of negatives.

    Of wrong partners it reads what `as_negatives` reads; where right ones are merely far apart, much less.
    """
    return _recent(_through(lens, place, lambda positive, negative: _below(positive, negative, LOWEST)), RECENT)


def _below(positive: Values, negative: Values, share: float) -> float:
    """Share of positives at or below a quantile of the negatives, over the share of negatives there."""
    total, filled = negative.sum(), np.flatnonzero(negative)
    if positive.sum() == 0 or len(filled) < FEWEST_BINS:
        return np.nan
    reached = np.concatenate([[0.0], np.cumsum(negative)]) / total
    passed = np.concatenate([[0.0], np.cumsum(positive)]) / positive.sum()
    kept = np.concatenate([[filled[0]], filled + 1])  # where nothing is added there is no quantile
    return float(np.interp(share, reached[kept], passed[kept]) / share)


def _through(lens: Lens, place: str, of: Callable[[Values, Values], float]) -> Series | None:
    """A number of both histograms, frame by frame."""
    kind = f"similarity/{place}"
    found: list[tuple[int, float]] = []
    for step in _frames(lens, kind):
        arrays = lens.history.frame(kind, step).arrays
        if "positive" in arrays and "negative" in arrays:
            value = of(arrays["positive"].astype(np.float64), arrays["negative"].astype(np.float64))
            found.append((step, value))
    return _series(found)


def distance(lens: Lens, place: str) -> Series | None:
    """Squared distance of partners over that of strangers, both of length 1.

    0: partners are one point. 1: they are as far apart as any two. Collapse alone leaves it as it is.
    """
    positive = lens.series(f"similarity/{place}/positive_mean")
    negative = lens.series(f"similarity/{place}/negative_mean")
    if not len(positive) or not len(negative):
        return None
    apart = 1 - aligned(negative, positive.steps)
    values = np.divide(1 - positive.values, apart, out=np.full(len(apart), np.nan), where=apart > 1e-6)
    return _sound(positive.steps, values)


def low_heap(lens: Lens, place: str) -> Series | None:
    """Whether the positives that lie among the negatives are a heap of their own (1) or the tail of the others (0).

    A heap of wrong partners has the shape of the negatives: as many of them in the lowest tenth as there should be. One
    heap, shifted up by delta, has 10 Phi(-1.28 - delta) there where 2 Phi(-delta) lie below the median.
    """
    kind = f"similarity/{place}"
    found: list[tuple[int, float]] = []
    counts: list[tuple[float, float]] = []
    for step in _frames(lens, kind):
        arrays = lens.history.frame(kind, step).arrays
        if "positive" not in arrays or "negative" not in arrays:
            continue
        both = arrays["positive"].astype(np.float64), arrays["negative"].astype(np.float64)
        counts.append((_below(*both, MEDIAN), _below(*both, LOWEST)))
        half, tenth = np.nanmean(np.array(counts[-LONG:]), axis=0) if np.isfinite(counts[-1][0]) else (np.nan, np.nan)
        found.append((step, _two(float(half), float(tenth)) if half > 0 else 0.0))
    return _series(found)


def _two(half: float, tenth: float) -> float:
    """Where `tenth` lies between what one shifted heap reads (0) and what a heap of negatives reads (1)."""
    normal = NormalDist()
    share = min(half / 2, 0.49)
    shifted = normal.cdf(normal.inv_cdf(LOWEST) + normal.inv_cdf(share)) / LOWEST
    return (tenth - shifted) / (half - shifted) if half > shifted else 0.0


def heap_of_strangers(lens: Lens, place: str) -> Series | None:
    """`as_negatives` where the positives are two heaps, else 0."""
    half, heap = lens.series(f"pairs/{place}/as_negatives"), lens.series(f"pairs/{place}/low_heap")
    if not len(half) or not len(heap):
        return None
    two = (aligned(heap, half.steps) > TWO_HEAPS) & (half.values < ALL)
    return Series(half.steps, np.where(two, half.values, 0.0))


def auc_recent(lens: Lens, place: str) -> Series | None:
    """The mean of the last few readings of the AUC."""
    series = lens.series(f"similarity/{place}/auc")
    return _recent(series, RECENT) if len(series) else None


def weak(lens: Lens, place: str) -> Series | None:
    """`inputs/step/distance`; where inputs are not known, what the model made of it before it was trained."""
    del place
    known = lens.series("inputs/step/distance")
    if len(known):
        return known
    for where in ("h", "z"):
        series = lens.series(f"pairs/{where}/distance")
        if len(series) >= FEWEST_LOOKS:
            return Series(series.steps, np.full(len(series), series.values[0]))
    return None


def input_distance(lens: Lens, place: str) -> Series | None:
    """The mean of the last few readings of `inputs/step/distance`."""
    del place
    known = lens.series("inputs/step/distance")
    return _recent(known, RECENT) if len(known) else None


def identical(lens: Lens, place: str) -> Series | None:
    """Share of pairs whose inputs are equal; 1 where inputs are not known."""
    known, shown = lens.series("inputs/step/identical"), lens.series(f"similarity/{place}/auc")
    if len(known):
        return known
    return Series(shown.steps, np.ones(len(shown))) if len(shown) else None


def misplaced(lens: Lens, place: str) -> Series | None:
    """How sure it is that rows stand beside the wrong partners, and not beside partners that are too far away.

    0.5: nothing speaks for it. Towards 1: the inputs of the pairs are alike and their embeddings are not, so these were
    paired in another order; or the nearest inputs stand at other places of the batch; or inputs are not known, or are
    of two kinds, which cannot be compared.
    """
    shown = lens.series(f"similarity/{place}/auc")
    if not len(shown):
        return None
    apart, elsewhere = lens.series("inputs/step/distance"), lens.series("inputs/step/elsewhere")
    if not len(apart) or not len(elsewhere):
        return Series(shown.steps, np.ones(len(shown)))
    nearer = smoothed(elsewhere.values, LONGEST)
    alike = aligned(apart, elsewhere.steps, backwards=True) < PAIRED
    found = np.where(alike | (nearer < TWO_KINDS), 1.0, nearer)
    return Series(elsewhere.steps, found)


def moving(lens: Lens, place: str) -> Series | None:
    """How much the weights of the encoder change in a step, as a part of their length; 1 where it is not known."""
    shown = lens.series(f"similarity/{place}/auc")
    if not len(shown):
        return None
    for key in ("updates/encoder/ratio", "updates/model/ratio"):
        if len(found := lens.series(key)):
            return found
    return Series(shown.steps, np.ones(len(shown)))


def same_class(lens: Lens, place: str) -> Series | None:
    """Share of negatives of the anchor's class, over what the classes of all batches together read.

    1: batches are drawn from all classes. k: from one class in k or so. Only of a loss that has negatives, and does not
    take those of a class for positives.
    """
    even = lens.series(f"false_negatives/{place}/gradient_even")
    if not len(even) and not len(lens.series(f"temperature/{place}/entropy_share")):
        return None
    if pulls_classes(lens, place):
        return None
    kind = f"similarity/{place}"
    total = np.zeros(0)
    found: list[tuple[int, float]] = []
    batches: list[Values] = []
    for step in _frames(lens, kind):
        counts = lens.history.frame(kind, step).arrays.get("label_counts")
        if counts is None:
            continue
        size = max(len(total), len(counts))
        batches.append(counts.astype(np.float64))
        total = _longer(total, size) + _longer(batches[-1], size)
        if len(batches) >= FEWEST_BATCHES:
            recent = [repeated(each) for each in batches[-RECENT:]]
            found.append((step, float(np.mean(recent)) / repeated(total)))
    return _series(found)


def _longer(counts: Values, size: int) -> Values:
    return np.concatenate([counts, np.zeros(size - len(counts))])


def copies(lens: Lens, place: str) -> Series | None:
    """Share of the reference set that has a copy in it, to a fiftieth of the usual distance."""
    del place
    found: list[tuple[int, float]] = []
    for step in _frames(lens, "duplicates/reference"):
        nearest = lens.history.frame("duplicates/reference", step).arrays.get("nearest")
        if nearest is not None and np.isfinite(nearest).any():
            nearest = nearest[np.isfinite(nearest)]
            found.append((step, float((nearest <= ALIKE).mean())))
    return _series(found)


def gap(lens: Lens, place: str) -> Series | None:
    """Of the samples with another one within a tenth of the usual distance, the share that has a copy."""
    del place
    found: list[tuple[int, float]] = []
    for step in _frames(lens, "duplicates/reference"):
        nearest = lens.history.frame("duplicates/reference", step).arrays.get("nearest")
        if nearest is not None and np.isfinite(nearest).any():
            near = nearest[np.isfinite(nearest)]
            found.append((step, float((near <= ALIKE).sum() / max(1, (near <= NEAR).sum()))))
    return _series(found)


def copies_in_batches(lens: Lens, place: str) -> Series | None:
    """Of the pairs of different samples that are nearer than 97.5 % of the partners are, those nearer than half are.

    A half where they are copies, for views move copies as they move partners; a tenth at most where samples are merely
    near, since there are the more of them the further one looks. 0 where there are hardly any, or where it is known
    what was drawn before views were made of it: that says it outright.
    """
    del place
    close, near = lens.series("inputs/step/copies"), lens.series("inputs/step/near")
    if not len(close) or not len(near):
        return None
    if len(lens.series("inputs/step/copied")):
        return Series(close.steps, np.zeros(len(close)))
    ours = smoothed(close.values, LONG)
    all_near = smoothed(aligned(near, close.steps), LONG)
    shares = np.divide(ours, all_near, out=np.zeros(len(ours)), where=all_near > 0)
    return Series(close.steps, np.where(ours > FEW_COPIES, shares, 0.0))


def copied(lens: Lens, place: str) -> Series | None:
    """The mean of the last few readings of `inputs/step/copied`."""
    del place
    drawn = lens.series("inputs/step/copied")
    return Series(drawn.steps, smoothed(drawn.values, LONG)) if len(drawn) else None


def others_apart(lens: Lens, place: str) -> Series | None:
    """AUC of those positives that do belong together, if a share s of them does not: (AUC - s / 2) / (1 - s).

    About 1 where a part of the pairs is wrong and the rest is told well; lower where all are told badly. 0 where
    nothing would be left.
    """
    share, auc = lens.series(f"pairs/{place}/as_negatives"), lens.series(f"similarity/{place}/auc")
    if not len(share) or not len(auc):
        return None
    told = aligned(auc, share.steps, backwards=True)
    left = 1 - share.values
    return Series(share.steps, np.divide(told - share.values / 2, left, out=np.zeros(len(left)), where=left > 0.1))


def further(lens: Lens, place: str) -> Series | None:
    """Distance of the inputs of a pair over what it was at the lowest: 2, they are twice as far apart as they were."""
    del place
    known = lens.series("pairs/input/distance")
    if not len(known):
        return None
    return Series(known.steps, known.values / np.maximum(np.minimum.accumulate(known.values), 1e-3))


def auc_lost(lens: Lens, place: str) -> Series | None:
    """How far the AUC lies below its highest so far; each the mean of a few readings."""
    series = lens.series(f"pairs/{place}/auc_recent")
    return Series(series.steps, np.maximum.accumulate(series.values) - series.values) if len(series) else None


def auc_gained(lens: Lens, place: str) -> Series | None:
    """How much the AUC has risen in the last few looks; the mean of a few readings against that of a few before."""
    series = lens.series(f"pairs/{place}/auc_recent")
    if not len(series):
        return None
    before = np.concatenate([np.full(min(RECENT, len(series)), series.values[0]), series.values[:-RECENT]])
    return Series(series.steps, series.values - before)


def _frames(lens: Lens, kind: str) -> tuple[int, ...]:
    return lens.history.frames(kind) if kind in lens.history.frame_kinds() else ()


def _medians(values: Values) -> Values:
    """The median of the last three; of fewer at the beginning."""
    padded = np.concatenate([np.full(2, np.nan), values])
    return (
        np.asarray(np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)) if len(values) else values
    )


def _recent(series: Series | None, count: int) -> Series | None:
    """The mean of the last few values."""
    return None if series is None else Series(series.steps, smoothed(series.values, count), series.stride)


def _series(found: list[tuple[int, float]]) -> Series | None:
    if not found:
        return None
    steps, values = zip(*found, strict=True)
    return _sound(np.array(steps, np.int64), np.array(values, np.float64))


def _sound(steps: NDArray[np.int64], values: Values) -> Series:
    kept = np.isfinite(values)
    return Series(steps[kept], values[kept])


QUANTITIES: dict[str, Quantity] = {
    "pairs/{place}/as_negatives": as_negatives,
    "pairs/{place}/as_lowest": as_lowest,
    "pairs/{place}/distance": distance,
    "pairs/{place}/misplaced": misplaced,
    "pairs/{place}/moving": moving,
    "false_negatives/{place}/over_all": same_class,
    "duplicates/reference/copies": copies,
    "duplicates/reference/gap": gap,
    "inputs/step/share_copies": copies_in_batches,
    "inputs/step/drawn_twice": copied,
    "pairs/{place}/others_apart": others_apart,
    "pairs/input/further": further,
    "pairs/{place}/auc_lost": auc_lost,
    "pairs/{place}/auc_gained": auc_gained,
    "pairs/{place}/low_heap": low_heap,
    "pairs/{place}/heap_of_strangers": heap_of_strangers,
    "pairs/{place}/auc_recent": auc_recent,
    "pairs/{place}/identical": identical,
    "pairs/input/weak": weak,
    "pairs/input/distance": input_distance,
}
