"""Whether the loss that came is what the objective makes of these rows, and if not, by which mistake it would be."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vergence import errors
from vergence.geometry import full_precision
from vergence.losses import Loss
from vergence.losses.learned import LARGEST
from vergence.training.measures.dot_products import dot_products
from vergence.training.measures.now import Make, Now, Read, Setup
from vergence.training.measures.parts import Called, Parts
from vergence.training.measures.softmax_family import FAMILIES, cosines, products

__all__ = ["make_objective", "solutions"]

ROUNDING = 1e-4
"""Of the loss: so much of a difference says nothing ..."""
REMEMBERS = 0.02
"""... and so much where it has moved on since: a centre, prototypes, a temperature that is learned."""
MOST_ROWS = 1024
"""Of all views; for more no temperature is looked for."""
WIDEST = 300.0
"""Temperatures are looked for from this part to this multiple of the one in force ..."""
GRID = 11
"""... first at so many, evenly in their logarithm ..."""
SECTIONS = 12
"""... and between those beside the lowest in so many steps, where the loss is above what was reported at all."""
AT_THE_END = 1e-3
"""Of the loss: so near it may be at the lowest temperature that is tried."""
ONE_LENGTH = 1.01
"""The longest row over the shortest: below it all have one length."""
CLOSE = 1e-5
"""Of the loss: so near the loss of a temperature that was found is to the one that came."""


def make_objective(setup: Setup) -> Make:
    r"""The loss as it was reported, and as the objective's class gives it on what it was called with.

        objective/z/reported, recomputed
        objective/z/mismatch = |reported - recomputed| / max(|reported|, |recomputed|)      0: they agree
        objective/z/ratio = reported / recomputed
        objective/z/tolerance               what rounding, or what the loss remembers, may make of the mismatch

    Where they do not agree, how far each simple mistake is from the reported loss, relative to it (0: that is it):

        objective/z/explained_by_inverted   cosines multiplied by the temperature in place of divided
        objective/z/explained_by_one        a temperature of 1
        objective/z/explained_by_raw        dot products in place of cosines
        objective/z/temperature             one that gives the reported loss; where they agree the one in force
        objective/z/temperature_other       another that does, for a loss has its lowest value in between
        objective/z/factor                  temperature over the one in force

    A temperature that fits one number is no proof: the right one is the same at every look, a wrong one wanders. So of
    two the one is told first that is nearest to one of the look before; at the first look, to the one in force.

    Of an objective that is not known: temperatures of NT-Xent, of InfoNCE (view 1 to view 2) and of its symmetric form
    that give the reported loss with row i of both views as positives; `_other`: where there are two. `_raw_`: of dot
    products in place of cosines, where rows differ in length.
    """
    objective = setup.objective if isinstance(setup.objective, Loss) else None
    before: list[float] = []

    def measure(now: Now, place: str) -> Read:
        nonlocal before
        del place
        called = now.called
        if called is None:
            raise errors.ArgumentError("objective: it is not known what the loss was called with.")
        try:
            reported = _number(called.found)
        except (RuntimeError, TypeError, ValueError, NotImplementedError):  # a loss that is no number is marked
            reported = None
        if reported is None:
            raise errors.ArgumentError("objective: no finite loss came with the rows. Type: m.step(z1, z2, loss=loss).")
        views = called.given
        try:
            with full_precision(views[0].device if isinstance(views[0], Tensor) else torch.device("cpu")):
                if objective is None:
                    return Read({"reported": reported} | _unknown(called, reported))
                found, before = _known(objective, called, now.samples["z"].labels, reported, before)
                return Read(found)
        except errors.InputError:
            raise
        except Exception as error:  # somebody's objective; the loss panel says what is wrong with it
            raise errors.ArgumentError(
                f"objective: the loss could not be computed again: {type(error).__name__}: {error}. Call "
                "objective.terms(z1, z2) on a step's embeddings to see it fail."
            ) from error

    return measure


def _known(
    objective: Loss, called: Called, labels: object, reported: float, before: list[float]
) -> tuple[dict[str, float | None], list[float]]:
    """What is recorded, and the factors on the temperature that would do; `before`: those of the look before."""
    recomputed = _as(objective, called, labels)
    if recomputed is None:
        raise errors.ArgumentError(
            f"objective: {objective.name} needs more than came, so the loss cannot be computed again. Hand over "
            "what it was called with: m.step(z1, z2, more={...})."
        )
    scale = max(abs(reported), abs(recomputed), 1e-12)
    mismatch = abs(reported - recomputed) / scale
    tolerance = REMEMBERS if _remembers(objective) else ROUNDING
    found: dict[str, float | None] = {
        "reported": reported, "recomputed": recomputed, "mismatch": mismatch, "tolerance": tolerance,
    }  # fmt: skip
    if recomputed:
        found["ratio"] = reported / recomputed
    temperatures = {name: value for name, value in objective.settings().items() if name.endswith("temperature")}
    main = temperatures.get("temperature")
    if mismatch <= tolerance:
        return found | ({} if main is None else {"temperature": main, "factor": 1.0}), [1.0]

    def away(loss: float | None) -> float | None:
        return None if loss is None else abs(loss - reported) / max(abs(reported), 1e-12)

    def at(factor: float) -> float | None:
        return _as(objective, called, labels, {name: factor * value for name, value in temperatures.items()})

    found["explained_by_raw"] = away(_as(objective, called, labels, raw=True))
    if main is None:
        return found, []
    found["explained_by_inverted"] = inverted = away(
        _as(objective, called, labels, {name: 1 / value for name, value in temperatures.items()})
    )
    found["explained_by_one"] = away(_as(objective, called, labels, dict.fromkeys(temperatures, 1.0)))
    # A scale that is learned goes no further up, and may lie there.
    least = max(1 / WIDEST, 1 / (LARGEST * main)) if getattr(objective, "learned", False) else 1 / WIDEST
    factors = [] if _rows(called) > MOST_ROWS else solutions(at, reported, least * (1 + 1e-6), WIDEST, GRID)
    if inverted is not None and inverted < CLOSE:
        factors = [1 / main**2, *(factor for factor in factors if abs(math.log(factor * main**2)) > 0.01)]
    else:
        factors.sort(key=lambda factor: _far(factor, before or [1.0]))
    for name, factor in zip(("temperature", "temperature_other"), factors, strict=False):
        found[name] = factor * main
    if factors:
        found["factor"] = factors[0]
    return found, factors


def _far(factor: float, before: list[float]) -> float:
    """How far it is from the nearest of those before."""
    return min(abs(math.log(factor / other)) for other in before)


def _remembers(objective: object) -> bool:
    """It holds what it learns or keeps from step to step."""
    own = list(vars(objective).values())
    if isinstance(objective, nn.Module):
        own += [*objective.parameters(), *objective.buffers()]
        own += [value for part in objective.children() for value in vars(part).values()]
    return any(isinstance(value, Tensor) for value in own)


def _rows(called: Called) -> int:
    return sum(len(view) for view in called.given)


def _as(
    objective: Loss, called: Called, labels: object, settings: dict[str, float] | None = None, *, raw: bool = False
) -> float | None:
    """The loss by its class, with other settings; None where it refuses them, or is not finite."""
    tried: Any = objective
    if settings is not None:
        tried = copy.deepcopy(objective)
        try:
            for name, value in settings.items():
                tried.set(name, value)
        except errors.VergenceError:
            return None
    try:
        with dot_products() if raw else nullcontext():
            found = Parts(tried).total(called, labels)
    except errors.InputError:
        if settings is None and not raw:
            raise
        return None
    return found if found is not None and math.isfinite(found) else None


def _unknown(called: Called, reported: float) -> dict[str, float | None]:
    views = called.given
    if (
        len(views) != 2
        or not all(isinstance(view, Tensor) and view.ndim == 2 for view in views)
        or views[0].shape != views[1].shape
        or not 4 <= 2 * len(views[0]) <= MOST_ROWS
    ):
        raise errors.ArgumentError(
            "objective: it is none of vergence.losses, and a temperature is looked for in two views of one shape with "
            f"{MOST_ROWS // 2} rows at most. Type: Monitor(encoder, objective=vergence.losses.NTXent(...))."
        )
    one, other = views[0].detach(), views[1].detach()
    lengths = torch.cat([one, other]).float().norm(dim=1)
    ways = {"": cosines(one, other)}
    if lengths.max() > ONE_LENGTH * lengths.min():  # else dot products are cosines, at another temperature
        ways["raw_"] = products(one, other)
    found: dict[str, float | None] = {}
    for way, known in ways.items():
        for name, loss in FAMILIES.items():
            told = partial(loss, known)
            roots = solutions(told, reported, 1 / WIDEST, WIDEST, GRID)
            keys = f"{name}_{way}temperature", f"{name}_{way}temperature_other"
            found |= dict(zip(keys, sorted(roots), strict=False))
    return found


def solutions(
    loss: Callable[[float], float | None], value: float, low: float, high: float, grid: int = GRID
) -> list[float]:
    """Where `loss` takes a value between two ends, in ascending order: one for each change of side on a grid, and the
    lower end where it is there. A loss falls and rises again: where it is lowest is looked for between the points.

    Between two points of the grid by false position in the logarithm, halved where one end stays (Illinois).
    """
    ends = [low * (high / low) ** (at / (grid - 1)) for at in range(grid)]
    apart = [_less(loss(end), value) for end in ends]
    sound = [(off, at) for at, off in enumerate(apart) if off is not None]
    at = min(sound)[1] if sound else 0
    if 0 < at < grid - 1 and min(sound)[0] > 0:  # it may be lower still between two points
        where, off = _lowest(loss, value, ends[at - 1], ends[at + 1])
        both = sorted([*zip(ends, apart, strict=True), (where, off)], key=lambda pair: pair[0])
        ends, apart = [end for end, _ in both], [off for _, off in both]
        if off is not None and 0 < off <= AT_THE_END * abs(value):
            return [where]  # two that lie too near to be told apart
    found = []
    for (a, fa), (b, fb) in zip(zip(ends, apart, strict=True), zip(ends[1:], apart[1:], strict=True), strict=False):
        if fa is None or fb is None or fa * fb > 0 or fa == fb:
            continue
        found.append(_between(loss, value, (math.log(a), fa), (math.log(b), fb)))
    first = apart[0]
    if first is not None and abs(first) <= AT_THE_END * abs(value) and (not found or found[0] > ends[1]):
        found.insert(0, low)
    return found


def _lowest(loss: Callable[[float], float | None], value: float, low: float, high: float) -> tuple[float, float | None]:
    """Where the loss is lowest, by golden section in the logarithm, and how far it is above the value there."""
    a, b = math.log(low), math.log(high)
    golden = (math.sqrt(5) - 1) / 2
    where, off = a, _less(loss(low), value)
    for _ in range(SECTIONS):
        one, other = b - golden * (b - a), a + golden * (b - a)
        below, above = _less(loss(math.exp(one)), value), _less(loss(math.exp(other)), value)
        if below is None or above is None:
            break
        a, b = (a, other) if below < above else (one, b)
        where, off = (one, below) if below < above else (other, above)
        if off <= 0:
            break
    return math.exp(where), off


def _between(
    loss: Callable[[float], float | None], value: float, left: tuple[float, float], right: tuple[float, float]
) -> float:
    (a, fa), (b, fb) = left, right
    middle = a
    for _ in range(24):
        middle = (a * fb - b * fa) / (fb - fa)
        found = _less(loss(math.exp(middle)), value)
        if found is None or abs(found) <= CLOSE * max(abs(value), 1e-12):
            break
        if found * fb < 0:
            a, fa = b, fb
        else:
            fa /= 2
        b, fb = middle, found
    return math.exp(middle)


def _less(loss: float | None, value: float) -> float | None:
    return None if loss is None or not math.isfinite(loss) else loss - value


def _number(found: object) -> float | None:
    if isinstance(found, Tensor):
        found = float(found.detach().reshape(-1)[0]) if found.numel() == 1 else None
    if isinstance(found, int | float) and math.isfinite(found):
        return float(found)
    return None
