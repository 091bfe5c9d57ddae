"""Own random numbers for a training loop, whatever else draws in the same process.

torch's default generator belongs to the whole process: a cell that calls `torch.rand` while a model
trains on another thread moves the dropout masks of that model. Inside `OwnRandomness` every random
operation of *this thread* that was not given a generator draws from one of ours instead: dropout,
initialisation, a user's own `torch.randn`. The default generator is neither read nor moved.

It is a `TorchDispatchMode`, so it sees operations below autograd, also those inside
`scaled_dot_product_attention` on the CPU. What it does not see: numpy and `random`, fused GPU kernels
that draw inside (they take the device's default generator), and `torch.utils.checkpoint`, which draws
again in the backward pass: give checkpointed layers no dropout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["OwnRandomness", "generator", "is_ours", "loss_draws", "may_draw"]


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for each purpose: `data`, `views`, `model`, `dropout`. Same seed, same numbers."""
    made = torch.Generator(device=device)
    # Purposes are told apart by their letters and not by hash(), which changes from process to process.
    mixed = seed
    for letter in purpose.encode():
        mixed = (mixed * 1_000_003 + letter) % (2**63 - 1)
    made.manual_seed(mixed)
    return made


_HOW: dict[Any, tuple[str, Any]] = {}
"""How each operation takes a generator. Kept for the process: reading a schema costs 50 µs."""


def _how(func: Any) -> tuple[str, Any]:
    """("plain" | "dropout" | "given", the operation to call)."""
    arguments = _arguments(func)
    if "generator" in arguments:
        return "given", func
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return "plain", func
    if func is torch.ops.aten.native_dropout.default:
        return "dropout", func
    # `randint(low, high, size)` has a twin that takes a generator, `randint(high, size)` another one.
    for name in func.overloadpacket.overloads():
        twin = getattr(func.overloadpacket, name)
        others = _arguments(twin)
        if others.pop("generator", None) is not None and others == arguments:
            return "given", twin
    return "plain", func


def _arguments(func: Any) -> dict[str, str]:
    return {argument.name: str(argument.type) for argument in func._schema.arguments}


class OwnRandomness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside, random operations of this thread draw from `source`."""

    def __init__(self, source: torch.Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.source = source
        self._elsewhere: dict[str, torch.Generator] = {}
        self.drawn = 0
        """How many random operations were given the generator."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        known = _HOW.get(func)
        if known is None:
            known = _HOW[func] = _how(func)
        how, call = known
        if how == "plain":
            return func(*args, **(kwargs or {}))
        given = dict(kwargs or {})
        if how == "dropout":
            return self._dropout(*args, **given)
        if given.get("generator") is None:
            given["generator"] = self._source_on(_device_of(args, given))
            self.drawn += 1
        return call(*args, **given)

    def _dropout(self, x: torch.Tensor, p: float, train: bool | None) -> tuple[torch.Tensor, torch.Tensor]:
        if train is False or p == 0:
            return x.clone(), torch.ones_like(x, dtype=torch.bool)
        keep = torch.empty_like(x, dtype=torch.bool).bernoulli_(1 - p, generator=self._source_on(x.device))
        self.drawn += 1
        return (x * keep / (1 - p) if p < 1 else torch.zeros_like(x)), keep

    def _source_on(self, device: torch.device) -> torch.Generator:
        """`source`, or a generator beside it for the odd operation on another kind of device."""
        if device.type == self.source.device.type:
            return self.source
        if device.type not in self._elsewhere:
            self._elsewhere[device.type] = torch.Generator(device).manual_seed(self.source.initial_seed())
        return self._elsewhere[device.type]


def _device_of(args: Sequence[Any], given: Mapping[str, Any]) -> torch.device:
    if given.get("device") is not None:
        return torch.device(given["device"])
    for value in args:
        if isinstance(value, torch.Tensor):
            return value.device
    return torch.device("cpu")


_CALM = (
    "activation", "batchnorm", "container", "conv", "flatten", "linear", "normalization", "padding", "pooling",
)  # fmt: skip


def is_ours(part: object) -> bool:
    """Made in this package, where every draw names its generator; so is what it is wrapped around."""
    inner = getattr(part, "inner", None)
    return type(part).__module__.partition(".")[0] == "vergence" and (inner is None or is_ours(inner))


def may_draw(module: nn.Module) -> bool:
    """False when no part of `module` can draw random numbers, so `OwnRandomness` would only cost time.

    Only torch's plain layers and this package's own models are known to be calm; anything else may draw.
    """
    for part in module.modules():
        home = type(part).__module__
        if home.startswith("torch.nn.modules."):
            calm = home.rpartition(".")[2] in _CALM and not isinstance(part, nn.RReLU | nn.MultiheadAttention)
            off = isinstance(part, _DropoutNd) and part.p == 0
            if not calm and not off:
                return True
        elif not is_ours(part):
            return True
    return False


def loss_draws(loss: object) -> bool:
    """A loss of ours draws where it has a `generator`, which may be None; anybody else's may draw."""
    return not is_ours(loss) or hasattr(loss, "generator")
