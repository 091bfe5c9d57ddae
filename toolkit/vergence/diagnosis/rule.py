"""Rule: what a phenomenon looks like, written so that a person can read it. One file each in `rules/`.

    RULE = Rule(
        name="complete collapse",
        severity="failure",
        says="all embeddings lie at nearly the same point: the spread of {place} is {spectrum/{place}/std} ...",
        signs=(Sign("spectrum/{place}/std", below=0.2, healthy=(0.5, 1.0), words="spread of {place}, 0 to 1"), ...),
        ...
    )

A rule names numbers of the History and derived ones (`quantities`), and nothing else of a run: not its method, its
data or its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vergence import errors
from vergence.diagnosis.finding import Remedy, Severity

__all__ = ["Apart", "Past", "Rule", "Sign"]

Past = Literal["highest", "lowest", "first"]
"""What a number is compared with: its own highest, lowest or first value so far."""
Place = Literal["h", "z"]


@dataclass(frozen=True)
class Sign:
    """One number and where it must lie. Exactly one of below, above, inside, null, is_.

    key: a scalar of the History or a derived quantity; `{place}` is h or z. healthy: where it lies in a sound run,
    None for no limit. of: it is divided by this number first. over, minus: it is divided by, or reduced by, its own
    past: 0.5 with over="highest" is half of the highest so far. null: "below", "inside" or "above" the band that was
    measured on what has no structure (`<key>_null_low`, `<key>_null_high`), in which case healthy may be left out.
    last: the median of so many measurements, against a single one that is off.
    """

    key: str
    words: str
    healthy: tuple[float | None, float | None] = (None, None)
    below: float | None = None
    above: float | None = None
    inside: tuple[float, float] | None = None
    null: Literal["below", "inside", "above"] | None = None
    of: str = ""
    over: Past | None = None
    minus: Past | None = None
    last: int = 1
    format: str = ".2g"

    def __post_init__(self) -> None:
        asked = [name for name in ("below", "above", "inside", "null") if getattr(self, name) is not None]
        if len(asked) != 1:
            raise errors.ArgumentError(
                f"Sign({self.key!r}): it asks for {' and '.join(asked) or 'nothing'}. "
                "It needs exactly one of below, above, inside and null."
            )

    @property
    def panel(self) -> str:
        """The noun of the panel that shows it."""
        return self.key.partition("/")[0]


@dataclass(frozen=True)
class Apart:
    """A neighbour, and the sign that tells it apart: it must hold as well."""

    neighbour: str
    sign: Sign


@dataclass(frozen=True)
class Rule:
    """What one phenomenon looks like.

    name: of the finding. says: one or two sentences in the second person, calm, with numbers: `{key}` or `{key:format}`
    is replaced by the newest value. signs: all must hold. also: each that holds makes it surer. apart: neighbours it
    must be told apart from. places: tried in this order; the first where it holds is reported. hold: so many
    measurements of the sign that is measured most seldom must agree. from_step, from_share: it is not said before so
    many steps, and so much of a run of known length. explains: findings that it is the cause of: they are listed under
    it. otherwise: what is said when it could not be checked, in place of what it lacks.
    """

    name: str
    severity: Severity
    says: str
    signs: tuple[Sign, ...]
    remedies: tuple[Remedy, ...]
    source: str
    """The papers, and where the thresholds are from."""
    also: tuple[Sign, ...] = ()
    apart: tuple[Apart, ...] = ()
    places: tuple[Place, ...] = ("z",)
    hold: int = 2
    from_step: int = 0
    from_share: float = 0.0
    explains: tuple[str, ...] = ()
    notebook: str = ""
    otherwise: str = ""

    @property
    def must(self) -> tuple[Sign, ...]:
        """Every sign that must hold."""
        return self.signs + tuple(apart.sign for apart in self.apart)
