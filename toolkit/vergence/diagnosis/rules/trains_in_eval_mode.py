"""Trains in eval mode: model.train() was forgotten."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="trains in eval mode",
    severity="failure",
    says=(
        "Your model takes its steps in eval mode: {modes/model/training:.0%} of {modes/model/modules} BatchNorm and "
        "dropout layers are in train mode, so BatchNorm does not look at the batch and dropout is off."
    ),
    signs=(
        Sign(
            "modes/model/training", "share of BatchNorm and dropout layers in train mode", healthy=(1.0, 1.0), below=0.5
        ),
        Sign("modes/model/modules", "layers that know a mode", healthy=(1.0, None), above=0.5),
    ),
    also=(
        Sign(
            "modes/model/statistics_updates",
            "updates of running statistics per step",
            healthy=(1.0, None),
            below=0.01,
        ),
    ),
    remedies=(
        Remedy("Type model.train() before the step; whatever evaluates must put the mode back when it ends."),
        Remedy("If BatchNorm is frozen on purpose (fine-tuning), nothing is wrong."),
    ),
    source="Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.1. All layers are in train mode in a sound step.",
    hold=2,
    notebook="00_start_here.ipynb",
)
