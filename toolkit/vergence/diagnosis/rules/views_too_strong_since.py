"""Views too strong, seen from the run's own past: they have become stronger, and partners are found less often."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign
from vergence.diagnosis.rules.views_too_strong import RULE as ALWAYS

__all__ = ["RULE"]

RULE = Rule(
    name=ALWAYS.name,
    severity=ALWAYS.severity,
    says=(
        "The views have become stronger: the inputs of a pair are {pairs/input/further:.1f} times as far apart as they "
        "were, and partners are found less often (AUC {pairs/{place}/auc_recent:.3f}, "
        "{pairs/{place}/auc_lost:.3f} below its best)."
    ),
    signs=(
        Sign(
            "pairs/input/further",
            "distance of the inputs of a pair, over its lowest so far",
            healthy=(1.0, 1.2),
            above=1.35,
        ),
        Sign(
            "pairs/{place}/auc_lost",
            "AUC of positives against negatives, below its highest so far",
            healthy=(None, 0.01),
            above=0.04,
        ),
    ),
    apart=(
        Apart(
            "unpaired positives",
            Sign("similarity/{place}/auc", "AUC of positives against negatives", healthy=(0.95, None), above=0.65),
        ),
        ALWAYS.apart[1],
    ),
    remedies=(Remedy("Weaken the views again: strength 0.3.", control="strength", value=0.3), *ALWAYS.remedies[1:]),
    source=ALWAYS.source
    + (
        " The distance of inputs does not depend on the model: in one run it stays within a tenth. In small batches "
        "that share a view it doubles, while the AUC falls by 0.03 at most."
    ),
    hold=4,
    from_step=10,
    explains=ALWAYS.explains,
)
