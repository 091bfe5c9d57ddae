"""The losses as a table, made from the code: `python -m vergence.losses`."""

from __future__ import annotations

import inspect
from typing import Any

from vergence import losses
from vergence.losses.loss import Base

__all__ = ["BATCH", "DIM", "examples", "rows", "table"]

BATCH, DIM = 256, 128
"""The batch and dimension at which chance and floor are given."""
NOTEBOOK = "03_one_batch_thirty_losses"
ELSEWHERE = {
    "BYOL": "04_what_each_method_does_to_the_sphere",
    "SimSiam": "04_what_each_method_does_to_the_sphere",
    "VICReg": "04_what_each_method_does_to_the_sphere",
    "BarlowTwins": "04_what_each_method_does_to_the_sphere",
    "LeJEPA": "04_what_each_method_does_to_the_sphere",
}
"""The notebook that shows a loss best, where it is not the one with all of them."""
MORE: dict[str, tuple[dict[str, Any], ...]] = {
    "InfoNCE": ({"queue": 65_536},),
    "SupCon": ({"form": "inside"},),
}
"""Other forms that are worth a row."""
COLUMNS = ("loss", "call", "variant", "beside the views", f"chance at {BATCH}, {DIM}", "floor", "notebook", "source")


def examples() -> dict[str, Base]:
    """One of each loss, by the call that makes it: the defaults, and the least that its constructor asks for."""
    found: dict[str, Base] = {}
    least: dict[str, Any] = {
        "n_items": 1_000,
        "dim": DIM,
        "groups": 8,
        "base": losses.NTXent(),
        "loss": losses.NTXent(),
    }
    for name in losses.__all__:
        kind = getattr(losses, name)
        if not isinstance(kind, type) or not issubclass(kind, Base) or kind is losses.Gathered:
            continue
        asked = [p.name for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
        for more in ({}, *MORE.get(name, ())):
            given = {word: least[word] for word in asked} | more
            words = ", ".join(f"{word}={value!r}" for word, value in given.items())
            found[f"{name}({words})"] = kind(**given)
    return found


def rows() -> list[tuple[str, ...]]:
    """The cells, one row for each loss, in the order of their names."""
    made = []
    for call, loss in sorted(examples().items(), key=lambda pair: (pair[1].name.lower(), len(pair[0]))):
        beside = [*loss.needs, *(f"({word})" for word in loss.takes)]
        numbers = [_number(value) for value in (loss.chance(BATCH, DIM), loss.floor(BATCH, DIM))]
        notebook = ELSEWHERE.get(type(loss).__name__, NOTEBOOK)
        cells = (loss.name, f"`{call}`", loss.variant, ", ".join(beside) or "nothing", *numbers, notebook, loss.source)
        made.append(cells)
    return made


def table() -> str:
    """The table in Markdown."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *rows()]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}".replace("-", "−")
