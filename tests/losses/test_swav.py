from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import normalize

from tests.losses.case import Case
from tests.losses.test_dino import cosines
from tests.reference import targets as slow
from vergence import losses
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError, TooFewRows
from vergence.losses import sinkhorn, swav


class SwAV(losses.SwAV):
    """Prototypes for embeddings of any width: the tests of all losses try several."""

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        dim = views[0].shape[-1] if views else 1
        if dim != self.prototypes.shape[1] and views[0].ndim == 2:
            drawn = torch.randn(len(self.prototypes), dim, generator=torch.Generator().manual_seed(0))
            self.prototypes = nn.Parameter(normalize(drawn), requires_grad=False)
        if views and views[0].device.type == "meta":
            self.to("meta")
        return super().terms(*views, **more)


# Not smooth in gradcheck's sense: the assignments move with the rows, and no gradient follows them.
CASES = [
    Case(lambda: SwAV(dim=7, prototypes=5).requires_grad_(False), rotates=False, collapse=False, smooth=False),
    Case(
        lambda: SwAV(dim=7, prototypes=5, views=3, coded=2).requires_grad_(False),
        views=3,
        symmetric=False,
        rotates=False,
        collapse=False,
        smooth=False,
        label="SwAV, 2 of 3 views coded",
    ),
]


def several(views: int, batch: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, dim, generator=generator, dtype=torch.float64).to(dtype) for _ in range(views)]


def test_golden_value_of_sinkhorn() -> None:
    q = sinkhorn(cosines(), epsilon=0.05, iterations=3)
    assert float(q[0, 0]) == pytest.approx(0.1517053028, abs=1e-9)


@pytest.mark.parametrize("iterations", [0, 1, 3, 50])
@pytest.mark.parametrize(("batch", "prototypes"), [(8, 5), (3, 9), (1, 4)])
def test_sinkhorn_agrees_with_the_loops(batch: int, prototypes: int, iterations: int) -> None:
    (scores,) = several(1, batch, prototypes, 1)
    expected = torch.tensor(slow.sinkhorn(scores, 0.5, iterations), dtype=torch.float64)
    torch.testing.assert_close(sinkhorn(scores, epsilon=0.5, iterations=iterations), expected)


@given(seed=st.integers(0, 10_000), epsilon=st.floats(0.2, 5.0))
def test_rows_sum_to_one_and_columns_come_to_share_evenly(seed: int, epsilon: float) -> None:
    (scores,) = several(1, 12, 4, seed)
    q = sinkhorn(scores, epsilon=epsilon, iterations=3)
    torch.testing.assert_close(q.sum(1), torch.ones(12, dtype=torch.float64))
    settled = sinkhorn(scores, epsilon=epsilon, iterations=3000)
    torch.testing.assert_close(settled.sum(0), torch.full((4,), 3.0, dtype=torch.float64), rtol=1e-3, atol=1e-3)


