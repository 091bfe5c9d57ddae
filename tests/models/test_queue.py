"""The queue: what comes in first goes out first."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from vergence.errors import ArgumentError, ShapeError, UnknownName
from vergence.models import Queue


def rows(n: int, dim: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


@given(size=st.integers(1, 12), batches=st.lists(st.integers(1, 17), max_size=6))
def test_holds_the_newest_rows_whatever_the_batches(size, batches):
    queue, come = Queue(size, 4, "empty"), torch.zeros(0, 4)
    for number, batch in enumerate(batches):
        z = rows(batch, seed=number)
        queue.push(z)
        come = torch.cat([come, normalize(z)])
    expected = come[-size:]
    held = queue()
    assert len(queue) == len(held) == min(size, len(come))
    assert {tuple(row) for row in held.tolist()} == {tuple(row) for row in expected.tolist()}


def test_the_oldest_make_room_in_place():
    queue = Queue(4, 4, "empty")
    first, second, third = (normalize(rows(2, seed=seed)) for seed in range(3))
    queue.push(first)
    assert torch.equal(queue(), first)
    queue.push(second)
    queue.push(third)
    torch.testing.assert_close(queue(), torch.cat([third, second]))


def test_starts_with_random_rows_of_length_one():
    torch.manual_seed(0)
    queue = Queue(50, 8)
    assert len(queue) == 50
    torch.testing.assert_close(queue().norm(dim=1), torch.ones(50))
    assert queue().mean(0).norm() < 0.3
    queue.push(torch.ones(20, 8))
    assert len(queue) == 50
    assert int((queue() - queue()[0]).abs().sum(1).eq(0).sum()) == 20


def test_what_was_handed_out_does_not_change_and_no_gradient_enters():
    queue = Queue(4, 4)
    held = queue()
    before = held.clone()
    z = rows(3).requires_grad_()
    queue.push(2 * z)
    assert torch.equal(held, before)
    assert not queue().requires_grad
    torch.testing.assert_close(queue()[:3], normalize(z.detach()))


def test_is_saved_and_copied_with_the_model():
    queue = Queue(5, 4)
    queue.push(rows(3))
    other = Queue(5, 4, "empty")
    other.load_state_dict(queue.state_dict())
    again = copy.deepcopy(queue)
    for one in (other, again):
        one.push(rows(3, seed=1))
    queue.push(rows(3, seed=1))
    assert torch.equal(other(), queue())
    assert torch.equal(again(), queue())
    assert list(queue.parameters()) == []


def test_the_words_of_errors():
    with pytest.raises(ShapeError, match=r"z is \(2, 5\) but the queue holds rows of 4\. .* Queue\(8, 5\)"):
        Queue(8, 4).push(rows(2, 5))
    with pytest.raises(ArgumentError, match=r"Queue: size is 0"):
        Queue(0, 4)
    with pytest.raises((UnknownName, TypeError)):
        Queue(4, 4, "full")
