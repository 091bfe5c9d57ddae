"""Budget: what watching may cost, and which measurement is due.

Watching may take a share of the time that training takes (3 % by default). Each measurement is timed;
one that would overdraw the account waits, so its cadence stretches by itself when it is dear or steps
are short. A floor keeps every measurement from starving: `floor_per_minute` times a minute it is made, and one so
dear that this alone would take a tenth of the share less often, but once a minute whatever it costs; the cost is shown.
Where there are many, their floors are stretched until all of them together take a quarter of the share.

What no panel waits for is asked for apart (`seldom`): every five seconds to once a minute, and all of it together takes
so much of the share at most, of the part that is kept back, so the panels do not notice it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vergence import errors, shapes

__all__ = ["Budget"]

WINDOW_SECONDS = 10.0
KEPT_BACK = 0.4
"""Of the share, for what cannot be timed from inside: caches gone cold, a core taken from OpenMP's threads."""
CHEAP_SECONDS = 2.0
CHEAP_SHARE = 0.04
"""A measurement that stays below this part of the share is made every two seconds, whatever else is owed."""
FLOOR_SHARE = 0.1
"""What the floor of one measurement may take, as a part of the share ..."""
FLOORS_SHARE = 0.25
"""... and the floors of all of them together: where there are many they are stretched alike."""
YOUNG = 4
"""So often a measurement is made before its floor is stretched: the first looks say most."""
FIRST_CALL = 0.5
"""What a call may cost, as a part of what the first one took."""
SELDOM_SECONDS = 60.0
"""So often every measurement is made, whatever it costs."""
OFTEN_SECONDS = 5.0
"""A measurement that is made now and then is made no more often than this ..."""
SELDOM_SHARE = 0.01
"""... and takes no more than this part of the share, two minutes apart at most ..."""
RAREST_SECONDS = 120.0
RARE_SHARE = 0.15
"""... and all of them together no more than this part of it."""
RARE_CREDIT = 30.0
"""Seconds for which they have earned before a run begins."""
RARELY = 0.25
"""Seconds between two times of asking for them."""
SMALL = 0.002
"""Seconds; what takes less does not wait for what the others owe."""
AT_ONCE = 0.02
"""Seconds that such measurements may take at one step; one that takes longer comes alone."""
SELDOM_EVERY = 10
"""With `every`: of so many looks one."""
ASK_SECONDS = 0.1
"""What is due is asked ten times a second at most: the asking itself has its price."""
CREDIT_SECONDS = 5.0
"""Of training, earned before it begins: the first seconds are those in which most changes."""


@dataclass
class _Account:
    estimate: float | None = None
    last: float = -float("inf")
    times: int = 0


