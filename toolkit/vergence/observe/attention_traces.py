"""What is known about the tensors of a running model: where they come from, and whether they are scores or weights."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from vergence.observe.attention_axes import follow
from vergence.observe.attention_places import Places
from vergence.observe.attention_products import PRODUCTS
from vergence.observe.attention_reading import Batch

__all__ = ["Held", "Side", "Trace", "Traces", "alive"]


@dataclass(frozen=True)
class Side:
    """One factor of a product of two activations, seen from the product."""

    axes: frozenset[int]
    """Axes of the product that only this factor has."""
    origin: frozenset[int]
    fed: weakref.ref[Tensor] | None


@dataclass
class Held:
    """A softmax on its way to the values."""

    weights: Tensor | None = None
    """Copied before dropout or a narrower number format touches them."""
    batch: Batch | None = None
    whole: Tensor | None = None
    """The same where samples and heads cannot be told apart yet."""
    used: bool = False


@dataclass(frozen=True)
class Trace:
    """What is known about a tensor."""

    here: frozenset[int] = frozenset()
    """Where it comes from, back to the last linear map: inputs, and results of maps and of attention."""
    past: frozenset[int] = frozenset()
    """The same for what went into that map."""
    parameter: bool = False
    """A parameter, or one seen from another side."""
    fed: weakref.ref[Tensor] | None = None
    """What went into the last linear map."""
    normed: weakref.ref[Tensor] | None = None
    """What went into the normalisation that it is the result of."""
    sides: tuple[Side, Side] | None = None
    """It is a product of two activations, perhaps scaled, masked, turned: scores, if a softmax follows."""
    held: Held | None = None
    """It is the softmax of such a product; queries and keys are in `sides`."""

    @property
    def origin(self) -> frozenset[int]:
        """Two tensors whose origins meet are made of the same tokens."""
        return self.here | self.past


_NOTHING = Trace()
_SOFTMAX = {"softmax", "_softmax", "_safe_softmax"}
_MAPS = {"linear", "conv1d", "conv2d", "conv3d", "bilinear", "embedding"}
_NORMS = {"layer_norm", "rms_norm", "group_norm", "instance_norm", "batch_norm"}
_SAME = {"contiguous", "clone", "to", "float", "half", "bfloat16", "type", "type_as", "dropout", "detach"}
_TURNS = {
    "t", "T", "mT", "transpose", "permute", "movedim", "view", "reshape", "flatten", "unflatten", "unsqueeze",
    "squeeze", "expand", "__getitem__",
}  # fmt: skip


class Traces:
    """A trace for each tensor that is alive, forgotten with it."""

    def __init__(self, places: Places, hold: Callable[[Tensor], None]) -> None:
        self._places, self._hold = places, hold
        self._known: dict[int, tuple[weakref.ref[Tensor], Trace]] = {}
        self._count = 0

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()

    def of(self, x: Tensor) -> Trace:
        """The trace of `x`; of one that was never seen, it starts here."""
        found = self._known.get(id(x))
        if found is not None and found[0]() is x:
            return found[1]
        if isinstance(x, nn.Parameter):
            trace = Trace(parameter=True)
        else:
            trace = self.fresh() if x.is_floating_point() and id(x) not in self._places.buffers else _NOTHING
        self.learn(x, trace)
        return trace

    def learn(self, x: Tensor, trace: Trace) -> None:
        """Keep `trace` for as long as `x` lives."""
        known, key = self._known, id(x)

        # The entry goes with its tensor; by then another tensor may have the same id, and an entry of its own.
        def forget(gone: weakref.ref[Tensor]) -> None:
            if key in known and known[key][0] is gone:
                del known[key]

        known[key] = (weakref.ref(x, forget), trace)

    def fresh(self) -> Trace:
        """Of a tensor that is an origin itself."""
        self._count += 1
        return Trace(here=frozenset((self._count,)))

    def norm_ends(self, source: Any, result: Any) -> None:
        """A module that normalises has turned `source` into `result`."""
        if isinstance(source, Tensor) and isinstance(result, Tensor) and source.shape == result.shape:
            self.learn(result, replace(self.of(result), normed=weakref.ref(source)))

    def after(
        self, name: str, args: Sequence[Any], given: dict[str, Any], operands: list[Tensor], result: Tensor
    ) -> Trace:
        """What is known about the result of any other operation."""
        if not operands:
            return _NOTHING
        traces = [self.of(x) for x in operands]
        first = traces[0]
        if name in _MAPS or name in PRODUCTS:
            active = [i for i, trace in enumerate(traces) if not trace.parameter and operands[i].is_floating_point()]
            past = traces[active[0]].origin if active else frozenset()
            fed = weakref.ref(operands[active[0]]) if active else None
            made = replace(self.fresh(), past=past, fed=fed)
            return self._followed(made, name, args, given, operands, traces, result)
        here = frozenset().union(*(trace.here for trace in traces))
        past = frozenset().union(*(trace.past for trace in traces))
        fed = next((trace.fed for trace in traces if trace.fed is not None), None)
        flat = name in ("view", "reshape", "flatten") and operands[0].shape[-1:] == result.shape[-1:]
        normed = first.normed if name in _SAME or flat or (name == "transpose" and result.ndim == 3) else None
        if name in _NORMS and operands[0].shape == result.shape:
            normed = weakref.ref(operands[0])
        made = Trace(here, past, first.parameter and name in (_SAME | _TURNS), fed, normed)
        return self._followed(made, name, args, given, operands, traces, result)

    def _followed(
        self,
        made: Trace,
        name: str,
        args: Sequence[Any],
        given: dict[str, Any],
        operands: list[Tensor],
        traces: list[Trace],
        result: Tensor,
    ) -> Trace:
        """`made`, and that it still is scores or weights if an operand was."""
        x, trace = next((pair for pair in zip(operands, traces, strict=True) if pair[1].sides), (result, made))
        sides = trace.sides
        if sides is None:
            return made
        moved = follow(name, args, given, x.shape, result.shape)
        one, other = (
            replace(side, axes=frozenset(m for m in (moved[axis] for axis in side.axes) if m is not None))
            for side in sides
        )
        if trace.held is None:
            if name in _SOFTMAX:
                return self._softmax(made, args, given, one, other, result.ndim)
            return replace(made, sides=(one, other)) if one.axes or other.axes else made
        narrower = result.dtype.itemsize < x.dtype.itemsize
        shorter = any(moved[a] is not None and result.shape[moved[a] or 0] != x.shape[a] for a in sides[1].axes)
        if narrower or shorter or name in _MAPS or name in PRODUCTS:  # the last two mix heads
            self._hold(x)
        return replace(made, sides=(one, other), held=trace.held) if other.axes else made

    def _softmax(
        self, made: Trace, args: Sequence[Any], given: dict[str, Any], one: Side, other: Side, ndim: int
    ) -> Trace:
        axis = given.get("dim", args[1] if len(args) > 1 else None)
        if not isinstance(axis, int):
            return made
        axis %= ndim
        queries, keys = (one, other) if axis in other.axes else (other, one)
        if axis not in keys.axes:
            return made
        self._places.unweighted += 1
        keys = replace(keys, axes=frozenset((axis,)))
        return replace(made, sides=(queries, keys), held=Held())


def alive(x: weakref.ref[Tensor] | None) -> Tensor | None:
    """The tensor, if there still is one."""
    return None if x is None else x()
