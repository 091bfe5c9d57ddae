"""Things to wrap: one of every kind of source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from vergence.data import digits, emoji, emoji_words, latent_factors, paired, source


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(n: int = 60, dim: int = 5, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=generator(seed))


def images(n: int = 60) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=generator(1))


def classes(n: int = 60) -> Tensor:
    return torch.arange(n) % 3


class Listed:
    """A map-style Dataset whose labels are strings that come with the items."""

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> tuple[Tensor, str]:
        return images()[index], "abc"[index % 3]


EVERY: dict[str, Callable[[], Any]] = {
    "vectors": lambda: (rows(), classes()),
    "an array of images": lambda: source(images().numpy(), classes().numpy(), name="mine"),
    "channels last": lambda: source(np.ascontiguousarray(images().permute(0, 2, 3, 1).numpy()), classes()),
    "groups": lambda: source(images(), classes(), groups=torch.arange(60) // 3),
    "a TensorDataset": lambda: TensorDataset(rows(), classes()),
    "a Dataset": Listed,
    "a Dataset with groups": lambda: source(Listed(), groups=torch.arange(60) // 3),
    "digits": digits,
    "emoji": emoji,
    "emoji and words": emoji_words,
    "pairs": lambda: paired(rows(), rows(60, 7, seed=1), classes()),
    "known": lambda: latent_factors(64),
}
