"""Numbers of attention maps: golden values, slow twins, planted heads and sinks, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case
from tests.reference import attention as slow
from vergence import errors
from vergence.metrics import (
    OFFSETS,
    attention,
    distance,
    entropy,
    grid_of,
    offset,
    rollout,
    sinks,
    uniform_distance,
    uniform_entropy,
    uniform_mass,
    uniform_offset,
)


def golden_layers() -> list[Tensor]:
    """5 tokens, 3 layers, one head."""
    q, k = torch.arange(5, dtype=torch.float64)[:, None], torch.arange(5, dtype=torch.float64)
    return [torch.cos(0.4 * q * (layer + 1) + 0.9 * k).softmax(-1)[None, None] for layer in range(3)]


def random_maps(*shape: int, seed: int = 0, sharp: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (sharp * torch.randn(shape, generator=generator, dtype=torch.float64)).softmax(-1)


def even(*shape: int) -> Tensor:
    return torch.full(shape, 1 / shape[-1], dtype=torch.float64)


def looking(grid: tuple[int, int], down: int, right: int, share: float, prefix: int = 0) -> Tensor:
    """A head that gives `share` to the neighbour in one direction, the rest evenly to the others; borders are even."""
    rows, columns = grid
    size = rows * columns + prefix
    maps = even(1, 1, size, size)
    for y in range(rows):
        for x in range(columns):
            if 0 <= y + down < rows and 0 <= x + right < columns:
                row = maps[0, 0, prefix + y * columns + x]
                row[:] = (1 - share) / (size - 1)
                row[prefix + (y + down) * columns + x + right] = share
    return maps


class TestRollout:
    def test_golden_row(self) -> None:
        expected = [0.49466072, 0.23026894, 0.10473609, 0.07084757, 0.09948668]
        assert rollout(golden_layers())[0, 0].tolist() == pytest.approx(expected, abs=1e-8)

    def test_slow_twin(self) -> None:
        layers = [random_maps(2, 3, 6, 6, seed=seed) for seed in range(4)]
        for sample in range(2):
            expected = slow.rollout([layer[sample].tolist() for layer in layers])
            assert torch.allclose(rollout(layers)[sample], torch.tensor(expected, dtype=torch.float64), atol=1e-12)

    @given(st.integers(0, 5), st.integers(1, 3), st.integers(1, 9), st.floats(0, 0.99))
    def test_rows_sum_to_1_at_every_step(self, depth: int, heads: int, tokens: int, discard: float) -> None:
        layers = [random_maps(2, heads, tokens, tokens, seed=i, sharp=6.0) for i in range(depth)]
        for steps in range(depth + 1):
            rolled = rollout(layers[:steps], tokens=tokens, discard=discard)
            assert torch.allclose(rolled.sum(-1), torch.ones(rolled.shape[:-1], dtype=rolled.dtype), atol=1e-6)

    def test_no_layers_are_the_identity(self) -> None:
        assert torch.equal(rollout([], tokens=4), torch.eye(4)[None])
        with pytest.raises(errors.ArgumentError, match=r"rollout\(\[\], tokens=65\)"):
            rollout([])

    def test_discard_drops_the_weakest_links_of_each_row(self) -> None:
        maps = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1]], dtype=torch.float64)[None, None]
        expected = torch.tensor([[1.6, 0.3, 0.0], [0.0, 1.2, 0.7], [0.5, 0.4, 1.0]], dtype=torch.float64)
        assert torch.allclose(rollout([maps], discard=0.34)[0], expected / expected.sum(-1, keepdim=True), atol=1e-12)
        assert torch.equal(rollout([maps], discard=0.0), rollout([maps]))

    def test_a_token_that_may_attend_to_nothing_keeps_what_it_had(self) -> None:
        maps = random_maps(1, 2, 4, 4)
        maps[:, :, 2] = torch.nan
        assert rollout([maps, maps])[0, 2].tolist() == [0, 0, 1, 0]

    def test_what_cannot_be_rolled_out(self) -> None:
        with pytest.raises(errors.ShapeError, match=r"layers\[1\] is \(1, 1, 3, 4\)"):
            rollout([even(1, 1, 3, 3), even(1, 1, 3, 4)])
        with pytest.raises(errors.ArgumentError, match="discard is 1"):
            rollout([even(1, 1, 3, 3)], discard=1)


class TestEntropy:
    def test_golden_rows(self) -> None:
        expected = [1.34423873, 1.35104261, 1.41627230, 1.48535274, 1.47082467]
        assert entropy(golden_layers()[0])[0, 0].tolist() == pytest.approx(expected, abs=1e-8)

    def test_slow_twin_and_both_ends(self) -> None:
        maps = random_maps(2, 3, 4, 7, sharp=5)
        for place, found in zip(maps.flatten(0, 2), entropy(maps).flatten(), strict=True):
            assert float(found) == pytest.approx(slow.entropy(place.tolist()), abs=1e-12)
        assert entropy(even(1, 1, 2, 7)).tolist() == [[[pytest.approx(uniform_entropy(7))] * 2]]
        assert entropy(even(1, 1, 2, 7), share=True).tolist() == [[[pytest.approx(1)] * 2]]
        assert entropy(torch.eye(4)[None, None]).tolist() == [[[0.0] * 4]]

    def test_the_share_of_a_causal_map_is_of_the_keys_it_may_see(self) -> None:
        maps = torch.ones(4, 4).tril()
        maps = (maps / maps.sum(-1, keepdim=True))[None, None]
        share = entropy(maps, share=True, causal=True)[0, 0]
        assert share[0].isnan()  # one key: nothing could have been spread
        assert share[1:].tolist() == pytest.approx([1, 1, 1])
        assert entropy(maps, share=True)[0, 0, 1] == pytest.approx(0.5)

    def test_rows_without_keys_are_nan(self) -> None:
        maps = even(1, 1, 2, 3)
        maps[0, 0, 1] = torch.nan
        assert entropy(maps)[0, 0].isnan().tolist() == [False, True]
        assert entropy(even(1, 1, 1, 1), share=True).isnan().all()


class TestDistance:
    def test_even_attention(self) -> None:
        assert uniform_distance((14, 14)) == pytest.approx(7.28076, abs=1e-5)
        assert uniform_distance((4, 4)) == pytest.approx(2.01, abs=5e-3)
        assert float(distance(even(1, 1, 196, 196), (14, 14), patch=16)) == pytest.approx(116.49, abs=5e-3)
        assert float(distance(even(1, 1, 197, 197), (14, 14), 1)) == pytest.approx(7.28076, abs=1e-5)

    def test_nobody_looks_away(self) -> None:
        assert float(distance(torch.eye(17)[None, None], (4, 4), 1)) == 0.0

    def test_one_step_to_the_right_is_one_patch(self) -> None:
        maps = torch.eye(6)[[1, 2, 3, 4, 5, 5]][None, None]
        assert float(distance(maps, (1, 6))) == pytest.approx(5 / 6)
        assert float(distance(maps, (1, 6), patch=8.0)) == pytest.approx(8 * 5 / 6)

    @pytest.mark.parametrize(("grid", "prefix"), [((3, 3), 0), ((2, 4), 1), ((4, 2), 5)])
    def test_slow_twin(self, grid: tuple[int, int], prefix: int) -> None:
        tokens = grid[0] * grid[1] + prefix
        maps = random_maps(2, 2, tokens, tokens)
        for sample in range(2):
            for head in range(2):
                expected = slow.distance(maps[sample, head].tolist(), grid, prefix)
                assert float(distance(maps, grid, prefix)[sample, head]) == pytest.approx(expected, abs=1e-12)

    def test_patches_that_look_at_the_prefix_alone_are_left_out(self) -> None:
        maps = even(1, 1, 5, 5)
        maps[0, 0, 1] = torch.tensor([1.0, 0, 0, 0, 0])
        inner = even(1, 1, 4, 4)[:, :, 1:]
        far = torch.tensor([[1, 0, math.sqrt(2), 1], [1, math.sqrt(2), 0, 1], [math.sqrt(2), 1, 1, 0]])
        assert float(distance(maps, (2, 2), 1)) == pytest.approx(float((inner[0, 0] * far).sum(-1).mean()))
        assert attention(maps, grid=(2, 2), prefix=1).patch_rows_left_out == 1
        parked = torch.zeros(1, 1, 5, 5)
        parked[..., 0] = 1
        assert distance(parked, (2, 2), 1).isnan().all()

    def test_a_grid_that_does_not_fit(self) -> None:
        with pytest.raises(errors.ShapeError, match=r"1 tokens in front and a grid of 4 x 4 are 17 tokens"):
            distance(even(1, 1, 16, 16), (4, 4), 1)
        with pytest.raises(errors.ArgumentError, match=r"grid is \(4,\)"):
            distance(even(1, 1, 16, 16), (4,))  # type: ignore[arg-type]
        with pytest.raises(errors.ArgumentError, match="prefix is -1"):
            distance(even(1, 1, 16, 16), (4, 4), -1)


class TestOffset:
    @pytest.mark.parametrize("direction", OFFSETS)
    @pytest.mark.parametrize("prefix", [0, 1])
    def test_a_planted_head_is_found(self, direction: tuple[int, int], prefix: int) -> None:
        found = offset(looking((4, 4), *direction, share=0.95, prefix=prefix), (4, 4), prefix)
        assert OFFSETS[int(found.direction)] == direction
        # The prefix takes its part of the other 5 %, which is shared out again.
        assert float(found.score) == pytest.approx(0.95, abs=0.01)
        assert found.uniform == 1 / 16

    def test_even_attention(self) -> None:
        assert float(offset(even(1, 1, 16, 16), (4, 4)).score) == pytest.approx(1 / 16)
        assert uniform_offset((4, 4)) == pytest.approx(0.0625)

    @pytest.mark.parametrize(("grid", "prefix"), [((3, 4), 0), ((4, 3), 2), ((1, 6), 1)])
    def test_slow_twin(self, grid: tuple[int, int], prefix: int) -> None:
        tokens = grid[0] * grid[1] + prefix
        maps = random_maps(2, 3, tokens, tokens, sharp=3)
        found = offset(maps, grid, prefix)
        for sample in range(2):
            for head in range(3):
                score, direction = slow.offset(maps[sample, head].tolist(), grid, prefix)
                assert float(found.score[sample, head]) == pytest.approx(score, abs=1e-12)
                assert OFFSETS[int(found.direction[sample, head])] == direction

    def test_looking_two_patches_away_is_no_offset_head(self) -> None:
        maps = looking((5, 5), 0, 2, share=0.95)
        assert float(offset(maps, (5, 5)).score) < 0.1

    def test_one_patch_has_no_neighbours(self) -> None:
        with pytest.raises(errors.ArgumentError, match="no neighbours"):
            offset(even(1, 1, 1, 1), (1, 1))


def parked(tokens: int, share: float, heads: int = 2) -> Tensor:
    """Every query gives `share` to the first token and the rest evenly to the others."""
    maps = torch.full((2, heads, tokens, tokens), (1 - share) / (tokens - 1), dtype=torch.float64)
    maps[..., 0] = share
    return maps


class TestSinks:
    def test_mass_token_and_value_are_read_together(self) -> None:
        values = torch.ones(2, 2, 8)
        values[:, 0, 0] = 0.01  # the first head's sink brings nothing, the second's speaks to everybody
        tokens = torch.ones(2, 8)
        tokens[:, 0] = 10
        found = sinks(parked(8, 0.8), tokens, values)
        assert found.mass[0, 0].tolist() == pytest.approx([0.8] + [0.2 / 7] * 7)
        assert found.uniform.tolist() == pytest.approx([1 / 8] * 8)
        assert found.sink.nonzero()[:, 2].tolist() == [0] * 4
        assert found.noop is not None
        assert found.broadcast is not None
        assert found.noop[:, :, 0].tolist() == [[True, False]] * 2
        assert found.broadcast[:, :, 0].tolist() == [[False, True]] * 2
        assert found.token_ratio is not None
        assert found.token_ratio[0].tolist() == [10] + [1] * 7
        assert found.value_ratio is not None
        assert found.value_ratio[0, 0, 0] == pytest.approx(0.01)

    def test_even_attention_has_none(self) -> None:
        assert not sinks(even(1, 1, 8, 8)).sink.any()
        assert not sinks(even(1, 1, 8, 8), threshold=1.01).sink.any()

    def test_the_threshold_counts_in_even_shares(self) -> None:
        assert sinks(parked(10, 0.31)).sink[..., 0].all()
        assert not sinks(parked(10, 0.29)).sink.any()
        assert sinks(parked(10, 0.29), threshold=2.8).sink[..., 0].all()

    def test_a_token_that_misses_from_the_tokens_is_no_outlier(self) -> None:
        tokens = torch.tensor([[1.0, 2.0, 1.0, math.nan]])
        ratio = sinks(even(1, 1, 4, 4), tokens).token_ratio
        assert ratio is not None
        assert ratio[0, :3].tolist() == [1, 2, 1]
        assert ratio[0, 3].isnan()

    def test_an_even_causal_map_has_no_sink_although_early_keys_get_more(self) -> None:
        maps = torch.ones(64, 64, dtype=torch.float64).tril()
        maps = (maps / maps.sum(-1, keepdim=True))[None, None]
        assert maps.mean(-2)[0, 0].tolist() == pytest.approx(uniform_mass(64, causal=True))
        assert not sinks(maps, causal=True).sink.any()
        assert sinks(maps).sink[0, 0, 0]  # read without its mask it would have one

    def test_norms_of_another_layer(self) -> None:
        with pytest.raises(errors.ShapeError, match=r"value_norms is \(2, 2, 7\) for weights \(2, 2, 8, 8\)"):
            sinks(parked(8, 0.5), value_norms=torch.ones(2, 2, 7))
        with pytest.raises(errors.ArgumentError, match="threshold is 0"):
            sinks(parked(8, 0.5), threshold=0)


class TestSummary:
    def test_it_says_what_the_functions_say(self) -> None:
        maps = random_maps(3, 2, 17, 17)
        values, tokens = torch.rand(3, 2, 17), torch.rand(3, 17) + 1
        found = attention(maps, token_norms=tokens, value_norms=values, grid=(4, 4), prefix=1)
        assert found.entropy.tolist() == pytest.approx(entropy(maps).mean((0, 2)).tolist())
        assert found.entropy_share.tolist() == pytest.approx((found.entropy / math.log(17)).tolist())
        assert found.distance is not None
        assert found.distance.tolist() == pytest.approx(distance(maps, (4, 4), 1).mean(0).tolist())
        assert found.distance_uniform == uniform_distance((4, 4))
        assert found.prefix_mass is not None
        assert found.prefix_mass.tolist() == pytest.approx(maps[:, :, 1:, 0].mean((0, 2)).tolist())
        assert (found.keys, found.rows, found.rows_left_out, found.patch_rows_left_out) == (17, 102, 0, 0)

    def test_planted_heads(self) -> None:
        maps = torch.cat([looking((4, 4), 0, 1, 0.95, prefix=1), parked(17, 0.9, heads=1)[:1]], dim=1)
        values = torch.ones(1, 2, 17)
        values[0, 1, 0] = 0.05
        found = attention(maps, value_norms=values, grid=(4, 4), prefix=1)
        assert found.offset is not None
        assert found.offset_direction is not None
        assert found.offset_direction[0] == (0, 1)
        assert found.offset[0] > 0.9
        assert found.offset[1] == pytest.approx(1 / 16)
        assert found.sink_kind == ("none", "no-op")
        assert found.sink_key[1] == 0
        assert found.sink_mass[1] == pytest.approx(0.9)
        assert attention(maps).sink_kind == ("none", "sink")

    def test_a_direction_has_to_be_the_same_for_all_samples(self) -> None:
        both = torch.cat([looking((4, 4), 0, 1, 0.95), looking((4, 4), 0, -1, 0.95)])
        found = attention(both, grid=(4, 4))
        assert found.offset is not None
        assert 0.4 < float(found.offset[0]) < 0.6

    def test_rows_without_keys_are_left_out_and_counted(self) -> None:
        maps = random_maps(2, 2, 5, 5)
        whole = attention(maps[:1])
        maps[1] = torch.nan
        found = attention(maps)
        assert (found.rows, found.rows_left_out) == (10, 10)
        assert found.entropy.tolist() == pytest.approx(whole.entropy.tolist())
        assert found.sink_mass.tolist() == pytest.approx(whole.sink_mass.tolist())
        with pytest.raises(errors.TooFewRows, match="every row"):
            attention(maps[1:])

    def test_without_a_grid(self) -> None:
        found = attention(random_maps(1, 2, 3, 7))
        assert found.distance is None
        assert found.offset is None
        assert found.prefix_mass is None


@pytest.mark.parametrize(
    ("tokens", "aspect", "expected"),
    [
        (65, 1.0, (1, 8, 8)),
        (64, 1.0, (0, 8, 8)),
        (197, 1.0, (1, 14, 14)),
        (261, 1.0, (5, 16, 16)),
        (50, 1.0, (1, 7, 7)),
        (97, 1.5, (1, 8, 12)),
        (97, 2 / 3, (1, 12, 8)),
        (85, 5 / 3, (1, 7, 12)),  # 30 x 50 pixels in patches of 4: two rows of pixels are cut off
        (33, 1.0, (8, 5, 5)),
        (3, 1.0, None),
        (34 + 0, 1.0, (9, 5, 5)),
        (500, 1.0, (16, 22, 22)),
        (550, 1.0, None),
    ],
)
def test_grid_of(tokens: int, aspect: float, expected: tuple[int, int, int] | None) -> None:
    assert grid_of(tokens, aspect) == expected


def test_grid_of_refuses_what_is_no_number_of_tokens() -> None:
    with pytest.raises(errors.ArgumentError, match="tokens is 0"):
        grid_of(0)
    with pytest.raises(errors.ArgumentError, match="aspect is 0"):
        grid_of(65, 0)


class TestTheDoor:
    def test_scores_are_no_weights(self) -> None:
        with pytest.raises(errors.ArgumentError, match=r"Use scores\.softmax\(-1\)"):
            entropy(torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(0)))
        with pytest.raises(errors.ArgumentError, match="do not sum to 1"):
            entropy(torch.full((1, 1, 4, 4), 0.3))

    def test_rounding_of_half_precision_passes(self) -> None:
        assert entropy(random_maps(1, 1, 8, 64).to(torch.bfloat16)).isfinite().all()

    def test_a_row_that_is_broken_in_places(self) -> None:
        maps = even(1, 1, 2, 3)
        maps[0, 0, 0, 1] = torch.nan
        with pytest.raises(errors.NotFinite, match="1 of 2 rows"):
            entropy(maps)
        maps[0, 0, 0] = torch.inf
        with pytest.raises(errors.NotFinite, match="1 of 2 rows"):
            entropy(maps)

    def test_one_map_needs_its_axes(self) -> None:
        with pytest.raises(errors.ShapeError, match=r"weights\[None, None\]"):
            entropy(torch.eye(4))
        with pytest.raises(errors.ShapeError, match="list"):
            entropy([[1.0]])  # type: ignore[arg-type]


def _maps(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Tensor]:
    return (random_maps(n, 2, dim, dim, seed=seed).to(dtype),)


def _gridded(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Tensor, tuple[int, int]]:
    return _maps(n, 9, dtype, seed)[0], (3, 3)


def _of(*given: Any) -> Any:
    return lambda n, dim, dtype, seed: given


# Maps are no rows of embeddings: what they refuse is tried above.
CASES = [
    *(Case(metric, _maps, of=()) for metric in (attention, entropy, sinks)),
    *(Case(metric, _gridded, of=()) for metric in (distance, offset)),
    Case(rollout, lambda *how: ([_maps(*how)[0]] * 2,), of=()),
    *(Case(metric, _of(9), of=()) for metric in (grid_of, uniform_entropy, uniform_mass)),
    *(Case(metric, _of((3, 3)), of=()) for metric in (uniform_distance, uniform_offset)),
]
