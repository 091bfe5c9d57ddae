"""Serve JupyterLab on the first notebook: in a browser where there is a screen, else by its address."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = "notebooks/00_start_here.ipynb"


def has_screen(platform: str, environment: Mapping[str, str]) -> bool:
    """A browser window can be opened here."""
    if environment.get("CI"):
        return False
    return not platform.startswith("linux") or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def arguments(platform: str, environment: Mapping[str, str], user: int) -> list[str]:
    """What JupyterLab is started with; LAB_ARGS adds to it and wins."""
    given = [
        "--ServerApp.root_dir=.",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        # Nothing is fetched from elsewhere: no news, no update check, no list of extensions.
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if user == 0:
        given.append("--allow-root")
    if not has_screen(platform, environment):
        given.append("--no-browser")
    return given + shlex.split(environment.get("LAB_ARGS", ""))


def main() -> None:
    """Become JupyterLab, so that Ctrl-C reaches it directly."""
    os.chdir(ROOT)
    if not Path(FIRST).exists():
        sys.exit(f"{FIRST} is missing from this checkout. Type: git checkout -- {FIRST}")
    given = arguments(sys.platform, os.environ, os.geteuid())
    if "--no-browser" in given:
        print("Starting JupyterLab. Open the address with ?token= that it prints below.", flush=True)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *given])


if __name__ == "__main__":
    main()
