"""SupCon as equations 2 and 3 of Khosla et al. 2020 (arXiv:2004.11362) have it, and the decoupled softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from tests.reference.cosine import cosine


def sup_con(views: Sequence[Tensor], labels: Sequence[int], temperature: float, form: str = "outside") -> float:
    """Loops over anchors and positives; anchors without a positive are passed over."""
    z = [row for view in views for row in view.double().tolist()]
    # Not labelled: a class of its own, which the views of the sample share.
    known = [label if label >= 0 else f"sample {place}" for place, label in enumerate(labels)] * len(views)
    of_anchors = []
    for i, anchor in enumerate(z):
        e = [math.exp(cosine(anchor, other) / temperature) for other in z]
        everybody = [j for j in range(len(z)) if j != i]
        positives = [j for j in everybody if known[j] == known[i]]
        negatives = [j for j in everybody if known[j] != known[i]]
        if not positives:
            continue
        total = math.fsum(e[j] for j in everybody)
        if form == "outside":
            of_anchors.append(-math.fsum(math.log(e[p] / total) for p in positives) / len(positives))
        elif form == "inside":
            of_anchors.append(-math.log(math.fsum(e[p] / total for p in positives) / len(positives)))
        else:
            against = math.fsum(e[n] for n in negatives)
            of_anchors.append(-math.fsum(math.log(e[p] / (e[p] + against)) for p in positives) / len(positives))
    return math.fsum(of_anchors) / len(of_anchors)
