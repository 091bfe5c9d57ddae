"""Embeddings that are looked at once: each made failure is named, and what cannot be said is said."""

from __future__ import annotations

import functools
import math

import pytest
import torch

import vergence as vg
from tests.diagnosis.test_geometry_rules import OURS, found
from vergence.lab.embeddings import FAILURES
from vergence.record import History
from vergence.training.examine import looked_at_once

NAMED = {
    "complete collapse": "complete collapse",
    "dimensional collapse": "dimensional collapse",
    "cone": "cone",
    "class collapse": "class collapse",
    "two clusters": "dimensional collapse",
}


ROWS = {**NAMED, "views not aligned": "unpaired positives", "shortcut": "shortcut"}
"""With the rules of the pairs: every failure that there is."""


@functools.cache
def looked_at(failure: str, *, labels: bool = True) -> History:
    made = vg.lab.embeddings(failure, n=256)
    objective = vg.losses.NTXent(temperature=0.5)
    return looked_at_once(made.a, made.b, labels=made.labels if labels else None, objective=objective)


@pytest.mark.parametrize("failure", FAILURES)
def test_each_made_failure_is_named_and_nothing_else_is(failure):
    names = [one.name for one in vg.diagnose(looked_at(failure), once=True)]
    assert names == ([ROWS[failure]] if failure in ROWS else [])


def test_without_labels_a_shortcut_cannot_be_excluded_and_that_is_said():
    diagnosis = vg.diagnose(looked_at("shortcut", labels=False), once=True)
    assert diagnosis.healthy
    assert "cannot be excluded" in diagnosis.not_checked["shortcut"]
    assert "cannot be excluded" in diagnosis.not_checked["feature suppression"]


@pytest.mark.parametrize("failure", ["two clusters"])
def test_labels_are_not_needed_where_the_geometry_says_it(failure):
    assert set(found(looked_at(failure, labels=False), once=True)) == {NAMED[failure]}


def test_a_collapse_is_a_failure_and_classes_that_are_points_are_a_note():
    assert found(looked_at("complete collapse"), once=True)["complete collapse"].severity == "failure"
    assert found(looked_at("class collapse"), once=True)["class collapse"].severity == "note"


def test_collapsed_embeddings_still_read_well_and_are_named_all_the_same():
    history = looked_at("complete collapse")
    assert history.last("probes/z/class/linear") > 0.9
    assert history.last("spectrum/z/rank_centred") > 90
    assert "complete collapse" in found(history, once=True)


def test_what_embeddings_alone_cannot_say_is_listed_with_what_it_takes():
    diagnosis = vg.diagnose(looked_at("healthy"), rules=OURS, once=True)
    assert {"drift", "worse than input", "attention sink", "dead attention heads"} <= set(diagnosis.not_checked)
    for name in ("drift", "worse than input", "attention sink"):
        assert "vg.examine is handed embeddings" in diagnosis.not_checked[name]
    without = vg.diagnose(looked_at("two clusters", labels=False), rules=OURS, once=True)
    assert "labels" in without.not_checked["class collapse"]


@pytest.mark.parametrize("labels", [True, False])
def test_what_is_checked_is_not_listed_as_not_checked(labels):
    failure = "healthy" if labels else "two clusters"
    diagnosis = vg.diagnose(looked_at(failure, labels=labels), rules=OURS, once=True)
    assert not set(diagnosis.checked) & set(diagnosis.not_checked)


def classes_as_points(*, finer: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Eight classes of four sub-classes, each class nearly a point; finer: how far sub-classes lie apart in it."""
    draws = torch.Generator().manual_seed(seed)
    kind = torch.arange(256) % 32
    classes = torch.randn(8, 64, generator=draws)
    subclasses = finer * torch.randn(32, 64, generator=draws)
    rows = classes[kind // 4] + subclasses[kind]
    noisy = [rows + 0.03 * torch.randn(256, 64, generator=draws) for _ in range(2)]
    return noisy[0], noisy[1], {"animal": kind // 4, "breed": kind}


def test_class_collapse_is_a_warning_where_a_finer_factor_is_lost_and_nothing_where_it_is_kept():
    lost = found(looked_at_once(*(given := classes_as_points(finer=0.0))[:2], labels=given[2]), once=True)
    assert lost["class collapse"].severity == "warning"
    assert "by chance" in lost["class collapse"].says
    assert "unknown" not in lost["class collapse"].says
    kept = classes_as_points(finer=0.15)
    history = looked_at_once(*kept[:2], labels=kept[2])
    assert history.last("neural_collapse/z/within_over_between") < 0.05
    assert not found(history, once=True)


def test_examine_is_the_diagnosis_of_one_look_and_changes_nothing():
    made = vg.lab.embeddings("cone", n=64, dim=32, classes=4)
    a, b = made.a.clone().requires_grad_(), made.b
    state = torch.get_rng_state()
    diagnosis = vg.examine(a, b, labels=made.labels)
    assert "cone" in [one.name for one in diagnosis]
    assert diagnosis.step == 1
    assert torch.equal(torch.get_rng_state(), state)
    assert a.grad is None
    assert torch.equal(a, made.a)


def test_examine_takes_one_view_and_representations():
    made = vg.lab.embeddings("healthy", n=64, dim=16, classes=4)
    alone = looked_at_once(made.a)
    assert alone.last("spectrum/z/std") is not None
    assert alone.last("similarity/z/auc") is None
    assert not any("/h" in key for key in alone.scalar_keys())
    both = looked_at_once(made.a, h=made.a[:, :8], labels=made.labels)
    assert both.last("spectrum/h/ceiling") < 8.1
    assert both.last("probes/h/class/linear") is not None
    assert not [
        key for key in both.scalar_keys() if "untrained" in key or key.startswith(("probes/raw", "cka", "drift"))
    ]


def test_examine_puts_the_loss_on_its_scale_or_says_what_it_lacks():
    made = vg.lab.embeddings("healthy", n=64, dim=16, classes=4)
    objective = vg.losses.NTXent(temperature=0.2)
    history = looked_at_once(made.a, made.b, objective=objective)
    assert history.last("loss") == pytest.approx(float(objective(made.a, made.b)), rel=1e-5)
    assert history.last("loss/floor") < history.last("loss") < history.last("loss/chance")
    without = looked_at_once(made.a, made.b, objective=vg.losses.SupCon())
    assert without.last("loss") is None
    assert "labels" in without.static["not_measured"]["loss"]


def test_examine_refuses_in_words():
    z = torch.randn(16, 4)
    with pytest.raises(vg.errors.ShapeError, match="row for row"):
        vg.examine(z, torch.randn(16, 5))
    with pytest.raises(vg.errors.ShapeError, match="examine"):
        vg.examine(torch.randn(16))
    with pytest.raises(vg.errors.NotFinite, match="examine"):
        vg.examine(torch.full((16, 4), math.nan))
    with pytest.raises(vg.errors.ShapeError, match="a row for each"):
        vg.examine(z, h=torch.randn(15, 4))
    with pytest.raises(vg.errors.VergenceError, match="labels"):
        vg.examine(z, labels=torch.arange(15))
