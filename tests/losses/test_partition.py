"""The denominator in one piece and in blocks: values, gradients, what is left out, faults, and how much is computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from tests.reference import partition as slow
from vergence.losses import partition
from vergence.losses.partition import log_partition

CHUNKS = [None, 1, 3]
IDS = torch.tensor([0, 1, 2, 0, 1, 5, 2])
OTHER_IDS = torch.tensor([0, 1, 1, 9, 2])
WITHOUT = torch.tensor([[0, 3], [3, 3], [1, 2], [4, 0], [4, 4], [2, 1], [0, 4]])

Counts = Callable[[int, int], bool]
ALONE: dict[str, tuple[dict[str, Any], Counts]] = {
    "all": ({}, lambda i, j: True),
    "skip_self": ({"skip_self": True}, lambda i, j: i != j),
    "apart": ({"apart": (IDS, IDS)}, lambda i, j: bool(IDS[i] != IDS[j])),
    "within": ({"within": (IDS, IDS), "skip_self": True}, lambda i, j: i != j and bool(IDS[i] == IDS[j])),
    "without": ({"without": WITHOUT, "skip_self": True}, lambda i, j: i != j and j not in WITHOUT[i]),
    "one way": ({"apart": (IDS, IDS.clone())}, lambda i, j: bool(IDS[i] != IDS[j])),
}
BESIDE: dict[str, tuple[dict[str, Any], Counts]] = {
    "all": ({}, lambda i, j: True),
    "skip_self": ({"skip_self": True}, lambda i, j: i != j),
    "apart": ({"apart": (IDS, OTHER_IDS)}, lambda i, j: bool(IDS[i] != OTHER_IDS[j])),
    "within": ({"within": (IDS, OTHER_IDS)}, lambda i, j: bool(IDS[i] == OTHER_IDS[j])),
    "without": ({"without": WITHOUT}, lambda i, j: j not in WITHOUT[i]),
}


def rows(count: int, dim: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(count, dim, generator=generator, dtype=torch.float64)).to(dtype)


def dense(x: Tensor, y: Tensor, temperature: float, counts: Counts) -> Tensor:
    """The same with autograd alone."""
    mask = torch.tensor([[not counts(i, j) for j in range(len(y))] for i in range(len(x))])
    return (x @ y.T / temperature).masked_fill(mask, -math.inf).logsumexp(1)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("temperature", [1.0, 0.002])
@pytest.mark.parametrize("rule", ALONE)
def test_agrees_with_the_loops(rule: str, temperature: float, chunk: int | None) -> None:
    more, counts = ALONE[rule]
    z = rows(7)
    expected = slow.log_partition(z, z, temperature, counts)
    for other in (z, z.clone()):  # one tensor twice: half of the blocks stand for the others
        found = log_partition(z, other, temperature, **more, chunk=chunk)
        assert found.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("temperature", [1.0, 0.002])
@pytest.mark.parametrize("rule", BESIDE)
def test_agrees_with_the_loops_for_other_rows(rule: str, temperature: float, chunk: int | None) -> None:
    more, counts = BESIDE[rule]
    x, y = rows(7), rows(5, seed=1)
    expected = slow.log_partition(x, y, temperature, counts)
    assert log_partition(x, y, temperature, **more, chunk=chunk).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("temperature", [0.5, 0.015, 0.005])
def test_single_precision_agrees_with_the_loops(temperature: float, chunk: int | None) -> None:
    z = rows(9, dtype=torch.float32)
    found = log_partition(z, z, temperature, skip_self=True, chunk=chunk)
    assert found.dtype == torch.float32
    expected = slow.log_partition(z, z, temperature, lambda i, j: i != j)
    assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5 / temperature)


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("temperature", [0.5, 0.002])
@pytest.mark.parametrize("rule", [rule for rule in ALONE if rule != "within"])  # there rows without pairs: see below
def test_gradients_are_those_of_the_plain_chain(rule: str, temperature: float, chunk: int | None) -> None:
    more, counts = ALONE[rule]
    z, weights = rows(7).requires_grad_(), torch.linspace(-1, 2, 7, dtype=torch.float64)
    (expected,) = torch.autograd.grad(dense(z, z, temperature, counts), z, weights)
    (found,) = torch.autograd.grad(log_partition(z, z, temperature, **more, chunk=chunk), z, weights)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    copy = z.detach().clone().requires_grad_()
    for one, other in ((z, copy), (z, copy.detach()), (z.detach(), copy)):
        asked = [row for row in (one, other) if row.requires_grad]
        expected_both = torch.autograd.grad(dense(one, other, temperature, counts), asked, weights)
        found_both = torch.autograd.grad(log_partition(one, other, temperature, **more, chunk=chunk), asked, weights)
        torch.testing.assert_close(found_both, expected_both, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("temperature", [0.015, 0.01])
@pytest.mark.parametrize("chunk", [None, 3])
def test_gradients_of_rows_that_meet_none_stay_within_single_precision(chunk: int | None, temperature: float) -> None:
    # All other rows at cosine -1: sums of exp(-1/T), divided by which gradients are as large as they get.
    z = torch.tensor([[1.0, 0.0]] + [[-1.0, 1e-3]] * 4).requires_grad_()
    (found,) = torch.autograd.grad(log_partition(z, z, temperature, skip_self=True, chunk=chunk).sum() * 1e4, z)
    wide = z.detach().double().requires_grad_()
    (expected,) = torch.autograd.grad(dense(wide, wide, temperature, lambda i, j: i != j).sum() * 1e4, wide)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-2)


@given(
    anchors=st.integers(1, 12), others=st.integers(1, 12), chunk=st.integers(1, 13), seed=st.integers(0, 1000),
    temperature=st.sampled_from([3.0, 0.3, 0.01, 0.001]), same=st.booleans(),
)  # fmt: skip
def test_blocks_change_nothing(
    anchors: int, others: int, chunk: int, seed: int, temperature: float, same: bool
) -> None:
    x = rows(anchors, seed=seed).requires_grad_()
    y = x if same else rows(others, seed=seed + 1).requires_grad_()
    generator = torch.Generator().manual_seed(seed)
    ids = [torch.randint(0, 3, (len(z),), generator=generator) for z in (x, y)]
    more = {"apart": (ids[0], ids[0] if same else ids[1])}
    whole, blocks = (log_partition(x, y, temperature, chunk=side, **more) for side in (None, chunk))
    torch.testing.assert_close(blocks, whole, rtol=1e-12, atol=1e-12)
    grads = [torch.autograd.grad(value, [x] if same else [x, y], torch.ones(anchors).double())
             for value in (whole, blocks)]  # fmt: skip
    torch.testing.assert_close(grads[1], grads[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("rule", ["all", "apart", "without"])
def test_gradients_of_gradients(rule: str, chunk: int | None) -> None:
    more, _ = BESIDE[rule]
    x, y = (z.requires_grad_() for z in (rows(7), rows(5, seed=1)))
    keep = torch.tensor([0, 2, 3, 4, 5])  # each of these has a pair left
    assert torch.autograd.gradcheck(lambda a, b: log_partition(a, b, 0.5, **more, chunk=chunk)[keep], (x, y))
    assert torch.autograd.gradgradcheck(lambda a, b: log_partition(a, b, 0.5, **more, chunk=chunk)[keep], (x, y))
    assert torch.autograd.gradgradcheck(lambda a: log_partition(a, a, 0.5, skip_self=True, chunk=chunk), (x,))


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("temperature", [0.5, 0.001])
def test_an_anchor_with_nothing_left(temperature: float, chunk: int | None) -> None:
    z, ids = rows(5).requires_grad_(), torch.tensor([0, 0, 1, 0, 0])
    lonely = {
        "within": {"within": (ids, ids), "skip_self": True},
        "without": {
            "without": torch.tensor([[0, 0, 0, 0], [0] * 4, [0, 1, 3, 4], [0] * 4, [0] * 4]),
            "skip_self": True,
        },
    }
    for more in lonely.values():
        found = log_partition(z, z, temperature, **more, chunk=chunk)
        assert (found == -math.inf).tolist() == [False, False, True, False, False]
        (gradient,) = torch.autograd.grad(found.sum(), z, create_graph=True)
        assert torch.isfinite(gradient).all()
        assert torch.isfinite(torch.autograd.grad(gradient.square().sum(), z)[0]).all()
        (plain,) = torch.autograd.grad(log_partition(z, z, temperature, **more, chunk=chunk).sum(), z)
        torch.testing.assert_close(plain, gradient.detach())
        rest = torch.tensor([0, 1, 3, 4])
        (without_it,) = torch.autograd.grad(log_partition(z, z, temperature, **more, chunk=chunk)[rest].sum(), z)
        torch.testing.assert_close(plain, without_it)
    single = rows(1).requires_grad_()
    alone = log_partition(single, single, temperature, skip_self=True, chunk=chunk)
    assert alone.item() == -math.inf
    assert torch.equal(torch.autograd.grad(alone.sum(), single)[0], torch.zeros(1, 3, dtype=torch.float64))


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("temperature", [0.5, 0.001])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_comes_through(bad: float, temperature: float, chunk: int | None) -> None:
    z = rows(5)
    z[3, 1] = bad
    z.requires_grad_()
    found = log_partition(z, z, temperature, skip_self=True, chunk=chunk)
    assert not torch.isfinite(found[3])
    if math.isnan(bad):
        assert torch.isnan(found).all()
        assert torch.isnan(torch.autograd.grad(found.sum(), z)[0]).all()


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("temperature", [0.5, 0.001])
@pytest.mark.parametrize("rule", ALONE)
def test_never_looks_at_a_value(rule: str, temperature: float, chunk: int | None) -> None:
    more, _ = ALONE[rule]
    moved: dict[int, Tensor] = {}

    def on_meta(entry: Any) -> Any:
        if isinstance(entry, Tensor):
            return moved.setdefault(id(entry), entry.to("meta"))
        return tuple(map(on_meta, entry)) if isinstance(entry, tuple) else entry

    z = torch.empty(7, 3, device="meta", requires_grad=True)
    given = {name: on_meta(entry) for name, entry in more.items()}
    found = log_partition(z, z, temperature, **given, chunk=chunk)
    (gradient,) = torch.autograd.grad(found.sum(), z, create_graph=True)
    gradient.sum().backward()
    assert found.shape == (7,)


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype: torch.dtype, chunk: int | None) -> None:
    z = rows(7, dtype=dtype).requires_grad_()
    found = log_partition(z, z, 0.1, skip_self=True, chunk=chunk)
    torch.testing.assert_close(found, log_partition(z.float(), z.float(), 0.1, skip_self=True))
    found.sum().backward()
    assert z.grad is not None
    assert z.grad.dtype == dtype
    assert log_partition(z, rows(4), 0.1, chunk=chunk).dtype == torch.float64


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("same", [True, False])
def test_autocast_does_not_reach_in(same: bool, chunk: int | None) -> None:
    x = rows(7, dtype=torch.float32).requires_grad_()
    y = x if same else rows(5, seed=1, dtype=torch.float32)
    outside = log_partition(x, y, 0.1, chunk=chunk)
    (gradient,) = torch.autograd.grad(outside.sum(), x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = log_partition(x, y, 0.1, chunk=chunk)
        (within,) = torch.autograd.grad(inside.sum(), x, retain_graph=True)
        (graphed,) = torch.autograd.grad(inside.sum(), x, create_graph=True)
    assert torch.equal(inside, outside)
    assert torch.equal(within, gradient)
    torch.testing.assert_close(graphed, gradient)


@pytest.mark.parametrize("temperature", [0.5, 0.001])
def test_backward_twice_gives_the_same(temperature: float) -> None:
    z = rows(300).requires_grad_()  # more than one block
    found = log_partition(z, z, temperature, skip_self=True).sum()
    first, second = (torch.autograd.grad(found, z, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


class Products(TorchDispatchMode):
    """Counts the multiplications of matrices by (rows, columns) of the result, and exponentials by entries."""

    def __init__(self) -> None:
        super().__init__()
        self.entries, self.exponentials, self.largest = 0, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.mm.default:
            self.entries += result.numel()
        if func is torch.ops.aten.exp_.default:
            self.exponentials += result.numel()
        if isinstance(result, Tensor):
            self.largest = max(self.largest, result.numel())
        return result


def test_one_tensor_twice_costs_half() -> None:
    z = rows(64, dtype=torch.float32)
    halves, all_of_it = Products(), Products()
    with halves:
        log_partition(z, z, 0.5, skip_self=True, chunk=8)
    with all_of_it:
        log_partition(z, z.clone(), 0.5, skip_self=True, chunk=8)
    blocks = 8 * 9 // 2
    assert halves.entries == halves.exponentials == blocks * 64
    assert all_of_it.entries == all_of_it.exponentials == 64 * 64


def test_large_matrices_are_never_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    z = rows(2048, dim=4, dtype=torch.float32).requires_grad_()
    y = rows(2048, dim=4, seed=1, dtype=torch.float32)
    for other in (z, y):
        made = []
        for limit in (partition.WHOLE, 2048 * 2047):
            monkeypatch.setattr(partition, "WHOLE", limit)
            with Products() as seen:
                log_partition(z, other, 0.5).sum().backward()
            made.append(seen.entries)
        assert seen.largest <= 1024**2
        assert made[1] == pytest.approx(2 * made[0], rel=0.15)  # not kept, so backward made them again
        monkeypatch.undo()


@pytest.mark.parametrize("temperature", [0.5, 0.01])
def test_single_precision_of_many_rows_in_all_ways(temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    z = rows(600, dim=16, dtype=torch.float32).requires_grad_()
    wide = z.detach().double().requires_grad_()
    expected = dense(wide, wide, temperature, lambda i, j: i != j)
    (gradient,) = torch.autograd.grad(expected.mean(), wide)
    for limit in (partition.WHOLE, 0):
        monkeypatch.setattr(partition, "WHOLE", limit)
        for other in (z, z.clone()):
            found = log_partition(z, other, temperature, skip_self=True)
            torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
            (own,) = torch.autograd.grad(found.mean(), z)
            torch.testing.assert_close(own.double(), gradient, rtol=1e-3, atol=1e-6)


def test_ids_that_cannot_meet_need_no_mask() -> None:
    ids = torch.arange(32).repeat(2)
    z = rows(64)
    found = log_partition(z, z, 0.5, apart=(ids, ids), chunk=8)
    expected = slow.log_partition(z, z, 0.5, lambda i, j: i % 32 != j % 32)
    assert found.tolist() == pytest.approx(expected, rel=1e-12)
