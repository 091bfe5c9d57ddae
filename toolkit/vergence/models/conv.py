"""A small convolutional encoder."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vergence import errors

__all__ = ["ConvEncoder"]


class ConvEncoder(nn.Module):
    """Four convolutions, each halving the image, then the mean over all places: images to representations h.

        (batch, channels, height, width)
          conv 4 x 4  width      1/2 of the size; each is followed by BatchNorm and ReLU
          conv 3 x 3  2 width    1/4
          conv 3 x 3  3 width    1/8
          conv 3 x 3  dim        1/16
          mean over places, dropout
        (batch, dim)

    channels: 3 for colour, 1 for grey.
    width: channels after the first convolution.
    dim: length of h. h is not negative, for it is a mean of ReLUs.
    dropout: the probability with which an entry of h is set to 0 in training.

    Height and width may be anything from 8 up, and may differ from batch to batch. With the defaults there
    are 186,496 parameters. The first layer halves the image already, for at full size it would cost more than
    all the others together; its 4 x 4 window sees every pixel equally often. Weights and images are kept
    channels_last, the faster layout on processors.

    Raises ArgumentError, ShapeError.
    Source: the plain stack of Radford et al. 2015 (strides instead of pooling, arXiv:1511.06434) with the
    global average of Lin et al. 2013 (arXiv:1312.4400).
    """

    def __init__(self, channels: int = 3, width: int = 32, dim: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        check_sizes("ConvEncoder", channels=channels, width=width, dim=dim)
        check_dropout("ConvEncoder", dropout)
        self.channels, self.dim = channels, dim
        self.layers = nn.Sequential(
            *_block(channels, width, window=4),
            *_block(width, 2 * width, window=3),
            *_block(2 * width, 3 * width, window=3),
            *_block(3 * width, dim, window=3),
        )
        self.dropout = nn.Dropout(dropout)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch dim"]:
        """h, one row per image."""
        if x.ndim != 4 or x.shape[1] != self.channels or min(x.shape[2:]) < 8:
            raise errors.ShapeError(
                f"ConvEncoder: x is {tuple(x.shape)}. It must be (batch, {self.channels}, height, width) "
                f"with at least 8 x 8 pixels; for other channels make ConvEncoder(channels=...)."
            )
        x = self.layers(x.contiguous(memory_format=torch.channels_last))
        h: Tensor = self.dropout(x.mean((2, 3)))
        return h


def _block(channels: int, filters: int, window: int) -> tuple[nn.Module, ...]:
    # The bias would be taken away again by BatchNorm, which has one of its own.
    convolution = nn.Conv2d(channels, filters, window, stride=2, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)


def check_sizes(call: str, **sizes: object) -> None:
    """Each is a whole number of at least 1."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a whole number of at least 1.")


def check_dropout(call: str, dropout: float) -> None:
    """A probability below 1."""
    if not 0 <= dropout < 1:
        raise errors.ArgumentError(
            f"{call}: dropout is {dropout!r}. It must be at least 0 and below 1, for example 0.1."
        )
