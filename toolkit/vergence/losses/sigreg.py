"""SIGReg, a test of rows against the standard Gaussian along random directions, and LeJEPA, which trains with it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, Couples, check_scale, sum_of
from vergence.losses.several_views import check_several_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["LeJEPA", "le_jepa", "random_directions", "sigreg", "sigreg_null"]

REACH = 3.0
"""The characteristic function is compared on [-3, 3]: beyond, that of the Gaussian is below 0.0112."""

Directions = Float[Tensor, "dim slices"]
Draw = Callable[[int], Tensor]


def sigreg(z: Embeddings, directions: Directions, *, knots: int = 17) -> Scalar:
    r"""How far rows are from a standard Gaussian, seen along given directions.

        sigreg(z) = mean over directions u of  N  integral over t in [-3, 3] of  |f_u(t) - g(t)|^2 g(t) dt
        f_u(t) = mean over rows of  exp(i t z . u),   g(t) = exp(-t^2 / 2)

    z: (batch, dim), batch N >= 1. Rows are *not* normalised: length matters here.
    directions: (dim, slices), one per column, of any length but 0; see `random_directions`. With `torch.eye(dim)` the
    columns of z are tested one by one.
    knots: >= 2, where the integral is looked at in [0, 3] (trapezoid, doubled for the other half).

    Reads `sigreg_null()` = 1.05 on average when the rows *are* drawn from that Gaussian, and not 0: a sample is never
    exact. Independent of N there, so it is comparable between batches. Grows in proportion to N for any other
    distribution: 0.402 N when every row is 0. Below 1.05 when the rows are more even than a random sample.

    As a diagnostic: above about 2 for a few hundred random directions the rows are no standard Gaussian; too small,
    too large, off centre, in clusters or in a subspace all count. What only single columns show is nearly missed
    along random directions, as sums of many columns look Gaussian: test `torch.eye(dim)` as well. Memory grows
    with N times slices.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Balestriero & LeCun 2025, arXiv:2511.08544, their SIGReg with the statistic of Epps & Pulley 1983 in the
    form of their code, with the factor N; their K x M are our rows and slices. Forms without N, or of all
    views in one sample, are in use as well.
    """
    shapes.check_embeddings("sigreg", "z", z)
    _check_directions("sigreg", z, directions)
    shapes.check_count("sigreg", "knots", knots, least=2)
    return _sigreg(z, directions, knots)


def sigreg_null(knots: int = 17) -> float:
    r"""What `sigreg` reads on average for rows drawn from the standard Gaussian, for any batch and any directions.

        sigreg_null() = integral over t in [-3, 3] of  (1 - exp(-t^2))  exp(-t^2/2) dt

    knots: >= 2, as for `sigreg`. Reads 1.0525 at 17.

    Raises ArgumentError.
    Source: the variance of an empirical characteristic function, (1 - |phi|^2) / N, Epps & Pulley 1983.
    """
    shapes.check_count("sigreg_null", "knots", knots, least=2)
    return math.fsum(weight * (1 - phi**2) for _, phi, weight in _rule(knots))


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
    return torch.nn.functional.normalize(drawn, dim=0)


def le_jepa(*views: Tensor, directions: Directions, weight: float = 0.05, knots: int = 17) -> Scalar:
    r"""How far views lie from their mean, and how far each view is from a standard Gaussian.

        le_jepa(z1, z2, ...) = (1 - weight)  mean over views, rows and columns of  (z_vik - mean_ik)^2
                               + weight      mean over views of  sigreg(z_v)

    views: V >= 2 of (batch, dim), batch >= 2; row i of each is one sample. Rows are *not* normalised. mean: over the
    views; for two of them the first part is their mean squared difference over 4.
    directions: (dim, slices), the same for every view. weight: 0 to 1. knots: as for `sigreg`.

    Reads `weight * 0.402 * batch` when every row is 0: more, the larger the batch. Reads about 1.05 weight when views
    agree and their rows are a sample of the standard Gaussian.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Balestriero & LeCun 2025, arXiv:2511.08544; their lambda is our weight.
    """
    _check_weight("le_jepa", "weight", weight)
    shapes.check_count("le_jepa", "knots", knots, least=2)
    check_several_views("le_jepa", views)
    _check_directions("le_jepa", views[0], directions)
    return sum_of(_terms(views, directions, weight, knots, pooled=False))


def _check_weight(call: str, name: str, value: float) -> None:
    shapes.check_nonnegative(call, name, value)
    if value > 1:
        raise errors.ArgumentError(
            f"{call}: {name} is {value!r}. It is a share: 0 for agreement of the views alone, 1 for the shape alone."
        )


class LeJEPA(Base):
    """LeJEPA as an object: the loss, its two terms and its scale.

    weight: 0 to 1, the share of SIGReg; 0.05 as in the paper. views: how many the trainer makes; it may be called with
    any number from 2.
    slices: directions drawn anew for every call, the same for every view; 256 as in the authors' minimal example
    (1,024 in their large runs). generator: where they are drawn from; None: torch's own randomness.
    directions: a function of dim that gives (dim, slices) in their place: `torch.eye` for the axes, or your own.
    pooled: all views are tested as one sample of V * batch rows, as some libraries do; not each on its own.
    knots: as for `sigreg`.

    Two calls on the same embeddings differ a little, because the directions do: by some percent at 256.

    Raises ArgumentError. Source: see `le_jepa`.
    """

    name = "LeJEPA"
    source = "Balestriero & LeCun 2025, arXiv:2511.08544"
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = {"weight": _check_weight}

    def __init__(
        self,
        weight: float = 0.05,
        *,
        views: int = 2,
        slices: int = 256,
        knots: int = 17,
        pooled: bool = False,
        directions: Draw | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        for name, value, least in (("views", views, 2), ("slices", slices, 1), ("knots", knots, 2)):
            shapes.check_count("LeJEPA", name, value, least=least)
        super().__init__(weight=weight)
        self.views, self.slices, self.knots, self.pooled = views, slices, knots, pooled
        self.directions, self.generator = directions, generator
        tested = "all views as one sample" if pooled else "each view on its own"
        self.variant = f"(1 - weight) agreement + weight SIGReg, {tested}, times the rows, {knots} knots"

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`invariance`, times 1 - weight, and `sigreg`, times weight."""
        self.given(more)
        check_several_views(self.name, views)
        first = views[0]
        if self.directions is not None:
            directions = self.directions(first.shape[1]).to(first.device)
            _check_directions(self.name, first, directions)
        else:
            directions = random_directions(first.shape[1], self.slices, generator=self.generator, device=first.device)
        return _terms(views, directions, self._settings["weight"], self.knots, pooled=self.pooled)

    def chance(self, batch: int, dim: int) -> float:
        """Collapse into the origin: weight times 0.402 times the rows tested together. Raises ArgumentError."""
        check_scale("LeJEPA.chance", batch, dim)
        rows = batch * (self.views if self.pooled else 1)
        zero = math.fsum(weight * (1 - phi) ** 2 for _, phi, weight in _rule(self.knots))
        return self._settings["weight"] * rows * zero

    def floor(self, batch: int, dim: int) -> float:
        """Views agree, and their rows are a sample of the standard Gaussian: weight times 1.05, whatever the batch.

        With `pooled` each row then counts V times, and so does the noise of the sample. Rows that are more even than a
        random sample read less. Raises ArgumentError.
        """
        check_scale("LeJEPA.floor", batch, dim)
        return self._settings["weight"] * sigreg_null(self.knots) * (self.views if self.pooled else 1)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is all rows at 0, `floor` a sample of the Gaussian."""
        check_scale("LeJEPA.reference_words", batch, dim)
        return {"chance": "all rows 0", "floor": "Gaussian"}


def _terms(
    views: tuple[Tensor, ...], directions: Tensor, weight: float, knots: int, *, pooled: bool
) -> dict[str, Tensor]:
    with full_precision(views[0].device):
        stacked = torch.stack(at_least_single(*views))
        samples = [stacked.flatten(0, 1)] if pooled else list(stacked)
        return {
            "invariance": (1 - weight) * (stacked - stacked.mean(0)).square().mean(),
            "sigreg": weight * torch.stack([_sigreg(z, directions, knots) for z in samples]).mean(),
        }


def _sigreg(z: Tensor, directions: Tensor, knots: int) -> Tensor:
    (z,) = at_least_single(z)
    with full_precision(z.device):
        along = z @ torch.nn.functional.normalize(directions.to(z.dtype), dim=0)
        result: Tensor = _EppsPulley.apply(along, knots)  # type: ignore[no-untyped-call]
    return result


class _EppsPulley(torch.autograd.Function):
    """The statistic of each column of x (batch, slices), averaged over them.

    The chain of operations would keep the sine and the cosine of every row, slice and knot for backward; here
    they are made again, and only x is kept.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.knots = knots
        total = x.new_zeros(x.shape[1])
        for (_, phi, weight), (cos, sin) in zip(_rule(knots), _waves(x, knots), strict=True):
            total = total + weight * ((cos.mean(0) - phi).square() + sin.mean(0).square())
        return total.mean() * len(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        slope = torch.zeros_like(x)
        for (t, phi, weight), (cos, sin) in zip(_rule(ctx.knots), _waves(x, ctx.knots), strict=True):
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


@functools.lru_cache(maxsize=64)
def _rule(knots: int) -> tuple[tuple[float, float, float], ...]:
    """Of each knot t the Gaussian's characteristic function and the weight in the integral over [-3, 3]."""
    step = REACH / (knots - 1)
    phi = [math.exp(-((k * step) ** 2) / 2) for k in range(knots)]
    ends = (0, knots - 1)
    return tuple((k * step, phi[k], phi[k] * step * (1 if k in ends else 2)) for k in range(knots))


def _check_directions(call: str, z: Tensor, directions: object) -> None:
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
