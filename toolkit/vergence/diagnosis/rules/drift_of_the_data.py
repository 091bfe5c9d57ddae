"""Drift of the data: from some step on batches hold other classes than before, and the old ones are forgotten."""

from dataclasses import replace

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Sign
from vergence.diagnosis.rules.drift import RULE as OF_THE_MODEL

__all__ = ["RULE"]

RULE = replace(
    OF_THE_MODEL,
    says=(
        "Your batches hold other classes than before: {batches/classes_changed:.0%} of what is drawn has changed for "
        "good. What is not shown any more is forgotten, and the loss, which does not see it either, goes on falling."
    ),
    signs=(
        Sign(
            "batches/classes_changed",
            "share of the batches that is of other classes than before, beyond chance",
            healthy=(None, 0.1),
            above=0.25,
        ),
    ),
    apart=(),
    remedies=(
        Remedy("Check the order of the data: is it one task after the other, or has a filter or a loader changed?"),
        *OF_THE_MODEL.remedies[1:],
    ),
    source=(
        "French 1999, Trends in Cognitive Sciences 3(4), for forgetting what is not shown any more. No threshold of "
        "the model: classes drawn at random read 0."
    ),
    places=("z",),
    hold=2,
    from_step=10,
    from_share=0.0,
    explains=("false negatives", "long tail", "suppressed by the views"),
)
