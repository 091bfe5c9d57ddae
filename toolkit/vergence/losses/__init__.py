"""Losses that can be taken apart and know their own scale. One file each."""

from __future__ import annotations

from vergence.losses.info_nce import InfoNCE, info_nce
from vergence.losses.loss import Loss
from vergence.losses.nt_xent import NTXent, nt_xent
from vergence.losses.vicreg import VICReg, vicreg

__all__ = ["InfoNCE", "Loss", "NTXent", "VICReg", "info_nce", "nt_xent", "vicreg"]
