"""Numbers that describe embeddings, each with what it means at both ends. One noun, one file.

Two modules have a function of their own name, so `vergence.metrics.similarity` is the function.
"""

from __future__ import annotations

from vergence.metrics.hypersphere import (
    Hypersphere,
    alignment,
    hypersphere,
    same_class_cosine,
    tolerance,
    uniformity,
    uniformity_floor,
)
from vergence.metrics.similarity import BINS, QUANTILES, Similarity, similarity

__all__ = [
    "BINS",
    "QUANTILES",
    "Hypersphere",
    "Similarity",
    "alignment",
    "hypersphere",
    "same_class_cosine",
    "similarity",
    "tolerance",
    "uniformity",
    "uniformity_floor",
]
