"""The parts of the loss are measured with what the loss was called with; in a loop of the user's with what came."""

from __future__ import annotations

import pytest
import torch

import vergence as vg
from tests.training.small import texts
from vergence import losses
from vergence.training.measures.parts import Called, Parts


def rows(seed: int, n: int = 16, dim: int = 8) -> torch.Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


A, B, T1, T2 = (rows(seed) for seed in range(4))
LABELS = torch.arange(16) % 4


def monitor(objective: object) -> vg.Monitor:
    return vg.Monitor(objective=objective, save=False, every=1)


def values(history: vg.History) -> dict[str, float]:
    return {key[5:]: history.last(key) for key in history.scalar_keys() if key.startswith("loss/")}


def test_labels_that_were_handed_over_reach_a_loss_that_needs_them():
    m = monitor(losses.SupCon())
    m.step(A, B, labels=LABELS)
    found = values(m.history)
    assert found["pull"] + found["push"] == pytest.approx(float(losses.sup_con(A, B, labels=LABELS, temperature=0.1)))
    assert texts(m.history, "failed") == texts(m.history, "mark") == []


def test_labels_among_the_keywords_come_first():
    m, others = monitor(losses.SupCon()), torch.arange(16) % 3
    m.step(A, B, labels=LABELS, more={"labels": others})
    found = values(m.history)
    assert found["pull"] + found["push"] == pytest.approx(float(losses.sup_con(A, B, labels=others, temperature=0.1)))


def test_keywords_of_the_call_are_handed_on():
    m = monitor(losses.BYOL())
    m.step(A, B, more={"targets": (T1, T2)})
    assert values(m.history)["distance"] == pytest.approx(float(losses.byol(A, B, targets=(T1, T2))))


@pytest.mark.parametrize(
    ("objective", "text"),
    [
        (
            losses.BYOL(),
            "BYOL needs targets, which did not come, so its parts are not measured. Hand over what it "
            'was called with: m.step(z1, z2, more={"targets": targets}).',
        ),
        (
            losses.SupCon(),
            "SupCon needs labels, which did not come, so its parts are not measured. Hand over what it "
            "was called with: m.step(z1, z2, labels=labels).",
        ),
    ],
)
def test_what_did_not_come_is_a_mark_in_words_and_the_rest_is_measured(objective, text):
    m = monitor(objective)
    for _ in range(3):
        m.step(A, B, loss=torch.tensor(1.0))
    assert texts(m.history, "mark") == [text]
    assert texts(m.history, "failed") == []
    assert values(m.history) == {}
    assert m.history.last("loss") == 1.0
    assert m.history.last("similarity/z/auc") is not None


def test_labels_of_each_view_apart_are_no_labels_of_a_sample():
    m = monitor(losses.SupCon())
    m.step(A, B, labels=(LABELS, None))
    assert texts(m.history, "mark")[0].startswith("SupCon needs labels, which did not come")


@pytest.mark.parametrize("more", [3, "targets", (T1, T2)])
def test_keywords_that_are_no_dict_are_marked(more):
    m = monitor(losses.NTXent())
    m.step(A, B, more=more)
    assert texts(m.history, "mark")[0].startswith(f"more is a {type(more).__name__}. It must be a dict of keywords")
    assert "pull" in values(m.history)


def test_an_unknown_keyword_is_said_in_words():
    m = monitor(losses.BYOL())
    m.step(A, B, more={"targets": (T1, T2), "targts": 1})
    assert any("no keyword 'targts'. Did you mean 'targets'?" in text for text in texts(m.history, "failed"))


def test_nothing_that_a_loss_remembers_is_moved_by_being_measured():
    loss = losses.DINO()
    parts = Parts(loss)
    with torch.no_grad():
        parts.measure(Called((A, B), {"targets": (T1, T2)}))
    assert loss.centre.mean is None


def test_a_loss_that_draws_is_measured_with_the_draws_of_the_call():
    """And neither torch's generator nor one of the loss's own is moved."""
    own = torch.Generator().manual_seed(3)
    for loss, source in ((losses.LeJEPA(slices=8), torch.default_generator), (losses.LeJEPA(generator=own), own)):
        torch.manual_seed(5)
        state = source.get_state()
        expected = float(loss(A, B))
        after = source.get_state()
        with torch.no_grad():
            found = Parts(loss).measure(Called((A, B), {}, state)).scalars
        assert found["loss/invariance"] + found["loss/sigreg"] == pytest.approx(expected, abs=1e-6)
        assert torch.equal(after, source.get_state())


def test_watching_a_loss_that_draws_leaves_a_loop_its_random_numbers():
    m = monitor(losses.LeJEPA(slices=8))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    m.step(A, B)
    assert torch.equal(before, torch.get_rng_state())
    assert "sigreg" in values(m.history)


def test_gradients_are_neither_recorded_nor_kept():
    a, target = A.clone().requires_grad_(), T1.clone().requires_grad_()
    seen = []

    class Looking(losses.BYOL):
        def terms(self, *views, **more):
            seen.extend([*views, *more["targets"]])
            return super().terms(*views, **more)

    monitor(Looking()).step(a, B, more={"targets": (target, T2)})
    assert seen
    assert not any(value.requires_grad for value in seen)


def test_the_scale_is_that_of_what_the_loss_was_called_with():
    parts = Parts(losses.DINO())
    wide = [rows(seed, dim=24) for seed in range(4)]
    with torch.no_grad():
        found = parts.measure(Called(tuple(wide[:2]), {"targets": tuple(wide[2:])}))
        again = parts.measure(Called(tuple(wide[:2]), {"targets": tuple(wide[2:])}))
    assert found.scalars["loss/chance"] == pytest.approx(torch.tensor(24.0).log().item())
    assert found.static["dim"] == 24
    assert "loss/chance" not in again.scalars
