"""A request that came while a reply left is not overlooked, on kernels that can overlook one."""

from __future__ import annotations

import time

import pytest

from tests.drivers.page import Page
from tests.drivers.scenes import OWN_LOOP

USE_UP_THE_SIGN = """
import threading, zmq
shell = get_ipython().kernel
def leave_no_sign():
    "As a reply does that leaves while the thread of the shell channel has not looked yet."
    time.sleep(1.0)
    shell.shell_stream.socket.getsockopt(zmq.EVENTS)
threading.Timer(0.5, shell.shell_channel_thread.io_loop.add_callback, [leave_no_sign]).start()
"""


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["7.3"], indirect=True)
def test_a_request_without_its_sign_is_found(page: Page) -> None:
    """Without `mend_requests` this kernel never runs another cell."""
    page.show(OWN_LOOP.show)
    page.run(USE_UP_THE_SIGN)
    time.sleep(1.0)
    page.run("print('heard')", timeout=10)
