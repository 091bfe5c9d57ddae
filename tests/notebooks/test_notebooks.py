"""Every notebook runs top to bottom on a fresh kernel, in a small mode made by asserted text replacement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# What makes a notebook quick enough for a test. Each text must be there, so a renamed cell fails loudly.
SMALLER = {
    "00_start_here.ipynb": {
        "run.start(steps=600)": "run.start(steps=6).wait()",
        "# run.set(temperature=0.05)": "run.start(steps=2).set(temperature=0.05).wait()",
    },
}


def smaller(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    for old, new in SMALLER[path.name].items():
        assert text.count(json.dumps(old)[1:-1]) >= 1, f"{path.name} does not hold {old!r} any more"
        text = text.replace(f'"{old}"', json.dumps(new)).replace(f'"{old}\\n"', json.dumps(new + "\n"))
        assert json.dumps(new)[1:-1] in text, f"{old!r} is not a line of its own in {path.name}"
    return nbformat.reads(text, as_version=4)


def output_text(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.get("outputs", []))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs_top_to_bottom(path: Path, tmp_path: Path) -> None:
    made = smaller(path)
    client = NotebookClient(made, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    kinds = {kind for cell in made.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "application/vnd.plotly.v1+json" in kinds, "the cockpit left no still picture"
    assert not [o for cell in made.cells for o in cell.get("outputs", []) if o.output_type == "error"]


def test_the_first_notebook_compares_the_prediction(tmp_path: Path) -> None:
    made = smaller(ROOT / "notebooks" / "00_start_here.ipynb")
    NotebookClient(made, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = [output_text(cell) for cell in made.cells if "you said" in output_text(cell)]
    assert len(said) == 1
    assert "mean cosine of negatives" in said[0]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_opens_with_the_question_it_answers(path: Path) -> None:
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    title = "".join(first["source"]).splitlines()[0]
    assert first["cell_type"] == "markdown"
    assert title.startswith("# ")
    assert title.endswith("?")


def test_the_course_lists_every_notebook() -> None:
    listed = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        question = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()[0][2:]
        assert path.name in listed
        assert question in listed
