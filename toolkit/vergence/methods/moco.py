"""MoCo: contrast against a slow copy of the network, whose earlier outputs wait in a queue."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from torch import Tensor, nn

from vergence import errors, shapes
from vergence.losses import InfoNCE, Loss
from vergence.losses.momentum_contrast import MomentumContrast
from vergence.methods.byol import BYOLLearner
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.methods.recipe import Recipe, known
from vergence.methods.siamese import Taught
from vergence.models import Predictor, Projector, Queue

__all__ = ["MoCo"]

Version = Literal["v2", "v3"]


class MoCo(Recipe):
    """Momentum contrast. v2: one view against the teacher's other view and a queue; v3: a predictor and no queue.

    v2: view 1 through the student is the query, view 2 through the teacher its key; negatives are the K keys of the
    batches before, and no others, so the batch may be small. Chance is ln(K + 1). v3: both views are
    queries, negatives are the teacher's rows of the same batch, and a predictor stands before the loss. Chance is ln N.

    Differs from the papers where a laptop needs it: Adam at 1e-3 in place of SGD (v3: LARS or AdamW) with a schedule, a
    small conv net in place of ResNet-50, batch 256 in place of 4,096 (v3), a queue of 1,024 in place of 65,536 (the
    emoji set has 1,213 samples: a longer one would hold every item's own earlier keys as negatives; even this one
    holds some), and a teacher's momentum of 0.99 in place of 0.999, for the queue is 4 steps old and not 256. Batches
    are not shuffled between devices for BatchNorm: there is one device. In v3 the momentum stays; `ema_steps` lets
    it rise to 1 as there.

    Args:
        version: "v2" or "v3".
        temperature: above 0; 0.2 as in v2, and in v3 for transformers.
        queue: K, at least 1; of v2 only.
        ema, ema_steps: of the teacher, see `methods.BYOL`.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Raises ArgumentError, UnknownName.
    Source: He et al. 2019, arXiv:1911.05722; Chen et al. 2020, arXiv:2003.04297 (v2); Chen, Xie & He 2021,
    arXiv:2104.02057 (v3).
    """

    name: ClassVar[str] = "MoCo"
    together: ClassVar[bool] = False

    def __init__(
        self,
        version: Version = "v2",
        temperature: float = 0.2,
        queue: int = 1024,
        ema: float = 0.99,
        ema_steps: int | None = None,
        **more: Any,
    ) -> None:
        if version not in get_args(Version):
            raise errors.UnknownName("MoCo", str(version), get_args(Version), "version")
        shapes.check_count("MoCo", "queue", queue)
        loss: Loss = InfoNCE(temperature, queue=queue) if version == "v2" else MomentumContrast(temperature)
        super().__init__(loss, **known(type(self), more))
        self.version, self.queue, self.ema, self.ema_steps = version, queue, ema, ema_steps

    def head(self, width: int) -> nn.Module:
        """v2: two layers without BatchNorm; v3: three, and a BatchNorm without weights of its own at the end."""
        if self.version == "v2":
            return Projector(width, hidden=2 * width, out_dim=self.dim, batch_norm=False)
        layers = Projector(width, hidden=2 * width, out_dim=self.dim, layers=3)
        return nn.Sequential(layers, nn.BatchNorm1d(self.dim, affine=False))

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder, head and teacher for items of this shape; queue or predictor."""
        encoder, projector, _, width = self.parts(item_shape)
        if self.version == "v2":
            queue = Queue(self.queue, width)
            return MoCoLearner(encoder, projector, queue, momentum=self.ema, steps=self.ema_steps)
        predictor = Predictor(width, hidden=2 * width)
        return BYOLLearner(encoder, projector, predictor, momentum=self.ema, steps=self.ema_steps)


class MoCoLearner(Taught):
    """Queries of the student, keys of the teacher, and the keys of the batches before as negatives."""

    def __init__(
        self, encoder: nn.Module, projector: nn.Module, queue: Queue, *, momentum: float, steps: int | None
    ) -> None:
        super().__init__(encoder, projector, momentum=momentum, steps=steps)
        self.queue = queue

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """The student's view 1, the teacher's view 2; h and z are theirs, as the loss sees them."""
        del batch
        (h,), (query,) = self.represent(views[:1])
        (other_h,), (key,), _ = self.taught(views[1:])
        pair = (query, key)
        return Outputs((h, other_h), pair, pair, {"negatives": self.queue()})

    def updated(self, outputs: Outputs, batch: Batch) -> None:
        """The teacher follows; the keys of this batch take the place of the oldest."""
        super().updated(outputs, batch)
        self.queue.push(outputs.given[1])
