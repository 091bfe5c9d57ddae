"""Prototype collapse on its way: fewer and fewer prototypes are chosen."""

from vergence.diagnosis.rule import Apart, Rule, Sign
from vergence.diagnosis.rules.prototype_collapse import RULE as ARRIVED

__all__ = ["RULE"]

RULE = Rule(
    name="prototype collapse",
    severity="warning",
    says=(
        "Your embeddings choose fewer and fewer prototypes: {prototype_usage/{place}/live:.0f} are chosen now, and the "
        "entropy of the choices is {prototype_usage/{place}/entropy:.2g} of the largest possible."
    ),
    signs=(
        Sign(
            "prototype_usage/{place}/entropy",
            "entropy of the choices over ln K, in units of its highest so far",
            over="highest",
            healthy=(0.75, None),
            below=0.53,
        ),
        Sign(
            "prototype_usage/{place}/entropy",
            "entropy of the choices over ln K",
            null="below",
        ),
    ),
    apart=(
        Apart(
            "prototype collapse that has arrived",
            Sign(
                "prototype_usage/{place}/told",
                "what the choice of a prototype tells of an item, over ln K",
                healthy=(0.3, None),
                above=0.08,
            ),
        ),
    ),
    remedies=ARRIVED.remedies,
    source=(
        "Caron et al. 2020, SwAV, arXiv:2006.09882, section 3. The null is a random choice for each item. Healthy "
        "SwAV keeps to 0.95 of its highest, DINO to 0.8; SwAV without Sinkhorn falls to 0.5, with as many prototypes "
        "as there are classes."
    ),
    hold=1,
    from_step=20,
    from_share=0.05,
    explains=(
        "slow collapse",
        "class collapse",
        "dimensional collapse",
        "cone",
        "complete collapse",
        "noisy positives",
    ),
)
