"""Faults of the wiring, of statistics and of the teacher do what they say."""

from __future__ import annotations

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

import vergence as vg
from tests.lab.small import CASES, Seen, case, gradient, seen, start
from tests.methods.small import METHODS, tiny
from vergence.lab.statistics import _by_parts

SYMMETRIC = [
    "SimCLR", "VICReg", "Barlow Twins", "BYOL", "SimSiam", "SwAV", "DINO", "MoCo v3", "CLIP", "LeJEPA, 3 views",
]  # fmt: skip


def outermost(name: str, label: str, **more):
    """A run of a step with the fault inside of what is seen."""
    run = start(case(label).recipe())
    vg.lab.inject(run, name, **more)
    eye = Seen()
    eye.learner, eye.optimiser = run.session.trainer.learner, run.session.trainer.optimiser
    run.session.trainer.around += (eye,)
    run.start(steps=1)
    return run, eye


@pytest.mark.parametrize("label", SYMMETRIC)
def test_a_detached_branch_gets_no_gradient(label):
    _, plain, _ = seen(case(label).recipe())
    assert all(gradient(rows) > 0 for rows in plain.given)
    _, eye = outermost("detached branch", label)
    assert [rows.requires_grad for rows in eye.given] == [True] * (len(eye.given) - 1) + [False]
    assert all(gradient(rows) > 0 for rows in eye.given[:-1])


def test_of_two_towers_the_detached_one_never_learns():
    run = start(case("CLIP").recipe())
    learner = run.session.trainer.learner
    first, second = ([v.clone() for v in part.parameters()] for part in (learner.encoder, learner.second))
    vg.lab.inject(run, "detached branch")
    run.start(steps=3)
    assert all(torch.equal(a, b) for a, b in zip(second, learner.second.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, learner.encoder.parameters(), strict=True))


@pytest.mark.parametrize("label", ["SimSiam", "BYOL", "SimSiam, linear"])
def test_without_the_stop_the_targets_get_a_gradient(label):
    _, plain, _ = seen(case(label).recipe())
    assert all(gradient(target) == 0 for target in plain.more["targets"])
    _, eye = outermost("no stop-gradient", label)
    assert all(gradient(target) > 0 for target in eye.more["targets"])
    assert all(torch.equal(a, b) for a, b in zip(eye.more["targets"], eye.out.z, strict=True))


@pytest.mark.parametrize("name", ["no stop-gradient", "no predictor"])
def test_without_stop_or_predictor_the_loss_nears_its_best_at_once(name):
    def last(name: str | None) -> float:
        run = start(METHODS.SimSiam(encoder=tiny, dim=8, learning_rate=3e-3))
        if name:
            vg.lab.inject(run, name)
        return float(run.start(steps=40).history.scalar("loss").values[-10:].mean())

    assert last(name) < last(None) - 0.02


@pytest.mark.parametrize("label", ["SimSiam", "BYOL", "MoCo v3", "SimSiam, direct"])
def test_without_the_predictor_the_embedding_is_the_guess(label):
    _, plain, _ = seen(case(label).recipe())
    assert not any(a is b for a, b in zip(plain.given, plain.out.z, strict=True))
    run, eye, _ = seen(case(label).recipe(), "no predictor")
    assert all(a is b for a, b in zip(eye.given, eye.out.z, strict=True))
    assert run.controls.value("predictor") == "on"


def test_a_predictor_of_yours_is_left_out_too():
    class Mine(vg.methods.Learner):
        def __init__(self, encoder, projector):
            super().__init__(encoder, projector)
            self.predictor = torch.nn.Linear(8, 8)

        def embed(self, views, batch):
            h, z = self.represent(views)
            return vg.methods.Outputs(h, z, tuple(map(self.predictor, z)), {"targets": z})

    class Recipe(METHODS.SimSiam):
        def build(self, item_shape):
            return Mine(*self.parts(item_shape)[:2])

    _, eye, _ = seen(Recipe(encoder=tiny, dim=8), "no predictor")
    assert all(torch.equal(a, b) for a, b in zip(eye.given, eye.out.z, strict=True))


