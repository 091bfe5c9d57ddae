"""Suppressed by the views: a factor that the untrained model told is told worse, as views that change it want it."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="suppressed by the views",
    severity="note",
    says=(
        "{probes/{place}/lost}: less can be told of it than from the untrained model "
        "({probes/{place}/others_kept:.0%} is left). If your views change it on purpose this is what they are for; if "
        "you want it, they must not."
    ),
    signs=(
        Sign(
            "probes/{place}/others_kept",
            "share of what the untrained model told of a factor, above chance, of the worst off",
            healthy=(0.9, None),
            below=0.5,
        ),
    ),
    remedies=(
        Remedy(
            "If you want it: take away the augmentation that changes it, or predict its parameters beside the loss."
        ),
    ),
    source=(
        "von Kügelgen et al. 2021, arXiv:2106.04619: what views change is dropped. Factors that the data names as "
        "nuisance do not count."
    ),
    places=("h",),
    hold=3,
    from_step=50,
    from_share=0.25,
    notebook="06_the_feature_it_dropped.ipynb",
)
