"""`import vergence` needs no screen: no Jupyter, no plotting, nothing slow."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

BANNED = {
    "anywidget",
    "captum",
    "comm",
    "ipykernel",
    "ipywidgets",
    "matplotlib",
    "numba",
    "pandas",
    "plotly",
    "sklearn",
    "traitlets",
    "umap",
    "vergence_widgets",
}

EVERY_MODULE = """
import importlib, pkgutil, vergence
for module in pkgutil.walk_packages(vergence.__path__, "vergence."):
    importlib.import_module(module.name)
"""


def fresh(code: str) -> str:
    """What `code` prints in an interpreter that has loaded nothing yet and sees no one's settings."""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def banned_after(code: str) -> set[str]:
    """The banned packages that are loaded once `code` has run."""
    names = json.loads(fresh(f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"))
    roots = {name.partition(".")[0] for name in names}
    return {root for root in roots if root in BANNED or root.lower().startswith(("jupyter", "ipython"))}


def test_import_vergence_loads_no_screen():
    assert banned_after("import vergence") == set()


def test_no_module_of_vergence_loads_a_screen_either():
    assert banned_after(EVERY_MODULE) == set()


@pytest.mark.parametrize("module", ["ipywidgets", "plotly", "sklearn", "IPython"])
def test_the_test_above_can_fail(module):
    assert module in banned_after(f"import vergence, {module}")


def test_the_list_of_modules_is_not_empty():
    assert "vergence.errors" in fresh(EVERY_MODULE + "\nimport sys\nprint(*sys.modules)")


@pytest.mark.slow
def test_import_takes_at_most_half_a_second_beyond_torch():
    code = """
import time, torch
start = time.perf_counter()
import vergence
print(time.perf_counter() - start)
"""
    # the least of three: a busy machine adds time, nothing takes it away
    assert min(float(fresh(code)) for _ in range(3)) <= 0.5
