"""pyproject.toml, environment.yml and constraints.txt ask for the same things."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler import MatchSpec

from tests.architecture import tree

# The same project under conda-forge's name.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def asked(extra: str | None = None) -> dict[str, SpecifierSet]:
    """Name -> versions for the base requirements, or for an extra with those it stands for."""
    project = tree.pyproject()["project"]
    lines = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    found: dict[str, SpecifierSet] = {}
    for requirement in map(Requirement, lines):
        if requirement.name == "vergence":
            for inner in requirement.extras:
                found |= asked(inner)
        else:
            found[canonicalize_name(requirement.name)] = requirement.specifier
    return found


@pytest.fixture(scope="module")
def conda() -> dict[str, MatchSpec]:
    listed = yaml.safe_load((tree.ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    specs = [MatchSpec(line) for line in listed if isinstance(line, str)]
    return {spec.name.normalized: spec for spec in specs}


def test_conda_asks_for_what_pip_asks_for(conda):
    pip = asked() | asked("all")
    wanted = {CONDA.get(name, name): versions for name, versions in pip.items()}
    given = {name: SpecifierSet(str(spec.version)) for name, spec in conda.items() if name not in ("python", "pip")}
    assert given == wanted


def test_conda_takes_the_same_python_and_the_cpu_build(conda):
    assert str(conda["python"].version) == tree.pyproject()["project"]["requires-python"]
    assert conda["pytorch"].build == "cpu*"


def test_the_broken_ipykernel_is_kept_out():
    versions = asked("notebooks")["ipykernel"]
    assert "7.0.1" not in versions
    assert "7.4.0" in versions
    assert "6.29.5" in versions


def pins() -> dict[str, str]:
    lines = (tree.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_everything_is_pinned_within_its_range():
    pinned = pins()
    for name, versions in (asked() | asked("all") | asked("dev")).items():
        assert name in pinned, f"{name} has no pin: type make pins"
        assert pinned[name] in versions


def test_a_pin_is_a_name_and_a_release_and_nothing_else():
    text = (tree.ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) > 100
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []
    assert lines == sorted(lines, key=lambda line: line.split("==")[0])


def test_every_pin_exists_for_the_oldest_python_allowed():
    # soupsieve 4 wants 3.11.5, and Debian's Python is 3.11.2: the set-up would have failed there alone
    oldest = "3.11.0"
    assert oldest in SpecifierSet(tree.pyproject()["project"]["requires-python"])
    wants = {}
    for name, release in pins().items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # another system's, or pip's own newer self
        if found.version.split("+")[0] == release:
            wants[name] = SpecifierSet(found.metadata.get("Requires-Python", ""))
    assert len(wants) > 100
    assert {name: str(python) for name, python in wants.items() if oldest not in python} == {}


def test_torch_is_pinned_plainly():
    assert pins()["torch"] == "2.13.0"
