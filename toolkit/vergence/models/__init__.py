"""Encoders (items to representations h) and heads (h to embeddings z), short enough to read in class."""

from __future__ import annotations

from vergence.models.conv import ConvEncoder
from vergence.models.heads import LinearHead, NoHead, Prototypes, Reweight
from vergence.models.mlp import MLPEncoder, Projector
from vergence.models.multi_head import MultiHead
from vergence.models.predictor import DirectPredictor, Predictor
from vergence.models.queue import Queue
from vergence.models.teacher import Teacher
from vergence.models.vit import ViTEncoder
from vergence.models.words import WordEncoder

__all__ = [
    "ConvEncoder",
    "DirectPredictor",
    "LinearHead",
    "MLPEncoder",
    "MultiHead",
    "NoHead",
    "Predictor",
    "Projector",
    "Prototypes",
    "Queue",
    "Reweight",
    "Teacher",
    "ViTEncoder",
    "WordEncoder",
]
