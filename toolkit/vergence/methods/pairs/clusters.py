"""Groups of items that look alike to a model, found without labels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from vergence import errors, shapes

__all__ = ["Clusters", "clusters", "mutual_information"]

RESTARTS = 4


@dataclass(frozen=True)
class Clusters:
    """ids: (items,), 0 to found - 1. centres: (found, dim). found: how many clusters there are.

    `found` is below what was asked for where fewer rows differ from one another: a collapsed model has one.
    """

    ids: Int[Tensor, " items"]
    centres: Float[Tensor, "found dim"]

    @property
    def found(self) -> int:
        """How many clusters there are."""
        return len(self.centres)

    @property
    def sizes(self) -> Int[Tensor, " found"]:
        """How many items each has."""
        return torch.bincount(self.ids, minlength=self.found)

    def purity(self, labels: Int[Tensor, " items"]) -> float:
        """The share of items whose label is the most frequent one of their cluster: 1 / classes by chance, at best 1.

        Rises with the number of clusters, to 1 at one item each: compare equal numbers only. Raises ShapeError.
        """
        shapes.check_labels("purity", labels, len(self.ids))
        _, label = torch.unique(labels.cpu(), return_inverse=True)
        table = torch.zeros(self.found, int(label.max()) + 1)
        table.index_put_((self.ids, label), torch.ones(len(label)), accumulate=True)
        return float(table.amax(1).sum() / len(label))


def clusters(z: Float[Tensor, "items dim"], n: int, *, seed: int = 0, unit: bool = True) -> Clusters:
    """k-means on embeddings, or on raw items.

    z: (items, dim). n: how many clusters, from 1 to items. seed: of the first centres; the same z and seed give the
    same ids. unit: rows are normalised first, so that clusters are caps on the sphere, as a cosine loss sees them;
    False for raw items, whose length means something.

    Negatives from inside an anchor's own cluster cannot be told apart by what made the cluster: another
    feature must be learned. How well that works can be known beforehand: by the mutual information of the
    clusters with the feature that is to be set aside (`mutual_information`).

    Raises ShapeError, NotFinite, ArgumentError.
    Source: Zhang et al. 2024, arXiv:2402.11816, section 3, which clusters by k-means after each stage.
    """
    shapes.check_embeddings("clusters", "z", z)
    shapes.check_finite("clusters", "z", z)
    shapes.check_count("clusters", "n", n)
    if n > len(z):
        raise errors.ArgumentError(
            f"clusters: n is {n} but there are {len(z)} items. Use n={len(z)} or less, for example "
            f"{max(1, len(z) // 30)}."
        )
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    rows = z.detach().cpu().float()
    rows = normalize(rows) if unit else rows
    with warnings.catch_warnings():
        # It warns of fewer different rows than clusters; `found` says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(n, n_init=RESTARTS, random_state=seed % 2**32).fit(rows.numpy())
    ids = torch.from_numpy(found.labels_).long()
    used, ids = torch.unique(ids, return_inverse=True)
    return Clusters(ids, torch.from_numpy(found.cluster_centers_).float()[used])


def mutual_information(a: Int[Tensor, " items"], b: Int[Tensor, " items"]) -> float:
    r"""How much two groupings of the same items have in common, from 0 (nothing) to 1 (the same groups).

        NMI(a, b) = I(a; b) / ((H(a) + H(b)) / 2)

    a, b: (items,) integer ids; which number a group has does not matter. Groupings of one group each read 1, a
    grouping of one group against any other 0. Many small groups read above 0 by chance alone.

    Raises ShapeError.
    """
    for name, ids in (("a", a), ("b", b)):
        shapes.check_labels("mutual_information", ids, _items(a), name=name)
    from sklearn.metrics import normalized_mutual_info_score

    # One group each: sklearn reads 1 there, and 0 as soon as one has two groups.
    return float(normalized_mutual_info_score(a.cpu().numpy(), b.cpu().numpy()))


def _items(ids: object) -> int:
    """How many, whatever it is: the check that follows says what is wrong with it."""
    return len(ids) if isinstance(ids, Tensor) and ids.ndim else 0
