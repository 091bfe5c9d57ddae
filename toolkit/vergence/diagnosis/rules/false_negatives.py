"""False negatives: batches are drawn so that most negatives are of the anchor's own class."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="false negatives",
    severity="warning",
    says=(
        "Your batches hold few classes at a time: a negative is of the anchor's own class "
        "{false_negatives/{place}/over_all:.1f} times as often as the classes of all batches together would make it, "
        "and is pushed away."
    ),
    signs=(
        Sign(
            "false_negatives/{place}/over_all",
            "negatives of the anchor's class, over what all batches together read",
            healthy=(0.8, 1.2),
            above=1.5,
        ),
    ),
    apart=(
        Apart(
            "drift",
            Sign(
                "batches/changed_for_good",
                "share of the batches that is of other classes than before, beyond chance",
                healthy=(None, 0.1),
                below=0.25,
            ),
        ),
    ),
    remedies=(
        Remedy("Draw batches from all classes at random; check the sampler, and whether the data is sorted by class."),
        Remedy("Use a loss that corrects for it (losses.Debiased), or one without negatives."),
    ),
    source=(
        "Chuang et al. 2020, arXiv:2007.00224, for their harm. Batches drawn at random read 1, whatever the sizes of "
        "the classes; batches of two of eight classes read 4."
    ),
    hold=2,
    from_step=10,
    explains=("long tail",),
)
