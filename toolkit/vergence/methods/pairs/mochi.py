"""Hard negative mixing: further negatives for each query, made of its hardest ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.shapes import Scalar

__all__ = ["Mixes", "hard_mixes", "mochi"]

Mixed = Float[Tensor, "batch mixes dim"]


@dataclass(frozen=True)
class Mixes:
    """Further negatives of each query, and what they were made of.

    rows: (batch, n_mix + n_query_mix, dim), length 1, without gradient; the mixes of two negatives come first.
    first, second: (batch, n_mix + n_query_mix), which negatives were mixed; `second` is -1 where it was the query.
    share: (batch, n_mix + n_query_mix), the weight of `first`; the other part has 1 - share.
    hardest: (batch, n_hard), the negatives that are nearest to each query, nearest first.
    """

    rows: Mixed
    first: Int[Tensor, "batch mixes"]
    second: Int[Tensor, "batch mixes"]
    share: Float[Tensor, "batch mixes"]
    hardest: Int[Tensor, "batch hard"]


def hard_mixes(
    query: Float[Tensor, "batch dim"],
    negatives: Float[Tensor, "others dim"],
    *,
    n_hard: int = 64,
    n_mix: int = 32,
    n_query_mix: int = 8,
    generator: torch.Generator | None = None,
    apart: tuple[Tensor, Tensor] | None = None,
) -> Mixes:
    r"""Harder negatives than there are: normalised mixes of the hardest, and of the query with a hard one.

        pair mix    h = (α n_i + (1 - α) n_j) / |.|          α uniform in (0, 1), i and j among the n_hard nearest
        query mix   h = (β q + (1 - β) n_i) / |.|            β uniform in (0, 1/2)

    query: (batch, dim). negatives: (others, dim), a queue or the rows of the batch. Rows are normalised here.
    n_hard: how many of a query's nearest negatives are mixed; at least 2 for pair mixes, and no more than there are.
    n_mix, n_query_mix: how many of either kind; 0 and 0 make none, which is MoCo.
    generator: where α, β and the choices come from. None: torch's default one.
    apart: integer ids (batch,) and (others,): a negative with its query's id is none, and is not mixed.

    A mix reads at least as similar to the query as the weighted mean of its two parts, where that mean is not
    negative: the mean lies inside the sphere, and normalising lengthens it. So it is never easier than the easier of
    its two, and often harder than the hardest real one. The weight of the query stays below 1/2, so a query mix
    is nearer to the negative than to the query. With labels, count how many mixes are made of the query's own
    class: mixing makes false negatives harder, too.

    No gradient flows into a mix. Half precision is computed in float32. NaN in gives NaN out.

    Raises ShapeError, DeviceMismatch, TooFewRows, ArgumentError.
    Source: Kalantidis et al. 2020, arXiv:2010.01028, section 3; their N, s, s' are n_hard, n_mix, n_query_mix (1024,
    1024, 128 with a queue of 16,384), their Q̃ our hardest.
    """
    call = "hard_mixes"
    _check(call, query, negatives, apart, n_hard, n_mix, n_query_mix)
    with torch.no_grad(), full_precision(query.device):
        q, n = (normalize(rows) for rows in at_least_single(query, negatives))
        similarity = q @ n.T
        if apart is not None:
            similarity = similarity.masked_fill(apart[0][:, None] == apart[1][None, :], -2.0)
        hardest = similarity.topk(n_hard, dim=1).indices
        first, second, share = _drawn(hardest, n_mix, n_query_mix, generator, q.dtype)
        one = n[first]
        other = n[second.clamp_min(0)]
        other = torch.where((second < 0)[..., None], q[:, None, :], other)
        rows = normalize(share[..., None] * one + (1 - share[..., None]) * other, dim=-1)
    return Mixes(rows, first, second, share, hardest)


def mochi(
    query: Float[Tensor, "batch dim"],
    key: Float[Tensor, "batch dim"],
    negatives: Float[Tensor, "others dim"],
    mixes: Mixed,
    *,
    temperature: float,
) -> Scalar:
    r"""InfoNCE against a queue and against each query's own mixes.

        mochi = mean over i of  -q_i . k_i / T + log( exp(q_i . k_i / T) + sum over n of exp(q_i . n / T)
                                                      + sum over mixes h of i of exp(q_i . h / T) )

    query, key: (batch, dim), row i of both is one sample. negatives: (others, dim). mixes: (batch, mixes, dim), as
    `hard_mixes(query, negatives).rows`. temperature: T > 0. Rows are normalised here.

    Without mixes it is `losses.info_nce(query, key, negatives=negatives, temperature=T)`; each mix raises it. Reads
    ln(1 + others + mixes) when all rows coincide.

    Raises ShapeError, DeviceMismatch, ArgumentError.
    Source: Kalantidis et al. 2020, arXiv:2010.01028, equation 1 with the mixes among the negatives.
    """
    _check("mochi", query, negatives, None, 1)
    shapes.check_embeddings("mochi", "key", key)
    shapes.check_same_shape("mochi", query=query, key=key)
    shapes.check_positive("mochi", "temperature", temperature)
    if mixes.ndim != 3 or (len(mixes), mixes.shape[2]) != tuple(query.shape):
        raise errors.ShapeError(
            f"mochi: query is {shapes.shape_of(query)} but mixes is {shapes.shape_of(mixes)}. Each query has its own: "
            f"({len(query)}, mixes, {query.shape[1]}), from hard_mixes(query, negatives).rows."
        )
    with full_precision(query.device):
        q, k, n, h = (normalize(rows, dim=-1) for rows in at_least_single(query, key, negatives, mixes))
        own = (q * k).sum(1, keepdim=True)
        logits = torch.cat([own, q @ n.T, (h @ q[:, :, None])[:, :, 0]], 1) / temperature
        return (logits.logsumexp(1) - logits[:, 0]).mean()


def _drawn(
    hardest: Tensor, n_mix: int, n_query_mix: int, generator: torch.Generator | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    batch, n_hard = hardest.shape
    where = torch.device("cpu") if generator is None else generator.device
    mixes = n_mix + n_query_mix
    places = torch.randint(n_hard, (batch, mixes), generator=generator, device=where)
    # Never the same one twice: its mix with itself would be itself.
    steps = torch.randint(1, max(n_hard, 2), (batch, mixes), generator=generator, device=where)
    u = torch.rand((batch, mixes), generator=generator, device=where, dtype=dtype)
    places, steps, u = (drawn.to(hardest.device) for drawn in (places, steps, u))
    first = hardest.gather(1, places)
    second = hardest.gather(1, (places + steps) % n_hard)
    second[:, n_mix:] = -1
    # The query's weight is u / 2, below one half; that of the negative is the rest.
    share = torch.cat([u[:, :n_mix], 1 - u[:, n_mix:] / 2], 1)
    return first, second, share


def _check(
    call: str, query: object, negatives: object, apart: tuple[Tensor, Tensor] | None, n_hard: int, *counts: int
) -> None:
    shapes.check_embeddings(call, "query", query)
    shapes.check_embeddings(call, "negatives", negatives)
    if not isinstance(query, Tensor) or not isinstance(negatives, Tensor):
        return
    if query.shape[1] != negatives.shape[1]:
        raise errors.ShapeError(
            f"{call}: query is {shapes.shape_of(query)} but negatives is {shapes.shape_of(negatives)}. Both must come "
            "out of the same head."
        )
    if query.device != negatives.device:
        raise errors.DeviceMismatch(
            f"{call}: query is on {query.device} but negatives is on {negatives.device}. Use "
            "negatives.to(query.device)."
        )
    shapes.check_count(call, "n_hard", n_hard)
    for name, count in zip(("n_mix", "n_query_mix"), counts, strict=False):
        shapes.check_count(call, name, count, least=0)
    if any(counts[:1]) and n_hard < 2:
        raise errors.ArgumentError(f"{call}: n_hard is 1, but a pair mix needs two negatives. Use n_hard=2 or n_mix=0.")
    if apart is not None:
        for name, ids, rows in zip(("apart[0]", "apart[1]"), apart, (query, negatives), strict=True):
            shapes.check_labels(call, ids, len(rows), name=name)
    usable = len(negatives)
    if apart is not None:
        usable -= int((apart[0][:, None] == apart[1][None, :]).sum(1).max())
    if n_hard > usable:
        raise errors.TooFewRows(
            f"{call}: n_hard is {n_hard} but there are {usable} negatives. Use n_hard={max(usable, 1)} or less, or a "
            "longer queue."
        )