def test_skewed_scores_are_shared_out() -> None:
    # One prototype is nearest to nearly everything: a softmax gives it nearly everything.
    (scores,) = several(1, 200, 20, 3)
    scores = normalize(scores)
    scores[:, 0] += 0.5
    share = [float(sinkhorn(scores, iterations=n).mean(0).max()) for n in (0, 3, 50)]
    assert share[0] > 0.5
    assert share[1] < 0.1
    assert share[2] == pytest.approx(0.05, abs=2e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_tiny_epsilon_does_not_underflow(dtype: torch.dtype) -> None:
    q = sinkhorn(cosines().to(dtype), epsilon=1e-3)
    assert q.dtype == torch.float32
    torch.testing.assert_close(q.sum(1), torch.ones(8))


@pytest.mark.parametrize(("views", "coded"), [(2, 2), (2, 1), (4, 2)])
@pytest.mark.parametrize(("batch", "dim", "prototypes"), [(2, 1, 2), (6, 4, 3), (3, 5, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_agrees_with_the_loops_in_both_orders(
    views: int, coded: int, batch: int, dim: int, prototypes: int, dtype: torch.dtype
) -> None:
    z, (c,) = several(views, batch, dim, 1, dtype), several(1, prototypes, dim, 2, dtype)
    for temperature, epsilon, iterations in ((0.1, 0.05, 3), (0.7, 0.5, 0)):
        for own in (z, z[::-1]):
            settings = {"temperature": temperature, "epsilon": epsilon, "iterations": iterations, "coded": coded}
            found = swav(*own, prototypes=c, **settings)
            expected = slow.swav(own, c, temperature, epsilon, iterations, coded)
            assert float(found) == pytest.approx(expected, rel=1e-3 if dtype == torch.float32 else 1e-9)


def test_the_object_is_the_function_with_its_prototypes() -> None:
    z = several(3, 6, 4, 1)
    loss = losses.SwAV(4, 9, temperature=0.2, epsilon=0.1, iterations=5, views=3).requires_grad_(False)
    c = loss.prototypes.detach()
    torch.testing.assert_close(c.norm(dim=1), torch.ones(9))
    expected = float(swav(*z, prototypes=c, temperature=0.2, epsilon=0.1, iterations=5))
    assert float(loss(*z)) == pytest.approx(expected, rel=1e-6)  # prototypes are kept in float32
    loss.sinkhorn = False
    assert float(loss(*z)) == pytest.approx(
        float(swav(*z, prototypes=c, temperature=0.2, epsilon=0.1, iterations=0)), rel=1e-6
    )
    assert torch.equal(losses.SwAV(4, 9).prototypes, losses.SwAV(4, 9).prototypes)
    assert not torch.equal(losses.SwAV(4, 9).prototypes, losses.SwAV(4, 9, seed=1).prototypes)
    torch.testing.assert_close(losses.SwAV(4, 9).codes(z[0]), sinkhorn(normalize(z[0]) @ c.T.double()))


def test_the_terms_are_the_entropy_of_the_codes_and_the_divergence() -> None:
    z = several(2, 6, 4, 1)
    loss = losses.SwAV(4, 9).requires_grad_(False)
    terms = loss.terms(*z)
    codes = [row for view in z for row in loss.codes(view).tolist()]
    assert float(terms["entropy"]) == pytest.approx(math.fsum(map(slow.entropy, codes)) / 12, rel=1e-9)
    assert float(terms["divergence"]) > 0


def test_the_gradient_is_that_of_the_answers_with_the_assignments_held() -> None:
    z, (c,) = several(2, 5, 4, 8), several(1, 3, 4, 9)
    codes = [sinkhorn(normalize(view) @ normalize(c).T) for view in z]

    def held(first: Tensor, second: Tensor, prototypes: Tensor) -> Tensor:
        answers = [torch.log_softmax(normalize(view) @ normalize(prototypes).T / 0.1, 1) for view in (first, second)]
        return -((codes[0] * answers[1]).sum(1).mean() + (codes[1] * answers[0]).sum(1).mean()) / 2

    given = [rows.requires_grad_() for rows in (*z, c)]
    assert torch.autograd.gradcheck(held, given)
    expected = torch.autograd.grad(held(*given), given)
    found = torch.autograd.grad(swav(*given[:2], prototypes=given[2]), given)
    torch.testing.assert_close(found, expected)


def test_collapse_makes_the_codes_even_and_never_reads_below_chance() -> None:
    z = torch.linspace(-1, 2, 4, dtype=torch.float64).expand(6, 4)
    loss = losses.SwAV(4, 9).requires_grad_(False)
    terms = loss.terms(z, z)
    assert float(terms["entropy"]) == pytest.approx(loss.chance(6, 4), rel=1e-9)
    assert float(loss(z, z)) > loss.chance(6, 4)
    with torch.no_grad():  # prototypes at right angles to everything: chance itself
        loss.prototypes[:] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    flat = torch.tensor([1.0, 0.0, -1.0, 2.0], dtype=torch.float64).expand(6, 4)
    assert float(loss(flat, flat)) == pytest.approx(math.log(9), rel=1e-6)
    assert loss.reference_words(6, 4) == {"chance": "ln 9"}


@pytest.mark.parametrize("with_sinkhorn", [True, False])
def test_softmax_codes_give_everything_to_one_prototype_and_sinkhorn_does_not(with_sinkhorn: bool) -> None:
    x = several(1, 256, 16, 4, torch.float32)[0]
    generator = torch.Generator().manual_seed(5)
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
    loss = losses.SwAV(8, 10, sinkhorn=with_sinkhorn)
    optimiser = torch.optim.Adam([*encoder.parameters(), *loss.parameters()], lr=1e-2)
    for _ in range(150):
        views = [encoder(x + 0.2 * torch.randn(x.shape, generator=generator)) for _ in range(2)]
        optimiser.zero_grad()
        loss(*views).backward()
        optimiser.step()
    usage = loss.codes(encoder(x)).mean(0)
    entropy = slow.entropy(usage.tolist()) / math.log(10)
    assert entropy > 0.9 if with_sinkhorn else entropy < 0.35


def test_prototypes_learn_and_keep_their_length_and_codes_pass_no_gradient() -> None:
    z = [view.requires_grad_() for view in several(2, 6, 4, 6)]
    loss = losses.SwAV(4, 5)
    first, second = loss(*z), loss(*z)
    (first + second).backward()
    assert float(loss.prototypes.grad.abs().sum()) > 0
    with torch.no_grad():
        loss.prototypes *= 3
        loss(*z)
        assert float(loss.prototypes[0].norm()) == pytest.approx(3.0)
    before = float(loss.terms(*z)["entropy"].detach())
    loss(*z)
    torch.testing.assert_close(loss.prototypes.detach().norm(dim=1), torch.ones(5))
    assert float(loss.terms(*z)["entropy"].detach()) == pytest.approx(before, rel=1e-6)
    assert not loss.terms(*z)["entropy"].requires_grad
    assert [name for name, _ in loss.named_parameters()] == ["prototypes"]


def test_what_does_not_fit_is_refused_in_words() -> None:
    a, b = several(2, 6, 4, 1)
    with pytest.raises(ShapeError, match=r"the embeddings have 4 columns but the prototypes 7. .*SwAV\(dim=4\)"):
        losses.SwAV(7, 5)(a, b)
    with pytest.raises(DeviceMismatch, match=r"z1 is on cpu but the prototypes are on meta. Use loss.to"):
        losses.SwAV(4, 5).to("meta")(a, b)
    with pytest.raises(TooFewRows, match="z1 has 1 row, 2 are needed"):
        losses.SwAV(4, 5)(a[:1], b[:1])
    with pytest.raises(TooFewRows, match="prototypes has 1 row"):
        swav(a, b, prototypes=a[:1])
    with pytest.raises(ArgumentError, match="swav: coded is 0"):
        swav(a, b, prototypes=a, coded=0)
    with pytest.raises(ArgumentError, match="sinkhorn: epsilon is 0"):
        sinkhorn(a, epsilon=0)
    with pytest.raises(ArgumentError, match="sinkhorn: iterations is -1"):
        sinkhorn(a, iterations=-1)
    with pytest.raises(ArgumentError, match=r"SwAV: prototypes is 1. It must be a whole number, 2 or above"):
        losses.SwAV(4, 1)
    with pytest.raises(ArgumentError, match=r"SwAV: iterations is 2.5. It must be a whole number"):
        losses.SwAV(4, 5, iterations=2.5)
    with pytest.raises(ShapeError, match="1 view came"):
        losses.SwAV(4, 5)(a)
