"""The four commonest mistakes in a loop of somebody's own: each is named, and a sound loop is left in peace."""

from __future__ import annotations

import html
import threading
from pathlib import Path

import pytest

import vergence as vg

SCRIPT = (Path(__file__).parent / "own_loop.py").read_text(encoding="utf-8")
MISTAKES = {
    "unnormalised embeddings": ("z = normalize(torch.cat([a, b]), dim=1)", "z = torch.cat([a, b])"),
    "unpaired positives": ("view(rows), view(rows)", "view(rows), view(rows[torch.randperm(128)])"),
    "detached branch": ("z1, z2 = model(x1), model(x2)", "z1, z2 = model(x1), model(x2).detach()"),
    "temperature inverted": ("z @ z.T / TEMPERATURE", "z @ z.T * TEMPERATURE"),
}
"""The finding, and the line that makes it: as it should be, and as it is."""
WATCHED = ("m = vg.Monitor(", "import vergence_widgets\nm = vergence_widgets.watch(save=False, encoder=")
UNKNOWN = ("objective = vg.losses.NTXent(TEMPERATURE)", "objective = None")


def trained(*changes: tuple[str, str]) -> vg.Monitor:
    """The script's monitor, after its loop, with lines changed."""
    text = SCRIPT
    for old, new in changes:
        assert text.count(old) == 1, f"own_loop.py does not hold {old!r} once"
        text = text.replace(old, new)
    names: dict[str, vg.Monitor] = {}
    exec(compile(text, "own_loop.py", "exec"), names)
    return names["m"]


def found(monitor: vg.Monitor) -> list[str]:
    return [finding.name for finding in vg.diagnose(monitor.history)]


def on_screen(monitor: vg.Monitor) -> list[str]:
    """What the cockpit says of findings after the end; its thread is gone when this returns."""
    monitor.cockpit.publisher.close()  # no still picture: nobody would see it
    for thread in threading.enumerate():
        if thread.name == "vergence-publisher":
            thread.join(30)
    monitor.close()
    return monitor.cockpit.findings()


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_monitor_names_the_mistake_and_its_report_says_it(mistake: str) -> None:
    monitor = trained(MISTAKES[mistake])
    report = monitor.close()
    assert found(monitor)[:1] == [mistake]
    told = [event.data["finding"] for event in monitor.history.events("finding") if event.data["name"] == mistake]
    page = html.unescape(report.read_text(encoding="utf-8"))
    # Within a sentence that begins with the step, its first letter is a small one.
    assert told[-1]["says"][1:] in page
    assert all(remedy["text"] in page for remedy in told[-1]["remedies"][:1])


@pytest.mark.parametrize("mistake", MISTAKES)
def test_watch_names_the_mistake_in_its_cockpit(mistake: str) -> None:
    monitor = trained(MISTAKES[mistake], WATCHED)
    words = on_screen(monitor)
    assert found(monitor)[:1] == [mistake]
    assert any(f"({mistake})" in line for line in words), words


@pytest.mark.parametrize("mistake", MISTAKES)
def test_without_an_objective_it_is_named_too(mistake: str) -> None:
    monitor = trained(MISTAKES[mistake], UNKNOWN)
    monitor.close()
    first = vg.diagnose(monitor.history).findings[0]
    if mistake == "temperature inverted":  # nobody has said which one was set
        assert first.name == "temperature too high"
        assert any("multiplied by 0.2" in remedy.text for remedy in first.remedies), first.remedies
    else:
        assert first.name == mistake


def test_a_sound_loop_is_left_in_peace() -> None:
    monitor = trained()
    report = monitor.close()
    made = vg.diagnose(monitor.history)
    assert made.healthy, str(made)
    assert {"complete collapse", *MISTAKES} <= set(made.checked)
    assert "Nothing found" in report.read_text(encoding="utf-8")


def test_a_sound_loop_without_an_objective_is_left_in_peace_too() -> None:
    monitor = trained(UNKNOWN, WATCHED)
    assert "Nothing found" in on_screen(monitor)[0]
    assert found(monitor) == []
