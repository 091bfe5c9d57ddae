"""Bad input to somebody's own loop: words that finish the sentence, a loop that goes on, a record that is whole."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
import torch

import vergence as vg
from tests.faults.loops import BEFORE, FAULTY, LAST, Loop, check_the_rest, said
from vergence import errors
from vergence.training.measures import step as measure
from vergence.training.observer import QUIET_STEPS, RELAPSE_STEPS

ROWS = "flatten it first"
SIMILARITY, SPHERE, LOSS = ("failed", "similarity/z"), ("failed", "hypersphere/z"), ("failed", "loss/z")
ALSO = {("failed", "spectrum/z"), ("failed", "pairs/z"), ("failed", "temperature/z")}
"""Refuse most of the same, in words of their own tests."""

REFUSED = {
    "views of different batches": (
        lambda loop: loop.monitor.step(loop.z(8, 4), loop.z(7, 4), loss=2.0),
        "the views have 8, 7 rows, so positives must say which is which",
        "a is (8, 4) but b is (7, 4). Both views need one row per sample; did the loader drop one? Set drop_last=True.",
    ),
    "views of different heads": (
        lambda loop: loop.monitor.step(loop.z(8, 4), loop.z(8, 5), loss=2.0),
        "view 1 is (8, 4) but view 2 is (8, 5). Rows are compared by their cosine, so all views need the same dim",
        "Both views must come out of the same head.",
    ),
    "feature maps": (
        lambda loop: loop.monitor.step(loop.z(8, 4, 2, 2), loop.z(8, 4, 2, 2), loss=2.0),
        "view 1 is (8, 4, 2, 2). It must be (batch, dim), one row per sample; flatten it first",
        ROWS,
    ),
    "one sample without its batch axis": (
        lambda loop: loop.monitor.step(loop.z(4), loop.z(4), loss=2.0),
        "give it a batch axis",
        "give it a batch axis",
    ),
    "an empty batch": (
        lambda loop: loop.monitor.step(loop.z(0, 4), loop.z(0, 4), loss=2.0),
        "view 1 has 0 rows",
        "Set drop_last=True.",
    ),
    "integers": (
        lambda loop: loop.monitor.step(torch.ones(8, 4).long(), loop.z(), loss=2.0),
        "view 1 has dtype torch.int64. Embeddings are floating point",
        "use view 1.float()",
    ),
    "arrays": (
        lambda loop: loop.monitor.step(np.ones((8, 4)), np.ones((8, 4)), loss=2.0),
        "view 1 is a ndarray. It must be a torch tensor (batch, dim); wrap it with torch.as_tensor",
        "wrap it with torch.as_tensor(view 1)",
    ),
    "nothing": (
        lambda loop: loop.monitor.step(None, None, loss=2.0),
        "view 1 is a NoneType. It must be a torch tensor",
        "NT-Xent: view 1 is a NoneType",
    ),
    "different devices": (
        lambda loop: loop.monitor.step(loop.z(), loop.z().to("meta"), loss=2.0),
        "view 1 is on cpu but view 2 is on meta. Move one: z2.to(z1.device).",
        "Move one: b.to(a.device).",
    ),
    "a device without numbers": (
        lambda loop: loop.monitor.step(loop.z().to("meta"), loop.z().to("meta"), loss=2.0),
        "meta",
        "meta",
    ),
    "rows that are all zero": (
        lambda loop: loop.monitor.step(loop.z() * 0, loop.z() * 0, loss=2.0),
        "all 16 rows are zero, so they have no direction. Is a ReLU the last layer of the head? End it with a Linear.",
        None,
    ),
    "rows that are all NaN": (
        lambda loop: loop.monitor.step(loop.z() * math.nan, loop.z() * math.nan, loss=2.0),
        "16 of 16 rows are not finite (NaN or infinity)",
        None,
    ),
    "positives of the wrong length": (
        lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=2.0, positives=torch.arange(5)),
        "positives is (5) but there are 8 rows. One integer per row: (8,).",
        None,
    ),
    "positives in words": (
        lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=2.0, positives="the same image"),
        "positives is a str",
        None,
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_measured_is_said_once_and_the_loop_goes_on(tmp_path, fault):
    step, pairs_words, loss_words = REFUSED[fault]
    loop = Loop(tmp_path).run(step)
    for history in loop.histories:
        found = said(history)
        assert {entry[:2] for entry in found} - ALSO == {SIMILARITY, SPHERE, *([LOSS] if loss_words else [])}
        assert len(found) == len({entry[:2] for entry in found}), "said once, not at every step"
        assert all(event.step == BEFORE + 1 for event in history.events("failed"))
        for _, name, words in found:
            if name not in ("spectrum/z", "temperature/z"):
                assert (loss_words if name == "loss/z" else pairs_words) in words
        check_the_rest(history)


def test_a_batch_of_one_is_refused_by_what_needs_more(tmp_path):
    loop = Loop(tmp_path).run(lambda loop: loop.monitor.step(loop.z(1, 4), loop.z(1, 4), loss=2.0))
    for history in loop.histories:
        words = {name: why for _, name, why in said(history)}
        assert set(words) == {"hypersphere/z", "loss/z", "temperature/z"}
        assert "no view has 2 rows" in words["hypersphere/z"]
        assert "a and b have 1 row each, 2 are needed" in words["loss/z"]
        assert "Set drop_last=True" in words["loss/z"]
        check_the_rest(history, measured=True)


def spoilt(loop: Loop, value: float, rows: slice) -> torch.Tensor:
    z = loop.z()
    z[rows] = value
    return z


LEFT_OUT = {
    "NaN in a row": (lambda loop: (spoilt(loop, math.nan, slice(2, 3)), loop.z()), 1),
    "infinity in rows": (lambda loop: (loop.z(), spoilt(loop, math.inf, slice(0, 3))), 3),
    "zero rows": (lambda loop: (spoilt(loop, 0.0, slice(0, 2)), loop.z()), 2),
}


@pytest.mark.parametrize("fault", LEFT_OUT)
def test_rows_without_a_direction_are_left_out_and_counted(tmp_path, fault):
    views, rows = LEFT_OUT[fault]
    loop = Loop(tmp_path).run(lambda loop: loop.monitor.step(*views(loop), loss=2.0))
    for history in loop.histories:
        assert said(history) == [
            (
                "mark",
                "rows_left_out",
                f"{rows} of 16 rows of z are zero or not finite; they are left out of the similarities.",
            )
        ]
        frame = history.frame("similarity/z", BEFORE + 1)
        assert frame.meta["rows_left_out"] == rows
        assert frame.meta["pairs_positive"] == 8 - rows
        assert math.isfinite(history.scalar("hypersphere/z/uniformity").at(BEFORE + 1))
        check_the_rest(history, measured=True)


def test_rows_left_out_are_counted_for_each_place(tmp_path):
    def step(loop: Loop) -> None:
        h = spoilt(loop, 0.0, slice(0, 1))
        loop.monitor.step(spoilt(loop, 0.0, slice(0, 2)), loop.z(), loss=2.0, h={"backbone": (h, loop.z())})

    loop = Loop(tmp_path).run(step)
    words = [text for _, _, text in said(loop.monitor.history)]
    assert [text.partition(";")[0] for text in words] == [
        "2 of 16 rows of z are zero or not finite",
        "1 of 16 rows of backbone are zero or not finite",
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("wrap", [float, torch.tensor], ids=["number", "tensor"])
def test_a_loss_that_is_not_finite_is_a_gap_and_a_mark(tmp_path, value, wrap):
    loop = Loop(tmp_path).run(lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=wrap(value)))
    for history in loop.histories:
        assert said(history) == [
            (
                "mark",
                "nonfinite",
                f"loss is {value} at step 4. Look at the steps before: a learning rate too high, a division by zero, "
                "or half precision overflow.",
            )
        ]
        assert np.isnan(history.scalar("loss").values).tolist() == [3 < step < 8 for step in range(1, LAST + 1)]
        check_the_rest(history, measured=True)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (torch.ones(8), "loss is (8). It must be one number; hand over loss.mean()."),
        (torch.ones(2, 1), "loss is (2, 1). It must be one number; hand over loss.mean()."),
        ([1.0, 2.0], "loss is a list. It must be one number, a tensor or a float."),
        ({"loss": 1.0}, "loss is a dict. It must be one number, a tensor or a float."),
        ("low", "loss is a str. It must be one number, a tensor or a float."),
        (torch.tensor(1j), "loss is a complex. It must be one number, a tensor or a float."),
    ],
    ids=["vector", "matrix", "list", "dict", "str", "complex"],
)
def test_a_loss_that_is_no_number_is_marked_and_the_rest_is_measured(tmp_path, loss, words):
    loop = Loop(tmp_path).run(lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=loss))
    for history in loop.histories:
        assert said(history) == [("mark", "loss_shape", words)]
        check_the_rest(history, loss=False, measured=True)


def test_a_loss_on_a_device_without_numbers_blocks_no_later_one(tmp_path):
    loop = Loop(tmp_path).run(lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=torch.ones((), device="meta")))
    for history in loop.histories:
        ((kind, name, why),) = said(history)
        assert (kind, name) == ("failed", "loss")
        assert "meta" in why
        check_the_rest(history, loss=False, measured=True)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (
            torch.arange(5),
            "Monitor.step: labels is (5) but there are 8 rows. One integer per row: (8,). Measured without labels.",
        ),
        (torch.ones(8), "labels has dtype torch.float32. Use integers: labels.long(). Measured without labels."),
        (torch.ones(8, 2).long(), "labels is (8, 2) but there are 8 rows."),
        (np.arange(8), "labels is a ndarray. It must be an integer tensor (8,); use torch.as_tensor(labels)."),
        ([1, 2, 3, 4, 5, 6, 7, 8], "labels is a list. It must be an integer tensor (8,)"),
    ],
    ids=["wrong length", "floats", "two columns", "array", "list"],
)
def test_labels_that_do_not_fit_are_left_out_and_marked(tmp_path, labels, words):
    loop = Loop(tmp_path).run(lambda loop: loop.monitor.step(loop.z(), loop.z(), loss=2.0, labels=labels))
    for history in loop.histories:
        ((kind, what, text),) = said(history)
        assert (kind, what) == ("mark", "labels")
        assert words in text
        assert "false_negative" not in history.frame("similarity/z", BEFORE + 1).arrays
        assert "false_negative" in history.frame("similarity/z", LAST).arrays
        check_the_rest(history, measured=True)


def test_an_exception_in_a_metric_is_said_and_the_others_are_measured(tmp_path, monkeypatch):
    loop = Loop(tmp_path)
    hypersphere = measure.hypersphere

    def broken(*views, **more):
        raise ZeroDivisionError("a metric divided by nothing")

    def step(loop: Loop) -> None:
        monkeypatch.setattr(measure, "hypersphere", broken)
        loop.good()
        monkeypatch.setattr(measure, "hypersphere", hypersphere)

    loop.run(step)
    for history in loop.histories:
        assert said(history) == [("failed", "hypersphere/z", "ZeroDivisionError: a metric divided by nothing")]
        assert history.events("failed")[0].data["what"] == "metric"
        assert len(history.scalar("hypersphere/z/uniformity")) == LAST - FAULTY
        check_the_rest(history, measured=True)


def test_an_exception_in_the_measuring_itself_is_said(tmp_path, monkeypatch):
    loop = Loop(tmp_path)
    monkeypatch.setattr("vergence.training.observer.places_of", lambda *rest: 1 / 0)
    loop.good()
    assert said(loop.monitor.history) == [("failed", "measuring", "ZeroDivisionError: division by zero")]
    assert loop.monitor.history.last("loss") == 2.0


def test_trouble_that_lasts_or_comes_and_goes_does_not_fill_the_memory(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL, "vergence")
    loop = Loop(tmp_path, save=False)
    for step in range(1, 601):
        z = loop.z()
        z[: step % 7] = math.nan  # the words change with every step
        views = (z,) if step % 2 else (loop.z(8, 4), loop.z(7, 4))  # one place fails and recovers again and again
        loop.monitor.step(*views, loss=math.nan if step % 3 else 1.0, labels=torch.arange(step % 5))
    events = loop.monitor.history.events()
    assert len(events) <= 3 * (600 / RELAPSE_STEPS) + 5 * (600 / QUIET_STEPS + 1) + 2


def test_temperature_and_names_of_controls(tmp_path):
    loop = Loop(tmp_path)
    monitor = loop.monitor
    with pytest.raises(
        errors.UnknownName, match=r"Monitor\.set: there is no control 'temprature'\. Did you mean 'temperature'\?"
    ):
        monitor.set(temprature=0.1)
    for value in (0, -0.2):
        with pytest.raises(errors.ArgumentError, match=r"Monitor\.set: temperature is .* finite number above 0"):
            monitor.set(temperature=value)
    with pytest.raises(errors.ArgumentError, match=r"temperature is 0"):
        vg.losses.NTXent(temperature=0)
    loop.run(lambda loop: loop.good())
    for history in loop.histories:
        assert history.events("control") == ()
        check_the_rest(history, measured=True)


def test_an_exception_of_the_loop_itself_is_recorded(tmp_path):
    loop = Loop(tmp_path)

    def script() -> None:
        with loop.monitor:
            loop.run(lambda loop: loop.good())
            raise KeyError("no such image")

    with pytest.raises(KeyError, match="no such image"):
        script()
    for history in loop.histories:
        assert history.state == "failed"
        (failed,) = history.events("failed")
        assert (failed.step, failed.data["what"], failed.data["why"]) == (LAST, "training", "KeyError: 'no such image'")
        assert history.scalar("loss").steps.tolist() == list(range(1, LAST + 1))


def test_a_loop_that_ends_well_is_finished_and_a_stopped_one_stopped(tmp_path):
    with Loop(tmp_path).monitor as monitor:
        monitor.step(loss=1.0)
    assert monitor.history.state == "finished"
    loop = Loop(tmp_path)
    loop.good()
    loop.monitor.stop()
    with pytest.raises(vg.Stopped, match=r"was stopped at step 2\. Run the loop again to go on\."), loop.monitor:
        loop.good()
    assert [history.state for history in loop.histories] == ["stopped", "stopped"]


def test_a_step_after_the_record_was_closed_is_marked(tmp_path):
    loop = Loop(tmp_path)
    loop.good()
    loop.monitor.close()
    loop.good()
    memory, disk = loop.histories
    assert (memory.last_step, disk.last_step) == (2, 1)
    assert said(memory) == [
        (
            "mark",
            "closed",
            "The record was closed before this step; from here on it is kept in memory only. Make a new Monitor.",
        )
    ]


@pytest.mark.parametrize(
    ("reference", "encoder", "error", "words"),
    [
        (
            torch.ones(4, 3),
            None,
            errors.ArgumentError,
            r"no encoder to embed the reference with\. Type: Monitor\(encoder",
        ),
        (torch.ones(1, 3), torch.nn.Linear(3, 2), errors.TooFewRows, r"1 items\. At least 2 are needed"),
        (
            (torch.ones(4, 3), torch.ones(3).long()),
            torch.nn.Linear(3, 2),
            errors.ShapeError,
            r"the factor 'class' is \(3\) but there are 4 items",
        ),
    ],
)
def test_a_reference_that_cannot_be_is_refused_at_the_door(reference, encoder, error, words):
    with pytest.raises(error, match=words):
        vg.Monitor(encoder, reference=reference, save=False)
