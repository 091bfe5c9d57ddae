"""Near duplicates: the data holds samples twice, and each is the other's negative."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="near duplicates",
    severity="warning",
    says=(
        "{duplicates/reference/copies:.0%} of your reference set have a copy in it under another number: copies are "
        "pushed apart as negatives, and waste steps."
    ),
    signs=(
        Sign(
            "duplicates/reference/copies",
            "samples with a copy within a fiftieth of the usual distance",
            healthy=(None, 0.02),
            above=0.08,
        ),
        Sign(
            "duplicates/reference/gap",
            "copies among the samples that are near at all (within a tenth of the usual distance)",
            healthy=(None, 0.2),
            above=0.5,
        ),
        Sign(
            "duplicates/reference/median",
            "usual distance of a sample to the nearest other",
            healthy=(0.1, None),
            above=0.1,
        ),
    ),
    remedies=(
        Remedy("Remove them, or say which samples are the same: vg.data.source(x, groups=ids)."),
        Remedy("Look at the list of near-duplicates in the panel pairs."),
    ),
    source=(
        "Abbas et al. 2023, arXiv:2303.09540. Sets without copies read 0; a heap at 0 that stands apart is what tells "
        "copies from data that lie densely."
    ),
    hold=1,
)
