"""The benches still run and say what they promise; here on so little that their numbers mean nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import live, losses, metrics, overhead, peer_losses
from bench.contenders import CONTENDERS, NOUNS, STEPS, Stream, begin, density, record
from bench.loops import Booked, Held, Loop, interval
from vergence.record.history import History
from vergence_widgets.panels import every

ROOT = Path(__file__).parents[2]


def test_the_interval_of_few_values_is_all_of_them():
    assert interval([1.3, 1.0, 1.1, 1.2]) == (1.0, 1.3)
    assert interval([1.0 + 0.01 * place for place in range(21)])[0] == pytest.approx(1.06)


def test_a_held_clock_stands_still():
    clock = Held()
    clock.hold()
    first = clock()
    assert clock() == first
    clock.go()
    assert clock() > first


@pytest.mark.parametrize("kind", ["small", "vit"])
def test_every_loop_can_be_watched_with_all_panels_on(kind, tmp_path):
    loop = Loop(kind)
    budget = Booked(Held())
    monitor = loop.watch(budget, directory=tmp_path)
    loop.step(watched=False)
    loop.step(watched=True)
    assert monitor.history.last_step == 1
    assert [event.data for event in monitor.history.events("failed")] == []
    named = {name.partition("/")[0] for name in budget.booked}
    assert {"loss", "similarity", "spectrum", "hypersphere", "reference", "projection", "probes", "pairs"} <= named
    assert ("attention" in monitor.history.frame_kinds()) == (kind == "vit")
    monitor.close()


def test_overhead_prints_a_row_and_what_each_measurement_took(tmp_path, capsys):
    few = ["--kinds", "small", "--pairs", "2", "--seconds", "0.1", "--warm", "0.2", "--results", str(tmp_path)]
    overhead.main(few)
    said = capsys.readouterr().out
    (row,) = json.loads((tmp_path / "overhead.json").read_text())["rows"]
    assert row["low"] <= row["ratio"] <= row["high"]
    assert row["pairs"] == 2
    assert row["failed"] == []
    assert "small, kernel side" in said
    assert "writing and drawing" in said
    assert (tmp_path / "overhead.txt").read_text() == said


CONTESTS = peer_losses.contests()


@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: contest.name)
def test_every_contender_computes_the_same_loss(contest):
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(64, contest.dim, generator=generator)
    b = a + torch.randn(64, contest.dim, generator=generator)
    labels = torch.randint(0, 10, (64,), generator=generator)
    ours = contest.forms["ours"](a, b, labels)
    assert "plain" in contest.same
    for form in contest.same:
        torch.testing.assert_close(contest.forms[form](a, b, labels), ours, rtol=1e-4, atol=1e-4)


def test_losses_compares_with_the_plain_chain():
    contest = CONTESTS[0]
    small = replace(contest, forms={form: contest.forms[form] for form in ("ours", "plain")})
    row = losses.row_of(small, 16, rounds=3, block=0.001)
    assert row["low"] <= row["ratio"] <= row["high"]
    assert row["best"] == "plain"
    assert row["alone"]["ours"]["bytes"] >= 0
    assert "of plain" in losses.line_of(row)


def test_metrics_says_what_each_takes_or_why_not(tmp_path, capsys):
    few = ["--only", "uniformity", "probes", "--rows", "8", "32", "--columns", "4", "--seconds", "0.001"]
    metrics.main([*few, "--results", str(tmp_path)])
    said = capsys.readouterr().out
    rows = {row["metric"]: row["cells"] for row in json.loads((tmp_path / "metrics.json").read_text())["rows"]}
    assert set(rows) == {"uniformity", "probes"}
    assert rows["uniformity"]["32 x 4"]["ms"] > 0
    assert "ms" not in rows["probes"]["8 x 4"], "too few rows for two halves"
    assert "probes, 8 x 4: " in (tmp_path / "metrics.txt").read_text()
    assert "uniformity" in said


def test_what_takes_long_is_not_tried_on_more_rows(monkeypatch):
    monkeypatch.setattr(metrics, "SLOW", 1e-9)
    (case,) = (case for case in metrics.every() if str(case) == "unit_spread")
    cells = metrics.row(case, [16, 32], [4], seconds=0.001)["cells"]
    assert cells["32 x 4"] == {"why": "too slow to be tried"}


def test_what_does_not_fit_stays_out():
    contest = CONTESTS[0]
    # Far below the gigabyte that the plain form takes: what the tests before have let go of can be used again.
    row = losses.row_of(contest, 4096, rounds=3, block=0.001, limit=200 * 2**20)
    assert row["alone"]["plain"] is None
    assert "plain does not fit" in losses.line_of(row)


def test_every_contender_is_given_the_same():
    one, other = Stream(100), Stream(100)
    for _ in range(3):
        first, second = one.next(), other.next()
    assert first.step == 3 * STEPS
    for name in ("loss", "positive", "negative", "x", "y"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert density(first.positive).sum() * 2 / 128 == pytest.approx(1)
    assert tuple(CONTENDERS) == live.NAMES


def test_the_cockpit_is_given_what_its_panels_draw():
    stream, history = Stream(100), History({"name": "bench"})
    begin(history, stream)
    for _ in range(3):
        record(history, stream.next())
    panels = every(history, nouns=NOUNS)
    assert {noun: (panel.state, panel.message) for noun, panel in panels.items()} == dict.fromkeys(NOUNS, ("live", ""))


def test_lag_is_from_the_call_to_the_first_paint_of_that_update():
    sent = [[5, 1.0], [10, 2.0], [15, 3.0]]
    assert live.lags({"sent": sent, "drawn": [[5, 1100.0], [15, 3050.0], [15, 3500.0]]}) == [100.0, 50.0]
    pictures = [[None, 1200.0], [None, 2100.0], [None, 3100.0]]
    assert live.lags({"sent": sent, "drawn": pictures}) == [200.0, 100.0, 100.0]
    assert live.lags({"sent": sent, "drawn": pictures[:2]}) == []
    assert live.rate({"sent": sent, "drawn": pictures}) == pytest.approx(3 / 2.1)
    assert live.rate({"sent": sent, "drawn": []}) == 0


def test_the_table_of_live_has_a_row_for_each(tmp_path):
    row = {
        "contender": "cockpit", "draws_a_second": [4.0, 3.5, 4.5], "lag_ms": 40, "lag_95_ms": None, "held_ms": 0.2,
        "kernel_ms": 8.0, "kb_an_update": 26.0, "mb_at_creation": 0.16,
    }  # fmt: skip
    before = {"heap_mb": 27.0, "rss_mb": 900.0}
    kept = {
        "cockpit": {
            "updates": 3600,
            "asked": 3600,
            "drawn": 1800,
            "before": before,
            "after": before,
            "minutes_taken": 9.0,
        }
    }
    said = live.table([row], kept)
    assert "cockpit" in said
    assert "3,600" in said


def test_make_bench_names_what_there_is():
    line = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nbench:")[2].partition("\n\n")[0]
    for name in ("losses", "metrics", "projections", "overhead", "live"):
        assert name in line
        assert (ROOT / "bench" / f"{name}.py").exists()


@pytest.mark.slow
@pytest.mark.browser
def test_live_runs_in_a_real_jupyterlab(tmp_path):
    live.main(["--quick", "--contenders", "cockpit", "FigureWidget", "--results", str(tmp_path)])
    found = json.loads((tmp_path / "live.json").read_text())
    assert [row["contender"] for row in found["rows"]] == ["cockpit", "FigureWidget"]
    for row in found["rows"]:
        assert row["draws_a_second"][0] > 0
        assert row["lag_updates"] > 0
