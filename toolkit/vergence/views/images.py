"""Views of images: crop, flip, turn, change the colours, blur, add noise, erase. Batched, in plain torch.

A view is computed for the whole batch at once. All geometry is one affine map per image, so pixels are
resampled once; all colour is one 3 x 3 matrix and an offset per image, so it is one matrix product.
"""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from vergence import errors
from vergence.views.base import check_batch, check_relative, check_strength, drawn

__all__ = ["Images"]

GREY = (0.299, 0.587, 0.114)  # how much red, green and blue add to brightness (ITU-R BT.601)
DRAWS = 20  # random numbers per image; drawn in one go whether used or not, see Images.__call__
SMALLEST_AREA = 0.08  # of a full-strength crop, as in SimCLR


class Images:
    """Random views of images `(batch, channels, height, width)`.

    strength: 0 to 1. 0 returns the images as they came; 1 is about what SimCLR uses for photographs.

    Each of the others multiplies the strength of one augmentation: 0 turns it off, 1 is the amount below.
    With a = strength x multiplier, an image gets

        crop        a piece of area 1 - 0.92 a to 1 (at a = 1: 0.08 to 1), stretched back to full size;
                    its aspect ratio lies within (3/4)^a and (4/3)^a
        flip        mirrored left to right with probability a / 2
        rotate      turned by up to 45 a degrees
        brightness  multiplied by 1 - 0.8 a to 1 + 0.8 a
        contrast    distance from its mean grey multiplied by 1 - 0.8 a to 1 + 0.8 a
        saturation  distance of each pixel from its own grey multiplied in the same way
        hue         colours turned around the grey axis by up to 72 a degrees (a fifth of the circle)
        grey        without colour, with probability a / 5
        blur        with probability a / 2, blurred by a Gaussian of up to 0.05 a of the shorter side
        noise       Gaussian noise of standard deviation up to 0.1 a
        erase       with probability a / 2, a rectangle of up to a / 2 of each side filled by its mean colour

    Saturation, hue and grey need three channels and are left out otherwise. What lies outside the image
    repeats its border, which is white for pictures on a white ground. Results stay within [0, 1], or
    within the batch's own range where that is wider (images normalised beforehand).

    Noise and erase are off by default. Mirroring and turning are wrong where they change the meaning
    (digits, text, arrows): flip=0, rotate=0.

    Raises ArgumentError for a strength outside [0, 1] or a multiplier below 0, ShapeError for a batch
    that is not (batch, channels, height, width) in floating point.
    Source: Chen et al. 2020, arXiv:2002.05709, appendix A, whose s is our strength; rotate, noise and
    erase are additions, and colours are changed in one fixed order instead of a random one.
    """

    def __init__(
        self,
        strength: float = 0.5,
        *,
        crop: float = 1.0,
        flip: float = 1.0,
        rotate: float = 0.0,
        brightness: float = 1.0,
        contrast: float = 1.0,
        saturation: float = 1.0,
        hue: float = 1.0,
        grey: float = 1.0,
        blur: float = 1.0,
        noise: float = 0.0,
        erase: float = 0.0,
    ) -> None:
        self.strength = strength
        self._relative: dict[str, float] = {}
        given = {
            "crop": crop,
            "flip": flip,
            "rotate": rotate,
            "brightness": brightness,
            "contrast": contrast,
            "saturation": saturation,
            "hue": hue,
            "grey": grey,
            "blur": blur,
            "noise": noise,
            "erase": erase,
        }
        for name, value in given.items():
            self._relative[name] = check_relative("Images", name, value)

    @property
    def strength(self) -> float:
        """0, nothing changes, to 1, full; may be set between two steps."""
        return self._strength

    @strength.setter
    def strength(self, value: float) -> None:
        self._strength = check_strength("Images", value)

    def settings(self) -> dict[str, float]:
        """Everything that may be changed between two steps: the strength, then each multiplier."""
        return {"strength": self.strength, **self._relative}

    def set(self, name: str, value: float) -> None:
        """Change the strength or one multiplier. Raises UnknownName (with the nearest) or ArgumentError."""
        if name == "strength":
            self.strength = value
        elif name in self._relative:
            self._relative[name] = check_relative("Images.set", name, value)
        else:
            raise errors.UnknownName("Images.set", name, self.settings(), "setting")

    def __repr__(self) -> str:
        return f"Images({', '.join(f'{name}={value:g}' for name, value in self.settings().items())})"

    def __call__(
        self, x: Float[Tensor, "batch channels height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch channels height width"]:
        """One random view of every image in `x`, of the same shape, type and memory layout."""
        return self.shared(x, generator, 1)

    def shared(
        self, x: Float[Tensor, "batch channels height width"], generator: torch.Generator, size: int
    ) -> Float[Tensor, "batch channels height width"]:
        """A view in which each `size` images that follow one another are changed in one and the same way."""
        check_batch("Images", x, 4, "(batch, channels, height, width)")
        if self.strength == 0 or x.numel() == 0:
            return x
        # One draw for everything: turning one augmentation off, or up, leaves the others as they were,
        # so a view changes smoothly with the strength when the generator starts from the same state.
        u = drawn(torch.rand, (len(x), DRAWS), generator, size).to(x.device)
        amount = {name: self.strength * value for name, value in self._relative.items()}

        # Plain layout: channels_last images are sampled faster from a copy, the copy included.
        working = (x.float() if x.dtype in (torch.float16, torch.bfloat16) else x).contiguous()
        low, high = _range(working)
        u = u.to(working.dtype)
        view = _move(working, u, amount)
        view = _recolour(view, u, amount)
        view = _blur(view, u, amount["blur"])
        if amount["noise"] > 0:
            view = _noise(view, u, amount["noise"], generator, size)
        view = _erase(view, u, amount["erase"])
        if view is working:
            return x
        layout = torch.channels_last if _is_channels_last(x) else torch.contiguous_format
        return view.clamp_(low, high).to(x.dtype).contiguous(memory_format=layout)


def _range(x: Tensor) -> tuple[float, float]:
    """[0, 1], or the range of `x` where that is wider."""
    low, high = torch.aminmax(x)
    return min(0.0, float(low)), max(1.0, float(high))


def _is_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def _around(u: Tensor, reach: float) -> Tensor:
    """Uniform numbers in [0, 1] spread to [-reach, reach]."""
    return (2 * u - 1) * reach


def _move(x: Tensor, u: Tensor, amount: dict[str, float]) -> Tensor:
    """Crop, flip and rotate: one affine map from places in the view to places in the image."""
    if not (amount["crop"] > 0 or amount["flip"] > 0 or amount["rotate"] > 0):
        return x
    height, width = x.shape[2:]
    smallest = max(SMALLEST_AREA, 1 - (1 - SMALLEST_AREA) * amount["crop"])
    area = smallest + (1 - smallest) * u[:, 0]
    ratio = torch.exp(_around(u[:, 1], amount["crop"] * math.log(4 / 3)))
    wide = (area * ratio).sqrt().clamp(max=1)
    tall = (area / ratio).sqrt().clamp(max=1)
    right = _around(u[:, 2], 1) * (1 - wide)
    down = _around(u[:, 3], 1) * (1 - tall)
    mirror = torch.where(u[:, 4] < amount["flip"] / 2, -1.0, 1.0)
    angle = _around(u[:, 5], amount["rotate"] * math.pi / 4)
    cos, sin = torch.cos(angle), torch.sin(angle)
    # Places run from -1 to 1 on both axes, so a turn of a picture that is not square needs its aspect.
    # Written out: `affine_grid` does the same through a batched product and takes longer than the sampling.
    x_axis, y_axis = _places(width, x)[None, None, :], _places(height, x)[None, :, None]
    across = _each(mirror * wide * cos) * x_axis - _each(tall * sin * (height / width)) * y_axis + _each(right)
    along = _each(mirror * wide * sin * (width / height)) * x_axis + _each(tall * cos) * y_axis + _each(down)
    grid = torch.stack([across, along], 3)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _places(length: int, x: Tensor) -> Tensor:
    """Where the centres of `length` pixels lie between -1 and 1."""
    return (2 * torch.arange(length, dtype=x.dtype, device=x.device) + 1) / length - 1


def _each(value: Tensor) -> Tensor:
    """One number per image, ready to meet (batch, height, width)."""
    return value[:, None, None]


def _recolour(x: Tensor, u: Tensor, amount: dict[str, float]) -> Tensor:
    """Saturation, hue, contrast, brightness and grey as one affine map of the colours of each image."""
    coloured = x.shape[1] == 3
    names = ("brightness", "contrast", "saturation", "hue", "grey") if coloured else ("brightness", "contrast")
    if not any(amount[name] > 0 for name in names):
        return x
    bright = (1 + _around(u[:, 6], 0.8 * amount["brightness"])).clamp(min=0)
    contrast = (1 + _around(u[:, 7], 0.8 * amount["contrast"])).clamp(min=0)
    if not coloured:
        mean = x.mean((1, 2, 3))
        return x * _each(bright * contrast)[:, None] + _each(bright * (1 - contrast) * mean)[:, None]

    weights = torch.tensor(GREY, dtype=x.dtype, device=x.device)
    to_grey = weights.expand(3, 3)  # every row gives the grey of a pixel
    same = torch.eye(3, dtype=x.dtype, device=x.device)
    saturation = (1 + _around(u[:, 8], 0.8 * amount["saturation"])).clamp(min=0)
    saturation = torch.where(u[:, 10] < amount["grey"] / 5, 0.0, saturation)
    # to_grey is a projection, so s * same + (1 - s) * to_grey scales the distance from grey by s.
    colours = _each(saturation) * (same - to_grey) @ _turned(u[:, 9], amount["hue"], x) + to_grey
    matrix = _each(bright * contrast) * colours
    mean = x.mean((2, 3)) @ weights  # saturation and hue leave the mean grey where it is
    offset = _each(bright * (1 - contrast) * mean)
    return torch.baddbmm(offset, matrix, x.flatten(2)).view(x.shape)


def _turned(u: Tensor, amount: float, x: Tensor) -> Tensor:
    """(batch, 3, 3) rotations of colour space around the axis on which red, green and blue are equal."""
    angle = _each(_around(u, amount * 0.4 * math.pi))
    same = torch.eye(3, dtype=x.dtype, device=x.device)
    axis = torch.full((3, 3), 1 / 3, dtype=x.dtype, device=x.device)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=x.dtype, device=x.device) / math.sqrt(3)
    return torch.cos(angle) * same + (1 - torch.cos(angle)) * axis + torch.sin(angle) * cross


