"""Which module is running: names for what is seen, and words for what is not."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

__all__ = ["Frame", "Places", "tensors"]

_LEAVES = ("activation", "conv", "dropout", "linear", "pooling", "sparse", "padding", "flatten")
"""Layers of torch that cannot attend: not hooked, so what they do is done by the module around them."""

_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "nhead", "heads", "num_head")


@dataclass(frozen=True)
class Frame:
    """A module that is running."""

    name: str
    module: nn.Module
    batches: frozenset[int]
    """How many rows its inputs may have. Only known of the outermost."""


class Places:
    """Knows the running modules of `model` on this thread, by hooks that are there for the duration only."""

    def __init__(self, model: nn.Module) -> None:
        self.stack: list[Frame] = []
        self.ran = 0
        """How many modules have run here."""
        self.outside = 0
        """Attention that was computed while no module of the model was running."""
        self.unweighted = 0
        """A softmax over a product of two activations that was not multiplied with values."""
        self.problems: dict[str, None] = {}
        self.finished_norm: Any = None
        self._elsewhere: set[int] = set()
        self._names: weakref.WeakKeyDictionary[nn.Module, str] = weakref.WeakKeyDictionary()
        self._scripted: list[str] = []
        self._hooked: list[nn.Module] = []
        self._handles: list[RemovableHandle] = []
        self.buffers = frozenset(id(x) for x in model.buffers())
        """Tables such as positions: two tensors that both use one need not come from the same tokens."""
        self._thread = threading.get_ident()
        self._open = False
        self._sequence_first = any(getattr(part, "batch_first", True) is False for part in model.modules())
        for path, part in model.named_modules():
            name = ".".join(step for step in path.split(".") if step != "_orig_mod") or type(part).__name__
            if isinstance(part, torch.jit.ScriptModule):
                self._scripted.append(name)
            elif not _is_leaf(part):
                self._names[part] = name
                self._hooked.append(part)

    def __enter__(self) -> Places:
        self._open = True
        for part in self._hooked:
            self._handles.append(part.register_forward_pre_hook(self._before, with_kwargs=True))
            self._handles.append(part.register_forward_hook(self._after, always_call=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._hooked.clear()
        self.stack.clear()
        self.finished_norm = None
        self._open = False

    @property
    def here(self) -> str:
        """Name of the innermost running module."""
        return self.stack[-1].name

    @property
    def batches(self) -> frozenset[int]:
        """How many samples the model was given: more than one answer is possible."""
        return self.stack[0].batches

    def heads(self) -> int | None:
        """What the running module, or one of the two around it, says about its number of heads."""
        for frame in reversed(self.stack[-3:]):
            for name in _HEADS:
                value = getattr(frame.module, name, None)
                if isinstance(value, int) and value > 0:
                    return value
        return None

    def note(self, text: str) -> None:
        """Keep a sentence for `notes`, once."""
        self.problems.setdefault(text)

    def why(self) -> str:
        """Why nothing was seen."""
        if self.problems:
            return " ".join(self.notes())
        if not self.ran:
            told = self.notes()
            if told:
                return " ".join(told)
            return "The model has not run yet." if self._open else "The model did not run inside the block."
        words = [
            "The model ran and nothing in it was attention: no MultiheadAttention, no scaled_dot_product_attention, no "
            "softmax over a product of two activations whose result is multiplied with values. Convolutions and linear "
            "attention have no weights to show."
        ]
        if self.unweighted:
            words.append(
                f"A softmax over a product of two activations was there ({self.unweighted} times), but it weights no "
                "values: similarities, as in a contrastive loss."
            )
        return " ".join([*words, *self.notes()])

    def notes(self) -> tuple[str, ...]:
        """What may have been missed."""
        told = list(self.problems)
        if self._scripted:
            told.append(
                f"Nothing is seen inside scripted modules ({', '.join(self._scripted[:4])}"
                f"{', …' if len(self._scripted) > 4 else ''}). Capture the module that they were made from."
            )
        if self._elsewhere:
            told.append(
                "Parts of the model ran on another thread. A block sees the thread it was entered on: enter it on the "
                "thread that runs the model."
            )
        if self.outside:
            told.append(
                f"Attention was computed {self.outside} times outside of any forward of the model, and left out. Call "
                "the model itself, or capture the module that attends."
            )
        return tuple(told)

    def _before(self, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        if threading.get_ident() != self._thread:
            self._elsewhere.add(threading.get_ident())
            return
        self.ran += 1
        batches: frozenset[int] = frozenset()
        if not self.stack:
            shapes = [x.shape for x in tensors((args, given)) if x.ndim > 0]
            batches = frozenset(shape[0] for shape in shapes)
            if self._sequence_first:
                batches |= {shape[1] for shape in shapes if len(shape) == 3}
        self.stack.append(Frame(self._names.get(module, type(module).__name__), module, batches))

    def _after(self, module: nn.Module, args: tuple[Any, ...], result: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        # A block that is entered in the middle of a forward meets ends without their beginnings.
        if any(frame.module is module for frame in self.stack):
            while self.stack.pop().module is not module:
                continue
        if self.finished_norm is not None and "norm" in type(module).__name__.lower() and args:
            self.finished_norm(args[0], result)


def _is_leaf(part: nn.Module) -> bool:
    home = type(part).__module__
    if isinstance(part, nn.MultiheadAttention) or not home.startswith("torch.nn.modules."):
        return False
    return home.rpartition(".")[2] in _LEAVES


def tensors(tree: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple):
        for branch in tree:
            yield from tensors(branch)
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from tensors(branch)
