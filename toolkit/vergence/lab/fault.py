"""Fault: one thing that is wrong, put around the parts of a training step and taken away again."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vergence import errors
from vergence.training.around import Around, Part
from vergence.training.randomness import generator
from vergence.training.reference import Reference
from vergence.training.trainer import Trainer

__all__ = ["Fault", "LossFault", "Strength", "changed", "swapped", "without_faults"]


@dataclass(frozen=True)
class Strength:
    """How much of a fault: what the number means, where it lies, and what it is if nothing is said."""

    words: str
    default: float
    low: float
    high: float
    whole: bool = False
    below: bool = False
    """The upper end itself would change nothing."""

    def check(self, call: str, value: object) -> float:
        """The number, or ArgumentError."""
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        inside = number and self.low <= value <= self.high and value != math.inf  # type: ignore[operator]
        if not inside or (self.whole and value % 1) or (self.below and value == self.high):  # type: ignore[operator]
            kind = "a whole number" if self.whole else "a number"
            to = "up" if self.high == float("inf") else f"to {'below ' * self.below}{self.high:g}"
            raise errors.ArgumentError(
                f"{call}: strength is {value!r}. It is {self.words}: {kind} from {self.low:g} {to}; "
                f"{self.default:g} if left out."
            )
        return float(value)  # type: ignore[arg-type]


class Fault(Around):
    """A fault in one run. Derive from it, override the parts of a step that go wrong, and list it in `table.FAMILIES`.

    What a fault changes it puts back at the end of the part, so that several can be there at once, and be taken away
    in any order. What a run says of itself (its controls, its History) stays as it was set.

    trainer: whose step it is. reference: the items that are embedded now and then, or None. strength: see `Strength`.
    seed: of what the fault itself draws; the run's own random numbers are left alone.
    """

    name: ClassVar[str]
    line: ClassVar[str]
    """What is wrong, in one line."""
    looks: ClassVar[str]
    """What it is expected to look like."""
    knob: ClassVar[Strength | None] = None
    """None: it is there or it is not."""

    def __init__(self, trainer: Trainer, reference: Reference | None, strength: float | None, seed: int) -> None:
        self.trainer = trainer
        self.reference = reference
        knob = self.knob_for(trainer)
        default = 0.0 if knob is None else knob.default
        self.strength = default if strength is None else strength
        self.seed = seed
        self.generator = generator(seed, f"lab/{self.name}")
        self.as_set: Callable[[], AbstractContextManager[object]] = nullcontext
        """Around whatever it changes for a while: the controls go on showing what was set."""

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Why it makes no sense here; "" where it does. Reads nothing that a step changes."""
        del trainer
        return ""

    @classmethod
    def knob_for(cls, trainer: Trainer) -> Strength | None:
        """`knob`, where the data has a say in it."""
        del trainer
        return cls.knob

    def step(self, part: Part) -> Any:
        """The whole of a step, in which the controls show what was set."""
        with self.as_set():
            return part()

    def enter(self) -> None:
        """Before the first step with it."""

    def leave(self) -> None:
        """Before the first step without it."""

    def apart(self) -> torch.Generator:
        """A generator beside the one of the steps."""
        return generator(self.seed, f"lab/{self.name}/apart")

    def count(self, rows: int) -> int:
        """How many of so many rows, where `strength` is a share."""
        return round(self.strength * rows)


class LossFault(Fault):
    """A fault inside the loss: `inside` says what is different while it computes.

    It holds for the step, and for whoever measures the loss by `terms` or `pair_weights`: a loss that is wrong is
    wrong for them as well.
    """

    _deep = 0

    def inside(self) -> AbstractContextManager[object]:
        """What is different."""
        return nullcontext()

    @contextmanager
    def once(self) -> Iterator[None]:
        """`inside`, unless it is in force already: a loss calls its own terms."""
        if self._deep:
            yield
            return
        self._deep = 1
        try:
            with self.inside():
                yield
        finally:
            self._deep = 0

    def loss(self, part: Part, *given: Tensor, **more: Any) -> Any:
        """The loss, wrong."""
        with self.once():
            return part(*given, **more)

    def enter(self) -> None:
        """Whoever looks at the loss from outside sees it as the step does."""
        loss: Any = self.trainer.loss
        for name in ("terms", "pair_weights"):
            if hasattr(loss, name) and name not in getattr(loss, "__dict__", {name: None}):
                setattr(loss, name, _AsInTheStep(self.trainer, name))

    def leave(self) -> None:
        """The last one of them puts the loss back."""
        if any(isinstance(around, LossFault) and around is not self for around in self.trainer.around):
            return
        without_faults(self.trainer.loss)


class _AsInTheStep:
    """A method of a loss, called as a step with its faults calls it."""

    def __init__(self, trainer: Trainer, name: str) -> None:
        self.trainer, self.name = trainer, name

    def __call__(self, *views: Tensor, **more: Any) -> Any:
        loss = self.trainer.loss
        with ExitStack() as stack:
            for around in self.trainer.around:
                if isinstance(around, LossFault):
                    stack.enter_context(around.as_set())
                    stack.enter_context(around.once())
            return getattr(type(loss), self.name)(loss, *views, **more)

    def __deepcopy__(self, memo: object) -> _AsInTheStep:
        return self  # and not the trainer with it

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.trainer.loss, self.name)  # what is read back is the loss's own


def without_faults(loss: Any) -> None:
    """Take `terms` and `pair_weights` back to those of its class."""
    own = getattr(loss, "__dict__", {})
    for name in [name for name, value in own.items() if isinstance(value, _AsInTheStep)]:
        del own[name]


@contextmanager
def swapped(thing: Any, **values: Any) -> Iterator[None]:
    """Attributes of an object, other ones for a while."""
    before = {name: getattr(thing, name) for name in values}
    try:
        for name, value in values.items():
            setattr(thing, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(thing, name, value)


@contextmanager
def changed(loss: Any, values: Mapping[str, float]) -> Iterator[None]:
    """Settings of a loss, other ones for a while; learned ones come back to the last bit."""
    before = {name: loss.settings()[name] for name in values}
    learned = [value for value in loss.parameters() if value.numel() == 1] if isinstance(loss, nn.Module) else []
    kept = [value.detach().clone() for value in learned]
    try:
        for name, value in values.items():
            loss.set(name, value)
        yield
    finally:
        for name, value in before.items():
            loss.set(name, value)
        with torch.no_grad():
            for parameter, as_it_was in zip(learned, kept, strict=True):
                parameter.data.copy_(as_it_was)
