"""Cockpit: the live dashboard of a run, as one widget.

    Cockpit(run)                      # a Run, a Monitor, an attached run (vergence.open), or a History
    Cockpit(run, compare=other)       # a second one in the same axes, thin and grey

While the run is live the output holds the widget. When it ends, or on Freeze, the output is replaced by a
still picture (plotly, PNG and text) that stays in the saved notebook and needs no kernel; when the run goes
on, the widget comes back. A run that had ended before is shown by the widget, to go through it with the
timeline, with the still picture beside it in the saved notebook.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import uuid
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vergence.errors import ArgumentError, MissingExtra, UnknownName
from vergence.record.history import History
from vergence_widgets import kernels, report
from vergence_widgets.panels import PANELS, every
from vergence_widgets.panels.findings import lines
from vergence_widgets.publisher import Publisher
from vergence_widgets.theme import ThemeName
from vergence_widgets.timeline import past

try:
    import anywidget
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    from vergence_widgets.cells import Cells
except ImportError as error:  # said with the line to type
    raise MissingExtra("vergence_widgets.Cockpit", error.name or "anywidget", "widgets") from error

__all__ = ["Cockpit"]

STATIC = Path(__file__).parent / "static"


class _Widget(anywidget.AnyWidget):
    """The browser's side: everything travels as custom messages, nothing as synced state."""

    _esm = STATIC / "cockpit.js"
    _css = STATIC / "cockpit.css"


class _Record:
    """A bare History as something a cockpit can show."""

    def __init__(self, history: History) -> None:
        self.history = history


