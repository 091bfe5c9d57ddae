"""Faults of the data do what they say."""

from __future__ import annotations

import pytest
import torch

import vergence as vg
from tests.lab.small import Seen, case, seen, start
from tests.methods.small import METHODS, easy, tiny


def inside(name: str, data=None, recipe=None, **more):
    """A step with the fault inside of what is seen: `got` and `made` are those with the fault."""
    run = start(recipe or case("SimCLR").recipe(), data)
    fault = vg.lab.inject(run, name, **more)
    eye = Seen()
    eye.learner, eye.optimiser = run.session.trainer.learner, run.session.trainer.optimiser
    run.session.trainer.around += (eye,)
    run.start(steps=1)
    return run, eye, fault


def test_shuffled_rows():
    x = torch.arange(50.0)[:, None]
    assert not (vg.lab.shuffled(x) == x).any()
    assert torch.equal(vg.lab.shuffled(x).sort(0).values, x)
    generator = torch.Generator().manual_seed(0)
    for share, moved in ((0.0, 0), (0.01, 2), (0.5, 25), (1.0, 50)):
        found = vg.lab.shuffled(x, share, generator)
        assert int((found != x).sum()) == moved
        assert torch.equal(found.sort(0).values, x)


def test_row_i_of_view_two_is_not_row_i():
    run, eye, _ = inside("shuffled pairs")
    rows = easy()[0]
    first, second = eye.got
    assert torch.equal(first, rows[eye.at])
    assert not (first == second).all(1).any()
    assert torch.equal(second.sort(0).values, first.sort(0).values)
    _, eye, fault = inside("shuffled pairs", strength=0.5)
    assert int((eye.got[0] != eye.got[1]).any(1).sum()) == 16
    assert repr(fault) == "Injected('shuffled pairs', strength=0.5: since step 1)"
    loss = run.history.scalar("loss").values[-1]
    assert loss > vg.losses.NTXent().chance(32, 8) - 0.3


def test_a_pair_of_two_kinds_is_shuffled_too():
    images, words = torch.rand(64, 3, 8, 8), [f"word {i}" for i in range(64)]
    data = vg.data.paired(images, words)
    recipe = METHODS.CLIP(learned=False, dim=8)
    _, eye, _ = inside("shuffled pairs", data=data, recipe=recipe)
    own = data.pair(eye.at, torch.Generator())
    assert torch.equal(eye.got[0], own[0])
    assert not (eye.got[1] == own[1]).all(1).any()
    with pytest.raises(vg.errors.ArgumentError, match="of two kinds"):
        vg.lab.inject(start(recipe, data), "same view twice")


def test_noisy_positives_are_other_samples_of_the_set():
    _, eye, _ = inside("noisy positives", strength=0.25)
    first, second = eye.got
    other = (first != second).any(1)
    assert int(other.sum()) == 8
    rows = easy()[0]
    assert all((row == rows).all(1).any() for row in second)


def test_positives_of_other_classes():
    _, eye, _ = inside("positives of other classes", strength=0.25)
    rows, labels = easy()
    first, second = eye.got
    other = torch.nonzero((first != second).any(1)).flatten()
    assert len(other) == 8
    for row in other.tolist():
        whose = int(torch.nonzero((rows == second[row]).all(1))[0])
        assert labels[whose] != labels[eye.at[row]]
    with pytest.raises(vg.errors.ArgumentError, match="its data has no labels"):
        vg.lab.inject(start(case("SimCLR").recipe(), easy()[0]), "positives of other classes")


@pytest.mark.parametrize("label", ["SimCLR", "LeJEPA, 3 views"])
def test_the_same_view_twice(label):
    _, eye, _ = inside("same view twice", recipe=case(label).recipe())
    assert all(torch.equal(view, eye.viewed[0]) for view in eye.viewed)
    assert not torch.equal(eye.viewed[0], eye.got[0])


def test_views_weak_and_strong():
    def change(name: str | None) -> float:
        _, eye, _ = inside(name) if name else seen(case("SimCLR").recipe())
        return float((eye.viewed[0] - eye.got[0]).norm() / eye.got[0].norm())

    weak, plain, strong = change("views too weak"), change(None), change("views too strong")
    assert weak < 0.6 * plain
    assert strong > 1.5 * plain
    run, eye, _ = inside("views too weak", strength=0.0)
    assert torch.equal(eye.viewed[0], eye.got[0])
    assert run.controls.value("strength") == 0.5


def test_views_without_a_strength_can_be_too_strong_only():
    class Push:
        strength = 1.0

        def __call__(self, x, generator):
            return x + torch.randn(x.shape, generator=generator)

    recipe = METHODS.SimCLR(encoder=tiny, dim=8, views=Push())
    _, eye, _ = inside("views too strong", recipe=recipe, strength=5)
    assert float((eye.viewed[0] - eye.got[0]).std()) == pytest.approx(5**0.5, rel=0.15)
    run = start(case("SimCLR").recipe())
    run.session.trainer.views = lambda x, _generator: x
    with pytest.raises(vg.errors.ArgumentError, match="no strength to be set"):
        vg.lab.inject(run, "views too weak")
    still = METHODS.SimCLR(encoder=tiny, dim=8, views=vg.views.Identity())
    with pytest.raises(vg.errors.ArgumentError, match="change nothing, at any strength"):
        vg.lab.inject(start(still), "views too strong")


