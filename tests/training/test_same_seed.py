"""The same seed gives the same weights, also while other cells draw random numbers and seed them."""

from __future__ import annotations

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import vergence as vg
from tests.training.small import make, recipe, same, texts, vectors, weights
from vergence.training.randomness import OwnRandomness, generator, may_draw

STEPS = 12


class Functional(nn.Module):
    """A user's model that draws in every way there is."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 8)
        self.own = nn.Parameter(torch.randn(16))

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.first(x), 0.3, self.training) + self.own
        x = F.rrelu(x, training=self.training)
        if self.training:
            x = x + 0.1 * torch.randn_like(x) * torch.rand(16) + torch.bernoulli(torch.full((16,), 0.5))
            x = x[:, torch.randperm(16)] + F.gumbel_softmax(x) + torch.randint(0, 3, (16,)) + torch.randint(4, (16,))
            x = x + torch.randint_like(x, 3) + torch.randint_like(x, 1, 4) + torch.rand_like(x) + torch.rand(16)
            x = F.alpha_dropout(x, 0.1, training=True) + torch.normal(torch.zeros(16), 1.0)
            x = x + torch.multinomial(torch.ones(16), 16, replacement=True) + torch.empty(16).exponential_()
        return self.last(x)


def layers() -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.4), nn.ReLU(), nn.AlphaDropout(0.1), nn.Linear(16, 8)
    )


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 16, dropout=0.3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.reshape(len(x), 2, 4)).flatten(1)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, 2, dropout=0.4, batch_first=True)
        self.gru = nn.GRU(6, 4, 2, dropout=0.4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(self.lstm(x.reshape(len(x), 2, 4))[0])[0].flatten(1)


class Lazy(nn.Module):
    """Initialised at its first forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def images(n: int = 48) -> Tensor:
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(3))


MODELS = {
    "MLPEncoder": lambda: (recipe(encoder=None), vectors()),
    "MLPEncoder with dropout": lambda: (recipe(encoder=lambda: vg.models.MLPEncoder(8, dim=8, dropout=0.3)), vectors()),
    "ConvEncoder": lambda: (vg.methods.SimCLR(encoder=lambda: vg.models.ConvEncoder(width=4, dim=8), dim=8), images()),
    "ConvEncoder with dropout": lambda: (
        vg.methods.VICReg(encoder=lambda: vg.models.ConvEncoder(width=4, dim=8, dropout=0.3), dim=8), images(),
    ),
    "Dropout and BatchNorm": lambda: (recipe(encoder=layers), vectors()),
    "functional": lambda: (recipe(encoder=Functional), vectors()),
    "TransformerEncoderLayer": lambda: (recipe(encoder=Transformer), vectors()),
    "LSTM and GRU": lambda: (recipe(encoder=Recurrent), vectors()),
    "lazy layers": lambda: (recipe(encoder=Lazy), vectors()),
}  # fmt: skip


class Disturbance:
    """Another cell: draws and seeds without a rest."""

    def __enter__(self) -> Disturbance:
        self.over, self.times = threading.Event(), 0
        self.thread = threading.Thread(target=self._draw)
        self.thread.start()
        return self

    def _draw(self) -> None:
        while not self.over.is_set():
            torch.manual_seed(self.times)
            torch.rand(5)
            F.dropout(torch.ones(50))
            self.times += 1

    def __exit__(self, *rest: object) -> None:
        self.over.set()
        self.thread.join(10)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_weights_while_others_draw(name):
    def trained(seed: int) -> tuple[list[Tensor], list[Tensor]]:
        method, data = MODELS[name]()
        run = make(method, data, seed=seed, driver="inline")
        first = weights(run.model)
        run.start(steps=STEPS)
        assert texts(run.history, "failed") == []
        return first, weights(run.model)

    torch.manual_seed(1)
    calm = trained(0)
    with Disturbance() as others:
        disturbed = trained(0)
    assert others.times > 3
    assert same(calm[0], disturbed[0]), "the first weights differ"
    assert same(calm[1], disturbed[1]), "the trained weights differ"
    assert not same(calm[1], trained(1)[1]), "the seed makes no difference, so this test shows nothing"


