from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tests.losses.case import Case
from tests.reference import datum_index as slow
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError
from vergence.losses import DatumIndex, datum_index


def seeded(dim: int, smoothing: float = 0.8) -> DatumIndex:
    """The same layer each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the layer draws from the global generator, as every layer does
        return DatumIndex(20, dim, smoothing)


def places(*views: Tensor) -> dict[str, Tensor]:
    return {"index": (7 * torch.arange(len(views[0]))) % 20}


def frozen(dim: int) -> DatumIndex:
    return seeded(dim).requires_grad_(False)


SHAPE = {"views": 1, "rows": 1, "rotates": False, "lengths": False, "collapse": False}
CASES = [
    Case(lambda: frozen(7), places, values=True, smooth=False, **SHAPE),  # the layer is made for one dim and device
]


def test_gradients_reach_rows_and_layer() -> None:
    z, _ = random_batch(5, 4, seed=3)
    layer, _ = random_batch(6, 4, seed=4)
    index = torch.tensor([0, 5, 2, 2, 1])
    given = (z.requires_grad_(), layer.requires_grad_())
    assert torch.autograd.gradcheck(lambda x, w: datum_index(x, index=index, layer=w), given)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.8])
@pytest.mark.parametrize(("batch", "dim", "items"), [(1, 1, 2), (5, 3, 9), (8, 6, 4)])
def test_agrees_with_the_loops_and_with_torch(batch: int, dim: int, items: int, smoothing: float) -> None:
    z, _ = random_batch(batch, dim, seed=batch)
    layer, _ = random_batch(items, dim, seed=items)
    index = torch.arange(batch) % items
    found = datum_index(z, index=index, layer=layer, label_smoothing=smoothing)
    assert float(found) == pytest.approx(slow.datum_index(z, index.tolist(), layer, smoothing), abs=1e-9)
    torch.testing.assert_close(found, cross_entropy(z @ layer.T, index, label_smoothing=smoothing))
    single = datum_index(z.float(), index=index, layer=layer.float(), label_smoothing=smoothing)
    assert float(single) == pytest.approx(float(found), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 0.8])
def test_chance_and_floor_are_its_ends(smoothing: float) -> None:
    loss = DatumIndex(6, 6, smoothing)
    z, index = torch.eye(6, dtype=torch.float64), torch.arange(6)
    torch.nn.init.zeros_(loss.layer.weight)
    assert float(loss(z, index=index).detach()) == pytest.approx(loss.chance(6, 6)) == math.log(6)
    target = torch.full((6, 6), smoothing / 6, dtype=torch.float64) + (1 - smoothing) * torch.eye(6)
    at_target = datum_index(z, index=index, layer=(target + 1e-300).log(), label_smoothing=smoothing)
    assert float(at_target) == pytest.approx(loss.floor(6, 6), abs=1e-9)
    assert loss.reference_words(6, 6) == {"chance": "ln 6", "floor": "entropy of the target"}


def test_the_ends_that_the_docstring_names() -> None:
    loss = DatumIndex(10_000, 2)
    assert loss.chance(1, 2) == pytest.approx(9.21, abs=5e-3)
    assert loss.floor(1, 2) == pytest.approx(7.87, abs=5e-3)


def test_each_view_is_classified_for_itself() -> None:
    a, b = random_batch(5, 4, seed=0)
    loss = seeded(4)
    index = places(a)["index"]
    both = loss(a, b, index=index)
    torch.testing.assert_close(both, (loss(a, index=index) + loss(b, index=index)) / 2)
    torch.testing.assert_close(
        loss(a, index=index), (loss(a[:2], index=index[:2]) * 2 + loss(a[2:], index=index[2:]) * 3) / 5
    )


def test_the_layer_is_a_parameter_and_learns() -> None:
    z, _ = random_batch(8, 16, seed=1, dtype=torch.float32)
    loss = seeded(16, 0.0)
    (layer,) = loss.parameters()
    assert layer.shape == (20, 16)
    assert repr(loss) == "DatumIndex(label_smoothing=0)"
    index = places(z)["index"]
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.1)
    before = float(loss(z, index=index).detach())
    for _ in range(30):
        optimiser.zero_grad()
        loss(z, index=index).backward()
        optimiser.step()
    assert float(loss(z, index=index).detach()) < 0.2 * before
    assert "layer.weight" in loss.state_dict()


def test_terms_have_their_shares() -> None:
    z, _ = random_batch(6, 4, seed=2)
    loss, index = seeded(4), places(z)["index"]
    loss.set("label_smoothing", 0.0)
    assert float(loss.terms(z, index=index)["others"].detach()) == 0
    assert loss.pair_weights(z, index=index) is None


def test_words_of_what_cannot_be() -> None:
    z, _ = random_batch(4, 3, seed=0)
    loss = DatumIndex(5, 3)
    with pytest.raises(ArgumentError, match=r"index 9 came but the layer has 5 items, 0 to 4. Make it with n_items=10"):
        loss(z, index=torch.tensor([0, 9, 2, 3]))
    with pytest.raises(ArgumentError, match=r"index 5 came but the layer has 5 items"):
        loss(z, index=torch.tensor([0, 5, 2, 3]))
    with pytest.raises(ArgumentError, match=r"index -1 came.*Count items from 0"):
        loss(z, index=torch.tensor([0, -1, 2, 3]))
    with pytest.raises(ArgumentError, match="index is missing"):
        loss(z)
    with pytest.raises(ShapeError, match="index is"):
        loss(z, index=torch.arange(3))
    with pytest.raises(ShapeError, match="Make it with dim=2"):
        loss(z[:, :2], index=torch.arange(4))
    with pytest.raises(DeviceMismatch, match="index is on meta"):
        loss(z, index=torch.arange(4, device="meta"))
    with pytest.raises(DeviceMismatch, match="the layer is on meta"):
        loss.to("meta")(z, index=torch.arange(4))
    with pytest.raises(ArgumentError, match="label_smoothing is 1"):
        DatumIndex(5, 3, label_smoothing=1.0)
    with pytest.raises(ArgumentError, match="n_items is 1"):
        DatumIndex(1, 3)
