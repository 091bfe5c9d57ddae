from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import rotation_equivariance as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError
from vergence.losses import NTXent, RotationEquivariance, gram_matching, nt_xent, rotation_equivariance


def in_groups(*views: Tensor) -> dict[str, Tensor]:
    return {"groups": torch.arange(len(views[0])) // 3}


CASES = [
    Case(RotationEquivariance),
    Case(lambda: RotationEquivariance(0.2, 5.0), more=in_groups, label="CARE, groups"),
]


@pytest.mark.parametrize(("temperature", "weight"), [(0.5, 0.9), (0.1, 0.0), (1.0, 20.0)])
@pytest.mark.parametrize(("batch", "dim"), [(2, 1), (4, 6), (9, 3)])
def test_agrees_with_the_loops_in_both_orders(batch: int, dim: int, temperature: float, weight: float) -> None:
    a, b = random_batch(batch, dim, seed=batch + dim)
    for groups in (None, torch.arange(batch) // 2):
        ids = None if groups is None else groups.tolist()
        for first, second in ((a, b), (b, a)):
            expected = slow.rotation_equivariance(first, second, temperature, weight, ids)
            more = {"groups": groups, "temperature": temperature, "equivariance": weight}
            assert float(rotation_equivariance(first, second, **more)) == pytest.approx(expected, abs=1e-9)
            single = rotation_equivariance(first.float(), second.float(), **more)
            assert float(single) == pytest.approx(expected, rel=1e-4)
            assert float(gram_matching(first, second, groups=groups)) == pytest.approx(
                slow.gram_matching(first, second, ids), abs=1e-12
            )


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), batch=st.integers(2, 9), dim=st.integers(1, 6))
def test_is_nothing_exactly_when_one_rotation_joins_the_batches(seed: int, batch: int, dim: int) -> None:
    a, b = random_batch(batch, dim, seed)
    turned = a @ rotation(dim, seed)
    assert float(gram_matching(a, turned)) == pytest.approx(0, abs=1e-25)
    matched = gram_matching(a, b)
    # The other way round: where it is 0, Procrustes finds the rotation; where it is not, none can be found.
    x, y = normalize(a), normalize(b)
    u, _, v = torch.linalg.svd(x.T @ y)
    residual = float((x @ (u @ v) - y).square().sum())
    assert (float(matched) < 1e-20) == (residual < 1e-20)


def test_a_rotation_for_each_group_is_enough() -> None:
    a, _ = random_batch(9, 4, seed=0)
    groups = torch.tensor([2, 0, 1, 1, 0, 2, 2, 1, 0])
    turns = torch.stack([rotation(4, seed) for seed in range(3)])
    b = (a[:, None] @ turns[groups]).squeeze(1)
    assert float(gram_matching(a, b, groups=groups)) == pytest.approx(0, abs=1e-25)
    assert float(gram_matching(a, b)) > 0.01


def test_golden_batch_is_nt_xent_and_the_loops() -> None:
    a, b, _ = golden_batch()
    terms = RotationEquivariance().terms(a, b)
    assert list(terms) == ["pull", "push", "gram"]
    assert float(terms["pull"] + terms["push"]) == pytest.approx(1.3127873820, abs=1e-9)
    assert float(terms["gram"]) == pytest.approx(0.9 * slow.gram_matching(a, b), abs=1e-12)


def test_ends_of_gram_matching() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 600, 32, generator=generator, dtype=torch.float64)
    assert float(gram_matching(a, b)) == pytest.approx(2 / 32, rel=0.02)
    same = torch.ones(3, 4)
    assert float(gram_matching(same, a[:3, :4].float().expand(3, 4)[:1].expand(3, 4))) == pytest.approx(0, abs=1e-12)
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert float(gram_matching(opposite, opposite.abs())) == pytest.approx(4)


def test_the_scale_of_the_authors_code() -> None:
    # They take rows of the off-diagonal Gram difference, square and sum them, and double the mean over rows.
    a, b = (normalize(z) for z in random_batch(16, 5, seed=1))
    off = (a @ a.T - b @ b.T).fill_diagonal_(0)
    theirs = 2 * off.square().sum(1).mean()
    torch.testing.assert_close(gram_matching(a, b) * 30, theirs)


def test_pair_weights_of_the_gram_term_stay_within_a_view() -> None:
    a, b = random_batch(6, 4, seed=2)
    difference = RotationEquivariance(0.5, 2.0).pair_weights(a, b) - NTXent(0.5).pair_weights(a, b)
    assert torch.equal(difference[:6, 6:], torch.zeros(6, 6, dtype=torch.float64))
    torch.testing.assert_close(difference[:6, :6], -difference[6:, 6:])
    nearer = normalize(a) @ normalize(a).T > normalize(b) @ normalize(b).T
    off = ~torch.eye(6, dtype=torch.bool)
    assert torch.equal((difference[:6, :6] > 0)[off], nearer[off])


def test_without_weight_it_is_nt_xent() -> None:
    a, b = random_batch(6, 4, seed=3)
    torch.testing.assert_close(rotation_equivariance(a, b, equivariance=0), nt_xent(a, b, temperature=0.5))


def test_words_of_what_cannot_be() -> None:
    a, b = random_batch(4, 3, seed=0)
    with pytest.raises(ArgumentError, match="all 4 groups hold one item"):
        gram_matching(a, b, groups=torch.arange(4))
    with pytest.raises(ShapeError, match="groups is"):
        rotation_equivariance(a, b, groups=torch.arange(3))
    with pytest.raises(DeviceMismatch, match="groups is on meta"):
        gram_matching(a, b, groups=torch.zeros(4, dtype=torch.long, device="meta"))
    with pytest.raises(ArgumentError, match="equivariance is -1"):
        rotation_equivariance(a, b, equivariance=-1)
    with pytest.raises(ArgumentError, match="temperature is 0"):
        RotationEquivariance(0)