@pytest.mark.parametrize("name", ["functional", "TransformerEncoderLayer"])
def test_without_generators_of_its_own_a_run_would_be_disturbed(name, monkeypatch):
    """The test above can fail."""
    from vergence.training import trainer as trainer_module

    monkeypatch.setattr(trainer_module, "may_draw", lambda module: False)
    found = []
    for seed in (1, 2):
        method, data = MODELS[name]()
        torch.manual_seed(seed)
        run = make(method, data, driver="inline")
        torch.manual_seed(seed)
        found.append(weights(run.start(steps=3).model))
    assert not same(*found)


def test_training_neither_reads_nor_moves_the_global_generator():
    method, data = MODELS["functional"]()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    make(method, data, driver="inline", every=1).start(steps=3)
    assert torch.equal(torch.get_rng_state(), before)


class NoisyViews:
    """Views of a user's that ignore the generator they are given."""

    strength = 0.5

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x + 0.1 * torch.randn(x.shape)


class NoisyLoss:
    """A loss of a user's that draws."""

    name, variant, source, views = "noisy", "", "", 2

    def __call__(self, *z: Tensor) -> Tensor:
        return ((z[0] - z[1]) ** 2 * torch.rand(z[0].shape)).mean()

    def terms(self, *z: Tensor) -> dict[str, Tensor]:
        return {}

    def chance(self, batch: int, dim: int) -> float | None:
        return None

    def floor(self, batch: int, dim: int) -> float | None:
        return None

    def pair_weights(self, *z: Tensor) -> Tensor | None:
        return None

    def settings(self) -> dict[str, float]:
        return {}

    def set(self, name: str, value: float) -> None: ...

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        return {}


def test_views_and_losses_of_a_user_draw_from_the_run_too():
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        method = vg.methods.Recipe(NoisyLoss(), encoder=lambda: nn.Linear(8, 8), dim=8, views=NoisyViews())
        found.append(weights(make(method, driver="inline").start(steps=3).model))
    assert same(*found)


def test_plain_models_are_not_slowed_by_looking_at_every_operation():
    assert not may_draw(vg.models.ConvEncoder(width=4))
    assert not may_draw(nn.Sequential(vg.models.MLPEncoder(8), vg.models.Projector(8), nn.LayerNorm(4), nn.GELU()))
    assert not may_draw(nn.Dropout(0.0))
    for drawing in (
        vg.models.MLPEncoder(8, dropout=0.1),
        nn.RReLU(),
        Transformer(),
        Functional(),
        nn.MultiheadAttention(4, 2),
    ):
        assert may_draw(drawing), type(drawing)


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_dropout_means_the_same_inside(p):
    x = torch.ones(2_000, requires_grad=True)
    with OwnRandomness(generator(0, "dropout")):
        y, keep = torch.native_dropout(x, p, True)
        again = F.dropout(x, p, True)
    y.sum().backward()
    kept = 1 - p
    values = {0.0: [1.0], 1.0: [0.0]}.get(p, [0.0, 1 / kept if kept else 0.0])
    assert y.detach().unique().tolist() == pytest.approx(values)
    assert float(keep.float().mean()) == pytest.approx(kept, abs=0.05)
    assert torch.equal(x.grad, y.detach()), "the gradient goes where the value went"
    assert float(again.detach().mean()) == pytest.approx(1.0 if kept else 0.0, abs=0.1)


def test_a_generator_that_was_given_is_used():
    ours = torch.Generator().manual_seed(1)
    with OwnRandomness(generator(0, "dropout")) as own:
        inside = torch.randn(4, generator=ours)
    assert own.drawn == 0
    assert torch.equal(inside, torch.randn(4, generator=torch.Generator().manual_seed(1)))


def test_generators_differ_by_purpose_and_seed_and_repeat():
    drawn = {
        (seed, purpose): float(torch.rand((), generator=generator(seed, purpose)))
        for seed in (0, 1)
        for purpose in ("data", "views", "model", "dropout")
    }
    assert len(set(drawn.values())) == 8
    assert drawn[0, "data"] == float(torch.rand((), generator=generator(0, "data")))
