"""Rotational equivariance: a change of the input should turn the whole sphere of embeddings as one."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, check_scale, check_two_views, two_views
from vergence.losses.nt_xent import NTXent
from vergence.shapes import Embeddings, Scalar

__all__ = ["RotationEquivariance", "gram_matching", "rotation_equivariance"]

Groups = Int[Tensor, " batch"]
Square = Float[Tensor, "batch batch"]


def gram_matching(a: Embeddings, b: Embeddings, *, groups: Groups | None = None) -> Scalar:
    r"""How far two batches are from being one rotation of each other.

        gram_matching(a, b) = mean over pairs i != j of one group of  (a_i . a_j - b_i . b_j)^2

    a, b: (batch, dim), batch >= 2; row i of both is one sample. Rows are normalised here.
    groups: (batch,) integers; only pairs within a group count, at least one. Items of one group had one augmentation
        in common in each view; None: the whole batch did. With augmentations drawn for each item alone no rotation can
        serve all pairs, and the term asks for invariance instead.

    Reads 0 exactly when one orthogonal map takes all rows of a (of each group) to those of b: angles within a
    batch fix it up to such a map. At most 4; 2 / dim for two unrelated batches spread evenly. 0 at collapse too, so it
    needs company.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Gupta et al. 2023, arXiv:2306.13924, the equivariance loss; a is their f(a(x)), b their f(a'(x)). Their
    code sums over the n - 1 partners of a row and doubles: theirs is 2 (n - 1) times ours.
    """
    check_two_views("gram_matching", a, b)
    _check_groups("gram_matching", a, groups)
    with full_precision(a.device):
        a, b = (normalize(z) for z in at_least_single(a, b))
        off, share = _difference(a, b, groups)
        return off.square().sum() * share


def rotation_equivariance(
    a: Embeddings,
    b: Embeddings,
    *,
    groups: Groups | None = None,
    temperature: float = 0.5,
    equivariance: float = 0.9,
) -> Scalar:
    r"""NT-Xent, which spreads rows and keeps changes small, and Gram matching, which makes the changes rotations.

        rotation_equivariance(a, b) = nt_xent(a, b) + equivariance * gram_matching(a, b)

    a, b, groups: as `gram_matching`. temperature: > 0, that of `nt_xent`. equivariance: >= 0; the authors' 0.03 times
    2 (16 - 1), as they sum where we take means, in groups of 16 (their CIFAR-10 runs).

    Reads ln(2N - 1) when all rows coincide, `NTXent.floor` when partners coincide and the rest is spread
    evenly: Gram matching adds nothing at either end. `gram_matching` alone is 0 for every rotation, and NT-Xent
    prefers small ones: it holds both a uniformity term and a mild invariance.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Gupta et al. 2023, arXiv:2306.13924, CARE on InfoNCE; their lambda is our equivariance.
    """
    return RotationEquivariance(temperature, equivariance)(a, b, **({} if groups is None else {"groups": groups}))


class RotationEquivariance(Base):
    """CARE as an object: NT-Xent's two terms and Gram matching, their scale and pair weights.

    temperature: > 0. equivariance: >= 0, the weight of Gram matching. The defaults are those of the authors' CIFAR-10
    runs.

    Raises ArgumentError.
    """

    name = "CARE"
    variant = "NT-Xent, and Gram matching as a mean over pairs of one group"
    source = "Gupta et al. 2023, arXiv:2306.13924"
    views = 2
    takes: ClassVar[tuple[str, ...]] = ("groups",)
    ranges: ClassVar[dict[str, Check]] = {
        "temperature": shapes.check_positive,
        "equivariance": shapes.check_nonnegative,
    }

    def __init__(self, temperature: float = 0.5, equivariance: float = 0.9) -> None:
        super().__init__(temperature=temperature, equivariance=equivariance)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull` and `push` of NT-Xent; `gram`: Gram matching times its weight, 0 for a rotation."""
        groups = self.given(more)["groups"]
        a, b = two_views(self.name, views)
        contrast = self._contrast().terms(a, b)
        _check_groups(self.name, a, groups)
        return contrast | {"gram": self._settings["equivariance"] * gram_matching(a, b, groups=groups)}

    def chance(self, batch: int, dim: int) -> float:
        """ln(2N - 1), that of NT-Xent: collapse is a rotation of itself. Raises ArgumentError."""
        check_scale("RotationEquivariance.chance", batch, dim)
        return self._contrast().chance(batch, dim)

    def floor(self, batch: int, dim: int) -> float:
        """That of NT-Xent: partners coincide, so nothing has turned. Raises ArgumentError."""
        check_scale("RotationEquivariance.floor", batch, dim)
        return self._contrast().floor(batch, dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            NTXent.pair_weights, and within view 1 (view 2 the same with the sign turned)
            2 equivariance (a_i . a_j - b_i . b_j) / (number of pairs, each both ways)

        Gram matching looks at pairs within a view only, and pushes apart those that are nearer there than in the other.
        Raises as `rotation_equivariance`. Computed on detached input.
        """
        groups = self.given(more)["groups"]
        a, b = two_views(self.name, views)
        weights = self._contrast().pair_weights(a, b)
        _check_groups(self.name, a, groups)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            a, b = (normalize(z) for z in at_least_single(a, b))
            off, share = _difference(a, b, groups)
            slope = 2 * self._settings["equivariance"] * share * off
            weights[:n, :n] += slope
            weights[n:, n:] -= slope
            return weights

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """Those of NT-Xent."""
        check_scale("RotationEquivariance.reference_words", batch, dim)
        return self._contrast().reference_words(batch, dim)

    def _contrast(self) -> NTXent:
        return NTXent(self._settings["temperature"])


def _difference(a: Tensor, b: Tensor, groups: Tensor | None) -> tuple[Square, float | Scalar]:
    """Gram matrix of a less that of b, 0 for pairs that do not count, and one over the number of those that do."""
    off = (a @ a.T - b @ b.T).fill_diagonal_(0)
    if groups is None:
        return off, 1 / (len(a) * (len(a) - 1))
    same = groups[:, None] == groups
    return off.masked_fill(~same, 0), 1 / (same.sum() - len(a)).to(a.dtype)


def _check_groups(call: str, a: Tensor, groups: object) -> None:
    if groups is None:
        return
    shapes.check_labels(call, groups, len(a), name="groups")
    if not isinstance(groups, Tensor):
        return
    if groups.device != a.device:
        raise errors.DeviceMismatch(
            f"{call}: a is on {a.device} but groups is on {groups.device}. Use groups.to(a.device)."
        )
    # Only where it costs no wait; elsewhere a mean over no pairs reads NaN.
    if groups.device.type == "cpu" and len(torch.unique(groups)) == len(groups):
        raise errors.ArgumentError(
            f"{call}: all {len(groups)} groups hold one item, so no pair counts. Put items that share an "
            "augmentation into one group, or leave groups out."
        )
