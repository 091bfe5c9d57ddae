"""iSogCLR: SogCLR with a temperature for each sample, learned from how its negatives are spread."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import full_precision
from vergence.losses.loss import Check, check_scale
from vergence.losses.sog_clr import (
    Remembering,
    check_rate,
    log_mean_negatives,
    partner_cosines,
    weights_of,
    with_gradient,
)

__all__ = ["ISogCLR"]


class ISogCLR(Remembering):
    r"""SogCLR where every sample has a temperature: the least favourable weighting of its negatives within a budget.

        isog_clr = mean over the 2N anchors i of  t_i log u_i - s_ip + t_i rho
        u_i  <-  (1 - gamma) u_i + gamma g_i                g_i = mean over negatives n of exp(s_in / t_i)
        v_i  <-  (1 - momentum) v_i + momentum d_i          d_i = log u_i + rho - (g_i / u_i) mean_g(s_in) / t_i
        t_i  <-  t_i - rate v_i, kept within [least, most]

    Called as loss(z1, z2, index=index); z1, z2, index, p, n, u and gamma as in `SogCLR`. t_i: temperature of sample i,
    the same for its two anchors. d_i: the derivative of the loss by t_i; mean_g: the mean of the cosines weighted by
    exp(s_in / t_i).
    rho: >= 0, nats. The loss is the worst mean of the negatives' cosines when their weights may depart from even by
    rho (in KL divergence); at the best t_i the softmax of the negatives departs from even by exactly rho. A small rho
    gives large temperatures. A sample with many look-alikes settles at a large one, a rare one at a small one, as long
    as rho stays well below log(1 / share of the look-alikes).

    The temperatures are no parameters: they are buffers with momentum and a step of their own, as in the paper. The
    state is `log_u`, `temperature`, `slope` (v), each (n_items,); it changes in a call while gradients are recorded.
    The loss is computed with the temperatures from before the call.

    Reads rho times the mean t_i when all rows coincide. Unit: a cosine, not nats.

    n_items: how many samples the data set has. start: 0.1, what all t_i begin with. rho 0.3, rate 0.01, momentum 0.9
    (the share of the new derivative), gamma 0.9, least 0.05, most 0.7: as in LibAUC, from the same authors, whose loss
    has the same gradient twice and a value that is a surrogate; the code of the paper also bounds d_i by 3.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out, and is not remembered.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Qiu et al. 2023, arXiv:2305.11965, algorithm 1; their tau_i is our t_i, s_i our u_i, u_i our v_i, eta our
    rate, beta_0 our gamma and beta_1 our momentum (there as 1 minus it, depending on the version).
    """

    name = "iSogCLR"
    variant = "2N anchors, positive not in the sum, moving average and temperature per sample, plus t_i rho"
    source = "Qiu et al. 2023, arXiv:2305.11965"
    ranges: ClassVar[dict[str, Check]] = {
        "rho": shapes.check_nonnegative,
        "rate": shapes.check_nonnegative,
        "momentum": check_rate,
        "gamma": check_rate,
    }

    temperature: Tensor
    slope: Tensor

    def __init__(
        self,
        n_items: int,
        start: float = 0.1,
        rho: float = 0.3,
        rate: float = 0.01,
        momentum: float = 0.9,
        gamma: float = 0.9,
        least: float = 0.05,
        most: float = 0.7,
    ) -> None:
        super().__init__(n_items, rho=rho, rate=rate, momentum=momentum, gamma=gamma)
        for name, value in (("start", start), ("least", least), ("most", most)):
            shapes.check_positive("ISogCLR", name, value)
        if not least <= start <= most:
            raise errors.ArgumentError(
                f"ISogCLR: start is {start!r}, least {least!r} and most {most!r}. The temperatures begin at start and "
                "stay between least and most, so least <= start <= most is needed."
            )
        self.least, self.most = float(least), float(most)
        self.register_buffer("temperature", torch.full((n_items,), float(start)))
        self.register_buffer("slope", torch.zeros(n_items))

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The loss; remembers this batch, and moves the temperatures of its samples, while gradients are recorded."""
        terms, z, own, log_u, index = self._parts(views, more)
        if torch.is_grad_enabled():
            self._move(z, own, log_u, index)
            self.remember(log_u, index)
        return terms["pull"] + terms["push"] + terms["budget"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`: minus the mean cosine of partners. `push`: t_i log u_i. `budget`: t_i rho. Remembers nothing."""
        return self._parts(views, more)[0]

    def chance(self, batch: int, dim: int) -> float:
        """rho times the mean temperature over the data set: all rows alike, now and before. Raises ArgumentError."""
        check_scale("ISogCLR.chance", batch, dim)
        return self._settings["rho"] * float(self.temperature.mean())

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_in = exp(s_in / t_i) / (u_i (2N - 2)) / (2N),   w_ip = -1 / (2N)

        with u_i as it would be after this batch. Rows 0..N-1 are view 1, N..2N-1 view 2.

        Raises as the loss. Computed on detached input; remembers nothing.
        Source: Qiu et al. 2023, arXiv:2305.11965, algorithm 1, the gradient estimator.
        """
        with torch.no_grad():
            _, z, own, log_u, _ = self._parts(views, more)
            with full_precision(z.device):
                return weights_of(z, own, log_u)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance`, which has no formula of the batch."""
        check_scale("ISogCLR.reference_words", batch, dim)
        return {"chance": "all alike"}

    def _parts(
        self, views: tuple[Tensor, ...], more: dict[str, Any]
    ) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor, Tensor]:
        """The terms, and what the state is made of: unit rows, t and log u of each anchor, the index."""
        z, index = self.rows_of(views, more)
        with full_precision(z.device):
            own = self.temperature[index].repeat(2).to(z.dtype)
            log_g = log_mean_negatives(z / own[:, None], z, bound=1 / self.least)
            log_u = self.averaged(log_g, index, self._settings["gamma"])
            terms = {
                "pull": -partner_cosines(z).mean(),
                "push": (own * with_gradient(log_g, log_u)).mean(),
                "budget": self._settings["rho"] * own.mean(),
            }
            return terms, z, own, log_u, index

    def _move(self, z: Tensor, own: Tensor, log_u: Tensor, index: Tensor) -> None:
        """One step of momentum gradient descent on the temperatures of these samples."""
        settings = self._settings
        with full_precision(z.device):
            scaled = (z.detach() / own[:, None]).requires_grad_()
            log_g = log_mean_negatives(scaled, z.detach(), bound=1 / self.least)
            # The gradient by x_i of a log-sum of exp(x_i . y_j) is the mean of y under its softmax: no matrix needed.
            (mean,) = torch.autograd.grad(log_g.sum(), (scaled,))
            with torch.no_grad():
                slope = log_u + settings["rho"] - (log_g - log_u).exp() * (scaled * mean).sum(1)
                slope = slope.view(2, -1).mean(0).to(self.slope.dtype)
                slope = (1 - settings["momentum"]) * self.slope[index] + settings["momentum"] * slope
                moved = self.temperature[index] - settings["rate"] * slope
                self.put(self.slope, index, slope)
                self.put(self.temperature, index, moved.clamp(self.least, self.most))
