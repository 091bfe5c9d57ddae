"""How a finding says its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

from vergence.diagnosis.lens import Lens
from vergence.diagnosis.rule import Sign

__all__ = ["filled", "healthy_range", "number"]


def number(value: float, form: str = ".3g") -> str:
    """Two or three significant digits, a real minus, thousands apart."""
    if abs(value) >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:{form}}"
        text = f"{float(text):g}" if "e" in text and 1e-4 <= abs(value) < 1000 else text
    return text.replace("-", "−")


def filled(text: str, place: str, last: Callable[[str], float | str | None]) -> str:
    """`{place}` and `{key}` or `{key:format}` replaced; a number that is missing reads "unknown"."""

    def value(found: re.Match[str]) -> str:
        key, _, form = found[1].partition(":")
        read = last(key)
        if isinstance(read, str):
            return read
        return "unknown" if read is None else number(read, form or ".3g")

    return re.sub(r"\{([^{}]+)\}", value, text.replace("{place}", place))


def healthy_range(sign: Sign, lens: Lens, place: str) -> tuple[float | None, float | None]:
    """Where the number lies in a sound run: as the rule says, or outside its null band."""
    if sign.null is None or sign.healthy != (None, None):
        return sign.healthy
    key = sign.key.format(place=place)
    low, high = lens.last(f"{key}_null_low"), lens.last(f"{key}_null_high")
    return (high, None) if sign.null in ("inside", "below") else (None, low)
