from __future__ import annotations

import math
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.case import Case, labelled, views
from tests.reference import hypersphere as slow
from tests.reference.golden import golden_batch, random_batch, rotation
from vergence.errors import (
    ArgumentError,
    DeviceMismatch,
    NotFinite,
    NotUnitLength,
    ShapeError,
    TooFewRows,
)
from vergence.geometry import unit
from vergence.metrics import (
    alignment,
    same_class_cosine,
    tolerance,
    uniformity,
    uniformity_floor,
)

MODULE = sys.modules[uniformity.__module__]
FLOORS = {
    2: -1.57503, 3: -2.07978, 8: -3.08253, 16: -3.51304, 32: -3.75181, 64: -3.87524, 128: -3.93753,
    256: -3.96875, 512: -3.98438, 2048: -3.99609,
}  # fmt: skip


def unit_batch(batch: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    a, b = random_batch(batch, dim, seed)
    return unit(a).to(dtype), unit(b).to(dtype)


class TestGoldenValues:
    def test_alignment_and_uniformity(self) -> None:
        a, b, _ = golden_batch()
        assert float(alignment(unit(a), unit(b))) == pytest.approx(0.0724277263, abs=1e-9)
        assert float(uniformity(unit(a))) == pytest.approx(-2.7371602690, abs=1e-9)
        assert float(uniformity(unit(b))) == pytest.approx(-2.6995830351, abs=1e-9)

    def test_rows_that_are_not_unit_are_refused_where_others_would_answer(self) -> None:
        a, b, labels = golden_batch()
        # What a library without this check would print: 0.2749915515 and -6.1847679510.
        assert slow.alignment(a, b) == pytest.approx(0.2749915515, abs=1e-9)
        assert slow.uniformity(a) == pytest.approx(-6.1847679510, abs=1e-9)
        for call in (
            lambda: alignment(a, b),
            lambda: alignment(unit(a), b),
            lambda: uniformity(a),
            lambda: tolerance(a, labels),
            lambda: same_class_cosine(a, labels),
        ):
            with pytest.raises(NotUnitLength, match=r"do not have length 1 .*geometry.unit\("):
                call()

    def test_four_readings_called_tolerance(self) -> None:
        a, _, labels = golden_batch()
        z = unit(a)
        assert float(tolerance(z, labels)) == pytest.approx(0.1950626733, abs=1e-9)
        assert float(tolerance(z, labels, with_self=False)) == pytest.approx(0.0800716266, abs=1e-9)
        assert float(same_class_cosine(z, labels, with_self=True)) == pytest.approx(0.7802506932, abs=1e-9)
        assert float(same_class_cosine(z, labels)) == pytest.approx(0.5605013865, abs=1e-9)

    @pytest.mark.parametrize("dim", FLOORS)
    def test_uniformity_floor(self, dim: int) -> None:
        assert round(uniformity_floor(dim), 5) == FLOORS[dim]


class TestAlignment:
    @pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 3), (9, 4), (5, 40)])
    def test_agrees_with_the_loop(self, batch: int, dim: int) -> None:
        a, b = unit_batch(batch, dim, seed=1)
        assert float(alignment(a, b)) == pytest.approx(slow.alignment(a, b), abs=1e-12)
        assert float(alignment(b, a)) == pytest.approx(slow.alignment(a, b), abs=1e-12)

    def test_ends(self) -> None:
        a, _ = unit_batch(5, 4, seed=0, dtype=torch.float32)
        assert float(alignment(a, a)) == 0.0
        assert float(alignment(a, -a)) == pytest.approx(4.0)
        far, away = unit_batch(4000, 64, seed=0)
        assert float(alignment(far, away[torch.randperm(4000)])) == pytest.approx(2.0, abs=0.02)

    def test_gradient(self) -> None:
        a, b = random_batch(3, 4, seed=0)
        assert torch.autograd.gradcheck(lambda x, y: alignment(unit(x), unit(y)), (a.requires_grad_(), b))


