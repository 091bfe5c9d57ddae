"""Around: what stands around the parts of a training step, for whoever wants to change one of them from outside.

With nothing around it a step is what `Trainer` says, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from vergence.methods import Batch, Outputs

__all__ = ["Around", "Part", "through"]

Part = Callable[..., Any]


class Around:
    """Each method stands around the part of a step that it is named after; those here hand it on as it is.

    A method is called with the part itself, and with what the part is called with. It may change what goes in, change
    what comes out, or not call the part at all. All of them run on the training thread.
    """

    def step(self, part: Part) -> Any:
        """The whole of a step; returns what the trainer hands on."""
        return part()

    def index(self, part: Part) -> Tensor:
        """Which samples: `(batch,)` positions in the data set."""
        found: Tensor = part()
        return found

    def items(self, part: Part, index: Tensor) -> tuple[Tensor, ...]:
        """The two items of each sample, before any view."""
        found: tuple[Tensor, ...] = part(index)
        return found

    def views(self, part: Part, items: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The views that the model gets."""
        found: tuple[Tensor, ...] = part(items)
        return found

    def known(self, part: Part, index: Tensor) -> Batch:
        """What is known of the batch: labels, groups."""
        found: Batch = part(index)
        return found

    def embed(self, part: Part, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """What the learner makes of the views."""
        found: Outputs = part(views, batch)
        return found

    def loss(self, part: Part, *given: Tensor, **more: Any) -> Any:
        """The loss, with its graph."""
        return part(*given, **more)

    def update(self, part: Part, loss: Tensor) -> None:
        """Backward, and the step of the optimiser. Not called after a loss that is not finite."""
        part(loss)

    def follow(self, part: Part, outputs: Outputs, batch: Batch) -> None:
        """What follows the weights: a teacher, a queue."""
        part(outputs, batch)


def through(every: Sequence[Around], name: str, part: Part) -> Part:
    """The part `name` of a step with all of `every` around it; the last one is outermost."""
    for around in every:
        part = partial(getattr(around, name), part)
    return part
