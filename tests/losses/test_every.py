"""What all losses have in common, tried on each: terms, precision, faults, symmetries, gradients, pair weights."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.losses.case import Case, every
from tests.reference.golden import golden_batch, rotation
from vergence import losses
from vergence.errors import ArgumentError, DeviceMismatch, InputError, ShapeError, TooFewRows, UnknownName

EVERY = every()
each = pytest.mark.parametrize("case", EVERY, ids=str)


def views_of(
    case: Case, batch: int = 12, dim: int = 7, seed: int = 0, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """Views of one batch: alike, not the same."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(batch, dim, generator=generator, dtype=torch.float64)
    noise = [0.5 * torch.randn(batch, dim, generator=generator, dtype=torch.float64) for _ in range(case.views)]
    return [(first + own).to(dtype) for own in noise]


def value(case: Case, views: list[Tensor]) -> Tensor:
    return case.make()(*views, **case.more(*views))


@each
def test_says_what_it_is(case: Case) -> None:
    loss = case.make()
    assert isinstance(loss, losses.Loss)
    assert type(loss).__name__ in losses.__all__
    assert loss.name
    assert loss.variant
    assert any(word in loss.source for word in ("arXiv:", "CVPR", "ICML", "NeurIPS", "ICLR"))
    assert loss.couples in ("pairs", "statistics", "nothing")
    assert "Source" in inspect.getdoc(type(loss)) or "Source" in _function_doc(loss)


def _function_doc(loss: losses.Loss) -> str:
    module = inspect.getmodule(type(loss))
    return "".join(doc or "" for _, f in inspect.getmembers(module, inspect.isfunction) if (doc := inspect.getdoc(f)))


@each
def test_terms_add_up(case: Case) -> None:
    views = views_of(case)
    terms = case.make().terms(*views, **case.more(*views))
    assert float(sum(terms.values())) == pytest.approx(float(value(case, views)), rel=1e-9, abs=1e-9)
    assert all(term.shape == () for term in terms.values())


@each
def test_golden_value(case: Case) -> None:
    if case.golden is None:
        return  # no reference value exists; the slow twin in its own file speaks for it
    views = list(golden_batch()[:2])[: case.views]
    assert float(value(case, views)) == pytest.approx(case.golden, abs=1e-8)


@each
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(case: Case, dtype: torch.dtype) -> None:
    views = views_of(case, dtype=dtype)
    found = value(case, views)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, value(case, [view.float() for view in views]), rtol=2e-2, atol=2e-2)


@each
def test_single_precision_is_close_to_double(case: Case) -> None:
    views = views_of(case)
    torch.testing.assert_close(
        value(case, [view.float() for view in views]).double(), value(case, views), rtol=case.close, atol=case.close
    )


