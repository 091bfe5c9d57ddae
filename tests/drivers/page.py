"""A notebook page without a browser: starts a kernel, runs cells, and answers a cockpit as JupyterLab would.

What JupyterLab 4.6 does, and this does too:

- A kernel that announces "kernel subshells" is asked for one subshell per comm target, on the control channel,
  when the first comm of that target is opened. Its id is written into the header of every later message of
  these comms; what is sent before the answer goes to the main shell. Other kernels get everything on the shell.
- A widget that is shown renders, and its script says "ready"; one whose output is replaced says "gone".
- A new frame is drawn and confirmed ("shown"), a "ping" is answered at once.

One thread owns the sockets; the test's thread puts messages in a queue and reads what has arrived.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager

WIDGETS = "jupyter.widget"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
RENDER_SECONDS = 0.1
"""Between the output's arrival and the widget's first message: the page loads the script."""


@dataclass
class Cell:
    """A cell that was handed to the kernel."""

    msg_id: str
    done_at: float | None = None
    reply: dict[str, Any] = field(default_factory=dict)
    printed: str = ""

    @property
    def error(self) -> str:
        """The name of the exception that ended it, or ""."""
        return str(self.reply.get("ename", ""))


@dataclass
class Frame:
    """A frame as it arrived, by the page's clock."""

    at: float
    content: dict[str, Any]

    @property
    def header(self) -> dict[str, Any]:
        """What stands above the panels."""
        return dict(self.content["header"])


@dataclass
class Cockpit:
    """One widget on the page, with everything that it was sent."""

    comm: str
    frames: list[Frame] = field(default_factory=list)
    acks: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    pings: int = 0
    views: dict[str, str] = field(default_factory=dict)
    """The view in an output, by its display id; gone when the output holds something else."""
    pictures: list[dict[str, Any]] = field(default_factory=list)
    """What has replaced it, when it was frozen."""

    @property
    def header(self) -> dict[str, Any]:
        """The newest header; empty before the first frame."""
        return self.frames[-1].header if self.frames else {}

    def shows(self, state: str, step: int | None = None) -> bool:
        """The page says so: in the newest frame, or in the still picture that has taken its place already."""
        if self.header.get("state") == state and step in (None, self.header["step"]):
            return True
        words = f", {state}, step " + ("" if step is None else f"{step:,}")
        return bool(self.pictures) and words in self.pictures[-1]["text/plain"]


