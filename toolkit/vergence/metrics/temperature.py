"""What a temperature does: how an anchor's push is shared among its negatives, and how hard it pushes at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vergence import errors, shapes

__all__ = ["COUPLING_BINS", "HARDEST", "WEIGHT_BINS", "Temperature", "coupling", "gradient_shares", "temperature"]

HARDEST = 100
"""One in so many of an anchor's negatives counts as the hardest: the most similar 1 %, at least one."""
WEIGHT_BINS = 64
"""Bins of equal width on [-1, 1] for weight against similarity: bin k holds k/32 - 1 <= cosine < (k + 1)/32 - 1."""
COUPLING_BINS = 20
"""Bins of equal width on [0, 1] for the coupling."""
BEYOND = 1e-3
"""Rounding may carry a cosine so far past 1."""

Cosines = Float[Tensor, "anchors candidates"]
Which = Bool[Tensor, "anchors candidates"]
Counts = Int[Tensor, "bins"]
Parts = Int[Tensor, "parts"]
Bins = Float[Tensor, "bins"]


@dataclass(frozen=True)
class Temperature:
    """How anchors share their push among negatives. None: it cannot be said from what was given."""

    share_hardest: float
    """Part of the push that the hardest 1 % of negatives take, mean over anchors: `even_hardest` to 1."""
    even_hardest: float
    """What they would take if all counted alike: their number over the number of negatives."""
    entropy: float
    """Of the shares, in nats, mean over anchors: 0, one negative takes all, to ln(negatives), all count alike."""
    entropy_share: float
    """The same as a part of ln(negatives), 0 to 1."""
    negatives: float
    """Negatives of an anchor, mean; those that the drawn ones stand for are counted."""
    coupling: float | None
    """q, mean over anchors, 0 to 1; None without a temperature or without positives."""
    coupling_counts: Parts | None = field(repr=False)
    """How many anchors have their q in each of 20 bins on [0, 1]."""
    counts: Counts = field(repr=False)
    """How many negative pairs lie in each of 64 bins of similarity."""
    weight: Bins = field(repr=False)
    """Mean weight of the pairs of each bin, 1 is what each would have if all counted alike; NaN in an empty bin."""
    push: Bins = field(repr=False)
    """Part of the whole push that comes from each bin; sums to 1."""
    anchors: int
    """Anchors that were measured."""
    anchors_left_out: int
    """Anchors without a negative, or whose negatives all weigh nothing."""
    pairs_left_out: int
    """Pairs whose cosine or weight is not finite."""


