"""A training script in one process, somebody who watches and steers it in another."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vergence as vg
from tests.training.small import until
from vergence import errors

SCRIPT = textwrap.dedent(
    """
    import sys, time
    import torch
    import vergence as vg

    encoder = torch.nn.Linear(8, 4)
    criterion = vg.losses.NTXent(temperature=0.5)
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.1)
    m = vg.Monitor(encoder, objective=criterion, optimiser=optimiser, every=1, directory=sys.argv[1], name="script")
    print(m.directory, flush=True)
    x = torch.randn(16, 8)
    try:
        while True:
            z1, z2 = encoder(x + 0.1 * torch.randn_like(x)), encoder(x)
            loss = criterion(z1, z2)
            loss.backward()
            m.step(z1, z2, loss=loss)
            optimiser.step()
            optimiser.zero_grad()
            time.sleep(0.01)
    except vg.Stopped as stopped:
        print(f"Stopped: {stopped}", flush=True)
    print(criterion.settings()["temperature"], flush=True)
    """
)


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> Iterator[tuple[Any, vg.record.Attached, Path]]:
    folder = tmp_path_factory.mktemp("script")
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        try:
            directory = Path(running.stdout.readline().strip())
            with vg.open(directory) as attached:
                yield running, attached, directory
        finally:
            running.kill()


def answer(attached: vg.record.Attached, ident: str) -> dict[str, Any]:
    def answers() -> list[dict[str, Any]]:
        return [{**e.data, "step": e.step} for e in attached.history.events() if e.data.get("id") == ident]

    until(lambda: bool(answers()))
    return answers()[0]


def test_it_is_steered_from_here(script):
    running, attached, directory = script
    history = attached.history
    until(lambda: len(history.frames("similarity/z")) > 5)
    until(lambda: history.state == "live")  # frames and events are files of their own
    assert history.name == attached.name == "script"
    assert history.frames("similarity/z")[:3] == (1, 2, 3)

    # pause holds the counter
    assert answer(attached, attached.pause())["state"] == "applied"
    until(lambda: history.state == "paused")
    attached.poll()
    time.sleep(1.2)  # longer than the writer and the reader need
    held = history.last_step
    time.sleep(1.2)
    assert history.last_step == held

    # step advances it by one
    assert answer(attached, attached.step())["state"] == "applied"
    until(lambda: history.last_step == held + 1)
    time.sleep(1.2)
    assert history.last_step == held + 1
    assert history.state == "paused"

    # a control is applied at the next step, and the answer says at which
    (ident,) = attached.set(temperature=0.1)
    applied = answer(attached, ident)
    assert (applied["state"], applied["step"], applied["source"]) == ("applied", held + 2, "another process")
    assert (applied["old"], applied["new"], applied["label"]) == (0.5, 0.1, "τ 0.5 → 0.1")

    # what cannot be is refused here where it can be known, there otherwise
    with pytest.raises(errors.UnknownName, match=r"Did you mean 'temperature'\?"):
        attached.set(temprature=0.1)
    refused = answer(attached, attached.set(temperature=-1)[0])
    assert refused["state"] == "refused"
    assert "It must be a finite number above 0" in refused["why"]

    assert answer(attached, attached.resume())["state"] == "applied"
    until(lambda: history.last_step > held + 5)
    assert history.state == "live"
    series = history.scalar("control/temperature")
    assert (series.at(held + 1), series.at(held + 2)) == (0.5, 0.1)

    # stop raises Stopped in the script, which ends well
    assert answer(attached, attached.stop())["state"] == "applied"
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert "Stopped: script was stopped at step" in out
    assert out.splitlines()[-1] == "0.1"
    until(lambda: history.state == "stopped")
    assert history.events("state")[-1].data["note"].startswith("stopped at step")
    with pytest.raises(errors.StateError, match=r"Attached\.pause\(\): script is stopped"):
        attached.pause()
    # and what was read along the way is what a fresh reader finds
    attached.poll()
    fresh = vg.open(directory, follow=False).history
    assert fresh.scalar("loss").steps.tolist() == history.scalar("loss").steps.tolist()
    assert fresh.frames("similarity/z") == history.frames("similarity/z")
    assert len(fresh.events()) == len(history.events())


FAILS = textwrap.dedent(
    """
    import sys
    import torch
    import vergence as vg

    m = vg.Monitor(directory=sys.argv[1], name="fails")
    for step in range(1, 20):
        m.step(torch.randn(8, 4), torch.randn(8, 4), loss=1.0 / step)
        if step == 7:
            raise ValueError("no more data")
    """
)


def test_a_script_that_ends_in_an_exception_is_recorded_as_failed(tmp_path):
    ran = subprocess.run([sys.executable, "-c", FAILS, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1
    assert "ValueError: no more data" in ran.stderr
    (directory,) = [path.parent for path in tmp_path.glob("*/run.json")]
    history = vg.open(directory, follow=False).history
    assert history.state == "failed"
    assert history.events("failed")[0].data["why"] == "ValueError: no more data"
    assert history.scalar("loss").steps.tolist() == list(range(1, 8))
