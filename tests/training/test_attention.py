"""Attention through training: what a frame holds, what is left out, and that nothing raises or changes the run."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor, nn

import vergence as vg
from tests.training.small import same, weights
from vergence.models import ConvEncoder, ViTEncoder
from vergence.observe.attention import attention
from vergence.training.measures.attention import AttentionMaps
from vergence.training.measures.attention_frame import quantised
from vergence.training.reference import Reference


def images(n: int = 12, size: int = 16) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def vit(**more) -> ViTEncoder:
    torch.manual_seed(0)
    return ViTEncoder(**{"size": 16, "patch": 4, "dim": 16, "depth": 2, "heads": 2, **more})


def maps(model: nn.Module, items: Tensor | None = None, labels: Tensor | None = None) -> AttentionMaps:
    return AttentionMaps(Reference(model, images() if items is None else items, labels))


def frame(measured):
    arrays, meta = measured.frames["attention"]
    return arrays, meta


def values(levels: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return levels / 255 * scale[..., None]


# -- what a frame holds ------------------------------------------------------------------------------------


def test_rows_are_the_class_tokens_attention_and_full_maps_every_querys():
    model = vit()
    arrays, meta = frame(maps(model).measure(0, {}))
    with torch.no_grad(), attention(model.eval(), samples=None) as seen:
        model(images()[meta["items"]])
    truth = torch.stack([layer.weights for layer in seen.layers], 1).numpy()  # (items, layers, heads, 17, 17)
    step = truth.max() / 255
    np.testing.assert_allclose(values(arrays["rows"], arrays["rows_scale"]), truth[..., 0, :], atol=step)
    np.testing.assert_allclose(values(arrays["full"], arrays["full_scale"]), truth, atol=step)
    assert arrays["rows"].shape == (4, 2, 2, 17)
    assert (meta["grid"], meta["prefix"], meta["query"]) == ([4, 4], 1, "CLS")
    np.testing.assert_array_equal(arrays["full"][..., 0, :], arrays["rows"])


def test_numbers_are_those_of_the_metrics_layer_by_layer():
    model = vit(depth=3, heads=4)
    measured = maps(model).measure(0, {})
    arrays, meta = frame(measured)
    with torch.no_grad(), attention(model.eval(), samples=None) as seen:
        model(images()[meta["items"]])
    for place, layer in enumerate(seen.layers):
        found = vg.metrics.attention(layer.weights, value_norms=layer.value_norms, grid=(4, 4), prefix=1)
        np.testing.assert_allclose(arrays["entropy"][place], found.entropy_share, rtol=1e-5)
        np.testing.assert_allclose(arrays["distance"][place], found.distance, rtol=1e-5)
        np.testing.assert_allclose(arrays["sink_mass"][place], found.sink_mass, rtol=1e-5)
        assert measured.scalars[f"attention/entropy/{place + 1}"] == pytest.approx(float(found.entropy_share.mean()))
    assert measured.scalars["attention/entropy"] == pytest.approx(float(arrays["entropy"].mean()))
    assert meta["uniform"]["distance"] == pytest.approx(vg.metrics.uniform_distance((4, 4)))
    rolled = vg.metrics.rollout([layer.weights for layer in seen.layers])[:, 0].numpy()
    np.testing.assert_allclose(values(arrays["rollout"], arrays["rollout_scale"]), rolled, atol=rolled.max() / 255)


class Chooses(nn.Module):
    """One head that gives `much` of its attention to the first token, whatever it is given."""

    def __init__(self, much: float, tokens: int = 16) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.full((tokens,), math.log((1 - much) / (tokens - 1))))
        self.logits.data[0] = math.log(much)

    def forward(self, x: Tensor) -> Tensor:
        v = x.flatten(1)[:, :16, None].expand(-1, -1, 4)[:, None]
        one = torch.ones(len(x), 1, 16, 1)
        key = self.logits[None, None, :, None].expand(len(x), 1, -1, 1)
        return F.scaled_dot_product_attention(one, key, v, scale=1.0)[:, 0].mean(1)


def test_a_sink_is_counted_and_named_and_even_attention_has_none():
    sunk, meta = frame(maps(Chooses(0.9)).measure(0, {}))
    assert sunk["sink_count"].tolist() == [[1.0]]
    assert float(sunk["sink_mass"][0, 0]) == pytest.approx(0.9, abs=1e-4)
    assert meta["query"] == "mean of queries"
    assert meta["prefix"] == 0
    even, _ = frame(maps(Chooses(1 / 16)).measure(0, {}))
    assert even["sink_count"].tolist() == [[0.0]]
    assert float(even["entropy"][0, 0]) == pytest.approx(1.0, abs=1e-5)


def test_items_are_spread_over_classes():
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 0, 1, 2, 2])
    _, meta = frame(maps(vit(), labels=labels).measure(0, {}))
    assert meta["items"] == [0, 3, 5, 1]
    _, meta = frame(maps(vit(), images(2)).measure(0, {}))
    assert meta["items"] == [0, 1]


def test_the_first_frame_has_full_maps_of_all_items_and_later_ones_of_the_one_asked_for():
    looks = maps(vit())
    assert frame(looks.measure(0, {}))[1]["full_items"] == [0, 1, 2, 3]
    assert frame(looks.measure(1, {}))[1]["full_items"] == [0]
    arrays, meta = frame(looks.measure(2, {"item": "2"}))
    assert meta["full_items"] == [2]
    np.testing.assert_array_equal(arrays["full"][0, ..., 0, :], arrays["rows"][2])
    assert frame(looks.measure(3, {"item": "no number"}))[1]["full_items"] == [0]


def test_large_maps_come_only_when_asked_for(monkeypatch):
    monkeypatch.setattr("vergence.training.measures.attention.SMALL_BYTES", 100)
    looks = maps(vit())
    assert "full" not in frame(looks.measure(0, {}))[0]
    arrays, meta = frame(looks.measure(1, {"full": "yes", "item": "3"}))
    assert meta["full_items"] == [3]
    assert arrays["full"].shape == (1, 2, 2, 17, 17)
    monkeypatch.setattr("vergence.training.measures.attention.MOST_BYTES", 200)
    arrays, meta = frame(looks.measure(2, {"full": "yes"}))
    assert "full" not in arrays
    assert meta["full_bytes"] == 2 * 2 * 17 * 17


def test_of_a_large_model_later_looks_are_at_one_item(monkeypatch):
    monkeypatch.setattr("vergence.training.measures.attention.MOST_NUMBERS", 1000)
    looks = maps(vit())
    assert frame(looks.measure(0, {}))[1]["items"] == [0, 1, 2, 3]
    for step in (1, 2):
        arrays, meta = frame(looks.measure(step, {"item": "2"}))
        assert (meta["items"], meta["choices"]) == ([2], [0, 1, 2, 3])
        assert len(arrays["rows"]) == 1


@given(arrays.arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)))
@example(np.full((3, 5), np.finfo(np.float32).tiny, np.float32))
def test_a_quantised_row_is_off_by_less_than_a_level(rows):
    levels, scale = quantised(rows)
    np.testing.assert_allclose(values(levels, scale), rows, atol=float(rows.max()) / 255 * 0.51 + 1e-7)
    np.testing.assert_array_equal(scale, rows.max(-1))


def test_a_row_that_is_not_known_has_no_scale():
    levels, scale = quantised(np.asarray([[0.5, 0.5], [np.nan, np.nan], [0.0, 0.0]], np.float32))
    assert levels[1].tolist() == [0, 0]
    np.testing.assert_array_equal(scale, np.asarray([0.5, np.nan, 0.0], np.float32))


# -- models of other kinds ---------------------------------------------------------------------------------


def test_a_model_without_attention_is_found_out_once_and_then_left_alone():
    looks = maps(ConvEncoder())
    assert looks.possible
    measured = looks.measure(0, {})
    assert not looks.possible
    assert measured.frames == {}
    assert measured.marks == {}
    assert measured.static["attention"]["why"].startswith("This model has no attention that can be seen:")


class Layered(nn.Module):
    """Layers of self-attention, each with its numbers of tokens and heads; then cross attention, if asked for."""

    def __init__(self, *shapes: tuple[int, int], cross: int = 0) -> None:
        super().__init__()
        self.shapes, self.cross = shapes, cross
        self.layers = nn.ModuleList(nn.MultiheadAttention(12, heads, batch_first=True) for _, heads in shapes)
        self.last = nn.MultiheadAttention(12, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(1)[:, : 12 * 17].reshape(len(x), 17, 12)
        for (tokens, _), layer in zip(self.shapes, self.layers, strict=True):
            part = rows[:, :tokens]
            part = layer(part, part, part)[0]
        if self.cross:
            part = self.last(rows[:, : self.cross], rows[:, :9], rows[:, :9])[0]
        return part.mean(1)


def test_other_numbers_of_tokens_are_measured_and_not_drawn():
    arrays, meta = frame(maps(Layered((17, 2), (17, 3), (5, 2), cross=4)).measure(0, {}))
    assert meta["drawn"] == [0, 1]
    assert meta["not_drawn"] == ["2 of 4 layers not drawn: cross attention, other tokens"]
    assert arrays["entropy"].shape == (4, 3)
    assert np.isfinite(arrays["entropy"][2, :2]).all()
    assert np.isnan(arrays["entropy"][0, 2])
    assert np.isnan(arrays["rows_scale"][:, 0, 2]).all()
    assert np.isfinite(arrays["rows_scale"][:, 1]).all()
    assert "rollout" not in arrays


def test_cross_attention_alone_is_drawn_as_mean_over_queries():
    model = Layered(cross=4)
    arrays, meta = frame(maps(model).measure(0, {}))
    assert (meta["drawn"], meta["query"], meta["whole"]) == ([0], "mean of queries", False)
    assert "full" not in arrays
    assert arrays["rows"].shape == (4, 1, 2, 9)


class Windows(nn.Module):
    """Attention inside the four windows of an image, as in Swin."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.MultiheadAttention(12, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(1)[:, : 4 * 9 * 12].reshape(len(x) * 4, 9, 12)
        return self.inside(tokens, tokens, tokens)[0].reshape(len(x), -1, 12).mean(1)


