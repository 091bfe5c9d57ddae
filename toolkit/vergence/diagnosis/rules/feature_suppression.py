"""Feature suppression: something that could be told from the representation before cannot be told any more."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="feature suppression",
    severity="warning",
    says=(
        "{probes/{place}/lost} can hardly be read from your representation any more: {probes/{place}/learned_kept:.0%} "
        "is left of what could be told before. The loss does not show it."
    ),
    signs=(
        Sign(
            "probes/{place}/learned_kept",
            "share of what a factor could be told by before, above chance, of the worst off",
            healthy=(0.9, None),
            below=0.7,
        ),
    ),
    apart=(
        Apart(
            "complete collapse",
            Sign("spectrum/{place}/std", "spread of {place}, times √d", healthy=(0.3, 1.0), above=0.05),
        ),
    ),
    remedies=(
        Remedy("Find what the views share beside it (a tag, a border, a colour) and change that between views."),
        Remedy("Lower the temperature: 0.1.", control="temperature", value=0.1),
        Remedy("Check that the views keep what you want to be read."),
    ),
    source=(
        "Chen, Luo and Li 2021, arXiv:2011.02803; Robinson et al. 2021, arXiv:2106.11230. A factor counts as lost "
        "where the intervals of its probe leave no doubt; factors that are nuisance do not count, and those beside "
        "a class are a note."
    ),
    places=("h",),
    hold=3,
    from_step=30,
    from_share=0.15,
    explains=(
        "suppressed by the views",
        "worse than input",
        "drift",
    ),
    notebook="06_the_feature_it_dropped.ipynb",
    otherwise=(
        "It cannot be excluded: nothing is known about the items of a reference set that could be missed. Hand over "
        "labels, or other factors: reference=(items, labels)."
    ),
)
