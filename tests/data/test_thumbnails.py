"""Pictures of any item: told apart by shape, on one scale, never too large, the same every time."""

from __future__ import annotations

import itertools

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import vergence as vg
from vergence.data.thumbnails import GROUND, HIGH, INK, MOST_BYTES, WIDE, thumbnails

SHAPES = st.lists(st.integers(1, 70), min_size=1, max_size=3).map(lambda sides: (3, *sides))
VALUES = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(arrays.arrays(np.float32, SHAPES, elements=VALUES, fill=st.floats(-2, 2, width=32)))
def test_any_floats_give_a_picture_or_none_and_the_same_twice(values):
    items = torch.from_numpy(values.copy())
    found = thumbnails(items)
    if found is None:
        assert set(np.unique(values)) <= {0.0, 1.0}, "only one-hot rows have none"
        return
    assert found.dtype == np.uint8
    assert found.shape[0] == len(items)
    assert found.shape[3] == 3
    assert max(found.shape[1:3]) <= 64
    assert np.array_equal(found, thumbnails(items))
    assert np.array_equal(values, items.numpy(), equal_nan=True), "items are left as they were"


@pytest.mark.parametrize(
    "shape", [(512, 3, 32, 32), (512, 1, 224, 224), (512, 3, 8, 300), (512, 64, 64, 3), (1000, 3, 64, 64), (512, 300)]
)
def test_together_they_stay_small(shape):
    found = thumbnails(torch.rand(shape, generator=torch.Generator().manual_seed(0)))
    assert found.nbytes <= MOST_BYTES
    assert len(found) == shape[0]


def test_a_picture_keeps_its_sides_in_proportion():
    assert thumbnails(torch.rand(4, 3, 50, 100)).shape == (4, 32, 64, 3)
    assert thumbnails(torch.rand(512, 3, 64, 64)).shape == (512, 32, 32, 3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_any_number_of_channels(channels):
    images = torch.rand(5, channels, 12, 12)
    found = thumbnails(images)
    assert found.shape == (5, 12, 12, 3)
    grey = (found[..., 0] == found[..., 1]).all()
    assert grey == (channels < 3)
    if channels >= 3:
        wanted = (images[:, :3].permute(0, 2, 3, 1).numpy() * 255).round()
        assert np.array_equal(found, wanted)


def test_channels_last_and_first_are_one_picture():
    images = torch.rand(5, 12, 14, 3)
    assert np.array_equal(thumbnails(images), thumbnails(images.permute(0, 3, 1, 2)))


def test_bytes_and_unit_range_are_drawn_as_they_are():
    images = torch.randint(0, 100, (4, 3, 9, 9), dtype=torch.uint8)
    assert np.array_equal(thumbnails(images), images.permute(0, 2, 3, 1).numpy())
    dark = torch.full((4, 3, 9, 9), 0.2)
    assert set(np.unique(thumbnails(dark))) == {51}


def test_one_wild_value_does_not_make_all_others_grey():
    images = torch.randn(40, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    calm = thumbnails(images).astype(int)
    images[0, 0, 0, 0] = 1e6
    wild = thumbnails(images).astype(int)
    assert np.abs(calm - wild).mean() < 2
    assert wild[1:].std() > 40


def test_what_is_not_finite_is_black_or_white_and_the_rest_is_seen():
    images = torch.rand(4, 1, 8, 8) * 10 - 5
    images[0, 0, 0] = float("nan")
    images[1, 0, 0] = float("inf")
    images[2, 0, 0] = float("-inf")
    found = thumbnails(images)
    assert (found[0, 0] == 0).all()
    assert (found[1, 0] == 255).all()
    assert (found[2, 0] == 0).all()
    assert found[3].std() > 20


def test_grey_pictures_without_a_channel_axis():
    images = torch.rand(4, 28, 28)
    assert np.array_equal(thumbnails(images), thumbnails(images[:, None]))
    assert thumbnails(torch.rand(3, 8, 8)).shape == (3, 8, 8, 3)
    assert thumbnails(torch.rand(3, 64, 128)).shape == (3, 32, 64, 3)


@pytest.mark.parametrize("shape", [(6, 200), (6, 1, 50), (6, 3, 100), (6, 12, 1000), (6, 2, 8)])
def test_series_are_curves(shape):
    found = thumbnails(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    assert found.shape == (6, HIGH, WIDE, 3)
    assert (found == INK).any()
    assert (found[..., 0] < GROUND).any(1).all(), "every column is drawn"


def test_a_curve_stands_where_its_values_are():
    rising = torch.linspace(-1, 1, 100).repeat(3, 1)
    drawn = thumbnails(rising)[0, :, :, 0] < GROUND
    middle = [np.flatnonzero(column).mean() for column in drawn.T]
    assert all(later <= earlier for earlier, later in itertools.pairwise(middle)), "up is up"
    assert middle[0] > HIGH - 3
    assert middle[-1] < 3


def test_a_gap_in_a_series_is_a_gap():
    series = torch.randn(2, 400)
    series[0, 100:300] = float("nan")
    drawn = (thumbnails(series)[..., 0] < GROUND).any(1)
    assert not drawn[0, 11:29].any()
    assert drawn[0, :9].all()
    assert drawn[1].all()


def test_all_series_of_a_set_share_one_scale():
    series = torch.sin(torch.linspace(0, 20, 200)).repeat(2, 1)
    series[1] *= 0.2
    reach = [np.flatnonzero((thumbnails(series)[i, :, :, 0] < GROUND).any(1)) for i in range(2)]
    assert np.ptp(reach[1]) < 0.4 * np.ptp(reach[0])


def test_vectors_are_bars_up_and_down():
    found = thumbnails(torch.tensor([[1.0, 0.0, -1.0, 0.5], [0.2, 0.4, 0.1, 0.3]]))[0, :, :, 0]
    filled = [(found[:, at] < GROUND).sum() for at in (5, 15, 25, 35)]
    assert filled[0] > filled[3] > filled[1]
    assert (found[: HIGH // 2 - 1, 5] == INK).all(), "up is dark"
    assert (found[: HIGH // 2 - 1, 25] == GROUND).all(), "down is below"
    assert (found[HIGH // 2 + 1 :, 25] < GROUND).all()


@pytest.mark.parametrize(
    "items",
    [
        torch.randint(0, 30_000, (8, 20)),
        torch.nn.functional.one_hot(torch.arange(8)),
        torch.nn.functional.one_hot(torch.arange(8)).float(),
        torch.nn.functional.one_hot(torch.randint(0, 9, (8, 20))).bool(),
        torch.randn(8),
        torch.zeros(0, 3, 4, 4),
        torch.randn(2, 3, 4, 8, 8),
    ],
    ids=["tokens", "one-hot", "one-hot floats", "one-hot in time", "numbers", "nothing", "five axes"],
)
def test_what_has_no_picture(items):
    assert thumbnails(items) is None


def test_booleans_of_several_are_bars():
    assert thumbnails(torch.tensor([[True, False, True], [True, True, False]])).shape == (2, HIGH, WIDE, 3)


def test_a_source_of_vectors_has_pictures_and_they_are_of_its_reference():
    rows, labels = torch.randn(100, 8), torch.arange(100) % 3
    source = vg.data.source(rows, labels)
    assert np.array_equal(source.thumbnails(20), thumbnails(source.reference(20)[0]))
    listed = vg.data.source([(row, int(label)) for row, label in zip(rows, labels, strict=True)])
    assert listed.thumbnails(20).shape == (20, HIGH, WIDE, 3)
