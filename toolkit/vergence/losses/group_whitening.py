"""Shuffled group whitening: a layer that whitens random groups of columns, and its use with a contrastive loss."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.around import Around
from vergence.losses.loss import Couples, Loss, check_scale
from vergence.losses.several_views import check_several_views
from vergence.shapes import Embeddings

__all__ = ["ShuffledGroupWhitening", "WhitenedContrast", "group_whiten"]

Columns = Int[Tensor, " dim"]


def group_whiten(z: Embeddings, groups: int, *, columns: Columns | None = None) -> Embeddings:
    r"""Each group of columns turned into one without correlation, as little as possible.

        group_whiten(z)_G = (z_G - mean) Sigma_G^(-1/2)      for each group G of dim / groups columns

    z: (batch, dim), batch > dim / groups. groups: a divisor of dim. columns: the order in which columns are dealt to
    groups, dim / groups to each; None: as they stand. Columns come back in their own places.
    Sigma_G: covariance of the group, divided by the batch; the symmetric root, so that every column stays as near to
    itself as it can (ZCA).

    Each group of the result has mean 0 and covariance I; columns of different groups may correlate. With one group
    all do not; with dim groups each is only standardised. Another order leaves other correlations: a distortion of
    the same sample, that is what makes it an augmentation. Reads NaN where a group has no inverse within the
    precision of the type: a constant column, or columns that determine one another.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, ArgumentError.
    Source: Zhuo et al. 2023, arXiv:2305.17746, after the group whitening of Hua et al. 2021,
    arXiv:2105.00470.
    """
    shapes.check_embeddings("group_whiten", "z", z)
    _check_groups("group_whiten", groups, z.shape[1])
    _check_enough("group_whiten", len(z), z.shape[1] // groups)
    if columns is not None:
        _check_columns("group_whiten", columns, z)
    (z,) = at_least_single(z)
    with full_precision(z.device):
        return _by_groups(z, groups, columns)


class ShuffledGroupWhitening(nn.Module):
    """The layer: whitens groups of columns that are drawn anew for every call.

    groups: a divisor of the width; more than width / batch of them, and better twice that. The authors' code has groups
    of 6 of 768 columns. shuffle: deal columns to groups at random; else as they stand.
    generator: where the order is drawn from, on the CPU; None: torch's own randomness.

    Called with both views one under the other it whitens them together; called once for each view, apart, and
    with another order: the latter is the paper's, see `WhitenedContrast`. In `eval()` too it whitens the batch at
    hand, without shuffling: there is nothing learned and nothing remembered, so a representation that is to be
    measured one by one is taken before this layer.

    Raises ArgumentError, and as `group_whiten` when called. Source: Zhuo et al. 2023, arXiv:2305.17746.
    """

    def __init__(self, groups: int, *, shuffle: bool = True, generator: torch.Generator | None = None) -> None:
        super().__init__()
        shapes.check_count("ShuffledGroupWhitening", "groups", groups)
        self.groups, self.shuffle, self.generator = groups, shuffle, generator

    def forward(self, z: Tensor) -> Tensor:
        """(batch, width) whitened in groups."""
        return group_whiten(z, self.groups, columns=self.order(z) if self.shuffle and self.training else None)

    def order(self, z: Tensor) -> Tensor | None:
        """A fresh order of the columns of z; None where it makes no difference."""
        width = z.shape[-1]
        if self.groups in (1, width):
            return None
        return torch.randperm(width, generator=self.generator).to(z.device)

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"groups={self.groups}, shuffle={self.shuffle}"


class WhitenedContrast(Around):
    """A contrastive loss on views that are whitened in shuffled groups of columns, each view in groups of its own.

        WhitenedContrast(base)(z1, z2) = mean over draws of  base(group_whiten(z1), group_whiten(z2))

    base: a loss on embeddings, InfoNCE in the paper. groups: a divisor of dim, with dim / groups below the batch.
    draws: how often columns are dealt anew: every draw gives each sample another pair of positives.
    shuffle, generator: as for `ShuffledGroupWhitening`.

    The base's chance and floor, terms, keywords, settings and parameters are kept. Collapse cannot be whitened: NaN.

    Raises ArgumentError, TooFewRows (batch not above dim / groups). Source: Zhuo et al. 2023, arXiv:2305.17746; they
    whiten before a last linear layer and tanh, and sum two losses against one anchor view.
    """

    source = "Zhuo et al. 2023, arXiv:2305.17746"
    couples: ClassVar[Couples] = "statistics"

    def __init__(
        self,
        base: Loss,
        groups: int,
        *,
        draws: int = 1,
        shuffle: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        shapes.check_count("WhitenedContrast", "draws", draws)
        super().__init__(base)
        self.layer = ShuffledGroupWhitening(groups, shuffle=shuffle, generator=generator)
        self.draws = draws
        self.name = f"whitened {base.name}"
        self.variant = f"{base.variant}; each view whitened in {groups} groups of columns, mean over {draws} draws"

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The mean over draws of the base's own call, as it may remember something."""
        found = [self.base(*self._whitened(views), **more) for _ in range(self.draws)]
        return torch.stack(found).mean()

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """The base's terms, mean over draws."""
        drawn = [self.base.terms(*self._whitened(views), **more) for _ in range(self.draws)]
        return {name: torch.stack([terms[name] for terms in drawn]).mean() for name in drawn[0]}

    def chance(self, batch: int, dim: int) -> float | None:
        """The base's: whitened rows that tell nothing apart. Collapse itself has no value here."""
        check_scale("WhitenedContrast.chance", batch, dim)
        found: float | None = self.base.chance(batch, dim)
        return found

    def floor(self, batch: int, dim: int) -> float | None:
        """The base's: whitening stands in the way of no even spread."""
        check_scale("WhitenedContrast.floor", batch, dim)
        found: float | None = self.base.floor(batch, dim)
        return found

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """The base's."""
        check_scale("WhitenedContrast.reference_words", batch, dim)
        words: dict[str, str] = self.base.reference_words(batch, dim)
        return words

    def __repr__(self) -> str:
        return f"WhitenedContrast({self.base!r}, groups={self.layer.groups}, draws={self.draws})"

    def _whitened(self, views: tuple[Tensor, ...]) -> list[Tensor]:
        check_several_views(self.name, views, least=1, rows=1)
        dim = views[0].shape[1]
        _check_groups(self.name, self.layer.groups, dim)
        _check_enough(self.name, len(views[0]), dim // self.layer.groups)
        return [self.layer(view) for view in views]


def _by_groups(z: Tensor, groups: int, columns: Tensor | None) -> Tensor:
    batch, dim = z.shape
    dealt = z if columns is None else z[:, columns]
    parts: Float[Tensor, "groups batch size"] = dealt.view(batch, groups, dim // groups).transpose(0, 1)
    centred = parts - parts.mean(1, keepdim=True)
    covariance = centred.mT @ centred / batch
    eps = torch.finfo(z.dtype).eps
    noise = (8 * eps * parts.detach().abs().amax((1, 2))).square()
    roots: Tensor = _InverseRoot.apply(covariance, noise)  # type: ignore[no-untyped-call]
    white = (centred @ roots).transpose(0, 1).reshape(batch, dim)
    return white if columns is None else white[:, torch.argsort(columns)]


class _InverseRoot(torch.autograd.Function):
    """The symmetric inverse root of each covariance, NaN where its least eigenvalue is noise.

    The gradient of an eigendecomposition divides by differences of eigenvalues and is lost where two are alike, which
    is what whitening leads to. The root itself is smooth there: with l_i the eigenvalues, the divided difference of
    l^(-1/2) is -1 / (sqrt(l_i l_j) (sqrt(l_i) + sqrt(l_j))).
    """

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, noise: Tensor) -> Tensor:
        # One that is not finite would make the decomposition raise; it comes out as NaN all the same.
        fine = torch.isfinite(covariance).all(-1).all(-1)
        eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
        values, vectors = torch.linalg.eigh(torch.where(fine[:, None, None], covariance, eye))
        low = 8 * torch.finfo(covariance.dtype).eps * values[:, -1] + noise
        fine = fine & (values[:, 0] > low)
        values = torch.where(fine[:, None], values, torch.full_like(values, torch.nan))
        ctx.save_for_backward(values, vectors)
        root: Tensor = (vectors * values.rsqrt()[:, None]) @ vectors.mT
        return root

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        values, vectors = ctx.saved_tensors
        root = values.sqrt()
        slope = -1 / (root[:, :, None] * root[:, None] * (root[:, :, None] + root[:, None]))
        inside = vectors.mT @ ((grad + grad.mT) / 2) @ vectors
        return vectors @ (slope * inside) @ vectors.mT, None


def _check_groups(call: str, groups: int, dim: int) -> None:
    shapes.check_count(call, "groups", groups)
    if dim % groups:
        raise errors.ArgumentError(
            f"{call}: {dim} columns cannot be dealt to {groups} groups of one size. Set groups to a divisor of {dim}."
        )


def _check_columns(call: str, columns: object, z: Tensor) -> None:
    dim = z.shape[1]
    if not isinstance(columns, Tensor) or columns.is_floating_point() or columns.shape != (dim,):
        raise errors.ShapeError(
            f"{call}: columns is {shapes.shape_of(columns)} but z has {dim} columns. It must name each of them once, "
            f"as integers ({dim},): torch.randperm({dim})."
        )
    if columns.device != z.device:
        raise errors.DeviceMismatch(
            f"{call}: z is on {z.device} but columns is on {columns.device}. Use columns.to(z.device)."
        )
    # Looked at on the CPU only, where nobody waits for it.
    if columns.device.type == "cpu" and not torch.equal(columns.sort().values, torch.arange(dim)):
        raise errors.ArgumentError(
            f"{call}: columns does not name each of {dim} columns once. Use an order of them: torch.randperm({dim})."
        )


def _check_enough(call: str, rows: int, size: int) -> None:
    if rows <= size:
        raise errors.TooFewRows(
            f"{call}: {rows} rows are to whiten groups of {size} columns, but that needs {size + 1} at least, better "
            f"{2 * size}. Use a larger batch, or more groups."
        )
