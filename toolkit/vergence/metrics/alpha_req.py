"""How fast the eigenvalues of the covariance fall: the exponent of a power law fitted to a range of ranks."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.chance import Chance
from vergence.metrics.isotropic import isotropic
from vergence.metrics.null import band
from vergence.metrics.rows import Floats, above_rounding, rows_of
from vergence.metrics.singular import measure

__all__ = ["FIRST", "LAST", "AlphaReQ", "alpha_req", "alpha_req_null", "power_law_exponent"]

FIRST, LAST = 10, 100
"""Ranks that the line is fitted to, both included, the largest eigenvalue being rank 1."""
LEAST = 5
"""Fewer points than this are no line."""
DRAWS = 64
WIDEST = 160
"""Eigenvalues of a simulated batch at most, where only the width of the band is simulated."""

Values = Float[Tensor, " k"]


@dataclass(frozen=True)
class AlphaReQ:
    """The exponent, and the ranks it is fitted to. `float()` of it is `alpha`, or an error where there is none."""

    alpha: float | None
    """Eigenvalue at rank k ~ k^(-alpha). None: fewer than 5 eigenvalues of the range are above rounding."""
    fit: float | None
    """Share of the variance of log eigenvalues in the range that the line explains, 0 to 1. Below about 0.95 there is
    no power law, and `alpha` is a mean slope. None where alpha is, and where the eigenvalues are all alike."""
    first: int
    """Lowest rank of the fit, as it was asked for."""
    last: int
    """Highest rank of the fit: below `last_wanted` when there are no more eigenvalues above rounding."""
    last_wanted: int
    eigenvalues: int
    """How many are above rounding."""
    rows: int
    """Measured, of all views together."""
    rows_left_out: int
    """Zero or not finite."""
    rows_total: int
    """There were so many; more than `rows` and `rows_left_out` when rows were drawn."""
    dim: int
    weighted: bool

    def __float__(self) -> float:
        if self.alpha is None:
            raise errors.ArgumentError(
                f"alpha_req: {self.eigenvalues} eigenvalues are above rounding, so ranks {self.first} to "
                f"{self.last_wanted} hold fewer than {LEAST}: there is no exponent. Set first=1, or look at the rank."
            )
        return self.alpha

    @property
    def shortened(self) -> bool:
        """The range that was asked for reaches beyond the eigenvalues there are."""
        return self.last < self.last_wanted

    @property
    def null(self) -> Chance | None:
        """What rows without structure read at this size over the same ranks; None where alpha is."""
        if self.alpha is None:
            return None
        return alpha_req_null(self.rows, self.dim, first=self.first, last=self.last, weighted=self.weighted)


@torch.no_grad()
def alpha_req(
    *views: Tensor,
    first: int = FIRST,
    last: int = LAST,
    weighted: bool = False,
    max_rows: int | None = None,
    generator: torch.Generator | None = None,
) -> AlphaReQ:
    r"""The exponent with which eigenvalues of the covariance fall off, between two ranks.

        log lambda_k  ~  c - alpha log k,     k = first .. last,  least squares

    views: V >= 1 tensors (batch, dim) with one dim, as they come out of the network, together at least first + 5 rows;
    lambda: eigenvalues of their covariance, rank 1 the largest.
    first, last: ranks, both included. Where fewer eigenvalues exist, or the rest is rounding, the range ends earlier
    and `last` says where; with fewer than 5 left `alpha` is None (a collapsed batch), and where the *size* of the
    batch leaves fewer than 5, the call is refused.
    weighted: False: all ranks alike, the plain slope; True: weights 1 / k, as in code of the authors, which makes
    the first ranks matter more and the number a little less steady.
    max_rows: above this, rows are drawn. generator: on the CPU; None: the same rows each time.

    Reads 0 when all directions of the range are alike (whitened), more the faster they fall; about 1 is what the
    authors find in representations that transfer well. Not 0 for random rows, for want of rows: `null` is what they
    read at this size, 0.38 for 1,024 rows at dim = 128.

    Blind to everything outside the range. After a collapse into fewer than `first` directions it reads what is
    left: `null` for faint even noise, None for none; and a common direction that drowns all others lies at rank 1.
    Blind to size. Read it beside a rank.
    Nothing given is changed, and the same rows read the same however often they are asked.

    Raises ShapeError, TooFewRows, NotFinite, ZeroRows, DeviceMismatch, ArgumentError.
    Source: Agrawal et al. 2022, "alpha-ReQ", NeurIPS; the weights as Stringer et al. 2019 fit theirs.
    """
    _check_range("alpha_req", first, last)
    found = rows_of("alpha_req", views, least=1, max_rows=max_rows, generator=generator, zeros=False)
    rows = np.concatenate(found.by_view)
    exist = min(len(rows) - 1, found.dim)
    _check_enough("alpha_req", first, exist, f"{len(rows)} rows of {found.dim} columns")
    parts = measure(above_rounding(rows, found.eps), found.eps)
    length = math.sqrt(float(np.square(parts.centred).sum()))
    above = parts.centred[:exist] > parts.floor_centred * length
    usable = exist if above.all() else int(np.argmin(above))
    end = min(last, usable)
    enough = end - first + 1 >= LEAST
    alpha, fit = _line(np.square(parts.centred / length), first, end, weighted=weighted) if enough else (None, None)
    return AlphaReQ(
        alpha=alpha,
        fit=fit,
        first=first,
        last=end,
        last_wanted=last,
        eigenvalues=usable,
        rows=len(rows),
        rows_left_out=found.left_out,
        rows_total=found.total,
        dim=found.dim,
        weighted=weighted,
    )


def power_law_exponent(values: Values, *, first: int = FIRST, last: int = LAST, weighted: bool = False) -> float:
    r"""The exponent of a power law through `values` at ranks first .. last.

        log values_k  ~  c - alpha log k,     least squares

    values: (k,), above 0, largest first; at least first + 4 of them. first, last, weighted: as for `alpha_req`; a range
    that reaches beyond the values ends with them.

    Reads alpha exactly for values k^(-alpha), 0 for values that are all alike.

    Raises ShapeError, NotFinite, ArgumentError.
    Source: see `alpha_req`.
    """
    call = "power_law_exponent"
    _check_range(call, first, last)
    _check_values(call, values)
    shapes.check_finite(call, "values", values)
    _check_enough(call, first, len(values), f"{len(values)} values")
    wide: Floats = values.detach().cpu().double().numpy()
    if not (wide > 0).all() or (np.diff(wide) > 0).any():
        raise errors.ArgumentError(
            f"{call}: values must be above 0 and fall, largest first. Leave out what is 0 and use "
            "values.sort(descending=True).values."
        )
    return _line(wide, first, min(last, len(wide)), weighted=weighted)[0]


@functools.lru_cache(maxsize=256)
def alpha_req_null(batch: int, dim: int, *, first: int = FIRST, last: int = LAST, weighted: bool = False) -> Chance:
    r"""What `alpha_req` reads for Gaussian rows without any structure.

    batch: rows, >= first + 5. dim: >= first + 4. first, last, weighted: as for `alpha_req`.

    Reads about 0 for rows without end, more the fewer they are: 0.38 for 1,024 rows at dim = 128, 0.82 for 256.

    The band of 64 draws with a generator of their own, up to 160 eigenvalues; kept, so it costs up to a third of a
    second once for each size. Above, the mean is that of the expected spectrum (`isotropic`) and the width that of 160
    eigenvalues with the same proportions, which is a little too wide.

    Raises ArgumentError.
    Source: the law of Wishart matrices, by the triangular form of Bartlett 1933.
    """
    call = "alpha_req_null"
    _check_range(call, first, last)
    shapes.check_count(call, "batch", batch, least=2)
    shapes.check_count(call, "dim", dim)
    exist = min(batch - 1, dim)
    _check_enough(call, first, exist, f"{batch} rows of {dim} columns")
    end = min(last, exist)
    large = max(batch - 1, dim)
    if exist <= max(WIDEST, end):
        return band(_slopes(exist, large, first, end, weighted=weighted))
    narrow = max(WIDEST, end)
    draws = np.array(_slopes(narrow, round(large * narrow / exist), first, end, weighted=weighted))
    expected = isotropic(batch, dim).singular_centred.square().numpy()
    mean = _line(expected[:exist], first, end, weighted=weighted)[0]
    return band((draws - draws.mean() + mean).tolist())


def _slopes(small: int, large: int, first: int, last: int, *, weighted: bool) -> list[float]:
    random = np.random.default_rng(0)
    index = np.arange(small)
    found = []
    for _ in range(DRAWS):
        triangle = np.tril(random.standard_normal((small, small)), -1)
        triangle[index, index] = np.sqrt(random.chisquare(large - index))
        values = np.linalg.eigvalsh(triangle @ triangle.T)[::-1]
        found.append(_line(np.maximum(values, np.finfo(np.float64).tiny), first, last, weighted=weighted)[0])
    return found


def _line(values: Floats, first: int, last: int, *, weighted: bool) -> tuple[float, float | None]:
    """The exponent and the share of variance explained. The ranks are made anew each time and never changed."""
    ranks = np.arange(first, last + 1, dtype=np.float64)
    weight = 1 / ranks if weighted else np.ones_like(ranks)
    weight /= weight.sum()
    x, y = np.log(ranks), np.log(values[first - 1 : last])
    x, y = x - weight @ x, y - weight @ y
    across, along, spread = float(weight @ (x * y)), float(weight @ (x * x)), float(weight @ (y * y))
    fit = min(1.0, across**2 / (along * spread)) if spread > 1e-20 else None
    return -across / along, fit


def _check_range(call: str, first: int, last: int) -> None:
    shapes.check_count(call, "first", first)
    shapes.check_count(call, "last", last)
    if last - first + 1 < LEAST:
        raise errors.ArgumentError(
            f"{call}: ranks {first} to {last} are fewer than {LEAST}, too few for a line. The usual range is first=10, "
            "last=100."
        )


def _check_values(call: str, values: object) -> None:
    if not isinstance(values, Tensor) or values.ndim != 1 or not values.is_floating_point():
        raise errors.ShapeError(
            f"{call}: values is {shapes.shape_of(values)}. It must be a floating point tensor (k,), largest first: "
            "singular_values(z, centred=True).square(), for one."
        )


def _check_enough(call: str, first: int, exist: int, of: str) -> None:
    if exist - first + 1 < LEAST:
        raise errors.TooFewRows(
            f"{call}: {of} have {exist} eigenvalue{'' if exist == 1 else 's'}, and a fit from rank {first} on needs "
            f"{first + LEAST - 1}. Use a larger batch or a wider layer, or fit earlier ranks: first=1, last={exist}."
        )
