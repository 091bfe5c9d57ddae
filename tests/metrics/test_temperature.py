"""Shares of the push, their entropy, and the coupling."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case
from tests.reference import temperature as slow
from tests.reference.golden import golden_batch, random_batch
from vergence import losses
from vergence.errors import ArgumentError, ShapeError, TooFewRows
from vergence.geometry import unit
from vergence.metrics import coupling, gradient_shares, temperature
from vergence.metrics.temperature import WEIGHT_BINS

TEMPERATURES = (0.02, 0.05, 0.07, 0.1, 0.2, 0.5, 1.0, 5.0)


def pairs(batch: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines of two views with one another, who is positive, who is negative: as NT-Xent compares them."""
    a, b = random_batch(batch, dim, seed, dtype)
    return compared(a, b)


def compared(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    z = unit(torch.cat([a, b]))
    same = torch.eye(len(a), dtype=torch.bool).repeat(2, 2)
    itself = torch.eye(len(z), dtype=torch.bool)
    return z @ z.T, same & ~itself, ~same


@pytest.mark.parametrize("tau", [0.01, 0.07, 0.5, 3.0])
@pytest.mark.parametrize(("batch", "dtype"), [(2, torch.float64), (9, torch.float64), (70, torch.float32)])
def test_it_is_what_the_papers_say_pair_by_pair(tau: float, batch: int, dtype: torch.dtype) -> None:
    cosines, positive, negative = pairs(batch, 5, seed=batch, dtype=dtype)
    found = temperature(cosines, positive, negative=negative, temperature=tau)
    rows = [[float(s) for s in row] for row in cosines]
    of = [torch.nonzero(row).flatten().tolist() for row in negative]
    every = [slow.shares(row, ids, tau) for row, ids in zip(rows, of, strict=True)]
    mean = lambda values: math.fsum(values) / len(rows)  # noqa: E731
    assert found.entropy == pytest.approx(mean(map(slow.entropy, every)), abs=1e-9)
    assert found.share_hardest == pytest.approx(mean(map(slow.of_hardest, rows, every)), abs=1e-9)
    partner = [(i + batch) % (2 * batch) for i in range(2 * batch)]
    q = [slow.coupling(row, p, ids, tau) for row, p, ids in zip(rows, partner, of, strict=True)]
    assert found.coupling == pytest.approx(mean(q), abs=1e-9)
    assert found.coupling_counts is not None
    assert int(found.coupling_counts.sum()) == len(q)
    assert int(found.coupling_counts[-1]) == sum(value >= 0.95 for value in q)
    counts, sums = slow.weight_by_bin(rows, every, WEIGHT_BINS)
    assert found.counts.tolist() == counts
    for count, total, weight, push in zip(counts, sums, found.weight, found.push, strict=True):
        assert math.isnan(weight) == (count == 0)
        assert float(push) == pytest.approx(total / (len(rows) * (2 * batch - 2)), abs=1e-9)
        if count:
            assert float(weight) == pytest.approx(total / count, rel=1e-7, abs=1e-12)
    assert (found.anchors, found.anchors_left_out, found.pairs_left_out) == (2 * batch, 0, 0)
    assert found.negatives == 2 * batch - 2


def test_golden_batch() -> None:
    a, b, _ = golden_batch()
    cosines, positive, negative = compared(a, b)
    found = temperature(cosines, positive, negative=negative, temperature=0.5)
    assert found.entropy == pytest.approx(2.2125762062, abs=1e-9)
    assert found.share_hardest == pytest.approx(0.2061553616, abs=1e-9)
    assert found.coupling == pytest.approx(0.7298342161, abs=1e-9)


def test_on_fixed_embeddings_the_entropy_rises_strictly_with_the_temperature_to_its_ceiling() -> None:
    z = unit(torch.randn(200, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    itself = torch.eye(200, dtype=torch.bool)
    found = [temperature(z @ z.T, ~itself & itself, negative=~itself, temperature=tau) for tau in TEMPERATURES]
    entropies = [one.entropy for one in found]
    assert entropies == sorted(set(entropies))
    assert entropies[-1] < math.log(199)
    assert entropies[-1] == pytest.approx(math.log(199), abs=0.01)
    assert [one.share_hardest for one in found] == sorted((one.share_hardest for one in found), reverse=True)
    assert found[0].coupling is None


def test_both_ends() -> None:
    cosines, positive, negative = pairs(20, 4, seed=3)
    hot = temperature(cosines, positive, negative=negative, temperature=1e9)
    assert hot.entropy == pytest.approx(math.log(38), abs=1e-6)
    assert hot.entropy_share == pytest.approx(1.0, abs=1e-6)
    assert hot.share_hardest == pytest.approx(hot.even_hardest) == pytest.approx(1 / 38)
    assert hot.coupling == pytest.approx(38 / 39)
    assert float(torch.nan_to_num(hot.weight, nan=1.0).sub(1).abs().max()) < 1e-6
    cold = temperature(cosines, positive, negative=negative, temperature=1e-6)
    assert (cold.entropy, cold.share_hardest) == (pytest.approx(0.0, abs=1e-12), 1.0)


def test_at_collapse_all_negatives_count_alike_at_any_temperature() -> None:
    ones = torch.ones(6, 6)
    itself = torch.eye(6, dtype=torch.bool)
    for tau in (1e-3, 1.0):
        found = temperature(ones, itself, temperature=tau)
        assert found.entropy == pytest.approx(math.log(5))
        assert found.coupling == pytest.approx(5 / 6)


def test_q_grows_with_the_batch() -> None:
    found = []
    for batch in (2, 4, 8, 32, 128):
        cosines, positive, negative = pairs(batch, 16, seed=1)
        found.append(temperature(cosines, positive, negative=negative, temperature=0.2).coupling)
    assert found == sorted(set(found))


def test_q_is_what_nt_xent_multiplies_every_gradient_with() -> None:
    a, b = random_batch(9, 4, seed=2)
    cosines, positive, negative = compared(a, b)
    weights = losses.NTXent(temperature=0.3).pair_weights(a, b)
    found = temperature(cosines, positive, negative=negative, temperature=0.3, weights=weights)
    assert float((weights * negative).sum()) * 0.3 == pytest.approx(found.coupling, abs=1e-12)
    plain = temperature(cosines, positive, negative=negative, temperature=0.3)
    assert found.entropy == pytest.approx(plain.entropy, abs=1e-12)
    torch.testing.assert_close(found.weight, plain.weight, equal_nan=True)


def test_weights_of_any_loss_are_shared_out_by_their_size() -> None:
    cosines = torch.tensor([[0.9, 0.1, -0.2, 0.5]])
    positive = torch.tensor([[True, False, False, False]])
    found = temperature(cosines, positive, weights=torch.tensor([[-9.0, 0.0, -1.0, 3.0]]))
    assert found.entropy == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)))
    assert found.share_hardest == 0.75
    assert found.coupling is None
    assert found.weight[[35, 25, 48]].tolist() == [0.0, 0.75, 2.25]


