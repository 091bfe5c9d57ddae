"""The spectral contrastive loss: dot products of partners up, squares of all others down."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, check_scale, check_two_views, sum_of, two_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["SpectralContrastive", "spectral_contrastive"]

Rows = Literal["clipped", "unit", "free"]


def spectral_contrastive(a: Embeddings, b: Embeddings, *, rows: Rows = "clipped", limit: float = 1.0) -> Scalar:
    r"""How far dot products are from 1 for partners and 0 for all others, in squares.

        spectral_contrastive(a, b) = ( -2  mean over i of  a_i . b_i  +  mean over i != j of  (a_i . b_j)^2 ) / limit

    a, b: (batch, dim), batch N >= 2; row i of both is one sample. Rows of one view are never compared with one another.
    rows: what is compared. "clipped", as in the authors' code: rows longer than sqrt(limit) are shortened to that,
    shorter ones stay. "unit": every row has that length, so only directions count. "free": rows as they are, the
    equation of the paper; limit then counts as 1.
    limit: > 0, the largest squared length; 1 in their CIFAR-10 runs, 10 in their ImageNet runs.

    Reads -1 when all rows are the same unit vector, about -2 when partners agree and all others are orthogonal,
    which needs dim >= batch: see `SpectralContrastive.floor`. Its minimum over all functions spans the leading
    eigenvectors of the graph whose edges are pairs of views, so it is kernel PCA of the augmentations. Free rows grow
    with the number of columns that carry something: then it goes towards -dim.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: HaoChen et al. 2021, arXiv:2106.04156; their f(x), f(x+) are our a, b, their mu our limit.
    """
    shapes.check_positive("spectral_contrastive", "limit", limit)
    _check_rows("spectral_contrastive", rows)
    return sum_of(_terms("spectral_contrastive", a, b, rows, limit))


class SpectralContrastive(Base):
    """The spectral contrastive loss as an object: the loss, its two terms, its scale and its pair weights.

    limit: > 0, 1 as in the authors' CIFAR-10 runs. rows: "clipped" as in their code, "unit" or "free".

    Raises ArgumentError. Source: see `spectral_contrastive`.
    """

    name = "spectral contrastive"
    source = "HaoChen et al. 2021, arXiv:2106.04156"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {"limit": shapes.check_positive}

    def __init__(self, limit: float = 1.0, *, rows: Rows = "clipped") -> None:
        _check_rows("SpectralContrastive", rows)
        super().__init__(**({} if rows == "free" else {"limit": limit}))
        self.rows: Rows = rows
        shown = {"clipped": "long rows shortened", "unit": "rows normalised", "free": "rows not normalised"}[rows]
        self.variant = f"view 1 against view 2, pairs of different samples, {shown}"

    @property
    def limit(self) -> float:
        """The largest squared length; 1 for free rows, which have none."""
        return self._settings.get("limit", 1.0)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -2 times the mean of partners, and `push`, the mean square of all others."""
        self.given(more)
        return _terms(self.name, *two_views(self.name, views), self.rows, self.limit)

    def chance(self, batch: int, dim: int) -> float:
        """The least that one and the same row for all can read: -1 at limit 1. Raises ArgumentError."""
        check_scale("SpectralContrastive.chance", batch, dim)
        squared = self.limit if self.rows == "unit" else min(1.0, self.limit)
        return (squared**2 - 2 * squared) / self.limit

    def floor(self, batch: int, dim: int) -> float | None:
        r"""Partners coincide, and samples are as orthogonal as batch and dim allow.

            floor = (k c^2 - 2c) / limit,   k = max(0, batch / dim - 1) / (batch - 1),   c = min(limit, 1 / k)

        k: the least mean squared cosine of different rows (a tight frame), c: the squared length. -2 at limit 1 when
        dim >= batch. -1 / k for free rows; None for those when dim >= batch, as longer is always better then.

        Raises ArgumentError.
        """
        check_scale("SpectralContrastive.floor", batch, dim)
        least = max(0.0, batch / dim - 1) / max(batch - 1, 1)
        if self.rows == "free":
            return -1 / least if least else None
        squared = self.limit if self.rows == "unit" else min(self.limit, 1 / least if least else math.inf)
        return (least * squared**2 - 2 * squared) / self.limit

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds at the lengths that the rows have, anchors down, partners across.

            w_ij = -l_i l_j / (N limit)                       j is i's partner (on both sides)
            w_ij = l_i^2 l_j^2 s_ij / (N (N - 1) limit)       another sample of the other view; l: lengths as compared

        Rows 0..N-1 are view 1, N..2N-1 view 2. Proportional to the cosine: it pushes those that are alike, pulls in
        those that are opposite, and leaves orthogonal ones alone.

        Raises as `spectral_contrastive`. Computed on detached input.
        Source: the gradient of HaoChen et al. 2021, arXiv:2106.04156.
        """
        self.given(more)
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            a, b = (_compared(z, self.rows, self.limit) for z in at_least_single(a, b))
            dots = a @ b.T
            weights = a.new_zeros(2 * n, 2 * n)
            across = dots * (a.norm(dim=1)[:, None] * b.norm(dim=1)) / (n * (n - 1) * self.limit)
            across.diagonal()[:] = -(a.norm(dim=1) * b.norm(dim=1)) / (n * self.limit)
            weights[:n, n:] = across
            weights[n:, :n] = across.T
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` is collapse here, `floor` a tight frame."""
        check_scale("SpectralContrastive.reference_words", batch, dim)
        words = {"chance": "collapse", "floor": "orthogonal" if dim >= batch else f"frame in {dim} dim"}
        return words if self.floor(batch, dim) is not None else {"chance": "collapse"}


def _compared(z: Tensor, rows: Rows, limit: float) -> Tensor:
    """The rows at the length they are compared with."""
    if rows == "free":
        return z
    root = math.sqrt(limit)
    if rows == "unit":
        return torch.nn.functional.normalize(z) * root
    factor: Tensor = root / z.norm(dim=1, keepdim=True).clamp_min(root)
    return z * factor


def _terms(call: str, a: Tensor, b: Tensor, rows: Rows, limit: float) -> dict[str, Tensor]:
    check_two_views(call, a, b)
    scale = 1.0 if rows == "free" else limit
    with full_precision(a.device):
        a, b = (_compared(z, rows, limit) for z in at_least_single(a, b))
        n, dim = a.shape
        partners = (a * b).sum(1)
        # The sum of all squared dot products is that of the product of two (dim, dim) matrices: no matrix of pairs.
        squares = (a @ b.T).square().sum() if n <= dim else ((a.T @ a) * (b.T @ b)).sum()
        return {
            "pull": -2 * partners.mean() / scale,
            "push": (squares - partners.square().sum()) / (n * (n - 1) * scale),
        }


def _check_rows(call: str, rows: str) -> None:
    if rows not in get_args(Rows):
        raise errors.UnknownName(call, str(rows), get_args(Rows), what="form of rows")
