from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.reference import sup_con as slow
from tests.reference.golden import golden_batch, rotation
from tests.reference.multi_view import several
from vergence.errors import ArgumentError, ShapeError, TooFewRows, UnknownName
from vergence.losses import NTXent, SupCon, nt_xent, several_views, sup_con
from vergence.losses.sup_con import Form
from vergence.losses.weighting import by_autograd

FORMS: tuple[Form, ...] = ("outside", "inside", "decoupled")
each_form = pytest.mark.parametrize("form", FORMS)


def halves(*views: Tensor) -> dict[str, Tensor]:
    """Two samples a class; with an odd batch the last class has one."""
    return {"labels": torch.arange(len(views[0]), device=views[0].device) // 2}


def lonely(*views: Tensor) -> dict[str, Tensor]:
    """One class of three, the rest alone, some of these not labelled."""
    labels = torch.arange(len(views[0]))
    labels[:3] = 1
    labels[4:6] = -1
    return {"labels": labels}


CASES = [
    Case(lambda: SupCon(0.1), halves, golden=2.6877833113),
    Case(lambda: SupCon(0.1, "inside"), halves, golden=1.1473818945, label="SupCon inside"),
    Case(lambda: SupCon(0.2, "decoupled"), halves, label="SupCon decoupled"),
    Case(lambda: SupCon(0.2, views=1), lonely, views=1, values=True, rows=2, label="SupCon, 1 view"),
    Case(lambda: SupCon(0.2, "inside", 1), lonely, views=1, values=True, rows=2, label="SupCon inside, 1 view"),
    Case(lambda: SupCon(0.2, "decoupled", 3), lonely, views=3, label="SupCon decoupled, 3 views"),
]


def one_label_each(batch: int) -> Tensor:
    return torch.arange(batch)


@pytest.mark.parametrize(
    ("form", "temperature", "value"), [("outside", 0.1, 2.6877833113), ("inside", 0.1, 1.1473818945)]
)
def test_golden_value(form: Form, temperature: float, value: float) -> None:
    a, b, labels = golden_batch()
    assert float(sup_con(a, b, labels=labels, temperature=temperature, form=form)) == pytest.approx(value, abs=1e-9)


def test_the_other_forms_in_use_differ_by_a_known_amount() -> None:
    a, b, labels = golden_batch()
    outside = float(sup_con(a, b, labels=labels, temperature=0.1))
    inside = float(sup_con(a, b, labels=labels, temperature=0.1, form="inside"))
    assert outside * 0.1 / 0.07 == pytest.approx(3.840, abs=5e-4)  # the authors' code
    assert inside - math.log(3) == pytest.approx(0.0488, abs=5e-5)  # solo-learn: three positives each


@each_form
@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.03])
@pytest.mark.parametrize(("views", "batch", "dim"), [(1, 6, 3), (2, 2, 1), (2, 7, 4), (3, 5, 2), (4, 4, 9)])
def test_agrees_with_the_loops_in_both_orders(form: Form, temperature: float, views: int, batch: int, dim: int) -> None:
    z = several(views, batch, dim, seed=batch)
    labels = torch.tensor([3, 3, -1, 0, 3, -1, 0])[:batch]
    for own in (z, z[::-1]):
        found = sup_con(*own, labels=labels, temperature=temperature, form=form)
        expected = slow.sup_con(own, labels.tolist(), temperature, form)
        assert float(found) == pytest.approx(expected, abs=1e-9)
        assert float(SupCon(temperature, form, views)(*own, labels=labels)) == pytest.approx(expected, abs=1e-9)


@each_form
def test_single_precision_agrees_with_the_loops(form: Form) -> None:
    z = several(2, 9, 5, seed=1, dtype=torch.float32)
    labels = halves(*z)["labels"]
    for temperature in (0.5, 0.05, 0.01):
        found = sup_con(*z, labels=labels, temperature=temperature, form=form)
        expected = slow.sup_con(z, labels.tolist(), temperature, form)
        assert float(found) == pytest.approx(expected, rel=2e-5, abs=2e-5)


@each_form
@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 5.0))
@settings(max_examples=15)
def test_with_a_label_each_it_is_nt_xent(form: Form, seed: int, temperature: float) -> None:
    a, b = several(2, 6, 4, seed)
    expected = float(nt_xent(a, b, temperature=temperature))
    for labels in (one_label_each(6), torch.full((6,), -1), torch.tensor([5, -1, 900, 0, -7, 2])):
        found = sup_con(a, b, labels=labels, temperature=temperature, form=form)
        assert float(found) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@each_form
