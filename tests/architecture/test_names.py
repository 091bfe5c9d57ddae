"""Every public name is listed, sorted, importable and says what it is."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

import vergence
import vergence_widgets


def modules() -> list[str]:
    found = []
    for package in (vergence, vergence_widgets):
        found.append(package.__name__)
        found += [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    return [name for name in found if not any(part.startswith("_") for part in name.split("."))]


def place(name: str) -> tuple[int, str]:
    """Where ruff's RUF022 sorts a name: constants, then classes, then the rest."""
    bare = name.lstrip("_")
    kind = 0 if bare.isupper() and len(bare) > 1 else 1 if bare[:1].isupper() else 2
    return kind, name


def undocumented(name: str, thing: object) -> bool:
    """`thing` is a class or function of ours without a docstring of its own."""
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return False
    if not getattr(thing, "__module__", "").startswith("vergence"):
        return False
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    generated = dataclasses.is_dataclass(thing) and str(own).startswith(f"{thing.__name__}(")
    return not own or generated


@pytest.mark.parametrize("module", modules())
def test_exports(module):
    names = list(importlib.import_module(module).__all__)
    loaded = importlib.import_module(module)
    assert names == sorted(set(names), key=place)
    assert [n for n in names if not hasattr(loaded, n)] == []
    assert [n for n in names if undocumented(n, getattr(loaded, n))] == []
    assert loaded.__doc__, f"{module} has no docstring"


def test_the_test_above_can_fail():
    @dataclasses.dataclass
    class Bare:
        x: int

    Bare.__module__ = "vergence.example"
    assert undocumented("Bare", Bare)
    assert not undocumented("Pairs", pytest)


def test_star_import_gives_what_is_listed():
    space: dict[str, object] = {}
    exec("from vergence import *", space)
    assert set(vergence.__all__) <= set(space)
