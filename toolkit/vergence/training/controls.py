"""Controls: what may be changed while a model trains, within what range, and how it is set."""

from __future__ import annotations

import math
import numbers
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import torch

from vergence import errors
from vergence.losses import Loss
from vergence.methods import Learner

__all__ = ["Control", "Controls"]


@dataclass(frozen=True)
class Control:
    """One knob: its names, its range and its value at the start.

    `low` and `high` are the ends of the slider. What is *allowed* is decided by the setter, so
    `run.set(temperature=2)` may go past the slider's end.
    """

    name: str
    label: str
    unit: str = ""
    kind: Literal["slider", "choice"] = "slider"
    scale: Literal["linear", "log"] = "linear"
    low: float = 0.0
    high: float = 1.0
    ticks: tuple[float, ...] = ()
    options: tuple[str, ...] = ()
    default: float | str = 0.0
    digits: int = 2
    symbol: str = ""
    """What marks call it: `τ 0.5 → 0.2`."""
    may_be_zero: bool = False
    """0 is allowed, though a logarithmic slider has no place for it: a term of a loss can be switched off."""
    strict: bool = True
    """The ends of a linear slider are the ends of what is allowed; False: its setter says what is."""
    whole: bool = False
    """Only whole numbers: a notch of the slider is 1."""


def learning_rate(value: float) -> Control:
    """The control every optimiser has; the slider spans a factor of a thousand around `value`."""
    low, high = value / 100, value * 10
    ticks = (low, low * 10, low * 100, high)
    return Control(
        "learning_rate", "Learning rate", "per step, log", scale="log", low=low, high=high,
        ticks=tuple(float(f"{tick:.3g}") for tick in ticks), default=value, digits=4, symbol="lr",
    )  # fmt: skip


def temperature(value: float, name: str = "temperature") -> Control:
    """The temperature τ of a loss over cosines; `teacher_temperature` is `τ teacher` in marks."""
    whose = name.removesuffix("temperature").strip("_").replace("_", " ")
    return Control(
        name, _in_words(name), "τ, log", scale="log", low=0.01, high=1.0, ticks=(0.01, 0.1, 1.0),
        default=value, digits=2, symbol=f"τ {whose}".strip(),
    )  # fmt: skip


def momentum(name: str, value: float) -> Control:
    """The share of an average that stays at each step: of a teacher's weights, of a centre. Near 1 it moves slowly."""
    return Control(
        name, "Teacher EMA" if name == "ema" else _in_words(name), "share kept per step", low=0.9, high=1.0,
        ticks=(0.9, 0.95, 0.99, 1.0), default=value, digits=4, symbol=name, strict=False,
    )  # fmt: skip


def share(name: str, value: float) -> Control:
    """A number from 0 to 1, such as the weight of one of two parts."""
    return Control(
        name, _in_words(name), "share, 0 to 1", low=0.0, high=1.0, ticks=(0.0, 0.25, 0.5, 0.75, 1.0), default=value,
        digits=3, symbol=name, strict=False,
    )  # fmt: skip


def switch(name: str, value: str) -> Control:
    """On or off."""
    return Control(
        name, _in_words(name), "on or off", kind="choice", options=("on", "off"), default=value, symbol=_plain(name)
    )


def coefficient(name: str, value: float, *, zero: bool = True) -> Control:
    """The weight of one term of a loss. zero: it may be switched off."""
    base = value if value > 0 else 1.0
    return Control(
        name, _in_words(name), "coefficient, log", scale="log", low=base / 100, high=base * 10,
        ticks=(base / 100, base / 10, base, base * 10), default=value, digits=2, symbol=name, may_be_zero=zero,
    )  # fmt: skip


def strength(value: float) -> Control:
    """How strongly views are augmented."""
    return Control(
        "strength", "View strength", "0 none to 1 full", low=0.0, high=1.0, ticks=(0.0, 0.25, 0.5, 0.75, 1.0),
        default=value, digits=2, symbol="strength",
    )  # fmt: skip


