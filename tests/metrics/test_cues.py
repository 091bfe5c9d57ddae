"""Cues: by hand, encoders that look at one part only, shared bits that are found and hidden ones that are not."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.metrics.case import Case
from tests.reference import cues as slow
from vergence.errors import ArgumentError, DeviceMismatch, NotFinite, ShapeError, TooFewRows
from vergence.metrics import Cue, cues
from vergence.metrics.cue_parts import alike_by_entry, gap, left_alone, levelled


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def views(pairs: int = 32, dim: int = 12, *, bits: int = 0, noise: float = 0.8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Content with noise of its own in each view, and bits that both views carry."""
    content = drawn(pairs, dim, seed=seed)
    shared = torch.sign(drawn(pairs, bits, seed=seed + 1))
    noisy = [content + noise * drawn(pairs, dim, seed=seed + 2 + at) for at in range(2)]
    return torch.cat([noisy[0], shared], 1), torch.cat([noisy[1], shared], 1)


def pictures(pairs: int = 24, side: int = 8, channels: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    base = drawn(pairs, channels, side, side, seed=seed)
    return base + 0.3 * drawn(*base.shape, seed=seed + 1), base + 0.3 * drawn(*base.shape, seed=seed + 2)


def named(found: Any, name: str) -> Cue:
    cue = found.named(name)
    assert cue is not None, [each.name for each in found.cues]
    return cue


class TestTheSlowTwin:
    def test_vectors(self) -> None:
        first, second = views(9, 5, bits=2)
        weight = drawn(7, 3, seed=9)

        def encoder(x: Tensor) -> Tensor:
            return torch.tanh(x @ weight)

        def one(row: Any) -> list[float]:
            found: list[float] = encoder(torch.tensor([row], dtype=torch.float64))[0].tolist()
            return found

        a, b = first.tolist(), second.tolist()
        found = cues(encoder, first, second)
        assert found.auc == pytest.approx(slow.auc(one, a, b))
        parts = {f"entry {at}": {at} for at in range(7)}
        parts["left alone"] = slow.lower_group([slow.alike(a, b, {at}) for at in range(7)])
        assert {cue.name for cue in found.cues} == set(parts)
        for name, part in parts.items():
            cue = named(found, name)
            assert (cue.wins, cue.alone, cue.rest) == pytest.approx(slow.against_the_rest(one, a, b, part))
            assert cue.alike == pytest.approx(slow.alike(a, b, part), abs=1e-12)
            assert cue.alike_rest == pytest.approx(slow.alike(a, b, set(range(7)) - part))
            assert cue.share == len(part) / 7

    def test_the_levels_of_pictures(self) -> None:
        own, other = drawn(3, 2, 4, 5), drawn(3, 2, 4, 5, seed=1).round()
        made = levelled(own, other)
        for item in range(3):
            for channel in range(2):
                expected = slow.levelled(own[item, channel].flatten().tolist(), other[item, channel].flatten().tolist())
                assert made[item, channel].flatten().tolist() == expected

    def test_the_lower_group(self) -> None:
        for seed in range(20):
            values = drawn(9, seed=seed).abs()
            values[3] = math.nan
            low = left_alone(values)
            assert low is not None
            known = [at for at in range(9) if at != 3]
            expected = {known[at] for at in slow.lower_group(values[known].tolist())}
            assert set(torch.nonzero(low).flatten().tolist()) == expected


class TestKnown:
    def test_an_encoder_that_looks_at_one_block_only(self) -> None:
        first, second = views(40, 16)
        found = cues(lambda x: x[:, 4:7], first, second)
        for at in range(16):
            cue = named(found, f"entry {at}")
            if at not in (4, 5, 6):
                assert cue.wins == pytest.approx(1 - found.auc, abs=0.1), "as often as a stranger comes first"
                assert cue.rest == pytest.approx(found.auc, abs=0.02), "one stranger fewer is compared with"
        wide = cues(lambda x: x[:, 4:6], *views(40, 32, noise=0.01))
        assert wide.strongest == named(wide, "entries 4 to 5")
        cue = named(wide, "entries 4 to 5")
        assert cue.wins > 0.97
        assert cue.alone == pytest.approx(wide.auc, abs=0.02)
        assert cue.rest == pytest.approx(0.5, abs=0.1)
        assert 0 < cue.half < 0.1

    def test_shared_bits_are_found_and_their_weight_is_told(self) -> None:
        first, second = views(64, 12, bits=8)
        heard = cues(lambda x: torch.cat([0.1 * x[:, :12], x[:, 12:]], 1), first, second).left_alone
        deaf = cues(lambda x: x[:, :12], first, second).left_alone
        assert heard is not None
        assert deaf is not None
        assert heard.share == deaf.share == 8 / 20
        assert heard.alike == 0
        assert heard.alike_ratio == 0
        assert heard.alike_rest == pytest.approx(0.64 / (1 + 0.64), abs=0.1)
        assert heard.wins > 0.95
        assert heard.rest < 0.65
        assert deaf.wins < 0.05
        assert deaf.rest > 0.9

    def test_a_gap_tells_two_groups_from_a_cut_anywhere(self) -> None:
        two = torch.cat([torch.zeros(5), torch.linspace(0.39, 0.8, 20)])
        low = left_alone(two)
        assert low is not None
        assert low.sum() == 5
        assert gap(two, low) == pytest.approx(0.01 / (0.39 + 0.1 * 0.41 + 0.01), abs=2e-3)
        one = torch.linspace(0.3, 0.8, 25)
        low = left_alone(one)
        assert low is not None
        assert gap(one, low) > 0.8
        for bits, most in ((8, 0.1), (1, 0.1), (0, None)):
            found = cues(lambda x: x, *views(64, 12, bits=bits)).gap
            assert found is not None
            assert found < most if most else found > 0.5

    def test_bits_under_a_rotation_are_missed(self) -> None:
        """What the docstring says: a cue that is spread evenly over the entries stands out nowhere."""
        first, second = views(64, 12, bits=8)
        turn = torch.linalg.qr(drawn(20, 20, seed=7)).Q
        found = cues(lambda x: (x @ turn)[:, 12:], first @ turn.T, second @ turn.T)
        assert found.gap is not None
        assert found.gap > 0.35

    def test_colours_are_the_levels(self) -> None:
        first, second = pictures()
        shift = 3 * drawn(24, 3, 1, 1, seed=5)
        first, second = first + shift, second + shift
        by_colour = cues(lambda x: x.mean((2, 3)), first, second)
        by_place = cues(lambda x: (x - x.mean((2, 3), keepdim=True)).flatten(1), first, second)
        assert by_colour.levels is not None
        assert by_place.levels is not None
        assert by_colour.levels.wins == 1
        assert by_colour.levels.rest < 0.6
        assert by_place.levels.wins < 0.1
        assert by_colour.levels.share == 1 / 64

    def test_the_patches_and_channels_of_a_picture(self) -> None:
        first, second = pictures()
        found = cues(lambda x: x[:, :, 2:4, 6:8].flatten(1), first, second)
        assert found.strongest is not None
        assert found.strongest.name == "patch 1, 3"
        assert found.strongest.wins == 1
        assert found.strongest.share == 1 / 16
        assert {cue.name for cue in found.cues if cue.name.startswith("channel")} == {
            "channel 0",
            "channel 1",
            "channel 2",
        }
        few = cues(lambda x: x.flatten(1), first, second, blocks=False)
        assert {cue.name for cue in few.cues} == {"left alone", "levels"}
        assert few.strongest is None

    def test_a_sequence_is_cut_along_its_longest_axis(self) -> None:
        first = drawn(16, 3, 20)
        found = cues(lambda x: x[:, :, 19], first, first + 0.1 * drawn(16, 3, 20, seed=1))
        assert found.strongest is not None
        assert found.strongest.name == "entry 19"
        assert found.levels is None

    def test_views_that_are_the_same_leave_nothing_alone_in_particular(self) -> None:
        first, _ = views(16)
        found = cues(lambda x: x, first, first.clone())
        assert found.left_alone is None
        assert found.gap is None
        assert found.auc == 1
        assert all(cue.alike == 0 and cue.alike_ratio is None for cue in found.cues)

    def test_an_encoder_without_a_clue(self) -> None:
        first, second = views(64)
        found = cues(lambda x: drawn(len(x), 8, seed=len(x) + int(x.sum() * 1000) % 97), first, second)
        assert found.auc == pytest.approx(0.5, abs=0.08)

    def test_an_entry_that_hardly_varies_is_no_part_that_is_left_alone(self) -> None:
        first, second = views(40, 6)
        rare = torch.zeros(40, 1, dtype=torch.float64)
        rare[:2] = 1
        first, second = torch.cat([first, rare], 1), torch.cat([second, rare], 1)
        assert torch.isnan(alike_by_entry(first, second)[0][6])
        found = cues(lambda x: x, first, second).left_alone
        assert found is not None
        assert found.alike is not None
        assert found.alike > 0.1

    def test_two_shapes(self) -> None:
        first, second = views(20, 12)
        found = cues(lambda x: x[:, :8], first, second[:, :10])
        assert found.left_alone is None
        assert all(cue.alike is None and cue.alike_ratio is None for cue in found.cues)
        assert len(found.cues) == 10


class TestNothingMoves:
    def test_a_module_comes_back_as_it_was(self) -> None:
        net = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4)).double()
        net[1].eval()
        before = {name: value.clone() for name, value in net.state_dict().items()}
        state = torch.get_rng_state()
        first, second = views()
        found = cues(net, first, second)
        assert found.cues == cues(net, first, second).cues
        assert [part.training for part in net] == [True, False, True, True, True]
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
        assert torch.equal(torch.get_rng_state(), state)
        assert all(value.grad is None for value in net.parameters())

    def test_half_precision_weights(self) -> None:
        net = nn.Linear(12, 6).bfloat16()
        first, second = views()
        assert cues(net, first.float(), second.float()).auc > 0.6


