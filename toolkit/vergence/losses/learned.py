"""Settings that may be parameters: a temperature that is learned with the encoder, and can still be turned by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vergence import errors
from vergence.losses.loss import Base

__all__ = ["AS_IT_IS", "LARGEST", "SCALE", "TEMPERATURE", "Kept", "Learned"]

LARGEST = 100.0
"""No learned scale goes above this: beyond it single pairs decide the gradient, and half precision overflows."""


@dataclass(frozen=True)
class Kept:
    """How a setting is kept as a parameter: its name, the way there and the way back."""

    parameter: str
    there: Callable[[float], float]
    back: Callable[[float], float]


TEMPERATURE = Kept("log_scale", lambda value: -math.log(value), lambda kept: math.exp(-kept))
SCALE = Kept("log_scale", math.log, math.exp)
AS_IT_IS = Kept("bias", lambda value: value, lambda kept: kept)


class Learned(Base, nn.Module):
    """A loss whose settings in `kept` are parameters if `learned`, to be given to the optimiser, else plain numbers.

    `settings` reads a parameter's value now, and `set` writes it, so both kinds look alike from outside. A scale is
    kept as its logarithm, `log_scale`, and brought back to 100 in each call that records gradients.

    Raises ArgumentError; for a learned scale above 100 as well, for example a temperature below 0.01.
    """

    kept: ClassVar[dict[str, Kept]]

    def __init__(self, learned: bool, **settings: float) -> None:
        nn.Module.__init__(self)
        Base.__init__(self, **settings)
        self.learned = learned
        for name, how in self.kept.items() if learned else ():
            value = self._settings.pop(name)
            self._check_largest(type(self).__name__, name, value)
            self.register_parameter(how.parameter, nn.Parameter(torch.tensor(how.there(value))))

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The sum of `terms`; a learned scale above 100 is brought back first, if gradients are recorded."""
        log_scale = self._parameters.get("log_scale")
        if log_scale is not None and torch.is_grad_enabled():
            # Not the clamp in `scale` alone: there a value above has no gradient, so it would never come back.
            # .data: an earlier call's graph may still wait for its backward.
            log_scale.data.clamp_(max=math.log(LARGEST))
        return Base.__call__(self, *views, **more)

    def scale(self) -> tuple[Tensor | float, float]:
        """What cosines are multiplied by, with its gradient where it is learned, and a bound on it."""
        if self.learned:
            log_scale: Tensor = self.get_parameter("log_scale")
            return log_scale.clamp(max=math.log(LARGEST)).exp(), LARGEST
        fixed = self._settings["scale"] if "scale" in self._settings else 1 / self._settings["temperature"]
        return fixed, fixed

    def settings(self) -> dict[str, float]:
        """What may be changed while it runs, and its value now; reads learned values, so a GPU waits."""
        found = dict(self._settings)
        for name, how in self.kept.items() if self.learned else ():
            found[name] = how.back(self.get_parameter(how.parameter).item())
        return {name: found[name] for name in self.ranges}

    def set(self, name: str, value: float) -> None:
        """Change a setting, from the next call on; a learned one goes on from there. Raises as `Adjustable.set`."""
        if not self.learned or name not in self.kept:
            super().set(name, value)
            return
        call = f"{type(self).__name__}.set"
        self.ranges[name](call, name, value)
        self._check_largest(call, name, float(value))
        how = self.kept[name]
        self.get_parameter(how.parameter).data.fill_(how.there(float(value)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value:g}" for name, value in self.settings().items())
        return f"{type(self).__name__}({shown}, learned={self.learned})"

    def _check_largest(self, call: str, name: str, value: float) -> None:
        how = self.kept[name]
        if how.parameter == "log_scale" and how.there(value) > math.log(LARGEST) + 1e-9:
            least = f"at least {1 / LARGEST:g}" if how is TEMPERATURE else f"at most {LARGEST:g}"
            raise errors.ArgumentError(
                f"{call}: {name} is {value:g}. A learned one must be {least}, as the scale of the cosines is kept "
                f"below {LARGEST:g}; use learned=False to go beyond."
            )
