"""Rules of factors: suppression, shortcut, and what views destroy on purpose; nuisance raises nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from torch import nn

from vergence import data
from vergence.diagnosis import Diagnosis, diagnose
from vergence.diagnosis.rules import (
    feature_suppression,
    feature_suppression_of_another,
    shortcut,
    suppressed_by_the_views,
)
from vergence.record import History
from vergence.training.measures.probe_frame import PLACES
from vergence.training.reference import Reference

RULES = (feature_suppression.RULE, feature_suppression_of_another.RULE, shortcut.RULE, suppressed_by_the_views.RULE)
STEPS, EVERY, LOST_AT = 100, 5, 50
CHANCE, HALF = 0.1, 0.03

Course = Sequence[float]
"""What is read from h: untrained, at its best, and at the end."""


def recorded(
    factors: Mapping[str, Course],
    *,
    label: str | None = "class",
    nuisance: Sequence[str] = (),
    raw: float = 0.9,
    auc: float = 0.999,
    distance: float = 0.05,
) -> History:
    """A run whose probes follow a course: up to the best at half of it, then to the end at once."""
    history = History()
    history.describe(total_steps=STEPS, reference={"label": label, "nuisance": list(nuisance)})
    names = list(factors)
    for look, step in enumerate(range(0, STEPS + 1, EVERY)):
        accuracy = np.full((len(names), 3, len(PLACES)), np.nan, np.float32)
        best = np.full((len(names), 3, 2), np.nan, np.float32)
        standing: list[dict[str, Any]] = []
        for row, (untrained, most, end) in enumerate(factors.values()):
            risen = untrained + (most - untrained) * min(1.0, step / (LOST_AT - EVERY))
            now = end if step >= LOST_AT else risen
            top = max(untrained, most if step > LOST_AT else risen)
            for place, value in (("h", now), ("z", now), ("raw", raw), ("untrained_h", untrained)):
                accuracy[row, :, PLACES.index(place)] = value
            best[row] = top
            base = max(raw, top)
            kept = (now - CHANCE) / (base - CHANCE)
            gone = "absent" if base - CHANCE < HALF else "gone"
            word = gone if now - CHANCE < HALF else "suppressed" if kept < 0.75 else "kept"
            standing.append({"word": word, "against": "raw", "base": base, "half": HALF, "step": None})
        meta = {
            "factors": names, "places": list(PLACES), "chance": [CHANCE] * len(names),
            "standing": {} if look == 0 else {"h": standing, "z": standing},
        }  # fmt: skip
        arrays = {"accuracy": accuracy, "half": np.full_like(accuracy, HALF), "best": best}
        history.add_frames(step, {"probes": (arrays, meta)})
        history.add_scalars(
            step,
            {
                "similarity/z/auc": auc, "similarity/z/positive_mean": 1 - distance, "similarity/z/negative_mean": 0.0,
                "spectrum/z/std": 0.95, "spectrum/h/std": 0.6,
            },
        )  # fmt: skip
    return history


def looked(history: History, step: int | None = None) -> Diagnosis:
    return diagnose(history, step=step, rules=RULES)


def names(diagnosis: Diagnosis) -> list[str]:
    return [finding.name for finding in diagnosis]


def test_a_class_that_is_lost_while_partners_are_found_is_a_shortcut():
    diagnosis = looked(recorded({"class": (0.5, 0.8, 0.15)}))
    assert names(diagnosis) == ["shortcut"]
    finding = diagnosis.findings[0]
    assert finding.comes_with == ("feature suppression",)
    assert finding.severity == "failure"
    assert LOST_AT <= finding.since <= LOST_AT + 2 * EVERY
    assert "6%" in finding.says  # (0.15 - 0.1) / (0.9 - 0.1)


def test_a_class_that_is_lost_while_partners_are_not_found_is_suppressed():
    diagnosis = looked(recorded({"class": (0.5, 0.8, 0.15)}, auc=0.9, distance=0.4))
    assert names(diagnosis) == ["feature suppression"]
    assert "“class”" in diagnosis.findings[0].says


def test_it_is_not_said_before():
    assert names(looked(recorded({"class": (0.5, 0.8, 0.15)}), LOST_AT - 1)) == []


def test_a_factor_that_was_learned_and_lost_is_suppressed():
    diagnosis = looked(recorded({"class": (0.5, 0.8, 0.8), "texture": (0.3, 0.8, 0.2)}))
    assert names(diagnosis) == ["feature suppression"]
    assert "“texture”" in diagnosis.findings[0].says
    assert "“class”" not in diagnosis.findings[0].says
    assert diagnosis.findings[0].severity == "note", "views may want it gone"


def test_what_is_lost_is_said_where_no_class_is_named_as_well():
    factors = {"shape": (0.5, 0.8, 0.8), "texture": (0.3, 0.8, 0.2)}
    (finding,) = looked(recorded(factors, label=None))
    assert (finding.name, finding.severity) == ("feature suppression", "note")
    assert "“texture”" in finding.says


def test_a_class_that_is_lost_is_a_warning():
    (finding,) = looked(recorded({"class": (0.5, 0.8, 0.3), "texture": (0.3, 0.8, 0.2)}, auc=0.9))
    assert (finding.name, finding.severity) == ("feature suppression", "warning")
    assert "“class”, “texture”" in finding.says


def test_a_head_that_gives_the_class_up_is_no_shortcut():
    history = recorded({"class": (0.5, 0.8, 0.2)})
    kept = recorded({"class": (0.5, 0.8, 0.8)})
    for step in history.frames("probes"):
        lost, fine = history.frame("probes", step), kept.frame("probes", step)
        h = PLACES.index("h")
        lost.arrays["accuracy"][:, :, h] = fine.arrays["accuracy"][:, :, h]
        if lost.meta["standing"]:
            lost.meta["standing"]["h"] = fine.meta["standing"]["h"]
    assert names(looked(history)) == []


def test_a_factor_that_was_never_better_than_untrained_is_the_views_matter():
    diagnosis = looked(recorded({"class": (0.5, 0.8, 0.8), "colour": (0.8, 0.8, 0.3)}))
    assert names(diagnosis) == ["suppressed by the views"]
    assert diagnosis.findings[0].severity == "note"
    assert "“colour”" in diagnosis.findings[0].says


@pytest.mark.parametrize("course", [(0.8, 0.8, 0.15), (0.3, 0.8, 0.1)])
def test_nuisance_raises_nothing(course):
    factors = {"class": (0.5, 0.8, 0.8), "angle": course}
    assert names(looked(recorded(factors))) != []
    assert names(looked(recorded(factors, nuisance=["angle"]))) == []


@pytest.mark.parametrize("end", [0.75, 0.8, 0.9])
def test_a_sound_run_raises_nothing(end):
    history = recorded({"class": (0.5, 0.85, end), "texture": (0.7, 0.85, end)})
    for step in range(2 * EVERY, STEPS + 1, 4 * EVERY):
        assert names(looked(history, step)) == []


def test_a_class_that_nobody_can_read_is_no_loss():
    assert names(looked(recorded({"class": (0.1, 0.12, 0.11)}, raw=0.11))) == []


def test_a_class_that_was_never_found_though_the_input_tells_it_is_a_shortcut():
    assert names(looked(recorded({"class": (0.15, 0.15, 0.12)}))) == ["shortcut"]
    assert names(looked(recorded({"class": (0.15, 0.15, 0.12)}, auc=0.9))) == []


def test_without_labels_it_says_that_it_cannot_be_excluded():
    history = History()
    history.add_scalars(1, {"similarity/z/auc": 1.0})
    diagnosis = looked(history)
    for name in ("shortcut", "feature suppression"):
        assert diagnosis.not_checked[name].startswith("It cannot be excluded")


@pytest.mark.parametrize(
    ("source", "nuisance"),
    [
        (data.latent_factors(n=64), {f"nuisance {number}" for number in range(1, 9)}),
        (data.two_towers(n=64), {f"own {number}" for number in range(1, 5)}),
        (data.rand_bits(data.subclasses(n=64), bits=2), {"bit 0", "bit 1"}),
        (data.subclasses(n=64), set()),
    ],
)
def test_data_names_what_nobody_wants_to_be_kept(source, nuisance):
    items, labels = source.reference(32)
    reference = Reference(_Same(), items, labels, **source.about_reference(32))
    assert set(reference.described()[1]["nuisance"]) == nuisance


class _Same(nn.Identity):
    """h is the item."""
