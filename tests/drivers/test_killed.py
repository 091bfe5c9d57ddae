"""kill -9 of the kernel: the run directory opens with everything up to two seconds before."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import vergence
from tests.drivers.conftest import opened
from tests.drivers.scenes import BACKGROUND_RUN
from tests.drivers.test_matrix import KERNELS, begun

LOST_SECONDS = 2.0


@pytest.mark.slow
@pytest.mark.parametrize("version", KERNELS)
def test_everything_up_to_two_seconds_before_is_there(version: str, tmp_path: Path) -> None:
    page = opened(version, tmp_path)
    try:
        cockpit, _ = begun(page, BACKGROUND_RUN)
        folder = tmp_path / page.run("print(run.directory, end='')").printed
        moved = page.answer(cockpit, page.move(cockpit, "temperature", 0.1))[1]
        answered = time.monotonic()
        page.wait(lambda: time.monotonic() - answered > LOST_SECONDS + 1, "time to pass")
        killed = time.monotonic()
        page.kill()
        seen = [frame for frame in cockpit.frames if frame.at < killed - LOST_SECONDS][-1]
        page.wait(lambda: not page.manager.is_alive(), "the kernel to be gone")
    finally:
        page.close()
    with vergence.open(folder, follow=False) as found:
        history = found.history
        assert history.state == "stopped"
        assert history.last_step >= seen.header["step"] > 10
        steps = history.scalar("loss").steps
        np.testing.assert_array_equal(steps, np.arange(1, len(steps) + 1))
        assert len(steps) >= seen.header["step"]
        change = history.events("control")[-1]
        assert (change.step, change.data["new"]) == (moved["step"], 0.1)
        shown = [panel["step"] for panel in seen.content["panels"].values() if panel["noun"] == "similarity"]
        assert not shown or history.frames("similarity/z")[-1] >= max(shown)
