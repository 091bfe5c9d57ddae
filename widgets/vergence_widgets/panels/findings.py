"""Findings as they are shown: which are open at a step, in words, and the triangles on the axes of their evidence.

Reads the events that the diagnosis leaves in a History, so a running cockpit, another process, a replay and a report
show the same. A step of the past is seen with hindsight: a finding stands from the step on that it dates itself to,
not from when it was noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vergence.diagnosis.finding import SEVERITIES
from vergence.diagnosis.words import number
from vergence.record.until import Until
from vergence_widgets.panels.marks import applied
from vergence_widgets.panels.spec import Heat, Mark, Panel, Plot

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["HOMES", "Stretch", "lines", "marked", "open_at", "stretches", "strip"]

HOMES: dict[str, str] = {
    **{noun: noun for noun in ("loss", "similarity", "temperature", "spectrum", "projection", "hypersphere")},
    **{noun: noun for noun in ("attention", "probes", "pairs")},
    **dict.fromkeys(("learning_rate", "control", "gradients", "weight_change", "monitor"), "loss"),
    **dict.fromkeys(("alpha_req", "intrinsic_dimension", "lidar", "marginal_entropy", "prototype_usage"), "spectrum"),
    **dict.fromkeys(("uniformity_wasserstein", "sigreg", "modality_gap"), "hypersphere"),
    **dict.fromkeys(("thresholds", "ordering", "bimodality"), "similarity"),
    **dict.fromkeys(("false_negatives", "duplicates"), "pairs"),
    **dict.fromkeys(("neural_collapse", "subclass_variance", "cka", "drift"), "probes"),
}
"""The panel where a number is drawn, or what lies nearest to it."""
NEAR_STEPS, NEAR_SHARE = 50, 0.1
"""A change of a control is named with a finding that begins so soon after it: in steps, or as a share of its step."""


@dataclass(frozen=True)
class Stretch:
    """One finding from when it began to when it ended."""

    name: str
    since: int
    noticed: int
    """The step at which it was noticed, `since` or later."""
    until: int | None
    """The step at which it had gone; None while it is open."""
    finding: Mapping[str, Any]
    """As it was told last."""
    dismissed: bool = False
    told: tuple[tuple[int, Mapping[str, Any]], ...] = field(default=(), repr=False)

    @property
    def ident(self) -> str:
        """Tells it from a later one of the same name."""
        return f"{self.name}@{self.noticed}"

    @property
    def severity(self) -> str:
        """note, warning or failure, as it was told last."""
        return str(self.finding.get("severity", "warning"))

    def holds(self, step: int) -> bool:
        """Whether it stands at a step."""
        return self.since <= step and (self.until is None or step < self.until)

    def at(self, step: int) -> Mapping[str, Any]:
        """As it had been told by a step; before it was noticed, as it was told first."""
        return next((finding for when, finding in reversed(self.told) if when <= step), self.told[0][1])


def stretches(history: History) -> list[Stretch]:
    """Every finding of a record, in the order in which they were noticed."""
    record = history.whole if isinstance(history, Until) else history
    found: list[Stretch] = []
    newest: dict[str, int] = {}
    for event in record.events():
        data = event.data
        if event.kind == "command" and data.get("name") == "dismiss" and data.get("finding") in newest:
            index = newest[str(data["finding"])]
            found[index] = replace(found[index], dismissed=True)
        if event.kind != "finding" or not isinstance(data.get("finding"), Mapping):
            continue
        name, finding = str(data.get("name", "")), data["finding"]
        since = int(finding.get("since", event.step))
        if data.get("state") == "opened" or name not in newest:
            newest[name] = len(found)
            found.append(Stretch(name, since, event.step, None, finding, told=((event.step, finding),)))
            continue
        before = found[newest[name]]
        if data.get("state") == "closed":
            found[newest[name]] = replace(before, until=max(event.step, before.since))
            del newest[name]
        else:
            worse = finding.get("severity") != before.finding.get("severity")
            told = (*before.told, (event.step, finding))
            since = min(since, before.since)
            found[newest[name]] = replace(
                before, since=since, finding=finding, told=told, dismissed=before.dismissed and not worse
            )
    return found


def open_at(history: History, *, dismissed: Iterable[str] = ()) -> list[tuple[Stretch, Mapping[str, Any]]]:
    """What is open at the newest step of `history`, worst first, as it was told by then; dismissed ones left out.

    dismissed: identities (`Stretch.ident`) that a reader has dismissed where nobody could record it.
    """
    gone = set(dismissed)
    past = history.step if isinstance(history, Until) else None
    found = [
        (one, one.finding if past is None else one.at(past))
        for one in stretches(history)
        if not one.dismissed and one.ident not in gone and (one.until is None if past is None else one.holds(past))
    ]
    return sorted(found, key=lambda pair: (_rank(pair[1]), -float(pair[1].get("confidence", 0.0))))


def _rank(finding: Mapping[str, Any]) -> int:
    severity = finding.get("severity")
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def strip(history: History, *, dismissed: Iterable[str] = ()) -> dict[str, Any]:
    """What the strip over the panels says: what is wrong, on what evidence, what to try; or what was looked for."""
    checks, lacking = history.static.get("checks"), history.static.get("not_checked")
    # Several rules may look for one thing: it was looked for where one of them could.
    checks = set(checks) if isinstance(checks, list) else set()
    lacking = {name: why for name, why in lacking.items() if name not in checks} if isinstance(lacking, Mapping) else {}
    found = open_at(history, dismissed=dismissed)
    past = isinstance(history, Until)
    ahead = len(open_at(history.whole, dismissed=dismissed)) if isinstance(history, Until) else 0
    clear = len(checks) - len(found) - sum(len(finding.get("comes_with", ())) for _, finding in found)
    return {
        "findings": [_entry(one, finding, history) for one, finding in found],
        "counts": _counts(clear, len(lacking), "clear") if checks else "",
        "healthy": _healthy(len(checks), lacking, history if past else None) if checks or lacking or past else "",
        "lacking": [f"{name}: {why}" for name, why in lacking.items()],
        "past": past,
        "ahead": ahead,
    }


def _counts(clear: int, lacking: int, word: str) -> str:
    checks = f"{max(0, clear)} check{'' if clear == 1 else 's'}{f' {word}' if word else ''}"
    return f"{checks}, {lacking} not possible" if lacking else checks


def _healthy(checks: int, lacking: Mapping[str, Any], past: History | None) -> str:
    if past is not None:
        return f"Nothing was found at step {past.last_step:,}."
    reasons = list(dict.fromkeys(str(why) for why in lacking.values()))
    why = f": {reasons[0]}" if len(reasons) == 1 else ""
    said = _counts(checks, len(lacking), "")
    return f"Nothing found; {said}{why}" + ("" if why.endswith((".", "!", "?")) else ".")


def _entry(one: Stretch, finding: Mapping[str, Any], history: History) -> dict[str, Any]:
    evidence = [item for item in finding.get("evidence", ()) if isinstance(item, Mapping)]
    remedies = [item for item in finding.get("remedies", ()) if isinstance(item, Mapping)]
    says = _lower(str(finding.get("says", "")))
    return {
        "ident": one.ident,
        "name": one.name,
        "severity": finding.get("severity", "warning"),
        "since": one.since,
        "says": " ".join(part for part in (says, _came_after(one.since, history)) if part),
        "confidence": f"Confidence {float(finding.get('confidence', 0.0)):.2f}",
        "chips": [_chip(item) for item in evidence],
        "try": [str(item.get("text", "")) for item in remedies],
        "remedy": None
        if one.until is not None
        else next(filter(None, (_button(item, history) for item in remedies)), None),
        "apart": [f"not {pair[0]}: {pair[1]}" for pair in finding.get("apart", ())],
        "explains": [str(name) for name in finding.get("comes_with", ())],
        "notebook": str(finding.get("notebook", "")),
    }


def _lower(says: str) -> str:
    """It goes on after a colon: "your embeddings ..."; names in capitals and single letters stay."""
    return says[:1].lower() + says[1:] if says[1:2].islower() else says


def _came_after(since: int, history: History) -> str:
    record = history.whole if isinstance(history, Until) else history
    reach = max(NEAR_STEPS, NEAR_SHARE * since)
    before = [change for change in applied(record) if 0 <= since - change.step <= reach]
    return f"It began after {before[-1].label} at step {before[-1].step:,}." if before else ""


def _chip(item: Mapping[str, Any]) -> dict[str, Any]:
    noun = str(item.get("panel", ""))
    *_, last = str(item.get("key", "")).split("/")
    name = "" if last == noun else last.replace("_", " ")
    value, before = _number(item.get("value")), item.get("before")
    change = value if before is None or _number(before) == value else f"{_number(before)} → {value}"
    return {
        "noun": noun.replace("_", " "),
        "home": HOMES.get(noun, ""),
        "words": f"{name} {change}".strip(),
        "step": int(item.get("step", 0)),
        "title": str(item.get("words", "")),
    }


def _number(value: Any) -> str:
    return number(float(value)) if isinstance(value, int | float) else "unknown"


def _button(remedy: Mapping[str, Any], history: History) -> dict[str, Any] | None:
    """What can be done with one press; None where the control does not exist here, or has this value already."""
    record = history.whole if isinstance(history, Until) else history  # it would be pressed now
    name, value = remedy.get("control"), remedy.get("value")
    described = {entry.get("name"): entry for entry in record.static.get("controls", []) if isinstance(entry, dict)}
    if name not in described or value is None:
        return None
    entry, now = described[name], described[name].get("value")
    for event in record.events("control"):
        if event.data.get("name") == name and event.data.get("state") == "applied":
            now = event.data.get("new", now)
    if now == value:
        return None
    if isinstance(value, int | float) and isinstance(now, int | float) and abs(now - value) <= 1e-6 * abs(value):
        return None
    shown = _number(value) if isinstance(value, int | float) else str(value)
    return {"label": f"Set {_lower(str(entry.get('label', name)))} to {shown}", "control": name, "value": value}


def marked(panel: Panel, history: History) -> Panel:
    """The panel with a triangle on its axis of steps where each open finding began that rests on it; notes have none.

    The loss has the triangles of all of them: it is the panel in which a run is read through time. A strip of colours
    has none: its words stand where a triangle would.
    """
    first = next((index for index, plot in enumerate(panel.plots) if _takes(plot)), None)
    if first is None:
        return panel
    found = [(one, finding) for one, finding in open_at(history) if finding.get("severity") != "note"]
    steps = sorted({one.since for one, finding in found if panel.noun in {"loss", *_homes(finding)}})
    plot = panel.plots[first]  # plots below one another share the axis: one triangle says it
    here = [Mark(float(step), "", "trouble") for step in steps if plot.x.low <= step <= plot.x.high]
    if not here:
        return panel
    plot = replace(plot, layers=(*plot.layers, *here))
    return replace(panel, plots=(*panel.plots[:first], plot, *panel.plots[first + 1 :]))


def _takes(plot: Plot) -> bool:
    return plot.x.quantity == "step" and not any(isinstance(layer, Heat) for layer in plot.layers)


def _homes(finding: Mapping[str, Any]) -> set[str]:
    return {HOMES.get(str(item.get("panel", "")), "") for item in finding.get("evidence", ())}


def lines(history: History, *, dismissed: Iterable[str] = ()) -> list[str]:
    """The open findings as text: what and since when, the evidence, what to try; or that nothing was found."""
    said = strip(history, dismissed=dismissed)
    found: list[str] = []
    for entry in said["findings"]:
        found.append(
            f"{entry['severity'].capitalize()} since step {entry['since']:,}: {entry['says']} ({entry['name']})"
        )
        found += [f"  rests on {chip['title'] or chip['words']} (step {chip['step']:,})" for chip in entry["chips"]]
        found += [f"  {words}" for words in entry["apart"]]
        found += [f"  it explains {', '.join(entry['explains'])}"] if entry["explains"] else []
        found += [f"  try {index}. {words}" for index, words in enumerate(entry["try"], 1)]
        found.append(f"  {entry['confidence']}" + (f"; see {entry['notebook']}" if entry["notebook"] else "") + ".")
    if not found:
        return [said["healthy"]] if said["healthy"] else []
    return [*found, f"{said['counts']}."] if said["counts"] else found
