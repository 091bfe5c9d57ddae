"""Slow collapse: embeddings draw together, not yet at a point."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="slow collapse",
    severity="warning",
    says=(
        "Your embeddings draw together: their spread, {spectrum/{place}/std:.2g}, has been falling from measurement to "
        "measurement."
    ),
    signs=(
        Sign(
            "spectrum/{place}/std",
            "spread of {place}, in units of its highest so far",
            over="highest",
            last=3,
            healthy=(0.9, None),
            below=0.75,
        ),
        Sign(
            "spectrum/{place}/std_trend",
            "rank correlation of that spread with time",
            healthy=(-0.3, None),
            below=-0.6,
        ),
        Sign(
            "spectrum/{place}/std_falling",
            "that spread, over what it was a while ago",
            healthy=(1.0, None),
            below=0.95,
        ),
    ),
    also=(
        Sign(
            "hypersphere/{place}/uniformity",
            "uniformity of {place}, in units of its lowest so far",
            over="lowest",
            last=3,
            healthy=(0.8, None),
            below=0.6,
        ),
    ),
    remedies=(
        Remedy("Check what was changed when it began, and take it back."),
        Remedy("Check stop-gradient, predictor and the teacher's momentum, or give the variance term more weight."),
        Remedy("Lower the learning rate, and see whether the spread recovers."),
    ),
    source=(
        "Grill et al. 2020, arXiv:2006.07733, appendix: without predictor the spread shrinks over epochs. A slope and "
        "not a level; thresholds from healthy runs of ten methods, whose spread keeps to 0.9 of its highest, or is "
        "growing."
    ),
    from_step=30,
    from_share=0.3,
    notebook="05_has_it_collapsed.ipynb",
)
