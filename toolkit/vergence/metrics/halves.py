"""Two halves of a labelled set: one to learn a probe from, one to ask it about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from vergence import errors, shapes

__all__ = ["Halves", "Task", "halves", "task"]

Values = Shaped[Tensor, " items"]
LEAST_FIT = 2
"""Rows of a class to learn from, at least: the few-label probe takes two."""


@dataclass(frozen=True, eq=False)
class Halves:
    """Row numbers of a set, each in one half. Made by `halves`."""

    fit: Int[Tensor, " learned"]
    """Rows a probe learns from, ascending."""
    test: Int[Tensor, " asked"]
    """Rows it is asked about, ascending."""
    groups: Int[Tensor, " items"]
    """Which rows show the same thing; every row its own group where nothing was said."""


def halves(factors: Sequence[Values], groups: Values | None = None, *, seed: int = 0) -> Halves:
    r"""Part a set in two so that every value of every factor is on both sides as evenly as can be.

    factors: integers (items,) each, at least one; below 0: not labelled. groups: integers (items,); rows of one
    group show the same thing (an emoji by three artists) and stay together, or the probe would be asked about what
    it has seen. seed: the same seed gives the same halves, whatever else draws random numbers.

    Groups are taken in random order, the largest first, and each goes where its values are rarer so far. Without
    groups and with one factor the halves of a class differ by at most one row.

    Raises ShapeError, TooFewRows.
    """
    if not factors:
        raise errors.ShapeError("halves: there is no factor. Hand over at least one tensor of labels, (items,).")
    items = len(factors[0])
    for values in factors:
        _check_classes("halves", values, items)
    if items < 2:
        raise errors.TooFewRows(f"halves: {items} item, 2 are needed: one to learn from and one to be asked about.")
    if groups is None:
        groups = torch.arange(items)
    else:
        shapes.check_labels("halves", groups, items, name="groups")
    # Negative ids are alone: nobody said what they show.
    ids = torch.where(groups < 0, groups.max().clamp(min=0) + 1 + torch.arange(items), groups.long().cpu())
    _, group, sizes = torch.unique(ids, return_inverse=True, return_counts=True)
    side = _sides(_codes(factors), group.numpy(), sizes.numpy(), seed)
    chosen = torch.from_numpy(side)[group]
    every = torch.arange(items)
    return Halves(every[chosen == 0], every[chosen == 1], ids)


def _codes(factors: Sequence[Tensor]) -> NDArray[np.int64]:
    """(items, factors): each value of each factor as a number of its own; -1 where there is none."""
    columns, first = [], 0
    for values in factors:
        _, code = torch.unique(values.cpu(), return_inverse=True)
        columns.append(torch.where(values.cpu() < 0, -1, code + first).numpy())
        first += int(code.max()) + 1
    return np.stack(columns, axis=1)


def _sides(
    codes: NDArray[np.int64], group: NDArray[np.int64], sizes: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """0 or 1 for every group."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    members = np.argsort(group, kind="stable")
    ends = np.cumsum(sizes)
    counts = np.zeros((2, int(codes.max(initial=-1)) + 1), np.int64)
    rows = np.zeros(2, np.int64)
    side = np.zeros(len(sizes), np.int64)
    coins = rng.integers(0, 2, len(sizes))
    for one in order.tolist():
        own = codes[members[ends[one] - sizes[one] : ends[one]]]
        own = own[own >= 0]
        seen = counts[:, own].sum(1)
        here = 0 if seen[0] < seen[1] else 1 if seen[1] < seen[0] else int(np.argmin(rows))
        if seen[0] == seen[1] and rows[0] == rows[1]:
            here = int(coins[one])
        side[one] = here
        np.add.at(counts[here], own, 1)
        rows[here] += sizes[one]
    return side


@dataclass(frozen=True, eq=False)
class Task:
    """One factor, ready to be asked about at any representation of the same items. Made by `task`."""

    fit: Int[Tensor, " learned"]
    """Row numbers."""
    fit_class: Int[Tensor, " learned"]
    """0 to classes - 1, by row of `fit`."""
    test: Int[Tensor, " asked"]
    test_class: Int[Tensor, " asked"]
    test_group: Int[Tensor, " asked"]
    classes: int
    """Classes that take part."""
    chance: float
    """Share of the tested rows that are right when the commonest class of the fit half is always answered; with
    `within`, the commonest of those that share the row's value there."""
    left_out: int
    """Labelled rows of classes that do not take part."""
    unlabelled: int
    draws: Int[Tensor, "draws shots"]
    """Places in `fit`: two rows of every class, in the order of classes, for each draw."""


