"""Losses that can be taken apart and know their own scale. One file each."""

from __future__ import annotations

from vergence.losses.alignment_uniformity import AlignmentUniformity, alignment_uniformity
from vergence.losses.amcl import AMCL, amcl, temperature_cost
from vergence.losses.attraction_repulsion import CACR, attraction_repulsion, attraction_repulsion_weights
from vergence.losses.barlow_twins import BarlowTwins, barlow_twins
from vergence.losses.byol import BYOL, byol
from vergence.losses.clip import CLIP, clip
from vergence.losses.clip_uniformity import ClipUniformity, clip_uniformity
from vergence.losses.cluster_contrast import ClusterContrast, cluster_contrast
from vergence.losses.cwcl import CWCL, cwcl
from vergence.losses.datum_index import DatumIndex, datum_index
from vergence.losses.dcl import DCL, DCLW, dcl, dclw
from vergence.losses.decoupled_uniformity import DecoupledUniformity, decoupled_uniformity
from vergence.losses.dino import DINO, dino
from vergence.losses.entropy_maximisation import EntropyMaximisation, effective_entropy
from vergence.losses.gathered import Gathered, accumulation
from vergence.losses.group_ordering import GroupOrdering, group_ordering, misordering, soft_permutation
from vergence.losses.group_whitening import ShuffledGroupWhitening, WhitenedContrast, group_whiten
from vergence.losses.hard_negatives import HCL, hard_negatives
from vergence.losses.ibot import IBOT, masked_patches
from vergence.losses.info_nce import InfoNCE, info_nce
from vergence.losses.isog_clr import ISogCLR
from vergence.losses.joint_sup_unsup import JointSupUnsup, joint_sup_unsup
from vergence.losses.koleo import KoLeo, koleo
from vergence.losses.loss import Loss
from vergence.losses.mann_whitney import MannWhitney, mann_whitney
from vergence.losses.momentum_contrast import MomentumContrast, momentum_contrast
from vergence.losses.multi_similarity import MultiSimilarity, multi_similarity
from vergence.losses.multi_view import MVInfoNCE, mv_info_nce
from vergence.losses.mv_dhel import MVDHEL, mv_dhel
from vergence.losses.nt_xent import NTXent, nt_xent
from vergence.losses.pairwise_multi_view import PairwiseMultiView
from vergence.losses.rotation_equivariance import RotationEquivariance, gram_matching, rotation_equivariance
from vergence.losses.sig_lip import SigLIP, sig_lip
from vergence.losses.sigreg import LeJEPA, le_jepa, sigreg
from vergence.losses.sim_siam import SimSiam, sim_siam
from vergence.losses.snr import SNRContrastive, snr_contrastive, snr_distance
from vergence.losses.soft_contrast import SoftContrast, soft_contrast, soft_targets
from vergence.losses.sog_clr import SogCLR
from vergence.losses.spectral_contrastive import SpectralContrastive, spectral_contrastive
from vergence.losses.sup_con import SupCon, sup_con
from vergence.losses.swav import SwAV, sinkhorn, swav
from vergence.losses.threshold_consistent import ThresholdConsistent, threshold_consistent
from vergence.losses.vicreg import VICReg, vicreg
from vergence.losses.whitening import WMSE, w_mse

__all__ = [
    "AMCL",
    "BYOL",
    "CACR",
    "CLIP",
    "CWCL",
    "DCL",
    "DCLW",
    "DINO",
    "HCL",
    "IBOT",
    "MVDHEL",
    "WMSE",
    "AlignmentUniformity",
    "BarlowTwins",
    "ClipUniformity",
    "ClusterContrast",
    "DatumIndex",
    "DecoupledUniformity",
    "EntropyMaximisation",
    "Gathered",
    "GroupOrdering",
    "ISogCLR",
    "InfoNCE",
    "JointSupUnsup",
    "KoLeo",
    "LeJEPA",
    "Loss",
    "MVInfoNCE",
    "MannWhitney",
    "MomentumContrast",
    "MultiSimilarity",
    "NTXent",
    "PairwiseMultiView",
    "RotationEquivariance",
    "SNRContrastive",
    "ShuffledGroupWhitening",
    "SigLIP",
    "SimSiam",
    "SoftContrast",
    "SogCLR",
    "SpectralContrastive",
    "SupCon",
    "SwAV",
    "ThresholdConsistent",
    "VICReg",
    "WhitenedContrast",
    "accumulation",
    "alignment_uniformity",
    "amcl",
    "attraction_repulsion",
    "attraction_repulsion_weights",
    "barlow_twins",
    "byol",
    "clip",
    "clip_uniformity",
    "cluster_contrast",
    "cwcl",
    "datum_index",
    "dcl",
    "dclw",
    "decoupled_uniformity",
    "dino",
    "effective_entropy",
    "gram_matching",
    "group_ordering",
    "group_whiten",
    "hard_negatives",
    "info_nce",
    "joint_sup_unsup",
    "koleo",
    "le_jepa",
    "mann_whitney",
    "masked_patches",
    "misordering",
    "momentum_contrast",
    "multi_similarity",
    "mv_dhel",
    "mv_info_nce",
    "nt_xent",
    "rotation_equivariance",
    "sig_lip",
    "sigreg",
    "sim_siam",
    "sinkhorn",
    "snr_contrastive",
    "snr_distance",
    "soft_contrast",
    "soft_permutation",
    "soft_targets",
    "spectral_contrastive",
    "sup_con",
    "swav",
    "temperature_cost",
    "threshold_consistent",
    "vicreg",
    "w_mse",
]
