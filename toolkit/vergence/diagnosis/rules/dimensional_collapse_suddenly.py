"""Dimensional collapse on its way: a run that had settled loses half of its directions at once."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign
from vergence.diagnosis.rules.dimensional_collapse import RULE as ARRIVED

__all__ = ["RULE"]

RULE = Rule(
    name="dimensional collapse",
    severity="warning",
    says=(
        "Your embeddings lose directions at once: they use {spectrum/{place}/directions_suddenly:.0%} of what they "
        "used in the third quarter of the run so far, and the effective rank of {place} is "
        "{spectrum/{place}/rank:.3g} of {spectrum/{place}/ceiling:.3g}."
    ),
    signs=(
        Sign(
            "spectrum/{place}/directions_suddenly",
            "share of the directions of {place} that are used, over that of the third quarter of the run",
            healthy=(0.8, None),
            below=0.55,
        ),
    ),
    apart=(
        Apart(
            "dimensional collapse that has arrived",
            Sign(
                "spectrum/{place}/directions_used",
                "share of the directions of {place} that are used",
                healthy=(0.2, None),
                above=0.088,
            ),
        ),
        Apart(
            "complete collapse",
            Sign("spectrum/{place}/std", "spread of {place}, 0 to 1", healthy=(0.6, 1.0), above=0.25),
        ),
        Apart(
            "a term of the loss that counts nothing",
            Sign(
                "loss/silent_terms",
                "terms of the loss that are exactly 0, measurement after measurement",
                healthy=(None, 0.0),
                below=0.5,
                format=".0f",
            ),
        ),
    ),
    remedies=(
        Remedy("Check what was changed when it began: stop-gradient, predictor, teacher, temperature."),
        *ARRIVED.remedies,
    ),
    source=(
        "the run's own past: healthy runs of twelve methods keep to 0.8 after their first steps, SimSiam, which loses "
        "directions all along, to 0.61; BYOL without stop-gradient falls to 0.37 within 20 steps"
    ),
    from_step=40,
    from_share=0.15,
    explains=("slow collapse",),
    notebook=ARRIVED.notebook,
)
