"""The shapes in signatures hold: checked on every call of a `vergence` function while the tests run.

`tests/conftest.py` hands `signatures_hold` to jaxtyping's import hook. jaxtyping builds two stand-ins for
each function: one with the parameters alone, called before the function, and one with parameters and
return value, called after it. Only the second is checked here. So a wrong argument first meets the
function's own door, whose message is what a user reads and what the tests of messages assert; and a
function that swallows a wrong argument and returns still fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from beartype import BeartypeConf, beartype
from beartype.door import is_bearable
from beartype.roar import BeartypeDecorHintException

__all__ = ["signatures_hold"]

Function = TypeVar("Function", bound=Callable[..., object])

# An int is a fine float, in a signature as in arithmetic.
_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def signatures_hold(function: Function) -> Function:
    """Check `function` against its annotations when it has returned."""
    returns = function.__annotations__.get("return", Any)
    if returns is Any:
        return function
    function.__annotations__ = {name: _checkable(hint) for name, hint in function.__annotations__.items()}
    checked: Function = _check(function)
    return checked


def _checkable(hint: object) -> object:
    """`hint`, or Any where nothing can be asked at run time: a Protocol may be meant for mypy alone."""
    try:
        is_bearable(None, hint)
    except BeartypeDecorHintException:
        return Any
    return hint