def test_what_is_off_already_is_said():
    for recipe, name, why in (
        (METHODS.SimSiam("none", encoder=tiny, dim=8), "no predictor", "it has no predictor"),
        (METHODS.SimSiam(stop_gradient=False, encoder=tiny, dim=8), "no stop-gradient", "off already"),
        (METHODS.SwAV(sinkhorn=False, encoder=tiny, dim=8), "no Sinkhorn", "off already"),
        (METHODS.VICReg(covariance=0, encoder=tiny, dim=8), "no covariance term", "the coefficient is 0"),
        (METHODS.BYOL(ema=1.0, encoder=tiny, dim=8), "frozen teacher", "does not move already"),
        (METHODS.BYOL(ema=0.0, encoder=tiny, dim=8), "instant teacher", "is the student already"),
        (METHODS.SimCLR(encoder=tiny, dim=8, strength=0.0), "views too weak", "change nothing already"),
    ):
        with pytest.raises(vg.errors.ArgumentError, match=why):
            vg.lab.inject(start(recipe), name)


# -- teacher ---------------------------------------------------------------------------------------

TAUGHT = ["BYOL", "MoCo v2", "MoCo v3", "DINO"]


@pytest.mark.parametrize("label", TAUGHT)
def test_a_frozen_teacher_keeps_its_first_weights(label):
    run = start(case(label).recipe())
    teacher = run.session.trainer.learner.teacher
    first = [value.clone() for value in teacher.parameters()]
    vg.lab.inject(run, "frozen teacher", at=2)
    run.start(steps=1)
    moved = [value.clone() for value in teacher.parameters()]
    assert not all(torch.equal(a, b) for a, b in zip(first, moved, strict=True))
    run.start(steps=2)
    assert all(torch.equal(a, b) for a, b in zip(moved, teacher.parameters(), strict=True))
    assert run.controls.value("ema") == teacher.momentum == 0.99


@pytest.mark.parametrize("label", TAUGHT)
def test_an_instant_teacher_is_the_student(label):
    run = start(case(label).recipe(ema_steps=100))
    learner = run.session.trainer.learner
    vg.lab.inject(run, "instant teacher")
    run.start(steps=2)
    both = zip(learner.student().parameters(), learner.teacher.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in both)
    assert learner.teacher.steps == 100


# -- statistics ------------------------------------------------------------------------------------


def test_statistics_are_those_of_the_part_before():
    kept = []
    run = start(case("SimCLR").recipe())
    layer = run.model.encoder.layers[1]
    layer.register_forward_hook(lambda _layer, given, out: kept.append((given[0].detach(), out.detach().clone())))
    vg.lab.inject(run, "batch statistics leak", strength=8)
    run.session.trainer.step()
    given, out = (rows.view(2, 4, 8, -1) for rows in kept[0])
    means, spreads = given.mean((0, 2)), given.var((0, 2), correction=0)
    for part in range(4):
        before = (part - 1) % 4
        expected = (given[:, part] - means[before]) / (spreads[before] + layer.eps).sqrt()
        assert torch.allclose(out[:, part], expected, atol=1e-4)
    # Rows of a part have in common by how much they were moved.
    assert out.mean((0, 2)).abs().mean() > 0.2


def test_parts_as_large_as_the_batch_are_the_batch():
    """On images too, and with the gradient and the running statistics of BatchNorm itself."""
    for shape in ((32, 6), (32, 6, 3, 3)):
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(shape, generator=generator)
        weights = torch.randn(shape, generator=generator)
        found = []
        for by_parts in (False, True):
            layer = torch.nn.BatchNorm1d(6) if len(shape) == 2 else torch.nn.BatchNorm2d(6)
            layer.weight.data.uniform_(0.5, 2, generator=torch.Generator().manual_seed(1))
            given = x.clone().requires_grad_()
            call = layer
            if by_parts:
                parts = torch.zeros(16, dtype=torch.long)
                call = lambda rows, layer=layer, parts=parts: _by_parts(layer, layer.forward, parts, rows)  # noqa: E731
            out = call(given)
            (out * weights).sum().backward()
            found.append((out, given.grad, layer.weight.grad, layer.running_mean))
        for one, other in zip(*found, strict=True):
            assert torch.allclose(one, other, atol=1e-5)


