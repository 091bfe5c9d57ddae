"""The table of losses is what the code says, and leads to notebooks that exist."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vergence import losses
from vergence.losses import table
from vergence.losses.loss import Base

ROOT = Path(__file__).parents[2]


def test_every_loss_has_a_row():
    called = [row[1].strip("`").partition("(")[0] for row in table.rows()]
    known = {name: getattr(losses, name) for name in losses.__all__}
    kinds = {name for name, kind in known.items() if isinstance(kind, type) and issubclass(kind, Base)} - {"Gathered"}
    assert set(called) == kinds


def test_the_committed_table_is_the_one_the_command_makes():
    made = subprocess.run([sys.executable, "-m", "vergence.losses"], capture_output=True, text=True, check=True).stdout
    committed = (ROOT / "docs" / "losses.md").read_text(encoding="utf-8")
    assert made in committed, "type: python -m vergence.losses   and put its table into docs/losses.md"


def test_notebooks_exist_and_speak_of_the_loss():
    for row in table.rows():
        path = ROOT / "notebooks" / f"{row[6]}.ipynb"
        assert path.exists(), row[6]
        assert row[1].strip("`").partition("(")[0] in path.read_text(encoding="utf-8"), row[:2]
