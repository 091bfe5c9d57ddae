"""Weights of the samples asked for, from what an attention was called with."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vergence import errors
from vergence.observe.attention_places import Places

__all__ = [
    "Batch",
    "Reading",
    "batch_of",
    "looks_back",
    "marked",
    "quiet",
    "read_fused",
    "read_module",
    "token_lengths",
]


@dataclass(frozen=True)
class Reading:
    """One attention, as it is handed to the `Seen`."""

    name: str
    seen_in: str
    same: bool
    causal: bool
    weights: Tensor
    value_norms: Tensor
    token_norms: Tensor | None
    stream_norms: Tensor | None
    samples: tuple[int, ...]
    windows: int


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """For our own arithmetic: no gradients, and results that are ordinary tensors in inference mode, too."""
    with torch.inference_mode(False), torch.no_grad():
        yield


@dataclass(frozen=True)
class Batch:
    """How the leading axes of an attention are samples, windows and heads."""

    rows: int
    """samples * windows"""
    heads: int
    lead: tuple[int, ...]
    """The leading axes as they came."""
    swapped: bool
    """They are (heads, samples)."""
    samples: tuple[int, ...]
    windows: int

    def arrange(self, x: Tensor, behind: int) -> Tensor:
        """(*lead, ...) to (samples * windows, heads, ...), of the samples asked for. `behind`: axes not in lead."""
        tail = x.shape[x.ndim - behind :]
        x = x.expand(*self.lead, *tail)
        if self.swapped:
            x = x.transpose(0, 1)
        return x.reshape(self.rows, self.heads, *tail)[self.taken]

    @property
    def taken(self) -> list[int]:
        """The rows of the samples asked for."""
        return [sample * self.windows + window for sample in self.samples for window in range(self.windows)]


def batch_of(places: Places, lead: Sequence[int], asked: tuple[int, ...] | slice, heads: int | None = None) -> Batch:
    """Samples, windows and heads, from the leading axes and from what is known about the model's input.

    heads: where it is known for certain. Windows of one sample are taken to stand side by side, as all that cut
    images into windows lay them out.
    """
    lead = tuple(lead)
    known = places.batches
    swapped = False
    rows = math.prod(lead[:-1]) if len(lead) > 1 else 1
    if not lead:
        found = 1
    elif len(lead) == 1:
        found = _folded(lead[0], places, known) if heads is None else heads
        rows = lead[0] // found
    else:
        found = lead[-1]
        if len(lead) == 2:
            swapped = heads is None and lead[1] in known and lead[0] not in known
            rows, found = (lead[1], lead[0]) if swapped else lead
        elif lead[-1] != places.heads() and lead[-1] * lead[-2] == places.heads():
            rows, found = math.prod(lead[:-2]), lead[-1] * lead[-2]  # groups of heads that share keys
    windows = _windows(rows, known)
    return Batch(rows, found, lead, swapped, _rows(places, asked, rows // windows), windows)


def _folded(size: int, places: Places, known: frozenset[int]) -> int:
    """Heads in an axis that may hold samples, windows and heads in this order."""
    if size in known:
        return 1
    named = places.heads()
    if named is not None and size % named == 0:
        return named
    shares = [size // batch for batch in known if batch and size % batch == 0]
    return min(shares) if shares and named is None else 1


def _windows(rows: int, known: frozenset[int]) -> int:
    if rows in known:
        return 1
    return min((rows // batch for batch in known if batch and rows % batch == 0), default=1)


def _rows(places: Places, asked: tuple[int, ...] | slice, batch: int) -> tuple[int, ...]:
    if isinstance(asked, slice):
        return tuple(range(batch)[asked])
    if max(asked) >= batch:
        raise errors.ArgumentError(
            f"attention: samples={asked} asks for row {max(asked)}, but {places.here} was given a batch of {batch}: "
            f"rows 0 to {batch - 1}. Use a larger batch, or attention(model) for the first rows."
        )
    return asked


def read_fused(
    places: Places,
    asked: tuple[int, ...] | slice,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Batch, Tensor, Tensor, bool]:
    """`scaled_dot_product_attention`: batch, weights, value norms, whether it was called as causal."""
    del dropout_p  # the weights are those before dropout
    if enable_gqa:
        key, value = (x.repeat_interleave(query.shape[-3] // x.shape[-3], -3) for x in (key, value))
    lead = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])  # type: ignore[no-untyped-call]
    batch = batch_of(places, lead, asked)
    q, k = (wide(batch.arrange(x, 2)) for x in (query, key))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = (q @ k.transpose(-2, -1)) * scale
    if is_causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    if attn_mask is not None:
        if hasattr(attn_mask, "_materialize"):  # torch.nn.attention.bias
            attn_mask = attn_mask._materialize(query.device)
        mask = batch.arrange(attn_mask.expand(*attn_mask.shape[:-2], *scores.shape[-2:]), 2)
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    values = lengths(batch.arrange(value, 2))
    return batch, kept(scores.softmax(-1)), values, is_causal


_MODULE = inspect.signature(F.multi_head_attention_forward)


def read_module(
    places: Places, asked: tuple[int, ...] | slice, args: Sequence[Any], given: dict[str, Any]
) -> tuple[Batch, Tensor, Tensor, bool, Tensor]:
    """`nn.MultiheadAttention`: batch, weights, value norms, whether it was called as causal, and token norms.

    torch computes the weights itself, by the same function, on the samples asked for and without dropout.
    """
    call = _MODULE.bind(*args, **given)
    call.apply_defaults()
    a = call.arguments
    heads, single = a["num_heads"], a["query"].ndim == 2
    if single:
        for name in ("query", "key", "value"):
            a[name] = a[name].unsqueeze(1)
        if a["key_padding_mask"] is not None:
            a["key_padding_mask"] = a["key_padding_mask"].unsqueeze(0)
    rows = a["query"].shape[1]
    batch = batch_of(places, (1 if single else rows, heads), asked, heads)
    taken = batch.taken
    for name in ("query", "key", "value"):
        a[name] = a[name][:, taken]
    if a["key_padding_mask"] is not None:
        a["key_padding_mask"] = a["key_padding_mask"][taken]
    for name in ("attn_mask", "static_k", "static_v"):
        if a[name] is not None and a[name].ndim == 3:
            a[name] = a[name].unflatten(0, (rows, heads))[taken].flatten(0, 1)
    causal = bool(a["is_causal"])
    a |= {"training": False, "need_weights": True, "average_attn_weights": False}
    weights: Any = F.multi_head_attention_forward(*call.args, **call.kwargs)[1]
    tokens = lengths(a["key"]).T
    missing = weights.shape[-1] - tokens.shape[-1]
    tokens = F.pad(tokens, (0, missing), value=math.nan)
    return batch, kept(weights), _module_values(a, heads), causal, tokens


def _module_values(a: dict[str, Any], heads: int) -> Tensor:
    """(samples, heads, keys): the values that the module makes, those that it adds to them included."""
    if a["static_v"] is not None:
        v: Tensor = a["static_v"].unflatten(0, (-1, heads))
    else:
        width = a["embed_dim_to_check"]
        weight = a["v_proj_weight"] if a["use_separate_proj_weight"] else a["in_proj_weight"][2 * width :]
        bias = None if a["in_proj_bias"] is None else a["in_proj_bias"][2 * width :]
        v = F.linear(a["value"], weight, bias)
        if a["bias_v"] is not None:
            v = torch.cat([v, a["bias_v"].expand(1, v.shape[1], -1)])
        v = v.reshape(*v.shape[:2], heads, -1).permute(1, 2, 0, 3)
    norms = lengths(v)
    return F.pad(norms, (0, 1)) if a["add_zero_attn"] else norms


def token_lengths(tokens: Tensor | None, batch: Batch, keys: int) -> Tensor | None:
    """(samples, keys) from a tensor of tokens in any of the usual layouts; None when it is none of them."""
    if tokens is None or not tokens.is_floating_point():
        return None
    rows = batch.rows
    if tokens.ndim == 2 and rows == 1 and len(tokens) == keys:
        tokens = tokens[None]
    if tokens.ndim == 2 and len(tokens) == rows * keys:
        tokens = tokens.reshape(rows, keys, -1)
    if tokens.ndim == 3 and tokens.shape[:2] == (rows, keys):
        return lengths(tokens[batch.taken])
    if tokens.ndim == 3 and tokens.shape[:2] == (keys, rows):
        return lengths(tokens[:, batch.taken]).T
    if tokens.ndim == 4 and len(tokens) == rows:
        if tokens.shape[1] * tokens.shape[2] == keys:
            return lengths(tokens[batch.taken]).flatten(1)
        if tokens.shape[2] * tokens.shape[3] == keys:
            return lengths(tokens[batch.taken].movedim(1, -1)).flatten(1)
    return None


def wide(x: Tensor) -> Tensor:
    """As the model's own kernel sees it, then in at least single precision."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind) and x.dtype != torch.float64:
        x = x.to(torch.get_autocast_dtype(kind))
    return x if x.dtype == torch.float64 else x.float()


def lengths(x: Tensor) -> Tensor:
    """Norms over the last axis, small and on the CPU."""
    return kept(torch.linalg.vector_norm(x if x.dtype == torch.float64 else x.float(), dim=-1))


def kept(x: Tensor) -> Tensor:
    """A float32 copy on the CPU that keeps nothing else alive."""
    return x.detach().to("cpu", torch.float32, copy=True).contiguous()


def marked(weights: Tensor) -> Tensor:
    """Rows without any key, which kernels fill with NaN or with 0, all become NaN."""
    bad = ~weights.isfinite().all(-1, keepdim=True) | (weights == 0).all(-1, keepdim=True)
    return weights.masked_fill(bad, math.nan)


def looks_back(weights: Tensor) -> bool:
    """No query puts weight on a later key; the last query stands at the last key."""
    queries, keys = weights.shape[-2:]
    return 1 < queries <= keys and not bool(weights.nan_to_num().triu(keys - queries + 1).any())
