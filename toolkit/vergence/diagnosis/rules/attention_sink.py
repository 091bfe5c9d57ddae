"""Attention sink: heads park their attention at one token."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="attention sink",
    severity="warning",
    says=(
        "Attention piles up on single tokens: the strongest key of a head takes {attention/sink_mass:.0%} on average, "
        "in {attention/heads_with_sink:.0%} of the heads more than three times its share."
    ),
    signs=(
        Sign(
            "attention/sink_mass",
            "attention that the strongest key of a head takes, mean over heads",
            healthy=(None, 0.3),
            above=0.5,
            format=".0%",
        ),
        Sign(
            "attention/heads_with_sink",
            "share of heads with a sink",
            healthy=(None, 0.3),
            above=0.5,
            format=".0%",
        ),
    ),
    remedies=(
        Remedy(
            "Look at the length of the sink's value: near 0 the heads are switched off, else the token speaks to all."
        ),
        Remedy("Give the model tokens for it: a few registers beside the class token."),
    ),
    source=(
        "Xiao et al. 2023, arXiv:2309.17453; Darcet et al. 2023, arXiv:2309.16588. Small transformers trained from "
        "scratch read 0.02 to 0.1 on 65 tokens."
    ),
    from_step=20,
    from_share=0.05,
)
