"""Look inside a model while it runs, without changing it."""

from __future__ import annotations

from vergence.observe.attention import Layer, Seen, attention
from vergence.observe.projection import Map, projection

__all__ = ["Layer", "Map", "Seen", "attention", "projection"]
