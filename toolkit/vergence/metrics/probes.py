"""What can be read from a representation: kNN, linear and few-label probes of one factor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vergence import shapes
from vergence.geometry import full_precision
from vergence.metrics.halves import Task, Values, halves, task
from vergence.metrics.readings import LEVEL, Comparison, Reading, compare, error_of_draws, interval
from vergence.metrics.space import Space, solve
from vergence.shapes import Embeddings

__all__ = ["Comparison", "Probes", "Reading", "compare", "interval", "probes", "read"]

K = 20
TEMPERATURE = 0.07
RIDGE = 0.3
DRAWS = 32


@dataclass(frozen=True, eq=False)
class Probes:
    """One factor, read three ways from one representation."""

    knn: Reading
    linear: Reading
    few: Reading
    """Two labels per class."""
    chance: float
    """Accuracy of always answering the commonest class; within a class, of the commonest of that class."""
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
    half = math.hypot(interval(right, asked.test_group), LEVEL * error_of_draws(draws))
    return Reading(accuracy, half, right, asked.test, asked.test_group, draws)
