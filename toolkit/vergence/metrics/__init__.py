"""Numbers that describe embeddings, each with what it means at both ends. One noun, one file.

Modules have a function of their own name, so `vergence.metrics.similarity`, for one, is the function.
"""

from __future__ import annotations

from vergence.metrics.attention import (
    OFFSETS,
    Attention,
    Offset,
    Sinks,
    attention,
    distance,
    entropy,
    grid_of,
    offset,
    rollout,
    sinks,
    uniform_distance,
    uniform_entropy,
    uniform_mass,
    uniform_offset,
)
from vergence.metrics.hypersphere import (
    Hypersphere,
    alignment,
    hypersphere,
    same_class_cosine,
    tolerance,
    uniformity,
    uniformity_floor,
)
from vergence.metrics.isotropic import Isotropic, isotropic
from vergence.metrics.pairs import Chosen, PairLists, near_duplicates, pairs
from vergence.metrics.probes import Comparison, Probes, Reading, compare, probes
from vergence.metrics.similarity import BINS, QUANTILES, Similarity, similarity
from vergence.metrics.spectrum import (
    Spectrum,
    mean_correlation,
    participation_ratio,
    rank_centred,
    rank_me,
    singular_values,
    spectrum,
    stable_rank,
    unit_spread,
)
from vergence.metrics.temperature import Temperature, temperature

__all__ = [
    "BINS",
    "OFFSETS",
    "QUANTILES",
    "Attention",
    "Chosen",
    "Comparison",
    "Hypersphere",
    "Isotropic",
    "Offset",
    "PairLists",
    "Probes",
    "Reading",
    "Similarity",
    "Sinks",
    "Spectrum",
    "Temperature",
    "alignment",
    "attention",
    "compare",
    "distance",
    "entropy",
    "grid_of",
    "hypersphere",
    "isotropic",
    "mean_correlation",
    "near_duplicates",
    "offset",
    "pairs",
    "participation_ratio",
    "probes",
    "rank_centred",
    "rank_me",
    "rollout",
    "same_class_cosine",
    "similarity",
    "singular_values",
    "sinks",
    "spectrum",
    "stable_rank",
    "temperature",
    "tolerance",
    "uniform_distance",
    "uniform_entropy",
    "uniform_mass",
    "uniform_offset",
    "uniformity",
    "uniformity_floor",
    "unit_spread",
]
