"""SwAV: tell which prototypes the other view was given, where a batch must share the prototypes out evenly."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, Couples, check_scale, sum_of
from vergence.losses.targets import check_targets, check_view_count, code_length
from vergence.shapes import Embeddings, Scalar

__all__ = ["SwAV", "sinkhorn", "swav"]

Scores = Float[Tensor, "batch prototypes"]
Prototypes = Float[Tensor, "prototypes dim"]


def sinkhorn(scores: Scores, *, epsilon: float = 0.05, iterations: int = 3) -> Scores:
    r"""Soft assignments of rows to prototypes that use every prototype alike.

        Q = exp(scores / epsilon), then `iterations` times: columns scaled to sum to batch / K, rows to sum to 1

    scores: (batch, K), one column per prototype. epsilon: > 0; small: sharp assignments, large: even ones.
    iterations: 0 or more; 0 leaves a plain softmax of each row, which may give everything to one prototype.

    Each row sums to 1 at any number of iterations; the columns near batch / K as they grow: with skewed scores one may
    be 40 % off after 3 and 3 % after 10.
    Computed in logarithms, so no epsilon underflows. Half precision is computed in float32. No gradient is needed
    through it, and it has one.

    Raises ShapeError, ArgumentError.
    Source: Caron et al. 2020, arXiv:2006.09882, equation 3 and appendix A; Cuturi 2013, arXiv:1306.0895.
    """
    shapes.check_embeddings("sinkhorn", "scores", scores)
    return _log_codes("sinkhorn", scores, epsilon, iterations).exp()


def swav(
    *views: Tensor,
    prototypes: Prototypes,
    temperature: float = 0.1,
    epsilon: float = 0.05,
    iterations: int = 3,
    coded: int = 2,
) -> Scalar:
    r"""How many nats a view's softmax over prototypes misses the other view's assignment by.

        swav(z_1, .., z_V) = mean over items and pairs v != g of  - sum over k of  Q_gk log softmax(z_v . c_k / T)
        Q_g = sinkhorn(z_g . c_k, epsilon, iterations),   g among the first `coded` views

    views: V >= 2 tensors (batch, dim), batch N >= 2. prototypes: (K, dim), K >= 2. Both are normalised here.
    temperature: T > 0. epsilon, iterations: see `sinkhorn`; no gradient goes through the assignments.
    coded: how many of the views are assigned, the large crops; at most V.

    The value is H(Q) + KL(Q || P): how soft the assignments are, and what the views miss. Reads ln K when every row
    is as near to every prototype (8.0064 at K = 3,000), and at collapse onto one point never less than that, because
    Sinkhorn then makes the assignments even. Without Sinkhorn (iterations=0) collapse onto one prototype reads near 0.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Other forms in use: the paper's equation adds both directions; the mean over pairs is the authors' code.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Caron et al. 2020, arXiv:2006.09882, equations 1 to 3; their tau is our T, their C our prototypes.
    """
    return sum_of(_terms("swav", views, prototypes, temperature, epsilon, iterations, coded))


def check_whole(call: str, name: str, value: object) -> None:
    """A whole number, 0 or above, also as the float that a setting is kept as."""
    shapes.check_nonnegative(call, name, value)
    if float(value) % 1:  # type: ignore[arg-type]  # the line above lets numbers through only
        raise errors.ArgumentError(f"{call}: {name} is {value!r}. It must be a whole number, 0 or above.")


class SwAV(Base, nn.Module):
    """SwAV as an object: the loss in its two parts, and the prototypes it learns.

    dim: of the embeddings. prototypes: how many, K >= 2; 3,000 for the 1,000 classes of ImageNet.
    temperature, epsilon: > 0. iterations: of Sinkhorn, a setting (whole numbers).
    sinkhorn: False assigns by a softmax at epsilon: the collapse that Sinkhorn prevents.
    views: how many are made for each item; coded: how many of them are assigned. seed: of the first prototypes.
    `prototypes`: the parameter (K, dim), unit rows, brought back to length 1 in each call while they learn.

    Raises ArgumentError.
    Source: Caron et al. 2020, arXiv:2006.09882.
    """

    name = "SwAV"
    variant = "mean over pairs of different views, assignments by Sinkhorn within the batch, no queue"
    source = "Caron et al. 2020, arXiv:2006.09882"
    couples: ClassVar[Couples] = "statistics"
    ranges: ClassVar[dict[str, Check]] = {
        "temperature": shapes.check_positive,
        "epsilon": shapes.check_positive,
        "iterations": check_whole,
    }
    labels: ClassVar[dict[str, str]] = {"epsilon": "Sinkhorn ε", "iterations": "Sinkhorn iterations"}

    def __init__(
        self,
        dim: int = 128,
        prototypes: int = 3000,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        iterations: int = 3,
        sinkhorn: bool = True,
        views: int = 2,
        coded: int = 2,
        seed: int = 0,
    ) -> None:
        nn.Module.__init__(self)
        Base.__init__(self, temperature=temperature, epsilon=epsilon, iterations=iterations)
        shapes.check_count("SwAV", "dim", dim)
        shapes.check_count("SwAV", "prototypes", prototypes, least=2)
        check_view_count("SwAV", views)
        shapes.check_count("SwAV", "coded", coded)
        self.views, self.coded, self.sinkhorn = views, coded, sinkhorn
        drawn = torch.randn(prototypes, dim, generator=torch.Generator().manual_seed(seed))
        self.prototypes = nn.Parameter(normalize(drawn))

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The sum of `terms`; the prototypes are brought back to length 1 first, while they learn."""
        if torch.is_grad_enabled() and self.prototypes.requires_grad:
            # .data: an earlier call's graph may still wait for its backward, and directions stay as they are.
            self.prototypes.data = normalize(self.prototypes.data)
        return Base.__call__(self, *views, **more)

    def codes(self, z: Embeddings) -> Scores:
        """The assignments Q of these rows, (batch, K), each row a distribution; for looking at their use."""
        with torch.no_grad():
            return _log_codes(self.name, _scores(self.name, (z,), self.prototypes)[0], *self._how()).exp()

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`entropy`, H(Q) of the assignments: ln K when they are even. `divergence`, KL(Q || P), >= 0."""
        self.given(more)
        return _terms(self.name, views, self.prototypes, self._settings["temperature"], *self._how(), self.coded)

    def chance(self, batch: int, dim: int) -> float:
        """ln K, of the prototypes: assignments and answers spread evenly. Raises ArgumentError."""
        check_scale("SwAV.chance", batch, dim)
        return math.log(len(self.prototypes))

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is."""
        check_scale("SwAV.reference_words", batch, dim)
        return {"chance": f"ln {len(self.prototypes)}"}

    def _how(self) -> tuple[float, int]:
        return self._settings["epsilon"], int(self._settings["iterations"]) if self.sinkhorn else 0


