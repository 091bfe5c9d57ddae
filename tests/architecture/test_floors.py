"""The floors hold, and the contract that says so can fail. (`make check` runs the same contracts.)"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.architecture import tree

PANELS = "widgets/vergence_widgets/panels"
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"


def lint(folder) -> subprocess.CompletedProcess[str]:
    """import-linter over the sources in `folder`, with the contracts of its pyproject.toml."""
    paths = os.pathsep.join([str(folder / "toolkit"), str(folder / "widgets")])
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    skipped = shutil.ignore_patterns("__pycache__", "files", "static")
    for part in ("toolkit/vergence", "widgets/vergence_widgets"):
        shutil.copytree(tree.ROOT / part, tmp_path / part, ignore=skipped)
    shutil.copy(tree.ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def add(path, line: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")


def test_the_floors_hold():
    done = lint(tree.ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "line", "contract"),
    [
        ("toolkit/vergence/errors.py", "import vergence.geometry", "the floors of vergence"),
        ("toolkit/vergence/geometry.py", "def f():\n    import vergence.losses", "the floors of vergence"),
        ("toolkit/vergence/geometry.py", "import vergence_widgets.panels", "the toolkit knows no screen"),
        ("toolkit/vergence/geometry.py", "def f():\n    import plotly", "the toolkit knows no screen"),
        (
            f"{PANELS}/spec.py",
            "import vergence_widgets.draw",
            "the floors of vergence_widgets",
        ),
        (f"{PANELS}/spec.py", "import ipywidgets", "a panel is pure"),
    ],
)
def test_an_import_from_above_is_found(copy, path, line, contract):
    add(copy / path, line)
    done = lint(copy)
    assert done.returncode != 0
    broken = [row for row in done.stdout.splitlines() if row.endswith("BROKEN")]
    assert any(row.startswith(contract) for row in broken), done.stdout + done.stderr


def test_a_module_without_a_floor_is_found(copy):
    (copy / "toolkit/vergence/utils.py").write_text("")
    done = lint(copy)
    assert done.returncode != 0
    assert "utils" in done.stdout
