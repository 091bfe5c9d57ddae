"""Temperature too high: all negatives count alike, however near they are."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="temperature too high",
    severity="warning",
    says=(
        "Your loss works with a temperature of {temperature/{place}/working}, above {temperature/{place}/most}: near "
        "and far negatives are pushed alike, so the loss hardly leaves chance and details are lost."
    ),
    signs=(
        Sign(
            "temperature/{place}/working",
            "temperature that the loss works with, over the highest that is sound here",
            of="temperature/{place}/most",
            healthy=(None, 0.8),
            last=3,
            above=1.0,
        ),
    ),
    also=(
        Sign(
            "temperature/{place}/hardest",
            "push of the hardest 1 % of negatives, over their even share",
            healthy=(2.0, None),
            below=2.0,
        ),
    ),
    apart=(
        Apart(
            "temperature inverted",
            Sign(
                "temperature/{place}/inverted",
                "difference from the loss with T in place of 1/T",
                healthy=(0.2, None),
                last=3,
                above=0.05,
            ),
        ),
        Apart(
            "unnormalised embeddings",
            Sign(
                "temperature/{place}/raw",
                "difference from the loss of dot products",
                healthy=(0.2, None),
                last=3,
                above=0.05,
            ),
        ),
    ),
    remedies=(
        Remedy("Set the temperature to 0.2.", control="temperature", value=0.2),
        Remedy("If it reads 0.2 already, look for what divides the similarities by less, or scales the embeddings."),
        Remedy(
            "Check that similarities are divided by the temperature: multiplied by {temperature/{place}/inverse}, they "
            "look like this."
        ),
    ),
    source=(
        "Wang & Liu 2020, arXiv:2012.09740, section 3. The highest that is sound is 1.25 (published recipes use 0.04 "
        "to 1), or three times what was set."
    ),
    explains=(
        "loss at chance",
        "class collapse",
        "slow collapse",
    ),
    notebook="04_what_each_method_does_to_the_sphere.ipynb",
)
