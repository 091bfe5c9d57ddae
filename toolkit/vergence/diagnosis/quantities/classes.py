"""Of classes: whether they have become points, what of finer ones is left, how the label reads, and their sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence.data.truth import CLASS_SIZE
from vergence.diagnosis.lens import Lens, Quantity, aligned
from vergence.diagnosis.quantities.geometry import newest, without_first
from vergence.record.history import Series

__all__ = ["QUANTITIES", "pulls_classes", "repeated"]

AT_LEAST = 0.4
"""Of the directions that class means could have: less, and the classes have met on a line or in a plane."""
OF_CLASSES = 0.3
"""Spread within classes over that between them: below, what directions there are, are those of the classes."""
READABLE = 0.15
"""Of the way from chance to 1: a factor that is read no better is lost."""
SMALL_PART = 0.3
"""Of the spread within classes. A run that learns classes first and sub-classes later reads more, and rising."""
UNKNOWN = 0.5
LOOKS, ALIKE = 4, 1.25
"""Looks at batches that are compared; and how much more often two samples of one batch may be of one class than two of
all these, where batches hold the same classes."""
BATCHES, BATCHES_HOLD = 8, 20
"""So many batches, and of each class so many items on average, say how large classes are."""


def directions_of_means(lens: Lens, place: str) -> Series | None:
    """Directions that the class means take, over those they could: 1, a simplex; 1 / (classes - 1), a line."""
    series = lens.series(f"neural_collapse/{place}/mean_directions")
    classes = _classes(lens)
    if not len(series) or classes is None:
        return None
    most = float(max(1, classes - 1))
    dim = newest(lens, f"spectrum/{place}").get("dim")
    most = min(most, float(dim)) if isinstance(dim, int) and dim > 0 else most
    return Series(series.steps, series.values / most, series.stride)


def of_classes(lens: Lens, place: str) -> Series | None:
    """1 where the directions that there are, are those in which classes differ; 0 where not, or no classes are known.

    At the steps of the spectrum, for few directions of classes must be told apart from few directions. 1 as well while
    classes are known and it has not yet been looked at since training began.
    """
    series = lens.series(f"spectrum/{place}/rank")
    if not len(series):
        return None
    within = lens.series(f"neural_collapse/{place}/within_over_between")
    means = lens.series(f"neural_collapse/{place}/directions_of_means")
    if not len(within) or not len(means):
        return Series(series.steps, np.zeros(len(series)), series.stride)
    trained = without_first(lens, within)
    if trained is None:
        return Series(series.steps, np.ones(len(series)), series.stride)
    inside = aligned(trained, series.steps, backwards=True) < OF_CLASSES
    apart = aligned(means, series.steps, backwards=True) > AT_LEAST
    known = series.steps >= trained.steps[0]
    if pulls_classes(lens, place):
        inside = np.ones(len(inside), bool)
    return Series(series.steps, (~known | (inside & apart)).astype(float), series.stride)


def pulls_classes(lens: Lens, place: str) -> bool:
    """The loss takes items of a class for positives: hardly anything pushes them apart."""
    even, rate = lens.last(f"false_negatives/{place}/gradient_even"), lens.last(f"false_negatives/{place}/rate")
    return even is not None and rate is not None and even < 0.75 * rate


def finer_lost(lens: Lens, place: str) -> Series | None:
    """1 where a known finer factor says nothing any more, 0 where it does, 0.5 where none is known.

    It says nothing where sub-classes make up no more of the spread within a class than twice what they would by chance;
    or where that part is small and a linear probe reads them hardly better than chance.
    """
    series = lens.series(f"neural_collapse/{place}/within_over_between")
    share = lens.series(f"subclass_variance/{place}/between_share")
    if not len(series):
        return None
    if not len(share):
        return Series(series.steps, np.full(len(series), UNKNOWN), series.stride)
    expected = aligned(lens.series(f"subclass_variance/{place}/expected"), share.steps, backwards=True)
    lost = share.values < 2 * expected
    name = newest(lens, f"subclass_variance/{place}").get("subclasses")
    read, chance = lens.series(f"probes/{place}/{name}/linear"), lens.last(f"probes/chance/{name}")
    if len(read) and chance is not None and chance < 1:
        unread = aligned(read, share.steps, backwards=True) < chance + READABLE * (1 - chance)
        lost |= unread & (share.values < SMALL_PART)
    return Series(share.steps, lost.astype(float), share.stride)


def below_input(lens: Lens, place: str) -> Series | None:
    """By how much, beyond the 95 % interval, the label is read worse from this place than from what it must beat.

    The least of four: linear and kNN probe, against raw input and the untrained model. Above 0 all four say so.
    """
    steps, values = [], []
    for step in lens.history.frames("probes"):
        frame = lens.history.frame("probes", step)
        found = _below(frame.arrays, frame.meta, place, _label(lens))
        if found is not None:
            steps.append(step)
            values.append(found)
    return Series(np.array(steps, np.int64), np.array(values)) if steps else None


def imbalance(lens: Lens, place: str) -> Series | None:
    """A large class over a small one: of the data where the size of each class is known, else of the labels.

    The ninth tenth over the first: one class with two items is no tail. A reference set is often balanced where the
    batches are not: then the labels of the batches say it, all of them so far together.
    """
    del place
    reference, batches = _of_reference(lens), _of_batches(lens)
    if reference is None or batches is None:
        return batches if reference is None else reference
    larger = np.maximum(batches.values, reference.values[-1])
    return Series(np.concatenate([reference.steps, batches.steps]), np.concatenate([reference.values, larger]))


def changed(lens: Lens, place: str) -> Series | None:
    """How much of the batches is of other classes than before, 0 to 1, once they have settled on these. None: too few.

    The largest total variation distance between the classes of the newest looks and those of the first looks, less
    twice what drawing at random brings. 0 where the newest batches differ among themselves as well: those hold few
    classes at a time, and other ones every time.
    """
    del place
    steps, batches = _counts(lens)
    if len(batches) < 2 * LOOKS:
        return None
    so_far, alike = np.cumsum(batches, axis=0), np.nan_to_num([repeated(each) for each in batches])
    found = np.zeros(len(batches))
    for at in range(2 * LOOKS - 1, len(batches)):
        found[at] = _moved(so_far[: at + 1], float(alike[at + 1 - LOOKS : at + 1].mean()))
    return Series(np.array(steps, np.int64), found)


def changed_if_known(lens: Lens, place: str) -> Series | None:
    """`changed`, and 0 as long as there are too few looks."""
    found = changed(lens, place)
    start = Series(np.array([0], np.int64), np.array([0.0]))
    return start if found is None else found


def _moved(so_far: NDArray[np.float64], alike: float) -> float:
    """Of counts that are summed up over looks. alike: how often two samples of one batch are of one class."""
    now = so_far[-1] - so_far[-1 - LOOKS]
    if alike > ALIKE * np.nan_to_num(repeated(now)):
        return 0.0
    firsts = LOOKS * 2 ** np.arange(int(np.log2(len(so_far) / LOOKS)) + 1)
    before = so_far[firsts[firsts <= len(so_far) - LOOKS] - 1]
    total = before.sum(1, keepdims=True)
    both = (now + before) / (now.sum() + total)
    spread = np.sqrt(2 / np.pi * both * (1 - both) * (1 / now.sum() + 1 / total))
    apart = np.abs(now / now.sum() - before / total).sum(1) / 2
    return max(0.0, float((apart - spread.sum(1)).max()))


def _counts(lens: Lens) -> tuple[list[int], NDArray[np.float64]]:
    """How often each class is in a batch, look by look."""
    kind = next((kind for kind in lens.history.frame_kinds() if kind.startswith("similarity/")), "")
    steps, rows = [], []
    for step in lens.history.frames(kind) if kind else ():
        counts = lens.history.frame(kind, step).arrays.get("label_counts")
        if counts is not None and counts.sum() > 1:
            steps.append(step)
            rows.append(counts.astype(np.float64))
    size = max((len(row) for row in rows), default=0)
    return steps, np.array([np.pad(row, (0, size - len(row))) for row in rows])


def repeated(counts: NDArray[np.float64]) -> float:
    """How often two different samples are of one class; NaN where no two are."""
    n = counts.sum()
    return float((counts * (counts - 1)).sum() / (n * (n - 1))) if n > 1 and (counts > 1).any() else np.nan


def _of_batches(lens: Lens) -> Series | None:
    """By step, once the batches so far hold enough of each class."""
    at, batches = _counts(lens)
    steps, values = [], []
    for number, (step, total) in enumerate(zip(at, np.cumsum(batches, axis=0), strict=True)):
        seen = total[: np.flatnonzero(total).max() + 1]
        if number + 1 >= BATCHES and len(seen) > 1 and seen.sum() >= BATCHES_HOLD * len(seen):
            small, large = np.quantile(seen, [0.1, 0.9])
            steps.append(step)
            values.append(large / max(small, 1.0))
    return Series(np.array(steps, np.int64), np.array(values)) if steps else None


def _of_reference(lens: Lens) -> Series | None:
    arrays = lens.history.arrays
    labels, of_item = arrays.get(f"reference/factor/{_label(lens)}"), arrays.get(f"reference/factor/{CLASS_SIZE}")
    if labels is None:
        return None
    classes, sizes = np.unique(labels[labels >= 0], return_counts=True)
    if of_item is not None and len(of_item) == len(labels):
        sizes = np.array([of_item[labels == one][0] for one in classes])
    known = sizes[sizes > 0]
    if len(known) < 2:
        return None
    small, large = np.quantile(known, [0.1, 0.9])
    return Series(np.array([1], np.int64), np.array([float(large / small)]))


def unreadable(lens: Lens, place: str) -> Series | None:
    """1 where neither probe reads the label better than chance and nothing is known of what the input would give.

    So it is for embeddings that are handed over alone: with raw input or an untrained model beside them a share of
    what there was can be told, which says more.
    """
    steps, values = [], []
    label, keys = _label(lens), lens.history.scalar_keys()
    known = any(key.startswith(("probes/raw/", "probes/untrained_")) for key in keys)
    for step in lens.history.frames("probes"):
        frame = lens.history.frame("probes", step)
        factors, places = list(frame.meta.get("factors", ())), list(frame.meta.get("places", ()))
        if label not in factors or place not in places:
            continue
        row, column = factors.index(label), places.index(place)
        read = frame.arrays["accuracy"][row, :2, column] - frame.arrays["half"][row, :2, column]
        steps.append(step)
        values.append(float(not known and bool(np.all(read <= frame.meta["chance"][row]))))
    return Series(np.array(steps, np.int64), np.array(values)) if steps else None


def _below(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], place: str, label: str | None) -> float | None:
    factors, kinds = list(meta.get("factors", ())), list(meta.get("kinds", ()))
    compared = [tuple(pair) for pair in meta.get("compared", ())]
    wanted = [(place, "raw"), (place, f"untrained_{place}")]
    if not factors or "difference" not in arrays or not set(wanted) <= set(compared):
        return None
    row = factors.index(label) if label in factors else 0
    at = np.ix_([row], [kinds.index(kind) for kind in ("linear", "knn")], [compared.index(pair) for pair in wanted])
    less = -arrays["difference"][at] - arrays["difference_half"][at]
    return float(less.min()) if bool(np.isfinite(less).all()) else None


def _label(lens: Lens) -> str | None:
    reference = lens.static("reference", {})
    label = reference.get("label") if isinstance(reference, Mapping) else None
    return None if label is None else str(label)


def _classes(lens: Lens) -> int | None:
    """How many classes of two items or more the reference set has."""
    labels = lens.history.arrays.get(f"reference/factor/{_label(lens)}")
    if labels is None:
        return None
    _, counts = np.unique(labels[labels >= 0], return_counts=True)
    return int((counts >= 2).sum()) or None


QUANTITIES: dict[str, Quantity] = {
    "spectrum/{place}/of_classes": of_classes,
    "neural_collapse/{place}/directions_of_means": directions_of_means,
    "neural_collapse/{place}/finer_lost": finer_lost,
    "probes/{place}/below_input": below_input,
    "probes/{place}/unreadable": unreadable,
    "probes/imbalance": imbalance,
    "batches/classes_changed": changed,
    "batches/changed_for_good": changed_if_known,
}
