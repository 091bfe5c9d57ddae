"""Near duplicates, seen in what was drawn for a batch before any view was made of it."""

from dataclasses import replace

from vergence.diagnosis.rule import Sign
from vergence.diagnosis.rules.near_duplicates_in_batches import RULE as SEEN_IN_VIEWS

__all__ = ["RULE"]

RULE = replace(
    SEEN_IN_VIEWS,
    says=(
        "{inputs/step/drawn_twice:.0%} of the samples of a batch are in it once more, number by number. Copies are "
        "pushed apart as negatives, and waste steps."
    ),
    signs=(
        Sign(
            "inputs/step/drawn_twice",
            "samples of a batch that are equal to another one of it, before views are made",
            healthy=(None, 0.0),
            above=0.015,
            format=".1%",
        ),
    ),
    apart=(),
    source=(
        "Abbas et al. 2023, arXiv:2303.09540. Sets without copies read 0. Where three in ten samples are copies, eight "
        "of each, a batch of 32 of 2,048 reads 0.04, one of 128 reads 0.13."
    ),
)
