"""Tokens on which attention piles up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.attention_checks import Weights, check_weights

__all__ = ["SMALL", "Sinks", "sinks", "uniform_mass"]

SMALL = 0.5
"""A sink whose value is shorter than this share of the median brings nothing."""


@dataclass(frozen=True)
class Sinks:
    """Keys that draw far more attention than their share, and what they bring."""

    mass: Float[Tensor, "samples heads keys"]
    """Mean over the queries of what they give to this key."""
    uniform: Float[Tensor, " keys"]
    """`mass` if all queries attended evenly."""
    sink: Bool[Tensor, "samples heads keys"]
    """`mass` above threshold times `uniform`."""
    token_ratio: Float[Tensor, "samples keys"] | None
    """Length of the token over the median of the sample's. A registers' or BOS token's is often above 3."""
    value_ratio: Float[Tensor, "samples heads keys"] | None
    """Length of the value over the median of the others that are no sinks."""
    noop: Bool[Tensor, "samples heads keys"] | None
    """A sink with a small value (ratio below `small`): attention is parked there, and brings nothing."""
    broadcast: Bool[Tensor, "samples heads keys"] | None
    """A sink with a value of ordinary length or more: what it holds goes to everybody."""


def sinks(
    weights: Weights,
    token_norms: Float[Tensor, "samples keys"] | None = None,
    value_norms: Float[Tensor, "samples heads keys"] | None = None,
    *,
    threshold: float = 3.0,
    small: float = SMALL,
    causal: bool = False,
) -> Sinks:
    r"""Tokens on which attention piles up, told apart by what they bring: read mass, token and value together.

        mass_k = mean over queries q of  A_qk            sink: mass_k > threshold * what even attention gives

    token_norms, value_norms: as captured (`observe.attention`); without them the ratios are None.
    threshold: multiples of the even share. With T <= threshold keys none can be a sink.
    small: a sink whose value is shorter than this share of the median is a no-op.
    causal: early keys are seen by more queries, and even attention gives them more: `uniform_mass(T, causal=True)`.

    Mass reads 1/T everywhere for even attention, 1 for the one key that gets all. Mass alone does not say what a sink
    does: with a value near 0 the head is switched off for that query (a no-op), with a value of ordinary length
    the token speaks to everybody (a register, a summary). An outlying token norm is where both usually show first.

    Raises ShapeError, NotFinite, ArgumentError.
    Source: Xiao et al. 2023, arXiv:2309.17453 (sinks); Darcet et al. 2023, arXiv:2309.16588 (token norms of
    registers); arXiv:2606.08105 (no-op or broadcast, by the norm of the value).
    """
    check_weights("sinks", weights)
    for name, value in (("threshold", threshold), ("small", small)):
        shapes.check_positive("sinks", name, value)
    samples, heads, queries, keys = weights.shape
    for name, norms, shape in (
        ("token_norms", token_norms, (samples, keys)),
        ("value_norms", value_norms, (samples, heads, keys)),
    ):
        if norms is not None and tuple(norms.shape) != shape:
            raise errors.ShapeError(
                f"sinks: {name} is {shapes.shape_of(norms)} for weights {shapes.shape_of(weights)}. It must be {shape}."
            )
    mass = weights.nanmean(-2)
    uniform = torch.tensor(uniform_mass(keys, queries, causal=causal), dtype=mass.dtype, device=mass.device)
    sink = mass > threshold * uniform
    tokens = None if token_norms is None else token_norms / token_norms.nanmedian(-1, keepdim=True).values
    if value_norms is None:
        return Sinks(mass, uniform, sink, tokens, None, None, None)
    others = value_norms.masked_fill(sink, torch.nan)
    middle = others.nanmedian(-1, keepdim=True).values
    values = value_norms / middle
    return Sinks(mass, uniform, sink, tokens, values, sink & (values < small), sink & (values >= small))


def uniform_mass(keys: int, queries: int | None = None, *, causal: bool = False) -> list[float]:
    """Mean attention that each key gets when all queries attend evenly to the keys they may see.

    1/keys; causal: early keys are seen by more queries. The last query stands at the last key.
    """
    shapes.check_count("uniform_mass", "keys", keys)
    queries = keys if queries is None else queries
    shapes.check_count("uniform_mass", "queries", queries)
    if not causal:
        return [1 / keys] * keys
    seen = [max(1, keys - queries + q + 1) for q in range(queries)]
    return [math.fsum(1 / n for n in seen if k < n) / queries for k in range(keys)]
