"""The told run with what a diagnosis found in it: directions are lost from step 1,290 on, and noticed at 1,310."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from tests.panels import story
from vergence.diagnosis import Evidence, Finding, Remedy
from vergence.record.history import History

SLIDER = {"kind": "slider", "unit": "log", "scale": "log", "low": 0.001, "high": 1.0, "ticks": [0.01, 0.1], "digits": 3}
LOSES = Finding(
    name="dimensional collapse",
    severity="warning",
    since=1290,
    confidence=0.91,
    says="Your embeddings lose directions: the effective rank of z is 24.",
    evidence=(
        Evidence(
            "spectrum/z/rank", "spectrum", 1476, 24.2, 61.0, 40.0, None, "effective rank of z: 24; healthy: 40 up"
        ),
        Evidence("similarity/z/negative_mean", "similarity", 1476, 0.11, None, None, 0.09, "negatives: 0.11"),
        Evidence("gradients/norm", "gradients", 1470, 3.0, 1.0, None, None, "norm of the gradients: 3"),
    ),
    remedies=(
        Remedy("Raise the batch size."),
        Remedy("Set the learning rate back to 0.03.", control="learning_rate", value=0.03),
    ),
    apart=(("complete collapse", "spread of z: 0.98"),),
    comes_with=("worse than input",),
    notebook="05_has_it_collapsed.ipynb",
)
COLLAPSED = replace(LOSES, name="complete collapse", severity="failure", since=400, says="All rows of z are alike.")
TAIL = replace(LOSES, name="long tail", severity="note", since=60, says="One class has 40 % of all items.")


def tell(history: History, step: int, state: str, finding: Finding) -> None:
    """An event as `training.diagnosing` leaves it."""
    history.add_event(
        "finding", step, name=finding.name, state=state, finding=asdict(finding), moment=story.BEGAN + step
    )


def controls(history: History) -> None:
    entries: list[dict[str, Any]] = [
        SLIDER | {"name": "learning_rate", "label": "Learning rate", "value": 0.03, "default": 0.03},
        SLIDER | {"name": "temperature", "label": "Temperature", "value": 0.5, "default": 0.5},
    ]
    history.describe(controls=entries)


def loses_directions(last: int = 1482) -> story.Clocked:
    """The run, with one finding that is open and one that has gone."""
    history = story.simclr(last, every=60)
    controls(history)
    history.describe(checks=["dimensional collapse", "complete collapse", "long tail", "cone", "worse than input"])
    history.describe(not_checked={"shortcut": "no labels", "class collapse": "no labels"})
    tell(history, 410, "opened", COLLAPSED)
    tell(history, 520, "closed", COLLAPSED)
    tell(history, 1310, "opened", replace(LOSES, confidence=0.7))
    tell(history, 1400, "changed", LOSES)
    return history
