"""What happens in a step: who is told what, when, and with which views and keywords."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vergence as vg
from tests.methods.small import differing, easy, start, state, tiny
from tests.training.small import texts
from vergence.methods import Batch, Learner, Outputs, Recipe


class Simple:
    """A loss that takes any number of views and keeps what it was called with."""

    name, variant, source = "simple", "", ""

    def __init__(self, views: int = 2, needs: tuple[str, ...] = (), takes: tuple[str, ...] = ()) -> None:
        self.views, self.needs, self.takes = views, needs, takes
        self.calls: list[tuple[tuple[Tensor, ...], dict[str, Any]]] = []
        self.value = 1.0

    def __call__(self, *z: Tensor, **more: Any) -> Tensor:
        self.calls.append((z, more))
        return self.value * sum((view**2).mean() for view in z)

    def terms(self, *z: Tensor, **more: Any) -> dict[str, Tensor]:
        return {}

    def chance(self, batch: int, dim: int) -> float | None:
        return None

    floor = chance

    def pair_weights(self, *z: Tensor, **more: Any) -> Tensor | None:
        return None

    def settings(self) -> dict[str, float]:
        return {}

    def set(self, name: str, value: float) -> None: ...

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        return {}


class Telling(Learner):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(tiny(), nn.Identity())
        self.told: list[tuple[Any, ...]] = []
        self.level = 0.5
        self.switches["lamp"] = True

    def begin(self, step, source):
        self.told.append(("begin", step, source.name))

    def embed(self, views, batch):
        self.told.append(("embed", len(views), batch))
        return super().embed(views, batch)

    def updated(self, outputs, batch):
        assert not torch.is_grad_enabled()
        self.told.append(("updated", outputs, batch))

    def settings(self):
        return {"level": self.level}

    def set(self, name, value):
        if name == "level":
            self.level = value
        else:
            super().set(name, value)


class Told(Recipe):
    def build(self, item_shape):
        return Telling()


def trainer_of(loss, data=None, method=Told, **more):
    return start(method(loss, **more), data)._session.trainer


def test_a_learner_is_told_of_each_step_in_turn():
    x, labels = easy()
    trainer = trainer_of(Simple(), (x, labels))
    for _ in range(2):
        trainer.step()
    told = trainer.learner.told
    assert [entry[0] for entry in told] == ["begin", "embed", "updated"] * 2
    assert told[0] == ("begin", 1, "tensor")
    assert told[3] == ("begin", 2, "tensor")
    batch = told[1][2]
    assert isinstance(batch, Batch)
    assert isinstance(told[2][1], Outputs)
    assert batch.step == 1
    assert torch.equal(batch.labels, labels[batch.index])
    assert batch.groups is None
    assert told[2][2] is batch


def test_groups_are_those_of_the_source():
    x, _ = easy()
    groups = torch.arange(len(x)) // 3
    trainer = start(Told(Simple(takes=("groups",))), vg.data.source(x, groups=groups))._session.trainer
    trainer.step()
    batch = trainer.learner.told[1][2]
    assert torch.equal(batch.groups, groups[batch.index])
    assert torch.equal(trainer.loss.calls[0][1]["groups"], groups[batch.index])


@pytest.mark.parametrize(
    ("needs", "takes", "expected"),
    [
        ((), (), set()),
        (("labels",), (), {"labels"}),
        ((), ("labels", "index"), {"labels", "index"}),
        (("index",), ("targets", "groups"), {"index"}),
    ],
)
def test_a_loss_gets_what_it_needs_or_takes_and_nothing_else(needs, takes, expected):
    x, labels = easy()
    trainer = trainer_of(Simple(needs=needs, takes=takes), (x, labels))
    trainer.step()
    batch, more = trainer.learner.told[1][2], trainer.loss.calls[0][1]
    assert set(more) == expected
    for name in expected:
        assert torch.equal(more[name], getattr(batch, name))


def test_labels_are_not_asked_of_data_that_has_none():
    with pytest.raises(vg.errors.ArgumentError, match=r"simple needs labels, and tensor has none"):
        trainer_of(Simple(needs=("labels",)), easy()[0])
    trainer_of(Simple(takes=("labels",)), easy()[0]).step()


class Marked:
    """Views that tell which item they were made of."""

    strength = 0.0

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x.clone()


@pytest.mark.parametrize("views", [1, 2, 3, 4])
def test_as_many_views_as_the_loss_takes_of_both_items_in_turn(views):
    groups = torch.arange(40) // 2
    x = torch.arange(40.0)[:, None].expand(40, 8).contiguous()
    recipe = Recipe(Simple(views), encoder=nn.Identity(), projector=lambda: nn.Linear(8, 8), views=Marked())
    trainer = start(recipe, vg.data.source(x, groups=groups))._session.trainer
    taken = trainer.step()
    assert len(taken.inputs) == len(taken.z) == len(taken.h) == len(taken.given) == views
    for number, view in enumerate(taken.inputs):
        assert torch.equal(view, taken.inputs[number % 2])
    if views > 1:
        assert torch.equal(taken.inputs[0][:, 0] // 2, taken.inputs[1][:, 0] // 2)
        assert not torch.equal(taken.inputs[0], taken.inputs[1])


def test_a_skipped_step_updates_nothing():
    trainer = trainer_of(Simple())
    trainer.loss.value = float("nan")
    assert trainer.step().skipped
    assert [entry[0] for entry in trainer.learner.told] == ["begin", "embed"]


@pytest.mark.parametrize("together", [True, False])
def test_batch_norm_sees_all_views_or_one(together):
    class Apart(Recipe):
        pass

    Apart.together = together
    trainer = start(Apart(Simple(), encoder=lambda: nn.BatchNorm1d(8, affine=False), projector="linear"))
    taken = trainer._session.trainer.step()
    means = [view.mean(0).abs().max() for view in taken.h]
    assert float(torch.cat(taken.h).mean(0).abs().max()) < 1e-5
    assert (max(means) < 1e-5) is not together


def test_settings_and_switches_become_controls_and_act_between_steps():
    run = start(Told(Simple()))
    assert run.controls.names == ("learning_rate", "level", "lamp", "strength")
    run.set(level=0.25, lamp="off").start(steps=1)
    assert run.model.level == 0.25
    assert run.model.switches == {"lamp": False}
    assert run.model.choices() == {"lamp": "off"}
    with pytest.raises(vg.errors.UnknownName, match=r"Did you mean 'lamp'\?"):
        run.set(lampe="on")
    with pytest.raises(vg.errors.UnknownName, match=r"no setting 'lampe'\. Did you mean 'lamp'\?"):
        run.model.set("lampe", "on")
    with pytest.raises(vg.errors.UnknownName, match=r"no kind of lamp 'of'"):
        run.model.set("lamp", "of")
    with pytest.raises(vg.errors.UnknownName):
        Learner(tiny(), nn.Identity()).set("x", 1.0)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("encoder", r"turned 2 views of 32 items into h of \(33, 8\)\. .* per item and view: \(64, dim\)"),
        ("projector", r"turned 2 views of 32 items into z of \(33, 8\)"),
    ],
)
def test_a_part_that_loses_rows_is_refused_in_words(part, words):
    class Losing(nn.Module):
        def forward(self, x):
            return x[:33] if len(x) > 2 else x

    parts = {"encoder": tiny, "projector": lambda: nn.Linear(8, 8), part: Losing}
    run = start(Recipe(Simple(), **parts))
    with pytest.raises(vg.errors.TrainingFailed, match=words):
        run.start(steps=1)


def test_rows_of_one_view_are_checked_too():
    class Short(Telling):
        def embed(self, views, batch):
            found = super().embed(views, batch)
            return Outputs(found.h, (found.z[0], found.z[1][:5]), found.given)

    class Shorter(Recipe):
        def build(self, item_shape):
            return Short()

    with pytest.raises(
        vg.errors.ShapeError, match=r"turned 32 items into z of \(5, 8\)\. .* in each view: \(32, dim\)"
    ):
        trainer_of(Simple(), method=Shorter).step()


class Scaled(nn.Module, Simple):
    """A loss that learns a number."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        Simple.__init__(self)
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, *z: Tensor, **more: Any) -> Tensor:
        return self.scale * (z[0] - z[1]).pow(2).mean() + (self.scale - 2) ** 2


