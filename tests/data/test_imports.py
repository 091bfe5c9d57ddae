"""Importing the data room loads neither scikit-learn nor Pillow; each is loaded when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sklearn", "scipy", "PIL", "pandas", "matplotlib", "torchvision")


def loaded_after(code):
    report = f"{code}; import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("use", ["pass", "vergence.data.emoji().reference(8)"])
def test_nothing_heavy_is_loaded(use):
    assert loaded_after(f"import vergence.data; {use}") == []


def test_the_check_can_fail():
    assert "sklearn" in loaded_after("import vergence.data; vergence.data.digits()")
