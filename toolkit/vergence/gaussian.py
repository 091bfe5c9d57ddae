"""Columns beside the standard Gaussian: the test of Epps and Pulley along directions, and entropy from gaps.

A loss trains with each and a metric reads each, so both find them here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.shapes import Embeddings, Scalar

__all__ = [
    "ENTROPY",
    "SMALLEST_GAP",
    "Directions",
    "check_directions",
    "check_pointing",
    "collapse_factor",
    "epps_pulley",
    "epps_pulley_each",
    "gap_entropy",
    "gap_window",
    "random_directions",
    "rule",
    "sigreg_null",
]

Directions = Float[Tensor, "dim slices"]

ENTROPY = math.log(2 * math.pi * math.e) / 2
"""Of the standard Gaussian, in nats: 1.4189. No other variable of variance 1 has more."""

REACH = 3.0
"""The characteristic function is compared on [-3, 3]: beyond, that of the Gaussian is below 0.0112."""

SMALLEST_GAP = 1e-7
"""What a gap of 0 counts as, before its logarithm; as in the code of Chakraborty et al. 2024."""


def epps_pulley(z: Embeddings, directions: Directions, knots: int) -> Scalar:
    r"""The statistic of Epps and Pulley along each direction, times the rows, averaged over directions.

        mean over directions u of  N  integral over t in [-3, 3] of  |f_u(t) - g(t)|^2 g(t) dt
        f_u(t) = mean over rows of  exp(i t z . u),   g(t) = exp(-t^2 / 2)

    z: (batch, dim), batch N >= 1. directions: as `check_directions` wants them; brought to length 1 here. knots: >= 2.

    Reads `sigreg_null(knots)` on average for rows of the standard Gaussian, `collapse_factor(knots)` times N when every
    row is 0. Nothing is checked: that is the caller's, who knows its name.

    Raises nothing of its own; NaN in gives NaN out.
    Source: Epps & Pulley 1983, in the form of Balestriero & LeCun 2025, arXiv:2511.08544.
    """
    (z,) = at_least_single(z)
    with full_precision(z.device):
        along = z @ normalize(directions.to(z.dtype), dim=0)
        result: Tensor = _EppsPulley.apply(along, knots)  # type: ignore[no-untyped-call]
    return result


def epps_pulley_each(z: Embeddings, directions: Directions, knots: int) -> Float[Tensor, " slices"]:
    """`epps_pulley` along each direction on its own, without a gradient. Raises nothing. Source: as there."""
    (z,) = at_least_single(z.detach())
    with full_precision(z.device):
        return _statistics(z @ normalize(directions.detach().to(z.dtype), dim=0), knots)


def sigreg_null(knots: int = 17) -> float:
    r"""What `sigreg` reads on average for rows drawn from the standard Gaussian, for any batch and any directions.

        sigreg_null() = integral over t in [-3, 3] of  (1 - exp(-t^2))  exp(-t^2/2) dt

    knots: >= 2, as for `sigreg`. Reads 1.0525 at 17.

    Raises ArgumentError.
    Source: the variance of an empirical characteristic function, (1 - |phi|^2) / N, Epps & Pulley 1983.
    """
    shapes.check_count("sigreg_null", "knots", knots, least=2)
    return math.fsum(weight * (1 - phi**2) for _, phi, weight in rule(knots))


def collapse_factor(knots: int = 17) -> float:
    r"""What `epps_pulley` reads for each row when every row is 0: 0.40205 at 17 knots.

        collapse_factor() = integral over t in [-3, 3] of  (1 - exp(-t^2 / 2))^2  exp(-t^2 / 2) dt

    Raises nothing. Source: the statistic at f(t) = 1, Epps & Pulley 1983.
    """
    return math.fsum(weight * (1 - phi) ** 2 for _, phi, weight in rule(knots))


def random_directions(
    dim: int,
    slices: int,
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Directions:
    """Columns of length 1 (dim, slices), drawn evenly from the sphere.

    dim, slices: >= 1. generator: draws on its own device; None: torch's own randomness, on `device`.

    Raises ArgumentError. Source: a Gaussian has no preferred direction, Muller 1959.
    """
    shapes.check_count("random_directions", "dim", dim)
    shapes.check_count("random_directions", "slices", slices)
    where = device if generator is None else generator.device
    drawn = torch.randn(dim, slices, generator=generator, dtype=dtype, device=where).to(device)
    return normalize(drawn, dim=0)


def check_directions(call: str, z: Tensor, directions: object) -> None:
    """`directions` is a floating tensor (dim, slices) on the device of z, one column at least."""
    if not isinstance(directions, Tensor) or directions.ndim != 2 or directions.shape[0] != z.shape[1]:
        raise errors.ShapeError(
            f"{call}: directions is {shapes.shape_of(directions)} but the rows have {z.shape[1]} columns. It must be "
            f"({z.shape[1]}, slices), one direction per column: random_directions({z.shape[1]}, 256)."
        )
    if not directions.is_floating_point() or directions.shape[1] == 0:
        raise errors.ShapeError(
            f"{call}: directions is {shapes.shape_of(directions)} {directions.dtype}. At least one column of floating "
            f"point numbers is needed: random_directions({z.shape[1]}, 256)."
        )
    if directions.device != z.device:
        raise errors.DeviceMismatch(
            f"{call}: the rows are on {z.device} but directions is on {directions.device}. Use directions.to(z.device)."
        )


def check_pointing(call: str, directions: Tensor) -> None:
    """Each column of `directions` has a length. This looks at values, so it waits for the device: not for a loss."""
    largest = directions.detach().abs().amax(0)  # NaN and infinity come through amax, so one look finds all three
    bad = int((~(torch.isfinite(largest) & (largest > 0))).sum())
    if bad:
        raise errors.ArgumentError(
            f"{call}: {bad} of {directions.shape[1]} columns of directions are zero or not finite, so they point "
            f"nowhere. Draw them: random_directions({directions.shape[0]}, {directions.shape[1]})."
        )


def gap_entropy(z: Embeddings) -> Float[Tensor, " dim"]:
    r"""The differential entropy of each column, in nats, from the gaps in its sorted values.

        gap_entropy(z)_k = mean over i of  log( (N + 1) / m  (x_(i+m) - x_(i)) ),   x: column k, sorted

    z: (batch, dim), batch N >= 2; m = gap_window(N). A gap of 0 counts as `SMALLEST_GAP`. Nothing is checked.

    Reads about log(c) for values even over an interval of length c, `ENTROPY` for a standard normal, and -16 for a
    constant.

    Raises nothing. Source: Vasicek 1976 in the form of Learned-Miller & Fisher 2003.
    """
    n, m = len(z), gap_window(len(z))
    ordered = z.sort(dim=0).values
    return ((ordered[m:] - ordered[: n - m]) * ((n + 1) / m) + SMALLEST_GAP).log().mean(0)


def gap_window(batch: int) -> int:
    """How many places apart two sorted values are that make a gap: sqrt(batch), rounded."""
    return round(math.sqrt(batch))


@functools.lru_cache(maxsize=64)
def rule(knots: int) -> tuple[tuple[float, float, float], ...]:
    """Of each knot t the Gaussian's characteristic function and the weight in the integral over [-3, 3]."""
    step = REACH / (knots - 1)
    phi = [math.exp(-((k * step) ** 2) / 2) for k in range(knots)]
    ends = (0, knots - 1)
    return tuple((k * step, phi[k], phi[k] * step * (1 if k in ends else 2)) for k in range(knots))