def test_what_a_loss_learns_is_trained_and_belongs_to_the_run():
    recipe = Recipe(Scaled(), encoder=tiny, dim=8, learning_rate=0.05)
    run = start(recipe).start(steps=3)
    loss = run._session.trainer.loss
    assert float(loss.scale.detach()) != 1.0
    assert float(recipe.loss.scale.detach()) == 1.0
    assert sum(p is loss.scale for group in run._session.trainer.optimiser.param_groups for p in group["params"]) == 1
    run.reset()
    assert float(run._session.trainer.loss.scale.detach()) == 1.0


class Noisy(Learner):
    """Draws random numbers in its step."""

    draws = True

    def embed(self, views, batch):
        h, z = self.represent(views)
        moved = tuple(rows + 0.1 * torch.randn(rows.shape) for rows in z)
        return Outputs(h, moved, moved)

    def begin(self, step, source):
        self.drawn = torch.rand(())


class Noise(Recipe):
    def build(self, item_shape):
        encoder, projector, _, _ = self.parts(item_shape)
        return Noisy(encoder, projector)


def test_a_learner_that_draws_repeats_and_leaves_others_alone():
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        run = start(Noise(vg.losses.VICReg(), encoder=tiny, dim=8)).start(steps=3)
        assert torch.equal(before, torch.get_rng_state())
        assert texts(run.history, "failed") == []
        found.append((state(run), run.model.drawn))
    assert differing(found[0][0], found[1][0]) == []
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize(
    ("projector", "kind"),
    [("none", vg.models.NoHead), ("linear", vg.models.LinearHead), ("mlp", vg.models.Projector),
     ("reweight", vg.models.Reweight)],
)  # fmt: skip
def test_heads_have_names(projector, kind):
    learner = vg.methods.SimCLR(projector=projector, dim=5, encoder=tiny).build((8,))
    assert isinstance(learner.projector, kind)
    assert learner(torch.rand(4, 8))[1].shape == (4, 8 if projector in ("none", "reweight") else 5)
    start(vg.methods.SimCLR(projector=projector, dim=5, encoder=tiny)).start(steps=1)


def test_a_model_in_which_nothing_learns_is_refused_in_words():
    frozen = nn.Linear(8, 8).requires_grad_(False)
    with pytest.raises(vg.errors.ArgumentError, match=r"SimCLR: nothing in the model learns.*requires_grad_\(\)"):
        start(vg.methods.SimCLR(encoder=frozen, projector="none"))


def test_a_head_that_does_not_exist_is_refused():
    with pytest.raises(vg.errors.UnknownName, match=r"no head 'liner'\. Did you mean 'linear'\?"):
        vg.methods.SimCLR(projector="liner").build((8,))
