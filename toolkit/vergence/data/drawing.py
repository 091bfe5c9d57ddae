"""Small drawings: ten shapes, ten textures, ten colours. Batched, in plain torch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

__all__ = ["COLOURS", "SHAPES", "TEXTURES", "drawn"]

Plane = Float[Tensor, "items side side"]

FINE = 2
"""Pixels are drawn so many times finer along each side and averaged: edges are smooth."""
LEAST, MOST = 0.62, 0.9
"""Half the extent of an object, as a share of half the picture."""
TURN = math.pi / 12
CYCLES = 5.0
"""Of a texture, along a side of the picture."""
DARKEST = 0.75
VALUE, GREY = 0.92, 0.55


def _star(u: Plane, v: Plane) -> Plane:
    angle = torch.atan2(u, -v)
    fifth = 2 * math.pi / 5
    near = torch.remainder(angle + fifth / 2, fifth) - fifth / 2
    # Along the edge from an outer corner to an inner one, in polar coordinates.
    inner = 0.42
    edge = math.sin(fifth / 2) * inner
    reach = edge / (torch.sin(near.abs()) * (1 - inner * math.cos(fifth / 2)) + edge * torch.cos(near))
    return reach - (u**2 + v**2).sqrt()


def _triangle(u: Plane, v: Plane) -> Plane:
    return torch.minimum(0.75 - v, (v + 0.95) * 0.5 - u.abs())


def _crescent(u: Plane, v: Plane) -> Plane:
    return torch.minimum(0.95 - (u**2 + v**2).sqrt(), ((u - 0.45) ** 2 + v**2).sqrt() - 0.7)


def _heart(u: Plane, v: Plane) -> Plane:
    x, y = 1.2 * u, -1.2 * v + 0.12
    return x**2 * y**3 - (x**2 + y**2 - 1) ** 3


def _corner(u: Plane, v: Plane) -> Plane:
    return torch.minimum(0.85 - torch.maximum(u.abs(), v.abs()), torch.maximum(-0.2 - u, v - 0.2))


def _cross(u: Plane, v: Plane) -> Plane:
    across, along = u.abs(), v.abs()
    return torch.minimum(0.32 - torch.minimum(across, along), 0.92 - torch.maximum(across, along))


def _ringed(x: Plane, y: Plane) -> Plane:
    # The phase runs over 5 pi and begins anywhere on 2 pi, so this lies beside the middle, mostly in the picture.
    return torch.sin(((x - 15) ** 2 + (y - 15) ** 2).sqrt())


def _grained(x: Plane, y: Plane) -> Plane:
    """Blocks without an order that an eye could find."""
    column, row = (x / 1.6).floor(), (y / 1.6).floor()
    return torch.sin(12.9898 * column + 78.233 * row + 3.1 * column**2)


_SHAPES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "disc": lambda u, v: 0.9 - (u**2 + v**2).sqrt(),
    "square": lambda u, v: 0.78 - torch.maximum(u.abs(), v.abs()),
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": lambda u, v: 0.22 - ((u**2 + v**2).sqrt() - 0.72).abs(),
    "diamond": lambda u, v: 0.95 - v.abs() - u.abs() / 0.6,
    "crescent": _crescent,
    "heart": _heart,
    "corner": _corner,
}
"""At a place (u, v), right and down from the middle, above 0 where it is inside."""

_TEXTURES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "plain": lambda x, y: torch.zeros_like(x + y),
    "level": lambda x, y: torch.sin(y) + 0 * x,
    "upright": lambda x, y: torch.sin(x) + 0 * y,
    "slanted": lambda x, y: torch.sin((x + y) / math.sqrt(2)),
    "checked": lambda x, y: torch.sin(x) * torch.sin(y),
    "dotted": lambda x, y: torch.sin(x) + torch.sin(y) - 0.6,
    "latticed": lambda x, y: torch.maximum(torch.sin(x), torch.sin(y)) - 0.75,
    "ringed": _ringed,
    "waved": lambda x, y: torch.sin(y + 1.8 * torch.sin(x / 2)),
    "grained": _grained,
}
"""At a phase (x, y), above 0 where it is dark; "plain" is 0 everywhere, which is drawn half dark."""

SHAPES = tuple(_SHAPES)
TEXTURES = tuple(_TEXTURES)
COLOURS = ("red", "orange", "lime", "green", "mint", "cyan", "blue", "indigo", "purple", "pink")


def drawn(
    shape: Int[Tensor, " items"],
    texture: Int[Tensor, " items"],
    colour: Int[Tensor, " items"],
    side: int,
    saturation: float,
    contrast: float,
    generator: torch.Generator,
) -> UInt8[Tensor, "items 3 side side"]:
    """Pictures of objects on white. shape, texture, colour: numbers 0 to 9, in the order of the names."""
    n, fine = len(shape), side * FINE
    draw = torch.rand(n, 7, generator=generator)
    places = (2 * torch.arange(fine) + 1) / fine - 1
    right, down = places[None, None, :], places[None, :, None]
    half = LEAST + (MOST - LEAST) * draw[:, 0]
    # The whole object stays in the picture.
    across, along = ((2 * draw[:, place] - 1) * (1 - half) for place in (1, 2))
    turn = (2 * draw[:, 3] - 1) * TURN
    dx, dy = right - _each(across), down - _each(along)
    cos, sin = _each(torch.cos(turn) / half), _each(torch.sin(turn) / half)
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    inside = _chosen(list(_SHAPES.values()), shape, u, v) > 0
    phase = math.pi * CYCLES
    x, y = (phase * axis + 2 * math.pi * _each(draw[:, place]) for axis, place in ((right, 4), (down, 5)))
    x, y = (axis.expand(n, fine, fine) for axis in (x, y))
    dark = _chosen(list(_TEXTURES.values()), texture, x, y).sign().add(1).div(2)
    hue = _hues()[colour] * saturation + GREY * (1 - saturation)
    object_ = hue[:, :, None, None] * (1 - DARKEST * contrast * dark)[:, None]
    picture = torch.where(inside[:, None], object_, torch.ones(()))
    return F.avg_pool2d(picture, FINE).mul(255).round().to(torch.uint8)


def _each(values: Tensor) -> Tensor:
    return values[:, None, None]


def _chosen(functions: list[Callable[[Plane, Plane], Plane]], which: Tensor, u: Plane, v: Plane) -> Plane:
    """The value of the function that each item has the number of."""
    found = torch.empty_like(u)
    for number, function in enumerate(functions):
        rows = torch.nonzero(which == number).flatten()
        found[rows] = function(u[rows], v[rows])
    return found


def _hues() -> Float[Tensor, "10 3"]:
    """Evenly around the circle of hues, bright."""
    at = 6 * torch.arange(10) / 10
    shift = torch.tensor([0.0, 4.0, 2.0])
    ramp = (torch.remainder(at[:, None] + shift, 6) - 3).abs() - 1
    return VALUE * ramp.clamp(0, 1)
