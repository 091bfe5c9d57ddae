"""Where the gradient arrives: how much of it each part of a model receives, and which parts receive none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vergence import errors

__all__ = ["Gradients", "PartGradient", "check_modules", "gradients", "named_parts", "own_parameters"]

WRAPPERS = ("module", "_orig_mod")
"""What DataParallel, DistributedDataParallel and `torch.compile` call the model they hold."""
LISTED = 8
"""Names of parameters that are told one by one."""

State = Literal["alive", "zero", "no gradient", "frozen", "not finite", "empty"]


@dataclass(frozen=True)
class PartGradient:
    """The gradient of one part of a model, as it stands."""

    name: str
    state: State
    """`alive`; `zero`: gradients came and each is exactly 0; `no gradient`: none came, backward has not reached it;
    `frozen`: no parameter asks for one; `not finite`; `empty`: it has no parameters."""
    norm: float | None
    """Root sum of squares of the gradients of all its parameters; None where none came or one is not finite."""
    weight_norm: float
    """The same of the parameters themselves."""
    relative: float | None
    """norm / weight_norm; None without the one, or where the other is 0."""
    share: float | None
    """norm^2 as a part of that of all parameters, 0 to 1; None without a norm."""
    entries: int
    """Numbers in its parameters."""
    tensors: int
    """Its parameters."""
    unreached: int
    """Of them: ask for a gradient, and none came."""
    zero: int
    """Of them: a gradient came, and it is exactly 0."""
    frozen: int
    """Of them: ask for none."""
    not_finite: int
    """Of them: the gradient holds NaN or infinity."""


@dataclass(frozen=True)
class Gradients:
    """The gradient of every part, and what should receive one and does not."""

    parts: tuple[PartGradient, ...]
    """In the order of the names that came. A part may lie inside another (`encoder.0` in `encoder`)."""
    norm: float | None
    """Of all parameters, each counted once; None where no gradient came or one is not finite."""
    entries: int
    tensors: int
    shared: int
    """Parameters that belong to two parts of which neither lies inside the other: shares then add up to more than 1."""
    unreached: tuple[str, ...]
    """Names of the first few parameters that ask for a gradient and got none."""
    zero: tuple[str, ...]
    """Names of the first few parameters whose gradient is exactly 0."""
    outside: tuple[str, ...] | None
    """Parameters that ask for a gradient and are in no group of the optimiser: the first few; None without one."""
    outside_count: int
    """How many they are."""

    def __getitem__(self, name: str) -> PartGradient:
        """The part of that name. Raises UnknownName."""
        for part in self.parts:
            if part.name == name:
                return part
        raise errors.UnknownName("Gradients", name, [part.name for part in self.parts], "part")


@torch.no_grad()
def gradients(
    modules: nn.Module | Mapping[str, nn.Module], *, optimiser: torch.optim.Optimizer | None = None
) -> Gradients:
    r"""How long the gradient of each part of a model is, what part of the whole that is, and where none arrives.

        norm_p = sqrt( sum over the parameters w of p of  ||dL/dw||^2 )
        share_p = norm_p^2 / sum over all parameters of ||dL/dw||^2           parts that do not overlap sum to 1
        relative_p = norm_p / ||w_p||

    modules: a model, or parts by name (`named_parts` names those of a model). Read `.grad` as it stands: call it after
    `backward()` and before `zero_grad()`. With accumulation it is the sum so far, after clipping the clipped one.
    optimiser: tells which parameters it was never given: they ask for a gradient, get one, and never move.

    A share near 0 at the encoder says that the head takes everything; "no gradient" that the graph is cut before that
    part (a `detach`, a `no_grad`, a part that is not used); "zero" that the graph is whole and nothing flows: dead
    ReLUs, a saturated softmax, a loss at its minimum. A part that is frozen on purpose is none of these.
    Gradients as short as 1e-38 are not taken for 0. Sparse gradients and half precision are ordinary.

    Behind a GradScaler gradients are multiplied by its scale, which also changes: shares and the ratio of two parts
    hold, `norm` and `relative` do not until `scaler.unscale_(optimiser)`.

    Raises ArgumentError (what came is no module; there is no parameter at all).
    Source: the global norm of Pascanu et al. 2012, arXiv:1211.5063, by part.
    """
    named = check_modules("gradients", modules)
    members = {name: own_parameters(module) for name, module in named.items()}
    every: dict[int, tuple[str, nn.Parameter]] = {}
    for name, own in members.items():
        for inner, parameter in own:
            every.setdefault(id(parameter), (f"{name}.{inner}" if inner else name, parameter))
    lengths = _lengths(parameter for _, parameter in every.values())
    total = _length(length for length in lengths.grad.values() if math.isfinite(length))
    sound = bool(lengths.grad) and all(map(math.isfinite, lengths.grad.values()))
    parts = tuple(_part(name, own, lengths, total) for name, own in members.items())
    asks = [(name, p) for name, p in every.values() if p.requires_grad]
    known = set() if optimiser is None else {id(p) for group in optimiser.param_groups for p in group["params"]}
    outside = [name for name, p in asks if id(p) not in known]
    return Gradients(
        parts=parts,
        norm=total if sound else None,
        entries=sum(p.numel() for _, p in every.values()),
        tensors=len(every),
        shared=_shared(members),
        unreached=tuple(name for name, p in asks if id(p) not in lengths.grad)[:LISTED],
        zero=tuple(name for name, p in asks if lengths.grad.get(id(p)) == 0)[:LISTED],
        outside=None if optimiser is None else tuple(outside[:LISTED]),
        outside_count=0 if optimiser is None else len(outside),
    )


def named_parts(model: nn.Module, **beside: nn.Module | None) -> dict[str, nn.Module]:
    """The parts of a model by name: what stands side by side in it, and inside each encoder what that is made of.

    model: a module with a child `encoder` (and `projector`, `predictor`, ...): its children are the parts. Any other
    module is itself the part `encoder`. What DataParallel or `torch.compile` wrap around it is taken off. Parameters
    that such a model holds itself, beside its children (`logit_scale`), are the part `own`.
    beside: further modules by name, `projector=head`; None, and what has no parameters, is left out.

    The encoder's children are `encoder.<name>`, of two encoders (`text_encoder`) likewise.

    Raises ArgumentError (what came is no module).
    """
    check_modules("named_parts", {"model": model} | {name: each for name, each in beside.items() if each is not None})
    bare = _bare(model)
    top = dict(bare.named_children())
    if "encoder" in top:
        name = "own"
        while name in top or name in beside:
            name += "_"
        top[name] = _own(bare)
    else:
        top = {"encoder": model}
    found: dict[str, nn.Module] = {}
    for name, module in [*top.items(), *beside.items()]:
        if module is None or next(module.parameters(), None) is None:
            continue
        found[name] = module
        if name == "encoder" or name.endswith("_encoder"):
            inner = [
                (own, part) for own, part in _bare(module).named_children() if any(True for _ in part.parameters())
            ]
            # A child that is all there is says nothing new, so go inside.
            while len(inner) == 1 and any(True for _ in inner[0][1].children()):
                ((own, part),) = inner
                inner = [(f"{own}.{deep}", one) for deep, one in part.named_children() if own_parameters(one)]
            found |= {f"{name}.{own}": part for own, part in inner}
    return found


def _own(model: nn.Module) -> nn.Module:
    """The parameters that a model holds itself and no child of it does, as a module of their own."""
    inside = {id(p) for child in model.children() for p in child.parameters()}
    own = nn.Module()
    for name, parameter in model.named_parameters(recurse=False):
        if id(parameter) not in inside:
            own.register_parameter(name, parameter)
    return own


def own_parameters(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The parameters of a module by name, each once; not those of a lazy layer before its first input."""
    return [
        (name, parameter)
        for name, parameter in module.named_parameters()
        if not isinstance(parameter, nn.parameter.UninitializedParameter)
    ]


