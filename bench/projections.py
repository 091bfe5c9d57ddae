"""How calm the map is: the same recorded run, mapped anew at each refresh and mapped by us.

    python bench/projections.py
    python bench/projections.py --steps 200

A small convolutional SimCLR is trained on emoji; the 512 reference items are embedded every 20 steps. Movement is the
median over refreshes of the median distance an item moves from one map to the next, as a share of the radius of the
map. A calm map is worth nothing if it is wrong, so trustworthiness stands beside it (mean over refreshes). "alone":
each map is fitted for itself, as the library gives it. Table and JSON go to bench/results/.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

import vergence as vg
from vergence.observe.projection import eased, laid_on, projection, unit_rows
from vergence.observe.umap_maps import UmapMaps
from vergence.training.reference import Reference
from vergence.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results"
NEIGHBOURS = 15
TARGET = 4.0
"""Times calmer than maps fitted alone ..."""
SAME_TRUST = 0.01
"""... at a trustworthiness that is not lower by more than this."""

Maps = list[NDArray[np.float64]]


def recorded(steps: int = 600, every: int = 20, items: int = 512, seed: int = 0) -> list[torch.Tensor]:
    """Embeddings z of the reference items before training and every so many steps."""
    source = vg.data.emoji()
    trainer = Trainer(vg.methods.SimCLR(temperature=0.2), source, seed=seed, batch=256, device=torch.device("cpu"))
    reference = Reference(trainer.learner, source.reference(items)[0])
    found = [reference.embed(0).rows["z"]]
    for step in range(1, steps + 1):
        trainer.step()
        if step % every == 0:
            found.append(reference.embed(step).rows["z"])
    return found


def alone(fit: Callable[[NDArray[np.float64], int], NDArray[Any]], rows: list[torch.Tensor]) -> Maps:
    """Each map for itself."""
    return [np.asarray(fit(unit_rows(one)[0], index), np.float64) for index, one in enumerate(rows)]


def ours(rows: list[torch.Tensor]) -> Maps:
    """The principal component maps of the cockpit."""
    found: Maps = []
    for one in rows:
        before = found[-1] if found else None
        here = projection(one, None if before is None else before.astype(np.float32)).positions.astype(np.float64)
        found.append(here if before is None else eased(here, before))
    return found


def turned_only(rows: list[torch.Tensor]) -> Maps:
    """Plain principal component maps, each laid on the one before."""
    found: Maps = []
    for one in rows:
        before = found[-1].astype(np.float32) if found else None
        found.append(projection(one, before, inertia=0.0).positions.astype(np.float64))
    return found


def pca_alone(unit: NDArray[np.float64], _index: int) -> NDArray[Any]:
    """scikit-learn's, with the signs it gives."""
    return np.asarray(PCA(2, svd_solver="full").fit_transform(unit))