def test_one_negative_takes_all_and_that_is_even() -> None:
    found = temperature(torch.tensor([[0.2, 0.4]]), torch.tensor([[True, False]]), temperature=0.1)
    assert (found.entropy, found.entropy_share, found.share_hardest, found.even_hardest) == (0.0, 1.0, 1.0, 1.0)


def test_drawn_negatives_stand_for_the_others() -> None:
    cosines, positive, negative = pairs(9, 4, seed=5)
    whole = temperature(
        torch.cat([cosines] * 3, 1), torch.cat([positive, *[positive & ~positive] * 2], 1),
        negative=torch.cat([negative] * 3, 1), temperature=0.2,
    )  # fmt: skip
    drawn = temperature(cosines, positive, negative=negative, temperature=0.2, stands_for=3.0)
    assert drawn.entropy == pytest.approx(whole.entropy)
    assert drawn.entropy_share == pytest.approx(whole.entropy_share)
    assert drawn.coupling == pytest.approx(whole.coupling)
    assert drawn.negatives == whole.negatives == 48


def test_what_is_not_finite_is_left_out_and_counted() -> None:
    cosines, positive, negative = pairs(6, 4, seed=6)
    bad = cosines.clone()
    bad[2] = math.nan
    bad[:, 2] = math.nan
    keep = torch.arange(12) != 2
    found = temperature(bad, positive, negative=negative, temperature=0.2)
    alone = temperature(
        cosines[keep][:, keep], positive[keep][:, keep], negative=negative[keep][:, keep], temperature=0.2
    )
    assert found.entropy == pytest.approx(alone.entropy)
    assert found.coupling == pytest.approx(alone.coupling)
    assert (found.anchors, found.anchors_left_out, found.pairs_left_out) == (11, 1, 22)


