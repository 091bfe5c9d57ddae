"""Supervised contrastive learning: all rows of an anchor's class are its positives."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from vergence import errors, shapes
from vergence.geometry import full_precision
from vergence.losses.loss import Base, Check, check_scale
from vergence.losses.partition import log_partition
from vergence.losses.several_views import by_blocks, check_several_views, several_views, unit_rows
from vergence.shapes import Embeddings, Labels, Scalar

__all__ = ["SupCon", "sup_con"]

Form = Literal["outside", "inside", "decoupled"]

IN_WORDS: dict[str, str] = {
    "outside": "mean over positives outside the log (L_out)",
    "inside": "mean over positives inside the log (L_in)",
    "decoupled": "mean over positives outside the log, each against true negatives only",
}


def sup_con(*views: Embeddings, labels: Labels, temperature: float, form: Form = "outside") -> Scalar:
    r"""How badly each row picks out the rows of its own class among all other rows.

        outside    mean over i of  mean over p of  -s_ip / T + log Z_i            Z_i = sum over j != i of exp(s_ij / T)
        inside     mean over i of  -log mean over p of exp(s_ip / T) + log Z_i
        decoupled  mean over i of  mean over p of  log(1 + exp(-s_ip / T) sum over n of exp(s_in / T))

    views: V >= 1 tensors (batch, dim), batch N >= 2; row k of each is one sample. Rows are normalised here; s is
    the cosine. labels: (batch,) integers, the class of a sample, the same for its views. i runs over all V N rows that
    have a positive; p over the positives of i: the other rows of its class, in every view; n over the rows of other
    classes. temperature: T > 0, no unit.

    A label below 0 means not labelled: such a row has only its own other views as positives, and is a negative for
    all the rest. An anchor without any positive (one view, alone of its class) is left out of the mean, though it
    stays a negative for others. With a label of its own for each sample and two views this is NT-Xent, in every form.

    Reads ln(V N - 1) outside and inside when all rows coincide, for any T. Neither goes below the mean log of
    the number of positives, as they share one softmax: `outside` gets there when they share it evenly, `inside` however
    they do. `decoupled` goes to 0: its positives do not compete with one another.

    The forms in use differ: the paper prefers `outside`, and that is what pytorch-metric-learning computes. The
    authors' own code multiplies it by T / 0.07: multiply for the same number. Where an anchor has no positive that code
    counts it as 0 in the mean; here, as in pytorch-metric-learning, it is not counted. solo-learn takes the *sum* over
    positives inside the log: `inside` minus the mean log of the number of positives.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, UnknownName, ArgumentError: for one view, also when no two rows
    share a class.
    Source: Khosla et al. 2020, arXiv:2004.11362, equations 2 (outside) and 3 (inside); their z_i . z_p is our
    s_ip, their tau our T, P(i) and A(i) the ranges of p and j. Decoupled: Gupta et al. 2023, arXiv:2310.10636.
    """
    pull, push = _terms("sup_con", views, labels, temperature, form)
    return pull + push


class SupCon(Base):
    """SupCon as an object: the loss, its terms, its scale and its pair weights.

    temperature: > 0; 0.1 as in the paper. form: "outside" (the paper's choice), "inside" or "decoupled"; see `sup_con`.
    views: how many views it is called with, 1 or more. Called as loss(z1, z2, labels=labels).

    Raises ArgumentError, UnknownName.
    """

    name = "SupCon"
    source = "Khosla et al. 2020, arXiv:2004.11362"
    needs = ("labels",)
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.1, form: Form = "outside", views: int = 2) -> None:
        super().__init__(temperature=temperature)
        _check_form("SupCon", form)
        shapes.check_count("SupCon", "views", views)
        self.form = form
        self.views = views
        self.variant = f"all rows are anchors, {IN_WORDS[form]}, anchors without a positive left out"

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`: falls as rows of a class meet, to -1/T. `push`, the rest: falls as others part."""
        labels = self.given(more)["labels"]
        chosen = several_views(self.name, views, self.views)
        pull, push = _terms(self.name, chosen, labels, self.temperature, self.form)
        return {"pull": pull, "push": push}

    def chance(self, batch: int, dim: int) -> float | None:
        """ln(V N - 1): all rows alike. None when decoupled: it then depends on the classes. Raises ArgumentError."""
        check_scale("SupCon.chance", batch, dim)
        return None if self.form == "decoupled" else math.log(max(1, self.views * batch - 1))

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            outside    w_ij = (softmax_ij - [j is positive] / P_i) / (A T)                  softmax over all j != i
            inside     w_ij = (softmax_ij - softmax of i among its positives, at j) / (A T)
            decoupled  w_ip = -g_ip / (P_i A T),   w_in = (mean over p of g_ip) softmax_in / (A T)

        A: anchors with a positive; P_i: positives of i; g_ip: share of the softmax of p and the negatives that the
        negatives hold. Rows 0..N-1 are view 1, and so on. Positive: pushed apart; negative: pulled together. `outside`
        pushes positives apart that hold more than their equal share; the other forms never do. Each row sums to 0;
        the diagonal is 0.

        Raises as `sup_con`. Computed on detached input.
        Source: Khosla et al. 2020, arXiv:2004.11362, section 3.2.3 and its supplement, there along the anchor.
        """
        labels = self.given(more)["labels"]
        chosen = several_views(self.name, views, self.views)
        ids = _ids(self.name, chosen, labels)
        with torch.no_grad(), full_precision(chosen[0].device):
            z = unit_rows(chosen)
            logits = (z / self.temperature) @ z.T
            logits.fill_diagonal_(-math.inf)
            same = ids[:, None] == ids
            same.fill_diagonal_(False)
            count = same.sum(1, keepdim=True)
            equal = same.to(z.dtype) / count.clamp(min=1)
            if self.form == "outside":
                weights = torch.softmax(logits, dim=1) - equal
            elif self.form == "inside":
                weights = torch.softmax(logits, dim=1) - _softmax(logits, same)
            else:
                others = ids[:, None] != ids
                against = logits.masked_fill(~others, -math.inf).logsumexp(1, keepdim=True)
                held = torch.sigmoid(against - logits) * equal
                weights = held.sum(1, keepdim=True) * _softmax(logits, others) - held
            weights = weights.masked_fill(count == 0, 0)
            return weights / ((count > 0).sum() * self.temperature)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is."""
        check_scale("SupCon.reference_words", batch, dim)
        return {} if self.form == "decoupled" else {"chance": f"ln {max(1, self.views * batch - 1)}"}


def _terms(
    call: str, views: tuple[Tensor, ...], labels: Tensor, temperature: float, form: Form
) -> tuple[Tensor, Tensor]:
    ids = _ids(call, views, labels)
    shapes.check_positive(call, "temperature", temperature)
    _check_form(call, form)
    with full_precision(views[0].device):
        z = unit_rows(views)
        own, total = _of_class(z, ids)
        count = own - 1  # of an anchor's positives
        if len(views) == 1:
            _check_positives(call, count)
        if form == "inside":
            pull = count.clamp(min=1).log() - log_partition(z, z, temperature, skip_self=True, within=(ids, ids))
        else:
            pull = -((z * total).sum(1) - (z * z).sum(1)) / (count.clamp(min=1) * temperature)
        if form == "decoupled":
            push = _against_negatives(z, ids, count, temperature) - pull
        else:
            push = log_partition(z, z, temperature, skip_self=True)
        return _mean(pull, count), _mean(push, count)


def _against_negatives(z: Tensor, ids: Tensor, count: Tensor, temperature: float) -> Tensor:
    """Mean over positives p of log(1 + negatives / exp(s_ip / T)). Needs each positive by itself: a block of them."""
    negatives = log_partition(z, z, temperature, apart=(ids, ids))

    def block(rows: slice) -> Tensor:
        same = ids[rows, None] == ids
        same.diagonal(rows.start).fill_(False)
        cost = softplus(negatives[rows, None] - (z[rows] / temperature) @ z.T, threshold=40)
        return torch.where(same, cost, 0).sum(1) / count[rows].clamp(min=1)

    return by_blocks(block, len(z), len(z))


def _of_class(z: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """For each row how many rows its class has, as a float, and their sum. Sorted instead of counted: no sync."""
    order = torch.argsort(ids)
    sorted_ids = ids[order]
    begins = torch.ones_like(ids)
    begins[1:] = (sorted_ids[1:] != sorted_ids[:-1]).to(begins.dtype)
    place = torch.empty_like(ids).scatter(0, order, begins.cumsum(0) - 1)
    size = z.new_zeros(len(z)).index_add(0, place, z.new_ones(len(z)))
    return size[place], torch.zeros_like(z).index_add(0, place, z)[place]


def _mean(values: Tensor, count: Tensor) -> Tensor:
    """Over the anchors that have a positive."""
    has = count > 0
    return torch.where(has, values, 0).sum() / has.sum()


def _softmax(logits: Tensor, among: Tensor) -> Tensor:
    """Of each row, among some columns; 0 where there are none."""
    return torch.softmax(logits.masked_fill(~among, -math.inf), dim=1).masked_fill(~among, 0)


def _ids(call: str, views: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """The class of every row of all views; a sample without a label is a class of its own, below 0."""
    check_several_views(call, views, least=1)
    batch, device = len(views[0]), views[0].device
    shapes.check_labels(call, labels, batch)
    ids = labels.detach().to(device, torch.long)
    ids = torch.where(ids < 0, -1 - torch.arange(batch, device=device), ids)
    return ids.repeat(len(views))


def _check_form(call: str, form: str) -> None:
    if form not in get_args(Form):
        raise errors.UnknownName(call, form, get_args(Form), what="form")


def _check_positives(call: str, count: Tensor) -> None:
    """Of a single view: two rows share a class. The one look at values, as only labels can tell."""
    if count.device.type != "meta" and not bool((count > 0).any()):
        raise errors.ArgumentError(
            f"{call}: no two of the {len(count)} rows share a class, so no row has a positive. Use a larger batch, a "
            "loader that draws several of each class, or two views: loss(z1, z2, labels=labels)."
        )
