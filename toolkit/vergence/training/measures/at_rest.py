"""The pairs of a step once more: as the model at rest embeds them, and as they went in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors
from vergence.metrics.raw import raw_rows
from vergence.metrics.similarity import similarity
from vergence.training.measures.base import Measured
from vergence.training.measures.input_pairs import MOST_NUMBERS, input_pairs
from vergence.training.measures.now import Make, Never, Now, Setup
from vergence.training.reference import at_rest, fitting, outputs

__all__ = ["make_at_rest", "make_inputs"]

MOST_PAIRS = 64
"""Of a step that are embedded again: the first ones, so that what neighbours in a batch share is still shared."""
MOST_COMPARED = 64
"""Samples whose inputs are compared number by number."""
MOST_DRAWN = 256
"""Samples of a batch among which copies are looked for."""
ITS_OWN, OTHER = 0.7, 0.2
"""AUC with which a row finds itself again when its input is embedded a second time: so much where the model made it,
and less by so much where another model did, a second tower."""
NO_INPUTS = "This step does not say what the model saw. Hand it over: m.step(z1, z2, inputs=(x1, x2))."


def make_at_rest(setup: Setup) -> Make:
    """The same pairs in the step, at rest and as inputs: whether partners find each other by the same means.

        at_rest/z/auc, positive_mean            embedded by the model in eval mode
        at_rest/z/step_auc, step_positive_mean  as they were in the step
        at_rest/input/auc                       by the cosines of centred inputs

    auc: see `metrics.similarity`. In the step alone partners find each other by what only the step has: statistics of
    their batch.
    """
    model = setup.model
    if model is None:
        raise Never("No model was handed over, so pairs cannot be embedded at rest. Type: Monitor(encoder, ...).")

    def embedded(x: Tensor) -> Tensor:
        h, z = outputs(model(fitting(model, x)))
        if z is None and setup.projector is not None:
            z, _ = outputs(setup.projector(h))
        return (h if z is None else z).detach().flatten(1).float()

    def measure(now: Now, place: str) -> Measured:
        del place
        sample = now.samples["z"]
        views = sample.views
        inputs = _beside(now, views)
        positives = _first(sample.positives)
        in_step = tuple(view[:MOST_PAIRS] for view in views)
        shown = tuple(x[:MOST_PAIRS] for x in inputs)
        try:
            with at_rest(model, setup.projector):
                rows = tuple(embedded(x) for x in shown)
        except errors.VergenceError:
            raise
        except Exception as error:  # another tower's input, or a forward that needs more than x
            raise errors.ArgumentError(
                f"at_rest: the model does not take the inputs of this step: {type(error).__name__}: {error}"[:200] + "."
            ) from error
        if [each.shape for each in rows] != [each.shape for each in in_step]:
            raise errors.ArgumentError(
                f"at_rest: the model gives {rows[0].shape[1]} dimensions and the step handed over "
                f"{in_step[0].shape[1]}. Hand over the projector too: Monitor(encoder, projector=head)."
            )
        own = [_found_again(rest, step) for rest, step in zip(rows, in_step, strict=True)]
        if max(own) > ITS_OWN and max(own) - min(own) > OTHER:
            raise errors.ArgumentError(
                f"at_rest: the model makes view {own.index(max(own)) + 1} of this step and not view "
                f"{own.index(min(own)) + 1}, so partners cannot be compared. Hand over one that takes both: "
                "Monitor(model, ...) with model(x) for either input."
            )
        measured = Measured()
        for key, each in (("", rows), ("step_", in_step)):
            found = similarity(*each, positives=positives, generator=now.generator)
            values = {"auc": found.auc, "positive_mean": found.positive_mean}
            measured.scalars |= {f"at_rest/z/{key}{name}": value for name, value in values.items() if value is not None}
        seen = tuple(raw_rows(x)[0] for x in shown)
        if len({each.shape for each in seen}) == 1:
            middle = torch.cat(seen).mean(0)
            auc = similarity(*(each - middle for each in seen), positives=positives, generator=now.generator).auc
            if auc is not None:
                measured.scalars["at_rest/input/auc"] = auc
        return measured

    return measure


def make_inputs(setup: Setup) -> Make:
    """What the model saw, before anything was made of it.

    inputs/step/identical   the share of positive pairs (row i of two views) whose inputs are equal, number by number
    inputs/step/finite      the share of numbers that are neither NaN nor infinite
    inputs/step/constant    the share of inputs all of whose numbers are one
    inputs/step/copied      the share of the samples that were drawn, before any view was made of them, that are equal
                            to another one of the batch, number by number; where it is known what was drawn
    and what `input_pairs` tells: inputs/step/distance, elsewhere, copies, near
    """
    del setup

    def measure(now: Now, place: str) -> Measured:
        del place
        if now.inputs is None:
            raise errors.ArgumentError(NO_INPUTS)
        shown = [x[:MOST_COMPARED].flatten(1) for x in now.inputs if x.ndim and x.numel()]
        if not shown:
            raise errors.ArgumentError("inputs: there is no number in what the model saw.")
        measured = Measured()
        values = [x.float() if x.is_floating_point() else x for x in shown]
        finite = [x.isfinite().float().mean() if x.is_floating_point() else torch.ones(()) for x in values]
        measured.scalars["inputs/step/finite"] = float(torch.stack([each.cpu() for each in finite]).mean())
        constant = torch.cat([(x == x[:, :1]).all(1).cpu() for x in values if x.shape[1] > 1] or [torch.zeros(1)])
        measured.scalars["inputs/step/constant"] = float(constant.float().mean())
        pairs = [(a, b) for at, a in enumerate(values) for b in values[at + 1 :] if a.shape == b.shape]
        if pairs:
            equal = torch.cat([(a == b).all(1).cpu() for a, b in pairs])
            measured.scalars["inputs/step/identical"] = float(equal.float().mean())
        measured.scalars |= {f"inputs/step/{name}": value for name, value in input_pairs(now.inputs).items()}
        if now.called is not None and now.called.items is not None:
            measured.scalars["inputs/step/copied"] = _copied(now.called.items)
        return measured

    return measure


def _copied(items: Tensor) -> float:
    """The share of them that are there more than once."""
    rows = items[:MOST_DRAWN].flatten(1)
    # Some numbers of each first: most items differ there, and pictures are large.
    alike = _repeated(rows[:, :: -(-rows.shape[1] // MOST_NUMBERS)])
    return float(_repeated(rows[alike]).sum()) / len(rows) if bool(alike.any()) else 0.0


def _repeated(rows: Tensor) -> Tensor:
    """Which rows are there more than once."""
    _, which, counts = torch.unique(rows, dim=0, return_inverse=True, return_counts=True)
    again: Tensor = counts[which] > 1
    return again


def _found_again(rest: Tensor, step: Tensor) -> float:
    """How often a row is nearer to itself as it was in the step than another row is, both about their means."""
    a, b = (normalize(rows.float() - rows.float().mean(0)) for rows in (rest, step.to(rest.device)))
    cosines = a @ b.T
    others = len(a) * max(1, len(a) - 1)
    return float((cosines.diagonal()[:, None] > cosines).sum()) / others


def _beside(now: Now, views: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """The inputs of these views."""
    if now.inputs is None:
        raise errors.ArgumentError(NO_INPUTS)
    sizes = [len(view) for view in views if isinstance(view, Tensor) and view.ndim == 2]
    if len(views) < 2 or [len(x) for x in now.inputs if x.ndim] != sizes or len(sizes) != len(views):
        raise errors.ArgumentError(
            f"at_rest: {len(now.inputs)} inputs came beside {len(views)} views. It needs two views or more, and an "
            "input for each row of each: m.step(z1, z2, inputs=(x1, x2))."
        )
    return now.inputs


def _first(positives: Any) -> Any:
    """Who belongs together, of the first samples."""
    if isinstance(positives, Tensor):
        return positives[:MOST_PAIRS]
    if isinstance(positives, tuple | list):
        return type(positives)(each[:MOST_PAIRS] if isinstance(each, Tensor) else each for each in positives)
    return positives
