"""Write constraints.txt: one release of everything that the set-up installs.

    make pins                  the newest releases that fit pyproject.toml, torch as it is pinned now
    make pins TORCH=2.13.0     the same with another torch

pip resolves without installing (--dry-run --report), so this takes a minute and touches no environment.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import setup

HEADER = """\
# One release of everything that `make` installs, so that two installs a month apart agree.
# Written by `make pins` on Python {python}; do not edit.
# Without make: pip install -c constraints.txt -e ".[all,dev]"
"""


def resolve(torch: str) -> list[str]:
    """`name==version` of everything that pip would install into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        pin = Path(folder) / "torch.txt"
        pin.write_text(torch + "\n", encoding="utf-8")
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        wanted = ["hatchling", "-e", f".[{setup.EXTRAS}]"]
        setup.run("pip", [*command, "--report", str(report), "-c", str(pin), *wanted])
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return lines(found)


def lines(found: list[dict[str, dict[str, str]]]) -> list[str]:
    """Sorted pins. A local label (2.13.0+cpu) names a build that may not exist elsewhere: cut off."""
    pins = {}
    for item in found:
        name = item["metadata"]["name"].lower().replace("_", "-").replace(".", "-")
        pins[name] = item["metadata"]["version"].split("+")[0]
    pins.pop("vergence", None)
    return [f"{name}=={version}" for name, version in sorted(pins.items())]


def main() -> None:
    """Resolve, then replace the file in one move."""
    os.chdir(setup.ROOT)
    torch = os.environ.get("TORCH")
    pins = resolve(f"torch=={torch}" if torch else setup.torch_pin(setup.ROOT))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    new = Path("constraints.txt.new")
    new.write_text(HEADER.format(python=python) + "\n".join(pins) + "\n", encoding="utf-8")
    new.replace("constraints.txt")
    setup.say(f"constraints.txt: {len(pins)} pins")


if __name__ == "__main__":
    try:
        main()
    except setup.SetUpFailed as failure:
        sys.exit(str(failure))
