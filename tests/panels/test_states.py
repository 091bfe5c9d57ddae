"""Which state a panel is in: what concerns all panels alike."""

from __future__ import annotations

import pytest

from tests.panels import story
from vergence_widgets.panels import PANELS
from vergence_widgets.panels.spec import number


@pytest.mark.parametrize("noun", ["similarity", "hypersphere"])
def test_a_failure_at_another_place_is_not_this_panels(noun):
    history = story.simclr(200)
    history.add_event("failed", 201, what="metric", name=f"{noun}/h", why="h is (256, 8, 4, 4)")
    assert PANELS[noun](history, place="z").state == "live"
    history.add_event("failed", 201, what="metric", name=f"{noun}/z", why="1 row, 2 are needed")
    failed = PANELS[noun](history, place="z")
    assert failed.state == "failed"
    assert "1 row, 2 are needed" in failed.message


@pytest.mark.parametrize(
    ("value", "text"), [(9.2e-16, "0.00"), (-1e-12, "0.00"), (0.0021, "0.0021"), (-3.234, "−3.23")]
)
def test_what_is_as_good_as_nothing_is_written_as_nothing(value, text):
    assert number(value) == text
