"""Worse than input: what is wanted can be read better from the raw input, and from the untrained model."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="worse than input",
    severity="warning",
    says=(
        "Your representation knows less of the class than its own input does, and less than the untrained model did: "
        "training takes {probes/{place}/below_input:.2g} of accuracy away beyond what is chance."
    ),
    signs=(
        Sign(
            "probes/{place}/below_input",
            "loss of accuracy against raw input and untrained model, beyond its interval",
            healthy=(None, 0.0),
            above=0.0,
        ),
    ),
    remedies=(
        Remedy("Check that views keep what the class depends on, and that pairs belong together."),
        Remedy("Train longer only if the accuracy is rising."),
    ),
    source=(
        "the four comparisons of the probes panel, linear and kNN against both base lines, each with its 95 % "
        "interval: all four have to say so"
    ),
    places=("h",),
    hold=8,
    from_step=50,
    from_share=0.4,
)
