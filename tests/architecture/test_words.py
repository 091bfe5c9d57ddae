"""What is written agrees with what is there."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

import pytest

import vergence
from tests.architecture import tree

# One folder name with a slash on either side; written apart, so that this file does not find itself.
MACHINE = re.compile("/(" + "|".join(["work", "farm", "root", "home"]) + ")/")
OPEN_END = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tree.files():
        for number, line in enumerate((tree.text(path) or "").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(tree.ROOT)}:{number}: {line.strip()[:80]}")
    return found


def test_no_path_of_a_machine_is_committed():
    assert lines_with(MACHINE) == []


def test_nothing_is_left_open():
    assert lines_with(OPEN_END) == []


def test_no_download_address_is_committed_in_the_lock_file():
    lock = (tree.ROOT / "widgets/front/package-lock.json").read_text(encoding="utf-8")
    assert '"resolved": "http' not in lock


def test_the_patterns_can_match(tmp_path):
    assert MACHINE.search("see /" + "home" + "/someone")
    assert OPEN_END.search("# TO" + "DO later")


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (tree.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert newest
    assert newest[1] == project["version"] == version("vergence") == vergence.__version__


@pytest.fixture(scope="module")
def readme() -> str:
    return (tree.ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_three_lines_for_your_own_loop(readme):
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    own = [b for b in blocks if "for x1, x2, y in loader" in b]
    assert len(own) == 1
    code = [line.split("#")[0].strip() for line in own[0].splitlines()]
    assert "from vergence_widgets import watch" in code
    assert "m = watch(encoder, reference=(images, labels), objective=criterion)" in code
    assert "m.step(z1, z2, loss=loss, labels=y)" in code
    # the gradients are measured, so they must be there: after backward, before the optimiser
    steps = [line for line in code if re.match(r"loss\.backward|m\.step|optimiser\.step", line)]
    assert [step.partition("(")[0] for step in steps] == ["loss.backward", "m.step", "optimiser.step"]


def test_python_in_the_readme_is_python(readme):
    for block in re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL):
        compile(block, "README.md", "exec")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name):
    text = (tree.ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (tree.ROOT / target).exists(), f"{name} links to {target}"


def test_every_verb_that_is_written_down_exists():
    makefile = (tree.ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^([a-z]+):.*?##", makefile, re.MULTILINE))
    assert {"help", "lab", "test", "slow", "check", "front", "bench", "peers", "newest", "pins", "clean"} == verbs
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (tree.ROOT / name).read_text(encoding="utf-8")
        written = set(re.findall(r"(?:`|^ *)make ([a-z]+)", text, re.MULTILINE))
        assert written
        assert written <= verbs


def test_the_extras_that_are_written_down_exist(readme):
    extras = set(tree.pyproject()["project"]["optional-dependencies"])
    written = {e for group in re.findall(r"\[([a-z,]+)\]['\"]", readme) for e in group.split(",")}
    assert written
    assert written <= extras
