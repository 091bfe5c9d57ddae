"""The checkout, as the tests of this folder see it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]

# What make makes, for a tree without git (an unpacked release).
_MADE = {"node_modules", "__pycache__", "dist", "build", "results", "runs"}


def files(*endings: str) -> list[Path]:
    """Every file of ours: tracked, or new and not ignored; with one of `endings`, if any are given."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [
            path
            for path in ROOT.rglob("*")
            if not any(part in _MADE or part.startswith(".") for part in path.relative_to(ROOT).parts)
        ]
    return sorted(p for p in found if p.is_file() and (not endings or p.suffix in endings))


def text(path: Path) -> str | None:
    """The text of a file, or None where it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tool(name: str) -> ModuleType:
    """tools/<name>.py as a module: the folder is no package, its files are started by name."""
    path = ROOT / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"tools_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
