from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.losses.case import Case
from tests.reference import cluster_contrast as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import ShapeError
from vergence.losses import ClusterContrast, NTXent, cluster_contrast, nt_xent


def thirds(*views: Tensor) -> dict[str, Tensor]:
    """Clusters of three; the last sample of some batches is alone."""
    return {"groups": torch.arange(len(views[0]), device=views[0].device) // 3}


CASES = [Case(lambda: ClusterContrast(0.3), thirds)]


@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.03])
@pytest.mark.parametrize("groups", [[0, 0, 0, 0, 0, 0], [0, 1, 0, 1, 2, 2], [5, -1, 7, 5, -1, 8], [0, 1, 2, 3, 4, 5]])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_agrees_with_the_loops_in_both_orders(temperature: float, groups: list[int], dtype: torch.dtype) -> None:
    a, b = random_batch(6, 4, seed=1, dtype=dtype)
    close = 1e-9 if dtype == torch.float64 else 5e-5
    for own in ((a, b), (b, a)):
        found = cluster_contrast(*own, groups=torch.tensor(groups), temperature=temperature)
        assert float(found) == pytest.approx(slow.cluster_contrast(*own, groups, temperature), abs=close)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
@settings(max_examples=15)
def test_one_cluster_is_nt_xent(seed: int, temperature: float) -> None:
    a, b = random_batch(6, 4, seed)
    groups = torch.full((6,), seed % 7)
    found = cluster_contrast(a, b, groups=groups, temperature=temperature)
    assert float(found) == pytest.approx(float(nt_xent(a, b, temperature=temperature)), rel=1e-10, abs=1e-10)
    weights = ClusterContrast(temperature).pair_weights(a, b, groups=groups)
    torch.testing.assert_close(weights, NTXent(temperature).pair_weights(a, b))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_clusters_are_batches_of_their_own(seed: int) -> None:
    a, b = random_batch(7, 4, seed)
    groups = torch.tensor([0, 0, 1, 1, 1, 0, 1])
    parts = [(int((groups == g).sum()), nt_xent(a[groups == g], b[groups == g], temperature=0.3)) for g in (0, 1)]
    expected = sum(count * float(value) for count, value in parts) / 7
    assert float(cluster_contrast(a, b, groups=groups, temperature=0.3)) == pytest.approx(expected, abs=1e-10)
    turned = [view @ rotation(4, seed) for view in (b, 2 * a)]
    assert float(cluster_contrast(*turned, groups=groups, temperature=0.3)) == pytest.approx(expected, abs=1e-10)


def test_a_sample_alone_in_its_cluster_reads_zero_and_gets_no_gradient() -> None:
    a, b = (view.requires_grad_() for view in random_batch(3, 4, seed=0))
    value = cluster_contrast(a, b, groups=torch.tensor([0, 1, 0]), temperature=0.3)
    (gradient,) = torch.autograd.grad(value, (a,))
    pair = nt_xent(a[::2], b[::2], temperature=0.3)
    torch.testing.assert_close(value, 2 / 3 * pair)
    assert float(gradient[1].abs().max()) < 1e-15


def test_pair_weights_stay_inside_clusters() -> None:
    a, b, _ = golden_batch()
    groups = torch.arange(8) % 3
    weights = ClusterContrast().pair_weights(a, b, groups=groups)
    apart = groups.repeat(2)[:, None] != groups.repeat(2)
    assert float(weights[apart].abs().sum()) == 0
    torch.testing.assert_close(weights.sum(1), torch.zeros(16, dtype=torch.float64))


def test_collapse_reads_the_sizes_of_clusters() -> None:
    z = torch.ones(5, 3, dtype=torch.float64)
    found = ClusterContrast()(z, z, groups=torch.tensor([0, 0, 0, 1, 1]))
    assert float(found) == pytest.approx((3 * math.log(5) + 2 * math.log(3)) / 5)
    assert ClusterContrast().chance(5, 3) is None


def test_groups_that_do_not_fit_are_refused() -> None:
    a, b, _ = golden_batch()
    with pytest.raises(ShapeError, match=r"groups is \(3\) but there are 8 rows"):
        ClusterContrast()(a, b, groups=torch.zeros(3, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"groups has dtype torch.float32"):
        cluster_contrast(a, b, groups=torch.zeros(8), temperature=0.2)
