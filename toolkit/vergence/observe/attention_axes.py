"""Which axis of a result an axis of the operand became, for the operations that move axes around."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["Axes", "follow", "letters", "name_of"]

Axes = list[int | None]
"""For each axis of the operand: the axis it became, or None when it is no longer one."""

_TURNED = {getattr(torch.Tensor, name).__get__: name for name in ("T", "mT", "H", "mH")}
_RESHAPED = {
    "flatten", "ravel", "reshape", "reshape_as", "squeeze", "squeeze_", "unflatten", "unsqueeze", "unsqueeze_", "view",
    "view_as",
}  # fmt: skip


def name_of(func: Any) -> str:
    """`transpose` for `Tensor.transpose` and `torch.transpose`, `T` for the attribute; "" for other attributes."""
    name: str = getattr(func, "__name__", "")
    return _TURNED.get(func, "") if name == "__get__" else name


def follow(name: str, args: Sequence[Any], given: dict[str, Any], before: torch.Size, after: torch.Size) -> Axes:
    """Where the axes of the first operand went.

    name, args, given: of the call, the operand among `args`. before, after: shapes of operand and result.

    What is not known here is taken to work entry by entry, with axes counted from the right as in broadcasting.
    """
    n = len(before)
    if name in ("transpose", "transpose_", "swapaxes", "swapdims"):
        numbers = [a for a in args if isinstance(a, int)]
        numbers += [given[key] for key in ("dim0", "dim1", "axis0", "axis1") if key in given]
        return _swapped(n, numbers[0] % n, numbers[1] % n)
    if name in ("T", "H", "t", "t_", "adjoint", "mT", "mH") and n > 1:
        return list(reversed(range(n))) if name == "T" else _swapped(n, n - 2, n - 1)
    if name == "permute":
        return _permuted(_whole(args, given, "dims"), n)
    if name in ("movedim", "moveaxis"):
        return _permuted(_moved(args, given, n), n)
    if name in _RESHAPED:
        return _reshaped(before, after)
    if name == "__getitem__":
        return _indexed(args[1], n)
    if name in ("select", "unbind"):
        dim = given.get("dim", next((a for a in args if isinstance(a, int)), 0)) % n
        return [None if axis == dim else axis - (axis > dim) for axis in range(n)]
    shift = len(after) - n
    return [
        axis + shift if axis + shift >= 0 and (after[axis + shift] == before[axis] or name in _SLICING) else None
        for axis in range(n)
    ]


_SLICING = {"narrow", "chunk", "split", "tensor_split", "split_with_sizes", "cat", "concat", "concatenate", "pad"}
"""These change how long an axis is."""


def _swapped(n: int, one: int, other: int) -> Axes:
    axes: Axes = list(range(n))
    axes[one], axes[other] = other, one
    return axes


def _permuted(order: Sequence[int], n: int) -> Axes:
    axes: Axes = [None] * n
    for new, old in enumerate(order):
        axes[old % n] = new
    return axes


def _whole(args: Sequence[Any], given: dict[str, Any], key: str) -> list[int]:
    if key in given:
        return list(given[key])
    rest = [a for a in args if not isinstance(a, Tensor)]
    return list(rest[0]) if rest and isinstance(rest[0], list | tuple | torch.Size) else [int(a) for a in rest]


def _moved(args: Sequence[Any], given: dict[str, Any], n: int) -> list[int]:
    rest = [a for a in args if not isinstance(a, Tensor)]
    source = given.get("source", rest[0] if rest else 0)
    goal = given.get("destination", rest[-1] if rest else 0)
    sources = [s % n for s in (source if isinstance(source, list | tuple) else [source])]
    goals = [g % n for g in (goal if isinstance(goal, list | tuple) else [goal])]
    order: list[int | None] = [None] * n
    for s, g in zip(sources, goals, strict=True):
        order[g] = s
    others = iter(axis for axis in range(n) if axis not in sources)
    return [next(others) if axis is None else axis for axis in order]


def _reshaped(before: torch.Size, after: torch.Size) -> Axes:
    """An axis is the same one when it has the same length and as many entries lie behind each of its steps."""
    behind = [math.prod(after[axis + 1 :]) for axis in range(len(after))]
    axes: Axes = []
    for axis, size in enumerate(before):
        step = math.prod(before[axis + 1 :])
        same = [new for new, length in enumerate(after) if length == size and behind[new] == step]
        axes.append(same[-1] if same else None)
    return axes


def _indexed(index: Any, n: int) -> Axes:
    parts = list(index) if isinstance(index, tuple) else [index]
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    axes: Axes = [None] * n
    if any(isinstance(part, Tensor | list | bool) for part in parts):
        # One list of places along one axis leaves all axes where they are; more than that is not followed.
        listed = [p for p in parts if isinstance(p, Tensor | list | bool)]
        plain = all(isinstance(p, slice) or p is Ellipsis for p in parts if not isinstance(p, Tensor | list | bool))
        if len(listed) == 1 and plain and isinstance(listed[0], Tensor) and listed[0].ndim == 1:
            return list(range(n))
        return axes
    if Ellipsis not in parts:
        parts.append(Ellipsis)
    old = new = 0
    for part in parts:
        if part is None:
            new += 1
        elif part is Ellipsis:
            for _ in range(n - taken):
                axes[old] = new
                old, new = old + 1, new + 1
        elif isinstance(part, slice):
            axes[old] = new
            old, new = old + 1, new + 1
        else:
            old += 1
    return axes


def letters(equation: str, shapes: Sequence[torch.Size]) -> tuple[list[str], str] | None:
    """An einsum equation as one letter for each axis: of every operand, and of the result. None: not understood."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(shapes):
        return None
    longest = max(
        (len(shape) - len(part.replace("...", "")) for part, shape in zip(parts, shapes, strict=True) if "..." in part),
        default=0,
    )
    # Axes behind an ellipsis line up from the right; digits name them, which einsum itself does not use.
    dots = "0123456789"[:longest]
    if longest > len(dots):
        return None
    if not arrow:
        plain = left.replace("...", "").replace(",", "")
        right = ("..." if "..." in left else "") + "".join(sorted(c for c in set(plain) if plain.count(c) == 1))
    operands = []
    for part, shape in zip(parts, shapes, strict=True):
        own = len(shape) - len(part.replace("...", ""))
        operands.append(part.replace("...", dots[longest - own :] if own else ""))
    if any(len(o) != len(s) or len(set(o)) != len(o) for o, s in zip(operands, shapes, strict=True)):
        return None
    return operands, right.replace("...", dots)
