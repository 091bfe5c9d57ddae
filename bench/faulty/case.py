"""Case: one run of the benchmark, said in words and numbers; from it everything else follows."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["HEALTHY", "Case"]

HEALTHY = "healthy"
COARSE = "coarse labels"


@dataclass(frozen=True)
class Case:
    """One run.

    fault: of the lab, of `own.LOOPS`, of `made.MADE`, or "healthy". method, data: names of `methods.METHODS` and
    `sources.DATA`. at: the first step with the fault. temperature: None for the method's own. strength: of the fault.
    """

    fault: str
    method: str
    data: str
    seed: int
    at: int = 1
    steps: int = 200
    every: int = 5
    batch: int = 128
    dim: int = 32
    temperature: float | None = None
    strength: float | None = None

    @property
    def name(self) -> str:
        """The name of its file: what is usual is left out."""
        method = self.method
        usual = Case("", "", "", 0)
        for letter, given, other in (
            ("b", self.batch, usual.batch),
            ("d", self.dim, usual.dim),
            ("T", self.temperature, usual.temperature),
            ("s", self.strength, usual.strength),
            ("at", self.at, usual.at),
            ("n", self.steps, usual.steps),
        ):
            if given != other:
                method += f"-{letter}{given:g}"
        return (
            f"{self.fault}__{method}__{self.data}__{self.seed}".replace(": ", "-").replace(", ", "-").replace(" ", "-")
        )

    @property
    def twin(self) -> Case:
        """The same run without the fault; where the labels are the fault, a run that is not given them."""
        method = "SimCLR" if self.fault == COARSE else self.method
        return replace(self, fault=HEALTHY, method=method, at=1, strength=None)

    @property
    def checkpoints(self) -> list[int]:
        """At which steps a diagnosis is asked for: 25 of them, evenly."""
        return [round(self.steps * (number + 1) / 25) for number in range(25)]
