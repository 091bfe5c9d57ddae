"""Temperature inverted: similarities are multiplied by the temperature."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="temperature inverted",
    severity="failure",
    says=(
        "Your loss is the one of similarities multiplied by the temperature: it works with "
        "{temperature/{place}/working} where {temperature/{place}/set} was set, and turning it acts the wrong way."
    ),
    signs=(
        Sign(
            "temperature/{place}/inverted",
            "difference of the loss from one with T in place of 1/T",
            healthy=(0.2, None),
            last=3,
            below=0.05,
        ),
    ),
    also=(
        Sign(
            "temperature/{place}/over_set",
            "temperature that the loss works with, over what was set",
            healthy=(None, 1.5),
            above=3.0,
        ),
    ),
    remedies=(
        Remedy("Divide the similarities by the temperature: logits = z1 @ z2.T / T. A logit scale is 1/T."),
        Remedy("Until then, 1/T in place of T does what you want where the control allows it."),
    ),
    source=(
        "The loss is computed anew with the mistake in it; one part in a hundred is what two different temperatures "
        "never agree to by chance on the recorded runs, and the mistake itself agrees to one in a thousand."
    ),
    explains=("loss at chance", "temperature too high", "temperature too low"),
    notebook="04_what_each_method_does_to_the_sphere.ipynb",
)
