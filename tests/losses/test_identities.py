"""What holds between losses: identities and orderings that belong to no single one of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case, every
from tests.reference.golden import random_batch
from vergence.losses import DCL, InfoNCE, MannWhitney, MultiSimilarity, NTXent, RotationEquivariance, SupCon
from vergence.losses.weighting import pair_weights

TEMPERATURES = [0.02, 0.05, 0.07, 0.1, 0.2, 0.5, 1.0, 5.0]


def fixed_points(count: int = 200, dim: int = 16, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a = normalize(torch.randn(count, dim, generator=generator, dtype=torch.float64))
    return a, normalize(a + noise * torch.randn(count, dim, generator=generator, dtype=torch.float64))


def share_entropy(weights: Tensor) -> float:
    """Mean over anchors of the entropy of how they share their push among the negatives, in nats."""
    push = weights.clamp_min(0)
    push = push[push.sum(1) > 0]
    share = push / push.sum(1, keepdim=True)
    return float(-torch.special.xlogy(share, share).sum(1).mean())


@pytest.mark.parametrize("kind", [InfoNCE, NTXent, DCL])
def test_a_higher_temperature_spreads_the_push_over_more_negatives(kind: type) -> None:
    a, b = fixed_points()
    found = [share_entropy(pair_weights(kind(temperature), a, b)) for temperature in TEMPERATURES]
    negatives = 199 if kind is InfoNCE else 398
    assert found == sorted(found)
    assert len(set(found)) == len(found)
    assert found[0] < 2
    assert math.log(negatives) - 0.01 < found[-1] < math.log(negatives)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
@pytest.mark.parametrize("kind", [InfoNCE, NTXent, DCL, SupCon])
def test_softmax_weights_of_every_anchor_cancel(kind: type, temperature: float) -> None:
    a, b = random_batch(8, 5, seed=1)
    more = {"labels": torch.arange(8) % 3} if kind is SupCon else {}
    weights = pair_weights(kind(temperature), a, b, **more)
    torch.testing.assert_close(weights.sum(1), torch.zeros(16, dtype=torch.float64), rtol=0, atol=1e-14)


def test_what_is_no_softmax_does_not_cancel() -> None:
    a, b = random_batch(8, 5, seed=1)
    for loss in (MultiSimilarity(), MannWhitney()):
        assert float(pair_weights(loss, a, b).sum(1).abs().max()) > 1e-4


def test_the_coupling_of_positives_and_negatives_grows_with_the_batch() -> None:
    a, b = fixed_points(512, noise=0.5)
    found = []
    for batch in (2, 8, 32, 128, 512):
        # InfoNCE's weights are those of the decoupled loss times q, what its softmax leaves for the negatives.
        weights = pair_weights(InfoNCE(0.2), a[:batch], b[:batch])[:batch, batch:]
        q = weights.clamp_min(0).sum(1) * batch * 0.2
        p = torch.softmax(a[:batch] @ b[:batch].T / 0.2, 1).diagonal()
        torch.testing.assert_close(q, 1 - p)
        found.append(float(q.mean()))
    assert found == sorted(found)
    assert found[0] < 0.1
    assert found[-1] > 0.5


@pytest.mark.parametrize("case", [case for case in every() if case.rotates and case.views == 2], ids=str)
def test_weights_do_not_change_when_all_rows_are_turned(case: Case) -> None:
    a, b = random_batch(6, 7, seed=2)
    turn = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    more = case.more(a, b)
    if any(isinstance(entry, Tensor) and entry.is_floating_point() for entry in more.values()) or "targets" in more:
        return  # what comes beside the views would have to be turned as well
    before, after = (case.make().pair_weights(*views, **more) for views in ((a, b), (a @ turn, b @ turn)))
    if before is None:
        assert after is None
        return
    torch.testing.assert_close(before, after, rtol=1e-7, atol=1e-9)


def test_rotation_of_one_view_is_free_for_gram_matching_and_costs_the_pull() -> None:
    a, b = random_batch(8, 5, seed=3)
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).Q
    loss = RotationEquivariance()
    still, turned = loss.terms(a, b), loss.terms(a, b @ turn)
    assert float(turned["gram"]) == pytest.approx(float(still["gram"]), abs=1e-12)
    assert float(turned["pull"]) > float(still["pull"]) + 0.1
