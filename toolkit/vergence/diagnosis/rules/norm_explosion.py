"""Norm explosion: rows grow longer and longer, which a loss of cosines does not notice."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="norm explosion",
    severity="warning",
    says=(
        "Your embeddings grow longer and longer: the rows of {place} have length {norms/{place}/mean:.3g} now. A loss "
        "of cosines does not notice, but gradients shrink with the length and numbers overflow."
    ),
    signs=(
        Sign(
            "norms/{place}/grown",
            "mean length of {place}, over its lowest since a quarter of the run",
            healthy=(None, 2.0),
            above=4.0,
        ),
    ),
    remedies=(
        Remedy("Check the sign and the size of the weight decay, and what changes weights beside the optimiser."),
        Remedy("Lower the learning rate."),
        Remedy("Put a LayerNorm or BatchNorm at the end of the head."),
    ),
    source=(
        "the run's own past: in healthy runs of ten methods lengths grow up to fourfold in the first steps and up to "
        "twofold after a quarter of the run"
    ),
    places=("z", "h"),
    from_step=30,
    from_share=0.1,
)
