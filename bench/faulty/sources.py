"""The data of the benchmark, by name, each for a seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import StandardScaler

from vergence import data, views

__all__ = ["DATA", "source", "views_of"]

DATA: dict[str, Callable[[int], Any]] = {
    "latent factors": lambda seed: data.latent_factors(n=2048, seed=seed),
    "subclasses": lambda seed: data.subclasses(n=2048, seed=seed),
    "digits": lambda _seed: data.digits(),
    "two towers": lambda seed: data.two_towers(n=2048, seed=seed),
    "signal and noise": lambda seed: data.signal_noise(noise=0.5, n=4096, seed=seed),
    # What calibration never sees.
    "many classes": lambda seed: data.subclasses(separation=4.0, classes=12, subclasses=2, n=3072, dim=48, seed=seed),
    "cells": lambda _seed: _cells(),
    "few factors": lambda seed: data.latent_factors(noise=0.2, nuisance=0.5, separation=2.0, n=2560, seed=seed),
    "rows of digits": lambda _seed: _rows_of_digits(),
    "near subclasses": lambda seed: data.subclasses(separation=1.5, classes=4, subclasses=3, n=2048, dim=24, seed=seed),
    "other factors": lambda seed: data.latent_factors(noise=1.0, nuisance=1.5, separation=1.5, n=3072, seed=seed),
    "small pictures": lambda seed: data.tri_feature(n=1500, size=16, seed=seed),
    "wide towers": lambda seed: data.two_towers(gap=0.2, own=0.5, n=2048, seed=seed),
}


def _rows_of_digits() -> Any:
    """The digits as rows of 64 numbers: their views are noise on numbers, not crops of pictures."""
    images, kinds = load_digits(return_X_y=True)
    return data.source((images / 16).astype(np.float32), kinds, name="rows of digits")


def _cells() -> Any:
    """569 rows of 30 measurements of cells, in standard deviations, of two classes (Street et al. 1993)."""
    rows, kinds = load_breast_cancer(return_X_y=True)
    return data.source(StandardScaler().fit_transform(rows).astype(np.float32), kinds, name="cells")


MOST = 2
"""Factors of a kind of which the reference set keeps so many: sixteen probes are most of what a small run takes."""


@lru_cache(maxsize=8)
def source(name: str, seed: int) -> Any:
    """The data, made once."""
    made = DATA[name](seed)
    if not hasattr(made, "about_reference"):
        return made
    whole = made.about_reference

    def about_reference(n: int) -> dict[str, Any]:
        found = dict(whole(n))
        found["factors"] = {name: values for name, values in found.get("factors", {}).items() if _number(name) <= MOST}
        return found

    made.about_reference = about_reference
    return made


def _number(name: str) -> int:
    """Of "quantity 3": 3."""
    last = name.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def views_of(name: str) -> Any:
    """Views where the usual ones would change what an item means; None for the usual."""
    return views.Images(flip=0) if name == "digits" else None
