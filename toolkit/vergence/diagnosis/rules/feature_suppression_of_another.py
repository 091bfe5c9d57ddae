"""Feature suppression of something beside the class: learned first, and given up later. A note: views may want it."""

from dataclasses import replace

from vergence.diagnosis.rules.feature_suppression import RULE as OF_THE_CLASS

__all__ = ["RULE"]

RULE = replace(
    OF_THE_CLASS,
    severity="note",
    says=(
        "{probes/{place}/lost}: {probes/{place}/other_learned_kept:.0%} is left of what training had brought out. If "
        "your views change it on purpose this is their work; if you want it, something else has taken its place."
    ),
    signs=(replace(OF_THE_CLASS.signs[0], key="probes/{place}/other_learned_kept"),),
    explains=("suppressed by the views",),
)
