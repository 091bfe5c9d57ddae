"""Unnormalised embeddings: the loss compares dot products where it should compare cosines."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="unnormalised embeddings",
    severity="failure",
    says=(
        "Your loss is the one of dot products: the lengths of your embeddings ({norms/{place}/mean} on average) act as "
        "a second temperature, and growing them lowers the loss without telling anything apart."
    ),
    signs=(
        Sign(
            "temperature/{place}/raw",
            "difference of the loss from one of dot products",
            healthy=(0.2, None),
            last=3,
            below=0.05,
        ),
    ),
    also=(
        Sign(
            "norms/{place}/mean",
            "length of {place}, over its first",
            over="first",
            healthy=(None, 1.2),
            above=1.2,
        ),
    ),
    remedies=(
        Remedy("Normalise before the loss: z = torch.nn.functional.normalize(z, dim=1), each row by its own length."),
    ),
    source=(
        "The loss is computed anew with the mistake in it. Wang & Isola 2020, arXiv:2005.10242, section 3, for why "
        "embeddings lie on a sphere."
    ),
    explains=("temperature too low", "temperature too high", "norm explosion"),
    notebook="01_two_views_and_a_loss.ipynb",
)
