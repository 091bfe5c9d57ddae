"""Class collapse where nothing finer than the class is known: what a loss with labels aims at, so only a note."""

from dataclasses import replace

from vergence.diagnosis.rule import Sign
from vergence.diagnosis.rules.class_collapse import RULE as WITH_SUBCLASSES
from vergence.diagnosis.rules.class_collapse import WITHIN

__all__ = ["RULE"]

RULE = replace(
    WITH_SUBCLASSES,
    severity="note",
    says=(
        "The items of each class meet in one point: the spread within classes is "
        "{neural_collapse/{place}/within_over_between:.2g} of that between them. A loss with labels aims at that; "
        "whatever differs within a class is lost, and nothing finer is known here."
    ),
    signs=(
        WITHIN,
        Sign(
            "neural_collapse/{place}/finer_lost",
            "nothing finer than the class is known (0.5)",
            healthy=(None, 0.0),
            inside=(0.25, 0.75),
        ),
    ),
)
