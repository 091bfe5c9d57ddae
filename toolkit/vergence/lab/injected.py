"""Injected: a fault in one run, from a step on until it is withdrawn."""

from __future__ import annotations

import threading
from typing import Any

from vergence import errors, shapes
from vergence.lab.table import FAULTS, fitting, in_words
from vergence.training.run import Run

__all__ = ["Injected", "inject"]

_ENTRIES = threading.Lock()
"""One at a time writes itself in or strikes itself out."""


class Injected:
    """A fault in a run. Made by `inject`; the only one who knows of it, for the record of the run does not.

    name, strength: of the fault; the strength is None where there is none.
    at: the step that it was wanted from. since: the first step that it was in force for, None before that.
    until: the first step without it again, None before that.
    """

    def __init__(self, run: Run, name: str, *, at: int, strength: float | None, seed: int) -> None:
        self.name, self.at, self.strength = name, at, strength
        self.since: int | None = None
        self.until: int | None = None
        self._run = run
        self._session = run.session
        looks = self._session.observer.looks
        self._fault = FAULTS[name](self._session.trainer, looks.reference, strength, seed)
        self._fault.as_set = self._session.controls.held
        self._unwanted = False
        self._lock = threading.Lock()
        with _ENTRIES:
            self._session.steering.between += (self._between,)
        self._if_nothing_trains()

    @property
    def reset(self) -> bool:
        """The run was reset since: the fault is gone with the model that it was in."""
        return self._run.session is not self._session

    @property
    def active(self) -> bool:
        """It is in force: the next step that the run takes has it."""
        return self.since is not None and self.until is None and not self._unwanted and not self.reset

    def withdraw(self) -> Injected:
        """Take it away again, before the next step. What it has done to the weights stays done."""
        self._unwanted = True
        self._if_nothing_trains()
        return self

    def __repr__(self) -> str:
        strength = "" if self.strength is None else f", strength={self.strength:g}"
        if self.reset:
            stands = "gone: the run was reset"
        elif self.since is not None and self.until is not None and self.since < self.until:
            stands = f"from step {self.since:,} to step {self.until - 1:,}"
        elif self._unwanted:
            stands = "being withdrawn" if self.since and not self.until else "withdrawn before it began"
        else:
            stands = f"since step {self.since:,}" if self.since else f"waits for step {self.at:,}"
        return f"Injected({self.name!r}{strength}: {stands})"

    def _if_nothing_trains(self) -> None:
        if not self._run.trains and not self.reset:
            self._between(self._run.steps_done + 1)

    def _between(self, step: int) -> None:
        """Between steps, on the training thread, or where nothing trains."""
        with self._lock:
            trainer = self._session.trainer
            if self._unwanted:
                if self.since is not None and self.until is None:
                    self.until = step
                    trainer.around = tuple(around for around in trainer.around if around is not self._fault)
                    self._fault.leave()
                steering = self._session.steering
                with _ENTRIES:
                    steering.between = tuple(act for act in steering.between if act != self._between)
            elif self.since is None and step >= self.at:
                self._fault.enter()
                trainer.around += (self._fault,)
                self.since = step


def inject(run: Run, name: str, at: int | None = None, strength: float | None = None, seed: int = 0) -> Injected:
    """Put a fault into a run, by name: from its start, or while it trains.

        fault = vg.lab.inject(run, "shuffled pairs", at=200, strength=0.5)
        fault.withdraw()

    run: a `Run`; in a loop of your own make the mistake yourself, or use `shuffled`.
    name: one of `faults()`.
    at: the first step with it; None: the next one, on a run that has not begun the first. It is put in
        between two steps, on the thread that trains.
    strength: how much of it; None: the default of this fault. See `faults()`.
    seed: of what the fault draws. The run's own random numbers are left alone.

    Nothing of it is written into the History: whoever reads that must find out by himself. Controls show what was set,
    not what is done. A pause does not end it, a reset does: `run.reset()` makes a new model without faults.
    Several faults may be there at once, but each only once.

    Raises UnknownName (the nearest name is offered); ArgumentError where it makes no sense for this run, with the
    methods that it fits; StateError when it is there already, and for a run that has failed.
    """
    if not isinstance(run, Run):
        raise errors.ArgumentError(
            f"lab.inject: run is a {type(run).__name__}. It must be a Run, whose steps are taken apart. In a loop of "
            "your own make the mistake where it belongs, for example loss(z1, lab.shuffled(z2))."
        )
    if str(name) not in FAULTS:
        raise errors.UnknownName("lab.inject", str(name), FAULTS, "fault")
    if run.state == "failed":
        raise errors.StateError(f"lab.inject: {run.name} has failed and takes no further step. Type: run.reset()")
    shapes.check_count("lab.inject", "seed", seed, least=0)
    at = _first(run, at)
    # Before anything is asked of the run: what a fault has changed is no ground to refuse it on.
    for act in run.session.steering.between:
        other: Any = getattr(act, "__self__", None)
        if isinstance(other, Injected) and other.name == name and not other._unwanted:
            raise errors.StateError(
                f"lab.inject: {name!r} is in {run.name} already: {other!r}. Withdraw that one first."
            )
    kind, trainer = FAULTS[name], run.session.trainer
    with run.controls.apart:
        why_not = kind.refuses(trainer)
        knob = None if why_not else kind.knob_for(trainer)
    if why_not:
        raise errors.ArgumentError(
            f"lab.inject: {name!r} makes no sense for {run.method.name} on {run.source.name}: {why_not}"
            f"{_where_it_fits(run, name)}"
        )
    if knob is not None:
        strength = knob.check(f"lab.inject({name!r})", knob.default if strength is None else strength)
    elif strength is not None:
        raise errors.ArgumentError(
            f"lab.inject: {name!r} has no strength, it is there or it is not. Leave strength={strength!r} out."
        )
    return Injected(run, name, at=at, strength=strength, seed=int(seed))


def _where_it_fits(run: Run, name: str) -> str:
    """The methods it fits; "" where this is one of them, and the data or the model does not fit."""
    fits = fitting(name)
    return "" if run.method.name in fits else f" It fits: {in_words(fits) or 'none of the methods as they are'}."


def _first(run: Run, at: object) -> int:
    if at is None:
        return run.steps_done + 1
    shapes.check_count("lab.inject", "at", at)
    first: int = at  # type: ignore[assignment]
    if first <= run.steps_done:
        raise errors.ArgumentError(
            f"lab.inject: at is {first}, but {run.name} has taken {run.steps_done:,} steps. It can come from step "
            f"{run.steps_done + 1:,} on; leave at out for that."
        )
    return first
