"""Letters reach the training thread once, in order; from other processes too."""

from __future__ import annotations

import os
import threading
import time

import pytest

import vergence
from tests.faults import rights
from vergence import errors
from vergence.record import mailbox as mailbox_module
from vergence.record.history import History
from vergence.record.mailbox import Inbox, Letter, Mailbox, Outbox
from vergence.record.store import Store


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_letters_are_taken_once_and_in_order():
    mailbox = Mailbox()
    ids = [mailbox.put(Letter("temperature", value)) for value in (0.1, 0.2)]
    taken = mailbox.take()
    assert [letter.id for letter in taken] == ids
    assert [letter.value for letter in taken] == [0.1, 0.2]
    assert mailbox.take() == []


def test_waiting_ends_with_a_letter():
    mailbox = Mailbox()
    threading.Timer(0.05, lambda: mailbox.put(Letter("run", command=True))).start()
    began = time.monotonic()
    mailbox.wait(10)
    assert time.monotonic() - began < 5
    assert [letter.name for letter in mailbox.take()] == ["run"]


def test_a_letter_from_another_process_arrives_and_earlier_ones_do_not(tmp_path):
    clock, mailbox = Clock(), Mailbox()
    outbox = Outbox(tmp_path)
    outbox.put(Letter("stop", command=True))  # to a run that trained here before
    mailbox.read_also(Inbox(tmp_path, clock=clock))
    ident = outbox.put(Letter("temperature", 0.1, source="another process"))
    assert mailbox.take() == [Letter("temperature", 0.1, source="another process", id=ident)]
    outbox.put(Letter("pause", command=True))
    assert mailbox.take() == [], "looked twice within a fifth of a second"
    clock.now += 0.3
    assert [letter.name for letter in mailbox.take()] == ["pause"]


def test_rubbish_in_the_file_is_passed_over_and_a_torn_line_waits(tmp_path):
    clock = Clock()
    inbox = Inbox(tmp_path, clock=clock)
    path = tmp_path / "controls.jsonl"
    path.write_bytes(b'7\n"x"\n[]\n{}\n{"name": "pause"}\nnot json\n\xff\n{"id": "a", "name": "pau')
    assert inbox.poll() == []
    with path.open("ab") as file:
        file.write(b'se", "command": true}\n')
    clock.now = 1.0
    assert inbox.poll() == [Letter("pause", None, True, "another process", "a")]


def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_is_needed(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.StoreError, match=r"control 'pause' to .*controls\.jsonl: Not a directory.*writable"):
        Outbox(tmp_path / "file").put(Letter("pause", command=True))


@pytest.mark.skipif(os.name == "nt", reason="modes of folders mean something else there")
def test_a_read_only_folder_is_an_error_too(tmp_path):
    with rights.read_only(tmp_path), pytest.raises(errors.StoreError, match="Permission denied"):
        Outbox(tmp_path).put(Letter("pause", command=True))


def test_a_letter_that_fits_only_in_part_is_an_error(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(mailbox_module.os, "write", lambda handle, blob: write(handle, blob[:9]))
    with pytest.raises(errors.StoreError, match="No space left on device"):
        Outbox(tmp_path).put(Letter("pause", command=True))


def written(folder: object, state: str) -> None:
    history = History({"name": "there", "controls": [{"name": "temperature"}, {"name": "learning_rate"}]})
    store = Store(folder)  # type: ignore[arg-type]
    store.attach(history)
    history.set_state(state)  # type: ignore[arg-type]
    store.close()


def test_an_unknown_control_is_refused_with_the_nearest_name_and_nothing_is_sent(tmp_path):
    written(tmp_path, "live")
    with vergence.open(tmp_path, follow=False) as attached:
        with pytest.raises(errors.UnknownName, match=r"Attached\.set: .* 'temprature'\. Did you mean 'temperature'\?"):
            attached.set(learning_rate=0.1, temprature=0.2)
        assert not (tmp_path / "controls.jsonl").exists()
        assert len(attached.set(temperature=0.2)) == 1
        assert (tmp_path / "controls.jsonl").exists()


@pytest.mark.parametrize("state", ["stopped", "finished", "failed"])
@pytest.mark.parametrize("call", ["pause", "resume", "step", "stop", "set"])
def test_a_run_that_has_ended_cannot_be_steered(tmp_path, state, call):
    written(tmp_path, state)
    with vergence.open(tmp_path, follow=False) as attached:
        with pytest.raises(errors.StateError, match=rf"Attached\.{call}\(\): there is {state} at step 0"):
            getattr(attached, call)(**({"temperature": 0.1} if call == "set" else {}))
        assert not (tmp_path / "controls.jsonl").exists()
