"""Loss at chance: the loss rests where it would lie if partners could not be told from strangers."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="loss at chance",
    severity="warning",
    says=(
        "Your loss lies at {loss/smooth}, and chance is {loss/chance}: so far nothing tells a partner from a stranger."
    ),
    signs=(
        Sign(
            "loss/near_chance",
            "where the loss lies between its floor, 0, and chance, 1",
            healthy=(None, 0.9),
            inside=(0.975, 1.1),
        ),
        Sign(
            "loss/order",
            "how often a partner is nearer than a stranger",
            healthy=(0.8, 1.0),
            below=0.65,
        ),
    ),
    remedies=(
        Remedy("Check that row i of both views is the same sample: shuffle a batch before, never after, it is viewed."),
        Remedy("Look at your views side by side: what they share is all that can be learned."),
        Remedy("Try a learning rate ten times lower, then ten times higher."),
    ),
    source=(
        "Chance and floor in closed form. Healthy runs of ten methods lie below 0.9 after a twentieth of 300 steps, "
        "shuffled pairs within 0.01 of 1, and untrained networks order 0.65 to 0.9 of the pairs."
    ),
    hold=3,
    from_step=50,
    from_share=0.1,
    notebook="01_two_views_and_a_loss.ipynb",
)
