"""What a diagnosis needs to see of the wiring: each number in healthy training, and with its mistake."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

import vergence as vg
from tests.training.small import make, recipe, texts, vectors
from vergence.training.measures.at_rest import _copied
from vergence.training.measures.branches import _alike
from vergence.training.measures.catalogue import CATALOGUE
from vergence.training.measures.objective import solutions
from vergence.training.measures.parts import Called
from vergence.training.unsound import Unsound

NEW = ("norms", "steps", "objective", "branches", "modes", "consistency", "at_rest", "inputs", "updates")
STEPS = 4


def trained(fault: str | None = None, method: Any = None, strength: float | None = None, **more: Any) -> vg.History:
    run = make(method or recipe(), driver="inline", **{"every": 1, "reference": 0, "batch": 32, **more})
    if fault is not None:
        vg.lab.inject(run, fault, strength=strength)
    run.start(steps=STEPS)
    assert texts(run.history, "failed") == []
    return run.history


@pytest.fixture(scope="module")
def healthy() -> vg.History:
    return trained(reference=48)


class Own:
    """A loop of the user's."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor] | None = None, **more: Any) -> None:
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 4)
        self.optimiser = torch.optim.SGD([*self.encoder.parameters(), *self.head.parameters()], lr=0.1)
        given = {"objective": vg.losses.NTXent(0.2), "projector": self.head, **more}
        self.loss: Any = loss or vg.losses.NTXent(0.2)
        self.monitor = vg.Monitor(self.encoder, save=False, every=1, **given)
        self.change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda z1, z2: (z1, z2)

    def train(self, steps: int = STEPS) -> vg.History:
        x, y = vectors()
        for _ in range(steps):
            x1, x2 = (x + 0.1 * torch.randn(x.shape) for _ in range(2))
            z1, z2 = self.change(*(self.head(self.encoder(each)) for each in (x1, x2)))
            loss = self.loss(z1, z2)
            self.optimiser.zero_grad()
            if loss.requires_grad:
                loss.backward()
            self.monitor.step(z1, z2, loss=loss, labels=y, inputs=(x1, x2))
            self.optimiser.step()
        return self.monitor.history


def test_a_run_and_a_loop_of_ones_own_record_the_same_nouns(healthy: vg.History) -> None:
    for history in (healthy, Own(reference=vectors(40)).train()):
        assert set(NEW) <= {key.partition("/")[0] for key in history.scalar_keys()}
        assert texts(history, "failed") == []
        assert history.last("objective/z/mismatch") < 1e-6
        assert history.last("objective/z/temperature") == 0.2
        assert (history.last("branches/z/with_gradient"), history.last("branches/z/detached")) == (2, 0)
        assert history.last("modes/model/training") == 1
        assert history.last("consistency/reference/difference") < 1e-5
        assert history.last("inputs/step/identical") == 0
        assert history.last("updates/encoder/moved") > 0.5
        assert history.last("updates/encoder/reached") == 1
        assert history.last("steps/not_finite") == 0
        assert history.last("norms/z/mean") > 0
    assert all(CATALOGUE[noun].often for noun in NEW if noun in CATALOGUE)


@pytest.mark.parametrize(
    ("fault", "factor"), [("temperature too low", 1 / 20), ("temperature too high", 20), ("temperature inverted", 25)]
)
def test_the_temperature_that_a_loss_computes_with(fault: str, factor: float) -> None:
    history = trained(fault)
    assert history.last("control/temperature") == 0.2
    assert history.last("objective/z/mismatch") > history.last("objective/z/tolerance")
    assert history.last("objective/z/factor") == pytest.approx(factor, rel=0.02)
    inverted = history.last("objective/z/explained_by_inverted")
    assert (inverted < 1e-5) == (fault == "temperature inverted")


