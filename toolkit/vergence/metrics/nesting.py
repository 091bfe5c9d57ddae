"""Which factor is a finer cut of which: the breed of the dog that the class already names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["parents"]


def parents(factors: Mapping[str, Tensor]) -> dict[str, str]:
    r"""For each factor that lies within another, the name of the finest one that it lies within.

        B lies within A:  every value of B comes with one value of A alone, and B has more values than A (2 or more)

    factors: integers (items,) each, by name; below 0: not labelled, and counted on neither side.

    Who knows the class guesses its subclass among those of that class, so chance is higher than the share of the
    commonest subclass, and a representation that knows classes alone reads subclasses above the latter.
    """
    found = {}
    for name, values in factors.items():
        above = [(_values(other), own) for own, other in factors.items() if own != name and _within(values, other)]
        if above:
            found[name] = max(above, key=lambda one: one[0])[1]
    return found


def _within(fine: Tensor, coarse: Tensor) -> bool:
    both = (fine >= 0) & (coarse >= 0)
    fine, coarse = fine[both].long(), coarse[both].long()
    if not len(fine):
        return False
    pairs = torch.unique(torch.stack([fine, coarse], 1), dim=0)
    values = len(torch.unique(pairs[:, 0]))
    return len(pairs) == values and 2 <= len(torch.unique(pairs[:, 1])) < values


def _values(factor: Tensor) -> int:
    return len(torch.unique(factor[factor >= 0]))
