"""Design tokens, light and dark: the one place colours, sizes and dashes come from.

The two Python pens read this file. The browser's style sheet (`static/cockpit.css`) names the same
values as custom properties; a test compares them. Blue and orange mean positive and negative pairs
and nothing else, and both are also told apart by solid and dashed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

__all__ = [
    "CLASSES",
    "DARK",
    "DASHES",
    "DIVERGING",
    "FONT",
    "LIGHT",
    "OPACITIES",
    "PLOT_HEIGHT",
    "SHAPES",
    "SIZES",
    "SPACES",
    "STROKES",
    "THEMES",
    "VIRIDIS",
    "Theme",
    "ThemeName",
    "contrast",
    "diverging",
    "viridis",
]

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True)
class Theme:
    """One set of colours. Field names are the token names."""

    ground: str
    ink: str
    second: str
    third: str
    hairline: str
    rule: str
    """The hairline on top of a panel, and axes."""
    action: str
    positive: str
    positive_text: str
    negative: str
    negative_text: str
    warning: str
    warning_text: str
    live: str
    reference: str
    ghost: str
    sequence_start: float
    """Where steps through time start on viridis: its dark end does not show on dark ground."""

    def colours(self) -> dict[str, str]:
        """Every colour by its token name."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "sequence_start"}

    def text(self, token: str) -> str:
        """The colour of words that belong to a token: lines and words need different contrast."""
        words = {"positive": self.positive_text, "negative": self.negative_text, "ink": self.ink}
        return words.get(token, self.second)


LIGHT = Theme(
    ground="#ffffff",
    ink="#15181b",
    second="#555b61",
    third="#70767c",
    hairline="#d9dcdf",
    rule="#aab0b6",
    action="#1976d2",
    positive="#0072b2",
    positive_text="#005f95",
    negative="#e69f00",
    negative_text="#8a5a00",
    warning="#d55e00",
    warning_text="#a84600",
    live="#007f5c",
    reference="#5f666c",
    ghost="#9aa1a8",
    sequence_start=0.0,
)

DARK = Theme(
    ground="#111314",
    ink="#e8eaec",
    second="#b3b8bd",
    third="#8f959b",
    hairline="#34393d",
    rule="#5b6268",
    action="#64b5f6",
    positive="#3d9fdc",
    positive_text="#6fb9e8",
    negative="#e69f00",
    negative_text="#eeb53c",
    warning="#ee7d2e",
    warning_text="#f59a5b",
    live="#2fb98d",
    reference="#a3a9af",
    ghost="#757c83",
    sequence_start=0.15,
)

THEMES: dict[str, Theme] = {"light": LIGHT, "dark": DARK}

FONT = '"Inter", "Helvetica Neue", "Segoe UI", Roboto, "DejaVu Sans Condensed", system-ui, sans-serif'
SIZES = {"small": 11, "body": 13, "large": 16}
SPACES = (4, 6, 8, 14, 20, 28)
STROKES = {"guide": 0.75, "axis": 1.0, "past": 1.25, "reference": 1.5, "now": 1.75, "severity": 3.0}
DASHES: dict[str, tuple[float, float] | None] = {
    "solid": None,
    "chance": (6, 4),
    "floor": (1, 3),
    "negative": (5, 3),
}
CLASSES: dict[str, tuple[str, ...]] = {
    "light": ("#e69f00", "#56b4e9", "#009e73", "#b8a800", "#0072b2", "#d55e00", "#cc79a7", "#30363b"),
    "dark": ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#3d9fdc", "#ee7d2e", "#cc79a7", "#d5d9dc"),
}
"""Classes on a map, in the order of Okabe and Ito, yellow and blue in a shade that shows on the ground. The one
exception to blue and orange meaning pairs, and each has a shape as well; `ghost` for what has no class."""
SHAPES = ("circle", "square", "triangle", "diamond", "inverted triangle", "cross", "bar", "pillar")
"""Shapes of the classes, in the same order."""
OPACITIES = {"fill": 0.16, "ridge": 0.2, "tint": 0.045}
PLOT_HEIGHT = 262
"""Height in px of the plots of a panel, the same for every panel, so that rows align."""

VIRIDIS = (
    (68, 1, 84),
    (72, 40, 120),
    (62, 74, 137),
    (49, 104, 142),
    (38, 130, 142),
    (31, 158, 137),
    (53, 183, 121),
    (109, 205, 89),
    (180, 222, 44),
    (253, 231, 37),
)
"""Ten even stops of viridis (van der Walt and Smith, CC0), joined linearly by every pen."""


def viridis(share: float, theme: Theme = LIGHT) -> str:
    """The colour at `share` of the way, 0 to 1, on the part of viridis that shows on this ground."""
    share = min(1.0, max(0.0, share))
    place = (theme.sequence_start + (1 - theme.sequence_start) * share) * (len(VIRIDIS) - 1)
    index = min(int(place), len(VIRIDIS) - 2)
    part = place - index
    mixed = (round(a + (b - a) * part) for a, b in zip(VIRIDIS[index], VIRIDIS[index + 1], strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


DIVERGING = {
    "light": ((110, 44, 140), (243, 243, 243), (20, 112, 58)),
    "dark": ((206, 140, 228), (44, 48, 51), (98, 198, 128)),
}
"""Less, nothing, more: purple to green, since blue and orange mean pairs. Joined linearly by every pen."""


def diverging(part: float, theme: Theme = LIGHT) -> str:
    """The colour at `part` from −1 (less) by 0 (nothing) to 1 (more)."""
    low, middle, high = DIVERGING["dark" if theme.sequence_start else "light"]
    part = min(1.0, max(-1.0, part))
    end = high if part > 0 else low
    mixed = (round(a + (b - a) * abs(part)) for a, b in zip(middle, end, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 (none) to 21 (black on white).

    Source: WCAG 2.2, "contrast ratio": (L1 + 0.05) / (L2 + 0.05), L the relative luminance in sRGB.
    """
    lights = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
