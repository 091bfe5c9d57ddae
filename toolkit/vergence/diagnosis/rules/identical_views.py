"""Identical views: partners are one and the same row, whatever the model does."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="identical views",
    severity="failure",
    says=(
        "The two views of every sample come out equal, to {pairs/{place}/distance:.1g} of the distance of strangers, "
        "so there is nothing to be learned from bringing them together."
    ),
    signs=(
        Sign(
            "pairs/{place}/distance",
            "distance of partners in {place}, of that of strangers",
            healthy=(1e-3, 1.0),
            inside=(-1e-6, 1e-5),
            format=".1g",
        ),
        Sign(
            "pairs/{place}/identical",
            "positive pairs with equal inputs (1 if inputs are unknown)",
            healthy=(None, 0.1),
            above=0.5,
        ),
    ),
    apart=(
        Apart(
            "complete collapse",
            Sign("similarity/{place}/negative_mean", "mean cosine of negatives", healthy=(None, 0.5), below=0.999),
        ),
    ),
    remedies=(
        Remedy("Check that the augmentation is drawn anew for each view: x1, x2 = augment(x), augment(x)."),
        Remedy("Check that it was not the same variable that was embedded twice: z1, z2 = f(x1), f(x2)."),
        Remedy("Set the views to strength 0.5.", control="strength", value=0.5),
    ),
    source="By definition 0; the least that healthy runs read is 0.001 (NT-Xent at temperature 1).",
    hold=2,
    explains=("views too weak", "shortcut", "feature suppression", "suspected shortcut", "worse than input"),
)
