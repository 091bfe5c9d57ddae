"""Publisher: a History's newest state to the browser, on a thread of its own.

One message a tick for everything, newest state only. Each frame has a sequence number. Now and then one asks to be
confirmed, and at most one more is sent before it is. A key frame holds everything and is sent on request and every
five seconds. Nothing is sent while every view is hidden. Ticks come four times a second at most and give way to
training: building frames may take under one per cent of a core, painting them a tenth.

A reader who goes back in time (`seek`) is answered at once, the newest wish only: every panel then shows that step
and is built from the past, while header and timeline go on. All views of a cockpit share the place.

Whether controls work now is found by ping.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vergence.record.history import Event, History
from vergence_widgets import assets
from vergence_widgets import header as above
from vergence_widgets.building import Builder
from vergence_widgets.draw.packed import pack
from vergence_widgets.panels import CHOOSES, PANELS
from vergence_widgets.pings import Confirmations, Pings
from vergence_widgets.timeline import past, timeline
from vergence_widgets.wishes import Wishes

__all__ = ["Publisher", "Subject"]

KEY_SECONDS = 5.0
BLIND_SECONDS = 2.0
"""Without confirmations (where no message gets in while a cell runs) one frame in so long."""
STILL_SECONDS = 1.0
"""With nothing new, one frame in so long: ages and the header's clock move on."""
SHARE = 0.006
"""Of one core, for building and sending frames. Training waits for the interpreter lock meanwhile, so it pays more."""
PAGE_SHARE = 0.1
"""Of one core, for the page to paint. Without a graphics card a page takes a fifth of a second for each picture."""
SLOWEST_TICK = 3.0
NO_MESSAGES = "no message gets in while a cell runs"


class Subject(Protocol):
    """What a cockpit shows: a Run, a Monitor, an attached run."""

    @property
    def history(self) -> History:
        """The record so far."""
        ...


@dataclass(frozen=True)
class Look:
    """What the page looks like, for the still picture that takes the cockpit's place."""

    dark: bool = False
    width: int | None = None


