"""Faults in the loss: its temperature, its terms, its normalisation."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vergence.lab.fault import Fault, LossFault, Strength, changed, swapped, without_faults
from vergence.losses.learned import LARGEST
from vergence.losses.partition import any_length
from vergence.training.around import Part
from vergence.training.randomness import OwnRandomness, generator
from vergence.training.trainer import Trainer

__all__ = [
    "BrokenLoss",
    "Inverted",
    "NoCentring",
    "NoCovariance",
    "NoNormalisation",
    "NoSinkhorn",
    "NoVariance",
    "TooHigh",
    "TooLow",
]


def temperatures(loss: Any) -> dict[str, float]:
    """The settings of a loss that are temperatures."""
    return {name: value for name, value in loss.settings().items() if name.rpartition("_")[2] == "temperature"}


class OtherTemperature(LossFault):
    """A loss that computes with another temperature than was set."""

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a temperature."""
        return "" if temperatures(trainer.loss) else "its loss has no temperature."

    def other(self, value: float) -> float:
        """The temperature it computes with."""
        raise NotImplementedError

    def inside(self) -> AbstractContextManager[object]:
        """Another temperature, a learned one not below where it is kept."""
        loss: Any = self.trainer.loss
        least = 1 / LARGEST if getattr(loss, "learned", False) else 0.0
        return changed(loss, {name: max(self.other(value), least) for name, value in temperatures(loss).items()})


class TooLow(OtherTemperature):
    """A fraction of the temperature."""

    name = "temperature too low"
    line = "the loss computes with a fraction of the temperature that was set"
    looks = "a few negatives carry the whole gradient, the loss is far from its floor, classes are torn apart"
    knob = Strength("the temperature is divided by it", 20, 1, 1000)

    def other(self, value: float) -> float:
        """Divided."""
        return value / self.strength


class TooHigh(OtherTemperature):
    """A multiple of the temperature."""

    name = "temperature too high"
    line = "the loss computes with a multiple of the temperature that was set"
    looks = "all negatives count alike, the loss hardly leaves chance; few directions are used, details are lost"
    knob = Strength("the temperature is multiplied by it", 20, 1, 1000)

    def other(self, value: float) -> float:
        """Multiplied."""
        return value * self.strength


class Inverted(OtherTemperature):
    """Multiplied by the temperature in place of divided."""

    name = "temperature inverted"
    line = "cosines are multiplied by the temperature in place of divided by it"
    looks = "as with one that is too high the loss hardly leaves chance, and turning the control acts the wrong way"

    def other(self, value: float) -> float:
        """1/T."""
        return 1 / value

    def enter(self) -> None:
        """The slope of ln(1/T) is that of ln T turned round, for a temperature that is learned."""
        super().enter()
        kept = vars(self.trainer.loss).get("_parameters", {}).get("log_scale")
        self._hook = None if kept is None or not kept.requires_grad else kept.register_hook(torch.neg)

    def leave(self) -> None:
        """As it was."""
        super().leave()
        if self._hook is not None:
            self._hook.remove()


class Raw(TorchFunctionMode):
    """Inside, rows keep their length: normalising them gives them back, and a cosine is a dot product."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is nn.functional.normalize:
            x, dim = args[0] if args else given["input"], args[2] if len(args) > 2 else given.get("dim", 1)
            if dim in (-1, x.ndim - 1):  # rows, not directions that stand in columns
                return x
        if func is nn.functional.cosine_similarity:
            first, second, *_ = (*args, *(given[name] for name in ("x1", "x2") if name in given))
            return (first * second).sum(args[2] if len(args) > 2 else given.get("dim", 1))
        return func(*args, **given)


@contextmanager
def raw() -> Iterator[None]:
    """`Raw`, and no bound on the length of rows."""
    with Raw(), any_length():
        yield


class NoNormalisation(LossFault):
    """Embeddings go into the similarity with the length they have."""

    name = "missing normalisation"
    line = "the loss compares raw embeddings: dot products in place of cosines"
    looks = "lengths grow without bound and the loss falls by them, below its floor; cosines hardly change"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a loss to which lengths do not matter, and would."""
        return normalises(trainer.loss)

    def inside(self) -> AbstractContextManager[object]:
        """Without it."""
        return raw()


def normalises(loss: Any) -> str:
    """ "" where lengths do not matter to a loss, and would without its normalisation: tried on random rows.

    One that cannot be tried is taken to normalise.
    """
    widths = [12]
    if isinstance(loss, nn.Module):
        columns = {value.shape[-1] for value in loss.parameters() if value.ndim == 2}
        widths = sorted(columns | {width * int(getattr(loss, "heads", 1)) for width in columns}) + widths
    for width in widths:
        try:
            as_it_is, without = _difference(loss, width, kept=False), _difference(loss, width, kept=True)
        except Exception:  # a width that does not fit; the next may
            continue
        if as_it_is >= 1e-4:
            return "its loss does not normalise rows, so nothing would be missing."
        return "" if without > 1e-4 else "its loss normalises in its own way, which cannot be taken out."
    return ""


