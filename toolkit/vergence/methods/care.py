"""CARE: a change of the input should turn all embeddings as one, in place of being forgotten."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vergence import shapes
from vergence.data import Source
from vergence.losses import RotationEquivariance
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.methods.recipe import Recipe, known
from vergence.views import Shared, Views

__all__ = ["CARE"]


class CARE(Recipe):
    """SimCLR's loss, and Gram matching between two views that whole groups of a batch have in common.

    Each `group` items of a batch are augmented alike (`views.Shared`), once for view 1 and once for view 2. The cosines
    within a group are then to be the same in both views: exactly what holds when one rotation takes the embeddings
    of view 1 to those of view 2. `run.set(equivariance=0)` shows what is left without it.

    Differs from the paper where a laptop needs it: as `SimCLR` does. In a run of seconds Gram matching at the paper's
    weight is small beside NT-Xent; on digits that are turned, `CARE(temperature=0.1, equivariance=60, group=None)`
    leaves about 0.55 of what invariance leaves after the best rotation (250 steps).

    Args:
        temperature: of NT-Xent, above 0; 0.5 as in the authors' program.
        equivariance: weight of Gram matching, 0 or above; 0 is SimCLR on shared views. See
            `losses.RotationEquivariance` for its scale.
        group: how many items share their augmentations, at least 2; 16 as in the paper. None: the whole batch.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`. Views that
            are not `Shared` are wrapped; of those that are, the group is taken.

    Raises ArgumentError. Source: Gupta et al. 2023, arXiv:2306.13924.
    """

    name: ClassVar[str] = "CARE"

    def __init__(
        self, temperature: float = 0.5, equivariance: float = 0.9, group: int | None = 16, **more: Any
    ) -> None:
        given = known(type(self), more).get("views")
        size = given.size if isinstance(given, Shared) else group
        if size is not None:
            shapes.check_count("CARE", "group", size, least=2)
        super().__init__(RotationEquivariance(temperature, equivariance), **more)
        self.group = size

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder and head, which know who shares an augmentation."""
        encoder, projector, _, _ = self.parts(item_shape)
        return CARELearner(encoder, projector, self.group)

    def views_for(self, item_shape: tuple[int, ...]) -> Views:
        """The augmentations, one draw for each group."""
        return self._shared(super().views_for(item_shape))

    def views_on(self, source: Source) -> Views:
        """Those of the source, where it brings its own, one draw for each group."""
        return self._shared(super().views_on(source))

    def _shared(self, views: Views) -> Views:
        return views if isinstance(views, Shared) else Shared(views, self.group)


class CARELearner(Learner):
    """Encoder and head; the loss is told which items had their augmentations in common."""

    def __init__(self, encoder: nn.Module, projector: nn.Module, group: int | None) -> None:
        super().__init__(encoder, projector)
        self.group = group

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """h and z, and the groups of the batch."""
        out = super().embed(views, batch)
        place = torch.arange(len(batch.index), device=batch.index.device)
        return Outputs(out.h, out.z, out.given, {"groups": place // (self.group or len(place))})
