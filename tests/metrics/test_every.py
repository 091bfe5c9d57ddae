"""What all metrics have in common, tried on each: precision, strides, sizes, faults, and that nothing is moved."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.metrics.case import Case, Numbers, every, finite, numbers, same
from tests.reference.golden import golden_batch
from vergence import metrics
from vergence.errors import DeviceMismatch, InputError, NotFinite, NotUnitLength, ShapeError

EVERY = every()
each = pytest.mark.parametrize("case", EVERY, ids=str)
of_rows = pytest.mark.parametrize("case", [case for case in EVERY if case.of != ()], ids=str)


def copied(given: Any) -> Any:
    if isinstance(given, Tensor):
        return given.detach().clone()
    if isinstance(given, dict):
        return {name: copied(value) for name, value in given.items()}
    return type(given)(map(copied, given)) if type(given) in (tuple, list) else given


def refusal(case: Case, error: type[InputError], *given: Any, **more: Any) -> str:
    """The words with which it refuses."""
    with pytest.raises(error) as caught:
        case(*given, **(more or case.more(*case.given())))
    words = str(caught.value)
    assert len(words.split()) > 5, words
    assert words.rstrip().endswith((".", "?", ")", "]")), words
    return words


def test_every_metric_has_a_case() -> None:
    found = {name: getattr(metrics, name) for name in metrics.__all__}
    public = {name for name, value in found.items() if callable(value) and not inspect.isclass(value)}
    tried = {name for name in public for case in EVERY if case.metric is getattr(metrics, name)}
    assert public - tried == set(), "Add each to CASES in tests/metrics/test_<noun>.py."


@each
def test_says_what_it_is(case: Case) -> None:
    words = inspect.getdoc(case.metric) or ""
    assert "Raises" in words or case.of == (), "the docstring says what is refused"
    assert len(words) > 60


@each
def test_the_same_number_twice_and_nothing_is_moved(case: Case) -> None:
    given = case.given()
    more = case.more(*given)
    before = copied((given, more))
    states = torch.get_rng_state(), _numpy_state()
    first = case.read(*given, **more)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert _numpy_state() == states[1]
    assert torch.is_grad_enabled()
    same(first, case.read(*given, **more), 0.0)
    now = (given, more)
    assert all(torch.equal(one, other) for one, other in zip(_tensors(before), _tensors(now), strict=True))


def _numpy_state() -> str:
    return str(np.random.get_state())  # noqa: NPY002 - the old global generator is the one that could be moved


def _tensors(given: Any) -> list[Tensor]:
    if isinstance(given, Tensor):
        return [given.detach().nan_to_num(-7.0) if given.is_floating_point() else given]
    if isinstance(given, dict):
        return [x for value in given.values() for x in _tensors(value)]
    return [x for value in given for x in _tensors(value)] if isinstance(given, tuple | list) else []


@each
def test_golden_value(case: Case) -> None:
    if case.golden is None:
        return  # none is known; the slow twin in its own file speaks for it
    call, value = case.golden
    assert float(call(*golden_batch())) == pytest.approx(value, abs=1e-8)


@of_rows
def test_good_rows_give_numbers(case: Case) -> None:
    found = case.read(*case.given())
    assert found
    assert all(value.numel() == 0 or bool(torch.isfinite(value).any()) for value in found.values())


@of_rows
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(case: Case, dtype: torch.dtype) -> None:
    given = case.each(lambda x: x.to(dtype))
    if case.lengths == "refused":  # rounded rows have length 1 to 1e-2, which is enough for halves and not for singles
        same(case.read(*case.given()), case.read(*given), 3e-2)
    else:
        same(case.read(*case.each(lambda x: x.float(), given)), case.read(*given), case.half)


@of_rows
def test_single_precision_is_close_to_double(case: Case) -> None:
    given = case.each(lambda x: x.float())
    same(case.read(*case.each(lambda x: x.double(), given)), case.read(*given), case.single)


@of_rows
def test_autocast_does_not_reach_in(case: Case) -> None:
    given = case.each(lambda x: x.float())
    outside = case.read(*given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = case.read(*given)
    same(outside, inside, 1e-5)


@of_rows
@pytest.mark.parametrize("how", ["transposed", "every second column", "expanded", "a slice"])
def test_layout_in_memory_does_not_matter(case: Case, how: str) -> None:
    def strided(x: Tensor) -> Tensor:
        if how == "transposed":
            return x.mT.contiguous().mT
        if how == "expanded":
            return x[:1].expand_as(x)
        if how == "every second column":
            return torch.stack([x, torch.full_like(x, math.nan)], -1).flatten(-2)[..., ::2]
        return torch.cat([x, torch.full_like(x, math.nan)])[: len(x)]

    given = case.each(strided)
    assert how == "a slice" or not all(given[at].is_contiguous() for at in case.rows(given))
    same(case.outcome(*case.each(lambda x: x.contiguous(), given)), case.outcome(*given), 1e-6)


@of_rows
def test_rows_that_require_a_gradient(case: Case) -> None:
    given = case.given()
    wanted = case.each(lambda x: x.clone().requires_grad_(), given)
    same(case.read(*given), case.read(*wanted))
    assert all(wanted[at].grad is None for at in case.rows(wanted))


@of_rows
def test_fewer_rows_than_columns(case: Case) -> None:
    n = max(case.least, case.size[0])
    given = case.given(n, 2 * n)
    if case.wide:
        assert finite(case.read(*given)) or not finite(case.read(*case.given()))
    else:
        refusal(case, InputError, *given, **case.more(*given))


@of_rows
def test_too_few_rows_are_refused(case: Case) -> None:
    least = case.given(case.least)
    assert isinstance(case.outcome(*least), dict), f"{case.least} rows are enough, says the case"
    for n in {0, 1, case.least - 1}:
        if n < case.least:
            few = case.each(lambda x, n=n: x[:n])  # type: ignore[misc]
            refusal(case, InputError, *few, **case.more(*few))


@of_rows
def test_what_is_no_matrix_of_numbers_is_refused(case: Case) -> None:
    given = case.given()
    more = case.more(*given)
    for change in (lambda x: x[..., None], lambda x: x[..., 0], lambda x: x[..., :0]):
        refusal(case, ShapeError, *case.each(change), **more)
    for change in (lambda x: x.long(), lambda x: x.abs() > 1):
        refusal(case, InputError, *case.each(change), **more)
    refusal(case, InputError, *case.each(lambda x: x.tolist()), **more)


@of_rows
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_rows_that_are_not_finite(case: Case, bad: float) -> None:
    sound = case.given()
    more = case.more(*sound)
    for at in case.rows(sound):
        given = list(sound)
        given[at] = given[at].clone()
        given[at][(3, *[1] * (given[at].ndim - 1))] = bad
        if case.bad == "refused":
            refusal(case, NotFinite, *given, **more)
            continue
        found = case(*given, **more)
        assert getattr(found, case.left_out) == 1
        _as_good_as(numbers(found), numbers(case(*sound, **more)))
    broken = case.each(lambda x: torch.full_like(x, bad))
    refusal(case, InputError, *broken, **more)


def _as_good_as(found: Numbers, before: Numbers) -> None:
    for name, value in before.items():
        if math.isfinite(float(value.sum())):
            assert math.isfinite(float(found[name].sum())), f"{name} is not finite"


@of_rows
def test_lengths_of_rows(case: Case) -> None:
    given = case.given()
    generator = torch.Generator().manual_seed(5)

    def longer(x: Tensor) -> Tensor:
        size = torch.rand(len(x), *[1] * (x.ndim - 1), generator=generator, dtype=torch.float64) + 0.5
        return x * size.to(x)

    other = case.each(longer)
    if case.lengths == "ignored":
        same(case.read(*given), case.read(*other), 1e-8)
    elif case.lengths == "refused":
        assert "unit" in refusal(case, NotUnitLength, *other, **case.more(*given))
    else:
        assert isinstance(case.outcome(*other), dict)


@of_rows
def test_rows_of_length_zero(case: Case) -> None:
    """Refused in words, or measured: never NaN where there was a number."""
    given = case.each(lambda x: torch.where(torch.arange(len(x)).view(-1, *[1] * (x.ndim - 1)) == 2, 0.0, x))
    found = case.outcome(*given, **case.more(*given))
    if isinstance(found, dict):
        _as_good_as(found, case.read(*case.given()))


@of_rows
def test_collapsed_rows(case: Case) -> None:
    """All rows the same: refused in words, or measured, never an accident of ours."""
    for value in (0.0, 1.0):
        given = case.each(lambda x, value=value: torch.full_like(x, value) / x.shape[-1] ** 0.5)  # type: ignore[misc]
        case.outcome(*given, **case.more(*given))


@of_rows
def test_rows_on_two_devices_are_refused(case: Case) -> None:
    given = case.given()
    where = case.rows(given)
    if len(where) < 2 or not case.meta:
        return
    moved = list(given)
    moved[where[-1]] = moved[where[-1]].to("meta")
    assert "meta" in refusal(case, DeviceMismatch, *moved, **case.more(*given))


@of_rows
def test_rows_that_do_not_fit_one_another_are_refused(case: Case) -> None:
    given = case.given()
    where = case.rows(given)
    if len(where) < 2 or not case.meta:
        return
    narrow = list(given)
    narrow[where[-1]] = narrow[where[-1]][..., :-1]
    found = case.outcome(*narrow, **case.more(*given))
    assert isinstance(found, dict) or issubclass(found, InputError)
    short = list(given)
    short[where[-1]] = short[where[-1]][:-1]
    found = case.outcome(*short, **case.more(*given))
    assert isinstance(found, dict) or issubclass(found, InputError)


@of_rows
def test_what_it_needs_is_asked_for(case: Case) -> None:
    given = case.given()
    more = case.more(*given)
    for name in case.needs:
        rest = {key: value for key, value in more.items() if key != name}
        with pytest.raises((InputError, TypeError), match=name):
            case.metric(*given, **rest)
        value = more[name]
        if isinstance(value, Tensor) and value.ndim == 1:
            with pytest.raises(InputError):
                case.metric(*given, **{**more, name: value[:-1]})
            with pytest.raises(InputError, match=name):
                case.metric(*given, **{**more, name: value.double()})