class Publisher:
    """Sends frames of `subject` through `send(message, buffers)`.

    Args:
        subject: its `history` may be replaced (a reset); its `mailbox` takes letters, if it has one.
        send: puts one message on its way; may be called from any thread.
        place: which embeddings the panels show.
        ticks: frames a second at most.
        nouns: which panels, in their order.
        compare: another subject, drawn thin and grey in the same axes.
        on_end, on_live: called on this thread when the run has ended or trains (again).
        freeze: what the Freeze button does.
    """

    def __init__(
        self,
        subject: Subject,
        send: Callable[[dict[str, Any], list[bytes]], None],
        *,
        place: str = "z",
        ticks: float = 4.0,
        nouns: Sequence[str] | None = None,
        compare: Subject | None = None,
        on_end: Callable[[], None] = lambda: None,
        on_live: Callable[[], None] = lambda: None,
        freeze: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.subject = subject
        self.place = place
        self.seconds = 0.0
        """Processor time spent here: part of what watching costs."""
        self.frames_sent: dict[str, int] = {}
        self.page = Look()
        self.pings = Pings()
        """When the browser was heard, by `clock`."""
        self.main_thread_loop: Callable[[], float | None] = lambda: None
        """When the cell began (by `clock`) whose loop trains on the main thread; None when none does."""
        self._send = send
        self._tick = 1.0 / ticks
        self._on_end = on_end
        self._on_live = on_live
        self.compare = compare
        self.wishes = Wishes(subject, send, freeze)
        self.builder = Builder(place, tuple(PANELS) if nouns is None else nouns)
        self.at: int | None = None
        """The step every panel shows; None when they show the newest one."""
        self._clock = clock
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.RLock()
        self.options: dict[str, dict[str, str]] = {}
        """What a reader asked for, by noun and name: which map, whose attention."""
        self._chosen: set[str] = set()
        self._wanted: list[str] = []
        self._views: dict[str, bool] = {}
        self._want_key = False
        self._seq = 0
        self.confirmations = Confirmations()
        self._sent_at = 0.0
        self._key_at = 0.0
        self._layouts: dict[str, frozenset[str]] = {}
        self._sought = False
        self._asked: int | None = None
        self._events_told = -1
        self._revision = -1
        self._history: History | None = None
        self._unlisten: Callable[[], None] = lambda: None
        self._rate = above.Rate()
        self._strip = above.Strip()
        self._cost = 0.0
        self._chapter: tuple[History, int] | None = None
        self._told: tuple[object, ...] = ()
        self._thread: threading.Thread | None = None

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to send, once a view is ready."""
        if self._thread is None or not self._thread.is_alive():
            self._closing.clear()
            self._thread = threading.Thread(target=self._loop, name="vergence-publisher", daemon=True)
            self._thread.start()

    def close(self, wait: float = 0.0) -> None:
        """Send no more. wait: seconds at most for the frame at hand."""
        self._closing.set()
        self._wake.set()
        self._unlisten()
        if wait and self._thread is not None:
            self._thread.join(wait)

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self._rest())
            if self._wake.is_set():
                self._wake.clear()
                time.sleep(0.02)  # events come in bursts: one frame for all of them
            if self._closing.is_set():
                return
            began = time.thread_time()
            try:
                self.tick()
            except Exception as error:  # a view may fail; the run may not
                self._complain(error)
            spent = time.thread_time() - began
            self.seconds += spent
            self._cost = 0.7 * self._cost + 0.3 * spent

    def _rest(self) -> float:
        if self.subject.history.state != "live":  # nothing to give way to
            return self._tick
        # A frame that took long, here or to be painted, is followed by a longer rest: training comes first.
        return min(max(self._tick, self._cost / SHARE, self.confirmations.paint / PAGE_SHARE), SLOWEST_TICK)

    def _complain(self, error: Exception) -> None:
        history = self.subject.history
        if (why := f"{type(error).__name__}: {error}") not in {e.data.get("why") for e in history.events("failed")}:
            history.add_event("failed", history.last_step, what="observer", name="publisher", why=why)

    # -- from the browser: any thread ----------------------------------------------------------------

    def handle(self, message: dict[str, Any]) -> None:
        """Take one message of the browser. Quick: it may run on the thread that trains."""
        kind = message.get("type")
        self.pings.heard(self._clock(), int(message.get("id", -1)) if kind == "pong" else None)
        with self._lock:
            if kind in ("ready", "want_key"):
                self.page = Look(bool(message.get("dark", False)), int(message.get("width", 0)) or None)
                self._views[str(message.get("view", ""))] = False
                self._want_key = True
                self._wake.set()
            elif kind == "shown":
                self._views.setdefault(str(message.get("view", "")), False)
                self.confirmations.shown(int(message.get("seq", 0)), float(message.get("ms", 0)), self._clock())
            elif kind == "hidden":
                hidden = bool(message.get("hidden"))
                self._views[str(message.get("view", ""))] = hidden
                if not hidden:
                    self._want_key = True
                    self._wake.set()
            elif kind == "gone":
                self._views.pop(str(message.get("view", "")), None)
                self._layouts.pop(str(message.get("view", "")), None)
            elif kind in ("control", "command", "dismiss"):
                self.wishes.take(kind, message)
            else:
                self._reader(str(kind), message)

    def _reader(self, kind: str, message: dict[str, Any]) -> None:
        """What a reader wants to see; the run is not touched."""
        if kind == "seek":
            step = message.get("step")
            last = self.subject.history.last_step
            self._asked = None if step is None else int(step)
            self.at = None if self._asked is None else min(max(0, self._asked), last)
            self._sought = True
        elif kind == "option" and message.get("noun") in CHOOSES:
            noun = str(message["noun"])
            self.options.setdefault(noun, {})[str(message.get("name", ""))] = str(message.get("value", ""))
            self._chosen.add(noun)
            self._pass_on()
        elif kind == "want_asset":
            self._wanted.append(str(message.get("name", "")))
        elif kind == "layout":
            self._layouts[str(message.get("view", ""))] = frozenset(map(str, message.get("shown") or ()))
        else:
            return
        self._wake.set()

    def _pass_on(self) -> None:
        """Let those measure what was asked for who can; a reset run has an observer of its own."""
        looks = getattr(getattr(self.subject, "observer", None), "looks", None)
        if looks is not None:
            for noun, chosen in self.options.items():
                looks.wishes[noun] = dict(chosen)

    # -- to the browser: the publisher's thread --------------------------------------------------------

    def tick(self) -> bool:
        """Send what is due; True when a frame went out."""
        self._follow()
        self.wishes.send_answers()
        self._send_assets()
        history = self.subject.history
        chapter = (history, len(history.events("state")))  # a short run may end, start and end between two ticks
        if not self._watched():
            self._turn_to(chapter)
            return False
        now = self._clock()
        if self.pings.due(now) or chapter != self._chapter:
            self._ping(now)
        # A start, an end, or controls that ceased to work is said at once, even to a page that confirms nothing.
        news = (chapter, bool(self.channel().waits)) != self._told
        unconfirmed = self.confirmations.behind(self._seq)
        asked = self._sought or bool(self._chosen) or not self._shown_nouns() <= self.builder.panels.keys()
        if unconfirmed and not self._want_key and not news and not asked and now - self._sent_at < BLIND_SECONDS:
            return False
        key = self._want_key or now - self._key_at >= KEY_SECONDS or (unconfirmed and not asked)
        due = key or news or asked or self.builder.behind or history.revision != self._revision
        if not due and now - self._sent_at < STILL_SECONDS:
            return False
        self._revision = history.revision
        self._told = (chapter, bool(self.channel().waits))
        self._frame(now, key=key, whole=news)
        self._turn_to(chapter)
        return True

    def _watched(self) -> bool:
        with self._lock:
            return any(not hidden for hidden in self._views.values())

    def _follow(self) -> None:
        history = self.subject.history
        if history is self._history:
            return
        self._unlisten()
        if self._history is not None:  # a step of the one before means nothing here
            self.at = None
        self._history = history
        self._pass_on()
        self._rate = above.Rate()
        self.wishes.forget()
        self.builder.forget()
        self._want_key = True
        self._unlisten = history.listen(self._on_event)

    def _on_event(self, event: Event) -> None:
        self.wishes.heard(event)
        self._wake.set()

    def _send_assets(self) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, []
        for name in dict.fromkeys(wanted):
            found = assets.sheet(self.subject.history)
            if found["name"] != name:  # of a run that was reset
                found = assets.NOTHING | {"name": name}
            self._send(*pack({"type": "asset", **found}))

    def _ping(self, now: float) -> None:
        self._send({"type": "ping", "id": self.pings.ask(now), "time": now}, [])

    def _frame(self, now: float, *, key: bool, whole: bool) -> None:
        history = self.subject.history
        with self._lock:
            sought, self._sought = self._sought, False
            chosen, self._chosen = self._chosen, set()
            at, shown = self.at, self._shown_nouns()
        ghost = None if self.compare is None else self.compare.history
        new = self.builder.build(
            past(history, at),
            shown=shown,
            ghost=None if ghost is None else past(ghost, at),
            options=self.options,
            first=chosen,
            all_at_once=sought or whole or history.state != "live",
        )
        for noun in new:
            self.frames_sent[noun] = self.frames_sent.get(noun, 0) + 1
        panels = {noun: panel for noun, panel in self.builder.panels.items() if noun in (shown if key else new)}
        with self._lock:
            self._seq += 1
            seq = self._seq
            self._want_key = self._want_key and not key
        self._sent_at = now
        if key:
            self._key_at = now
        happened = len(history.events())
        line = timeline(history, at=at, whole=key or sought or happened != self._events_told, ghost=ghost)
        self._events_told = happened
        if confirm := self.confirmations.ask(seq, now, key=key):
            self.pings.expect(now)
        message, buffers = pack(
            {
                **self.state(), "type": "frame", "seq": seq, "key": key, "confirm": confirm, "time": now,
                **self._strip.now(past(history, at), self.wishes.dismissed, at=at, whole=key or sought),
                "panels": panels, "timeline": line | {"asked": self._asked if at is not None else None},
            }
        )  # fmt: skip
        self._send(message, buffers)

    def _shown_nouns(self) -> set[str]:
        """The panels that a view shows: one that says nothing about it shows them all."""
        with self._lock:
            views = [view for view, hidden in self._views.items() if not hidden]
            layouts = [self._layouts.get(view) for view in views]
        nouns = set(self.builder.nouns)
        if not layouts or None in layouts:
            return nouns
        return {noun for noun in nouns if any(noun in layout for layout in layouts if layout is not None)}

    def state(self) -> dict[str, Any]:
        """Header, controls, notices and order of the panels, as they are now."""
        history = self.subject.history
        return {
            "header": above.header(history, self.channel(), rate=self._rate.now(history, self._clock())),
            "controls": above.controls(history, self.wishes.pending),
            "notices": above.notices(history),
            "order": list(self.builder.nouns),
        }

    def _turn_to(self, chapter: tuple[History, int]) -> None:
        if chapter == self._chapter:
            return
        self._chapter = chapter
        state = chapter[0].state
        if state in ("stopped", "finished", "failed"):
            self._on_end()
        elif state in ("live", "paused"):
            self._on_live()

    def channel(self) -> above.Channel:
        """Whether controls work now, by the answers to pings."""
        now, cell_began = self._clock(), self.main_thread_loop()
        silent = self.pings.silent_since(now) if self._watched() else None  # a page that is hidden is not asked
        unheard = cell_began is not None and not self.pings.heard_since(cell_began)
        waits = ""
        if silent is not None:
            if unheard:
                waits = f"controls wait until the cell ends: {NO_MESSAGES}"
            else:
                waits = f"controls get no answer since {now - silent:.0f} s: a cell is running, or the page is asleep"
        return above.Channel(
            can_steer=getattr(self.subject, "mailbox", None) is not None,
            can_start=self.wishes.can_start,
            latency=None if unheard else self.pings.latency,  # an answer from before the cell says nothing
            waits=waits,
        )

    def why_no_pause(self) -> str:
        """For a loop on the main thread: why a pause could not be ended from the browser; "" when it can."""
        cell_began = self.main_thread_loop()
        if cell_began is None or (self.pings.heard_since(cell_began) and not self.channel().waits):
            return ""
        other = "m.background(train)" if hasattr(self.subject, "background") else 'driver="thread"'
        return f"nothing could end the pause: {NO_MESSAGES}. Use {other}, or interrupt the kernel"
