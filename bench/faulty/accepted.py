"""What a fault may be called: the finding that names it first, and what it brings with it.

A fault is *named* when the first finding of a diagnosis is one of `NAMES[fault][0]`. The second tuple are effects that
are true as well (a temperature twenty times too high leaves the loss at chance): they are counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HARMLESS", "NAMES", "accepted"]

COLLAPSED = ("complete collapse", "slow collapse")
NOTHING = ("loss at chance",)
SHORTCUT = ("shortcut", "suspected shortcut", "feature suppression")

NAMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # of the lab
    "no stop-gradient": ((*COLLAPSED, "dimensional collapse"), ("no gradient",)),
    # The loss passes a predictor by, which then gets no gradient: that names the cause.
    "no predictor": ((*COLLAPSED, "no gradient"), ("dimensional collapse",)),
    "detached branch": (("detached branch",), ()),
    "frozen teacher": (("frozen teacher",), ()),
    "instant teacher": (("instant teacher",), COLLAPSED),
    "batch statistics leak": (("batch statistics leak",), ("shortcut",)),
    "trains in eval mode": (("trains in eval mode",), ()),
    "evaluated in train mode": (("evaluated in train mode",), ()),
    "shuffled pairs": (("unpaired positives",), (*NOTHING, *COLLAPSED)),
    "noisy positives": (("noisy positives",), ()),
    "positives of other classes": (("noisy positives",), ()),
    "same view twice": (("identical views",), ("views too weak",)),
    "views too strong": (("views too strong",), ()),
    "views too weak": (("views too weak",), ("identical views",)),
    "duplicates in the data": (("near duplicates",), ("false negatives",)),
    "NaN in the inputs": (("not finite",), ()),
    "shared bits": (SHORTCUT, ()),
    "false negatives": (("false negatives",), ()),
    "temperature too low": (("temperature too low",), ()),
    "temperature too high": (("temperature too high",), NOTHING),
    "temperature inverted": (("temperature inverted",), ("temperature too high", *NOTHING)),
    "missing normalisation": (("unnormalised embeddings",), ("norm explosion",)),
    "no covariance term": (("dimensional collapse",), ()),
    "no variance term": (COLLAPSED, ("dimensional collapse",)),
    "no Sinkhorn": (("prototype collapse",), COLLAPSED),
    "no centring": (("teacher one-hot", "prototype collapse"), COLLAPSED),
    "NaN in the loss": (("not finite",), ()),
    "frozen encoder": (("frozen encoder",), ()),
    "only the head in the optimiser": (("wrong parameters", "frozen encoder"), ()),
    "another model in the optimiser": (("wrong parameters",), NOTHING),
    "learning rate zero": (("learning rate zero",), NOTHING),
    "learning rate too high": (("learning rate too high",), ("not finite", "norm explosion", *COLLAPSED)),
    # as a run was set up
    "coarse labels": (("class collapse",), ("feature suppression",)),
    "bits in the data": (SHORTCUT, ()),
    "imbalanced classes": (("long tail",), ()),
    "copies in the data": (("near duplicates",), ("false negatives",)),
    "alignment alone": (COLLAPSED, ("dimensional collapse",)),
    "views drown half of the axes": (("dimensional collapse",), ("feature suppression", "views too strong")),
    # in loops of one's own
    "own: missing normalisation": (("unnormalised embeddings",), ("norm explosion",)),
    "own: shuffled pairs": (("unpaired positives",), (*NOTHING, *COLLAPSED)),
    "own: some pairs shuffled": (("noisy positives",), ()),
    "own: detached branch": (("detached branch",), ()),
    "own: temperature inverted": (("temperature inverted",), ("temperature too high", *NOTHING)),
    "own: same view twice": (("identical views",), ("views too weak",)),
    "own: eval mode": (("trains in eval mode",), ()),
    "own: no backward": (("no gradient",), ()),
    "own: another model in the optimiser": (("wrong parameters",), NOTHING),
    "own: frozen encoder": (("frozen encoder",), ()),
    "own: cone": (("cone",), ()),
    "own: weights grow": (("norm explosion",), ()),
    "own: forgetting": (("drift",), ()),
    "own: modality gap": (("modality gap",), ("cone",)),
    "own: dead heads": (("dead attention heads",), ()),
    "own: attention sink": (("attention sink",), ()),
}
HARMLESS: Mapping[str, str] = {
    "detached branch": "a loss that treats both views alike loses half of its gradient and nothing else",
    "own: detached branch": "half of the gradient is lost, and nothing else",
    "no stop-gradient": "with BatchNorm at the end of the head the spread holds, and a few directions are lost",
    "no predictor": "with BatchNorm in the head the spread shrinks slowly, and the classes stay readable",
    "frozen teacher": "a fixed random teacher still gives targets",
    "evaluated in train mode": "training is untouched; what is read off the reference set is wrong",
}
"""Faults that do little harm to what is learned, and why; they count like all others, and are said apart."""


def accepted(fault: str) -> tuple[str, ...]:
    """Every name that is true of it, those that name it first."""
    first, also = NAMES[fault]
    return (*first, *also)
