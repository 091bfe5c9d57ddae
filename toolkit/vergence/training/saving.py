"""Where a run is saved, what it is called, and what is written when it ends."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import platform
import socket
from importlib.metadata import entry_points, version
from os import getpid
from pathlib import Path
from typing import Any

import torch

from vergence.record.history import History
from vergence.record.mailbox import Inbox, Mailbox
from vergence.record.store import Store

__all__ = ["name_of", "report", "start_saving", "surroundings"]

log = logging.getLogger("vergence")
README = """Runs of vergence, one folder each. They can be deleted at any time.

Open one from Python or a notebook:   vergence.open("this folder/<run>")
Choose another place:                 directory="..." of Run, Monitor or watch
Save nothing:                         save=False
"""


def name_of(stem: str, directory: str | Path) -> str:
    """`emoji-simclr-07`: the stem and the first free number in `directory`."""
    taken: list[str] = []
    with contextlib.suppress(OSError):  # a folder that may not be looked into
        taken = [path.name.rpartition("-")[2] for path in Path(directory).glob(f"*-{stem}-*")]
    number = max((int(end) for end in taken if end.isdigit()), default=0) + 1
    return f"{stem}-{number:02d}"


def start_saving(
    history: History, mailbox: Mailbox, *, save: bool, directory: str | Path, cap_bytes: int
) -> Store | None:
    """Begin to write `history` to a dated folder below `directory`; None when `save` is off.

    A folder that cannot be written is no reason not to train: the History says so.
    """
    if not save:
        return None
    moment = dt.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    folder = _claimed(Path(directory), moment, history.name)
    store = Store(folder.absolute(), cap_bytes=cap_bytes)
    history.describe(directory=str(folder))
    store.attach(history)
    mailbox.read_also(Inbox(store.directory))
    if store.flush():
        with contextlib.suppress(OSError):  # a help for people; a disk that is full now is told by the store
            note = Path(directory) / "README.txt"
            if not note.exists():
                note.write_text(README, encoding="utf-8")
    return store


def _claimed(directory: Path, moment: str, name: str) -> Path:
    """A new folder of this run's own, also when many processes start in the same second."""
    # A name may hold anything; a folder's name must not lead elsewhere, nor be longer than file systems take.
    name = name.translate({ord(letter): "-" for letter in "/\\\0"}).encode()[:200].decode(errors="ignore")
    folder = directory / f"{moment}-{name}"
    number = 2
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            folder = directory / f"{moment}-{number}-{name}"
            number += 1
        except OSError:  # the store will say it, and try again
            return folder
        else:
            return folder


def surroundings() -> dict[str, Any]:
    """What a History keeps about where it was made."""
    return {
        "format": 1,
        "pid": getpid(),
        "host": socket.gethostname(),
        "started": dt.datetime.now().astimezone().isoformat(timespec="seconds"),
        "versions": {
            "vergence": version("vergence"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def report(history: History, store: Store | None) -> Path | None:
    """Write `report.html` beside the History, by whatever is installed that can; None when nothing is.

    Report writers are found through the entry point group `vergence.reporters`, so this floor
    knows nothing of pictures.
    """
    if store is None:
        return None
    path: Path | None = None
    for entry in entry_points(group="vergence.reporters"):
        try:
            path = Path(entry.load()(history, store.directory / "report.html"))
        except Exception as error:  # the run is over and saved; a missing picture must not undo that
            log.warning("report.html was not written: %s: %s", type(error).__name__, error)
            history.add_event(
                "failed",
                history.last_step,
                what="report",
                name="report",
                why=f"{type(error).__name__}: {error}",
            )
    return path
