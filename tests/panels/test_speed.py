"""A spec is made four times a second beside training, in the same process: it has to be cheap."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.panels import story
from vergence_widgets.panels import PANELS

# Targets are 1.5 ms at 2,000 steps and 4 ms at 100,000 on a quiet core. Tests run on busy ones, so the best
# of many tries is compared, in time of this thread, with room: what they catch is work that grows with the run.
SHORT_MS = 3.0
LONG_MS = 9.0


def best_ms(noun: str, history: story.Clocked) -> float:
    PANELS[noun](history)
    found = []
    for _ in range(25):
        began = time.thread_time()
        PANELS[noun](history)
        found.append(time.thread_time() - began)
    return 1000 * min(found)


@pytest.fixture(scope="module")
def long() -> story.Clocked:
    history = story.Clocked({"total_steps": None})
    history.describe(loss_words={"chance": "ln 511", "floor": "τ 0.2"}, dim=128)
    history.add_event("state", 0, state="live")
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, 100_001).tolist()
    history.add_scalars(1, {"loss/chance": story.CHANCE, "loss/floor": 1.57})
    for step in range(1, 100_001):
        wave = noise[step]
        scalars = {"loss": 3 + wave, "loss/pull": -4 + wave, "loss/push": 7.0}
        scalars |= {"hypersphere/z/alignment": 0.3 + wave, "hypersphere/z/uniformity": -3 + wave}
        history.add_scalars(step, scalars)
        if step % 250 == 0:
            story.add_similarity(history, step, rng, state=story.at(1000))
        if step % 5000 == 0:
            history.add_event("control", step, name="temperature", old=0.2, new=0.3, label="τ 0.2 → 0.3")
    return history


@pytest.mark.parametrize("noun", PANELS)
def test_two_thousand_steps(noun):
    assert best_ms(noun, story.simclr(2000)) < SHORT_MS


@pytest.mark.parametrize("noun", PANELS)
def test_a_hundred_thousand_steps(noun, long):
    assert best_ms(noun, long) < LONG_MS
