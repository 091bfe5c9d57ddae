"""Faults of the loss and of the optimiser do what they say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import vergence as vg
from tests.lab.small import case, seen, start
from tests.methods.small import METHODS, differing, state, tiny
from vergence.lab.objective import normalises

TEMPERATURES = ["SimCLR", "MoCo v2", "MoCo v3", "SupCon", "CLIP", "SwAV", "DINO", "MCL"]


@pytest.mark.parametrize("label", TEMPERATURES)
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("temperature too low", lambda t: t / 20),
        ("temperature too high", lambda t: t * 20),
        ("temperature inverted", lambda t: 1 / t),
    ],
)
def test_the_loss_is_that_of_another_temperature(label, name, other):
    run, eye, _ = seen(case(label).recipe(), name)
    loss = run.session.trainer.loss
    words = [word for word in loss.settings() if word.endswith("temperature")]
    shown = {word: loss.settings()[word] for word in words}
    assert shown == {word: run.controls.value(word) for word in words}
    twin = start(case(label).recipe()).session.trainer.loss
    assert {word: twin.settings()[word] for word in words} == pytest.approx(shown)
    for word in words:
        twin.set(word, other(shown[word]))
    assert float(eye.value) == pytest.approx(float(run.history.scalar("loss").values[-1]))
    if isinstance(twin, nn.Module):
        twin.load_state_dict(loss.state_dict(), strict=False)
    if label not in ("DINO", "SwAV"):  # what these remember or learn has moved since
        assert float(eye.value) == pytest.approx(float(twin(*eye.given, **eye.more).detach()), rel=1e-5)


def test_who_looks_at_the_loss_sees_what_the_step_saw():
    run, eye, fault = seen(case("SimCLR").recipe(), "temperature inverted")
    loss = run.session.trainer.loss
    given = [rows.detach() for rows in eye.given]
    assert float(sum(loss.terms(*given).values())) == pytest.approx(float(eye.value), rel=1e-5)
    high = vg.losses.NTXent(5.0)
    assert torch.allclose(loss.pair_weights(*given), high.pair_weights(*given))
    assert loss.temperature == 0.2
    assert loss.chance(32, 8) == high.chance(32, 8)
    fault.withdraw()
    assert torch.allclose(loss.pair_weights(*given), vg.losses.NTXent(0.2).pair_weights(*given))


def test_the_parts_in_the_record_add_up_to_the_wrong_loss():
    for name in ("temperature too low", "missing normalisation", "no covariance term", "no variance term"):
        label = "VICReg" if "term" in name else "SimCLR"
        run = start(case(label).recipe(), every=1)
        vg.lab.inject(run, name)
        history = run.start(steps=3).history
        names = [key for key in history.scalar_keys() if key in {"loss/pull", "loss/push", "loss/invariance"}]
        names += [key for key in history.scalar_keys() if key in {"loss/variance", "loss/covariance"}]
        total = sum(history.scalar(key).values for key in names)
        assert total.tolist() == pytest.approx(history.scalar("loss").values.tolist(), rel=1e-4)
        for term in ("covariance", "variance"):
            if name == f"no {term} term":
                assert not history.scalar(f"loss/{term}").values.any()


def test_turning_the_control_acts_in_the_wrong_direction():
    run = start(case("SimCLR").recipe())
    vg.lab.inject(run, "temperature inverted")
    run.start(steps=1)
    run.set(temperature=0.05).start(steps=1)
    loss = run.session.trainer.loss
    assert loss.temperature == 0.05
    rows = torch.randn(16, 8), torch.randn(16, 8)
    assert float(sum(loss.terms(*rows).values())) == pytest.approx(float(vg.losses.NTXent(20.0)(*rows)), rel=1e-5)


def test_a_temperature_that_is_learned():
    recipe = METHODS.CLIP(encoder=tiny, dim=8)
    run, eye, fault = seen(recipe, "temperature inverted")
    trainer = run.session.trainer
    rows = [row.detach() for row in eye.given]
    log_scale = torch.tensor(-math.log(0.07), requires_grad=True)
    scores = torch.nn.functional.normalize(rows[0]) @ torch.nn.functional.normalize(rows[1]).T
    logits = scores * torch.exp(-log_scale)  # times T
    at = torch.arange(32)
    by_hand = (nn.functional.cross_entropy(logits, at) + nn.functional.cross_entropy(logits.T, at)) / 2
    by_hand.backward()
    by_hand = by_hand.detach()
    assert float(eye.value) == pytest.approx(float(by_hand), rel=1e-5)
    assert float(trainer.loss.log_scale.grad) == pytest.approx(float(log_scale.grad), rel=1e-3)
    fault.withdraw()
    assert not trainer.loss.log_scale._backward_hooks
    _low, eye, _ = seen(recipe, "temperature too low")
    rows = [row.detach() for row in eye.given]
    assert float(eye.value) == pytest.approx(float(vg.losses.CLIP(0.01)(*rows).detach()), rel=1e-4)  # never below 0.01


@pytest.mark.parametrize("label", ["SimCLR", "MoCo v2", "MoCo v3", "SupCon", "CLIP", "BYOL", "SimSiam", "MCL", "SwAV"])
def test_without_normalisation_lengths_count(label):
    run, eye, _ = seen(case(label).recipe(), "missing normalisation")
    loss = run.session.trainer.loss
    given = tuple(rows.detach() for rows in eye.given)
    more = {name: value for name, value in eye.more.items() if value is not None}
    if "targets" in more:
        more["targets"] = tuple(target.detach() for target in more["targets"])

    def shown(factor: float) -> float:
        return float(sum(loss.terms(*(factor * rows for rows in given), **more).values()).detach())

    assert math.isfinite(shown(100.0))
    assert abs(shown(3.0) - shown(1.0)) > 1e-3
    plain = start(case(label).recipe()).session.trainer.loss
    if label != "SwAV":
        assert abs(float(plain(*(3 * g for g in given), **more)) - float(plain(*given, **more))) < 1e-4


def test_raw_rows_by_hand():
    _run, eye, _ = seen(case("SimCLR").recipe(), "missing normalisation")
    z = torch.cat(list(eye.given)).detach()
    logits = (z @ z.T / 0.2).fill_diagonal_(-math.inf)
    partner = torch.arange(64).roll(32)
    assert float(eye.value) == pytest.approx(float(nn.functional.cross_entropy(logits, partner)), rel=1e-5)


def test_long_raw_rows_stay_finite_and_have_a_gradient():
    run = start(METHODS.SimCLR(encoder=tiny, dim=8, learning_rate=0.1))
    vg.lab.inject(run, "missing normalisation")
    losses = run.start(steps=60).history.scalar("loss").values
    assert all(map(math.isfinite, losses))
    assert not run.history.events("failed")


class Mine(nn.Module):
    """A loss of somebody else's, which normalises in its own way."""

    name, variant, source, views = "mine", "", "", 2

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        if self.how == "cosine":
            return -nn.functional.cosine_similarity(a, b).mean()
        if self.how == "normalize":
            return -(nn.functional.normalize(a, dim=-1) * nn.functional.normalize(b)).sum(1).mean()
        return (a - b).square().mean()

    def terms(self, *views: Tensor, **_more):
        return {"all": self.forward(*views)}

    def chance(self, batch, dim):
        return None

    floor = reference_words = pair_weights = chance

    def settings(self):
        return {}

    def set(self, name, value):
        raise AssertionError


