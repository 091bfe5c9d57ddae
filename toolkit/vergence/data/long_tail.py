"""Classes of very different size: a few large ones and a long tail of small ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vergence import errors
from vergence.data.known import check_amount, check_seed
from vergence.data.truth import CLASS_SIZE, Truth
from vergence.data.wrapped import Wrapped

__all__ = ["LongTail", "long_tail"]

CHUNK = 256


def long_tail(source: Any, imbalance: float = 100.0, *, seed: int = 0) -> LongTail:
    r"""`source` with samples taken away, so that its classes fall off exponentially.

        made = vg.data.long_tail(vg.data.digits(), imbalance=20)
        made.truth.knobs["realised"]            largest over smallest class, as it came out

    With C classes in order of their size (of equal ones, in order of their ids), class r = 0 .. C - 1 keeps

        n_r = n_0 * imbalance^(-r / (C - 1))

    samples drawn at random, rounded, and n_0 is the largest number for which every class has enough. Classes are
    learned the worse the rarer they are; an imbalance of 1 makes all equally large, which is the control.

    source: a source with labels, or anything that `vg.data.source` takes, with labels. Samples without one (-1) are
        left out. Of a Dataset that does not list its labels every item is read for it.
    imbalance: largest class over smallest, 1 or above.
    seed: of which samples stay.

    The reference set stays as it was: held out and balanced where the source has such a part.

    Raises ArgumentError for an imbalance below 1 or so large that a class would vanish (it says how much is possible),
    and for data without labels or with one class; and what `vg.data.source` raises.
    Source: the profile of Cui et al. 2019, arXiv:1901.05555, CIFAR-LT.
    """
    return LongTail(source, imbalance=imbalance, seed=seed)


class LongTail(Wrapped):
    """See `long_tail`. Beside what the source inside has:

    kept: (samples,), the index of each sample in the source inside, ascending.
    sizes: how many samples each label id has.
    truth: the knobs, "realised" among them; the factor "class size" is that of each sample's class.
    """

    def __init__(self, source: Any, *, imbalance: float = 100.0, seed: int = 0) -> None:
        imbalance = check_amount(
            "long_tail", "imbalance", imbalance, "the largest class over the smallest, for example 100", least=1.0
        )
        seed = check_seed("long_tail", seed)
        super().__init__(source, "longtail")
        labels = _every_label(self)
        self.kept = _kept(labels, imbalance, seed)
        self._labels = labels[self.kept]
        there, numbers = torch.unique(self._labels, return_counts=True)
        self.sizes: dict[int, int] = dict(zip(there.tolist(), numbers.tolist(), strict=True))
        mask = torch.zeros(len(labels), dtype=torch.bool)
        mask[self.kept] = True
        super().only(mask)
        before = self.truth_inside()
        realised = max(self.sizes.values()) / min(self.sizes.values())
        self.truth = Truth(
            knobs={"imbalance": imbalance, "realised": realised, "samples": len(self.kept)},
            factors={CLASS_SIZE: torch.tensor([self.sizes[label] for label in self._labels.tolist()])},
        ).added_to(None if before is None else before.of_chosen(self.kept))

    def __len__(self) -> int:
        return len(self.kept)

    def only(self, kept: Tensor) -> None:
        """Partners are chosen among the samples of the source inside that `kept` ones are."""
        inside = torch.zeros(len(self.inside), dtype=torch.bool)
        inside[self.kept[kept]] = True
        super().only(inside)

    @property
    def labels(self) -> Tensor:
        """(samples,) integers."""
        return self._labels

    @property
    def seconds(self) -> Tensor:
        """Every item of the second kind, of pairs of two kinds."""
        rows: Tensor = self.inside.seconds  # type: ignore[attr-defined]
        return rows[self.kept]

    def pair(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Two items for each sample that stayed."""
        return self.inside.pair(self.kept[self.check_index(index)], generator)

    def label_of(self, index: Tensor) -> Tensor:
        """The labels of the samples."""
        return self._labels[self.check_index(index)]

    def positives_of(self, index: Tensor) -> Tensor | None:
        """Group ids (batch,), -1 for none, where samples of a batch may belong together; else None."""
        find = getattr(self.inside, "positives_of", None)
        found: Tensor | None = None if find is None else find(self.kept[self.check_index(index)])
        return found


def _every_label(given: LongTail) -> Tensor:
    """The labels of every sample inside, read item by item where the source does not list them."""
    listed = given.inside.labels
    if listed is not None:
        return listed.cpu()
    found = [given.inside.label_of(index) for index in torch.split(torch.arange(len(given.inside)), CHUNK)]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found):
        raise errors.ArgumentError(
            f"long_tail: {given.inside.name} has no labels, and classes are what it makes unequal. Hand over both: "
            "long_tail((x, labels))."
        )
    return torch.cat(parts).cpu()


def _kept(labels: Tensor, imbalance: float, seed: int) -> Tensor:
    """The samples that stay, ascending."""
    ids, there = torch.unique(labels[labels >= 0], return_counts=True)
    if len(ids) < 2:
        raise errors.ArgumentError(
            f"long_tail: there {'is 1 class' if len(ids) == 1 else 'are no classes'} among {len(labels)} samples. At "
            "least 2 are needed to be of different size."
        )
    order = torch.argsort(there, descending=True, stable=True)
    share = imbalance ** (-torch.arange(len(ids), dtype=torch.float64) / (len(ids) - 1))
    # Class r may have at most there[r]; the largest n_0 for which n_0 share[r] fits every class.
    first = float((there[order] / share).min())
    if first / imbalance < 1:
        # Class r binds where there[r] imbalance^(r / (C - 1) - 1) falls to 1; the last class never does.
        rank = torch.arange(len(ids) - 1, dtype=torch.float64)
        most = float((there[order][:-1].double() ** ((len(ids) - 1) / (len(ids) - 1 - rank))).min())
        raise errors.ArgumentError(
            f"long_tail: with imbalance {imbalance:g} the largest class has {int(first)} samples, so the smallest "
            f"would have none. At most {int(most)} is possible here."
        )
    sizes = (first * share + 1e-9).round().long().clamp(max=there[order])
    own = torch.Generator().manual_seed(seed)
    parts = []
    for place, size in zip(order.tolist(), sizes.tolist(), strict=True):
        members = torch.nonzero(labels == ids[place]).flatten()
        parts.append(members[torch.randperm(len(members), generator=own)[:size]])
    return torch.cat(parts).sort().values
