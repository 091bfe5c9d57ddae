"""Hard negative mixing: what is mixed, that it lies on the sphere, and how hard it is."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from tests.reference import pair_makers as slow
from vergence import errors
from vergence.losses import info_nce
from vergence.methods.pairs import hard_mixes, mochi


def rows(n, dim=6, seed=0, dtype=torch.float64):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_mix_is_what_the_paper_says():
    query, negatives = rows(5), 3 * rows(40, seed=1)
    mixes = hard_mixes(query, negatives, n_hard=8, n_mix=6, n_query_mix=4, generator=seeded())
    assert mixes.rows.shape == (5, 10, 6)
    expected = slow.hardest(query, negatives, 8)
    assert mixes.hardest.tolist() == expected
    for i in range(5):
        for k in range(10):
            first, second, share = (int(mixes.first[i, k]), int(mixes.second[i, k]), float(mixes.share[i, k]))
            assert first in expected[i]
            other = query[i] if k >= 6 else negatives[second]
            if k < 6:
                assert second in expected[i]
                assert second != first
                assert 0 <= share <= 1
            else:
                assert second == -1
                assert share > 0.5  # the query has less than half
            assert mixes.rows[i, k].tolist() == pytest.approx(
                slow.mix(negatives[first].tolist(), other.tolist(), share), abs=1e-12
            )


def test_no_mixes_is_moco():
    query, key, negatives = rows(5), rows(5, seed=2), rows(40, seed=1)
    mixes = hard_mixes(query, negatives, n_hard=8, n_mix=0, n_query_mix=0)
    assert mixes.rows.shape == (5, 0, 6)
    found = mochi(query, key, negatives, mixes.rows, temperature=0.2)
    assert float(found) == pytest.approx(float(info_nce(query, key, negatives=negatives, temperature=0.2)), abs=1e-12)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_loss_is_what_the_loops_say(temperature):
    query, key, negatives = rows(4), rows(4, seed=2), rows(20, seed=1)
    mixes = hard_mixes(query, negatives, n_hard=5, n_mix=3, n_query_mix=2, generator=seeded())
    expected = slow.mochi(query, key, negatives, mixes.rows, temperature)
    found = mochi(3 * query, key, 0.1 * negatives, mixes.rows, temperature=temperature)
    assert float(found) == pytest.approx(expected, abs=1e-12)
    assert found > info_nce(query, key, negatives=negatives, temperature=temperature)
    one = torch.ones(4, 6, dtype=torch.float64)
    same = mochi(one, one, one[:3], one[:, None].repeat(1, 2, 1), temperature=temperature)
    assert float(same) == pytest.approx(math.log(1 + 3 + 2))
    with pytest.raises(errors.ShapeError, match=r"mixes is \(4, 6\)\. Each query has its own: \(4, mixes, 6\)"):
        mochi(query, key, negatives, one, temperature=1.0)


@given(seed=st.integers(0, 10_000), dim=st.integers(2, 12), length=st.floats(0.01, 100))
def test_a_mix_is_never_easier_than_the_easier_of_its_parts(seed, dim, length):
    query, negatives = normalize(rows(4, dim, seed)), length * rows(60, dim, seed + 1)
    mixes = hard_mixes(query, negatives, n_hard=6, n_mix=12, n_query_mix=6, generator=seeded(seed))
    assert torch.allclose(mixes.rows.norm(dim=2), torch.ones(4, 18, dtype=torch.float64), atol=1e-12)
    n = normalize(negatives)
    reads = (mixes.rows * query[:, None]).sum(2)
    of_first = (n[mixes.first] * query[:, None]).sum(2)
    of_second = torch.where(mixes.second < 0, torch.ones_like(reads), (n[mixes.second] * query[:, None]).sum(2))
    mean = mixes.share * of_first + (1 - mixes.share) * of_second
    sound = torch.minimum(of_first, of_second) >= 0
    assert (reads >= mean - 1e-9)[mean >= 0].all()
    assert (reads >= torch.minimum(of_first, of_second) - 1e-9)[sound].all()
    # A query mix stays nearer to its negative than to the query.
    toward = (mixes.rows[:, 12:] * n[mixes.first[:, 12:]]).sum(2)
    assert (toward >= reads[:, 12:] - 1e-9).all()


def test_mixes_are_harder_than_what_they_are_made_of():
    query, negatives = normalize(rows(20, 16)), normalize(rows(256, 16, 1))
    mixes = hard_mixes(query, negatives, n_hard=32, n_mix=200, n_query_mix=100, generator=seeded())
    reads = (mixes.rows * query[:, None]).sum(2)
    every = (query @ negatives.T).mean()
    hard = (query @ negatives.T).gather(1, mixes.hardest).mean()
    # Measured 0.00, 0.45, 0.55, 0.70: each kind is harder than the one before.
    assert every + 0.2 < hard
    assert hard + 0.05 < reads[:, :200].mean()
    assert reads[:, :200].mean() + 0.05 < reads[:, 200:].mean()


def test_a_row_of_the_same_id_is_no_negative():
    z = rows(12)
    ids = torch.arange(6).repeat(2)
    mixes = hard_mixes(z, z, n_hard=10, n_mix=50, n_query_mix=20, apart=(ids, ids), generator=seeded())
    assert not (ids[mixes.hardest] == ids[:, None]).any()
    assert not (ids[mixes.first] == ids[:, None]).any()
    with pytest.raises(errors.TooFewRows, match=r"n_hard is 11 but there are 10 negatives\. Use n_hard=10"):
        hard_mixes(z, z, n_hard=11, apart=(ids, ids))


def test_only_the_generator_decides_and_no_gradient_flows():
    query, negatives = rows(5).requires_grad_(), rows(40, seed=1)
    state = torch.get_rng_state()
    first = hard_mixes(query, negatives, n_hard=8, generator=seeded(3))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(9)
    second = hard_mixes(query, negatives, n_hard=8, generator=seeded(3))
    assert torch.equal(first.rows, second.rows)
    assert not torch.equal(first.rows, hard_mixes(query, negatives, n_hard=8, generator=seeded(4)).rows)
    assert not first.rows.requires_grad


def test_half_precision_is_computed_in_single_and_nan_comes_through():
    query, negatives = rows(5), rows(40, seed=1)
    half = hard_mixes(query.bfloat16(), negatives.bfloat16(), n_hard=8, generator=seeded())
    assert half.rows.dtype == torch.float32
    negatives[3] = torch.nan
    assert hard_mixes(query, negatives, n_hard=40, n_mix=400, generator=seeded()).rows.isnan().any()


def test_what_cannot_be_mixed_is_refused_in_a_sentence():
    query, negatives = rows(5), rows(40, seed=1)
    with pytest.raises(errors.TooFewRows, match=r"n_hard is 41 but there are 40 negatives\. Use n_hard=40 or less"):
        hard_mixes(query, negatives, n_hard=41)
    with pytest.raises(errors.ArgumentError, match=r"a pair mix needs two negatives"):
        hard_mixes(query, negatives, n_hard=1, n_mix=1)
    with pytest.raises(errors.ShapeError, match=r"query is \(5, 6\) but negatives is \(40, 7\)"):
        hard_mixes(query, rows(40, 7))
    with pytest.raises(errors.ArgumentError, match=r"n_mix is -1"):
        hard_mixes(query, negatives, n_hard=3, n_mix=-1)
    with pytest.raises(errors.ShapeError, match=r"flatten it first"):
        hard_mixes(query[None], negatives)
