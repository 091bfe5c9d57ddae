"""Chance and floor: the two lines that say whether a loss value is normal."""

from __future__ import annotations

import math

import pytest
import torch

from vergence.errors import ArgumentError
from vergence.geometry import unit
from vergence.losses import InfoNCE, NTXent, VICReg, info_nce, nt_xent

TABLE = {
    32: (4.1431, 0.0001, 0.0041, 0.3788, 2.2537),
    128: (5.5413, 0.0004, 0.0169, 1.0602, 3.5812),
    256: (6.2364, 0.0007, 0.0336, 1.5662, 4.2642),
    512: (6.9305, 0.0014, 0.0662, 2.1508, 4.9522),
    1024: (7.6241, 0.0028, 0.1285, 2.7849, 5.6428),
    4096: (9.0108, 0.0112, 0.4375, 4.1246, 7.0272),
}


@pytest.mark.parametrize("batch", TABLE)
def test_chance_and_floor_of_nt_xent(batch: int) -> None:
    chance, *floors = TABLE[batch]
    assert round(NTXent().chance(batch, 128), 4) == chance
    assert [round(NTXent(t).floor(batch, 128), 4) for t in (0.07, 0.1, 0.2, 0.5)] == floors


@pytest.mark.parametrize("kind", [NTXent, InfoNCE])
@pytest.mark.parametrize("temperature", [1e-6, 1e-3, 0.01, 0.1, 1.0, 1e3])
@pytest.mark.parametrize("dim", [1, 2, 3, 16, 128, 2048, 8192])
def test_floor_is_finite_and_between_zero_and_chance(kind: type, temperature: float, dim: int) -> None:
    loss = kind(temperature)
    floors = [loss.floor(batch, dim) for batch in (2, 32, 4096)]
    assert all(math.isfinite(value) for value in floors)
    assert floors == sorted(floors)
    for batch, value in zip((2, 32, 4096), floors, strict=True):
        assert 0 <= value <= loss.chance(batch, dim) + 1e-12


def test_floor_rises_with_temperature_towards_chance() -> None:
    floors = [NTXent(t).floor(256, 128) for t in (0.05, 0.1, 0.2, 0.5, 1.0, 10.0, 1000.0)]
    assert floors == sorted(floors)
    assert floors[-1] == pytest.approx(NTXent().chance(256, 128), abs=2e-3)


@pytest.mark.parametrize("dim", [3, 16, 128])
def test_floor_is_what_random_directions_with_aligned_partners_read(dim: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for_both, one_way = [], []
    for _ in range(8):
        z = unit(torch.randn(512, dim, generator=generator, dtype=torch.float64))
        for_both.append(float(nt_xent(z, z, temperature=0.5)))
        one_way.append(float(info_nce(z, z, temperature=0.5)))
    # In nt_xent each negative comes with its partner, so it is as if half as many were drawn: a wider mean.
    assert sum(for_both) / 8 == pytest.approx(NTXent(0.5).floor(512, dim), abs=0.01)
    assert sum(one_way) / 8 == pytest.approx(InfoNCE(0.5).floor(512, dim), abs=0.01)


@pytest.mark.parametrize("loss", [NTXent(), InfoNCE(), VICReg()], ids=lambda loss: loss.name)
@pytest.mark.parametrize(
    ("batch", "dim", "words"), [(0, 8, "batch is 0"), (8, 0, "dim is 0"), (2.5, 8, "batch is 2.5")]
)
def test_impossible_sizes_are_refused(loss: NTXent, batch: int, dim: int, words: str) -> None:
    for ask in (loss.chance, loss.floor, loss.reference_words):
        with pytest.raises(ArgumentError, match=f"{words}. It must be a whole number, 1 or above"):
            ask(batch, dim)
