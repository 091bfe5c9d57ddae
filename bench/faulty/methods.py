"""The methods of the benchmark, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vergence import methods
from vergence.methods import Recipe

__all__ = ["METHODS", "recipe"]

METHODS: dict[str, Callable[..., Recipe]] = {
    "SimCLR": methods.SimCLR,
    "SimSiam": methods.SimSiam,
    "BYOL": methods.BYOL,
    "VICReg": methods.VICReg,
    "BarlowTwins": methods.BarlowTwins,
    "MoCo v2": methods.MoCo,
    "SwAV": methods.SwAV,
    "DINO": lambda **more: methods.DINO(classes=256, **more),
    "SupCon": methods.SupCon,
    # BatchNorm at the end of a head keeps its columns spread: without it a collapse is complete.
    "SimSiam, linear head": lambda **more: methods.SimSiam(projector="linear", **more),
    "BYOL, linear head": lambda **more: methods.BYOL(projector="linear", **more),
    "CLIP": methods.CLIP,
    # What calibration never sees.
    "LeJEPA": lambda **more: methods.LeJEPA(**more),
    "MoCo v3": lambda **more: methods.MoCo("v3", **more),
    "W-MSE": methods.WMSE,
    "AMCL": methods.AMCL,
    "CARE": lambda **more: methods.CARE(group=16, **more),
    "MoCHi": methods.MoCHi,
    "Feature transformation": methods.FeatureTransformation,
    "MCL": lambda **more: methods.MCL(stage_steps=100, **more),
    "SimSiam, direct": lambda **more: methods.SimSiam("direct", **more),
}


def recipe(name: str, dim: int, temperature: float | None, views: Any = None) -> Recipe:
    """The method, with what is not as usual."""
    more: dict[str, Any] = {} if temperature is None else {"temperature": temperature}
    if name == "AMCL":
        dim = 3 * max(1, dim // 3)  # its three heads share it
    return METHODS[name](dim=dim, views=views, **more)
