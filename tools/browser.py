"""Print the path of a Chromium that the browser tests can drive; install one where that needs no question.

CHROMIUM=/path/to/a/chromium names one yourself. Otherwise: what is on the PATH, then Chrome's place on
macOS, then Debian's package by apt-get as root or with a sudo that asks for no password.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# Headless Chromium draws empty boxes where no font is installed.
PACKAGES = ("chromium", "fonts-liberation", "fonts-dejavu")

ABSENT = """\
The browser tests need Chromium or Chrome, and there is none here.
  Debian, Ubuntu   sudo apt-get update && sudo apt-get install chromium fonts-liberation fonts-dejavu
  Fedora           sudo dnf install chromium
  macOS            brew install --cask chromium
  elsewhere        CHROMIUM=/path/to/chrome make test
Then type make test again."""


class NoBrowser(Exception):
    """There is no browser and none can be installed without asking; the message says what to type."""


def find() -> str | None:
    """A browser on this machine, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise NoBrowser(f"CHROMIUM is {named!r}, which cannot be started here. Correct or unset it.")
        return found
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    return next((place for place in PLACES if Path(place).exists()), None)


def apt_get() -> list[str] | None:
    """How to call apt-get without being asked for a password, or None."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return ["apt-get"]
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n", "apt-get"]
    return None


def install(command: list[str]) -> None:
    """Install Debian's package. Its output goes to stderr: stdout is for the path."""
    print(f"Installing {', '.join(PACKAGES)} with {' '.join(command)} ...", file=sys.stderr, flush=True)
    silent = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run([*command, *step], env=silent, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        if done.returncode:
            raise NoBrowser(f"{' '.join([*command, *step])} failed; its own words stand above.\n{ABSENT}")


def main() -> None:
    """Find, else install and find."""
    path = find()
    if path is None:
        command = apt_get()
        if command is None:
            raise NoBrowser(ABSENT)
        install(command)
        path = find()
    if path is None:
        raise NoBrowser(ABSENT)
    print(path)


if __name__ == "__main__":
    try:
        main()
    except NoBrowser as failure:
        sys.exit(str(failure))
