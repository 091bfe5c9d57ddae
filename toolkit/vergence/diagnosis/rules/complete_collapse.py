"""Complete collapse: every input comes out at nearly the same point."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

RULE = Rule(
    name="complete collapse",
    severity="failure",
    says="Your embeddings meet in one point: its spread is {spectrum/{place}/std} (a full sphere: 1).",
    signs=(
        Sign("spectrum/{place}/std", "spread of {place}, times √d", healthy=(0.5, 1.0), below=0.15),
        Sign("spectrum/{place}/rank", "effective rank of {place}", healthy=(5.0, None), below=4.0),
    ),
    remedies=(
        Remedy("Check what keeps the embeddings apart: negatives, stop-gradient and predictor, or the variance term."),
    ),
    source="Jing et al. 2022, arXiv:2110.09348; thresholds from healthy runs",
    notebook="05_has_it_collapsed.ipynb",
)
