"""The map as it is recorded: frames and scalars of each place, and UMAP without waiting for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import vergence as vg
from tests.training.small import make, recipe, same, texts, until, vectors, weights
from vergence import errors
from vergence.observe.projection import projection
from vergence.observe.umap_maps import MISSING, Answer
from vergence.training.measures import projection as module
from vergence.training.measures.base import Measured, Snapshot
from vergence.training.measures.projection import Projection
from vergence.training.reference import Reference

ITEMS = vectors(64)[0]


class Worker:
    """Stands in for the worker process: a test says what comes."""

    made: list[Worker]

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.waiting: list[Answer] = []
        self.busy = self.over = self.closed = False
        Worker.made.append(self)

    def ask(self, said, rows, start, *, warm):
        self.asked.append(said | {"rows": rows, "start": start, "warm": warm})
        self.busy = True
        return True

    def arrived(self):
        found, self.waiting = self.waiting, []
        self.busy = self.busy and not any(answer.kind in ("map", "failed") for answer in found)
        self.over = self.over or any(answer.kind in ("missing", "ended") for answer in found)
        return found

    def answer(self, positions):
        said = {key: self.asked[-1][key] for key in ("place", "step", "good", "warm")}
        more = {"trustworthiness": 0.9, "neighbours": 15, "seconds": 0.4}
        self.waiting.append(Answer("map", said | more, positions.astype(np.float32)))

    def close(self):
        self.closed = True


@pytest.fixture
def workers(monkeypatch):
    Worker.made = []
    monkeypatch.setattr(module, "UmapMaps", Worker)
    return Worker.made


def look(
    measure: Projection, step: int, rows: torch.Tensor = ITEMS, *, place: str = "z", method: str = "pca"
) -> Measured:
    return measure.measure(Snapshot(step, {place: rows}), place, {"method": method})


@pytest.fixture
def measure():
    return Projection(Reference(nn.Identity(), ITEMS))


def test_a_frame_has_the_map_and_what_is_needed_to_read_it(measure):
    first, second = look(measure, 10), look(measure, 20, ITEMS + 0.1)
    arrays, meta = second.frames["projection/z"]
    before = projection(ITEMS).positions
    wanted = projection(ITEMS + 0.1, before)
    drawn = before + 0.75 * (wanted.positions - before)
    assert np.allclose(np.stack([arrays["x"], arrays["y"]], 1), drawn, atol=1e-6)
    assert arrays["x"].dtype == np.float32
    assert (meta["method"], meta["since"], meta["of"], meta["items"], meta["left_out"]) == ("pca", 10, 20, 64, 0)
    assert meta["explained"] == pytest.approx(list(wanted.explained))
    assert (meta["shift"], meta["radius"]) == (pytest.approx(0.75 * wanted.shift, rel=1e-4), wanted.radius)
    assert meta["shift_share"] == pytest.approx(meta["shift"] / wanted.radius)
    assert 0 < meta["trustworthiness"] <= 1
    assert meta["neighbours"] == 15
    assert meta["seconds"] > 0
    assert second.scalars["projection/z/shift"] == meta["shift"]
    assert second.scalars["projection/z/trustworthiness"] == meta["trustworthiness"]
    assert second.scalars["projection/z/reach_x"] == pytest.approx(np.abs(arrays["x"]).max())
    assert "projection/z/shift" not in first.scalars
    assert first.frames["projection/z"][1]["since"] is None


def test_each_place_has_a_map_of_its_own(measure):
    look(measure, 1)
    found = look(measure, 1, torch.randn(64, 5), place="h")
    assert found.frames["projection/h"][1]["since"] is None
    assert look(measure, 2).frames["projection/z"][1]["since"] == 1


def test_rows_that_are_not_finite_are_left_out_and_said(measure):
    rows = ITEMS.clone()
    rows[:3] = float("nan")
    found = look(measure, 1, rows)
    arrays, meta = found.frames["projection/z"]
    assert np.isnan(arrays["x"][:3]).all()
    assert np.isfinite(arrays["x"][3:]).all()
    assert meta["left_out"] == 3
    assert np.isfinite(found.scalars["projection/z/reach_x"])
    assert found.marks["map_left_out"].startswith("3 of 64 reference rows at z")
    assert look(measure, 2).frames["projection/z"][1]["left_out"] == 0, "they come back when they are finite"


def test_too_few_rows_are_an_error_in_words(measure):
    with pytest.raises(errors.TooFewRows, match="at least 3"):
        look(measure, 1, torch.zeros(64, 8))


def test_a_collapsed_run_is_a_small_map(measure):
    wide = look(measure, 1).scalars["projection/z/reach_x"]
    narrow = look(measure, 2, torch.ones(64, 8) + 1e-4 * ITEMS).scalars["projection/z/reach_x"]
    assert narrow < 1e-3 * wide


# -- UMAP --------------------------------------------------------------------------------------------------


def test_umap_is_started_only_when_it_is_wished_for(measure, workers):
    look(measure, 1)
    assert workers == []
    found = look(measure, 2, method="umap")
    assert len(workers) == 1
    assert found.frames["projection/umap"][1] == {"state": "loading", "about": 13.0}
    assert workers[0].asked[0]["place"] == "z"


def test_its_map_is_recorded_at_a_later_look_and_the_next_one_starts_there(measure, workers):
    look(measure, 1, method="umap")
    (worker,) = workers
    assert worker.asked[0]["warm"] is False
    look(measure, 2, method="umap")
    assert len(worker.asked) == 1, "one at a time"
    before = projection(ITEMS).positions
    angle = np.deg2rad(50)
    turn = np.asarray([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    worker.answer(7 * before @ turn + 3)
    found = look(measure, 3, method="umap")
    arrays, meta = found.frames["projection/z/umap"]
    assert np.allclose(np.stack([arrays["x"], arrays["y"]], 1), 7 * before, atol=1e-4), (
        "turned and centred, not rescaled"
    )
    assert (meta["method"], meta["of"], meta["shift"], meta["trustworthiness"]) == ("umap", 1, None, 0.9)
    assert found.frames["projection/z"][1]["method"] == "pca", "the linear map goes on"
    assert worker.asked[1]["warm"] is True
    assert np.allclose(worker.asked[1]["start"], 7 * before, atol=1e-4)
    worker.answer(7 * before + np.asarray([0.0, 5.0]))
    again = look(measure, 4, method="umap")
    assert again.scalars["projection/z/umap/shift"] == pytest.approx(0, abs=1e-4)
    assert again.frames["projection/z/umap"][1]["since"] == 1


def test_items_that_were_left_out_keep_their_place_in_the_row(measure, workers):
    rows = ITEMS.clone()
    rows[5] = 0
    look(measure, 1, rows, method="umap")
    assert len(workers[0].asked[0]["rows"]) == 63
    workers[0].answer(np.random.default_rng(0).normal(size=(63, 2)))
    x = look(measure, 2, rows, method="umap").frames["projection/z/umap"][0]["x"]
    assert np.flatnonzero(np.isnan(x)).tolist() == [5]


def test_both_places_are_served_in_turn(measure, workers):
    for step in range(1, 4):
        for place in ("h", "z"):
            found = look(measure, step, ITEMS if place == "z" else ITEMS[:, :5], place=place, method="umap")
            if workers[0].asked:
                workers[0].answer(np.random.default_rng(step).normal(size=(64, 2)))
    assert {said["place"] for said in workers[0].asked} == {"h", "z"}
    assert found.frames


@pytest.mark.parametrize("kind", ["missing", "ended"])
def test_without_a_worker_the_linear_map_goes_on_and_says_why(measure, workers, kind):
    look(measure, 1, method="umap")
    workers[0].waiting.append(Answer(kind, {"why": MISSING}))
    found = look(measure, 2, method="umap")
    assert found.marks["umap"] == MISSING
    assert found.frames["projection/umap"][1] == {"state": "failed", "why": MISSING}
    assert "projection/z" in found.frames
    look(measure, 3, method="umap")
    assert len(workers[0].asked) == 1, "it is not asked again"


def test_a_wish_that_is_taken_back_asks_for_nothing_more(measure, workers):
    look(measure, 1, method="umap")
    workers[0].answer(np.random.default_rng(0).normal(size=(64, 2)))
    assert "projection/z/umap" in look(measure, 2).frames
    assert len(workers[0].asked) == 1


def test_close_ends_the_worker(measure, workers):
    measure.close()
    look(measure, 1, method="umap")
    measure.close()
    assert workers[0].closed


# -- in a run ----------------------------------------------------------------------------------------------


def test_a_run_has_maps_of_h_and_z_from_before_the_first_update():
    run = make()
    run.start(steps=8)
    run.wait()
    history = run.history
    for place in ("h", "z"):
        steps = history.frames(f"projection/{place}")
        assert steps[0] == 0
        assert steps[-1] >= 4
        assert history.frame(f"projection/{place}").meta["since"] == steps[-2]
    assert texts(history, "failed") == []


def test_watching_the_map_does_not_change_the_weights():
    made = []
    for reference in (0, 16):
        torch.manual_seed(0)
        run = make(recipe(dropout=0.2), reference=reference, seed=0)
        run.start(steps=6)
        run.wait()
        made.append(weights(run.model))
    assert same(*made)


@pytest.mark.slow
def test_a_run_gets_umap_maps_without_being_held_up():
    pytest.importorskip("umap")
    # The worker gives way to whoever else computes: steps that mostly wait leave it time.
    run = make(recipe(slow=0.1), data=vectors(256), reference=200, every=10)
    run._session.observer.looks.wishes["projection"] = {"method": "umap"}
    run.start(steps=1_000_000)
    until(lambda: run.history.last_step > 50, 60)
    assert not run.history.frames("projection/z/umap"), "it compiles for longer than this"
    until(lambda: len(run.history.frames("projection/z/umap")) >= 2, 500)
    worker = run._session.observer.looks._projection._worker.pid
    assert worker is not None
    run.stop()
    run.wait()
    frame = run.history.frame("projection/z/umap")
    assert frame.meta["trustworthiness"] > 0.8
    assert frame.meta["warm"] is True
    run._session.close()
    assert run._session.observer.looks._projection._worker.pid is None


def test_the_names_are_exported():
    assert vg.observe.projection is projection
