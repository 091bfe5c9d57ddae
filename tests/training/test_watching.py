"""Watching changes nothing: not the weights, not the running statistics, not a random state, not a mode."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vergence as vg
from tests.training.small import make, recipe, same, texts, vectors, weights
from vergence.training import reference as reference_module
from vergence.training.randomness import OwnRandomness
from vergence.training.reference import Reference

STEPS = 200


def embed(encoder: nn.Module, items: Tensor, *, chunk: int = 256) -> Tensor:
    """h of the items, as a Monitor's reference set is embedded."""
    return Reference(encoder, items).embed(1, chunk=chunk).rows["h"]


class Encoder(nn.Module):
    """Dropout, BatchNorm, and a counter of its own that a second look would move."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 8), nn.BatchNorm1d(8)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x + 0.01 * torch.randn_like(x) if self.training else x)


def own_loop(watch: Any, steps: int = STEPS) -> tuple[list[Tensor], Tensor, vg.Monitor | None]:
    """A user's script on the global generator; `watch(encoder, objective, optimiser)` gives a Monitor or None."""
    torch.manual_seed(11)
    x, y = vectors()
    encoder, objective = Encoder(), vg.losses.NTXent(temperature=0.2)
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.05, momentum=0.9)
    monitor = watch(encoder, objective, optimiser)
    for _ in range(steps):
        index = torch.randint(0, len(x), (16,))
        z1, z2 = (encoder(x[index] + 0.1 * torch.randn(16, 8)) for _ in range(2))
        loss = objective(z1, z2)
        loss.backward()
        if monitor is not None:
            monitor.step(z1, z2, loss=loss, labels=y[index], h={"backbone": (z1.detach(), z2.detach())})
        optimiser.step()
        optimiser.zero_grad()
    return weights(encoder), torch.get_rng_state(), monitor


def test_an_own_loop_ends_with_the_same_weights_watched_and_unwatched(tmp_path):
    bare, state, _ = own_loop(lambda *parts: None)
    watched, state_watched, monitor = own_loop(
        lambda encoder, objective, optimiser: vg.Monitor(
            encoder,
            reference=vectors(40),
            objective=objective,
            optimiser=optimiser,
            every=1,
            directory=tmp_path,
            measures="all",
        )
    )
    assert same(bare, watched)
    assert torch.equal(state, state_watched), "the global generator was moved"
    history = monitor.history
    assert texts(history, "failed") == []
    assert len(history.scalar("similarity/z/auc")) == STEPS
    assert len(history.scalar("hypersphere/reference/uniformity")) == STEPS + 1, "and one look before training"
    assert len(history.scalar("similarity/backbone/auc")) == STEPS
    assert {"gradients/encoder/norm", "weight_change/encoder/relative", "lidar/z/within", "step_profile/h/mean"} <= set(
        history.scalar_keys()
    )
    monitor.close()


def test_a_run_ends_with_the_same_weights_watched_and_unwatched(monkeypatch):
    def trained(**more: Any) -> tuple[list[Tensor], vg.Run]:
        run = make(recipe(encoder=Encoder), driver="inline", seed=3, **more)
        run.start(steps=STEPS)
        return weights(run.model), run

    watched, run = trained(every=1, reference=32, measures="all")
    assert len(run.history.scalar("similarity/h/auc")) == STEPS
    assert len(run.history.scalar("step_profile/h/mean")) > 1
    assert len(run.history.scalar("hypersphere/reference/uniformity")) == STEPS + 1
    from vergence.training.observer import Observer

    monkeypatch.setattr(Observer, "observe", lambda *rest, **more: None)
    bare, run = trained()
    assert len(run.history.scalar("loss")) == 0
    assert same(bare, watched)


def test_the_comparison_can_fail(monkeypatch):
    """A reference that is embedded in training mode moves BatchNorm, and both tests above would say so."""
    bare, _, _ = own_loop(lambda *parts: None, steps=3)
    monkeypatch.setattr(reference_module, "at_rest", lambda *models: torch.no_grad())
    watched, _, _ = own_loop(
        lambda encoder, objective, optimiser: vg.Monitor(encoder, reference=vectors(40), every=1, save=False), steps=3
    )
    assert not same(bare, watched)


