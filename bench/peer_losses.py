"""The same loss as we have it, as a plain chain of torch operations, and as other libraries have it."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from vergence import losses

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of both views and the labels."""
QUEUE = 16_384
CLASSES = 100


@dataclass(frozen=True)
class Contest:
    """One loss in its forms. dim: of the embeddings. Every form reads the same on the same rows, where it says so."""

    name: str
    dim: int
    forms: dict[str, Loss]
    same: tuple[str, ...]
    """The forms that read what ours reads: a test holds them to it. Others differ in what they compute, see losses."""


def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """The usual implementation: join, normalise, multiply, blank the diagonal, cross-entropy."""
    n = len(a)
    z = torch.cat([normalize(a), normalize(b)])
    logits = z @ z.T / temperature
    logits.fill_diagonal_(-math.inf)
    return cross_entropy(logits, torch.arange(2 * n).roll(n))


def moco(a: Tensor, b: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """One positive and the queue, cross-entropy."""
    q, k = normalize(a), normalize(b)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], dim=1) / temperature
    return cross_entropy(logits, torch.zeros(len(a), dtype=torch.long))


def dcl(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """The partner taken out of the denominator."""
    n = len(a)
    z = torch.cat([normalize(a), normalize(b)])
    logits = z @ z.T / temperature
    positive = torch.cat([logits.diagonal(n), logits.diagonal(-n)])
    mask = torch.eye(n, dtype=torch.bool).repeat(2, 2)
    return (logits.masked_fill(mask, -math.inf).logsumexp(1) - positive).mean()


def sup_con(a: Tensor, b: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The mean over positives outside the log."""
    z, ids = torch.cat([normalize(a), normalize(b)]), labels.repeat(2)
    logits = z @ z.T / temperature
    logits.fill_diagonal_(-math.inf)
    positive = (ids[:, None] == ids).fill_diagonal_(False)
    share = logits.log_softmax(1).masked_fill(~positive, 0).sum(1) / positive.sum(1)
    return -share.mean()


def barlow_twins(a: Tensor, b: Tensor) -> Tensor:
    """Standardise, correlate, compare with the identity."""
    a, b = ((z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt() for z in (a, b))
    c = a.T @ b / len(a)
    on = (c.diagonal() - 1).square().sum()
    return on + 0.005 * (c.square().sum() - c.diagonal().square().sum())


def vicreg(a: Tensor, b: Tensor) -> Tensor:
    """Invariance, variance and covariance as in the authors' code."""
    total = 25 * (a - b).square().mean()
    for z in (a, b):
        centred = z - z.mean(0)
        total = total + 25 / 2 * (1 - (centred.var(0) + 1e-4).sqrt()).relu().mean()
        c = centred.T @ centred / (len(z) - 1)
        total = total + (c.square().sum() - c.diagonal().square().sum()) / z.shape[1]
    return total


def contests() -> list[Contest]:
    """All of them, with those peers that can be imported."""
    generator = torch.Generator().manual_seed(1)
    queue = normalize(torch.randn(QUEUE, 128, generator=generator))
    sharp, soft = losses.NTXent(0.01), losses.NTXent(0.2)  # below 1/60 float32 needs a shift per row, another path
    key, decoupled, classes = losses.InfoNCE(0.2), losses.DCL(0.1), losses.SupCon(0.1)
    twins, variances = losses.BarlowTwins(), losses.VICReg()
    rows: list[tuple[str, int, dict[str, Loss]]] = [
        ("NT-Xent, T 0.2", 128, {"ours": lambda a, b, _: soft(a, b), "plain": lambda a, b, _: nt_xent(a, b, 0.2)}),
        ("NT-Xent, T 0.01", 128, {"ours": lambda a, b, _: sharp(a, b), "plain": lambda a, b, _: nt_xent(a, b, 0.01)}),
        (
            f"InfoNCE, queue {QUEUE:,}",
            128,
            {
                "ours": lambda a, b, _: key(a, b, negatives=queue),
                "plain": lambda a, b, _: moco(a, b, queue, 0.2),
            },
        ),
        ("DCL", 128, {"ours": lambda a, b, _: decoupled(a, b), "plain": lambda a, b, _: dcl(a, b, 0.1)}),
        (
            "SupCon",
            128,
            {
                "ours": lambda a, b, labels: classes(a, b, labels=labels),
                "plain": lambda a, b, labels: sup_con(a, b, labels, 0.1),
            },
        ),
        ("Barlow Twins", 1024, {"ours": lambda a, b, _: twins(a, b), "plain": lambda a, b, _: barlow_twins(a, b)}),
        ("VICReg", 1024, {"ours": lambda a, b, _: variances(a, b), "plain": lambda a, b, _: vicreg(a, b)}),
    ]
    peers = {name: {**_lightly().get(name, {}), **_metric_learning().get(name, {})} for name, _, _ in rows}
    # The memory bank of lightly makes its own queue; Barlow Twins there has another epsilon.
    differs = {("InfoNCE, queue 16,384", "lightly")}
    return [
        Contest(name, dim, {**forms, **peers[name]}, tuple(
            form for form in (*forms, *peers[name]) if form != "ours" and (name, form) not in differs))
        for name, dim, forms in rows
    ]  # fmt: skip


def _lightly() -> dict[str, dict[str, Loss]]:
    if importlib.util.find_spec("lightly") is None:
        return {}
    from lightly import loss

    soft, sharp, bank = loss.NTXentLoss(0.2), loss.NTXentLoss(0.01), loss.NTXentLoss(0.2, memory_bank_size=(QUEUE, 128))
    decoupled, twins, variances = loss.DCLLoss(0.1), loss.BarlowTwinsLoss(), loss.VICRegLoss()
    return {
        "NT-Xent, T 0.2": {"lightly": lambda a, b, _: soft(a, b)},
        "NT-Xent, T 0.01": {"lightly": lambda a, b, _: sharp(a, b)},
        f"InfoNCE, queue {QUEUE:,}": {"lightly": lambda a, b, _: bank(a, b)},
        "DCL": {"lightly": lambda a, b, _: decoupled(a, b)},
        "Barlow Twins": {"lightly": lambda a, b, _: twins(a, b)},
        "VICReg": {"lightly": lambda a, b, _: variances(a, b)},
    }


def _metric_learning() -> dict[str, dict[str, Loss]]:
    if importlib.util.find_spec("pytorch_metric_learning") is None:
        return {}
    from pytorch_metric_learning import losses as theirs

    soft = theirs.SelfSupervisedLoss(theirs.NTXentLoss(0.2))
    sharp = theirs.SelfSupervisedLoss(theirs.NTXentLoss(0.01))
    classes, variances = theirs.SupConLoss(0.1), theirs.VICRegLoss()
    return {
        "NT-Xent, T 0.2": {"metric-learning": lambda a, b, _: soft(a, b)},
        "NT-Xent, T 0.01": {"metric-learning": lambda a, b, _: sharp(a, b)},
        "SupCon": {"metric-learning": lambda a, b, labels: classes(torch.cat([a, b]), labels.repeat(2))},
        "VICReg": {"metric-learning": lambda a, b, _: variances(a, ref_emb=b)},
    }
