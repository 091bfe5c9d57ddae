"""What is in a release: the wheel that pip installs and the sdist that others build from."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile

import pytest

import vergence
from tests.architecture import tree

LICENCE = re.compile(r"licen[cs]e|notice|attribution", re.IGNORECASE)
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(release):
    with zipfile.ZipFile(next(release.glob("*.whl"))) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def sdist(release):
    with tarfile.open(next(release.glob("*.tar.gz"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def shipped(root: str) -> set[str]:
    """Our files below one source root, relative to it."""
    source = tree.ROOT / root
    return {p.relative_to(source).as_posix() for p in tree.files() if p.is_relative_to(source)}


def test_the_wheel_holds_both_packages_whole(wheel):
    assert {n for n in wheel if ".dist-info/" not in n} == shipped("toolkit") | {
        n for n in shipped("widgets") if n.startswith("vergence_widgets/")
    }


@pytest.mark.parametrize("name", ["vergence/py.typed", "vergence_widgets/py.typed"])
def test_the_wheel_is_typed(wheel, name):
    assert name in wheel


def test_the_wheel_holds_the_emoji_and_their_licences(wheel):
    assert "vergence/data/files/emoji.npz" in wheel
    texts = f"vergence-{vergence.__version__}.dist-info/licenses/licences/"
    artwork = (tree.ROOT / "licences/ARTWORK.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(([^):]+\.txt)\)", artwork)
    assert len(named) >= 4
    assert {f"{texts}{name}" for name in ["ARTWORK.md", *named]} <= wheel


def test_the_wheel_holds_the_bundle_and_its_licences(wheel):
    static = {n for n in wheel if n.startswith("vergence_widgets/static/")}
    assert any(n.endswith(".js") for n in static)
    assert any(LICENCE.search(n) for n in static)


def test_the_wheel_holds_the_licence_and_the_reporter(wheel, release):
    info = f"vergence-{vergence.__version__}.dist-info"
    assert f"{info}/licenses/LICENSE" in wheel
    with zipfile.ZipFile(next(release.glob("*.whl"))) as archive:
        points = archive.read(f"{info}/entry_points.txt").decode()
    assert "[vergence.reporters]\nreport = vergence_widgets.report:write" in points


def test_the_sdist_holds_what_is_needed_to_build_and_test(sdist, wheel):
    packages = {n for n in wheel if ".dist-info/" not in n}
    there = {re.sub(r"^(toolkit|widgets)/(?=vergence)", "", n) for n in sdist}
    assert packages <= there
    assert {
        "LICENSE",
        "licences/ARTWORK.md",
        "README.md",
        "Makefile",
        "constraints.txt",
        "widgets/front/package.json",
    } <= sdist


def test_nothing_made_is_released(sdist):
    made = re.compile(r"(^|/)(node_modules|__pycache__|results|runs|\.venv)(/|$)")
    assert [n for n in sdist if made.search(n)] == []


def test_a_release_stays_small(release):
    sizes = {p.name: p.stat().st_size / MEGABYTE for p in release.iterdir()}
    assert len(sizes) == 2
    assert max(sizes.values()) < 16, sizes