@pytest.mark.parametrize(("how", "does"), [("cosine", True), ("normalize", True), ("distance", False)])
def test_a_loss_of_yours(how, does):
    assert (not normalises(Mine(how))) == does  # the words say why not


def test_a_loss_that_cannot_be_tried_is_taken_to_normalise():
    class Odd(Mine):
        def forward(self, a, b):
            raise ValueError

    assert not normalises(Odd("cosine"))


def test_terms_that_do_not_count():
    for label, name, setting in (
        ("VICReg", "no covariance term", "covariance"),
        ("VICReg", "no variance term", "variance"),
        ("Barlow Twins", "no covariance term", "redundancy"),
        ("LeJEPA", "no variance term", "weight"),
    ):
        run, eye, _ = seen(case(label).recipe(), name)
        twin = start(case(label).recipe()).session.trainer.loss
        shown = run.controls.value(setting)
        assert shown == twin.settings()[setting] > 0
        twin.set(setting, 0)
        assert float(eye.value) == pytest.approx(float(twin(*eye.given).detach()), rel=1e-5)


def test_without_sinkhorn_rows_choose_for_themselves():
    run, eye, _ = seen(case("SwAV").recipe(), "no Sinkhorn")
    loss = run.session.trainer.loss
    given = [rows.detach() for rows in eye.given]
    shown = {name: float(value.detach()) for name, value in loss.terms(*given).items()}
    loss.sinkhorn = False
    assert {name: float(v.detach()) for name, v in type(loss).terms(loss, *given).items()} == pytest.approx(shown)
    loss.sinkhorn = True
    assert {name: float(v.detach()) for name, v in type(loss).terms(loss, *given).items()} != pytest.approx(shown)
    assert run.controls.value("sinkhorn") == "on"


