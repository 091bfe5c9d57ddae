"""iBOT: DINO on whole views, and for each masked patch the class that the teacher, who sees it, gives to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.centre import Centre
from vergence.losses.dino import dino_terms
from vergence.losses.loss import Base, Check, Couples, check_scale
from vergence.losses.targets import check_share, check_targets, check_view_count
from vergence.shapes import Scalar

__all__ = ["IBOT", "masked_patches"]

Rows = tuple[Tensor, ...]


def masked_patches(
    patches: Rows,
    patch_targets: Rows,
    masks: Rows,
    *,
    temperature: float = 0.1,
    teacher_temperature: float = 0.07,
) -> Scalar:
    r"""How many nats the student misses the teacher's classes of the patches it was not shown by.

        masked_patches = mean over views v and items i of  (1 / M_vi)  sum over masked patches p of
                         - sum over k of  P_vipk log Q_vipk,   P = softmax(t / T_t),  Q = softmax(s / T)

    patches: a tuple of tensors (batch, patches, K), one per view: the student's logits s, from the masked view.
    patch_targets: the same from the teacher, t, from the *whole* view; subtract a centre before. No gradient enters.
    masks: a tuple of booleans (batch, patches): True where the student saw a mask. M: how many of the item's are True.
    An item without one adds 0 and is counted.

    Reads ln K when both spread evenly, 0 when both are sure of the same class.

    Half precision is computed in float32, also under autocast. NaN in a masked patch gives NaN out.

    Raises ShapeError, DeviceMismatch, ArgumentError.
    Source: Zhou et al. 2021, arXiv:2111.07832, equation 2, there a sum over the masked patches; the mean per item is
    the authors' code.
    """
    return torch.stack(
        _patch_terms("masked_patches", patches, patch_targets, masks, temperature, teacher_temperature)
    ).sum()


class IBOT(Base, nn.Module):
    """iBOT as an object: DINO of the whole views plus `masked_patches`, each with a centre of its own.

    Called as loss(s1, s2, targets=(t1, t2), patches=(p1, p2), patch_targets=(q1, q2), masks=(m1, m2)): the student's
    and the teacher's logits of the views (batch, K), as for `dino`, and of their patches (batch, patches, K) with the
    same K; masks (batch, patches), True where the student saw a mask. The three patch tuples are as long as one
    another and at most as long as the views: for the large crops.

    temperature: > 0, of the student. teacher_temperature, patch_teacher_temperature: > 0. momentum: 0 to 1, of both
    centres. whole, patch: >= 0, the weights of the two parts. views: how many are made for each item, 2 or more.

    The centre of the patches is the mean of all the teacher's patches, as in the authors' code; lightly's is that of
    the masked ones alone.

    Source: Zhou et al. 2021, arXiv:2111.07832, equations 2 and 3, with the defaults of the authors' code.
    """

    name = "iBOT"
    variant = "class tokens across views, masked patches within a view, mean over an item's masked patches"
    source = "Zhou et al. 2021, arXiv:2111.07832"
    needs: ClassVar[tuple[str, ...]] = ("targets", "patches", "patch_targets", "masks")
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = {
        "temperature": shapes.check_positive,
        "teacher_temperature": shapes.check_positive,
        "patch_teacher_temperature": shapes.check_positive,
        "momentum": check_share,
        "whole": shapes.check_nonnegative,
        "patch": shapes.check_nonnegative,
    }
    labels: ClassVar[dict[str, str]] = {
        "momentum": "Centre EMA", "whole": "Class tokens", "patch": "Masked patches"
    }  # fmt: skip

    def __init__(
        self,
        temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        patch_teacher_temperature: float = 0.07,
        momentum: float = 0.9,
        whole: float = 1.0,
        patch: float = 1.0,
        views: int = 2,
    ) -> None:
        nn.Module.__init__(self)
        Base.__init__(
            self,
            temperature=temperature,
            teacher_temperature=teacher_temperature,
            patch_teacher_temperature=patch_teacher_temperature,
            momentum=momentum,
            whole=whole,
            patch=patch,
        )
        check_view_count("IBOT", views)
        self.views = views
        self.centre = Centre()
        self.patch_centre = Centre()

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The sum of `terms`; then both centres follow the targets, if gradients are recorded."""
        loss = Base.__call__(self, *views, **more)
        if torch.is_grad_enabled():
            self.centre.follow(self._settings["momentum"], *more["targets"])
            self.patch_centre.follow(self._settings["momentum"], *more["patch_targets"])
        return loss

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """H(P) and KL(P || Q) of the whole views, `entropy` and `divergence`, and of patches, `patch_...`; weighted."""
        given = self.given(more)
        targets = check_targets(self.name, views, given["targets"])
        _check_patches(self.name, given["patches"], given["patch_targets"], given["masks"], views)
        now = self._settings
        centred = tuple(self.centre.off(self.name, target) for target in targets)
        whole = dino_terms(self.name, views, centred, now["temperature"], now["teacher_temperature"])
        patch_targets = tuple(self.patch_centre.off(self.name, target) for target in given["patch_targets"])
        entropy, divergence = _patch_terms(
            self.name,
            given["patches"],
            patch_targets,
            given["masks"],
            now["temperature"],
            now["patch_teacher_temperature"],
        )
        return {
            **{name: now["whole"] * term for name, term in whole.items()},
            "patch_entropy": now["patch"] * entropy,
            "patch_divergence": now["patch"] * divergence,
        }

    def chance(self, batch: int, dim: int) -> float:
        """ln K for each part, weighted: 2 ln K by default, with K = dim classes. Raises ArgumentError."""
        check_scale("IBOT.chance", batch, dim)
        return (self._settings["whole"] + self._settings["patch"]) * math.log(dim)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, with the weights in front."""
        check_scale("IBOT.reference_words", batch, dim)
        return {"chance": f"{self._settings['whole'] + self._settings['patch']:g} ln {dim}"}


def _patch_terms(
    call: str,
    patches: Rows,
    patch_targets: Rows,
    masks: Rows,
    temperature: float,
    teacher_temperature: float,
) -> tuple[Tensor, Tensor]:
    _check_patches(call, patches, patch_targets, masks, ())
    shapes.check_positive(call, "temperature", temperature)
    shapes.check_positive(call, "teacher_temperature", teacher_temperature)
    with full_precision(patches[0].device):
        rows = at_least_single(*patches, *(target.detach() for target in patch_targets))
        entropies, lengths = [], []
        for student, teacher, mask in zip(rows[: len(patches)], rows[len(patches) :], masks, strict=True):
            log_p = log_softmax(teacher / teacher_temperature, dim=2)
            p = log_p.exp()
            share = mask.to(p.dtype) / mask.sum(1, keepdim=True).clamp_min(1) / len(mask)
            # where, not a product: what an unmasked patch holds must not matter, not even NaN.
            entropies.append((share * torch.where(mask, -(p * log_p).sum(2), 0)).sum())
            length = -(p * log_softmax(student / temperature, dim=2)).sum(2)
            lengths.append((share * torch.where(mask, length, 0)).sum())
        entropy, length = torch.stack(entropies).mean(), torch.stack(lengths).mean()
    return entropy, length - entropy


def _check_patches(call: str, patches: object, patch_targets: object, masks: object, views: Sequence[Tensor]) -> None:
    """Three tuples that fit one another and the views."""
    named = {"patches": patches, "patch_targets": patch_targets, "masks": masks}
    lengths = []
    for name, given in named.items():
        if not isinstance(given, tuple | list) or not given or not all(isinstance(entry, Tensor) for entry in given):
            raise errors.ShapeError(
                f"{call}: {name} is {shapes.shape_of(given)}. It must be a tuple of tensors, one for each view that "
                f"was masked: {name}=(first, second)."
            )
        lengths.append(len(given))
    if len(set(lengths)) > 1 or (views and lengths[0] > len(views)):
        raise errors.ShapeError(
            f"{call}: patches, patch_targets and masks have {lengths[0]}, {lengths[1]} and {lengths[2]} entries"
            f"{f' for {len(views)} views' if views else ''}. One of each is needed per masked view, and no more than "
            "there are views."
        )
    for number in range(lengths[0]):
        student, teacher, mask = (given[number] for given in named.values())  # type: ignore[index]  # tuples by now
        if student.ndim != 3 or not student.is_floating_point() or (views and not _fits(student, views[0])):
            need = f"({len(views[0])}, patches, {views[0].shape[1]})" if views else "(batch, patches, K)"
            raise errors.ShapeError(
                f"{call}: patches[{number}] is {shapes.shape_of(student)} {student.dtype}. It must be floating point "
                f"{need}, logits from the same head as the views'."
            )
        shapes.check_same_shape(call, **{f"patches[{number}]": student, f"patch_targets[{number}]": teacher})
        if mask.dtype != torch.bool or mask.shape != student.shape[:2]:
            raise errors.ShapeError(
                f"{call}: masks[{number}] is {shapes.shape_of(mask)} {mask.dtype} for patches "
                f"{shapes.shape_of(student)}. One boolean per patch is needed, True where it was masked: mask.bool()."
            )


def _fits(patches: Tensor, view: Tensor) -> bool:
    return len(patches) == len(view) and patches.shape[-1] == view.shape[1]
