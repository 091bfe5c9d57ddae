"""Learner: the modules of a method, and what they do in one training step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.data import Source
from vergence.losses import Loss

__all__ = ["Batch", "Learner", "Outputs", "by_view"]


ON_OFF = ("on", "off")


@dataclass(frozen=True)
class Batch:
    """What is known of a batch, beside the items.

    index: `(batch,)`, the positions of the samples in the data set.
    labels: `(batch,)` integers, or None where the data has none. On the device of the model, as all of these.
    groups: `(batch,)` integers, where samples may belong together (frames of a video); None: each is its own.
    step: the number of this step, from 1.
    """

    index: Tensor
    labels: Tensor | None
    groups: Tensor | None
    step: int


@dataclass(frozen=True)
class Outputs:
    """What a learner made of the views of a batch.

    h: representation of each view, `(batch, dim_h)`.
    z: embedding of each view, `(batch, dim_z)`: what is recorded and watched.
    given: what the loss is called with: z, or what a predictor or prototypes made of it.
    more: keywords for the loss: targets, negatives, groups. Labels and index are added by the trainer.
    """

    h: tuple[Tensor, ...]
    z: tuple[Tensor, ...]
    given: tuple[Tensor, ...]
    more: dict[str, Any] = field(default_factory=dict)


class Learner(nn.Module):
    """Encoder and projector: `h, z = learner(x)`, representation `(batch, dim_h)` and embedding `(batch, dim_z)`.

    A method with a teacher, a queue or a predictor derives from it and overrides `embed` and `updated`.

    encoder: items to representations. projector: representations to embeddings.
    together: all views go through the model as one batch, so that BatchNorm takes its statistics over all of them;
        False: each view by itself.
    """

    draws: ClassVar[bool] = False
    """`embed` or `updated` draw random numbers: they then come from the run's own generator."""
    takes_every_view: bool = True
    """`forward` can embed any view again. False for two encoders whose items cannot be told apart by their shape."""

    def __init__(self, encoder: nn.Module, projector: nn.Module, *, together: bool = True) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector
        self.together = together
        self.switches: dict[str, bool] = {}
        """What can be turned on and off while it runs, and how it stands now: the `choices`."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Items `(batch, ...)` to `(h, z)`: how the reference set is embedded."""
        h = self.encoder(x)
        z: Tensor = self.projector(h)
        return h, z

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """One training step, up to the loss. views: `(batch, ...)` each. Raises ShapeError for a model without rows."""
        del batch
        h, z = self.represent(views)
        return Outputs(h, z, z)

    def represent(self, views: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """h and z of each view, at once or one view after the other, as `together` says. Raises ShapeError."""
        rows = len(views[0])
        if self.together:
            h, z = self(torch.cat(list(views)))
            return by_view(rows, len(views), "h", h), by_view(rows, len(views), "z", z)
        both = [self(view) for view in views]
        h_of = tuple(by_view(rows, 1, "h", h)[0] for h, _ in both)
        return h_of, tuple(by_view(rows, 1, "z", z)[0] for _, z in both)

    def updated(self, outputs: Outputs, batch: Batch) -> None:
        """After the optimiser's step, without gradients: move a teacher, fill a queue. Not after a skipped step."""

    def begin(self, step: int, source: Source) -> None:
        """Before step `step`, counted from 1: where a method has stages, the next one may begin here."""

    def joined(self, loss: Loss) -> None:
        """Told once, before the first step, which loss it works with: for switches that concern both."""

    def settings(self) -> dict[str, float]:
        """Numbers that may be changed while it runs, and their values now. They become sliders."""
        return {}

    def choices(self) -> dict[str, str]:
        """Switches that may be turned while it runs: "on" or "off"."""
        return {name: "on" if on else "off" for name, on in self.switches.items()}

    def set(self, name: str, value: float | str) -> None:
        """Change one of `settings` or `choices`, from the next step on. Raises UnknownName, ArgumentError.

        Switches are turned here; a learner with settings overrides it for these.
        """
        call = f"{type(self).__name__}.set"
        if name not in self.switches:
            raise errors.UnknownName(call, name, (*self.settings(), *self.choices()), "setting")
        if value not in ON_OFF:
            raise errors.UnknownName(call, str(value), ON_OFF, f"kind of {name}")
        self.switches[name] = value == "on"


def by_view(rows: int, views: int, name: str, out: object) -> tuple[Tensor, ...]:
    """What a model made of all views at once, `(views * rows, ...)`, view by view. Raises ShapeError."""
    if not isinstance(out, Tensor) or out.ndim == 0 or len(out) != views * rows:
        which = f"{views} views" if views > 1 else "a view"
        each = " and view" if views > 1 else ""
        raise errors.ShapeError(
            f"The model turned {which} of {rows} items into {name} of {shapes.shape_of(out)}. It must "
            f"return one row per item{each}: ({views * rows}, dim)."
        )
    return torch.split(out, rows)
