"""Controls: what may be changed while a model trains, within what range, and how it is set."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import torch

from vergence import errors
from vergence.losses import Loss

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


def learning_rate(value: float) -> Control:
    """The control every optimiser has; the slider spans a factor of a thousand around `value`."""
    low, high = value / 100, value * 10
    ticks = (low, low * 10, low * 100, high)
    return Control(
        "learning_rate", "Learning rate", "per step, log", scale="log", low=low, high=high,
        ticks=tuple(float(f"{tick:.3g}") for tick in ticks), default=value, digits=4, symbol="lr",
    )  # fmt: skip


def temperature(value: float) -> Control:
    """The temperature τ of a loss over cosines."""
    return Control(
        "temperature", "Temperature", "τ, log", scale="log", low=0.01, high=1.0, ticks=(0.01, 0.1, 1.0),
        default=value, digits=2, symbol="τ",
    )  # fmt: skip


def coefficient(name: str, value: float) -> Control:
    """The weight of one term of a loss."""
    base = value if value > 0 else 1.0
    return Control(
        name, name.capitalize(), "coefficient, log", scale="log", low=base / 100, high=base * 10,
        ticks=(base / 100, base / 10, base, base * 10), default=value, digits=2, symbol=name, may_be_zero=True,
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


class Controls:
    """The knobs of one run. Values are set on the training thread only; checked at any time."""

    def __init__(self) -> None:
        self._knobs: dict[str, tuple[Control, Callable[[], Any], Callable[[Any], None]]] = {}

    def add(self, control: Control, get: Callable[[], Any], put: Callable[[Any], None]) -> None:
        """Offer a knob. `put` sets it, and raises one of `vergence.errors` for a value that cannot be."""
        self._knobs[control.name] = (control, get, put)

    @property
    def names(self) -> tuple[str, ...]:
        """What there is."""
        return tuple(self._knobs)

    def value(self, name: str) -> Any:
        """The value in force."""
        return self._knob("Controls.value", name)[1]()

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
        if control.scale == "linear" and not control.low <= number <= control.high:
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
        values = {}
        for name in self._knobs:
            value = self.value(name)
            if isinstance(value, int | float):
                values["learning_rate" if name == "learning_rate" else f"control/{name}"] = float(value)
        return values

    def add_loss(self, loss: Loss) -> None:
        """Offer what a loss lets be changed: its temperature, or the coefficients of its terms."""
        for name, value in loss.settings().items():
            knob = temperature(value) if name == "temperature" else coefficient(name, value)
            self.add(knob, partial(_setting, loss, name), partial(loss.set, name))

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
        return [{**asdict(control), "value": get()} for control, get, _ in self._knobs.values()]

    def _knob(self, call: str, name: str) -> tuple[Control, Callable[[], Any], Callable[[Any], None]]:
        if name not in self._knobs:
            raise errors.UnknownName(call, name, self._knobs, "control")
        return self._knobs[name]


def _setting(loss: Loss, name: str) -> float:
    return loss.settings()[name]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
