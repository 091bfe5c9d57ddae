"""Embeddings of two views that show one failure each, made and not trained: what every diagnosis must tell apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vergence import errors, shapes

__all__ = ["FAILURES", "Embedded", "embeddings"]

Rows = Float[Tensor, "items dim"]
WITHIN = 1.757
"""Variance within the classes over that between them, where nothing is wrong."""
NOISE = 0.053
"""Mean square of what one view adds, as a part of the whole."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """Unit embeddings of two views, with what is known about them."""

    name: str
    a: Rows
    """First view, rows of length 1."""
    b: Rows
    """Second view of the same items."""
    labels: Int[Tensor, " items"]
    """The class of each item, 0 to classes - 1, equally many of each, up to one."""


def embeddings(
    failure: str = "healthy", *, n: int = 1024, dim: int = 128, classes: int = 16, seed: int = 0
) -> Embedded:
    r"""Two views of n items that show one failure, and nothing else wrong.

    Healthy rows are a class centre, something of the item, and something of the view, all Gaussian; the others change
    that in one respect:

        complete collapse       all rows lie within a hundredth of one point
        dimensional collapse    only 4 directions are left, but for what the view adds
        views not aligned       the two views of an item know nothing of one another
        cone                    every row has the same large offset
        class collapse          nothing of the item is left, only its class
        two clusters            one direction is left with a sign for each item, its class is lost
        shortcut                everything of the item but not its class: an identifier that both views share

    n: items, at least 2 classes of 2. dim: at least 8. classes: at least 2. seed: fixes everything.

    Raises UnknownName (with the nearest that exists), ArgumentError.
    """
    shapes.check_count("embeddings", "classes", classes, least=2)
    shapes.check_count("embeddings", "n", n, least=2 * classes)
    shapes.check_count("embeddings", "dim", dim, least=8)
    shapes.check_count("embeddings", "seed", seed, least=0)
    if str(failure) not in FAILURES:
        raise errors.UnknownName("embeddings", str(failure), FAILURES, "failure")
    source = torch.Generator().manual_seed(int(seed) % 2**63)
    draw = _Draw(n, dim, source)
    labels = torch.arange(n) % classes
    centres = draw.directions(classes)
    # n items leave 1 / n of their own variance in the mean of their class: it is counted as between.
    of_class = centres[labels] * math.sqrt(1 / (1 + WITHIN))
    of_item = draw.rows() * math.sqrt(WITHIN / (1 + WITHIN) - NOISE)
    a, b = FAILURES[failure](draw, of_class, of_item)
    return Embedded(failure, _unit(a), _unit(b), labels)


class _Draw:
    """Gaussian rows of mean square length 1."""

    def __init__(self, n: int, dim: int, source: torch.Generator) -> None:
        self.n, self.dim, self._source = n, dim, source

    def directions(self, count: int) -> Tensor:
        return torch.randn(count, self.dim, generator=self._source) / math.sqrt(self.dim)

    def rows(self) -> Tensor:
        return self.directions(self.n)

    def view(self, rows: Tensor, noise: float = NOISE) -> Tensor:
        return rows + self.rows() * math.sqrt(noise)

    def views(self, rows: Tensor, noise: float = NOISE) -> tuple[Tensor, Tensor]:
        return self.view(rows, noise), self.view(rows, noise)


def _healthy(draw: _Draw, of_class: Tensor, of_item: Tensor) -> tuple[Tensor, Tensor]:
    return draw.views(of_class + of_item)


def _complete(draw: _Draw, of_class: Tensor, of_item: Tensor) -> tuple[Tensor, Tensor]:
    a, b = _healthy(draw, of_class, of_item)
    point = _unit(draw.directions(1))
    return point + 0.014 * a, point + 0.014 * b


def _dimensional(draw: _Draw, of_class: Tensor, of_item: Tensor) -> tuple[Tensor, Tensor]:
    kept = torch.linalg.qr(draw.directions(4).T).Q
    return draw.views(_unit((of_class + of_item) @ kept @ kept.T), 0.003)


def _unaligned(draw: _Draw, of_class: Tensor, of_item: Tensor) -> tuple[Tensor, Tensor]:
    del of_class, of_item
    return draw.rows(), draw.rows()


def _cone(draw: _Draw, of_class: Tensor, of_item: Tensor) -> tuple[Tensor, Tensor]:
    a, b = _healthy(draw, of_class, of_item)
    offset = 2.15 * _unit(draw.directions(1))
    return a + offset, b + offset


def _class(draw: _Draw, of_class: Tensor, of_item: Tensor) -> tuple[Tensor, Tensor]:
    del of_item
    return draw.views(_unit(of_class), 0.0005)


def _clusters(draw: _Draw, of_class: Tensor, of_item: Tensor) -> tuple[Tensor, Tensor]:
    del of_class
    side = (of_item[:, :1] > of_item[:, :1].median()) * 2.0 - 1.0
    return draw.views(side * _unit(draw.directions(1)), 0.0025)


def _shortcut(draw: _Draw, of_class: Tensor, of_item: Tensor) -> tuple[Tensor, Tensor]:
    del of_class, of_item
    return draw.views(draw.rows(), 0.04)


FAILURES: dict[str, Callable[[_Draw, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "healthy": _healthy,
    "complete collapse": _complete,
    "dimensional collapse": _dimensional,
    "views not aligned": _unaligned,
    "cone": _cone,
    "class collapse": _class,
    "two clusters": _clusters,
    "shortcut": _shortcut,
}
"""Each by its name: the class and item parts of the rows in, two views out."""


def _unit(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows)