def _difference(loss: Any, width: int, *, kept: bool) -> float:
    """By how much a copy of the loss changes when rows become three times as long. kept: none is normalised."""
    found = []
    for factor in (1.0, 3.0):
        tried = copy.deepcopy(loss)
        without_faults(tried)
        own = generator(0, "lab/normalises")
        views = [factor * torch.randn(32, width, generator=own) for _ in range(int(getattr(tried, "views", 2)))]
        ids = torch.arange(32) % 4
        known = {"targets": tuple(views), "negatives": views[0].flip(0), "labels": ids, "groups": ids}
        known |= {"index": torch.arange(32)}
        asked = (*getattr(tried, "needs", ()), *(["negatives"] if getattr(tried, "queue", 0) else []))
        with torch.no_grad(), OwnRandomness(own), ExitStack() as stack:
            if kept:
                stack.enter_context(raw())
            found.append(float(tried(*views, **{name: known[name] for name in asked if name in known})))
    return abs(found[1] - found[0]) / max(1.0, abs(found[0]))


class WithoutTerm(LossFault):
    """A loss one of whose coefficients is 0."""

    terms: ClassVar[tuple[str, ...]]
    lacks: ClassVar[str]

    @classmethod
    def coefficients(cls, loss: Any) -> dict[str, float]:
        """The settings that become 0."""
        return {name: value for name, value in loss.settings().items() if name in cls.terms}

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs the term."""
        found = cls.coefficients(trainer.loss)
        if not found:
            return f"its loss has no term {cls.lacks}."
        return "" if any(found.values()) else f"its loss has no term {cls.lacks} already: the coefficient is 0."

    def inside(self) -> AbstractContextManager[object]:
        """At 0."""
        return changed(self.trainer.loss, dict.fromkeys(self.coefficients(self.trainer.loss), 0.0))


class NoCovariance(WithoutTerm):
    """Columns may repeat each other."""

    name = "no covariance term"
    line = "what keeps the columns of an embedding from repeating each other counts nothing"
    looks = "the spread of every column looks perfect, while a few directions hold all of it"
    terms = ("covariance", "redundancy")
    lacks = "against columns that repeat each other"


class NoVariance(WithoutTerm):
    """Columns may shrink to a point."""

    name = "no variance term"
    line = "what keeps the embeddings spread out counts nothing"
    looks = "the embeddings shrink to a point, and the loss to 0"
    terms = ("variance",)
    lacks = "that keeps embeddings spread out and could be left out"

    @classmethod
    def coefficients(cls, loss: Any) -> dict[str, float]:
        """Of LeJEPA the share of SIGReg, which does both."""
        return super().coefficients(loss) or {
            name: value for name, value in loss.settings().items() if name == "weight" and "LeJEPA" in loss.name
        }


class NoSinkhorn(LossFault):
    """Rows choose prototypes without looking at one another."""

    name = "no Sinkhorn"
    line = "assignments to prototypes are a softmax of each row: nothing makes a batch use all of them"
    looks = "few prototypes are used, in the end one; the loss falls to 0 and the embeddings with it"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs Sinkhorn."""
        there = getattr(trainer.loss, "sinkhorn", None)
        if not isinstance(there, bool):
            return "its loss has no Sinkhorn."
        return "" if there else "its Sinkhorn is off already."

    def inside(self) -> AbstractContextManager[object]:
        """Off."""
        return swapped(self.trainer.loss, sinkhorn=False)


class NoCentring(LossFault):
    """The centre of the teacher's scores stands still."""

    name = "no centring"
    line = "the centre of the teacher's scores stands still, from the start at 0"
    looks = "one class takes everything: the entropy of the teacher and the loss fall to 0"

    @classmethod
    def refuses(cls, trainer: Trainer) -> str:
        """Needs a centre."""
        loss: Any = trainer.loss
        if not hasattr(loss, "centre") or "momentum" not in loss.settings():
            return "its loss has no centre."
        return "" if loss.settings()["momentum"] < 1 else "its centre stands still already: momentum is 1."

    def inside(self) -> AbstractContextManager[object]:
        """Momentum 1."""
        return changed(self.trainer.loss, {"momentum": 1.0})


class BrokenLoss(Fault):
    """The loss is NaN now and then."""

    name = "NaN in the loss"
    line = "in a share of the steps the loss is NaN"
    looks = "those steps are skipped and marked; ten in a row end the run"
    knob = Strength("the share of steps", 0.2, 0.0, 1.0)

    def loss(self, part: Part, *given: Tensor, **more: Any) -> Any:
        """NaN, or as it is."""
        found = part(*given, **more)
        return found * float("nan") if float(torch.rand((), generator=self.generator)) < self.strength else found