def _bare(module: nn.Module) -> nn.Module:
    """Without what DataParallel or torch.compile put around it."""
    while True:
        children = dict(module.named_children())
        (only,) = children if len(children) == 1 else ("",)
        if only not in WRAPPERS or any(True for _ in module.parameters(recurse=False)):
            return module
        module = children[only]


def check_modules(call: str, modules: Any) -> dict[str, nn.Module]:
    """Modules by name that have a parameter between them, or ArgumentError, in words."""
    named = {"model": modules} if isinstance(modules, nn.Module) else modules
    if not isinstance(named, Mapping) or not all(isinstance(each, nn.Module) for each in named.values()):
        kinds = [type(each).__name__ for each in named.values()] if isinstance(named, Mapping) else type(named).__name__
        raise errors.ArgumentError(
            f"{call}: modules is {kinds}. It must be an nn.Module, or modules by name: {{'encoder': encoder}}."
        )
    if not any(own_parameters(each) for each in named.values()):
        raise errors.ArgumentError(
            f"{call}: there is no parameter in {', '.join(map(str, named)) or 'no module'}. Hand over what is trained; "
            "lazy layers have parameters after their first input."
        )
    return {str(name): module for name, module in named.items()}


@dataclass(frozen=True)
class _Lengths:
    """Norms by the parameter's id; of those without a gradient there is none."""

    grad: dict[int, float]
    weight: dict[int, float]