def test_anchors_without_a_negative_or_a_weight_are_left_out() -> None:
    cosines, none = torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.bool)
    negative = torch.tensor([[True, True], [False, False], [True, True]])
    weights = torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    found = temperature(cosines, none, negative=negative, weights=weights)
    assert (found.anchors, found.anchors_left_out) == (1, 2)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 12), st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(1.01, 50.0),
)  # fmt: skip
def test_the_numbers_keep_to_their_ranges_and_their_order(batch: int, seed: int, tau: float, times: float) -> None:
    cosines, positive, negative = pairs(batch, 3, seed)
    one, other = (temperature(cosines, positive, negative=negative, temperature=t) for t in (tau, times * tau))
    for found in (one, other):
        assert 0 <= found.entropy <= math.log(2 * batch - 2) + 1e-9
        assert 0 <= found.entropy_share <= 1
        assert found.even_hardest - 1e-9 <= found.share_hardest <= 1 + 1e-9
        assert found.coupling is not None
        assert 0 <= found.coupling <= 1
        assert float(found.push.sum()) == pytest.approx(1)
    assert other.entropy >= one.entropy - 1e-9
    assert other.share_hardest <= one.share_hardest + 1e-9


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.permutations(range(8)))
def test_the_order_of_candidates_does_not_matter(seed: int, order: list[int]) -> None:
    cosines, positive, negative = (matrix[:, :8] for matrix in pairs(8, 3, seed))
    one = temperature(cosines, positive, negative=negative, temperature=0.1)
    other = temperature(cosines[:, order], positive[:, order], negative=negative[:, order], temperature=0.1)
    assert one.entropy == pytest.approx(other.entropy, abs=1e-12)
    assert one.share_hardest == pytest.approx(other.share_hardest, abs=1e-12)


S, P = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
GIVEN: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    (S[0], P, {"temperature": 1.0}, ShapeError, r"cosines is .*\(3\).*unit\(a\) @ unit\(b\)\.T"),
    (S.long(), P, {"temperature": 1.0}, ShapeError, "cosines is .*floating point"),
    (S[:, :0], P[:, :0], {"temperature": 1.0}, ShapeError, "at least one of each"),
    (S, P.float(), {"temperature": 1.0}, ShapeError, "positive is .*boolean"),
    (S, P[:, :2], {"temperature": 1.0}, ShapeError, r"positive is .*cosines is \(2, 3\)"),
    (S, P, {"temperature": 1.0, "negative": P[:1]}, ShapeError, "negative is"),
    (S, P, {"weights": S[:1]}, ShapeError, "weights is .*per pair"),
    (S + 2, P, {"temperature": 1.0}, ArgumentError, "cosines reaches 2.*unit length"),
    (S, P, {}, ArgumentError, "neither temperature nor weights"),
    (S, P, {"temperature": 0.0}, ArgumentError, "temperature"),
    (S, P, {"temperature": math.nan}, ArgumentError, "temperature"),
    (S, P, {"temperature": 1.0, "stands_for": 0.5}, ArgumentError, "stands_for is 0.5.*1 or above"),
    (S, P, {"temperature": 1.0, "negative": P}, TooFewRows, "none of 2 anchors"),
    (S, P, {"weights": S}, TooFewRows, "none of 2 anchors has a negative that weighs"),
]


