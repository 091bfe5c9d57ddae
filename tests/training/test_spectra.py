"""The spectrum at every place: what a step hands over, named modules, and what only the reference set shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import vergence as vg
from tests.training.small import make, texts, vectors
from vergence.metrics import isotropic, spectrum
from vergence.training.measures.base import Sample
from vergence.training.measures.spectrum import measure_spectrum


def sample(*views: Any, place: str = "z") -> Sample:
    return Sample(place, views, None, None, torch.Generator().manual_seed(0))


def test_a_frame_and_its_scalars_are_what_the_metric_found():
    a, b = torch.randn(30, 6), torch.randn(30, 6)
    measured, found = measure_spectrum(sample(a, b)), spectrum(a, b)
    assert set(measured.frames) == {"spectrum/z"}
    arrays, meta = measured.frames["spectrum/z"]
    np.testing.assert_allclose(arrays["singular"], found.singular, rtol=1e-6)
    np.testing.assert_allclose(arrays["singular_centred"], found.singular_centred, rtol=1e-6)
    np.testing.assert_allclose(arrays["ceiling"], isotropic(60, 6).singular, rtol=1e-6)
    assert all(array.dtype == np.float32 for array in arrays.values())
    assert (meta["rows"], meta["rows_total"], meta["dim"], meta["rows_left_out"]) == (60, 60, 6, 0)
    assert meta["source"] == "batch"
    assert meta["ceilings"]["participation"] == isotropic(60, 6).participation
    names = ("rank", "rank_centred", "participation", "stable_rank", "std", "correlation")
    expected = {f"spectrum/z/{name}": getattr(found, name) for name in names}
    assert measured.scalars == expected | {"spectrum/z/ceiling": isotropic(60, 6).rank}
    assert measured.marks == {}


def test_rows_left_out_are_a_mark():
    rows = torch.randn(30, 6)
    rows[3] = math.nan
    assert measure_spectrum(sample(rows, place="h")).marks == {
        "rows_left_out": "1 of 30 rows of h are zero or not finite; they are left out of the spectrum."
    }


def test_wide_embeddings_are_measured_on_drawn_rows():
    found = measure_spectrum(sample(torch.randn(600, 640))).frames["spectrum/z"][1]
    assert (found["rows"], found["rows_total"]) == (512, 600)
    narrow = measure_spectrum(sample(torch.randn(600, 64))).frames["spectrum/z"][1]
    assert narrow["rows"] == 600


def test_a_run_measures_both_places_on_its_batch():
    run = make(every=1)
    run.start(steps=3)
    run.wait()
    for place in ("h", "z"):
        assert run.history.frames(f"spectrum/{place}") == (1, 2, 3)
        meta = run.history.frame(f"spectrum/{place}").meta
        assert (meta["source"], meta["rows"]) == ("batch", 32)


def loop(encoder: nn.Module, *, hand_h: bool, hand_z: bool, **more: Any) -> vg.Monitor:
    items, labels = vectors()
    monitor = vg.Monitor(encoder, reference=(items, labels), every=1, save=False, **more)
    for _ in range(3):
        z = encoder(items[:16])
        monitor.step(*([z, z + 0.1] if hand_z else []), h=z if hand_h else None, loss=1.0)
    return monitor


def test_where_the_step_hands_over_nothing_the_reference_set_is_measured():
    history = loop(nn.Linear(8, 6), hand_h=False, hand_z=True).history
    assert history.frames("spectrum/h")[0] == 0  # before the first update
    meta = history.frame("spectrum/h").meta
    assert (meta["source"], meta["rows"], meta["dim"]) == ("reference", 64, 6)
    assert history.frames("spectrum/z") == (1, 2, 3)
    assert history.frame("spectrum/z").meta["source"] == "batch"
    assert not texts(history, "failed")


def test_what_the_step_hands_over_is_not_measured_twice():
    history = loop(nn.Linear(8, 6), hand_h=True, hand_z=True).history
    assert history.frames("spectrum/h") == (1, 2, 3)
    assert history.frame("spectrum/h").meta["source"] == "batch"


def test_named_modules_are_measured_on_the_reference_set():
    encoder = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 6))
    history = loop(encoder, hand_h=True, hand_z=True, modules=("0",)).history
    assert history.frames("spectrum/0")[0] == 0
    meta = history.frame("spectrum/0").meta
    assert (meta["source"], meta["rows"], meta["dim"]) == ("reference", 64, 5)


@pytest.mark.parametrize("views", [(), (torch.ones(4),), (None,)])
def test_what_is_no_batch_of_rows_is_refused_in_words(views):
    with pytest.raises(vg.errors.ShapeError, match="spectrum: view"):
        measure_spectrum(sample(*views))
