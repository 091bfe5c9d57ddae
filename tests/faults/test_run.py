"""Bad input and faults through a Run: it goes on where it can, says what is wrong, and keeps what it had."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import vergence as vg
from tests.faults.loops import said
from tests.faults.runs import FAULTY, LAST, Spoils, data, histories, make, steps
from vergence import errors
from vergence.training.measures import step as measure

EVERY = list(range(1, LAST + 1))


def spoil(value: float, rows: slice) -> object:
    def turn(z: Tensor) -> Tensor:
        z = z.clone()
        z[rows] = value
        return z

    return turn


@pytest.mark.parametrize("driver", ["inline", "thread"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_embeddings_that_are_not_finite_for_a_while_are_skipped_marked_and_survived(tmp_path, value, driver):
    run = make(tmp_path, head=Spoils(spoil(value, slice(0, 2))), driver=driver)
    run.start(steps=3).wait()
    before = [value.clone() for value in run.model.state_dict().values()]
    run.start(steps=4).wait()
    after = list(run.model.state_dict().values())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)), "a bad loss moved the weights"
    run.start(steps=3).wait()
    assert (run.state, run.steps_done) == ("finished", LAST)
    for history in histories(run):
        words = {what: text for _, what, text in said(history)}
        assert words["skipped"] == "The loss of step 4 is not finite; the weights were left as they were."
        assert words["nonfinite"].startswith(
            "loss is nan at step 4. Look at the steps before: a learning rate too high"
        )
        assert (
            words["rows_left_out"] == "2 of 16 rows of z are zero or not finite; they are left out of the similarities."
        )
        assert set(words) == {"skipped", "nonfinite", "rows_left_out"}
        losses = history.scalar("loss")
        assert losses.steps.tolist() == EVERY
        assert [math.isnan(loss) for loss in losses.values] == [step in FAULTY for step in EVERY]
        assert steps(history, "similarity/z/auc") == EVERY
        assert history.frames("similarity/z") == tuple(EVERY)


def test_a_loss_that_stays_not_finite_ends_the_run_and_says_what_to_do(tmp_path):
    run = make(tmp_path, head=Spoils(spoil(math.nan, slice(0, 1)), range(3, 99)))
    with pytest.raises(
        errors.TrainingFailed,
        match=r"the loss has not been finite for 10 steps\. .* Lower the learning rate, .*run\.reset\(\)",
    ):
        run.start(steps=60)
    assert run.steps_done == 12
    for history in histories(run):
        assert history.state == "failed"
        assert steps(history, "loss") == list(range(1, 13))
        assert not math.isnan(history.scalar("loss").at(2))
    run.reset()
    assert run.state == "idle"


def test_zero_rows_are_left_out_and_the_run_goes_on(tmp_path):
    run = make(tmp_path, head=Spoils(lambda z: z * (torch.arange(len(z)) > 2)[:, None]))
    run.start(steps=LAST)
    for history in histories(run):
        words = {what: text for _, what, text in said(history)}
        assert words["rows_left_out"].startswith("3 of 16 rows of z are zero or not finite")
        assert steps(history, "loss") == steps(history, "hypersphere/z/uniformity") == EVERY
        assert history.frame("similarity/z", 5).meta["rows_left_out"] == 3


ORDINARY = {
    "rows that are not unit length": lambda z: 1000 * z,
    "half precision": lambda z: z.half(),
    "bfloat16": lambda z: z.bfloat16(),
    "double precision": lambda z: z.double(),
    "not contiguous": lambda z: z.T.contiguous().T,
}


@pytest.mark.parametrize("what", ORDINARY)
def test_what_is_ordinary_is_trained_and_measured_without_a_word(tmp_path, what):
    run = make(tmp_path, head=Spoils(ORDINARY[what]))
    run.start(steps=LAST)
    for history in histories(run):
        assert said(history) == []
        assert steps(history, "loss") == steps(history, "similarity/z/auc") == EVERY
        assert all(math.isfinite(loss) for loss in history.scalar("loss").values)


ENDS = {
    "a feature map": (lambda z: z[:, :, None], r"NT-Xent: a is \(8, 4, 1\)|nt_xent: a is \(8, 4, 1\)"),
    "no columns": (lambda z: z[:, :0], r"has no columns"),
    "integers": (lambda z: z.long(), r"dtype torch\.int64\. Embeddings are floating point"),
    "too few rows": (
        lambda z: z[:3],
        r"turned 2 views of 8 items into z of \(3, 4\)\. It must return one row .* \(16, dim\)",
    ),
    "one number": (lambda z: z.sum(), r"into z of \(\)\. It must return one row per item and view"),
    "a device without numbers": (lambda z: z.to("meta"), r"meta"),
}


@pytest.mark.parametrize("driver", ["inline", "thread"])
@pytest.mark.parametrize("what", ENDS)
def test_a_model_that_returns_something_else_ends_the_run_in_words(tmp_path, what, driver):
    turn, words = ENDS[what]
    run = make(tmp_path, head=Spoils(turn), driver=driver)
    with pytest.raises(errors.TrainingFailed, match=r"failed at step 3: .*run\.reset\(\) begins again") as caught:
        run.start(steps=LAST).wait()
    caught.match(words)
    for history in histories(run):
        assert history.state == "failed"
        assert history.events("failed")[-1].data["what"] == "training"
        assert steps(history, "loss") == steps(history, "similarity/z/auc") == [1, 2, 3]


class PerSample:
    """A loss of a user's that forgot its mean."""

    name, variant, source, views = "per sample", "", "", 2

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return ((a - b) ** 2).sum(1)

    def terms(self, *views: Tensor) -> dict[str, Tensor]:
        return {}

    def chance(self, batch: int, dim: int) -> float | None:
        return None

    def floor(self, batch: int, dim: int) -> float | None:
        return None

    def pair_weights(self, *views: Tensor) -> Tensor | None:
        return None

    def settings(self) -> dict[str, float]:
        return {}

    def set(self, name: str, value: float) -> None: ...

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        return {}


