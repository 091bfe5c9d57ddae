"""Suspected shortcut: said of what the views leave alone and partners are found by, and of nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import vergence as vg
from vergence.diagnosis.finding import Finding
from vergence.diagnosis.rules.suspected_shortcut import RULE
from vergence.diagnosis.rules.suspected_shortcut_harmless import RULE as HARMLESS
from vergence.record import History
from vergence.training.measures.cues import make_cues
from vergence.training.measures.now import Now, Setup

SHORT = {"wins": 0.9, "alike_ratio": 0.05, "alike_rest": 0.5, "share": 0.2, "gap": 0.1}
SOUND = {"wins": 0.9, "alike_ratio": 0.6, "alike_rest": 0.7, "share": 0.5, "gap": 0.9}


def recorded(*, auc: float = 0.97, looks: int = 4, **cues: dict[str, float]) -> History:
    """A record with the same cues at each look."""
    history = History({"name": "made"})
    for step in range(1, looks + 1):
        history.add_scalars(100 * step, {"loss": 1.0, "cues/z/auc": auc})
        for cue, numbers in cues.items():
            history.add_scalars(100 * step, {f"cues/z/{cue}/{name}": value for name, value in numbers.items()})
    return history


def found(history: History, **more: Any) -> Finding | None:
    findings = list(vg.diagnose(history, rules=[RULE], **more))
    return findings[0] if findings else None


def test_a_part_that_is_left_alone_and_decides() -> None:
    finding = found(recorded(left_alone=SHORT))
    assert finding is not None
    assert (finding.name, finding.severity, finding.since) == ("suspected shortcut", "warning", 100)
    assert "20% of the input's entries, which your views leave alone: in 90% of the pairs" in finding.says
    assert [evidence.key for evidence in finding.evidence] == ["cues/z/outweighs", "cues/z/untouched", "cues/z/auc"]
    assert finding.evidence[0].value == 0.9
    assert finding.evidence[1].value == 0.05


def test_colours_are_named() -> None:
    finding = found(recorded(left_alone=SOUND, levels=SHORT))
    assert finding is not None
    assert finding.says.startswith("Partners are found by colours and brightness, whatever their places")


@pytest.mark.parametrize(
    "cues",
    [
        {"left_alone": SOUND},
        {"left_alone": SHORT | {"wins": 0.3}},
        {"left_alone": SHORT | {"gap": 0.4}},
        {"left_alone": SHORT | {"alike_rest": 0.05}},
        {"left_alone": SOUND, "levels": SHORT | {"wins": 0.3}},
        {"left_alone": SHORT | {"wins": 0.3}, "levels": SOUND},
        {"levels": {"wins": 1.0}},
        {},
    ],
    ids=[
        "views change all of it",
        "it is ignored",
        "no gap",
        "views change nothing",
        "levels ignored",
        "of two",
        "unknown",
        "none",
    ],
)
def test_nothing_is_suspected(cues: dict[str, dict[str, float]]) -> None:
    history = recorded(**cues)
    assert found(history) is None
    assert vg.diagnose(history, rules=[RULE]).checked == ("suspected shortcut",)


def test_partners_that_are_not_found_at_all_are_found_by_nothing() -> None:
    assert found(recorded(auc=0.7, left_alone=SHORT)) is None


def test_one_look_is_enough_only_where_there_is_one() -> None:
    history = recorded(looks=1, left_alone=SHORT)
    assert found(history) is None
    assert found(history, once=True) is not None


def test_a_geometry_that_is_too_good_makes_it_surer() -> None:
    plain, ideal, usual = (recorded(left_alone=SHORT) for _ in range(3))
    for history, alignment in ((ideal, 0.01), (usual, 0.4)):
        geometry = {"alignment": alignment, "uniformity": -3.9, "uniformity_floor": -3.94}
        history.add_scalars(300, {f"hypersphere/z/{name}": value for name, value in geometry.items()})
    sure = [finding.confidence for history in (plain, ideal, usual) if (finding := found(history)) is not None]
    assert sure[1] > sure[0] == sure[2]


def told(history: History, h: tuple[float, ...], *, untrained: float = 0.5, label: str | None = "class") -> History:
    """Probes of one factor, look by look; half of their interval is 0.02."""
    history.describe(reference={"label": label})
    for look, now in enumerate(h):
        arrays = {
            "accuracy": np.array([[[now, untrained]]], np.float32),
            "half": np.full((1, 1, 2), 0.02, np.float32),
            "best": np.array([[[max(h[: look + 1])]]], np.float32),
        }
        meta = {
            "factors": ["class"], "places": ["h", "untrained_h"], "chance": [0.1],
            "standing": {"h": [{"word": "told"}]},
        }  # fmt: skip
        history.add_frames(100 * (look + 1), {"probes": (arrays, meta)})
    return history


@pytest.mark.parametrize("label", ["class", None])
def test_labels_that_are_told_better_than_before_relieve_it(label: str | None) -> None:
    history = told(recorded(left_alone=SHORT), (0.6, 0.7, 0.8), label=label)
    assert found(history) is None
    (finding,) = vg.diagnose(history, rules=[RULE, HARMLESS])
    assert (finding.name, finding.severity) == ("suspected shortcut", "note")
    assert finding.says.endswith("Your labels are told better than before training all the same.")
    assert "0.28" in finding.apart[0][1]


@pytest.mark.parametrize(
    "h",
    [(0.5, 0.5, 0.52, 0.5, 0.5), (0.8, 0.7, 0.7, 0.7, 0.7), (0.4, 0.3, 0.2, 0.2, 0.2)],
    ids=["as before", "fell", "worse"],
)
def test_labels_that_are_not_leave_it(h: tuple[float, ...]) -> None:
    (finding,) = vg.diagnose(told(recorded(left_alone=SHORT, looks=5), h), rules=[RULE, HARMLESS])
    assert finding.severity == "warning"


def test_without_inputs_it_was_not_looked_for() -> None:
    history = History({"name": "made"})
    history.add_scalars(1, {"loss": 1.0})
    diagnosis = vg.diagnose(history, rules=[RULE])
    assert "cues/z/outweighs" in diagnosis.not_checked["suspected shortcut"]
    history.describe(not_measured={"cues/z": "Hand them over: m.step(z1, z2, inputs=(x1, x2))."})
    assert vg.diagnose(history, rules=[RULE]).not_checked["suspected shortcut"].startswith("Hand them over")


@pytest.mark.parametrize("bits", [8, 0])
def test_a_trained_encoder(bits: int) -> None:
    """Twenty entries of which so many are bits that both views share; nothing else of the record is read."""
    draws = torch.Generator().manual_seed(0)
    encoder = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 16))
    for weight in encoder.parameters():
        nn.init.normal_(weight, std=0.2, generator=draws)
    loss, optimiser = vg.losses.NTXent(temperature=0.5), torch.optim.Adam(encoder.parameters(), lr=1e-2)
    history = History({"name": "made"})
    ask = make_cues(Setup(model=encoder))
    for step in range(1, 61):
        content, code = torch.randn(64, 20 - bits, generator=draws), torch.sign(torch.randn(64, bits, generator=draws))
        x1, x2 = (torch.cat([content + torch.randn(content.shape, generator=draws), code], 1) for _ in range(2))
        optimiser.zero_grad()
        loss(encoder(x1), encoder(x2)).backward()
        optimiser.step()
        if step in (30, 40, 50, 60):
            history.add_scalars(step, ask(Now(step, inputs=(x1, x2)), "z").scalars)
    finding = found(history)
    assert (finding is not None) == (bits > 0)
    if finding is not None:
        assert "40% of the input's entries" in finding.says
        assert finding.evidence[0].key == "cues/h/outweighs"
        assert finding.evidence[0].value > 0.7