def test_windows_are_averaged_and_have_no_full_maps():
    arrays, meta = frame(maps(Windows()).measure(0, {}))
    assert meta["whole"] is False
    assert meta["grid"] == [3, 3]
    assert arrays["rows"].shape == (4, 1, 2, 9)
    np.testing.assert_allclose(values(arrays["rows"], arrays["rows_scale"]).sum(-1), 1, atol=0.02)
    assert "full" not in arrays


class Words(nn.Module):
    """Token ids in, as a text model has them."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 12)
        self.attend = nn.MultiheadAttention(12, 2, batch_first=True)
        self.causal = causal

    def forward(self, ids: Tensor) -> Tensor:
        x = self.table(ids)
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if self.causal else None
        return self.attend(x, x, x, attn_mask=mask, is_causal=self.causal)[0].mean(1)


@pytest.mark.parametrize("causal", [False, True])
def test_a_sequence_is_one_row_of_tokens(causal):
    ids = torch.randint(0, 20, (6, 77), generator=torch.Generator().manual_seed(2))
    model = Words(causal)
    arrays, meta = frame(maps(model, ids).measure(0, {}))
    with torch.no_grad(), attention(model.eval()) as seen:
        model(ids[:4])
    # Of causal attention the share is one of the keys that each query can see.
    share = vg.metrics.entropy(seen.layers[0].weights, share=True, causal=causal).nanmean((0, 2))
    np.testing.assert_allclose(arrays["entropy"][0], share, rtol=1e-4)
    assert (meta["grid"], meta["prefix"], meta["query"]) == ([1, 77], 0, "mean of queries")
    assert meta["causal"] is causal
    assert arrays["full"].shape == (4, 1, 2, 77, 77)
    if causal:
        assert not np.triu(arrays["full"][0, 0, 0], 1).any()
        assert float(arrays["entropy"].max()) <= 1 + 1e-5


class Moody(nn.Module):
    """Fails so many times, then works."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.inner, self.times = vit(), times

    def forward(self, x: Tensor) -> Tensor:
        self.times -= 1
        if self.times >= 0:
            raise RuntimeError("out of temper")
        return self.inner(x)


