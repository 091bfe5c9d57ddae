"""CLIP: an encoder for each kind of item, an image and its words; each picks out the other's partner."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors
from vergence.data import Source, hashed_words
from vergence.losses import CLIP as Loss
from vergence.methods.learner import Batch, Learner, Outputs, by_view
from vergence.methods.recipe import Method, Recipe, known
from vergence.models import LinearHead, WordEncoder
from vergence.views import Each, Views, Words

__all__ = ["CLIP", "Towers"]


class CLIP(Recipe):
    """CLIP, with the symmetric loss over all pairs of the batch and a temperature that is learned.

        Run(methods.CLIP(), data.emoji_words())
        Run(methods.CLIP(), data.paired(images, texts))            your own pairs

    On data of one kind (`data.emoji()`, where the pair is two drawings) two encoders of one make are trained, which
    shows the gap between two encoders without any difference of kind.

    Args:
        temperature: where T begins, above 0. learned: it is moved by the optimiser too, not below 0.01.
        second: the encoder of the second kind of item: a module, a function that makes one, or None for one that fits:
            `WordEncoder` for words, else as `encoder`.
        more: encoder and projector (of the first kind; the second has a head of the same make), dim, views (of the
            first kind; those of the second fit it), strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Differs from the paper where a laptop needs it: Adam at 1e-3 in place of AdamW at 5e-4 with warm-up and a cosine
    schedule, weight decay 1e-6 in place of 0.2, letter sequences and a small network in place of a transformer over
    text, batch 256 in place of 32,768. As there, the head of each encoder is linear.

    Source: Radford et al. 2021, arXiv:2103.00020.
    """

    name: ClassVar[str] = "CLIP"

    def __init__(self, temperature: float = 0.07, *, learned: bool = True, second: Method = None, **more: Any) -> None:
        super().__init__(Loss(temperature=temperature, learned=learned), **known(type(self), more))
        self.second = second

    def build(self, item_shape: tuple[int, ...]) -> Towers:
        """Two encoders for items of one shape."""
        return self._towers(item_shape, item_shape, words=False)

    def build_on(self, source: Source) -> Learner:
        """An encoder for each kind of item in the pairs of this source."""
        towers = self._towers(source.item_shape, _second_shape(source), words=getattr(source, "words", False))
        towers.beside_words = getattr(source, "untouched", 0)
        return towers

    def views_on(self, source: Source) -> Views:
        """Views for each kind of item."""
        own: Views | None = getattr(source, "views", None)
        if self.views is None and own is not None:
            return copy.deepcopy(own)
        first = self.views_for(source.item_shape)
        shape = _second_shape(source)
        if getattr(source, "words", False):
            return Each(first, Words(strength=self.strength))
        if shape == source.item_shape:
            return first
        fitting = copy.copy(self)
        fitting.views = None
        return Each(first, fitting.views_for(shape))

    def head(self, width: int) -> nn.Module:
        """A linear map, as in the paper."""
        return LinearHead(width, self.dim)

    def _towers(self, first: tuple[int, ...], second: tuple[int, ...], *, words: bool) -> Towers:
        encoder, head, _, dim = self.parts(first)
        other = copy.copy(self)
        if self.second is not None:
            other.encoder = self.second
        elif words:
            other.encoder = partial(WordEncoder, second[0])
        elif first != second:
            other.encoder = None
        second_encoder, second_head, _, second_dim = other.parts(second)
        if dim != second_dim:
            raise errors.ShapeError(
                f"CLIP: the first head makes rows of {dim}, the second rows of {second_dim}. Both must be of one "
                "length; leave the projector out, or hand over one that makes the same from both: "
                "projector=lambda: nn.LazyLinear(128)."
            )
        return Towers(encoder, head, second_encoder, second_head, shapes=(first, second))


class Towers(Learner):
    """Two encoders with a head each. Made by `CLIP`.

    encoder, projector: of the first kind of item. second, second_projector: of the second kind.
    shapes: of one item of either kind. Where they differ, `forward` knows which is meant; where they are the same it
    takes items of the first kind.
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        second: nn.Module,
        second_projector: nn.Module,
        *,
        shapes: tuple[tuple[int, ...], tuple[int, ...]],
    ) -> None:
        super().__init__(encoder, projector, together=False)
        self.second, self.second_projector = second, second_projector
        self.shapes = shapes
        self.takes_every_view = shapes[0] != shapes[1]
        self.beside_words = 0
        """Last entries of a row of words that say nothing of the words (`data.rand_bits`)."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Items of either kind to `(h, z)`, told apart by their shape."""
        if self.takes_every_view and tuple(x.shape[1:]) == self.shapes[1]:
            return self.of_second(x)
        return super().forward(x)

    def of_second(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Items of the second kind to `(h, z)`."""
        h = self.second(x)
        z: Tensor = self.second_projector(h)
        return h, z

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """The first view by the first encoder, the second by the second."""
        del batch
        if len(views) != 2:
            raise errors.ShapeError(f"CLIP: {len(views)} views came, one for each of its 2 encoders are needed.")
        both = super().forward(views[0]), self.of_second(views[1])
        rows = len(views[0])
        h = tuple(by_view(rows, 1, "h", of[0])[0] for of in both)
        z = tuple(by_view(rows, 1, "z", of[1])[0] for of in both)
        return Outputs(h, z, z)

    @torch.no_grad()
    def words(self, texts: Sequence[str]) -> Float[Tensor, "texts dim"]:
        """Where texts lie among the images: rows of length 1, in eval mode.

            scores = normalize(z of images) @ learner.words(["a cat", "a flag"]).T        zero-shot classification

        Raises ArgumentError when the second encoder does not take words.
        """
        shape = self.shapes[1]
        if len(shape) != 1 or not self.takes_every_view:
            raise errors.ArgumentError(
                f"words: the second encoder takes items of {shape}, not words. Train on data.emoji_words(), or on "
                "data.paired(images, texts)."
            )
        first = next(self.second.parameters(), None)
        rows = nn.functional.pad(hashed_words(texts, shape[0] - self.beside_words), (0, self.beside_words))
        rows = rows if first is None else rows.to(first.device, first.dtype)
        modes = [(part, part.training) for part in self.modules()]
        try:
            for part, _ in modes:
                part.training = False
            return nn.functional.normalize(self.of_second(rows)[1])
        finally:
            for part, mode in modes:
                part.training = mode


def _second_shape(source: Source) -> tuple[int, ...]:
    """The shape of the second items of its pairs; the same as of the first where nothing else is said."""
    shape: tuple[int, ...] = getattr(source, "second_shape", source.item_shape)
    return shape
