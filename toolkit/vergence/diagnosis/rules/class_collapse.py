"""Class collapse: each class has become a point, and what tells its sub-classes apart is gone."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

WITHIN = Sign(
    "neural_collapse/{place}/within_over_between",
    "spread of {place} within classes over that between them",
    healthy=(0.1, None),
    below=0.05,
)
MEANS = Apart(
    "dimensional collapse",
    Sign(
        "neural_collapse/{place}/directions_of_means",
        "directions of the class means, over those that are possible",
        healthy=(0.6, 1.0),
        above=0.4,
    ),
)
REMEDIES = (
    Remedy("Add a loss that does not know the labels: it keeps the items of a class apart."),
    Remedy("Read h in place of z: an encoder can keep what its head gives up."),
    Remedy("Use finer labels, or fewer steps: the longer a loss with labels is trained, the nearer are the points."),
)
NOTEBOOK = "06_the_feature_it_dropped.ipynb"

RULE = Rule(
    name="class collapse",
    severity="warning",
    says=(
        "The items of each class meet in one point, and what you know about them beside the class cannot be told any "
        "more: sub-classes make up {subclass_variance/{place}/between_share:.2g} of what spread is left, by chance "
        "{subclass_variance/{place}/expected:.2g}."
    ),
    signs=(
        WITHIN,
        Sign(
            "neural_collapse/{place}/finer_lost",
            "sub-classes say nothing any more (1), or they do (0)",
            healthy=(None, 0.0),
            above=0.75,
        ),
    ),
    apart=(MEANS,),
    remedies=REMEDIES,
    source=(
        "Xue et al. 2023, arXiv:2305.16536, for class collapse; Papyan et al. 2020, arXiv:2008.08186, for the spread "
        "within over between. Healthy runs read 0.07 to 3, SupCon on digits 0.11, SupCon on separable classes below "
        "0.01."
    ),
    hold=2,
    from_step=30,
    from_share=0.2,
    notebook=NOTEBOOK,
)
