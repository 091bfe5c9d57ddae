"""What every method is made of: an encoder, a head, views, an optimiser, each ours or the user's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import vergence as vg
from vergence import errors
from vergence.methods import Recipe

METHODS = [vg.methods.SimCLR, vg.methods.VICReg]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("shape", "encoder", "views"),
    [((3, 16, 16), vg.models.ConvEncoder, vg.views.Images), ((7,), vg.models.MLPEncoder, vg.views.Vectors)],
)
def test_the_parts_fit_the_data(method, shape, encoder, views):
    recipe = method(dim=5)
    learner = recipe.build(shape)
    assert isinstance(learner.encoder, encoder)
    assert isinstance(recipe.views_for(shape), views)
    h, z = learner(torch.rand(4, *shape))
    assert h.ndim == 2
    assert z.shape == (4, 5)


@pytest.mark.parametrize("method", METHODS)
def test_the_settings_reach_their_parts(method):
    recipe = method(strength=0.8, learning_rate=0.02, weight_decay=0.3)
    assert recipe.views_for((7,)).strength == 0.8
    (group,) = recipe.optimiser(recipe.build((7,))).param_groups
    assert (group["lr"], group["weight_decay"]) == (0.02, 0.3)


def test_the_losses_have_the_stated_defaults():
    assert vg.methods.SimCLR().loss.settings() == {"temperature": 0.2}
    assert vg.methods.VICReg().loss.settings() == {"invariance": 25.0, "variance": 25.0, "covariance": 1.0}
    assert [method().name for method in METHODS] == ["SimCLR", "VICReg"]


@pytest.mark.parametrize("method", METHODS)
def test_a_setting_that_does_not_exist_is_refused_with_the_nearest_name(method):
    with pytest.raises(errors.UnknownName, match=rf"{method.name}: .* 'learning_rat'\. Did you mean 'learning_rate'\?"):
        method(learning_rat=0.1)


def test_the_methods_own_settings_are_offered_too():
    with pytest.raises(errors.UnknownName, match=r"Did you mean 'temperature'\?"):
        vg.methods.SimCLR(temprature=0.1)
    with pytest.raises(errors.UnknownName, match=r"Did you mean 'variance'\?"):
        vg.methods.VICReg(varianc=1.0)


@pytest.mark.parametrize("value", [0, -0.2, float("nan")])
def test_impossible_temperatures_are_refused(value):
    with pytest.raises(errors.ArgumentError, match=r"temperature is .* finite number above 0"):
        vg.methods.SimCLR(temperature=value)


def test_a_module_that_is_handed_over_is_copied():
    encoder = nn.Linear(7, 3)
    learner = vg.methods.SimCLR(encoder=encoder).build((7,))
    with torch.no_grad():
        learner.encoder.weight.zero_()
    assert float(encoder.weight.detach().abs().sum()) > 0


def test_a_module_without_layers_is_a_module():
    """An empty Sequential is falsy; as a head it means: no head."""
    learner = vg.methods.SimCLR(encoder=lambda: nn.Linear(7, 3), projector=nn.Sequential()).build((7,))
    h, z = learner(torch.rand(4, 7))
    assert torch.equal(h, z)
    learner = vg.methods.SimCLR(encoder=nn.Sequential(), dim=2).build((7,))
    assert learner(torch.rand(4, 7))[0].shape == (4, 7)


def test_a_function_that_makes_no_module_is_named():
    def forgot() -> None:
        nn.Linear(7, 3)

    with pytest.raises(errors.ArgumentError, match=r"encoder='forgot' made a NoneType\. It must be an nn\.Module"):
        vg.methods.SimCLR(encoder=forgot).build((7,))


class Odd(nn.Module):
    def __init__(self, turn) -> None:
        super().__init__()
        self.turn = turn

    def forward(self, x: Tensor) -> object:
        return self.turn(x)


@pytest.mark.parametrize(
    ("turn", "came"),
    [
        (lambda x: x[:, None, :, None], r"\(2, 1, 7, 1\)"),
        (lambda x: x[0], r"\(7\)"),
        (lambda x: x.repeat(2, 1), r"\(4, 7\)"),
        (lambda x: (x, x), "tuple"),
    ],
    ids=["a feature map", "one row", "too many rows", "two things"],
)
def test_an_encoder_that_returns_no_rows_is_refused_in_a_sentence(turn, came):
    with pytest.raises(
        errors.ShapeError,
        match=rf"The encoder turns \(2, 7\) into {came}\. It must return one row per item, \(batch, dim\); add a",
    ):
        vg.methods.SimCLR(encoder=Odd(turn)).build((7,))


def test_an_encoder_for_other_items_is_refused_before_training():
    with pytest.raises(
        errors.ShapeError,
        match=r"The encoder cannot take \(2, 7\): .*cannot be multiplied.*encoder=None makes one that fits",
    ):
        vg.methods.SimCLR(encoder=nn.Linear(8, 3)).build((7,))
    with pytest.raises(errors.ShapeError, match=r"ConvEncoder: x is \(2, 7\)"):
        vg.methods.SimCLR(encoder=vg.models.ConvEncoder()).build((7,))


def test_a_head_for_other_rows_is_refused_before_training():
    with pytest.raises(errors.ShapeError, match=r"The projector cannot take \(2, 3\): .*projector=None makes a head"):
        vg.methods.SimCLR(encoder=nn.Linear(7, 3), projector=nn.Linear(4, 2)).build((7,))


def test_trying_the_encoder_leaves_it_as_it_was():
    encoder = nn.Sequential(nn.Linear(7, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    encoder[1].eval()
    before = [value.clone() for value in encoder.state_dict().values()]
    learner = vg.methods.SimCLR(encoder=encoder).build((7,))
    assert [part.training for part in learner.encoder] == [True, False, True]
    assert all(torch.equal(a, b) for a, b in zip(before, learner.encoder.state_dict().values(), strict=True))


def test_items_of_another_kind_need_an_encoder_of_the_users():
    with pytest.raises(errors.ShapeError, match=r"The items are \(5, 7\)\. .*SimCLR\(encoder=your_module\)"):
        vg.methods.SimCLR().build((5, 7))


def test_a_recipe_of_the_users_is_a_recipe():
    class Mine(Recipe):
        name = "Mine"

        def __init__(self) -> None:
            super().__init__(vg.losses.InfoNCE(temperature=0.3), dim=4)

    run = vg.Run(Mine(), torch.randn(20, 6), batch=8, save=False, driver="inline", reference=0).start(steps=2)
    assert run.name.startswith("tensor-mine")
    assert run.controls.value("temperature") == 0.3
