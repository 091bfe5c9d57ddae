"""MV-InfoNCE: all pairs of a sample's views in one term."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import full_precision, log_moment
from vergence.losses.loss import Base, Check, check_scale
from vergence.losses.partition import log_partition
from vergence.losses.several_views import check_several_views, of_sample, of_view, several_views, unit_rows
from vergence.losses.targets import check_view_count
from vergence.shapes import Embeddings, Scalar

__all__ = ["MVInfoNCE", "log_partners", "mv_info_nce"]

Form = Literal["across", "all"]

IN_WORDS: dict[str, str] = {
    "across": "negatives from the other views (the equation)",
    "all": "negatives from all views, the anchor's own included (the authors' code)",
}


def mv_info_nce(*views: Embeddings, temperature: float, form: Form = "across") -> Scalar:
    r"""How badly the views of a sample pick out one another, all their pairs in one term.

        mv_info_nce = mean over i of  -log [ sum over l != m of exp(s_il,im / T)  /  sum over l of Z_il ]

        across   Z_il = sum over j and over m != l of exp(s_il,jm / T)
        all      Z_il = sum over all rows but itself of exp(s_il,jm / T)

    views: V >= 2 tensors (batch, dim), batch N >= 2; row i of each is one sample. Rows are normalised here; s_il,jm is
    the cosine of sample i in view l and sample j in view m. temperature: T > 0, no unit.

    Reads ln N (across) or ln((V N - 1) / (V - 1)) (all) when all rows coincide, for any T. Reads `MVInfoNCE.floor`
    when the views of a sample coincide and the rest is spread evenly. Averaging a loss of two views instead gives each
    row one term for each partner, and these pull against one another; here only the sum over pairs counts.

    The equation and the authors' code differ: the code's denominator has the anchor's own view in it as well. `form`
    chooses. For two views the term of a sample is -s/T + the log of the *mean* of its two anchors' sums: `across`
    is CLIP's loss and `all` is NT-Xent with the mean over the two anchors moved inside the log. So neither is below
    that loss, and they agree where both anchors have the same sum, as for equal views.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError, UnknownName.
    Source: Koromilas et al. 2025, arXiv:2507.06979, the MV-InfoNCE equation and the code published with it; their
    U_i,l is our row i of view l, their M our N, their N our V.
    """
    pull, push = _terms("mv_info_nce", views, temperature, form)
    return pull + push


class MVInfoNCE(Base):
    """MV-InfoNCE as an object: the loss, its terms, its scale and its pair weights.

    temperature: > 0; 0.5 as in the authors' CIFAR-10 runs (ImageNet: 0.1). views: how many, 2 or more. form: "across"
    (the equation) or "all" (the authors' code); see `mv_info_nce`.

    Raises ArgumentError, UnknownName.
    """

    name = "MV-InfoNCE"
    source = "Koromilas et al. 2025, arXiv:2507.06979"
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.5, views: int = 2, form: Form = "across") -> None:
        super().__init__(temperature=temperature)
        check_view_count("MVInfoNCE", views)
        _check_form("MVInfoNCE", form)
        self.views, self.form = views, form
        self.variant = f"one term per sample, {IN_WORDS[form]}, mean over samples"

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`: minus the log of the mean over pairs of views, to -1/T. `push`, the rest: falls as others part."""
        self.given(more)
        pull, push = _terms(self.name, several_views(self.name, views, self.views), self.temperature, self.form)
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float:
        """ln N (across) or ln((V N - 1)/(V - 1)) (all): all rows alike. Raises ArgumentError."""
        check_scale("MVInfoNCE.chance", batch, dim)
        return math.log(batch if self.form == "across" else (self.views * batch - 1) / (self.views - 1))

    def floor(self, batch: int, dim: int) -> float:
        r"""The views of a sample coincide, all others lie evenly on the sphere.

            floor = ln(1 + n exp(-1/T) 0F1(; dim/2; 1/(4 T^2))),   n = N - 1 (across) or V (N - 1) / (V - 1) (all)

        n: negatives for each positive. Reads close to 0 for a small temperature, close to `chance` for a large one; see
        `NTXent.floor`.

        Raises ArgumentError.
        """
        check_scale("MVInfoNCE.floor", batch, dim)
        if batch == 1:
            return 0.0
        each = (batch - 1) * (1 if self.form == "across" else self.views / (self.views - 1))
        exponent = math.log(each) - 1 / self.temperature + log_moment(1 / self.temperature, dim)
        return max(exponent, 0.0) + math.log1p(math.exp(-abs(exponent)))

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_il,jm = (e_il,jm / sum over l of Z_il  -  [i = j, l != m] e_il,im / sum over l != m of e_il,im) / (N T)

        e = exp(s/T); the first part only where the sum Z goes. Rows 0..N-1 are view 1, and so on. Positive: pushed
        apart; negative: pulled together. The rows of a sample together sum to 0. The diagonal is 0.

        Raises as `mv_info_nce`. Computed on detached input.
        Source: Wang & Liu 2020, arXiv:2012.09740, section 3, there for one anchor and two views.
        """
        self.given(more)
        chosen = several_views(self.name, views, self.views)
        check_several_views(self.name, chosen)
        count, batch = len(chosen), len(chosen[0])
        with torch.no_grad(), full_precision(chosen[0].device):
            z = unit_rows(chosen)
            view, sample = of_view(count, batch, z.device), of_sample(count, batch, z.device)
            logits = (z / self.temperature) @ z.T
            other_view = view[:, None] != view
            counted = other_view if self.form == "across" else ~torch.eye(len(z), dtype=torch.bool, device=z.device)
            partner = (sample[:, None] == sample) & other_view
            share = _share_of_sample(logits, counted, count)
            return (share - _share_of_sample(logits, partner, count)) / (batch * self.temperature)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("MVInfoNCE.reference_words", batch, dim)
        inside = f"{batch}" if self.form == "across" else f"({self.views * batch - 1}/{self.views - 1})"
        return {"chance": f"ln {inside}", "floor": f"τ {self.temperature:g}"}


def _terms(call: str, views: tuple[Tensor, ...], temperature: float, form: Form) -> tuple[Tensor, Tensor]:
    check_several_views(call, views)
    shapes.check_positive(call, "temperature", temperature)
    _check_form(call, form)
    count, batch = len(views), len(views[0])
    with full_precision(views[0].device):
        z = unit_rows(views)
        number = of_view(count, batch, z.device)
        if form == "across":
            sums = log_partition(z, z, temperature, apart=(number, number))
        else:
            sums = log_partition(z, z, temperature, skip_self=True)
        # Means, not sums, over the V (V - 1) pairs in both logs: then pull ends at -1/T for any V.
        pairs = math.log(count * (count - 1))
        pull = pairs - log_partners(z.view(count, batch, -1), temperature)
        push = sums.view(count, batch).logsumexp(0) - pairs
        return pull.mean(), push.mean()


def log_partners(z: Float[Tensor, "views batch dim"], temperature: float) -> Float[Tensor, " batch"]:
    """log of the sum of exp(s/T) over the ordered pairs of different views of each sample."""
    left, right = torch.triu_indices(len(z), len(z), offset=1, device=z.device)
    cosines = torch.einsum("lbd,mbd->lmb", z, z)[left, right]
    return (cosines / temperature).logsumexp(0) + math.log(2)


def _share_of_sample(logits: Tensor, counted: Tensor, views: int) -> Tensor:
    """Softmax over everything that is counted in all the rows of a sample together."""
    batch = len(logits) // views
    of_one = logits.masked_fill(~counted, -math.inf).view(views, batch, -1).transpose(0, 1).flatten(1)
    return torch.softmax(of_one, dim=1).view(batch, views, -1).transpose(0, 1).reshape(len(logits), -1)


def _check_form(call: str, form: str) -> None:
    if form not in get_args(Form):
        raise errors.UnknownName(call, form, get_args(Form), what="form")
