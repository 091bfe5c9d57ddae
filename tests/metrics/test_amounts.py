"""Amounts: against slow twins, closed forms and scikit-learn; what is planted, what is not, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from tests.metrics.case import Case
from tests.reference import amounts as slow
from tests.reference import probes as slow_probes
from vergence import errors
from vergence.metrics import Reading, amounts, compare, probes
from vergence.metrics.amounts import amount_task, binned, read_amount
from vergence.metrics.halves import halves, task
from vergence.metrics.nesting import parents
from vergence.metrics.readings import LEVEL, widened
from vergence.metrics.smooth import RIDGES, Smooth
from vergence.metrics.space import Space


def planted(
    items: int = 240, dim: int = 12, noise: float = 0.5, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """A number that is a sum over features, with noise of its own, and features of very different size."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(items, dim, generator=generator, dtype=torch.float64)
    weights = torch.randn(dim, generator=generator, dtype=torch.float64)
    values = rows @ weights / weights.norm() + noise * torch.randn(items, generator=generator, dtype=torch.float64)
    return (rows * torch.logspace(-2, 2, dim, dtype=torch.float64)).to(dtype), 40 + 7 * values


class TestAgainstOthers:
    @pytest.mark.parametrize("dim", [6, 90])
    @pytest.mark.parametrize("grouped", [False, True])
    def test_the_slow_twins(self, dim: int, grouped: bool) -> None:
        rows, values = planted(64, dim, noise=1.0)
        groups = torch.arange(64) // (3 if grouped else 1)
        found = amounts(rows, values, groups=groups, k=7, temperature=0.2)
        parted = halves([binned(values)], groups)
        fit, test = rows[parted.fit].numpy(), rows[parted.test].numpy()
        y, wanted = values[parted.fit].numpy(), values[parted.test].numpy()
        a, b = slow_probes.standardised(fit, test)
        ids = groups[parted.fit].tolist()
        scale = y.std()
        errs = [slow.left_out(a, (y - y.mean()) / scale, ids, ridge * len(a)) for ridge in RIDGES]
        assert found.ridge == RIDGES[int(np.argmin(errs))]
        said = slow.ridge(a, y, b, found.ridge * len(a))
        assert found.linear.r2 == pytest.approx(slow.r2(said, wanted, y.mean()), abs=1e-9)
        voted = slow.knn(fit.tolist(), y.tolist(), test, 7, 0.2)
        assert found.knn.r2 == pytest.approx(slow.r2(voted, wanted.tolist(), y.mean()), abs=1e-9)

    @pytest.mark.parametrize("dim", [5, 80])
    def test_leaving_out_in_closed_form_is_leaving_out(self, dim: int) -> None:
        rows, values = planted(40, dim)
        groups = torch.tensor([*[0] * 6, *[1] * 2, *range(2, 34)])
        every = torch.arange(40)
        parted = halves([torch.zeros(40, dtype=torch.long)])
        space = Space("test", rows, type(parted)(every, every, groups))
        smooth = Smooth(space, every, every, groups)
        y = (values - values.mean()) / values.std()
        inside = smooth._left.T @ y
        (a,) = slow_probes.standardised(rows.numpy())
        for ridge in RIDGES:
            kept = smooth._values / (smooth._values + 40 * ridge)
            fast = smooth._left_out(y - smooth._left @ (kept * inside), kept)
            # Standardised once, by all rows: what is left out is told by the features as they are.
            assert fast == pytest.approx(slow.left_out(a, y.numpy(), groups.tolist(), 40 * ridge), rel=1e-6)

    def test_scikit_learn(self) -> None:
        rows, values = planted(300, 20)
        found = amounts(rows, values)
        parted = halves([binned(values)])
        x, y = rows.numpy(), values.numpy()
        fit, test = parted.fit.numpy(), parted.test.numpy()
        a, b = slow_probes.standardised(x[fit], x[test])
        said = Ridge(alpha=found.ridge * len(fit)).fit(a, y[fit]).predict(b)
        wanted = 1 - ((y[test] - said) ** 2).sum() / ((y[test] - y[fit].mean()) ** 2).sum()
        assert found.linear.r2 == pytest.approx(wanted, abs=1e-9)


