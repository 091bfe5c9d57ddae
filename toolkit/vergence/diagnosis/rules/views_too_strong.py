"""Views too strong: partners belong together, but too little of what they share survives."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="views too strong",
    severity="warning",
    says=(
        "Partners are hard to tell from strangers (AUC {similarity/{place}/auc:.2f}; their inputs are "
        "{pairs/input/distance:.2f} of the distance of strangers apart): the views take away what a sample is known by."
    ),
    signs=(
        Sign(
            "pairs/input/distance",
            "distance of the inputs of a pair, of that of strangers",
            healthy=(None, 0.75),
            above=0.85,
        ),
        Sign(
            "pairs/{place}/auc_recent",
            "AUC of positives against negatives",
            healthy=(0.95, None),
            below=0.85,
        ),
        Sign(
            "pairs/{place}/auc_gained",
            "rise of that AUC over the last few measurements",
            healthy=(0.05, None),
            below=0.025,
        ),
    ),
    apart=(
        Apart(
            "unpaired positives",
            Sign(
                "pairs/{place}/misplaced",
                "nearest inputs that stand at other places of the batch (by chance 0.5)",
                healthy=(None, 0.5),
                below=0.53,
            ),
        ),
        Apart(
            "noisy positives",
            Sign(
                "pairs/{place}/heap_of_strangers",
                "positives that form a heap of their own among the negatives",
                healthy=(None, 0.06),
                below=0.12,
            ),
        ),
    ),
    remedies=(
        Remedy("Weaken the views: strength 0.3.", control="strength", value=0.3),
        Remedy("Look at a few pairs in the panel pairs: you should be able to match them yourself."),
    ),
    source=(
        "Inverted U of accuracy against strength: Tian et al. 2020, arXiv:2005.10243. Usual views leave 0.4 to 0.7 of "
        "the distance of strangers between the inputs of a pair, and a trained model reads an AUC of 0.87 and more."
    ),
    hold=3,
    from_step=30,
    from_share=0.25,
    explains=("loss at chance", "worse than input"),
)
