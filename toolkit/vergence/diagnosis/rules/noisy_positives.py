"""Noisy positives: some pairs were only declared to belong together."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="noisy positives",
    severity="warning",
    says=(
        "About {pairs/{place}/as_negatives:.0%} of your positive pairs lie where negatives lie, apart from the others: "
        "these two items do not belong together."
    ),
    signs=(
        Sign(
            "pairs/{place}/as_negatives",
            "positives of {place} at or below the median negative, doubled",
            healthy=(None, 0.06),
            inside=(0.15, 0.75),
        ),
    ),
    apart=(
        Apart(
            "views too strong",
            Sign(
                "pairs/{place}/low_heap",
                "shape of the positives that lie among negatives: a heap of their own (1) or a tail (0)",
                healthy=(None, 0.0),
                above=0.4,
            ),
        ),
        Apart(
            "a run that has not learned to tell partners",
            Sign(
                "pairs/{place}/others_apart",
                "AUC of the other positives",
                last=3,
                healthy=(0.95, None),
                above=0.945,
            ),
        ),
        Apart(
            "unpaired positives",
            Sign("similarity/{place}/auc", "AUC of positives against negatives", healthy=(0.95, None), above=0.55),
        ),
    ),
    also=(
        Sign("bimodality/{place}/two", "two heaps of positives (1) or one (0)", healthy=(None, 0.0), above=0.5),
        Sign("bimodality/{place}/dip", "dip of the positives", null="above", format=".3f"),
    ),
    remedies=(
        Remedy("Look at the worst positives in the panel pairs; leave out or mend what does not belong together."),
        Remedy("Use a loss that bears wrong pairs (losses.RINCE), or fewer kinds of positives."),
    ),
    source=(
        "A wrong partner is a negative, so a share s of them puts s/2 of the positives below the median negative and "
        "s/10 among the lowest tenth. Planted shares of 0.3 read 0.2 to 0.4; healthy runs below 0.1 after a tenth of "
        "the run. Two heaps as in Huang et al. 2021, Learning with Noisy Correspondence."
    ),
    hold=4,
    from_step=30,
    from_share=0.35,
    explains=("views too strong", "modality gap", "slow collapse"),
)