class TestWhatIsKnown:
    def test_a_number_with_noise_is_read_as_far_as_it_can_be(self) -> None:
        # Signal 1, noise variance 0.25: no more than 0.8 of the variance can be said.
        rows, values = planted(4000, 8, noise=0.5)
        found = amounts(rows, values)
        assert found.linear.r2 == pytest.approx(0.8, abs=2 * found.linear.half)
        assert found.linear.half < 0.03

    def test_a_number_that_is_not_there_reads_zero(self) -> None:
        rows, _ = planted(400, 30)
        other = torch.rand(400, generator=torch.Generator().manual_seed(3))
        found = amounts(rows, other)
        assert abs(found.linear.r2) < 0.1
        assert found.ridge == max(RIDGES), "of what is not there, as little as possible is said"

    def test_exactly_linear_reads_one_and_is_not_certain(self) -> None:
        rows, _ = planted(200, 6)
        found = amounts(rows, 3 * rows[:, 2] - 5)
        assert found.linear.r2 == pytest.approx(1, abs=1e-6)
        assert found.linear.half == pytest.approx(LEVEL / found.asked)

    def test_what_a_line_misses_neighbours_see(self) -> None:
        angle = torch.linspace(0, 2 * math.pi, 301, dtype=torch.float64)[:300]
        circle = torch.stack([angle.cos(), angle.sin()], 1)
        found = amounts(circle, (3 * angle).cos(), k=5, temperature=0.01)
        assert found.linear.r2 < 0.05
        assert found.knn.r2 > 0.9

    def test_a_collapsed_encoder_still_reads(self) -> None:
        rows, values = planted(240, 8, noise=0.1)
        rows = torch.nn.functional.normalize(rows / rows.std(0))
        collapsed = torch.ones(8, dtype=torch.float64) + 1e-4 * rows
        assert amounts(collapsed.float(), values).linear.r2 > 0.5

    def test_one_point_says_nothing(self) -> None:
        _, values = planted(120)
        found = amounts(torch.full((120, 8), 0.7), values)
        assert found.linear.r2 == pytest.approx(0, abs=1e-12)

    def test_scale_and_place_of_the_value_do_not_count(self) -> None:
        rows, values = planted(150)
        one = amounts(rows, values)
        for other in (1e200 * values, 1e-200 * values, values - 1e6):
            assert amounts(rows, other).linear.r2 == pytest.approx(one.linear.r2, abs=1e-6)

    def test_copies_in_both_halves_would_leak(self) -> None:
        generator = torch.Generator().manual_seed(0)
        once, values = torch.randn(100, 60, generator=generator), torch.randn(100, generator=generator)
        rows, both = once.repeat(2, 1) + 1e-3 * torch.randn(200, 60, generator=generator), values.repeat(2)
        apart = amounts(rows, both, groups=torch.arange(100).repeat(2), k=1).knn.r2
        assert amounts(rows, both, k=1).knn.r2 > apart + 0.3
        assert apart < -0.5, "a guess at random errs twice as far as the mean"


class TestIntervals:
    def test_it_covers_as_often_as_it_says(self) -> None:
        inside = 0
        for seed in range(200):
            # Fit once on much: what varies is who is asked.
            generator = torch.Generator().manual_seed(seed)
            x = torch.randn(260, 1, generator=generator, dtype=torch.float64)
            y = x[:, 0] + torch.randn(260, generator=generator, dtype=torch.float64)
            found = amounts(x, y)
            inside += abs(found.linear.r2 - 0.5) < found.linear.half
        assert 0.90 < inside / 200 < 0.99

    def test_groups_that_agree_count_once(self) -> None:
        rows, values = planted(120, 4)
        alone = amounts(rows, values)
        thrice = amounts(rows.repeat(3, 1), values.repeat(3), groups=torch.arange(120).repeat(3))
        assert thrice.linear.half == pytest.approx(alone.linear.half, rel=0.35)

    def test_a_comparison_is_paired_and_of_r2(self) -> None:
        rows, values = planted(400, 6, noise=0.6)
        worse = rows + 0.4 * rows.std(0) * torch.randn(rows.shape, generator=torch.Generator().manual_seed(1))
        one, other = amounts(rows, values).linear, amounts(worse, values).linear
        found = compare(one, other)
        assert found.difference == pytest.approx(one.r2 - other.r2)
        assert found.verdict == "better"
        assert found.half < math.hypot(one.half, other.half)
        assert compare(one, one).difference == 0

    def test_against_the_mean_it_is_the_interval_of_r2_itself(self) -> None:
        rows, values = planted(300, 6, noise=0.6)
        one = amounts(rows, values).linear
        mean = Reading(0.0, 0.0, torch.zeros_like(one.right), one.rows, one.groups, weight=one.weight)
        found = compare(one, mean)
        assert found.difference == pytest.approx(one.r2)
        assert found.half == pytest.approx(one.half)

    def test_only_shared_rows_are_compared_in_their_own_units(self) -> None:
        rows, values = planted(200, 6, noise=0.6)
        one = amounts(rows, values).linear
        kept = torch.arange(len(one.right)) % 3 > 0
        scale = float(one.weight[kept].mean())
        part = Reading(
            0.0, 0.0, one.right[kept] / scale, one.rows[kept], one.groups[kept], weight=one.weight[kept] / scale
        )
        assert compare(one, part).difference == pytest.approx(0, abs=1e-9)

    def test_classes_and_amounts_are_not_compared(self) -> None:
        rows, values = planted(100)
        with pytest.raises(errors.ArgumentError, match="one reading is of classes"):
            compare(amounts(rows, values).linear, probes(rows, torch.arange(100) % 3).linear)

    def test_widened(self) -> None:
        assert widened(1) == pytest.approx(1)
        assert widened(5) == pytest.approx(2.5758 / 1.95996, abs=1e-4)
        assert widened(0) == 1


