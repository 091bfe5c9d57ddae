"""History: types and memory, the run directory, and the mailbox that controls go through."""

from vergence.record.attach import Attached, open_run
from vergence.record.history import Event, Frame, History, Series
from vergence.record.mailbox import Letter, Mailbox
from vergence.record.store import Store

__all__ = ["Attached", "Event", "Frame", "History", "Letter", "Mailbox", "Series", "Store", "open_run"]