@each
def test_autocast_does_not_reach_in(case: Case) -> None:
    views = [view.requires_grad_() for view in views_of(case, dtype=torch.float32)]
    outside = value(case, views)
    gradient = torch.autograd.grad(outside, views, allow_unused=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = value(case, views)
    within = torch.autograd.grad(inside, views, allow_unused=True)
    torch.testing.assert_close(inside, outside, rtol=1e-5, atol=1e-6)
    for one, other in zip(within, gradient, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@each
def test_layout_in_memory_does_not_matter(case: Case) -> None:
    views = views_of(case)
    strided = list(torch.stack(views, dim=2).unbind(2))
    torch.testing.assert_close(value(case, strided), value(case, views))


@each
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_comes_through(case: Case, bad: float) -> None:
    views = views_of(case, dtype=torch.float32)
    more = case.more(*views)
    for number in range(case.views):
        broken = [view.clone() for view in views]
        broken[number][2, 1] = bad
        assert not math.isfinite(float(case.make()(*broken, **more)))


@each
def test_inputs_stay_as_they_are(case: Case) -> None:
    views = views_of(case)
    before = [view.clone() for view in views]
    loss, more = case.make(), case.more(*views)
    loss(*views, **more)
    loss.terms(*views, **more)
    loss.pair_weights(*views, **more)
    assert all(torch.equal(view, old) for view, old in zip(views, before, strict=True))


@each
def test_terms_and_pair_weights_remember_nothing(case: Case) -> None:
    views = views_of(case)
    loss, more = case.make(), case.more(*views)
    for _ in range(2):
        loss.terms(*views, **more)
        loss.pair_weights(*views, **more)
        with torch.no_grad():
            loss(*views, **more)
    torch.testing.assert_close(loss(*views, **more), value(case, views), rtol=1e-9, atol=1e-9)


@each
def test_forward_and_backward_never_look_at_a_value(case: Case) -> None:
    if case.values:
        return  # it sorts, decomposes or draws by values, and says so
    views = [view.to("meta").requires_grad_() for view in views_of(case)]
    more = {key: _on_meta(entry) for key, entry in case.more(*views_of(case)).items()}
    found = case.make()(*views, **more)
    found.backward()
    assert found.shape == ()


def _on_meta(entry: Any) -> Any:
    if isinstance(entry, Tensor):
        return entry.to("meta")
    return type(entry)(map(_on_meta, entry)) if isinstance(entry, tuple | list) else entry


@each
def test_order_of_views_rotation_lengths_and_order_of_the_batch(case: Case) -> None:
    views = views_of(case)
    expected = float(value(case, views))
    generator = torch.Generator().manual_seed(3)
    size = torch.rand(len(views[0]), 1, generator=generator, dtype=torch.float64) + 0.5
    changed: dict[str, tuple[bool, list[Tensor]]] = {
        "views": (case.symmetric, views[::-1]),
        "rotation": (case.rotates, [view @ rotation(7, 1) for view in views]),
        "lengths": (case.lengths, [view * size for view in views]),
    }
    for what, (same, other) in changed.items():
        found = float(value(case, other))
        if same:
            assert found == pytest.approx(expected, rel=1e-8, abs=1e-8), what
        elif case.views > 1 or what != "views":
            assert found != pytest.approx(expected, rel=1e-8, abs=1e-8), f"{what}: the case says it matters"
    if case.order and not case.more(*views):
        order = torch.randperm(len(views[0]), generator=generator)
        assert float(value(case, [view[order] for view in views])) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@each
def test_gradients(case: Case) -> None:
    if not case.smooth:
        return  # not differentiable everywhere; its own file checks the gradient where it is
    views = [view.requires_grad_() for view in views_of(case, max(6, case.rows), 4)]
    more = case.more(*views)
    with torch.no_grad():
        case.make()(*views, **more)
    assert torch.autograd.gradcheck(lambda *given: case.make()(*given, **more), views, atol=1e-5, rtol=1e-3)


@each
def test_pair_weights_lead_to_the_gradient_of_the_rows(case: Case) -> None:
    views = [normalize(view) for view in views_of(case, max(6, case.rows), 4)]
    more = case.more(*views)
    weights = case.make().pair_weights(*[view.clone().requires_grad_() for view in views], **more)
    if weights is None:
        return
    n = sum(len(view) for view in views)
    assert weights.shape[0] == n
    assert not weights.requires_grad
    if weights.shape != (n, n):
        return  # there are columns beyond the views; its own file checks them
    z = torch.cat(views).requires_grad_()
    (gradient,) = torch.autograd.grad(case.make()(*z.split(len(views[0])), **more), (z,))
    along = (weights + weights.T) @ z.detach()
    # Only the part across the row survives: the loss normalises, or the row moves on the sphere.
    across = [row - (row * z.detach()).sum(1, keepdim=True) * z.detach() for row in (along, gradient)]
    torch.testing.assert_close(across[0], across[1], rtol=1e-6, atol=1e-8)


@each
def test_chance_at_collapse(case: Case) -> None:
    loss = case.make()
    chance, floor = loss.chance(12, 7), loss.floor(12, 7)
    for number in (chance, floor):
        assert number is None or math.isfinite(number)
    assert set(loss.reference_words(12, 7)) == {
        word for word, number in (("chance", chance), ("floor", floor)) if number is not None
    }
    if chance is None or not case.collapse:
        return
    row = torch.linspace(-1, 2, 7, dtype=torch.float64)
    views = [row.expand(12, 7).clone() for _ in range(case.views)]
    assert float(case.make()(*views, **case.more(*views))) == pytest.approx(chance, rel=1e-6, abs=1e-6)
    for asked in (loss.chance, loss.floor, loss.reference_words):
        with pytest.raises(ArgumentError):
            asked(0, 7)


@each
def test_too_few_rows_are_refused(case: Case) -> None:
    views = [view[: case.rows - 1] for view in views_of(case)]
    if case.rows < 2:
        return  # a single row is a batch to it
    with pytest.raises(TooFewRows):
        case.make()(*views, **case.more(*views))


@each
def test_what_does_not_fit_is_refused(case: Case) -> None:
    views = views_of(case)
    more = case.more(*views)
    loss = case.make()
    with pytest.raises(ShapeError, match=r"\(batch, dim\)"):
        loss(*[view.view(12, 7, 1) for view in views], **more)
    with pytest.raises(ShapeError, match="dtype"):
        loss(*[view.long() for view in views], **more)
    with pytest.raises(UnknownName, match="keyword"):
        loss(*views, **more, no_such_thing=1)
    for name in more:
        if name in loss.needs:
            with pytest.raises(ArgumentError, match=rf"{name} is missing"):
                loss(*views, **{key: entry for key, entry in more.items() if key != name})
    if case.views > 1:
        with pytest.raises(InputError):
            loss(views[0], views[1][:5], *views[2:], **more)
        with pytest.raises(DeviceMismatch):
            loss(views[0], views[1].to("meta"), *views[2:], **more)


@each
def test_settings_keep_to_their_ranges(case: Case) -> None:
    loss = case.make()
    with pytest.raises(UnknownName):
        loss.set("no_such_setting", 1.0)
    for name, now in loss.settings().items():
        loss.set(name, now)
        with pytest.raises(ArgumentError):
            loss.set(name, math.nan)
        assert loss.settings()[name] == now
