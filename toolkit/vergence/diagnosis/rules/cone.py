"""Cone: all embeddings lie around one direction."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="cone",
    severity="warning",
    says=(
        "Your embeddings share a large common direction: around it they spread by {spectrum/{place}/std:.2g} where a "
        "full sphere has 1, though they spread evenly enough (rank {spectrum/{place}/rank_centred:.3g} around their "
        "mean)."
    ),
    signs=(
        Sign("spectrum/{place}/std", "spread of {place}, 0 to 1", healthy=(0.6, 1.0), inside=(0.25, 0.5)),
        Sign(
            "spectrum/{place}/rank",
            "effective rank of {place} as it is, over the one around the mean",
            of="spectrum/{place}/rank_centred",
            healthy=(0.85, None),
            below=0.85,
        ),
    ),
    also=(
        Sign(
            "similarity/{place}/negative_mean",
            "mean cosine of two items",
            healthy=(None, 0.5),
            above=0.7,
        ),
    ),
    apart=(
        Apart(
            "dimensional collapse",
            Sign(
                "spectrum/{place}/rank_centred",
                "effective rank of {place} around its mean, over the ceiling",
                of="spectrum/{place}/ceiling",
                healthy=(0.35, None),
                above=0.5,
            ),
        ),
        Apart(
            "slow collapse",
            Sign(
                "spectrum/{place}/shrinking",
                "the spread is falling (1) or not (0)",
                healthy=(None, 0.0),
                below=0.5,
            ),
        ),
        Apart(
            "a network that has just begun",
            Sign(
                "spectrum/{place}/std_growing",
                "spread of {place}, in units of its lowest in the second half of the run",
                healthy=(1.15, None),
                below=1.12,
            ),
        ),
    ),
    remedies=(
        Remedy("Take the mean off before rows are normalised, or end the head with a BatchNorm."),
        Remedy(
            "Look for what is added to every row: a bias, a class token, a prompt, an activation that is never below 0."
        ),
    ),
    source=(
        "Ethayarajh 2019, arXiv:1909.00512; Liang et al. 2022, arXiv:2203.02053, section 3 (the cone effect). The "
        "spread is the root of 1 less the mean cosine: 0.5 is a mean cosine of 0.75. Healthy runs read 0.55 to 1."
    ),
    hold=4,
    from_step=30,
    from_share=0.2,
    notebook="05_has_it_collapsed.ipynb",
)
