"""SogCLR: every sample remembers what its negatives amount to, so that a small batch need not tell it anew."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.geometry import full_precision, log_moment
from vergence.losses.loss import Base, Check, check_scale, check_two_views, two_views
from vergence.losses.partition import log_partition
from vergence.losses.several_views import of_sample, unit_rows

__all__ = ["Remembering", "SogCLR"]


def check_rate(call: str, name: str, value: object) -> None:
    """Above 0, at most 1."""
    shapes.check_positive(call, name, value)
    if float(value) > 1:  # type: ignore[arg-type]  # the line above lets numbers through only
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must lie above 0 and at most at 1, like 0.9.")


class Remembering(Base, nn.Module):
    """What SogCLR and iSogCLR have in common: the moving average u of each sample, kept as its logarithm.

    The state is a buffer, `log_u` (n_items,), -inf for a sample that never came: it is saved with `state_dict` and
    moves to where the embeddings are. It changes in a call while gradients are recorded, and in nothing else.
    """

    views = 2
    needs = ("index",)

    log_u: Tensor

    def __init__(self, n_items: int, **settings: float) -> None:
        shapes.check_count(type(self).__name__, "n_items", n_items)
        nn.Module.__init__(self)
        Base.__init__(self, **settings)
        self.n_items = n_items
        self.register_buffer("log_u", torch.full((n_items,), -math.inf))

    def __repr__(self) -> str:
        return Base.__repr__(self).replace("(", f"(n_items={self.n_items}, ", 1)

    def rows_of(self, views: tuple[Tensor, ...], more: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """The unit rows of both views, and the index of the samples; the state is brought to where they are."""
        index = self.given(more)["index"]
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        shapes.check_labels(self.name, index, len(a), name="index")
        if index.device.type == "cpu":  # elsewhere looking would make the device wait, and it checks by itself
            self._check_range(index)
        if self.log_u.device != a.device:
            self.to(a.device)
        with full_precision(a.device):
            return unit_rows((a, b)), index.detach().to(a.device, torch.long)

    def averaged(self, log_g: Tensor, index: Tensor, gamma: float) -> Tensor:
        """log u of both anchors of each sample after this batch, (2 batch,): (1 - gamma) u + gamma g; g at first."""
        before = self.log_u[index].repeat(2).to(log_g.dtype)
        now = log_g.detach()
        if gamma == 1:
            return now
        mixed = torch.logaddexp(before + math.log1p(-gamma), now + math.log(gamma))
        return torch.where(before == -math.inf, now, mixed)

    def remember(self, log_u: Tensor, index: Tensor) -> None:
        """Put the mean over the two anchors of each sample in its place. A sample that came twice keeps one of them."""
        first, second = log_u.view(2, -1)
        self.put(self.log_u, index, torch.logaddexp(first, second) - math.log(2))

    @staticmethod
    def put(state: Tensor, index: Tensor, values: Tensor) -> None:
        """What is not finite is not remembered: an average would never be rid of it."""
        state[index] = torch.where(values.isfinite(), values.to(state.dtype), state[index])

    def forget(self) -> None:
        """As if no sample had come yet."""
        self.log_u.fill_(-math.inf)

    def _check_range(self, index: Tensor) -> None:
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= self.n_items:
            raise errors.ArgumentError(
                f"{self.name}: index runs from {low} to {high}, but the loss was made for {self.n_items} items. It is "
                f"the position of each sample in the data set, 0 to {self.n_items - 1}; make it with n_items=len(data)."
            )


def log_mean_negatives(x: Tensor, z: Tensor, temperature: float = 1.0, bound: float = 1.0) -> Tensor:
    """log of the mean of exp(x_i . z_j / T) over an anchor's 2N - 2 negatives: all rows but itself and its partner."""
    sample = of_sample(2, len(z) // 2, z.device)
    return log_partition(x, z, temperature, apart=(sample, sample), bound=bound) - math.log(len(z) - 2)


def with_gradient(log_g: Tensor, log_u: Tensor) -> Tensor:
    """log u in value, and in gradient that of g / u: what a moving average would have if g were all of it."""
    rate = (log_g.detach() - log_u).exp()
    return log_u + rate * (log_g - log_g.detach())


def partner_cosines(z: Tensor) -> Tensor:
    """Cosine of each row with its partner, (2 batch,)."""
    first, second = z.chunk(2)
    return (first * second).sum(1).repeat(2)


def weights_of(z: Tensor, temperature: Tensor, log_u: Tensor) -> Float[Tensor, "rows rows"]:
    """Pair weights of a loss whose anchors have moving averages and temperatures of their own, each (2 batch,)."""
    half = len(z) // 2
    logits = (z / temperature[:, None]) @ z.T
    weights = (logits - log_u[:, None]).exp() / (len(z) - 2)
    weights.fill_diagonal_(0)
    weights.diagonal(half)[:] = -1
    weights.diagonal(-half)[:] = -1
    return weights / len(z)


class SogCLR(Remembering):
    r"""The contrastive loss against all negatives there are, from small batches.

        sog_clr = mean over the 2N anchors i of  T log u_i - s_ip
        u_i  <-  (1 - gamma) u_i + gamma g_i        g_i = mean over the 2N - 2 negatives n of the batch of exp(s_in / T)

    Called as loss(z1, z2, index=index): z1, z2 (batch, dim), batch N >= 2; row k of both is the sample at `index[k]` of
    the data set, 0 <= index < n_items. Rows are normalised here; s is their cosine; p: the anchor's partner in the
    other view, which is no negative and is not in the sum. temperature: T > 0, no unit. gamma: 0 < gamma <= 1,
    the share of this batch in the average.

    The gradient is that of T g_i / u_i - s_ip with u_i held fixed: each negative is weighed against what the negatives
    of this sample amounted to over time, and not against the few of this batch. With gamma 1, and for samples that come
    for the first time, u_i is this batch's own g_i and the gradient that of the batch: T times that of the decoupled
    contrastive loss.

    Reads 0 when all rows coincide and did before. Reads `floor` when partners coincide and the rest is spread evenly.
    Unit: a cosine, not nats.

    LibAUC, from the same authors, has the same gradient twice (it adds both views' means instead of taking one), but
    its value is a surrogate without the logarithm. One u for the two anchors of a sample, the mean, as there. u is
    kept as a logarithm, so that no temperature overflows it. When the temperature is changed what was remembered
    with the old one is forgotten.

    n_items: how many samples the data set has. temperature: 0.1, gamma: 0.9, as in LibAUC.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out, and is not remembered.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Yuan et al. 2022, arXiv:2202.12387, algorithm 1 with their tau our T and epsilon_0 = 0.
    """

    name = "SogCLR"
    variant = "2N anchors, positive not in the sum, moving average per sample, times T"
    source = "Yuan et al. 2022, arXiv:2202.12387"
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive, "gamma": check_rate}

    def __init__(self, n_items: int, temperature: float = 0.1, gamma: float = 0.9) -> None:
        super().__init__(n_items, temperature=temperature, gamma=gamma)
        self._remembered_at = self.temperature

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The loss; remembers this batch while gradients are recorded."""
        pull, push, log_u, index = self._parts(views, more)
        if torch.is_grad_enabled():
            self.remember(log_u, index)
        return pull + push

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, minus the mean cosine of partners, to -1. `push`, T log u: falls as others part. Keeps nothing."""
        pull, push, *_ = self._parts(views, more)
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float:
        """0: all rows alike, now and before. Raises ArgumentError."""
        check_scale("SogCLR.chance", batch, dim)
        return 0.0

    def floor(self, batch: int, dim: int) -> float:
        r"""Partners coincide, all others lie evenly on the sphere: T ln 0F1(; dim/2; 1/(4 T^2)) - 1.

        For any batch: what is remembered is a mean over all negatives. Raises ArgumentError.
        """
        check_scale("SogCLR.floor", batch, dim)
        return self.temperature * log_moment(1 / self.temperature, dim) - 1

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_in = exp(s_in / T) / (u_i (2N - 2)) / (2N),   w_ip = -1 / (2N)

        with u_i as it would be after this batch. Rows 0..N-1 are view 1, N..2N-1 view 2. An anchor's negatives sum to
        g_i / u_i of its positive: more than it in a batch with hard negatives, less in an easy one.

        Raises as the loss. Computed on detached input; remembers nothing.
        Source: Yuan et al. 2022, arXiv:2202.12387, algorithm 1, the gradient estimator.
        """
        with torch.no_grad():
            z, index = self.rows_of(views, more)
            with full_precision(z.device):
                log_u = self._log_u(log_mean_negatives(z, z, self.temperature), index)
                return weights_of(z, torch.full_like(log_u, self.temperature), log_u)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance`, which has no formula, and `floor` with its temperature."""
        check_scale("SogCLR.reference_words", batch, dim)
        return {"chance": "all alike", "floor": f"τ {self.temperature:g}"}

    def _parts(self, views: tuple[Tensor, ...], more: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        temperature = self.temperature
        z, index = self.rows_of(views, more)
        with full_precision(z.device):
            log_g = log_mean_negatives(z, z, temperature)
            log_u = self._log_u(log_g, index)
            push = temperature * with_gradient(log_g, log_u).mean()
            return -partner_cosines(z).mean(), push, log_u, index

    def _log_u(self, log_g: Tensor, index: Tensor) -> Tensor:
        """What was remembered at another temperature is no use here."""
        if self._remembered_at != self.temperature:
            return self.averaged(log_g, index, 1.0)
        return self.averaged(log_g, index, self._settings["gamma"])

    def remember(self, log_u: Tensor, index: Tensor) -> None:
        """As `Remembering.remember`, after forgetting what was remembered at another temperature."""
        if self._remembered_at != self.temperature:
            self.forget()
            self._remembered_at = self.temperature
        super().remember(log_u, index)
