"""What may be changed while a model trains, and what is refused in words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vergence import errors, losses
from vergence.training import controls as knobs
from vergence.training.controls import Controls


@pytest.fixture
def controls() -> Controls:
    made, values = Controls(), {"strength": 0.5, "positives": "same image"}
    made.add_loss(losses.NTXent(temperature=0.5))
    made.add(knobs.strength(0.5), lambda: values["strength"], lambda value: values.__setitem__("strength", value))
    made.add(
        knobs.positives(("other artist", "same image"), "same image"),
        lambda: values["positives"],
        lambda value: values.__setitem__("positives", value),
    )
    return made


def test_a_value_is_set_and_the_change_has_words(controls):
    old, new = controls.set("temperature", 0.2)
    assert (old, new) == (0.5, 0.2)
    assert controls.value("temperature") == 0.2
    assert controls.label("temperature", old, new) == "τ 0.5 → 0.2"
    assert controls.label("positives", "same image", "other artist") == "positives same image → other artist"


@pytest.mark.parametrize("value", [1, 0.25, np.float32(0.25), np.int64(1)])
def test_any_number_is_a_number(controls, value):
    assert controls.check("Run.set", "temperature", value) == float(value)
    assert type(controls.check("Run.set", "temperature", value)) is float


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", 0, r"Run\.set: temperature is 0\. .* a finite number above 0; the slider goes from 0\.01 to 1"),
        ("temperature", -0.1, r"temperature is -0\.1"),
        ("temperature", float("nan"), r"temperature is nan"),
        ("temperature", float("inf"), r"temperature is inf"),
        ("temperature", "0.1", r"temperature is '0\.1', a str\. .* number, for example Run\.set\(temperature=0\.5\)"),
        ("temperature", True, r"temperature is True, a bool"),
        ("temperature", None, r"temperature is None, a NoneType"),
        ("strength", 1.5, r"strength is 1\.5\. It must lie between 0 and 1\."),
        ("strength", float("nan"), r"strength is nan"),
        ("positives", "same imgae", r"no kind of positives 'same imgae'\. Did you mean 'same image'\?"),
        ("temprature", 0.1, r"no control 'temprature'\. Did you mean 'temperature'\? Known: temperature, st"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words_and_changes_nothing(controls, name, value, words):
    before = controls.described()
    with pytest.raises(errors.InputError, match=words):
        controls.check("Run.set", name, value)
    with pytest.raises(errors.InputError):
        controls.set(name, value)
    assert controls.described() == before


def test_a_value_past_the_end_of_the_slider_is_allowed(controls):
    assert controls.set("temperature", 2.0)[1] == 2.0


def test_a_term_of_a_loss_can_be_switched_off_and_on_again():
    loss, made = losses.VICReg(), Controls()
    made.add_loss(loss)
    assert made.names == ("invariance", "variance", "covariance")
    assert made.set("variance", 0) == (25.0, 0.0)
    assert made.set("variance", 25) == (0.0, 25.0)
    with pytest.raises(errors.ArgumentError, match=r"finite number, 0 or above"):
        made.set("variance", -1)


def test_a_count_goes_in_whole_numbers_and_a_setting_may_have_words_of_its_own():
    loss, made = losses.SwAV(prototypes=4, dim=8), Controls()
    made.add_loss(loss)
    described = {entry["name"]: entry for entry in made.described()}
    assert described["iterations"]["whole"]
    assert not described["epsilon"]["whole"]
    assert [described[name]["label"] for name in ("temperature", "epsilon", "iterations")] == [
        "Temperature", "Sinkhorn ε", "Sinkhorn iterations",
    ]  # fmt: skip
    assert made.label("iterations", 3.0, 2.0) == "iterations 3 → 2"
    with pytest.raises(errors.ArgumentError, match=r"iterations is 2\.5\. It must be a whole number"):
        made.set("iterations", 2.5)


def test_a_setting_whose_owner_takes_no_halves_is_a_count():
    def allows(value):
        return value >= 1 and value == int(value)

    made = knobs.setting("neighbours_used", 4.0, allows)
    assert (made.whole, made.low, made.high, made.label) == (True, 1.0, 10.0, "Neighbours used")
    assert not knobs.setting("scale", 4.0, lambda value: value > 0).whole


def two_groups() -> torch.optim.Optimizer:
    layers = nn.Linear(2, 2), nn.Linear(2, 2)
    return torch.optim.SGD(
        [{"params": layers[0].parameters(), "lr": 0.1}, {"params": layers[1].parameters(), "lr": 0.01}]
    )


def rates(optimiser: torch.optim.Optimizer) -> list[float]:
    return [group["lr"] for group in optimiser.param_groups]


def test_parameter_groups_keep_the_ratio_of_their_learning_rates():
    optimiser, made = two_groups(), Controls()
    made.add_learning_rate(optimiser)
    made.set("learning_rate", 0.2)
    assert rates(optimiser) == pytest.approx([0.2, 0.02])
    assert made.in_force() == {"learning_rate": 0.2}


def test_a_learning_rate_of_zero_can_be_left():
    optimiser, made = two_groups(), Controls()
    optimiser.param_groups[0]["lr"] = 0.0
    made.add_learning_rate(optimiser)
    made.set("learning_rate", 0.05)
    assert rates(optimiser) == [0.05, 0.05]


def test_the_learning_rate_is_the_optimisers_after_a_checkpoint_was_loaded():
    optimiser, made = two_groups(), Controls()
    made.add_learning_rate(optimiser)
    state = two_groups().state_dict()
    state["param_groups"][0]["lr"] = 0.7
    optimiser.load_state_dict(state)  # replaces the list of groups
    assert made.value("learning_rate") == 0.7
    made.set("learning_rate", 0.3)
    assert rates(optimiser)[0] == 0.3


def test_what_is_in_force_are_the_numbers_by_the_key_they_are_recorded_under(controls):
    assert controls.in_force() == {"control/temperature": 0.5, "control/strength": 0.5}


@pytest.mark.parametrize(
    ("loss", "name", "low", "high", "scale"),
    [
        (losses.DINO(), "teacher_temperature", 0.01, 1.0, "log"),
        (losses.DINO(), "momentum", 0.9, 1.0, "linear"),
        (losses.LeJEPA(), "weight", 0.0, 1.0, "linear"),
        (losses.SwAV(dim=4), "iterations", 0.0, 10.0, "linear"),
        (losses.SwAV(dim=4), "epsilon", 0.0005, 0.5, "log"),
        (losses.BarlowTwins(), "redundancy", 0.00005, 0.05, "log"),
        (losses.SigLIP(), "bias", -20.0, 20.0, "linear"),
    ],
)
def test_the_knob_of_a_setting_fits_what_it_may_be(loss, name, low, high, scale):
    made = Controls()
    made.add_loss(loss)
    knob = {entry["name"]: entry for entry in made.described()}[name]
    assert (knob["low"], knob["high"], knob["scale"]) == (pytest.approx(low), pytest.approx(high), scale)
    assert knob["low"] <= knob["value"] <= knob["high"]


def test_asking_what_a_setting_may_be_changes_nothing():
    loss = losses.LeJEPA()
    before = loss.settings()
    Controls().add_loss(loss)
    assert loss.settings() == before


def test_a_coefficient_is_zero_only_where_the_loss_takes_it():
    made = Controls()
    made.add_loss(losses.SwAV(dim=4))
    with pytest.raises(errors.ArgumentError, match=r"epsilon is 0\. It must be a finite number above 0"):
        made.check("Run.set", "epsilon", 0)


def test_a_linear_knob_that_is_not_strict_leaves_it_to_its_setter():
    made, loss = Controls(), losses.DINO()
    made.add_loss(loss)
    assert made.set("momentum", 0.5) == (0.9, 0.5)
    with pytest.raises(errors.ArgumentError, match=r"momentum is 1\.5"):
        made.set("momentum", 1.5)
    with pytest.raises(errors.ArgumentError, match=r"momentum is nan\. It must be a finite number\."):
        made.check("Run.set", "momentum", float("nan"))
