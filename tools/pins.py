"""Write constraints.txt: one release of everything that the set-up installs.

    make pins                  the newest releases that fit pyproject.toml, torch as it is pinned now
    make pins TORCH=2.13.0     the same with another torch

pip resolves without installing (--dry-run --report), for the oldest Python that pyproject.toml allows: a release
that wants 3.11.5 would be missing on Debian's 3.11.2. It takes a minute or two and touches no environment.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import setup

HEADER = """\
# One release of everything that `make` installs, so that two installs a month apart agree.
# Written by `make pins` for Python {python} and newer; do not edit.
# Without make: pip install -c constraints.txt -e ".[all,dev]"
"""


def oldest(project: dict[str, Any]) -> str:
    """The oldest Python allowed, in full: ">=3.11" is 3.11.0."""
    found = re.fullmatch(r">=(\d+\.\d+)", project["requires-python"])
    if found is None:
        raise setup.SetUpFailed(f"requires-python is {project['requires-python']!r}; write it as >=3.11")
    return f"{found[1]}.0"


def requirements(project: dict[str, Any]) -> list[str]:
    """Everything asked for, in every extra; an extra that only names other extras adds nothing."""
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    return [line for line in asked if not line.startswith(f"{project['name']}[")]


def resolve(torch: str, project: dict[str, Any]) -> list[str]:
    """`name==version` of everything that pip would install into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        pin = Path(folder) / "torch.txt"
        pin.write_text(torch + "\n", encoding="utf-8")
        report = Path(folder) / "report.json"
        where = ["--target", folder, "--python-version", oldest(project), "--only-binary=:all:"]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", *where]
        setup.run("pip", [*command, "--report", str(report), "-c", str(pin), "pip", *requirements(project)])
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
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = resolve(f"torch=={torch}" if torch else setup.torch_pin(setup.ROOT), project)
    new = Path("constraints.txt.new")
    new.write_text(HEADER.format(python=oldest(project)) + "\n".join(pins) + "\n", encoding="utf-8")
    new.replace("constraints.txt")
    setup.say(f"constraints.txt: {len(pins)} pins")


if __name__ == "__main__":
    try:
        main()
    except setup.SetUpFailed as failure:
        sys.exit(str(failure))
