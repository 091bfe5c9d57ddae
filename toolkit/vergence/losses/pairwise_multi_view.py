"""More than two views with a loss of two: its mean over pairs of views."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from vergence import errors
from vergence.losses.loss import Base, Loss
from vergence.losses.several_views import check_several_views, several_views
from vergence.losses.targets import check_view_count

__all__ = ["PairwiseMultiView"]


class PairwiseMultiView(Base, nn.Module):
    """The mean of a loss of two views over all pairs of views: what most recipes with more than two views do.

        pairwise = mean over l < m of  base(z_l, z_m)

    base: a loss of two views. views: how many there are, 2 or more; with 2 it is the base itself. The view with the
    lower number comes first, which matters to a base that is not symmetric. Settings, keywords, chance and floor are
    the base's; of `targets` each pair gets its own two.

    Raises ArgumentError.
    Source: the pairwise aggregation that Koromilas et al. 2025, arXiv:2507.06979, compare with, and the full graph of
    Tian et al. 2019, arXiv:1906.05849.
    """

    def __init__(self, base: Loss, views: int = 3) -> None:
        check_view_count("PairwiseMultiView", views)
        if getattr(base, "views", None) != 2:
            raise errors.ArgumentError(
                f"PairwiseMultiView: base is {base!r}. It must be a loss of two views, for example "
                "PairwiseMultiView(NTXent(), views=4)."
            )
        nn.Module.__init__(self)
        Base.__init__(self)
        self.base = base
        self.views = views
        self.name = f"pairwise {base.name}"
        self.variant = f"mean over pairs of views of: {base.variant}"
        self.source = f"{base.source}; pairs as in Koromilas et al. 2025, arXiv:2507.06979"
        for inherited in ("needs", "takes", "couples", "ranges"):
            if hasattr(base, inherited):
                setattr(self, inherited, getattr(base, inherited))

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The mean over pairs. A base that remembers something is called for every pair."""
        pairs = self._pairs(views, more)
        return torch.stack([self.base(first, second, **own) for first, second, own in pairs]).mean()

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """The base's terms, each as its mean over pairs."""
        parts = [self.base.terms(first, second, **own) for first, second, own in self._pairs(views, more)]
        return {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}

    def chance(self, batch: int, dim: int) -> float | None:
        """The base's. Raises ArgumentError."""
        return self.base.chance(batch, dim)

    def floor(self, batch: int, dim: int) -> float | None:
        """The base's. Raises ArgumentError."""
        return self.base.floor(batch, dim)

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor | None:
        """The base's weights of each pair of views, at their place; None where it has none, or has more columns."""
        pairs = self._pairs(views, more)
        batch = len(views[0])
        total: Tensor | None = None
        for (left, right), (first, second, own) in zip(self._numbers(), pairs, strict=True):
            part = self.base.pair_weights(first, second, **own)
            if part is None or part.shape != (2 * batch, 2 * batch):
                return None
            if total is None:
                total = part.new_zeros(self.views * batch, self.views * batch)
            places = (slice(left * batch, (left + 1) * batch), slice(right * batch, (right + 1) * batch))
            halves = (slice(0, batch), slice(batch, 2 * batch))
            for (down, own_down), (across, own_across) in itertools.product(zip(places, halves, strict=True), repeat=2):
                total[down, across] += part[own_down, own_across] / len(pairs)
        return total

    def settings(self) -> dict[str, float]:
        """The base's."""
        return self.base.settings()

    def set(self, name: str, value: float) -> None:
        """Change a setting of the base. Raises UnknownName, ArgumentError."""
        self.base.set(name, value)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """The base's."""
        return self.base.reference_words(batch, dim)

    def __repr__(self) -> str:
        return f"PairwiseMultiView({self.base!r}, views={self.views})"

    def _numbers(self) -> list[tuple[int, int]]:
        return list(itertools.combinations(range(self.views), 2))

    def _pairs(self, views: tuple[Tensor, ...], more: dict[str, Any]) -> list[tuple[Tensor, Tensor, dict[str, Any]]]:
        chosen = several_views(self.name, views, self.views)
        check_several_views(self.name, chosen)
        targets = more.get("targets")
        if not isinstance(targets, tuple | list) or len(targets) != self.views:
            return [(chosen[left], chosen[right], more) for left, right in self._numbers()]
        return [
            (chosen[left], chosen[right], {**more, "targets": (targets[left], targets[right])})
            for left, right in self._numbers()
        ]
