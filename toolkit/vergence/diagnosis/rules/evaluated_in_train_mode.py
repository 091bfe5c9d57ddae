"""Evaluated in train mode: what an item becomes depends on the items beside it."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="evaluated in train mode",
    severity="warning",
    says=(
        "Your reference set is embedded in train mode: the same items beside others differ by "
        "{consistency/reference/difference:.1%}. Map, probes and rank of it depend on which items come together, and "
        "running statistics learn the reference set."
    ),
    signs=(
        Sign(
            "consistency/reference/difference",
            "difference of the same items beside others, relative",
            healthy=(0.0, 1e-4),
            above=0.005,
        ),
    ),
    remedies=(
        Remedy("Type model.eval() and torch.no_grad() around whatever evaluates, and model.train() afterwards."),
        Remedy("Look for a layer that sets its own mode, or batch statistics without running ones."),
    ),
    source=(
        "Rounding moves an embedding by 1e-6 to 1e-4 of its length, half precision by up to 0.002; BatchNorm in train "
        "mode by 0.05 to 1 in the recorded runs."
    ),
    hold=2,
    notebook="02_where_does_it_look.ipynb",
)
