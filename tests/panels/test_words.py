"""What every panel says, in every story: references, both ends, numbers a person can read, no words on words."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.panels import story, weighing
from tests.panels.reading import layers, texts
from vergence_widgets.panels import PANELS, every, place
from vergence_widgets.panels.spec import Label, Panel, Plot, fixed, number
from vergence_widgets.theme import PLOT_HEIGHT

BAD = re.compile(r"\b(nan|none|inf|infinity|undefined|null)\b|e-0|(?<![a-z])-\d", re.IGNORECASE)
STEPS = (1, 2, 3, 12, 40, 131, 400, 619, 620, 622, 640, 900, 1203, 1204, 1210, 1300, 1482)


def stories():
    for last in STEPS:
        yield f"simclr {last}", story.simclr(last, every=1 if last < 40 else 6)
    yield "no labels", story.simclr(300, labels=False)
    yield "one view", story.simclr(300, views=1)
    yield "vicreg", story.vicreg()
    yield "own loop", story.own_loop()
    yield "weights", weighing.run(240)
    yield "weights, early", weighing.run(12)
    yield "nothing", story.Clocked({"total_steps": None})


@pytest.fixture(scope="module")
def drawn() -> list[tuple[str, Panel]]:
    return [(name, panel) for name, history in stories() for panel in every(history).values()]


def boxes(plot: Plot) -> list[tuple[str, tuple[float, float, float, float]]]:
    height = plot.share * PLOT_HEIGHT - (18 if plot.y.name else 5) - ((34 if plot.x.name else 20) if plot.show_x else 5)
    room = place.Places(plot.x, plot.y, height)
    return [
        (label.text, room.box(label.x, label.y, place.text_width(label.text, label.bold), label.anchor))
        for label in layers(plot, Label)
    ]


def test_panels_are_in_reading_order():
    nouns = ["loss", "similarity", "temperature", "spectrum", "projection", "hypersphere", "attention", "probes"]
    assert list(PANELS) == [*nouns, "pairs"]


def test_no_panel_breaks_on_any_story(drawn):
    assert [name for name, panel in drawn if panel.state == "failed"] == []


def test_a_value_has_its_reference(drawn):
    for name, panel in drawn:
        if panel.plots:
            assert panel.headline is not None, name
            assert panel.headline.text, name
            assert panel.headline.reference, name


def test_both_ends_are_one_sentence_each(drawn):
    for name, panel in drawn:
        if panel.plots:
            assert all(re.fullmatch(r"[A-Z].+\.", end) for end in panel.ends), (name, panel.ends)


def test_a_summary_is_one_line_with_the_step(drawn):
    for name, panel in drawn:
        if panel.plots:
            assert "\n" not in panel.summary
            assert f"step {panel.step:,}" in panel.summary, name


def test_the_table_is_even_and_filled(drawn):
    for name, panel in drawn:
        if panel.plots:
            assert panel.table.rows, name
            assert {len(row) for row in panel.table.rows} == {len(panel.table.columns)}


def test_a_panel_without_a_picture_says_what_it_needs(drawn):
    for name, panel in drawn:
        if not panel.plots:
            assert panel.state in ("empty", "loading"), name
            assert panel.message.endswith("."), name


def test_nothing_unreadable_is_in_view(drawn):
    bad = [(name, text) for name, panel in drawn for text in texts(panel) if BAD.search(text)]
    assert bad == []


def test_axes_have_names_ticks_and_labels(drawn):
    for name, panel in drawn:
        for plot in panel.plots:
            assert plot.y.name or plot.key == "ridge", name
            for axis in (plot.x, plot.y):
                assert len(axis.ticks) >= (1 if plot.key == "ridge" else 2), (name, plot.key)
                assert axis.tick_labels is None or len(axis.tick_labels) == len(axis.ticks)
                low, high = sorted((axis.low, axis.high))  # an index counts downwards
                assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in axis.ticks), (name, plot.key)
            if plot.show_x:
                assert plot.x.name or (plot.x.tick_labels or ("",))[-1].endswith((" steps", ", cosine")), name


def test_shares_fill_the_panel(drawn):
    for name, panel in drawn:
        if panel.plots:
            assert sum(plot.share for plot in panel.plots) == pytest.approx(1), name


def test_words_do_not_stand_on_words(drawn):
    clashes = []
    for name, panel in drawn:
        for plot in panel.plots:
            for (one, a), (other, b) in itertools.combinations(boxes(plot), 2):
                if a[0] < b[2] - 3 and b[0] < a[2] - 3 and a[1] < b[3] - 3 and b[1] < a[3] - 3:
                    clashes.append((name, plot.key, one, other))
    assert clashes == []


def test_drawing_again_gives_the_same_panel():
    history = story.simclr(200)
    first, second = every(history), every(history)
    for noun in PANELS:
        assert list(texts(first[noun])) == list(texts(second[noun]))


def test_one_panel_that_raises_leaves_the_others(monkeypatch):
    def broken(*_args, **_kwargs):
        raise KeyError("dim")

    monkeypatch.setitem(PANELS, "similarity", broken)
    panels = every(story.simclr(30))
    assert [panels[noun].state for noun in ("loss", "similarity", "hypersphere")] == ["live", "failed", "live"]
    assert panels["similarity"].message == "Failed at step 30: KeyError: 'dim'"


def test_the_places_know_the_height_of_a_panel():
    assert place.PANEL == PLOT_HEIGHT


@pytest.mark.parametrize(
    ("value", "text"),
    [(-3.2345, "−3.23"), (1482.0, "1,482"), (0.00213, "0.0021"), (0.0, "0.00"), (float("nan"), "not finite")],
)
def test_numbers_for_people(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(-0.001, "0.00"), (0.998, "1.00"), (-0.126, "−0.13"), (None, "unknown")])
def test_numbers_of_a_known_size(value, text):
    assert fixed(value) == text
