"""Numbers on their way from a device: in order, none lost, nobody waits."""

from __future__ import annotations

import pytest
import torch

import vergence as vg
from vergence.training import later as later_module
from vergence.training.later import Later


class Event:
    """As a device's: something that is done some time."""

    def __init__(self) -> None:
        self.done, self.waited = False, False

    def query(self) -> bool:
        return self.done

    def synchronize(self) -> None:
        self.done = self.waited = True


@pytest.fixture
def later() -> tuple[Later, list[Event]]:
    made, events = Later(), [Event() for _ in range(4)]
    for step, event in enumerate(events, 1):
        made._waiting.append((step, torch.tensor(float(step)), event))
    return made, events


def test_what_has_not_arrived_is_not_waited_for(later):
    numbers, events = later
    assert numbers._arrived(patience=64) == []
    events[0].done = events[1].done = events[3].done = True
    assert numbers._arrived(patience=64) == [(1, 1.0), (2, 2.0)]
    assert not any(event.waited for event in events)
    events[2].done = True
    assert numbers._arrived(patience=64) == [(3, 3.0), (4, 4.0)]


def test_at_the_end_all_are_waited_for(later):
    numbers, events = later
    assert numbers.rest() == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]
    assert all(event.waited for event in events)
    assert numbers.rest() == []


def test_no_more_than_a_few_are_on_their_way(later):
    numbers, events = later
    assert numbers._arrived(patience=3) == [(1, 1.0), (2, 2.0)]
    assert [event.waited for event in events] == [True, True, False, False]


def test_one_that_cannot_be_read_does_not_block_the_rest():
    numbers = Later()
    with pytest.raises(RuntimeError, match="meta"):
        numbers.put(1, torch.ones((), device="meta"))
    assert numbers.put(2, torch.tensor(2.0)) == [(2, 2.0)]


def test_the_last_losses_are_recorded_when_a_loop_ends():
    monitor = vg.Monitor(save=False)
    monitor.step(loss=1.0)
    monitor.observer._later._waiting.append((2, torch.tensor(0.5), Event()))
    monitor.loop_ended()
    assert monitor.history.scalar("loss").values.tolist() == [1.0, 0.5]
    assert later_module.WAITING >= 1
