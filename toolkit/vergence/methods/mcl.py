"""Multistage contrast: each stage learns what the stages before it have left out."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.data import Source
from vergence.losses import ClusterContrast
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.methods.pairs.clusters import Clusters, clusters
from vergence.methods.pairs.pseudo_labels import items_of
from vergence.methods.recipe import Recipe, known

__all__ = ["MCL", "Stages"]


class MCL(Recipe):
    """Multistage contrastive learning: NT-Xent in stages, against feature suppression.

    The first stage is SimCLR. Then all items are embedded and clustered, the encoder is frozen, and a new encoder
    trains with negatives from inside the anchor's own cluster alone: what the first one tells apart is nearly the
    same there, so the second must find something else. With a third stage, clusters of both count together.

    h is the representations of all stages side by side; that of a stage which has not begun is 0. z is the
    embedding of the stage at work.

    Whether it will work can be known at the end of a stage: by `pairs.mutual_information` of `run.model.groups` with
    the feature that is to be set aside.

    Args:
        temperature: T of NT-Xent, above 0.
        stages: how many; 1 is SimCLR.
        stage_steps: how long each trains. The last one goes on as long as the run does.
        clusters: how many a stage finds. Few leave the suppressing feature inside them; many leave few negatives:
            there should be several items of each in a batch.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Differs from the paper where a laptop needs it: as `SimCLR` does. The paper draws the negatives of an anchor from
    its cluster in the whole set; here the batch is drawn from all, and its other clusters are left out.

    Source: Zhang et al. 2024, arXiv:2402.11816.
    """

    name: ClassVar[str] = "MCL"

    def __init__(
        self, temperature: float = 0.2, *, stages: int = 2, stage_steps: int = 500, clusters: int = 32, **more: Any
    ) -> None:
        shapes.check_count("MCL", "stages", stages)
        shapes.check_count("MCL", "stage_steps", stage_steps)
        shapes.check_count("MCL", "clusters", clusters)
        super().__init__(ClusterContrast(temperature=temperature), **known(type(self), more))
        self.stages, self.stage_steps, self.clusters = stages, stage_steps, clusters

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """An encoder and a head for every stage."""
        made = [super(MCL, self).build(item_shape) for _ in range(self.stages)]
        return Stages(made, stage_steps=self.stage_steps, clusters=self.clusters)


class Stages(Learner):
    """The encoders and heads of all stages. Made by `MCL`.

    stage: the one at work, from 0. found: the clusters of each stage that is over.
    """

    def __init__(self, learners: list[Learner], *, stage_steps: int, clusters: int) -> None:
        super().__init__(learners[0].encoder, learners[0].projector)
        self.encoders = nn.ModuleList(learner.encoder for learner in learners)
        self.projectors = nn.ModuleList(learner.projector for learner in learners)
        self.stage_steps, self.clusters = stage_steps, clusters
        self.stage = 0
        self.found: list[Clusters] = []
        self.register_buffer("groups", torch.zeros(0, dtype=torch.long))
        self.groups: Int[Tensor, " samples"]
        """The cluster of each sample, in all stages that are over together; empty before the second."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """h, the representations of all stages side by side, and z of the stage at work."""
        parts = [self._frozen(number, x) for number in range(self.stage)]
        own = self.encoders[self.stage](x)
        parts += [own, *[torch.zeros_like(own)] * (len(self.encoders) - self.stage - 1)]
        z: Tensor = self.projectors[self.stage](own)
        return torch.cat(parts, 1), z

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """z of the stage at work, and the clusters that negatives must share."""
        h, z = self.represent(views)
        groups = self.groups[batch.index] if len(self.groups) else torch.zeros_like(batch.index)
        return Outputs(h, z, z, {"groups": groups})

    def begin(self, step: int, source: Source) -> None:
        """When a stage is over: cluster what it has learned, freeze it, and go on to the next."""
        stage = min((step - 1) // self.stage_steps, len(self.encoders) - 1)
        while self.stage < stage:
            found = clusters(self.embedded(source), min(self.clusters, len(source)), seed=int(torch.randint(2**31, ())))
            self.found.append(found)
            joined = found.ids if not len(self.groups) else self.groups.cpu() * found.found + found.ids
            _, self.groups = torch.unique(joined.to(self.groups.device), return_inverse=True)
            self.encoders[self.stage].requires_grad_(False).eval()
            self.projectors[self.stage].requires_grad_(False).eval()
            self.stage += 1
            self.encoder, self.projector = self.encoders[self.stage], self.projectors[self.stage]

    def embedded(self, source: Source) -> Float[Tensor, "samples dim"]:
        """z of every sample, without views, in eval mode. Raises NotFinite when the stage has come to nothing."""
        modes = [(part, part.training) for part in self.modules()]
        first = next(self.parameters())
        try:
            for part, _ in modes:
                part.training = False
            with torch.no_grad():
                rows = torch.cat([self(part.to(first.device))[1].float() for part in items_of(source)])
        finally:
            for part, mode in modes:
                part.training = mode
        bad = int((~torch.isfinite(rows)).any(1).sum())
        if bad:
            raise errors.NotFinite(
                f"MCL: {bad} of {len(rows)} embeddings are not finite at the end of stage {self.stage + 1}. Lower the "
                "learning rate, or look for NaN in the data."
            )
        return rows

    def train(self, mode: bool = True) -> Stages:
        """Train mode, but for the stages that are over: their BatchNorm stays as it is."""
        super().train(mode)
        for part in (*self.encoders[: self.stage], *self.projectors[: self.stage]):
            part.eval()
        return self

    def _frozen(self, number: int, x: Tensor) -> Tensor:
        with torch.no_grad():
            h: Tensor = self.encoders[number](x)
        return h
