from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.losses.case import Case
from tests.reference import sup_con as slow
from tests.reference.golden import golden_batch
from tests.reference.multi_view import several
from vergence.errors import ArgumentError, ShapeError
from vergence.losses import JointSupUnsup, SupCon, joint_sup_unsup, nt_xent


def halves(*views: Tensor) -> dict[str, Tensor]:
    return {"labels": torch.arange(len(views[0]), device=views[0].device) // 2}


CASES = [
    Case(lambda: JointSupUnsup(0.1, 0.3), halves),
    Case(lambda: JointSupUnsup(0.2, 0.6, views=3), halves, views=3, label="SupCon + NT-Xent, 3 views"),
]


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(("views", "batch"), [(2, 4), (3, 5)])
def test_agrees_with_the_loops_in_both_orders(weight: float, views: int, batch: int) -> None:
    z = several(views, batch, 3)
    labels = torch.arange(batch) // 2
    for own in (z, z[::-1]):
        parts = slow.sup_con(own, labels.tolist(), 0.2), slow.sup_con(own, [-1] * batch, 0.2)
        expected = weight * parts[0] + (1 - weight) * parts[1]
        found = joint_sup_unsup(*own, labels=labels, temperature=0.2, weight=weight)
        assert float(found) == pytest.approx(expected, abs=1e-9)


def test_its_ends_are_nt_xent_and_sup_con() -> None:
    a, b, labels = golden_batch()
    assert float(JointSupUnsup(0.1, 1)(a, b, labels=labels)) == pytest.approx(2.6877833113, abs=1e-9)
    assert float(JointSupUnsup(0.1, 0)(a, b, labels=labels)) == pytest.approx(0.1105932325, abs=1e-9)
    halfway = JointSupUnsup(0.1, 0.5).terms(a, b, labels=labels)
    assert float(halfway["supervised"]) == pytest.approx(float(SupCon(0.1)(a, b, labels=labels)) / 2)
    assert float(halfway["unsupervised"]) == pytest.approx(float(nt_xent(a, b, temperature=0.1)) / 2)


def test_what_does_not_fit_is_refused_in_its_own_name() -> None:
    a, b, labels = golden_batch()
    with pytest.raises(ArgumentError, match=r"JointSupUnsup: weight is 1.5"):
        JointSupUnsup(weight=1.5)
    with pytest.raises(ArgumentError, match=r"JointSupUnsup: views is 1"):
        JointSupUnsup(views=1)
    with pytest.raises(ShapeError, match=r"SupCon \+ NT-Xent: labels is \(7\) but there are 8 rows"):
        JointSupUnsup()(a, b, labels=labels[:7])
    with pytest.raises(ShapeError, match=r"SupCon \+ NT-Xent: labels is a list"):
        JointSupUnsup()(a, b, labels=labels.tolist())
    with pytest.raises(ShapeError, match=r"1 view came, 2 are needed"):
        joint_sup_unsup(a, labels=labels, temperature=0.1, weight=0.5)
