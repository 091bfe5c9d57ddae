"""Rules of pairs and views: each names its fault from numbers of embeddings, and none speaks of a sound run."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from vergence.diagnosis import Diagnosis, diagnose
from vergence.diagnosis.lens import Lens
from vergence.diagnosis.quantities import QUANTITIES
from vergence.diagnosis.rules import (
    false_negatives,
    identical_views,
    near_duplicates,
    near_duplicates_in_batches,
    noisy_positives,
    unpaired_positives,
    views_too_strong,
    views_too_strong_since,
    views_too_weak,
)
from vergence.diagnosis.rules.noisy_positives import RULE as NOISY
from vergence.record import History
from vergence.training.measures.at_rest import make_inputs
from vergence.training.measures.base import Sample, as_array
from vergence.training.measures.now import Now, Setup
from vergence.training.measures.step import measure_similarity

RULES = tuple(
    module.RULE
    for module in (
        false_negatives,
        identical_views,
        near_duplicates,
        near_duplicates_in_batches,
        noisy_positives,
        unpaired_positives,
        views_too_strong,
        views_too_strong_since,
        views_too_weak,
    )
)
ROWS, DIM, CLASSES = 96, 24, 8
STEPS, EVERY, ONSET = 120, 5, 60

Views = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Step:
    """What one step hands over."""

    inputs: Views | None
    z: Views
    labels: Tensor | None = None


Make = Callable[[int, torch.Generator], Step]


def sound(step: int, source: torch.Generator, *, noise: float = 0.5, classes: int = CLASSES) -> Step:
    """Pairs of noisy rows, embedded ever better: early, partners can hardly be told from strangers."""
    labels = torch.randint(classes, (ROWS,), generator=source)
    x = torch.randn(ROWS, DIM, generator=source) + torch.nn.functional.one_hot(labels, DIM) * 2
    a, b = (x + noise * torch.randn(ROWS, DIM, generator=source) for _ in range(2))
    early = 4.0 * math.exp(-step / 4)
    z = tuple(view + early * torch.randn(ROWS, DIM, generator=source) for view in (a, b))
    return Step((a, b), (z[0], z[1]), labels)


def shuffled(step: int, source: torch.Generator) -> Step:
    given = sound(step, source)
    assert given.inputs is not None
    order = torch.arange(ROWS).roll(1)
    return Step((given.inputs[0], given.inputs[1][order]), (given.z[0], given.z[1][order]), given.labels)


def embeddings_shuffled(step: int, source: torch.Generator) -> Step:
    given = sound(step, source)
    return Step(given.inputs, (given.z[0], given.z[1].roll(1, 0)), given.labels)


def noisy(step: int, source: torch.Generator, share: float = 0.3) -> Step:
    given, other = sound(step, source), sound(step, source)
    assert given.inputs is not None
    assert other.inputs is not None
    wrong = (torch.rand(ROWS, generator=source) < share)[:, None]
    x, z = (
        (one[0], torch.where(wrong, two[1], one[1])) for one, two in ((given.inputs, other.inputs), (given.z, other.z))
    )
    return Step(x, z, given.labels)


def weak(step: int, source: torch.Generator) -> Step:
    return sound(200, source, noise=0.02)


def same(step: int, source: torch.Generator) -> Step:
    given = sound(step, source)
    assert given.inputs is not None
    return Step((given.inputs[0],) * 2, (given.z[0],) * 2, given.labels)


def strong(step: int, source: torch.Generator) -> Step:
    return sound(step, source, noise=3.0)


def few_classes(step: int, source: torch.Generator) -> Step:
    given = sound(step, source, classes=2)
    offset = torch.randint(CLASSES, (1,), generator=source)
    return Step(given.inputs, given.z, None if given.labels is None else (given.labels + offset) % CLASSES)


def recorded(make: Make, *, since: int = 0, seed: int = 0, inputs: bool = True) -> History:
    """A History of what `make` hands over from a step on, and a sound run before."""
    source = torch.Generator().manual_seed(seed)
    history = History()
    history.describe(total_steps=STEPS)
    look = make_inputs(Setup())
    for step in range(0, STEPS + 1, EVERY):
        made = make(step, source) if step >= since else sound(step, source)
        measured = measure_similarity(Sample("z", made.z, made.labels, None, source))
        scalars = measured.scalars | {"spectrum/z/std": 0.9, "updates/encoder/ratio": 1e-3}
        scalars |= {"temperature/z/entropy_share": 0.8}
        if inputs and made.inputs is not None:
            scalars |= look(Now(step, inputs=made.inputs), "z").scalars  # type: ignore[union-attr]
        history.add_scalars(step, scalars)
        frames = {
            kind: ({name: np.asarray(array) for name, array in arrays.items()}, meta)
            for kind, (arrays, meta) in measured.frames.items()
        }
        history.add_frames(step, frames)
    return history


def tripled(step: int, source: torch.Generator) -> Step:
    """Views that are still good enough, and were better."""
    return sound(step, source, noise=1.4)


def copied(step: int, source: torch.Generator) -> Step:
    """A tenth of the samples of a batch are other samples of it once more, under views of their own."""
    given = sound(step, source, noise=0.4)
    assert given.inputs is not None
    moved = given.inputs[0] - 0.4 * torch.randn(ROWS, DIM, generator=source)
    rows = torch.cat([moved[: ROWS // 10], moved[: ROWS - ROWS // 10]])
    views = [rows + 0.4 * torch.randn(ROWS, DIM, generator=source) for _ in range(2)]
    return Step((views[0], views[1]), (views[0], views[1]), given.labels)


def found(history: History, step: int | None = None) -> list[str]:
    return [finding.name for finding in diagnose(history, step=step, rules=RULES)]


FAULTS: dict[str, tuple[Make, str]] = {
    "shuffled": (shuffled, "unpaired positives"),
    "embeddings shuffled": (embeddings_shuffled, "unpaired positives"),
    "noisy": (noisy, "noisy positives"),
    "weak": (weak, "views too weak"),
    "same": (same, "identical views"),
    "strong": (strong, "views too strong"),
    "few classes": (few_classes, "false negatives"),
}


@functools.cache
def broken(fault: str, since: int) -> History:
    return recorded(FAULTS[fault][0], since=since)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("since", [0, ONSET])
def test_each_fault_is_named_first_and_alone(fault: str, since: int) -> None:
    assert found(broken(fault, since)) == [FAULTS[fault][1]]


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_named_within_five_looks_and_not_before(fault: str) -> None:
    name, history = FAULTS[fault][1], broken(fault, ONSET)
    assert found(history, ONSET - EVERY) == []
    (finding,) = diagnose(history, step=ONSET + 5 * EVERY, rules=RULES)
    assert finding.name == name
    assert finding.since >= ONSET


def test_views_that_became_stronger_are_told_from_the_runs_own_past() -> None:
    history = recorded(tripled, since=ONSET)
    assert found(history, ONSET - EVERY) == []
    assert found(history) == ["views too strong"]
    assert found(recorded(tripled)) == []


def test_copies_in_batches_are_told_by_their_distance() -> None:
    assert found(recorded(copied)) == ["near duplicates"]
    assert found(recorded(copied, since=ONSET), ONSET + 5 * EVERY) == ["near duplicates"]


@pytest.mark.parametrize(("seed", "inputs"), [(0, True), (1, True), (2, False)])
def test_a_sound_run_raises_nothing_at_any_step(seed: int, inputs: bool) -> None:
    history = recorded(sound, seed=seed, inputs=inputs)
    for step in range(0, STEPS + 1, 4 * EVERY):
        assert found(history, step) == []


def test_the_share_of_wrong_partners_is_estimated() -> None:
    history = recorded(lambda step, source: noisy(step, source, 0.4))
    share = Lens(history, QUANTITIES).series("pairs/z/as_negatives").values[5:]
    assert share.mean() == pytest.approx(0.4, abs=0.06)
    says = diagnose(history, rules=RULES).findings[0].says
    assert "%" in says
    assert "unknown" not in says


def test_shuffled_pairs_are_not_told_from_strong_views_without_inputs_but_said() -> None:
    history = recorded(shuffled, inputs=False)
    assert found(history) == ["unpaired positives"]


def test_an_encoder_that_stands_still_is_another_writer_s_matter() -> None:
    history = recorded(shuffled)
    for step in range(0, STEPS + 1, EVERY):
        history.add_scalars(step, {"updates/encoder/ratio": 0.0})
    assert found(history) == []


def test_collapse_is_no_identical_view() -> None:
    history = recorded(same)
    for step in range(0, STEPS + 1, EVERY):
        history.add_scalars(step, {"similarity/z/negative_mean": 1 - 1e-5, "similarity/z/positive_mean": 1.0})
    assert "identical views" not in found(history)
    assert "views too weak" not in found(history)


def test_classes_of_unlike_size_are_no_false_negatives() -> None:
    def long_tail(step: int, source: torch.Generator) -> Step:
        given = sound(step, source)
        labels = (torch.rand(ROWS, generator=source) ** 3 * CLASSES).long()
        return Step(given.inputs, given.z, labels)

    assert found(recorded(long_tail)) == []


def test_a_loss_without_negatives_has_no_false_ones() -> None:
    history = recorded(few_classes)
    bare = History()
    for step in range(0, STEPS + 1, EVERY):
        keys = ("similarity/z/auc", "similarity/z/positive_mean", "similarity/z/negative_mean")
        bare.add_scalars(step, {key: history.scalar(key).at(step) or 0.0 for key in keys})
        frame = history.frame("similarity/z", step)
        bare.add_frames(step, {"similarity/z": (frame.arrays, frame.meta)})
    diagnosis = diagnose(bare, rules=(false_negatives.RULE,))
    assert diagnosis.healthy
    assert "false negatives" in diagnosis.not_checked


def _with_neighbours(nearest: Tensor) -> Diagnosis:
    history = History()
    scalars = {"duplicates/reference/median": float(nearest.median())}
    history.add_scalars(0, scalars)
    history.add_frames(0, {"duplicates/reference": ({"nearest": as_array(nearest)}, {})})
    return diagnose(history, rules=(near_duplicates.RULE,))


def test_copies_are_found_and_dense_data_is_not_called_copies() -> None:
    source = torch.Generator().manual_seed(0)
    usual = 0.5 + 0.2 * torch.rand(500, generator=source)
    assert _with_neighbours(usual).healthy
    copied = torch.where(torch.arange(500) % 5 == 0, torch.zeros(500), usual)
    assert [finding.name for finding in _with_neighbours(copied)] == ["near duplicates"]
    assert "20%" in _with_neighbours(copied).findings[0].says
    dense = 0.06 * torch.rand(500, generator=source)
    assert _with_neighbours(dense).healthy


def test_a_remedy_has_a_control_to_set() -> None:
    by_name = {rule.name: rule for rule in RULES}
    for name in ("views too weak", "views too strong", "identical views"):
        assert any(remedy.control == "strength" for remedy in by_name[name].remedies)


def test_readings_at_both_ends() -> None:
    lens = Lens(broken("shuffled", 0), QUANTITIES)
    assert lens.series("pairs/z/as_negatives").values.mean() == pytest.approx(1.0, abs=0.1)
    assert lens.series("pairs/z/as_lowest").values.mean() == pytest.approx(1.0, abs=0.15)
    assert lens.series("pairs/z/distance").values.mean() == pytest.approx(1.0, abs=0.05)
    lens = Lens(broken("same", 0), QUANTITIES)
    assert lens.series("pairs/z/as_negatives").values.max() == 0
    assert lens.series("pairs/z/distance").values.max() < 1e-6


def test_wrong_pairs_are_not_counted_while_the_others_are_told_badly() -> None:
    """A model that has not learned yet heaps its positives up among the negatives as wrong pairs do."""

    def blurred(step: int, source: torch.Generator) -> Step:
        given = noisy(step, source, 0.25)
        first, second = (view + 1.5 * torch.randn(view.shape, generator=source) for view in given.z)
        return Step(given.inputs, (first, second), given.labels)

    (asked,) = (apart for apart in NOISY.apart if apart.sign.key == "pairs/{place}/others_apart")
    without = replace(NOISY, apart=tuple(apart for apart in NOISY.apart if apart is not asked))
    history = recorded(blurred)
    assert [finding.name for finding in diagnose(history, rules=[without])] == ["noisy positives"]
    assert not diagnose(history, rules=[NOISY]).findings
    assert diagnose(recorded(noisy), rules=[NOISY]).findings
