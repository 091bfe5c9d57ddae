"""A run whose every name is a trap: markup, script, quotes, entities, and plotly's own small markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

import vergence as vg
from vergence.losses import NTXent
from vergence.training.controls import Control

# No full stop and no slash in the first: it is the name of a module and of a folder too.
IMAGE = "<img src=x onerror=\"window['pwned']=1\">"
TRAPS = (
    IMAGE,
    "one</script><script>window.pwned=2</script>",
    "two &lt;b&gt; &amp; &#60;i&#62;",
    "three \"quoted\" 'single' `back`",
    'four <a href="javascript:window.pwned=4">link</a>',
    "five <b>bold</b><br><sub>low</sub>",
    "six <svg onload=window.pwned=6>",
    "seven javascript:window.pwned=7",
)
ITEMS = 64
MODULE = IMAGE
FACTOR = TRAPS[4]
LABEL = TRAPS[5]
CONTROL = TRAPS[6]
MARK = f"A mark that says {TRAPS[1]} and {IMAGE}."
# JupyterLab shows whatever text a notebook's author types; what is under test is ours alone.
FOUND = """
() => ({
    pwned: window.pwned === undefined ? null : window.pwned,
    planted: [...document.querySelectorAll('img[src="x"], svg[onload], a[href^="javascript"], [onerror]')].length,
})
"""


class Encoder(nn.Module):
    """A transformer small enough for a test, with a part that has a wicked name."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = vg.models.ViTEncoder(size=16, patch=4, dim=16, depth=2, heads=2)
        self.add_module(MODULE, nn.Linear(16, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """h."""
        h: torch.Tensor = self.get_submodule(MODULE)(self.vit(x))
        return h


def made(directory: Path | str, *, steps: int = 12, watch: Any = vg.Monitor) -> Any:
    """The run, watched for a few steps with everything a panel could ask for; it is not finished."""
    torch.manual_seed(0)
    labels = torch.arange(ITEMS) % len(TRAPS)
    images = torch.rand(len(TRAPS), 3, 16, 16)[labels] + 0.1 * torch.rand(ITEMS, 3, 16, 16)
    encoder, head = Encoder(), nn.Linear(16, 8)
    optimiser = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.05)
    criterion = NTXent(temperature=0.2)
    monitor = watch(
        encoder,
        reference=(images, {LABEL: labels, FACTOR: labels // 4}),
        projector=head,
        modules=(MODULE,),
        names=[f"{TRAPS[item % len(TRAPS)]} {item}" for item in range(ITEMS)],
        groups=torch.arange(ITEMS) // 2,
        objective=criterion,
        optimiser=optimiser,
        name=IMAGE,
        directory=str(directory),
        every=2,
    )
    entry = dict(monitor.history.static["reference"])
    monitor.history.describe(reference=entry | {"factors": {LABEL: list(TRAPS), FACTOR: list(TRAPS[:2])}})
    held = {"value": 0.5}
    control = Control(name="wicked", label=CONTROL, unit=TRAPS[5], symbol=TRAPS[4])
    monitor.control(control, lambda: held["value"], lambda value: held.update(value=value))
    for step in range(steps):
        x = images[torch.randperm(ITEMS)[:32]]
        views = tuple(x + 0.05 * torch.randn_like(x) for _ in range(2))
        z1, z2 = head(encoder(torch.cat(views))).chunk(2)
        loss = criterion(z1, z2)
        optimiser.zero_grad()
        loss.backward()
        monitor.step(z1, z2, loss=loss, inputs=views)
        optimiser.step()
        if step == steps // 2:
            monitor.history.add_event("mark", step, what="wicked", text=MARK)
            monitor.set(wicked=0.25)
    return monitor
