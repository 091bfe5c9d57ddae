"""The scores as tables in markdown, with counts and intervals."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.faulty.accepted import HARMLESS, NAMES
from bench.faulty.plan import UNSEEN_DATA, UNSEEN_FAULTS, UNSEEN_METHODS
from bench.faulty.scoring import NOTE, Heard, Scored

__all__ = ["faults", "healthy", "summary", "wilson"]

Z = 1.959964


def wilson(hits: int, of: int) -> tuple[float, float]:
    r"""The 95 % interval of a share: (p + z^2/2n ± z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n); 0 to 1 of nothing.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if of == 0:
        return 0.0, 1.0
    share, over = hits / of, Z * Z / of
    half = Z * math.sqrt(share * (1 - share) / of + over / (4 * of))
    return max(0.0, (share + over / 2 - half) / (1 + over)), min(1.0, (share + over / 2 + half) / (1 + over))


def counted(truths: Iterable[bool]) -> str:
    """`12 of 14, 86 % (60 to 96)`."""
    found = list(truths)
    if not found:
        return "-"
    low, high = wilson(sum(found), len(found))
    return f"{sum(found)} of {len(found)}, {sum(found) / len(found):.0%} ({low:.0%} to {high:.0%})".replace("%", " %")


def seen(one: Scored | Heard) -> bool:
    """Calibration had its method, data and fault."""
    case = one.case
    return not (case.method in UNSEEN_METHODS or case.data in UNSEEN_DATA or case.fault in UNSEEN_FAULTS)


def summary(scored: Sequence[Scored], sound: Sequence[Heard]) -> str:
    """All faults together, and those of which calibration had seen nothing."""
    rows = []
    for words, part, well in (
        ("all", scored, sound),
        (
            "methods, data and faults that calibration had",
            [s for s in scored if seen(s)],
            [h for h in sound if seen(h)],
        ),
        ("others", [s for s in scored if not seen(s)], [h for h in sound if not seen(h)]),
        ("fault at the first step", [s for s in scored if s.case.at == 1], []),
        ("fault later", [s for s in scored if s.case.at > 1], []),
    ):
        rows.append(
            [
                words,
                counted(one.detected for one in part),
                counted(one.named for one in part),
                counted(one.in_two for one in part),
                _middle([one.latency for one in part]),
                counted(bool(one.alarms()) for one in well),
            ]
        )
    head = ["", "detected", "named first", "named in the first two", "latency", "healthy runs with an alarm"]
    return _table(head, rows)


def faults(scored: Sequence[Scored]) -> str:
    """A row for each fault; * where it does little harm to what is learned."""
    rows = []
    for fault in NAMES:
        part = [one for one in scored if one.case.fault == fault]
        if not part:
            continue
        wrong = Counter(one.first or "nothing" for one in part if not one.named)
        harm = [one.harm for one in part if one.harm is not None]
        rows.append(
            [
                fault + " *" * (fault in HARMLESS),
                " or ".join(NAMES[fault][0]),
                counted(one.detected for one in part),
                counted(one.named for one in part),
                counted(one.in_two for one in part),
                _middle([one.latency for one in part]),
                _middle([one.told for one in part]),
                f"{statistics.median(harm):+.2f}" if harm else "-",
                ", ".join(f"{name} {count}" for name, count in wrong.most_common(3)),
            ]
        )
    head = ["fault", "is called", "detected", "named first", "named in the first two", "latency", "until it is named"]
    return _table([*head, "probe lost", "called instead"], rows)


def healthy(sound: Sequence[Heard]) -> str:
    """False alarms and notes, by finding, with the runs they were raised in."""
    alarms: dict[str, list[str]] = {}
    notes: dict[str, list[str]] = {}
    for one in sound:
        for name in one.alarms():
            alarms.setdefault(name, []).append(one.case.name)
        for name in {name for said in one.at.values() for name, severity in said if severity == NOTE}:
            notes.setdefault(name, []).append(one.case.name)
    lines = [
        f"Healthy runs: {len(sound)}. With a warning or failure at any of 25 checkpoints: "
        f"{counted(bool(one.alarms()) for one in sound)}.",
        "",
    ]
    rows = [
        [name, words, str(len(runs)), ", ".join(sorted(runs)[:3])]
        for words, found in (("alarm", alarms), ("note", notes))
        for name, runs in sorted(found.items(), key=lambda pair: -len(pair[1]))
    ]
    return "\n".join(lines) + (_table(["finding", "", "runs", "such as"], rows) if rows else "No alarm and no note.")


def _middle(values: Iterable[float | None]) -> str:
    """The median of what is known."""
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.0%}".replace("%", " %") if known else "-"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
