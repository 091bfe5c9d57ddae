"""What is measured now and then: that all of it is recorded where it should be, and that what is missing says why."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import vergence as vg
from tests.training.small import make, recipe, texts, vectors
from vergence.training.measures.base import Sample
from vergence.training.measures.catalogue import CATALOGUE
from vergence.training.measures.now import Now, Setup
from vergence.training.seldom import MOST_TELLINGS, Seldom, measures

STEPS = 20


def nouns(history: vg.History) -> set[str]:
    return {key.partition("/")[0] for key in history.scalar_keys()}


def keys(history: vg.History, start: str) -> set[str]:
    return {key.removeprefix(f"{start}/") for key in history.scalar_keys() if key.startswith(f"{start}/")}


def trained(method: Any = None, data: Any = None, **more: Any) -> vg.Run:
    given = {"every": 1, "reference": 48, "measures": "all", "driver": "inline", "batch": 32} | more
    run = make(method or recipe(), data, **given)
    run.start(steps=STEPS)
    assert texts(run.history, "failed") == []
    return run


@pytest.fixture(scope="module")
def run() -> vg.Run:
    return trained(modules=["encoder.layers.0"])


def test_everything_is_recorded_or_says_why_not(run: vg.Run) -> None:
    missing = run.history.static["not_measured"]
    assert set(CATALOGUE) - nouns(run.history) <= {name.partition("/")[0] for name in missing}
    assert {name for name in missing if not name.startswith("alpha_req/")} == {
        "subclass_variance", "modality_gap", "rotation_probe", "prototype_usage", "teacher", "follower",
    }  # fmt: skip
    assert all(words.rstrip().endswith(".") for words in missing.values())


def test_keys_are_noun_place_number(run: vg.Run) -> None:
    history = run.history
    assert keys(history, "lidar/z") >= {"grouped", "within", "within_null_low", "within_null_high"}
    assert keys(history, "lidar/h") >= {"ceiling"}
    assert keys(history, "ordering/z") >= {"auc", "auc_anchor", "auc_anchor_null_low", "misordered_hardest"}
    for place in ("h", "z", "encoder.layers.0"):
        assert keys(history, f"neural_collapse/{place}") >= {"nc1", "nc1_null_high", "nc2_angle"}
        assert keys(history, f"uniformity_wasserstein/{place}") >= {"distance", "distance_null_low"}
        assert keys(history, f"cka/{place}") >= {"first", "first_null_high", "last"}
    assert keys(history, "drift/h") >= {"old", "refitted", "hidden", "size"}
    assert keys(history, "duplicates/reference") >= {"groups", "median"}
    assert keys(history, "false_negatives/z") >= {"rate", "gradient_share", "above_positive"}


def test_the_reference_set_has_a_base_line(run: vg.Run) -> None:
    series = run.history.scalar("uniformity_wasserstein/h/distance")
    assert list(series.steps) == [0, 10, 20], "a look at step 0, and what is made now and then at one in ten"
    assert list(run.history.scalar("ordering/z/auc").steps) == [1, 10, 20]
    assert len(run.history.scalar("uniformity_wasserstein/h/distance_null_low")) == 1, "it has not changed"


def test_places_are_compared_with_one_another(run: vg.Run) -> None:
    frame = run.history.frame("cka/h")
    assert frame.meta["names"] == ["h", "z", "encoder.layers.0"]
    assert frame.arrays["places"].shape == (3, 3)


def test_a_method_says_what_its_outputs_are() -> None:
    vit = {"encoder": vg.models.MLPEncoder(8, hidden=16, dim=8), "dim": 8}
    swav = trained(vg.methods.SwAV(prototypes=10, **vit), measures="default").history
    assert keys(swav, "prototype_usage/z") >= {"entropy", "live", "live_null_low", "consistency"}
    assert swav.frame("prototype_usage/z").arrays["counts"].sum() == 64
    assert "gradients/loss/share" in swav.scalar_keys()
    dino = trained(vg.methods.DINO(classes=12, **vit), measures="default").history
    assert keys(dino, "teacher/z") >= {"entropy", "divergence", "information"}
    parts = [dino.scalar(f"loss/{name}").at(20) for name in ("entropy", "divergence")]
    own = [dino.last(f"teacher/z/{name}") for name in ("entropy", "divergence")]
    assert own == pytest.approx(parts, rel=0.05)
    assert dino.last("prototype_usage/z/live") >= 1


def test_two_towers_have_a_gap() -> None:
    x, _ = vectors()
    run = trained(vg.methods.CLIP(encoder=vg.models.MLPEncoder(8, hidden=16, dim=8), dim=8), vg.data.paired(x, x + 0.1))
    assert keys(run.history, "modality_gap/z") >= {"gap", "separability"}


def test_sub_classes_need_a_factor_within_another() -> None:
    torch.manual_seed(0)
    x, y = vectors()
    m = vg.Monitor(nn.Linear(8, 8), reference=(x, {"class": y // 2, "sub": y}), save=False, every=1)
    for _ in range(10):
        m.step(x + 0.1 * torch.randn_like(x), x, labels=y)
    assert keys(m.history, "subclass_variance/h") >= {"between_share", "expected"}
    assert m.history.frame("subclass_variance/h").meta["subclasses"] == "sub"


def test_images_are_turned_and_disturbed() -> None:
    images = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 8))
    m = vg.Monitor(encoder, reference=images, save=False, every=1, measures=["rotation_probe", "step_profile"])
    for _ in range(10):
        z = encoder(images)
        m.step(z, z + 0.1)
    assert 0 <= m.history.last("rotation_probe/h/accuracy") <= 1
    assert m.history.last("step_profile/h/straightness") == pytest.approx(1, abs=0.02)
    assert "needs labels" in m.history.static["not_measured"]["neural_collapse"]


def test_a_loop_that_hands_over_little_is_told_what_each_needs() -> None:
    m = vg.Monitor(save=False, every=1, measures="all")
    m.step(torch.randn(16, 4))
    missing = m.history.static["not_measured"]
    assert "Hand over two views" in missing["ordering/z"]
    assert "Hand over two views" in missing["lidar/z"]
    assert texts(m.history, "failed") == []
    m.step(loss=0.5)
    assert texts(m.history, "failed") == []


@pytest.mark.parametrize("objective", [None, vg.losses.NTXent(), nn.functional.mse_loss])
def test_an_own_loop_without_a_reference_is_told_of_everything(objective: Any) -> None:
    encoder = nn.Linear(8, 4)
    m = vg.Monitor(encoder, objective=objective, save=False, every=1, measures="all")
    for _ in range(10):
        m.step(encoder(torch.randn(16, 8)), encoder(torch.randn(16, 8)))
    missing = m.history.static["not_measured"]
    assert set(CATALOGUE) - nouns(m.history) <= {name.partition("/")[0] for name in missing}
    assert "none was handed over: reference=" in missing["cka"]
    assert "DINO, iBOT" in missing["teacher"]
    assert texts(m.history, "failed") == []


def test_an_own_loop_that_does_not_say_what_the_loss_saw_is_told_so() -> None:
    m = vg.Monitor(save=False, every=1, objective=vg.losses.DINO())
    m.step(h=torch.randn(16, 4), loss=1.0)
    assert "not known what the loss was called with" in m.history.static["not_measured"]["teacher/z"]


def test_a_reference_set_that_is_too_small_is_told_apart_from_a_batch() -> None:
    encoder = nn.Linear(8, 16)
    m = vg.Monitor(encoder, reference=(torch.randn(7, 8), torch.arange(7)), save=False, every=1)
    for _ in range(10):
        z = encoder(torch.randn(16, 8))
        m.step(z[:, :3], z[:, :3])
    missing = m.history.static["not_measured"]
    assert {"alpha_req/h", "drift/h", "intrinsic_dimension/h", "neural_collapse/h", "thresholds/h"} <= set(missing)
    of_reference = [words for name, words in missing.items() if name.endswith("/h")]
    assert all(words.endswith("Hand over a larger reference set.") for words in of_reference)
    assert "drop_last" not in " ".join(of_reference)


def test_a_layer_too_narrow_for_a_decay_is_told_what_can_be_done() -> None:
    m = vg.Monitor(nn.Linear(8, 13), reference=torch.randn(40, 8), save=False, every=1)
    for _ in range(10):
        m.step(torch.randn(16, 4))
    assert m.history.static["not_measured"]["alpha_req/h"].endswith("vg.metrics.alpha_req(rows, first=1).")


def test_labels_that_cannot_be_probed_leave_the_rest_of_drift() -> None:
    m = vg.Monitor(nn.Linear(8, 4), reference=(torch.randn(40, 8), torch.full((40,), -1)), save=False, every=1)
    for _ in range(10):
        m.step(torch.randn(16, 4))
    assert m.history.last("drift/h/size") == pytest.approx(1)
    assert "0 labelled rows" in m.history.static["not_measured"]["drift/h"]


def test_why_there_are_no_duplicates_is_kept() -> None:
    m = vg.Monitor(nn.Linear(8, 4), reference=torch.full((12, 8), float("nan")), save=False, every=1)
    for _ in range(30):
        m.step(torch.randn(16, 4), torch.randn(16, 4))
    assert "0 of 12 samples are finite" in m.history.static["not_measured"]["duplicates"]


def test_with_every_bands_come_with_what_they_belong_to() -> None:
    encoder = nn.Linear(8, 16)
    m = vg.Monitor(encoder, reference=torch.randn(40, 8), save=False, every=3)
    for _ in range(30):
        m.step(torch.randn(16, 4), torch.randn(16, 4))
    for key in ("uniformity_wasserstein/h/distance", "cka/h/first"):
        assert list(m.history.scalar(f"{key}_null_low").steps) == [30]
    assert m.history.scalar("ordering/z/auc_anchor_null_low").steps[0] == 1


@pytest.mark.parametrize("bad", ["nan", "zero", "short", "text"])
def test_bad_steps_are_no_accidents(bad: str) -> None:
    z = {
        "nan": torch.full((16, 4), float("nan")), "zero": torch.zeros(16, 4), "short": torch.randn(1, 4), "text": "z",
    }[bad]  # fmt: skip
    m = vg.Monitor(save=False, every=1, measures="all", objective=vg.losses.NTXent())
    m.step(z, z, h=z)
    failed = {event.data["name"].partition("/")[0] for event in m.history.events("failed")}
    assert failed & set(CATALOGUE) == set()


def test_what_cannot_be_measured_now_may_be_later() -> None:
    seldom = Seldom(Setup(), "default")
    draws = torch.Generator()
    one = Sample("z", (torch.randn(8, 4),), None, None, draws)
    two = Sample("z", (torch.randn(8, 4), torch.randn(8, 4)), None, None, draws)
    found = seldom.make("ordering/z", Now(1, {"z": one}, generator=draws))
    assert "ordering/z" in found.static["not_measured"]
    assert seldom.make("ordering/z", Now(2, {"z": one}, generator=draws)).static == {}, "said once"
    found = seldom.make("ordering/z", Now(3, {"z": two}, generator=draws))
    assert found.static == {"not_measured": {}}
    assert found.scalars["ordering/z/auc"] >= 0


def test_what_never_can_be_is_not_tried_again() -> None:
    seldom = Seldom(Setup(), "all")
    assert "teacher/z" in seldom.names(("z",), None)
    seldom.make("teacher/z", Now(1))
    assert "teacher/z" not in seldom.names(("z",), None)


def test_a_small_set_is_asked_for_by_name() -> None:
    with pytest.raises(vg.errors.UnknownName, match=r"Did you mean 'rotation_probe'"):
        vg.Monitor(save=False, measures=["rotation_prob"])
    with pytest.raises(vg.errors.UnknownName, match=r"Did you mean 'step_profile'"):
        make(measures=["step_profil"])
    assert not Seldom(Setup(), "default")._entries.keys() & {"rotation_probe", "step_profile"}


def test_what_comes_and_goes_does_not_fill_the_record() -> None:
    seldom, told = Seldom(Setup(), "default"), 0
    draws = torch.Generator()
    for step in range(1, 400):
        views = (torch.randn(8, 4),) * (1 + step % 2)
        sample = Sample("z", views, None, None, draws)
        told += bool(seldom.make("bimodality/z", Now(step, {"z": sample}, generator=draws)).static)
    assert told == MOST_TELLINGS


def test_there_is_a_list_of_what_can_be_asked_for() -> None:
    found = measures()
    assert set(found) == set(CATALOGUE)
    assert found["drift"] == "the reference set in eval mode"
    assert found["step_profile"].endswith("only when asked for")
    assert Seldom(Setup(), "none").names(("h", "z"), None) == []
