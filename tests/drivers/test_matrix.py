"""Where a control is answered, by kernel and driver, and that the header of the cockpit says the truth about it.

"At the next step": the value that a person sets is used by the first step that begins after the kernel heard
of it. "After the cell": no message gets in while a cell runs. What is expected here was measured;
the cockpit itself knows no versions and asks by ping.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.drivers.page import Cell, Cockpit, Page
from tests.drivers.scenes import BACKGROUND_RUN, DRIVERS, INLINE_RUN, OWN_LOOP, Driver

KERNELS = ("6.29", "7.3", "installed")
DEAF_WHILE_A_CELL_RUNS = ("6.29",)
A_FEW_SECONDS = 6.0
"""In which the header must have found out, on two cores that have other things to do."""


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, indirect=True)
@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_where_a_control_is_answered(
    page: Page, driver: Driver, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    kernel = request.node.callspec.params["kernel"]
    record_property("driver matrix", json.dumps(tried(page, driver, kernel)))


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS[1:], indirect=True)
def test_the_page_decides_too(page: Page, record_property: Callable[[str, object], None]) -> None:
    """The same kernels behind a page that uses no subshells: the header finds out by ping, not by version."""
    page.subshells = False
    record_property("driver matrix", json.dumps(tried(page, OWN_LOOP, page.version)))


@pytest.mark.parametrize("kernel", ["installed"], indirect=True)
@pytest.mark.parametrize("driver", [BACKGROUND_RUN, OWN_LOOP], ids=lambda driver: driver.name)
def test_the_installed_kernel_answers_at_the_next_step(page: Page, driver: Driver) -> None:
    tried(page, driver, "installed")


def tried(page: Page, driver: Driver, kernel: str) -> dict[str, str]:
    """Everything a person does to a run, with what must come of it here; returns a row of the matrix."""
    deaf = driver.on_main_thread and (kernel in DEAF_WHILE_A_CELL_RUNS or not page.subshells)
    cockpit, cell = begun(page, driver)
    subshells = "no" if not page.has_subshells else "yes" if page.subshells else "not by the page"
    row = {"ipykernel": page.version, "subshells": subshells, "loop": driver.name}
    if deaf:
        answered_after_the_cell(page, cockpit, cell, driver)
        told = {"a control is answered": "after the cell, when the loop runs again", "pause": "off, and says why"}
        return row | told
    milliseconds = answered_at_the_next_step(page, cockpit)
    paused_stepped_and_resumed(page, cockpit)
    if driver.on_main_thread:
        paused_and_interrupted(page, cockpit, cell)
        last = last_step(page)
        cell = page.begin(driver.begin)
        # By its steps: a cockpit that was frozen meanwhile still has the frame in which the pause had just ended.
        page.wait(lambda: cockpit.header["state"] == "live" and cockpit.header["step"] > last, "the loop to go on")
    stopped(page, cockpit, cell)
    return row | {"a control is answered": f"at the next step ({milliseconds:.0f} ms)", "pause": "works"}


def begun(page: Page, driver: Driver) -> tuple[Cockpit, Cell]:
    """The cockpit on the page, and the cell whose loop trains."""
    cockpit = page.show(driver.show)
    assert cockpit.frames[0].content["key"]
    cell = page.begin(driver.begin)
    page.wait(lambda: cockpit.header["state"] == "live" and cockpit.header["step"] >= 5, "the first steps", 60)
    return cockpit, cell


# -- where everything is answered at once ------------------------------------------------------------


def answered_at_the_next_step(page: Page, cockpit: Cockpit) -> float:
    began = time.monotonic()
    page.wait(lambda: "all controls work" in cockpit.header["controls_note"], "the header to say it", A_FEW_SECONDS)
    assert cockpit.header["controls_late"] is False
    assert cockpit.header["buttons"]["pause"] == {"enabled": True, "why": "", "label": "Pause"}

    waits = []
    for value in (0.1, 0.15, 0.3):
        asked = time.monotonic()
        ident = page.move(cockpit, "temperature", value)
        at, ack = page.answer(cockpit, ident)
        waits.append(1000 * (at - asked))
        assert (ack["state"], ack["name"], ack["value"], ack["why"]) == ("applied", "temperature", value, "")
    note = f"applied at step {ack['step']:,}"
    page.wait(lambda: note in control(cockpit, "temperature")["note"], f"a frame that says {note!r}")
    assert control(cockpit, "temperature")["value"] == value
    # The loop went on all the time, and so did the truth.
    page.wait(lambda: time.monotonic() - began > 3.5, "more pings")
    said = {frame.header["controls_note"].partition(",")[0] for frame in cockpit.frames if frame.at > began}
    assert said == {"all controls work"}
    return sorted(waits)[1]


def paused_stepped_and_resumed(page: Page, cockpit: Cockpit) -> None:
    at_once(page, cockpit, "pause")
    page.wait(lambda: cockpit.header["state"] == "paused", "a frame that says paused")
    step = cockpit.header["step"]
    frames = len(cockpit.frames)
    page.wait(lambda: len(cockpit.frames) > frames, "another frame while paused")
    assert cockpit.header["step"] == step, "it trained while it was paused"
    assert cockpit.header["buttons"]["run"] == {"enabled": True, "why": "", "label": "Resume"}

    at_once(page, cockpit, "step")
    page.wait(lambda: cockpit.header["step"] == step + 1, "one step more")
    ident = page.move(cockpit, "temperature", 0.2)
    assert page.answer(cockpit, ident)[1]["step"] == step + 2, "a control that is moved in a pause"

    at_once(page, cockpit, "run")
    page.wait(lambda: cockpit.header["state"] == "live" and cockpit.header["step"] > step + 2, "it to go on")


def paused_and_interrupted(page: Page, cockpit: Cockpit, cell: Cell) -> None:
    """A pause holds the cell; the notebook's stop button always ends it."""
    at_once(page, cockpit, "pause")
    page.wait(lambda: cockpit.header["state"] == "paused", "a frame that says paused")
    assert cell.done_at is None
    page.interrupt()
    page.wait(lambda: cell.done_at, "the cell to end after the interrupt", 10)
    assert cell.error == "KeyboardInterrupt"
    page.wait(lambda: cockpit.shows("stopped"), "the page to say that it stopped")
    note = "cockpit.subject.history.events('state')[-1].data['note']"
    assert page.run(f"print({note}, end='')").printed == "interrupted"


