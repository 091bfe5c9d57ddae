"""Complete collapse: every input comes out at nearly the same point."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="complete collapse",
    severity="failure",
    says="Your embeddings meet in one point: their spread is {spectrum/{place}/std:.2g}, where a full sphere has 1.",
    signs=(
        Sign("spectrum/{place}/std", "spread of {place}, 0 to 1", healthy=(0.6, 1.0), below=0.24),
        Sign(
            "hypersphere/{place}/uniformity",
            "uniformity of {place}, as a share of its floor",
            of="hypersphere/{place}/uniformity_floor",
            healthy=(0.3, None),
            below=0.09,
        ),
    ),
    apart=(
        Apart(
            "a network that has just begun",
            Sign(
                "spectrum/{place}/std_growing",
                "spread of {place}, in units of its lowest in the second half of the run",
                healthy=(1.3, None),
                below=1.3,
            ),
        ),
    ),
    remedies=(
        Remedy("Check what keeps embeddings apart: negatives, stop-gradient and predictor, or the variance term."),
        Remedy("Check that the model sees its inputs: a constant input has a constant embedding."),
        Remedy("Do not trust an accuracy here: what is left around the point, made larger, can still be read."),
    ),
    source=(
        "Chen & He 2021, arXiv:2011.10566, figure 2, for the spread; Jing et al. 2022, arXiv:2110.09348. Healthy runs "
        "of ten methods read 0.55 to 1 from their tenth step on, collapsed ones 0.001 to 0.2; untrained networks "
        "down to 0.02, and grow. A spread of 0.24 is a mean cosine of 0.94 between any two items."
    ),
    from_step=20,
    from_share=0.05,
    explains=(
        "slow collapse", "cone", "dimensional collapse", "class collapse", "worse than input",
        "drift",
    ),
    notebook="05_has_it_collapsed.ipynb",
)  # fmt: skip