class TestTheDoor:
    def test_pairs_that_cannot_be_read_are_left_out(self) -> None:
        first, second = views(20)
        first[3, 0], second[7, 1] = math.nan, math.inf
        first[9] = 0
        found = cues(lambda x: x, first, second)
        assert (found.pairs, found.pairs_left_out, found.pairs_total) == (17, 3, 20)
        few = cues(lambda x: x, first, second, max_pairs=10)
        assert few.pairs + few.pairs_left_out in (12, 13)
        assert few.pairs_total == 20
        assert few.cues == cues(lambda x: x, first, second, max_pairs=10).cues

    def test_mosaics_without_a_row_are_nobody(self) -> None:
        first, second = views(20)
        found = cues(lambda x: torch.where((x[:, :1] - x[:, 1:2]).abs() > 6, math.nan, x), first, second)
        assert all(0 <= cue.wins <= 1 for cue in found.cues)

    def test_refuses(self) -> None:
        first, second = views(20)

        def same(x: Tensor) -> Tensor:
            return x

        with pytest.raises(TooFewRows, match=r"cues: first has 7 items, 8 are needed"):
            cues(same, first[:7], second[:7])
        with pytest.raises(ShapeError, match=r"first has 20 rows and second has 19. Row i of both"):
            cues(same, first, second[:-1])
        with pytest.raises(ShapeError, match=r"second has dtype torch.int64. It must be floating point"):
            cues(same, first, second.long())
        with pytest.raises(ArgumentError, match=r"the encoder is a Tensor"):
            cues(first, first, second)  # type: ignore[arg-type]
        with pytest.raises(ShapeError, match=r"the encoder returned \(20, 3, 4\)"):
            cues(lambda x: x.view(-1, 3, 4), first, second)
        with pytest.raises(ArgumentError, match=r"max_pairs is 4. It must be a whole number, 8 or above"):
            cues(same, first, second, max_pairs=4)
        with pytest.raises(NotFinite, match=r"cues: 0 of 20 pairs are finite"):
            cues(same, first * math.nan, second)
        with pytest.raises(NotFinite, match=r"0 of 20 pairs are finite, with rows that are not zero"):
            cues(lambda x: 0 * x, first, second)
        with pytest.raises(DeviceMismatch, match=r"first is on cpu but second is on meta"):
            cues(same, first, second.to("meta"))


def _asked(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Any, Tensor, Tensor]:
    first, second = views(n, dim, seed=seed)
    return (lambda x: x), first.to(dtype), second.to(dtype)


# Inputs are no rows of embeddings: what is refused is tried above.
CASES = [Case(cues, _asked, of=())]
