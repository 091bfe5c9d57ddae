"""DirectPred: a linear predictor that is computed, not trained, from the correlation of the embeddings."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.shapes import Embeddings

__all__ = ["correlation", "direct_pred", "eigenspace_alignment"]

Square = Float[Tensor, "dim dim"]


def correlation(z: Embeddings, before: Square | None = None, *, momentum: float = 0.3) -> Square:
    r"""The correlation matrix of the embeddings, kept as a moving mean over batches.

        F <- m F + (1 - m) (1/N) sum over i of  z_i z_i'

    z: (batch, dim), the *online* projector's outputs of all views, before the predictor; no gradient is kept. Columns
    are neither centred nor scaled. before: F of the step before, or None at the first, which then is the batch's own.
    momentum: m, 0 to 1; 0 forgets everything but this batch.

    Half precision is computed in float32. Rows that are not finite leave F as it was, so that one bad batch does not
    stay in the mean; without a `before` they make it NaN, which `direct_pred` refuses.

    Raises ShapeError, DeviceMismatch, ArgumentError.
    Source: Tian et al. 2021, arXiv:2102.06810, section 4 (their rho is our m, 0.3 in their experiments; their F is not
    centred either).
    """
    shapes.check_embeddings("correlation", "z", z)
    shapes.check_nonnegative("correlation", "momentum", momentum)
    if momentum > 1:
        raise errors.ArgumentError(f"correlation: momentum is {momentum!r}. It must be a number from 0 to 1.")
    if before is not None and before.shape != (z.shape[1], z.shape[1]):
        raise errors.ShapeError(
            f"correlation: before is {shapes.shape_of(before)} but z has {z.shape[1]} columns. It must be "
            f"({z.shape[1]}, {z.shape[1]}), what this function returned the step before, or None."
        )
    if before is not None and before.device != z.device:
        raise errors.DeviceMismatch(
            f"correlation: z is on {z.device} but before is on {before.device}. Use before.to(z.device)."
        )
    with torch.no_grad(), full_precision(z.device):
        (z,) = at_least_single(z)
        latest = z.T @ z / len(z)
        if before is None:
            return latest
        moved = momentum * before.to(latest.dtype) + (1 - momentum) * latest
        return torch.where(torch.isfinite(moved).all(), moved, before.to(latest.dtype))


def direct_pred(correlation: Square, *, epsilon: float = 0.1, relative: bool = True) -> Square:
    r"""The predictor whose eigenvectors are those of F and whose eigenvalues are the roots of its eigenvalues.

        W = U diag(p) U',   F = U diag(s) U',   p_j = sqrt(s_j / max s) + epsilon

    correlation: F (dim, dim), symmetric, from `correlation`; eigenvalues below 0 (rounding) count as 0.
    epsilon: >= 0; lifts directions that hardly vary, so that they are not lost for good. relative: False leaves out
    the scaling by the largest eigenvalue, p_j = sqrt(s_j) + epsilon max s, as the paper writes it; up to a factor,
    which a loss of cosines does not see, this is epsilon sqrt(max s) in place of epsilon.

    A trained linear predictor comes to share the eigenvectors of F by itself; here it does from the first step, and
    the root keeps the weak directions growing. Reads epsilon I for F = 0.

    The result is symmetric, its eigenvalues lie between epsilon and 1 + epsilon. Half precision is computed in
    float32. The decomposition looks at values, so a GPU waits; a predictor may be kept for some steps.

    Raises ShapeError, NotFinite, ArgumentError.
    Source: Tian et al. 2021, arXiv:2102.06810, section 4, with the scaling of the authors' code.
    """
    u, s = _eigen("direct_pred", "correlation", correlation)
    shapes.check_nonnegative("direct_pred", "epsilon", epsilon)
    largest = s.amax()
    if relative:
        # clamp: F = 0 has no direction, and leaves epsilon for all of them
        p = (s / largest.clamp_min(torch.finfo(s.dtype).tiny)).sqrt() + epsilon
    else:
        p = s.sqrt() + epsilon * largest
    return (u * p) @ u.T


def eigenspace_alignment(correlation: Square, predictor: Square) -> tuple[Float[Tensor, " dim"], Float[Tensor, " dim"]]:
    r"""How far the predictor leaves each eigenvector of F in its direction.

        alignment_j = |cos(u_j, W u_j)|,   u_j the eigenvectors of F, by falling eigenvalue

    correlation: F (dim, dim), symmetric. predictor: W (dim, dim), a linear predictor's weight; z -> W z.
    Returns the eigenvalues of F and the alignment, both (dim,), largest eigenvalue first.

    Reads 1 where u_j is an eigenvector of W as well, as with `direct_pred`; about sqrt(2 / (pi dim)) for a random W:
    0.07 at dim = 128; 0 where W sends it to nothing.

    Raises ShapeError, NotFinite.
    Source: Tian et al. 2021, arXiv:2102.06810, section 3.2 and figure 3.
    """
    u, s = _eigen("eigenspace_alignment", "correlation", correlation)
    shapes.check_embeddings("eigenspace_alignment", "predictor", predictor)
    shapes.check_same_shape("eigenspace_alignment", correlation=correlation, predictor=predictor)
    with torch.no_grad(), full_precision(predictor.device):
        moved = predictor.to(u.dtype) @ u
        lengths = moved.norm(dim=0).clamp_min(torch.finfo(u.dtype).tiny)
        return s.flip(0), ((u * moved).sum(0).abs() / lengths).flip(0)


def _eigen(call: str, name: str, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors as columns and eigenvalues, none below 0, by rising eigenvalue."""
    shapes.check_embeddings(call, name, matrix)
    if matrix.shape[0] != matrix.shape[1]:
        raise errors.ShapeError(
            f"{call}: {name} is {shapes.shape_of(matrix)}. It must be square, (dim, dim): use correlation(z)."
        )
    shapes.check_finite(call, name, matrix)
    with torch.no_grad(), full_precision(matrix.device):
        (matrix,) = at_least_single(matrix)
        s, u = torch.linalg.eigh((matrix + matrix.T) / 2)
        return u, s.clamp_min(0)
