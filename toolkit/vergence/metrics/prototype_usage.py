"""Which of K prototypes are used, how surely, and whether two views of an item choose the same one."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.chance import Chance, drawn

__all__ = ["PrototypeUsage", "RandomUsage", "prototype_usage", "random_usage"]

CELLS = 2**22
"""Probabilities in memory at a time: 32 MB."""
DRAWS = 512
BUDGET = 2e7
"""Numbers drawn for one null at most."""
SUM = 1e-2
"""How far a row of probabilities may be from 1, for those that were rounded to half precision."""
TIE = 1e-9
"""Two probabilities that are closer than this are the same."""

Shares = Float[Tensor, " prototypes"]
Counts = Int[Tensor, " prototypes"]


@dataclass(frozen=True)
class RandomUsage:
    """What usage reads when every item is given to a prototype at random."""

    entropy: Chance
    live: Chance
    largest: Chance


@dataclass(frozen=True, eq=False)
class PrototypeUsage:
    """How a batch uses its prototypes. None: no row prefers any of them."""

    entropy: float | None
    """Of the choices, over ln K: 1, all prototypes chosen equally often, to 0, one chosen always."""
    live: int
    """Prototypes that some row chose."""
    largest: float | None
    """Share of the choices that the most chosen one has: 1/K to 1."""
    entropy_soft: float
    """The same as `entropy` of the mean probabilities: also 1 where every row is spread evenly over all."""
    largest_soft: float
    """The largest mean probability."""
    confidence: float
    """Mean over rows of the largest probability: 1/K, no row prefers any, to 1, every row is sure."""
    sharpness: float
    """1 less the mean entropy of a row over ln K: 0, no row prefers any, to 1, every row is sure."""
    consistency: float | None
    """Share of items of which two views choose the same prototype; None for one view."""
    consistency_chance: float | None
    """What views that know nothing of one another would read with these choices: 1 when one prototype takes all."""
    counts: Counts = field(repr=False)
    """Rows that chose each prototype."""
    shares: Shares = field(repr=False)
    """Mean probability of each."""
    null: RandomUsage
    """What a random choice for each item reads; a view more is no item more."""
    prototypes: int
    items: int
    rows: int
    """Measured, of all views."""
    rows_left_out: int
    """Not finite."""
    undecided: int
    """Rows whose two largest probabilities are the same: they choose nothing."""


@torch.no_grad()
def prototype_usage(*views: Tensor, temperature: float | None = None) -> PrototypeUsage:
    r"""Which prototypes the rows of one or more views choose, how surely, and whether views agree.

        P_i = the row itself, or softmax(row / temperature) of scores
        choice of i = argmax over k of P_ik,   c_k = share of rows that choose k
        entropy       = - sum over k of c_k ln c_k / ln K            entropy_soft the same of  mean over i of P_ik
        confidence    = mean over i of max over k of P_ik
        consistency   = share of items with the same choice in two views, mean over pairs of views

    views: V >= 1 tensors (items, K) of one shape, K >= 2: assignment probabilities (0 or above, rows sum to 1), or
    scores (cosines with prototypes, logits) with a temperature. temperature: > 0; None: the rows are probabilities.

    Reads entropy 1, live K at even use, and entropy 0, live 1, largest 1 when one prototype takes everything. Few items
    cannot use many prototypes evenly: `null` says what a random choice reads, 0.90 for 256 items and K = 256. Under
    its `low`, use is uneven; above its `high` it is more even than chance, as after Sinkhorn. The other numbers
    tell apart what the entropy does not: rows that all share one soft code read entropy_soft 1, confidence 1/K;
    confidence high and consistency at `consistency_chance` is a choice that follows the view and not the item;
    consistency 1 with entropy 0 is no agreement but collapse, and `consistency_chance` is 1, too.

    Rows that are not finite are left out and counted; rows without a preference choose nothing and are counted.

    Raises ShapeError, NotFinite (no row is left), DeviceMismatch, ArgumentError (rows that are no probabilities).
    Source: usage of the codes of Caron et al. 2020, SwAV, arXiv:2006.09882; our K is their K.
    """
    call = "prototype_usage"
    _check(call, views, temperature)
    items, kinds = views[0].shape
    total = torch.zeros(kinds, dtype=torch.float64)
    choices, confidence, certain, tied = [], 0.0, 0.0, 0
    rows = 0
    for view in views:
        own = []
        for part in torch.split(view.detach(), max(1, CELLS // kinds)):
            wide = part.cpu().double()
            good = torch.isfinite(wide).all(1)
            p = _probabilities(call, wide[good], temperature)
            top = p.topk(2, dim=1)
            tie = top.values[:, 0] - top.values[:, 1] <= TIE
            chosen = torch.full((len(wide),), -1)
            chosen[good] = torch.where(tie, -1, top.indices[:, 0])
            own.append(chosen)
            total += p.sum(0)
            rows += len(p)
            tied += int(tie.sum())
            confidence += float(top.values[:, 0].sum())
            certain += float(torch.xlogy(p, p).sum())
        choices.append(torch.cat(own))
    if not rows:
        raise errors.NotFinite(
            f"{call}: none of {items * len(views)} rows is finite (NaN or infinity). Look at the step before: a "
            "learning rate too high, a division by zero, or half precision overflow."
        )
    shares = total / rows
    taken = torch.cat(choices)
    counts = torch.bincount(taken[taken >= 0], minlength=kinds)
    part = counts.double() / counts.sum().clamp(min=1)
    agreed, by_chance = _agreement(choices, kinds)
    known = int(counts.sum()) > 0
    return PrototypeUsage(
        entropy=_entropy(part) / math.log(kinds) if known else None,
        live=int((counts > 0).sum()),
        largest=float(part.max()) if known else None,
        entropy_soft=_entropy(shares) / math.log(kinds),
        largest_soft=float(shares.max()),
        confidence=confidence / rows,
        sharpness=min(1.0, max(0.0, 1 + certain / rows / math.log(kinds))),
        consistency=agreed,
        consistency_chance=by_chance,
        counts=counts,
        shares=shares,
        null=random_usage(items, kinds),
        prototypes=kinds,
        items=items,
        rows=rows,
        rows_left_out=items * len(views) - rows,
        undecided=tied,
    )


@functools.lru_cache(maxsize=256)
def random_usage(items: int, prototypes: int) -> RandomUsage:
    r"""What usage reads when each of some items is given to one of K prototypes at random, all alike likely.

    items: >= 1. prototypes: K >= 2.

    From draws with a generator of their own: 512, fewer where items and prototypes are many (about 20 million numbers,
    a quarter of a second, once for each pair of numbers). Mean of `live`: K (1 - (1 - 1/K)^items); mean entropy about
    1 - K / (2 items ln K) while items are many.

    Raises ArgumentError.
    """
    shapes.check_count("random_usage", "items", items)
    shapes.check_count("random_usage", "prototypes", prototypes, least=2)
    random = np.random.default_rng(0)
    read = []
    for _ in range(max(16, min(DRAWS, int(BUDGET / (items + prototypes))))):
        counts = torch.from_numpy(np.bincount(random.integers(0, prototypes, items), minlength=prototypes))
        share = counts.double() / items
        read.append((_entropy(share) / math.log(prototypes), float((counts > 0).sum()), float(share.max())))
    found = [drawn(values) for values in zip(*read, strict=True)]
    entropy, live, largest = (each or Chance(0.0, 0.0, 0.0) for each in found)  # all of them are finite
    return RandomUsage(entropy, live, largest)


def _probabilities(call: str, rows: Tensor, temperature: float | None) -> Tensor:
    if temperature is not None:
        return torch.softmax((rows - rows.amax(1, keepdim=True)) / temperature, 1) if len(rows) else rows
    below = int((rows < 0).any(1).sum())
    off = int(((rows.sum(1) - 1).abs() > SUM).sum())
    if below or off:
        what = f"{below} have an entry below 0" if below else f"{off} do not sum to 1"
        raise errors.ArgumentError(
            f"{call}: of {len(rows)} rows {what}, so they are no probabilities. If they are scores or logits, say at "
            "which temperature: prototype_usage(scores, temperature=0.1)."
        )
    return rows / rows.sum(1, keepdim=True)


def _agreement(choices: Sequence[Tensor], kinds: int) -> tuple[float | None, float | None]:
    """Share of items with one choice in two views, and what independent views would share: means over pairs."""
    found = []
    for one, other in itertools.combinations(choices, 2):
        both = (one >= 0) & (other >= 0)
        if bool(both.any()):
            a, b = (torch.bincount(x[both], minlength=kinds).double() / int(both.sum()) for x in (one, other))
            found.append((float((one[both] == other[both]).double().mean()), float(a @ b)))
    if not found:
        return None, None
    agreed, by_chance = (sum(values) / len(found) for values in zip(*found, strict=True))
    return agreed, by_chance


def _entropy(shares: Tensor) -> float:
    return max(0.0, -float(torch.xlogy(shares, shares).sum()))


def _check(call: str, views: Sequence[Tensor], temperature: float | None) -> None:
    if not views:
        raise errors.ShapeError(f"{call}: nothing came. Hand over one tensor (items, K) for each view.")
    for number, view in enumerate(views, 1):
        shapes.check_embeddings(call, f"view {number}", view)
    shapes.check_same_shape(call, **{f"view {number}": view for number, view in enumerate(views, 1)})
    if views[0].shape[1] < 2:
        raise errors.ShapeError(
            f"{call}: view 1 is {shapes.shape_of(views[0])}: one prototype. 2 or more are needed: (items, K)."
        )
    if temperature is not None:
        shapes.check_positive(call, "temperature", temperature)
