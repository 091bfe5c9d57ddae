"""Where the parts of an attention panel lie, in px of its box, for the two Python pens."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vergence_widgets.panels.spec import Maps

__all__ = ["KEY_WIDTH", "Cell", "Laid", "Word", "lay", "pooled", "shares"]

PICTURE = 54.0
"""Side of the item's picture."""
LEFT = 92.0
"""Where the maps begin: the picture and the numbers of the layers are left of them."""
ENTROPY = 50.0
KEY_WIDTH = 60.0
HEAD = 16.0
LINE = 14.0
LETTERS = 12
"""Of a line under the picture."""
LEAST = 12.0
"""px of the smallest map: a row has to hold its number."""
GAP = 3.0
APART = 6.0
"""px before the column of the rollout."""
ROLLOUT = 40.0
"""Least width of that column: its name stands over it."""


@dataclass(frozen=True)
class Cell:
    """One map. `index` in the layer's arrays, -1 for the rollout."""

    index: int
    row: int
    column: int
    left: float
    top: float
    wide: float
    tall: float


@dataclass(frozen=True)
class Word:
    """Words at a place in px."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    color: str = "second"
    bold: bool = False


@dataclass(frozen=True)
class Laid:
    """Everything that is drawn, in px."""

    cells: tuple[Cell, ...]
    words: tuple[Word, ...]
    pitch_x: float
    pitch_y: float
    """Between the left and upper edges of neighbours."""
    rows: tuple[int, ...]
    """The layers drawn, and the heads."""
    columns: tuple[int, ...]
    picture: tuple[float, float, float]
    """Left, top, side."""
    key: tuple[float, float]

    @property
    def count(self) -> int:
        """How many maps."""
        return len(self.cells)


def lay(layer: Maps, width: float, height: float) -> Laid:
    """Maps as large as the box allows; of too many layers or heads every second, third ... is drawn, and it is said."""
    rolled = bool(layer.rollout.size)
    free_y = height - HEAD
    free_x = width - LEFT - ENTROPY - (APART + ROLLOUT if rolled else 0)
    rows, columns = _fitting(len(layer.layers), free_y), _fitting(layer.heads, free_x)
    down, across = layer.grid
    pitch_x, pitch_y = free_x / len(columns), free_y / len(rows)
    if down > 1:
        unit = min((pitch_x - GAP) / across, (pitch_y - GAP) / down)
        if rolled:  # where maps are wide, the one of the rollout is as wide as they are
            unit = min(unit, (free_x + ROLLOUT - (len(columns) + 1) * GAP) / (len(columns) + 1) / across)
            unit = max(unit, min((pitch_x - GAP) / across, (pitch_y - GAP) / down, ROLLOUT / across))
        pitch_x, pitch_y = unit * across + GAP, unit * down + GAP
    else:
        pitch_y = min(pitch_y, 34.0 + GAP)
    side, tall = pitch_x - GAP, pitch_y - GAP
    cells = [
        Cell(row * layer.heads + column, row, column, LEFT + j * pitch_x, HEAD + i * pitch_y, side, tall)
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    ]
    right = LEFT + len(columns) * pitch_x
    if rolled:
        right += APART
        wide = max(side, ROLLOUT)
        cells.append(Cell(-1, 0, 0, right, HEAD, wide, wide / across * down if down > 1 else tall))
        right += wide
    words = _words(layer, rows, columns, pitch_x, pitch_y, right)
    under = PICTURE + 12 if layer.picture.size else 8.0
    captions = [Word(0.0, under + LINE * i, text) for i, text in enumerate(_captions(layer, rows, columns))]
    key = (0.0, under + LINE * len(captions) + 1)
    ends = [Word(0.0, key[1] + 16, layer.ends[0]), Word(KEY_WIDTH, key[1] + 16, layer.ends[1].split()[0], "end")]
    if layer.signed:
        ends += [Word(0.0, key[1] + 16 + LINE * (i + 1), text) for i, text in enumerate(layer.ends[1].split()[1:])]
    else:
        ends[1] = Word(KEY_WIDTH, key[1] + 16, layer.ends[1], "end")
    return Laid(tuple(cells), (*words, *captions, *ends), pitch_x, pitch_y, rows, columns, (0.0, 2.0, PICTURE), key)


def _fitting(count: int, room: float) -> tuple[int, ...]:
    stride = 1
    while count > stride and -(-count // stride) * LEAST > room:
        stride += 1
    return tuple(range(0, count, stride))


def _words(
    layer: Maps, rows: tuple[int, ...], columns: tuple[int, ...], pitch_x: float, pitch_y: float, right: float
) -> list[Word]:
    middle = (pitch_y - GAP) / 2
    half = (pitch_x - GAP) / 2
    found = [Word(LEFT - 6, HEAD / 2, "layer", "end"), Word(right + ENTROPY - 2, HEAD / 2, "entropy", "end")]
    for i, row in enumerate(rows):
        y = HEAD + i * pitch_y + middle
        found += [Word(LEFT - 6, y, layer.layers[row], "end"), Word(right + ENTROPY - 2, y, layer.said[row], "end")]
    every = 1
    while every < len(columns) and pitch_x * every < 6.5 * len(str(layer.heads)) + 4:
        every += 1
    for j, column in enumerate(columns[::every]):
        # The first one is named; where there is no room for that, the numbers stand alone.
        named = j == 0 and half > 22
        found.append(
            Word(
                LEFT + j * every * pitch_x + half,
                HEAD / 2,
                f"head {column + 1}" if named else str(column + 1),
                "middle",
            )
        )
    if layer.rollout.size:
        found.append(Word(right - max(pitch_x - GAP, ROLLOUT) / 2, HEAD / 2, "rollout", "middle"))
    return found


def _captions(layer: Maps, rows: tuple[int, ...], columns: tuple[int, ...]) -> list[str]:
    found = [*layer.caption[:-1], f"query: {layer.query}", *layer.caption[-1:]]
    for drawn, total, what in ((rows, len(layer.layers), "layers"), (columns, layer.heads, "heads")):
        if len(drawn) < total:
            found.append(f"{len(drawn)} of {total} {what}")
    return [line for words in found for line in textwrap.wrap(words, LETTERS)]


def shares(layer: Maps, index: int) -> NDArray[np.float64] | None:
    """The numbers of one map, prefix tokens first; None where there is no such head. -1: the rollout."""
    if index < 0:
        return layer.rollout.astype(np.float64) / 255 * layer.rollout_scale
    scale = float(layer.scale[index])
    if not np.isfinite(scale):
        return None
    levels = layer.levels[index].astype(np.float64)
    values: NDArray[np.float64] = (levels - 128) / 127 * scale if layer.signed else levels / 255 * scale
    return values


def pooled(layer: Maps, laid: Laid, most: int | None) -> tuple[NDArray[np.uint8], int, int]:
    """All maps as one sheet of bytes with a line of zeros between them, of at most so many cells.

    Also the rows and columns that one map takes in it, the line included. A map is 1 to 255; larger ones are means of
    neighbours.
    """
    down, across = layer.grid
    factor = 1
    while most and _cells(layer, laid, factor) > most and factor < max(down, across):
        factor += 1
    rows, columns = -(-down // factor), -(-across // factor)
    sheet = np.zeros((len(laid.rows) * (rows + 1), len(laid.columns) * (columns + 1)), np.uint8)
    for cell in laid.cells:
        values = None if cell.index < 0 else shares(layer, cell.index)
        if values is None:
            continue
        part = _means(values[layer.prefix :].reshape(down, across), factor)
        top = float(np.abs(part).max()) or 1.0
        levels = 1 + (127 * (part / top + 1) if layer.signed else 254 * part / top)
        i, j = laid.rows.index(cell.row) * (rows + 1), laid.columns.index(cell.column) * (columns + 1)
        sheet[i : i + rows, j : j + columns] = np.rint(levels).clip(1, 255)
    return sheet, rows + 1, columns + 1


def _cells(layer: Maps, laid: Laid, factor: int) -> int:
    down, across = layer.grid
    return len(laid.rows) * len(laid.columns) * (-(-down // factor) + 1) * (-(-across // factor) + 1)


def _means(values: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """Means of squares of neighbours; at the edge of those there are."""
    if factor == 1:
        return values
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], factor), axis=0)
    summed = np.add.reduceat(rows, np.arange(0, values.shape[1], factor), axis=1)
    counts = np.add.reduceat(np.add.reduceat(np.ones_like(values), np.arange(0, values.shape[0], factor), axis=0),
                             np.arange(0, values.shape[1], factor), axis=1)  # fmt: skip
    return summed / counts
