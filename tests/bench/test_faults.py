"""The fault benchmark: what it keeps, how it counts, and that the two halves have nothing in common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench import faults
from bench.faulty import attending, kept, made, own, plan, scoring, sources, table, trained
from bench.faulty.accepted import HARMLESS, NAMES, accepted
from bench.faulty.case import HEALTHY, Case
from bench.faulty.methods import METHODS
from vergence import errors
from vergence.lab.table import FAULTS
from vergence.record import History

SOUND = Case(HEALTHY, "SimCLR", "latent factors", 7, steps=100)
WRONG = replace(SOUND, fault="shuffled pairs", at=41)
UNPAIRED = ("unpaired positives", "failure")
ODD = ("cone", "warning")


def heard(case, said, probe=None):
    """`said` by checkpoint; nothing at the others."""
    return scoring.Heard(case, {step: said.get(step, []) for step in case.checkpoints}, probe, "stamp")


def test_a_history_comes_back_as_it_was(tmp_path):
    history = History({"name": "a", "total_steps": 9, "controls": [{"name": "t", "ticks": (1, 2)}]})
    history.describe({"reference/factor/class": np.arange(4)})
    for step in (1, 2, 5):
        history.add_scalars(step, {"loss": 1 / step})
    history.add_scalars(5, {"similarity/z/auc": 0.5, "never": float("nan")})
    wide = np.zeros(kept.LARGEST + 1, np.uint8)
    history.add_frames(5, {"gradients": ({"norms": np.float32([1, 2]), "wide": wide}, {"states": ["alive", "dead"]})})
    history.add_event("mark", 5, what="nonfinite", text="loss is nan")
    kept.save(tmp_path / "one.history", history, {"fault": "none"})
    again, about = kept.load(tmp_path / "one.history")
    assert about == {"fault": "none"} == kept.about(tmp_path / "one.history")
    assert set(again.scalar_keys()) == set(history.scalar_keys())
    for key in history.scalar_keys():
        np.testing.assert_array_equal(again.scalar(key).steps, history.scalar(key).steps)
        np.testing.assert_array_equal(again.scalar(key).values, history.scalar(key).values)
    frame = again.frame("gradients")
    assert frame.step == 5
    assert frame.meta == {"states": ["alive", "dead"]}
    assert list(frame.arrays) == ["norms"], "what is large is left out"
    assert frame.arrays["norms"].tolist() == [1, 2]
    assert again.arrays["reference/factor/class"].tolist() == [0, 1, 2, 3]
    assert again.static["total_steps"] == 9
    assert [(event.kind, event.step, event.data["text"]) for event in again.events()] == [("mark", 5, "loss is nan")]
    assert not list(tmp_path.glob("*.part"))


def test_the_interval_is_the_one_of_the_tables():
    assert table.wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert table.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert table.wilson(0, 0) == (0, 1)
    assert table.counted([True, False]) == "1 of 2, 50 % (9 % to 91 %)"


def test_what_the_healthy_twin_says_too_is_no_detection():
    late = {step: [ODD] for step in SOUND.checkpoints if step >= 60}
    assert not scoring.score(heard(WRONG, late), heard(SOUND, {80: [ODD]})).detected
    found = scoring.score(heard(WRONG, late), heard(SOUND, {}))
    assert found.detected
    assert not found.named
    assert found.first == "cone"
    assert found.latency == pytest.approx((60 - 41 + 1) / 100)
    assert found.told is None


def test_the_twin_of_labels_that_are_too_coarse_is_not_given_them():
    wrong = replace(SOUND, fault="coarse labels", method="SupCon")
    assert (wrong.twin.fault, wrong.twin.method) == (HEALTHY, "SimCLR")
    assert replace(wrong, fault="shuffled pairs").twin.method == "SupCon"


def test_what_comes_before_the_fault_does_not_count():
    early = {step: [UNPAIRED] for step in SOUND.checkpoints if step < 41}
    found = scoring.score(heard(WRONG, early), heard(SOUND, {}))
    assert not found.detected
    assert found.told is None


def test_named_is_first_at_most_checkpoints():
    since = [step for step in WRONG.checkpoints if step >= 44]
    both = {step: [ODD, UNPAIRED] for step in since}
    found = scoring.score(heard(WRONG, both, probe=0.5), heard(SOUND, {}, probe=0.75))
    assert (found.detected, found.named, found.in_two) == (True, False, True)
    assert found.harm == 0.25
    found = scoring.score(heard(WRONG, both | {step: [UNPAIRED] for step in since[:-4]}), heard(SOUND, {}))
    assert found.named
    flash = {since[0]: [UNPAIRED]}
    assert not scoring.score(heard(WRONG, flash), heard(SOUND, {})).named, "gone at once"


def test_a_note_is_no_false_alarm():
    noted, alarmed = heard(SOUND, {40: [("long tail", "note")]}), heard(SOUND, {40: [ODD]})
    assert noted.alarms() == set()
    said = table.healthy([noted, alarmed])
    assert "1 of 2, 50 %" in said
    assert "| cone | alarm | 1 |" in said
    assert "| long tail | note | 1 |" in said


def test_calibration_never_sees_what_is_said_to_be_unseen():
    calibration, scored = plan.calibration(3), plan.scored(full=True)
    assert not {case.seed for case in calibration} & {case.seed for case in scored}
    assert not {case.method for case in calibration} & set(plan.UNSEEN_METHODS)
    # `views drown half of the axes` brings data of its own, whatever stands beside it.
    usual = [case for case in calibration if case.fault != "views drown half of the axes"]
    assert not {case.data for case in usual} & set(plan.UNSEEN_DATA)
    assert not {case.fault for case in calibration} & set(plan.UNSEEN_FAULTS)
    assert {case.method for case in scored} >= set(plan.UNSEEN_METHODS)
    assert {case.data for case in scored} >= set(plan.UNSEEN_DATA)


def test_the_short_plan_has_every_fault_and_enough_healthy_runs():
    short = plan.scored()
    assert {case.fault for case in short} == {HEALTHY, *NAMES}
    healthy = [case for case in short if case.fault == HEALTHY]
    assert len(healthy) >= 150
    assert {case.batch for case in healthy} >= {32, 512}
    assert {case.temperature for case in healthy} >= {0.07, 1.0}
    assert {case.twin for case in short} <= set(short)
    assert len({case.name for case in plan.scored(full=True)}) == len(plan.scored(full=True))


def test_every_fault_has_a_name_and_every_name_a_fault():
    there = {*FAULTS, *made.MADE, *own.LOOPS, *attending.LOOPS}
    assert set(NAMES) == there
    assert set(HARMLESS) <= there
    assert accepted("same view twice") == ("identical views", "views too weak")
    for case in plan.scored(full=True):
        assert case.method in METHODS or case.method in trained.OWN
        assert case.data in sources.DATA


def test_a_case_that_makes_no_sense_is_said_and_not_kept(tmp_path):
    case = Case("no Sinkhorn", "SimCLR", "digits", 0, steps=2)
    assert "its loss has no Sinkhorn" in trained.record(case, tmp_path, "stamp")
    assert not list(tmp_path.iterdir())
    with pytest.raises(errors.UnknownName, match="shuffled pairs"):
        trained.train(replace(case, fault="shufled pairs"))


def test_a_finished_run_is_never_made_again_and_one_of_other_sources_is(tmp_path, monkeypatch, capsys):
    cases = [
        Case(fault, "SimCLR", "subclasses", 0, steps=2, every=2, batch=16) for fault in (HEALTHY, "same view twice")
    ]
    directory = tmp_path / "faults" / "scored"
    assert faults.missing(cases, directory, "now", as_recorded=False) == cases
    for case in cases:
        assert trained.record(case, directory, "now") == ""
    assert faults.missing(cases, directory, "now", as_recorded=False) == []
    assert faults.missing(cases, directory, "later", as_recorded=False) == cases
    assert faults.missing(cases, directory, "later", as_recorded=True) == []
    monkeypatch.setattr(plan, "scored", lambda _full: cases)
    faults.main(["--rescore", "--workers", "1", "--results", str(tmp_path)])
    said = capsys.readouterr().out
    assert "2 of 2 runs of this plan are recorded, 2 of them by other sources" in said
    assert "| same view twice | identical views |" in said
    assert (tmp_path / "faults.md").read_text() == said[:-1]


def test_the_sources_that_a_record_depends_on_leave_the_rules_out():
    assert faults.stamp() == faults.stamp()
    files = {path.name for path in faults.sources()}
    assert {"simclr.py", "own.py", "history.py"} <= files
    assert not {"diagnose.py", "complete_collapse.py", "scoring.py", "accepted.py"} & files


OWN = [*own.LOOPS, *attending.LOOPS]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [HEALTHY, *OWN])
def test_every_loop_of_ones_own_trains(fault):
    data, method = "latent factors", own.UNKNOWN if fault == HEALTHY else "own loop"
    if fault in attending.LOOPS:
        data, method = "digits", "own transformer"
    if fault == "own: modality gap":
        data, method = "two towers", "own towers"
    case = Case(fault, method, data, 0, at=5, steps=12, every=4, batch=32)
    history, sound = trained.train(case), trained.train(case.twin)
    assert [event.data for event in history.events("failed")] == []
    assert len(history.scalar("loss").values) == 12
    # Losses until the fault: one is of other data, and an optimiser is made before the first step.
    same = {"own: forgetting": 0, "own: another model in the optimiser": 1}.get(fault, 4)
    np.testing.assert_array_equal(history.scalar("loss").values[:same], sound.scalar("loss").values[:same])
    if fault != HEALTHY:
        assert history.scalar("loss").values[4:].tolist() != sound.scalar("loss").values[4:].tolist()
