"""Not finite: the loss is NaN or infinite."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="not finite",
    severity="failure",
    says="Your loss is not a number: {loss/not_finite:.0%} of the last 20 losses are NaN or infinite.",
    signs=(
        Sign(
            "loss/not_finite",
            "share of the last 20 losses that are NaN or infinite",
            healthy=(None, 0.0),
            above=0.075,
            format=".0%",
        ),
    ),
    remedies=(
        Remedy("Look at the steps before: a division by 0, the logarithm of 0, or half precision that overflows."),
        Remedy("Lower the learning rate, or clip the gradient."),
        Remedy("Look for inputs that are not finite."),
    ),
    source="two of twenty: a single one may be an overflow that a gradient scaler has dealt with",
    hold=1,
    explains=("complete collapse", "norm explosion"),
)
