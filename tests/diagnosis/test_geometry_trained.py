"""The five traps of a diagnosis, in runs that are trained: what looks sound and is not, and the other way round."""

from __future__ import annotations

import functools

import pytest

import vergence as vg
from bench.truths import latent_factors
from bench.truths.row import probe
from tests.diagnosis.test_geometry_rules import OURS
from vergence.diagnosis.finding import Finding
from vergence.record import History

pytestmark = pytest.mark.slow
STEPS = 300


@functools.cache
def trained(name: str) -> History:
    make, noise = latent_factors.ROWS[name]
    source = vg.data.latent_factors(noise=noise)
    run = vg.Run(make(), source, seed=0, batch=256, driver="inline", save=False, every=6)
    run.start(steps=STEPS)
    return run.history


def found(name: str, step: int | None = None) -> dict[str, Finding]:
    return {one.name: one for one in vg.diagnose(trained(name), step=step, rules=OURS)}


@pytest.mark.parametrize("name", ["InfoNCE, healthy", "VICReg, healthy"])
def test_sound_runs_raise_nothing_on_the_way(name):
    for step in range(12, STEPS + 1, 12):
        assert not found(name, step)


def test_collapsed_embeddings_are_named_though_they_read_well():
    assert probe(trained("alignment only"), "z", "class") > 0.8
    assert found("alignment only")["complete collapse"].severity == "failure"


def test_a_perfect_spread_does_not_clear_a_run_without_covariance_term():
    history = trained("VICReg without covariance")
    assert history.last("spectrum/z/std") > 0.9
    assert history.last("spectrum/z/participation") < 1.6
    assert history.last("neural_collapse/z/within_over_between") < 0.05, "which alone would be class collapse"
    assert set(found("VICReg without covariance")) == {"dimensional collapse"}


def test_perfect_classes_do_not_clear_a_run_that_has_lost_the_sub_classes():
    history = trained("SupCon")
    assert probe(history, "z", "class") > 0.99
    assert probe(history, "z", "subclass") < history.last("probes/chance/subclass") + 0.12
    assert found("SupCon")["class collapse"].severity == "warning"
    assert set(found("SupCon")) == {"class collapse"}


def test_suppression_leaves_spread_rank_and_classes_as_they_were():
    history = trained("InfoNCE, noisy quantities")
    assert probe(history, "z", "class") > 0.99
    assert max(probe(history, "z", f"quantity {number}") for number in range(1, 7)) < 0.5
    assert not found("InfoNCE, noisy quantities")