def test_with_a_label_each_its_pair_weights_are_those_of_nt_xent(form: Form) -> None:
    a, b = several(2, 5, 4)
    found = SupCon(0.3, form).pair_weights(a, b, labels=one_label_each(5))
    torch.testing.assert_close(found, NTXent(0.3).pair_weights(a, b))


@each_form
@pytest.mark.parametrize("views", [1, 3])
def test_pair_weights_are_the_gradient_of_the_cosines(form: Form, views: int) -> None:
    z = several(views, 7, 4, seed=2)
    labels = torch.tensor([0, 0, 1, 1, 1, -1, 9])
    ids = torch.where(labels < 0, -1 - torch.arange(7), labels).repeat(views)
    same = (ids[:, None] == ids) & ~torch.eye(7 * views, dtype=torch.bool)
    others = ids[:, None] != ids

    def of_cosines(s: Tensor) -> Tensor:
        has = same.any(1)
        e, off = (s / 0.2).exp()[has], ~torch.eye(len(s), dtype=torch.bool)[has]
        positives, count = (e * same[has]).sum(1), same[has].sum(1)
        if form == "outside":
            return ((e * off).sum(1).log() - (s[has] * same[has]).sum(1) / 0.2 / count).mean()
        if form == "inside":
            return ((e * off).sum(1).log() + count.log() - positives.log()).mean()
        against = (e * others[has]).sum(1, keepdim=True)
        return ((((e + against).log() - s[has] / 0.2) * same[has]).sum(1) / count).mean()

    found = SupCon(0.2, form, views).pair_weights(*z, labels=labels)
    torch.testing.assert_close(found, by_autograd(of_cosines, *z))
    torch.testing.assert_close(found.sum(1), torch.zeros(7 * views, dtype=torch.float64))
    if form != "outside":
        assert (found[same] <= 0).all()


def test_an_equal_share_among_positives_is_the_least_and_decoupled_goes_to_zero() -> None:
    # Four classes on four orthogonal axes, three rows each: two positives an anchor.
    z = torch.eye(4, dtype=torch.float64).repeat_interleave(3, 0)
    labels = torch.arange(4).repeat_interleave(3)
    read = {form: float(sup_con(z, z, labels=labels, temperature=0.02, form=form)) for form in FORMS}
    assert read["outside"] == pytest.approx(math.log(5), abs=1e-12)
    assert read["inside"] == pytest.approx(math.log(5), abs=1e-12)
    assert read["decoupled"] == pytest.approx(0, abs=1e-12)


def test_positives_compete_outside_only() -> None:
    a, b, labels = golden_batch()
    same = labels.repeat(2)[:, None] == labels.repeat(2)
    pushed = {form: int((SupCon(0.05, form).pair_weights(a, b, labels=labels)[same] > 0).sum()) for form in FORMS}
    assert pushed["outside"] > 0
    assert pushed["inside"] == pushed["decoupled"] == 0


def test_decoupled_with_a_single_class_is_zero_and_gives_a_finite_gradient() -> None:
    z = [view.requires_grad_() for view in several(2, 4, 3)]
    value = sup_con(*z, labels=torch.zeros(4, dtype=torch.long), temperature=0.1, form="decoupled")
    gradients = torch.autograd.grad(value, z)
    assert float(value.detach()) == 0
    assert all(torch.equal(gradient, torch.zeros(4, 3, dtype=torch.float64)) for gradient in gradients)


@each_form
def test_an_anchor_without_a_positive_is_left_out_and_stays_a_negative(form: Form) -> None:
    (z,) = (view.requires_grad_() for view in several(1, 5, 4))
    labels = torch.tensor([0, 0, 1, 1, 2])
    value = sup_con(z, labels=labels, temperature=0.5, form=form)
    (gradient,) = torch.autograd.grad(value, (z,))
    weights = SupCon(0.5, form, views=1).pair_weights(z, labels=labels)
    assert torch.equal(weights[4], torch.zeros(5, dtype=torch.float64))
    assert (weights[:4, 4] > 0).all()
    assert torch.isfinite(gradient).all()
    assert gradient[4].abs().sum() > 0


