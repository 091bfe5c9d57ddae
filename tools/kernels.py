"""Make the small environments that the driver tests start older kernels from, once.

    tools/kernels.py            all of them
    tools/kernels.py 6.29       that one

`.venv/kernels/<version>` holds its own ipykernel, ipywidgets and anywidget with what these need, pinned like
everything else. torch, plotly and the project itself come from the environment this runs in: a .pth file puts
that one's folders on the path after its own, so nothing big is installed twice.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import setup

# What differs from constraints.txt. The newest kernel needs no environment: it is the one in .venv.
VERSIONS = {
    "6.29": {"ipykernel": "6.29.5", "nest-asyncio": "1.6.0"},
    "7.3": {"ipykernel": "7.3.0"},
}
WANTED = ("ipykernel", "ipywidgets", "anywidget")
FOLDER = Path(sys.prefix) / "kernels"
STAMP = "vergence-stamp.json"
BORROWED = "vergence-borrowed.pth"


def python_of(version: str) -> Path:
    """The interpreter of the small environment for a version; it need not exist yet."""
    return FOLDER / version / "bin" / "python"


def pins(version: str) -> str:
    """constraints.txt with this version's own pins in place of what it says of the same packages."""
    own = VERSIONS[version]
    text = (setup.ROOT / "constraints.txt").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if line.partition("==")[0] not in own]
    return "\n".join([*kept, *(f"{name}=={release}" for name, release in own.items())]) + "\n"


def borrowed() -> list[str]:
    """The folders that come after the small environment's own: the big environment and the sources."""
    sources = [setup.ROOT / "toolkit", setup.ROOT / "widgets"]
    return [*(str(folder) for folder in sources), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]


def stamp(version: str) -> dict[str, object]:
    """What an environment must have been made from."""
    return {"pins": pins(version), "borrowed": borrowed(), "python": sys.version}


def is_ready(version: str) -> bool:
    """The environment is there, whole, and made from what is wanted now."""
    try:
        found = json.loads((FOLDER / version / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(found == stamp(version)) and python_of(version).exists()


def make(version: str) -> Path:
    """The interpreter of the small environment, which is made when it is absent or was made from other pins."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes may want it at once
        if not is_ready(version):
            fill(version)
    return python_of(version)


def fill(version: str) -> None:
    """Make it anew. The stamp is written last, so one that was not finished is never used."""
    folder = FOLDER / version
    shutil.rmtree(folder, ignore_errors=True)
    python = python_of(version)
    setup.say(f"Setting up {folder} for the driver tests (once: half a minute) ...")
    setup.run("making the environment", [sys.executable, "-m", "venv", "--without-pip", str(folder)])
    constraints = folder / setup.PINS
    constraints.write_text(pins(version), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq", "--no-compile"]
    setup.run("pip", [*pip, "-c", str(constraints), *WANTED])
    # Only now, or pip would take what is borrowed for installed.
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    (Path(own) / BORROWED).write_text("\n".join(dict.fromkeys(borrowed())) + "\n", encoding="utf-8")
    (folder / STAMP).write_text(json.dumps(stamp(version), indent=1) + "\n", encoding="utf-8")


def main(versions: list[str]) -> None:
    """Make the environments that are named; all of them when none is."""
    for version in versions or list(VERSIONS):
        if version not in VERSIONS:
            sys.exit(f"tools/kernels.py: there is no {version!r}; there are {', '.join(VERSIONS)}.")
        make(version)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except setup.SetUpFailed as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("Interrupted. Type the same again: it goes on from here.")
