"""Numbers that describe embeddings, each with what it means at both ends. One noun, one file.

Modules have a function of their own name, so `vergence.metrics.similarity`, for one, is the function.
"""

from __future__ import annotations

from vergence.metrics.alpha_req import AlphaReQ, alpha_req, alpha_req_null, power_law_exponent
from vergence.metrics.amounts import Amounts, amounts
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
from vergence.metrics.bimodality import Bimodality, bimodality
from vergence.metrics.chance import Chance
from vergence.metrics.cka import CKA, CKAMatrix, cka, cka_matrix, linear_cka
from vergence.metrics.cues import Cue, Cues, cues
from vergence.metrics.drift import Drift, drift, neighbour_overlap
from vergence.metrics.duplicates import DUPLICATE_BINS, DUPLICATE_THRESHOLDS, Duplicates, duplicates
from vergence.metrics.false_negatives import FalseNegatives, false_negatives
from vergence.metrics.gradients import Gradients, PartGradient, gradients, named_parts
from vergence.metrics.hypersphere import (
    Hypersphere,
    alignment,
    hypersphere,
    same_class_cosine,
    tolerance,
    uniformity,
    uniformity_floor,
)
from vergence.metrics.intrinsic_dimension import (
    IntrinsicDimension,
    IntrinsicNull,
    intrinsic_dimension,
    intrinsic_dimension_null,
    local_intrinsic_dimension,
    two_nn,
)
from vergence.metrics.isotropic import Isotropic, isotropic
from vergence.metrics.lidar import Lidar, lidar
from vergence.metrics.marginal_entropy import MarginalEntropy, marginal_entropy, marginal_entropy_null, sphere_entropy
from vergence.metrics.modality_gap import ModalityGap, centroid_gap, modality_gap
from vergence.metrics.neural_collapse import NeuralCollapse, neural_collapse
from vergence.metrics.norms import Norms, norms
from vergence.metrics.ordering import Ordering, anchor_auc, ordering, pooled_auc
from vergence.metrics.pairs import Chosen, PairLists, near_duplicates, pairs
from vergence.metrics.probes import Comparison, Probes, Reading, compare, probes
from vergence.metrics.prototype_usage import PrototypeUsage, RandomUsage, prototype_usage, random_usage
from vergence.metrics.rotation_probe import ROTATIONS, RotationProbe, rotation_probe
from vergence.metrics.sigreg import Sigreg, sigreg, sigreg_band
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
from vergence.metrics.step_profile import StepProfile, step_profile
from vergence.metrics.subclass_variance import SubclassVariance, subclass_variance
from vergence.metrics.teacher import Teacher, teacher
from vergence.metrics.temperature import Temperature, coupling, gradient_shares, temperature
from vergence.metrics.thresholds import Thresholds, thresholds
from vergence.metrics.uniformity_wasserstein import (
    UniformityWasserstein,
    uniformity_wasserstein,
    uniformity_wasserstein_null,
    uniformity_wasserstein_of_rank,
)
from vergence.metrics.weight_change import PartChange, WeightSample, weight_change, weight_sample

__all__ = [
    "BINS",
    "CKA",
    "DUPLICATE_BINS",
    "DUPLICATE_THRESHOLDS",
    "OFFSETS",
    "QUANTILES",
    "ROTATIONS",
    "AlphaReQ",
    "Amounts",
    "Attention",
    "Bimodality",
    "CKAMatrix",
    "Chance",
    "Chosen",
    "Comparison",
    "Cue",
    "Cues",
    "Drift",
    "Duplicates",
    "FalseNegatives",
    "Gradients",
    "Hypersphere",
    "IntrinsicDimension",
    "IntrinsicNull",
    "Isotropic",
    "Lidar",
    "MarginalEntropy",
    "ModalityGap",
    "NeuralCollapse",
    "Norms",
    "Offset",
    "Ordering",
    "PairLists",
    "PartChange",
    "PartGradient",
    "Probes",
    "PrototypeUsage",
    "RandomUsage",
    "Reading",
    "RotationProbe",
    "Sigreg",
    "Similarity",
    "Sinks",
    "Spectrum",
    "StepProfile",
    "SubclassVariance",
    "Teacher",
    "Temperature",
    "Thresholds",
    "UniformityWasserstein",
    "WeightSample",
    "alignment",
    "alpha_req",
    "alpha_req_null",
    "amounts",
    "anchor_auc",
    "attention",
    "bimodality",
    "centroid_gap",
    "cka",
    "cka_matrix",
    "compare",
    "coupling",
    "cues",
    "distance",
    "drift",
    "duplicates",
    "entropy",
    "false_negatives",
    "gradient_shares",
    "gradients",
    "grid_of",
    "hypersphere",
    "intrinsic_dimension",
    "intrinsic_dimension_null",
    "isotropic",
    "lidar",
    "linear_cka",
    "local_intrinsic_dimension",
    "marginal_entropy",
    "marginal_entropy_null",
    "mean_correlation",
    "modality_gap",
    "named_parts",
    "near_duplicates",
    "neighbour_overlap",
    "neural_collapse",
    "norms",
    "offset",
    "ordering",
    "pairs",
    "participation_ratio",
    "pooled_auc",
    "power_law_exponent",
    "probes",
    "prototype_usage",
    "random_usage",
    "rank_centred",
    "rank_me",
    "rollout",
    "rotation_probe",
    "same_class_cosine",
    "sigreg",
    "sigreg_band",
    "similarity",
    "singular_values",
    "sinks",
    "spectrum",
    "sphere_entropy",
    "stable_rank",
    "step_profile",
    "subclass_variance",
    "teacher",
    "temperature",
    "thresholds",
    "tolerance",
    "two_nn",
    "uniform_distance",
    "uniform_entropy",
    "uniform_mass",
    "uniform_offset",
    "uniformity",
    "uniformity_floor",
    "uniformity_wasserstein",
    "uniformity_wasserstein_null",
    "uniformity_wasserstein_of_rank",
    "unit_spread",
    "weight_change",
    "weight_sample",
]
