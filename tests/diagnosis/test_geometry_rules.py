"""The rules of the geometry on made records, and what must not be mixed up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import vergence as vg
from vergence.diagnosis.finding import Finding
from vergence.diagnosis.lens import Lens
from vergence.diagnosis.quantities import QUANTITIES
from vergence.diagnosis.rules import RULES
from vergence.record import History

GEOMETRY = {
    "complete collapse", "slow collapse", "dimensional collapse", "class collapse", "prototype collapse", "cone",
    "norm explosion", "not finite", "modality gap", "drift", "worse than input", "dead attention heads",
    "attention sink", "long tail", "teacher uniform", "teacher one-hot",
}  # fmt: skip
OURS = [rule for rule in RULES if rule.name in GEOMETRY]


def found(history: History, *, step: int | None = None, once: bool = False) -> dict[str, Finding]:
    """What the rules of the geometry find, by name."""
    return {one.name: one for one in vg.diagnose(history, step=step, rules=OURS, once=once)}


STEPS = 300
EVERY = 6
SOUND = {
    "spectrum/z/std": 0.95, "spectrum/z/rank": 22.0, "spectrum/z/rank_centred": 22.0, "spectrum/z/ceiling": 31.5,
    "spectrum/z/participation": 12.0, "spectrum/z/correlation": 0.2, "hypersphere/z/uniformity": -3.0,
    "hypersphere/z/uniformity_floor": -3.75, "similarity/z/auc": 0.98, "similarity/z/negative_mean": 0.05,
}  # fmt: skip
Line = float | Sequence[float]
"""A constant, or values that are passed through evenly from the first step to the last."""


def recorded(
    lines: Mapping[str, Line] | None = None, *, frames: Mapping[str, Any] | None = None, **static: Any
) -> History:
    """A run of 300 steps, measured at every sixth: sound but for `lines`."""
    history = History({"total_steps": STEPS, **static})
    steps = np.array([1, *range(EVERY, STEPS + 1, EVERY)])
    all_lines = {**SOUND, **(lines or {})}
    values = {
        key: np.interp(steps, np.linspace(1, STEPS, len(line)), line)
        if isinstance(line, Sequence)
        else [line] * len(steps)
        for key, line in all_lines.items()
    }
    meta = {"dim": 32, "rows": 256, "ceilings": {"participation": 28.6}}
    history.add_frames(1, {"spectrum/z": ({"singular": np.ones(32, np.float32)}, meta), **(frames or {})})
    for at, step in enumerate(steps.tolist()):
        history.add_scalars(step, {key: float(value[at]) for key, value in values.items()})
    return history


def since(history: History, name: str) -> int | None:
    """The first of 50 moments at which a finding is there."""
    for step in range(EVERY, STEPS + 1, EVERY):
        if name in found(history, step=step):
            return step
    return None


FALLS = (*[0.95] * 5, *[0.03] * 6)
"""From 0.95 to 0.03 between the steps 120 and 150."""


def test_a_sound_record_raises_nothing_at_any_step():
    history = recorded()
    assert all(not found(history, step=step) for step in range(EVERY, STEPS + 1, 4 * EVERY))


def test_complete_collapse_is_seen_within_a_tenth_of_the_run():
    history = recorded({"spectrum/z/std": FALLS, "hypersphere/z/uniformity": (*[-3.0] * 5, *[-0.004] * 6)})
    assert 126 <= since(history, "complete collapse") <= 156
    last = found(history)
    assert set(last) == {"complete collapse"}, "what it explains is listed with it"


def test_an_untrained_cone_that_opens_is_no_collapse():
    opens = (0.02, 0.2, 0.5, 0.8, 0.95, *[0.95] * 40)
    tight = tuple(-3.2 * value**2 for value in opens)
    history = recorded({"spectrum/z/std": opens, "hypersphere/z/uniformity": tight, "spectrum/z/rank": (4, *[22] * 44)})
    assert all(not found(history, step=step) for step in range(EVERY, STEPS + 1, EVERY))


def test_a_slow_start_out_of_a_cone_is_no_collapse():
    opens = np.minimum(np.geomspace(0.03, 30, 51), 0.95).tolist()
    history = recorded({"spectrum/z/std": opens, "hypersphere/z/uniformity": [-3.2 * value**2 for value in opens]})
    assert history.scalar("spectrum/z/std").at(90) < 0.25
    assert all(not found(history, step=step) for step in range(EVERY, STEPS + 1, EVERY))


def test_slow_collapse_is_a_slope_and_not_a_level():
    assert "slow collapse" in found(recorded({"spectrum/z/std": (0.95, 0.95, 0.9, 0.8, 0.7, 0.6)}))
    assert not found(recorded({"spectrum/z/std": 0.6})), "low from the start, and steady"
    assert not found(recorded({"spectrum/z/std": (0.95, 0.55, 0.6, 0.65, 0.75, 0.8)})), "a dip that is being made good"


def test_spread_alone_does_not_clear_dimensional_collapse():
    lines = {"spectrum/z/rank": (28, 4, 3.5, 3.4, 3.4), "spectrum/z/rank_centred": (28, 4, 3.4, 3.3, 3.3)}
    history = recorded({**lines, "spectrum/z/participation": (19, 1.3, 1.1, 1.1, 1.1), "spectrum/z/std": 0.96})
    finding = found(history)["dimensional collapse"]
    assert finding.confidence > 0.7
    assert "1.1" in finding.says
    assert [name for name, _ in finding.apart] == ["complete collapse", "class collapse"]


@pytest.mark.parametrize(("rank", "ratio"), [(11.0, 8.0), (16.0, 4.6), (60.0 / 127 * 31.5, 3.0)])
def test_few_directions_of_a_sound_run_are_enough(rank, ratio):
    lines = {"spectrum/z/rank": rank, "spectrum/z/rank_centred": rank, "spectrum/z/participation": ratio}
    assert not found(recorded(lines))


def with_classes(means: float, within: float, rank: float, ratio: float, **lines: Line) -> History:
    history = recorded(
        {
            "neural_collapse/z/within_over_between": within, "neural_collapse/z/mean_directions": means,
            "spectrum/z/rank": rank, "spectrum/z/rank_centred": rank, "spectrum/z/participation": ratio, **lines,
        },
        reference={"label": "class"},
    )  # fmt: skip
    history.describe({"reference/factor/class": np.arange(64) % 8})
    return history


def test_small_spread_within_classes_alone_does_not_tell_class_from_dimensional_collapse():
    line = with_classes(means=1.2, within=0.003, rank=3.4, ratio=1.1)
    assert set(found(line)) == {"dimensional collapse"}
    simplex = with_classes(means=6.8, within=0.003, rank=3.0, ratio=1.4)
    assert set(found(simplex)) == {"class collapse"}


def test_what_tells_classes_apart_is_no_collapse_of_dimensions():
    history = with_classes(means=6.5, within=0.11, rank=4.0, ratio=1.6)
    assert not found(history)


def test_sub_classes_at_chance_make_class_collapse_a_warning():
    finer = {"subclass_variance/z/between_share": 0.2, "subclass_variance/z/expected": 0.05}
    told = {"probes/z/breed/linear": 0.26, "probes/chance/breed": 0.24, "probes/z/class/linear": 1.0}
    history = with_classes(means=6.8, within=0.003, rank=9, ratio=6.9, **finer, **told)
    history.add_frames(1, {"subclass_variance/z": ({"names": np.arange(8)}, {"subclasses": "breed"})})
    assert found(history)["class collapse"].severity == "warning"
    kept = with_classes(means=6.8, within=0.003, rank=9, ratio=6.9, **finer, **{**told, "probes/z/breed/linear": 0.7})
    kept.add_frames(1, {"subclass_variance/z": ({"names": np.arange(8)}, {"subclasses": "breed"})})
    assert not found(kept)


def test_suppression_leaves_every_number_of_the_geometry_in_its_range():
    history = recorded({"spectrum/z/std": 0.984, "spectrum/z/rank": 14.7, "spectrum/z/participation": 9.2})
    history.add_scalars(STEPS, {"probes/z/class/linear": 1.0, "probes/z/quantity/linear": 0.06})
    assert not found(history)


def test_directions_that_go_while_a_term_of_the_loss_is_exactly_0():
    falls = {"spectrum/z/rank": (*[16.0] * 5, *[9.5] * 6), "spectrum/z/participation": (*[8.7] * 5, *[6.8] * 6)}
    terms = {"loss/invariance": 0.5, "loss/covariance": (*[4.4] * 21, *[0.0] * 30)}
    history = recorded({**falls, **terms})
    assert 126 <= since(history, "dimensional collapse") <= 168
    assert "exactly 0" in found(history)["dimensional collapse"].says
    assert not found(recorded({**falls, "loss/covariance": 4.4})), "every term counts"
    assert not found(recorded(terms)), "a hinge that is satisfied"


def test_half_of_the_directions_at_once_is_seen_within_a_tenth_of_the_run():
    # A sound run ends where this one begins to fall: only its own past tells.
    fall = [20.0] * 24 + [15.0, 12.0, 10.0] + [9.0] * 24
    ratio = [8.0] * 24 + [4.0, 3.2, 3.0] + [2.8] * 24
    at_once = recorded({"spectrum/z/rank": fall, "spectrum/z/rank_centred": fall, "spectrum/z/participation": ratio})
    assert 144 <= since(at_once, "dimensional collapse") <= 174
    evenly = np.geomspace(28, 6, 51).tolist()
    thins = recorded({"spectrum/z/rank": evenly, "spectrum/z/rank_centred": evenly, "spectrum/z/participation": 6.0})
    assert all(not found(thins, step=step) for step in range(EVERY, STEPS + 1, 4 * EVERY))


def test_a_cone_is_told_from_a_collapse_and_from_what_is_shrinking():
    lines = {"spectrum/z/rank": 15.0, "hypersphere/z/uniformity": -0.7, "similarity/z/negative_mean": 0.83}
    assert set(found(recorded({**lines, "spectrum/z/std": (0.8, *[0.42] * 30)}))) == {"cone"}
    shrinking = found(recorded({**lines, "spectrum/z/std": (0.95, 0.9, 0.8, 0.6, 0.45, 0.35)}))
    assert set(shrinking) == {"slow collapse"}


def test_classes_of_a_teacher_at_both_ends():
    fine = {"teacher/z/chance": 5.545, "teacher/z/information_ceiling": 5.545}
    sound = {"teacher/z/entropy": 1.9, "teacher/z/entropy_of_mean": 4.8, "teacher/z/information": 2.9}
    assert not found(recorded({**fine, **sound}))
    uniform = {"teacher/z/entropy": 5.544, "teacher/z/entropy_of_mean": 5.545, "teacher/z/information": 0.001}
    assert set(found(recorded({**fine, **uniform}))) == {"teacher uniform"}
    one = {"teacher/z/entropy": 0.02, "teacher/z/entropy_of_mean": 0.05, "teacher/z/information": 0.03}
    told = {"prototype_usage/z/entropy_soft": 0.01, "prototype_usage/z/sharpness": 0.995}
    finding = found(recorded({**fine, **one, **told}))
    assert set(finding) == {"teacher one-hot"}
    assert finding["teacher one-hot"].comes_with == ("prototype collapse",)


def test_what_an_untrained_teacher_says_is_not_held_against_it():
    history = recorded()
    uniform = {"teacher/z/entropy": 5.544, "teacher/z/chance": 5.545, "teacher/z/information": 0.001}
    history.add_scalars(STEPS + 1, {"loss": 1.0})
    early = History({"total_steps": STEPS})
    early.add_scalars(1, {**uniform, "teacher/z/information_ceiling": 5.545, "teacher/z/entropy_of_mean": 5.54})
    early.add_scalars(60, {"loss": 5.5})
    assert not found(early)
    early.add_scalars(61, {**uniform, "teacher/z/information_ceiling": 5.545})
    assert set(found(early)) == {"teacher uniform"}


def test_prototypes_that_say_nothing_and_prototypes_that_are_given_up():
    soft = {"prototype_usage/z/entropy_soft": 0.98, "prototype_usage/z/sharpness": 0.02}
    assert found(recorded(soft))["prototype collapse"].severity == "failure"
    told = {"prototype_usage/z/entropy_soft": 0.48, "prototype_usage/z/sharpness": 0.97}
    null = {"prototype_usage/z/entropy_null_low": 0.88, "prototype_usage/z/entropy_null_high": 0.92}
    fewer = {**told, **null, "prototype_usage/z/entropy": (0.9, 0.9, 0.46, 0.46)}
    assert found(recorded(fewer))["prototype collapse"].severity == "warning"
    assert not found(recorded({**fewer, "prototype_usage/z/entropy": (0.78, 0.7, 0.65, 0.63)}))


def test_a_teacher_that_gives_up_its_classes_is_told_from_one_that_settles():
    fine = {"teacher/z/chance": 5.545, "teacher/z/information_ceiling": 5.545, "teacher/z/information": 1.4}
    found_there = found(recorded({**fine, "teacher/z/entropy_of_mean": (4.4, 2.7, 1.9, 1.7)}))
    assert found_there["teacher one-hot"].severity == "warning"
    assert not found(recorded({**fine, "teacher/z/entropy_of_mean": (4.8, 4.8, 4.2, 3.6)}))


def test_rows_that_shrink_to_nothing_are_a_collapse_though_their_directions_spread():
    shrinks = {"norms/z/mean": (2.3, 1.0, 0.4, 0.2, 0.1), "hypersphere/z/alignment": (0.9, 0.57, 0.7, 0.85, 1.0)}
    assert found(recorded(shrinks))["complete collapse"].severity == "failure"
    nearer = {**shrinks, "hypersphere/z/alignment": (0.9, 0.6, 0.4, 0.3, 0.25)}
    assert not found(recorded(nearer)), "shorter rows, and partners that come nearer"


def test_few_directions_wait_for_a_look_at_the_classes():
    history = recorded({"spectrum/z/rank": 4.0, "spectrum/z/rank_centred": 4.0, "spectrum/z/participation": 1.5})
    history.describe({"reference/factor/class": np.arange(64) % 8}, reference={"label": "class"})
    history.add_scalars(1, {"neural_collapse/z/within_over_between": 6.0, "neural_collapse/z/mean_directions": 5.0})
    assert not found(history)
    history.add_scalars(60, {"neural_collapse/z/within_over_between": 1.4, "neural_collapse/z/mean_directions": 1.5})
    assert set(found(history)) == {"dimensional collapse"}


def test_rows_that_grow_without_end():
    assert "norm explosion" in found(recorded({"norms/z/mean": (2.0, 10, 50, 200)}))
    assert not found(recorded({"norms/z/mean": (1.0, 6.0, 10.0, 12.0)}))


def test_losses_that_are_not_finite():
    history = recorded()
    for step in range(1, STEPS + 1):
        history.add_scalars(step, {"loss": math.nan if step > 200 and step % 5 == 0 else 1.0})
    assert not found(history, step=200)
    assert "not finite" in found(history, step=210)
    assert "20%" in found(history)["not finite"].says
    once = recorded()
    for step in range(1, STEPS + 1):
        once.add_scalars(step, {"loss": math.nan if step == 290 else 1.0})
    assert not found(once)


def test_a_gap_between_towers_that_stays_is_told_from_the_one_they_begin_with():
    stays = {"modality_gap/z/gap": (1.4, 1.4, 1.3), "modality_gap/z/separability": 1.0}
    assert "modality gap" in found(recorded(stays))
    closes = {"modality_gap/z/gap": (0.9, *[0.03] * 12), "modality_gap/z/separability": (1.0, *[0.55] * 12)}
    history = recorded(closes)
    assert all(not found(history, step=step) for step in range(36, STEPS + 1, EVERY))


def test_drift_is_a_fall_behind_the_runs_own_calm():
    assert "drift" in found(recorded({"cka/h/last": (0.7, 0.95, 0.98, 0.98, 0.5)}))
    assert not found(recorded({"cka/h/last": (0.6, 0.95, 0.98, 0.93, 0.92)}))
    unpaired = {"cka/h/last": (0.7, 0.95, 0.98, 0.98, 0.5), "similarity/z/auc": (0.9, 0.99, 0.99, 0.5, 0.5)}
    assert not found(recorded(unpaired)), "another finding says why"


def probes_frame(h: float, raw: float, untrained: float, half: float = 0.05) -> tuple[dict[str, Any], dict[str, Any]]:
    compared = [["h", "raw"], ["h", "untrained_h"], ["z", "raw"]]
    difference = np.zeros((1, 3, 3), np.float32)
    difference[..., 0], difference[..., 1] = h - raw, h - untrained
    arrays = {"difference": difference, "difference_half": np.full((1, 3, 3), half, np.float32)}
    return arrays, {"factors": ["class"], "kinds": ["linear", "knn", "few"], "compared": compared}


@pytest.mark.parametrize(
    ("h", "raw", "untrained", "worse"), [(0.4, 0.9, 0.7, True), (0.7, 0.9, 0.5, False), (0.88, 0.9, 0.9, False)]
)
def test_worse_than_input_takes_raw_input_and_untrained_model(h, raw, untrained, worse):
    history = recorded(reference={"label": "class"})
    for step in range(60, STEPS, 12):
        history.add_frames(step, {"probes": probes_frame(h, raw, untrained)})
    assert ("worse than input" in found(history)) == worse


def attention(entropy: Sequence[float], sink_mass: Sequence[float], keys: int = 17) -> dict[str, Any]:
    arrays = {"entropy": np.array([entropy], np.float32), "sink_mass": np.array([sink_mass], np.float32)}
    return {"attention": (arrays, {"uniform": {"sink_mass": 1 / keys}})}


def test_heads_that_look_at_everything_alike_and_heads_that_park():
    def run(entropy: Sequence[float], mass: Sequence[float]) -> History:
        history = recorded({"attention/sink_mass": float(np.mean(mass))})
        for step in (6, 60, 120, 180):
            history.add_frames(step, attention(entropy, mass))
        return history

    assert not found(run([0.9995, 0.98, 0.99, 0.9], [0.07, 0.1, 0.08, 0.2]))
    assert set(found(run([1.0, 1.0, 0.99, 0.9], [0.06, 0.06, 0.08, 0.2]))) == {"dead attention heads"}
    assert not found(run([0.5, 0.6, 0.5, 0.7], [0.3, 0.3, 0.25, 0.3])), "sinks that leave most of it to the others"
    assert set(found(run([0.1, 0.2, 0.1, 0.3], [0.95, 0.9, 0.96, 0.8]))) == {"attention sink"}


def test_a_long_tail_is_a_note_on_the_data():
    history = recorded(reference={"label": "class"})
    history.describe({"reference/factor/class": np.repeat(np.arange(4), [100, 60, 11, 4])})
    assert found(history)["long tail"].severity == "note"
    history.describe({"reference/factor/class size": np.full(175, 40)})
    assert not found(history), "the set is unequal, the data it was drawn from are not"
    assert "labels" in vg.diagnose(recorded(), rules=OURS).not_checked["long tail"]


@pytest.mark.parametrize(("shares", "tail"), [((0.125,) * 8, False), (tuple(0.5**n for n in range(8)), True)])
def test_a_long_tail_is_read_off_the_batches_where_the_reference_set_is_balanced(shares: Sequence[float], tail: bool):
    history = recorded(reference={"label": "class"})
    history.describe({"reference/factor/class": np.repeat(np.arange(8), 20)})
    draws = np.random.default_rng(0)
    for at, step in enumerate(range(1, 100, 3)):
        counts = draws.multinomial(128, np.array(shares) / sum(shares))
        history.add_frames(step, {"similarity/z": ({"label_counts": counts}, {})})
        if at < 4:
            assert "long tail" not in found(history), "a few batches say little"
    assert ("long tail" in found(history)) is tail


def test_a_lost_choice_of_prototypes_is_the_cause_of_a_collapse():
    told = {"prototype_usage/z/entropy_soft": 0.01, "prototype_usage/z/sharpness": 0.995}
    collapsed = {"spectrum/z/std": 0.05, "hypersphere/z/uniformity": -0.02}
    (finding,) = [one for one in vg.diagnose(recorded({**told, **collapsed})) if "collapse" in one.name]
    assert finding.name == "prototype collapse"
    assert "complete collapse" in finding.comes_with


def test_every_rule_of_the_geometry_says_its_numbers():
    for rule in OURS:
        assert rule.remedies
        assert rule.source
        assert "{" in rule.says or rule.name == "worse than input"


def test_a_spread_that_fell_and_stays_is_no_slow_collapse():
    """Down to a third within a quarter of the run, and then hardly any further: trend and level alone would say so."""
    fell = (0.9, *np.linspace(0.7, 0.42, 12), *np.linspace(0.42, 0.405, 38))
    history = recorded({"spectrum/z/std": fell})
    lens = Lens(history, QUANTITIES)
    assert lens.last("spectrum/z/std_trend") < -0.6
    assert lens.last("spectrum/z/std") < 0.75 * 0.9
    assert "slow collapse" not in found(history)


@pytest.mark.parametrize(("even", "said"), [(0.27, False), (0.55, True)])
def test_few_directions_are_those_of_the_classes_where_the_loss_pulls_these_together(even: float, said: bool):
    classes = {"neural_collapse/z/within_over_between": 0.7, "neural_collapse/z/mean_directions": 1.0}
    pulled = {"false_negatives/z/rate": 0.54, "false_negatives/z/gradient_even": even}
    few = {"spectrum/z/rank": 2.5, "spectrum/z/rank_centred": 2.5, "spectrum/z/participation": 1.2}
    history = recorded({**classes, **pulled, **few}, reference={"label": "class"})
    history.describe({"reference/factor/class": np.repeat(np.arange(2), 80)})
    assert ("dimensional collapse" in found(history)) is said
