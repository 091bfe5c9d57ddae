"""The step profile: even for a linear map, jumps seen, collapse missed, and nothing of the encoder moved."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from tests.metrics.case import Case
from tests.reference import step_profile as slow
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows
from vergence.metrics import step_profile


def inputs(items: int = 40, dim: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(items, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(seed: int = 0, width: int = 64) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(width, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 8)
        )


def digits(items: int = 100) -> Tensor:
    return torch.from_numpy(load_digits().images[:items]).float()[:, None] / 16


class TestKnown:
    def test_the_slow_twin(self) -> None:
        x = inputs(7, 3)

        def bent(row: Any) -> list[float]:
            return [row[0] ** 2, math.sin(row[1]) + row[2], row[2]]

        def encoder(z: Tensor) -> Tensor:
            return torch.tensor([bent(row) for row in z.tolist()], dtype=torch.float64)

        found = step_profile(encoder, x, most=2, steps=5)
        noise = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)).double()
        expected = slow.profile(bent, x.tolist(), noise.tolist(), [0, 0.4, 0.8, 1.2, 1.6, 2.0])
        assert (found.mean, found.variability, found.straightness) == pytest.approx(expected, abs=1e-6)
        assert found.strengths.tolist() == pytest.approx([0, 0.4, 0.8, 1.2, 1.6, 2.0])

    def test_a_linear_map_is_straight_and_even(self) -> None:
        weight = torch.randn(6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        found = step_profile(lambda z: z @ weight + 3, inputs())
        assert found.variability == pytest.approx(0, abs=1e-9)
        assert found.straightness == pytest.approx(1)
        assert found.mean is not None
        assert found.mean > 0.05

    def test_a_staircase_jumps(self) -> None:
        found = step_profile(torch.floor, inputs(100, 2), most=0.5)
        assert found.variability is not None
        assert found.variability > 1
        assert found.straightness is not None
        assert found.straightness < 0.99

    def test_what_ignores_the_noise_does_not_move(self) -> None:
        x = inputs(40, 400) + 3 * inputs(40, 1, seed=1)
        found, plain = (step_profile(f, x) for f in (lambda z: z.mean(1, keepdim=True), torch.tanh))
        assert found.mean is not None
        assert plain.mean is not None
        assert found.mean < plain.mean / 5

    def test_misses_collapse_but_says_the_spread(self) -> None:
        healthy, collapsed = (step_profile(lambda z, s=s: s * z, inputs()) for s in (1.0, 1e-3))
        assert collapsed.mean == pytest.approx(healthy.mean)
        assert collapsed.spread == pytest.approx(1e-3 * healthy.spread)

    def test_one_point_has_no_steps(self) -> None:
        found = step_profile(lambda z: torch.full((len(z), 3), 1 / 3), inputs())
        assert (found.mean, found.variability, found.straightness, found.spread) == (None, None, None, 0.0)
        assert not bool(found.steps.any())

    def test_training_on_labels_makes_steps_smaller_and_less_even(self) -> None:
        x, y = digits(600), torch.from_numpy(load_digits().target[:600]).long()
        net = network()
        before = step_profile(net, x)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            head = nn.Linear(8, 10)
            optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()], 1e-2)
            for _ in range(60):
                optimizer.zero_grad()
                torch.autograd.backward(nn.functional.cross_entropy(head(net(x)), y))
                optimizer.step()
        after = step_profile(net, x)
        assert before.variability is not None
        assert after.variability is not None
        assert before.variability < after.variability


class TestWorstDirection:
    def test_is_further_than_noise_of_the_same_size(self) -> None:
        net, x = network(), digits()
        noise, worst = step_profile(net, x), step_profile(net, x, by="pgd")
        assert noise.mean is not None
        assert worst.mean is not None
        assert worst.mean > 1.3 * noise.mean
        assert (noise.by, worst.by) == ("noise", "pgd")
        assert all(p.grad is None for p in net.parameters())

    def test_of_a_linear_map_is_its_first_direction(self) -> None:
        weight = torch.diag(torch.tensor([5.0, 1.0, 0.1], dtype=torch.float64))
        x = inputs(30, 3)
        found = step_profile(lambda z: z @ weight, x, by="pgd", steps=10)
        # The whole perturbation of root mean square 1 in the first of three directions.
        longest = 5 * 3**0.5 * float(x.std(correction=0)) / 10 / found.spread
        assert found.by_step[-1] == pytest.approx(longest, rel=0.02)
        assert float(found.steps.max()) < longest * (1 + 1e-6)

    def test_where_nothing_slopes_it_goes_along_the_noise(self) -> None:
        found = step_profile(lambda z: torch.floor(z) + 0 * z, inputs(50, 2), by="pgd", most=2)
        assert found.mean is not None
        assert found.mean > 0.1


class TestNothingMoves:
    @pytest.mark.parametrize("by", ["noise", "pgd"])
    def test_of_the_encoder(self, by: Any) -> None:
        net = network().train()
        net[3].eval()  # type: ignore[index]
        before = {name: value.clone() for name, value in net.state_dict().items()}
        state = torch.get_rng_state()
        first, second = step_profile(net, digits(), by=by), step_profile(net, digits(), by=by)
        assert torch.equal(first.steps, second.steps)
        assert [part.training for part in net] == [True, True, True, False, True, True]  # type: ignore[attr-defined]
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
        assert torch.equal(torch.get_rng_state(), state)

    def test_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = step_profile(torch.tanh, inputs())
        monkeypatch.setattr(sys.modules["vergence.metrics.step_profile"], "CHUNK", 7)
        part = step_profile(torch.tanh, inputs())
        assert part.rows == whole.rows == 40
        assert part.mean == pytest.approx(whole.mean, rel=0.1)  # the noise of later parts is drawn after the first

    def test_paths_and_bands(self) -> None:
        found = step_profile(torch.tanh, inputs(), keep=5)
        assert found.path.shape == (5, 9, 6)
        assert torch.allclose(found.path[:, 0], torch.tanh(inputs()[:5]))
        assert found.steps.shape == (40, 8)
        assert bool((found.low <= found.by_step).all())
        assert bool((found.by_step <= found.high).all())
        assert float(found.by_step.mean()) == pytest.approx(found.mean)


class TestTheDoor:
    def test_bad_inputs_and_bad_features_are_left_out(self) -> None:
        x = inputs()
        x[3, 1] = math.nan
        x[5] = 100

        def encoder(z: Tensor) -> Tensor:
            return torch.where(z[:, :1] > 50, math.inf, z)

        found = step_profile(encoder, x)
        assert (found.rows, found.rows_left_out, found.rows_total) == (38, 2, 40)
        assert step_profile(torch.tanh, x, max_rows=10).rows == 10

    def test_refuses(self) -> None:
        x = inputs()
        with pytest.raises(
            ArgumentError, match=r"step_profile: the encoder is a Tensor. It must be a module or a func"
        ):
            step_profile(x, x)  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match=r"inputs has dtype torch.int64. .* Tokens have nothing"):
            step_profile(torch.tanh, x.long())
        with pytest.raises(ShapeError, match=r"inputs is a list"):
            step_profile(torch.tanh, x.tolist())  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match=r"inputs is \(40\). It must be \(items, ...\)"):
            step_profile(torch.tanh, x[:, 0])
        with pytest.raises(TooFewRows, match=r"inputs has 1 items, 2 are needed"):
            step_profile(torch.tanh, x[:1])
        with pytest.raises(ShapeError, match=r"the encoder returned \(40\) of torch.float64 for 40 inputs. .* pool it"):
            step_profile(lambda z: z[:, 0], x)
        with pytest.raises(ShapeError, match=r"the encoder returned a tuple. .* lambda x: encoder\(x\)\[0\]"):
            step_profile(lambda z: (z, z), x)
        with pytest.raises(ArgumentError, match=r"all entries of inputs are the same"):
            step_profile(torch.tanh, torch.ones(4, 4))
        with pytest.raises(NotFinite, match=r"0 of 40 inputs are finite, 2 are needed"):
            step_profile(torch.tanh, x * math.nan)
        with pytest.raises(NotFinite, match=r"representations of 0 of 40 inputs are finite along"):
            step_profile(lambda z: z * math.inf, x)
        with pytest.raises(ArgumentError, match=r'by is "?\'?worst.*It is "noise" or "pgd"'):
            step_profile(torch.tanh, x, by="worst")  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match=r'by="pgd" needs gradients through the encoder'):
            step_profile(lambda z: torch.tanh(z.detach()), x, by="pgd")
        with pytest.raises(ArgumentError, match=r"steps is 1. It must be a whole number, 2 or above"):
            step_profile(torch.tanh, x, steps=1)
        with pytest.raises(ArgumentError, match=r"most is 0. It must be a finite number above 0"):
            step_profile(torch.tanh, x, most=0)


def _asked(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Any, Tensor]:
    return torch.tanh, inputs(n, dim, seed).to(dtype)


# Inputs are no rows of embeddings: what is refused is tried above.
CASES = [Case(step_profile, _asked, of=())]
