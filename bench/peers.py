"""Make `.venv-peers`: vergence beside the libraries that its losses are compared with, in one environment.

    python bench/peers.py          about 6 GB, as torchvision's torch may come with what a GPU needs
    python bench/losses.py         runs inside it from then on

lightly needs torchvision, which fits one release of torch only and often not the one in constraints.txt; so this is an
environment of its own, where pip chooses all of them together. Both sides of a ratio run in it, on the same torch.
An environment that is there is brought up to date; `rm -rf .venv-peers` takes it away.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv-peers"
PYTHON = VENV / "bin" / "python"
PEERS = {"lightly": "lightly", "pytorch-metric-learning": "pytorch_metric_learning"}
"""The libraries by the names that pip and Python have for them."""


def inside() -> bool:
    """This process runs in the environment."""
    return Path(sys.prefix).resolve() == VENV


def installed() -> dict[str, str]:
    """The releases of the peers that this process can import, and of the torch that both sides run on."""
    found = {}
    for name, module in {**PEERS, "torch": "torch"}.items():
        try:
            if importlib.util.find_spec(module) is not None:
                found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def main() -> int:
    """Make it, and say what is in it."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    line = [str(PYTHON), "-m", "pip", "install", "-q", "-e", str(ROOT), "torch", "torchvision", *PEERS]
    if subprocess.run(line, check=False).returncode != 0:
        print("pip could not install the peers; its own words stand above. bench/losses.py compares with plain torch.")
        return 1
    said = "import sys; sys.path.insert(0, sys.argv[1]); import peers; print(peers.installed())"
    return subprocess.run([str(PYTHON), "-c", said, str(Path(__file__).parent)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