def stopped(page: Page, cockpit: Cockpit, cell: Cell) -> None:
    at_once(page, cockpit, "stop")
    page.wait(lambda: cell.done_at, "the cell to end")
    assert cell.error in ("", "Stopped")
    page.wait(lambda: cockpit.pictures, "the still picture in place of the live one")
    assert {"image/png", "text/plain"} <= set(cockpit.pictures[-1])
    assert cockpit.shows("stopped", last_step(page)), page.told()
    heard = json.loads(page.run("print(json.dumps(heard))").printed)
    for ident, (_, ack) in cockpit.acks.items():
        # A message that comes while step n trains is read before step n + 1; what it asks for holds from there.
        assert 1 <= ack["step"] - heard[ident] <= 2, ack


def last_step(page: Page) -> int:
    return int(page.run("print(cockpit.subject.history.last_step, end='')").printed)


def at_once(page: Page, cockpit: Cockpit, button: str) -> None:
    ident = page.press(cockpit, button)
    _, ack = page.answer(cockpit, ident)
    assert (ack["state"], ack["why"]) == ("applied", ""), ack


def control(cockpit: Cockpit, name: str) -> dict[str, object]:
    return next(entry for entry in cockpit.frames[-1].content["controls"] if entry["name"] == name)


# -- where nothing gets in while a cell runs ---------------------------------------------------------


