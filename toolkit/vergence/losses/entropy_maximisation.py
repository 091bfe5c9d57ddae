"""Effective entropy maximisation: beside any loss, each column is spread evenly over its range."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.gaussian import SMALLEST_GAP, gap_entropy, gap_window
from vergence.geometry import at_least_single, full_precision
from vergence.losses.around import Around
from vergence.losses.loss import Check, Couples, Loss, check_scale
from vergence.losses.several_views import check_several_views
from vergence.losses.vicreg import covariance
from vergence.shapes import Embeddings, Scalar

__all__ = ["EntropyMaximisation", "effective_entropy", "marginal_entropy", "squashed"]

Squash = Literal["sigmoid", "gaussian"]


def marginal_entropy(z: Embeddings) -> Float[Tensor, " dim"]:
    r"""The differential entropy of each column, in nats, estimated from the gaps in its sorted values.

        marginal_entropy(z)_k = mean over i of  log( (N + 1) / m  (x_(i+m) - x_(i)) ),   x: column k, sorted

    z: (batch, dim), batch N >= 2, as it is; m: sqrt(N), rounded. A gap of 0 counts as 0.0000001.

    Higher is more spread. Reads about 0 for values even over an interval of length 1, and below 0 for anything
    else in it, -16 for a constant; log(c) for an interval of length c; log(2 pi e) / 2 = 1.42 for a standard normal.
    A little low in small samples, by about 1 / (2m) where the density is flat: 1.34 for 1,000 normal values, 1.36
    for 4,000.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows.
    Source: Vasicek 1976 in the form of Learned-Miller & Fisher 2003, as in Chakraborty et al. 2024, arXiv:2411.15931.
    """
    shapes.check_embeddings("marginal_entropy", "z", z, rows=2)
    return gap_entropy(at_least_single(z)[0])


def squashed(z: Embeddings, squash: Squash) -> Embeddings:
    r"""Rows brought into the unit cube, where the most entropy is an even spread.

        "sigmoid"    1 / (1 + exp(-z))                      for losses that look at rows as they are
        "gaussian"   Phi(sqrt(dim) z / ||z||)               for losses that look at directions; Phi: normal distribution

    z: (batch, dim). A column of a random direction is nearly normal with variance 1 / dim, so directions that are
    even on the sphere come out nearly even in the cube. (The authors' code takes Phi of z as it is.)

    Raises ShapeError, UnknownName.
    Source: Chakraborty et al. 2024, arXiv:2411.15931.
    """
    shapes.check_embeddings("squashed", "z", z)
    _check_squash("squashed", squash)
    (z,) = at_least_single(z)
    if squash == "sigmoid":
        return torch.sigmoid(z)
    return (1 + torch.erf(normalize(z) * math.sqrt(z.shape[1] / 2))) / 2


def effective_entropy(
    *views: Tensor, entropy: float = 10.0, decorrelation: float = 1.0, squash: Squash = "sigmoid"
) -> Scalar:
    r"""How far the columns of each view are from an even spread over their range, and how they repeat one another.

        effective_entropy(z1, ...) = - entropy        mean over views and columns of  marginal_entropy(squashed(z))
                                     + decorrelation  sum over views of  covariance(squashed(z))

    views: V >= 1 of (batch, dim), batch >= 2, with no need to belong together. covariance: VICReg's, the squared
    off-diagonal covariances over dim. entropy, decorrelation: >= 0. squash: see `squashed`.

    Reads about 0 when every column is even and no two are correlated, `entropy * 16.1` at collapse. The two
    together stand for the entropy of whole rows, which nobody can estimate in so many dimensions.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError, UnknownName.
    Source: Chakraborty et al. 2024, arXiv:2411.15931; signs and sums as in the authors' code.
    """
    call = "effective_entropy"
    for name, value in (("entropy", entropy), ("decorrelation", decorrelation)):
        shapes.check_nonnegative(call, name, value)
    _check_squash(call, squash)
    check_several_views(call, views, least=1)
    spread, repeated = _terms(views, squash)
    return entropy * spread + decorrelation * repeated


class EntropyMaximisation(Around):
    """Any loss with effective entropy added: made for a few more epochs on a model that is already trained.

    base: the loss it was trained with. entropy, decorrelation: weights, >= 0; 10 and 1 as in the authors' script for
    VICReg (1 and 25 in the one for SimSiam). squash: "sigmoid", or "gaussian" for losses that normalise rows.

    Keywords, settings and parameters are the base's; entropy and decorrelation are settings beside them.

    Raises ArgumentError, UnknownName. Source: see `effective_entropy`.
    """

    source = "Chakraborty et al. 2024, arXiv:2411.15931"
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = dict.fromkeys(("entropy", "decorrelation"), shapes.check_nonnegative)

    def __init__(
        self, base: Loss, entropy: float = 10.0, decorrelation: float = 1.0, *, squash: Squash = "sigmoid"
    ) -> None:
        _check_squash("EntropyMaximisation", squash)
        super().__init__(base, entropy=entropy, decorrelation=decorrelation)
        self.squash: Squash = squash
        self.name = f"{base.name} + entropy"
        self.variant = f"{base.variant}; entropies of columns after {squash}, mean over views, covariances summed"

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The base's own call, as it may remember something, and the two terms."""
        found: Tensor = self.base(*views, **more)
        for term in self._own(views).values():
            found = found + term
        return found

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """The base's, then `entropy` (below 0 is spread) and `decorrelation`, each times its weight."""
        return {**self.base.terms(*views, **more), **self._own(views)}

    def chance(self, batch: int, dim: int) -> float | None:
        """The base's, and no entropy at all: 16.1 times its weight. None where the base has none."""
        found: float | None = self.base.chance(batch, dim)
        return None if found is None else found - self._settings["entropy"] * math.log(SMALLEST_GAP)

    def floor(self, batch: int, dim: int) -> float | None:
        r"""The base's, with columns drawn evenly and independently from their range.

            floor = base's + entropy (sum over k from m to N of 1/k - log((N + 1) / m))
                           + decorrelation V (dim - 1) / (144 (N - 1))

        The second is what the estimate falls short of 0 in a sample of N, the third what chance correlations cost.
        None where the base has none. Whether both can be had at once depends on the base.
        """
        check_scale("EntropyMaximisation.floor", batch, dim)
        found: float | None = self.base.floor(batch, dim)
        if found is None or batch < 2:
            return found
        m = gap_window(batch)
        short = math.fsum(1 / k for k in range(m, batch + 1)) - math.log((batch + 1) / m)
        repeated = self.views * (dim - 1) / (144 * (batch - 1))
        return found + self._settings["entropy"] * short + self._settings["decorrelation"] * repeated

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """The base's words, with what is added."""
        words: dict[str, str] = self.base.reference_words(batch, dim)
        added = {"chance": "no entropy", "floor": "even columns"}
        return {line: f"{word}, {added[line]}" for line, word in words.items()}

    def _own(self, views: tuple[Tensor, ...]) -> dict[str, Tensor]:
        check_several_views(self.name, views, least=1)
        spread, repeated = _terms(views, self.squash)
        return {
            "entropy": self._settings["entropy"] * spread,
            "decorrelation": self._settings["decorrelation"] * repeated,
        }


def _terms(views: tuple[Tensor, ...], squash: Squash) -> tuple[Tensor, Tensor]:
    """Minus the mean entropy, and the summed covariances."""
    with full_precision(views[0].device):
        cubes = [squashed(z, squash) for z in views]
        entropies = torch.stack([gap_entropy(z).mean() for z in cubes])
        return -entropies.mean(), torch.stack([covariance(z) for z in cubes]).sum()


def _check_squash(call: str, squash: str) -> None:
    if squash not in get_args(Squash):
        raise errors.UnknownName(call, str(squash), get_args(Squash), what="squash")
