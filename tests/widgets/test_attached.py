"""A second process shows a training script live, and its Pause works: the publisher on an attached run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vergence as vg
from vergence_widgets.panels import PANELS
from vergence_widgets.publisher import Publisher

SCRIPT = """
import time
import torch
import vergence as vg
from vergence.losses import NTXent
criterion = NTXent(temperature=0.2)
m = vg.Monitor(objective=criterion, name="script", directory="runs")
print(m.directory, flush=True)
z = torch.randn(32, 16)
for _ in range(100_000):
    a, b = z + 0.1 * torch.randn_like(z), z + 0.1 * torch.randn_like(z)
    m.step(a, b, loss=criterion(a, b))
    time.sleep(0.01)
"""


def until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited 60 s for {what}"
        time.sleep(0.05)


def test_a_training_script_is_shown_live_and_paused_from_here(tmp_path: Path) -> None:
    script = subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert script.stdout is not None
        directory = Path(script.stdout.readline().strip())
        until(lambda: (directory / "run.json").exists(), "the run directory")
        messages: list[dict[str, Any]] = []
        with vg.open(directory) as attached:
            publisher = Publisher(attached, lambda message, _buffers: messages.append(message))
            publisher.handle({"type": "ready", "view": "v"})
            publisher.start()

            def headers() -> list[dict[str, Any]]:
                found = [message["header"] for message in list(messages) if message["type"] == "frame"]
                publisher.handle({"type": "shown", "view": "v", "seq": publisher._seq, "ms": 1})
                return found

            until(lambda: headers() and headers()[-1]["state"] == "live" and headers()[-1]["step"] > 20, "live frames")
            publisher.handle({"type": "command", "id": "p1", "name": "pause"})
            until(lambda: any(m["type"] == "ack" and m["id"] == "p1" for m in list(messages)), "the answer")
            (answer,) = [m for m in messages if m["type"] == "ack" and m["id"] == "p1"]
            assert answer["state"] == "applied"
            until(lambda: headers()[-1]["state"] == "paused", "the paused state on the page")
            held = attached.history.last_step
            time.sleep(1.0)
            attached.poll()
            assert attached.history.last_step == held
            publisher.handle({"type": "control", "id": "t1", "name": "temperature", "value": 0.1})
            until(lambda: any(m["type"] == "ack" and m["id"] == "t1" for m in list(messages)), "the temperature")
            publisher.handle({"type": "command", "id": "r1", "name": "run"})
            until(lambda: attached.history.last_step > held + 5, "steps after the resume")
            shown: dict[str, Any] = {}
            for message in list(messages):
                shown |= message.get("panels", {})  # as the page does: a panel that did not change is not sent again
            assert {noun: panel["state"] for noun, panel in shown.items()}.keys() == set(PANELS)
            assert {shown[noun]["state"] for noun in ("loss", "similarity", "hypersphere")} <= {"live", "stopped"}
            publisher.close()
    finally:
        script.kill()
        script.wait(10)
        if script.stdout is not None:
            script.stdout.close()