def test_a_loss_without_its_normalisation() -> None:
    history = trained("missing normalisation")
    assert history.last("objective/z/explained_by_raw") < 1e-5
    assert history.last("objective/z/explained_by_inverted") > 1e-3


def test_a_factor_on_the_loss_is_its_ratio() -> None:
    own = Own(lambda z1, z2: 3 * vg.losses.nt_xent(z1, z2, temperature=0.2))
    assert own.train().last("objective/z/ratio") == pytest.approx(3)


def info_nce(z1: Tensor, z2: Tensor) -> Tensor:
    return cross_entropy(normalize(z1) @ normalize(z2).T / 0.3, torch.arange(len(z1)))


@pytest.mark.parametrize(
    ("name", "loss", "tau"),
    [
        ("nt_xent", lambda z1, z2: vg.losses.nt_xent(z1, z2, temperature=0.1), 0.1),
        ("info_nce", info_nce, 0.3),
        ("clip", lambda z1, z2: (info_nce(z1, z2) + info_nce(z2, z1)) / 2, 0.3),
    ],
)
def test_the_temperature_of_an_objective_that_is_not_known(name: str, loss: Any, tau: float) -> None:
    history = Own(loss, objective=None).train()
    keys = [key for key in history.scalar_keys() if key.startswith(f"objective/z/{name}_temperature")]
    assert min(abs(math.log(history.last(key) / tau)) for key in keys) < 1e-3
    assert "objective/z/mismatch" not in history.scalar_keys()


@pytest.mark.parametrize(("name", "tau"), [("nt_xent", 0.1), ("nt_xent", 2.0)])
def test_the_temperature_of_dot_products_where_nobody_normalises(name: str, tau: float) -> None:
    def plain(z1: Tensor, z2: Tensor) -> Tensor:
        z = torch.cat([z1, z2])
        scores = (z @ z.T / tau).fill_diagonal_(-math.inf)
        return cross_entropy(scores, torch.arange(len(z)).roll(len(z1)))

    history = Own(plain, objective=None).train()
    keys = [key for key in history.scalar_keys() if key.startswith(f"objective/z/{name}_raw_temperature")]
    for at, step in enumerate(history.scalar("objective/z/reported").steps):
        told = [value for key in keys if (value := history.scalar(key).at(int(step)))]
        assert min(abs(math.log(value / tau)) for value in told) < 0.02, at


def test_rows_of_one_length_have_no_other_dot_products() -> None:
    own = Own(lambda z1, z2: vg.losses.nt_xent(z1, z2, temperature=0.1), objective=None)
    own.change = lambda z1, z2: (normalize(z1), normalize(z2))
    history = own.train()
    assert len(history.scalar("objective/z/nt_xent_temperature"))
    assert not [key for key in history.scalar_keys() if "raw" in key]


def test_two_solutions_between_two_points_of_the_grid_are_found() -> None:
    assert solutions(lambda x: (math.log(x) - 1) ** 2, 0.01, 0.1, 100.0) == pytest.approx(
        [math.exp(0.9), math.exp(1.1)], rel=1e-3
    )
    assert solutions(lambda x: 1 + (math.log(x) - 1) ** 2, 1.0, 0.1, 100.0) == pytest.approx([math.e], rel=0.05)
    assert solutions(lambda x: 1 + (math.log(x) - 1) ** 2, 0.5, 0.1, 100.0) == []


def test_solutions_are_found_on_both_sides_and_at_the_end() -> None:
    found = solutions(lambda x: (math.log(x) - 1) ** 2, 1.0, 0.1, 100.0)
    assert found == pytest.approx([1.0, math.e**2], rel=1e-3)
    assert solutions(lambda x: x, 0.1, 0.1, 100.0) == pytest.approx([0.1])
    assert solutions(lambda x: x, 1000.0, 0.1, 100.0) == []
    assert solutions(lambda x: None if x < 2 else x, 50.0, 0.1, 100.0) == pytest.approx([50.0], rel=1e-3)