def umap_alone(unit: NDArray[np.float64], index: int) -> NDArray[Any]:
    """umap-learn's, with its own settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap import UMAP

        found = UMAP(n_neighbors=NEIGHBOURS, random_state=index, n_jobs=1).fit_transform(unit.astype(np.float32))
    return np.asarray(found - found.mean(0))


def umap_ours(rows: list[torch.Tensor]) -> tuple[Maps, dict[str, float]]:
    """UMAP as the cockpit asks for it: from the worker, from the last map on, turned. And how long it took."""
    worker = UmapMaps()
    found: Maps = []
    seconds: list[float] = []
    compiled = 0.0
    try:
        for index, one in enumerate(rows):
            unit = unit_rows(one)[0].astype(np.float32)
            start = found[-1].astype(np.float32) if found else projection(one).positions
            worker.ask({"step": index}, unit, start, warm=bool(found))
            positions = None
            while positions is None:
                for answer in worker.arrived():
                    if answer.kind in ("failed", "missing", "ended"):
                        raise RuntimeError(str(answer.said.get("why")))
                    if answer.kind == "ready":
                        compiled = float(answer.said["seconds"])
                    if answer.positions is not None:
                        positions = answer.positions - answer.positions.mean(0)
                        seconds.append(float(answer.said["seconds"]))
                time.sleep(0.005)
            before = found[-1] if found else projection(one).positions
            found.append(laid_on(positions.astype(np.float64), np.asarray(before, np.float64)))
    finally:
        worker.close()
    took = {"compile_s": compiled, "first_s": seconds[0], "warm_s": float(np.median(seconds[1:]))}
    return found, took


def movement(maps: Maps) -> float:
    """Median over refreshes of the median movement, as a share of the radius."""
    shares = []
    for before, now in itertools.pairwise(maps):
        radius = float(np.sqrt((now**2).sum(1).mean()))
        shares.append(float(np.median(np.linalg.norm(now - before, axis=1))) / radius)
    return float(np.median(shares))


def trust(maps: Maps, rows: list[torch.Tensor]) -> float:
    """Mean over refreshes."""
    found = [
        trustworthiness(unit_rows(one)[0], here, n_neighbors=NEIGHBOURS) for here, one in zip(maps, rows, strict=True)
    ]
    return float(np.mean(found))


def rows_of(rows: list[torch.Tensor], *, umap: bool = True) -> list[dict[str, Any]]:
    """The table: one row for each way to make a map, with how many times calmer than its twin alone."""
    made: list[tuple[str, str, Maps, dict[str, float]]] = [
        ("PCA", "alone", alone(pca_alone, rows), {}),
        ("PCA", "turned only", turned_only(rows), {}),
        ("PCA", "ours", ours(rows), {}),
    ]
    if umap:
        made.append(("UMAP", "alone", alone(umap_alone, rows), {}))
        made.append(("UMAP", "ours", *umap_ours(rows)))
    table: list[dict[str, Any]] = []
    base: dict[str, tuple[float, float]] = {}
    for method, how, maps, took in made:
        moves, trusted = movement(maps), trust(maps, rows)
        base.setdefault(method, (moves, trusted))
        calmer, lost = base[method][0] / moves, base[method][1] - trusted
        table.append(
            {"method": method, "how": how, "movement": moves, "trust": trusted, "calmer": calmer, "trust_lost": lost}
            | took
        )
    return table


def cost(rows: list[torch.Tensor]) -> float:
    """Milliseconds of this thread for a map and its trustworthiness, median."""
    from vergence.training.measures.base import Snapshot
    from vergence.training.measures.projection import Projection

    measure = Projection(Reference(torch.nn.Identity(), rows[0]))
    spent = []
    for step, one in enumerate(rows):
        began = time.thread_time()
        measure.measure(Snapshot(step, {"z": one}), "z", {})
        spent.append(1000 * (time.thread_time() - began))
    return float(np.median(spent))


def text(table: list[dict[str, Any]], milliseconds: float) -> str:
    """The rows for people."""
    lines = [f"{'map':<6}{'made':<13}{'movement':>9}{'trust':>8}{'calmer':>9}"]
    for row in table:
        calmer = "" if row["how"] == "alone" else f"{row['calmer']:.1f} x"
        lines.append(f"{row['method']:<6}{row['how']:<13}{row['movement']:>9.3f}{row['trust']:>8.3f}{calmer:>9}")
        if "warm_s" in row:
            first, warm = row["first_s"], row["warm_s"]
            lines.append(f"      compiled in {row['compile_s']:.1f} s, first map {first:.2f} s, warm {warm:.2f} s")
    return "\n".join([*lines, f"a PCA map with its trustworthiness: {milliseconds:.1f} ms of the training thread"])


def main() -> None:
    """Train, map, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--kept", type=Path, help="a file that holds the recorded embeddings; written when absent")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.kept is not None and given.kept.exists():
        rows = list(torch.from_numpy(np.load(given.kept)["z"]))
    else:
        rows = recorded(given.steps, given.every)
        if given.kept is not None:
            np.savez(given.kept, z=torch.stack(rows).numpy())
    table, milliseconds = rows_of(rows), cost(rows)
    RESULTS.mkdir(parents=True, exist_ok=True)
    written = {"steps": given.steps, "every": given.every, "rows": table, "milliseconds": milliseconds}
    (RESULTS / "projections.json").write_text(json.dumps(written, indent=1))
    said = text(table, milliseconds)
    (RESULTS / "projections.txt").write_text(said + "\n")
    print(said)


if __name__ == "__main__":
    main()
