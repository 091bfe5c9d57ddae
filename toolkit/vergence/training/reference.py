"""The reference set: a few items that stay the same, embedded again and again without touching the run.

Modes are put to eval and restored module by module (a frozen BatchNorm stays frozen), no gradient is
recorded, and random numbers come from a throw-away generator, so weights, running statistics and every
random state are as if nobody had looked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.training.measures.base import Snapshot
from vergence.training.randomness import OwnRandomness, generator

__all__ = ["Reference", "as_factor", "at_rest", "outputs"]


class Reference:
    """Items to be embedded, and what is known about them.

    model: turns `items[i:j]` into h `(n, dim)`, or into `(h, z)`.
    items: `(items, ...)`.
    labels: `(items,)` integers, or None.
    factors: other things known about the items, by name, `(items,)` each: integers for kinds, below 0 where it is not
        known, and floating point for amounts (a size, an angle), not finite where it is not known.
    factor_names: the name of each value, by factor of kinds; the labels are the factor `label`.
    nuisance: names of factors that nobody wants to be kept, since views change them on purpose.
    groups: `(items,)`; items of one group show the same thing (an emoji by three artists) and are never parted
        between the two halves of a probe.
    names: a text per item; the text itself for a set of texts.
    thumbnails: `(items, height, width, 3)` uint8, or None.
    projector: turns h into z, for a model that gives h alone.
    modules: names of modules of the model whose output is looked at as well, pooled over space or tokens.

    Raises UnknownName for a module that does not exist, with the nearest that does.
    """

    def __init__(
        self,
        model: nn.Module,
        items: Tensor,
        labels: Tensor | None = None,
        *,
        label: str = "class",
        factors: Mapping[str, Tensor] | None = None,
        factor_names: Mapping[str, Sequence[str]] | None = None,
        nuisance: Sequence[str] = (),
        groups: Tensor | None = None,
        names: Sequence[str] | None = None,
        thumbnails: NDArray[np.uint8] | None = None,
        projector: nn.Module | None = None,
        modules: Sequence[str] = (),
    ) -> None:
        known = {name: module for name, module in model.named_modules() if name}
        for name in modules:
            if name not in known:
                raise errors.UnknownName("modules", str(name), known, "module")
        self.model = model
        self.items = items
        self.label = label
        given = ({} if labels is None else {label: labels}) | dict(factors or {})
        self.factors = {name: as_factor("reference", values, len(items), name) for name, values in given.items()}
        of_kinds = labels is not None and not self.factors[label].is_floating_point()
        self.labels = self.factors[label] if of_kinds else None
        self.factor_names = dict(factor_names or {})
        self.nuisance = tuple(name for name in nuisance if name in self.factors)
        self.groups = groups
        self.names = None if names is None else tuple(str(name) for name in names)
        self.thumbnails = thumbnails
        self.projector = projector
        self.modules = {name: known[name] for name in modules}

    def __len__(self) -> int:
        return len(self.items)

    def embed(self, step: int, *, chunk: int = 256) -> Snapshot:
        """The items in eval mode, in chunks; raises ShapeError when the model does not return one row per item."""
        parts: dict[str, list[Tensor]] = {}
        with at_rest(self.model, self.projector), _seen(self.modules) as seen:
            for part in torch.split(self.items, chunk):
                for place, rows in self._rows(part, seen).items():
                    parts.setdefault(place, []).append(rows)
        joined = {place: torch.cat(rows) for place, rows in parts.items()}
        for place, rows in joined.items():
            if len(rows) != len(self.items):
                raise errors.ShapeError(
                    f"reference: the encoder returned {len(rows)} rows for {len(self.items)} items. It must return "
                    f"(batch, dim), at {place} too."
                )
        return Snapshot(step, joined)

    def _rows(self, part: Tensor, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        seen.clear()
        h, z = outputs(self.model(fitting(self.model, part)))
        if z is None and self.projector is not None:
            z, _ = outputs(self.projector(h))
        rows = {"h": h} | ({} if z is None else {"z": z}) | {name: pooled(out) for name, out in seen.items()}
        return {place: value.detach().flatten(1).float() for place, value in rows.items()}

    def described(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """What a History keeps of it: arrays "reference/...", and one static entry."""
        arrays = {} if self.thumbnails is None else {"reference/thumbnails": self.thumbnails}
        if self.groups is not None:
            arrays["reference/groups"] = self.groups.cpu().numpy().astype(np.int64)
        for name, values in self.factors.items():
            kind = torch.float64 if values.is_floating_point() else torch.int64
            arrays[f"reference/factor/{name}"] = values.detach().cpu().to(kind).numpy()
        entry = {
            "items": len(self), "label": self.label if self.labels is not None else None,
            "factors": {name: list(map(str, self.factor_names.get(name, ()))) for name in self.factors},
            "nuisance": list(self.nuisance),
            "names": None if self.names is None else list(self.names), "modules": list(self.modules),
        }  # fmt: skip
        return arrays, entry


def as_factor(call: str, values: object, items: int, name: str) -> Tensor:
    """What is known about the items as integers (kinds; yes and no are two) or floating point (amounts), `(items,)`.

    Raises ShapeError for anything else.
    """
    if not isinstance(values, Tensor) or values.is_complex():
        told = f"has dtype {values.dtype}" if isinstance(values, Tensor) else f"is a {type(values).__name__}"
        raise errors.ShapeError(
            f"{call}: the factor {name!r} {told}. It must be a tensor ({items},), integers for kinds or floating point "
            "for amounts."
        )
    if values.shape != (items,):
        raise errors.ShapeError(
            f"{call}: the factor {name!r} is {shapes.shape_of(values)} but there are {items} items. One value per item "
            f"is needed: ({items},); give several numbers a name each."
        )
    return values.long() if values.dtype == torch.bool else values


@contextmanager
def at_rest(*models: nn.Module | None) -> Iterator[None]:
    """Eval mode, no gradients, random numbers of its own; everything is as before afterwards."""
    modes = [(module, module.training) for model in models if model is not None for module in model.modules()]
    first = next((p for model in models if model is not None for p in model.parameters()), None)
    device = torch.device("cpu") if first is None else first.device
    try:
        for module, _ in modes:
            module.training = False
        # Not inference_mode: what a module caches in here must stay usable for training.
        with torch.no_grad(), OwnRandomness(generator(0, "reference", device)):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def fitting(model: nn.Module, items: Tensor) -> Tensor:
    """Items on the model's device; for a model with half precision weights, in its precision."""
    first = next(model.parameters(), None)
    if first is None:
        return items
    # Autocast needs no such help.
    both = items.is_floating_point() and first.is_floating_point()
    return items.to(first.device, first.dtype if both else items.dtype)


def outputs(output: object) -> tuple[Tensor, Tensor | None]:
    """h, and z where there is one, among what models return: a tensor, (h, z), or a Hugging Face output."""
    if isinstance(output, Tensor):
        return output, None
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        h = output[0]
        second = output[1] if len(output) == 2 else None
        both = isinstance(second, Tensor) and h.ndim == 2 and second.ndim == 2 and len(h) == len(second)
        return h, second if both else None
    for name in ("pooler_output", "last_hidden_state"):
        value = getattr(output, name, None)
        if isinstance(value, Tensor):
            return (value[:, 0] if value.ndim == 3 else value), None
    raise errors.ShapeError(
        f"reference: the encoder returned a {type(output).__name__}. It must return a tensor (batch, dim); "
        "wrap it in a small nn.Module that picks the right entry."
    )


def pooled(output: Tensor) -> Tensor:
    """One row per item: the mean over space `(n, c, height, width)` or over tokens `(n, tokens, dim)`."""
    if output.ndim <= 2:
        return output
    return output.flatten(2).mean(2) if output.ndim >= 4 else output.mean(1)


@contextmanager
def _seen(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """The newest output of each module, by name, while it lasts."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            seen[name] = outputs(output)[0].detach()

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
