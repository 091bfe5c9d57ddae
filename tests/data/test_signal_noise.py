"""Signal and noise: which axes views keep, how much is left of the others, and that strong noise empties them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import vergence as vg
from tests.data.wrapping import generator
from vergence import errors
from vergence.data import signal_noise


def test_views_keep_the_signal_and_disturb_the_rest():
    made = signal_noise(0.5)
    x = made.pair(torch.arange(len(made)), generator())[0]
    assert (x.shape, made.labels) == ((10_000, 16), None)
    draw = generator()
    a, b = made.views(x, draw), made.views(x, draw)
    assert torch.equal(a[:, :8], x[:, :8])
    both = torch.corrcoef(torch.cat([a, b], dim=1).T)
    agreement = both[torch.arange(16), torch.arange(16) + 16]
    assert torch.allclose(agreement, torch.tensor([1.0] * 8 + [1 / 1.25] * 8), atol=0.03)
    assert torch.equal(made.truth.factors["noisy 3"], x[:, 10])
    clear, noisy = (tuple(f"{kind} {axis}" for axis in range(1, 9)) for kind in ("signal", "noisy"))
    assert (made.truth.shared, made.truth.nuisance) == ((*clear, *noisy), ()), "as much signal as noise, or more"
    drowned = signal_noise(1.0, n=50).truth
    assert (drowned.shared, drowned.nuisance) == (clear, noisy)


def test_without_noise_every_axis_is_shared():
    made = signal_noise(0.0, n=100)
    x = made.pair(torch.arange(100), generator())[0]
    assert torch.equal(made.views(x, generator()), x)
    assert made.truth.nuisance == ()


def test_other_sizes():
    made = signal_noise(1.0, n=50, dim=5, noisy=0)
    assert made.item_shape == (5,)
    x = made.pair(torch.arange(50), generator())[0]
    assert torch.equal(made.views(x, generator()), x)
    assert len([name for name in signal_noise(n=50, dim=5, noisy=4).truth.factors if "noisy" in name]) == 4


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"noise": -0.1}, r"noise is -0\.1\. It is a number, 0 or above"),
        ({"noisy": 16}, r"noisy is 16\. At most 15 is possible: one of 16 axes is signal"),
        ({"dim": 1}, "dim is 1"),
    ],
)
def test_numbers_outside_their_range_are_refused(more, words):
    with pytest.raises(errors.ArgumentError, match=words):
        signal_noise(**more)


def _linear(noise):
    """Singular values of a linear encoder after a short training, and how much of each is noisy."""
    method = vg.methods.Recipe(vg.losses.NTXent(0.1), encoder=nn.Linear(16, 16), projector="none", learning_rate=3e-2)
    made = signal_noise(noise, n=2000)
    run = vg.Run(method, made, batch=128, driver="inline", save=False, reference=0, every=1_000_000)
    run.start(steps=80)
    return torch.linalg.svdvals(run.model.encoder.weight.detach())


def test_strong_noise_empties_its_axes():
    weak, strong = _linear(0.1), _linear(2.0)
    assert float(weak[-1] / weak[0]) > 0.3
    assert float(strong[8] / strong[0]) < 0.2
    assert float(strong[7] / strong[0]) > 0.3
