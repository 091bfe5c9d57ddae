"""Suspected shortcut, seen a few times only: in the first half of a run much is found by one part and then by more."""

from dataclasses import replace

from vergence.diagnosis.rules.suspected_shortcut import RULE as LASTING

__all__ = ["RULE"]

RULE = replace(LASTING, severity="note", hold=2)