def test_a_failing_look_is_a_mark_and_after_three_it_is_given_up():
    looks = maps(Moody(99))
    for step in (1, 2):
        measured = looks.measure(step, {})
        assert "out of temper" in measured.marks["attention"]
        assert looks.possible
    assert "out of temper" in looks.measure(3, {}).static["attention"]["why"]
    assert not looks.possible


def test_one_that_works_again_is_not_given_up():
    model = Moody(2)
    looks = maps(model)
    for step in (1, 2):
        assert "attention" in looks.measure(step, {}).marks
    assert "attention" in looks.measure(3, {}).frames
    model.times = 5
    for step in range(4, 9):
        assert "attention" in looks.measure(step, {}).marks
    assert looks.possible


# -- in a run ----------------------------------------------------------------------------------------------


def loop(watched: bool, model: nn.Module, steps: int = 3) -> vg.History | None:
    x, optimiser = images(), torch.optim.SGD(model.parameters(), 0.1)
    criterion = vg.losses.NTXent(temperature=0.5)
    monitor = vg.Monitor(model, reference=x, objective=criterion, save=False, every=1) if watched else None
    torch.manual_seed(5)
    for _ in range(steps):
        z = F.normalize(model(torch.cat([x, x + 0.1 * torch.randn_like(x)])), dim=1)
        loss = criterion(*z.chunk(2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if monitor is not None:
            monitor.step(*z.chunk(2), loss=loss)
    return None if monitor is None else monitor.history


def test_looking_changes_nothing_in_a_model_with_dropout():
    one, other = vit(dropout=0.3), vit(dropout=0.3)
    history = loop(True, one)
    loop(False, other)
    assert same(weights(one), weights(other))
    assert history is not None
    assert history.frames("attention")[0] == 0  # before the first update: the untrained model
    assert len(history.frames("attention")) == 4
    assert len(history.scalar("attention/entropy/2")) == 4
    assert not history.events("failed")


def test_a_run_without_attention_says_why_and_measures_no_more():
    torch.manual_seed(0)
    history = loop(True, ConvEncoder(width=4))
    assert history is not None
    assert history.static["attention"]["why"].startswith("This model has no attention")
    assert history.frames("attention") == ()
    assert not history.events("failed")
    assert not [event for event in history.events("mark") if event.data["what"] == "attention"]
