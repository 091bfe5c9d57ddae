from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.losses.case import Case
from tests.reference.multi_view import several
from vergence.errors import ArgumentError, ShapeError
from vergence.losses import BYOL, InfoNCE, NTXent, PairwiseMultiView, SogCLR, SupCon, VICReg, info_nce, nt_xent


def halves(*views: Tensor) -> dict[str, Tensor]:
    return {"labels": torch.arange(len(views[0]), device=views[0].device) // 2}


CASES = [
    Case(lambda: PairwiseMultiView(NTXent(0.5), 2), golden=1.3127873820),
    Case(lambda: PairwiseMultiView(NTXent(0.3), 3), views=3, label="pairwise NT-Xent, 3 views"),
    Case(lambda: PairwiseMultiView(InfoNCE(0.3), 3), views=3, symmetric=False, label="pairwise InfoNCE, 3 views"),
]


@pytest.mark.parametrize("views", [2, 3, 5])
def test_is_the_mean_over_pairs(views: int) -> None:
    z = several(views, 5, 4)
    pairs = list(itertools.combinations(z, 2))
    for base, function in ((NTXent(0.3), nt_xent), (InfoNCE(0.3), info_nce)):
        expected = sum(float(function(a, b, temperature=0.3)) for a, b in pairs) / len(pairs)
        assert float(PairwiseMultiView(base, views)(*z)) == pytest.approx(expected, abs=1e-12)


def test_two_views_are_the_base() -> None:
    z = several(2, 5, 4)
    base = NTXent(0.3)
    loss = PairwiseMultiView(base, 2)
    torch.testing.assert_close(loss(*z), base(*z))
    torch.testing.assert_close(loss.pair_weights(*z), base.pair_weights(*z))
    assert loss.chance(9, 4) == base.chance(9, 4)
    assert loss.floor(9, 4) == base.floor(9, 4)
    assert loss.reference_words(9, 4) == base.reference_words(9, 4)


def test_settings_are_the_bases() -> None:
    base = NTXent(0.3)
    loss = PairwiseMultiView(base, 3)
    loss.set("temperature", 0.7)
    assert loss.settings() == base.settings() == {"temperature": 0.7}
    assert loss.name == "pairwise NT-Xent"
    assert repr(loss) == "PairwiseMultiView(NTXent(temperature=0.7), views=3)"


def test_a_base_without_pair_weights_leaves_it_without() -> None:
    z = several(3, 6, 4)
    loss = PairwiseMultiView(VICReg(), 3)
    assert loss.pair_weights(*z) is None
    assert loss.couples == "statistics"
    assert set(loss.terms(*z)) == {"invariance", "variance", "covariance"}


def test_each_pair_gets_its_own_targets() -> None:
    z, t = several(3, 4, 5, seed=1), tuple(several(3, 4, 5, seed=2))
    base = BYOL()
    expected = [base(z[v], z[w], targets=(t[v], t[w])) for v, w in itertools.combinations(range(3), 2)]
    torch.testing.assert_close(PairwiseMultiView(base, 3)(*z, targets=t), torch.stack(expected).mean())


def test_a_base_with_a_memory_remembers_and_stands_in_the_state() -> None:
    z = several(3, 4, 5)
    loss = PairwiseMultiView(SogCLR(9), 3)
    more: dict[str, Any] = {"index": torch.tensor([8, 0, 3, 1])}
    assert isinstance(loss, nn.Module)
    assert "base.log_u" in loss.state_dict()
    loss(*z, **more)
    assert int(torch.isfinite(loss.state_dict()["base.log_u"]).sum()) == 4


def test_what_does_not_fit_is_refused() -> None:
    a, b, _ = several(3, 4, 3)
    with pytest.raises(ArgumentError, match=r"PairwiseMultiView: base is .*It must be a loss of two views"):
        PairwiseMultiView(SupCon(views=3))
    with pytest.raises(ArgumentError, match=r"PairwiseMultiView: views is 1"):
        PairwiseMultiView(NTXent(), 1)
    with pytest.raises(ShapeError, match=r"pairwise NT-Xent: 2 views came, 3 are needed"):
        PairwiseMultiView(NTXent())(a, b)


def test_keywords_reach_the_base() -> None:
    z = several(3, 6, 4)
    more = halves(*z)
    base = SupCon(0.3)
    expected = [base(first, second, **more) for first, second in itertools.combinations(z, 2)]
    loss = PairwiseMultiView(base, 3)
    torch.testing.assert_close(loss(*z, **more), torch.stack(expected).mean())
    assert loss.needs == ("labels",)
    with pytest.raises(ArgumentError, match="labels is missing"):
        loss(*z)


def test_pair_weights_stand_at_the_place_of_their_pair() -> None:
    z = several(3, 4, 5)
    found = PairwiseMultiView(InfoNCE(0.3), 3).pair_weights(*z).view(3, 4, 3, 4)
    for v, w in itertools.product(range(3), repeat=2):
        expected = InfoNCE(0.3).pair_weights(z[v], z[w])[:4, 4:] / 3
        torch.testing.assert_close(found[v, :, w], expected if v < w else torch.zeros_like(expected))