class TestUniformity:
    @pytest.mark.parametrize("t", [0.5, 2.0, 30.0])
    @pytest.mark.parametrize(("batch", "dim"), [(2, 1), (2, 3), (9, 4), (5, 40)])
    def test_agrees_with_the_loop(self, batch: int, dim: int, t: float) -> None:
        z, _ = unit_batch(batch, dim, seed=2)
        assert float(uniformity(z, t=t)) == pytest.approx(slow.uniformity(z, t), rel=1e-9, abs=1e-12)
        assert float(uniformity(z.float(), t=t)) == pytest.approx(slow.uniformity(z, t), rel=1e-5, abs=1e-6)

    def test_blocks_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        z, _ = unit_batch(23, 4, seed=2)
        whole = float(uniformity(z))
        for block in (1, 5, 22):
            monkeypatch.setattr(MODULE, "BLOCK", block)
            assert float(uniformity(z)) == pytest.approx(whole, abs=1e-12)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
    @pytest.mark.parametrize(("batch", "dim"), [(2, 1), (7, 5), (300, 128), (1500, 33)])
    def test_reads_exactly_zero_at_collapse(self, batch: int, dim: int, dtype: torch.dtype) -> None:
        row = unit(torch.linspace(-1, 2, dim)[None]).to(dtype)
        value = uniformity(row.expand(batch, dim))
        assert float(value) == 0.0
        assert math.copysign(1, float(value)) == 1

    @pytest.mark.parametrize("spread", [1e-2, 1e-3, 1e-4])
    def test_single_precision_keeps_its_digits_close_to_collapse(self, spread: float) -> None:
        centre = unit(torch.randn(1, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
        z = unit(centre + spread * random_batch(32, 64, seed=1)[0] / 8).float()
        # Not of z in float64: that would only say that float32 rows are float32 rows.
        assert float(uniformity(z)) == pytest.approx(slow.uniformity(z.double()), rel=0.02, abs=1e-7)

    def test_a_far_row_does_not_spoil_the_others(self) -> None:
        z = unit(torch.ones(64, 8) + 1e-4 * torch.arange(64.0)[:, None] * torch.eye(8)[0])
        z[0] *= -1
        assert float(uniformity(z)) == pytest.approx(slow.uniformity(z.double()), abs=1e-6)

    def test_even_spread_reads_the_floor(self) -> None:
        z = unit(torch.randn(4000, 16, generator=torch.Generator().manual_seed(0)))
        assert float(uniformity(z)) == pytest.approx(uniformity_floor(16), abs=0.005)
        inside = torch.cat([z, torch.zeros(4000, 112)], 1)
        assert float(uniformity(inside)) == pytest.approx(-3.513, abs=0.005)

    @pytest.mark.parametrize("t", [0.5, 2.0, 30.0])
    def test_gradient(self, t: float) -> None:
        z = random_batch(5, 3, seed=0)[0].requires_grad_()
        assert torch.autograd.gradcheck(lambda x: uniformity(unit(x), t=t), (z,))
        assert torch.autograd.gradgradcheck(lambda x: uniformity(unit(x), t=0.5), (z,))

    @given(seed=st.integers(0, 10_000), t=st.floats(0.1, 10.0))
    def test_blind_to_order_and_rotation(self, seed: int, t: float) -> None:
        z, _ = unit_batch(6, 4, seed)
        value = float(uniformity(z, t=t))
        order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
        assert float(uniformity(z[order], t=t)) == pytest.approx(value, abs=1e-10)
        assert float(uniformity(z @ rotation(4, seed), t=t)) == pytest.approx(value, abs=1e-10)

    def test_floor_by_its_definition_and_for_other_t(self) -> None:
        z = unit(torch.randn(200_000, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
        squared = (z[::2] - z[1::2]).square().sum(1)
        for t in (0.5, 2.0, 5.0):
            assert uniformity_floor(5, t=t) == pytest.approx(math.log(float((-t * squared).exp().mean())), abs=0.02)
        assert uniformity_floor(100_000) == pytest.approx(-4 + 8 / 100_000, abs=1e-6)

    @pytest.mark.parametrize("t", [0.0, -1.0, math.nan])
    def test_refuses_other_t(self, t: float) -> None:
        z, _ = unit_batch(3, 3, seed=0)
        with pytest.raises(ArgumentError, match="uniformity: t is"):
            uniformity(z, t=t)
        with pytest.raises(ArgumentError, match="uniformity_floor: t is"):
            uniformity_floor(3, t=t)
        with pytest.raises(ArgumentError, match="uniformity_floor: dim is 0"):
            uniformity_floor(0)


class TestTolerance:
    @pytest.mark.parametrize("with_self", [True, False])
    @pytest.mark.parametrize(("batch", "dim", "classes"), [(2, 3, 1), (9, 4, 3), (12, 40, 12)])
    def test_agrees_with_the_loop(self, batch: int, dim: int, classes: int, with_self: bool) -> None:
        z, _ = unit_batch(batch, dim, seed=3)
        labels = torch.arange(batch) % classes + 5
        total, same, pairs = slow.same_class(z, labels.tolist(), with_self=with_self)
        assert float(tolerance(z, labels, with_self=with_self)) == pytest.approx(total / pairs, abs=1e-12)
        if same:
            found = same_class_cosine(z, labels, with_self=with_self)
            assert float(found) == pytest.approx(total / same, abs=1e-12)

    def test_ends(self) -> None:
        labels = torch.arange(40) % 4
        points = unit(random_batch(4, 64, seed=0)[0])[labels]
        assert float(tolerance(points, labels)) == pytest.approx(1 / 4)
        assert float(same_class_cosine(points, labels)) == pytest.approx(1.0)
        spread, _ = unit_batch(2000, 512, seed=0)
        assert float(same_class_cosine(spread, torch.arange(2000) % 4)) == pytest.approx(0.0, abs=0.002)

    def test_rows_without_a_label_are_left_out(self) -> None:
        z, _ = unit_batch(9, 4, seed=3)
        labels = torch.tensor([0, 0, -1, 1, 1, -1, 1, 0, -7])
        inside = labels >= 0
        torch.testing.assert_close(tolerance(z, labels), tolerance(z[inside], labels[inside]))
        torch.testing.assert_close(same_class_cosine(z, labels), same_class_cosine(z[inside], labels[inside]))
        with pytest.raises(TooFewRows, match=r"tolerance: 1 of 9 rows have a label, 2 are needed"):
            tolerance(z, torch.tensor([0] + [-1] * 8))

    def test_no_two_rows_of_one_class(self) -> None:
        z, _ = unit_batch(4, 4, seed=3)
        with pytest.raises(TooFewRows, match=r"same_class_cosine: no two of 4 labelled rows share a label"):
            same_class_cosine(z, torch.arange(4))
        assert float(same_class_cosine(z, torch.arange(4), with_self=True)) == pytest.approx(1.0)
        assert float(tolerance(z, torch.arange(4), with_self=False)) == pytest.approx(0.0, abs=1e-12)

    def test_refuses_labels_that_do_not_fit(self) -> None:
        z, _ = unit_batch(4, 4, seed=3)
        for call in (tolerance, same_class_cosine):
            with pytest.raises(ShapeError, match=rf"{call.__name__}: labels is \(3\) but there are 4 rows"):
                call(z, torch.arange(3))
            with pytest.raises(ShapeError, match=r"labels has dtype torch.float32"):
                call(z, torch.ones(4))
            with pytest.raises(DeviceMismatch, match=r"labels is on meta"):
                call(z, torch.arange(4, device="meta"))


@pytest.mark.parametrize(
    "call",
    [
        lambda z: alignment(z, z),
        uniformity,
        lambda z: tolerance(z, torch.zeros(len(z), dtype=torch.long)),
        lambda z: same_class_cosine(z, torch.zeros(len(z), dtype=torch.long)),
    ],
    ids=["alignment", "uniformity", "tolerance", "same_class_cosine"],
)
class TestTheDoor:
    def test_refuses_what_is_not_finite(self, call: Callable[[Tensor], Tensor]) -> None:
        z = torch.eye(4)
        z[1, 1] = math.nan
        with pytest.raises(NotFinite, match=r"1 of 4 rows of . are not finite"):
            call(z)

    def test_refuses_zero_rows_as_not_unit(self, call: Callable[[Tensor], Tensor]) -> None:
        z = torch.eye(4)
        z[1, 1] = 0
        with pytest.raises(NotUnitLength, match=r"1 of 4 rows of . do not have length 1 \(lengths 0 to 1\)"):
            call(z)

    def test_refuses_other_shapes(self, call: Callable[[Tensor], Tensor]) -> None:
        with pytest.raises(TooFewRows, match="1 row, 2 are needed"):
            call(torch.ones(1, 1))
        with pytest.raises(ShapeError, match=r"is \(4\)"):
            call(torch.ones(4))

    def test_half_precision_is_computed_in_single(self, call: Callable[[Tensor], Tensor]) -> None:
        z = unit_batch(16, 8, seed=0)[0].bfloat16()
        assert call(z).dtype == torch.float32
        assert float(call(z)) == pytest.approx(float(call(unit(z))), abs=0.01)

    def test_layout_in_memory_does_not_matter(self, call: Callable[[Tensor], Tensor]) -> None:
        z, _ = unit_batch(6, 4, seed=0)
        torch.testing.assert_close(call(torch.stack([z, z], 2)[..., 1]), call(z))

    def test_autocast_does_not_reach_in(self, call: Callable[[Tensor], Tensor]) -> None:
        z, _ = unit_batch(16, 8, seed=0, dtype=torch.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = call(z)
        torch.testing.assert_close(inside, call(z), rtol=0, atol=0)


def test_alignment_refuses_views_that_do_not_match() -> None:
    a, b = unit_batch(4, 3, seed=0)
    with pytest.raises(ShapeError, match=r"alignment: a is \(4, 3\) but b is \(3, 3\)"):
        alignment(a, b[:3])
    with pytest.raises(DeviceMismatch, match=r"a is on cpu but b is on meta"):
        alignment(a, b.to("meta"))


CASES = [
    Case(alignment, views(2, unit=True), lengths="refused"),
    Case(uniformity, views(unit=True), lengths="refused"),
    Case(tolerance, views(unit=True), labelled, lengths="refused", needs=("labels",)),
    Case(same_class_cosine, views(unit=True), labelled, lengths="refused", needs=("labels",), least=4),
    Case(uniformity_floor, lambda n, dim, dtype, seed: (dim,), of=()),
]
