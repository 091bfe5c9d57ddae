"""Whether frozen features tell how an image was turned: a proxy for content that needs no labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.chance import generator_of
from vergence.metrics.frozen import Encoder, at_rest, check_inputs, encoded, fitting
from vergence.metrics.probes import RIDGE, Probes, probes

__all__ = ["ROTATIONS", "RotationProbe", "rotation_probe"]

ROTATIONS = ("0°", "90°", "180°", "270°")
"""Counter-clockwise."""
LEAST = 8
CHUNK = 256
"""Images given to the encoder at a time."""

Images = Shaped[Tensor, "items channels height width"]


@dataclass(frozen=True, eq=False)
class RotationProbe:
    """How well four rotations of an image are told apart from its features."""

    accuracy: float
    """Of the linear probe, on images it has not seen: 0.25 by chance, 1 when every rotation is recognised."""
    half: float
    """Half its 95 % interval; the four rotations of one image count together."""
    chance: float
    """0.25: every image is there in all four."""
    by_rotation: Float[Tensor, " rotations"] = field(repr=False)
    """Accuracy for each of `ROTATIONS`."""
    probes: Probes = field(repr=False)
    """The linear reading with the two others, nearest neighbours and few labels."""
    images: int
    """Measured."""
    images_left_out: int
    """With an entry that is not finite, or features that are zero or not finite in one of the four rotations."""
    images_total: int
    """There were so many; more than `images` and `images_left_out` when images were drawn."""


@torch.no_grad()
def rotation_probe(
    encoder: Encoder,
    images: Images,
    *,
    max_images: int = 512,
    ridge: float = RIDGE,
    generator: torch.Generator | None = None,
    seed: int = 0,
) -> RotationProbe:
    r"""How well it can be read from frozen features by how much an image was turned.

        features  encoder(turned by 0°, 90°, 180°, 270°)       four rows of each image
        accuracy  share of held-out rows whose rotation a linear probe names

    encoder: a module or any function, (items, channels, height, width) -> (items, dim). A module is put into eval mode
    and back; nothing learns. images: (items, channels, size, size), square, at least 8, as the encoder takes
    them: pixels from 0 to 255 only for one that takes these. Half of the images are learned from, all four rotations
    of each; the others are asked about. max_images: above this, images are drawn. ridge: of the linear probe, see
    `probes`. generator: on the CPU, for the drawing; None: the same images each time. seed: fixes halves.

    Reads 0.25 where features do not depend on the rotation, 1 where it is always recognised. An encoder that knows
    what things are mostly knows which way up they stand, so the number falls when content is lost: on digits with 0,
    4, 6, 8, 12, 16 shared bits it fell as the content did, while effective rank rose. Four warnings. Trained to be
    *invariant* to rotations, an encoder reads low because it does what it should; trained on labels it may drop what
    labels do not need (digits: 0.63 after, 0.77 before training). A mark that stands in one corner of every image
    reads 1 without any content; raw pixels and untrained encoders read high, so compare with those (`lambda x:
    x.flatten(1)`). And over different augmentations the number did not follow accuracy at all (rank correlation
    0.08), so it is an indicator, never a verdict.

    Four passes over the images and one linear probe: 0.4 s for 512 digits of 8 x 8 and a small encoder.

    Raises ShapeError (no images, not square, or features that are no (items, dim)), TooFewRows, NotFinite (no image is
    left), ArgumentError.
    Source: Reed et al. 2021, SelfAugment, arXiv:2009.07724, after Gidaris et al. 2018, arXiv:1803.07728.
    """
    call = "rotation_probe"
    check_inputs(call, "images", encoder, images, rows=LEAST, whole_numbers=True)
    _check_square(call, images)
    shapes.check_count(call, "max_images", max_images, least=LEAST)
    shapes.check_positive(call, "ridge", ridge)
    total = len(images)
    good = torch.nonzero(torch.isfinite(images).flatten(1).all(1)).squeeze(1)
    left_out = total - len(good)
    if len(good) < LEAST:
        raise errors.NotFinite(
            f"{call}: {len(good)} of {total} images are finite, {LEAST} are needed. Look at how they were loaded."
        )
    if len(good) > max_images:
        drawn = torch.randperm(len(good), generator=generator_of(generator))[:max_images].sort().values
        good = good[drawn.to(good.device)]
    rows = _features(call, encoder, images, good)
    size = rows.abs().amax(2)
    sound = ((size > 0) & torch.isfinite(size)).all(1)
    rows = rows[sound]
    if len(rows) < LEAST:
        raise errors.NotFinite(
            f"{call}: {len(rows)} of {total} images have features that are neither zero nor NaN or infinity in all "
            f"four rotations, {LEAST} are needed. Is a ReLU the last layer, or did a step overflow?"
        )
    found = probes(
        rows.flatten(0, 1),
        torch.arange(4).repeat(len(rows)),
        groups=torch.arange(len(rows)).repeat_interleave(4),
        ridge=ridge,
        seed=seed,
    )
    line = found.linear
    which = line.rows % 4
    return RotationProbe(
        accuracy=line.accuracy,
        half=line.half,
        chance=1 / 4,
        by_rotation=torch.stack([line.right[which == turn].mean() for turn in range(4)]),
        probes=found,
        images=len(rows),
        images_left_out=left_out + int((~sound).sum()),
        images_total=total,
    )


def _features(call: str, encoder: Encoder, images: Tensor, which: Tensor) -> Tensor:
    """(items, 4, dim)."""
    parts = []
    with at_rest(encoder):
        for chosen in torch.split(which, CHUNK):
            part = fitting(encoder, images[chosen])
            turned = [_encoded(call, encoder, torch.rot90(part, turn, (2, 3)).contiguous()) for turn in range(4)]
            parts.append(torch.stack(turned, 1).detach().cpu())
    return torch.cat(parts)


def _encoded(call: str, encoder: Encoder, images: Tensor) -> Tensor:
    try:
        return encoded(call, encoder, images)
    except (errors.ShapeError, RuntimeError) as error:
        if images.is_floating_point():
            raise
        raise errors.ShapeError(
            f"{call}: images has dtype {images.dtype}, and the encoder makes no features of them ({error}). If it "
            "takes floating point, of pixels from 0 to 255 use images.float() / 255."
        ) from error


def _check_square(call: str, images: Tensor) -> None:
    if images.ndim != 4:
        hint = (
            "A vector has no rotation: use images[:, None] for grey images (items, size, size)."
            if images.ndim < 4
            else "Take one frame of each: images[:, :, 0]."
        )
        raise errors.ShapeError(
            f"{call}: images is {shapes.shape_of(images)}. It must be (items, channels, size, size). {hint}"
        )
    if images.shape[2] != images.shape[3]:
        side = min(images.shape[2:])
        raise errors.ShapeError(
            f"{call}: images is {shapes.shape_of(images)}, {images.shape[2]} high and {images.shape[3]} wide. A "
            f"quarter turn needs squares; cut them: images[:, :, :{side}, :{side}]."
        )
