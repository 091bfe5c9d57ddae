"""Every notebook runs top to bottom on a fresh kernel, in a small mode made by asserted text replacement."""

from __future__ import annotations

import functools
import itertools
import json
import tempfile
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
    "01_two_views_and_a_loss.ipynb": {
        "run_a.start(steps=400)": "run_a.start(steps=6).wait()",
        "run_b.start(steps=400)": "run_b.start(steps=6).wait()",
        "run_b.start(steps=300)": "run_b.set(temperature=0.05)",
        "# run_b.set(temperature=0.05)": "run_b.start(steps=2).wait().set(temperature=1.0).start(steps=2).wait()",
        "    if end - begin < 50:": "    if end - begin < 1:",
    },
    "02_where_does_it_look.ipynb": {"run.start(steps=300)": "run.start(steps=2).wait()"},
    "03_one_batch_thirty_losses.ipynb": {"run.start(steps=150)": "run.start(steps=4).wait()"},
    "04_what_each_method_does_to_the_sphere.ipynb": {
        "STEPS = 300": "STEPS = 3",
        "bare.start(steps=STEPS)": "bare.start(steps=STEPS).wait()",
    },
    "05_has_it_collapsed.ipynb": {
        "BEFORE, AFTER = 150, 250  # steps until a switch is turned, and from then on": "BEFORE, AFTER = 3, 3",
    },
    "06_the_feature_it_dropped.ipynb": {
        "STEPS = 300": "STEPS = 3",
        "run.start(steps=STEPS)": "run.start(steps=STEPS).wait()",
        "cured.start(steps=STEPS)": "cured.start(steps=STEPS).wait()",
    },
    "07_the_clinic.ipynb": {"STEPS = 200": "STEPS = 12", "N = 80  # steps between two visits": "N = 4"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
SLIDERS = {"03_one_batch_thirty_losses.ipynb": 1}
"""Notebooks with widgets of their own that stay: a slider and two choices in one box."""


def smaller(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    for old, new in SMALLER[path.name].items():
        assert text.count(json.dumps(old)[1:-1]) >= 1, f"{path.name} does not hold {old!r} any more"
        text = text.replace(f'"{old}"', json.dumps(new)).replace(f'"{old}\\n"', json.dumps(new + "\n"))
        assert json.dumps(new)[1:-1] in text, f"{old!r} is not a line of its own in {path.name}"
    return nbformat.reads(text, as_version=4)


@functools.cache
def executed(name: str) -> Any:
    """The notebook with its outputs: run once for all tests of a process, since each takes many seconds."""
    made = smaller(ROOT / "notebooks" / name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        client = NotebookClient(made, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}})
        # Its own Output widget sends on the channel on which the reply to the cell is awaited: now and then that send
        # hides the reply until the whole timeout has passed.
        client.widget_registry.clear()
        client.execute()
    return made


def output_text(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.get("outputs", []))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs_top_to_bottom(path: Path) -> None:
    made = executed(path.name)
    kinds = {kind for cell in made.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "image/png" in kinds
    views = [o for cell in made.cells for o in cell.get("outputs", []) if WIDGET in o.get("data", {})]
    assert len(views) == SLIDERS.get(path.name, 0), "the cockpit left no still picture"
    assert not [o for cell in made.cells for o in cell.get("outputs", []) if o.output_type == "error"]


def test_the_first_notebook_compares_the_prediction() -> None:
    made = executed("00_start_here.ipynb")
    said = [output_text(cell) for cell in made.cells if "you said" in output_text(cell)]
    assert len(said) == 1
    assert "mean cosine of negatives" in said[0]


def test_the_second_notebook_compares_two_runs_and_three_temperatures() -> None:
    made = executed("01_two_views_and_a_loss.ipynb")
    said = "".join(output_text(cell) for cell in made.cells)
    for words in ("you said 0.17; it is 0.63", "lower loss: ", "finds more: ", "most even: tau = "):
        assert said.count(words) == 1, words
    rows = [line for line in said.splitlines() if line.startswith(("same emoji found again", "neighbours by"))]
    for row in rows:
        numbers = [float(number) for number in row.split()[-3:]]
        assert all(0 < number < 1 for number in numbers), row
    assert len(rows) == 2


def test_the_third_notebook_finds_what_was_planted_and_compares_with_nothing() -> None:
    made = executed("02_where_does_it_look.ipynb")
    said = "".join(output_text(cell) for cell in made.cells)
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line[:5] in ("even ", "right", "corne")}
    assert rows["even"] == ["1.00", "4.14", "0.02"]
    assert rows["right"][2] == "1.00"
    assert "farthest: corner; you said even." in said
    assert "on the drawing: " in said
    assert "offset head: no" in said


def test_the_fifth_notebook_reads_six_methods_and_three_without_what_keeps_them_apart() -> None:
    made = executed("04_what_each_method_does_to_the_sphere.ipynb")
    source = "".join(cell.source for cell in made.cells)
    for method in ("SimCLR(", "BYOL(", "SimSiam(", "BarlowTwins(", "VICReg(", "LeJEPA("):
        assert method in source, method
    said = "".join(output_text(cell) for cell in made.cells)
    for words in ("most even: ", "least even: ", "most directions: ", "fewest directions: ", "loss: lower", "kNN: "):
        assert said.count(words) == 1, words
    # Three places (z of 2, z and h of 32) with all six, then BYOL and SimSiam beside what is left of them.
    rows: dict[str, list[list[float]]] = {
        name: [] for name in ("untrained", "SimCLR", "BYOL", "SimSiam", "Barlow Twins", "VICReg", "LeJEPA")
    }
    broken: dict[str, list[list[float]]] = {
        name: [] for name in ("BYOL, no predictor", "SimSiam, no predictor", "SimSiam, no stop")
    }
    for line in said.splitlines():
        name = line[:22].strip()
        if name in rows or name in broken:
            (rows | broken)[name].append([float(number) for number in line[22:].split()])
    assert [len(found) for found in rows.values()] == [4, 3, 4, 4, 3, 3, 3]
    assert [len(found) for found in broken.values()] == [2, 1, 1]
    for alignment, uniformity, spread, rank, knn, linear in itertools.chain(*rows.values(), *broken.values()):
        assert 0 <= alignment < 2
        assert -4 < uniformity <= 0
        assert 0 < spread <= 1.01
        assert 1 <= rank <= 64
        assert 0 < knn <= 1
        assert 0 < linear <= 1
    assert all(found[0][3] <= 2 for found in rows.values()), "two columns have no more than two directions"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_stored_empty_and_small(path: Path) -> None:
    made = json.loads(path.read_text(encoding="utf-8"))
    assert not [cell for cell in made["cells"] if cell.get("outputs") or cell.get("execution_count")]
    assert path.stat().st_size < 60_000


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


def test_the_fourth_notebook_asks_all_losses_about_one_batch() -> None:
    made = executed("03_one_batch_thirty_losses.ipynb")
    said = "".join(output_text(cell) for cell in made.cells)
    for words in ("largest of the four: Barlow Twins", "W-MSE refuses this batch", "mean q: ", "most of the three: "):
        assert said.count(words) == 1, words
    lines = said.splitlines()
    values = lines[lines.index(next(line for line in lines if line.startswith("loss "))) + 1 :]
    assert sum(len(line.split()) >= 4 for line in values[:45]) >= 35
    (apart,) = [line for line in lines if line.startswith("largest difference between the InfoNCE gradient")]
    assert float(apart.split()[-1]) < 1e-12


def test_the_sixth_notebook_causes_four_collapses_and_says_which_number_saw_them() -> None:
    made = executed("05_has_it_collapsed.ipynb")
    source = "".join(cell.source for cell in made.cells)
    for switch in ('predictor="off", stop_gradient="off"', "covariance=0", "weight=1", 'sinkhorn="off"'):
        assert f".set({switch})" in source, switch
    said = "".join(output_text(cell) for cell in made.cells)
    assert said.count("you said") == 5
    counted = {"spread": 5, "rank centred": 5, "kNN": 4, "sub-class": 1, "between": 1, "std": 1, "used": 2, "class": 1}
    rows = [line for line in said.splitlines() if line[:16].strip() in counted and line[16:25].strip()[-3:-2] == "."]
    for name, times in counted.items():
        mine = [line for line in rows if line[:16].strip() == name]
        assert len(mine) == times, name
        for line in mine:
            before, after = (float(line[start : start + 9]) for start in (16, 25))
            assert 0 <= before < 33
            assert 0 <= after < 33
            assert line[37:45].strip() in ("rises", "falls", "stays")
    (ends,) = [line for line in said.splitlines() if line.split()[:1] == ["everything"]]
    assert ends.split() == ["everything", "directions", "inside", "a", "class", "prototypes", "prototypes,", "early"]
    grid = said.splitlines()[said.splitlines().index(ends) + 1 :][:11]
    assert sum(line.count("saw it") + line.count("missed it") for line in grid) == 37


def test_the_seventh_notebook_doses_bits_and_asks_after_the_digit() -> None:
    made = executed("06_the_feature_it_dropped.ipynb")
    said = "".join(output_text(cell) for cell in made.cells)
    for words in (
        "digit with 8 bits: ", "the lower temperature takes: ", "the loss goes: ", "digit at h, trained: ",
        "digit at z, trained: ", "stage one: ", "information that the clusters share with the bits",
    ):  # fmt: skip
        assert said.count(words) == 1, words
    assert said.count("\ndigit: ") == 2
    kept = [line.split()[-6:] for line in said.splitlines() if line.startswith("  digit, kNN at z")]
    assert len(kept) == 4
    assert len(kept[0]) == len(kept[1]) == 6, "six doses at each of two temperatures"
    table = [line for line in said.splitlines() if line.startswith(("stage one ", "stage two ", "both "))]
    assert len(table) == 3
    for line in table:
        assert all(0 <= float(number) <= 1 for number in line.split()[-3:]), line


def test_the_eighth_notebook_compares_three_opinions_on_eight_runs_and_makes_a_house_call() -> None:
    made = executed("07_the_clinic.ipynb")
    said = "".join(output_text(cell) for cell in made.cells)
    # Whoever writes "healthy" eight times is right twice, whatever the tool says.
    assert said.count("yours: 2 of 8; you said 4.") == 1
    assert said.count("; you said 8.") == 1
    lines = said.splitlines()
    head = next(number for number, line in enumerate(lines) if line.split() == ["yours", "the", "tool", "the", "truth"])
    rows = lines[head + 1 :][:8]
    assert [row[:3] for row in rows] == [f"{name}  " for name in "ABCDEFGH"]
    assert all("+ healthy" in row[:27] if row.endswith("  healthy") else "- healthy" in row[:27] for row in rows), rows
    # Shuffled: the order of the list would be no riddle.
    assert sorted(row[73:] for row in rows) == [
        "complete collapse", "dimensional collapse", "frozen encoder", "healthy", "healthy", "shortcut",
        "temperature too high", "unpaired positives",
    ]  # fmt: skip
    assert sum("image/png" in output.get("data", {}) for cell in made.cells for output in cell.get("outputs", [])) == 9
    for step in (4, 8, 12, 16, 20):
        assert any(line.startswith(f"step {step}: ") for line in lines), step
