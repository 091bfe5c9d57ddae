"""The Mann-Whitney loss: every positive score against every negative score, of all anchors together."""

from __future__ import annotations

import math
import numbers
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize, softplus

from vergence import errors
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, check_scale, check_two_views, two_views
from vergence.losses.weighting import by_autograd
from vergence.shapes import Embeddings, Scalar

__all__ = ["MannWhitney", "mann_whitney"]

LEAST = 0.02
"""The smallest temperature: below, the loss is a hinge to the eye and its polynomial needs thousands of terms."""


def mann_whitney(a: Embeddings, b: Embeddings, *, temperature: float = 1.0) -> Scalar:
    r"""How badly one threshold on the cosine would tell all positive pairs from all negative pairs.

        mann_whitney(a, b) = mean over positives p and negatives n of  log(1 + exp((s_n - s_p) / T))

    a, b: (batch, dim), batch N >= 2; row i of both is one sample. Rows are normalised here. Positives: the N cosines of
    partners; negatives: the N (N - 1) cosines of row i of a and row j of b. Each positive meets *all* negatives, also
    those of other anchors, which a softmax never does: adding a constant to all cosines of an anchor
    leaves InfoNCE as it is and moves this.
    temperature: T >= 0.02, no unit; 1 is the authors' formula. Small: only pairs in the wrong order count.

    Reads ln 2 = 0.693 when all rows coincide, log(1 + exp(-1/T)) = 0.313 when partners coincide and all others are
    orthogonal. 1 - AUC <= mann_whitney / ln 2, where AUC is the area under the ROC curve of all these pairs.

    Of N^2 (N - 1) differences none is formed: the mean over positives, as a function of where the negative lies, is
    a polynomial in all digits of the type (25 terms at T = 1, 450 at T = 0.03), so the cost grows with N^2.
    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Sheikholeslami et al. 2025, arXiv:2510.00137, the MW loss; their scores are our cosines over T.
    """
    _check_temperature("mann_whitney", "temperature", temperature)
    return _loss("mann_whitney", a, b, temperature)


def _check_temperature(call: str, name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not LEAST <= float(value) < math.inf:
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a finite number, {LEAST} or above.")


class MannWhitney(Base):
    """The Mann-Whitney loss as an object: its scale and its pair weights.

    temperature: >= 0.02; 1 as in the paper's formula.

    Raises ArgumentError.
    """

    name = "Mann-Whitney"
    variant = "positives of all anchors against negatives of all anchors, view 1 against view 2"
    source = "Sheikholeslami et al. 2025, arXiv:2510.00137"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {"temperature": _check_temperature}

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__(temperature=temperature)

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`order`, the loss: it has no parts, as each of its differences holds a positive and a negative."""
        self.given(more)
        return {"order": _loss(self.name, *two_views(self.name, views), self.temperature)}

    def chance(self, batch: int, dim: int) -> float:
        """ln 2: positives and negatives are the same number. Raises ArgumentError."""
        check_scale("MannWhitney.chance", batch, dim)
        return math.log(2)

    def floor(self, batch: int, dim: int) -> float:
        """log(1 + exp(-1/T)): partners coincide, all others are orthogonal. Raises ArgumentError.

        Exact up to batch = dim. Above 0 for a large T, which is why T = 1 keeps pulling pairs that are in order.
        """
        check_scale("MannWhitney.floor", batch, dim)
        return math.log1p(math.exp(-1 / self.temperature))

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            partner:    w_ii = -(1 / (N T)) mean over negatives n of  sigmoid((s_n - s_ii) / T)
            otherwise:  w_ij =  (1 / (N (N - 1) T)) mean over positives p of  sigmoid((s_ij - s_p) / T)

        Rows 0..N-1 are view 1, N..2N-1 view 2; only the block of view 1 against view 2 is not 0. All weights
        together sum to 0, those of one anchor do not. Raises as `mann_whitney`. Computed on detached input.
        """
        self.given(more)
        a, b = two_views(self.name, views)
        check_two_views(self.name, a, b)
        return by_autograd(lambda s: _of_cosines(s[: len(a), len(a) :], self.temperature), a, b)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` with its temperature."""
        check_scale("MannWhitney.reference_words", batch, dim)
        return {"chance": "ln 2", "floor": f"others orthogonal, τ {self.temperature:g}"}


def _loss(call: str, a: Tensor, b: Tensor, temperature: float) -> Tensor:
    check_two_views(call, a, b)
    with full_precision(a.device):
        a, b = (normalize(z) for z in at_least_single(a, b))
        return _of_cosines(a @ b.T, temperature)


def _of_cosines(cosines: Tensor, temperature: float) -> Tensor:
    n = len(cosines)
    positive = cosines.diagonal()
    # All but the diagonal, without asking where it is: each stretch of n + 1 entries begins with a diagonal one.
    negative = cosines.flatten()[:-1].view(n - 1, n + 1)[:, 1:]
    count = _terms_needed(temperature, cosines.dtype)
    at = torch.arange(count, dtype=torch.float64) + 0.5
    # In double also for float32, so that the sum over terms adds no rounding of its own; there are few of them.
    angles = math.pi / count * at
    to_coefficients = (angles[None, :] * torch.arange(count)[:, None]).cos() * (2 / count)
    to_coefficients[0] /= 2
    nodes, to_coefficients = (x.to(cosines.device, cosines.dtype) for x in (angles.cos(), to_coefficients))
    # The threshold above which torch leaves the exponential out; at its usual 20 the step would show in double.
    curve = softplus((nodes[:, None] - positive) / temperature, threshold=40).mean(1)
    moments: Tensor = _Moments.apply(negative, count)  # type: ignore[no-untyped-call]
    return (to_coefficients @ curve) @ moments


def _terms_needed(temperature: float, dtype: torch.dtype) -> int:
    """How many Chebyshev polynomials softplus(x / T) needs on [-1, 1] to leave no error that the type could hold.

    They fall off by a factor for each, and the factor is set by the nearest singularity, at i pi T off the axis
    (Trefethen 2013, Approximation Theory and Approximation Practice, theorem 8.2).
    """
    factor = math.asinh(math.pi * temperature)
    return 4 + math.ceil(-math.log(torch.finfo(dtype).eps) / min(factor, 2.0))


class _Moments(torch.autograd.Function):
    """The means of Chebyshev polynomials 0 .. count - 1 over all entries of x, with nothing of x's size kept but x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(x)
        before, now = torch.ones_like(x), x
        means = [before.mean()]
        for _ in range(count - 1):
            means.append(now.mean())
            before, now = now, 2 * x * now - before
        return torch.stack(means)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # The derivative of polynomial k is k times the second kind's k - 1, summed here by Clenshaw's recurrence.
        (x,) = ctx.saved_tensors
        slopes = grad * torch.arange(len(grad), dtype=grad.dtype, device=grad.device)
        after, now = torch.zeros_like(x), torch.zeros_like(x)
        for slope in slopes.flip(0)[:-1]:
            after, now = now, slope + 2 * x * now - after
        return now / x.numel(), None
