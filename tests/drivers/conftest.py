"""Kernels to test with, and the matrix that is printed when they have been tested."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drivers.page import Page
from tests.drivers.scenes import PRELUDE

ROOT = Path(__file__).resolve().parents[2]
ROW = "driver matrix"


def python_of(kernel: str) -> Path:
    """The interpreter whose ipykernel is tested; "installed" is the one of this environment.

    The others live in small environments that are made here once. A download that fails fails the test.
    """
    if kernel == "installed":
        return Path(sys.executable)
    made = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "kernels.py"), kernel], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.fail(
            f"ipykernel {kernel} could not be installed, so nothing is known about it. Type: make slow   once there "
            f"is a connection. What tools/kernels.py said:\n{made.stdout}{made.stderr}",
            pytrace=False,
        )
    return Path(sys.prefix) / "kernels" / kernel / "bin" / "python"


def opened(kernel: str, folder: Path) -> Page:
    """A page on a fresh kernel, ready for the scenes."""
    page = Page(python_of(kernel), folder)
    page.version = page.run(PRELUDE + "\nprint(ipykernel.__version__, end='')").printed
    if kernel != "installed" and not page.version.startswith(kernel + "."):
        page.close()
        pytest.fail(f"wanted ipykernel {kernel}, got {page.version}: is .venv/kernels/{kernel} whole?")
    return page


@pytest.fixture(scope="session")
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One kernel for all scenes with it: starting one with torch takes longer than a scene."""
    page = opened(request.param, tmp_path_factory.mktemp("kernel"))
    yield page
    page.close()


@pytest.fixture
def page(kernel: Page) -> Iterator[Page]:
    """That kernel, with nothing of an earlier scene in it."""
    yield kernel
    for _ in range(3):
        if all(cell.done_at for cell in kernel.cells.values()):
            break
        kernel.interrupt()
        kernel.settle()
    kernel.run("leave()")
    kernel.subshells = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where a control is answered, by kernel and driver."""
    rows = [
        json.loads(str(value))
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == ROW
    ]
    if not rows:
        return
    terminalreporter.section(ROW)
    titles = {name: name for name in rows[0]}
    widths = {name: max(len(row[name]) for row in [titles, *rows]) for name in titles}
    for row in [titles, *rows]:
        terminalreporter.write_line("  ".join(row[name].ljust(widths[name]) for name in titles).rstrip())
