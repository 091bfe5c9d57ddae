"""Complete collapse of rows whose length counts: they shrink to nothing, and the directions that are left are noise."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign
from vergence.diagnosis.rules.complete_collapse import RULE as IN_DIRECTION

__all__ = ["RULE"]

RULE = Rule(
    name="complete collapse",
    severity="failure",
    says=(
        "Your embeddings shrink to one point, the origin: rows of {place} have length {norms/{place}/mean:.2g} now. "
        "Once they are made equally long, as for cosines, what is left looks spread out, and is noise."
    ),
    signs=(
        Sign(
            "norms/{place}/left",
            "mean length of {place}, in units of its highest so far",
            healthy=(0.4, None),
            below=0.3,
        ),
        Sign(
            "hypersphere/{place}/partners_apart",
            "distance of partners once rows are equally long, in units of its lowest so far",
            healthy=(None, 1.1),
            above=1.2,
        ),
    ),
    apart=(
        Apart(
            "complete collapse in direction",
            Sign("spectrum/{place}/std", "spread of directions of {place}, 0 to 1", healthy=(0.6, 1.0), above=0.25),
        ),
    ),
    remedies=(
        Remedy("Check what keeps rows apart: the variance term, its coefficient, and the deviation that it asks for."),
        *IN_DIRECTION.remedies[1:],
    ),
    source=(
        "Bardes et al. 2022, arXiv:2105.04906, on what the variance term prevents. In healthy runs of twelve methods "
        "lengths keep to 0.4 of their highest, and where they shrink, partners come nearer."
    ),
    from_step=20,
    from_share=0.05,
    explains=("slow collapse", "dimensional collapse", "worse than input", "drift"),
    notebook=IN_DIRECTION.notebook,
)
