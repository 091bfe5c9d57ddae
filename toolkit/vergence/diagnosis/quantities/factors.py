"""Of the factors of the reference set: how much of each is kept, of what could be read before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.record.history import Frame, Series

__all__ = ["QUANTITIES", "WORDS"]

LINEAR = 0
"""Of the kinds of probes in a frame."""
BEHIND = 0.5
LOST = ("suppressed", "gone")
"""Words of a standing whose interval leaves no doubt that less than three quarters are left."""


@dataclass(frozen=True)
class _Factor:
    """One factor at one look, by the linear probe."""

    name: str
    label: bool
    word: str
    """How it stands."""
    now: float
    half: float
    """Of its interval."""
    chance: float
    raw: float
    untrained: float
    best: float

    def kept(self, *bases: float) -> float:
        """What is left above chance, over the best of what there was: 1, all of it; NaN where there was nothing."""
        had = max((base for base in bases if np.isfinite(base)), default=np.nan) - self.chance
        return max(0.0, self.now - self.chance) / had if had > 0 else np.nan

    def fallen(self, *bases: float) -> bool:
        """Beyond doubt below one of them, which was above chance."""
        return any(base - max(self.now, self.chance) > 2 * self.half for base in bases)


def label_kept(lens: Lens, place: str) -> Series | None:
    """Of the class: what is left of what raw input, the untrained model or this one at its best could tell.

    1 as long as the model is not below what it was itself: a young one may well be behind raw input. But where training
    has gained nothing on the untrained model, and less than half of what raw input tells is there, that is lost too.
    """
    return _lowest(lens, place, _of_label)


def learned_kept(lens: Lens, place: str) -> Series | None:
    """Of the class: what is left of what there was."""
    return _lowest(lens, place, lambda f: _of_learned(f) if f.label else None)


def other_learned_kept(lens: Lens, place: str) -> Series | None:
    """Of factors beside a class that training had brought out: what is left of the worst off."""
    return _lowest(lens, place, lambda f: None if f.label else _of_learned(f))


def label_left(lens: Lens, place: str) -> Series | None:
    """`label_kept` at h where it is known, else here: what a head gives up is still there."""
    found = label_kept(lens, "h")
    return label_kept(lens, place) if found is None else found


def others_kept(lens: Lens, place: str) -> Series | None:
    """Of all factors but the class: what is left of what the untrained model told, of the worst off."""
    return _lowest(lens, place, lambda f: None if f.label or not f.fallen(f.untrained) else f.kept(f.untrained))


def gained(lens: Lens, place: str) -> Series | None:
    """By how much more can be told at h than by the untrained model, beyond doubt: of the class, else of any factor.

    0 without labels, and where less can be told than at the best.
    """
    auc = lens.series(f"cues/{place}/auc")
    if not len(auc):
        return None
    steps, values = [0], [0.0]
    for step, factors in _looks(lens, "h"):
        asked = [f for f in factors if f.label] or factors
        steps.append(step)
        values.append(max((f.now - f.half - f.untrained for f in asked if not f.fallen(f.best)), default=0.0))
    found = aligned(Series(np.array(steps), np.array(values)), auc.steps)
    return Series(auc.steps, np.nan_to_num(np.maximum(found, 0.0)), auc.stride)


def lost_names(lens: Lens, place: str) -> str:
    """The factors that are lost at the newest look, in words."""
    looks = list(_looks(lens, place))
    lost = [f for f in looks[-1][1] if _is_lost(f)] if looks else []
    kept = sorted(lost, key=lambda f: (not f.label, f.kept(f.raw, f.untrained, f.best)))
    names = [f"“{f.name}”" for f in kept[:3]]
    more = f" and {len(kept) - 3} more" if len(kept) > 3 else ""
    return ", ".join(names) + more if names else "a factor"


def _of_label(f: _Factor) -> float | None:
    if not f.label:
        return None
    behind = f.now - f.untrained < f.half and f.kept(f.raw) < BEHIND
    return f.kept(f.raw, f.untrained, f.best) if f.fallen(f.untrained, f.best) or behind else 1.0


def _of_learned(f: _Factor) -> float | None:
    if f.label:
        return f.kept(f.untrained, f.best) if f.fallen(f.untrained, f.best) else 1.0
    # It was better than at the start: what views destroy never is.
    learned = f.best - f.untrained > 2 * f.half
    return f.kept(f.best) if learned and f.fallen(f.best) else None


def _is_lost(f: _Factor) -> bool:
    return f.word in LOST


def _lowest(lens: Lens, place: str, of: Callable[[_Factor], float | None]) -> Series | None:
    """The lowest of a share over factors, look by look; 1 where none is lost beyond doubt."""
    found = []
    for step, factors in _looks(lens, place):
        asked = [(f, share) for f in factors if (share := of(f)) is not None]
        if not asked and not any(f.label for f in factors):
            continue
        shares = [share for f, share in asked if _is_lost(f) and np.isfinite(share)]
        found.append((step, min(shares, default=1.0)))
    return _series(found)


def _about(lens: Lens) -> Mapping[str, Any]:
    reference = lens.static("reference")
    return reference if isinstance(reference, Mapping) else {}


def _steps(lens: Lens) -> tuple[int, ...]:
    return lens.history.frames("probes") if "probes" in lens.history.frame_kinds() else ()


def _looks(lens: Lens, place: str) -> Iterator[tuple[int, list[_Factor]]]:
    """Every look of the probes: its factors, without those that are nuisance."""
    about = _about(lens)
    label, nuisance = about.get("label"), frozenset(about.get("nuisance") or ())
    for step in _steps(lens):
        yield step, [f for f in _factors(lens.history.frame("probes", step), place, label) if f.name not in nuisance]


def _factors(frame: Frame, place: str, label: object) -> list[_Factor]:
    names, places = frame.meta.get("factors") or [], frame.meta.get("places") or []
    standings = (frame.meta.get("standing") or {}).get(place)
    if "accuracy" not in frame.arrays or standings is None or place not in places:
        return []
    accuracy, half, best = (frame.arrays[name][:, LINEAR] for name in ("accuracy", "half", "best"))

    def at(row: int, name: str) -> float:
        return float(accuracy[row, places.index(name)]) if name in places else np.nan

    return [
        _Factor(
            name=str(name),
            label=name == label,
            word=str(standing["word"]),
            now=at(row, place),
            half=float(half[row, places.index(place)]),
            chance=float(frame.meta["chance"][row]),
            raw=at(row, "raw"),
            untrained=at(row, f"untrained_{place}"),
            best=float(best[row, ("h", "z").index(place)]),
        )
        for row, (name, standing) in enumerate(zip(names, standings, strict=True))
        if standing is not None
    ]


def _series(found: Sequence[tuple[int, float]]) -> Series | None:
    if not found:
        return None
    steps, values = zip(*found, strict=True)
    return Series(np.array(steps, np.int64), np.array(values, np.float64))


QUANTITIES: dict[str, Quantity] = {
    "probes/{place}/label_kept": label_kept,
    "probes/{place}/label_left": label_left,
    "probes/{place}/learned_kept": learned_kept,
    "probes/{place}/other_learned_kept": other_learned_kept,
    "probes/{place}/others_kept": others_kept,
    "cues/{place}/gained": gained,
}
WORDS: dict[str, Callable[[Lens, str], str]] = {"probes/{place}/lost": lost_names}
"""What a sentence says by name, in place of a number."""
