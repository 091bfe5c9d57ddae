"""How a representation walks away as its input is disturbed more and more: how long its steps are, and how even."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.metrics.chance import generator_of
from vergence.metrics.frozen import Encoder, at_rest, check_inputs, encoded, fitting

__all__ = ["StepProfile", "step_profile"]

Inputs = Float[Tensor, "items ..."]
By = Literal["noise", "pgd"]

CHUNK = 256
"""Inputs given to the encoder at a time."""
NUDGE = 1e-3
"""Of the first step: where the search for the worst direction starts, since at the input itself all are alike."""
ROUNDING = 4.0
"""Features that differ by less than so many units of the last digit coincide."""


@dataclass(frozen=True, eq=False)
class StepProfile:
    """Paths of representations under growing perturbation. Lengths are in units of `spread`."""

    mean: float | None
    """Mean length of a step; None when the representations of all inputs coincide."""
    variability: float | None
    """Standard deviation over the mean of a path's steps, mean over paths: 0, all steps alike; None when none moves."""
    straightness: float | None
    """End to end over the length of the path, mean over paths: 1, straight, to 0, back where it began."""
    strengths: Float[Tensor, " points"]
    """Root mean square of the perturbation at each point, in standard deviations of the inputs, from 0."""
    steps: Float[Tensor, "rows steps"] = field(repr=False)
    """Length of each step of each path."""
    by_step: Float[Tensor, " steps"] = field(repr=False)
    """Mean over paths."""
    low: Float[Tensor, " steps"] = field(repr=False)
    """10 % of paths take a shorter step."""
    high: Float[Tensor, " steps"] = field(repr=False)
    """10 % take a longer one."""
    path: Float[Tensor, "kept points dim"] = field(repr=False)
    """The representations themselves along the first few paths."""
    spread: float
    """Root mean square distance of undisturbed representations from their mean: the unit of all lengths here."""
    by: By
    rows: int
    """Paths measured."""
    rows_left_out: int
    """Inputs or representations that are not finite."""
    rows_total: int
    """There were so many; more than `rows` and `rows_left_out` when inputs were drawn."""


@torch.no_grad()
def step_profile(
    encoder: Encoder,
    inputs: Inputs,
    *,
    most: float = 1.0,
    steps: int = 8,
    by: By = "noise",
    max_rows: int = 256,
    keep: int = 16,
    generator: torch.Generator | None = None,
) -> StepProfile:
    r"""How far and how evenly a representation moves as its input is disturbed more and more.

        x_k = x + e_k u,   e_k = most k / steps  (in standard deviations of the inputs),   k = 0 .. steps
        step_k = |f(x_k) - f(x_k-1)| / spread
        mean = mean of step_k,   variability = mean over x of  std_k(step_k) / mean_k(step_k)

    encoder f: a module or any function, (items, ...) -> (items, dim); a module is put into eval mode and back.
    inputs x: (items, ...), floating point, at least 2. u: one white noise for each input, the same at every
    strength. most: > 0, the strongest perturbation. steps: how many there are. max_rows: above this, inputs are
    drawn. keep: how many whole paths are handed back. generator: on the CPU, for what is drawn; None: the same each
    time. by: "noise" as above; "pgd": at each step in the direction that takes the representation away fastest, of
    the same length, so the perturbation is never larger than the noise is (one gradient step each; the encoder must
    be differentiable).

    A linear encoder reads variability 0 and straightness 1 by noise; one that jumps, such as a staircase, reads a
    variability above 1. A mean near 0: the representation ignores the noise; `steps` times the mean at 1: at the
    strongest it has moved as far as inputs lie from their mean. Lengths are relative to that, so the profile is blind
    to scale: a collapsed encoder can look healthy; `spread` is there to say so. And never read it alone: *untrained*
    encoders take large and the most even steps (on digits mean 0.18, variability 0.04, against 0.11 and 0.08 of a
    supervised encoder), so it ranks trained encoders only.

    Takes steps + 1 passes; twice that, with gradients, by "pgd".

    Raises ShapeError, TooFewRows, NotFinite (fewer than two finite paths), ArgumentError.
    Source: after van der Merwe, Newman & Barnard 2022, arXiv:2205.07477, who make one number of mean and variability.
    """
    call = "step_profile"
    check_inputs(call, "inputs", encoder, inputs, rows=2)
    shapes.check_positive(call, "most", most)
    shapes.check_count(call, "steps", steps, least=2)
    shapes.check_count(call, "max_rows", max_rows, least=2)
    shapes.check_count(call, "keep", keep, least=0)
    if by not in ("noise", "pgd"):
        raise errors.ArgumentError(f'{call}: by is {by!r}. It is "noise" or "pgd".')
    random = generator_of(generator)
    good = torch.nonzero(torch.isfinite(inputs).flatten(1).all(1)).squeeze(1)
    left_out = len(inputs) - len(good)
    if len(good) > max_rows:
        good = good[torch.randperm(len(good), generator=random)[:max_rows].sort().values.to(good.device)]
    if len(good) < 2:
        raise errors.NotFinite(
            f"{call}: {len(good)} of {len(inputs)} inputs are finite, 2 are needed. Look at how they were loaded."
        )
    chosen = inputs[good]
    scale = float(chosen.detach().cpu().double().std(correction=0))
    if not scale:
        raise errors.ArgumentError(
            f"{call}: all entries of inputs are the same, so the strength of a perturbation has no unit. Hand over "
            "real inputs."
        )
    strengths = torch.linspace(0, most, steps + 1, dtype=torch.float64)
    parts = []
    with at_rest(encoder):
        for x in torch.split(chosen, CHUNK):
            # Drawn on the CPU in single precision: the same noise on every device and for every dtype.
            noise = torch.randn(x.shape, generator=random).to(x.device, x.dtype)
            walk = _by_noise if by == "noise" else _by_pgd
            parts.append(walk(call, encoder, x, noise, (strengths * scale).tolist()))
    path = torch.cat(parts)
    sound = torch.isfinite(path).flatten(1).all(1)
    path = path[sound]
    if len(path) < 2:
        raise errors.NotFinite(
            f"{call}: the representations of {len(path)} of {len(sound)} inputs are finite along their whole path, 2 "
            "are needed. Did a step of training overflow?"
        )
    return _measured(path, strengths, by, keep, left_out + int((~sound).sum()), len(inputs))


