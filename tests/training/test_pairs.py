"""The pairs of a run: held fixed where that is possible, those at hand where it is not, and which is said."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vergence as vg
from tests.training.small import make, texts, vectors
from vergence.data.thumbnails import thumbnails
from vergence.metrics import pairs
from vergence.training.measures import Sample
from vergence.training.measures.pairs import FixedPairs


def sample(*views: Tensor, labels: Any = None, positives: Any = None) -> Sample:
    return Sample("z", views, labels, positives, torch.Generator())


class Conv(nn.Module):
    """Pictures to z, with a layer that behaves differently in training."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 36, 6))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(12, 3, 8, 8, generator=generator)
    return x, x + 0.1 * torch.rand(12, 3, 8, 8, generator=generator)


def test_the_very_same_pairs_are_embedded_again(pictures):
    torch.manual_seed(0)
    model = Conv()
    measure = FixedPairs(model, None)
    x1, x2 = pictures
    kept = x1.clone()
    labels = torch.arange(12) % 3
    z1, z2 = model(x1).detach(), model(x2).detach()
    first = measure.measure(1, (x1, x2), sample(z1, z2, labels=labels))
    arrays, meta = first.frames["pairs/z"]
    assert (meta["source"], meta["then"], meta["pairs"]) == ("fixed", 1, 12)
    assert np.allclose(arrays["positives_now"], arrays["positives_then"], atol=1e-6)
    x1.zero_()  # a loader may use its memory again
    with torch.no_grad():
        model.body[3].weight.add_(torch.randn(6, 144, generator=torch.Generator().manual_seed(1)))
    other = torch.rand(12, 3, 8, 8)
    later = measure.measure(9, (other, other), sample(z1, z2))
    arrays, meta = later.frames["pairs/z"]
    model.eval()
    with torch.no_grad():
        now = pairs(model(kept), model(x2), labels=labels)
    assert arrays["positives_now"].tolist() == pytest.approx(now.worst_positives.score.tolist(), abs=1e-5)
    assert arrays["positives_row"][:, 0].tolist() == now.worst_positives.i.tolist()
    assert not np.allclose(arrays["positives_now"], arrays["positives_then"], atol=1e-3)
    assert later.scalars["pairs/z/positive_mean"] == pytest.approx(now.positive_mean, abs=1e-6)
    assert meta["positive_mean_then"] is not None
    assert arrays["positives_label"].tolist() == [[r % 3, r % 3] for r in arrays["positives_row"][:, 0].tolist()]


def test_pictures_are_those_of_the_rows_stretched_to_their_range(pictures):
    model = Conv()
    found = FixedPairs(model, None).measure(
        1, pictures, sample(model(pictures[0]).detach(), model(pictures[1]).detach())
    )
    arrays, _ = found.frames["pairs/z"]
    # One range for both views: a view that is darker as a whole is drawn darker.
    wanted = thumbnails(torch.cat(pictures))
    for index, (row, other) in enumerate(arrays["positives_row"].tolist()):
        assert np.array_equal(arrays["positives_first"][index], wanted[row])
        assert np.array_equal(arrays["positives_second"][index], wanted[12 + other])
    assert sum(array.nbytes for array in arrays.values()) < 150_000


def test_large_pictures_and_large_batches_are_cut():
    x = torch.rand(600, 3, 40, 60)
    found = FixedPairs(None, None).measure(1, (x, x), sample(x[:, 0, 0, :4], x[:, 1, 0, :4]))
    arrays, meta = found.frames["pairs/z"]
    assert (meta["pairs"], meta["of_batch"]) == (128, 600)
    assert max(arrays["negatives_first"].shape[1:3]) == 32
    assert sum(array.nbytes for array in arrays.values()) < 150_000


def test_watching_leaves_modes_and_randomness(pictures):
    model = Conv()
    model.body[2].eval()
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    z = torch.rand(12, 6)
    FixedPairs(model, None).measure(1, pictures, sample(z, z))
    # z was drawn after the state was kept; what the measurement drew is what counts.
    torch.set_rng_state(state)
    torch.rand(12, 6)
    after = torch.get_rng_state()
    FixedPairs(model, None).measure(1, pictures, sample(z, z))
    assert torch.equal(torch.get_rng_state(), after)
    assert [module.training for module in model.modules()] == modes


