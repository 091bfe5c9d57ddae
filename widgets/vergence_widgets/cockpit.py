"""Cockpit: the live dashboard of a run, as one widget.

    Cockpit(run)                      # a Run, a Monitor, an attached run (vergence.open), or a History

While the run is live the output holds the widget. When it ends, or on Freeze, the output is replaced by a
still picture (plotly, PNG and text) that stays in the saved notebook and needs no kernel; when the run goes
on, the widget comes back.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from pathlib import Path
from typing import Any

from vergence.errors import ArgumentError, MissingExtra
from vergence.record.history import History
from vergence_widgets.panels import every
from vergence_widgets.publisher import Publisher

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
    """

    def __init__(self, subject: Any, *, place: str = "z", ticks: float = 4.0) -> None:
        if isinstance(subject, History):
            subject = _Record(subject)
        if not isinstance(getattr(subject, "history", None), History):
            raise ArgumentError(
                f"Cockpit(subject): got a {type(subject).__name__}, which keeps no History. Hand over a vergence.Run, "
                "a vergence.Monitor, or vergence.open(directory); for a loop of your own: vergence_widgets.watch(...)."
            )
        if not 0 < ticks <= 10:
            raise ArgumentError(f"Cockpit(ticks={ticks!r}): frames a second, above 0 and at most 10; 4 is usual.")
        self.subject = subject
        self.place = place
        self._widget = _Widget()
        _mend_replies(self._widget)
        self._displays: list[str] = []
        self._frozen = False
        self._lock = threading.RLock()
        self.publisher = Publisher(
            subject,
            self._post,
            place=place,
            ticks=ticks,
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

    @property
    def frozen(self) -> bool:
        """The output holds a still picture."""
        return self._frozen

    def _ipython_display_(self) -> None:
        """Show the widget, under an id by which the still picture can replace it."""
        ident = f"vergence-{uuid.uuid4().hex[:12]}"
        self._displays.append(ident)
        if self._frozen and not self._ended_now():
            self._thaw()
        display(self._bundle(), raw=True, display_id=ident)
        self.publisher.start()

    def freeze(self) -> None:
        """Replace the live output by a still picture: plotly, PNG and text, about 100 kB."""
        from vergence_widgets.freeze import still

        with self._lock:
            page, header = self.publisher.page, self.publisher.state()["header"]
            bundle = still(self.panels(), header, theme="dark" if page.dark else "light", width=page.width)
            self._frozen = True
            self._replace(bundle)
        self._post({"type": "frozen", "where": str(self.subject.history.static.get("directory", ""))}, [])

    def panels(self) -> list[Any]:
        """The panels' specs as they are now."""
        return list(every(self.subject.history, place=self.place).values())

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
        return {
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

    def _ended(self) -> None:
        with self._lock:
            if self._ended_now() and not self._frozen:
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


def _mend_replies(widget: Any) -> None:
    """Let the browser's messages be answered while a cell runs, on kernels that route them to the busy shell.

    ipykernel 7.4.0 sends what a front end says on a comm to the shell that last published on it; a comm that is
    published to from a training loop is then answered only after the cell. Its default route, a subshell, is put
    back for this comm alone. Found by the hook's presence; without it nothing is done.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, default: default


def in_notebook() -> bool:
    """A Jupyter kernel is there to show something."""
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