def test_without_centring_the_centre_stays():
    run, _, fault = seen(case("DINO").recipe(), "no centring", steps=2)
    centre = run.session.trainer.loss.centre
    assert not centre.mean.any()
    fault.withdraw()
    run.start(steps=1)
    assert centre.mean.any()
    assert run.controls.value("momentum") == 0.9


def test_nan_now_and_then_and_always():
    run = start(case("SimCLR").recipe())
    vg.lab.inject(run, "NaN in the loss", strength=0.3)
    losses = run.start(steps=40).history.scalar("loss").values
    assert 4 < sum(map(math.isnan, losses)) < 22
    run = start(case("SimCLR").recipe())
    first = state(run)
    vg.lab.inject(run, "NaN in the loss", strength=1.0)
    with pytest.raises(vg.errors.TrainingFailed, match="not been finite for 10 steps"):
        run.start(steps=40)
    assert all("running" in name or "num_batches" in name for name in differing(first, state(run)))
    with pytest.raises(vg.errors.StateError, match=r"has failed .* run\.reset\(\)"):
        vg.lab.inject(run, "shuffled pairs")


# -- optimiser -------------------------------------------------------------------------------------

EVERY = ["SimCLR", "BYOL", "SimSiam", "SwAV", "DINO", "MoCo v2", "CLIP", "MCL"]


def moved(run: vg.Run, eye) -> set[str]:
    """Which parameters the last step has moved."""
    now = dict(run.model.named_parameters())
    return {name for name, value in eye.before.items() if not torch.equal(value, now[name])}


def of_encoder(name: str) -> bool:
    return name.startswith(("encoder.", "second.", "encoders."))


@pytest.mark.parametrize("label", EVERY)
def test_a_frozen_encoder_gets_no_gradient(label):
    run, eye, _ = seen(case(label).recipe(), "frozen encoder", steps=2)
    named = dict(run.model.named_parameters())
    assert all(value.grad is None for name, value in named.items() if of_encoder(name))
    assert moved(run, eye)
    assert not any(map(of_encoder, moved(run, eye)))
    assert all(value.requires_grad for name, value in named.items() if name.startswith("encoder."))


@pytest.mark.parametrize("label", EVERY)
def test_an_optimiser_with_the_head_alone(label):
    run, eye, fault = seen(case(label).recipe(), "only the head in the optimiser", steps=2)
    named = dict(run.model.named_parameters())
    held = {id(value) for value in eye.held}
    assert not any(id(value) in held for name, value in named.items() if of_encoder(name))
    assert not any(map(of_encoder, moved(run, eye)))
    assert moved(run, eye)
    assert any(value.grad is not None and value.grad.any() for name, value in named.items() if of_encoder(name))
    fault.withdraw()
    run.start(steps=1)
    assert any(map(of_encoder, moved(run, eye)))


@pytest.mark.parametrize("label", EVERY)
def test_an_optimiser_with_another_model(label):
    run, eye, _ = seen(case(label).recipe(), "another model in the optimiser", steps=2)
    own = {id(value) for value in run.model.parameters()}
    assert not any(id(value) in own for value in eye.held)
    student = {name for name in moved(run, eye) if not name.startswith("teacher.")}
    assert not student
    grads = [float(value.grad.norm()) for value in run.model.parameters() if value.grad is not None]
    assert max(grads) > 0


def test_gradients_that_nobody_clears_pile_up():
    def size(steps: int) -> float:
        run, _, _ = seen(case("SimCLR").recipe(), "another model in the optimiser", steps=steps)
        return float(run.model.encoder.layers[0].weight.grad.norm())

    assert size(20) > 5 * size(1)


def test_learning_rates():
    for label in EVERY:
        run, eye, _ = seen(case(label).recipe(), "learning rate zero")
        assert not moved(run, eye)
        assert run.controls.value("learning_rate") == 1e-3
        assert eye.rates == [0.0] * len(eye.rates)
    run, eye, _ = seen(case("SimCLR").recipe(), "learning rate too high", strength=50)
    assert eye.rates == pytest.approx([0.05])
    assert run.controls.value("learning_rate") == 1e-3


def test_an_encoder_without_a_head_cannot_be_frozen():
    run = start(METHODS.SimCLR(encoder=tiny, projector="none"))
    for name in ("frozen encoder", "only the head in the optimiser"):
        with pytest.raises(vg.errors.ArgumentError, match="nothing but its encoder learns"):
            vg.lab.inject(run, name)
