"""A quarter turn, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence

Image = Sequence[Sequence[float]]


def turned(image: Image, quarters: int) -> list[list[float]]:
    """Counter-clockwise: the last column becomes the first row."""
    rows = [list(row) for row in image]
    for _ in range(quarters):
        side = len(rows)
        rows = [[rows[y][side - 1 - x] for y in range(side)] for x in range(side)]
    return rows
