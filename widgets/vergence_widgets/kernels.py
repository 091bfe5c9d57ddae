"""Kernels: what a cockpit mends in the kernel that it runs in, where messages of the browser would not be heard.

Each mend looks for the fault itself, not for a version, and does nothing where the fault is not.
"""

from __future__ import annotations

from typing import Any

from IPython.core.getipython import get_ipython
from tornado.ioloop import PeriodicCallback

__all__ = ["LOOK_MILLISECONDS", "mend_replies", "mend_requests"]

LOOK_MILLISECONDS = 500.0
"""Between two looks for a request that waits unseen; a look takes some ten microseconds."""


def mend_replies(widget: Any) -> None:
    """Let the browser's messages be answered while a cell runs, on kernels that route them to the busy shell.

    ipykernel 7.4.0 sends what a front end says on a comm to the shell that last published on it; a comm that is
    published to from a training loop is then answered only after the cell. Its default route, a subshell, is put
    back for this comm alone. Found by the hook's presence.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, default: default


def mend_requests() -> None:
    """Let no request wait unseen, on kernels that may overlook one that comes while a reply leaves.

    ipykernel 7.0 to 7.3 send replies past the stream that reads requests from the same socket, which can use up the
    socket's only sign that a request has come. Cells and widget messages then wait for ever in a kernel that is
    idle (ipython/ipykernel, issue 1554; since 7.4 replies go through the stream). A cockpit's traffic makes that
    likely enough to be met. Here the stream is asked now and then whether something waits; once per kernel.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    thread, stream = getattr(kernel, "shell_channel_thread", None), getattr(kernel, "shell_stream", None)
    if thread is None or stream is None or hasattr(thread, "shell_stream") or hasattr(thread, "vergence_looks"):
        return

    def look() -> None:
        if not stream.closed():
            stream.flush()

    thread.vergence_looks = PeriodicCallback(look, LOOK_MILLISECONDS)
    thread.io_loop.add_callback(thread.vergence_looks.start)
