"""Encoders (items to representations h) and heads (h to embeddings z), short enough to read in class."""

from __future__ import annotations

from vergence.models.conv import ConvEncoder
from vergence.models.mlp import MLPEncoder, Projector
from vergence.models.vit import ViTEncoder

__all__ = ["ConvEncoder", "MLPEncoder", "Projector", "ViTEncoder"]
