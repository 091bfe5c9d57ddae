"""Modality gap: two encoders fill separate regions."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="modality gap",
    severity="warning",
    says=(
        "Your two encoders fill separate regions: their centres lie {modality_gap/{place}/gap:.2g} apart, and a line "
        "tells {modality_gap/{place}/separability:.0%} of the rows to be of the one or the other."
    ),
    signs=(
        Sign("modality_gap/{place}/trained", "distance of the two centres, 0 to 2", healthy=(None, 0.3), above=0.5),
        Sign(
            "modality_gap/{place}/separability",
            "share of rows whose encoder a line tells",
            healthy=(0.5, 0.8),
            above=0.9,
            format=".0%",
        ),
    ),
    apart=(
        Apart(
            "two encoders that have just begun",
            Sign(
                "modality_gap/{place}/gap",
                "distance of the centres, in units of its first",
                over="first",
                healthy=(None, 0.5),
                above=0.5,
            ),
        ),
    ),
    remedies=(
        Remedy("Raise the temperature: a low one keeps the gap that untrained encoders have."),
        Remedy("Add a uniformity term across both encoders."),
        Remedy("Take each encoder's mean off before cosines between the two are compared."),
    ),
    source=(
        "Liang et al. 2022, arXiv:2203.02053; Fahim et al. 2024, arXiv:2405.18570. Untrained towers read 0.9, trained "
        "CLIP on made towers 0.03; published models up to 0.8, and live with it."
    ),
    from_step=30,
    from_share=0.1,
    hold=1,
)