def answered_after_the_cell(page: Page, cockpit: Cockpit, cell: Cell, driver: Driver) -> None:
    """A person who tries all the same: pending, then refused or applied when the cell has ended."""
    moved = page.move(cockpit, "temperature", 0.1)
    pressed = page.press(cockpit, "pause")
    page.wait(lambda: cockpit.header["controls_late"], "the header to say that controls wait", A_FEW_SECONDS)
    words = "controls wait until the cell ends: no message gets in while a cell runs"
    assert cockpit.header["controls_note"] == words
    assert cockpit.header["buttons"]["pause"] == {"enabled": False, "why": words, "label": "Pause"}
    assert cockpit.header["buttons"]["stop"] == {"enabled": False, "why": words, "label": "Stop"}

    step = cockpit.header["step"]
    page.wait(lambda: cockpit.header["step"] > step + 10, "the picture to stay live", 20)
    assert cockpit.header["state"] == "live"
    assert not cockpit.acks

    page.interrupt()
    page.wait(lambda: cell.done_at, "the cell to end after the interrupt", 10)
    assert cell.error == "KeyboardInterrupt"
    page.wait(lambda: cockpit.shows("stopped"), "the page to say that it stopped")
    assert page.answer(cockpit, pressed)[1]["why"] == "The run is stopped."
    assert moved not in cockpit.acks
    assert control(cockpit, "temperature")["value"] == 0.2
    last = last_step(page)

    page.run(driver.again)
    _, ack = page.answer(cockpit, moved)
    # A Run reads before a step, somebody's own loop after it, in `m.step`.
    first = last + 1 if driver is INLINE_RUN else last + 2
    assert (ack["state"], ack["value"], ack["step"]) == ("applied", 0.1, first)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", DEAF_WHILE_A_CELL_RUNS, indirect=True)
def test_a_pause_that_nothing_could_end_is_refused(page: Page) -> None:
    cockpit = page.show(OWN_LOOP.show)
    cell = page.begin("train(10**9, pause_at=30)")
    page.wait(lambda: cockpit.header["step"] > 60, "the loop to pass the step at which it asked for a pause", 60)
    page.interrupt()
    page.wait(lambda: cell.done_at, "the cell to end after the interrupt", 10)
    assert cell.error == "KeyboardInterrupt"
    why = "nothing could end the pause: no message gets in while a cell runs. "
    way_out = "Use m.background(train), or interrupt the kernel"
    assert page.run("print(*refused, end='')").printed == f"Monitor.pause(): {why}{way_out}."
    letter = "next(e.data for e in m.history.events('command') if e.data['id'] == 'from-python')"
    told = json.loads(page.run(f"print(json.dumps({letter}))").printed)
    assert (told["state"], told["why"]) == ("refused", why + way_out)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, indirect=True)
def test_the_header_says_it_while_some_other_cell_runs(page: Page, request: pytest.FixtureRequest) -> None:
    deaf = request.node.callspec.params["kernel"] in DEAF_WHILE_A_CELL_RUNS
    cockpit, _ = begun(page, BACKGROUND_RUN)
    page.wait(lambda: "all controls work" in cockpit.header["controls_note"], "the header to say it", A_FEW_SECONDS)
    began = time.monotonic()
    page.run("time.sleep(12)")  # the page is asked little: that it is silent is known after some nine seconds
    during = [frame.header for frame in cockpit.frames if began + 0.5 < frame.at < began + 12]
    assert any(header["controls_late"] for header in during) is deaf
    if deaf:
        late = next(header for header in during if header["controls_late"])
        assert late["controls_note"].endswith("s: a cell is running, or the page is asleep")
        assert not late["buttons"]["pause"]["enabled"]
    assert during[-1]["step"] > during[0]["step"], "training waited for the cell"
    page.wait(
        lambda: "all controls work" in cockpit.header["controls_note"], "the header to take it back", A_FEW_SECONDS
    )
    assert cockpit.header["buttons"]["pause"]["enabled"]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["installed"], indirect=True)
@pytest.mark.parametrize("driver", [OWN_LOOP, INLINE_RUN], ids=lambda driver: driver.name)
def test_replies_still_need_mending(page: Page, driver: Driver) -> None:
    """Without `mend_replies` the installed kernel is deaf while a cell runs, and the header finds that out too."""
    cockpit = page.show(driver.show)
    page.run("del cockpit._widget.comm._reply_subshell_for")
    page.begin(driver.begin)
    try:
        page.wait(lambda: cockpit.header["controls_late"], "the header to say that controls get no answer", 8)
    except AssertionError:
        pytest.fail(f"ipykernel {page.version} answers by itself: drop mend_replies from vergence_widgets/kernels.py.")
    assert not cockpit.header["buttons"]["pause"]["enabled"]
