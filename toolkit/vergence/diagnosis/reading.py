"""Is this loss value normal? What a single number means for a loss, a batch and a width."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from vergence import errors, shapes
from vergence.diagnosis.diagnose import diagnose
from vergence.diagnosis.finding import Diagnosis
from vergence.diagnosis.lens import Lens
from vergence.diagnosis.quantities import QUANTITIES
from vergence.diagnosis.words import number
from vergence.losses import Loss
from vergence.record import History

__all__ = ["Reading", "read_loss"]

AT_CHANCE, WORSE, AT_FLOOR = 0.975, 1.1, 0.1
"""Of the way from the floor, 0, to chance, 1."""
SPREAD, COLLAPSED = 0.6, 0.15
"""Of what a full sphere has; see the rule of complete collapse."""
OFTEN = 0.07
"""The base temperature by which some codes multiply: their loss is T/0.07 times as large."""


@dataclass(frozen=True)
class Reading:
    """Where a loss lies, in numbers, in words, and what the rules make of it."""

    loss: float
    """In nats, a factor of the code taken off."""
    chance: float | None
    """Its value when the embeddings tell nothing apart."""
    floor: float | None
    """Its value at a perfect arrangement."""
    above_floor: float | None
    """Where it lies between them: 0 at the floor, 1 at chance; None where one is unknown."""
    spread: float | None
    """std times the root of dim: 1 on a full sphere, 0 at a point; None without a std."""
    says: str
    diagnosis: Diagnosis = field(repr=False)

    def __str__(self) -> str:
        return "\n".join([self.says, *map(str, self.diagnosis)])


def read_loss(
    loss: float, objective: Loss, *, batch: int, dim: int, std: float | None = None, factor: float = 1.0
) -> Reading:
    r"""Say where one value of a loss lies between chance and its floor: whether a run is stuck, on its way or done.

        print(vg.read_loss(41.08, vg.losses.NTXent(temperature=0.5), batch=1024, dim=128, factor=0.5 / 0.07))

        above_floor = (loss / factor - floor) / (chance - floor)        spread = std sqrt(dim)

    loss: as it was printed, the mean over anchors, in nats; any finite number. objective: the loss, with its
    temperature or coefficients. batch: samples of a step, >= 2. dim: columns of an embedding, >= 2; the classes or
    prototypes where the loss compares answers. std: mean standard deviation of the columns of normalised embeddings,
    0 to 1, where somebody printed it. factor: > 0, what the code multiplies the loss by: T/0.07 in some.

    above_floor reads 1 where nothing tells a partner from a stranger, however long it has been trained, and 0 at a
    perfect arrangement. spread reads 1 on a full sphere and 0 at a point, and says nothing of partners: a loss at
    chance with a spread of 1 is perfectly spread and not aligned at all.

    A History is made of these numbers and read by the rules of `diagnose`, each on this one measurement.

    Raises ArgumentError.
    """
    call = "read_loss"
    if not isinstance(objective, Loss):
        raise errors.ArgumentError(
            f"{call}: objective is a {type(objective).__name__}. It must be one of vergence.losses with its settings: "
            "vg.losses.NTXent(temperature=0.5)."
        )
    _check(call, loss, std)
    shapes.check_positive(call, "factor", factor)
    value = loss / factor
    chance, floor = objective.chance(batch, dim), objective.floor(batch, dim)
    lines = objective.reference_words(batch, dim)
    history = History({"name": "a loss", "batch": batch, "dim": dim, "loss_words": lines})
    known = {"loss": value, "loss/chance": chance, "loss/floor": floor}
    spread = None if std is None else std * math.sqrt(dim)
    known |= {"spectrum/z/std": spread}
    history.add_scalars(1, {key: found for key, found in known.items() if found is not None})
    above = Lens(history, QUANTITIES).last("loss/above_floor")
    words = [_of_loss(value, chance, floor, above, lines)]
    if lines.get("chance") == f"ln {dim}" and near_chance(value, chance, above):
        words.append(f"Every answer is spread evenly over all {dim:,} classes: the teacher prefers none.")
    words += _of_factor(value, chance, objective, factor)
    words += _of_spread(spread, near_chance(value, chance, above))
    return Reading(value, chance, floor, above, spread, " ".join(words), diagnose(history, once=True))


def near_chance(value: float, chance: float | None, above: float | None) -> bool:
    """Whether nothing is told apart; of a loss without a floor, whether it lies at chance to a hundredth."""
    if above is not None:
        return AT_CHANCE <= above <= WORSE
    return chance is not None and chance != 0 and abs(value / chance - 1) < 1 - AT_CHANCE


def _check(call: str, loss: object, std: object) -> None:
    if isinstance(loss, bool) or not isinstance(loss, int | float) or not math.isfinite(loss):
        raise errors.ArgumentError(f"{call}: loss is {loss!r}. It must be one finite number, as it was printed.")
    sound = std is None or (isinstance(std, int | float) and not isinstance(std, bool) and 0 <= std <= 1)
    if not sound:
        raise errors.ArgumentError(
            f"{call}: std is {std!r}. It must be the mean standard deviation of the columns of normalised embeddings, "
            "0 to 1; leave it out where it is not known."
        )


def _of_loss(
    value: float, chance: float | None, floor: float | None, above: float | None, lines: dict[str, str]
) -> str:
    """Where it lies."""
    if chance is None:
        return f"{number(value, '.4g')}: this loss has no value of chance, so a single number says little."
    at = f"{number(chance, '.4g')}" + (f" = {lines['chance']}" if lines.get("chance", "").startswith("ln") else "")
    if near_chance(value, chance, above):
        return f"{number(value, '.4g')} is chance ({at}): nothing tells a partner from a stranger, or all is alike."
    if above is None or floor is None:
        side = "below" if value < chance else "above"
        return f"{number(value, '.4g')} lies {number(abs(chance - value), '.2g')} {side} chance ({at})."
    if above > WORSE:
        return (
            f"{number(value, '.4g')} lies above chance ({at}), where a loss may begin and cannot stay: partners are "
            "farther apart than strangers, or the code multiplies the loss."
        )
    left = (
        f"{number(value - floor, '.2g')} above its floor ({number(floor, '.4g')}) and {number(chance - value, '.2g')} "
    )
    left = f"{number(value, '.4g')} lies {left}below chance ({at})"
    if above <= AT_FLOOR:
        return f"{left}: nearly done, there is no more to fall."
    return f"{left}: {1 - above:.0%} of the way is done."


def _of_factor(value: float, chance: float | None, objective: Loss, factor: float) -> list[str]:
    """A factor that would explain a loss far above chance."""
    temperature = objective.settings().get("temperature")
    if factor != 1 or chance is None or chance <= 0 or temperature is None or value < WORSE * chance:
        return []
    times = temperature / OFTEN
    if times <= 1 or value / times > WORSE * chance:
        return []
    return [
        f"Some codes multiply by T/0.07 = {number(times, '.3g')}; without it this is {number(value / times, '.4g')}: "
        f"ask again with factor={number(temperature, '.3g')} / 0.07."
    ]


def _of_spread(spread: float | None, at_chance: bool) -> list[str]:
    """What the spread adds."""
    if spread is None:
        return []
    read = f"The spread is {number(spread, '.2g')} of a full sphere's:"
    if spread < COLLAPSED:
        return [f"{read} the embeddings have met in one point."]
    if spread < SPREAD:
        return [f"{read} they share a large common direction, or are about to meet."]
    return [f"{read} no collapse. " + ("They are spread, and not aligned at all." if at_chance else "")]