def positives(options: tuple[str, ...], value: str) -> Control:
    """Which pairs count as positive."""
    return Control(
        "positives", "Positives", "the pairs pulled together", kind="choice", options=options, default=value,
        symbol="positives",
    )  # fmt: skip


def bias(name: str, value: float) -> Control:
    """A number of any sign."""
    reach = max(1.0, 2 * abs(value))
    return Control(
        name, _in_words(name), "any sign", low=-reach, high=reach, ticks=(-reach, 0.0, reach), default=value,
        digits=2, symbol=name, strict=False,
    )  # fmt: skip


def whole(name: str, value: float, unit: str = "how many", *, least: float = 0.0) -> Control:
    """A count, from `least`."""
    high = max(10.0, 2 * value)
    return Control(
        name, _in_words(name), unit, low=least, high=high, ticks=(least, float(round(high / 2)), high), default=value,
        digits=0, symbol=_plain(name), strict=False, whole=True,
    )  # fmt: skip


def setting(name: str, value: float, allows: Callable[[float], bool] | None = None) -> Control:
    """The knob of a setting of a loss or a method, by its name and by what it may be.

    allows: whether a value may be set; None: not known.
    """
    last = name.rpartition("_")[2]
    if last == "temperature":
        return temperature(value, name)
    if last in ("momentum", "ema") and 0 <= value <= 1:
        return momentum(name, value)
    if name == "iterations":
        return whole(name, value, "rounds")
    if allows is None:
        return coefficient(name, value)
    if allows(-1.0):
        return bias(name, value)
    if allows(2.0) and not allows(1.5):
        least = next((n for n in (0.0, 1.0) if allows(n)), 2.0)
        return whole(name, value, least=least)
    if not allows(1.5) and 0 <= value <= 1:
        return share(name, value)
    return coefficient(name, value, zero=allows(0.0))