def _measured(path: Tensor, strengths: Tensor, by: By, keep: int, left_out: int, total: int) -> StepProfile:
    """path: (rows, points, dim)."""
    eps = torch.finfo(path.dtype).eps
    wide = path.double()
    clean = wide[:, 0] - wide[0, 0]
    clean = clean - clean.mean(0)
    constant = float(clean.abs().max()) <= ROUNDING * eps * float(wide[:, 0].abs().max())
    spread = 0.0 if constant else math.sqrt(float(clean.square().sum(1).mean()))
    lengths = (wide[:, 1:] - wide[:, :-1]).norm(dim=2)
    far = (wide[:, -1] - wide[:, 0]).norm(dim=1)
    # What is under the last digit of the features is rounding, and no step.
    moving = lengths.sum(1) > ROUNDING * eps * wide.abs().amax((1, 2)) * lengths.shape[1]
    own = lengths[moving]
    steps = lengths / spread if spread else torch.zeros_like(lengths)
    return StepProfile(
        mean=float(steps.mean()) if spread else None,
        variability=float((own.std(1, correction=0) / own.mean(1)).mean()) if len(own) else None,
        straightness=float((far[moving] / own.sum(1)).mean()) if len(own) else None,
        strengths=strengths,
        steps=steps,
        by_step=steps.mean(0),
        low=steps.quantile(0.1, dim=0),
        high=steps.quantile(0.9, dim=0),
        path=path[:keep],
        spread=spread,
        by=by,
        rows=len(path),
        rows_left_out=left_out,
        rows_total=total,
    )


def _by_noise(call: str, encoder: Encoder, x: Tensor, noise: Tensor, strengths: list[float]) -> Tensor:
    """(rows, points, dim): along one direction for each input."""
    found = [encoded(call, encoder, fitting(encoder, x + strength * noise)) for strength in strengths]
    return _single(torch.stack(found, 1))


def _by_pgd(call: str, encoder: Encoder, x: Tensor, noise: Tensor, strengths: list[float]) -> Tensor:
    """The same, every step in the direction in which the representation leaves fastest."""
    x = fitting(encoder, x)
    noise = _direction(noise.to(x))
    clean = encoded(call, encoder, x)
    moved, found = strengths[1] * NUDGE * noise, [clean]
    for before, now in itertools.pairwise(strengths):
        with torch.enable_grad():
            tried = (x + moved).detach().requires_grad_()
            rows = encoded(call, encoder, tried)
            if not rows.requires_grad:
                raise errors.ArgumentError(
                    f'{call}: by="pgd" needs gradients through the encoder, and its output has none. Is there a '
                    'no_grad or a round in it? Use by="noise".'
                )
            apart = (rows - clean).float().square().sum()
            (slope,) = torch.autograd.grad(apart, tried)
        flat = slope.flatten(1).abs().amax(1) == 0
        away = torch.where(flat.view(-1, *[1] * (x.ndim - 1)), noise, _direction(slope))
        moved = (moved if before else 0) + (now - before) * away
        found.append(encoded(call, encoder, x + moved))
    return _single(torch.stack(found, 1))


def _direction(x: Tensor) -> Tensor:
    """Each item scaled to root mean square 1."""
    size = x.flatten(1).abs().amax(1).clamp(min=torch.finfo(x.dtype).tiny).view(-1, *[1] * (x.ndim - 1))
    x = x / size
    return x / x.flatten(1).square().mean(1).sqrt().clamp(min=1e-12).view(size.shape)


def _single(path: Tensor) -> Tensor:
    path = path.detach().cpu()
    return path.to(torch.promote_types(path.dtype, torch.float32))
