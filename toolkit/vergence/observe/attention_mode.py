"""Listening to the operations of a model: which of them are attention."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vergence import errors
from vergence.observe import attention_reading as reading
from vergence.observe.attention_axes import name_of
from vergence.observe.attention_places import Places, tensors
from vergence.observe.attention_products import PRODUCTS, Product, product_of, value_lengths
from vergence.observe.attention_traces import Held, Side, Trace, Traces, alive

__all__ = ["Watching"]


_PLAIN = {
    "dim", "size", "stride", "numel", "nelement", "is_contiguous", "storage_offset", "data_ptr", "is_floating_point",
    "item", "tolist", "backward", "requires_grad_", "register_hook", "__len__", "__bool__", "is_complex",
    "element_size", "get_device",
}  # fmt: skip
_DROPOUT = {
    "dropout", "dropout_", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "alpha_dropout_",
    "feature_dropout", "feature_dropout_", "feature_alpha_dropout", "native_dropout",
}  # fmt: skip


def in_backward() -> bool:
    """A checkpointed layer runs its forward again there; that was seen the first time."""
    return bool(torch._C._current_graph_task_id() != -1)


class Watching(TorchFunctionMode):
    """Sees every torch call of this thread and hands each attention among them to `add`."""

    def __init__(
        self, places: Places, samples: tuple[int, ...] | slice, add: Callable[[reading.Reading], None]
    ) -> None:
        super().__init__()
        self._places, self._samples, self._add = places, samples, add
        self._traces = Traces(places, self._hold)

    def __enter__(self) -> Watching:
        self._places.finished_norm = self._traces.norm_ends
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        self._traces.clear()

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if torch.compiler.is_compiling():  # the compiler was loaded inside the block: leave it alone
            return func(*args, **given)
        name = name_of(func)
        if not name or name in _PLAIN or in_backward():
            return func(*args, **given)
        if not self._places.stack:
            self._places.outside += func in (F.scaled_dot_product_attention, F.multi_head_attention_forward)
            return func(*args, **given)
        if name in _DROPOUT:  # it may work in place
            self._quietly(name, self._hold, args[0] if args else given.get("input"))
        result = func(*args, **given)
        if isinstance(result, Tensor | list | tuple):
            self._quietly(name, self._after, func, name, args, given, result)
        return result

    def _quietly(self, name: str, work: Callable[..., None], *args: Any) -> None:
        """Whatever goes wrong in our own arithmetic is a sentence, not the end of the model's run."""
        try:
            with torch._C.DisableTorchFunction():  # another block may be listening, too
                work(*args)
        except errors.InputError:
            raise
        except Exception as error:
            self._places.note(f"{self._places.here}: {name} could not be read ({type(error).__name__}: {error}).")

    def _after(self, func: Any, name: str, args: Sequence[Any], given: dict[str, Any], result: Any) -> None:
        results = [x for x in tensors(result) if x.is_floating_point()]
        if not results:
            return
        if func is F.scaled_dot_product_attention:
            self._fused(args, given)
            trace = self._traces.fresh()
        elif func is F.multi_head_attention_forward:
            self._module(args, given)
            trace = self._traces.fresh()
        elif name == "flex_attention":
            self._places.note(
                f"{self._places.here}: flex_attention makes its weights in pieces, and they are not captured. With the "
                "same mask in scaled_dot_product_attention they are."
            )
            trace = self._traces.fresh()
        else:
            operands = list(tensors((args, given)))
            product = product_of(name, args, given) if name in PRODUCTS else None
            if product is not None and self._product(product, results[0]):
                return
            for x in results:
                self._traces.learn(x, self._traces.after(name, args, given, operands, x))
            return
        for x in results:
            self._traces.learn(x, trace)

    # What attends.

    @reading.quiet()
    def _fused(self, args: Sequence[Any], given: dict[str, Any]) -> None:
        query, key = (self._traces.of(given[n] if n in given else args[i]) for i, n in enumerate(("query", "key")))
        batch, weights, values, causal = reading.read_fused(self._places, self._samples, *args, **given)
        keys = weights.shape[-1]
        same = _meet(query.origin, key.origin, weights)
        self._report(
            "scaled_dot_product_attention", same, causal, batch, weights, values, self._tokens(key.fed, batch, keys)
        )

    @reading.quiet()
    def _module(self, args: Sequence[Any], given: dict[str, Any]) -> None:
        query, key = args[0], args[1]
        batch, weights, values, causal, own = reading.read_module(self._places, self._samples, args, given)
        same = query is key or (query.shape == key.shape and query.data_ptr() == key.data_ptr())
        stream = alive(self._traces.of(key).normed)
        before = reading.token_lengths(stream, batch, key.shape[0])
        if before is not None:
            before = F.pad(before, (0, own.shape[1] - before.shape[1]), value=math.nan)
        self._report("MultiheadAttention", same, causal, batch, weights, values, (own, before))

    def _product(self, product: Product, result: Tensor) -> bool:
        """Values being weighted, or scores that a softmax may follow. False: neither."""
        one, other = self._traces.of(product.left), self._traces.of(product.right)
        if one.parameter or other.parameter:
            return False
        for weights, of_weights, trace, values, of_values, of in (
            (product.left, product.of_left, one, product.right, product.of_right, other),
            (product.right, product.of_right, other, product.left, product.of_left, one),
        ):
            if trace.held is not None and of.held is None:
                found = self._weighting(weights, of_weights, trace, of_values, product.of_result)
                if found is not None:
                    self._written(trace, weights, of_weights, *found, values, of_values)
                    self._traces.learn(result, self._traces.fresh())
                    return True
        sides = tuple(
            Side(
                frozenset(i for i, c in enumerate(product.of_result) if c in own and c not in foreign),
                trace.origin,
                trace.fed,
            )
            for own, foreign, trace in (
                (product.of_left, product.of_right, one),
                (product.of_right, product.of_left, other),
            )
        )
        scores = (sides[0], sides[1]) if sides[0].axes and sides[1].axes else None
        self._traces.learn(result, replace(self._traces.fresh(), sides=scores))
        return True

    @staticmethod
    def _weighting(
        weights: Tensor, of_weights: str, trace: Trace, of_values: str, of_result: str
    ) -> tuple[int, int] | None:
        """The axes of queries and keys, if the product sums values over the keys, each query for itself."""
        if trace.sides is None or trace.held is None:
            return None
        summed = [i for i, c in enumerate(of_weights) if c in of_values and c not in of_result]
        kept = {i for i, c in enumerate(of_weights) if c in of_result and c not in of_values}
        if len(summed) != 1:
            return None
        queries, keys = trace.sides
        if summed[0] in keys.axes:
            # The queries' axis is lost for a while where scores were flattened to rows for the softmax.
            rows = kept & queries.axes if queries.axes else kept
            return (max(rows), summed[0]) if rows else None
        if summed[0] in queries.axes and kept & keys.axes:
            # A softmax over the queries, as in slot attention: only where the keys' shares were made to sum to 1.
            total = weights.detach().float().sum(summed[0])
            if bool(((total - 1).abs() < 1e-2).all()):
                return max(kept & keys.axes), summed[0]
        return None

    @reading.quiet()
    def _written(
        self, trace: Trace, weights: Tensor, of_weights: str, query: int, key: int, values: Tensor, of_values: str
    ) -> None:
        held, sides = trace.held, trace.sides
        if held is None or sides is None or held.used:
            return
        if held.weights is None:
            source = weights if held.whole is None else held.whole.reshape(weights.shape)
            self._copy(held, source, query, key)
            held.whole = None
        if held.weights is None or held.batch is None:
            return
        held.used = True
        self._places.unweighted -= 1
        lead = [size for axis, size in enumerate(weights.shape) if axis not in (query, key)]
        batch = reading.batch_of(self._places, lead, self._samples, held.batch.heads if len(lead) == 1 else None)
        norms = value_lengths(values, of_values, of_weights, of_weights[key], of_weights[query])
        norms = reading.kept(batch.arrange(norms, 1))
        valued = norms.shape[-1]
        missing = (0, held.weights.shape[-1] - valued)  # keys that bring no value
        norms = F.pad(norms, missing)
        of_keys = sides[1] if key in sides[1].axes else sides[0]
        same = _meet(sides[0].origin, sides[1].origin, held.weights)
        tokens, before = (
            None if x is None else F.pad(x, missing, value=math.nan)
            for x in self._tokens(of_keys.fed, held.batch, valued)
        )
        self._report("softmax", same, False, held.batch, held.weights, norms, (tokens, before))

    def _hold(self, weights: Tensor | None) -> None:
        """Copy weights that are about to be changed, if that is what these are."""
        if weights is None:
            return
        trace = self._traces.of(weights)
        held, sides = trace.held, trace.sides
        if held is None or sides is None or held.weights is not None or held.whole is not None:
            return
        if sides[0].axes:
            self._copy(held, weights, max(sides[0].axes), max(sides[1].axes))
        else:
            held.whole = weights.detach().clone()

    @reading.quiet()
    def _copy(self, held: Held, weights: Tensor, query: int, key: int) -> None:
        lead = [axis for axis in range(weights.ndim) if axis not in (query, key)]
        held.batch = reading.batch_of(self._places, [weights.shape[axis] for axis in lead], self._samples)
        held.weights = reading.kept(held.batch.arrange(weights.permute(*lead, query, key), 2))

    @reading.quiet()
    def _report(
        self,
        seen_in: str,
        same: bool,
        causal: bool,
        batch: reading.Batch,
        weights: Tensor,
        values: Tensor,
        tokens: tuple[Tensor | None, Tensor | None],
    ) -> None:
        weights = reading.marked(weights)
        self._add(
            reading.Reading(
                name=self._places.here,
                seen_in=seen_in,
                same=same,
                causal=causal or reading.looks_back(weights),
                weights=weights,
                value_norms=values,
                token_norms=tokens[0],
                stream_norms=tokens[1],
                samples=batch.samples,
                windows=batch.windows,
            )
        )

    def _tokens(
        self, fed: weakref.ref[Tensor] | None, batch: reading.Batch, keys: int
    ) -> tuple[Tensor | None, Tensor | None]:
        tokens = alive(fed)
        if tokens is None:
            return None, None
        before = alive(self._traces.of(tokens).normed)
        return reading.token_lengths(tokens, batch, keys), reading.token_lengths(before, batch, keys)


def _meet(one: frozenset[int], other: frozenset[int], weights: Tensor) -> bool:
    """Queries and keys come from the same tokens. Where nothing is known of either, equal numbers speak for it."""
    if one and other:
        return bool(one & other)
    return not one and not other and weights.shape[-1] == weights.shape[-2]
