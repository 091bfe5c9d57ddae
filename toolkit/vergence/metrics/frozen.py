"""An encoder asked about inputs without being changed: eval mode, in parts, one row for each input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from vergence import errors, shapes

__all__ = ["Encoder", "at_rest", "check_inputs", "encoded", "fitting"]

Encoder = Callable[..., object]
"""Inputs (items, ...) in, features (items, dim) out: a module, or any function."""
Inputs = Shaped[Tensor, "items ..."]


@contextmanager
def at_rest(encoder: Encoder) -> Iterator[None]:
    """Every part of a module in eval mode, and as it was afterwards; any other callable as it is."""
    modes = [(part, part.training) for part in encoder.modules()] if isinstance(encoder, nn.Module) else []
    try:
        for part, _ in modes:
            part.training = False
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def encoded(call: str, encoder: Encoder, inputs: Inputs) -> Float[Tensor, "items dim"]:
    """What the encoder makes of inputs, on its own device.

    Raises ShapeError when that is no (items, dim) of numbers.
    """
    rows = encoder(inputs)
    if not isinstance(rows, Tensor):
        raise errors.ShapeError(
            f"{call}: the encoder returned a {type(rows).__name__}. It must return one tensor (items, dim); wrap it: "
            "lambda x: encoder(x)[0]."
        )
    if rows.ndim != 2 or len(rows) != len(inputs) or not rows.is_floating_point() or rows.shape[1] == 0:
        raise errors.ShapeError(
            f"{call}: the encoder returned {shapes.shape_of(rows)} of {rows.dtype} for {len(inputs)} inputs. It must "
            "return (items, dim), floating point, one row for each input; pool it first: lambda x: "
            "encoder(x).flatten(2).mean(2)."
        )
    return rows


def fitting(encoder: Encoder, inputs: Tensor) -> Tensor:
    """Inputs on the device of a module's weights, and in their precision; whole numbers stay what they are."""
    first = next(encoder.parameters(), None) if isinstance(encoder, nn.Module) else None
    if first is None:
        return inputs
    both = inputs.is_floating_point() and first.is_floating_point()
    return inputs.to(first.device, first.dtype if both else inputs.dtype)


def check_inputs(
    call: str, name: str, encoder: object, inputs: object, *, rows: int, whole_numbers: bool = False
) -> None:
    """A callable, and a floating tensor with `rows` inputs or more and entries in each; whole numbers where they do."""
    if not callable(encoder):
        raise errors.ArgumentError(
            f"{call}: the encoder is a {type(encoder).__name__}. It must be a module or a function that turns {name} "
            "into features (items, dim)."
        )
    if not isinstance(inputs, Tensor):
        raise errors.ShapeError(
            f"{call}: {name} is a {type(inputs).__name__}. It must be a torch tensor (items, ...); "
            f"wrap it with torch.as_tensor({name})."
        )
    if inputs.is_complex() or not (inputs.is_floating_point() or whole_numbers):
        raise errors.ShapeError(
            f"{call}: {name} has dtype {inputs.dtype}. It must be floating point, as the encoder takes it; of pixels "
            f"from 0 to 255 use {name}.float() / 255. Tokens have nothing that could be changed a little."
        )
    if inputs.ndim < 2 or 0 in inputs.shape[1:]:
        raise errors.ShapeError(
            f"{call}: {name} is {shapes.shape_of(inputs)}. It must be (items, ...) with at least one entry per item."
        )
    if len(inputs) < rows:
        raise errors.TooFewRows(f"{call}: {name} has {len(inputs)} items, {rows} are needed. Hand over more of them.")
