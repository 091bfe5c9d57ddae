"""Pair makers: which rows are compared, and rows that no item has.

hard_mixes      further negatives, mixed of the hardest ones and of the query itself
Extrapolation   positives moved apart and negatives mixed, between the head and the loss
clusters        ids of items that look alike to a model: negatives from inside one's own cluster
OneOfEach       batches with at most one item of each pseudo-class
"""

from __future__ import annotations

from vergence.methods.pairs.clusters import Clusters, clusters, mutual_information
from vergence.methods.pairs.extrapolation import Extrapolation, extrapolated, interpolated, score_after
from vergence.methods.pairs.mochi import Mixes, hard_mixes, mochi
from vergence.methods.pairs.pseudo_labels import OneOfEach, false_negative_rate, one_of_each

__all__ = [
    "Clusters",
    "Extrapolation",
    "Mixes",
    "OneOfEach",
    "clusters",
    "extrapolated",
    "false_negative_rate",
    "hard_mixes",
    "interpolated",
    "mochi",
    "mutual_information",
    "one_of_each",
    "score_after",
]
