"""Prototype collapse: few prototypes are chosen, or none is preferred to another."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="prototype collapse",
    severity="failure",
    says=(
        "Your prototypes do not tell items apart: {prototype_usage/{place}/live:.0f} of them are chosen, the most "
        "frequent by {prototype_usage/{place}/largest:.0%} of the rows."
    ),
    signs=(
        Sign(
            "prototype_usage/{place}/told",
            "what the choice of a prototype tells of an item, over ln K",
            healthy=(0.3, None),
            below=0.08,
        ),
    ),
    also=(
        Sign("prototype_usage/{place}/entropy", "entropy of the choices, over ln K", null="below"),
    ),
    remedies=(
        Remedy(
            "Check that assignments are evened over a batch: Sinkhorn on, with its rounds and its sharpness as usual."
        ),
        Remedy(
            "Use fewer prototypes, or a larger batch: a batch smaller than the number of prototypes cannot use all."
        ),
    ),
    source=(
        "Caron et al. 2020, SwAV, arXiv:2006.09882, section 3. Entropy of the mean code less mean entropy of a code: "
        "0 where all rows choose one prototype, and where every row shares one soft code. SwAV reads 0.18 untrained "
        "and 0.4 to 0.6 trained."
    ),
    hold=1,
    from_step=20,
    from_share=0.05,
    explains=(
        "slow collapse", "class collapse", "dimensional collapse", "cone", "complete collapse", "noisy positives",
    ),
)  # fmt: skip