@torch.no_grad()
def temperature(
    cosines: Cosines,
    positive: Which,
    *,
    temperature: float | None = None,
    weights: Cosines | None = None,
    negative: Which | None = None,
    stands_for: float = 1.0,
) -> Temperature:
    r"""How the push of each anchor is shared among its negatives.

        share_ij = exp(s_ij / T) / sum over negatives k of exp(s_ik / T)      sums to 1 over the negatives of i
        entropy_i = - sum over j of share_ij ln share_ij
        q_i = sum over negatives of exp(s_ij / T)  /  sum over positives and negatives of exp(s_ij / T)

    cosines: (anchors, candidates), s_ij in [-1, 1], no unit. positive: (anchors, candidates), where a candidate is
    the anchor's positive. negative: where it is a negative; None: every candidate that is no positive. What is
    neither, such as the anchor itself, is not looked at.
    temperature: T > 0, no unit. weights: (anchors, candidates), how hard a loss moves each cosine: then
    share_ij = |w_ij| / sum over negatives k of |w_ik|, whatever the loss; T is used for q alone.
    stands_for: >= 1; where only some negatives were drawn, how many each stands for. It raises the entropy by its
    logarithm and q as that many equal negatives would; the share of the hardest does not depend on it.

    Reads, for a temperature far above the spread of the cosines: entropy ln(negatives), share of the hardest
    `even_hardest`, weight 1 everywhere: all negatives count alike. For a temperature far below it: entropy 0 and
    share 1: one negative, the most similar, takes the whole gradient. The entropy never falls as T rises.
    q near 0: the positive wins the softmax and the anchor learns nothing; q near 1: it pushes and pulls in full.
    q grows with the number of negatives; a loss without the positive in its denominator behaves as if q were 1.

    A pair that is not finite is left out and counted, and so is an anchor whose negatives weigh nothing.

    Raises ShapeError, TooFewRows (no anchor has a negative), ArgumentError.
    Source: the shares and their entropy are r_ij of Wang & Liu 2020, arXiv:2012.09740, section 3, their tau is our
    T; q is q_B of Yeh et al. 2021, arXiv:2110.06848, section 3, with all positives of an anchor taken together.
    """
    call = "temperature"
    _check(call, cosines, positive, negative, weights)
    if temperature is None and weights is None:
        raise errors.ArgumentError(
            f"{call}: neither temperature nor weights came. Shares need one of them: temperature(cosines, positive, "
            "temperature=0.2)."
        )
    if temperature is not None:
        shapes.check_positive(call, "temperature", temperature)
    if not (math.isfinite(stands_for) and stands_for >= 1):
        raise errors.ArgumentError(f"{call}: stands_for is {stands_for!r}. It must be a finite number, 1 or above.")
    s = cosines.detach().cpu().double()
    is_positive = positive.cpu()
    is_negative = ~is_positive if negative is None else negative.cpu() & ~is_positive
    finite = torch.isfinite(s)
    w = None if weights is None else weights.detach().cpu().double().abs()
    if w is not None:
        finite &= torch.isfinite(w)
    left_out = int(((is_positive | is_negative) & ~finite).sum())
    is_positive, is_negative = is_positive & finite, is_negative & finite
    s = torch.where(finite, s, 0.0)
    used = is_negative.any(1)
    if w is not None:
        w = torch.where(is_negative, w, 0.0)
        used &= w.sum(1) > 0
    if not bool(used.any()):
        raise errors.TooFewRows(
            f"{call}: none of {len(s)} anchors has a negative that weighs something. Use a larger batch; with "
            "negative=None every candidate that is no positive is one."
        )
    s, is_positive, is_negative = s[used], is_positive[used], is_negative[used]
    if w is not None:
        share = _shares(w[used])
    else:
        share = torch.softmax(torch.where(is_negative, s / (temperature or 1.0), -math.inf), 1)
    count = is_negative.sum(1)
    total = count.double() * stands_for
    entropy = -(torch.special.xlogy(share, share)).sum(1) + math.log(stands_for)
    ceiling = total.log()
    # A single negative takes everything at any temperature, and that is also the even share.
    part = torch.where(ceiling > 0, entropy / ceiling.clamp_min(1e-300), 1.0)
    hardest = ((count + HARDEST // 2) // HARDEST).clamp_min(1)
    most = torch.where(is_negative, s, -math.inf).topk(int(hardest.max()), dim=1).indices
    first = torch.arange(most.shape[1]) < hardest[:, None]
    q = _coupling(s, is_positive, is_negative, temperature, stands_for)
    counts, weight, push = _by_similarity(s, is_negative, share, count)
    return Temperature(
        share_hardest=float((share.gather(1, most) * first).sum(1).mean()),
        even_hardest=float((hardest / count).mean()),
        entropy=float(entropy.clamp_min(0).mean()),
        entropy_share=float(part.clamp(0, 1).mean()),
        negatives=float(total.mean()),
        coupling=None if q is None else float(q.mean()),
        coupling_counts=None if q is None else torch.histc(q, COUPLING_BINS, 0.0, 1.0).long(),
        counts=counts,
        weight=weight,
        push=push,
        anchors=len(s),
        anchors_left_out=len(cosines) - len(s),
        pairs_left_out=left_out,
    )


@torch.no_grad()
def coupling(
    cosines: Cosines,
    positive: Which,
    *,
    temperature: float,
    weights: Cosines | None = None,
    negative: Which | None = None,
    stands_for: float = 1.0,
) -> Float[Tensor, " anchors"]:
    r"""By what each anchor's gradient is multiplied, since the positive stands in the softmax as well.

        q_i = sum over negatives of exp(s_ij / T)  /  sum over positives and negatives of exp(s_ij / T)
        q_i = T A sum over negatives j of w_ij                                          with weights

    cosines, positive, negative, stands_for: as for `temperature`. temperature: T > 0. weights: (anchors, candidates),
    dL / ds_ij of any loss at that T (`loss.pair_weights`), averaged over its anchors: A of them have a weight.
    (anchors,): NaN for an anchor without a positive (a negative), or whose pairs are not finite.

    Reads 0 when the positive wins the softmax, so that the anchor learns nothing, and 1 when the push is in full. A
    loss without the positive in its denominator reads 1 by its weights; another margin can read anything from 0 up.
    It grows with the number of negatives: for positives at 0.95 and negatives spread evenly over 32 dimensions at T =
    0.2 it reads 0.15 for a batch of 8 in two views, and 0.96 for 1,024.

    Raises ShapeError, ArgumentError.
    Source: q_B of Yeh et al. 2021, arXiv:2110.06848, section 3, with all positives of an anchor taken together.
    """
    call = "coupling"
    _check(call, cosines, positive, negative, weights)
    shapes.check_positive(call, "temperature", temperature)
    if not (math.isfinite(stands_for) and stands_for >= 1):
        raise errors.ArgumentError(f"{call}: stands_for is {stands_for!r}. It must be a finite number, 1 or above.")
    s = cosines.detach().cpu().double()
    near = positive.cpu()
    far = ~near if negative is None else negative.cpu() & ~near
    sound = torch.isfinite(s) | ~(near | far)
    if weights is None:
        paired = sound.all(1) & near.any(1) & far.any(1)
        found = _coupling(s[paired], near[paired], far[paired], temperature, stands_for)
    else:
        w = weights.detach().cpu().double()
        sound &= torch.isfinite(w) | ~(near | far)
        paired = sound.all(1) & far.any(1)
        anchors = int((w.nan_to_num(0.0) != 0).any(1).sum())
        found = temperature * anchors * stands_for * torch.where(far, w, 0.0).sum(1)[paired]
    q = s.new_full((len(s),), math.nan)
    if found is not None:
        q[paired] = found
    return q


@torch.no_grad()
def gradient_shares(weights: Cosines, negative: Which) -> Cosines:
    r"""How each anchor's push is shared among its negatives, whatever the loss.

        share_ij = |w_ij| / sum over negatives k of |w_ik|

    weights: (anchors, candidates), dL / ds_ij, as `loss.pair_weights` gives them. negative: where a candidate is
    a negative of the anchor.
    (anchors, candidates): 0 where there is no negative; each row sums to 1; NaN in the row of an anchor whose
    negatives weigh nothing, or not a finite number.

    Reads 1 / negatives everywhere when all count alike, and 1 for a single one that takes all. `temperature` sums it
    up: entropy, share of the hardest, weight by similarity.

    Raises ShapeError.
    Source: r_ij of Wang & Liu 2020, arXiv:2012.09740, section 3, for any loss.
    """
    call = "gradient_shares"
    _check_weights(call, weights, negative)
    w = torch.where(negative.cpu(), weights.detach().cpu().double().abs(), 0.0)
    share = _shares(w)
    share[~torch.isfinite(w).all(1)] = math.nan
    return share


def _check_weights(call: str, weights: object, negative: object) -> None:
    if not isinstance(weights, Tensor) or weights.ndim != 2 or not weights.is_floating_point() or 0 in weights.shape:
        raise errors.ShapeError(
            f"{call}: weights is {shapes.shape_of(weights)}. It must be floating point (anchors, candidates), at least "
            "one of each; use loss.pair_weights(*views)."
        )
    if not isinstance(negative, Tensor) or negative.dtype != torch.bool or negative.shape != weights.shape:
        raise errors.ShapeError(
            f"{call}: negative is {shapes.shape_of(negative)} but weights is {shapes.shape_of(weights)}. It must be "
            "boolean and of that shape: True where the candidate is the anchor's negative."
        )


def _shares(w: Tensor) -> Tensor:
    """Parts of each row's sum; NaN where it is 0."""
    return w / w.sum(1, keepdim=True)


def _check(call: str, cosines: object, positive: object, negative: object, weights: object) -> None:
    if not isinstance(cosines, Tensor) or cosines.ndim != 2 or not cosines.is_floating_point() or 0 in cosines.shape:
        raise errors.ShapeError(
            f"{call}: cosines is {shapes.shape_of(cosines)}. It must be floating point (anchors, candidates), at least "
            "one of each; use unit(a) @ unit(b).T."
        )
    shape = tuple(cosines.shape)
    for name, mask in (("positive", positive), ("negative", negative)):
        if mask is None and name == "negative":
            continue
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or tuple(mask.shape) != shape:
            raise errors.ShapeError(
                f"{call}: {name} is {shapes.shape_of(mask)} but cosines is {shape}. It must be boolean and of that "
                f"shape: True where the candidate is the anchor's {name}."
            )
    if weights is not None and (
        not isinstance(weights, Tensor) or not weights.is_floating_point() or tuple(weights.shape) != shape
    ):
        raise errors.ShapeError(
            f"{call}: weights is {shapes.shape_of(weights)} but cosines is {shape}. One floating point number per "
            "pair is needed."
        )
    largest = float(torch.nan_to_num(cosines.detach().abs(), nan=0.0, posinf=0.0).max())
    if largest > 1 + BEYOND:
        raise errors.ArgumentError(
            f"{call}: cosines reaches {largest:.4g}. A cosine lies between -1 and 1; make the rows unit length first: "
            "unit(a) @ unit(b).T."
        )


def _coupling(
    s: Tensor, positive: Tensor, negative: Tensor, temperature: float | None, stands_for: float
) -> Tensor | None:
    """q of the anchors that have a positive; None when no anchor has one."""
    paired = positive.any(1)
    if temperature is None or not bool(paired.any()):
        return None
    logits = s[paired] / temperature
    push = torch.logsumexp(torch.where(negative[paired], logits, -math.inf), 1) + math.log(stands_for)
    pull = torch.logsumexp(torch.where(positive[paired], logits, -math.inf), 1)
    return torch.sigmoid(push - pull)


def _by_similarity(s: Tensor, negative: Tensor, share: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs, mean weight and part of the push by bin of similarity."""
    place = ((s[negative] + 1) * (WEIGHT_BINS / 2)).floor().long().clamp(0, WEIGHT_BINS - 1)
    counts = torch.bincount(place, minlength=WEIGHT_BINS)
    relative = (share * count[:, None])[negative]
    weight = torch.bincount(place, relative, minlength=WEIGHT_BINS) / counts
    push = torch.bincount(place, share[negative], minlength=WEIGHT_BINS) / len(s)
    return counts, weight, push
