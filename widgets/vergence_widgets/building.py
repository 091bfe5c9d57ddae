"""Building: panels are built when what they draw has changed, a few at a time.

A build holds the interpreter lock, which training waits for. So a panel whose data are the same as before is not
built again, and those that are due are built over several ticks, the one that has waited longest first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from vergence.record.history import History
from vergence.record.until import Until
from vergence_widgets.panels import Panel, one

__all__ = ["Builder"]

TICK_SECONDS = 0.004
"""Of a tick, for building: at least one panel, and more while they have taken less than this together."""
OLD_SECONDS = 12.0
"""A panel of a running run is built again after so long without new data: its age grows."""
WAITING_SECONDS = 2.0
"""One that waits or has nothing says how long, and what it needs now."""


class Builder:
    """The newest panels of one History.

    Args:
        place: which embeddings they show.
        nouns: which panels, in their order.
    """

    def __init__(self, place: str, nouns: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.place = place
        self.nouns = tuple(nouns)
        self.panels: dict[str, Panel] = {}
        """By noun, as they were last built."""
        self.seconds: dict[str, float] = {}
        """How long each took when it was last built."""
        self.behind = False
        """Panels are due that the last tick had no time for."""
        self._clock = clock
        self._prints: dict[str, object] = {}
        self._built_at: dict[str, float] = {}

    def forget(self) -> None:
        """Build everything anew: it is another record now."""
        self.panels.clear()
        self._prints.clear()
        self._built_at.clear()

    def build(
        self,
        history: History,
        *,
        shown: Collection[str],
        ghost: History | None = None,
        options: Mapping[str, Mapping[str, str]] | None = None,
        first: Collection[str] = (),
        all_at_once: bool = False,
    ) -> set[str]:
        """Build what is due; the nouns whose picture is another one now.

        shown: the panels somebody looks at; no other is built. first: build these now whatever it takes.
        all_at_once: do not leave anything for the next tick.
        """
        asked = options or {}
        now, began, built, new = self._clock(), time.thread_time(), 0, set[str]()
        prints = {noun: _fingerprint(noun, history, ghost, asked.get(noun, {})) for noun in self.nouns if noun in shown}
        due = [noun for noun in prints if self._due(noun, prints[noun], history, now)]
        due.sort(key=lambda noun: (noun not in first, noun in self.panels, self._built_at.get(noun, 0.0)))
        for noun in due:
            spent = time.thread_time() - began
            must = all_at_once or noun in first or noun not in self.panels
            if built and not must and spent + self.seconds.get(noun, 0.0) > TICK_SECONDS:
                break
            before = self.panels.get(noun)
            live = not isinstance(history, Until)
            panel = self.panels[noun] = one(noun, history, self.place, live, ghost, asked.get(noun, {}))
            if before is None or self._prints.get(noun) != prints[noun] or _told(before) != _told(panel):
                new.add(noun)
            self._prints[noun] = prints[noun]
            self._built_at[noun] = now
            self.seconds[noun] = time.thread_time() - began - spent
            built += 1
        self.behind = built < len(due)
        return new

    def _due(self, noun: str, fingerprint: object, history: History, now: float) -> bool:
        known = self.panels.get(noun)
        if known is None or self._prints.get(noun) != fingerprint:
            return True
        if isinstance(history, Until):
            return False
        wait = WAITING_SECONDS if known.state in ("loading", "empty") else OLD_SECONDS
        return history.state in ("live", "paused") and now - self._built_at[noun] > wait


def _fingerprint(noun: str, history: History, ghost: History | None, options: Mapping[str, str]) -> object:
    """The same again means the same picture, as far as that can be told cheaply."""
    parts: list[object] = [tuple(sorted(options.items()))]
    for record in (history, ghost):
        if record is None:
            parts.append(None)
        elif isinstance(record, Until):
            parts.append((id(record.whole), "past", record.newest(noun), _trouble(record)))
        else:
            parts.append((id(record), record.revisions.get(noun), record.state, _trouble(record)))
    return tuple(parts)


def _trouble(history: History) -> tuple[int, ...]:
    record = history.whole if isinstance(history, Until) else history
    # A finding dates itself back, and dismissing one is a command: both move triangles in what is past.
    found = len(record.events("finding")), len(record.events("command"))
    return len(history.events("control")), len(history.events("failed")), *found


def _told(panel: Panel) -> object:
    """What changes in a panel whose data are the same: its age, and what it waits for."""
    return panel.state, panel.step, panel.message, panel.late
