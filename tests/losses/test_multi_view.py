from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import multi_view as slow
from tests.reference.golden import rotation
from tests.reference.multi_view import several
from vergence.errors import ArgumentError, ShapeError, UnknownName
from vergence.geometry import unit
from vergence.losses import MVInfoNCE, info_nce, mv_info_nce, nt_xent
from vergence.losses.multi_view import Form
from vergence.losses.weighting import by_autograd

FORMS: tuple[Form, ...] = ("across", "all")
each_form = pytest.mark.parametrize("form", FORMS)

CASES = [
    Case(lambda: MVInfoNCE(0.5)),
    Case(lambda: MVInfoNCE(0.2, 3), views=3, label="MV-InfoNCE, 3 views"),
    Case(lambda: MVInfoNCE(0.2, 3, "all"), views=3, label="MV-InfoNCE all, 3 views"),
]


@each_form
@pytest.mark.parametrize("temperature", [1.0, 0.2, 0.03])
@pytest.mark.parametrize(("views", "batch", "dim"), [(2, 2, 1), (2, 6, 4), (3, 5, 2), (5, 3, 7)])
def test_agrees_with_the_loops_in_both_orders(form: Form, temperature: float, views: int, batch: int, dim: int) -> None:
    z = several(views, batch, dim, seed=batch)
    for own in (z, z[::-1]):
        expected = slow.mv_info_nce(own, temperature, form)
        assert float(mv_info_nce(*own, temperature=temperature, form=form)) == pytest.approx(expected, abs=1e-9)
        assert float(MVInfoNCE(temperature, views, form)(*own)) == pytest.approx(expected, abs=1e-9)


@each_form
@pytest.mark.parametrize("temperature", [0.5, 0.05, 0.01])
def test_single_precision_agrees_with_the_loops(form: Form, temperature: float) -> None:
    z = several(3, 8, 6, seed=3, dtype=torch.float32)
    found = mv_info_nce(*z, temperature=temperature, form=form)
    assert float(found) == pytest.approx(slow.mv_info_nce(z, temperature, form), rel=2e-5, abs=2e-5)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
@settings(max_examples=15)
def test_two_equal_views_read_the_loss_of_two_views(seed: int, temperature: float) -> None:
    (a,) = several(1, 6, 4, seed)
    read = {form: float(mv_info_nce(a, 2 * a, temperature=temperature, form=form)) for form in FORMS}
    assert read["across"] == pytest.approx(float(info_nce(a, a, temperature=temperature)), abs=1e-10)
    assert read["all"] == pytest.approx(float(nt_xent(a, a, temperature=temperature)), abs=1e-10)


@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
@settings(max_examples=15)
def test_two_views_read_no_less_than_the_loss_of_two_views(seed: int, temperature: float) -> None:
    a, b = several(2, 6, 4, seed)
    clip = (info_nce(a, b, temperature=temperature) + info_nce(b, a, temperature=temperature)) / 2
    assert float(mv_info_nce(a, b, temperature=temperature)) >= float(clip) - 1e-10
    assert (
        float(mv_info_nce(a, b, temperature=temperature, form="all"))
        >= float(nt_xent(a, b, temperature=temperature)) - 1e-10
    )


def test_for_two_views_the_mean_over_anchors_lies_inside_the_log() -> None:
    a, b = (normalize(view) for view in several(2, 5, 4))
    e = (a @ b.T / 0.3).exp()
    expected = ((e.sum(0) + e.sum(1)) / 2).log() - e.diagonal().log()
    torch.testing.assert_close(mv_info_nce(a, b, temperature=0.3), expected.mean())


@each_form
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_blind_to_the_order_of_views_and_samples_and_to_rotation(form: Form, seed: int) -> None:
    z = several(4, 5, 4, seed)
    value = float(mv_info_nce(*z, temperature=0.3, form=form))
    generator = torch.Generator().manual_seed(seed)
    order, turn = torch.randperm(5, generator=generator), rotation(4, seed)
    views = torch.randperm(4, generator=generator).tolist()
    for other in ([z[v] for v in views], [view[order] for view in z], [view @ turn for view in z]):
        found = mv_info_nce(*other, temperature=0.3, form=form)
        assert float(found) == pytest.approx(value, rel=1e-10, abs=1e-10)


@each_form
@pytest.mark.parametrize("views", [2, 3])
def test_pair_weights_are_the_gradient_of_the_cosines(form: Form, views: int) -> None:
    z = several(views, 5, 4, seed=2)
    view = torch.arange(views).repeat_interleave(5)
    sample = torch.arange(5).repeat(views)
    other_view = view[:, None] != view

    def of_cosines(s: Tensor) -> Tensor:
        e = (s / 0.2).exp()
        top = (e * (other_view & (sample[:, None] == sample))).sum(1).view(views, 5).sum(0)
        counted = other_view if form == "across" else ~torch.eye(len(e), dtype=torch.bool)
        return ((e * counted).sum(1).view(views, 5).sum(0) / top).log().mean()

    found = MVInfoNCE(0.2, views, form).pair_weights(*z)
    torch.testing.assert_close(found, by_autograd(of_cosines, *z))
    torch.testing.assert_close(found.sum(1).view(views, 5).sum(0), torch.zeros(5, dtype=torch.float64))


@each_form
@pytest.mark.parametrize("views", [2, 5])
def test_floor_is_what_random_directions_with_aligned_views_read(form: Form, views: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [unit(torch.randn(256, 16, generator=generator, dtype=torch.float64)) for _ in range(8)]
    read = [float(mv_info_nce(*[z] * views, temperature=0.5, form=form)) for z in rows]
    assert sum(read) / 8 == pytest.approx(MVInfoNCE(0.5, views, form).floor(256, 16), abs=0.01)


def test_chance_and_words() -> None:
    assert MVInfoNCE(views=4).chance(64, 8) == pytest.approx(math.log(64))
    assert MVInfoNCE(views=4, form="all").chance(64, 8) == pytest.approx(math.log(255 / 3))
    assert MVInfoNCE(0.2, 4).reference_words(64, 8) == {"chance": "ln 64", "floor": "τ 0.2"}
    assert MVInfoNCE(0.2, 4, "all").reference_words(64, 8)["chance"] == "ln (255/3)"
    assert MVInfoNCE().floor(1, 8) == 0.0
    assert "the authors' code" in MVInfoNCE(form="all").variant


def test_pull_ends_at_the_same_value_for_any_number_of_views() -> None:
    (a,) = several(1, 4, 3)
    for views in (2, 3, 6):
        assert float(MVInfoNCE(0.25, views).terms(*[a] * views)["pull"]) == pytest.approx(-4)


def test_what_does_not_fit_is_refused() -> None:
    a, b, c = several(3, 4, 3)
    with pytest.raises(ShapeError, match=r"MV-InfoNCE: 2 views came, 3 are needed. .*loss\(z1, z2, z3\).*views=2"):
        MVInfoNCE(views=3)(a, b)
    with pytest.raises(ShapeError, match=r"mv_info_nce: 1 view came, 2 or more are needed"):
        mv_info_nce(a, temperature=0.2)
    with pytest.raises(ShapeError, match=r"z1 is \(4, 3\) but z3 is \(3, 3\)"):
        mv_info_nce(a, b, c[:3], temperature=0.2)
    with pytest.raises(ArgumentError, match=r"MVInfoNCE: views is 1"):
        MVInfoNCE(views=1)
    with pytest.raises(UnknownName, match=r"there is no form 'al'. Did you mean 'all'"):
        mv_info_nce(a, b, temperature=0.2, form="al")  # type: ignore[arg-type]
