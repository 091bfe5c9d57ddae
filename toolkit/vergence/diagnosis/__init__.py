"""Diagnosis: findings from a History, by rules that read nothing else."""

from vergence.diagnosis.diagnose import diagnose
from vergence.diagnosis.finding import Diagnosis, Evidence, Finding, Remedy
from vergence.diagnosis.reading import Reading, read_loss
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = [
    "Apart",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Reading",
    "Remedy",
    "Rule",
    "Sign",
    "diagnose",
    "read_loss",
]