def test_duplicates_have_numbers_of_their_own():
    run, eye, _ = inside("duplicates in the data", strength=0.5)
    rows, labels = easy()
    trainer = run.session.trainer
    original = trainer.around[0].original
    copies = torch.nonzero(original != torch.arange(len(rows))).flatten()
    assert len(copies) == 96
    assert int(torch.bincount(original[copies]).max()) == 8
    assert torch.equal(eye.got[0], rows[original[eye.at]])
    assert torch.equal(eye.batch.labels, labels[original[eye.at]])
    assert torch.equal(eye.batch.index, eye.at)
    assert len(torch.unique(eye.at)) == 32
    distinct = len(torch.unique(eye.got[0], dim=0))
    assert distinct < 32


def test_broken_inputs_are_the_same_samples_each_time():
    run, eye, _ = inside("NaN in the inputs", strength=0.25)
    broken = run.session.trainer.around[0].broken
    assert int(broken.sum()) == 48
    assert torch.equal(torch.isnan(eye.got[0]).all(1), broken[eye.at])
    marks = [event.data["what"] for event in run.history.events("mark")]
    assert "skipped" in marks


def test_one_broken_sample_at_least():
    run = start(case("SimCLR").recipe())
    vg.lab.inject(run, "NaN in the inputs", strength=0.0)
    assert int(run.session.trainer.around[0].broken.sum()) == 1


def test_a_batch_of_few_classes():
    labels = easy()[1]
    _, eye, _ = inside("false negatives", strength=1)
    assert len(torch.unique(labels[eye.at])) == 1
    assert len(torch.unique(eye.at)) == 32
    _, eye, _ = inside("false negatives")
    assert len(torch.unique(labels[eye.at])) == 2
    # A class of 48 is too few for a batch of 64: a second one comes in.
    run = start(case("SimCLR").recipe(), batch=64)
    vg.lab.inject(run, "false negatives", strength=1)
    found = run.session.trainer.around[0].index(lambda: None)
    assert len(torch.unique(labels[found])) == 2
    for data, why in (
        (easy()[0], "has no labels"),
        ((easy()[0], torch.zeros(192, dtype=torch.long)), "a single class"),
    ):
        with pytest.raises(vg.errors.ArgumentError, match=why):
            vg.lab.inject(start(case("SimCLR").recipe(), data), "false negatives")


def test_a_dataset_that_is_read_item_by_item():
    rows, labels = easy(64)
    items = [(row.numpy(), int(label)) for row, label in zip(rows, labels, strict=True)]
    for name in ("shuffled pairs", "noisy positives", "positives of other classes", "duplicates in the data"):
        _, eye, _ = inside(name, data=vg.data.source(items))
        assert eye.got[0].shape == (32, 8)
    with pytest.raises(vg.errors.ArgumentError, match="hand over labels="):
        vg.lab.inject(start(case("SimCLR").recipe(), vg.data.source(items)), "false negatives")


# -- bits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20,), (1, 8, 8), (3, 32, 32), (3, 28, 20)])
def test_bits_are_the_same_in_all_views_and_can_be_read(shape):
    from vergence.lab.shortcuts import written

    x = torch.rand(64, *shape)
    bits = torch.randint(2, (64, 6))
    out = written(x, bits)
    assert out.shape == x.shape
    assert float((out == x).float().mean()) > 0.5
    # Another view with these bits has them in the same places; each bit has places of its own.
    if len(shape) == 3:
        other = written(1 - x, bits)
        assert torch.equal((out != x).any(0), (other != 1 - x).any(0))
        where = (out != x).any(0)
        assert torch.equal(out[:, where], other[:, where])
    for place in range(6):
        turned = bits.clone()
        turned[:, place] = 1 - turned[:, place]
        assert (written(x, turned) != out).flatten(1).any(1).all()


def test_shared_bits_are_drawn_anew_and_the_reference_set_has_some():
    run = start(case("SimCLR").recipe(), reference=32)
    reference = run.observer.looks.reference
    before = reference.items
    fault = vg.lab.inject(run, "shared bits")
    assert fault.strength == 4  # half of 8 entries
    eye = Seen()
    eye.learner, eye.optimiser = run.session.trainer.learner, run.session.trainer.optimiser
    run.session.trainer.around += (eye,)
    run.session.trainer.step()
    first, second = (view[:, 4:] > 0 for view in eye.viewed)
    assert torch.equal(first, second)
    assert torch.equal(eye.got[0], easy()[0][eye.at])
    seen_before = first
    run.session.trainer.step()
    assert not torch.equal(seen_before, eye.viewed[0][:, 4:] > 0)
    assert torch.equal(reference.items[:, :4], before[:, :4])
    assert not torch.equal(reference.items[:, 4:], before[:, 4:])
    fault.withdraw()
    assert reference.items is before


def test_there_must_be_room_for_the_bits():
    with pytest.raises(vg.errors.ArgumentError, match=r"strength is 5\..*from 1 to 4"):
        vg.lab.inject(start(case("SimCLR").recipe()), "shared bits", strength=5)
    one = torch.randn(64, 1)
    run = start(METHODS.SimCLR(encoder=lambda: vg.models.MLPEncoder(1, hidden=8, dim=8), dim=8), one)
    with pytest.raises(vg.errors.ArgumentError, match="too small for a single bit"):
        vg.lab.inject(run, "shared bits")


def test_bits_that_the_data_has_itself_stay():
    data = vg.data.rand_bits(easy(), bits=2)
    _run, eye, _ = inside("shared bits", data=data, recipe=METHODS.SimCLR(encoder=None, dim=8))
    own, made = eye.got[0][:, 8:], eye.viewed[0]
    assert torch.equal(made[:, 8:], own)
    assert len(torch.unique(made[:, 4:8].abs())) == 1
