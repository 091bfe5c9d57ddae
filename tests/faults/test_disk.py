"""A full disk and a folder that may not be written, under a Run and under a loop of one's own."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import vergence as vg
from tests.faults import rights, runs
from tests.faults.loops import LAST, Loop
from vergence.record import store as store_module


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    def full(*rest: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module.os, "write", full)
        patch.setattr(Path, "write_bytes", full)
        yield


def store_words(history: vg.History) -> list[str]:
    return [str(e.data.get("why") or e.data["text"]) for e in history.events() if e.data.get("what") == "store"]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(store_module, "RETRY_SECONDS", 0.0)


@pytest.fixture(params=["Run", "own loop"])
def training(request, tmp_path):
    """`train(folder)` gives (step ten times, the History, the run directory or None), nothing trained yet."""

    def run(folder: Path):
        made = runs.make(folder)
        return made, lambda steps: made.start(steps=steps), lambda: made._session.store

    def loop(folder: Path):
        made = Loop(folder)
        return made.monitor, lambda steps: [made.good() for _ in range(steps)], lambda: made.monitor.store

    return run if request.param == "Run" else loop


def test_a_disk_that_fills_and_is_freed_loses_nothing(training, tmp_path):
    subject, train, store = training(tmp_path)
    train(3)
    store().flush()
    with full_disk():
        train(4)
        assert not store().flush()
        recorded = vg.open(subject.directory, follow=False).history
        assert recorded.scalar("loss").steps.tolist() == [1, 2, 3]
    train(3)
    store().flush()
    store().flush()
    for history in (subject.history, vg.open(subject.directory, follow=False).history):
        assert history.scalar("loss").steps.tolist() == list(range(1, LAST + 1))
        assert history.frames("similarity/z") == tuple(range(1, LAST + 1))
        words = store_words(history)
        assert len(words) == 2
        assert words[0].startswith("not saved since step ")
        assert "No space left on device" in words[0]
        assert words[1].startswith("Saving again; nothing was lost since step ")


def test_a_disk_that_is_full_from_the_start_stops_no_training(training, tmp_path):
    with full_disk():
        subject, train, store = training(tmp_path)
        train(LAST)
        store().flush()
    assert subject.history.last_step == LAST
    assert store_words(subject.history)[0].startswith("not saved since step 0: No space left on device")
    store().flush()
    assert vg.open(subject.directory, follow=False).history.scalar("loss").steps.tolist() == list(range(1, LAST + 1))


def test_a_folder_below_a_file_stops_no_training(training, tmp_path):
    (tmp_path / "file").write_text("in the way")
    subject, train, _ = training(tmp_path / "file" / "runs")
    train(LAST)
    assert subject.history.last_step == LAST
    (words,) = store_words(subject.history)
    assert words.startswith("not saved since step 0: Not a directory")
    assert "free some space, or choose another folder with directory=." in words
    assert len(subject.history.scalar("loss")) == LAST
    assert len(subject.history.frames("similarity/z")) == LAST


@pytest.mark.skipif(os.name == "nt", reason="modes of folders mean something else there")
def test_a_read_only_folder_stops_no_training_and_is_used_once_it_may_be(training, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    with rights.read_only(folder):
        subject, train, store = training(folder)
        train(LAST)
        store().flush()
        (words,) = store_words(subject.history)
        assert "Permission denied" in words
    store().flush()
    store().flush()
    opened = vg.open(subject.directory, follow=False).history
    assert opened.scalar("loss").steps.tolist() == list(range(1, LAST + 1))
    assert store_words(opened)[-1].startswith("Saving again; nothing was lost")


def test_a_folder_that_was_removed_is_made_again(training, tmp_path):
    subject, train, store = training(tmp_path)
    train(3)
    store().flush()
    for path in sorted(subject.directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    subject.directory.rmdir()
    train(3)
    assert store().flush()
    assert subject.history.last_step == 6
    opened = vg.open(subject.directory, follow=False).history
    assert opened.name == subject.history.name
    assert opened.scalar("loss").steps.tolist() == [4, 5, 6]
