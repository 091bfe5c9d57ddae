"""NT-Xent inside clusters: what already tells clusters apart cannot lower it, so something else must be learned."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import shapes
from vergence.geometry import full_precision
from vergence.losses.loss import Base, Check, check_two_views, two_views
from vergence.losses.partition import log_partition
from vergence.losses.several_views import unit_rows
from vergence.shapes import Embeddings, Labels, Scalar

__all__ = ["ClusterContrast", "cluster_contrast"]


def cluster_contrast(a: Embeddings, b: Embeddings, *, groups: Labels, temperature: float) -> Scalar:
    r"""How badly each row of either view picks out its partner among the rows of its own cluster.

        cluster_contrast(a, b) = mean over the 2N anchors i of
                                 -s_ip / T + log  sum over j != i in the cluster of i of  exp(s_ij / T)

    a, b: (batch, dim), batch N >= 2; row k of both is one sample. Rows are normalised here; s is their cosine.
    groups: (batch,) integers: samples with the same id are one cluster; both views of a sample are in it.
    p: the anchor's partner in the other view, always in the sum. temperature: T > 0, no unit.

    Used in stages: samples are clustered by what the stage before has learned. Within a cluster that is nearly constant
    and separates nobody, so a feature that was suppressed has to. With one cluster for all this is NT-Xent.

    When all rows coincide it reads the mean over anchors of ln(2 n - 1), n the size of the anchor's cluster in this
    batch. A sample that is alone in its cluster has no negatives: it reads 0, gives no gradient, and stays in the
    mean. With many more clusters than rows per batch little is learned: draw batches from few clusters.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, TooFewRows, DeviceMismatch, ArgumentError.
    Source: Zhang et al. 2024, arXiv:2402.11816, feature-aware negative sampling, on NT-Xent of Chen et al. 2020,
    arXiv:2002.05709; their cluster assignments of all stages so far, joined into one id, are our groups.
    """
    pull, push = _terms("cluster_contrast", a, b, groups, temperature)
    return pull + push


class ClusterContrast(Base):
    """NT-Xent inside clusters as an object: the loss, its terms and its pair weights.

    temperature: > 0; 0.5 as `NTXent`. Called as loss(z1, z2, groups=groups). There is no line for chance: it depends on
    the sizes of the clusters in the batch.

    Raises ArgumentError.
    """

    name = "cluster contrast"
    variant = "NT-Xent, 2N anchors, negatives from the anchor's own cluster in both views, mean over anchors"
    source = "Zhang et al. 2024, arXiv:2402.11816"
    views = 2
    needs = ("groups",)
    ranges: ClassVar[dict[str, Check]] = {"temperature": shapes.check_positive}

    def __init__(self, temperature: float = 0.5) -> None:
        super().__init__(temperature=temperature)

    @property
    def temperature(self) -> float:
        """T; change it with `set`."""
        return self._settings["temperature"]

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull`, -mean s_ip / T: falls as partners meet, to -1/T. `push`: falls as rows of a cluster part."""
        groups = self.given(more)["groups"]
        pull, push = _terms(self.name, *two_views(self.name, views), groups, self.temperature)
        return {"pull": pull, "push": push}

    def pair_weights(self, *views: Tensor, **more: Any) -> Float[Tensor, "rows rows"]:
        r"""How hard the loss moves each cosine: dL/ds, anchors down, partners across.

            w_ij = (softmax_ij - [j is i's partner]) / (2N T),   softmax over j != i in the cluster of i

        0 across clusters. Rows 0..N-1 are view 1, N..2N-1 view 2. Each row sums to 0.

        Raises as `cluster_contrast`. Computed on detached input.
        Source: Wang & Liu 2020, arXiv:2012.09740, section 3, there for one anchor and no clusters.
        """
        groups = self.given(more)["groups"]
        a, b = two_views(self.name, views)
        ids = _ids(self.name, a, b, groups)
        n = len(a)
        with torch.no_grad(), full_precision(a.device):
            z = unit_rows((a, b))
            logits = ((z / self.temperature) @ z.T).masked_fill(ids[:, None] != ids, -math.inf)
            logits.fill_diagonal_(-math.inf)
            weights = torch.softmax(logits, dim=1)
            weights.diagonal(n)[:] -= 1
            weights.diagonal(-n)[:] -= 1
            return weights / (2 * n * self.temperature)


def _terms(call: str, a: Tensor, b: Tensor, groups: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    ids = _ids(call, a, b, groups)
    shapes.check_positive(call, "temperature", temperature)
    with full_precision(a.device):
        z = unit_rows((a, b))
        first, second = z.chunk(2)
        pull = -(first * second).sum(1).mean() / temperature
        return pull, log_partition(z, z, temperature, skip_self=True, within=(ids, ids)).mean()


def _ids(call: str, a: Tensor, b: Tensor, groups: Tensor) -> Tensor:
    """The cluster of every row of both views."""
    check_two_views(call, a, b)
    shapes.check_labels(call, groups, len(a), name="groups")
    return groups.detach().to(a.device, torch.long).repeat(2)
