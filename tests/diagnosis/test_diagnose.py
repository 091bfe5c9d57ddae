"""The engine: when a finding opens, since when, on what, and what is said where nothing can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vergence as vg
from vergence import errors
from vergence.diagnosis import Apart, Remedy, Rule, Sign, diagnose
from vergence.diagnosis.confidence import confidence

LOW = Sign("spectrum/{place}/std", "spread of {place}", healthy=(0.5, 1.0), below=0.2)


def rule(*signs: Sign, name: str = "flat", **more: object) -> Rule:
    settings: dict[str, object] = {
        "severity": "warning", "says": "It is {spectrum/{place}/std:.2f}.", "remedies": (Remedy("Look."),),
        "source": "here",
    }  # fmt: skip
    return Rule(name, signs=signs, **{**settings, **more})  # type: ignore[arg-type]


def record(**columns: list[float]) -> vg.History:
    history = vg.History()
    for index in range(max(map(len, columns.values()))):
        for key, values in columns.items():
            if index < len(values):
                history.add_scalars(10 * index, {key.replace("__", "/"): values[index]})
    return history


def test_it_opens_where_the_number_came_to_lie_there_and_says_what_it_was() -> None:
    history = record(spectrum__z__std=[0.9, 0.8, 0.1, 0.1, 0.05])
    (found,) = diagnose(history, rules=[rule(LOW)])
    assert (found.name, found.since, found.says) == ("flat", 20, "It is 0.05.")
    (evidence,) = found.evidence
    assert (evidence.key, evidence.panel, evidence.value, evidence.before) == ("spectrum/z/std", "spectrum", 0.05, 0.8)
    assert (evidence.low, evidence.high) == (0.5, 1.0)
    assert "0.05" in evidence.words
    assert "0.5 to 1" in evidence.words


def test_one_measurement_is_not_enough_unless_it_is_all_there_is() -> None:
    history = record(spectrum__z__std=[0.9, 0.1])
    assert not diagnose(history, rules=[rule(LOW)]).findings
    assert diagnose(history, rules=[rule(LOW)], once=True).findings
    assert not diagnose(record(spectrum__z__std=[0.1, 0.1, 0.9, 0.1]), rules=[rule(LOW)]).findings


def test_an_earlier_step_is_judged_by_what_was_known_then() -> None:
    history = record(spectrum__z__std=[0.9, 0.1, 0.1, 0.1])
    assert not diagnose(history, step=10, rules=[rule(LOW)]).findings
    assert diagnose(history, step=20, rules=[rule(LOW)]).findings[0].since == 10


def test_every_sign_must_hold_and_a_neighbour_is_told_apart_by_its_own() -> None:
    rank = Sign("spectrum/{place}/rank", "rank of {place}", healthy=(10, None), above=3.0)
    told = rule(LOW, apart=(Apart("something else", rank),))
    history = record(spectrum__z__std=[0.1] * 4, spectrum__z__rank=[9.0, 9.0, 2.0, 2.0])
    assert not diagnose(history, rules=[told]).findings
    (found,) = diagnose(history, step=10, rules=[told])
    assert found.apart == (("something else", "rank of z: 9; healthy: 10 or more"),)


def test_a_cause_lists_what_it_explains() -> None:
    cause = rule(LOW, name="cause", explains=("effect",), severity="note")
    found = diagnose(record(spectrum__z__std=[0.1] * 3), rules=[rule(LOW, name="effect", severity="failure"), cause])
    assert [(finding.name, finding.comes_with) for finding in found] == [("cause", ("effect",))]


def test_the_worst_comes_first() -> None:
    made = [rule(LOW, name=name, severity=name) for name in ("note", "failure", "warning")]
    found = diagnose(record(spectrum__z__std=[0.1] * 3), rules=made)
    assert [finding.name for finding in found] == ["failure", "warning", "note"]


def test_a_band_of_the_record_decides_where_a_rule_names_none() -> None:
    inside = rule(Sign("lidar/{place}/within", "within", null="inside"))
    history = record(lidar__z__within=[1.0] * 3)
    assert not diagnose(history, rules=[inside]).findings
    history.add_scalars(30, {"lidar/z/within_null_low": 0.9, "lidar/z/within_null_high": 1.1, "lidar/z/within": 1.0})
    (found,) = diagnose(history, rules=[inside])
    assert found.evidence[0].low == 1.1


def test_compared_with_its_own_past() -> None:
    halved = rule(Sign("spectrum/{place}/std", "of its highest", over="highest", below=0.5, healthy=(0.8, None)))
    assert diagnose(record(spectrum__z__std=[0.2, 1.0, 0.4, 0.4]), rules=[halved]).findings[0].since == 20
    assert not diagnose(record(spectrum__z__std=[0.2, 0.2, 0.4, 0.4]), rules=[halved]).findings


def test_what_could_not_be_checked_says_what_it_lacks() -> None:
    history = vg.History({"not_measured": {"lidar/z": "lidar needs two views of a sample."}})
    history.add_scalars(1, {"loss": 1.0})
    lacks = rule(Sign("lidar/{place}/within", "within", above=1.0), name="narrow")
    found = diagnose(history, rules=[rule(LOW), lacks, rule(LOW, name="shortcut", otherwise="cannot be excluded")])
    assert found.healthy
    assert found.checked == ()
    assert found.not_checked["narrow"] == "lidar needs two views of a sample."
    assert "spectrum/z/std" in found.not_checked["flat"]
    assert found.not_checked["shortcut"] == "cannot be excluded"
    assert "nothing found; 0 checks, 3 not possible" in str(found)


def test_gaps_are_no_numbers() -> None:
    history = record(spectrum__z__std=[0.9, float("nan"), 0.1, float("nan"), 0.1])
    assert diagnose(history, rules=[rule(LOW)]).findings[0].since == 20


def test_what_is_no_history_is_refused() -> None:
    with pytest.raises(errors.ArgumentError, match=r"run\.history"):
        diagnose(np.zeros(3))  # type: ignore[arg-type]


def test_a_sign_asks_exactly_one_thing() -> None:
    with pytest.raises(errors.ArgumentError, match="exactly one"):
        Sign("loss", "loss")
    with pytest.raises(errors.ArgumentError, match="below and above"):
        Sign("loss", "loss", below=1.0, above=2.0)


@given(st.lists(st.floats(-1, 2) | st.just(float("nan")), min_size=1, max_size=30))
def test_a_finding_dates_itself_to_the_last_time_it_began(values: list[float]) -> None:
    history = record(spectrum__z__std=values)
    sound = [(10 * index, value) for index, value in enumerate(values) if np.isfinite(value)]
    run = 0
    while run < len(sound) and sound[-1 - run][1] < 0.2:
        run += 1
    found = diagnose(history, rules=[rule(LOW)]).findings
    assert [finding.since for finding in found] == ([sound[-run][0]] if run >= 2 else [])


@given(st.floats(0, 0.19), st.floats(0, 0.19), st.integers(0, 3))
def test_further_out_is_surer(one: float, other: float, also: int) -> None:
    low, high = sorted((one, other))
    assert 0.6 <= confidence([(LOW, high)], 0, 3) <= confidence([(LOW, low)], 0, 3) <= 0.98
    assert confidence([(LOW, low)], 0, 3) <= confidence([(LOW, low)], also, 3) <= 0.98
