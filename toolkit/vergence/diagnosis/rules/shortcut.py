"""Shortcut: partners are found with ease, and the content is lost."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="shortcut",
    severity="failure",
    says=(
        "Partners are found almost without fault (AUC {similarity/z/auc:.3f}) by something other than the content: "
        "only {probes/{place}/label_left:.0%} is left of what a probe could tell of the class."
    ),
    signs=(
        Sign(
            "probes/{place}/label_left",
            "what is left of what could be told of the class, above chance",
            healthy=(0.9, None),
            below=0.75,
        ),
        Sign("similarity/z/auc", "AUC of positives against negatives", healthy=(None, 1.0), above=0.98),
        Sign("pairs/z/distance", "distance of partners in z, of that of strangers", healthy=(0.1, 1.0), below=0.2),
    ),
    apart=(
        Apart(
            "complete collapse",
            Sign("spectrum/z/std", "spread of z, times √d", healthy=(0.5, 1.0), above=0.2),
        ),
    ),
    remedies=(
        Remedy("Find what both views share beside the content (a tag, a border, compression) and change it per view."),
        Remedy("Make views that destroy the cue: for colour, jitter and grey; for place, crops."),
        Remedy("Lower the temperature: 0.1.", control="temperature", value=0.1),
    ),
    source=(
        "Chen, Luo and Li 2021, arXiv:2011.02803: with a few shared random bits the loss, alignment and uniformity get "
        "better while the accuracy falls to chance. Healthy runs keep 0.9 or more of the class."
    ),
    places=("h", "z"),
    hold=2,
    from_step=20,
    explains=(
        "feature suppression",
        "views too weak",
        "suppressed by the views",
        "worse than input",
        "suspected shortcut",
    ),
    notebook="06_the_feature_it_dropped.ipynb",
    otherwise=(
        "It cannot be excluded: without labels nobody can say whether partners are found by their content. Hand over "
        "labels: reference=(items, labels)."
    ),
)
