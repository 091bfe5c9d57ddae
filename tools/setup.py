"""Make `.venv` in the checkout and install vergence with its pinned requirements into it, once.

    tools/setup.py             .venv, pinned by constraints.txt; does nothing when nothing has changed
    tools/setup.py newest      .venv-newest, everything but torch as new as it comes

What "changed" means is written in a stamp inside the environment: the requirements in pyproject.toml, the
pins, and the folder (an environment that was copied or moved along with its folder still points at the old
one). The stamp is removed first and written last, so an install that failed is taken up again. One that was
killed in the middle may have left half a package that pip takes for whole: that environment is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = "vergence-stamp.json"
PINS = "vergence-pins.txt"
UNFINISHED = "vergence-unfinished"
LOCK = ".setup.lock"
EXTRAS = "all,dev"

NO_VENV = (
    "This Python cannot make environments: its module {module} is missing. On Debian or Ubuntu type: "
    "sudo apt-get install python{major}.{minor}-venv   and then make again."
)
FAILED = """
The set-up stopped: {what} did not finish; its own words stand above. Nothing half-installed will be used.
  a broken or slow connection   type make again: what has arrived is kept, and it goes on from there
  behind a proxy                export HTTPS_PROXY=http://your.proxy:port   and make again
  no network                    copy the folder to a machine that has one, or point pip at your mirror:
                                export PIP_INDEX_URL=https://your.mirror/simple   and make again
  a full disk                   about 3 GB are needed in this folder"""


class SetUpFailed(Exception):
    """The set-up cannot go on; the message says why and what to type."""


def wanted(root: Path) -> dict[str, str]:
    """What the environment must have been made from: compared with, and written as, the stamp."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    parts = {
        "build-system": project["build-system"],
        "project": project["project"],
        "hatch": project["tool"]["hatch"],
        "constraints": (root / "constraints.txt").read_text(encoding="utf-8"),
        "extras": EXTRAS,
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return {"root": str(root), "requirements": digest}


def is_ready(venv: Path, root: Path) -> bool:
    """The stamp says that `venv` was made from what is wanted now."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(stamp == wanted(root)) and (venv / "bin" / "python").exists()


def works(python: Path) -> bool:
    """`python` starts, has pip and is new enough."""
    if not python.exists():
        return False
    probe = [str(python), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def python_of(venv: Path) -> Path:
    """The interpreter of `venv`, made when it is absent, does not start or was filled only in part."""
    python = venv / "bin" / "python"
    if works(python) and not (venv / UNFINISHED).exists():
        return python
    if venv.exists():
        say(f"{venv} is not whole and is made anew.")
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetUpFailed(NO_VENV.format(module=module, major=sys.version_info.major, minor=sys.version_info.minor))
    run("making the environment", [sys.executable, "-m", "venv", "--clear", str(venv)])
    return python


def check_version(venv: Path) -> None:
    """Refuse a PYTHON=... that differs from what `venv` was made with: it would be ignored in silence."""
    config = venv / "pyvenv.cfg"
    if not (os.environ.get("PYTHON") and config.exists()):
        return
    here = re.search(r"^version *= *(\d+\.\d+)", config.read_text(encoding="utf-8"), re.MULTILINE)
    asked = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here and here[1] != asked:
        raise SetUpFailed(
            f"PYTHON is Python {asked}, but {venv} here was made with Python {here[1]}. "
            "Type: make clean   and then the same again, or leave PYTHON out."
        )


def environment() -> dict[str, str]:
    """This process's environment without what would send pip elsewhere than into the venv."""
    elsewhere = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX")
    kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
    kept |= {"PIP_USER": "0", "PYTHONNOUSERSITE": "1"}
    return kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def run(what: str, command: list[str]) -> None:
    """Run `command`; when it fails, say what to do."""
    try:
        subprocess.run(command, check=True, env=environment(), stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetUpFailed(FAILED.format(what=what)) from error


def say(line: str) -> None:
    """One line for the person at the terminal, in order with what the tools print."""
    print(line, flush=True)


def pip(python: Path, *arguments: str) -> list[str]:
    """A pip command: with its progress on a terminal, without its hundreds of lines in a log."""
    quiet = [] if sys.stdout.isatty() else ["-q"]  # -qq would hide that a connection failed
    return [str(python), "-m", "pip", "install", *quiet, *arguments]


def install(venv: Path, *, constraints: str, upgrade: bool = False) -> None:
    """Fill `venv`, and write the stamp when everything is there."""
    python = python_of(venv)
    (venv / STAMP).unlink(missing_ok=True)
    unfinished = venv / UNFINISHED
    unfinished.touch()
    try:
        fill(venv, python, constraints, upgrade)
    except SetUpFailed:
        unfinished.unlink()  # pip itself said no, and it downloads everything before it installs anything
        raise
    (venv / STAMP).write_text(json.dumps(wanted(ROOT), indent=1) + "\n", encoding="utf-8")
    unfinished.unlink()


def fill(venv: Path, python: Path, constraints: str, upgrade: bool) -> None:
    """pip, the build backend, then everything else with the package itself, editable; then the kernel."""
    (venv / PINS).write_text(constraints, encoding="utf-8")
    options = ["-c", str(venv / PINS), *(["--upgrade", "--upgrade-strategy", "eager"] if upgrade else [])]
    # pip first: the one that comes with Python may be years old (Debian's 23.0.1 searches these pins without end).
    run("pip", pip(python, *options, "pip"))
    # Then the build backend: without build isolation, none is downloaded that has no pin.
    run("pip", pip(python, *options, "hatchling"))
    run("pip", pip(python, *options, "--no-build-isolation", "-e", f".[{EXTRAS}]"))
    # OpenMP threads that spin while they wait take the cores from the browser. The variable must be there
    # before torch is imported, so it stands in the kernel's own description.
    kernel = ["ipykernel", "install", "--sys-prefix", "--name", "python3"]
    run("the kernel", [str(python), "-m", *kernel, "--env", "OMP_WAIT_POLICY", "PASSIVE"])


def torch_pin(root: Path) -> str:
    """The one line of the pins that fixes torch."""
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("torch=="):
            return line
    raise SetUpFailed("constraints.txt has no line torch==...: type make pins TORCH=2.13.0")


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Only one set-up at a time: `make lab` and `make test` in two terminals would fill one folder at once."""
    with (root / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is setting up this folder; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks: go on as if alone
        yield


def main(arguments: list[str]) -> None:
    """Set up the environment that the arguments name."""
    os.chdir(ROOT)
    venv = Path(".venv-newest" if arguments == ["newest"] else ".venv")
    check_version(venv)
    if is_ready(venv, ROOT) and arguments != ["newest"]:
        return
    with alone(ROOT):
        if arguments == ["newest"]:
            say("Setting up .venv-newest: the newest releases of everything but torch ...")
            install(venv, constraints=torch_pin(ROOT) + "\n", upgrade=True)
        elif not is_ready(venv, ROOT):
            say("Setting up .venv in this folder (once: a few minutes, about 2.5 GB) ...")
            install(venv, constraints=Path("constraints.txt").read_text(encoding="utf-8"))
            say("Set up.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetUpFailed as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("Interrupted. Type make again: it goes on from here.")