class TestLeftOut:
    def test_what_is_not_known_is_counted(self) -> None:
        rows, values = planted(100)
        values[:4] = math.nan
        values[4] = math.inf
        rows[7] = math.nan
        found = amounts(rows, values)
        assert (found.unknown, found.rows_left_out) == (6, 1)
        assert found.fit + found.asked == 94

    def test_refuses(self) -> None:
        rows, values = planted(40)
        with pytest.raises(errors.ShapeError, match=r"values is \(40, 2\).*values\[:, 0\]"):
            amounts(rows, torch.stack([values, values], 1))
        with pytest.raises(errors.ShapeError, match=r"values has dtype torch\.bool"):
            amounts(rows, values > 0)
        with pytest.raises(errors.ShapeError, match=r"values is \(39\) but there are 40 rows"):
            amounts(rows, values[:39])
        with pytest.raises(errors.TooFewRows, match="all 20 values to learn from are 2"):
            amounts(rows, torch.full((40,), 2.0))
        with pytest.raises(errors.TooFewRows, match="0 values to learn from"):
            amounts(rows, torch.full((40,), math.nan))
        with pytest.raises(errors.TooFewRows, match="4 values to learn from"):
            amounts(rows[:8], values[:8])
        with pytest.raises(errors.TooFewRows, match="all 40 items are of one group"):
            amounts(rows, values, groups=torch.zeros(40, dtype=torch.long))
        with pytest.raises(errors.ArgumentError, match="k is 0"):
            amounts(rows, values, k=0)

    def test_whole_numbers_are_numbers(self) -> None:
        rows, _ = planted(80)
        values = (rows[:, 3] * 10).round().long()
        assert amounts(rows, values).linear.r2 == amounts(rows, values.double()).linear.r2

    def test_one_preparation_serves_several_numbers(self) -> None:
        rows, values = planted(100)
        parted = halves([binned(values)])
        space = Space("test", rows, parted)
        asked = [amount_task("test", each, parted) for each in (values, values.square())]
        smooth = Smooth(space, asked[0].fit, asked[0].test, asked[0].fit_group)
        for one in asked:
            alone, together = read_amount(space, one), read_amount(space, one, smooth=smooth)
            assert alone.linear.r2 == together.linear.r2


class TestNesting:
    def test_a_subclass_lies_within_its_class_and_a_class_in_nothing(self) -> None:
        kind = torch.arange(240) % 4
        breed = kind * 3 + torch.arange(240) // 80
        dog = breed * 2 + (torch.arange(240) // 4) % 2
        hue = torch.randint(0, 3, (240,), generator=torch.Generator().manual_seed(0))
        found = parents({"kind": kind, "breed": breed, "dog": dog, "hue": hue, "again": kind + 7})
        assert found["breed"] in ("kind", "again")
        assert found["dog"] == "breed", "the finest that it lies within"
        assert set(found) == {"breed", "dog"}

    def test_what_is_not_labelled_decides_nothing(self) -> None:
        kind = torch.arange(60) % 3
        breed = kind * 2 + (torch.arange(60) // 3) % 2
        assert parents({"kind": torch.where(torch.arange(60) < 5, -1, kind), "breed": breed}) == {"breed": "kind"}
        assert parents({"kind": torch.full((60,), -1), "breed": breed}) == {}

    def test_who_knows_the_class_guesses_the_subclass_better(self) -> None:
        kind = torch.arange(400) % 4
        breed = kind * 3 + torch.arange(400) // 4 % 3
        parted = halves([kind, breed])
        alone, within = task("test", breed, parted), task("test", breed, parted, within=kind)
        assert alone.chance == pytest.approx(1 / 12, abs=0.02)
        assert within.chance == pytest.approx(1 / 3, abs=0.04)
        # A representation that knows the class and nothing else reads exactly that.
        rows = torch.nn.functional.one_hot(kind, 4).double() + 1e-3 * torch.randn(400, 4, dtype=torch.float64)
        found = probes(rows, breed).linear
        assert abs(found.accuracy - within.chance) < 2 * found.half
        assert found.accuracy > alone.chance + 3 * found.half, "against the plain chance it would pass for knowledge"


def _numbers(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Tensor, Tensor]:
    rows, values = planted(n, dim, seed=seed, dtype=dtype)
    return rows, values


CASES = [Case(amounts, _numbers, of=(0,), size=(60, 6), least=10, bad="left out", apart=("was_unit", "ridge"))]
