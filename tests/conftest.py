"""What holds for every test: warnings are errors, shapes in signatures are checked, examples repeat.

Warnings are turned into errors in `pyproject.toml`, beside the list of exemptions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest
import torch
from jaxtyping import install_import_hook

from tests import contracts
from tests.browser.lab import FLAGS
from tools import browser as chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

if "vergence" in sys.modules:
    raise RuntimeError("vergence was imported before tests/conftest.py: its signatures would go unchecked.")
install_import_hook("vergence", f"{contracts.__name__}.signatures_hold")

# No deadline: on two busy cores a slow example says nothing about the code. Derandomised: a failure in one
# run is a failure in the next.
hypothesis.settings.register_profile("vergence", deadline=None, derandomize=True)
hypothesis.settings.load_profile("vergence")


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Every test begins with the same draws, whichever ran before it and in whichever process."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests that need one."""
    from playwright.sync_api import sync_playwright

    found = chromium.find()
    if not found:
        pytest.fail("No browser. Type: make test   (it installs one), or set CHROMIUM=/path/to/chromium.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()
