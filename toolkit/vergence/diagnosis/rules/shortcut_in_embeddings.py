"""Shortcut, of embeddings alone: partners are found with ease, and the labels cannot be read at all."""

from vergence.diagnosis.rule import Apart, Rule, Sign
from vergence.diagnosis.rules.shortcut import RULE as IN_A_RUN

__all__ = ["RULE"]

RULE = Rule(
    name="shortcut",
    severity="warning",
    says=(
        "Partners are found with ease (AUC {similarity/z/auc:.3f}) and rows fill the sphere, but what you handed over "
        "as labels cannot be read from {place} any better than by chance: partners are found by something else."
    ),
    signs=(
        Sign(
            "probes/{place}/unreadable",
            "linear and kNN probe read the labels at chance (1) or not (0)",
            healthy=(None, 0.0),
            above=0.5,
        ),
        Sign("similarity/z/auc", "AUC of positives against negatives", healthy=(None, 1.0), above=0.98),
        Sign(
            "hypersphere/{place}/uniformity",
            "uniformity of {place}, as a share of its floor",
            of="hypersphere/{place}/uniformity_floor",
            healthy=(None, 1.0),
            above=0.9,
        ),
    ),
    apart=(
        Apart(
            "dimensional collapse",
            Sign(
                "spectrum/{place}/directions_used",
                "share of the directions of {place} that are used",
                healthy=(0.2, None),
                above=0.3,
            ),
        ),
    ),
    remedies=IN_A_RUN.remedies,
    source=(
        "Chen, Luo and Li 2021, arXiv:2011.02803. Where raw input and untrained model are known, what is left is "
        "compared with them; labels that nothing could read look the same as labels that are lost."
    ),
    hold=1,
    notebook=IN_A_RUN.notebook,
    otherwise=(
        "It cannot be excluded: without labels no number of the embeddings tells a shortcut from a good run. Hand them "
        "over: vg.examine(z1, z2, labels=labels)."
    ),
)
