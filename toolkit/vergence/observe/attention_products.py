"""Products of two tensors, all written as one: a letter for each axis, as in einsum."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vergence.observe.attention_axes import letters

__all__ = ["PRODUCTS", "Product", "product_of", "value_lengths"]

_PLAIN = {"matmul", "__matmul__", "__rmatmul__", "bmm", "mm"}
_ADDED = {"baddbmm", "baddbmm_", "addmm", "addmm_"}
PRODUCTS = _PLAIN | _ADDED | {"einsum", "linear"}
"""Names of the operations that `product_of` understands."""


@dataclass(frozen=True)
class Product:
    """left, right -> result; letters that both operands have and the result has not are summed over."""

    left: Tensor
    right: Tensor
    of_left: str
    of_right: str
    of_result: str


def product_of(name: str, args: Sequence[Any], given: dict[str, Any]) -> Product | None:
    """The product that a call computes; None where it is no product of two tensors with two axes or more."""
    if name == "einsum":
        operands = args[1] if len(args) == 2 and isinstance(args[1], list | tuple) else args[1:]
        if not isinstance(args[0], str) or len(operands) != 2:
            return None
        found = letters(args[0], [operand.shape for operand in operands])
        if found is None:
            return None
        return Product(operands[0], operands[1], found[0][0], found[0][1], found[1])
    every = [x for x in (*args, *given.values()) if isinstance(x, Tensor)]
    every = every[1:3] if name in _ADDED else every[:2]
    if len(every) != 2 or min(x.ndim for x in every) < 2:
        return None
    left, right = reversed(every) if name == "__rmatmul__" else every
    longest = max(left.ndim, right.ndim) - 2
    shared = string.ascii_lowercase[:longest]
    of_left = shared[longest - (left.ndim - 2) :] + "RC"
    if name == "linear":
        return Product(left, right, of_left, "KC", of_left[:-1] + "K")
    return Product(left, right, of_left, shared[longest - (right.ndim - 2) :] + "CK", shared + "RK")


def value_lengths(values: Tensor, of_values: str, of_weights: str, key: str, queries: str) -> Tensor:
    """Length of each value vector, with the axes of the weights but for the queries', the keys' axis last."""
    squares = (values if values.dtype == torch.float64 else values.float()).square()
    features = [axis for axis, letter in enumerate(of_values) if letter not in of_weights]
    norms = squares.sum(features).sqrt() if features else squares.sqrt()
    left = [letter for letter in of_values if letter in of_weights and letter not in queries]
    if features or len(left) == len(of_values):
        wanted = [letter for letter in of_weights if letter != key and letter not in queries] + [key]
        norms = norms.permute([left.index(letter) for letter in wanted if letter in left])
        for place, letter in enumerate(wanted):
            if letter not in left:
                norms = norms.unsqueeze(place)
    return norms
