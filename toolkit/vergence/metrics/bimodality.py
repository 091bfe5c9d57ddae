"""Whether positive pairs are of two kinds: some that belong together, and some that were only declared to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import Positives, pairs
from vergence.metrics.chance import Chance, generator_of
from vergence.metrics.dip import dip, dip_by_chance
from vergence.metrics.directions import to_unit, usable

__all__ = ["Bimodality", "bimodality"]

LEAST = 8
"""Positive pairs: two normals have five numbers."""
NEAR_ONE = 1e-6
"""Cosines are kept so far from 1 and -1, where Fisher's z has no end. Nearer to 1, two rows are copies."""
STARTS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8)
"""Shares in the lower part at which the fit of two normals is begun."""
NARROWEST = 0.02
"""No normal is narrower than this part of the whole spread: one value alone is no kind."""
CLEAR, DEEP = 10.0, 0.25
"""BIC and valley from which a fit alone says that there are two heaps: a small heap far away moves the dip little."""
BLOCK = 4096

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bimodality:
    """Whether the cosines of positive pairs lie in one heap or in two."""

    dip: float
    """Distance of the cosines that take part from every distribution with one peak, 1 / (2 pairs) to 0.25."""
    chance: Chance
    """Of `dip`, for so many values of the flattest distribution with one peak."""
    sarle: float | None
    """(skewness^2 + 1) / kurtosis: 1/3 for a normal, 5/9 for a uniform, 1 for two points. None where all are equal."""
    bic: float | None
    """How much better two normals explain Fisher's z than one, in BIC: above 0, two do. Skewness alone suffices."""
    share_low: float | None
    """Share of the pairs in the lower of the two normals. None where all cosines are equal."""
    mean_low: float | None
    """Its middle, as a cosine."""
    mean_high: float | None
    separation: float | None
    """Distance of the two middles over the root mean square of their widths, in Fisher's z: from 2 on they part."""
    valley: float | None
    """Lowest density between the two middles over that of the lower peak, in Fisher's z: 1, one peak, to 0."""
    i: Int[Tensor, " pairs"] = field(repr=False)
    """Row numbers of the pairs, counted through all views, one under the other: one row ..."""
    j: Int[Tensor, " pairs"] = field(repr=False)
    """... and the other."""
    cosine: Float[Tensor, " pairs"] = field(repr=False)
    of_low: Float[Tensor, " pairs"] | None = field(repr=False)
    """How likely each pair is one of the lower normal, 0 to 1."""
    pairs: int
    """Pairs that were measured."""
    identical: int
    """Of these, pairs with a cosine of 1, to 1e-6."""
    pairs_total: int
    """Pairs there are: more than were measured when pairs were drawn."""
    rows: int
    """Rows that have a direction."""
    rows_left_out: int
    """Rows that are zero or not finite."""

    @property
    def two(self) -> bool:
        """Two heaps: `dip` is above what one reads in 97.5 % of draws, or two normals explain more and hardly touch."""
        if self.dip > self.chance.high:
            return True
        if self.bic is None or self.valley is None or self.share_low is None:
            return False
        taken = self.pairs - (self.identical if _aside(self.identical, self.pairs) else 0)
        low = self.share_low * self.pairs
        fewer = min(low, taken - low)
        return self.bic > CLEAR and self.valley < DEEP and fewer >= LEAST - 0.5


