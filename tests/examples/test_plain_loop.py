"""An existing script gains the cockpit by the three lines that the README shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import vergence as vg

ROOT = Path(__file__).parents[2]
SCRIPT = (Path(__file__).parent / "plain_loop.py").read_text(encoding="utf-8")


def three_lines() -> list[str]:
    """The marked lines of the README, comments cut off."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if "watch(" in block and "m.step(" in block]
    marked = [line for line in block.splitlines() if re.search(r"#\s*[123]:", line)]
    assert len(marked) == 3
    return [line.partition("#")[0].strip() for line in marked]


def with_three_lines(script: str, first: str, second: str, third: str) -> str:
    loop = "for _ in range(3):"
    step = "        optimiser.step()"
    assert script.count(loop) == 1
    assert script.count(step) == 1
    return script.replace(loop, f"{first}\n{second}\n{loop}").replace(step, f"        {third}\n{step}")


def test_in_a_notebook_the_three_lines_show_the_run(tmp_path: Path) -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(with_three_lines(SCRIPT, *three_lines()))])
    NotebookClient(made, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    kinds = {kind for output in made.cells[0].outputs for kind in output.get("data", {})}
    assert "image/png" in kinds, [output.output_type for output in made.cells[0].outputs]
    assert "application/vnd.jupyter.widget-view+json" not in kinds
    (run,) = (tmp_path / "runs").glob("*/run.json")
    with vg.open(run.parent, follow=False) as found:
        assert found.history.last_step == 3 * 14
        assert found.history.state == "finished"
        assert len(found.history.scalar("loss")) == 3 * 14
        assert found.history.scalar("hypersphere/z/tolerance").last is not None
        # A criterion of somebody's own has no known chance, and none is invented.
        assert len(found.history.scalar("loss/chance")) == 0


def test_in_a_script_a_monitor_leaves_a_report(tmp_path: Path) -> None:
    _, second, third = three_lines()
    script = with_three_lines(SCRIPT, "import vergence as vg", second.replace("watch(", "vg.Monitor("), third)
    (tmp_path / "train.py").write_text(script, encoding="utf-8")
    subprocess.run([sys.executable, "train.py"], cwd=tmp_path, check=True, timeout=300)
    (run,) = (tmp_path / "runs").glob("*/run.json")
    report = run.parent / "report.html"
    assert report.is_file()
    text = report.read_text(encoding="utf-8")
    assert "<script" in text
    assert not re.search(r"""(src|href)=["']https?:""", text), "the report fetches something"
    with vg.open(run.parent, follow=False) as found:
        assert found.history.state == "finished"
    assert json.loads(run.read_text())["name"] == "monitor-01"