def _statistics(x: Tensor, knots: int) -> Tensor:
    """Of each column of x (batch, slices)."""
    total = x.new_zeros(x.shape[1])
    for (_, phi, weight), (cos, sin) in zip(rule(knots), _waves(x, knots), strict=True):
        total = total + weight * ((cos.mean(0) - phi).square() + sin.mean(0).square())
    return total * len(x)


class _EppsPulley(torch.autograd.Function):
    """The statistic of each column of x (batch, slices), averaged over them.

    The chain of operations would keep the sine and the cosine of every row, slice and knot for backward; here
    they are made again, and only x is kept.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.knots = knots
        return _statistics(x, knots).mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        slope = torch.zeros_like(x)
        for (t, phi, weight), (cos, sin) in zip(rule(ctx.knots), _waves(x, ctx.knots), strict=True):
            slope = slope + (2 * weight * t) * (sin.mean(0) * cos - (cos.mean(0) - phi) * sin)
        return slope * (grad / x.shape[1]), None


def _waves(x: Tensor, knots: int) -> Iterator[tuple[Tensor, Tensor]]:
    """cos(t x) and sin(t x) for t = 0, step, 2 step, ...: each by turning the one before, as trigonometry is dear."""
    step = REACH / (knots - 1)
    turn_cos, turn_sin = (step * x).cos(), (step * x).sin()
    cos, sin = torch.ones_like(x), torch.zeros_like(x)
    yield cos, sin
    for _ in range(knots - 1):
        cos, sin = cos * turn_cos - sin * turn_sin, sin * turn_cos + cos * turn_sin
        yield cos, sin
