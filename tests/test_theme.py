"""Tokens: contrast, and the same values in the browser's style sheet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vergence_widgets import theme

WIDGETS = Path(__file__).parents[1] / "widgets"
WORDS = ("ink", "second", "third", "action", "positive_text", "negative_text", "warning_text", "live")
LINES = ("positive", "negative", "warning", "reference", "ghost", "ink")
# Orange is fixed for negatives everywhere and reaches 2.2 on white; the ghost is meant to stand back and reaches
# 2.6. Both are also told apart without colour: by dash and fill, and by width, each with its words beside it.
TOLD_APART = {("light", "negative"), ("light", "ghost")}


def declared(text: str, selector: str) -> dict[str, str]:
    """Custom properties of the first rule with this selector; the fallback where one is a var()."""
    body = re.search(re.escape(selector) + r"\s*\{(.*?)\}", text, re.DOTALL)
    assert body, f"no rule {selector}"
    found = {}
    for name, value in re.findall(r"--vg-([a-z-]+):\s*([^;]+);", body[1]):
        colour = re.search(r"#[0-9a-fA-F]{3,6}", value)
        if colour:
            found[name.replace("-", "_")] = long_form(colour[0])
    return found


def long_form(colour: str) -> str:
    colour = colour.lower()
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])


@pytest.mark.parametrize("name", theme.THEMES)
@pytest.mark.parametrize("token", WORDS)
def test_words_reach_4_5(name, token):
    tokens = theme.THEMES[name]
    assert theme.contrast(getattr(tokens, token), tokens.ground) >= 4.5


@pytest.mark.parametrize("name", theme.THEMES)
@pytest.mark.parametrize("token", LINES)
def test_lines_that_carry_data_reach_3_or_are_told_apart_without_colour(name, token):
    tokens = theme.THEMES[name]
    reaches = theme.contrast(getattr(tokens, token), tokens.ground) >= 3
    assert reaches != ((name, token) in TOLD_APART)


@pytest.mark.parametrize("name", theme.THEMES)
def test_positives_and_negatives_differ_in_grey(name):
    tokens = theme.THEMES[name]
    assert theme.DASHES["negative"] != theme.DASHES["solid"]
    assert theme.contrast(tokens.positive, tokens.negative) > 1.25


@pytest.mark.parametrize(("one", "other", "ratio"), [("#ffffff", "#000000", 21), ("#777777", "#777777", 1)])
def test_contrast_of_known_pairs(one, other, ratio):
    assert theme.contrast(one, other) == pytest.approx(ratio)
    assert theme.contrast(other, one) == pytest.approx(ratio)


def test_contrast_of_a_grey_with_a_published_value():
    assert theme.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize(("name", "selector"), [("light", ".vergence"), ("dark", ".vergence[data-scheme=dark]")])
def test_the_style_sheet_has_the_same_values(name, selector):
    css = (WIDGETS / "vergence_widgets/static/cockpit.css").read_text(encoding="utf-8").replace('"', "")
    in_browser = declared(css, selector)
    for token, value in theme.THEMES[name].colours().items():
        assert in_browser.get(token) == value, token


def test_the_browser_has_the_same_sequence_and_dashes():
    script = (WIDGETS / "front/src/theme.ts").read_text(encoding="utf-8")
    stops = re.findall(r"\[(\d+), (\d+), (\d+)\]", script.partition("const VIRIDIS")[2].partition("];")[0])
    assert [tuple(map(int, stop)) for stop in stops] == list(theme.VIRIDIS)
    assert f"DARK_START = {theme.DARK.sequence_start}" in script
    for name, pattern in theme.DASHES.items():
        if pattern is not None:
            assert f"{name}: [{pattern[0]:g}, {pattern[1]:g}]" in script


def test_the_sequence_starts_later_on_dark_ground_and_ends_alike():
    assert theme.viridis(0.0) == "#440154"
    assert theme.viridis(1.0) == theme.viridis(1.0, theme.DARK) == "#fde725"
    assert theme.contrast(theme.viridis(0.0, theme.DARK), theme.DARK.ground) > theme.contrast("#440154", "#111314")


def test_words_take_the_shade_that_can_be_read():
    assert theme.LIGHT.text("negative") == theme.LIGHT.negative_text
    assert theme.LIGHT.text("ghost") == theme.LIGHT.second


# Orange and sky are those of Okabe and Ito, yellow is the darkest that is still yellow, and on dark ground all reach 3.
CLASSES_TOLD_BY_SHAPE = {("light", 0), ("light", 1), ("light", 3)}


@pytest.mark.parametrize("name", theme.THEMES)
@pytest.mark.parametrize("index", range(len(theme.SHAPES)))
def test_classes_reach_3_or_are_told_by_their_shape(name, index):
    found = theme.contrast(theme.CLASSES[name][index], theme.THEMES[name].ground)
    assert (found >= 3) != ((name, index) in CLASSES_TOLD_BY_SHAPE)
    assert found >= 2


def test_every_class_has_a_colour_and_a_shape_of_its_own():
    assert len(set(theme.SHAPES)) == len(theme.SHAPES)
    for name in theme.THEMES:
        assert len(set(theme.CLASSES[name])) == len(theme.SHAPES)
        assert theme.THEMES[name].ghost not in theme.CLASSES[name]


@pytest.mark.parametrize(("name", "selector"), [("light", ".vergence"), ("dark", '.vergence[data-scheme="dark"]')])
def test_the_browser_has_the_same_classes_and_shapes(name, selector):
    css = (WIDGETS / "front/src/style/tokens.css").read_text(encoding="utf-8")
    body = re.search(re.escape(selector) + r"\s*\{(.*?)\}", css, re.DOTALL)
    assert body
    found = dict(re.findall(r"--vg-class-(\d): (#\w+);", body[1]))
    assert [found[str(index)] for index in range(len(theme.SHAPES))] == list(theme.CLASSES[name])
    script = (WIDGETS / "front/src/pen/cloud_shapes.ts").read_text(encoding="utf-8")
    listed = re.search(r"export const SHAPES = \[(.*?)\]", script, re.DOTALL)
    assert listed
    assert tuple(re.findall(r'"([^"]+)"', listed[1])) == theme.SHAPES
