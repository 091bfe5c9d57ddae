"""Shape names for signatures, and the checks at the door of every public function.

`Float[Tensor, "batch dim"]` in a signature is documentation that the tests enforce. The functions
below are what a user meets outside the tests: without them a (3, 2) against a (1, 2) broadcasts in
silence. Each raises one of `vergence.errors` with a sentence that ends in what to do.
"""

from __future__ import annotations

import numbers

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors

__all__ = [
    "Embeddings",
    "Labels",
    "Scalar",
    "check_count",
    "check_embeddings",
    "check_finite",
    "check_labels",
    "check_nonnegative",
    "check_nonzero",
    "check_positive",
    "check_same_shape",
    "check_unit",
    "shape_of",
]

Embeddings = Float[Tensor, "batch dim"]
Labels = Int[Tensor, " batch"]
Scalar = Float[Tensor, ""]


def shape_of(x: object) -> str:
    """`(256, 128)` for a tensor, the type's name for anything else: for messages."""
    if isinstance(x, Tensor):
        return f"({', '.join(str(n) for n in x.shape)})"
    return type(x).__name__


def check_embeddings(call: str, name: str, z: object, *, rows: int = 1) -> None:
    """`z` is a floating tensor `(batch, dim)` with at least `rows` rows and one column."""
    if not isinstance(z, Tensor):
        raise errors.ShapeError(
            f"{call}: {name} is a {type(z).__name__}. It must be a torch tensor (batch, dim); "
            f"wrap it with torch.as_tensor({name})."
        )
    if z.ndim != 2:
        hint = f"flatten it first: {name}.flatten(1)" if z.ndim > 2 else f"give it a batch axis: {name}[None]"
        raise errors.ShapeError(
            f"{call}: {name} is {shape_of(z)}. It must be (batch, dim), one row per sample; {hint}."
        )
    if not z.is_floating_point():
        raise errors.ShapeError(
            f"{call}: {name} has dtype {z.dtype}. Embeddings are floating point; use {name}.float()."
        )
    if z.shape[1] == 0:
        raise errors.ShapeError(f"{call}: {name} is {shape_of(z)}: it has no columns. Which layer did it come from?")
    if z.shape[0] < rows:
        raise errors.TooFewRows(
            f"{call}: {name} has {z.shape[0]} row{'' if z.shape[0] == 1 else 's'}, {rows} are needed. "
            "Use a larger batch; did the loader hand over a last, partial one? Set drop_last=True."
        )


def check_same_shape(call: str, **tensors: Tensor) -> None:
    """All tensors agree in shape and device."""
    names = list(tensors)
    first = tensors[names[0]]
    for name in names[1:]:
        other = tensors[name]
        if other.shape != first.shape:
            if other.ndim == first.ndim == 2 and other.shape[1] == first.shape[1]:
                why = "Both views need one row per sample; did the loader drop one? Set drop_last=True."
            else:
                why = "Both views must come out of the same head."
            raise errors.ShapeError(f"{call}: {names[0]} is {shape_of(first)} but {name} is {shape_of(other)}. {why}")
        if other.device != first.device:
            raise errors.DeviceMismatch(
                f"{call}: {names[0]} is on {first.device} but {name} is on {other.device}. "
                f"Move one: {name}.to({names[0]}.device)."
            )


def check_labels(call: str, labels: object, batch: int, *, name: str = "labels") -> None:
    """`labels` is an integer tensor `(batch,)`."""
    if not isinstance(labels, Tensor):
        raise errors.ShapeError(
            f"{call}: {name} is a {type(labels).__name__}. It must be an integer tensor ({batch},); "
            f"use torch.as_tensor({name})."
        )
    if labels.is_floating_point() or labels.is_complex():
        raise errors.ShapeError(f"{call}: {name} has dtype {labels.dtype}. Use integers: {name}.long().")
    if labels.shape != (batch,):
        raise errors.ShapeError(
            f"{call}: {name} is {shape_of(labels)} but there are {batch} rows. One integer per row: ({batch},)."
        )


def check_finite(call: str, name: str, z: Tensor) -> None:
    """No NaN, no infinity."""
    bad = int((~torch.isfinite(z)).flatten(1).any(1).sum()) if z.ndim > 1 else int((~torch.isfinite(z)).sum())
    if bad:
        raise errors.NotFinite(
            f"{call}: {bad} of {len(z)} rows of {name} are not finite (NaN or infinity). "
            "Look at the step before: a learning rate too high, a division by zero, or half precision overflow."
        )


def check_nonzero(call: str, name: str, z: Tensor) -> None:
    """No row of length 0."""
    bad = int((z.abs().amax(1) == 0).sum())
    if bad:
        raise errors.ZeroRows(
            f"{call}: {bad} of {len(z)} rows of {name} are zero, so they have no direction. "
            "Is a ReLU the last layer of the head? End it with a Linear."
        )


def check_unit(call: str, name: str, z: Tensor, *, tolerance: float = 1e-3) -> None:
    """All rows have length 1 (to 1e-3; 1e-2 in half precision)."""
    if z.dtype in (torch.float16, torch.bfloat16):
        tolerance = max(tolerance, 1e-2)
    norms = z.detach().float().norm(dim=1)
    bad = int(((norms - 1).abs() > tolerance).sum())
    if bad:
        raise errors.NotUnitLength(
            f"{call}: {bad} of {len(z)} rows of {name} do not have length 1 "
            f"(lengths {norms.min():.4g} to {norms.max():.4g}). "
            f"Use vergence.geometry.unit({name}) first."
        )


def check_positive(call: str, name: str, value: object) -> None:
    """A finite number above 0."""
    if not 0 < _number(value) < float("inf"):
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a finite number above 0, for example 0.2.")


def check_nonnegative(call: str, name: str, value: object) -> None:
    """A finite number, 0 or above."""
    if not 0 <= _number(value) < float("inf"):
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a finite number, 0 or above.")


def check_count(call: str, name: str, value: object, *, least: int = 1) -> None:
    """A whole number, `least` or above."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < least:
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a whole number, {least} or above.")


def _number(value: object) -> float:
    """A Python or numpy number as it is. NaN for anything else: True, and tensors, where a GPU would wait."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return float("nan")
    return float(value)