def test_a_loss_that_is_a_vector_ends_the_run_in_words(tmp_path):
    run = make(tmp_path, method=vg.methods.Recipe(PerSample(), encoder=lambda: nn.Linear(6, 8), dim=4))
    with pytest.raises(
        errors.TrainingFailed,
        match=r"failed at step 0: ShapeError: PerSample returned \(8\)\. A loss is one number; return loss\.mean",
    ):
        run.start(steps=3)


class WrongLabels(vg.data.ArraySource):
    """A source of a user's whose labels do not fit its batch."""

    def label_of(self, index: Tensor) -> Tensor:
        return torch.zeros(len(index) - 3, dtype=torch.long)


def test_labels_of_the_wrong_length_are_left_out_and_marked(tmp_path):
    run = make(tmp_path, source=WrongLabels(*data()), reference=0)
    run.start(steps=LAST)
    for history in histories(run):
        ((kind, what, text),) = said(history)
        assert (kind, what) == ("mark", "labels")
        assert "labels is (5) but there are 8 rows. One integer per row: (8,). Measured without labels." in text
        assert "false_negative" not in history.frame("similarity/z").arrays
        assert steps(history, "loss") == steps(history, "similarity/z/auc") == EVERY


def test_a_batch_of_one_is_refused_at_the_door(tmp_path):
    with pytest.raises(errors.ArgumentError, match=r"Run\(batch=1\): .* one sample has nothing to be told apart from"):
        make(tmp_path, batch=1)
    with pytest.raises(errors.TooFewRows, match="that is one sample"):
        make(tmp_path, source=torch.ones(1, 6))
    run = make(tmp_path, source=torch.randn(3, 6), batch=256, reference=0)  # as many as there are
    run.start(steps=2)
    assert run.history.static["batch"] == 3


def test_controls_that_cannot_be_are_refused_and_the_run_goes_on(tmp_path):
    run = make(tmp_path)
    run.start(steps=4)
    for name, value, error, words in (
        ("temperature", 0, errors.ArgumentError, "temperature is 0. It must be a finite number above 0"),
        ("temperature", -1.0, errors.ArgumentError, "temperature is -1.0"),
        ("temprature", 0.1, errors.UnknownName, "Did you mean 'temperature'?"),
        ("strength", 2, errors.ArgumentError, "strength is 2. It must lie between 0 and 1."),
    ):
        with pytest.raises(error) as caught:
            run.set(**{name: value})
        assert words in str(caught.value)
    run.start(steps=LAST - 4)
    for history in histories(run):
        assert history.events("control") == ()
        assert steps(history, "loss") == EVERY


def test_an_exception_in_a_metric_is_said_and_the_run_goes_on(tmp_path, monkeypatch):
    run = make(tmp_path)
    run.start(steps=3)
    with monkeypatch.context() as patch:
        patch.setattr(measure, "similarity", lambda *views, **more: {}["rows"])
        run.start(steps=4)
    run.start(steps=3)
    for history in histories(run):
        assert said(history) == [
            ("failed", "similarity/z", "KeyError: 'rows'"),
            ("failed", "similarity/h", "KeyError: 'rows'"),
        ]
        assert steps(history, "loss") == steps(history, "hypersphere/z/uniformity") == EVERY
        assert history.frames("similarity/z") == (1, 2, 3, 8, 9, 10)
        assert history.state == "finished"


def test_an_objective_that_cannot_be_taken_apart_is_said_and_the_run_goes_on(tmp_path, monkeypatch):
    run = make(tmp_path)
    loss = type(run._session.trainer.loss)
    terms = loss.terms

    def broken_when_watched(self, *views, **more):
        return terms(self, *views, **more) if torch.is_grad_enabled() else 1 / 0

    monkeypatch.setattr(loss, "terms", broken_when_watched)
    run.start(steps=LAST)
    for history in histories(run):
        assert said(history) == [("failed", "loss/z", "ZeroDivisionError: division by zero")]
        assert steps(history, "loss") == steps(history, "similarity/z/auc") == EVERY


def test_a_record_that_breaks_ends_no_training(tmp_path, monkeypatch):
    run = make(tmp_path)
    monkeypatch.setattr(run.history, "add_frames", lambda *rest, **more: 1 / 0)
    run.start(steps=LAST)
    assert run.state == "finished"
    assert ("failed", "measuring", "ZeroDivisionError: division by zero") in said(run.history)
    assert steps(run.history, "loss") == EVERY
