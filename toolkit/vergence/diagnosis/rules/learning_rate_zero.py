"""Learning rate zero: gradients arrive, the optimiser holds the weights, and nothing moves."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="learning rate zero",
    severity="failure",
    says=(
        "None of your weights moves, though a gradient of length {updates/model/gradient} arrives: a step has "
        "length 0. The learning rate is recorded as {learning_rate}."
    ),
    signs=(
        Sign("wiring/moved", "share of the weights that move", healthy=(2e-3, 1.0), below=1e-3),
        Sign("updates/model/gradient", "length of the gradient", healthy=(0.0, None), above=1e-12),
    ),
    apart=(
        Apart(
            "wrong parameters",
            Sign(
                "wiring/held_elsewhere",
                "signs that the optimiser holds other weights",
                healthy=(None, 0.0),
                below=0.5,
            ),
        ),
        Apart(
            "not finite",
            Sign("wiring/skipped", "share of steps without a finite loss", healthy=(0.0, 0.0), below=0.5),
        ),
    ),
    remedies=(
        Remedy("Set the learning rate to 0.001.", control="learning_rate", value=0.001),
        Remedy("Look at the schedule: a warm-up counted in the wrong unit, or one that has ended, gives 0."),
        Remedy("Check that optimiser.step() is called, and not only scheduler.step()."),
    ),
    source="A weight that is trained changes its last bits in every step; 8,192 of each part are looked at.",
    hold=3,
    from_step=5,
    from_share=0.02,
    explains=("loss at chance", "drift"),
    notebook="00_start_here.ipynb",
)
