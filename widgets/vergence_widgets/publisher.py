"""Publisher: a History's newest state to the browser, on a thread of its own.

One message a tick for everything, newest state only. Each frame has a sequence number; at most two are
unconfirmed; a key frame holds everything and is sent on request and every five seconds. Nothing is sent
while every view is hidden. Ticks come four times a second at most and give way to training: drawing
frames may take well under one per cent of a core.

Whether controls work now is found by ping. Letters from the browser only ever go into the mailbox;
answers are read from the History's events.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from vergence.record.history import Event, History
from vergence.record.mailbox import COMMANDS, Letter, Post
from vergence_widgets import header as above
from vergence_widgets.draw.packed import pack
from vergence_widgets.panels import PANELS, every
from vergence_widgets.panels.spec import Panel
from vergence_widgets.pings import Pings

__all__ = ["Publisher", "Subject"]

KEY_SECONDS = 5.0
PING_SECONDS = 1.0
BLIND_SECONDS = 2.0
"""Without confirmations (where no message gets in while a cell runs) one frame in so long."""
STILL_SECONDS = 1.0
"""With nothing new, one frame in so long: ages and the header's clock move on."""
SHARE = 0.006
"""Of one core, for building and sending frames. Training waits for the interpreter lock meanwhile, so it pays more."""
SLOWEST_TICK = 2.0
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
        self._freeze = freeze
        self._clock = clock
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.RLock()
        self._views: dict[str, bool] = {}
        self._want_key = False
        self._seq = 0
        self._shown = 0
        self._sent_at = 0.0
        self._key_at = 0.0
        self._pending: dict[str, dict[str, Any]] = {}
        self._answers: list[Event] = []
        self._revision = -1
        self._sent_keys: dict[str, object] = {}
        self._history: History | None = None
        self._unlisten: Callable[[], None] = lambda: None
        self._rate: list[tuple[float, int]] = []
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

    def close(self) -> None:
        """Send no more."""
        self._closing.set()
        self._wake.set()
        self._unlisten()

    def _loop(self) -> None:
        while not self._closing.is_set():
            # A frame that took long is followed by a longer rest: training comes first.
            self._wake.wait(min(max(self._tick, self._cost / SHARE), SLOWEST_TICK))
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

    def _complain(self, error: Exception) -> None:
        history = self.subject.history
        why = f"{type(error).__name__}: {error}"
        if not any(event.data.get("why") == why for event in history.events("failed")):
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
                self._shown = max(self._shown, int(message.get("seq", 0)))
            elif kind == "hidden":
                hidden = bool(message.get("hidden"))
                self._views[str(message.get("view", ""))] = hidden
                if not hidden:
                    self._want_key = True
                    self._wake.set()
            elif kind == "gone":
                self._views.pop(str(message.get("view", "")), None)
            elif kind in ("control", "command"):
                self._wish(kind, message)

    def _wish(self, kind: str, message: dict[str, Any]) -> None:
        name, ident = str(message.get("name", "")), str(message.get("id", ""))
        if kind == "command" and name == "freeze":
            threading.Thread(target=self._freeze, name="vergence-freeze", daemon=True).start()
            return
        mailbox: Post | None = getattr(self.subject, "mailbox", None)
        state = self.subject.history.state
        if kind == "command" and name == "run" and state != "paused" and self._can_start:
            # Starting may have to wait for another run to stop, so not on this thread.
            threading.Thread(target=self._start_subject, args=(ident,), daemon=True).start()
            return
        if mailbox is None or (kind == "command" and name not in COMMANDS):
            self._ack(ident, name, None, "refused", None, "Nothing trains behind this cockpit.")
            return
        if kind == "control":
            self._pending[ident] = {"name": name, "value": message.get("value")}
        if state not in ("live", "paused") and kind == "command":
            self._ack(ident, name, None, "refused", None, f"The run is {state}.")
            return
        try:
            mailbox.put(Letter(name, message.get("value"), command=kind == "command", source="cockpit", id=ident))
        except Exception as error:
            self._pending.pop(ident, None)
            self._ack(ident, name, None, "refused", None, str(error))

    def _start_subject(self, ident: str) -> None:
        subject: Any = self.subject
        total = subject.history.static.get("total_steps")
        left = None if total is None else total - subject.history.last_step
        try:
            subject.start(steps=left if left is None or left > 0 else None)
            self._ack(ident, "run", None, "applied", subject.history.last_step + 1, "")
        except Exception as error:
            self._ack(ident, "run", None, "refused", None, str(error))

    def _ack(self, ident: str, name: str, value: Any, state: str, step: int | None, why: str) -> None:
        self._send(
            {
                "type": "ack",
                "id": ident,
                "name": name,
                "value": value,
                "state": state,
                "step": step,
                "why": why,
            },
            [],
        )

    # -- to the browser: the publisher's thread --------------------------------------------------------

    def tick(self) -> bool:
        """Send what is due; True when a frame went out."""
        self._follow()
        self._send_answers()
        history = self.subject.history
        # Counted, since a short run may end, start and end again between two ticks.
        chapter = (history, len(history.events("state")))
        if not self._watched():
            self._turn_to(chapter)
            return False
        now = self._clock()
        if now - self.pings.asked_at >= PING_SECONDS or chapter != self._chapter:
            self._ping(now)
        # A start, an end, or controls that ceased to work is said at once, even to a page that confirms nothing.
        news = (chapter, bool(self.channel().waits)) != self._told
        unconfirmed = self._seq - self._shown >= 2
        if unconfirmed and not self._want_key and not news and now - self._sent_at < BLIND_SECONDS:
            return False
        key = self._want_key or now - self._key_at >= KEY_SECONDS or unconfirmed
        if not key and not news and history.revision == self._revision and now - self._sent_at < STILL_SECONDS:
            return False
        self._revision = history.revision
        self._told = (chapter, bool(self.channel().waits))
        self._frame(now, key=key)
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
        self._history = history
        self._rate.clear()
        self._pending.clear()
        self._want_key = True
        self._unlisten = history.listen(self._on_event)

    def _on_event(self, event: Event) -> None:
        if event.kind in ("control", "command"):
            with self._lock:
                self._answers.append(event)
        self._wake.set()

    def _send_answers(self) -> None:
        with self._lock:
            answers, self._answers = self._answers, []
        for event in answers:
            data = event.data
            self._pending.pop(str(data.get("id")), None)
            self._ack(
                str(data.get("id")), str(data.get("name")), data.get("new"), str(data.get("state")), event.step,
                str(data.get("why", "")),
            )  # fmt: skip

    def _ping(self, now: float) -> None:
        self._send({"type": "ping", "id": self.pings.ask(now), "time": now}, [])

    def _frame(self, now: float, *, key: bool) -> None:
        history = self.subject.history
        panels = self._panels(history, everything=key)
        with self._lock:
            self._seq += 1
            seq = self._seq
            self._want_key = self._want_key and not key
        self._sent_at = now
        if key:
            self._key_at = now
        message, buffers = pack(
            {**self.state(), "type": "frame", "seq": seq, "key": key, "time": now, "panels": panels}
        )
        self._send(message, buffers)

    def state(self) -> dict[str, Any]:
        """Header, controls, notices and order of the panels, as they are now."""
        history = self.subject.history
        with self._lock:
            pending = {entry["name"]: entry["value"] for entry in self._pending.values()}
        return {
            "header": above.header(history, self.channel(), rate=self._rate_now(history)),
            "controls": above.controls(history, pending),
            "notices": above.notices(history),
            "order": list(PANELS),
        }

    def _panels(self, history: History, *, everything: bool) -> dict[str, Panel]:
        panels = {}
        for noun, panel in every(history, place=self.place).items():
            fingerprint = (panel.state, panel.step, panel.message, panel.late, len(history.events("control")))
            if everything or self._sent_keys.get(noun) != fingerprint:
                self._sent_keys[noun] = fingerprint
                self.frames_sent[noun] = self.frames_sent.get(noun, 0) + 1
                panels[noun] = panel
        return panels

    def _turn_to(self, chapter: tuple[History, int]) -> None:
        if chapter == self._chapter:
            return
        self._chapter = chapter
        state = chapter[0].state
        if state in ("stopped", "finished", "failed"):
            self._on_end()
        elif state in ("live", "paused"):
            self._on_live()

    # -- what the header needs -------------------------------------------------------------------------

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
            can_start=self._can_start,
            latency=None if unheard else self.pings.latency,  # an answer from before the cell says nothing
            waits=waits,
        )

    @property
    def _can_start(self) -> bool:
        """A run that trains in the cell that starts it can be started from there only."""
        return hasattr(self.subject, "start") and getattr(self.subject, "driver", "") != "inline"

    def why_no_pause(self) -> str:
        """For a loop on the main thread: why a pause could not be ended from the browser; "" when it can."""
        cell_began = self.main_thread_loop()
        if cell_began is None:
            return ""
        if self.pings.heard_since(cell_began) and not self.channel().waits:
            return ""
        other = "m.background(train)" if hasattr(self.subject, "background") else 'driver="thread"'
        return f"nothing could end the pause: {NO_MESSAGES}. Use {other}, or interrupt the kernel"

    def _rate_now(self, history: History) -> float | None:
        if history.state != "live":  # a pause is no training time
            self._rate.clear()
            return None
        now, step = self._clock(), history.last_step
        self._rate.append((now, step))
        while len(self._rate) > 2 and now - self._rate[1][0] > 5.0:
            del self._rate[0]
        (began, first), (ended, last) = self._rate[0], self._rate[-1]
        return (last - first) / (ended - began) if ended > began and last > first else None
