"""Negatives of one label, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def negatives(batch: int, views: int) -> list[tuple[int, int]]:
    """Ordered pairs of rows of different samples."""
    n = batch * views
    return [(i, j) for i in range(n) for j in range(n) if i != j and i % batch != j % batch]


def rate(pairs: Sequence[tuple[int, int]], labels: Sequence[int]) -> float:
    """Share with one label among those that have labels."""
    known = [(i, j) for i, j in pairs if labels[i] >= 0 and labels[j] >= 0]
    return sum(labels[i] == labels[j] for i, j in known) / len(known)


def gradient_share(pairs: Sequence[tuple[int, int]], labels: Sequence[int], weights: Tensor) -> float:
    """Push on those over all push."""
    push = {(i, j): max(0.0, float(weights[i, j])) for i, j in pairs if labels[i] >= 0 and labels[j] >= 0}
    return sum(w for (i, j), w in push.items() if labels[i] == labels[j]) / sum(push.values())


def above_positive(rows: Tensor, batch: int, labels: Sequence[int]) -> tuple[float, float | None]:
    """Mean share of negatives above the nearest positive; of those, the share with the anchor's label."""
    values = rows.double().tolist()
    shares, same, known = [], 0, 0
    for i in range(len(values)):
        others = [j for j in range(len(values)) if j != i]
        own = max(cosine(values[i], values[j]) for j in others if j % batch == i % batch)
        far = {j: cosine(values[i], values[j]) for j in others if j % batch != i % batch}
        above = [j for j, s in far.items() if s > own + 1e-12]
        tied = sum(abs(s - own) <= 1e-12 for s in far.values())
        shares.append((len(above) + tied / 2) / len(far))
        known += sum(labels[i] >= 0 and labels[j] >= 0 for j in above)
        same += sum(labels[i] == labels[j] >= 0 for j in above)
    return sum(shares) / len(shares), same / known if known else None
