"""Long tail: some classes are many times as frequent as others."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="long tail",
    severity="note",
    says=(
        "Your large classes have {probes/imbalance:.0f} times as many items as the small ones. Rare classes are pushed "
        "apart by what is frequent, and are learned worse; a mean accuracy hides it."
    ),
    signs=(
        Sign(
            "probes/imbalance",
            "a large class over a small one (ninth tenth over first)",
            healthy=(None, 4.0),
            above=6.0,
            format=".0f",
        ),
    ),
    also=(
        Sign(
            "thresholds/z/reject_spread",
            "by how much classes differ in the share of their pairs that one threshold misses",
            healthy=(None, 0.6),
            above=0.6,
        ),
    ),
    remedies=(
        Remedy("Draw batches class by class, as often from each, if labels are there."),
        Remedy("Let each item have its own temperature: a loss that learns them spares the frequent classes."),
        Remedy("Read accuracies class by class."),
    ),
    source=(
        "Cui et al. 2019, arXiv:1901.05555, for the profile; Qiu et al. 2023, arXiv:2305.11965, "
        "for temperatures by item. A note: it is a property of the data, and may be meant."
    ),
    hold=1,
    otherwise="how large classes are is not known without labels: reference=(items, labels)",
)
