"""Classes with known sub-classes, near or far from one another."""

from __future__ import annotations

import torch

from vergence import errors, shapes
from vergence.data.known import FactorViews, Items, Known, check_amount, check_seed, turned

__all__ = ["subclasses"]

HELD_OUT = 1024
APART = 6.0
"""Between the middles of two classes, in standard deviations of a subclass."""


def subclasses(
    separation: float = 3.0,
    *,
    classes: int = 5,
    subclasses: int = 4,
    n: int = 4096,
    dim: int = 32,
    jitter: float = 0.5,
    seed: int = 0,
) -> Known:
    r"""Gaussian clouds in two tiers: `classes` far from one another, each made of `subclasses` clouds.

        x = m_c + o_cs + e,    e ~ N(0, I),    |m_c - m_c'| = 6,    |o_cs - o_cs'| = separation

    with the middles of the classes, and those of the subclasses around theirs, at the corners of regular simplices in
    directions of their own, turned by a rotation. A view adds N(0, jitter^2) to every entry.

    separation: distance between two subclasses of a class, in standard deviations of one: the difficulty. With it, the
        best possible guess between two of them is right with probability Phi(separation / 2): 0 gives .5 (they cannot
        be told apart), 1 gives .69, 3 gives .93, 6 gives .999.
    classes, subclasses: how many, 2 or more of each.
    n: training samples; 1,024 more are held out, of which the reference set is taken.
    dim: entries of a row, at least classes x subclasses - 1, which is what two tiers of simplices take.
    jitter: of a view. 0: views change nothing.
    seed: of all of it.

    Labels are the classes; "subclass" is a factor with classes x subclasses values. A loss that is given the classes
    (SupCon) has nothing to gain from keeping subclasses apart, so their probe falls to 1 / subclasses while that of the
    class stays at 1: class collapse. Views come with the source, at `strength` 1, which multiplies the jitter.

    Raises ArgumentError for a number outside its range.
    Source: made here, for class collapse as in Graf et al. 2021, arXiv:2102.08817, Chen et al. 2022, arXiv:2204.07596,
    and Xue et al. 2023, arXiv:2305.16536.
    """
    call = "subclasses"
    separation = check_amount(call, "separation", separation, "0 makes subclasses alike, 6 keeps them apart")
    jitter = check_amount(call, "jitter", jitter, "0 changes nothing, 1 is as wide as a subclass")
    for name, value in (("classes", classes), ("subclasses", subclasses)):
        shapes.check_count(call, name, value, least=2)
    kinds = classes * subclasses
    shapes.check_count(call, "n", n, least=kinds)
    seed = check_seed(call, seed)
    shapes.check_count(call, "dim", dim)
    if dim < kinds - 1:
        raise errors.ArgumentError(
            f"{call}: dim is {dim}. {classes} classes of {subclasses} subclasses at equal distances take {kinds - 1} "
            f"directions: dim={kinds - 1} or more."
        )
    own = torch.Generator().manual_seed(seed)
    rotation = turned(dim, own)
    middles = torch.zeros(kinds, dim)
    kind = torch.arange(kinds)
    middles[:, : classes - 1] = APART * _simplex(classes)[kind // subclasses]
    for c in range(classes):
        start = classes - 1 + c * (subclasses - 1)
        rows = slice(c * subclasses, (c + 1) * subclasses)
        middles[rows, start : start + subclasses - 1] = separation * _simplex(subclasses)
    middles = middles @ rotation

    def made(count: int) -> Items:
        which = torch.randperm(count, generator=own) % kinds
        rows = middles[which] + torch.randn(count, dim, generator=own)
        return Items(rows, {"class": which // subclasses, "subclass": which})

    train, held_out = made(n), made(HELD_OUT)
    return Known(
        "subclasses",
        train,
        held_out,
        knobs={"separation": separation, "classes": classes, "subclasses": subclasses, "jitter": jitter},
        shared=("class", "subclass") if separation > 0 else ("class",),
        nuisance=() if separation > 0 else ("subclass",),
        names={
            "class": tuple(f"class {c + 1}" for c in range(classes)),
            "subclass": tuple(f"{c + 1}.{s + 1}" for c in range(classes) for s in range(subclasses)),
        },
        label="class",
        views=FactorViews(noise=(torch.eye(dim), jitter)),
    )


def _simplex(corners: int) -> torch.Tensor:
    """(corners, corners - 1): points around 0, each at distance 1 from every other."""
    points = torch.eye(corners, dtype=torch.float64) / 2**0.5
    points = points - points.mean(0)
    # The last direction of the decomposition is the one in which all are alike.
    plane = torch.linalg.svd(points)[2][:-1]
    return torch.matmul(points, plane.T).float()
