"""Detached branch: of views that the loss treats alike one gets no gradient."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="detached branch",
    severity="warning",
    says=(
        "A view arrives at the loss without a gradient, though the loss treats it like the others: "
        "{branches/z/with_gradient} of {branches/z/views} have one. Half of what a pair teaches is lost, and an "
        "encoder behind that view alone never learns."
    ),
    signs=(Sign("wiring/detached", "a view or an encoder is cut off: 1, else 0", healthy=(0.0, 0.0), above=0.5),),
    also=(
        Sign(
            "wiring/weakest_encoder_gradient",
            "gradient of the weakest encoder over that of the strongest",
            healthy=(0.01, 1.0),
            below=1e-9,
        ),
    ),
    apart=(
        Apart(
            "frozen encoder",
            Sign("wiring/encoder_gradient", "the encoder's part of the gradient", healthy=(1e-4, 1.0), above=1e-4),
        ),
    ),
    remedies=(
        Remedy("Take away the detach() or no_grad() around that view: both views teach."),
        Remedy("If a teacher makes it, hand it over as a target, and move the teacher after the student."),
        Remedy("If that tower is locked on purpose, nothing is wrong."),
    ),
    source="No threshold: the two views are exchanged, and a loss that stays as it is treats them alike.",
    hold=2,
    explains=("no gradient",),
    notebook="01_two_views_and_a_loss.ipynb",
)
