"""Wrong parameters: weights get a gradient, and the optimiser moves others."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="wrong parameters",
    severity="failure",
    says=(
        "Weights that get a gradient never move: {wiring/encoder_moved:.0%} of the encoder's do, "
        "{wiring/head_moved:.0%} of the head's. The optimiser holds others."
    ),
    signs=(
        Sign(
            "wiring/standing",
            "share of the parts with a gradient that stand still",
            healthy=(0.0, 0.0),
            above=0.0,
        ),
    ),
    also=(
        Sign(
            "wiring/held_elsewhere",
            "signs that nobody clears their gradient, or that the optimiser was not given them",
            healthy=(0.0, 0.0),
            above=0.5,
        ),
    ),
    apart=(
        Apart(
            "not finite",
            Sign("wiring/skipped", "share of steps without a finite loss", healthy=(0.0, 0.0), below=0.5),
        ),
    ),
    remedies=(
        Remedy("Give the optimiser what you train: AdamW([*encoder.parameters(), *projector.parameters()])."),
        Remedy(
            "Make it after the model is complete: model.to(device) or a copy afterwards may leave it with old ones."
        ),
    ),
    source=(
        "No threshold: a weight that is trained changes its last bits in every step. Of a gradient that nobody clears, "
        "twice its length is enough, as that of weights that stand still varies by some tens of percent."
    ),
    hold=2,
    explains=("learning rate zero", "loss at chance"),
    notebook="00_start_here.ipynb",
)
