"""Bars: accuracies of probes beside their base lines."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bars"]


@dataclass(frozen=True)
class Bars:
    """One row per probe: a bar for h and one for z, and ticks for what they have to beat. None is not drawn.

    Its plot is bare and holds everything: x is the accuracy, with room left of 0 for names and right of 1 for values;
    y counts px from the top at the usual height: the lines of words, a line for the key, the rows, the axis.
    """

    key: str
    rows: tuple[str, ...]
    h: tuple[float | None, ...]
    z: tuple[float | None, ...]
    raw: tuple[float | None, ...]
    """The same probe on the raw input."""
    untrained: tuple[float | None, ...]
    """The same probe on the untrained encoder."""
    chance: tuple[float | None, ...]
    best: tuple[float | None, ...] = ()
    """h at its best so far, drawn as an open bar behind a shorter one; () for none."""
    ghost: tuple[float | None, ...] = ()
    """h of the run it is compared with; () for none."""
    said: tuple[tuple[str, str], ...] = ()
    """h and z of each row in words; "" for what is not known."""
    main: int = 0
    """So many rows, from the top, are those of the main factor."""
    words: tuple[str, ...] = ("",)
    """Lines over all: what the numbers say."""
    first: str = "untrained encoder"
    """What the tick with the ring is called."""
    ghost_name: str = ""
