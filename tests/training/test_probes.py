"""Probes of a run: what is recorded, what it is compared with, and what happens without labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import vergence as vg
from tests.training.small import make, texts, vectors
from vergence import errors
from vergence.metrics import amounts, probes
from vergence.training.measures import Measured, Snapshot
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
    given = reference(factors={"price": torch.full((80,), 2.5), "one": torch.zeros(80, dtype=torch.long)})
    found = Probes(given).measure(Snapshot(0, {"h": given.items}))
    _, meta = found.frames["probes"]
    assert meta["factors"] == ["class"]
    assert "all 40 values to learn from are 2.5" in meta["refused"]["price"]
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


def test_an_amount_is_read_by_r2_and_has_no_few_label_probe():
    rows, _ = vectors(120)
    size = rows[:, 2] + 0.01 * torch.randn(120, generator=torch.Generator().manual_seed(0))
    size[:3] = math.nan
    given = reference(120, factors={"size": size, "depth": rows[:, 3].double()})
    found = Probes(given, seed=2).measure(Snapshot(0, {"h": given.items}))
    arrays, meta = found.frames["probes"]
    assert meta["measure"] == ["accuracy", "R²", "R²"]
    assert meta["chance"][1:] == [0.0, 0.0]
    assert meta["left_out"][1] == 3
    assert found.scalars["probes/h/size/linear"] > 0.98
    assert "probes/h/size/few" not in found.scalars
    assert np.isnan(arrays["accuracy"][1, KINDS.index("few")]).all()
    alone = amounts(given.items, rows[:, 3].double(), groups=None, seed=2)
    assert found.scalars["probes/h/depth/linear"] == pytest.approx(alone.linear.r2, abs=0.05), (
        "other halves, same number"
    )
    at = COMPARED.index(("h", "raw"))
    assert arrays["difference"][1, 0, at] == pytest.approx(0, abs=1e-6)


def test_a_subclass_is_compared_with_who_knows_the_class():
    rows, labels = vectors(160)
    breed = labels * 2 + torch.arange(160) // 4 % 2
    given = reference(160, factors={"breed": breed})
    _, meta = Probes(given).measure(Snapshot(0, {"h": rows})).frames["probes"]
    assert meta["within"] == ["", "class"]
    assert meta["chance"][1] == pytest.approx(0.5, abs=0.1)


def standing(found: Measured, place: str = "h") -> list[dict]:
    return found.frames["probes"][1]["standing"][place]


def test_what_was_read_and_is_lost_is_said_since_when_and_comes_back():
    generator = torch.Generator().manual_seed(0)
    rows, labels = vectors(200)
    noise = torch.randn(200, 6, generator=generator)
    other = torch.randint(0, 3, (200,), generator=generator)
    # The raw input says nothing of either factor: what is lost is what the encoder had found.
    given = Reference(nn.Identity(), torch.randn(200, 5, generator=generator), labels, factors={"other": other})
    measure = Probes(given)
    assert measure.measure(Snapshot(0, {"h": noise, "z": noise})).frames["probes"][1]["standing"] == {}
    learned = measure.measure(Snapshot(10, {"h": rows, "z": noise}))
    assert [one["word"] for one in standing(learned)] == ["learned", "absent"]
    assert learned.frames["probes"][1]["head_drops"] == [True, False]
    part = torch.where(torch.arange(200)[:, None] % 2 == 0, rows, torch.randn(rows.shape, generator=generator))
    for step, given_rows, word, since in (
        (20, part, "suppressed", 20), (30, noise[:, 2:].flip(0), "gone", 20), (40, rows, "learned", None),
    ):  # fmt: skip
        found = measure.measure(Snapshot(step, {"h": given_rows, "z": noise}))
        one = standing(found)[0]
        assert one["word"] == word, step
        assert found.frames["probes"][1]["since"]["h"][0] == since
        if since:
            assert (one["against"], one["step"]) == ("best", 10)
            arrays = found.frames["probes"][0]
            assert arrays["best"][0, 0, 0] == pytest.approx(one["base"])
            assert arrays["best_step"][0, 0, 0] == 10


def test_looks_that_differ_by_chance_alone_are_no_news():
    """Thirty looks at the same knowledge through other noise, five factors: at one look in twenty somebody may err."""
    generator = torch.Generator().manual_seed(1)
    factors = {f"bit {i}": torch.randint(0, 2, (240,), generator=generator) for i in range(5)}
    given = Reference(nn.Identity(), torch.randn(240, 5, generator=generator), None, factors=factors)
    signal = torch.stack(list(factors.values()), 1).float()
    measure = Probes(given)
    wrong = 0
    for step in range(31):
        rows = signal + 0.9 * torch.randn(240, 5, generator=generator)
        found = measure.measure(Snapshot(step, {"h": rows}))
        if step:
            wrong += any(one["word"] in ("below", "suppressed", "gone", "learned") for one in standing(found))
    # "learned" is wrong too: the first look knew as much, and the raw input knows nothing.
    assert wrong <= 4


def test_a_factor_is_dropped_by_the_head_only_beyond_doubt():
    generator = torch.Generator().manual_seed(0)
    rows, labels = vectors(200)
    h = rows
    given = Reference(nn.Identity(), rows, labels)
    near = rows + 0.05 * torch.randn(rows.shape, generator=generator)
    assert Probes(given).measure(Snapshot(0, {"h": h, "z": near})).frames["probes"][1]["head_drops"] == [False]
    none = torch.randn(200, 4, generator=generator)
    assert Probes(given).measure(Snapshot(0, {"h": h, "z": none})).frames["probes"][1]["head_drops"] == [True]


def test_a_monitor_takes_amounts_and_yes_or_no():
    rows, labels = vectors(60)
    known = {"size": rows[:, 0], "kind": labels, "odd": labels % 2 == 1}
    monitor = vg.Monitor(nn.Linear(8, 4), reference=(rows, known), save=False, every=1)
    monitor.step(rows[:, :4], rows[:, :4] + 0.1)
    _, meta = (frame := monitor.history.frame("probes")).arrays, frame.meta
    assert meta["measure"] == ["R²", "accuracy", "accuracy"] or meta["factors"][0] == "kind"
    assert monitor.history.static["reference"]["label"] == "kind"
    assert monitor.history.arrays["reference/factor/size"].dtype == np.float64
    assert monitor.history.arrays["reference/factor/odd"].tolist() == (labels % 2).tolist()
    assert texts(monitor.history, "failed") == []
    monitor.close()
    alone = vg.Monitor(nn.Linear(8, 4), reference=(rows, rows[:, 0]), save=False)
    assert alone.history.static["reference"]["label"] is None
    alone.close()


@pytest.mark.parametrize("values", [torch.rand(60, 2), torch.rand(59), torch.zeros(60, dtype=torch.complex64)])
def test_a_factor_that_is_no_column_is_refused(values):
    rows, _ = vectors(60)
    with pytest.raises(errors.ShapeError, match="the factor 'size'"):
        vg.Monitor(nn.Linear(8, 4), reference=(rows, {"size": values}), save=False)
