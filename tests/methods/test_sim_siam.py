"""SimSiam: what its predictor and its stop-gradient are for."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

import vergence as vg
from tests.methods.small import METHODS, easy, start, tiny
from vergence.losses import sim_siam


def run_of(predictor="mlp", **more):
    return start(METHODS.SimSiam(predictor, **{"encoder": tiny, "dim": 8, **more}))


def spread(run) -> float:
    """Standard deviation of the normalised embeddings times the root of dim: 1 when even, 0 at collapse."""
    with torch.no_grad():
        z = normalize(run.model.eval()(easy()[0])[1])
    return float(z.std(0).mean() * z.shape[1] ** 0.5)


def test_the_loss_is_that_of_guesses_and_embeddings():
    taken = run_of()._session.trainer.step()
    targets = taken.more["targets"]
    assert targets is taken.z or all(a is b for a, b in zip(targets, taken.z, strict=True))
    torch.testing.assert_close(taken.loss, sim_siam(*taken.given, targets=targets).detach())


def test_without_stop_gradient_or_predictor_it_collapses_and_the_loss_does_not_tell():
    # Without the BatchNorm at the end of the head, which would keep the columns apart for a while.
    settings = {"learning_rate": 3e-3, "projector": lambda: vg.models.Projector(8, hidden=16, out_dim=8)}
    healthy = run_of(**settings).start(steps=80)
    computed = run_of("direct", **settings).start(steps=80)
    assert spread(healthy) > 0.6
    assert spread(computed) > 0.4
    for collapsed in (run_of(stop_gradient=False, **settings), run_of("none", **settings)):
        collapsed.start(steps=80)
        assert spread(collapsed) < 0.3
        assert collapsed.history.last("loss") < healthy.history.last("loss") - 0.3


@pytest.mark.slow
def test_turned_off_on_a_running_model_of_the_default_data_it_is_seen_within_seconds():
    run = vg.Run(METHODS.SimSiam(), vg.data.emoji(), seed=0, save=False, driver="inline", every=5).start(steps=40)
    before = {key: run.history.last(key) for key in ("spectrum/z/std", "hypersphere/z/uniformity")}
    run.set(stop_gradient="off").start(steps=60)
    assert run.history.last("spectrum/z/std") < 0.65 < 0.85 < before["spectrum/z/std"]
    assert run.history.last("hypersphere/z/uniformity") > -0.4 > -1.2 > before["hypersphere/z/uniformity"]


def test_switches_reach_the_loss_of_this_run_only():
    recipe = METHODS.SimSiam(encoder=tiny, dim=8)
    run, other = start(recipe), start(recipe)
    run.set(stop_gradient="off", predictor="off").start(steps=1)
    assert run._session.trainer.loss.stop_gradient is False
    assert run.controls.value("stop_gradient") == run.controls.value("predictor") == "off"
    assert other._session.trainer.loss.stop_gradient is True
    assert recipe.loss.stop_gradient is True
    run.reset()
    assert run.controls.value("stop_gradient") == run.controls.value("predictor") == "on"
    with pytest.raises(vg.errors.UnknownName, match=r"no kind of stop_gradient 'of'\. Did you mean 'off'\?"):
        run.set(stop_gradient="of")
    assert start(METHODS.SimSiam(stop_gradient=False, encoder=tiny)).controls.value("stop_gradient") == "off"


def test_a_change_of_a_switch_has_words():
    run = run_of().start(steps=1)
    run.set(stop_gradient="off").start(steps=1)
    (event,) = run.history.events("control")
    assert event.data["label"] == "stop gradient on → off"


def test_no_predictor_has_no_switch():
    assert "predictor" not in run_of("none").controls.names


def test_a_computed_predictor_is_trained_by_no_gradient_and_has_the_eigenvectors_of_the_embeddings():
    run = run_of("direct").start(steps=5)
    predictor = run.model.predictor
    product = predictor.weight @ predictor.correlation
    torch.testing.assert_close(product, product.T, atol=1e-4, rtol=1e-3)
    assert list(predictor.parameters()) == []


def test_a_predictor_that_does_not_exist_is_refused():
    with pytest.raises((vg.errors.UnknownName, TypeError)):
        METHODS.SimSiam("mlpp")
