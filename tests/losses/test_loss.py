"""What all losses have in common: the protocol, precision, faults, and words."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.reference.golden import golden_batch, random_batch
from vergence import losses
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError, TooFewRows, UnknownName
from vergence.losses import InfoNCE, Loss, NTXent, VICReg, info_nce, nt_xent, vicreg
from vergence.losses.loss import Base

ALL = [NTXent(0.3), InfoNCE(0.3), VICReg()]
by_name = pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.name)
contrastive = pytest.mark.parametrize("function", [nt_xent, info_nce], ids=lambda f: f.__name__)


def test_every_file_of_a_loss_is_exported_with_its_function() -> None:
    assert losses.__all__ == sorted(losses.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(losses, name) for name in losses.__all__)
    for found in pkgutil.iter_modules(losses.__path__):
        if found.name == "__main__":
            continue  # the command that prints the table
        module = importlib.import_module(f"vergence.losses.{found.name}")
        kinds = [kind for name, kind in vars(module).items() if isinstance(kind, type) and name in module.__all__]
        for kind in kinds:
            if issubclass(kind, Base) and "source" in vars(kind):
                assert kind.__name__ in losses.__all__, found.name


@by_name
def test_keeps_the_protocol(loss: Loss) -> None:
    assert isinstance(loss, Loss)
    assert loss.views == 2
    assert "arXiv:" in loss.source
    assert loss.variant
    a, b, _ = golden_batch()
    terms = loss.terms(a, b)
    assert torch.stack(list(terms.values())).sum().item() == pytest.approx(loss(a, b).item(), abs=1e-12)
    assert set(loss.reference_words(8, 6)) == {"chance", "floor"}


@by_name
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(loss: Loss, dtype: torch.dtype) -> None:
    a, b = random_batch(16, 8, seed=0, dtype=dtype)
    value = loss(a, b)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(a.float(), b.float()), rtol=0, atol=0)


@by_name
def test_mixed_precision_takes_the_wider(loss: Loss) -> None:
    a, b = random_batch(16, 8, seed=0)
    assert loss(a.float(), b.bfloat16()).dtype == torch.float32
    assert loss(a, b.float()).dtype == torch.float64


@by_name
def test_autocast_does_not_reach_in(loss: Loss) -> None:
    a, b = (z.requires_grad_() for z in random_batch(16, 8, seed=0, dtype=torch.float32))
    outside = loss(a, b)
    gradient = torch.autograd.grad(outside, (a,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(a, b)
        assert torch.is_autocast_enabled("cpu")
    torch.testing.assert_close(inside, outside, rtol=0, atol=0)
    torch.testing.assert_close(torch.autograd.grad(inside, (a,)), gradient)


@contrastive
def test_autocast_does_not_reach_into_the_backward_pass_either(function: Callable[..., Tensor]) -> None:
    a, b = (z.requires_grad_() for z in random_batch(16, 8, seed=0, dtype=torch.float32))
    outside = torch.autograd.grad(function(a, b, temperature=0.2), (a, b))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = torch.autograd.grad(function(a, b, temperature=0.2), (a, b))
    torch.testing.assert_close(inside, outside)


@by_name
def test_layout_in_memory_does_not_matter(loss: Loss) -> None:
    a, b = random_batch(16, 8, seed=0)
    strided = torch.stack([a, b], dim=2)
    torch.testing.assert_close(loss(strided[:, :, 0], b.T.contiguous().T), loss(a, b))
    if loss.pair_weights(a, b) is not None:
        torch.testing.assert_close(loss.pair_weights(strided[:, :, 0], b), loss.pair_weights(a, b))


@by_name
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_comes_through(loss: Loss, bad: float) -> None:
    a, b = random_batch(6, 4, seed=0, dtype=torch.float32)
    a[2, 1] = bad
    assert not math.isfinite(loss(a, b).item())


@contrastive
def test_a_zero_row_does_not_poison_the_batch(function: Callable[..., Tensor]) -> None:
    a, b = random_batch(6, 4, seed=0, dtype=torch.float32)
    a[2] = 0
    a.requires_grad_()
    value = function(a, b, temperature=0.2)
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(a.grad).all()


@by_name
def test_forward_and_backward_never_look_at_a_value(loss: Loss) -> None:
    # A tensor on the meta device has no values: anything that would wait for a GPU raises here.
    a, b = (torch.empty(8, 4, device="meta", requires_grad=True) for _ in range(2))
    value = loss(a, b)
    value.backward()
    loss.terms(a, b)
    loss.pair_weights(a, b)
    assert value.shape == ()


@contrastive
def test_weights_never_look_at_a_value(function: Callable[..., Tensor]) -> None:
    a = torch.empty(8, 4, device="meta")
    assert function(a, a, temperature=0.01, weights=torch.empty(8, device="meta")).shape == ()


@by_name
def test_inputs_stay_as_they_are(loss: Loss) -> None:
    a, b = random_batch(6, 4, seed=0)
    before = a.clone(), b.clone()
    loss(a, b)
    loss.terms(a, b)
    loss.pair_weights(a, b)
    assert torch.equal(a, before[0])
    assert torch.equal(b, before[1])


@by_name
def test_a_batch_of_one_is_refused(loss: Loss) -> None:
    a, b = random_batch(1, 4, seed=0)
    with pytest.raises(
        TooFewRows, match=rf"{loss.name}.*: a and b have 1 row each, 2 are needed.*drop_last=True"
    ) as info:
        loss.terms(a, b)
    assert "a single pair has nothing to be compared with" in str(info.value)
    with pytest.raises(TooFewRows):
        loss(a, b)


@by_name
def test_views_that_do_not_match_are_refused(loss: Loss) -> None:
    a, b = random_batch(6, 4, seed=0)
    with pytest.raises(ShapeError, match=r"a is \(6, 4\) but b is \(5, 4\). Both views need one row per sample"):
        loss(a, b[:5])
    with pytest.raises(ShapeError, match=r"a is \(6, 4\) but b is \(1, 4\)"):
        loss(a, b[:1])  # torch alone would broadcast it in silence
    with pytest.raises(ShapeError, match=r"Both views must come out of the same head"):
        loss(a, b[:, :3])
    with pytest.raises(ShapeError, match=r"a is \(6, 2, 2\). It must be \(batch, dim\).*a.flatten\(1\)"):
        loss(a.view(6, 2, 2), b)
    with pytest.raises(ShapeError, match=r"b has dtype torch.int64"):
        loss(a, b.long())
    with pytest.raises(DeviceMismatch, match=r"a is on cpu but b is on meta. Move one: b.to\(a.device\)"):
        loss(a, b.to("meta"))


@by_name
@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_views_is_refused(loss: Loss, count: int) -> None:
    views = [random_batch(6, 4, seed=0)[0]] * count
    for call in (loss, loss.terms, loss.pair_weights):
        with pytest.raises(ShapeError, match=rf"{loss.name}: {count} views? came, 2 are needed. .*loss\(z1, z2\)"):
            call(*views)


@contrastive
@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf, True, torch.tensor(0.1)])
def test_impossible_temperatures_are_refused(function: Callable[..., Tensor], temperature: float) -> None:
    a, b = random_batch(6, 4, seed=0)
    with pytest.raises(
        ArgumentError, match=rf"{function.__name__}: temperature is .* finite number above 0, for example"
    ):
        function(a, b, temperature=temperature)


@contrastive
def test_weights_that_do_not_fit_are_refused(function: Callable[..., Tensor]) -> None:
    a, b = random_batch(6, 4, seed=0)
    with pytest.raises(ShapeError, match=r"weights is \(5\) torch.float32 but there are 6 positive pairs"):
        function(a, b, temperature=0.2, weights=torch.ones(5))
    with pytest.raises(ShapeError, match=r"weights is \(6\) torch.int64"):
        function(a, b, temperature=0.2, weights=torch.ones(6, dtype=torch.long))
    with pytest.raises(ShapeError, match=r"weights is list"):
        function(a, b, temperature=0.2, weights=[1.0] * 6)
    with pytest.raises(DeviceMismatch, match=r"weights is on meta. Use weights.to\(a.device\)"):
        function(a, b, temperature=0.2, weights=torch.ones(6, device="meta"))


@pytest.mark.parametrize("kind", [NTXent, InfoNCE])
def test_temperature_is_a_setting(kind: type[NTXent]) -> None:
    a, b = random_batch(6, 4, seed=0)
    loss = kind(0.5)
    assert loss.settings() == {"temperature": 0.5}
    loss.set("temperature", 0.1)
    assert loss.temperature == 0.1
    assert repr(loss) == f"{kind.__name__}(temperature=0.1)"
    torch.testing.assert_close(loss(a, b), kind(0.1)(a, b))
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(ArgumentError, match=rf"{kind.__name__}.set: temperature is"):
            loss.set("temperature", bad)
        with pytest.raises(ArgumentError, match=rf"{kind.__name__}: temperature is"):
            kind(bad)
    assert loss.temperature == 0.1
    with pytest.raises(UnknownName, match=rf"{kind.__name__}.set: .* 'temprature'. Did you mean 'temperature'"):
        loss.set("temprature", 0.2)


def test_settings_of_vicreg() -> None:
    a, b = random_batch(6, 4, seed=0)
    loss = VICReg()
    assert loss.settings() == {"invariance": 25.0, "variance": 25.0, "covariance": 1.0}
    loss.set("covariance", 0.0)
    torch.testing.assert_close(loss(a, b), vicreg(a, b, covariance_weight=0.0))
    loss.settings()["variance"] = 3.0
    assert loss.settings()["variance"] == 25.0
    with pytest.raises(ArgumentError, match=r"VICReg.set: variance is -1"):
        loss.set("variance", -1)
    with pytest.raises(UnknownName, match="Did you mean 'covariance'"):
        loss.set("covariant", 1.0)