@torch.no_grad()
def bimodality(
    *views: Tensor,
    positives: Positives | None = None,
    max_pairs: int = 4096,
    generator: torch.Generator | None = None,
) -> Bimodality:
    r"""Whether the positive pairs are of two kinds, as they are where some partners are wrong.

        dip = min over F with one peak of  max over s of |F_n(s) - F(s)|          F_n: distribution of the cosines
        z = atanh(s)                                                              Fisher's z
        bic = 2 (log likelihood of z under two normals - under one) - 3 ln n
        share_low = weight of the normal with the lower mean

    views: V >= 2 tensors (batch, dim); rows of any length, s is the cosine of a positive pair. positives: as for
    `geometry.pairs`. At least 8 positive pairs. max_pairs: above this, pairs are drawn; generator: on the CPU; None:
    the same pairs each time.

    dip is to be held against `chance`, which is that of the uniform distribution, the flattest with one peak: 0.011 to
    0.023 at 512 pairs. A share of noise below one in ten moves it little; the fit sees such a heap where it lies far
    off (bic above 10, valley below 0.25, 8 pairs at least). `two` is true for either. Then share_low is the share of
    noisy pairs and `of_low` says which. A heap that overlaps the other is not seen: `two` false is no proof.
    Before training every pair is as unlike as any, at collapse every pair is alike: both are one heap.
    bic and sarle are evidence of two kinds only where the rest is normal: the cosines of sound pairs crowd below 1
    and are skewed, so both can call one heap two.

    Copies, pairs with a cosine of 1, have no place in Fisher's z. As long as they are fewer than half, dip, sarle and
    the fit are those of the other pairs: share_low is still a share of all, and of_low of a copy is 0. Where they are
    half or more, they are the upper heap. `identical` counts them.

    Rows that are zero or not finite are left out and counted.

    Raises ShapeError, TooFewRows (fewer than 8 positive pairs), NotFinite, ZeroRows, DeviceMismatch, ArgumentError.
    Source: Hartigan & Hartigan 1985 for the dip; Schwarz 1978 for the BIC; Ashman et al. 1994 for the separation;
    two kinds of positives as in Huang et al. 2021, Learning with Noisy Correspondence, who fit two to the losses.
    """
    call = "bimodality"
    shapes.check_count(call, "max_pairs", max_pairs, least=LEAST)
    given = pairs(views, None, positives, call=call)
    everything, left_out = usable(call, given)
    i, j = everything.positive_pairs()
    total = len(i)
    if total < LEAST:
        raise errors.TooFewRows(
            f"{call}: {total} positive pairs among {len(everything.rows)} rows with a direction, {LEAST} are needed. "
            "Use a larger batch of two views, or say who belongs together: positives=."
        )
    if total > max_pairs:
        chosen = torch.randperm(total, generator=generator_of(generator))[:max_pairs].sort().values.to(i.device)
        i, j = i[chosen], j[chosen]
    parts = zip(torch.split(i, BLOCK), torch.split(j, BLOCK), strict=True)
    found = [(to_unit(everything.rows[a]) * to_unit(everything.rows[b])).sum(1) for a, b in parts]
    cosine = torch.cat(found).cpu().double().clamp(-1, 1)
    values = cosine.numpy()
    # Differences that are rounding error are no distribution.
    grid = 2.0**44 if everything.rows.dtype == torch.float64 else 2.0**20
    values = np.rint(values * grid) / grid
    size = given.rows.abs().amax(1)
    rows = torch.nonzero((size > 0) & torch.isfinite(size)).squeeze(1).cpu()
    copies = values >= 1 - NEAR_ONE
    taken = ~copies | (not _aside(int(copies.sum()), len(values)))
    values = values[taken]
    two = _two_normals(np.arctanh(values.clip(NEAR_ONE - 1, 1 - NEAR_ONE)))
    of_low = np.zeros(len(cosine))
    if two is not None:
        of_low[taken] = two.of_low
    return Bimodality(
        dip=dip(values),
        chance=dip_by_chance(len(values)),
        sarle=_sarle(values),
        bic=None if two is None else two.bic,
        share_low=None if two is None else float(two.weight[0]) * len(values) / len(cosine),
        mean_low=None if two is None else math.tanh(two.mean[0]),
        mean_high=None if two is None else math.tanh(two.mean[1]),
        separation=None if two is None else two.separation,
        valley=None if two is None else two.valley,
        i=rows[i.cpu()],
        j=rows[j.cpu()],
        cosine=cosine,
        of_low=None if two is None else torch.from_numpy(of_low),
        pairs=len(cosine),
        identical=int(copies.sum()),
        pairs_total=total,
        rows=len(everything.rows),
        rows_left_out=left_out,
    )


