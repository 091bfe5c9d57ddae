"""Gradients by part: against a slow twin, on models that are cut, dead, frozen, shared, wrapped, and half precision."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.metrics.case import Case
from tests.reference import gradients as slow
from vergence.errors import ArgumentError, UnknownName
from vergence.metrics import gradients, named_parts


class Model(nn.Module):
    """An encoder of two layers and a head; what lies between may be cut."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
        self.projector = nn.Linear(4, 3)
        self.cut = False

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(x)
        return self.projector(h.detach() if self.cut else h)


def backward(model: nn.Module, seed: int = 0) -> nn.Module:
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(seed))
    model(x).square().mean().backward()
    return model


def trained(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[dict[str, nn.Module]]:
    return (named_parts(backward(Model(seed), seed)),)


class TestNumbers:
    def test_the_slow_twin(self) -> None:
        model = backward(Model())
        found = gradients(named_parts(model))
        assert [part.name for part in found.parts] == ["encoder", "encoder.0", "encoder.2", "projector"]
        modules = {"encoder": model.encoder, "encoder.0": model.encoder[0], "projector": model.projector}
        whole = slow.norm(model)
        assert found.norm == pytest.approx(whole, rel=1e-6)
        for name, module in modules.items():
            part = found[name]
            assert part.norm == pytest.approx(slow.norm(module), rel=1e-6)
            assert part.share == pytest.approx(slow.norm(module) ** 2 / whole**2, rel=1e-6)
            weight = math.sqrt(sum(float(p.detach().square().sum()) for p in module.parameters()))
            assert part.weight_norm == pytest.approx(weight, rel=1e-6)
            assert part.relative == pytest.approx(slow.norm(module) / weight, rel=1e-6)
            assert part.state == "alive"
        assert found["encoder"].share + found["projector"].share == pytest.approx(1)  # type: ignore[operator]
        assert (found.entries, found.tensors, found.shared) == (sum(p.numel() for p in model.parameters()), 6, 0)

    def test_a_gradient_by_hand(self) -> None:
        layer = nn.Linear(2, 1)
        layer.weight.data = torch.tensor([[1.0, 2.0]])
        layer.bias.data.zero_()
        layer(torch.tensor([[3.0, 0.0]])).sum().backward()
        part = gradients(layer)["model"]
        assert part.norm == pytest.approx(math.sqrt(3**2 + 1))
        assert part.relative == pytest.approx(math.sqrt(10 / 5))

    def test_accumulation_is_the_sum_so_far(self) -> None:
        model = backward(backward(Model()))
        once = backward(Model())
        assert gradients(model).norm == pytest.approx(2 * gradients(once).norm, rel=1e-6)  # type: ignore[operator]

    @pytest.mark.parametrize("scale", [1e-30, 1e-22, 1e22, 1e30])
    def test_gradients_that_are_very_short_or_long(self, scale: float) -> None:
        plain, other = backward(Model()), backward(Model())
        for p in other.parameters():
            p.grad = (p.grad.double() * scale).float()  # type: ignore[union-attr]
        found, expected = gradients(named_parts(other)), gradients(named_parts(plain))
        assert found["projector"].state == "alive"
        assert found["encoder"].share == pytest.approx(expected["encoder"].share, rel=1e-4)
        assert found.norm == pytest.approx(expected.norm * scale, rel=1e-4)  # type: ignore[operator]

    @pytest.mark.parametrize("scale", [1e-200, 1e200])
    def test_gradients_at_the_ends_of_double_precision(self, scale: float) -> None:
        plain, other = backward(Model()), backward(Model()).double()
        for p in other.parameters():
            p.grad = p.grad.double() * scale  # type: ignore[union-attr]
        found, expected = gradients(named_parts(other)), gradients(named_parts(plain))
        assert found.norm == pytest.approx(scale * expected.norm, rel=1e-5)  # type: ignore[operator]
        assert found["encoder"].share == pytest.approx(expected["encoder"].share, rel=1e-5)

    def test_a_scale_leaves_shares_alone(self) -> None:
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        model = Model()
        x = torch.randn(16, 6, generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(x).square().mean()
        scaler.scale(loss).backward()
        scaled = gradients(named_parts(model))
        scaler.unscale_(torch.optim.SGD(model.parameters(), lr=0.1))
        plain = gradients(named_parts(model))
        assert scaled["encoder"].share == pytest.approx(plain["encoder"].share, rel=1e-5)
        assert scaled.norm == pytest.approx(1024 * plain.norm, rel=1e-5)  # type: ignore[operator]

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
    def test_other_precisions(self, dtype: torch.dtype) -> None:
        model, plain = Model().to(dtype), backward(Model())
        for one, other in zip(model.parameters(), plain.parameters(), strict=True):
            one.grad = (other.grad * 4096).to(dtype)  # type: ignore[operator]
        found = gradients(named_parts(model))
        assert found.norm == pytest.approx(4096 * gradients(plain).norm, rel=1e-2)  # type: ignore[operator]

    def test_sparse_and_complex(self) -> None:
        table = nn.Embedding(10, 3, sparse=True)
        table(torch.tensor([1, 1, 4])).sum().backward()
        assert gradients(table).norm == pytest.approx(math.sqrt(3 * 4 + 3))
        module = nn.Module()
        module.weight = nn.Parameter(torch.tensor([3 + 4j, 0j]))
        (module.weight.abs() ** 2).sum().backward()
        assert gradients(module).norm == pytest.approx(10)


class TestWhatReceivesNone:
    def test_a_cut_graph_is_told_from_a_dead_one(self) -> None:
        cut = Model()
        cut.cut = True
        found = gradients(named_parts(backward(cut)))
        assert (found["encoder"].state, found["projector"].state) == ("no gradient", "alive")
        assert (found["encoder"].norm, found["encoder"].share) == (None, None)
        assert found["encoder"].unreached == 4
        assert found.unreached[:2] == ("encoder.0.weight", "encoder.0.bias")
        dead = Model()
        dead.encoder[0].bias.data.fill_(-100.0)
        found = gradients(named_parts(backward(dead)))
        assert (found["encoder.0"].state, found["encoder.0"].norm) == ("zero", 0.0)
        assert found["encoder.2"].state == "alive"
        assert found["encoder.2"].zero == 1  # its weight sees only zeros, its bias does not
        assert found.zero == ("encoder.0.weight", "encoder.0.bias", "encoder.2.weight")

    def test_before_backward_and_after_zero_grad(self) -> None:
        model = Model()
        assert {part.state for part in gradients(named_parts(model)).parts} == {"no gradient"}
        assert gradients(model).norm is None or gradients(model).norm == 0
        backward(model).zero_grad(set_to_none=False)
        found = gradients(named_parts(model))
        assert {part.state for part in found.parts} == {"zero"}
        assert found.norm == 0.0
        assert found["encoder"].share is None

    def test_what_is_frozen_is_not_dead(self) -> None:
        model = Model()
        model.encoder[0].requires_grad_(False)
        found = gradients(named_parts(backward(model)))
        assert (found["encoder.0"].state, found["encoder"].state) == ("frozen", "alive")
        assert (found["encoder"].frozen, found["encoder"].unreached) == (2, 0)
        assert found.unreached == ()

    def test_not_finite(self) -> None:
        model = backward(Model())
        model.projector.bias.grad[1] = math.nan  # type: ignore[union-attr, index]
        found = gradients(named_parts(model))
        assert (found["projector"].state, found["projector"].not_finite, found.norm) == ("not finite", 1, None)
        assert found["projector"].norm is None
        assert found["encoder"].state == "alive"

    def test_the_optimiser_was_not_given_the_head(self) -> None:
        model = backward(Model())
        found = gradients(named_parts(model), optimiser=torch.optim.SGD(model.encoder.parameters(), lr=0.1))
        assert (found.outside, found.outside_count) == (("projector.weight", "projector.bias"), 2)
        assert gradients(model).outside is None

    def test_shared_parameters_count_once_in_the_whole(self) -> None:
        model = Model()
        model.projector = nn.Linear(8, 4)
        model.projector.weight = model.encoder[2].weight
        model.encoder[2](model.encoder[:2](torch.randn(5, 6))).square().sum().backward()
        found = gradients(named_parts(model))
        assert found.shared == 1
        assert found.norm == pytest.approx(slow.norm(model), rel=1e-6)
        assert found["encoder"].share + found["projector"].share > 1.0  # type: ignore[operator]


class TestNamedParts:
    def test_a_bare_encoder_and_a_head_beside_it(self) -> None:
        encoder, head = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 4)), nn.Linear(4, 3)
        assert list(named_parts(encoder, projector=head, loss=None)) == [
            "encoder", "encoder.0", "encoder.1", "projector",
        ]  # fmt: skip
        assert list(named_parts(encoder, projector=nn.ReLU())) == ["encoder", "encoder.0", "encoder.1"]

    def test_what_the_model_holds_itself_is_a_part(self) -> None:
        model = Model()
        model.logit_scale = nn.Parameter(torch.tensor(2.0))
        (model.logit_scale * backward(model)(torch.ones(4, 6)).square().mean()).backward()
        given = [*model.encoder.parameters(), *model.projector.parameters()]
        found = gradients(named_parts(model), optimiser=torch.optim.SGD(given, lr=0.1))
        assert [part.name for part in found.parts] == ["encoder", "encoder.0", "encoder.2", "projector", "own"]
        assert found.norm == pytest.approx(slow.norm(model), rel=1e-6)
        assert (found.outside, found.outside_count) == (("own.logit_scale",), 1)
        assert found["own"].norm == pytest.approx(float(model.logit_scale.grad))  # type: ignore[arg-type]

    def test_a_child_of_the_same_name_and_a_parameter_of_a_child(self) -> None:
        model = Model()
        model.own = nn.Linear(2, 2)
        model.scale = nn.Parameter(torch.ones(()))
        model.weight = model.projector.weight
        parts = named_parts(model)
        assert list(parts)[-2:] == ["own", "own_"]
        assert [name for name, _ in parts["own_"].named_parameters()] == ["scale"]

    def test_wrappers_come_off(self) -> None:
        model = nn.DataParallel(Model())
        assert list(named_parts(model)) == ["encoder", "encoder.0", "encoder.2", "projector"]

    def test_the_only_child_is_entered(self) -> None:
        encoder = nn.Module()
        encoder.backbone = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
        assert list(named_parts(encoder)) == ["encoder", "encoder.backbone.0", "encoder.backbone.2"]

    def test_two_encoders(self) -> None:
        model = Model()
        model.text_encoder = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        assert "text_encoder.1" in named_parts(model)

    def test_lazy_layers_are_no_parameters_yet(self) -> None:
        found = gradients(named_parts(nn.Sequential(nn.Linear(2, 2), nn.LazyLinear(3))))
        assert found.tensors == 2


class TestRefusals:
    def test_in_words(self) -> None:
        with pytest.raises(ArgumentError, match=r"gradients: modules is \['int'\]. It must be an nn.Module"):
            gradients({"encoder": 3})  # type: ignore[dict-item]
        with pytest.raises(ArgumentError, match=r"gradients: modules is int"):
            gradients(3)  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match=r"gradients: there is no parameter in model"):
            gradients(nn.ReLU())
        with pytest.raises(UnknownName, match=r"Did you mean 'encoder'"):
            gradients(named_parts(Model()))["encodr"]

    def test_nothing_is_touched(self) -> None:
        model = backward(Model())
        before = [p.grad.clone() for p in model.parameters()]  # type: ignore[union-attr]
        versions = [p.grad._version for p in model.parameters()]  # type: ignore[union-attr]
        gradients(named_parts(model))
        assert all(torch.equal(p.grad, was) for p, was in zip(model.parameters(), before, strict=True))
        assert [p.grad._version for p in model.parameters()] == versions  # type: ignore[union-attr]


def _model(*how: Any) -> tuple[nn.Module]:
    return (Model(how[3]),)


CASES = [Case(gradients, trained, of=()), Case(named_parts, _model, of=())]
