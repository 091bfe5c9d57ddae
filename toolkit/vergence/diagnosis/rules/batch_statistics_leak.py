"""Batch statistics leak: partners are told by the statistics that they were normalised with."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="batch statistics leak",
    severity="failure",
    says=(
        "Partners find each other in the step (AUC {at_rest/{place}/step_auc}) and not at rest "
        "({at_rest/{place}/auc}): the model tells them by what BatchNorm knows of the batch, not by their content."
    ),
    signs=(
        Sign(
            "at_rest/{place}/misordered",
            "pairs in the wrong order at rest, over those in the step",
            healthy=(0.5, 1.3),
            above=2.0,
            last=5,
        ),
    ),
    remedies=(
        Remedy("Shuffle the batch over devices before the key encoder, as MoCo does, or use SyncBatchNorm."),
        Remedy("Let both views of a sample be normalised in different groups, or use LayerNorm or GroupNorm."),
    ),
    source=(
        "He et al. 2020, arXiv:1911.05722, section 3.3, where shuffling BatchNorm is proposed. The same 64 pairs are "
        "embedded twice; healthy runs of sixteen methods read 0.6 to 1.4 in the median of five looks, leaks 2.2 to 5. "
        "In the first 20 steps running statistics lag behind, and sound runs read up to 2.9."
    ),
    hold=3,
    from_step=40,
    from_share=0.05,
    explains=(
        "loss at chance",
        "complete collapse",
        "norm explosion",
    ),
    notebook="01_two_views_and_a_loss.ipynb",
)
