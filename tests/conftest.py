"""What holds for every test: warnings are errors, shapes in signatures are checked, examples repeat.

Warnings are turned into errors in `pyproject.toml`, beside the list of exemptions.
"""

from __future__ import annotations

import sys

import hypothesis
from jaxtyping import install_import_hook

from tests import contracts

if "vergence" in sys.modules:
    raise RuntimeError("vergence was imported before tests/conftest.py: its signatures would go unchecked.")
install_import_hook("vergence", f"{contracts.__name__}.signatures_hold")

# No deadline: on two busy cores a slow example says nothing about the code. Derandomised: a failure in one
# run is a failure in the next.
hypothesis.settings.register_profile("vergence", deadline=None, derandomize=True)
hypothesis.settings.load_profile("vergence")
