"""Dimensional collapse: embeddings differ, but along a few directions only."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="dimensional collapse",
    severity="warning",
    says=(
        "Your embeddings use few directions: the participation ratio of {place} is "
        "{spectrum/{place}/participation:.2g} and its effective rank {spectrum/{place}/rank:.3g} of "
        "{spectrum/{place}/ceiling:.3g}."
    ),
    signs=(
        Sign(
            "spectrum/{place}/directions_used",
            "share of the directions of {place} that are used",
            healthy=(0.2, None),
            below=0.088,
        ),
    ),
    also=(
        Sign(
            "lidar/{place}/rank",
            "directions in which images differ more than their views, over the ceiling",
            of="lidar/{place}/ceiling",
            healthy=(0.25, None),
            below=0.12,
        ),
    ),
    apart=(
        Apart(
            "complete collapse",
            Sign("spectrum/{place}/std", "spread of {place}, 0 to 1", healthy=(0.6, 1.0), above=0.25),
        ),
        Apart(
            "class collapse",
            Sign(
                "spectrum/{place}/of_classes",
                "the directions are those of the classes (1) or not (0)",
                healthy=(None, 0.0),
                below=0.5,
            ),
        ),
    ),
    remedies=(
        Remedy("Give the covariance or decorrelation term more weight, or add one."),
        Remedy("Check the head: a narrower layer before z bounds its rank; h may have kept more, so use h."),
        Remedy("Weaken the views: directions that views disturb more than images differ in are given up."),
    ),
    source=(
        "Jing et al. 2022, arXiv:2110.09348; Bardes et al. 2022, arXiv:2105.04906, for the covariance term. The "
        "spread misses it: without covariance term it reads 0.96. The share is the geometric mean of those of "
        "effective rank and participation ratio: healthy runs of ten methods read 0.25 to 0.9, SimSiam down to 0.11; "
        "VICReg without covariance term 0.06, embeddings along 4 of 128 directions 0.06."
    ),
    from_step=30,
    from_share=0.08,
    explains=("slow collapse", "worse than input"),
    notebook="05_has_it_collapsed.ipynb",
)
