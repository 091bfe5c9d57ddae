"""No gradient: backward does not reach a part that should learn."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="no gradient",
    severity="warning",
    says=(
        "No gradient comes to {wiring/parts_without}, {wiring/without_gradient:.0%} of the parts of your model: what "
        "the loss is made of does not pass through there. The gradient of the whole has a length of "
        "{updates/model/gradient}."
    ),
    signs=(
        Sign("wiring/without_gradient", "share of the parts to which no gradient comes", healthy=(0.0, 0.0), above=0.0),
    ),
    also=(Sign("updates/model/gradient", "length of the whole gradient", healthy=(0.0, None), below=1e-12),),
    apart=(
        Apart(
            "not finite",
            Sign("wiring/skipped", "share of steps without a finite loss", healthy=(0.0, 0.0), below=0.5),
        ),
    ),
    remedies=(
        Remedy("Look at the graph from the loss backwards: detach(), no_grad(), .item(), .numpy(), argmax cut it."),
        Remedy("Check that the loss is called with what this part makes, and not with what goes into it."),
        Remedy("Hand the step over between loss.backward() and optimiser.zero_grad()."),
    ),
    source="No threshold: a gradient is there or it is not.",
    hold=3,
    from_step=10,
    from_share=0.05,
    explains=("loss at chance",),
    notebook="00_start_here.ipynb",
)