def _lengths(parameters: Iterable[nn.Parameter]) -> _Lengths:
    every = list(parameters)
    weights = _norms([p.detach() for p in every])
    with_grad = [p for p in every if p.grad is not None]
    grads = _norms([_dense(p.grad) for p in with_grad if p.grad is not None])
    return _Lengths(
        {id(p): value for p, value in zip(with_grad, grads, strict=True)},
        {id(p): value for p, value in zip(every, weights, strict=True)},
    )


def _dense(grad: Tensor) -> Tensor:
    """The numbers of a gradient; of a sparse one those that are stored, each place once."""
    return grad.coalesce().values() if grad.is_sparse else grad


def _norms(tensors: list[Tensor]) -> list[float]:
    """Of each, with one wait for all that lie on one device."""
    made = [_norm(tensor, torch.float32) for tensor in tensors]
    found = [0.0] * len(made)
    for device in dict.fromkeys(value.device for value in made):
        at = [place for place, value in enumerate(made) if value.device == device]
        for place, value in zip(at, torch.stack([made[place] for place in at]).tolist(), strict=True):
            found[place] = value
    # Squares under 1e-45 or above 1e38 are lost in float32; these few are read again, wider.
    for place, value in enumerate(found):
        tensor = tensors[place]
        if (value == 0 or not math.isfinite(value) or value < 1e-15) and tensor.numel():
            wide = tensor.detach().cpu().to(torch.complex128 if tensor.is_complex() else torch.float64)
            largest = float(wide.abs().max())
            if largest == 0 or not math.isfinite(largest):
                found[place] = largest
            else:
                found[place] = largest * float(torch.linalg.vector_norm(wide / largest))
    return found


def _norm(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    wide = tensor.dtype if tensor.dtype == torch.float64 else dtype
    length: Tensor = torch.linalg.vector_norm(tensor, dtype=wide)
    return length.to(dtype)


def _part(name: str, own: list[tuple[str, nn.Parameter]], lengths: _Lengths, total: float) -> PartGradient:
    asks = [p for _, p in own if p.requires_grad]
    came = [lengths.grad[id(p)] for _, p in own if id(p) in lengths.grad]
    broken = sum(not math.isfinite(value) for value in came)
    norm = _length(came) if came and not broken else None
    weight = _length(lengths.weight[id(p)] for _, p in own)
    state: State = "alive"
    if not own:
        state = "empty"
    elif broken:
        state = "not finite"
    elif not came:
        state = "no gradient" if asks else "frozen"
    elif norm == 0:
        state = "zero"
    ratio = norm / weight if norm is not None and weight > 0 and math.isfinite(weight) else None
    return PartGradient(
        name=name,
        state=state,
        norm=norm,
        weight_norm=weight,
        relative=ratio,
        share=(norm / total) ** 2 if norm is not None and total > 0 else None,
        entries=sum(p.numel() for _, p in own),
        tensors=len(own),
        unreached=sum(id(p) not in lengths.grad for p in asks),
        zero=sum(value == 0 for value in came),
        frozen=len(own) - len(asks),
        not_finite=broken,
    )


def _length(values: Iterable[float]) -> float:
    return math.hypot(*values)


def _shared(members: Mapping[str, list[tuple[str, nn.Parameter]]]) -> int:
    """Parameters of two parts of which neither holds all of the other."""
    sets = [{id(p) for _, p in own} for own in members.values()]
    found: set[int] = set()
    for at, one in enumerate(sets):
        for other in sets[:at]:
            both = one & other
            if both and both != one and both != other:
                found |= both
    return len(found)
