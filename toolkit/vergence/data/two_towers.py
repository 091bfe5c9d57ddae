"""Pairs of two kinds in which everything is known: what both share, what each has alone, and the gap between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.data.base import Pictures, check_count, spread, to_pictures
from vergence.data.known import FactorViews, Items, about, check_amount, check_seed, turned
from vergence.data.paired import Paired
from vergence.data.reading import to_float
from vergence.data.thumbnails import thumbnails
from vergence.data.tri_feature import FACTORS, tri_feature
from vergence.data.truth import Truth

__all__ = ["KnownPairs", "two_towers", "two_towers_words"]

DIM = 32
AXES, SHARED, OWN = 4, 4, 4
CLASSES = 2 * AXES
HELD_OUT = 1024


def two_towers(gap: float = 0.5, *, own: float = 1.0, jitter: float = 0.1, n: int = 4096, seed: int = 0) -> KnownPairs:
    r"""Pairs of rows of length 1, 32 numbers each, with a gap between the two kinds and known factors in common.

        a = (sqrt(1 - gap^2 / 4) unit(R_1 (2 m_c, s, own p)),  + gap / 2) R
        b = (sqrt(1 - gap^2 / 4) unit(R_2 (2 m_c, s, own q)),  - gap / 2) R

    with class c (8, the labels) as one of the directions m_c = ± e_1 .. ± e_4, four quantities s_1 .. s_4 that both
    kinds share, four of each kind's own, p and q, all N(0, 1); R_1, R_2 and R are rotations. Every pair comes with its
    mirror image (-m_c, -s, -p, -q), so the middle of each kind lies where it should, and the distance of the two
    middles is `gap` to rounding error: what a measurement of the modality gap must read on the raw rows.

        Run(methods.CLIP(), vg.data.two_towers(gap=0.8))

    gap: distance of the middles of the two kinds, 0 (none) to below 2 (two points).
    own: standard deviation of what each kind has alone: nuisance, the difficulty. 0: none; 3: most of a row.
    jitter: length of the noise that a view adds, as a multiple of a row's. 0: views change nothing.
    n: training pairs, even; 1,024 more are held out, of which the reference set (rows of the first kind) is taken.
    seed: of all of it.

    Factors: "class", "shared 1" .. and "own 1" .. (of the first kind) and, in `truth` alone, "other's own 1" .. (of the
    second), all but the class in floating point. Views come with the source, at `strength` 1, which multiplies the
    jitter.

    Raises ArgumentError for a number outside its range.
    Source: the gap of Liang et al. 2022, "Mind the gap", arXiv:2203.02053; content that two kinds share and style that
    they do not as in Daunhawer et al. 2023, arXiv:2303.09166.
    """
    call = "two_towers"
    gap = check_amount(call, "gap", gap, "0 is no gap, at 2 nothing but the gap is left", most=1.99)
    own = check_amount(call, "own", own, "0 is none, 1 as much as a shared quantity")
    jitter = check_amount(call, "jitter", jitter, "0 changes nothing, 1 is as long as a row")
    seed = check_seed(call, seed)
    shapes.check_count(call, "n", n, least=2 * CLASSES)
    if n % 2:
        raise errors.ArgumentError(f"{call}: n is {n}. Pairs come with their mirror images: n={n + 1}.")
    draw = torch.Generator().manual_seed(seed)
    wide = AXES + SHARED + OWN
    first_turn, second_turn = (turned(DIM - 1, draw)[:wide] for _ in range(2))
    turn = turned(DIM, draw)

    def made(count: int) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        label = torch.randperm(count // 2, generator=draw) % CLASSES
        label = torch.cat([label, (label + AXES) % CLASSES])
        sign = torch.where(label < AXES, 2.0, -2.0)
        middle = torch.nn.functional.one_hot(label % AXES, AXES) * sign[:, None]
        parts = [torch.randn(count // 2, width, generator=draw) for width in (SHARED, OWN, OWN)]
        s, p, q = (torch.cat([part, -part]) for part in parts)
        p, q = own * p, own * q
        # Mirror images are not neighbours, so that any run of rows is a fair sample.
        order = torch.randperm(count, generator=draw)
        rows = [
            _placed(torch.cat([middle, s, alone], dim=1) @ of, sign_of * gap, turn)[order]
            for alone, of, sign_of in ((p, first_turn, 1), (q, second_turn, -1))
        ]
        factors = {"class": label}
        for name, values in (("shared", s), ("own", p), ("other's own", q)):
            factors |= {f"{name} {number + 1}": values[:, number] for number in range(values.shape[1])}
        return rows[0], rows[1], {name: values[order] for name, values in factors.items()}

    first, second, factors = made(n)
    asked, _, known = made(HELD_OUT)
    alone = tuple(name for name in factors if "own" in name)
    return KnownPairs(
        "two-towers",
        first,
        second,
        Items(asked, {name: values for name, values in known.items() if "other" not in name}),
        truth=Truth(
            knobs={"gap": gap, "own": own, "jitter": jitter},
            factors=factors,
            shared=tuple(name for name in factors if name not in alone),
            nuisance=alone,
            names={"class": tuple(f"{sign}{axis + 1}" for sign in "+−" for axis in range(AXES))},
        ),
        label="class",
        views=FactorViews(noise=(torch.eye(DIM), jitter / DIM**0.5)),
    )


def _placed(content: Float[Tensor, "n less"], gap: float, turn: Float[Tensor, "dim dim"]) -> Float[Tensor, "n dim"]:
    """Rows of length 1 whose last direction, before they are turned, holds half the gap."""
    rows = torch.nn.functional.normalize(content, dim=1) * (1 - gap**2 / 4) ** 0.5
    return torch.cat([rows, torch.full((len(rows), 1), gap / 2)], dim=1) @ turn


def two_towers_words(
    says: Sequence[str] = ("shape", "colour"),
    *,
    n: int = 4000,
    correlation: float = 0.0,
    saturation: float = 1.0,
    texture_contrast: float = 1.0,
    seed: int = 0,
) -> KnownPairs:
    """Pictures of `tri_feature`, each with words that say some of its factors: "red star".

        Run(methods.CLIP(), vg.data.two_towers_words(says=("shape",)))

    says: which of "shape", "texture", "colour" the words tell, one or more of them: these are shared, the others only
        the picture has. (Where `correlation` is above 0.5, words that tell shape or colour tell both.) The fewer, the
        more pairs of a batch have the same words: false negatives.
    n, correlation, saturation, texture_contrast, seed: of the pictures, as in `tri_feature`.

    All three factors have a probe in a run. Labels are the first of `says`.

    Raises ArgumentError, UnknownName.
    Source: made here; that a picture's encoder keeps only what its words tell is the claim of Daunhawer et al. 2023,
    arXiv:2303.09166.
    """
    call = "two_towers_words"
    given: object = says
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise errors.ArgumentError(f'{call}: says is {says!r}. Give names of factors, for example ("shape", "colour").')
    for name in says:
        if name not in FACTORS:
            raise errors.UnknownName(call, str(name), FACTORS, "factor")
    if len(set(says)) < len(says):
        raise errors.ArgumentError(f"{call}: says is {says!r}. Words tell a factor once; name each one time.")
    pictures = tri_feature(
        correlation,
        saturation=saturation,
        texture_contrast=texture_contrast,
        labels=says[0],
        n=n,
        seed=seed,
    )
    truth = pictures.truth
    # Where the shape tells the colour in most pictures, words that say one say the other.
    told_too = {"shape", "colour"} if correlation > 0.5 and {"shape", "colour"} & {*says} else set()
    in_both = {*says, *told_too} & {*truth.shared}
    told = [
        [truth.names[name][value] for value in truth.factors[name].tolist()]
        for name in ("colour", "texture", "shape")
        if name in says
    ]
    return KnownPairs(
        "picture-words",
        pictures.pair(torch.arange(n), torch.Generator())[0],
        [" ".join(words) for words in zip(*told, strict=True)],
        pictures.held_out,
        truth=Truth(
            knobs={**truth.knobs, "says": ", ".join(says)},
            factors=truth.factors,
            shared=tuple(name for name in FACTORS if name in in_both),
            nuisance=tuple(name for name in FACTORS if name not in in_both),
            names=truth.names,
        ),
        label=says[0],
    )


class KnownPairs(Paired):
    """Pairs of two kinds whose every factor is known. Made by `two_towers` and `two_towers_words`.

    truth: what it was made with, and the factors of the training pairs.
    held_out: the items of the first kind of which `reference` is taken, with their factors.
    views: the views that go with it, or None.
    """

    def __init__(
        self,
        name: str,
        first: Tensor,
        second: Any,
        held_out: Items,
        *,
        truth: Truth,
        label: str,
        views: FactorViews | None = None,
    ) -> None:
        super().__init__(first, second, truth.factors[label], name=name)
        self.truth, self.held_out, self.views, self._label = truth, held_out, views, label
        self.label_names = truth.names[label]

    def __repr__(self) -> str:
        return f"{self.name}: {len(self)} pairs, {self.truth!r}"

    def reference(self, n: int) -> tuple[Tensor, Tensor | None]:
        """At most `n` held-out items of the first kind."""
        index = self._reference_index(n)
        return to_float(self.held_out.items[index]), self.held_out.factors[self._label][index]

    def about_reference(self, n: int) -> dict[str, Any]:
        """What is known about the items of `reference(n)`: every factor, by name."""
        return about(self.held_out, self._reference_index(n), self._label, self.truth)

    def thumbnails(self, n: int) -> Pictures | None:
        """The items of `reference(n)` as pictures."""
        items = self.reference(n)[0]
        return to_pictures(items) if items.ndim == 4 else thumbnails(items)

    def _reference_index(self, n: int) -> Tensor:
        return spread(len(self.held_out), check_count(f"{self.name}.reference", n))
