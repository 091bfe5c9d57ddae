"""Adaptive multi-head contrast: several heads, each with its own similarity, and a temperature for every pair."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, check_scale, check_two_views, two_views

__all__ = ["AMCL", "amcl", "temperature_cost"]

Pairs = Float[Tensor, "heads rows rows"]


def temperature_cost(temperature: Float[Tensor, "*any"], dim: int) -> Float[Tensor, "*any"]:
    r"""What a pair's temperature costs: it may be neither large nor small.

        Ω(τ) = dim/2 ln τ + 1/τ

    Least at τ = 2/dim. It is what is left of the normaliser when exp(s/τ) is read as a Gaussian around the partner
    with variance τ: ||a - b||²/(2τ) + dim/2 ln τ = -s/τ + Ω(τ) for unit rows.

    Source: Wang et al. 2024, arXiv:2310.05615; their Ω and d'.
    """
    return dim / 2 * temperature.log() + 1 / temperature


def amcl(scores: Pairs, temperatures: Pairs, *, dim: int, beta: float) -> dict[str, Float[Tensor, ""]]:
    r"""How badly each row's posterior picks out its partner, when every pair has a temperature of its own.

        L = sum over heads c of  mean over the 2N anchors i of  -l_ip + log  sum over j != i of  exp(l_ij)
        l_ij = s_ij / τ_ij - β Ω(τ_ij)

    scores: s, (heads, 2N, 2N), cosines of all rows of both views; row i + N is the partner p of row i.
    temperatures: τ, of the same shape, > 0. dim: length of one head's rows, in Ω. beta: β >= 0.

    Returns the terms, which add up to L: `pull`, -s_ip / τ_ip; `temper`, β Ω(τ_ip); `push`, the log of the sum.

    With one head, one temperature for all pairs and any β it is NT-Xent at that temperature: what all pairs pay
    alike cancels, so Ω weighs pairs against one another and does not hold all temperatures together where they are.
    Reads heads times ln(2N - 1) when all rows coincide.
    """
    n = scores.shape[1] // 2
    cost = beta * temperature_cost(temperatures, dim)
    logits = scores / temperatures
    itself = torch.eye(2 * n, dtype=torch.bool, device=scores.device)
    push = (logits - cost).masked_fill(itself, -math.inf).logsumexp(2)
    pull, temper = (torch.cat([of.diagonal(n, 1, 2), of.diagonal(-n, 1, 2)], 1) for of in (logits, cost))
    return {"pull": -pull.mean(1).sum(), "temper": temper.mean(1).sum(), "push": push.mean(1).sum()}


class AMCL(Base, nn.Module):
    r"""AMCL as an object, with what it learns: how certain it is of each pair.

        τ_ij = low + (high - low) / (1 + exp(φ(z_i) . φ(z_j)))

    heads: how many similarities; the embeddings (batch, heads x dim) hold the rows of one head after the other, as
        `models.MultiHead` makes them.
    dim: length of one head's rows. With it φ is a network dim -> dim -> dim with ReLU, shared by all heads, as in the
        paper. Without it φ only scales and shifts, by two numbers for each head: φ(z_i) . φ(z_j) = gain s_ij + offset;
        then any width will do, and the loss of one head is a function of cosines with pair weights.
    beta: β, what a pair's temperature costs beside those of other pairs; 1e-4 as in the authors' SimCLR.
    low, high: between which they lie, 1e-5 and 2 as in the paper. Once partners are told apart everywhere all
    temperatures sink together, whatever β is; a higher `low`, 0.05, keeps the loss from going to 0 there.

    A pair that both rows agree on gets a low temperature and counts much; one of which φ is not sure gets a high one.
    φ begins near 0, so all temperatures begin near the middle, 1.

    Raises ArgumentError; ShapeError for a width that is not heads x dim.
    Source: Wang et al. 2024, arXiv:2310.05615; their C is our heads, ι + η and η our high and low. The authors' program
    leaves the partner out of the sum and takes the mean of l over the 100 hardest negatives in place of the log of
    the sum; here it is the posterior from which they derive it.
    """

    name = "AMCL"
    variant = "2N anchors, sum over heads, softmax over s/τ - βΩ(τ) of all other rows, partner included"
    source = "Wang et al. 2024, arXiv:2310.05615"
    views = 2
    ranges: ClassVar[dict[str, Check]] = {"beta": shapes.check_nonnegative}
    labels: ClassVar[dict[str, str]] = {"beta": "Entropy weight β"}

    def __init__(
        self, heads: int = 3, dim: int | None = None, *, beta: float = 1e-4, low: float = 1e-5, high: float = 2.0
    ) -> None:
        nn.Module.__init__(self)
        Base.__init__(self, beta=beta)
        shapes.check_count("AMCL", "heads", heads)
        shapes.check_positive("AMCL", "low", low)
        shapes.check_positive("AMCL", "high", high)
        if low >= high:
            raise errors.ArgumentError(f"AMCL: low is {low:g} and high is {high:g}. low must be below high.")
        self.heads, self.dim, self.low, self.high = heads, dim, float(low), float(high)
        if dim is None:
            # Numbers without an axis: they meet tensors of any device and type.
            self.gain = nn.ParameterList(nn.Parameter(torch.tensor(0.1)) for _ in range(heads))
            self.offset = nn.ParameterList(nn.Parameter(torch.tensor(0.0)) for _ in range(heads))
        else:
            shapes.check_count("AMCL", "dim", dim)
            self.hidden, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def __repr__(self) -> str:
        return f"AMCL(heads={self.heads}, dim={self.dim}, beta={self._settings['beta']:g})"

    def temperatures(self, *views: Tensor) -> Pairs:
        """τ of every pair in every head, (heads, 2N, 2N). Raises as the loss."""
        rows = self._rows(*two_views(self.name, views))
        return self._temperatures(rows, rows @ rows.mT)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, `temper` and `push`, each summed over heads."""
        self.given(more)
        a, b = two_views(self.name, views)
        rows = self._rows(a, b)
        with full_precision(a.device):
            scores = rows @ rows.mT
            return amcl(scores, self._temperatures(rows, scores), dim=rows.shape[2], beta=self._settings["beta"])

    def chance(self, batch: int, dim: int) -> float:
        """heads times ln(2N - 1): all rows alike, so all temperatures alike. Raises ArgumentError."""
        check_scale("AMCL.chance", batch, dim)
        return self.heads * math.log(2 * batch - 1)

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor | None:
        r"""dL/ds for one head without `dim`, where τ is a function of the cosine; else None.

        w_ij = (softmax_ij - [j is i's partner]) / (2N) times dl/ds,   l = s/τ(s) - β Ω(τ(s))
        """
        self.given(more)
        if self.heads > 1 or self.dim is not None:
            return None
        rows = self._rows(*two_views(self.name, views)).detach()
        n = rows.shape[1] // 2
        with torch.no_grad(), full_precision(rows.device):
            s = rows @ rows.mT
            tau = self._temperatures(rows, s)
            share = (tau - self.low) / (self.high - self.low)
            slope = -(self.high - self.low) * share * (1 - share) * self.gain[0].detach()
            beta, dim = self._settings["beta"], rows.shape[2]
            by_tau = -s / tau.square() - beta * (dim / (2 * tau) - 1 / tau.square())
            logits = (s / tau - beta * temperature_cost(tau, dim))[0]
            logits.fill_diagonal_(-math.inf)
            weights = torch.softmax(logits, dim=1)
            weights.diagonal(n)[:] -= 1
            weights.diagonal(-n)[:] -= 1
            by_score: Tensor = (1 / tau + by_tau * slope)[0]
            return weights / (2 * n) * by_score

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is."""
        check_scale("AMCL.reference_words", batch, dim)
        return {"chance": f"ln {2 * batch - 1}" if self.heads == 1 else f"{self.heads} × ln {2 * batch - 1}"}

    def _rows(self, a: Tensor, b: Tensor) -> Float[Tensor, "heads rows dim"]:
        """Unit rows of both views, head by head."""
        check_two_views(self.name, a, b)
        width = a.shape[1] // self.heads
        if width * self.heads != a.shape[1] or self.dim not in (None, width):
            each = f"{self.heads} heads of {self.dim}" if self.dim else f"{self.heads} heads of one width"
            raise errors.ShapeError(
                f"{self.name}: the rows have {a.shape[1]} entries, but {each} are needed. Make the head "
                f"models.MultiHead(in_dim, heads={self.heads}, out_dim={self.dim or 32})."
            )
        with full_precision(a.device):
            both = torch.cat(at_least_single(a, b))
            return normalize(both.view(len(both), self.heads, width), dim=2).transpose(0, 1)

    def _temperatures(self, rows: Tensor, scores: Tensor) -> Pairs:
        with full_precision(rows.device):
            if self.dim is None:
                certainty = torch.stack(
                    [gain * s + offset for gain, offset, s in zip(self.gain, self.offset, scores, strict=True)]
                )
            else:
                inside = _linear(self.out, _linear(self.hidden, rows).relu())
                certainty = inside @ inside.mT
            return self.low + (self.high - self.low) * torch.sigmoid(-certainty)


def _linear(layer: nn.Linear, rows: Tensor) -> Tensor:
    """The layer in the precision of the rows."""
    return linear(rows, layer.weight.to(rows.dtype), layer.bias.to(rows.dtype))
