"""Which part of the input partners are found by: an encoder is asked with views whose parts contradict each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Shaped
from torch import Tensor

from vergence import errors, geometry, shapes
from vergence.metrics.chance import generator_of
from vergence.metrics.cue_parts import LEFT_ALONE, LEVELS, Part, parts_of
from vergence.metrics.frozen import Encoder, at_rest, check_inputs, encoded, fitting

__all__ = ["Cue", "Cues", "cues"]

LEAST = 8
Views = Shaped[Tensor, "pairs ..."]


@dataclass(frozen=True)
class Cue:
    """One part of the input, against all the rest."""

    name: str
    """Of the part: "left alone", "levels", "channel 0", "patch 0, 3", "entries 4 to 7" or "entry 4"."""
    share: float
    """Of the entries of an input, 0 to 1."""
    wins: float
    """Share of pairs in which this part outweighs the rest: 0, it is ignored; 1/2, it counts as much; 1, it decides."""
    half: float
    """Half its 95 % interval."""
    alone: float
    """AUC of the partner's part in a stranger, over strangers: 1/2, the part alone tells nothing; 1, it is enough."""
    rest: float
    """AUC of the partner with a stranger's part, over strangers: 1/2, nothing is left; 1, the part is not needed."""
    alike: float | None
    """Squared distance of partners over that of strangers, in this part: 0, views leave it alone; 1, nothing shared."""
    alike_rest: float | None
    """The same of all the rest. None: nothing varies, or the views have different shapes."""

    @property
    def alike_ratio(self) -> float | None:
        """`alike` over `alike_rest`: 0, only this part is left alone; 1, views treat both the same."""
        if self.alike is None or not self.alike_rest:
            return None
        return self.alike / self.alike_rest


@dataclass(frozen=True, eq=False)
class Cues:
    """Every part that was asked about."""

    cues: tuple[Cue, ...] = field(repr=False)
    auc: float
    """Of the partner as it is, over strangers: how well partners are found at all."""
    gap: float | None
    """How clearly views leave a part of the input alone, from the pairs only: 0.1 and below, they do; 1, no part."""
    pairs: int
    """Measured."""
    pairs_left_out: int
    """With an entry that is not finite, or a row that is zero or not finite."""
    pairs_total: int
    """There were so many; more than `pairs` and `pairs_left_out` when pairs were drawn."""

    def named(self, name: str) -> Cue | None:
        """The part of this name."""
        return next((cue for cue in self.cues if cue.name == name), None)

    @property
    def left_alone(self) -> Cue | None:
        """The entries in which partners are most alike; None where all are equally alike."""
        return self.named(LEFT_ALONE)

    @property
    def levels(self) -> Cue | None:
        """The pixel values of each channel without their places: colours and brightness. None for no pictures."""
        return self.named(LEVELS)

    @property
    def strongest(self) -> Cue | None:
        """Among patches, channels and blocks, the one that wins most; None where there is none."""
        blocks = [cue for cue in self.cues if cue.name not in (LEFT_ALONE, LEVELS)]
        return max(blocks, key=lambda cue: cue.wins, default=None)


