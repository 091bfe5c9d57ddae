"""W-MSE: batches are whitened, so they cannot collapse, and then partners are brought together."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, Couples, check_scale
from vergence.losses.several_views import check_several_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["WMSE", "w_mse", "whiten"]


def whiten(z: Embeddings, *, shrink: float = 0.0) -> Embeddings:
    r"""Rows moved and sheared so that their covariance is the identity.

        whiten(z)_i = L^-1 (z_i - mean),   L L^T = (1 - shrink) covariance + shrink I,   L lower triangular

    z: (batch, dim), batch > dim. covariance: of the columns, divided by batch - 1.
    shrink: 0 to below 1; above 0 it is softer where the covariance is nearly singular, and no longer exact.

    The columns of the result have mean 0, variance 1 and no correlation (at shrink 0). Column k is what the first k
    columns together say of z_k beyond the first k - 1, so it depends on the order of the columns. Scaling and
    shifting columns changes nothing. Reads NaN in every place where the covariance has no inverse within the
    precision of the type: a constant column, one that others determine, collapse.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows (batch <= dim), ArgumentError.
    Source: Ermolov et al. 2020, arXiv:2007.06346, after Siarohin et al. 2019; their W_V is our L^-1, their
    w_eps our shrink.
    """
    shapes.check_embeddings("whiten", "z", z)
    _check_shrink("whiten", "shrink", shrink)
    _check_enough("whiten", len(z), z.shape[1])
    with full_precision(z.device):
        return _whiten(at_least_single(z)[0][None], shrink)[0]


def w_mse(*views: Tensor, shrink: float = 0.0) -> Scalar:
    r"""How far partners point apart when each view has been whitened.

        w_mse(a, b) = mean over i of  2 - 2 cos(whiten(a)_i, whiten(b)_i)

    views: V >= 2 of (batch, dim), batch > dim, and better at least 2 dim; row i of each is one sample. For more than
    two it is the mean over pairs of views. shrink: as for `whiten`. For sub-batches see `WMSE`.

    Reads 0 when the views agree, up to any lower triangular map (a scale and a shift of each column is one); 2 when
    they know nothing of one another; 4 at most. Collapse has no value, as it cannot be whitened: NaN.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows (batch <= dim), DeviceMismatch, ArgumentError.
    Source: Ermolov et al. 2020, arXiv:2007.06346, with the normalised distance.
    """
    return _w_mse("w_mse", views, shrink, None)


def _check_shrink(call: str, name: str, value: float) -> None:
    shapes.check_nonnegative(call, name, value)
    if value >= 1:
        raise errors.ArgumentError(
            f"{call}: {name} is {value!r}. It must be below 1: at 1 nothing of the covariance would be left."
        )


class WMSE(Base):
    """W-MSE as an object: the loss and its scale, with sub-batches.

    size: rows that are whitened together, more than dim; None: the whole batch, as in the authors' code. With a size,
    the batch is cut at random into batch / size parts, the same for every view; smaller parts make a noisier
    and rounder spread. rounds: how many such cuts are averaged.
    shrink: 0 to below 1, 0 as in the paper. views: how many the trainer makes; any number from 2 may come.
    generator: where cuts are drawn from, on the CPU; None: torch's own randomness.

    Raises ArgumentError. Source: see `w_mse`.
    """

    name = "W-MSE"
    source = "Ermolov et al. 2020, arXiv:2007.06346"
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = {"shrink": _check_shrink}

    def __init__(
        self,
        size: int | None = None,
        *,
        rounds: int = 1,
        shrink: float = 0.0,
        views: int = 2,
        generator: torch.Generator | None = None,
    ) -> None:
        if size is not None:
            shapes.check_count("WMSE", "size", size, least=2)
        shapes.check_count("WMSE", "rounds", rounds)
        shapes.check_count("WMSE", "views", views, least=2)
        super().__init__(shrink=shrink)
        self.size, self.rounds, self.views, self.generator = size, rounds, views, generator
        together = "the whole batch" if size is None else f"random parts of {size} rows"
        self.variant = f"Cholesky, {together}, normalised distance, mean over pairs of views"

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`distance`, the whole."""
        self.given(more)
        shrink = self._settings["shrink"]
        check_several_views(self.name, views)
        batch, size = len(views[0]), self.size
        if size is None or size == batch:
            return {"distance": _w_mse(self.name, views, shrink, None)}
        if batch % size:
            raise errors.ArgumentError(
                f"{self.name}: {batch} rows cannot be cut into parts of {size}. Set size to a divisor of the batch, or "
                "to None for the whole; did the loader hand over a last, partial batch? Set drop_last=True."
            )
        cuts = [torch.randperm(batch, generator=self.generator).view(-1, size) for _ in range(self.rounds)]
        found = [_w_mse(self.name, views, shrink, cut.to(views[0].device)) for cut in cuts]
        return {"distance": torch.stack(found).mean()}

    def chance(self, batch: int, dim: int) -> float:
        """The views know nothing of one another: 2. Collapse has no value here. Raises ArgumentError."""
        check_scale("WMSE.chance", batch, dim)
        return 2.0

    def floor(self, batch: int, dim: int) -> float:
        """The views agree: 0, for any spread, as whitening makes them even. Raises ArgumentError."""
        check_scale("WMSE.floor", batch, dim)
        return 0.0

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is no agreement, `floor` full agreement."""
        check_scale("WMSE.reference_words", batch, dim)
        return {"chance": "unrelated", "floor": "views agree"}


def _w_mse(call: str, views: tuple[Tensor, ...], shrink: float, cut: Tensor | None) -> Tensor:
    """The mean over pairs of views; cut: (parts, size) places in the batch, None for one part."""
    _check_shrink(call, "shrink", shrink)
    check_several_views(call, views)
    batch, dim = views[0].shape
    _check_enough(call, batch if cut is None else cut.shape[1], dim)
    with full_precision(views[0].device):
        parts = [z[None] if cut is None else z[cut] for z in at_least_single(*views)]
        white = [normalize(_whiten(part, shrink), dim=2) for part in parts]
        found = [2 - 2 * (one * other).sum(2).mean() for one, other in itertools.combinations(white, 2)]
        return torch.stack(found).mean()


def _whiten(z: Float[Tensor, "parts size dim"], shrink: float) -> Float[Tensor, "parts size dim"]:
    """`whiten` of each part."""
    centred = z - z.mean(1, keepdim=True)
    covariance = centred.mT @ centred / (z.shape[1] - 1)
    # Below this a pivot is rounding error: of the covariance, or of the mean of numbers that are all the same.
    eps = torch.finfo(z.dtype).eps
    noise = 8 * eps * covariance.diagonal(dim1=1, dim2=2) + (8 * eps * z.detach().abs().amax(1)).square()
    if shrink:
        covariance = (1 - shrink) * covariance + shrink * torch.eye(z.shape[2], dtype=z.dtype, device=z.device)
    # Nothing is raised where there is no root: to ask would make a GPU wait. A pivot of noise would blow noise up to
    # a unit of spread; NaN says that there is no answer.
    root, failed = torch.linalg.cholesky_ex(covariance)
    pivots = root.diagonal(dim1=1, dim2=2).square()
    lost = (failed != 0)[:, None, None] | (pivots <= noise).any(1)[:, None, None]
    root = torch.where(lost, torch.full_like(root, math.nan), root)
    white: Tensor = torch.linalg.solve_triangular(root, centred.mT, upper=False)
    return white.mT


def _check_enough(call: str, rows: int, dim: int) -> None:
    if rows <= dim:
        raise errors.TooFewRows(
            f"{call}: {rows} rows are to be whitened together, but {dim} columns need {dim + 1} at least, {2 * dim} "
            "for a covariance that is not mostly noise. Use a larger batch, or a head with fewer outputs."
        )
