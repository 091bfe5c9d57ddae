"""NC1 to NC4 as Papyan, Han & Donoho 2020 (arXiv:2008.08186) write them, with plain matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Rows = NDArray[np.float64]


def means(z: Tensor, labels: Sequence[int]) -> tuple[list[int], Rows, Rows]:
    """Labels, class means, and the middle of those."""
    rows = z.double().numpy()
    names = sorted(set(labels))
    of = np.array([np.mean([row for row, own in zip(rows, labels, strict=True) if own == c], axis=0) for c in names])
    return names, of, of.mean(0)


def nc1(z: Tensor, labels: Sequence[int]) -> float:
    """Trace of Sw pinv(Sb), both built row by row."""
    names, of, middle = means(z, labels)
    dim = z.shape[1]
    within, between = np.zeros((dim, dim)), np.zeros((dim, dim))
    for row, own in zip(z.double().numpy(), labels, strict=True):
        apart = row - of[names.index(own)]
        within += np.outer(apart, apart) / len(labels)
    for mean in of:
        between += np.outer(mean - middle, mean - middle) / len(of)
    return float(np.trace(within @ np.linalg.pinv(between, rcond=1e-10)))


def nc2(z: Tensor, labels: Sequence[int]) -> tuple[float, float]:
    """Spread of the lengths of the means, and how far their angles are from those of a simplex."""
    _, of, middle = means(z, labels)
    lengths = [float(np.linalg.norm(mean - middle)) for mean in of]
    average = sum(lengths) / len(lengths)
    spread = math.sqrt(sum((x - average) ** 2 for x in lengths) / (len(lengths) - 1))
    angles = []
    for c in range(len(of)):
        for d in range(len(of)):
            if c != d:
                cosine = float((of[c] - middle) @ (of[d] - middle)) / lengths[c] / lengths[d]
                angles.append(abs(cosine + 1 / (len(of) - 1)))
    return spread / average, sum(angles) / len(angles)


def nc3(z: Tensor, labels: Sequence[int], classifier: Tensor) -> float:
    """Distance of the two matrices, each over its Frobenius norm."""
    names, of, middle = means(z, labels)
    weights = classifier.double().numpy()[names]
    centred = of - middle
    return float(np.linalg.norm(weights / np.linalg.norm(weights) - centred / np.linalg.norm(centred)))


def nc4(z: Tensor, labels: Sequence[int], predictions: Sequence[int]) -> float:
    """Share of rows whose nearest class mean is not what was predicted."""
    names, of, _ = means(z, labels)
    wrong = 0
    for row, said in zip(z.double().numpy(), predictions, strict=True):
        wrong += names[int(np.argmin([np.linalg.norm(row - mean) for mean in of]))] != said
    return wrong / len(predictions)
