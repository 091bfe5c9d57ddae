"""Learning rate too high: a step throws the weights farther than they can come back from."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="learning rate too high",
    severity="failure",
    says=(
        "Your steps throw the weights: the farthest part moves by {wiring/ratio:.2g} of its length in a step, and the "
        "weights are {wiring/growth:.2g} times as long as at first. What they had learned is gone."
    ),
    signs=(
        Sign(
            "wiring/thrown",
            "how far the weights were thrown, 1 at the limit",
            healthy=(None, 0.5),
            above=1.0,
        ),
    ),
    also=(
        Sign("wiring/growth", "length of the weights, over their first", healthy=(None, 2.0), above=3.0),
        Sign("loss/smooth", "loss, over its lowest", over="lowest", healthy=(None, 1.1), above=1.2),
    ),
    remedies=(
        Remedy("Set the learning rate to 0.0001 and begin anew.", control="learning_rate", value=0.0001),
        Remedy("Begin with a warm-up over the first few hundred steps."),
        Remedy("If the rate is as it should be, look for a loss that is summed, or multiplied, in place of averaged."),
    ),
    source=(
        "Limits: 8 % of their length in a step, where healthy runs of fourteen methods move by 0.1 to 0.5 % with Adam "
        "at 0.001, ten times that at 0.01; five times their first length, where those stay within 4 %."
    ),
    hold=2,
    explains=(
        "not finite", "norm explosion", "complete collapse", "slow collapse", "dimensional collapse", "cone",
        "loss at chance", "frozen encoder", "no gradient", "drift", "worse than input",
    ),
    notebook="00_start_here.ipynb",
)  # fmt: skip
