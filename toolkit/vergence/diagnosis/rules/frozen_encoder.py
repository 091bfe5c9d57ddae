"""Frozen encoder: the head learns alone."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="frozen encoder",
    severity="failure",
    says=(
        "Your encoder gets no gradient while the head does ({wiring/head_gradient:.0%} of the whole): only the head "
        "learns, on features that stay as they are."
    ),
    signs=(
        Sign("wiring/encoder_gradient", "the encoder's part of the gradient", healthy=(2e-4, 1.0), below=1e-4),
        Sign("wiring/head_gradient", "the head's part of the gradient", healthy=(0.0, 0.99), above=0.0),
    ),
    also=(Sign("wiring/encoder_moved", "share of the encoder's weights that move", healthy=(2e-3, 1.0), below=1e-3),),
    remedies=(
        Remedy("Let it learn: for p in encoder.parameters(): p.requires_grad_(True)."),
        Remedy("Take away what cuts the graph between encoder and head: h.detach(), torch.no_grad(), .numpy()."),
        Remedy("If it is frozen on purpose, nothing is wrong: h cannot get better, only z."),
    ),
    source="No threshold: a gradient is there or it is not.",
    hold=2,
    explains=("no gradient", "loss at chance", "wrong parameters"),
    notebook="00_start_here.ipynb",
)
