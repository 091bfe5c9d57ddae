"""Watching costs the share it was given, and no measurement starves. Time is a number here."""

from __future__ import annotations

from collections import Counter

import pytest

from vergence import errors
from vergence.training.budget import KEPT_BACK, Budget


class Loop:
    """A training loop on a clock of its own: `step` seconds of training, then whatever the budget finds due."""

    def __init__(self, prices: dict[str, float], *, step: float = 0.01, **budget: float) -> None:
        self.now = 100.0
        self.budget = Budget(**budget, clock=lambda: self.now)
        self.prices, self.step_seconds = prices, step
        self.step, self.spent = 0, 0.0
        self.times: Counter[str] = Counter()
        self.when: dict[str, list[float]] = {name: [] for name in prices}

    def run(self, seconds: float) -> Loop:
        ends = self.now + seconds
        while self.now < ends:
            self.step += 1
            self.now += self.step_seconds
            self.budget.tick()
            for name in self.budget.due(self.prices, self.step):
                self.now += self.prices[name]
                self.spent += self.prices[name]
                self.times[name] += 1
                self.when[name].append(self.now)
                self.budget.charge(name, self.prices[name])
        return self


@pytest.mark.parametrize("step", [0.01, 0.2, 1.5])
@pytest.mark.parametrize("share", [0.01, 0.03, 0.2])
def test_the_share_is_kept(step, share):
    prices = {"similarity": 0.012, "hypersphere": 0.008, "loss": 0.03}
    loop = Loop(prices, step=step, share=share).run(15)
    spent, began = loop.spent, loop.now
    loop.run(60)
    floor = sum(prices.values()) * 30 / 60  # what starving measurements may take, whatever the share
    assert loop.spent - spent <= max(share, floor) * (loop.now - began) * 1.1
    assert all(times >= 2 for times in loop.times.values()), "once a minute, and at the beginning"


def test_what_is_cheap_is_measured_as_often_as_the_eye_needs_and_no_oftener():
    loop = Loop({"loss": 0.0001}, ceiling_per_second=4.0).run(60)
    assert 200 <= loop.times["loss"] <= 241
    gaps = [later - earlier for earlier, later in zip(loop.when["loss"], loop.when["loss"][1:], strict=False)]
    assert min(gaps) >= 0.25


def test_what_is_dear_is_stretched_but_never_starves():
    loop = Loop({"map": 2.0, "loss": 0.001}, step=0.02, floor_per_minute=6.0).run(240)
    gaps = [later - earlier for earlier, later in zip(loop.when["map"], loop.when["map"][1:], strict=False)]
    assert max(gaps[1:]) <= 60.1, "once a minute whatever it costs"
    assert min(gaps[1:]) >= 55, "2 s are more than a fifth of the share at the usual floor"
    assert loop.times["loss"] >= 6 * 240 / 60 - 2


def test_what_costs_little_keeps_its_floor_of_six_a_minute():
    loop = Loop({"map": 2.0, "probes": 0.02, "loss": 0.001}, step=0.02, floor_per_minute=6.0).run(240)
    gaps = [later - earlier for earlier, later in zip(loop.when["probes"], loop.when["probes"][1:], strict=False)]
    assert max(gaps) <= 12.2, "ten seconds, and the two of a map"


def test_the_floors_of_many_are_stretched_together():
    prices = {f"measurement {number}": 0.003 for number in range(40)}
    loop = Loop(prices, step=0.02, floor_per_minute=6.0).run(30)
    assert min(loop.times.values()) >= 4, "the first looks are not stretched"
    loop.run(60)
    spent, began, times = loop.spent, loop.now, Counter(loop.times)
    loop.run(120)
    assert loop.spent - spent <= 0.03 * (loop.now - began)
    assert all(loop.times[name] - times[name] >= 11 for name in prices), "six a minute"
    few = Loop(dict(list(prices.items())[:4]), step=0.02, floor_per_minute=6.0).run(120)
    assert min(few.times.values()) >= 50, "a few are made every two seconds, whatever is owed"


def test_a_debt_is_forgiven_so_that_cheap_measurements_recover():
    loop = Loop({"map": 5.0, "loss": 0.001}, step=0.05).run(200)
    del loop.prices["map"]
    loop.run(60)
    before = loop.times["loss"]
    loop.run(60)
    assert loop.times["loss"] - before >= 200


def test_the_first_call_does_not_set_the_price():
    loop = Loop({"loss": 0.5})  # allocation, thread pools
    loop.run(0.2)
    assert loop.times["loss"] == 1
    loop.prices["loss"] = 0.001
    loop.run(60)
    assert loop.times["loss"] >= 150


def test_a_pause_earns_nothing_and_is_no_time_in_the_cost():
    loop = Loop({"loss": 0.012}).run(30)
    allowance, cost = loop.budget._allowance, loop.budget.cost
    loop.now += 3_600
    loop.budget.rest(3_600)
    loop.now += 0.01
    loop.budget.tick()
    assert loop.budget._allowance == pytest.approx(allowance + 0.03 * (1 - KEPT_BACK) * 0.01)
    assert loop.budget.cost == pytest.approx(cost, rel=0.1)