def test_a_branch_that_is_cut() -> None:
    assert trained("detached branch").last("branches/z/detached") == 1
    own = Own()
    own.change = lambda z1, z2: (z1, z2.detach())
    history = own.train()
    assert (history.last("branches/z/with_gradient"), history.last("branches/z/detached")) == (1, 1)


def test_the_keys_of_a_teacher_are_rightly_cut() -> None:
    history = trained(method=vg.methods.MoCo(encoder=vg.models.MLPEncoder(8, hidden=16, dim=8), dim=8, queue=64))
    assert (history.last("branches/z/with_gradient"), history.last("branches/z/detached")) == (1, 0)
    own = Own()
    own.change = lambda z1, z2: (z1.detach(), z2.detach())
    history = own.train(2)
    assert history.last("branches/z/with_gradient") == 0
    assert "branches/z/detached" not in history.scalar_keys(), "handed over without a graph: nothing is known"


def test_modes() -> None:
    history = trained("trains in eval mode")
    assert (history.last("modes/model/training"), history.last("modes/model/statistics_updates")) == (0, 0)
    own = Own()
    own.encoder.eval()
    assert own.train().last("modes/model/training") == 0
    assert "_forward_pre_hooks" in vars(own.encoder[1])
    own.monitor.step(torch.randn(8, 4), torch.randn(8, 4), loss=1.0)


def test_no_hook_is_left_in_a_copy() -> None:
    own = Own()
    own.train(2)
    copied = copy.deepcopy(own.encoder)
    copied.eval()(vectors()[0])
    assert own.train(1).last("modes/model/training") == 1, "a copy in eval mode is not heard"


def test_the_reference_set_in_train_mode(healthy: vg.History) -> None:
    assert healthy.last("consistency/reference/difference") < 1e-5
    assert trained("evaluated in train mode", reference=48).last("consistency/reference/difference") > 0.05


def test_inputs_that_are_the_same_twice() -> None:
    history = trained("same view twice")
    assert history.last("inputs/step/identical") == 1
    assert history.last("at_rest/input/auc") == pytest.approx(1)


def test_a_second_tower_is_not_taken_for_a_leak() -> None:
    """The model that was handed over makes one of the views; partners at rest would be told by chance."""
    own = Own()
    elsewhere = torch.randn(len(vectors()[0]), 4)
    own.change = lambda z1, _: (z1, elsewhere + 0 * z1)
    history = own.train()
    assert "makes view 1 of this step and not view 2" in history.static["not_measured"]["at_rest/z"]
    assert not len(history.scalar("at_rest/z/auc"))


def test_inputs_that_are_no_numbers_or_all_one() -> None:
    monitor = vg.Monitor(save=False, every=1)
    x = torch.ones(8, 3)
    x[0, 0] = math.nan
    monitor.step(torch.randn(8, 4), torch.randn(8, 4), inputs=(x, torch.ones(8, 3)))
    history = monitor.history
    assert history.last("inputs/step/finite") == pytest.approx(47 / 48)
    assert history.last("inputs/step/constant") == pytest.approx(15 / 16)
    assert history.last("inputs/step/identical") == pytest.approx(7 / 8)


@pytest.mark.parametrize(
    ("fault", "encoder", "projector"),
    [
        ("learning rate zero", 0, 0), ("another model in the optimiser", 0, 0), ("frozen encoder", 0, 1),
        ("only the head in the optimiser", 0, 1),
    ],
)  # fmt: skip
def test_parts_that_stand_still(fault: str, encoder: float, projector: float) -> None:
    history = trained(fault)
    assert history.last("updates/encoder/moved") == encoder
    assert history.last("updates/encoder/ratio") == encoder
    assert (history.last("updates/projector/moved") > 0) == bool(projector)
    assert (history.last("updates/encoder/reached") == 0) == (fault == "frozen encoder")


