"""scikit-learn's handwritten digits, 1,797 images of 8 x 8: small and quick, for smoke tests and lessons."""

from __future__ import annotations

import torch

from vergence import errors
from vergence.data.arrays import ArraySource

__all__ = ["digits"]

SPLITS = ("train", "held out", "all")


def digits(split: str = "train") -> ArraySource:
    """Handwritten digits 0 to 9, 8 x 8, one channel, in 17 levels of grey (values k / 16).

    split: "train" (1,438), "held out" (359, every fifth) or "all". `reference` always takes held-out ones.

    Positives are two views of one image. Mirroring changes what a digit means: use views.Images(flip=0).
    Raw pixels already classify 98.7 % by nearest neighbours, so there is no headroom to learn from; it is
    a set for checking that things run.

    Raises UnknownName, with the nearest name that exists.
    Source: the test part of Alpaydin and Kaynak's optical digits (UCI), as in sklearn.datasets.load_digits.
    """
    if split not in SPLITS:
        raise errors.UnknownName("digits", str(split), SPLITS, "split")
    from sklearn.datasets import load_digits  # type: ignore[import-untyped, unused-ignore]

    pixels, target = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels).float().div(16).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(target).long()
    apart = torch.arange(len(images)) % 5 == 4
    members = {"train": ~apart, "held out": apart, "all": torch.ones_like(apart)}[split]
    return ArraySource(
        images[members],
        labels[members],
        name="digits",
        label_names=[str(digit) for digit in range(10)],
        held_out=(images[apart], labels[apart]),
    )
