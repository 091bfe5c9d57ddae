"""`source` on map-style Datasets: read lazily, any size and mode, labels of any kind, faults with their index."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from vergence import errors
from vergence.data import Source, emoji, source


class Pictures:
    """PIL pictures of different sizes and modes, counting what is read."""

    modes = ("RGB", "L", "RGBA", "P", "LA", "CMYK", "1")

    def __init__(self, n=70, labels=None, sizes=((40, 60), (100, 50), (33, 90))):
        self.n, self.label, self.sizes = n, labels, sizes
        self.read = []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.read.append(index)
        size = self.sizes[index % len(self.sizes)]
        picture = Image.new("RGB", size, (200, 100, 50)).convert(self.modes[index % len(self.modes)])
        return picture if self.label is None else (picture, self.label(index), "more")


def items(made, index):
    return made.pair(torch.as_tensor(index), torch.Generator())[0]


def test_pictures_of_any_size_and_mode_become_rgb_squares():
    made = source(Pictures())
    assert isinstance(made, Source)
    assert made.item_shape == (3, 40, 40)  # the median of the shorter sides 40, 50 and 33
    batch = items(made, range(7))
    assert batch.shape == (7, 3, 40, 40)
    assert batch.dtype == torch.float32
    rgb = torch.tensor([200, 100, 50]) / 255
    assert torch.allclose(batch[0], rgb[:, None, None].expand(3, 40, 40), atol=1e-6)
    assert torch.equal(batch[1][0], batch[1][1])  # grey
    assert made.labels is None
    assert made.label_of(torch.tensor([0])) is None


@pytest.mark.parametrize(("shorter", "side"), [(20, 32), (48, 48), (500, 64)])
def test_the_side_chosen_lies_between_32_and_64(shorter, side):
    made = source(Pictures(sizes=((shorter, shorter + 10), (shorter, shorter + 20))))
    assert made.item_shape == (3, side, side)


def test_one_size_is_kept_and_size_overrides():
    assert source(Pictures(sizes=((20, 30),))).item_shape == (3, 30, 20)
    assert source(Pictures(sizes=((20, 30),)), size=24).item_shape == (3, 24, 24)


def test_transparency_is_white():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30])
    palette.info["transparency"] = 0
    batch = items(source([clear, half, palette]), range(3))
    assert batch[0].eq(1).all()
    assert torch.allclose(batch[1], torch.tensor(127 / 255), atol=0.01)
    assert batch[2].eq(1).all()


def test_sixteen_bit_pictures_keep_their_range():
    levels = (np.arange(64).reshape(8, 8) * 1024).astype(np.uint16)
    batch = items(source([Image.fromarray(levels)] * 2), [0])
    assert torch.allclose(batch[0, 0], torch.from_numpy(levels / 65535).float(), atol=0.003)


def test_a_picture_is_cut_around_its_centre():
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (32, 1))
    for item in (Image.fromarray(ramp), ramp, torch.from_numpy(ramp)):
        batch = items(source([item, item], size=16), [0])
        row = batch[0, 0, 8] * 255 / 4
        assert row[0].item() == pytest.approx(16.5, abs=0.6)
        assert row[-1].item() == pytest.approx(46.5, abs=0.6)


def test_items_are_read_when_needed():
    data = Pictures(n=1000)
    made = source(data)
    assert len(data.read) == 32
    data.read.clear()
    items(made, [3, 500, 999])
    assert data.read == [3, 500, 999]
    made.reference(8)
    data.read.clear()
    made.reference(8)
    made.thumbnails(8)
    assert data.read == []  # kept


def test_arrays_and_tensors_of_different_sizes():
    a = torch.rand(3, 40, 50)
    b = (np.random.default_rng(0).random((70, 35, 3)) * 255).astype(np.uint8)
    c = np.full((64, 64), 7, np.uint8)  # grey among coloured ones
    made = source([a, b, c])
    assert made.item_shape == (3, 40, 40)
    batch = items(made, [0, 1, 2])
    assert torch.allclose(batch[2], torch.tensor(7 / 255), atol=1e-6)
    assert torch.allclose(batch[0], a[:, :, 5:45], atol=1e-6)


def test_vectors_one_by_one():
    made = source([[1.0, 2.0], np.array([3, 4]), torch.tensor([5.0, 6.0])])
    assert made.item_shape == (2,)
    assert made.positives == "same row"
    assert items(made, [0, 1, 2]).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert made.thumbnails(2).shape[0] == 2, "bars"


@pytest.mark.parametrize(
    ("label", "ids", "names"),
    [
        (lambda i: i % 3, [2, 0], None),
        (lambda i: np.int64(i % 3), [2, 0], None),
        (lambda i: torch.tensor(i % 3), [2, 0], None),
        (lambda i: np.array([i % 3]), [2, 0], None),
        (lambda i: float(i % 3), [2, 0], None),
        (lambda i: i % 3 == 2, [1, 0], None),
        (lambda i: ("dog", "cat", "ape")[i % 3], [0, 2], ("ape", "cat", "dog")),
    ],
)
def test_labels_of_every_kind(label, ids, names):
    made = source(Pictures(labels=label))
    assert made.label_of(torch.tensor([68, 69])).tolist() == ids
    assert made.label_names == names
    assert made.labels is None  # 70 items, 34 read: not all are known
    items(made, range(70))
    assert made.labels[[68, 69]].tolist() == ids


def test_labels_given_or_ignored():
    data = Pictures(labels=lambda _: object())
    assert source(data, labels=False).labels is None
    assert source(data, labels=["b", "a"] * 35).label_names == ("a", "b")
    assert source(data, labels=range(70)).labels.tolist() == list(range(70))


def test_a_dataset_that_lists_its_labels_is_believed_where_it_agrees():
    class Listed(Pictures):
        classes = ("even", "odd")
        targets = [i % 2 for i in range(70)]  # noqa: RUF012

    made = source(Listed(labels=lambda i: i % 2))
    assert made.labels.tolist() == [i % 2 for i in range(70)]
    assert made.label_names == ("even", "odd")
    assert source(Listed(labels=lambda i: 1 - i % 2)).labels is None


def test_dictionaries():
    made = source([{"image": np.full((8, 8), i, np.uint8), "label": i % 2} for i in range(4)])
    assert made.item_shape == (1, 8, 8)
    assert made.label_of(torch.arange(4)).tolist() == [0, 1, 0, 1]


def test_groups_read_the_partner():
    made = source([np.full((8, 8), i, np.uint8) for i in range(4)], groups=[0, 0, 1, 1])
    a, b = made.pair(torch.arange(4), torch.Generator())
    assert (a[:, 0, 0, 0] * 255).round().tolist() == [0, 1, 2, 3]
    assert (b[:, 0, 0, 0] * 255).round().tolist() == [1, 0, 3, 2]
    assert made.positives_of(torch.tensor([3])).tolist() == [1]


def test_reference_has_labels_and_thumbnails():
    made = source(Pictures(labels=lambda i: i))
    batch, labels = made.reference(7)
    assert labels.tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert np.array_equal(made.thumbnails(7), (batch * 255).round().byte().permute(0, 2, 3, 1).numpy())


def test_values_outside_0_to_1_are_noted():
    made = source([torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(i)) for i in range(3)])
    assert "left as they are" in made.notes[0]
    assert made.notes[0] in repr(made)
    assert made.thumbnails(3).max() == 255


class Broken(Pictures):
    def __getitem__(self, index):
        if index == 69:
            raise OSError("cannot identify image file")
        return super().__getitem__(index)


def test_a_fault_in_the_dataset_names_the_index():
    made = source(Broken())  # 69 is not among the 32 that are looked at
    with pytest.raises(
        errors.InputError, match=r"item 69 of Broken could not be read: OSError: cannot identify"
    ) as caught:
        items(made, [0, 69])
    assert isinstance(caught.value.__cause__, OSError)


def test_a_wrong_length_names_the_index():
    class Short(list):
        def __len__(self):
            return 5

    with pytest.raises(errors.InputError, match="item 3 of Short could not be read: IndexError"):
        source(Short([np.zeros((8, 8))] * 3))


IMAGE = np.zeros((8, 8), np.uint8)
REFUSED = [
    ([IMAGE], errors.TooFewRows, "list has 1 items"),
    ([IMAGE, np.full((8, 8), np.nan)], errors.NotFinite, "item 1 holds NaN"),
    (["one", "two"], errors.ArgumentError, "item 0 is a str.*embedded first"),
    ([1.0, 2.0], errors.ArgumentError, "item 0 is a float"),
    ([None, None], errors.ArgumentError, "item 0 is a NoneType"),
    ([{"pixels": IMAGE}] * 2, errors.ArgumentError, "a dictionary with 'pixels'"),
    ([()] * 2, errors.ArgumentError, "item 0 is empty"),
    ([(IMAGE, IMAGE)] * 2, errors.ArgumentError, "return the item before augmentation"),
    ([(IMAGE, 0.5)] * 2, errors.ArgumentError, "label of item 0 is 0.5"),
    ([(IMAGE, 1), (IMAGE, None)], errors.ArgumentError, "item 1 has no label but others have"),
    ([np.zeros(3), np.zeros(4)], errors.ShapeError, r"item 1 is \(4,\) but others are \(3,\)"),
    ([np.zeros(3), IMAGE], errors.ShapeError, "item 1 is"),
    ([np.zeros((2, 9, 9)), np.zeros((3, 9, 9))], errors.ShapeError, "same number of channels"),
    ([np.zeros((2, 3, 9, 9))] * 2, errors.ShapeError, "item 0 is"),
    ([np.zeros((9, 9, 9))] * 2, errors.ShapeError, "Neither of the two ends"),
]


@pytest.mark.parametrize(("x", "error", "message"), REFUSED, ids=[r[2][:30] for r in REFUSED])
def test_what_cannot_be_used_is_answered(x, error, message):
    with pytest.raises(error, match=message):
        source(x)


def test_the_emoji_as_somebody_elses_dataset():
    everything = emoji(split="all")
    pictures = [
        (Image.fromarray(image.numpy()), text)
        for image, text in zip(everything.images[:50, 0], everything.texts, strict=False)
    ]
    batch = items(source(pictures), range(50))
    assert torch.equal(batch, everything.images[:50, 0].permute(0, 3, 1, 2).float() / 255)