class Controls:
    """The knobs of one run. Values are set on the training thread only; checked at any time."""

    def __init__(self) -> None:
        self._knobs: dict[str, tuple[Control, Callable[[], Any], Callable[[Any], None]]] = {}
        self._held: dict[str, Any] | None = None
        self._look = threading.RLock()
        """Nobody reads a value while `held` begins."""
        self.apart = threading.RLock()
        """Taken while values are `held`; whoever takes it sees the parts of the run as they were set."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, `value` says what was in force before, whatever is put in its place for a while."""
        with self.apart:
            with self._look:
                before = self._held
                self._held = before or {name: get() for name, (_, get, _) in self._knobs.items()}
            try:
                yield
            finally:
                self._held = before

    def add(self, control: Control, get: Callable[[], Any], put: Callable[[Any], None]) -> None:
        """Offer a knob. `put` sets it, and raises one of `vergence.errors` for a value that cannot be."""
        self._knobs[control.name] = (control, get, put)

    @property
    def names(self) -> tuple[str, ...]:
        """What there is."""
        return tuple(self._knobs)

    def value(self, name: str) -> Any:
        """The value in force."""
        get = self._knob("Controls.value", name)[1]
        with self._look:
            return get() if self._held is None else self._held[name]

    def check(self, call: str, name: str, value: Any) -> float | str:
        """The value as the setter takes it, or UnknownName / ArgumentError. Changes nothing."""
        control = self._knob(call, name)[0]
        if control.kind == "choice":
            if value not in control.options:
                raise errors.UnknownName(call, str(value), control.options, f"kind of {name}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise errors.ArgumentError(
                f"{call}: {name} is {value!r}, a {type(value).__name__}. It must be a number, for example "
                f"{call}({name}={control.default})."
            )
        number = float(value)
        if control.scale == "log" and not (0 < number < math.inf or (number == 0 and control.may_be_zero)):
            least = ", 0 or above" if control.may_be_zero else " above 0"
            raise errors.ArgumentError(
                f"{call}: {name} is {value!r}. It must be a finite number{least}; the slider goes from "
                f"{control.low:g} to {control.high:g}."
            )
        if control.scale == "linear" and not control.strict and not math.isfinite(number):
            raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a finite number.")
        if control.scale == "linear" and control.strict and not control.low <= number <= control.high:
            raise errors.ArgumentError(
                f"{call}: {name} is {value!r}. It must lie between {control.low:g} and {control.high:g}."
            )
        return number

    def set(self, name: str, value: Any) -> tuple[Any, Any]:
        """Set a value; returns (old, new). On the training thread only."""
        control, get, put = self._knob("set", name)
        checked = self.check("set", control.name, value)
        old = get()
        put(checked)
        return old, get()

    def in_force(self) -> dict[str, float]:
        """The numbers in force, by the key a History records them under."""
        with self._look:
            values = {
                name: get() if self._held is None else self._held[name] for name, (_, get, _) in self._knobs.items()
            }
        return {
            "learning_rate" if name == "learning_rate" else f"control/{name}": float(value)
            for name, value in values.items()
            if isinstance(value, (int, float))
        }

    def add_loss(self, loss: Loss) -> None:
        """Offer what a loss lets be changed: its temperature, or the coefficients of its terms."""
        for name, value in loss.settings().items():
            self.add(_knob_of(loss, name, value), partial(_setting, loss, name), partial(loss.set, name))

    def add_learner(self, learner: Learner) -> None:
        """Offer what a method lets be changed beside its loss: a teacher's momentum, a switch."""
        for name, value in learner.settings().items():
            self.add(_knob_of(learner, name, value), partial(_setting, learner, name), partial(learner.set, name))
        for name, turned in learner.choices().items():
            self.add(switch(name, turned), partial(_choice, learner, name), partial(learner.set, name))

    def add_learning_rate(self, optimiser: torch.optim.Optimizer) -> None:
        """Offer the learning rate; parameter groups keep their ratios to one another."""

        def get() -> float:  # asked anew each time: loading a checkpoint replaces the groups
            return float(optimiser.param_groups[0]["lr"])

        def put(value: float) -> None:
            groups, old = optimiser.param_groups, get()
            for group in groups:
                group["lr"] = group["lr"] * (value / old) if old and group is not groups[0] else value

        self.add(learning_rate(get() or 1e-3), get, put)

    def label(self, name: str, old: Any, new: Any) -> str:
        """The words of a mark: `τ 0.5 → 0.2`."""
        control = self._knob("label", name)[0]
        return f"{control.symbol or control.label} {_short(old)} → {_short(new)}"

    def described(self) -> list[dict[str, Any]]:
        """All knobs as plain data, with the value each has now: what a History keeps."""
        return [{**asdict(control), "value": self.value(name)} for name, (control, _, _) in self._knobs.items()]

    def _knob(self, call: str, name: str) -> tuple[Control, Callable[[], Any], Callable[[Any], None]]:
        if name not in self._knobs:
            raise errors.UnknownName(call, name, self._knobs, "control")
        return self._knobs[name]


def _setting(part: Loss | Learner, name: str) -> float:
    return part.settings()[name]


def _choice(learner: Learner, name: str) -> str:
    return learner.choices()[name]


def _knob_of(part: Loss | Learner, name: str, value: float) -> Control:
    """The knob of a setting of a loss or a method, with the words that its owner has for it."""
    knob = setting(name, value, _allows(part, name))
    label = getattr(part, "labels", {}).get(name)
    return knob if label is None else replace(knob, label=label)


def _allows(part: Loss | Learner, name: str) -> Callable[[float], bool] | None:
    """Whether it would take a value: asked of the check that it keeps for the setting, so nothing is changed."""
    check = getattr(part, "ranges", {}).get(name)
    if check is None:
        return None

    def allows(value: float) -> bool:
        try:
            check(type(part).__name__, name, value)
        except errors.VergenceError:
            return False
        return True

    return allows


def _plain(name: str) -> str:
    """`stop_gradient` as `stop gradient`."""
    return name.replace("_", " ")


def _in_words(name: str) -> str:
    return _plain(name)[:1].upper() + _plain(name)[1:]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