def test_the_time_between_two_runs_buys_no_burst():
    loop = Loop({"loss": 0.05}).run(30)
    loop.now += 3_600
    before = loop.times["loss"]
    loop.run(10)
    assert loop.times["loss"] - before <= 10


@pytest.mark.parametrize("every", [1, 7])
def test_a_fixed_cadence_is_exact(every):
    loop = Loop({"map": 9.0, "loss": 0.001}, every=every)
    due = {step: loop.budget.due(loop.prices, step) for step in range(1, 30)}
    wanted = {step for step in due if step == 1 or step % every == 0}
    assert {step for step, names in due.items() if names == ["map", "loss"]} == wanted
    assert {step for step, names in due.items() if not names} == set(due) - wanted


def test_the_cost_is_what_watching_took_here_and_on_other_threads():
    now = [0.0]
    budget = Budget(clock=lambda: now[0])
    assert budget.cost is None
    elsewhere = 7.0  # spent before the first step, on another run
    budget.tick(elsewhere)
    assert budget.cost is None
    for _ in range(100):
        now[0] += 0.1
        elsewhere += 0.001
        budget.charge(None, 0.002)
        budget.tick(elsewhere)
    assert budget.cost == pytest.approx(0.03, rel=0.05)
    for _ in range(300):  # only the last ten seconds count
        now[0] += 0.1
        budget.tick(elsewhere)
    assert budget.cost == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_an_impossible_share_is_refused(share):
    with pytest.raises(errors.ArgumentError, match=r"Budget: share is .* between 0 and 1; 0\.03 is 3 %"):
        Budget(share)


@pytest.mark.parametrize("every", [0, -3, 2.5, True])
def test_an_impossible_cadence_is_refused(every):
    with pytest.raises(errors.ArgumentError, match=r"Budget: every is .*whole number, 1 or above"):
        Budget(every=every)


class Rare(Loop):
    """Asks for what is made now and then as well."""

    def __init__(self, rare: dict[str, float], prices: dict[str, float], **more: float) -> None:
        super().__init__(prices, **more)
        self.rare = rare
        self.when |= {name: [] for name in rare}
        self.rarely = 0.0
        self.steps: dict[int, list[str]] = {}

    def run(self, seconds: float) -> Loop:
        ends = self.now + seconds
        while self.now < ends:
            self.step += 1
            self.now += self.step_seconds
            self.budget.tick()
            due = self.budget.due(self.prices, self.step)
            rare = self.budget.seldom(self.rare, self.step) if self.budget.asks_rarely() else []
            if rare:
                self.steps[self.step] = rare
            for name in (*due, *rare):
                price = (self.prices | self.rare)[name]
                self.now += price
                self.spent += price
                self.rarely += price * (name in self.rare)
                self.times[name] += 1
                self.when[name].append(self.now)
                self.budget.charge(name, price)
        return self


@pytest.mark.parametrize("share", [0.01, 0.03, 0.2])
def test_what_is_made_now_and_then_takes_little_of_the_share(share):
    rare = {f"rare{number}": 0.004 * 2**number for number in range(6)}  # 4 ms to an eighth of a second
    loop = Rare(rare, {"similarity": 0.012}, step=0.1, share=share).run(20)
    assert all(loop.times[name] >= 1 for name in rare), "each once at the beginning"
    before, began = loop.rarely, loop.now
    loop.run(500)
    assert loop.rarely - before <= 0.16 * share * (loop.now - began) + 0.15
    assert all(loop.times[name] >= 2 for name in rare), "none starves"


def test_first_calls_of_what_is_rare_come_at_steps_of_their_own():
    loop = Rare({f"rare{number}": 0.05 for number in range(5)}, {}, step=0.3).run(3)
    assert [len(names) for names in list(loop.steps.values())[:5]] == [1] * 5


def test_what_is_rare_and_small_comes_every_five_seconds_whatever_the_others_owe():
    loop = Rare({"small": 0.001, "large": 0.5}, {}, step=0.1).run(120)
    gaps = [later - earlier for earlier, later in zip(loop.when["small"], loop.when["small"][1:], strict=False)]
    assert min(gaps) >= 5.0
    assert max(gaps) <= 6.0
    assert loop.times["large"] <= 3


def test_panels_get_as_many_frames_as_without():
    prices = {"similarity": 0.012, "hypersphere": 0.008, "probes": 0.03}
    plain = Rare({}, prices, step=0.02).run(120)
    beside = Rare({f"rare{number}": 0.02 for number in range(12)}, prices, step=0.02).run(120)
    for name in prices:
        assert beside.times[name] >= 0.97 * plain.times[name]


def test_with_every_one_look_in_ten_has_them():
    budget = Budget(every=3)
    assert [step for step in range(1, 61) if budget.seldom(["rare"], step)] == [1, 30, 60]
