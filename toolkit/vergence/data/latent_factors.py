"""Latent factors: classes, sub-classes, quantities and nuisance, mixed into rows of 32 numbers."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import shapes
from vergence.data.known import FactorViews, Items, Known, check_amount, check_seed, turned

__all__ = ["latent_factors"]

CLASSES, SUBCLASSES = 8, 4
CONTINUOUS, NUISANCE = 6, 8
DIM = 32
HELD_OUT = 1024


def latent_factors(
    n: int = 4096, *, noise: float = 0.5, nuisance: float = 1.0, separation: float = 1.0, seed: int = 0
) -> Known:
    r"""Rows of 32 numbers in which everything is known: class > subclass > six quantities, and eight that are nuisance.

        x = (2 e_c, separation u_cs, q, nuisance v) R           32 = 8 + 10 + 6 + 8 entries, turned by a rotation R

    with class c (8, the labels) as a unit vector, subclass s (4 in each class, 32 in all) as one of four random
    directions u_cs of its class, quantities q_1 .. q_6 and nuisance v_1 .. v_8 independent N(0, 1). A view keeps class
    and subclass, blurs the quantities by `noise` and draws the nuisance anew, so what the two views of a sample share
    is known exactly.

        Run(methods.SimCLR(), vg.data.latent_factors())                          healthy: everything shared is learned
        Run(methods.SimCLR(), vg.data.latent_factors(noise=4.0))                 the quantities are dropped
        Run(methods.SupCon(), vg.data.latent_factors())                          the subclasses are dropped

    n: training samples; 1,024 more are held out, of which the reference set is taken.
    noise: standard deviation of what a view adds to each quantity, as a multiple of its own. 0: views keep the
        quantities to the last digit, so that they alone find the partner, and z gives up the classes for them; 0.5:
        all three are learned; 4: 1 part of 17 of what a view shows of them is shared.
    nuisance: standard deviation of the nuisance. 0: there is none. The larger, the less raw rows say about what they
        share.
    separation: distance of a subclass from the middle of its class. 0: the subclass cannot be seen.
    seed: of all of it; the rotation too.

    The views come with the source: a run takes them where none are given, at `strength` 1, which may be moved. Every
    factor is one of the reference set, so a run has a probe for each: "class", "subclass" (one of all 32), and in
    floating point "quantity 1" .. and "nuisance 1" ... Knowing the class alone reads the subclass with 1 / 4.

    Raises ArgumentError for a number outside its range.
    Source: made here, after the latent variables of Zimmermann et al. 2021, arXiv:2102.08850, and of von Kügelgen et
    al. 2021, arXiv:2106.04619 (content is shared by the views, style is not); class collapse as in Chen et al. 2022,
    arXiv:2204.07596.
    """
    call = "latent_factors"
    shapes.check_count(call, "n", n, least=CLASSES * SUBCLASSES)
    seed = check_seed(call, seed)
    noise = check_amount(call, "noise", noise, "0 keeps the quantities, 4 drowns them")
    nuisance = check_amount(call, "nuisance", nuisance, "0 is none, 1 as much as a quantity varies")
    separation = check_amount(call, "separation", separation, "0 hides the subclasses, 1 is easy")
    own = torch.Generator().manual_seed(seed)
    rotation = turned(DIM, own)
    width = DIM - CLASSES - CONTINUOUS - NUISANCE
    directions = torch.randn(CLASSES * SUBCLASSES, width, generator=own)
    directions = separation * directions / directions.norm(dim=1, keepdim=True)
    train, held_out = (_made(count, directions, nuisance, rotation, own) for count in (n, HELD_OUT))
    quantities = [f"quantity {number + 1}" for number in range(CONTINUOUS)]
    start = CLASSES + width
    kinds = "ABCDEFGH"
    return Known(
        "latent-factors",
        train,
        held_out,
        knobs={"noise": noise, "nuisance": nuisance, "separation": separation},
        shared=("class", *(("subclass",) if separation > 0 else ()), *(quantities if noise < 1 else ())),
        nuisance=(
            *(("subclass",) if separation == 0 else ()),
            *(quantities if noise >= 1 else ()),
            *(f"nuisance {number + 1}" for number in range(NUISANCE)),
        ),
        names={
            "class": tuple(kinds),
            "subclass": tuple(f"{kind}{part + 1}" for kind in kinds for part in range(SUBCLASSES)),
        },
        label="class",
        views=FactorViews(
            redraw=(rotation[start + CONTINUOUS :], nuisance), noise=(rotation[start : start + CONTINUOUS], noise)
        ),
    )


def _made(
    n: int,
    directions: Float[Tensor, "kinds width"],
    nuisance: float,
    rotation: Float[Tensor, "dim dim"],
    own: torch.Generator,
) -> Items:
    # Every subclass as often as any other, up to one sample.
    kind = torch.randperm(n, generator=own) % (CLASSES * SUBCLASSES)
    label = kind // SUBCLASSES
    quantities = torch.randn(n, CONTINUOUS, generator=own)
    style = torch.randn(n, NUISANCE, generator=own) * nuisance
    parts = [2.0 * torch.nn.functional.one_hot(label, CLASSES), directions[kind], quantities, style]
    factors = {"class": label, "subclass": kind}
    factors |= {f"quantity {number + 1}": quantities[:, number] for number in range(CONTINUOUS)}
    factors |= {f"nuisance {number + 1}": style[:, number] for number in range(NUISANCE)}
    return Items(torch.cat(parts, dim=1) @ rotation, factors)