def _blur(x: Tensor, u: Tensor, amount: float) -> Tensor:
    """Gaussian blur of some images, each with its own width."""
    chosen = torch.nonzero(u[:, 11] < amount / 2).flatten()
    if len(chosen) == 0:
        return x
    sigma = 0.05 * amount * min(x.shape[2:]) * u[chosen, 12]
    # The same along rows and columns, and each is a product with a band matrix: faster than a convolution
    # with a kernel per image, and at the border the weights that are left still add up to 1.
    across, along = _gaussian(x.shape[3], sigma, x), _gaussian(x.shape[2], sigma, x)
    soft = along[:, None] @ x[chosen] @ across.transpose(1, 2)[:, None]
    return x.index_copy(0, chosen, soft)


def _gaussian(length: int, sigma: Tensor, x: Tensor) -> Tensor:
    """(images, length, length): row i weighs the pixels around i; rows add up to 1."""
    at = torch.arange(length, dtype=x.dtype, device=x.device)
    distance = (at[:, None] - at) / _each(sigma).clamp(min=0.01)
    return torch.softmax(-distance.square() / 2, 2)


def _noise(x: Tensor, u: Tensor, amount: float, generator: torch.Generator, size: int) -> Tensor:
    """Gaussian noise, of another amount for each image, or for each `size` of them."""
    noise = drawn(partial(torch.randn, dtype=x.dtype), x.shape, generator, size).to(x.device)
    return x + noise * _each(0.1 * amount * u[:, 13])[:, None]


def _erase(x: Tensor, u: Tensor, amount: float) -> Tensor:
    """Fill a rectangle of some images with the image's mean colour."""
    chosen = u[:, 14] < amount / 2
    if not bool(chosen.any()):
        return x
    inside = _each(chosen)
    for axis, (place, size) in enumerate(((15, 16), (17, 18))):
        length = x.shape[2 + axis]
        extent = u[:, size] * min(amount, 1.0) / 2
        start = u[:, place] * (1 - extent)
        at = (torch.arange(length, dtype=x.dtype, device=x.device) + 0.5) / length
        along = (at >= start[:, None]) & (at < (start + extent)[:, None])
        inside = inside & (along[:, :, None] if axis == 0 else along[:, None, :])
    return torch.where(inside[:, None], x.mean((2, 3), keepdim=True), x)