def _log_codes(call: str, scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    shapes.check_positive(call, "epsilon", epsilon)
    shapes.check_count(call, "iterations", iterations, least=0)
    with full_precision(scores.device):
        (scores,) = at_least_single(scores)
        log_q = scores / epsilon
        for _ in range(iterations):
            # Only up to a constant: the rows, scaled last, forget it.
            log_q = torch.log_softmax(log_q, dim=0)
            log_q = torch.log_softmax(log_q, dim=1)
        return log_q if iterations else torch.log_softmax(log_q, dim=1)


def _scores(call: str, views: tuple[Tensor, ...], prototypes: Tensor) -> list[Tensor]:
    """Cosines with the prototypes, (batch, K) for each view."""
    for number, view in enumerate(views, 1):
        shapes.check_embeddings(call, f"z{number}", view)
    shapes.check_embeddings(call, "prototypes", prototypes, rows=2)
    if prototypes.shape[1] != views[0].shape[1]:
        raise errors.ShapeError(
            f"{call}: the embeddings have {views[0].shape[1]} columns but the prototypes {prototypes.shape[1]}. "
            f"Make them for this head: SwAV(dim={views[0].shape[1]})."
        )
    if prototypes.device != views[0].device:
        raise errors.DeviceMismatch(
            f"{call}: z1 is on {views[0].device} but the prototypes are on {prototypes.device}. Use loss.to(z1.device)."
        )
    with full_precision(views[0].device):
        *rows, c = (normalize(z) for z in at_least_single(*views, prototypes))
        return [z @ c.T for z in rows]


def _terms(
    call: str,
    views: tuple[Tensor, ...],
    prototypes: Tensor,
    temperature: float,
    epsilon: float,
    iterations: int,
    coded: int,
) -> dict[str, Tensor]:
    shapes.check_positive(call, "temperature", temperature)
    shapes.check_count(call, "coded", coded)
    check_targets(call, views, views[:coded])
    for number, view in enumerate(views, 1):
        shapes.check_embeddings(call, f"z{number}", view, rows=2)
    scores = _scores(call, views, prototypes)
    codes = [_log_codes(call, scored.detach(), epsilon, iterations) for scored in scores[:coded]]
    with full_precision(views[0].device):
        answers = [scored / temperature for scored in scores]
        entropy, divergence = code_length([q.exp() for q in codes], codes, answers)
    return {"entropy": entropy, "divergence": divergence}