def test_modes_are_restored_module_by_module():
    encoder = Encoder()
    encoder.layers[1].eval()  # a frozen BatchNorm
    modes = [module.training for module in encoder.modules()]
    statistics = weights(encoder)
    seen: list[bool] = []
    encoder.layers[3].register_forward_hook(lambda module, *rest: seen.append(module.training))
    rows = embed(encoder, vectors(10)[0])
    assert rows.shape == (10, 8)
    assert not rows.requires_grad
    assert seen == [False]
    assert [module.training for module in encoder.modules()] == modes
    assert same(weights(encoder), statistics)


def test_modes_are_restored_when_the_encoder_raises():
    encoder = Encoder()
    with pytest.raises(RuntimeError):
        embed(encoder, torch.ones(4, 3))
    assert all(module.training for module in encoder.modules())


def test_what_an_encoder_draws_in_eval_mode_is_not_taken_from_the_run():
    class Draws(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.randn_like(x)

    torch.manual_seed(0)
    before = torch.get_rng_state()
    x = vectors(12)[0]
    assert torch.equal(embed(Draws(), x), embed(Draws(), x)), "the reference is measured the same way each time"
    assert torch.equal(torch.get_rng_state(), before)
    own = torch.Generator().manual_seed(4)
    with OwnRandomness(own):
        state = own.get_state()
        embed(Draws(), x)
        assert torch.equal(own.get_state(), state), "an outer run's generator neither"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_a_model_with_other_weights_takes_the_reference_in_its_own_precision(dtype):
    encoder = nn.Linear(8, 4).to(dtype)
    assert embed(encoder, vectors(10)[0]).dtype == torch.float32


def test_the_reference_is_embedded_in_chunks_and_in_order():
    x = torch.randn(70, 8)
    calls: list[int] = []

    class Counts(nn.Module):
        def forward(self, part: Tensor) -> Tensor:
            calls.append(len(part))
            return part

    assert torch.equal(embed(Counts(), x, chunk=32), x)
    assert calls == [32, 32, 6]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (lambda x: x[:3], r"returned 3 rows for 10 items\. It must return \(batch, dim\)"),
        (lambda x: "text", r"the encoder returned a str\. It must return a tensor .* small nn\.Module"),
        (lambda x: {"h": x}, r"the encoder returned a dict"),
    ],
)
def test_an_encoder_that_cannot_embed_is_told_why_and_the_loop_goes_on(output, words):
    from vergence import errors

    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return output(x)

    with pytest.raises(errors.ShapeError, match=words):
        embed(Odd(), vectors(10)[0])
    monitor = vg.Monitor(Odd(), reference=vectors(10)[0], every=1, save=False)
    for _ in range(3):
        monitor.step(torch.randn(8, 4), torch.randn(8, 4))
    (failed,) = monitor.history.events("failed")
    assert failed.data["name"] == "reference/h"
    assert monitor.history.last_step == 3


def test_encoders_that_return_more_than_one_thing_are_understood():
    x = vectors(10)[0]

    class Both(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x[:, :2]

    class Output:
        def __init__(self, hidden: Tensor) -> None:
            self.last_hidden_state = hidden

    class Tokens(nn.Module):
        def forward(self, x: Tensor) -> Output:
            return Output(torch.stack([x, -x], dim=1))

    assert torch.equal(embed(Both(), x), x)
    assert torch.equal(embed(Tokens(), x), x), "the first token"


def test_the_gradients_are_as_they_were():
    encoder = Encoder()
    z1, z2 = encoder(vectors(16)[0]), encoder(vectors(16)[0])
    loss = vg.losses.nt_xent(z1, z2, temperature=0.2)
    loss.backward(retain_graph=True)
    before = [parameter.grad.clone() for parameter in encoder.parameters()]
    monitor = vg.Monitor(encoder, reference=vectors(20), objective=vg.losses.NTXent(), every=1, save=False)
    monitor.step(z1, z2, loss=loss)
    assert same(before, [parameter.grad for parameter in encoder.parameters()])
    loss.backward()  # the graph is whole


def test_a_loop_that_is_not_on_the_main_thread_can_be_watched():
    monitor, failures = vg.Monitor(every=1, save=False), []

    def train() -> None:
        try:
            for _ in range(5):
                monitor.step(torch.randn(8, 4), torch.randn(8, 4), loss=1.0)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join(20)
    assert failures == []
    assert monitor.loop_thread is thread
    assert monitor.history.last_step == 5
