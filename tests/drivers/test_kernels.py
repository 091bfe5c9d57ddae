"""The small environments with older kernels: what is put into them, and what is said when that fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """tools/kernels.py, which finds tools/setup.py beside it as a script does."""
    monkeypatch.syspath_prepend(str(TOOLS))
    import kernels

    yield kernels
    for name in ("kernels", "setup"):
        sys.modules.pop(name, None)


def test_only_what_differs_has_another_pin(kernels: ModuleType) -> None:
    constraints = (TOOLS.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    installed = {line for line in constraints if "==" in line}
    own = {line for line in kernels.pins("6.29").splitlines() if "==" in line}
    assert own - installed == {"ipykernel==6.29.5", "nest-asyncio==1.6.0"}
    assert {line.partition("==")[0] for line in installed - own} == {"ipykernel"}


def test_a_failed_download_says_what_to_type(
    kernels: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kernels, "FOLDER", tmp_path)
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
        "PIP_TIMEOUT": "2",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(kernels.setup.SetUpFailed, match="a broken or slow connection   type make again"):
        kernels.main(["6.29"])
    assert not kernels.is_ready("6.29")
    assert "ipykernel" in capfd.readouterr().err


def test_a_version_that_is_not_there_names_those_that_are(kernels: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"there is no '8\.0'; there are 6\.29, 7\.3\."):
        kernels.main(["8.0"])
