"""How much of one representation a map of another explains, on rows that the map has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Residuals", "residuals"]

RIDGES = [10.0**power for power in range(-10, 2)]
"""Tried, in units of the largest squared singular value; the one that leaves the least out, row by row, is taken."""
NOTHING = 1e-12
"""Singular values below this part of the largest are rounding."""

Rows = Float[Tensor, "n dim_a"]
Others = Float[Tensor, "n dim_b"]
Learned = Int[Tensor, " learned"]
Asked = Int[Tensor, " asked"]


@dataclass(frozen=True)
class Residuals:
    """Shares of the held-out variance of one representation that maps of another leave over."""

    linear: float
    orthogonal: float
    floor: float
    """What an exact rotation would leave over, for want of rows to learn it from; 0 with more rows than dimensions."""


def residuals(a: Rows, b: Others, fit: Learned, test: Asked) -> Residuals | None:
    r"""What the best linear and the best orthogonal map from a to b leave over. None: one of the two does not vary.

        residual = sum over held-out rows |b_i - f(a_i)|^2  /  sum over held-out rows |b_i - m|^2
        linear       f(a) = (a - l) W + m     ridge; its strength is chosen by leaving out each learned row in turn
        orthogonal   f(a) = s (a - l) Q + m   Q^T Q = 1 (of the smaller side): a rotation or reflection, and one scale

    l, m: mean rows of a and b over the rows learned from. float64.

    Source: Golub, Heath & Wahba 1979 for the choice; Schoenemann 1966, the orthogonal Procrustes problem.
    """
    a, b = (x - x[fit].mean(0) for x in (_scaled(a), _scaled(b)))
    u, s, v = _svd(a[fit])
    left, t, right = _svd(b[fit])
    total = float(b[test].square().sum())
    if not len(s) or not len(t) or total == 0:
        return None
    asked = a[test] @ v
    outside = a[test].square().sum()
    floor = 1 - float(asked.square().sum() / outside) if outside > 0 else 1.0
    # In the axes of the learned rows all matrices are small, however many dimensions there are.
    wanted = left * t
    known = u.T @ wanted
    line = asked @ ((s / (s.square() + _ridge(u, s, known, wanted)))[:, None] * known) @ right.T
    p, strength, q = torch.linalg.svd(s[:, None] * known, full_matrices=False)
    turned = float(strength.sum() / s.square().sum()) * (asked @ p) @ (q @ right.T)
    of = [float((b[test] - said).square().sum()) / total for said in (line, turned)]
    return Residuals(of[0], of[1], max(0.0, floor))


def _scaled(x: Tensor) -> Tensor:
    x = x.detach().cpu().double()
    size = x.abs().max()
    return x / size if size > 0 else x


def _svd(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x = u diag(s) v^T, of the singular values that are not rounding."""
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    kept = s > max(NOTHING * float(s[0]), 1e-14)
    return u[:, kept], s[kept], vt[kept].T


def _ridge(u: Tensor, s: Tensor, known: Tensor, wanted: Tensor) -> float:
    """The strength with which each learned row is best said from the others."""
    best, found = float("inf"), 0.0
    for strength in RIDGES:
        ridge = strength * float(s[0]) ** 2
        kept = s.square() / (s.square() + ridge)
        leverage = u.square() @ kept + 1 / len(u)  # the mean row is learned, too
        left_out = (wanted - (u * kept) @ known) / (1 - leverage).clamp(min=1e-9)[:, None]
        error = float(left_out.square().sum())
        if error < best:
            best, found = error, ridge
    return found
