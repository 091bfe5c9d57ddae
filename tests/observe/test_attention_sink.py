"""A sink that grows because a head needs somewhere to look when it has nothing to do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vergence.metrics import sinks
from vergence.observe import attention

LENGTH, CONTENT = 6, 8
WIDTH = CONTENT + 3  # and what the token is: the beginning, a trigger, a marker


def sentences(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens of random content behind a beginning that is always the same; where the trigger and the marker are."""
    tokens = torch.randn(count, LENGTH, WIDTH, generator=generator)
    tokens[:, 0] = torch.linspace(-1, 1, WIDTH)
    tokens[..., CONTENT:] = 0.0
    tokens[:, 0, CONTENT] = 1.0
    places = torch.rand(count, LENGTH - 1, generator=generator).argsort(1)[:, :2] + 1
    rows = torch.arange(count)
    tokens[rows, places[:, 0], CONTENT + 1] = 1.0
    tokens[rows, places[:, 1], CONTENT + 2] = 1.0
    return tokens, places[:, 0], places[:, 1]


class Fetch(nn.Module):
    """One head over tokens without positions."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k = nn.Linear(WIDTH, 16), nn.Linear(WIDTH, 16)
        self.v = nn.Linear(WIDTH, CONTENT)

    def forward(self, x: Tensor) -> Tensor:
        weights = (self.q(x) @ self.k(x).mT / 4).softmax(-1)
        return weights @ self.v(x)


def grown(zero_elsewhere: bool) -> tuple[nn.Module, Tensor, Tensor]:
    """The trigger has to fetch what the marker holds; all others have to return zero, or may do anything."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = Fetch()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(500):
        tokens, trigger, marker = sentences(64, generator)
        rows = torch.arange(64)
        wanted = torch.zeros(64, LENGTH, CONTENT)
        wanted[rows, trigger] = tokens[rows, marker, :CONTENT]
        missed = (model(tokens) - wanted).square().sum(-1)
        loss = missed.mean() if zero_elsewhere else missed[rows, trigger].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    tokens, trigger, _ = sentences(256, generator)
    idle = torch.ones(256, LENGTH, dtype=torch.bool)
    idle[torch.arange(256), trigger] = idle[:, 0] = False
    return model, tokens, idle


@pytest.mark.slow
def test_a_sink_grows_on_the_beginning_and_its_value_is_drained() -> None:
    model, tokens, idle = grown(zero_elsewhere=True)
    with attention(model, samples=None) as seen:
        model(tokens)
    (layer,) = seen.layers
    given = layer.weights[:, 0, :, 0][idle]
    assert float(given.mean()) > 0.9
    found = sinks(layer.weights, layer.token_norms, layer.value_norms)
    assert found.sink[:, 0, 0].all()
    assert found.noop is not None
    assert found.noop[:, 0, 0].all()
    assert float(layer.value_norms[:, 0, 0].mean()) < 0.1 * float(layer.value_norms[:, 0, 1:].mean())


@pytest.mark.slow
def test_without_a_reason_none_grows() -> None:
    model, tokens, idle = grown(zero_elsewhere=False)
    with attention(model, samples=None) as seen:
        model(tokens)
    (layer,) = seen.layers
    assert float(layer.weights[:, 0, :, 0][idle].mean()) < 0.5
