"""Unpaired positives: partners lie as strangers do, because they are strangers."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="unpaired positives",
    severity="failure",
    says=(
        "Your positive pairs lie as strangers do (AUC {similarity/{place}/auc:.2f}, by chance 0.5): row i of one view "
        "does not belong to row i of the other."
    ),
    signs=(
        Sign(
            "pairs/{place}/as_negatives",
            "positives of {place} at or below the median negative, doubled",
            healthy=(None, 0.1),
            above=0.75,
        ),
        Sign(
            "pairs/{place}/as_lowest",
            "positives of {place} among the lowest tenth of negatives, times ten",
            healthy=(None, 0.1),
            above=0.4,
        ),
    ),
    apart=(
        Apart(
            "views too strong",
            Sign(
                "pairs/{place}/misplaced",
                "nearest inputs that stand at other places of the batch (by chance 0.5; 1 if inputs are unknown)",
                healthy=(None, 0.5),
                above=0.53,
            ),
        ),
        Apart(
            "frozen encoder",
            Sign(
                "pairs/{place}/moving",
                "change of the encoder in a step, of its length (1 if it is not known)",
                (1e-7, None),
                above=1e-9,
            ),
        ),
        Apart(
            "complete collapse",
            Sign("spectrum/{place}/std", "spread of {place}, times √d", healthy=(0.5, 1.0), above=0.03),
        ),
    ),
    remedies=(
        Remedy("Check that both views of a pair come from one sample: one loader, one order, no shuffle in between."),
        Remedy("Look at a few pairs in the panel pairs: the two pictures of a row must belong together."),
        Remedy("Hand over who belongs together where it is not row by row: positives=..."),
    ),
    source=(
        "By definition both shares are 1 where partners are strangers. Healthy runs (10 methods, batches of 32 to 512) "
        "are below 0.1 after a tenth of the run; shuffled pairs read 0.8 to 2."
    ),
    hold=2,
    from_step=20,
    from_share=0.08,
    explains=(
        "loss at chance",
        "noisy positives",
        "views too strong",
        "worse than input",
        "feature suppression",
        "complete collapse",
        "slow collapse",
        "cone",
    ),
)
