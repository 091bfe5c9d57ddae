"""SogCLR and iSogCLR step by step: algorithms 1 of arXiv:2202.12387 and arXiv:2305.11965, with plain dictionaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from tests.reference.cosine import cosine


@dataclass
class Memory:
    """What is known of each sample; what is not there never came."""

    start: float
    gamma: float
    rho: float = 0.0
    rate: float = 0.0
    momentum: float = 1.0
    least: float = 0.0
    most: float = math.inf
    u: dict[int, float] = field(default_factory=dict)
    t: dict[int, float] = field(default_factory=dict)
    v: dict[int, float] = field(default_factory=dict)

    def step(self, a: Tensor, b: Tensor, index: Sequence[int]) -> float:
        """The loss of this batch; then everything is updated."""
        n = len(a)
        z = a.double().tolist() + b.double().tolist()
        losses, averages, slopes = [], [], []
        for i in range(2 * n):
            item = index[i % n]
            t = self.t.get(item, self.start)
            cosines = [cosine(z[i], z[k]) for k in range(2 * n) if k % n != i % n]
            e = [math.exp(s / t) for s in cosines]
            g = math.fsum(e) / len(e)
            u = g if item not in self.u else (1 - self.gamma) * self.u[item] + self.gamma * g
            losses.append(t * math.log(u) - cosine(z[i], z[(i + n) % (2 * n)]) + t * self.rho)
            weighted = math.fsum(x / u * s / t for x, s in zip(e, cosines, strict=True)) / len(e)
            averages.append(u)
            slopes.append(math.log(u) + self.rho - weighted)
        for k, item in enumerate(index):
            self.u[item] = (averages[k] + averages[k + n]) / 2
            slope = (slopes[k] + slopes[k + n]) / 2
            self.v[item] = (1 - self.momentum) * self.v.get(item, 0.0) + self.momentum * slope
            moved = self.t.get(item, self.start) - self.rate * self.v[item]
            self.t[item] = min(max(moved, self.least), self.most)
        return math.fsum(losses) / len(losses)
