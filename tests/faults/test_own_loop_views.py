"""Ordinary input of every kind to somebody's own loop is measured, and nothing is guessed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.faults.loops import BEFORE, FAULTY, Loop, check_the_rest, said

IDS = torch.arange(8)

MEASURED = {
    "rows that are not unit length": lambda loop: loop.monitor.step(100 * loop.z(), 0.01 * loop.z(), loss=2.0),
    "half precision": lambda loop: loop.monitor.step(loop.z().half(), loop.z().half(), loss=torch.tensor(2.0).half()),
    "bfloat16": lambda loop: loop.monitor.step(
        loop.z().bfloat16(), loop.z().bfloat16(), loss=torch.tensor(2.0).bfloat16()
    ),
    "double precision": lambda loop: loop.monitor.step(loop.z().double(), loop.z().double(), loss=2.0),
    "not contiguous": lambda loop: loop.monitor.step(loop.z(4, 8).T, loop.z(8, 8)[:, ::2], loss=2.0),
    "with a graph": lambda loop: loop.monitor.step(
        loop.z().requires_grad_() * 2, loop.z(), loss=loop.z().requires_grad_().sum() * 0 + 2
    ),
    "a loss of one entry": lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=torch.full((1,), 2.0)),
    "booleans as positives": lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=2.0, positives=torch.eye(8) > 0),
    "ids as positives": lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=2.0, positives=IDS % 3),
    "labels of each view": lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=2.0, labels=(IDS % 3, None)),
}


@pytest.mark.parametrize("what", MEASURED)
def test_what_is_ordinary_is_measured_without_a_word(tmp_path, what):
    loop = Loop(tmp_path).run(MEASURED[what])
    for history in loop.histories:
        assert said(history) == []
        check_the_rest(history, measured=True)


def test_strides_do_not_change_the_numbers(tmp_path):
    loop = Loop(tmp_path)
    z1, z2 = loop.z(), loop.z()
    loop.monitor.step(z1, z2, loss=2.0)
    loop.monitor.step(z1.T.contiguous().T, z2.repeat_interleave(2, 1)[:, ::2], loss=2.0)
    history = loop.monitor.history
    for key in ("similarity/z/auc", "similarity/z/positive_mean", "hypersphere/z/alignment", "loss/pull"):
        first, second = history.scalar(key).values
        assert first == pytest.approx(second, abs=1e-6)


VIEWS = {  # what comes, how many positive pairs there are, whether NT-Xent takes it
    "one view": (lambda loop: loop.monitor.step(loop.z(), loss=2.0), 0, False),
    "three views": (lambda loop: loop.monitor.step(loop.z(), loop.z(), loop.z(), loss=2.0), 24, False),
    "a queue": (
        lambda loop: loop.monitor.step(
            loop.z(), loop.z(), loop.z(32, 4), loss=2.0, positives=(IDS, IDS, torch.full((32,), -1)),
            labels=(IDS % 3, IDS % 3, None),
        ),
        8,
        False,
    ),
    "two towers of different batches": (
        lambda loop: loop.monitor.step(loop.z(8, 4), loop.z(6, 4), loss=2.0, positives=torch.eye(8, 6) > 0), 6, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", VIEWS)
def test_other_than_two_views_can_be_said(tmp_path, what):
    step, pairs, fits = VIEWS[what]
    loop = Loop(tmp_path).run(step)
    for history in loop.histories:
        frame = history.frame("similarity/z", BEFORE + 1)
        assert frame.meta["pairs_positive"] == pairs
        assert ("positive" in frame.arrays and int(frame.arrays["positive"].sum()) == pairs) or pairs == 0
        assert {name for _, name, _ in said(history)} == (set() if fits else {"loss/z", "temperature/z"})
        check_the_rest(history, measured=True)


def test_views_may_be_absent_and_the_loss_is_recorded(tmp_path):
    loop = Loop(tmp_path).run(lambda loop: loop.monitor.step(loss=2.0))
    for history in loop.histories:
        assert said(history) == []
        check_the_rest(history)


def test_an_objective_of_another_kind_is_unknown_and_nothing_is_guessed(tmp_path):
    loop = Loop(tmp_path, objective=torch.nn.CrossEntropyLoss())
    loop.good()
    history = loop.monitor.history
    assert history.static["loss"] is None
    assert [key for key in history.scalar_keys() if key.startswith("loss")] == ["loss"]
    assert said(history) == []


def test_representations_by_name_are_measured_each_on_its_own(tmp_path):
    def step(loop: Loop) -> None:
        loop.monitor.step(
            loop.z(), loop.z(), loss=2.0,
            h={"pair": (loop.z(), loop.z()), "joined": loop.z(16, 5), "block/map": loop.z(16, 3, 2, 2), "text": "no"},
        )  # fmt: skip

    loop = Loop(tmp_path).run(step)
    for history in loop.histories:
        assert {name for _, name, _ in said(history)} == {
            f"{metric}/{place}"
            for metric in ("similarity", "hypersphere", "spectrum")
            for place in ("block/map", "text")
        }
        assert len(said(history)) == 6
        for place in ("pair", "joined"):
            assert history.frames(f"similarity/{place}") == tuple(range(BEFORE + 1, BEFORE + FAULTY + 1))
            assert history.frame(f"similarity/{place}").meta["pairs_positive"] == 8
        check_the_rest(history, measured=True)


@pytest.mark.parametrize(
    ("numbers", "recorded", "words"),
    [
        ([1, 2, 5], [1, 2, 5], None),
        ([0, 1, 2], [1, 2, 3], None),
        ([np.int64(4), torch.tensor(6), 7], [4, 6, 7], None),
        ([7, 3, 4], [7, 8, 9], "step=3 came after step 7. Steps must go up; they are counted on from 7."),
        ([1, 2.5, 3], [1, 2, 3], "step is 2.5. It must be a whole number; they are counted on from 1."),
        ([1, "two", None], [1, 2, 3], "step is 'two'. It must be a whole number"),
    ],
)
def test_steps_are_numbered_as_given_where_that_can_be(tmp_path, numbers, recorded, words):
    loop = Loop(tmp_path)
    for number in numbers:
        loop.monitor.step(loop.z(), loop.z(), loss=1.0, step=number)
    assert loop.monitor.history.scalar("loss").steps.tolist() == recorded
    found = said(loop.monitor.history)
    assert len(found) == (words is not None)
    if words:
        assert words in found[0][2]
