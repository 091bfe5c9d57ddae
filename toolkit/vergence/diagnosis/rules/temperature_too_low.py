"""Temperature too low: a handful of negatives carry the whole gradient."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="temperature too low",
    severity="warning",
    says=(
        "Your loss works with a temperature of {temperature/{place}/working}, below {temperature/{place}/least}: a few "
        "negatives carry its gradient, and whatever is alike is torn apart."
    ),
    signs=(
        Sign(
            "temperature/{place}/working",
            "temperature that the loss works with, over the lowest that is sound here",
            of="temperature/{place}/least",
            healthy=(1.5, None),
            last=3,
            below=1.0,
        ),
    ),
    also=(
        Sign(
            "temperature/{place}/hardest",
            "push of the hardest 1 % of negatives, over their even share",
            healthy=(1.0, 20.0),
            above=20.0,
        ),
    ),
    apart=(
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
    ),
    remedies=(
        Remedy("Set the temperature to 0.2.", control="temperature", value=0.2),
        Remedy("If it reads 0.2 already, look for what divides the similarities once more on their way to the loss."),
    ),
    source=(
        "Wang & Liu 2020, arXiv:2012.09740, section 3. The lowest that is sound is 0.03 (published recipes use 0.04 to "
        "1), or a third of what was set: the working one is exact to a few percent where the loss is known, and to a "
        "factor of two where only its pushes are."
    ),
    explains=(
        "slow collapse",
        "complete collapse",
        "cone",
        "loss at chance",
        "class collapse",
    ),
    notebook="04_what_each_method_does_to_the_sphere.ipynb",
)
