"""What the model does with inputs that are changed on purpose, now and then: turned, or disturbed more and more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from vergence.metrics.rotation_probe import rotation_probe
from vergence.metrics.step_profile import step_profile
from vergence.training.measures.now import Make, Never, Now, Read, Setup
from vergence.training.reference import Reference, at_rest, fitting, outputs

__all__ = ["make_rotation_probe", "make_step_profile"]

MOST_IMAGES = 128
MOST_INPUTS = 64
LEAST_SIDE = 4
"""px; a smaller picture turned by 90° says little."""


def make_rotation_probe(setup: Setup) -> Make:
    """By how much an image was turned, read from h."""
    reference, encoder = _encoder(setup, "rotation_probe")
    images = reference.items
    if images.ndim != 4 or images.shape[2] != images.shape[3] or images.shape[2] < LEAST_SIDE:
        raise Never("rotation_probe turns square images, and the items of the reference set are none.")

    def measure(now: Now, place: str) -> Read:
        del place
        with at_rest(reference.model, reference.projector):
            found = rotation_probe(encoder, images, max_images=MOST_IMAGES, generator=now.generator)
        values = {"accuracy": found.accuracy, "half": found.half, "chance": found.chance}
        return Read(values, arrays={"by_rotation": found.by_rotation.numpy().astype(np.float32)})

    return measure


def make_step_profile(setup: Setup) -> Make:
    """How far and how evenly h moves under growing noise."""
    reference, encoder = _encoder(setup, "step_profile")
    if not reference.items.is_floating_point():
        raise Never("step_profile adds noise to inputs, and the items of the reference set are whole numbers.")

    def measure(now: Now, place: str) -> Read:
        del place
        with at_rest(reference.model, reference.projector):
            found = step_profile(encoder, reference.items, max_rows=MOST_INPUTS, keep=0, generator=now.generator)
        values = {name: getattr(found, name) for name in ("mean", "variability", "straightness", "spread")}
        arrays = {name: getattr(found, name).cpu().numpy().astype(np.float32) for name in ("by_step", "low", "high")}
        return Read(values, arrays=arrays | {"strengths": found.strengths.numpy().astype(np.float32)})

    return measure


def _encoder(setup: Setup, noun: str) -> tuple[Reference, Callable[[Tensor], Tensor]]:
    reference = setup.reference
    if reference is None:
        raise Never(f"{noun} tries the model on the items of a reference set, and none was handed over.")
    model: nn.Module = reference.model

    def encoder(items: Tensor) -> Tensor:
        return outputs(model(fitting(model, items)))[0].flatten(1)

    return reference, encoder
