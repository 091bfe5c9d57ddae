"""Attention entry by entry, and the metrics on its maps, as loops over plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Matrix = list[list[float]]


def softmax(scores: Sequence[float]) -> list[float]:
    """NaN throughout where every score is -inf."""
    top = max(scores)
    if top == -math.inf:
        return [math.nan] * len(scores)
    parts = [math.exp(s - top) for s in scores]
    total = math.fsum(parts)
    return [p / total for p in parts]


def linear(x: Sequence[float], weight: Matrix, bias: Sequence[float] | None) -> list[float]:
    """W x + b, for one token."""
    return [
        math.fsum(w * v for w, v in zip(row, x, strict=True)) + (0.0 if bias is None else bias[i])
        for i, row in enumerate(weight)
    ]


def weights(
    queries: Matrix,
    keys: Matrix,
    scale: float | None = None,
    mask: Callable[[int, int], float] = lambda q, k: 0.0,
) -> Matrix:
    """One head of one sample: softmax over keys of scale * q . k + mask(q, k); -inf in the mask: not allowed."""
    found = []
    for i, q in enumerate(queries):
        by = 1 / math.sqrt(len(q)) if scale is None else scale
        found.append(
            softmax([by * math.fsum(a * b for a, b in zip(q, k, strict=True)) + mask(i, j) for j, k in enumerate(keys)])
        )
    return found


def head(vectors: Matrix, number: int, heads: int) -> Matrix:
    """The entries of one head."""
    width = len(vectors[0]) // heads
    return [v[number * width : (number + 1) * width] for v in vectors]


def norm(x: Sequence[float]) -> float:
    """Length."""
    return math.sqrt(math.fsum(v * v for v in x))


def causal(i: int, j: int) -> float:
    """A mask: no key later than the query."""
    return 0.0 if j <= i else -math.inf


def rollout(layers: Sequence[Sequence[Matrix]]) -> Matrix:
    """layers: for each layer its heads' maps, of one sample. Abnar & Zuidema 2020, section 3."""
    size = len(layers[0][0])
    rolled = [[float(i == j) for j in range(size)] for i in range(size)]
    for heads in layers:
        mixed = []
        for i in range(size):
            row = [(math.fsum(one[i][j] for one in heads) / len(heads) + float(i == j)) / 2 for j in range(size)]
            mixed.append([v / math.fsum(row) for v in row])
        rolled = [
            [math.fsum(mixed[i][m] * rolled[m][j] for m in range(size)) for j in range(size)] for i in range(size)
        ]
    return rolled


def entropy(row: Sequence[float]) -> float:
    """- sum a ln a."""
    return -math.fsum(a * math.log(a) for a in row if a > 0)


def _patches(map_: Matrix, prefix: int) -> Matrix:
    inner = [row[prefix:] for row in map_[prefix:]]
    return [[a / math.fsum(row) for a in row] for row in inner]


def distance(map_: Matrix, grid: tuple[int, int], prefix: int) -> float:
    """Mean over patches of the mean distance they look at."""
    rows = []
    for q, row in enumerate(_patches(map_, prefix)):
        y, x = divmod(q, grid[1])
        rows.append(math.fsum(a * math.hypot(k // grid[1] - y, k % grid[1] - x) for k, a in enumerate(row)))
    return math.fsum(rows) / len(rows)


def offset(map_: Matrix, grid: tuple[int, int], prefix: int) -> tuple[float, tuple[int, int]]:
    """The best of the eight neighbours, and which one it is."""
    inner, best = _patches(map_, prefix), (-1.0, (0, 0))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            given = [
                inner[y * grid[1] + x][(y + down) * grid[1] + x + right]
                for y in range(grid[0])
                for x in range(grid[1])
                if 0 <= y + down < grid[0] and 0 <= x + right < grid[1]
            ]
            if (down, right) != (0, 0) and given and math.fsum(given) / len(given) > best[0]:
                best = math.fsum(given) / len(given), (down, right)
    return best
