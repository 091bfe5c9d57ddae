"""BYOL, SimSiam, DINO, iBOT and SwAV as their papers have them: loops over items, views and classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from tests.reference.cosine import cosine

Row = Sequence[float]


def softmax(row: Row, temperature: float) -> list[float]:
    """exp(x / T) over its sum, shifted by the largest."""
    top = max(row)
    raised = [math.exp((x - top) / temperature) for x in row]
    return [x / math.fsum(raised) for x in raised]


def cross_entropy(p: Row, q: Row) -> float:
    """-sum p log q."""
    return -math.fsum(x * math.log(y) for x, y in zip(p, q, strict=True) if x > 0)


def entropy(p: Row) -> float:
    """-sum p log p."""
    return cross_entropy(p, p)


def byol(views: Sequence[Tensor], targets: Sequence[Tensor]) -> float:
    """Grill et al. 2020, equation 2, averaged over all pairs of different views."""
    found = []
    for v, view in enumerate(views):
        for g, target in enumerate(targets):
            if v != g:
                for q, z in zip(view.double().tolist(), target.double().tolist(), strict=True):
                    found.append(2 - 2 * cosine(q, z))
    return math.fsum(found) / len(found)


def sim_siam(views: Sequence[Tensor], targets: Sequence[Tensor]) -> float:
    """Chen & He 2020, equations 1 to 3."""
    found = []
    for v, view in enumerate(views):
        for g, target in enumerate(targets):
            if v != g:
                found += [-cosine(p, z) for p, z in zip(view.double().tolist(), target.double().tolist(), strict=True)]
    return math.fsum(found) / len(found)


def dino(
    views: Sequence[Tensor],
    targets: Sequence[Tensor],
    temperature: float,
    teacher_temperature: float,
    centre: Row | None = None,
) -> float:
    """Caron et al. 2021, algorithm 1, with more than two views as in equation 3."""
    found = []
    for v, view in enumerate(views):
        for g, target in enumerate(targets):
            if v == g:
                continue
            for s, t in zip(view.double().tolist(), target.double().tolist(), strict=True):
                moved = [x - (0 if centre is None else centre[k]) for k, x in enumerate(t)]
                found.append(cross_entropy(softmax(moved, teacher_temperature), softmax(s, temperature)))
    return math.fsum(found) / len(found)


def masked_patches(
    patches: Sequence[Tensor],
    targets: Sequence[Tensor],
    masks: Sequence[Tensor],
    temperature: float,
    teacher_temperature: float,
) -> float:
    """Zhou et al. 2021, equation 2, as a mean over the masked patches of each item."""
    found = []
    for student, teacher, mask in zip(patches, targets, masks, strict=True):
        for s, t, m in zip(student.tolist(), teacher.tolist(), mask.tolist(), strict=True):
            hidden = [
                cross_entropy(softmax(a, teacher_temperature), softmax(b, temperature))
                for a, b, gone in zip(t, s, m, strict=True)
                if gone
            ]
            found.append(math.fsum(hidden) / max(len(hidden), 1))
    return math.fsum(found) / len(found)


def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> list[list[float]]:
    """Caron et al. 2020, the listing in appendix A.1: rows of prototypes to 1/K, columns of items to 1/B."""
    q = [[math.exp(x / epsilon) for x in row] for row in scores.double().tolist()]
    batch, k = len(q), len(q[0])
    for _ in range(iterations):
        columns = [math.fsum(row[j] for row in q) for j in range(k)]
        q = [[x / columns[j] / k for j, x in enumerate(row)] for row in q]
        q = [[x / math.fsum(row) / batch for x in row] for row in q]
    return [[x / math.fsum(row) for x in row] for row in q]


def swav(
    views: Sequence[Tensor],
    prototypes: Tensor,
    temperature: float,
    epsilon: float,
    iterations: int,
    coded: int,
) -> float:
    """Caron et al. 2020, equations 1 and 2, averaged over pairs of different views."""
    c = prototypes.double().tolist()
    scores = [[[cosine(z, p) for p in c] for z in view.double().tolist()] for view in views]
    found = []
    for g in range(coded):
        codes = sinkhorn(torch.tensor(scores[g], dtype=torch.float64), epsilon, iterations)
        for v, scored in enumerate(scores):
            if v != g:
                found += [cross_entropy(q, softmax(s, temperature)) for q, s in zip(codes, scored, strict=True)]
    return math.fsum(found) / len(found)
