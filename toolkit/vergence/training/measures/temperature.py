"""What a loss looks at: the weights of some anchors' negatives, and their cosines, so that others can be tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors
from vergence.geometry import at_least_single, full_precision
from vergence.losses import Loss
from vergence.metrics import temperature
from vergence.training.measures.base import Measured, as_array
from vergence.training.measures.parts import Called

__all__ = ["LEVELS", "MOST_ANCHORS", "MOST_NEGATIVES", "NOTHING", "Shares", "quantised"]

LEVELS = 65534
"""A cosine is kept as one of so many even steps from -1 to 1: 3e-5 apart, a thousandth of a nat at T = 0.03."""
NOTHING = 65535
"""No pair here."""
MOST_ANCHORS = 32
MOST_NEGATIVES = 510
"""Of each anchor; 32 of them take 33 kB."""
MOST_ROWS = 512
"""Of the batch, views and targets together: the weights of all pairs of a large one would take its square."""
MOST_FURTHER = 1024
"""Rows of a queue, likewise."""
ALIKE = 2e-3
"""Two ways to share a push are one when they differ by less than this part of it, for every anchor."""
CONSTANT = 1e-3
"""Pushes of anchors that differ by less are the same."""


class Shares:
    """How an objective shares its push, measured on a few anchors of the batch.

    The numbers are those of the anchors that are kept, at the precision they are kept with: a reader who tries the
    temperature that is in force finds the numbers that were recorded.
    """

    def __init__(self, objective: Loss) -> None:
        self.objective = objective
        self._told = ""

    def measure(self, called: Called, labels: object, generator: torch.Generator) -> Measured:
        """Scalars and a frame, or in words why there are none."""
        more = {name: value for name, value in called.more.items() if value is not None}
        needs = tuple(getattr(self.objective, "needs", ()))
        if isinstance(labels, Tensor) and "labels" in needs:
            more.setdefault("labels", labels)
        missing = [name for name in needs if name not in more]
        if missing:
            return self._why(f"{self.objective.name} needs {', '.join(missing)}, which did not come.")
        views = tuple(view.detach() for view in called.given)
        rows = sum(len(view) for view in views)
        views, more, sound, lost = _drawn(views, more, generator)
        with torch.no_grad(), full_precision(views[0].device):
            weights = self.objective.pair_weights(*views, **more)
            if weights is None:
                return self._why(f"{self.objective.name} is no function of cosines, so no pair has a weight.")
            compared = _compared(views, more, weights, generator)
        if not bool((compared.negative & (compared.weights != 0)).any()):
            return self._why(f"{self.objective.name} pushes no pair apart, so no negative has a weight.")
        # Of a class both positives and negatives were drawn, so the numbers are those of the drawn samples.
        stands_for = 1.0 if "labels" in more else compared.stands_for(sound, called.more.get("negatives"))
        return self._measured(compared, stands_for, {"rows": rows - lost, "rows_left_out": lost})

    def _why(self, words: str) -> Measured:
        """Said once: what does not change is written anew whenever it is told."""
        told, self._told = self._told, words
        return Measured() if told == words else Measured(static={"temperature": {"why": words}})

    def _measured(self, compared: _Compared, stands_for: float, meta: dict[str, Any]) -> Measured:
        tau = _temperature_of(self.objective)
        # The cosines as they are kept: what is drawn from the frame is then what was recorded.
        cosines = torch.from_numpy(_dequantised(compared.kept))
        # A loss may look at some of the negatives only (those of a cluster): the others weigh exactly nothing.
        choices = (compared.negative, compared.negative & (compared.weights != 0)) if tau is not None else ()
        fitting = (which for which in choices if _same_shares(cosines, compared.weights, which, tau or 1.0))
        chosen = next(fitting, None)
        softmax, negative = chosen is not None, compared.negative if chosen is None else chosen
        found = temperature(
            cosines, compared.positive, negative=negative, weights=None if softmax else compared.weights,
            temperature=tau if softmax else None, stands_for=stands_for,
        )  # fmt: skip
        coupled = _coupled(compared, negative, cosines, tau) if softmax and tau is not None else None
        values = {
            "share_hardest": found.share_hardest, "entropy": found.entropy, "entropy_share": found.entropy_share,
        }  # fmt: skip
        if found.coupling is not None:
            values["coupling"] = found.coupling
        arrays: dict[str, NDArray[Any]] = {
            "counts": as_array(found.counts).astype(np.int32), "weight": as_array(found.weight).astype(np.float32),
            "push": as_array(found.push).astype(np.float32),
        }  # fmt: skip
        if softmax:
            arrays["negatives"] = _packed(compared.kept, negative)
            arrays["positives"] = _packed(compared.kept, compared.positive)
        if found.coupling_counts is not None:
            arrays["coupling"] = as_array(found.coupling_counts).astype(np.int32)
        meta = meta | values | {
            "temperature": tau, "softmax": softmax, "coupled": coupled, "stands_for": stands_for,
            "negatives": found.negatives, "drawn": found.negatives / stands_for, "anchors": found.anchors,
            "anchors_total": compared.anchors, "even_hardest": found.even_hardest, "loss": self.objective.name,
        }  # fmt: skip
        place = "temperature/z"
        return Measured({f"{place}/{name}": value for name, value in values.items()}, {place: (arrays, meta)})


@dataclass(frozen=True)
class _Compared:
    """Some anchors and all candidates."""

    kept: NDArray[np.uint16]
    """(anchors, candidates) cosines."""
    weights: Tensor
    positive: Tensor
    negative: Tensor
    anchors: int
    """Of the samples that were looked at."""
    samples: int
    """So many were looked at ..."""
    queued: int
    """... and so many rows of a queue."""
    inside: float
    """Negatives of an anchor among the samples, mean ..."""
    further: float
    """... and in the queue."""

    def stands_for(self, samples: int, queue: Tensor | None) -> float:
        """How many negatives of the whole batch and queue each kept one stands for."""
        kept = float(self.negative.sum(1).double().mean())
        if kept == 0:
            return 1.0
        whole = self.inside * (samples - 1) / (self.samples - 1)
        if queue is not None and self.queued:
            whole += self.further * len(queue) / self.queued
        return max(1.0, whole / kept)


def quantised(cosines: NDArray[Any]) -> NDArray[np.uint16]:
    """Cosines as even steps from -1 to 1; what is not finite is no pair."""
    known = np.isfinite(cosines)
    steps = np.rint((np.clip(np.where(known, cosines, 0.0), -1, 1) + 1) / 2 * LEVELS)
    return np.where(known, steps, NOTHING).astype(np.uint16)


def _dequantised(steps: NDArray[np.uint16]) -> NDArray[np.float64]:
    return np.where(steps == NOTHING, np.nan, steps.astype(np.float64) / LEVELS * 2 - 1)


def _temperature_of(objective: Loss) -> float | None:
    found = objective.settings().get("temperature", getattr(objective, "temperature", None))
    if isinstance(found, Tensor) and found.numel() == 1:  # it is learned
        found = float(found)
    return float(found) if isinstance(found, int | float) and found > 0 else None


def _drawn(
    views: tuple[Tensor, ...], more: Mapping[str, Any], generator: torch.Generator
) -> tuple[tuple[Tensor, ...], dict[str, Any], int, int]:
    """Some samples all of whose rows have a direction, what belongs to them, how many there are, rows that are lost."""
    batch = len(views[0])
    if any(len(view) != batch for view in views):
        return views, dict(more), batch, 0  # the loss refuses them, in words
    sizes = torch.stack([view.abs().amax(1) for view in views])
    sound = (sizes > 0) & torch.isfinite(sizes)
    index = torch.nonzero(sound.all(0)).squeeze(1)
    found = len(index)
    if found < 2:
        raise errors.TooFewRows(
            f"temperature: {found} of {batch} samples have a direction in every view, 2 are needed. "
            "The others are zero or not finite."
        )
    targets = more.get("targets")
    most = MOST_ROWS // (len(views) + (len(targets) if isinstance(targets, tuple | list) else 0))
    if found > most:
        index = index[torch.randperm(found, generator=generator)[: max(2, most)].sort().values.to(index.device)]
    more = _shortened(more, generator)
    if len(index) < batch:
        views = tuple(view[index] for view in views)
        more = {name: value if name == "negatives" else _take(value, index, batch) for name, value in more.items()}
    return views, dict(more), found, int((~sound).sum())


def _shortened(more: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
    """A long queue, drawn from."""
    found = dict(more)
    queue = found.get("negatives")
    if isinstance(queue, Tensor) and len(queue) > MOST_FURTHER:
        drawn = torch.randperm(len(queue), generator=generator)[:MOST_FURTHER]
        found["negatives"] = queue[drawn.to(queue.device)]
    return found


def _take(value: Any, index: Tensor, batch: int) -> Any:
    """What there is one of for each sample, for some samples."""
    if isinstance(value, tuple | list):
        return tuple(_take(part, index, batch) for part in value)
    if isinstance(value, Tensor) and value.ndim and len(value) == batch:
        return value[index.to(value.device)]
    return value


def _compared(
    views: tuple[Tensor, ...], more: Mapping[str, Any], weights: Tensor, generator: torch.Generator
) -> _Compared:
    """Cosines, weights and kinds of the pairs of some anchors."""
    targets, queue = more.get("targets"), more.get("negatives")
    beside = list(targets) if isinstance(targets, tuple | list) else []
    beside += [queue] if isinstance(queue, Tensor) else []
    z, *further = at_least_single(torch.cat(views), *(rows.detach() for rows in beside))
    rows = torch.cat([z, *further]) if weights.shape[1] > len(z) else z
    if weights.shape != (len(z), len(rows)):
        raise errors.ShapeError(
            f"temperature: pair_weights gave {tuple(weights.shape)} for {len(z)} rows and {len(rows)} candidates. It "
            "must give one weight for each pair: rows of all views down, these and what is handed over beside them "
            "across."
        )
    anchors = torch.nonzero(weights.abs().sum(1) > 0).squeeze(1)
    if len(anchors) == 0:
        raise errors.TooFewRows(f"temperature: none of {len(z)} rows moves any cosine: the loss looks at no pair.")
    chosen = anchors
    if len(anchors) > MOST_ANCHORS:
        drawn = torch.randperm(len(anchors), generator=generator)[:MOST_ANCHORS].sort().values
        chosen = anchors[drawn.to(anchors.device)]
    cosines = normalize(z[chosen]) @ normalize(rows).T
    w = weights[chosen].cpu()
    chosen = chosen.cpu()
    batch = len(views[0])
    inside = torch.arange(len(rows))
    # What lies behind the views are targets, view by view, and then a queue, where nobody has a partner.
    paired = len(rows) if queue is None else len(rows) - len(queue)
    sample = torch.where(inside < paired, inside % batch, -1)
    partner = sample == (chosen % batch)[:, None]
    if isinstance(more.get("labels"), Tensor):
        labels = more["labels"].cpu()
        of = torch.where(sample >= 0, labels[sample.clamp_min(0)], -1)
        partner |= (of == labels[chosen % batch][:, None]) & (of >= 0)
    itself = inside == chosen[:, None]
    block = inside // batch
    looked, paired_at = torch.zeros_like(itself), torch.zeros_like(itself)
    for view in range(len(views)):  # a loss may compare one view with another and not with itself
        mine = chosen // batch == view
        for other in range(int(block[-1]) + 1):
            cell = mine[:, None] & (block == other) & ~itself
            looked |= cell & bool((w * (cell & ~partner)).any())
            paired_at |= cell & bool((w * (cell & partner)).any())
    positive = ((partner & paired_at) | (looked & (w < 0))) & ~itself
    negative = looked & ~positive & ~partner & ~itself
    among, queued = (float(part.sum(1).double().mean()) for part in (negative[:, :paired], negative[:, paired:]))
    if int(negative.sum(1).max()) > MOST_NEGATIVES:
        order = torch.randperm(len(rows), generator=generator)
        drawn = negative[:, order]
        negative = torch.empty_like(negative).index_copy_(1, order, drawn & (drawn.cumsum(1) <= MOST_NEGATIVES))
    kept = quantised(as_array(cosines.float()))
    return _Compared(kept, w.double(), positive, negative, len(anchors), batch, len(rows) - paired, among, queued)


def _same_shares(cosines: Tensor, weights: Tensor, negative: Tensor, tau: float) -> bool:
    """Whether the weights of the negatives are those of a softmax of their cosines over `tau`."""
    used = negative.any(1)
    if not bool(used.any()) or bool((weights[used] * negative[used] < 0).any()):
        return False
    w = torch.where(negative, weights, 0.0)[used]
    total = w.sum(1, keepdim=True)
    if not bool((total > 0).all()):
        return False
    p = torch.softmax(torch.where(negative, cosines / tau, -torch.inf)[used], 1)
    rounding = 2 / (LEVELS * tau)
    return bool((p - w / total).abs().sum(1).max() < ALIKE + rounding)


def _coupled(compared: _Compared, negative: Tensor, cosines: Tensor, tau: float) -> bool | None:
    """Whether the loss pushes by q: False where every anchor pushes in full, as one without the positive below does."""
    push = torch.where(negative, compared.weights, 0.0).sum(1)
    if bool((push / push.mean() - 1).abs().max() > CONSTANT):
        return True
    logits = cosines / tau
    of = [torch.logsumexp(torch.where(which, logits, -torch.inf), 1) for which in (negative, compared.positive)]
    q = torch.sigmoid(of[0] - of[1])
    # Where q hardly differs between anchors nothing tells the two apart, and nothing needs to.
    return None if float(q.max() - q.min()) < 2 * CONSTANT else False


def _packed(kept: NDArray[np.uint16], which: Tensor) -> NDArray[np.uint16]:
    """The chosen entries of each row, one after the other; NOTHING behind them."""
    mask = which.numpy()
    found = np.full((len(kept), int(mask.sum(1).max(initial=0))), NOTHING, np.uint16)
    for row, (values, chosen) in enumerate(zip(kept, mask, strict=True)):
        found[row, : int(chosen.sum())] = values[chosen]
    return found