def test_a_projector_gives_z_and_without_it_h_is_not_called_z(pictures):
    encoder, head = Conv(), nn.Linear(6, 3)
    z = [head(encoder(x)).detach() for x in pictures]
    assert FixedPairs(encoder, head).measure(1, pictures, sample(*z)).frames["pairs/z"][1]["source"] == "fixed"
    alone = FixedPairs(encoder, None)
    meta = alone.measure(1, pictures, sample(*z)).frames["pairs/z"][1]
    assert meta["source"] == "batch"
    assert "gives 6 columns and the step handed over 3 columns; hand over the projector" in meta["why"]
    assert meta["then"] is None


@pytest.mark.parametrize("inputs", [True, False])
def test_without_a_model_the_batch_at_hand_is_shown(pictures, inputs):
    generator = torch.Generator().manual_seed(0)
    z1 = torch.randn(12, 6, generator=generator)
    z2 = z1 + 0.1 * torch.randn(12, 6, generator=generator)
    found = FixedPairs(None, None).measure(4, pictures if inputs else None, sample(z1, z2))
    arrays, meta = found.frames["pairs/z"]
    assert meta["source"] == "batch"
    assert np.isnan(arrays["positives_then"]).all()
    assert (arrays["positives_first"].size > 0) is inputs
    assert ("duplicates" in meta["lists"]) is inputs
    assert meta["why"] == "no model was handed over"
    same = pairs(z1, z2)
    assert arrays["negatives_now"].tolist() == pytest.approx(same.hardest_negatives.score.tolist(), abs=2e-6)


def test_a_tower_that_the_model_does_not_take_is_said():
    images, tokens = torch.rand(8, 3, 8, 8), torch.randint(0, 9, (8, 5))
    z1, z2 = torch.rand(8, 6), torch.rand(8, 6)
    found = FixedPairs(Conv(), None).measure(1, (images, tokens), sample(z1, z2))
    arrays, meta = found.frames["pairs/z"]
    assert "the model does not take them" in meta["why"]
    assert arrays["positives_first"].size > 0
    assert arrays["positives_second"].size == 0
    assert {v for pair in arrays["positives_view"].tolist() for v in pair} == {0, 1}


def test_more_views_one_view_and_ids():
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(10, 4, generator=generator) for _ in range(3)]
    three = FixedPairs(None, None).measure(1, None, sample(*views)).frames["pairs/z"]
    assert three[1]["pairs_positive"] == 30
    one = FixedPairs(None, None).measure(1, None, sample(views[0], labels=torch.arange(10) % 2))
    assert one.frames["pairs/z"][1]["pairs_positive"] == 0
    assert "pairs/z/positive_mean" not in one.scalars
    ids = (torch.arange(10), torch.arange(10).flip(0))
    found = FixedPairs(None, None).measure(1, None, sample(*views[:2], positives=ids)).frames["pairs/z"]
    assert all(a == 9 - b for a, b in found[0]["positives_row"].tolist())


def test_rows_that_are_not_finite_are_left_out_and_marked():
    z = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    bad = z.clone()
    bad[2] = math.nan
    found = FixedPairs(None, None).measure(1, None, sample(z, bad))
    assert "1 of 20 rows of the pairs" in found.marks["rows_left_out"]
    assert found.frames["pairs/z"][1]["rows_left_out"] == 1


def test_before_the_first_step_nothing_is_measured():
    assert FixedPairs(None, None).measure(0, None, sample()).frames == {}


def test_a_run_holds_its_first_batch():
    run = make(driver="inline", every=2)
    run.start(steps=4)
    assert texts(run.history, "failed") == []
    frame = run.history.frame("pairs/z")
    assert (frame.meta["source"], frame.meta["then"]) == ("fixed", 1)
    assert len(run.history.scalar("pairs/z/worst_positive")) >= 2


def test_an_own_loop_hands_its_inputs_over():
    encoder, (rows, labels) = nn.Linear(8, 4), vectors(20)
    monitor = vg.Monitor(encoder, save=False, every=1)
    x1, x2 = rows, rows + 0.1
    monitor.step(encoder(x1), encoder(x2), labels=labels, inputs=(x1, x2))
    frame = monitor.history.frame("pairs/z")
    assert (frame.meta["source"], frame.meta["labels"]) == ("fixed", True)
    assert np.allclose(frame.arrays["positives_now"], frame.arrays["positives_then"], atol=1e-6)
    monitor.close()
