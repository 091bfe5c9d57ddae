"""Data of a user's through a Run: what can be trained on, and what is said where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

import vergence as vg
from tests.faults.loops import said
from tests.faults.runs import histories, make, steps
from vergence import errors


def small_convolutions() -> nn.Module:
    return vg.models.ConvEncoder(width=4, dim=8)


class Pictures(Dataset):
    """Pictures of any size and mode, without labels."""

    def __init__(self, n: int = 20, breaks_at: int | None = None) -> None:
        self.n, self.breaks_at = n, breaks_at

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Image.Image:
        if index == self.breaks_at:
            raise OSError("image file is truncated")
        drawn = np.random.default_rng(index)
        size = (int(drawn.integers(20, 70)), int(drawn.integers(20, 70)), 3)
        picture = Image.fromarray(drawn.integers(0, 255, size, dtype=np.uint8))
        return picture.convert(("RGB", "L", "RGBA", "P")[index % 4])


@pytest.mark.parametrize("driver", ["inline", "thread"])
def test_pictures_of_many_sizes_without_labels_are_trained_on(tmp_path, driver):
    run = make(tmp_path, encoder=small_convolutions, source=Pictures(), driver=driver)
    run.start(steps=4).wait()
    assert len(run.source.item_shape) == 3
    for history in histories(run):
        assert said(history) == []
        assert steps(history, "loss") == steps(history, "similarity/z/auc") == [1, 2, 3, 4]
        assert "false_negative" not in history.frame("similarity/z").arrays
        assert "hypersphere/z/tolerance" not in history.scalar_keys()
        assert history.static["data"] == "Pictures"
        assert history.static["label_names"] is None


class ManyPictures(Pictures):
    """So many that not all of them are looked at before training."""

    def __init__(self) -> None:
        super().__init__(n=300, breaks_at=17)


@pytest.mark.parametrize("driver", ["inline", "thread"])
def test_an_item_that_cannot_be_read_is_named_where_it_surfaces(tmp_path, driver):
    run = make(tmp_path, encoder=small_convolutions, source=ManyPictures(), batch=50, driver=driver)
    with pytest.raises(
        errors.TrainingFailed,
        match=r"item 17 of ManyPictures could not be read: OSError: image file is truncated\. Try .* dataset\[17\]",
    ) as caught:
        run.start(steps=6).wait()
    assert isinstance(caught.value.__cause__, errors.InputError)
    assert isinstance(caught.value.__cause__.__cause__, OSError)
    for history in histories(run):
        assert history.state == "failed"
        assert "item 17 of ManyPictures" in history.events("failed")[-1].data["why"]
        assert steps(history, "loss") == list(range(1, history.last_step + 1))


def test_an_item_that_is_looked_at_first_is_named_before_training(tmp_path):
    with pytest.raises(errors.InputError, match=r"item 0 of Pictures could not be read: OSError"):
        make(tmp_path, encoder=small_convolutions, source=Pictures(breaks_at=0))


X = torch.rand(40, 6, generator=torch.Generator().manual_seed(2))
Y = torch.arange(40) % 3
SOURCES = {
    "a tensor": lambda: X,
    "an array": lambda: X.numpy(),
    "(x, y)": lambda: (X, Y),
    "(array, list of names)": lambda: vg.data.source(X.numpy(), [f"class {int(y)}" for y in Y]),
    "a Dataset of vectors": lambda: [(row, int(y)) for row, y in zip(X, Y, strict=True)],
    "not contiguous": lambda: X.repeat(1, 2)[:, ::2],
    "double precision": lambda: X.double(),
    "a TensorDataset": lambda: torch.utils.data.TensorDataset(X, Y),
}

LABELLED = {"(x, y)", "(array, list of names)", "a Dataset of vectors", "a TensorDataset"}


@pytest.mark.parametrize("what", SOURCES)
def test_vectors_are_trained_on_in_every_packing(tmp_path, what):
    run = make(tmp_path, source=SOURCES[what]())
    run.start(steps=3)
    for history in histories(run):
        assert said(history) == []
        assert steps(history, "loss") == [1, 2, 3]
        assert ("hypersphere/z/tolerance" in history.scalar_keys()) == (what in LABELLED)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (lambda: torch.full((10, 6), float("nan")), errors.NotFinite, "10 of 10 rows of x hold NaN or infinity"),
        (lambda: (X, Y[:5]), errors.ShapeError, "5"),
        (lambda: "a/folder", errors.ArgumentError, "Text and paths are not read here"),
        (lambda: torch.utils.data.DataLoader(list(X)), errors.ArgumentError, "source(loader.dataset)"),
        (lambda: X[0], errors.ShapeError, "Is it one item? Stack several."),
    ],
    ids=["NaN", "labels of the wrong length", "a path", "a loader", "one item"],
)
def test_what_is_no_data_is_refused_in_words(tmp_path, source, error, words):
    with pytest.raises(error) as caught:
        make(tmp_path, source=source())
    assert words in str(caught.value)


def test_an_encoder_of_the_users_is_trained(tmp_path):
    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)

    given = Mine()
    run = make(tmp_path, encoder=given, source=torch.rand(20, 3, 12, 12))
    assert run.history.static["method"] == "SimCLR, Mine"
    before = [value.clone() for value in given.state_dict().values()]
    run.start(steps=3)
    assert all(torch.equal(a, b) for a, b in zip(before, given.state_dict().values(), strict=True)), "a copy is trained"
    trained = run.model.encoder.state_dict().values()
    assert not all(torch.equal(a, b) for a, b in zip(before, trained, strict=True))
    assert run.history.frame("similarity/h").meta["dim"] == 5


def test_an_encoder_that_returns_a_map_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(
        errors.ShapeError,
        match=r"The encoder turns \(2, 3, 12, 12\) into \(2, 4, 10, 10\)\. .* add a pooling layer and nn\.Flatten\(\)",
    ):
        make(tmp_path, encoder=nn.Conv2d(3, 4, 3), source=torch.rand(20, 3, 12, 12))
    assert not list(tmp_path.iterdir())
