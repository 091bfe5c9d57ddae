"""The UMAP worker: asked for maps, waited for by nobody, given up when it keeps dying."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from vergence.observe import umap_worker
from vergence.observe.umap_maps import COMMAND, MISSING, UmapMaps


def rows(n: int = 80, dim: int = 12, seed: int = 0, decay: float = 0.7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator) * decay ** torch.arange(dim)


# -- the worker --------------------------------------------------------------------------------------------

FAKE = """
import sys, json
import numpy as np
sys.path.insert(0, {folder!r})
import umap_worker as w
out = w._own_output()
print("a library prints")
{body}
"""
ANSWERS = """
w.write(out, {"kind": "loading"})
w.write(out, {"kind": "ready", "seconds": 0.1})
while (m := w.read(sys.stdin.buffer)) is not None:
    said, data = m
    start = np.frombuffer(data, "<f4")[said["items"] * said["dim"]:]
    w.write(out, said | {"kind": "map", "trustworthiness": 0.9, "neighbours": 3, "seconds": 0.1}, start.tobytes())
"""


def fake(body: str) -> tuple[str, ...]:
    folder = str(umap_worker.__file__).rpartition("/")[0]
    return (sys.executable, "-P", "-c", FAKE.format(folder=folder, body=body))


def answers(maps: UmapMaps, last: tuple[str, ...] = ("map", "failed", "ended", "missing"), seconds: float = 60):
    found = []
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found += maps.arrived()
        if any(answer.kind in last for answer in found):
            return found
        time.sleep(0.01)
    pytest.fail(f"waited too long; came: {[answer.kind for answer in found]}")


def ask(maps: UmapMaps, step: int = 1) -> bool:
    items = rows(20, 4).numpy()
    return maps.ask({"step": step}, items, items[:, :2].copy(), warm=False)


@pytest.fixture
def worker():
    made = []

    def make(body: str) -> UmapMaps:
        made.append(UmapMaps(fake(body)))
        return made[-1]

    yield make
    for maps in made:
        maps.close()


def test_a_map_is_asked_for_and_comes_later(worker):
    maps = worker(ANSWERS)
    assert maps.pid is None, "nothing is started before it is wished for"
    assert ask(maps)
    assert not ask(maps), "one at a time"
    found = answers(maps)
    assert [answer.kind for answer in found] == ["loading", "ready", "map"]
    assert found[-1].said["step"] == 1
    assert np.allclose(found[-1].positions, rows(20, 4)[:, :2])
    assert ask(maps, 2)
    assert answers(maps)[-1].said["step"] == 2


def test_asking_does_not_wait_for_a_worker_that_does_not_read(worker):
    maps = worker("import time; time.sleep(60)")
    items = torch.randn(4096, 128).numpy()
    began = time.perf_counter()
    assert maps.ask({}, items, items[:, :2].copy(), warm=False)
    assert time.perf_counter() - began < 0.5
    maps.close()
    assert maps.pid is None


def test_a_worker_that_dies_is_started_once_again_and_then_given_up(worker):
    maps = worker('w.write(out, {"kind": "loading"}); w.read(sys.stdin.buffer); sys.exit(3)')
    ask(maps)
    found = answers(maps, last=("ended",))
    assert [answer.kind for answer in found] == ["loading", "loading", "ended"]
    assert "also when started again" in found[-1].said["why"]
    assert maps.over
    assert not ask(maps)


def test_a_worker_that_dies_once_answers_after_all(worker, tmp_path):
    flag = tmp_path / "died"
    body = (
        f"import pathlib\nflag = pathlib.Path({str(flag)!r})\nif not flag.exists(): flag.write_text(''); sys.exit(1)\n"
    )
    maps = worker(body + ANSWERS)
    ask(maps, 7)
    assert answers(maps)[-1].said["step"] == 7


def test_without_umap_learn_it_says_what_to_type(worker):
    maps = worker('w.write(out, {"kind": "missing", "why": "No module"})')
    ask(maps)
    found = answers(maps)
    assert found[-1].said["why"] == MISSING
    assert "pip install 'vergence[projection]'" in MISSING
    assert maps.over


def test_one_map_that_fails_leaves_the_next(worker):
    body = 's, d = w.read(sys.stdin.buffer)\nw.write(out, s | {"kind": "failed", "why": "no"})\n'
    maps = worker(body + ANSWERS)
    ask(maps)
    assert answers(maps)[-1].kind == "failed"
    assert ask(maps, 2)
    assert answers(maps)[-1].kind == "map"


def test_the_worker_without_umap_says_so_and_ends():
    code = f"import sys; sys.modules['umap'] = None; sys.argv = ['x']; exec(open({umap_worker.__file__!r}).read())"
    process = subprocess.Popen([sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        kinds = [umap_worker.read(process.stdout)[0]["kind"] for _ in range(2)]
        assert kinds == ["loading", "missing"]
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_the_worker_dies_with_its_parent_even_while_it_compiles():
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert umap_worker.read(process.stdout)[0]["kind"] == "loading"
        process.stdin.close()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_what_is_no_message_is_refused(tmp_path):
    for number, (sent, wanted) in enumerate(
        [
            (b"", None),
            (umap_worker.HEAD.pack(umap_worker.MAGIC, 9, 0) + b"{}", None),
            (umap_worker.HEAD.pack(umap_worker.MAGIC, 2, 1) + b"{}x", ({}, b"x")),
        ]
    ):
        (tmp_path / str(number)).write_bytes(sent)
        with (tmp_path / str(number)).open("rb") as stream:
            assert umap_worker.read(stream) == wanted
    (tmp_path / "other").write_bytes(b"hello, world")
    with (tmp_path / "other").open("rb") as stream, pytest.raises(ValueError, match="no message of ours"):
        umap_worker.read(stream)
