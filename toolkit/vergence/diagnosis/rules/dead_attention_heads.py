"""Dead attention heads: some look at every key alike, whatever is asked."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="dead attention heads",
    severity="warning",
    says=(
        "{attention/heads_even:.0%} of your attention heads look at every key alike, whatever the query: they take a "
        "mean and attend to nothing."
    ),
    signs=(
        Sign(
            "attention/heads_even",
            "share of heads with even attention, to 0.002 %",
            healthy=(None, 0.0),
            above=0.0,
            format=".0%",
        ),
    ),
    remedies=(
        Remedy("Check that queries and keys of these heads are trained, and that nothing sets them to 0."),
        Remedy("Lower the weight decay of queries and keys, or use fewer heads."),
    ),
    source=(
        "Michel et al. 2019, arXiv:1905.10650, for heads that are not needed. Entropy over the largest possible: "
        "heads of untrained transformers read 0.9999 or less, a head whose queries or keys are 0 reads 1 exactly."
    ),
    from_step=20,
    from_share=0.05,
)