class Page:
    """A kernel, the page's end of its channels, and the cockpits on it."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.folder = folder
        self.version = ""
        """Of ipykernel, once somebody has asked it."""
        self.subshells = True
        """Off: a page that knows none, as older and other front ends, or a setting of JupyterLab's."""
        self.cockpits: dict[str, Cockpit] = {}
        self.cells: dict[str, Cell] = {}
        self._closing = threading.Event()
        self._out: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._outputs: dict[str, str] = {}
        self._subshell: str | None = None
        self._asked: str | None = None
        self._troubles: list[str] = []
        self.manager = _manager(python, folder)
        self._log = (folder / "kernel.log").open("wb")
        self.manager.start_kernel(cwd=str(folder), env=_environment(folder), stdout=self._log, stderr=self._log)
        self._client = self.manager.blocking_client()
        self._client.start_channels(hb=False, stdin=False)
        self._client.wait_for_ready(timeout=120)
        self.info = self._client.kernel_info(reply=True, timeout=60)["content"]
        self._thread = threading.Thread(target=self._pump, name="page", daemon=True)
        self._thread.start()

    # -- what a person does --------------------------------------------------------------------------

    def run(self, code: str, *, timeout: float = 120.0) -> Cell:
        """Run a cell to its end. Fails on an error in it."""
        cell = self.begin(code)
        self.wait(lambda: cell.done_at, f"the end of the cell {code[:60]!r}", timeout)
        if cell.error:
            raise AssertionError("".join(str(line) + "\n" for line in cell.reply["traceback"]))
        return cell

    def show(self, code: str) -> Cockpit:
        """Run a cell that shows a cockpit; returns that, with its first frame."""
        before = len(self.cockpits)
        self.run(code)
        # What a cell shows travels beside its reply, and may arrive later.
        cockpit = self.wait(lambda: list(self.cockpits.values())[before:], "a cockpit")[0]
        self.wait(lambda: cockpit.frames and cockpit.pings, "the first frame and ping")
        return cockpit

    def begin(self, code: str) -> Cell:
        """Hand a cell to the kernel and return at once."""
        message = self._message("execute_request", {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True,
        })  # fmt: skip
        cell = self.cells[message["header"]["msg_id"]] = Cell(message["header"]["msg_id"])
        self._out.append(lambda: self._send(self._client.shell_channel, message))
        return cell

    def move(self, cockpit: Cockpit, name: str, value: float | str) -> str:
        """Move a control; returns the id that the answer will bear."""
        return self._wish(cockpit, {"type": "control", "name": name, "value": value})

    def press(self, cockpit: Cockpit, button: str) -> str:
        """Press a button; returns the id that the answer will bear."""
        return self._wish(cockpit, {"type": "command", "name": button})

    def interrupt(self) -> None:
        """The notebook's stop button."""
        self.manager.interrupt_kernel()

    def settle(self, seconds: float = 5.0) -> bool:
        """Wait until no cell runs, at most so long; True when none does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if all(cell.done_at for cell in self.cells.values()):
                return True
            time.sleep(0.02)
        return False

    def kill(self) -> None:
        """SIGKILL, as the system does when memory runs out."""
        self.manager.signal_kernel(9)

    def wait(self, ready: Callable[[], Any], what: str, timeout: float = 30.0) -> Any:
        """Until `ready()` is true; returns what it returned."""
        end = time.monotonic() + timeout
        while True:
            self._raise_troubles()
            found = ready()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"waited {timeout:g} s for {what}. {self.told()}")
            time.sleep(0.01)

    def answer(self, cockpit: Cockpit, ident: str, timeout: float = 30.0) -> tuple[float, dict[str, Any]]:
        """When the answer to a wish arrived, and what it says."""
        self.wait(lambda: ident in cockpit.acks, f"the answer to {ident}", timeout)
        return cockpit.acks[ident]

    @property
    def has_subshells(self) -> bool:
        """The kernel takes comm messages on a subshell."""
        return "kernel subshells" in self.info.get("supported_features", [])

    def told(self) -> str:
        """What the kernel wrote where nobody looks: for the message of a failed test."""
        log = (self.folder / "kernel.log").read_text(errors="replace")[-2000:]
        newest = list(self.cockpits.values())[-1:]
        return f"Last header: {newest[0].header if newest else None}. Kernel's log: {log}"

    def close(self) -> None:
        """End the kernel and let its channels go."""
        self._closing.set()
        self._thread.join(timeout=10)
        self._client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self._log.close()

    # -- the page's own thread -----------------------------------------------------------------------

    def _pump(self) -> None:
        handlers = {
            self._client.iopub_channel.socket: self._on_iopub,
            self._client.shell_channel.socket: self._on_shell,
            self._client.control_channel.socket: self._on_control,
        }
        poller = zmq.Poller()
        for socket in handlers:
            poller.register(socket, zmq.POLLIN)
        while not self._closing.is_set():
            try:
                for socket, _ in poller.poll(5):
                    while True:
                        _, message = self._client.session.recv(socket, zmq.NOBLOCK)
                        if message is None:
                            break
                        handlers[socket](message)
                self._send_waiting()
            except Exception as error:  # a thread has nobody to raise to: the test's next wait() does
                self._troubles.append(f"{type(error).__name__}: {error}")

    def _send_waiting(self) -> None:
        now = time.monotonic()
        due = [act for moment, act in self._timers if moment <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for act in due:
            act()
        while self._out:
            self._out.popleft()()

    def _raise_troubles(self) -> None:
        if self._troubles:
            raise AssertionError(f"the page itself failed: {self._troubles}")

    def _message(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        return dict(self._client.session.msg(kind, content))

    def _send(self, channel: Any, message: dict[str, Any]) -> None:
        self._client.session.send(channel.socket, message)

    def _on_shell(self, message: dict[str, Any]) -> None:
        cell = self.cells.get(message["parent_header"].get("msg_id", ""))
        if message["header"]["msg_type"] == "execute_reply" and cell is not None:
            cell.reply = message["content"]
            cell.done_at = time.monotonic()

    def _on_control(self, message: dict[str, Any]) -> None:
        if message["header"]["msg_type"] == "create_subshell_reply":
            self._subshell = message["content"]["subshell_id"]

    def _on_iopub(self, message: dict[str, Any]) -> None:
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            cell = self.cells.get(message["parent_header"].get("msg_id", ""))
            if cell is not None:
                cell.printed += content["text"]
        elif kind == "comm_open" and content["target_name"] == WIDGETS:
            self._opened(content)
        elif kind == "comm_msg" and content["comm_id"] in self.cockpits:
            if content["data"].get("method") == "custom":
                self._custom(self.cockpits[content["comm_id"]], content["data"]["content"], message["buffers"])
        elif kind in ("display_data", "update_display_data"):
            self._shown(content)

    def _opened(self, content: dict[str, Any]) -> None:
        if self.has_subshells and self._asked is None:
            request = self._message("create_subshell_request", {})
            self._asked = request["header"]["msg_id"]
            self._send(self._client.control_channel, request)
        if content["data"]["state"].get("_model_module") == "anywidget":
            self.cockpits[content["comm_id"]] = Cockpit(content["comm_id"])

    def _shown(self, content: dict[str, Any]) -> None:
        output = content.get("transient", {}).get("display_id", "")
        before = self.cockpits.get(self._outputs.get(output, ""))
        now = self.cockpits.get(content["data"].get(WIDGET_VIEW, {}).get("model_id", ""))
        if before is not None and output in before.views:
            self._say(before, {"type": "gone", "view": before.views.pop(output)})
        if before is not None and now is None:
            before.pictures.append(content["data"])
        if now is not None:
            self._outputs[output] = now.comm
            view = now.views[output] = uuid.uuid4().hex[:8]
            ready = {"type": "ready", "view": view}
            self._timers.append((time.monotonic() + RENDER_SECONDS, lambda: self._say(now, ready)))

    def _custom(self, cockpit: Cockpit, content: dict[str, Any], buffers: list[Any]) -> None:
        kind = content["type"]
        if kind == "ping":
            cockpit.pings += 1
            self._say(cockpit, {"type": "pong", "id": content["id"]})
        elif kind == "ack":
            cockpit.acks[content["id"]] = (time.monotonic(), content)
        elif kind == "frame":
            asked_for = json.dumps(content).count('"$buffer"')
            if asked_for != len(buffers):
                raise AssertionError(f"frame {content['seq']}: {len(buffers)} buffers, {asked_for} are named")
            cockpit.frames.append(Frame(time.monotonic(), content))
            for view in cockpit.views.values():
                self._say(cockpit, {"type": "shown", "view": view, "seq": content["seq"], "ms": 5.0})

    def _wish(self, cockpit: Cockpit, content: dict[str, Any]) -> str:
        ident = uuid.uuid4().hex[:8]
        self._out.append(lambda: self._say(cockpit, {**content, "id": ident}))
        return ident

    def _say(self, cockpit: Cockpit, content: dict[str, Any]) -> None:
        data = {"method": "custom", "content": content}
        message = self._message("comm_msg", {"comm_id": cockpit.comm, "data": data})
        if self._subshell is not None and self.subshells:
            message["header"]["subshell_id"] = self._subshell
        self._send(self._client.shell_channel, message)


def _manager(python: Path, folder: Path) -> KernelManager:
    """A manager that starts `python`'s kernel, found in a folder of our own."""
    place = folder / "kernels" / "under-test"
    place.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (place / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "under test", "language": "python"}))
    specs = KernelSpecManager(kernel_dirs=[str(place.parent)])
    return KernelManager(kernel_name="under-test", kernel_spec_manager=specs)


def _environment(folder: Path) -> dict[str, str]:
    """One thread for torch: other tests share the cores. No PYTHONPATH: the small environment decides."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    own = {"IPYTHONDIR": str(folder / "ipython"), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return kept | own | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