class Cockpit:
    """Live panels and controls of one run.

    Args:
        subject: a `vergence.Run`, a `vergence.Monitor`, what `vergence.open` returns, or a `History`.
        place: which embeddings the panels show: "z", "h", or a name given to `Monitor.step(h={...})`.
        ticks: frames a second at most.
        panels: which panels, in their order, such as `("loss", "spectrum")`; None for all. A panel that is not
            shown costs nothing.
        compare: another run, Monitor, opened run or History, drawn thin and grey where a panel can compare.

    Raises ArgumentError for something that keeps no History, UnknownName for a panel that does not exist.
    """

    def __init__(
        self,
        subject: Any,
        *,
        place: str = "z",
        ticks: float = 4.0,
        panels: Sequence[str] | None = None,
        compare: Any = None,
    ) -> None:
        subject = recorded(subject, "subject")
        other = None if compare is None else recorded(compare, "compare")
        if other is not None and other.history is subject.history:
            raise ArgumentError(
                "Cockpit(compare=...): that is the same run. Hand over another one: compare=vergence.open(directory)."
            )
        nouns = chosen(panels)
        if not 0 < ticks <= 10:
            raise ArgumentError(f"Cockpit(ticks={ticks!r}): frames a second, above 0 and at most 10; 4 is usual.")
        self.subject = subject
        self.compare = other
        self.place = place
        if other is not None:
            report.COMPARED[subject.history] = other.history
        self._widget = _Widget()
        kernels.mend_replies(self._widget)
        kernels.mend_requests()
        self._displays: list[str] = []
        self._frozen = False
        self._ended_before = self._chapter() if self._ended_now() else None
        self._lock = threading.RLock()
        self.publisher = Publisher(
            subject,
            self._post,
            place=place,
            ticks=ticks,
            nouns=nouns,
            compare=other,
            on_end=self._ended,
            on_live=self._thaw,
            freeze=self.freeze,
        )
        self._cells = Cells(subject, after_cell=self._ended)
        self.publisher.main_thread_loop = self._cells.loop_began
        steering = getattr(subject, "steering", None)
        if steering is not None:
            steering.may_not_pause = self.publisher.why_no_pause
        self._widget.on_msg(self._on_message)
        observer = getattr(subject, "observer", None)
        if observer is not None:
            observer.outside.append(lambda: self.publisher.seconds)
        self.publisher.start()
        atexit.register(_end, weakref.ref(self.publisher))

    @property
    def frozen(self) -> bool:
        """The output holds a still picture."""
        return self._frozen

    def _ipython_display_(self) -> None:
        """Show the widget, under an id by which the still picture can replace it."""
        ident = f"vergence-{uuid.uuid4().hex[:12]}"
        self._displays.append(ident)
        if self._ended_now():
            self._ended_before = self._chapter()
            self._frozen = False
        elif self._frozen:
            self._thaw()
        display(self._bundle(), raw=True, display_id=ident)
        self.publisher.start()

    def freeze(self) -> None:
        """Replace the live output by a still picture: plotly, PNG and text, about 100 kB."""
        from vergence_widgets.freeze import still

        with self._lock:
            page, header = self.publisher.page, self.publisher.state()["header"]
            theme: ThemeName = "dark" if page.dark else "light"
            bundle = still(self.panels(), header, theme=theme, width=page.width, findings=self.findings())
            self._frozen = True
            self._replace(bundle)
        self._post({"type": "frozen", "where": str(self.subject.history.static.get("directory", ""))}, [])

    def panels(self) -> list[Any]:
        """The panels' specs as they are on screen: of the newest step, or of the one that was gone to."""
        at, other = self.publisher.at, self.compare
        found = every(
            past(self.subject.history, at),
            place=self.place,
            live=at is None,
            ghost=None if other is None else past(other.history, at),
            options=self.publisher.options,
            nouns=self.publisher.builder.nouns,
        )
        return list(found.values())

    def findings(self) -> list[str]:
        """What is wrong at the step on screen, in words, without what was dismissed."""
        publisher = self.publisher
        return lines(past(self.subject.history, publisher.at), dismissed=publisher.wishes.dismissed)

    def close(self) -> None:
        """Send no more frames, and leave a still picture."""
        self.freeze()
        self.publisher.close()
        self._cells.close()
        self._widget.close()

    def __repr__(self) -> str:
        history = self.subject.history
        return f"Cockpit({history.name!r}, {history.state}, step {history.last_step:,})"

    # ----------------------------------------------------------------------------------------------

    def _bundle(self) -> dict[str, Any]:
        beside: dict[str, Any] = {}
        if self._ended_now():
            # Nothing will end again that could leave a still picture, so the saved notebook gets it at once.
            from vergence_widgets.freeze import still

            beside = still(self.panels(), self.publisher.state()["header"], findings=self.findings())
        return beside | {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 1,
                "model_id": self._widget.model_id,
            },
            "text/plain": repr(self),
        }

    def _post(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        self._widget.send(message, buffers)

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if isinstance(content, dict):
            self.publisher.handle(content)

    def _ended_now(self) -> bool:
        return self.subject.history.state in ("stopped", "finished", "failed")

    def _chapter(self) -> tuple[History, int]:
        history: History = self.subject.history
        return history, len(history.events("state"))

    def _ended(self) -> None:
        with self._lock:
            # A record that had ended when it was shown is there to be gone through.
            if self._ended_now() and not self._frozen and self._chapter() != self._ended_before:
                self.publisher.at = None
                self.freeze()

    def _thaw(self) -> None:
        with self._lock:
            if self._frozen:
                self._frozen = False
                self._replace(self._bundle())

    def _replace(self, bundle: dict[str, Any]) -> None:
        for ident in self._displays:
            # The page may be gone, or this may be a kernel without a front end.
            with contextlib.suppress(Exception):
                display(bundle, raw=True, display_id=ident, update=True)


def recorded(subject: Any, argument: str) -> Any:
    """`subject` as something with a `history`; raises ArgumentError for what keeps none."""
    if isinstance(subject, History):
        return _Record(subject)
    if not isinstance(getattr(subject, "history", None), History):
        raise ArgumentError(
            f"Cockpit({argument}): got a {type(subject).__name__}, which keeps no History. Hand over a vergence.Run, "
            "a vergence.Monitor, or vergence.open(directory); for a loop of your own: vergence_widgets.watch(...)."
        )
    return subject


def chosen(panels: Sequence[str] | None) -> tuple[str, ...]:
    """The panels to show, each once; raises UnknownName for one that does not exist."""
    if panels is None:
        return tuple(PANELS)
    if isinstance(panels, str):
        panels = (panels,)
    for noun in panels:
        if noun not in PANELS:
            raise UnknownName("Cockpit(panels=...)", str(noun), PANELS, "panel")
    if not panels:
        raise ArgumentError(f"Cockpit(panels=()): at least one panel. There are {', '.join(PANELS)}.")
    return tuple(dict.fromkeys(panels))


def in_notebook() -> bool:
    """A Jupyter kernel is there to show something."""
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _end(held: weakref.ref[Publisher]) -> None:
    """The process ends: a thread that is still at work then would end it with an abort."""
    publisher = held()
    if publisher is not None:
        publisher.close(wait=5)
