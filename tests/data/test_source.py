"""`source` on tensors and arrays: every layout and type comes out as float32 (channels, height, width) or (dim,)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from vergence import errors
from vergence.data import Source, emoji, source

N = 6
rng = np.random.default_rng(0)
FIRST = rng.integers(0, 256, (N, 3, 10, 12), dtype=np.uint8)
EXPECTED = torch.from_numpy(FIRST).float() / 255


def items(made):
    return made.pair(torch.arange(len(made)), torch.Generator())[0]


def flipped(x):
    """The same values behind negative strides."""
    return np.ascontiguousarray(x[::-1])[::-1]


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(torch.from_numpy(FIRST), id="tensor NCHW uint8"),
        pytest.param(FIRST, id="array NCHW uint8"),
        pytest.param(FIRST.transpose(0, 2, 3, 1), id="array NHWC uint8, not contiguous"),
        pytest.param(np.ascontiguousarray(FIRST.transpose(0, 2, 3, 1)), id="array NHWC uint8"),
        pytest.param(torch.from_numpy(FIRST).permute(0, 2, 3, 1), id="tensor NHWC"),
        pytest.param(FIRST.astype(np.int64), id="int64 levels"),
        pytest.param(FIRST.astype(np.uint16), id="uint16 levels"),
        pytest.param(FIRST / 255, id="float64"),
        pytest.param((FIRST / 255).astype(np.float32), id="float32"),
        pytest.param((FIRST / 255).astype(">f8"), id="big-endian"),
        pytest.param(flipped(FIRST), id="negative strides"),
        pytest.param(torch.from_numpy(FIRST / 255).requires_grad_(), id="needs grad"),
    ],
)
def test_layouts_and_types_agree(x):
    made = source(x)
    assert isinstance(made, Source)
    assert made.item_shape == (3, 10, 12)
    assert made.kinds_of_positives == ("same image",)
    out = items(made)
    assert out.dtype == torch.float32
    assert not out.requires_grad
    assert torch.allclose(out, EXPECTED, atol=1e-6)
    assert made.notes == ()


def test_half_precision_booleans_and_grey():
    assert torch.allclose(items(source(EXPECTED.half())), EXPECTED, atol=1e-3)
    mask = FIRST[:, 0] > 127
    made = source(mask)
    assert made.item_shape == (1, 10, 12)
    assert torch.equal(items(made)[:, 0], torch.from_numpy(mask).float())
    assert source(FIRST[:, 0]).item_shape == source(FIRST[:, :1]).item_shape == (1, 10, 12)


def test_read_only_memory_is_fine():
    x = FIRST.copy()
    x.flags.writeable = False
    assert torch.equal(items(source(x)), EXPECTED)


def test_vectors():
    x = rng.normal(size=(N, 7))
    made = source(x)
    assert made.item_shape == (7,)
    assert made.positives == "same row"
    assert made.thumbnails(3).shape[0] == 3, "bars"
    assert made.notes == ()
    assert torch.allclose(items(made), torch.from_numpy(x).float())
    assert torch.equal(items(source(np.arange(12).reshape(6, 2)))[:, 0], torch.arange(0.0, 12, 2))


def test_both_items_of_a_pair_are_the_sample():
    a, b = source(FIRST).pair(torch.tensor([4, 1, 4]), torch.Generator())
    assert torch.equal(a, b)
    assert torch.equal(a, EXPECTED[[4, 1, 4]])


@pytest.mark.parametrize(
    ("labels", "ids", "names"),
    [
        ([0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 2], None),
        (np.array([3.0, 1, 2, 3, 1, 2]), [3, 1, 2, 3, 1, 2], None),
        (torch.tensor([[0], [1], [2], [0], [1], [2]]), [0, 1, 2, 0, 1, 2], None),
        ([True, False] * 3, [1, 0] * 3, None),
        (["dog", "cat", "owl"] * 2, [1, 0, 2] * 2, ["cat", "dog", "owl"]),
        (np.array(["dog", "cat", "owl"] * 2, dtype=object), [1, 0, 2] * 2, ["cat", "dog", "owl"]),
    ],
)
def test_labels_of_every_kind(labels, ids, names):
    for made in (source(FIRST, labels), source((FIRST, labels))):
        assert made.labels.tolist() == ids
        assert made.labels.dtype == torch.int64
        assert made.label_names == names
        assert made.label_of(torch.tensor([5, 0])).tolist() == [ids[5], ids[0]]


def test_labels_may_be_absent_or_refused():
    assert source(FIRST).labels is None
    assert source(FIRST).label_of(torch.tensor([0])) is None
    assert source(FIRST).reference(3)[1] is None
    assert source((FIRST, [0] * N), labels=False).labels is None


def test_a_tensor_dataset_is_taken_whole():
    made = source(TensorDataset(torch.from_numpy(FIRST), torch.arange(N)))
    assert torch.equal(items(made), EXPECTED)
    assert made.labels.tolist() == list(range(N))
    assert source(TensorDataset(torch.from_numpy(FIRST))).labels is None


def test_a_source_passes_through():
    made = emoji()
    assert source(made) is made
    with pytest.raises(errors.ArgumentError, match="is a source already"):
        source(made, size=16)


def test_reference_is_spread_and_thumbnails_are_it():
    made = source(np.arange(1000, dtype=np.float32).reshape(1000, 1))
    assert made.reference(4)[0].flatten().tolist() == [0, 250, 500, 750]
    assert len(made.reference(5000)[0]) == 1000
    images = source(FIRST)
    assert np.array_equal(images.thumbnails(6), FIRST.transpose(0, 2, 3, 1))
    large = source(rng.random((3, 1, 130, 65), dtype=np.float32)).thumbnails(2)
    assert large.shape == (2, 64, 32, 3)


def test_size_scales_the_shorter_side_and_cuts_the_centre():
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (2, 32, 1))  # 32 high, 64 wide
    made = source(ramp, size=16)
    assert made.item_shape == (1, 16, 16)
    row = items(made)[0, 0, 8]
    # Of 64 columns scaled to 32, the middle 16 are left: from a quarter to three quarters.
    assert row[0].item() == pytest.approx(0.25, abs=0.02)
    assert row[-1].item() == pytest.approx(0.75, abs=0.02)
    assert source(FIRST, size=5).item_shape == (3, 5, 5)
    assert items(source(np.full((2, 9, 9), 255, np.uint8), size=8)).eq(1).all()


def test_values_outside_0_to_1_are_left_alone_and_noted():
    normalised = (FIRST / 255 - 0.5) / 0.25
    made = source(normalised)
    assert torch.allclose(items(made), torch.from_numpy(normalised).float())
    assert made.value_range == pytest.approx((normalised.min(), normalised.max()))
    assert "left as they are" in made.notes[0]
    pictures = made.thumbnails(N)
    assert pictures.min() == 0
    assert pictures.max() == 255
    forgotten = source(FIRST.astype(np.float32))
    assert "divide by 255" in forgotten.notes[0]
    assert forgotten.notes[0] in repr(forgotten)


def test_groups_pair_different_members():
    x = np.arange(8, dtype=np.float32)[:, None]
    groups = ["a", "b", "a", "b", "a", "c", "a", "c"]
    made = source(x, groups=groups)
    assert made.kinds_of_positives == ("same group", "same row")
    index = torch.arange(8).repeat(500)
    a, b = made.pair(index, torch.Generator().manual_seed(0))
    first, second = a[:, 0].long(), b[:, 0].long()
    assert torch.equal(first, index)
    assert (first != second).all()
    assert all(groups[i] == groups[j] for i, j in zip(first.tolist(), second.tolist(), strict=True))
    chosen = second[first == 0].bincount(minlength=8)
    assert chosen[[2, 4, 6]].min() > 130  # 500 draws over three partners
    ids = made.positives_of(torch.tensor([0, 2, 1]))
    assert ids[0] == ids[1] != ids[2]
    made.positives = "same row"
    assert torch.equal(*made.pair(index, torch.Generator()))
    assert made.positives_of(index) is None


def test_a_negative_group_is_alone():
    made = source(np.arange(4, dtype=np.float32)[:, None], groups=[-1, 7, 7, -1])
    b = made.pair(torch.arange(4), torch.Generator())[1]
    assert b[:, 0].tolist() == [0, 2, 1, 3]
    assert made.positives_of(torch.arange(4)).tolist() == [-1, 7, 7, -1]


class Stream(IterableDataset):
    def __iter__(self):
        yield from range(3)


class Frame:
    """What a pandas table looks like from outside."""

    def __len__(self):
        return 3

    def __getitem__(self, key):
        raise KeyError(key)

    def to_numpy(self):
        return np.zeros((3, 2))


nan = FIRST / 255
nan[4, 0, 2, 2] = np.nan
nan[2, 0, 2, 2] = np.inf

REFUSED = [
    (torch.zeros(0, 3, 8, 8), {}, errors.TooFewRows, r"\(0, 3, 8, 8\): it is empty"),
    ([], {}, errors.TooFewRows, "list has 0 items"),
    (torch.zeros(1, 3, 8, 8), {}, errors.TooFewRows, "that is one sample.*first axis"),
    (torch.zeros(4, 0), {}, errors.ShapeError, "its items are empty"),
    (nan, {}, errors.NotFinite, "2 of 6 rows of x hold NaN or infinity, the first is row 2"),
    (FIRST, {"labels": [0, 1]}, errors.ShapeError, "labels has 2 entries but there are 6 samples"),
    (FIRST, {"groups": [0, 1]}, errors.ShapeError, "groups has 2 entries"),
    (FIRST, {"labels": np.eye(6)}, errors.ShapeError, r"one-hot, use labels.argmax\(1\)"),
    (FIRST, {"labels": [0.5] * 6}, errors.ArgumentError, "such as 0.5 that are not whole"),
    (FIRST, {"labels": [None] * 6}, errors.ArgumentError, "Integers or strings are wanted"),
    (FIRST, {"groups": range(6)}, errors.ArgumentError, "no two samples share a group"),
    ((FIRST, [0] * 6), {"labels": [0] * 6}, errors.ArgumentError, "labels came twice"),
    (torch.zeros(4, 3, 16, 3), {}, errors.ShapeError, 'Both of the two ends.*channels="first"'),
    (torch.zeros(4, 12, 16, 16), {}, errors.ShapeError, "Neither of the two ends"),
    (torch.zeros(32, 32, 3), {}, errors.ShapeError, "reads as 32 grey images of 32 x 3"),
    (torch.zeros(4, 3, 5, 8, 8), {}, errors.ShapeError, r"Flatten it: x.reshape\(len\(x\), -1\)"),
    (torch.zeros(4), {}, errors.ShapeError, "Is it one item"),
    (np.array(["a", "b"]), {}, errors.ArgumentError, "holds text"),
    (np.array([{}, {}]), {}, errors.ArgumentError, "entries of type object"),
    (np.zeros((4, 8, 8), complex), {}, errors.ArgumentError, "entries of type complex128"),
    (np.full((4, 8, 8), 4000), {}, errors.ArgumentError, "integers from 4000 to 4000"),
    (torch.zeros(4, 8).to_sparse(), {}, errors.ArgumentError, "An ordinary real tensor"),
    ("photos/", {}, errors.ArgumentError, "torchvision.datasets.ImageFolder"),
    ({"train": FIRST}, {}, errors.ArgumentError, "it has the keys 'train'"),
    (Frame(), {}, errors.ArgumentError, r"x.to_numpy\(\)"),
    (Stream(), {}, errors.ArgumentError, "itertools.islice"),
    (DataLoader(TensorDataset(torch.zeros(4, 2))), {}, errors.ArgumentError, r"source\(loader.dataset\)"),
    ((i for i in range(4)), {}, errors.ArgumentError, r"source\(list\(x\)\)"),
    (3, {}, errors.ArgumentError, "x is a int"),
    (FIRST, {"size": 0}, errors.ArgumentError, "size is 0"),
    (torch.zeros(4, 8), {"size": 16}, errors.ArgumentError, "items are vectors"),
]


@pytest.mark.parametrize(("x", "options", "error", "message"), REFUSED, ids=[str(r[3])[:30] for r in REFUSED])
def test_what_cannot_be_used_is_answered(x, options, error, message):
    with pytest.raises(error, match=message):
        source(x, **options)


def test_channels_settles_what_the_shape_does_not():
    assert source(torch.zeros(4, 3, 16, 3), channels="first").item_shape == (3, 16, 3)
    assert source(torch.zeros(4, 3, 16, 3), channels="last").item_shape == (3, 3, 16)
    assert source(torch.zeros(4, 12, 16, 16), channels="first").item_shape == (12, 16, 16)


def test_a_wrong_kind_of_positives_is_answered():
    with pytest.raises(errors.UnknownName, match="Did you mean 'same image'"):
        source(FIRST).set_positives("same picture")
