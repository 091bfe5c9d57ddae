"""DINO: the student sorts a view into the classes that the teacher gave to another view."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from vergence import shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.centre import Centre
from vergence.losses.loss import Base, Check, Couples, check_scale, sum_of
from vergence.losses.targets import check_share, check_targets, check_view_count, code_length
from vergence.shapes import Scalar

__all__ = ["DINO", "dino", "dino_terms"]


def dino(
    *views: Tensor,
    targets: tuple[Tensor, ...],
    temperature: float = 0.1,
    teacher_temperature: float = 0.04,
    centre: Tensor | None = None,
) -> Scalar:
    r"""How many nats the student misses the teacher's classes by, over pairs of different views.

        dino(s_1, .., s_V; t_1, .., t_G) = mean over items and pairs v != g of  - sum over k of  P_gk log Q_vk
        P_g = softmax((t_g - centre) / T_t),   Q_v = softmax(s_v / T)

    views: V >= 2 tensors (batch, K), the student's *logits* s. targets: a tuple of 1 to V tensors (batch, K), the
    teacher's logits t for the first G views: the large crops. No gradient enters them. K: classes without a meaning.
    temperature: T > 0, of the student. teacher_temperature: T_t > 0; below T, so that the target is sharper than the
    answer. centre: (K,), the mean of the teacher's logits, or None for 0.

    The value is H(P) + KL(P || Q): what the teacher itself is unsure of, and what the student adds. Reads ln K when
    the teacher spreads evenly and so does the student (8.3178 at K = 4,096: the collapse that sharpening prevents),
    0 when both are sure of one class, which is the other collapse, the one that centring prevents, if it is the same
    class everywhere. Equal outputs of student and teacher do *not* give 0. Look at the two terms apart.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, DeviceMismatch, ArgumentError.
    Source: Caron et al. 2021, arXiv:2104.14294, equations 1 to 4; their g_s, g_t are our s, t, their tau are our T.
    """
    given = check_targets("dino", views, targets)
    if centre is not None:
        given = tuple(target - centre for target in given)
    return sum_of(dino_terms("dino", views, given, temperature, teacher_temperature))


class DINO(Base, nn.Module):
    """DINO as an object: the loss in its two parts, and the centre it keeps. Needs `targets`.

    temperature, teacher_temperature: > 0, of student and teacher. momentum: 0 to 1, of the centre; 1 switches
    centring off. views: how many are made for each item, 2 or more.
    `centre.mean`: (K,), the moving mean of the teacher's logits; it follows in each call that records gradients.

    Source: Caron et al. 2021, arXiv:2104.14294.
    """

    name = "DINO"
    variant = "mean over pairs of different views, centre by moving mean"
    source = "Caron et al. 2021, arXiv:2104.14294"
    needs: ClassVar[tuple[str, ...]] = ("targets",)
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = {
        "temperature": shapes.check_positive,
        "teacher_temperature": shapes.check_positive,
        "momentum": check_share,
    }
    labels: ClassVar[dict[str, str]] = {"momentum": "Centre EMA"}

    def __init__(
        self, temperature: float = 0.1, teacher_temperature: float = 0.04, momentum: float = 0.9, views: int = 2
    ) -> None:
        nn.Module.__init__(self)
        Base.__init__(self, temperature=temperature, teacher_temperature=teacher_temperature, momentum=momentum)
        check_view_count("DINO", views)
        self.views = views
        self.centre = Centre()

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The sum of `terms`; then the centre follows the targets, if gradients are recorded."""
        loss = Base.__call__(self, *views, **more)
        if torch.is_grad_enabled():
            self.centre.follow(self._settings["momentum"], *more["targets"])
        return loss

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`entropy`, the teacher's H(P): ln K at one collapse, 0 at the other. `divergence`, KL(P || Q), >= 0."""
        given = check_targets(self.name, views, self.given(more)["targets"])
        centred = tuple(self.centre.off(self.name, target) for target in given)
        now = self._settings
        return dino_terms(self.name, views, centred, now["temperature"], now["teacher_temperature"])

    def chance(self, batch: int, dim: int) -> float:
        """ln K: teacher and student spread evenly over the K = dim classes. Raises ArgumentError."""
        check_scale("DINO.chance", batch, dim)
        return math.log(dim)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is."""
        check_scale("DINO.reference_words", batch, dim)
        return {"chance": f"ln {dim}"}


def dino_terms(
    call: str, views: tuple[Tensor, ...], targets: tuple[Tensor, ...], temperature: float, teacher_temperature: float
) -> dict[str, Tensor]:
    """`entropy` and `divergence` of checked views and centred targets, see `dino`."""
    shapes.check_positive(call, "temperature", temperature)
    shapes.check_positive(call, "teacher_temperature", teacher_temperature)
    with full_precision(views[0].device):
        rows = at_least_single(*views, *(target.detach() for target in targets))
        student, teacher = rows[: len(views)], rows[len(views) :]
        logs = [log_softmax(t / teacher_temperature, dim=1) for t in teacher]
        entropy, divergence = code_length([p.exp() for p in logs], logs, [s / temperature for s in student])
    return {"entropy": entropy, "divergence": divergence}
