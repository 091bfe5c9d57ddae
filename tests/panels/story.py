"""Histories with a known story, made of nothing but numbers: no training, the same every time.

`simclr` tells one run: it learns at temperature 0.5, goes on at 0.2 from step 620, and loses directions
after the learning rate is doubled at step 1,204. Batch 256 of two views, 128 dimensions: chance is
ln 511 = 6.24, the floor 4.26 and then 1.57.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from vergence.metrics import isotropic
from vergence.record.history import History

CHANCE = math.log(511)
FLOORS = {0.5: 4.2642, 0.2: 1.5662}
UNIFORMITY_FLOOR = -3.93753
BEGAN = 1_700_000_000.0
RATE = 4.6
EDGES = np.linspace(-1, 1, 513)


class Clocked(History):
    """A History whose clock a test sets."""

    now = BEGAN

    def clock(self) -> float:
        return self.now


def smooth(start: float, end: float, t: float) -> float:
    share = min(1.0, max(0.0, (t - start) / (end - start)))
    return share * share * (3 - 2 * share)


def at(t: float) -> dict[str, float]:
    """Means and spreads of cosines, temperature, loss, alignment and uniformity at a step."""
    warm, bad, sharp = 1 - math.exp(-t / 90), smooth(1206, 1470, t), smooth(620, 900, t)
    positive = 0.93 - 0.078 * warm - 0.052 * sharp + 0.06 * bad
    negative = 0.86 * math.exp(-t / 70) + 0.05 * (1 - sharp) * warm + 0.11 * bad
    spread = 0.05 + 0.11 * warm - 0.032 * sharp + 0.072 * bad
    tau = 0.5 if t < 620 else 0.2
    rank = math.exp(math.log(4) + math.log(38 / 4) * warm + math.log(61 / 38) * sharp + math.log(24 / 61) * bad)
    return {
        "positive": positive,
        "positive_spread": 0.05 + 0.03 * warm,
        "negative": negative,
        "negative_spread": spread,
        "tau": tau,
        "push": math.log(math.exp(positive / tau) + 510 * math.exp(negative / tau + spread**2 / (2 * tau**2))),
        "pull": -positive / tau,
        "alignment": 2 * (1 - positive) + 0.16 * smooth(20, 200, t) * (1 - smooth(300, 760, t)),
        "rank": rank,
        "uniformity": max(-3.93, -4 * (1 - negative) + 8.8 / rank * (1 - negative)),
    }


def counts(rng: np.random.Generator, mean: float, spread: float, pairs: int) -> np.ndarray:
    """Counts of a normal sample that is cut at -1 and 1, drawn as one multinomial: quick for many pairs."""
    below = np.asarray([0.5 * math.erf((edge - mean) / (spread * math.sqrt(2))) for edge in EDGES.tolist()])
    shares = np.diff(below)
    return rng.multinomial(pairs, shares / shares.sum()).astype(np.int64)


def quantiles(histogram: np.ndarray) -> np.ndarray:
    below = np.cumsum(histogram) / max(1, histogram.sum())
    shares = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
    return EDGES[np.minimum(np.searchsorted(below, shares), 511)]


def add_similarity(
    history: History, step: int, rng: np.random.Generator, *, place: str = "z", labels: bool = True, views: int = 2,
    moment: float | None = None, state: dict[str, float] | None = None, out: int = 0,
) -> None:  # fmt: skip
    now = state or at(step)
    negative = counts(rng, now["negative"], now["negative_spread"], 57_185)
    alike = counts(rng, min(0.95, now["negative"] + 0.34), 1.2 * now["negative_spread"], 8_095)
    arrays: dict[str, Any] = {"negative": negative + alike, "negative_quantiles": quantiles(negative + alike)}
    meta: dict[str, Any] = {
        "pairs_positive": 0, "pairs_negative": 65_280, "pairs_negative_total": 130_560, "rows": 512 - out,
        "rows_left_out": out, "batch": 256, "dim": 128, "auc": None, "overlap": None, "positive_mean": None,
        "negative_mean": now["negative"], "share_label": 8_095 / 65_280 if labels else None, "views": views,
    }  # fmt: skip
    if labels:
        arrays["false_negative"] = alike
    if views > 1:
        positive = counts(rng, now["positive"], now["positive_spread"], 256)
        arrays |= {"positive": positive, "positive_quantiles": quantiles(positive)}
        meta |= {"pairs_positive": 256, "positive_mean": now["positive"], "auc": 0.998, "overlap": 0.04}
    history.add_frames(step, {f"similarity/{place}": (arrays, meta)}, moment=moment)
    names = [name for name in ("auc", "overlap", "positive_mean", "negative_mean") if meta[name] is not None]
    history.add_scalars(step, {f"similarity/{place}/{name}": meta[name] for name in names}, moment=moment)


@functools.lru_cache
def falling(rank: float, length: int) -> np.ndarray:
    """Singular values that fall evenly in their logarithm and have this effective rank; the tail falls faster."""
    index = np.arange(length)
    low, high = 1e-6, 5.0
    for _ in range(40):
        rate = (low + high) / 2
        values = np.exp(-rate * index - (index / length) ** 12)
        shares = values / values.sum()
        found = math.exp(-(shares * np.log(np.maximum(shares, 1e-300))).sum())
        low, high = (rate, high) if found > rank else (low, rate)
    return values / np.linalg.norm(values)


def add_spectrum(
    history: History, step: int, *, place: str = "z", rank: float | None = None, rows: int = 512, dim: int = 128,
    moment: float | None = None, source: str = "batch", out: int = 0,
) -> None:  # fmt: skip
    """A spectrum as it is measured: the frame, and the scalars of the same step."""
    rank = at(step)["rank"] if rank is None else rank
    even = isotropic(rows, dim)
    singular = falling(round(min(rank, 0.98 * even.rank), 2), min(rows, dim)).astype(np.float32)
    ceilings = {
        "rank": even.rank, "rank_centred": even.rank_centred, "participation": even.participation,
        "stable_rank": even.stable_rank, "correlation": even.correlation, "std": 1.0,
    }  # fmt: skip
    values = {
        "rank": rank, "rank_centred": rank + 1, "participation": 0.6 * rank, "stable_rank": 0.3 * rank, "std": 0.98,
        "correlation": 0.05, "ceiling": even.rank,
    }  # fmt: skip
    meta = {
        "rows": rows, "rows_total": rows + out, "rows_left_out": out, "dim": dim, "source": source, "floor": 3e-7,
        "floor_centred": 3e-7, "ceilings": ceilings,
    }  # fmt: skip
    arrays = {"singular": singular, "singular_centred": singular, "ceiling": even.singular.numpy().astype(np.float32)}
    history.add_scalars(step, {f"spectrum/{place}/{name}": value for name, value in values.items()}, moment=moment)
    history.add_frames(step, {f"spectrum/{place}": (arrays, meta)}, moment=moment)


def simclr(last: int = 1482, *, every: int = 6, labels: bool = True, views: int = 2, total: int = 2000) -> Clocked:
    """The story up to step `last`, measured at every `every`-th step."""
    rng = np.random.default_rng(7)
    history = Clocked({"name": "emoji-simclr-07", "method": "SimCLR, conv 32", "seed": 0, "total_steps": total})
    history.describe(
        loss={"name": "NT-Xent", "variant": "2N anchors", "source": "Chen et al. 2020"},
        loss_words={"chance": "ln 511", "floor": "τ 0.5"}, batch=256, dim=128,
    )  # fmt: skip
    history.add_event("state", 0, moment=BEGAN, state="live")
    changes = {
        620: ("temperature", 0.5, 0.2, "τ 0.5 → 0.2"),
        1204: ("learning_rate", 0.03, 0.06, "lr 0.03 → 0.06"),
    }
    for step in range(1, last + 1):
        moment = BEGAN + step / RATE
        now = at(step)
        if step in changes:
            name, old, new, label = changes[step]
            history.add_event("control", step, moment=moment, name=name, old=old, new=new, label=label, state="applied")
        noise = 0.04 * rng.normal()
        history.add_scalars(step, {"loss": now["push"] + now["pull"] + noise}, moment=moment)
        if step % every and step not in (1, last):
            continue
        terms = {"loss/pull": now["pull"], "loss/push": now["push"] + noise}
        history.add_scalars(step, terms, moment=moment)
        floor = FLOORS[now["tau"]]
        if history.last("loss/floor") != floor:
            history.describe(loss_words={"chance": "ln 511", "floor": f"τ {now['tau']:g}"})
            history.add_scalars(
                step, {"loss/floor": floor} | ({"loss/chance": CHANCE} if step == 1 else {}), moment=moment
            )
        add_similarity(history, step, rng, labels=labels, views=views, moment=moment)
        sphere = {"uniformity": now["uniformity"], "uniformity_floor": UNIFORMITY_FLOOR}
        sphere |= {"alignment": now["alignment"]} if views > 1 else {}
        sphere |= {"tolerance": 0.31} if labels else {}
        history.add_scalars(step, {f"hypersphere/z/{key}": value for key, value in sphere.items()}, moment=moment)
        add_spectrum(history, step, moment=moment)
        add_spectrum(history, step, place="h", rank=1.4 * now["rank"], dim=256, moment=moment)
    history.now = BEGAN + last / RATE + 0.1
    return history


def vicreg(last: int = 600) -> Clocked:
    """A loss without negatives: three terms, collapse at 24.75, no floor."""
    rng = np.random.default_rng(3)
    history = Clocked({"name": "digits-vicreg-01", "method": "VICReg", "total_steps": None})
    history.describe(
        loss={"name": "VICReg", "variant": "", "source": ""},
        loss_words={"chance": "collapse", "floor": "decorrelated"},
        batch=256,
        dim=128,
    )
    history.add_event("state", 0, moment=BEGAN, state="live")
    for step in range(1, last + 1):
        fall = math.exp(-step / 80)
        terms = {
            "loss/invariance": 2.2 + 1.4 * fall + 0.05 * rng.normal(),
            "loss/variance": 9.0 + 15.0 * fall + 0.1 * rng.normal(),
            "loss/covariance": 1.1 - 0.9 * fall + 0.02 * rng.normal(),
        }
        scale = {"loss/chance": 24.75, "loss/floor": 0.0} if step == 1 else {}
        history.add_scalars(step, {"loss": sum(terms.values())} | terms | scale, moment=BEGAN + step / RATE)
        if step % 5 == 0:
            add_similarity(history, step, rng, moment=BEGAN + step / RATE, state=at(step))
    history.now = BEGAN + last / RATE + 0.1
    return history


def own_loop(last: int = 400) -> Clocked:
    """Somebody's own loop: a loss of unknown kind, with a few steps that are not finite and one gap."""
    rng = np.random.default_rng(5)
    history = Clocked({"name": "monitor-01", "method": "own loop", "loss": None, "total_steps": None})
    history.add_event("state", 0, moment=BEGAN, state="live")
    for step in range(1, last + 1):
        if 150 <= step < 190:
            continue
        value = 180 * math.exp(-step / 120) + 20 + 3 * rng.normal()
        bad = 260 <= step < 275
        history.add_scalars(step, {"loss": math.nan if bad else value}, moment=BEGAN + step / RATE)
    history.now = BEGAN + last / RATE + 0.1
    return history