@each_form
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_blind_to_order_rotation_length_and_the_names_of_classes(form: Form, seed: int) -> None:
    z = several(2, 8, 5, seed)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (8,), generator=generator)
    value = float(sup_con(*z, labels=labels, temperature=0.3, form=form))
    order, turn = torch.randperm(8, generator=generator), rotation(5, seed)
    for other, names in (
        ([view[order] for view in z], labels[order]),
        ([3 * view @ turn for view in z], labels),
        (z, torch.tensor([70, 4, 11])[labels]),
        (z[::-1], labels.to(torch.int32)),
    ):
        found = sup_con(*other, labels=names, temperature=0.3, form=form)
        assert float(found) == pytest.approx(value, rel=1e-10, abs=1e-10)


def test_blocks_give_the_same_value_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    z = [view.requires_grad_() for view in several(2, 9, 4)]
    labels = torch.arange(9) // 2

    def everything() -> tuple[Tensor, ...]:
        value = sup_con(*z, labels=labels, temperature=0.2, form="decoupled")
        return value.detach(), *torch.autograd.grad(value, z)

    at_once = everything()
    monkeypatch.setattr(several_views, "AT_ONCE", 60)  # blocks of three rows
    for whole, pieces in zip(at_once, everything(), strict=True):
        torch.testing.assert_close(pieces, whole)


def test_a_zero_row_does_not_poison_the_batch() -> None:
    for form in FORMS:
        z = several(2, 6, 4, dtype=torch.float32)
        z[0][2] = 0
        z[0].requires_grad_()
        value = sup_con(*z, labels=torch.arange(6) // 2, temperature=0.2, form=form)
        value.backward()
        assert math.isfinite(float(value.detach()))
        assert torch.isfinite(z[0].grad).all()


def test_terms_know_their_end() -> None:
    a = normalize(several(1, 4, 3)[0])
    terms = SupCon(0.25).terms(a, a, labels=one_label_each(4))
    assert float(terms["pull"]) == pytest.approx(-4)


def test_chance_and_words() -> None:
    assert SupCon(views=3).chance(10, 4) == pytest.approx(math.log(29))
    assert SupCon(form="decoupled").chance(10, 4) is None
    assert SupCon().floor(10, 4) is None
    assert SupCon().reference_words(256, 9) == {"chance": "ln 511"}
    assert "inside the log (L_in)" in SupCon(form="inside").variant


def test_labels_and_views_that_do_not_fit_are_refused() -> None:
    a, b, labels = golden_batch()
    loss = SupCon()
    with pytest.raises(ShapeError, match=r"labels is \(5\) but there are 8 rows"):
        loss(a, b, labels=labels[:5])
    with pytest.raises(ShapeError, match=r"labels has dtype torch.float32. Use integers"):
        loss(a, b, labels=labels.float())
    with pytest.raises(ShapeError, match=r"SupCon: 3 views came, 2 are needed. .*views=3"):
        loss(a, b, a, labels=labels)
    with pytest.raises(ShapeError, match=r"SupCon: 1 view came, 2 are needed. .*loss\(z1, z2\)\."):
        loss(a, labels=labels)
    with pytest.raises(ShapeError, match=r"sup_con: 0 views came, 1 or more are needed"):
        sup_con(labels=labels, temperature=0.1)
    with pytest.raises(TooFewRows, match=r"each view has 1 row, 2 are needed"):
        loss(a[:1], b[:1], labels=labels[:1])
    with pytest.raises(UnknownName, match=r"SupCon: there is no form 'outsid'. Did you mean 'outside'"):
        SupCon(form="outsid")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match=r"sup_con: there is no form"):
        sup_con(a, b, labels=labels, temperature=0.1, form="mean")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"SupCon: views is 0"):
        SupCon(views=0)
    with pytest.raises(ArgumentError, match=r"temperature is 0"):
        sup_con(a, b, labels=labels, temperature=0)


def test_a_single_view_without_any_positive_is_refused() -> None:
    a, _, _ = golden_batch()
    for labels in (torch.arange(8), torch.full((8,), -1)):
        with pytest.raises(ArgumentError, match=r"no two of the 8 rows share a class.*loss\(z1, z2, labels=labels\)"):
            SupCon(views=1)(a, labels=labels)
    assert math.isfinite(float(SupCon(views=1)(a, labels=torch.tensor([0, 0, 1, 2, 3, 4, 5, 6]))))