def task(
    call: str, labels: Values, parted: Halves, *, within: Values | None = None, draws: int = 32, seed: int = 0
) -> Task:
    """What a factor asks for. A class takes part with two rows or more in the fit half and one in the other.

    labels: integers (items,); below 0: not labelled. within: the classes that these are classes of, if any: chance is
    then that of somebody who knows them. draws: of two labels per class; fewer with many classes.

    Raises ShapeError for labels that are no classes, TooFewRows when fewer than two classes take part.
    """
    items = len(parted.groups)
    _check_classes(call, labels, items)
    values = labels.cpu().long()
    names, code = torch.unique(values, return_inverse=True)
    count = len(names)
    enough = torch.bincount(code[parted.fit], minlength=count) >= LEAST_FIT
    enough &= torch.bincount(code[parted.test], minlength=count) >= 1
    enough &= names >= 0
    classes = int(enough.sum())
    labelled = int((values >= 0).sum())
    if classes < 2:
        found = int((names >= 0).sum())
        raise errors.TooFewRows(
            f"{call}: {classes} of {found} classes {'has' if classes == 1 else 'have'} two rows to learn from and one "
            f"to be asked about, 2 such classes are needed ({labelled} labelled rows). Use more items of each class."
        )
    number = torch.cumsum(enough.long(), 0) - 1
    fit = parted.fit[enough[code[parted.fit]]]
    test = parted.test[enough[code[parted.test]]]
    fit_class, test_class = number[code[fit]], number[code[test]]
    known = torch.zeros_like(values) if within is None else within.cpu().long()
    chance = _chance((fit_class, known[fit]), (test_class, known[test]), classes)
    return Task(
        fit=fit, fit_class=fit_class, test=test, test_class=test_class, test_group=parted.groups[test],
        classes=classes, chance=chance,
        left_out=labelled - len(fit) - len(test), unlabelled=items - labelled,
        draws=_draw(fit_class, classes, _affordable(draws, classes, len(test)), seed),
    )  # fmt: skip


def _chance(fit: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], classes: int) -> float:
    """Answering the commonest class among those of one value of something known. Each: classes, and known values."""
    _, place = torch.unique(torch.cat([fit[1], test[1]]), return_inverse=True)
    counts = torch.zeros(int(place.max()) + 1, classes)
    counts.index_put_((place[: len(fit[0])], fit[0]), torch.ones(len(fit[0])), accumulate=True)
    # A value that the fit half does not hold is answered as if nothing were known.
    counts[counts.sum(1) == 0] = counts.sum(0)
    return float((counts.argmax(1)[place[len(fit[0]) :]] == test[0]).double().mean())


def _affordable(draws: int, classes: int, asked: int) -> int:
    """Fewer draws where one is dear: about 40 million multiplications for all of them."""
    one = (2 * classes) ** 3 / 3 + asked * 2 * classes * classes
    return max(min(draws, 2), min(draws, int(4e7 / one)))


def _draw(classes_of: Tensor, classes: int, draws: int, seed: int) -> Tensor:
    """Two different rows of every class, `draws` times."""
    rng = np.random.default_rng((seed, 2))
    found = classes_of.numpy()
    order = np.argsort(found, kind="stable")
    counts = np.bincount(found, minlength=classes)
    starts = np.cumsum(counts) - counts
    first = (rng.random((draws, classes)) * counts).astype(np.int64)
    # A step of 1 to count - 1 further, round and round, never meets the first again.
    second = (first + 1 + (rng.random((draws, classes)) * (counts - 1)).astype(np.int64)) % counts
    both = np.stack([starts + first, starts + second], axis=2).reshape(draws, 2 * classes)
    return torch.from_numpy(order[both])


def _check_classes(call: str, labels: object, items: int) -> None:
    if isinstance(labels, Tensor) and (labels.is_floating_point() or labels.is_complex()):
        raise errors.ShapeError(
            f"{call}: labels has dtype {labels.dtype}. A probe reads classes, so labels are integers: labels.long(). "
            "A number that is to be predicted is no class: metrics.amounts(rows, values) reads it, or cut it into bins "
            "first: torch.bucketize(labels, edges)."
        )
    shapes.check_labels(call, labels, items)
