"""See the attention of a model, whichever way it is written, without a change to the model."""

from __future__ import annotations

import contextlib
import operator
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors
from vergence.observe.attention_mode import Watching
from vergence.observe.attention_places import Places
from vergence.observe.attention_reading import Reading

__all__ = ["Layer", "Seen", "attention"]


@dataclass(frozen=True, eq=False, repr=False)
class Layer:
    """What one module attended to, once."""

    name: str
    """Path of the module, `blocks.0.attn`; `blocks.0.attn#2` when it attends for the second time."""
    kind: Literal["self", "cross"]
    """self: queries and keys are made of the same tokens. cross: of different ones."""
    causal: bool
    """No query looks at a later key."""
    weights: Float[Tensor, "samples heads queries keys"]
    """float32 on the CPU, before dropout; each row sums to 1. A row whose keys are all masked is NaN."""
    value_norms: Float[Tensor, "samples heads keys"]
    """Length of each value vector; 0 for a key that brings no value."""
    token_norms: Float[Tensor, "samples keys"] | None
    """Length of each token that the keys are made of, as the attending module gets them. NaN: a key without a token
    (`add_bias_kv`, `add_zero_attn`). None: not known."""
    stream_norms: Float[Tensor, "samples keys"] | None
    """The same before the normalisation in front of the module, which makes all lengths alike. None: there is none."""
    samples: tuple[int, ...]
    """Which rows of the batch."""
    windows: int
    """How often each sample was cut up (windowed attention): so many rows of `weights` stand side by side for one."""
    masked: int
    """How many rows of `weights` are NaN, of `samples * heads * queries`."""
    seen_in: str
    """`scaled_dot_product_attention`, `MultiheadAttention` or `softmax`."""

    @property
    def heads(self) -> int:
        """How many heads."""
        return self.weights.shape[1]

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.weights.shape))
        causal = "causal " if self.causal else ""
        return f"Layer({self.name!r}, {causal}{self.kind} attention, samples x heads x queries x keys = {shape})"


class Seen:
    """What a capture has seen up to now. It may be read inside the block and after it."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._layers: list[Layer] = []
        self._times: dict[str, int] = {}

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In the order of execution."""
        return tuple(self._layers)

    @property
    def why(self) -> str:
        """Why `layers` is empty, in words; empty when it is not."""
        return "" if self._layers else self._places.why()

    @property
    def notes(self) -> tuple[str, ...]:
        """What may have been missed, in words: scripted parts, other threads, calls that could not be read."""
        return self._places.notes()

    def __repr__(self) -> str:
        if not self._layers:
            return f"Seen(nothing: {self.why})"
        return f"Seen({len(self._layers)} layers: {', '.join(layer.name for layer in self._layers)})"

    def _add(self, read: Reading) -> None:
        times = self._times[read.name] = self._times.get(read.name, 0) + 1
        self._layers.append(
            Layer(
                name=read.name if times == 1 else f"{read.name}#{times}",
                kind="self" if read.same else "cross",
                causal=read.causal,
                weights=read.weights,
                value_norms=read.value_norms,
                token_norms=read.token_norms,
                stream_norms=read.stream_norms,
                samples=read.samples,
                windows=read.windows,
                masked=int(read.weights.isnan().any(-1).sum()),
                seen_in=read.seen_in,
            )
        )


FIRST = slice(4)


def attention(model: nn.Module, samples: Iterable[int] | Tensor | slice | int | None = FIRST) -> Capture:
    r"""Capture what a model attends to, while a block runs.

        with attention(model, samples=(0, 3)) as seen:
            model(images)
        seen.layers[0].weights          # (samples, heads, queries, keys)

    model: anything that attends inside; it is not changed, and runs once, as it would without us.
    samples: rows of the batch; each has to exist. A slice is clipped as always in Python, so the default means the
    first 4 or as many as there are. None: all of them.

    Seen are `nn.MultiheadAttention` and all that is built on it, `F.scaled_dot_product_attention`, and a softmax
    written by hand: over a product of two activations (neither of them a parameter), its result multiplied with a
    third, over the same axis. Weights are taken before dropout, and only for the rows asked for. Not seen, for
    there are no weights that could be shown: linear attention. Not seen although there are: an exponential divided by
    its own sum, additive attention (no product), `flex_attention`, kernels of other packages, and scripted modules. If
    nothing was seen, `seen.why` says so in words; if something may have been missed, `seen.notes`.

    The block sees the thread that it was entered on, and only what runs inside a `forward` of `model`. Blocks may
    be nested, and may be open on several threads at once, on the same model too: each sees its own. What runs in
    the backward pass, such as the second forward of a checkpointed layer, is not seen again.

    Training is the same to the last bit: outputs, gradients, dropout. In evaluation torch's own encoder layers have a
    fused path that shows nothing; inside the block they take the plain one, and outputs differ by about 1e-6. Compiled
    parts run as they were written, uncompiled, on all threads for as long as the block is open, with differences of
    the same size and with dropout masks of their own.

    Raises ArgumentError: at once for samples that cannot be rows, inside the model for rows that its batch does not
    have.
    """
    if not isinstance(model, nn.Module):
        raise errors.ArgumentError(
            f"attention: model is a {type(model).__name__}. It must be a torch.nn.Module, for its parts give the names."
        )
    return Capture(model, _checked(samples))


def _checked(samples: Iterable[int] | Tensor | slice | int | None) -> tuple[int, ...] | slice:
    if samples is None:
        return slice(None)
    if isinstance(samples, slice):
        return samples
    given = list(samples) if isinstance(samples, Iterable) else [samples]
    try:
        rows = tuple(operator.index(row) for row in given if not isinstance(row, bool))
    except TypeError:
        rows = ()
    if not rows or min(rows) < 0 or len(rows) < len(given):
        raise errors.ArgumentError(
            f"attention: samples is {samples!r}. It must be rows of the batch counted from 0, for example (0, 3), "
            "or None for all of them."
        )
    return rows


class Capture(contextlib.AbstractContextManager["Seen"]):
    """A block in which attention is captured; made by `attention`. It can be entered once."""

    def __init__(self, model: nn.Module, samples: tuple[int, ...] | slice) -> None:
        self._model, self._samples = model, samples
        self._open: contextlib.ExitStack | None = None
        self._entered = False

    def __enter__(self) -> Seen:
        if self._entered:
            raise errors.StateError("attention: this block was entered before. Write attention(model) again.")
        self._entered = True
        places = Places(self._model)
        seen = Seen(places)
        with contextlib.ExitStack() as stack:
            stack.enter_context(uncompiled())
            stack.enter_context(places)
            stack.enter_context(Watching(places, self._samples, seen._add))
            self._open = stack.pop_all()
        return seen

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack, self._open = self._open, None
        if stack is not None:
            stack.__exit__(kind, error, trace)


_lock = threading.Lock()
_eager: list[Any] = []
_blocks = 0


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Compiled parts run as they were written: what they compute inside is not visible otherwise.

    torch keeps one setting for the whole process, so blocks that overlap share it: the first sets it, the last one
    gives it back.
    """
    global _blocks
    if not {"torch._dynamo", "torch.nn.attention.flex_attention"} & set(sys.modules):  # then nothing can be compiled
        yield
        return
    with _lock:
        _blocks += 1
        if _blocks == 1:
            _eager.append(torch.compiler.set_stance("force_eager"))
            _eager[0].__enter__()
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0:
                _eager.pop().__exit__(None, None, None)
