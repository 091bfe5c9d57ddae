"""What people asked in public, from the numbers they posted: is this loss normal?"""

from __future__ import annotations

import math

import pytest

import vergence as vg
from vergence import errors

LOSSES = vg.losses


def names(reading: vg.diagnosis.Reading) -> list[str]:
    return [finding.name for finding in reading.diagnosis]


def test_a_loss_of_41_that_was_multiplied_is_nearly_done():
    # HobbitLong/SupContrast, issue 14: "SimCLR can not converge", batch 1024, T 0.5, printed 52.4 falling to 41.08.
    loss = LOSSES.NTXent(temperature=0.5)
    reading = vg.read_loss(41.08, loss, batch=1024, dim=128, factor=0.5 / 0.07)
    assert reading.loss == pytest.approx(5.7512)
    assert reading.chance == pytest.approx(math.log(2047))
    assert reading.floor == pytest.approx(5.643, abs=1e-3)
    assert reading.above_floor == pytest.approx(0.055, abs=0.002)
    assert "nearly done" in reading.says
    assert names(reading) == []
    begun = vg.read_loss(52.4, loss, batch=1024, dim=128, factor=0.5 / 0.07)
    assert "nearly done" not in begun.says
    assert begun.above_floor == pytest.approx(0.854, abs=0.002)


def test_who_does_not_know_of_the_factor_is_told():
    reading = vg.read_loss(41.08, LOSSES.NTXent(temperature=0.5), batch=1024, dim=128)
    assert "lies above chance (7.624 = ln 2047)" in reading.says
    assert "T/0.07 = 7.14; without it this is 5.751: ask again with factor=0.5 / 0.07." in reading.says


def test_exactly_chance_with_a_perfect_spread_is_not_aligned():
    # tensorflow/similarity, issue 233: 6.9287 for 700 epochs, batch 512, "no evidence of a collapse", std 0.02.
    reading = vg.read_loss(6.9287, LOSSES.NTXent(temperature=0.1), batch=512, dim=2048, std=0.0214)
    assert names(reading) == ["loss at chance"]
    assert reading.says.startswith("6.929 is chance (6.93 = ln 1023)")
    assert reading.spread == pytest.approx(0.968, abs=0.001)
    assert reading.says.endswith("no collapse. They are spread, and not aligned at all.")


def test_the_same_std_in_few_columns_is_a_collapse():
    reading = vg.read_loss(6.9287, LOSSES.NTXent(temperature=0.1), batch=512, dim=32, std=0.0214)
    assert "have met in one point" in reading.says


def test_a_loss_of_ln_4096_is_a_teacher_that_prefers_nothing():
    # facebookresearch/dinov2, issue 407: "strangely it collapses always at 8.317765".
    reading = vg.read_loss(8.317765, LOSSES.DINO(), batch=64, dim=4096)
    assert reading.chance == pytest.approx(8.317766, abs=1e-6)
    assert "8.318 is chance (8.318 = ln 4096)" in reading.says
    assert "over all 4,096 classes: the teacher prefers none" in reading.says
    assert names(reading) == ["loss at chance"]


@pytest.mark.parametrize(("loss", "found"), [(6.90, []), (11.09, ["loss at chance"])])
def test_6_9_in_a_queue_of_65536_is_on_its_way_and_11_09_is_chance(loss, found):
    # facebookresearch/moco, issue 12.
    reading = vg.read_loss(loss, LOSSES.InfoNCE(temperature=0.07, queue=65536), batch=256, dim=128)
    assert reading.chance == pytest.approx(math.log(65537))
    assert names(reading) == found
    assert ("of the way is done" in reading.says) == (not found)


def test_4_8_at_batch_128_is_chance():
    # mlfoundations/open_clip, issue 17.
    reading = vg.read_loss(4.8, LOSSES.CLIP(), batch=128, dim=512)
    assert "4.8 is chance (4.852 = ln 128)" in reading.says
    assert names(reading) == ["loss at chance"]


def test_a_variance_term_of_23_is_all_but_collapsed_and_of_21_has_begun_to_spread():
    # facebookresearch/vicreg, issue 2: the std term falls from 23 to 21; at a full collapse it is 24.75.
    term = LOSSES.VICReg(invariance=0, covariance=0)
    early, late = (vg.read_loss(value, term, batch=256, dim=64) for value in (23.0, 21.0))
    assert early.chance == pytest.approx(24.75)
    assert early.above_floor is not None
    assert late.above_floor is not None
    assert 0.8 < late.above_floor < early.above_floor < 0.975
    assert names(vg.read_loss(24.75, term, batch=256, dim=64)) == ["loss at chance"]


def test_a_loss_without_chance_says_so():
    reading = vg.read_loss(0.3, LOSSES.MultiSimilarity(), batch=32, dim=16)
    assert (reading.chance, reading.above_floor) == (None, None)
    assert "has no value of chance" in reading.says


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("loss is nan", {"loss": math.nan}),
        ("loss is '5'", {"loss": "5"}),
        ("objective is a float", {"objective": 0.5}),
        ("std is 3.0", {"std": 3.0}),
        ("factor is -1", {"factor": -1.0}),
        ("batch", {"batch": 0}),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(words, more):
    asked = {"loss": 5.0, "objective": LOSSES.NTXent(), "batch": 64, "dim": 16} | more
    with pytest.raises(errors.ArgumentError, match=words):
        vg.read_loss(asked.pop("loss"), asked.pop("objective"), **asked)
