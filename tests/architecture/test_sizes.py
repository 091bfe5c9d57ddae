"""Files stay small enough to read, notebooks are stored without outputs."""

from __future__ import annotations

import json

import pytest

from tests.architecture import tree

LINES = 400
NOTEBOOK_BYTES = 60_000
NOTEBOOKS = tree.files(".ipynb")


def test_no_source_file_is_long():
    bundle = tree.ROOT / "widgets/vergence_widgets/static"
    sources = [p for p in tree.files(".py", ".ts", ".js", ".mjs") if not p.is_relative_to(bundle)]
    assert len(sources) > 20
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in sources}
    assert {str(p.relative_to(tree.ROOT)): n for p, n in lengths.items() if n > LINES} == {}


def test_there_is_a_first_notebook():
    assert tree.ROOT / "notebooks/00_start_here.ipynb" in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_are_stored_empty_and_small(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert sum(len(cell.get("outputs", [])) for cell in cells) == 0
    assert [cell["execution_count"] for cell in cells if cell.get("execution_count")] == []
    assert path.stat().st_size < NOTEBOOK_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_open_with_their_question(path):
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    assert first["cell_type"] == "markdown"
    assert "?" in "".join(first["source"])
