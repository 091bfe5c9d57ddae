from __future__ import annotations

import math

import pytest
import torch

from tests.losses.case import Case
from tests.reference import group_whitening as slow
from tests.reference.golden import random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError, TooFewRows
from vergence.losses import InfoNCE, NTXent, ShuffledGroupWhitening, WhitenedContrast, group_whiten

# With one group there is nothing to shuffle, and any dim can be dealt.
CASES = [
    Case(
        lambda: WhitenedContrast(NTXent(), 1, draws=2),
        lengths=False,
        collapse=False,
        values=True,  # eigenvectors are not made without numbers
        rows=8,
        close=1e-3,
    ),
    Case(
        lambda: WhitenedContrast(InfoNCE(), 1),
        symmetric=False,
        lengths=False,
        collapse=False,
        values=True,
        rows=8,
        close=1e-3,
    ),
]


@pytest.mark.parametrize(("batch", "dim", "groups"), [(2, 1, 1), (9, 4, 1), (9, 4, 2), (9, 12, 4), (3, 6, 6)])
def test_agrees_with_the_loops(batch: int, dim: int, groups: int) -> None:
    a, _ = random_batch(batch, dim, seed=batch + dim)
    columns = torch.randperm(dim, generator=torch.Generator().manual_seed(1))
    for order in (None, columns):
        expected = slow.group_whiten(a, groups, None if order is None else order.tolist())
        found = group_whiten(a, groups, columns=order)
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
        single = group_whiten(a.float(), groups, columns=order)
        torch.testing.assert_close(single, torch.tensor(expected, dtype=torch.float32), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(("batch", "dim", "groups"), [(64, 24, 4), (64, 32, 1), (20, 48, 8)])
def test_covariance_of_each_group_is_the_identity(batch: int, dim: int, groups: int) -> None:
    a, _ = random_batch(batch, dim, seed=3)
    columns = torch.randperm(dim, generator=torch.Generator().manual_seed(2))
    white = group_whiten(a + 3, groups, columns=columns)
    identity = torch.eye(dim // groups, dtype=torch.float64)
    for mine in columns.view(groups, -1):
        torch.testing.assert_close(white[:, mine].T @ white[:, mine] / batch, identity, rtol=0, atol=1e-10)
    if groups > 1:  # across groups correlation stays
        whole = white.T @ white / batch
        assert float((whole - torch.eye(dim, dtype=torch.float64)).abs().max()) > 0.1


def test_one_group_turns_with_its_rows_and_dim_groups_standardise() -> None:
    a, _ = random_batch(20, 5, seed=1)
    turn = rotation(5, 1)
    torch.testing.assert_close(group_whiten(a @ turn, 1), group_whiten(a, 1) @ turn)
    standard = (a - a.mean(0)) / a.std(0, unbiased=False)
    torch.testing.assert_close(group_whiten(a, 5), standard)
    white = group_whiten(a, 1)
    torch.testing.assert_close(group_whiten(white, 1), white)


def test_gradient_where_eigenvalues_are_alike() -> None:
    # A batch that is white already: the gradient of an eigendecomposition would be NaN here.
    a, _ = random_batch(12, 4, seed=1)
    for rows in (group_whiten(a, 1).requires_grad_(), a.requires_grad_()):
        for groups in (1, 2):
            assert torch.autograd.gradcheck(lambda x, g=groups: group_whiten(x, g), (rows,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_cannot_be_whitened_is_nan_and_not_noise(dtype: torch.dtype) -> None:
    good, _ = random_batch(40, 6, seed=1, dtype=dtype)
    constant, copied, broken = good.clone(), good.clone(), good.clone()
    constant[:, 3] = 1 / 3
    copied[:, 5] = copied[:, 4]
    broken[7, 5] = math.inf
    for bad, columns in ((constant, slice(2, 4)), (copied, slice(4, 6)), (broken, slice(4, 6))):
        lost = torch.isnan(group_whiten(bad, 3)).all(0)
        assert bool(lost[columns].all())
        assert int(lost.sum()) == 2  # the other groups are as they were
    same = torch.linspace(-3, 5, 6, dtype=dtype).expand(40, 6)
    assert math.isnan(float(WhitenedContrast(InfoNCE(), 2)(same, same)))


def test_the_layer_deals_columns_anew_and_from_its_generator() -> None:
    a, _ = random_batch(20, 8, seed=1)
    layer = ShuffledGroupWhitening(4, generator=torch.Generator().manual_seed(3))
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(layer(a), group_whiten(a, 4, columns=order))
    assert not torch.allclose(layer(a), layer(a))
    layer.eval()
    torch.testing.assert_close(layer(a), group_whiten(a, 4))
    torch.testing.assert_close(ShuffledGroupWhitening(4, shuffle=False)(a), group_whiten(a, 4))
    assert repr(layer) == "ShuffledGroupWhitening(groups=4, shuffle=True)"
    assert list(layer.parameters()) == []


def test_whitened_contrast_is_the_loss_of_whitened_views() -> None:
    a, b = random_batch(20, 8, seed=1)
    plain = WhitenedContrast(InfoNCE(0.2), 4, shuffle=False)
    expected = InfoNCE(0.2)(group_whiten(a, 4), group_whiten(b, 4))
    torch.testing.assert_close(plain(a, b), expected)
    drawn = WhitenedContrast(InfoNCE(0.2), 4, draws=3, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    values = []
    for _ in range(3):
        one, other = (torch.randperm(8, generator=generator) for _ in range(2))
        values.append(InfoNCE(0.2)(group_whiten(a, 4, columns=one), group_whiten(b, 4, columns=other)))
    torch.testing.assert_close(drawn(a, b), torch.stack(values).mean())
    assert plain.pair_weights(a, b) is None
    plain.set("temperature", 0.5)
    torch.testing.assert_close(plain(a, b), InfoNCE(0.5)(group_whiten(a, 4), group_whiten(b, 4)))
    assert plain.reference_words(20, 8) == {"chance": "ln 20", "floor": "τ 0.5"}
    assert repr(drawn) == "WhitenedContrast(InfoNCE(temperature=0.2), groups=4, draws=3)"


def test_whitening_spreads_a_cone() -> None:
    # All rows point nearly the same way: cosines say little, whitened ones say everything.
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(64, 8, generator=generator) + 20
    b = a + 0.1 * torch.randn(64, 8, generator=generator)
    plain, white = InfoNCE(0.2), WhitenedContrast(InfoNCE(0.2), 2)
    assert float(plain(a, b)) > 0.95 * plain.chance(64, 8)
    assert float(white(a, b)) < 0.6 * plain.chance(64, 8)


def test_impossible_arguments_are_refused() -> None:
    a, b = random_batch(6, 8, seed=8)
    with pytest.raises(ArgumentError, match=r"group_whiten: 8 columns cannot be dealt to 3 groups"):
        group_whiten(a, 3)
    with pytest.raises(TooFewRows, match=r"group_whiten: 6 rows are to whiten groups of 8 columns.*needs 9 at least"):
        group_whiten(a, 1)
    with pytest.raises(TooFewRows, match=r"whitened InfoNCE: 6 rows are to whiten groups of 8"):
        WhitenedContrast(InfoNCE(), 1)(a, b)
    with pytest.raises(ArgumentError, match=r"ShuffledGroupWhitening: groups is 0"):
        ShuffledGroupWhitening(0)
    with pytest.raises(ArgumentError, match=r"WhitenedContrast: draws is 0"):
        WhitenedContrast(InfoNCE(), 2, draws=0)
    with pytest.raises(ShapeError, match=r"columns is \(3\) but z has 8 columns"):
        group_whiten(a, 4, columns=torch.arange(3))
    with pytest.raises(ArgumentError, match=r"columns does not name each of 8 columns once"):
        group_whiten(a, 4, columns=torch.zeros(8, dtype=torch.long))
    with pytest.raises(DeviceMismatch, match=r"columns.to"):
        group_whiten(a, 4, columns=torch.arange(8, device="meta"))
