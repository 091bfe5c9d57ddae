"""What can be read from a representation: kNN, linear and few-label probes of one factor."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import full_precision
from vergence.metrics.halves import Task, Values, halves, task
from vergence.metrics.space import Space, solve
from vergence.shapes import Embeddings

__all__ = ["Comparison", "Probes", "Reading", "compare", "interval", "probes", "read"]

K = 20
TEMPERATURE = 0.07
RIDGE = 0.3
DRAWS = 32
LEVEL = 1.959963984540054
"""Standard deviations of a normal on either side of its mean that hold 95 %."""


@dataclass(frozen=True, eq=False)
class Reading:
    """How well one probe reads one factor."""

    accuracy: float
    """Share of the held-out rows that were read right, 0 to 1; few: mean over the draws."""
    half: float
    """Half the 95 % interval of that share: rows of one group count together; few: the error of the draws is in it."""
    right: Float[Tensor, " asked"] = field(repr=False)
    """1 or 0 for each held-out row; few: the share of draws that read it right."""
    rows: Int[Tensor, " asked"] = field(repr=False)
    """Their row numbers."""
    groups: Int[Tensor, " asked"] = field(repr=False)
    draws: Float[Tensor, " draws"] | None = field(default=None, repr=False)
    """few: accuracy of each draw."""

    @property
    def spread(self) -> float | None:
        """few: standard deviation over the draws."""
        return None if self.draws is None else float(self.draws.std(correction=0))


@dataclass(frozen=True)
class Comparison:
    """Two readings of the same rows."""

    difference: float
    """Accuracy of the one less that of the other."""
    half: float
    """Half its 95 % interval."""
    rows: int
    """Rows both were asked about."""

    @property
    def verdict(self) -> Literal["better", "no better", "worse"]:
        """Better or worse only where the interval leaves no doubt."""
        if self.difference > self.half:
            return "better"
        return "worse" if self.difference < -self.half else "no better"


@dataclass(frozen=True, eq=False)
class Probes:
    """One factor, read three ways from one representation."""

    knn: Reading
    linear: Reading
    few: Reading
    """Two labels per class."""
    chance: float
    """Accuracy of always answering the commonest class."""
    classes: int
    k: int
    """Neighbours that voted: fewer than asked for where the fit half is small."""
    temperature: float
    ridge: float
    draws: int
    fit: int
    """Rows learned from."""
    asked: int
    """Rows held out."""
    left_out: int
    """Labelled rows of classes that are too small to take part."""
    rows_left_out: int
    """Rows that are zero or not finite."""


@torch.no_grad()
def probes(
    rows: Embeddings,
    labels: Values,
    *,
    groups: Values | None = None,
    k: int = K,
    temperature: float = TEMPERATURE,
    ridge: float = RIDGE,
    draws: int = DRAWS,
    seed: int = 0,
) -> Probes:
    r"""How well a factor can be read from a representation by three probes, learned on one half, asked on the other.

        knn      vote of the k rows of highest cosine s, each with weight exp(s / temperature)
        linear   ridge: argmax of W x + b that minimises  sum_i |y_i - W x_i - b|^2 + ridge n |W|^2,
                 x standardised on the fit half, y one-hot
        few      the same learned from two labels per class (n = 2 classes), mean over `draws` choices of them

    rows: (items, dim). labels: integers (items,); below 0: not labelled. groups: integers (items,), rows of one group
    show the same thing and are never parted between the halves. seed: fixes halves and draws. k is at most half of
    the rows learned from.

    Reads 1 when every held-out row is read right and `chance`, the share of the commonest class, when the
    representation says nothing. It does NOT read low at collapse: features are standardised and cosines are
    compared at their own scale, so what little is left is enough (a collapsed encoder reads digits at 0.9). Accuracy
    says what can be found, never how much of the space it fills. Nor is a high reading learned: pixels and
    untrained encoders read digits at 0.95, which is why both belong beside every reading.

    A class takes part with two rows to learn from and one to be asked about; rows that are zero or not finite are
    left out; both are counted. Features that vary by less than a millionth of their size count as constant.

    Raises ShapeError (labels that are no integers), TooFewRows (fewer than two classes take part), ArgumentError,
    NotFinite.
    Source: kNN as Wu et al. 2018, arXiv:1805.01978, section 3.4, their tau our temperature; the values of k and
    temperature are solo-learn's.
    """
    parted = halves([labels], groups, seed=seed)
    space = Space("probes", rows, parted)
    asked = task("probes", torch.where(space.bad, -1, labels.cpu().long()), parted, draws=draws, seed=seed)
    return read(space, asked, k=k, temperature=temperature, ridge=ridge)


@torch.no_grad()
def read(space: Space, asked: Task, *, k: int = K, temperature: float = TEMPERATURE, ridge: float = RIDGE) -> Probes:
    """The three probes of `probes`, for rows and a factor that are prepared. Rows that are `bad` must be unlabelled."""
    shapes.check_count("probes", "k", k)
    shapes.check_positive("probes", "temperature", temperature)
    shapes.check_positive("probes", "ridge", ridge)
    taken = min(k, max(1, len(asked.fit) // 2))
    with full_precision(torch.device("cpu")):
        near = _nearest(space, asked, taken, temperature)
        line = _linear(space, asked, ridge)
        few, each = _few(space, asked, ridge)
    return Probes(
        knn=_reading(near, asked), linear=_reading(line, asked), few=_reading(few, asked, each),
        chance=asked.chance, classes=asked.classes, k=taken, temperature=temperature, ridge=ridge,
        draws=len(asked.draws), fit=len(asked.fit), asked=len(asked.test), left_out=asked.left_out,
        rows_left_out=int(space.bad.sum()),
    )  # fmt: skip


def _nearest(space: Space, asked: Task, k: int, temperature: float) -> Tensor:
    """Which tested rows the vote of their neighbours gets right."""
    near, index = space.nearest(asked.fit, asked.test, k)
    weight = torch.exp((near[:, :1] - near) / temperature)
    votes = torch.zeros(len(near), asked.classes, dtype=weight.dtype)
    votes.scatter_add_(1, asked.fit_class[index], weight)
    return (votes.argmax(1) == asked.test_class).float()


def _linear(space: Space, asked: Task, ridge: float) -> Tensor:
    """Which tested rows the linear probe gets right."""
    wanted = torch.nn.functional.one_hot(asked.fit_class, asked.classes).to(space.rows.dtype)
    middle = wanted.mean(0)
    said = space.ridge(asked.fit, asked.test, wanted - middle, ridge * len(wanted)) + middle
    return (said.argmax(1) == asked.test_class).float()


def _few(space: Space, asked: Task, ridge: float) -> tuple[Tensor, Tensor]:
    """For each tested row the share of draws that get it right, and the accuracy of each draw."""
    used, place = torch.unique(asked.draws, return_inverse=True)
    among, across = space.products(asked.fit[used], asked.test)
    classes, shots = asked.classes, asked.draws.shape[1]
    wanted = torch.eye(classes, dtype=among.dtype).repeat_interleave(2, 0) - 1 / classes
    across = across.T.contiguous()
    right = torch.zeros(len(asked.test), dtype=torch.float64)
    accuracies = []
    # A few draws at once: many small products are slow, and one for all of them is large with many classes.
    for rows in torch.split(place, max(1, int(2e6 / (len(asked.test) * shots)))):
        dual, offset = solve(among[rows[:, :, None], rows[:, None, :]], wanted, ridge * shots)
        scores = dual.transpose(1, 2) @ across[rows] - offset[:, :, None]
        found = (scores.argmax(1) == asked.test_class).double()
        right += found.sum(0)
        accuracies.append(found.mean(1))
    return (right / len(place)).float(), torch.cat(accuracies)


def _reading(right: Tensor, asked: Task, draws: Tensor | None = None) -> Reading:
    accuracy = float(right.mean(dtype=torch.float64))
    half = math.hypot(interval(right, asked.test_group), LEVEL * _error(draws))
    return Reading(accuracy, half, right, asked.test, asked.test_group, draws)


def _error(draws: Tensor | None) -> float:
    """Standard error of the mean of some draws: other labels would have given another mean."""
    return 0.0 if draws is None or len(draws) < 2 else float(draws.std()) / math.sqrt(len(draws))


def interval(right: Tensor, groups: Tensor) -> float:
    r"""Half the 95 % interval of a mean of entries from 0 to 1, whose rows come in groups.

        Wilson's interval with n = p (1 - p) / se^2,   se^2 = sum over groups (sum of their entries - p)^2 / rows^2

    Without groups n is the number of rows. Never 0: at p = 0 or 1 n is the number of groups.
    Source: Wilson 1927; the design effect of Kish 1965 for n.
    """
    p = float(right.mean(dtype=torch.float64))
    totals = _by_group(right.double() - p, groups)
    variance = float(totals.square().sum()) / len(right) ** 2
    binomial = p * (1 - p)
    n = float(len(totals)) if binomial < 1e-12 or variance < 1e-15 else binomial / variance
    # Draws of a few-label probe agree more than coins do; no more than one bit is learned from a row all the same.
    n = min(n, float(len(right)))
    return LEVEL / (1 + LEVEL**2 / n) * math.sqrt(binomial / n + LEVEL**2 / (4 * n**2))


def compare(one: Reading, other: Reading) -> Comparison:
    r"""How much better one reading is than another, on the rows both were asked about.

        difference = mean of (right_one - right_other),   half = 1.96 sqrt(sum over groups of their sum^2) / rows

    A paired comparison: what is hard for both does not blur it. Where the two never differ by a whole row, half is that
    of one row, so nothing is ever certain. Few-label probes add the error of their draws, which both share.

    Raises TooFewRows when they share no row.
    """
    _, mine, theirs = _common(one.rows, other.rows)
    if not len(mine):
        raise errors.TooFewRows("compare: the two readings share no row. Read both from the same halves.")
    apart = one.right[mine].double() - other.right[theirs].double()
    difference = float(apart.mean())
    totals = _by_group(apart - difference, one.groups[mine])
    half = LEVEL * math.sqrt(max(1.0, float(totals.square().sum()))) / len(apart)
    if one.draws is not None and other.draws is not None and len(one.draws) == len(other.draws):
        half = math.hypot(half, LEVEL * _error(one.draws - other.draws))
    return Comparison(difference, half, len(apart))


def _common(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Entries that two ascending lists share, and where they stand in each."""
    if len(one) == len(other) and bool((one == other).all()):
        every = torch.arange(len(one))
        return one, every, every
    mine = torch.nonzero(torch.isin(one, other)).squeeze(1)
    return one[mine], mine, torch.nonzero(torch.isin(other, one)).squeeze(1)


def _by_group(values: Tensor, groups: Tensor) -> Tensor:
    _, place = torch.unique(groups, return_inverse=True)
    return torch.zeros(int(place.max()) + 1, dtype=values.dtype).index_add_(0, place, values)
