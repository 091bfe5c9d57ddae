"""What the probes panel says: which factors are learned, which are suppressed since when, and what the head drops."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vergence_widgets.panels.probes_found import KINDS, Found, Standing, said
from vergence_widgets.panels.spec import Table, fixed

__all__ = ["NAME_LENGTH", "cut", "lines", "listed", "standing_words", "summary", "table"]

NAME_LENGTH = 13
ROOM = 62
"""Letters of a line, about: what a panel has room for in three columns."""
BASES = {"raw": "raw input", "untrained": "untrained", "best": "best"}
ORDER = {
    "gone": "gone", "suppressed": "suppressed", "below": "a little below", "learned": "learned", "kept": "kept",
    "absent": "not found",
}  # fmt: skip
"""The words of a standing, the worst news first."""


def lines(found: Found) -> tuple[str, ...]:
    """One line for one factor; for several always as many as there may be, so that nothing moves from look to look."""
    several, head = len(found.factors) > 1, any(found.value("accuracy", n, "linear", "z") for n in found.factors)
    more = ("",) * (several + head) if several else ()
    if found.begins:
        return ("First look: later ones are compared with it.", *more)
    lost = found.lost()
    first = _lost_line(found, lost) if lost else _main_line(found, found.main)
    if not several or not any(found.standing(name) for name in found.factors):
        return (first, *more)
    return (first, _by_word(found), *([_head_line(found)] if head else []))


def standing_words(found: Found, factor: str, place: str = "h") -> str:
    """How one factor stands, in full."""
    standing = found.standing(factor, place)
    if standing is None:
        return ""
    now = said(found.value("accuracy", factor, "linear", place))
    if not standing.against or standing.base is None:
        return {
            "learned": "learned: above chance, raw input and untrained",
            "kept": "kept: above chance, and no less than before",
            "absent": "not found: no more than chance",
        }.get(standing.word, standing.word)
    had = {
        "raw": "of the raw input",
        "untrained": "of the untrained encoder",
        "best": f"at step {standing.step or 0:,}",
    }
    since = "" if standing.since is None else f", since step {standing.since:,}"
    word = ORDER.get(standing.word, standing.word)
    return f"{word}: {now} against {fixed(standing.base)} {had[standing.against]}, ±{said(standing.half)}{since}"


def _lost_line(found: Found, lost: Sequence[str]) -> str:
    """gone: digit 0.11, raw input 0.97 ±0.06, since step 40. The next line names the others."""
    name = lost[0]
    standing = found.standing(name) or Standing("")
    was = f"was {fixed(standing.base)} at step {standing.step:,}" if standing.step is not None else ""
    was = was or f"{BASES.get(standing.against, standing.against)} {said(standing.base)}"
    now = said(found.value("accuracy", name, "linear", "h"))
    since = "" if standing.since is None else f", since step {standing.since:,}"
    return f"{standing.word}: {cut(name)} {now}, {was} ±{said(standing.half)}{since}"


def _main_line(found: Found, factor: str) -> str:
    """What h adds to its input and to chance weights, in one line; the worst news first."""
    told = [
        (other, name, *apart)
        for other, name in (("raw", "raw input"), ("untrained_h", "untrained"))
        if (apart := found.difference(factor, "linear", "h", other)) is not None
    ]
    if not told:
        return f"{cut(factor)}: no base line to compare with"
    standing = found.standing(factor)
    if standing is not None and standing.against == "best":
        return f"{cut(factor)}: {standing_words(found, factor)}"
    for word in ("worse", "no better"):
        for other, name, difference, half in told:
            if _compared(difference, half) == word:
                mine, base = (said(found.value("accuracy", factor, "linear", place)) for place in ("h", other))
                return f"{cut(factor)}: h {word} than {name}, {mine} against {base}, ±{said(half)}"
    return f"{cut(factor)}: h better than {', '.join(f'{name} (+{said(gain)})' for _, name, gain, _ in told)}"


def _by_word(found: Found) -> str:
    """gone: digit. kept: bit 0 to 7. learned: size, hue."""
    by_word: dict[str, list[str]] = {}
    for name in found.factors:
        if (standing := found.standing(name)) is not None:
            by_word.setdefault(standing.word, []).append(name)
    if len(by_word.get("gone", []) + by_word.get("suppressed", [])) == 1:
        # The line above has said it.
        by_word = {word: names for word, names in by_word.items() if word not in ("gone", "suppressed")}
    words = [word for word in ORDER if word in by_word]
    # How many there are is always said; which, as long as there is room, the worst news first.
    parts = {word: f"{ORDER[word]}: {len(by_word[word])}" for word in words}
    for word in words:
        left = ROOM - len(". ".join(parts[other] for other in words if other != word)) - len(ORDER[word]) - 4
        named = listed(by_word[word], left)
        if len(named) <= left:
            parts[word] = f"{ORDER[word]}: {named}"
    return ". ".join(parts.values())


def _head_line(found: Found) -> str:
    """The head drops digit (h 0.82, z 0.10), size."""
    dropped = found.dropped()
    if not dropped:
        return "the head hands on what h has, as far as can be told"
    name = dropped[0]
    h, z = (said(found.value("accuracy", name, "linear", place)) for place in ("h", "z"))
    more = listed(dropped[1:], ROOM - 36 - len(cut(name)))
    return f"the head drops {cut(name)} (h {h}, z {z})" + (f", {more}" if more else "")


def listed(names: Sequence[str], room: int) -> str:
    """Names in a row, with runs of numbered ones drawn together: "digit, bit 0 to 7, 2 more" where room ends."""
    parts = _runs(names)
    text, used = "", 0
    for at, (part, count) in enumerate(parts):
        left = len(names) - used
        further = f"{', ' if text else ''}{part}"
        ends = f", {left - count} more" if left - count else ""
        if text and len(text) + len(further) + (len(ends) if at < len(parts) - 1 else 0) > room:
            return f"{text}, {left} more"
        text, used = text + further, used + count
    return text


def _runs(names: Sequence[str]) -> list[tuple[str, int]]:
    """bit 0, bit 1, bit 2 as ("bit 0 to 2", 3)."""
    found: list[tuple[str, list[str], int]] = []
    for name in names:
        match = re.fullmatch(r"(.*?)(\d{1,6})", name)
        stem, number = (match[1], int(match[2])) if match else (name, -1)
        if match and found and found[-1][0] == stem and found[-1][2] + 1 == number:
            found[-1] = (stem, [*found[-1][1], name], number)
        else:
            found.append((stem, [name], number))
    parts: list[tuple[str, int]] = []
    for _, group, number in found:
        if len(group) > 2:
            parts.append((f"{cut(group[0])} to {number}", len(group)))
        else:
            parts += [(cut(name), 1) for name in group]
    return parts


def summary(found: Found, rows: Sequence[tuple[str, str]]) -> str:
    """The picture in one text, for who does not see it."""
    told = []
    for factor, kind in rows:
        how = "R²" if found.is_amount(factor) and kind == "linear" else KINDS[kind]
        words = f"{factor}, {how}: h {said(found.value('accuracy', factor, kind, 'h'))}"
        for place, name in (("z", "z"), ("raw", "raw input")):
            value = found.value("accuracy", factor, kind, place)
            words += "" if value is None else f", {name} {fixed(value)}"
        if not found.begins and (against := _against(found, factor, kind, "raw")):
            words += f" ({against})"
        told.append(words)
    stated = " ".join(f"{line}." for line in lines(found) if line)
    return f"At step {found.step:,}: {stated} {'; '.join(told)}."


def table(found: Found) -> Table:
    """Every number there is, and how each factor stands."""
    meta = found.meta
    how = {
        "linear": f"linear (ridge {meta['ridge']:g} on standardised features)",
        "knn": f"kNN (k {meta['k']}, T {meta['temperature']:g})",
        "few": f"2 per class (linear, mean of {meta['draws']} draws)",
    }
    amount = {"linear": "R², linear (ridge chosen by leaving out)", "knn": f"R², {how['knn']}"}
    names = [str(name) for name in meta["places"]]
    rows = []
    for factor in found.factors:
        for kind in KINDS:
            name = amount.get(kind) if found.is_amount(factor) else how[kind]
            if name is None:
                continue
            name += f", within {within}" if (within := found.within(factor)) else ""
            cells = [said(found.value("accuracy", factor, kind, place), 3) for place in names]
            spread = found.value("spread", factor, kind, "h")
            half = f"±{said(found.value('half', factor, kind, 'h'), 3)}"
            half += "" if spread is None else f", draws spread {fixed(spread, 3)}"
            against = [_difference(found, factor, kind, other) for other in ("raw", "untrained_h")]
            best = found.best(factor, kind, "h")
            most = "" if best is None else f"{fixed(best[0], 3)} at step {best[1]:,}"
            stands = [standing_words(found, factor, place) if kind == "linear" else "" for place in ("h", "z")]
            chance = fixed(found.chance(factor), 3)
            rows.append((f"{factor}, {name}", *cells, chance, half, *against, most, *stands))
    rows += [(f"{name}: {words}", *[""] * (len(names) + 7)) for name, words in meta["refused"].items()]
    columns = ("probe", *(_place(name, str(meta["raw"])) for name in names))
    more = ("chance", "interval of h", "h against raw", "h against untrained", "best h before", "h stands", "z stands")
    return Table((*columns, *more), tuple(rows))


def _against(found: Found, factor: str, kind: str, other: str) -> str:
    """better, no better or worse than another place; "" where that is not known."""
    apart = found.difference(factor, kind, "h", other)
    return "" if apart is None else _compared(*apart)


def _compared(difference: float, half: float) -> str:
    return "better" if difference > half else "worse" if difference < -half else "no better"


def _difference(found: Found, factor: str, kind: str, other: str) -> str:
    apart = found.difference(factor, kind, "h", other)
    if apart is None:
        return "unknown"
    sign = "+" if apart[0] > 0 else ""
    return f"{_against(found, factor, kind, other)}, {sign}{said(apart[0], 3)} ±{said(apart[1], 3)}"


def _place(name: str, raw: str) -> str:
    return {"raw": f"raw input, {raw}", "untrained_h": "untrained h", "untrained_z": "untrained z"}.get(name, name)


def cut(name: str, most: int = NAME_LENGTH) -> str:
    """A name as long as there is room."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