def test_an_odd_last_part_of_one_joins_the_part_before():
    run = start(case("SimCLR").recipe(), batch=33)
    vg.lab.inject(run, "batch statistics leak", strength=4)
    trainer = run.session.trainer
    trainer.step()
    assert all(torch.isfinite(value).all() for value in trainer.learner.state_dict().values())
    x = torch.randn(66, 6)
    ids = torch.arange(33) // 4
    ids[-1] = 7
    out = _by_parts(torch.nn.BatchNorm1d(6), None, ids, x).view(2, 33, 6)
    rows, before = x.view(2, 33, 6)[:, 28:], x.view(2, 33, 6)[:, 24:28]
    expected = (rows - before.mean((0, 1))) / (before.var((0, 1), correction=0) + 1e-5).sqrt()
    assert torch.allclose(out[:, 28:], expected, atol=1e-4)


def test_partners_can_be_told_by_statistics_where_the_items_tell_nothing():
    """Views that have nothing in common: the loss can fall by the leak alone."""

    class Noise:
        strength = 1.0

        def __call__(self, x, generator):
            return torch.randn(x.shape, generator=generator)

    def last(name: str | None) -> float:
        run = start(METHODS.SimCLR(encoder=tiny, dim=8, views=Noise(), learning_rate=1e-2))
        if name:
            vg.lab.inject(run, name, strength=2)
        run.start(steps=80)
        return float(run.history.scalar("loss").values[-20:].mean())

    chance = vg.losses.NTXent().chance(32, 8)
    assert last(None) > chance - 0.05
    assert last("batch statistics leak") < chance - 1


def test_a_model_without_two_modes_is_refused():
    plain = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 8))
    run = start(METHODS.SimCLR(encoder=plain, projector="linear", dim=8))
    for name, why in (
        ("batch statistics leak", "has no BatchNorm"),
        ("trains in eval mode", "in the other mode"),
        ("evaluated in train mode", "in the other mode"),
    ):
        with pytest.raises(vg.errors.ArgumentError, match=why):
            vg.lab.inject(run, name)


def test_training_in_eval_mode_leaves_the_running_statistics():
    run = start(case("BYOL").recipe(), every=1, reference=16)
    layers = [part for part in run.session.trainer.learner.modules() if isinstance(part, _BatchNorm)]
    before = [layer.running_mean.clone() for layer in layers]
    vg.lab.inject(run, "trains in eval mode")
    run.start(steps=3)
    assert all(torch.equal(a, layer.running_mean) for a, layer in zip(before, layers, strict=True))
    assert all(layer.training for layer in layers)


def test_evaluated_in_train_mode_an_item_depends_on_its_company():
    run = start(case("SimCLR").recipe(encoder=lambda: vg.models.MLPEncoder(8, hidden=16, dim=8, dropout=0.3)))
    items = run.source.reference(32)[0]
    run.model.eval()

    def apart() -> float:
        with torch.no_grad():
            return float((run.model(items)[1][:4] - run.model(items[:4])[1]).abs().max())

    assert apart() < 1e-5
    fault = vg.lab.inject(run, "evaluated in train mode")
    assert apart() > 0.01
    assert not any(part.training for part in run.model.modules())
    fault.withdraw()
    before = run.model.encoder.layers[1].running_mean.clone()
    assert apart() < 1e-5
    assert torch.equal(run.model.encoder.layers[1].running_mean, before)


def test_evaluated_in_train_mode_the_reference_set_moves_running_statistics_and_no_weight():
    def trained(name: str | None) -> dict[str, torch.Tensor]:
        run = start(case("SimCLR").recipe(), every=1, reference=16)
        if name:
            vg.lab.inject(run, name)
        return dict(run.start(steps=3).model.state_dict())

    plain, wrong = trained(None), trained("evaluated in train mode")
    moved = [name for name in plain if not torch.equal(plain[name], wrong[name])]
    assert moved
    assert all("running" in name or "num_batches" in name for name in moved)


def test_the_cases_are_those_of_the_methods():
    assert {one.label for one in CASES} >= {*SYMMETRIC, *TAUGHT}
