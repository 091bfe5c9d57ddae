"""The shipped artwork: how it is made again, what it is made from, and that every licence is there."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("build_emoji", ROOT / "tools" / "build_emoji.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def icons(tmp_path, script):
    (tmp_path / "chars.json").write_text(json.dumps({"1f600": "grin"}))
    drawing = {"body": "<path/>", "width": 9}
    aliases = {
        "left-arm": {"parent": "arm"},
        "right-arm": {"parent": "arm", "hFlip": True},
        "leg": {"parent": "arm", "rotate": 1},
    }
    icons = {"height": 7, "icons": {"grin": drawing, "arm": drawing}, "aliases": aliases}
    (tmp_path / "icons.json").write_text(json.dumps(icons))
    return script.Artist(tmp_path)


def test_a_drawing_is_found_by_code_by_name_and_by_alias(icons):
    svg, mirrored = icons.svg("1f600", "grinning face")
    assert 'viewBox="0 0 9 7"' in svg
    assert not mirrored
    assert icons.svg("0", "Arm!") == (svg, False)
    assert icons.svg("0", "left arm") == (svg, False)
    assert icons.svg("0", "right arm") == (svg, True)
    assert icons.svg("0", "tail") is None
    with pytest.raises(SystemExit, match=r"'leg' is an alias with .'rotate'."):
        icons.svg("0", "leg")


def test_what_is_missing_is_said_with_the_line_to_type(tmp_path):
    command = [sys.executable, str(ROOT / "tools" / "build_emoji.py"), str(tmp_path / "node_modules")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"npm install --ignore-scripts --prefix {tmp_path} @iconify-json/noto@1.2.9" in done.stderr
    assert "emojibase-data 17.0.0 is not in" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_version_of_a_package_is_refused(tmp_path, script):
    for name, version in script.VERSIONS.items():
        (tmp_path / name).mkdir(parents=True)
        found = "1.0.0" if name == "emojibase-data" else version
        (tmp_path / name / "package.json").write_text(json.dumps({"version": found}))
    with pytest.raises(SystemExit, match=r"emojibase-data is 1\.0\.0 there, 17\.0\.0 is needed"):
        script.check_setup(tmp_path)


def test_the_split_of_the_script_is_that_of_the_file(script):
    path = resources.files("vergence.data") / "files" / "emoji.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        assert np.array_equal(script.held_out(stored["hexcodes"].tolist()), stored["held_out"])
        assert stored["made_from"].tolist() == [f"{k} {v}" for k, v in script.VERSIONS.items()]


def test_every_package_is_attributed_with_its_licence(script):
    folder = ROOT / "licences"
    page = (folder / "ARTWORK.md").read_text("utf-8")
    for name, version in script.VERSIONS.items():
        assert f"`{name}` {version}" in page
    texts = re.findall(r"\]\((.+?)\)", page)
    assert sorted(texts) == ["Apache-2.0.txt", "CC-BY-4.0.txt", "MIT-emojibase.txt", "MIT-fluentui-emoji.txt"]
    says = {
        "Apache-2.0.txt": "END OF TERMS AND CONDITIONS",
        "CC-BY-4.0.txt": "Section 3 -- License Conditions.",
        "MIT-emojibase.txt": "Copyright (c) 2017-2019 Miles Johnson",
        "MIT-fluentui-emoji.txt": "Copyright (c) Microsoft Corporation",
    }
    for text, words in says.items():
        assert words in (folder / text).read_text("utf-8")
