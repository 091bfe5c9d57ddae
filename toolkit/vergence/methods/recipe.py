"""What every method has: an encoder, a head, views, a loss and an optimiser, with the paper's defaults."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.losses import Loss
from vergence.models import ConvEncoder, MLPEncoder, Projector
from vergence.views import Images, Vectors, Views

__all__ = ["Learner", "Method", "Recipe", "known"]

Method = nn.Module | Callable[[], nn.Module] | None


class Learner(nn.Module):
    """Encoder and projector: `h, z = learner(x)`, representation `(batch, dim_h)` and embedding `(batch, dim_z)`."""

    def __init__(self, encoder: nn.Module, projector: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Items `(batch, ...)` to `(h, z)`."""
        h = self.encoder(x)
        z: Tensor = self.projector(h)
        return h, z


@dataclass
class Recipe:
    """A joint-embedding method with two views, one encoder and one head.

    Args:
        loss: on the embeddings of both views.
        encoder: a module (it is copied, so that a reset finds its first weights again), a function that makes
            one, or None for one that fits the data: `ConvEncoder` for images, `MLPEncoder` for vectors.
        projector: the same; None for `Projector`.
        dim: of the embedding z, when the projector is ours.
        views: augmentations; None for `Images` or `Vectors` at `strength`.
        strength: of the augmentations, 0 to 1.
        learning_rate, weight_decay: of Adam.
    """

    name: ClassVar[str] = "recipe"

    loss: Loss
    encoder: Method = None
    projector: Method = None
    dim: int = 128
    views: Views | None = None
    strength: float = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-6

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder and head for items of this shape. Call it where random numbers are under control."""
        encoder = _encoder_for(item_shape) if self.encoder is None else _made("encoder", self.encoder)
        width = _width(encoder, item_shape, "encoder", "one")
        if self.projector is None:
            return Learner(encoder, Projector(width, hidden=2 * width, out_dim=self.dim))
        projector = _made("projector", self.projector)
        _width(projector, (width,), "projector", "a head")
        return Learner(encoder, projector)

    def views_for(self, item_shape: tuple[int, ...]) -> Views:
        """The augmentations for items of this shape."""
        if self.views is not None:
            return copy.deepcopy(self.views)
        if len(item_shape) == 3:
            return Images(strength=self.strength)
        return Vectors(strength=self.strength)

    def optimiser(self, learner: nn.Module) -> torch.optim.Optimizer:
        """Adam over all parameters."""
        return torch.optim.Adam(learner.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)


def known(recipe: type[Recipe], settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that every recipe has, or UnknownName for one that does not exist."""
    names = [field.name for field in fields(Recipe) if field.name != "loss"]
    for name in settings:
        if name not in names:
            own = list(inspect.signature(recipe).parameters)[:-1]
            raise errors.UnknownName(recipe.name, name, [*own, *names], "setting")
    return settings


def _made(what: str, given: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    made = copy.deepcopy(given) if isinstance(given, nn.Module) else given()
    if not isinstance(made, nn.Module):
        raise errors.ArgumentError(
            f"{what}={getattr(given, '__name__', given)!r} made a {type(made).__name__}. It must be an nn.Module, or "
            "a function without arguments that returns one."
        )
    return made


def _encoder_for(item_shape: tuple[int, ...]) -> nn.Module:
    if len(item_shape) == 3:
        return ConvEncoder(channels=item_shape[0])
    if len(item_shape) == 1:
        return MLPEncoder(item_shape[0])
    raise errors.ShapeError(
        f"The items are {item_shape}. The encoders here take images (channels, height, width) or vectors (dim,); "
        "hand over your own: SimCLR(encoder=your_module)."
    )


def _width(module: nn.Module, shape: tuple[int, ...], what: str, fitting: str) -> int:
    """How wide its output is: found by trying, so that any module fits, and one that does not is told why."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in modes:
            part.training = False
        first = next(module.parameters(), None)
        device = torch.device("cpu") if first is None else first.device
        with torch.no_grad():
            out = module(torch.zeros(2, *shape, device=device))
    except RuntimeError as error:
        raise errors.ShapeError(
            f"The {what} cannot take {(2, *shape)}: {str(error).rstrip('.')}. Make it for rows of {shape}, or leave it "
            f"out: {what}=None makes {fitting} that fits."
        ) from error
    finally:
        for part, mode in modes:
            part.training = mode
    if not isinstance(out, Tensor) or out.ndim != 2 or len(out) != 2:
        raise errors.ShapeError(
            f"The {what} turns {(2, *shape)} into {shapes.shape_of(out)}. It must return one row per item, "
            "(batch, dim); add a pooling layer and nn.Flatten()."
        )
    return int(out.shape[1])