class Budget:
    """Decides what is due at a step.

    Args:
        share: of the time of training, 0.03 = 3 %.
        every: measure at every n-th step and the first, whatever it costs (for tests and benchmarks).
        floor_per_minute: how often each measurement is made at least; a dear one once a minute.
        ceiling_per_second: how often at most; the eye needs no more.
        clock: seconds; a test passes its own.
    """

    def __init__(
        self,
        share: float = 0.03,
        *,
        every: int | None = None,
        floor_per_minute: float = 6.0,
        ceiling_per_second: float = 4.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not 0 < share < 1:
            raise errors.ArgumentError(
                f"Budget: share is {share!r}. It is a part of the training time between 0 and 1; 0.03 is 3 %."
            )
        if every is not None:
            shapes.check_count("Budget", "every", every)
        shapes.check_positive("Budget", "floor_per_minute", floor_per_minute)
        shapes.check_positive("Budget", "ceiling_per_second", ceiling_per_second)
        self.share = share
        self.every = every
        self._starving = 60.0 / floor_per_minute
        self._resting = 1.0 / ceiling_per_second
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._spent = 0.0
        self._allowance = CREDIT_SECONDS * share
        self._most = 60 * share * (1 - KEPT_BACK)
        self._seldom: dict[str, None] = {}
        self._rare = RARE_CREDIT * RARE_SHARE * share
        self._asked_rarely = -float("inf")
        self._began: float | None = None
        self._last_tick = 0.0
        self._outside = 0.0
        self._window: list[tuple[float, float]] = []
        self._asked = -float("inf")

    def tick(self, outside: float = 0.0) -> None:
        """Whenever something may be due: time has passed, so the allowance grows.

        outside: seconds spent by other threads so far.
        """
        now = self._clock()
        if self._began is None:
            self._began = self._last_tick = now
            self._window = [(now, self._spent + outside)]
            self._outside = outside
        # The time between two runs earns little: an hour of it must not buy a minute of measuring.
        passed = min(now - self._last_tick, 5.0)
        earned = (1 - KEPT_BACK) * self.share * passed
        self._rare = min(self._rare + RARE_SHARE * self.share * passed, self._most)
        # Writing and drawing are watching too: what they took is not there for measuring.
        self._allowance = max(min(self._allowance + earned, self._most) - (outside - self._outside), -self._most)
        self._outside = outside
        self._last_tick = now
        if now - self._window[-1][0] >= 0.5:
            self._window.append((now, self._spent + outside))
            while len(self._window) > 2 and now - self._window[1][0] > WINDOW_SECONDS:
                del self._window[0]

    def rest(self, seconds: float) -> None:
        """A pause of so long: it earns nothing, and it is no time in which watching could cost anything."""
        self._last_tick += seconds
        self._window = [(moment + seconds, spent) for moment, spent in self._window]

    @property
    def cost(self) -> float | None:
        """The share of the last ten seconds that watching took; None in the first half second."""
        if not self._window:
            return None
        (began, before), (ended, after) = self._window[0], self._window[-1]
        return (after - before) / (ended - began) if ended > began else None

    def asks(self) -> bool:
        """Whether it is time to ask what is due."""
        if self.every is not None:
            return True
        now = self._clock()
        if now - self._asked < ASK_SECONDS:
            return False
        self._asked = now
        return True

    def due(self, names: Iterable[str], step: int) -> list[str]:
        """Which of the measurements to make at this step, longest waiting first."""
        if self.every is not None:
            return [name for name in names if step == 1 or step % self.every == 0]
        now = self._clock()
        accounts = [(name, self._accounts.setdefault(name, _Account())) for name in names]
        allowance = self._allowance
        stretch = self._stretch([a.estimate for _, a in accounts if a.estimate is not None])
        chosen = []
        for name, account in sorted(accounts, key=lambda pair: pair[1].last):
            waited = now - account.last
            estimate = account.estimate
            if waited < self._resting:
                continue
            longest = None if estimate is None else self._longest(estimate, 1.0 if account.times < YOUNG else stretch)
            if estimate is None or longest is None or waited >= longest or estimate <= allowance:
                chosen.append(name)
                allowance -= estimate or 0.0
        return chosen

    def asks_rarely(self) -> bool:
        """Whether it is time to ask for what is made now and then."""
        if self.every is not None:
            return True
        now = self._clock()
        if now - self._asked_rarely < RARELY:
            return False
        self._asked_rarely = now
        return True

    def seldom(self, names: Iterable[str], step: int) -> list[str]:
        """Which of the measurements that are made now and then to make at this step, the most overdue first.

        The first call of each comes at a step of its own: together they would hold up the beginning of a run. One that
        is dear is made once, and again when all together can afford it.
        """
        if self.every is not None:
            return [name for name in names if step == 1 or step % (SELDOM_EVERY * self.every) == 0]
        now = self._clock()
        self._seldom = dict.fromkeys(names)
        overdue = []
        for name in self._seldom:
            account = self._accounts.setdefault(name, _Account())
            late = math.inf if account.estimate is None else (now - account.last) / self._pause(account.estimate)
            if late >= 1 and (self._rare >= 0 or account.estimate is None or account.estimate <= SMALL):
                overdue.append((late, name, AT_ONCE if account.estimate is None else account.estimate))
        chosen: list[str] = []
        left = AT_ONCE
        for _, name, cost in sorted(overdue, key=lambda one: -one[0]):
            if not chosen or cost <= left:
                chosen.append(name)
                left -= cost
        return chosen

    def _pause(self, estimate: float) -> float:
        """Seconds between two times of what is made now and then."""
        return min(RAREST_SECONDS, max(OFTEN_SECONDS, estimate / (SELDOM_SHARE * self.share)))

    def _stretch(self, estimates: Iterable[float]) -> float:
        """By how much floors are longer than those of a few measurements would be; dear ones have no part in it."""
        rates = [estimate / self._longest(estimate, 1.0) for estimate in estimates]
        together = sum(rate for rate in rates if rate <= 1.01 * FLOOR_SHARE * self.share)
        return max(1.0, together / (FLOORS_SHARE * self.share))

    def _longest(self, estimate: float, stretch: float) -> float:
        """A measurement waits at most so long: the cheaper it is, the less, and never beyond the floor."""
        floor = max(self._starving, min(SELDOM_SECONDS, stretch * estimate / (FLOOR_SHARE * self.share)))
        return min(floor, stretch * max(CHEAP_SECONDS, estimate / (CHEAP_SHARE * self.share)))

    def charge(self, name: str | None, seconds: float) -> None:
        """Book what a measurement, or the bookkeeping itself (None), took."""
        self._spent += seconds
        rare = name in self._seldom
        # What the floor overdraws is forgiven past a minute's allowance: cheap measurements must not starve with it.
        if not rare:
            self._allowance = max(self._allowance - seconds, -self._most)
        if name is None:
            return
        account = self._accounts.setdefault(name, _Account())
        account.times += 1
        account.last = self._clock() - seconds  # when it began: the floor is a rate, not a rest
        # The first call of a kernel is slow (allocation, thread pools): it costs nothing and sets a price for one call.
        if rare and account.times > 1:
            self._rare -= seconds
        if account.times == 1:
            self._allowance += 0.0 if rare else seconds
            account.estimate = FIRST_CALL * seconds
        elif account.estimate is None or account.times == 2:
            account.estimate = seconds
        else:
            account.estimate += 0.3 * (seconds - account.estimate)
