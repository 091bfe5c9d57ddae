"""Dimensional collapse on its way: directions are being lost, and a term of the loss counts nothing."""

from dataclasses import replace

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign
from vergence.diagnosis.rules.dimensional_collapse import RULE as ARRIVED
from vergence.diagnosis.rules.slow_collapse import RULE as SLOW

__all__ = ["RULE"]

RULE = Rule(
    name="dimensional collapse",
    severity="warning",
    says=(
        "Your embeddings lose directions, and a term of your loss is exactly 0: the effective rank of {place} is "
        "{spectrum/{place}/rank:.3g} of {spectrum/{place}/ceiling:.3g}, and it is falling."
    ),
    signs=(
        Sign(
            "spectrum/{place}/directions_left",
            "share of the directions of {place} that are used, over its highest since a quarter of the run",
            healthy=(0.9, None),
            below=0.85,
        ),
        Sign(
            "loss/silent_terms",
            "terms of the loss that are exactly 0, measurement after measurement",
            healthy=(None, 0.0),
            above=0.5,
            format=".0f",
        ),
    ),
    also=(
        Sign(
            "spectrum/{place}/correlation",
            "mean correlation of two columns, over its lowest",
            over="lowest",
            last=3,
            healthy=(None, 1.2),
            above=1.2,
        ),
    ),
    apart=(
        Apart(
            "dimensional collapse that has arrived",
            Sign(
                "spectrum/{place}/directions_used",
                "share of the directions of {place} that are used",
                healthy=(0.2, None),
                above=0.088,
            ),
        ),
        Apart("slow collapse", replace(SLOW.signs[0], below=None, above=SLOW.signs[0].below)),
    ),
    remedies=(
        Remedy("Check the coefficients of the loss: one that counts nothing keeps nothing apart."),
        *ARRIVED.remedies,
    ),
    source=(
        "Bardes et al. 2022, arXiv:2105.04906, on what each term prevents. Alone neither sign says much: a hinge that "
        "is satisfied is 0 as well, but then directions are gained; without its covariance term VICReg on eight "
        "classes keeps the seven directions of the classes, which is 0.7 of what it had."
    ),
    from_step=30,
    from_share=0.3,
    explains=("class collapse",),
    notebook=ARRIVED.notebook,
)