def test_gradients_that_are_no_numbers() -> None:
    own = Own(lambda z1, z2: (z1 * z2).sum() * math.nan)
    history = own.train(2)
    assert history.scalar("updates/model/gradient_not_finite").values[0] == 8, "every parameter"
    assert list(history.scalar("updates/model/weights_not_finite").values) == [0, 8]
    assert history.last("steps/not_finite") == 1


def test_the_share_of_losses_that_are_no_numbers() -> None:
    unsound = Unsound()
    assert unsound.seen(1.0) == 0
    assert unsound.seen(1.0) is None
    assert unsound.seen(math.nan) == pytest.approx(1 / 3)
    for _ in range(100):
        last = unsound.seen(2.0)
    assert last == 0, "the bad one has left the window"


@pytest.mark.parametrize(
    ("fault", "moves", "apart"), [(None, 1, 1), ("frozen teacher", 0, 1), ("instant teacher", 1, 0)]
)
def test_a_teacher_and_its_student(fault: str | None, moves: bool, apart: bool) -> None:
    history = trained(fault, vg.methods.BYOL(encoder=vg.models.MLPEncoder(8, hidden=16, dim=8), dim=8))
    assert (history.last("follower/model/moved") > 0) == bool(moves)
    assert (history.last("follower/model/distance") > 1e-6) == bool(apart)
    assert history.last("follower/model/student_moved") > 0


def test_a_teacher_in_a_loop_of_ones_own() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder_q, self.encoder_k = nn.Linear(8, 4), nn.Linear(8, 4).requires_grad_(False)
            self.encoder_k.load_state_dict(self.encoder_q.state_dict())

        def forward(self, x: Tensor) -> Tensor:
            return self.encoder_q(x)

    model = Both()
    monitor = vg.Monitor(model, save=False, every=1)
    for _ in range(2):
        monitor.step(torch.randn(8, 4), torch.randn(8, 4))
        with torch.no_grad():
            model.encoder_q.weight.add_(0.1)
    assert monitor.history.last("follower/model/distance") > 0
    assert monitor.history.last("follower/model/moved") == 0
    assert monitor.history.last("follower/model/student_moved") > 0


def test_what_is_missing_says_so() -> None:
    monitor = vg.Monitor(save=False, every=1)
    monitor.step(torch.randn(8, 4), torch.randn(8, 4))
    missing = monitor.history.static["not_measured"]
    assert "inputs=(x1, x2)" in missing["inputs/z"]
    assert "m.step(z1, z2, loss=loss)" in missing["objective/z"]
    assert "Monitor(encoder, ...)" in missing["modes"]
    assert {"at_rest", "consistency", "updates", "follower"} <= missing.keys()


def test_what_was_drawn_is_compared_before_views_are_made() -> None:
    assert trained().last("inputs/step/copied") == 0
    assert trained("duplicates in the data").last("inputs/step/copied") > 0.2
    own = Own().train(2)
    assert "inputs/step/copied" not in own.scalar_keys(), "nobody knows what the views were made of"


def test_items_that_differ_in_one_number_are_no_copies() -> None:
    items = torch.zeros(6, 2000)
    items[:, 1] = torch.arange(6)
    assert _copied(items) == 0
    items[4] = items[2]
    assert _copied(items) == pytest.approx(2 / 6)


def test_two_losses_that_differ_are_not_alike_by_chance() -> None:
    """Over a thousand keys the mean hardly depends on who is the query: one draw would do it now and then."""
    rows = torch.zeros(64, 16)
    for seed in range(40):
        keys = normalize(torch.randn(1024, 16, generator=torch.Generator().manual_seed(seed)))
        called = Called((rows, rows), {"negatives": keys})
        assert _alike(vg.losses.InfoNCE(temperature=2.0), called, 1, 0, None) is False
        assert _alike(vg.losses.NTXent(temperature=2.0), Called((rows, rows)), 1, 0, None) is True