def _aside(copies: int, pairs: int) -> bool:
    """Whether copies are left out of the fit: a few are an extra; where they are half or more, they are the rule."""
    return 2 * copies < pairs


def _sarle(values: Values) -> float | None:
    """Without the correction for few values: the two ends are then exact."""
    apart = values - values.mean()
    variance = float(np.square(apart).mean())
    if variance <= 1e-24:
        return None
    skewness = float((apart**3).mean()) / variance**1.5
    kurtosis = float((apart**4).mean()) / variance**2
    return float((skewness**2 + 1) / kurtosis)


@dataclass(frozen=True)
class _Two:
    weight: Values
    mean: Values
    width: Values
    of_low: Values
    bic: float

    @property
    def separation(self) -> float:
        return float((self.mean[1] - self.mean[0]) / math.sqrt(float(np.square(self.width).mean())))

    @property
    def valley(self) -> float:
        between = np.linspace(self.mean[0], self.mean[1], 257)
        logs = np.log(self.weight.clip(1e-300))[:, None] + _log_normal(between, self.mean, self.width)
        density = np.logaddexp(logs[0], logs[1])
        return float(np.exp(density.min() - min(density[0], density[-1])))


def _two_normals(z: Values) -> _Two | None:
    """The best fit of two normals, by expectation and maximisation from several starts."""
    whole = float(z.std())
    if whole <= 1e-9:
        return None
    ordered = np.sort(z)
    fits = []
    for share in STARTS:
        cut = min(max(2, round(share * len(z))), len(z) - 2)
        low, high = ordered[:cut], ordered[cut:]
        begun = (
            np.array([cut, len(z) - cut]) / len(z),
            np.array([low.mean(), high.mean()]),
            np.array([low.std(), high.std()]).clip(NARROWEST * whole),
        )
        fits.append(_improved(z, *begun, rounds=15, narrowest=NARROWEST * whole))
    best = max(fits, key=lambda fit: round(fit[0], 9))  # of equals the first, whatever the rounding
    likely, weight, mean, width = _improved(z, *best[1:], rounds=300, narrowest=NARROWEST * whole)
    order = np.argsort(mean, kind="stable")
    weight, mean, width = weight[order], mean[order], width[order]
    one = float(_log_normal(z, np.array([z.mean()]), np.array([whole])).sum())
    of_low, _ = _shares(z, weight, mean, width)
    return _Two(weight, mean, width, of_low[0], 2 * (likely - one) - 3 * math.log(len(z)))


def _improved(
    z: Values, weight: Values, mean: Values, width: Values, *, rounds: int, narrowest: float
) -> tuple[float, Values, Values, Values]:
    before = -math.inf
    likely = before
    for _ in range(rounds):
        shares, likely = _shares(z, weight, mean, width)
        if likely - before < 1e-9 * len(z):
            break
        before = likely
        total = shares.sum(1).clip(1e-12)
        weight, mean = total / len(z), shares @ z / total
        width = np.sqrt((shares * np.square(z - mean[:, None])).sum(1) / total).clip(narrowest)
    return likely, weight, mean, width


def _shares(z: Values, weight: Values, mean: Values, width: Values) -> tuple[Values, float]:
    """(2, n) how much of each value is of each normal, and the log likelihood."""
    logs = np.log(weight.clip(1e-300))[:, None] + _log_normal(z, mean, width)
    both = np.logaddexp(logs[0], logs[1])
    return np.exp(logs - both), float(both.sum())


def _log_normal(z: Values, mean: Values, width: Values) -> Values:
    found: Values = -0.5 * np.square((z - mean[:, None]) / width[:, None]) - np.log(
        width[:, None] * math.sqrt(2 * math.pi)
    )
    return found
