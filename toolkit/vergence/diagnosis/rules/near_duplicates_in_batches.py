"""Near duplicates, seen in the batches: different samples that are as near as the two views of one are."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign
from vergence.diagnosis.rules.near_duplicates import RULE as KNOWN

__all__ = ["RULE"]

RULE = Rule(
    name=KNOWN.name,
    severity=KNOWN.severity,
    says=(
        "Your batches hold samples twice: {inputs/step/copies:.2g} per sample are as near to another one as its own "
        "partner is. Copies are pushed apart as negatives, and waste steps."
    ),
    signs=(
        Sign(
            "inputs/step/share_copies",
            "of samples nearer than nearly all partners, those nearer than half of them (copies: 0.5)",
            healthy=(None, 0.1),
            above=0.35,
        ),
    ),
    apart=(
        Apart(
            "views too strong",
            Sign(
                "pairs/input/distance", "distance of the inputs of a pair, of that of strangers", (None, 0.7), below=0.7
            ),
        ),
    ),
    remedies=(*KNOWN.remedies, Remedy("Check that the sampler draws without replacement.")),
    source=(
        "Views move copies as they move partners, so half of the copies are nearer than half of the partners. Vectors "
        "with three in ten samples copied read 0.52 to 0.55, sound ones 0 to 0.1. Where views move samples further "
        "than these are apart, nothing is seen."
    ),
    hold=3,
    from_step=10,
)
