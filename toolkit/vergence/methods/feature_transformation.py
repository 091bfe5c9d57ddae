"""SimCLR with its positives moved apart after the head, to be switched on and off while it trains."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from vergence import shapes
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.methods.pairs.extrapolation import Extrapolation
from vergence.methods.simclr import SimCLR

__all__ = ["FeatureTransformation", "Moved"]


class FeatureTransformation(SimCLR):
    """SimCLR whose loss sees each positive pair further apart than it is: `pairs.Extrapolation` behind the head.

    z, maps and histograms are of the pairs as they are; `run.set(extrapolation="off")` hands them to the loss so, too.

    Partners come nearer to one another: on digits after 300 steps the mean positive rises from 0.76 to 0.91 (views that
    turn and shift) or from 0.82 to 0.92 (noise alone). Here, in the batch, the negatives are made of the same rows:
    with the former views others part less, the mean negative is 0.28 in place of 0.00, and nearest neighbours get
    worse. The paper moves the positives alone, before a queue of negatives, and mixes those; for that see
    `pairs.Extrapolation.negatives`.

    Args:
        temperature: as in `SimCLR`.
        positive: α of λ = 1 + Beta(α, α), the weight with which a pair is moved apart, above 0; 2 as in the paper.
        more: as in `SimCLR`.

    Raises ArgumentError. Source: Zhu et al. 2021, arXiv:2108.02982.
    """

    name: ClassVar[str] = "Feature transformation"

    def __init__(self, temperature: float = 0.2, positive: float = 2.0, **more: Any) -> None:
        shapes.check_positive("FeatureTransformation", "positive", positive)
        super().__init__(temperature, **more)
        self.positive = positive

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder and head, and what stands behind them in training."""
        encoder, projector, _, _ = self.parts(item_shape)
        return Moved(encoder, projector, Extrapolation(self.positive), together=self.together)


class Moved(Learner):
    """A learner whose loss sees the pairs moved apart. Made by `FeatureTransformation`. Its switch: `extrapolation`."""

    draws: ClassVar[bool] = True

    def __init__(
        self, encoder: nn.Module, projector: nn.Module, between: Extrapolation, *, together: bool = True
    ) -> None:
        super().__init__(encoder, projector, together=together)
        self.between = between
        self.switches["extrapolation"] = True

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """h and z as they are; the loss is given z moved apart."""
        out = super().embed(views, batch)
        if not self.switches["extrapolation"]:
            return out
        first, second = out.z
        return Outputs(out.h, out.z, self.between(first, second))
