"""Trained on data with known truth: what is learned, what is lost, which numbers notice. One seed; the bench has 3."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench import known_truth
from bench.truths import latent_factors, rand_bits, tri_feature
from bench.truths.row import Row

pytestmark = pytest.mark.slow

Found = Mapping[str, Mapping[str, float]]


def trained(rows: list[Row]) -> Found:
    """Each row once, two at a time."""
    found = known_truth.measured(rows, seeds=1, workers=2)
    return {name: {column: values[0] for column, values in columns.items()} for name, columns in found.items()}


# -- bits that both views share --------------------------------------------------------------------

DOSES = (0, 4, 8)
TEMPERATURES = (0.05, 0.2, 1.0)


@pytest.fixture(scope="module")
def bits() -> Found:
    doses = [rand_bits.row(dose, temperature) for temperature in TEMPERATURES for dose in DOSES]
    return trained([*doses, rand_bits.row(12, 0.2, shared=False)])


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("accuracy", ["digit h", "digit z", "digit kNN z"])
def test_more_shared_bits_leave_less_of_the_digit(bits, temperature, accuracy):
    read = [bits[rand_bits.row(dose, temperature).name][accuracy] for dose in DOSES]
    assert read[0] > read[1], read
    assert read[1] > read[2] - 0.03 or read[1] < 0.2, read  # at chance the order means nothing
    assert read[0] > read[2] + 0.2


def test_the_digit_is_lost_later_at_a_lower_temperature(bits):
    for dose in DOSES[1:]:
        read = [bits[rand_bits.row(dose, temperature).name]["digit kNN z"] for temperature in TEMPERATURES]
        assert read[0] >= read[1] - 0.03 >= read[2] - 0.06, (dose, read)
    cold, hot = (bits[rand_bits.row(8, temperature).name]["digit kNN z"] for temperature in (0.05, 1.0))
    assert cold > hot + 0.1


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_everything_that_is_read_without_labels_improves_meanwhile(bits, temperature):
    before, after = (bits[rand_bits.row(dose, temperature).name] for dose in (0, 8))
    assert after["loss"] < before["loss"]
    assert after["alignment"] < before["alignment"]
    assert after["uniformity"] < before["uniformity"]
    assert after["std"] > before["std"] - 0.005
    assert after["rank"] > before["rank"]


def test_bits_that_are_not_shared_change_nothing(bits):
    without, with_noise = bits[rand_bits.row(0, 0.2).name], bits[rand_bits.row(12, 0.2, shared=False).name]
    for accuracy in ("digit h", "digit z", "digit kNN z"):
        assert with_noise[accuracy] > without[accuracy] - 0.1
        assert with_noise[accuracy] > 0.85
    assert with_noise["bit z"] < 0.65


# -- class, sub-class and quantities ---------------------------------------------------------------


@pytest.fixture(scope="module")
def latent() -> Found:
    return trained(latent_factors.rows())


def test_a_healthy_run_keeps_everything_that_views_share(latent):
    healthy = latent["InfoNCE, healthy"]
    assert healthy["std"] > 0.95
    assert min(healthy["class z"], healthy["subclass z"]) > 0.9
    assert healthy["quantities z"] > 0.7


def test_complete_collapse_is_seen_by_spread_and_missed_by_the_probe(latent):
    collapsed = latent["alignment only"]
    assert collapsed["std"] < 0.1
    assert collapsed["uniformity"] > -0.1
    assert collapsed["class z"] > 0.5  # standardised first: far above the chance of 0.125


def test_without_covariance_the_spread_looks_perfect_and_the_rank_does_not(latent):
    healthy, flat = latent["VICReg, healthy"], latent["VICReg without covariance"]
    assert flat["std"] > 0.85
    assert flat["part."] < 0.4 * healthy["part."]
    assert flat["subclass z"] < healthy["subclass z"] - 0.15


def test_noisy_quantities_are_dropped_while_spread_class_and_rank_look_healthy(latent):
    healthy, noisy = latent["InfoNCE, healthy"], latent["InfoNCE, noisy quantities"]
    assert noisy["quantities z"] < 0.35 < healthy["quantities z"]
    assert noisy["std"] > 0.9
    assert noisy["class z"] > 0.95


def test_class_collapse_reads_the_class_and_not_the_subclass(latent):
    healthy, told = latent["InfoNCE, healthy"], latent["SupCon"]
    assert told["class z"] > 0.98
    assert told["subclass z"] < 0.5 < healthy["subclass z"]
    assert told["NC1 z"] < 0.1 * healthy["NC1 z"]


def test_small_spread_within_classes_alone_does_not_tell_which_collapse(latent):
    """Rank does."""
    told, flat = latent["SupCon"], latent["VICReg without covariance"]
    assert flat["NC1 z"] < 0.5 * latent["VICReg, healthy"]["NC1 z"]
    assert flat["part."] < told["part."]


# -- shape, texture and colour ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def features() -> Found:
    return trained(tri_feature.rows())


def test_what_views_leave_alone_and_is_easy_wins(features):
    still, changed = features["views that move and cut"], features["and change colours"]
    assert still["colour h"] > 0.9 > still["shape h"] > still["texture h"]
    assert changed["colour h"] < still["colour h"] - 0.15
    assert changed["shape h"] > still["shape h"]


def test_a_colour_that_tells_the_shape_takes_its_place(features):
    free, told = features["views that move and cut"], features["colour tells the shape"]
    assert told["colour h"] > 0.9
    assert told["shape h"] < free["shape h"] - 0.15
    assert told["shape kNN z"] < free["shape kNN z"] - 0.2
    assert told["shape h"] < features["untrained"]["shape h"]