@torch.no_grad()
def cues(
    encoder: Encoder,
    first: Views,
    second: Views,
    *,
    blocks: bool = True,
    max_pairs: int = 128,
    generator: torch.Generator | None = None,
) -> Cues:
    r"""Which part of the input partners are found by: each part of one view is put into the view of a stranger.

        m_i = part p of x2_i, everything else of x2_i+1                      a view with two owners
        wins(p)   share of anchors i with  cos(f(x1_i), f(m_i)) > cos(f(x1_i), f(m_i-1))      (ties: one half)
        alone(p)  P( cos(f(x1_i), f(m_i))   > cos(f(x1_i), f(m_j)) ),  j neither i nor i-1
        rest(p)   P( cos(f(x1_i), f(m_i-1)) > cos(f(x1_i), f(m_j)) )
        alike(p)  mean ||x1_i - x2_i||^2 over mean ||x1_i - x2_j||^2, j other than i, in the entries of p

    encoder f: a module or any function, (items, ...) -> (items, dim); a module is put into eval mode and back, and
    nothing learns. first x1, second x2: views of the same samples as the encoder sees them, (pairs, ...), floating
    point, at least 8; of different shapes (two towers) parts of the second are asked about, and nothing is known of
    how alike they are. blocks: False leaves out patches, channels and blocks of columns, which are most of the work.
    max_pairs: above this, pairs are drawn. generator: on the CPU, for the drawing; None: the same
    each time.

    The parts: for pictures (channels, height, width) each of 4 x 4 patches, each of 2 to 16 channels, and the levels,
    which are the pixel values of each channel whatever their places (the stranger's picture in the partner's colours
    and brightness); for anything else 16 blocks along the longest axis; and, found from the pairs, the entries that
    views leave alone: entries are cut into two groups by how alike partners are in each, where the groups are
    furthest apart. The two groups are always there; whether they are two is said by `gap`: 0.01 to 0.1 with bits that
    both views share (0.3 where the rest is hardly changed), 0.5 to 0.98 under usual views, of 32 pairs or more.

    A part that is not looked at wins as often as a stranger comes before a partner, 1 - auc; one that partners are
    found by alone reads wins near auc, alone as high as `auc`, and rest 1/2: a shortcut, if p is not what you want
    learned. Which part is content cannot be told from pairs. On digits with k shared bits, after 200 steps at
    temperature 0.1, the bits are what is left alone (alike 0, the rest 0.5), and win in 0.27, 0.6, 0.86, 0.98 and 1.0
    of the pairs for k = 2, 4, 6, 8, 12; without bits nothing is (0.43 and 0.7). Misses a cue that is spread evenly
    over the entries (bits under a rotation), and one whose place changes from pair to pair. A mosaic is no natural
    input: an untrained encoder reads wins up to 0.6 for the levels of pictures.

    Takes one pass over the pairs for each part, and two: of 64 pairs 67 ms for pictures of 32 x 32 (a small network of
    four convolutions; 160 ms with blocks), 3 ms for vectors (20 ms).

    Raises ShapeError (no views, pairs that do not match, features that are no (items, dim)), TooFewRows, NotFinite
    (fewer than 8 pairs are finite), ArgumentError.
    Source: made here, after the cue conflicts of Geirhos et al. 2019, arXiv:1811.12231, whose pictures have the shape
    of one thing and the texture of another.
    """
    call = "cues"
    check_inputs(call, "first", encoder, first, rows=LEAST)
    check_inputs(call, "second", encoder, second, rows=LEAST)
    shapes.check_count(call, "max_pairs", max_pairs, least=LEAST)
    if len(first) != len(second):
        raise errors.ShapeError(
            f"{call}: first has {len(first)} rows and second has {len(second)}. Row i of both must be views of the "
            "same sample."
        )
    if first.device != second.device:
        raise errors.DeviceMismatch(
            f"{call}: first is on {first.device} but second is on {second.device}. Move one: second.to(first.device)."
        )
    total = len(first)
    good = torch.nonzero(_finite(first) & _finite(second)).squeeze(1)
    left_out = total - len(good)
    if len(good) > max_pairs:
        drawn = torch.randperm(len(good), generator=generator_of(generator))[:max_pairs].sort().values
        good = good[drawn.to(good.device)]
    asked = len(good)
    _enough(call, asked, total)
    with at_rest(encoder):
        rows = [_embedded(call, encoder, view[good]) for view in (first, second)]
        sound = (_usable(rows[0]) & _usable(rows[1])).cpu()
        good, rows = good[sound.to(good.device)], [own[sound.to(own.device)] for own in rows]
        _enough(call, len(good), total)
        a, b = first[good].detach(), second[good].detach()
        parts, gap = parts_of(a.cpu(), b.cpu(), blocks=blocks)
        anchors = geometry.unit(rows[0])
        found = tuple(_asked(call, encoder, anchors, b, part) for part in parts)
    whole = anchors @ geometry.unit(rows[1]).mT
    strangers = ~torch.eye(len(whole), dtype=torch.bool, device=whole.device)
    return Cues(
        cues=found,
        auc=_above(whole.diagonal(), whole, strangers),
        gap=gap,
        pairs=len(good),
        pairs_left_out=left_out + asked - len(good),
        pairs_total=total,
    )


def _asked(call: str, encoder: Encoder, anchors: Tensor, b: Tensor, part: Part) -> Cue:
    """One part: anchors against views with two owners."""
    n = len(b)
    rows = _embedded(call, encoder, part.swap(b, b.roll(-1, 0)))
    rows = torch.where(_usable(rows)[:, None], rows, torch.ones_like(rows))
    found = anchors @ geometry.unit(rows).mT
    at = torch.arange(n, device=found.device)
    mine, others = found[at, at], found[at, (at - 1) % n]
    strangers = torch.ones_like(found, dtype=torch.bool)
    strangers[at, at] = strangers[at, (at - 1) % n] = False
    wins = float(((mine > others).double() + 0.5 * (mine == others).double()).mean())
    middle = (wins * n + 2) / (n + 4)  # Agresti and Coull: half the interval is not 0 at wins 0
    return Cue(
        name=part.name,
        share=part.share,
        wins=wins,
        half=1.96 * math.sqrt(middle * (1 - middle) / (n + 4)),
        alone=_above(mine, found, strangers),
        rest=_above(others, found, strangers),
        alike=part.alike,
        alike_rest=part.alike_rest,
    )


def _above(own: Tensor, every: Tensor, strangers: Tensor) -> float:
    """AUC of `own`, one for each anchor, over the strangers of the same anchor."""
    more = (own[:, None] > every).double() + 0.5 * (own[:, None] == every).double()
    return float(more[strangers].mean())


def _embedded(call: str, encoder: Encoder, inputs: Tensor) -> Tensor:
    rows = encoded(call, encoder, fitting(encoder, inputs)).detach()
    return rows.to(torch.promote_types(rows.dtype, torch.float32))


def _finite(inputs: Tensor) -> Tensor:
    return torch.isfinite(inputs).flatten(1).all(1)


def _usable(rows: Tensor) -> Tensor:
    size = rows.abs().amax(1)
    return (size > 0) & torch.isfinite(size)


def _enough(call: str, count: int, total: int) -> None:
    if count < LEAST:
        raise errors.NotFinite(
            f"{call}: {count} of {total} pairs are finite, with rows that are not zero; {LEAST} are needed. Look at "
            "how they were loaded, and whether a step of training overflowed."
        )
