"""Finding: what is wrong, since when, on what evidence, how sure, what to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Diagnosis", "Evidence", "Finding", "Remedy", "Severity"]

Severity = Literal["note", "warning", "failure"]
SEVERITIES: tuple[Severity, ...] = ("failure", "warning", "note")


@dataclass(frozen=True)
class Evidence:
    """One number that a finding rests on."""

    key: str
    """The scalar of the History, or the derived quantity."""
    panel: str
    """The noun of the panel that shows it."""
    step: int
    """When it was measured."""
    value: float
    before: float | None
    """What it was before the finding's first step; None where it began like this."""
    low: float | None
    high: float | None
    """The healthy range at this number of rows, dimension, temperature and loss; None: no limit on that side."""
    words: str
    """The number in a sentence."""


@dataclass(frozen=True)
class Remedy:
    """What to try; with a control and a value it can be applied from the panel."""

    text: str
    control: str | None = None
    value: float | str | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    confidence: 0 to 1; see `rule.confidence`. apart: the neighbours it was told apart from, with the number that did.
    comes_with: other findings that it explains.
    """

    name: str
    severity: Severity
    since: int
    confidence: float
    says: str
    evidence: tuple[Evidence, ...]
    remedies: tuple[Remedy, ...]
    apart: tuple[tuple[str, str], ...] = ()
    comes_with: tuple[str, ...] = ()
    notebook: str = ""

    def __str__(self) -> str:
        lines = [f"{self.severity.capitalize()} since step {self.since:,}: {self.says}"]
        lines += [f"  rests on  {evidence.words}" for evidence in self.evidence]
        lines += [f"  and not   {name}: {by}" for name, by in self.apart]
        lines += [f"  it explains  {', '.join(self.comes_with)}"] if self.comes_with else []
        lines += [f"  try       {number}. {remedy.text}" for number, remedy in enumerate(self.remedies, 1)]
        lines += [f"  {self.name}, sure to {self.confidence:.0%}" + (f"; see {self.notebook}" if self.notebook else "")]
        return "\n".join(lines)


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was found at a step, the worst first, with what was checked and what could not be."""

    step: int
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    """The names of what was looked for."""
    not_checked: Mapping[str, str] = field(default_factory=dict)
    """What could not be looked for, by name, with what it lacks."""

    @property
    def healthy(self) -> bool:
        """Nothing was found. What could not be checked may still be wrong."""
        return not self.findings

    def __iter__(self) -> Any:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, words and lists."""
        return asdict(self) | {"not_checked": dict(self.not_checked)}

    def __str__(self) -> str:
        head = f"Step {self.step:,}: " + (f"{len(self.findings)} found" if self.findings else "nothing found")
        lines = [f"{head}; {len(self.checked)} checks, {len(self.not_checked)} not possible."]
        lines += [str(finding) for finding in self.findings]
        lines += [f"Not checked: {name}: {why}" for name, why in self.not_checked.items()]
        return "\n".join(lines)
