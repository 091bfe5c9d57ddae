"""Drift: the representation has moved away from what it was, and read-outs of then fail."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="drift",
    severity="warning",
    says=(
        "Your representation moves away from what it had settled to: its likeness with the look before is "
        "{cka/{place}/last:.2g}. Read-outs that were fitted before fail, though one that is fitted now hides it."
    ),
    signs=(
        Sign(
            "cka/{place}/last",
            "likeness (CKA) with the look before, less its highest so far",
            minus="highest",
            healthy=(-0.08, None),
            below=-0.2,
        ),
    ),
    apart=(
        Apart(
            "pairs that do not belong together",
            Sign(
                "similarity/z/auc",
                "how well positives are told from negatives, less its highest so far",
                minus="highest",
                last=3,
                healthy=(-0.05, None),
                above=-0.1,
            ),
        ),
        Apart(
            "slow collapse",
            Sign(
                "spectrum/z/std",
                "spread of z, in units of its highest so far",
                over="highest",
                last=3,
                healthy=(0.9, None),
                above=0.85,
            ),
        ),
    ),
    remedies=(
        Remedy("Check what was changed when it began: the data, the learning rate, the views."),
        Remedy("Mix some of the old data in, or hold the weights near the old ones."),
        Remedy("Keep a checkpoint of before, and judge by the old read-out on it."),
    ),
    source=(
        "Kornblith et al. 2019, arXiv:1905.00414, for the likeness; Davari et al. 2022, arXiv:2203.13381, for "
        "read-outs that a refit hides. Compared with the run's own calmest moment: in healthy runs it falls back by "
        "up to 0.08."
    ),
    places=("h",),
    hold=1,
    from_step=30,
    from_share=0.3,
)
