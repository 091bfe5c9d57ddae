"""BYOL: predict the target network's embedding of the other view. No negatives."""

from __future__ import annotations

from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from vergence.losses.loss import Base, Couples, check_scale
from vergence.losses.targets import check_view_count, cosine_to_targets, weights_to_targets
from vergence.shapes import Scalar

__all__ = ["BYOL", "byol"]


def byol(*views: Tensor, targets: tuple[Tensor, ...], stop_gradient: bool = True) -> Scalar:
    r"""How far each view's prediction points away from the target of the other view.

        byol(q_1, .., q_V; t_1, .., t_G) = mean over items i and pairs v != g of  2 - 2 cos(q_vi, t_gi)

    views: V >= 2 tensors (batch, dim), the *predictor's* outputs. targets: a tuple of 1 to V tensors (batch, dim), the
    target network's embeddings of the first G views (of all of them, or of the large crops only). Row i of each is
    one item. Rows are normalised here, and 2 - 2 cos is then the squared distance of the two.
    stop_gradient: True: the targets are constants. False lets the gradient into them: what collapses.

    Reads 0 when predictions meet their targets, *also* when everything is one point: nothing in this loss forbids
    collapse, so read it beside the spread of the embeddings. 2 when they know nothing of one another, 4 at most.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Other forms in use: the paper adds both directions of two views, which is twice this mean. lightly and others take
    -cos, which is L / 2 - 1: -1 at the least, see `sim_siam`.

    Raises ShapeError, DeviceMismatch.
    Source: Grill et al. 2020, arXiv:2006.07733, equation 2; their q_theta(z) are our views, their z'_xi our targets.
    """
    return 2 - 2 * cosine_to_targets("byol", views, targets, stop_gradient)


class BYOL(Base):
    """BYOL as an object: the loss, its scale and its pair weights. Needs `targets`.

    views: how many are made for each item, 2 or more. stop_gradient: False lets the gradient into the targets.

    Source: Grill et al. 2020, arXiv:2006.07733.
    """

    name = "BYOL"
    variant = "2 - 2 cos, mean over ordered pairs of different views (the paper: their sum)"
    source = "Grill et al. 2020, arXiv:2006.07733"
    needs: ClassVar[tuple[str, ...]] = ("targets",)
    couples: ClassVar[Couples] = "nothing"

    def __init__(self, views: int = 2, stop_gradient: bool = True) -> None:
        super().__init__()
        check_view_count("BYOL", views)
        self.views = views
        self.stop_gradient = stop_gradient

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`distance`: the loss itself, 0 to 4."""
        targets = self.given(more)["targets"]
        return {"distance": 2 - 2 * cosine_to_targets(self.name, views, targets, self.stop_gradient)}

    def chance(self, batch: int, dim: int) -> float:
        """2: predictions at right angles to their targets. *Not* collapse, which reads 0. Raises ArgumentError."""
        check_scale("BYOL.chance", batch, dim)
        return 2.0

    def floor(self, batch: int, dim: int) -> float:
        """0: predictions meet their targets; so they do at collapse. Raises ArgumentError."""
        check_scale("BYOL.floor", batch, dim)
        return 0.0

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows both"]:
        r"""dL/ds of each prediction (rows, view by view) with each row of views and targets (columns, targets last).

            w = -2 / (pairs * N)  for a view and the target of another view, same item; 0 elsewhere

        pairs = G (V - 1). No pair is pushed apart and none pulled harder than another. Raises as `byol`.
        """
        return weights_to_targets(self.name, views, self.given(more)["targets"], -2.0)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """What the two lines stand for."""
        check_scale("BYOL.reference_words", batch, dim)
        return {"chance": "unrelated", "floor": "agreement or collapse"}
