"""Probes of a run: what is recorded, what it is compared with, and what happens without labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import vergence as vg
from tests.training.small import make, texts, vectors
from vergence.metrics import probes
from vergence.training.measures import Snapshot
from vergence.training.measures.probes import COMPARED, KINDS, PLACES, Probes
from vergence.training.reference import Reference


def reference(items: int = 80, **more: object) -> Reference:
    rows, labels = vectors(items)
    return Reference(nn.Linear(8, 6), rows, labels, **more)  # type: ignore[arg-type]


def test_a_frame_holds_every_place_and_the_scalars_say_the_same():
    given = reference(factors={"odd": torch.arange(80) % 2})
    measure = Probes(given)
    rows = given.embed(0).rows["h"]
    first = measure.measure(Snapshot(0, {"h": rows, "z": rows[:, :3]}))
    arrays, meta = first.frames["probes"]
    assert meta["factors"] == ["class", "odd"]
    for factor, name in enumerate(meta["factors"]):
        for kind, what in enumerate(KINDS):
            for place, where in enumerate(PLACES):
                value = first.scalars[f"probes/{where}/{name}/{what}"]
                assert arrays["accuracy"][factor, kind, place] == pytest.approx(value)
    assert arrays["accuracy"][:, :, PLACES.index("h")].tolist() == arrays["accuracy"][:, :, 3].tolist()
    assert meta["chance"] == [first.scalars[f"probes/chance/{name}"] for name in meta["factors"]]
    same = COMPARED.index(("h", "untrained_h"))
    assert not arrays["difference"][:, :, same].any()


def test_later_looks_are_compared_with_the_first_and_base_lines_are_recorded_once():
    given = reference()
    measure = Probes(given, seed=3)
    noise = torch.randn(80, 6, generator=torch.Generator().manual_seed(0))
    measure.measure(Snapshot(0, {"h": noise}))
    rows = given.items
    later = measure.measure(Snapshot(40, {"h": rows}))
    assert {key.split("/")[1] for key in later.scalars} == {"h"}
    arrays, meta = later.frames["probes"]
    assert (meta["first"], meta["raw"]) == (0, "8 numbers")
    better = arrays["difference"][0, 0, COMPARED.index(("h", "untrained_h"))]
    assert better > arrays["difference_half"][0, 0, COMPARED.index(("h", "untrained_h"))]
    # h is the input, so nothing is gained over it, and nothing is certain.
    at = COMPARED.index(("h", "raw"))
    assert arrays["difference"][0, 0, at] == 0
    assert arrays["difference_half"][0, 0, at] > 0
    assert math.isnan(arrays["difference"][0, 0, COMPARED.index(("z", "h"))])
    alone = probes(rows, given.labels, seed=3)
    assert later.scalars["probes/h/class/linear"] == alone.linear.accuracy
    assert later.scalars["probes/h/class/knn"] == alone.knn.accuracy
    assert later.scalars["probes/h/class/few"] == pytest.approx(alone.few.accuracy)


def test_groups_are_never_parted():
    generator = torch.Generator().manual_seed(0)
    once = torch.randn(60, 8, generator=generator)
    labels = torch.randint(0, 3, (60,), generator=generator)
    items = torch.cat([once, once])
    given = Reference(nn.Identity(), items, labels.repeat(2), groups=torch.arange(60).repeat(2))
    measured = Probes(given).measure(Snapshot(0, {"h": items}))
    assert measured.scalars["probes/h/class/knn"] < 0.6, "a copy on the other side would give it away"
    assert measured.frames["probes"][1]["groups"] is True


def test_rows_that_are_not_finite_are_left_out_and_marked():
    given = reference()
    measure = Probes(given)
    measure.measure(Snapshot(0, {"h": given.items}))
    bad = given.items.clone()
    bad[:3] = math.nan
    found = measure.measure(Snapshot(5, {"h": bad}))
    assert "3 of 80 reference rows of h" in found.marks["rows_left_out"]
    assert found.frames["probes"][1]["rows_left_out"]["h"] == 3
    assert found.scalars["probes/h/class/linear"] > 0.5
    assert not np.isnan(found.frames["probes"][0]["difference"][0, 0, 0]), "compared on the rows that are left"


def test_a_factor_that_cannot_be_probed_is_said_and_the_others_are():
    given = reference(factors={"price": torch.rand(80), "one": torch.zeros(80, dtype=torch.long)})
    found = Probes(given).measure(Snapshot(0, {"h": given.items}))
    _, meta = found.frames["probes"]
    assert meta["factors"] == ["class"]
    assert "bucketize" in meta["refused"]["price"]
    assert "1 of 1 classes" in meta["refused"]["one"]
    alone = Reference(nn.Identity(), torch.rand(9, 4), torch.arange(9))
    nothing = Probes(alone)
    for step in (0, 5):
        found = nothing.measure(Snapshot(step, {"h": torch.rand(9, 4)}))
        assert found.scalars == {}
        assert found.frames["probes"][1]["factors"] == []
        assert "0 of 9 classes have two rows" in found.frames["probes"][1]["refused"]["class"]


def test_a_run_is_probed_at_its_looks():
    run = make(reference=40, every=2, driver="inline")
    run.start(steps=4)
    assert texts(run.history, "failed") == []
    assert run.history.frames("probes")[0] == 0
    assert len(run.history.frames("probes")) >= 2
    assert len(run.history.scalar("probes/raw/class/linear")) == 1


def test_without_labels_nothing_is_probed():
    rows, _ = vectors(20)
    monitor = vg.Monitor(nn.Linear(8, 4), reference=rows, save=False, every=1)
    monitor.step(rows[:, :4], rows[:, :4] + 0.1)
    assert "probes" not in monitor.history.frame_kinds()
    assert texts(monitor.history, "failed") == []
    monitor.close()
