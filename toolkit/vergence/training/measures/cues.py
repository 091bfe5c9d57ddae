"""Which part of the input partners are found by, now and then: on the inputs of the step, by the model at rest."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from vergence import errors
from vergence.metrics.cues import Cue, cues
from vergence.training.measures.base import Measured
from vergence.training.measures.now import Make, Never, Now, Setup
from vergence.training.reference import at_rest, fitting, outputs

__all__ = ["make_cues"]

LEAST_PAIRS = 32
"""Of fewer, some part always seems to be left alone."""
MOST_PAIRS = 64
MOST_ENTRIES = 1024
"""Of larger items patches and channels are not asked about: twenty more passes for the least telling answer."""
NUMBERS = ("share", "wins", "half", "alone", "rest", "alike", "alike_rest")


def make_cues(setup: Setup) -> Make:
    """Numbers of the part that views leave alone, of the levels and of the strongest patch or block; a frame of all.

    Recorded under `cues/z/`, or `cues/h/` where the model gives no z and no projector was handed over.
    """
    if setup.model is None:
        raise Never(
            "cues asks the model about changed inputs, and no model was handed over. Type: Monitor(encoder, ...)."
        )
    model: nn.Module = setup.model

    def measure(now: Now, place: str) -> Measured:
        del place
        if now.inputs is None or len(now.inputs) < 2:
            raise errors.ArgumentError(
                "cues takes inputs apart, and this step does not say of two views what the model saw. Hand them over: "
                "m.step(z1, z2, inputs=(x1, x2)). (Of two encoders whose inputs look alike nobody could tell which is "
                "asked.)"
            )
        first, second = now.inputs[0], now.inputs[1]
        if len(first) < LEAST_PAIRS:
            raise errors.TooFewRows(
                f"cues: the views of a step have {len(first)} rows, {LEAST_PAIRS} are needed. Use a larger batch."
            )
        if not (first.is_floating_point() and second.is_floating_point()):
            raise Never(
                "cues puts parts of one input into another, and these inputs are whole numbers; tokens have no parts."
            )
        at = "z"

        def encoder(items: Tensor) -> Tensor:
            nonlocal at
            at, rows = _rows(model, setup.projector, items)
            return rows

        blocks = first[0].numel() <= MOST_ENTRIES
        try:
            with at_rest(model, setup.projector):
                found = cues(encoder, first, second, blocks=blocks, max_pairs=MOST_PAIRS, generator=now.generator)
        except errors.InputError:
            raise
        except Exception as error:  # another tower's input, or a forward that needs more than x
            why = f"{type(error).__name__}: {error}"[:200].rstrip(". ")
            raise Never(f"cues asks the model about changed inputs, and it does not take them ({why}).") from error
        measured = Measured()
        named = {"left_alone": found.left_alone, "levels": found.levels, "strongest": found.strongest}
        measured.scalars[f"cues/{at}/auc"] = found.auc
        if found.gap is not None:
            measured.scalars[f"cues/{at}/left_alone/gap"] = found.gap
        for name, cue in named.items():
            for number, value in ({} if cue is None else _numbers(cue)).items():
                measured.scalars[f"cues/{at}/{name}/{number}"] = value
        arrays = {number: _column(found.cues, number) for number in NUMBERS}
        meta = {
            "source": "step", "parts": [cue.name for cue in found.cues], "auc": found.auc, "pairs": found.pairs,
            "pairs_left_out": found.pairs_left_out,
            "strongest": None if found.strongest is None else found.strongest.name,
        }  # fmt: skip
        measured.frames[f"cues/{at}"] = (arrays, meta)
        return measured

    return measure


def _rows(model: nn.Module, projector: nn.Module | None, items: Tensor) -> tuple[str, Tensor]:
    """z where there is one, else h."""
    h, z = outputs(model(fitting(model, items)))
    if z is None and projector is not None:
        z, _ = outputs(projector(h))
    return ("h", h.flatten(1)) if z is None else ("z", z.flatten(1))


def _numbers(cue: Cue) -> dict[str, float]:
    values = {name: getattr(cue, name) for name in (*NUMBERS, "alike_ratio")}
    return {name: float(value) for name, value in values.items() if value is not None}


def _column(found: Sequence[Cue], name: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    values = [getattr(cue, name) for cue in found]
    return np.array([math.nan if value is None else value for value in values], np.float32)
