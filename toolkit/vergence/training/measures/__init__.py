"""Measurements: tensors in, scalars and frames of a History out. One file per noun; `base` says what they share."""

from __future__ import annotations

from vergence.training.measures.base import Frames, Measured, Sample, Snapshot

__all__ = ["Frames", "Measured", "Sample", "Snapshot"]
