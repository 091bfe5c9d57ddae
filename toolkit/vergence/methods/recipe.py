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
from vergence.data import Source
from vergence.losses import Loss
from vergence.methods.learner import Learner
from vergence.models import ConvEncoder, LinearHead, MLPEncoder, NoHead, Projector, Reweight
from vergence.views import Images, Vectors, Views

__all__ = ["Batches", "Method", "Recipe", "known"]

Method = nn.Module | Callable[[], nn.Module] | None
Head = nn.Module | Callable[[], nn.Module] | str | None
Batches = Callable[[Source, int, torch.Generator], Tensor]


@dataclass
class Recipe:
    """A joint-embedding method: one encoder, one head, and as many views as its loss takes.

    Args:
        loss: on the embeddings of all views.
        encoder: a module (it is copied, so that a reset finds its first weights again), a function that makes
            one, or None for one that fits the data: `ConvEncoder` for images, `MLPEncoder` for vectors.
        projector: the same, or the name of a head of ours: "mlp" (the method's own, as None), "linear", "none",
            "reweight" (`models.Reweight`).
        dim: of the embedding z, when the projector is ours.
        views: augmentations; None for those that the source brings along (`data.latent_factors` does), with a
            strength of their own, or else `Images` or `Vectors` at `strength`.
        strength: of the augmentations, 0 to 1.
        learning_rate, weight_decay: of Adam.
        batches: which items come in which batch: called with source, batch and generator, it returns positions, a
            whole number of batches of them; it is called again when they are used up. None: at random, each item
            once before any comes again.
    """

    name: ClassVar[str] = "recipe"
    together: ClassVar[bool] = True
    """All views in one batch of the model, or one after the other: BatchNorm sees the difference."""

    loss: Loss
    encoder: Method = None
    projector: Head = None
    dim: int = 128
    views: Views | None = None
    strength: float = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-6
    batches: Batches | None = None

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder and head for items of this shape. Call it where random numbers are under control."""
        encoder, projector, _, _ = self.parts(item_shape)
        return Learner(encoder, projector, together=self.together)

    def parts(self, item_shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module, int, int]:
        """Encoder and projector for items of this shape, and how wide h and z are.

        Raises ShapeError where they do not fit the items or one another, UnknownName for a head that does not exist.
        """
        encoder = _encoder_for(item_shape) if self.encoder is None else _made("encoder", self.encoder)
        width = _width(encoder, item_shape, "encoder", "one")
        if self.projector is None:
            projector = self.head(width)
        elif isinstance(self.projector, str):
            projector = self._named(self.projector, width)
        else:
            projector = _made("projector", self.projector)
        return encoder, projector, width, _width(projector, (width,), "projector", "a head")

    def head(self, width: int) -> nn.Module:
        """The method's own projector, for representations of this width."""
        return Projector(width, hidden=2 * width, out_dim=self.dim)

    def _named(self, name: str, width: int) -> nn.Module:
        made: dict[str, Callable[[], nn.Module]] = {
            "none": NoHead,
            "linear": lambda: LinearHead(width, self.dim),
            "mlp": lambda: self.head(width),
            "reweight": lambda: Reweight(width),
        }
        if name not in made:
            raise errors.UnknownName(f"{self.name}(projector=...)", name, made, "head")
        return made[name]()

    def views_for(self, item_shape: tuple[int, ...]) -> Views:
        """The augmentations for items of this shape."""
        if self.views is not None:
            return copy.deepcopy(self.views)
        if len(item_shape) == 3:
            return Images(strength=self.strength)
        return Vectors(strength=self.strength)

    def build_on(self, source: Source) -> Learner:
        """`build`, for a method that must know more of its data than the shape of an item."""
        return self.build(source.item_shape)

    def views_on(self, source: Source) -> Views:
        """`views_for`, for a method that must know more of its data than the shape of an item.

        A source of known factors brings views of its own; they are taken where none were given.
        """
        own: Views | None = getattr(source, "views", None)
        if self.views is None and own is not None:
            return copy.deepcopy(own)
        return self.views_for(source.item_shape)

    def loss_for(self, learner: Learner) -> Loss:
        """The loss of a run: a copy, so that nothing a run learns or remembers in it is left behind.

        Called where random numbers are under control, after `build`: what is learned inside a loss is drawn here.
        """
        del learner
        return copy.deepcopy(self.loss)

    def optimiser(self, learner: nn.Module) -> torch.optim.Optimizer:
        """Adam over everything that learns; what the loss itself learns is added by the trainer.

        Raises ArgumentError where nothing learns.
        """
        learned = [value for value in learner.parameters() if value.requires_grad]
        if not learned:
            raise errors.ArgumentError(
                f"{self.name}: nothing in the model learns. Type encoder.requires_grad_(), or choose a head with "
                'weights: projector="mlp".'
            )
        return torch.optim.Adam(learned, lr=self.learning_rate, weight_decay=self.weight_decay)


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
