"""What a teacher is unsure of, and what its student adds: the two parts of self-distillation, apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.shapes import Embeddings

__all__ = ["Teacher", "teacher"]

CELLS = 2**21
"""Logits in memory at a time."""

Centre = Float[Tensor, " dim"]


@dataclass(frozen=True)
class Teacher:
    """A teacher's answers, and a student's beside them, in nats. None: no student came."""

    entropy: float
    """H(P), mean over rows: ln K, the teacher prefers no class, to 0, it is sure."""
    divergence: float | None
    """KL(P || Q), mean over rows, >= 0: 0 when the student says what the teacher says."""
    cross_entropy: float | None
    """Their sum: the loss."""
    entropy_of_mean: float
    """H(mean of P): ln K, all classes are used alike, to 0, all rows are put into one."""
    information: float
    """`entropy_of_mean` less `entropy`: what the answer tells of the row; 0 at either collapse."""
    chance: float
    """ln K."""
    information_ceiling: float
    """ln min(K, rows): every row surely in a class of its own."""
    classes: int
    rows: int
    rows_left_out: int
    """Not finite, in teacher or student."""


@torch.no_grad()
def teacher(
    target: Embeddings,
    student: Embeddings | None = None,
    *,
    temperature: float = 0.1,
    teacher_temperature: float = 0.04,
    centre: Centre | None = None,
) -> Teacher:
    r"""How sure a teacher is, what a student adds to that, and whether the answers tell rows apart.

        P = softmax((target - centre) / T_t),   Q = softmax(student / T)
        entropy = mean of H(P) = - sum P ln P,   divergence = mean of KL(P || Q) = sum P (ln P - ln Q)
        cross_entropy = - sum P ln Q = entropy + divergence
        information = H(mean of P) - mean of H(P)

    target: (rows, K), the teacher's logits. student: (rows, K), the student's logits of another view of the same item;
    None: the teacher alone. For several pairs of views, put them one under the other. K >= 2 classes without a meaning.
    temperature: T > 0, of the student. teacher_temperature: T_t > 0. centre: (K,), what is taken off the teacher's
    logits; None: nothing.

    Reads entropy ln K (8.3178 at K = 4,096) at the collapse that sharpening prevents: the teacher prefers no class, and
    the loss stands still at ln K. Reads entropy 0 at the collapse that centring prevents: the teacher is sure of one
    class for everything. But an entropy near 0 is also what a healthy, sharp teacher reads, so look at
    `information`: it is 0 at both collapses and up to ln min(K, rows) where each row has a class of its own. Equal
    logits of teacher and student do not read divergence 0, since their temperatures differ.

    Rows that are not finite on either side are left out of both and counted. Computed in float64, in blocks.

    Raises ShapeError, NotFinite (no row is left, or the centre is not finite), DeviceMismatch, ArgumentError.
    Source: Caron et al. 2021, DINO, arXiv:2104.14294, equations 1 to 4 and figure 7, where the two parts are drawn
    apart; their g_t, g_s are our target, student, their tau are our T.
    """
    call = "teacher"
    _check(call, target, student, centre)
    shapes.check_positive(call, "temperature", temperature)
    shapes.check_positive(call, "teacher_temperature", teacher_temperature)
    rows, classes = target.shape
    shift = torch.zeros(classes, dtype=torch.float64) if centre is None else centre.detach().cpu().double()
    entropy = divergence = 0.0
    total, count = torch.zeros(classes, dtype=torch.float64), 0
    for start in range(0, rows, max(1, CELLS // classes)):
        part = slice(start, start + max(1, CELLS // classes))
        t = target[part].detach().cpu().double()
        s = t if student is None else student[part].detach().cpu().double()
        good = torch.isfinite(t).all(1) & torch.isfinite(s).all(1)
        log_p = torch.log_softmax((t[good] - shift) / teacher_temperature, 1)
        p = log_p.exp()
        total += p.sum(0)
        count += len(p)
        entropy -= float((p * log_p).sum())
        if student is not None:
            log_q = torch.log_softmax(s[good] / temperature, 1)
            divergence += float((p * (log_p - log_q)).sum())
    if not count:
        raise errors.NotFinite(
            f"{call}: none of {rows} rows is finite (NaN or infinity). Look at the step before: a learning rate too "
            "high, a division by zero, or half precision overflow."
        )
    mean = total / count
    of_mean = -float(torch.xlogy(mean, mean).sum())
    # None of them is below 0 but by rounding.
    entropy, divergence, of_mean = (max(0.0, x) for x in (entropy / count, divergence / count, of_mean))
    return Teacher(
        entropy=entropy,
        divergence=None if student is None else divergence,
        cross_entropy=None if student is None else entropy + divergence,
        entropy_of_mean=of_mean,
        information=max(0.0, of_mean - entropy),
        chance=math.log(classes),
        information_ceiling=math.log(min(classes, count)),
        classes=classes,
        rows=count,
        rows_left_out=rows - count,
    )


def _check(call: str, target: Tensor, student: Tensor | None, centre: object) -> None:
    shapes.check_embeddings(call, "target", target)
    if target.shape[1] < 2:
        raise errors.ShapeError(
            f"{call}: target is {shapes.shape_of(target)}: one class. 2 or more are needed, (rows, K), as they come "
            "out of the head."
        )
    if student is not None:
        shapes.check_embeddings(call, "student", student)
        shapes.check_same_shape(call, target=target, student=student)
    if centre is not None:
        if not isinstance(centre, Tensor) or centre.shape != target.shape[1:]:
            raise errors.ShapeError(
                f"{call}: centre is {shapes.shape_of(centre)} but target has {target.shape[1]} classes. It must be "
                f"({target.shape[1]},): one number for each class; of a loss use loss.centre.mean."
            )
        if centre.device != target.device:
            raise errors.DeviceMismatch(
                f"{call}: target is on {target.device} but centre is on {centre.device}. Use centre.to(target.device)."
            )
        shapes.check_finite(call, "centre", centre)
