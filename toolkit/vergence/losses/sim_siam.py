"""SimSiam: predict your own embedding of the other view, with the gradient stopped there."""

from __future__ import annotations

from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from vergence.losses.loss import Base, Couples, check_scale
from vergence.losses.targets import check_view_count, cosine_to_targets, weights_to_targets
from vergence.shapes import Scalar

__all__ = ["SimSiam", "sim_siam"]


def sim_siam(*views: Tensor, targets: tuple[Tensor, ...], stop_gradient: bool = True) -> Scalar:
    r"""How little each view's prediction points along the other view's embedding.

        sim_siam(p_1, .., p_V; z_1, .., z_G) = mean over items i and pairs v != g of  -cos(p_vi, z_gi)

    views: V >= 2 tensors (batch, dim), the *predictor's* outputs p. targets: a tuple of 1 to V tensors (batch, dim),
    the projector's outputs z of the same network. Row i of each is one item. Rows are normalised here.
    stop_gradient: True: the targets are constants. False lets the gradient into them: what collapses.

    Reads -1 when predictions meet their targets, *also* when everything is one point; 0 when they know nothing of one
    another; 1 at most. A loss that reaches -1 within the first steps has collapsed: look at the spread.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Other forms in use: `byol` is 2 + 2 times this.

    Raises ShapeError, DeviceMismatch.
    Source: Chen & He 2020, arXiv:2011.10566, equations 1 to 4; their p and z are ours.
    """
    return -cosine_to_targets("sim_siam", views, targets, stop_gradient)


class SimSiam(Base):
    """SimSiam as an object: the loss, its scale and its pair weights. Needs `targets`.

    views: how many are made for each item, 2 or more. stop_gradient: False lets the gradient into the targets.

    Source: Chen & He 2020, arXiv:2011.10566.
    """

    name = "SimSiam"
    variant = "-cos, mean over ordered pairs of different views"
    source = "Chen & He 2020, arXiv:2011.10566"
    needs: ClassVar[tuple[str, ...]] = ("targets",)
    couples: ClassVar[Couples] = "nothing"

    def __init__(self, views: int = 2, stop_gradient: bool = True) -> None:
        super().__init__()
        check_view_count("SimSiam", views)
        self.views = views
        self.stop_gradient = stop_gradient

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`cosine`: the loss itself, -1 to 1."""
        targets = self.given(more)["targets"]
        return {"cosine": -cosine_to_targets(self.name, views, targets, self.stop_gradient)}

    def chance(self, batch: int, dim: int) -> float:
        """0: predictions at right angles to their targets. *Not* collapse, which reads -1. Raises ArgumentError."""
        check_scale("SimSiam.chance", batch, dim)
        return 0.0

    def floor(self, batch: int, dim: int) -> float:
        """-1: predictions meet their targets; so they do at collapse. Raises ArgumentError."""
        check_scale("SimSiam.floor", batch, dim)
        return -1.0

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows both"]:
        r"""dL/ds of each prediction (rows, view by view) with each row of views and targets (columns, targets last).

            w = -1 / (pairs * N)  for a view and the target of another view, same item; 0 elsewhere

        pairs = G (V - 1). No pair is pushed apart and none pulled harder than another. Raises as `sim_siam`.
        """
        return weights_to_targets(self.name, views, self.given(more)["targets"], -1.0)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """What the two lines stand for."""
        check_scale("SimSiam.reference_words", batch, dim)
        return {"chance": "unrelated", "floor": "agreement or collapse"}
