"""What every method promises: it trains in one line, repeats, is not moved by being watched, and begins again."""

from __future__ import annotations

import math

import pytest
import torch

import vergence as vg
from tests.methods.small import CASES, METHODS, differing, easy, start, state
from tests.training.small import texts
from vergence.training import saving

each = pytest.mark.parametrize("case", CASES, ids=str)

# One line each, as they stand in a notebook, with nothing but a seed and less data.
PLAIN = [
    METHODS.SimCLR, METHODS.VICReg, METHODS.BarlowTwins, METHODS.WMSE, METHODS.LeJEPA, METHODS.SupCon, METHODS.MoCo,
    METHODS.BYOL, METHODS.SimSiam, METHODS.SwAV, METHODS.DINO, METHODS.MCL, METHODS.AMCL,
    METHODS.CLIP, METHODS.MoCHi, METHODS.CARE,
]  # fmt: skip


@each
def test_the_loss_falls_on_an_easy_set(case):
    run = start(case.recipe(learning_rate=3e-3)).start(steps=40)
    losses = run.history.scalar("loss").values
    assert len(losses) == 40
    assert all(map(math.isfinite, losses))
    begin = case.from_step - 1
    assert losses[-5:].mean() < losses[begin : begin + 3].mean() - case.fall


@each
def test_the_same_seed_gives_the_same_weights_watched_or_not_and_after_a_reset(case):
    run = start(case.recipe())
    first = state(run)
    trained = state(run.start(steps=3))
    assert differing(first, trained)
    assert texts(run.history, "failed") == texts(run.history, "mark") == []

    torch.manual_seed(1)
    before = torch.get_rng_state()
    watched = start(case.recipe(), every=1, reference=16).start(steps=3)
    assert torch.equal(torch.get_rng_state(), before), "the random numbers of other cells were moved"
    assert differing(trained, state(watched)) == []

    run.reset()
    assert differing(first, state(run)) == []
    assert differing(trained, state(run.start(steps=3))) == []
    assert differing(trained, state(start(case.recipe(), seed=1).start(steps=3)))


@each
def test_the_parts_of_the_loss_are_those_of_the_call(case):
    run = start(case.recipe(), every=1).start(steps=3)
    history = run.history
    loss = run._session.trainer.loss
    names = [key for key in history.scalar_keys() if key.startswith("loss/") and key[5:] not in ("chance", "floor")]
    assert names
    total = sum(history.scalar(name).values for name in names)
    if case.exact:
        assert total.tolist() == pytest.approx(history.scalar("loss").values.tolist(), rel=1e-5, abs=1e-5)
    chance = loss.chance(32, run._session.observer._parts._scale[1])
    assert history.last("loss/chance") == (None if chance is None else pytest.approx(chance))


@pytest.mark.parametrize("method", PLAIN, ids=lambda method: method.name)
def test_one_line_trains_on_images_and_is_saved(method, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "entry_points", lambda group: [])  # without the picture at the end
    digits = vg.data.digits()
    few = torch.arange(130)
    images = vg.data.source(digits._items[few], digits.labels[few], name="digits")
    run = vg.Run(method(), images, batch=128, driver="inline", directory=tmp_path, reference=8, every=1)
    run.start(steps=2)
    assert texts(run.history, "failed") == []
    with vg.open(run.directory, follow=False) as opened:
        assert opened.history.state == "finished"
        assert opened.history.scalar("loss").values.tolist() == run.history.scalar("loss").values.tolist()
        assert opened.history.static["loss"]["name"] == run._session.trainer.loss.name
        assert [entry["name"] for entry in opened.history.static["controls"]] == list(run.controls.names)


def another(name: str, value: float | str) -> float | str:
    if isinstance(value, str):
        return {"on": "off", "off": "on"}[value]
    return value + 1 if name == "iterations" else value / 2 or 0.5


@each
def test_every_control_acts_on_the_next_step(case):
    """Whatever is turned, the step after it differs from that of a run in which it was left alone."""
    recipe = case.recipe()
    names = [name for name in start(recipe).controls.names if name != "strength"]
    left = start(recipe).start(steps=3)
    for name in names:
        run = start(recipe).start(steps=2)
        old = run.controls.value(name)
        new = another(name, old)
        run.set(**{name: new}).start(steps=1)
        assert run.controls.value(name) == new
        assert [event.data["name"] for event in run.history.events("control")] == [name]
        assert differing(state(run), state(left)), f"{name} changes nothing"


@each
def test_a_setting_that_does_not_exist_is_refused_with_the_nearest_name(case):
    with pytest.raises(vg.errors.UnknownName, match=r"Did you mean 'learning_rate'\?"):
        case.recipe(learning_rat=0.1)


def test_a_method_that_needs_labels_says_so_before_it_trains():
    with pytest.raises(vg.errors.ArgumentError, match=r"SupCon needs labels, and tensor has none\. .*data=\(x, labels"):
        start(METHODS.SupCon(), easy()[0])


def test_every_recipe_is_among_the_cases():
    listed = {type(case.recipe()) for case in CASES}
    recipes = {
        thing
        for thing in vars(METHODS).values()
        if isinstance(thing, type) and issubclass(thing, METHODS.Recipe) and thing is not METHODS.Recipe
    }
    elsewhere = {"MCL", "CLIP", "MultiHead"}  # these have files of their own
    assert {method.__name__ for method in recipes - listed} <= elsewhere
    assert set(PLAIN) <= listed
