"""Rules of what batches hold: other classes for good, few classes at a time, samples more than once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import vergence as vg
from vergence.diagnosis.lens import Lens
from vergence.diagnosis.quantities import QUANTITIES
from vergence.diagnosis.rules import RULES
from vergence.record import History

NAMES = ("drift", "false negatives", "near duplicates", "noisy positives")
OURS = [rule for rule in RULES if rule.name in NAMES]
BATCH, LOOKS, CHANGE = 64, 40, 20
Draw = Callable[[int, np.random.Generator], NDArray[np.int64]]


def of(shares: NDArray[np.float64], draws: np.random.Generator) -> NDArray[np.int64]:
    return draws.multinomial(BATCH, shares / shares.sum())


def all_alike(look: int, draws: np.random.Generator) -> NDArray[np.int64]:
    del look
    return of(np.ones(10), draws)


def others_later(look: int, draws: np.random.Generator) -> NDArray[np.int64]:
    return of(np.repeat([1.0, 0.0] if look < CHANGE else [0.0, 1.0], 5), draws)


def fewer_later(look: int, draws: np.random.Generator) -> NDArray[np.int64]:
    return of(np.repeat([1.0, 1.0] if look < CHANGE else [1.0, 0.0], 5), draws)


def two_at_a_time(look: int, draws: np.random.Generator) -> NDArray[np.int64]:
    del look
    shares = np.zeros(10)
    shares[draws.choice(10, 2, replace=False)] = 1
    return of(shares, draws)


def a_tail(look: int, draws: np.random.Generator) -> NDArray[np.int64]:
    del look
    return of(np.geomspace(100, 1, 10), draws)


def many(look: int, draws: np.random.Generator) -> NDArray[np.int64]:
    """More classes than a batch has rows: two batches have little in common by chance alone."""
    del look
    return of(np.ones(100), draws)


def recorded(draw: Draw, *, negatives: bool = True) -> History:
    history, draws = History({"total_steps": 5 * LOOKS}), np.random.default_rng(0)
    for look in range(LOOKS):
        step = 5 * look + 1
        history.add_frames(step, {"similarity/z": ({"label_counts": draw(look, draws)}, {})})
        history.add_scalars(step, {"temperature/z/entropy_share": 0.5} if negatives else {"loss": 1.0})
    return history


def names(history: History, step: int | None = None) -> list[str]:
    return [finding.name for finding in vg.diagnose(history, step=step, rules=OURS)]


@pytest.mark.parametrize(
    ("draw", "found"),
    [(all_alike, []), (a_tail, []), (many, []), (others_later, ["drift"]), (fewer_later, ["drift"]),
     (two_at_a_time, ["false negatives"])],
)  # fmt: skip
def test_what_batches_hold(draw: Draw, found: list[str]) -> None:
    history = recorded(draw)
    for look in range(LOOKS):
        assert set(names(history, 5 * look + 1)) <= set(found)
    assert names(history) == found


def test_it_is_said_within_a_tenth_of_the_run_and_since_when() -> None:
    history = recorded(others_later)
    change = 5 * CHANGE + 1
    assert names(history, change - 1) == []
    (finding,) = vg.diagnose(history, step=change + 20, rules=OURS)
    assert change <= finding.since <= change + 20
    assert "for good" in finding.says


def test_a_loss_without_negatives_forgets_as_well() -> None:
    assert names(recorded(others_later, negatives=False)) == ["drift"]
    assert names(recorded(two_at_a_time, negatives=False)) == []


def drawn(copied: float) -> History:
    history = History({"total_steps": 200})
    for step in range(1, 200, 5):
        history.add_scalars(step, {"inputs/step/copied": copied, "inputs/step/copies": 3.0, "inputs/step/near": 6.0})
    return history


def test_what_was_drawn_says_outright_whether_there_are_copies() -> None:
    (finding,) = vg.diagnose(drawn(0.13), rules=OURS)
    assert finding.name == "near duplicates"
    assert finding.says.startswith("13% of the samples of a batch are in it once more")
    assert names(drawn(0.0)) == [], "views that are near to one another are no copies"


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("told", [1.0, 0.9])
def test_the_others_are_told_as_well_as_they_are(share: float, told: float) -> None:
    """Of a mixture the formula gives back what the right pairs read."""
    history = History()
    history.add_scalars(1, {"similarity/z/auc": (1 - share) * told + share / 2})
    lens = Lens(history, QUANTITIES | {"pairs/{place}/as_negatives": lambda lens, _: lens.series("as")})
    history.add_scalars(1, {"as": share})
    assert lens.last("pairs/z/others_apart") == pytest.approx(told)
