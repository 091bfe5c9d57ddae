"""CLIP: an encoder for each kind of item, words among images, and pairs that are found again."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

import vergence as vg
from vergence import errors
from vergence.data import emoji_words, hashed_words, paired
from vergence.methods import CLIP

THINGS = ("apple", "tree", "flag", "hat")
QUIET = {"save": False, "driver": "inline", "reference": 0}


def rows(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pictures_and_texts(n=24):
    texts = [f"{colour} {thing}" for colour in ("red", "green", "blue") for thing in THINGS]
    return rows(n, 3, 8, 8).sigmoid(), (texts * n)[:n]


def model_of(run):
    return run.model.eval()


def recall(a, b, k):
    """The share of rows of a whose partner is among the k nearest rows of b."""
    scores = normalize(a) @ normalize(b).T
    return float(((scores > scores.diagonal()[:, None]).sum(1) < k).float().mean())


def test_images_and_texts_train_in_one_line():
    run = vg.Run(CLIP(dim=8), paired(*pictures_and_texts()), batch=12, **QUIET).start(steps=3)
    assert run.name.startswith("pairs-clip")
    model = model_of(run)
    assert isinstance(model.encoder, vg.models.ConvEncoder)
    assert isinstance(model.second, vg.models.WordEncoder)
    images, texts = pictures_and_texts()
    h, z = model(images)
    assert (h.shape, z.shape) == ((24, 128), (24, 8))
    assert torch.equal(model(hashed_words(texts))[1], model.of_second(hashed_words(texts))[1])
    assert not run.history.events("failed")
    assert not run.history.events("mark")


def test_both_encoders_heads_and_the_temperature_learn():
    run = vg.Run(CLIP(dim=8), paired(*pictures_and_texts()), batch=12, **QUIET)
    before = {name: value.detach().clone() for name, value in model_of(run).named_parameters()}
    temperature = run.controls.value("temperature")
    run.start(steps=2)
    moved = {name.split(".")[0] for name, value in run.model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {"encoder", "projector", "second", "second_projector"}
    assert run.controls.value("temperature") != temperature
    fixed = vg.Run(CLIP(dim=8, learned=False), paired(*pictures_and_texts()), batch=12, **QUIET).start(steps=2)
    assert fixed.controls.value("temperature") == 0.07


def test_the_first_view_is_of_the_first_item_and_the_second_of_the_second():
    class Seen(vg.views.Identity):
        def __init__(self):
            super().__init__()
            self.shapes = []

        def __call__(self, x, generator):
            self.shapes.append(tuple(x.shape[1:]))
            return x

    run = vg.Run(CLIP(views=Seen()), paired(*pictures_and_texts()), batch=12, **QUIET).start(steps=2)
    views = run._session.trainer.views
    assert views.parts[0].shapes == [(3, 8, 8)] * 2
    assert isinstance(views.parts[1], vg.views.Words)
    run = vg.Run(CLIP(strength=0.3), paired(rows(20, 6), rows(20, 3, 8, 8).sigmoid()), batch=10, **QUIET).start(steps=1)
    kinds = [type(part) for part in run._session.trainer.views.parts]
    assert kinds == [vg.views.Vectors, vg.views.Images]


def test_two_halves_of_one_thing_have_an_encoder_each():
    x = rows(40, 12)
    run = vg.Run(CLIP(dim=8), paired(x[:, :6], x[:, 6:]), batch=20, **QUIET).start(steps=2)
    model = model_of(run)
    assert not model.takes_every_view  # the two kinds cannot be told apart by their shape
    assert torch.equal(model(x[:, :6])[1], model.projector(model.encoder(x[:, :6])))
    assert not torch.allclose(model(x[:, :6])[1], model.of_second(x[:, :6])[1])
    with pytest.raises(errors.ArgumentError, match=r"takes items of \(6,\), not words\. Train on data\.emoji_words"):
        model.words(["red"])


@pytest.mark.parametrize("kind", ["words", "halves"])
def test_it_is_watched_without_a_word(kind):
    x = rows(40, 12)
    data = paired(*pictures_and_texts()) if kind == "words" else paired(x[:, :6], x[:, 6:])
    run = vg.Run(CLIP(dim=8), data, batch=12, save=False, driver="inline", reference=16, every=1).start(steps=3)
    assert [event.data for event in run.history.events() if event.kind in ("failed", "mark")] == []
    # Halves cannot be told apart by their shape, so no pair of theirs is embedded again by the wrong encoder.
    assert run.history.frame("pairs/z").meta["source"] == ("fixed" if kind == "words" else "batch")


def test_one_kind_of_data_gets_two_encoders_that_begin_apart():
    run = vg.Run(CLIP(dim=8), rows(40, 6), batch=20, **QUIET).start(steps=1)
    model = model_of(run)
    assert type(model.encoder) is type(model.second)
    assert not torch.allclose(model.encoder.layers[0].weight, model.second.layers[0].weight)


def test_words_lie_among_the_images():
    run = vg.Run(CLIP(dim=8), paired(*pictures_and_texts()), batch=12, **QUIET).start(steps=2)
    model = run.model
    model.train()
    z = model.words(["red apple", "green hat"])
    assert all(part.training for part in model.modules())
    assert torch.allclose(z.norm(dim=1), torch.ones(2))
    assert torch.equal(z[:1], model.words(["Red Apple!"])) or torch.allclose(
        z[:1], model.words(["Red Apple!"]), atol=1e-6
    )
    assert not z.requires_grad


def test_encoders_of_the_users():
    second = nn.Sequential(nn.Flatten(), nn.Linear(5, 7))
    run = vg.Run(
        CLIP(encoder=lambda: nn.Linear(6, 3), second=second, dim=4), paired(rows(20, 6), rows(20, 5)), batch=10, **QUIET
    )
    run.start(steps=1)
    assert run.model.second[1].weight.shape == (7, 5)
    assert run.model.second_projector.weight.shape == (4, 7)
    with pytest.raises(errors.ShapeError, match=r"first head makes rows of 3, the second rows of 7"):
        CLIP(encoder=lambda: nn.Linear(6, 3), second=lambda: nn.Linear(6, 7), projector="none").build((6,))
    with pytest.raises(errors.UnknownName, match="Did you mean 'second'"):
        CLIP(secnd=None)


def test_the_same_seed_gives_the_same_run():
    runs = [vg.Run(CLIP(dim=8), paired(*pictures_and_texts()), batch=12, **QUIET).start(steps=3) for _ in range(2)]
    assert torch.equal(runs[0].model.words(["red hat"]), runs[1].model.words(["red hat"]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_lower_half_of_a_digit_finds_the_upper_one(seed):
    """Measured over three seeds and two strengths of views: 0.20 to 0.26 first, 0.70 to 0.74 in ten; chance 0.002."""
    source = vg.data.digits("all")
    x = source.pair(torch.arange(len(source)), torch.Generator())[0].flatten(1)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    train, held = x[order[:1297]], x[order[1297:]]
    data = paired(train[:, :32], train[:, 32:])
    run = vg.Run(CLIP(dim=32, strength=0.3), data, seed=seed, batch=128, budget=0.001, **QUIET).start(steps=400)
    with torch.no_grad():
        upper, lower = model_of(run)(held[:, :32])[1], model_of(run).of_second(held[:, 32:])[1]
    for a, b in ((upper, lower), (lower, upper)):
        assert recall(a, b, 1) > 0.15
        assert recall(a, b, 10) > 0.6


@pytest.mark.slow
def test_words_find_emoji_never_seen():
    """Measured after 300 steps: 0.41 to 0.44 among ten of 382, chance 0.03; groups named for 0.21, chance 0.11."""
    run = vg.Run(CLIP(), emoji_words(), seed=0, budget=0.001, **QUIET).start(steps=300)
    model, held = model_of(run), emoji_words(split="held out")
    with torch.no_grad():
        images = model(held.pair(torch.arange(len(held)), torch.Generator().manual_seed(0))[0])[1]
        words = model(held.seconds)[1]
    assert recall(images, words, 10) > 0.3
    assert recall(words, images, 10) > 0.3
    named = model.words([name.replace("-", " ") for name in held.label_names])
    assert float(((normalize(images) @ named.T).argmax(1) == held.labels).float().mean()) > 0.14