@pytest.mark.parametrize(("cosines", "positive", "more", "kind", "words"), GIVEN)
def test_what_it_cannot_measure_it_refuses(cosines: Any, positive: Any, more: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        temperature(cosines, positive, **more)


def _cosines(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    cosines = 0.8 * torch.rand(n, dim, generator=generator, dtype=torch.float64) - 0.4
    return cosines.to(dtype), torch.eye(n, dim, dtype=torch.bool)


CASES = [
    Case(
        temperature, _cosines, lambda *given: {"temperature": 0.2}, least=1, bad="left out", left_out="pairs_left_out"
    ),
    # An anchor that cannot be measured reads NaN: tried below.
    Case(coupling, _cosines, lambda *given: {"temperature": 0.2}, of=()),
    Case(gradient_shares, lambda *how: (_cosines(*how)[0], ~_cosines(*how)[1]), of=()),
]


class TestCouplingOfEachAnchor:
    @pytest.mark.parametrize("tau", [0.05, 0.5])
    def test_it_is_what_the_paper_says_and_its_mean_is_the_one_reported(self, tau: float) -> None:
        cosines, positive, negative = pairs(7, 4, seed=1)
        found = coupling(cosines, positive, negative=negative, temperature=tau)
        for i, row in enumerate(cosines.tolist()):
            partner, of = int(positive[i].nonzero()), negative[i].nonzero().flatten().tolist()
            assert float(found[i]) == pytest.approx(slow.coupling(row, partner, of, tau))
        whole = temperature(cosines, positive, negative=negative, temperature=tau)
        assert whole.coupling == pytest.approx(float(found.mean()))

    def test_the_weights_of_a_loss_give_the_same(self) -> None:
        a, b = random_batch(9, 4, seed=2)
        cosines, positive, negative = compared(a, b)
        weights = losses.NTXent(temperature=0.3).pair_weights(a, b)
        by_weights = coupling(cosines, positive, negative=negative, temperature=0.3, weights=weights)
        torch.testing.assert_close(by_weights, coupling(cosines, positive, negative=negative, temperature=0.3))

    def test_a_loss_without_the_positive_below_pushes_in_full(self) -> None:
        a, b = random_batch(9, 4, seed=2)
        cosines, positive, negative = compared(a, b)
        weights = losses.DCL(temperature=0.3).pair_weights(a, b)
        found = coupling(cosines, positive, negative=negative, temperature=0.3, weights=weights)
        torch.testing.assert_close(found, torch.ones_like(found))

    @pytest.mark.parametrize(("batch", "q"), [(8, 0.13), (32, 0.44), (128, 0.76), (512, 0.92), (1024, 0.96)])
    def test_at_the_place_where_it_was_measured(self, batch: int, q: float) -> None:
        """Positives at 0.95, negatives spread evenly over 32 dimensions, T = 0.2: what trained digits read."""
        generator = torch.Generator().manual_seed(0)
        found = []
        for _ in range(max(1, 256 // batch)):
            a, other = unit(torch.randn(2 * batch, 32, generator=generator)).split(batch)
            beside = unit(other - (other * a).sum(1, keepdim=True) * a)
            cosines, positive, negative = compared(a, 0.95 * a + (1 - 0.95**2) ** 0.5 * beside)
            found.append(coupling(cosines, positive, negative=negative, temperature=0.2).mean())
        assert float(torch.stack(found).mean()) == pytest.approx(q, abs=0.03)

    def test_an_anchor_that_cannot_be_measured_reads_nan(self) -> None:
        cosines = torch.tensor([[0.5, 0.1], [0.5, 0.1], [math.nan, 0.1], [0.5, 0.1]])
        positive = torch.tensor([[True, False], [False, False], [True, False], [True, True]])
        found = coupling(cosines, positive, temperature=0.5)
        assert found.isnan().tolist() == [False, True, True, True]
        drawn = coupling(cosines, positive, temperature=0.5, stands_for=10.0)
        assert float(drawn[0]) > float(found[0])

    @pytest.mark.parametrize(("cosines", "positive", "more", "kind", "words"), [
        (S[0], P, {"temperature": 1.0}, ShapeError, "coupling: cosines is"),
        (S, P.float(), {"temperature": 1.0}, ShapeError, "positive is .*boolean"),
        (S, P, {"temperature": 0.0}, ArgumentError, "temperature is 0"),
        (S, P, {"temperature": 1.0, "stands_for": 0.1}, ArgumentError, "stands_for is 0.1"),
    ])  # fmt: skip
    def test_refuses(self, cosines: Any, positive: Any, more: Any, kind: Any, words: str) -> None:
        with pytest.raises(kind, match=words):
            coupling(cosines, positive, **more)


class TestGradientShares:
    @pytest.mark.parametrize("loss", [losses.NTXent(), losses.DCL(), losses.MultiSimilarity(), losses.SigLIP()])
    def test_of_any_loss_they_sum_to_one(self, loss: Any) -> None:
        a, b = random_batch(6, 4, seed=0)
        weights = loss.pair_weights(a, b)
        push = weights > 0
        found = gradient_shares(weights, push)
        for row, mask, w in zip(found, push, weights.tolist(), strict=True):
            total = math.fsum(abs(w[j]) for j in mask.nonzero().flatten().tolist())
            for j, share in enumerate(row.tolist()):
                assert math.isnan(share) if total == 0 else share == pytest.approx(abs(w[j]) * bool(mask[j]) / total)

    def test_they_are_what_the_softmax_gives(self) -> None:
        a, b = random_batch(9, 4, seed=2)
        cosines, _, negative = compared(a, b)
        found = gradient_shares(losses.NTXent(temperature=0.3).pair_weights(a, b), negative)
        expected = torch.softmax(torch.where(negative, cosines / 0.3, -math.inf), 1)
        torch.testing.assert_close(found, expected)

    def test_what_weighs_nothing_or_is_not_finite_is_nan(self) -> None:
        weights = torch.tensor([[1.0, -3.0], [0.0, 0.0], [math.inf, 1.0]])
        found = gradient_shares(weights, torch.ones(3, 2, dtype=torch.bool))
        assert found[0].tolist() == [0.25, 0.75]
        assert bool(found[1:].isnan().all())

    def test_refuses(self) -> None:
        with pytest.raises(ShapeError, match=r"weights is \(3\).*pair_weights"):
            gradient_shares(torch.ones(3), torch.ones(3, dtype=torch.bool))
        with pytest.raises(ShapeError, match=r"negative is \(2, 2\) but weights is \(2, 3\)"):
            gradient_shares(torch.ones(2, 3), torch.ones(2, 2, dtype=torch.bool))
