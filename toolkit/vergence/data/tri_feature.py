"""Shape, texture and colour, ten of each: pictures in which every factor is known and independent, or is not."""

from __future__ import annotations

import torch
from torch import Tensor

from vergence import errors, shapes
from vergence.data.drawing import COLOURS, SHAPES, TEXTURES, drawn
from vergence.data.known import Items, Known, check_amount, check_most, check_seed

__all__ = ["FACTORS", "tri_feature"]

FACTORS = ("shape", "texture", "colour")
KINDS = 10
SMALLEST, LARGEST = 16, 64
CHUNK = 256


def tri_feature(
    correlation: float = 0.0,
    *,
    saturation: float = 1.0,
    texture_contrast: float = 1.0,
    labels: str = "shape",
    n: int = 4000,
    size: int = 32,
    seed: int = 0,
) -> Known:
    """Pictures of one object on white: a shape in a colour with a texture, ten of each, somewhere, of some size.

        still = views.Images(brightness=0, contrast=0, saturation=0, hue=0, grey=0, blur=0)
        Run(methods.SimCLR(views=still), vg.data.tri_feature())                  colour wins, the others suffer
        Run(methods.SimCLR(), vg.data.tri_feature())                             the usual views jitter colour away
        Run(methods.SimCLR(views=still), vg.data.tri_feature(correlation=1.0))   colour tells the shape in training

    Shape, texture and colour are drawn independently, except that with probability `correlation` the colour is the one
    with the number of the shape. Place, size, a turn of up to 15 degrees and the phase of the texture are drawn for
    each picture.

    correlation: P(colour := shape) in training, 0 to 1; colour and shape then agree in correlation + (1 - correlation)
        / 10 of the pictures. The 1,000 held-out pictures show each combination once, whatever it is: they ask what was
        learned.
    saturation: of the colours, 0 (all the same grey: colour cannot be told) to 1.
    texture_contrast: 0 (no texture can be seen) to 1.
    labels: which of "shape", "texture", "colour" stands as labels. The others are factors of the reference set, so a
        run has a probe for each.
    n: training pictures. size: side in pixels, 16 to 64. seed: of what is drawn.

    Which of the three an encoder learns depends on how easy each is and on what the views destroy; suppression of the
    hard by the easy is seen without any label (the loss does not tell).

    Raises ArgumentError for a number outside its range, UnknownName for labels that do not exist.
    Source: the Trifeature data of Hermann and Lampinen 2020, arXiv:2006.12433, as used for contrastive learning by
    Robinson et al. 2021 (IFM), arXiv:2106.11230. Shapes, textures and colours here are our own drawings, 32 x 32 in
    place of 224 x 224.
    """
    call = "tri_feature"
    correlation = check_amount(call, "correlation", correlation, "0 independent, 1 shape tells colour", most=1.0)
    saturation = check_amount(call, "saturation", saturation, "0 is grey, 1 full colour", most=1.0)
    texture_contrast = check_amount(call, "texture_contrast", texture_contrast, "0 is plain, 1 bold", most=1.0)
    if labels not in FACTORS:
        raise errors.UnknownName(call, str(labels), FACTORS, "kind of labels")
    shapes.check_count(call, "n", n, least=2)
    seed = check_seed(call, seed)
    size = check_most(call, "size", size, SMALLEST, LARGEST, "shapes of ten kinds are drawn in so many pixels")
    own = torch.Generator().manual_seed(seed)

    kinds = torch.randint(KINDS, (n, 3), generator=own)
    follows = torch.rand(n, generator=own) < correlation
    kinds[:, 2] = torch.where(follows, kinds[:, 0], kinds[:, 2])
    every = torch.randperm(KINDS**3, generator=own)
    asked = torch.stack([every // KINDS**2, every // KINDS % KINDS, every % KINDS], dim=1)

    def made(wanted: Tensor) -> Items:
        parts = [
            drawn(part[:, 0], part[:, 1], part[:, 2], size, saturation, texture_contrast, own)
            for part in torch.split(wanted, CHUNK)
        ]
        return Items(torch.cat(parts), {name: wanted[:, place].clone() for place, name in enumerate(FACTORS)})

    train, held_out = made(kinds), made(asked)
    unseen = {name for name, knob in (("colour", saturation), ("texture", texture_contrast)) if knob == 0}
    return Known(
        "tri-feature",
        train,
        held_out,
        knobs={"correlation": correlation, "saturation": saturation, "texture_contrast": texture_contrast},
        shared=[name for name in FACTORS if name not in unseen],
        nuisance=[name for name in FACTORS if name in unseen],
        names=dict(zip(FACTORS, (SHAPES, TEXTURES, COLOURS), strict=True)),
        label=labels,
    )
