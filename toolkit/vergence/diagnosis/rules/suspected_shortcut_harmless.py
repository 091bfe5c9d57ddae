"""Suspected shortcut, and labels are told better all the same: worth a look, no more."""

from dataclasses import replace

from vergence.diagnosis.rule import Apart
from vergence.diagnosis.rules.suspected_shortcut import RULE as HARMFUL

__all__ = ["RULE"]

RULE = replace(
    HARMFUL,
    severity="note",
    hold=2,
    says=(
        "Partners are found by {cues/{place}/part}: in {cues/{place}/outweighs:.0%} of the pairs that counts for more "
        "than everything else. Your labels are told better than before training all the same."
    ),
    apart=tuple(
        Apart("a shortcut that costs what you want", replace(apart.sign, below=None, above=apart.sign.below))
        for apart in HARMFUL.apart
    ),
)
