"""Cues of a run: recorded where the inputs are known, said why not where they are not, and nothing is moved."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vergence as vg
from tests.training.small import make, recipe, same, texts, vectors, weights
from vergence.training.measures.base import Measured
from vergence.training.measures.cues import make_cues
from vergence.training.measures.now import Never, Now, Setup


def shared_bits(pairs: int = 48, dim: int = 8, bits: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(seed)
    content = torch.randn(pairs, dim, generator=draws)
    code = torch.sign(torch.randn(pairs, bits, generator=draws))
    noisy = [content + 0.8 * torch.randn(pairs, dim, generator=draws) for _ in range(2)]
    return torch.cat([noisy[0], code], 1), torch.cat([noisy[1], code], 1)


def asked(model: nn.Module | None, inputs: Any, projector: nn.Module | None = None) -> Measured:
    found = make_cues(Setup(model=model, projector=projector))(Now(1, inputs=inputs), "z")
    assert isinstance(found, Measured)
    return found


class Both(nn.Module):
    """h and z."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, :8], x[:, 8:]


def test_a_run_records_its_cues() -> None:
    run = make(recipe(), every=1, batch=32, driver="inline", measures=["cues"], reference=0)
    run.start(steps=10)
    assert texts(run.history, "failed") == []
    assert list(run.history.scalar("cues/z/auc").steps) == [1, 10]
    for cue in ("left_alone", "strongest"):
        for name in ("wins", "half", "alone", "rest", "share", "alike", "alike_rest", "alike_ratio"):
            assert run.history.last(f"cues/z/{cue}/{name}") is not None
    assert run.history.last("cues/z/levels/wins") is None, "vectors have none"
    frame = run.history.frame("cues/z")
    assert frame.meta["parts"][0] == "left alone"
    assert len(frame.meta["parts"]) == len(frame.arrays["wins"]) == 9
    assert frame.meta["strongest"] in frame.meta["parts"]
    assert frame.meta["pairs"] == 32


def test_z_is_asked_where_there_is_one() -> None:
    pair = shared_bits()
    found = asked(Both(), pair).scalars
    assert found["cues/z/left_alone/wins"] > 0.9
    assert found["cues/z/left_alone/alike_ratio"] == 0
    assert found["cues/z/left_alone/gap"] < 0.1
    headless = asked(nn.Identity(), pair).scalars
    assert {key.split("/")[1] for key in headless} == {"h"}
    headed = asked(nn.Identity(), pair, projector=nn.Identity()).scalars
    assert headed == {key.replace("/h/", "/z/"): value for key, value in headless.items()}


def test_large_inputs_are_asked_about_two_parts_only() -> None:
    images = torch.randn(32, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    pair = images, images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    frame, meta = asked(nn.Flatten(), pair).frames["cues/h"]
    assert meta["parts"] == ["left alone", "levels"]
    assert meta["strongest"] is None
    assert math.isfinite(float(frame["wins"].sum()))
    small = asked(nn.Flatten(), tuple(view[:, :, :8, :8] for view in pair)).frames["cues/h"][1]
    assert len(small["parts"]) == 2 + 3 + 16


def test_more_pairs_than_are_asked_are_drawn_from_the_runs_measuring_generator() -> None:
    pair = shared_bits(200)
    state = torch.get_rng_state()
    found = asked(nn.Identity(), pair)
    assert found.frames["cues/h"][1]["pairs"] == 64
    assert found.scalars == asked(nn.Identity(), pair).scalars
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("inputs", [None, (torch.randn(16, 4),)])
def test_without_inputs_it_says_what_it_needs(inputs: Any) -> None:
    with pytest.raises(vg.errors.ArgumentError, match=r"Hand them over: m.step\(z1, z2, inputs=\(x1, x2\)\)"):
        asked(nn.Identity(), inputs)


def test_what_can_never_be_asked() -> None:
    words = torch.randint(5, (32, 7))
    with pytest.raises(Never, match="no model was handed over"):
        asked(None, shared_bits())
    with pytest.raises(Never, match="tokens have no parts"):
        asked(nn.Identity(), (words, words))
    with pytest.raises(Never, match="it does not take them \\(RuntimeError: mat1 and mat2"):
        asked(nn.Linear(3, 2), shared_bits())


def test_few_pairs_say_nothing() -> None:
    few = tuple(view[:31] for view in shared_bits())
    with pytest.raises(vg.errors.TooFewRows, match=r"31 rows, 32 are needed\. Use a larger batch"):
        asked(nn.Identity(), few)


def test_inputs_that_come_now_and_then_are_enough() -> None:
    encoder = nn.Linear(14, 4)
    m = vg.Monitor(encoder, save=False, every=1)
    x1, x2 = shared_bits()
    for step in range(1, 11):
        more = {"inputs": (x1, x2)} if step == 10 else {}
        m.step(encoder(x1), encoder(x2), **more)
        assert ("cues/z" in m.history.static["not_measured"]) == (step < 10)
    assert list(m.history.scalar("cues/h/auc").steps) == [10]


class Encoder(nn.Module):
    """Dropout, BatchNorm, and a state of its own that a second look would move."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 8))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x + 0.01 * torch.randn_like(x))  # also at rest
        return found


def test_the_same_weights_asked_and_unasked() -> None:
    ends, states = [], []
    for asking in (False, True):
        torch.manual_seed(3)
        x, _ = vectors()
        encoder, loss = Encoder(), vg.losses.NTXent(temperature=0.2)
        optimiser = torch.optim.SGD(encoder.parameters(), lr=0.05, momentum=0.9)
        m = vg.Monitor(encoder, objective=loss, save=False, every=1, measures=["cues"]) if asking else None
        for _ in range(12):
            x1, x2 = (x[:32] + 0.1 * torch.randn(32, 8) for _ in range(2))
            z1, z2 = encoder(x1), encoder(x2)
            found = loss(z1, z2)
            found.backward()
            if m is not None:
                m.step(z1, z2, loss=found, inputs=(x1, x2))
            optimiser.step()
            optimiser.zero_grad()
        if m is not None:
            assert len(m.history.scalar("cues/h/auc")) == 2
            assert texts(m.history, "failed") == []
        ends.append(weights(encoder))
        states.append(torch.get_rng_state())
        assert encoder.training
    assert same(*ends), "weights, running statistics and their count"
    assert torch.equal(*states)
