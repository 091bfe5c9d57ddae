"""8,000 steps as fast as the loop can go: the page keeps up, and is not flooded."""

from __future__ import annotations

import time

import pytest

from tests.drivers.page import Page
from tests.drivers.test_matrix import KERNELS

STEPS = 8_000
FRAMES_A_SECOND = 6
"""Four ticks, and a frame at once when the run starts, ends or a control is answered."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "begin", ["flood({0})", "handle = m.background(lambda: flood({0}))"], ids=["own loop", "m.background"]
)
@pytest.mark.parametrize("kernel", KERNELS, indirect=True)
def test_the_last_step_is_shown(page: Page, begin: str) -> None:
    cockpit = page.show("own_loop(); handle = None")
    before = len(cockpit.frames)
    began = time.monotonic()
    cell = page.begin(begin.format(STEPS))
    page.wait(lambda: cell.done_at, "the cell's end", 120)
    assert not cell.error
    page.run("handle and handle.wait()")
    ended = time.monotonic()
    page.wait(lambda: cockpit.shows("finished", STEPS), "the last step on the page", 2)
    assert len(cockpit.frames) - before <= FRAMES_A_SECOND * (ended - began) + 3
    assert [frame.content["seq"] for frame in cockpit.frames] == list(range(1, len(cockpit.frames) + 1))
