"""Views too weak: partners differ so little that finding them takes no understanding."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="views too weak",
    severity="warning",
    says=(
        "The two views of a sample hardly differ: they are {pairs/{place}/distance:.1g} as far apart as strangers are, "
        "in the representation, so any model finds the partner and nothing has to be learned for it."
    ),
    signs=(
        Sign(
            "pairs/input/weak",
            "distance of the inputs of a pair, of that of strangers",
            healthy=(0.05, None),
            below=0.01,
            format=".1g",
        ),
        Sign(
            "pairs/{place}/distance",
            "distance of partners in {place}, of that of strangers",
            healthy=(0.05, 1.0),
            below=0.03,
            format=".1g",
        ),
    ),
    apart=(
        Apart(
            "complete collapse",
            Sign("similarity/{place}/negative_mean", "mean cosine of negatives", healthy=(None, 0.5), below=0.9995),
        ),
    ),
    remedies=(
        Remedy("Strengthen the views: strength 0.5.", control="strength", value=0.5),
        Remedy("Choose views that change what must not matter: crops and colours of pictures, noise on rows."),
    ),
    source=(
        "Chen et al. 2020, arXiv:2002.05709, for views that leave the task too easy. Noise of a tenth of an entry's "
        "spread reads 0.01; the usual views of pictures and rows 0.4 to 0.7, mild ones 0.14. "
        "Without inputs: what the untrained model makes of them, 0.07 and more."
    ),
    places=("h", "z"),
    hold=2,
    explains=("feature suppression", "suspected shortcut", "worse than input"),
)
