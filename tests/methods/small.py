"""Methods on data that they learn within a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import vergence as vg
from vergence.methods import Recipe

METHODS = vg.methods


def easy(n: int = 192, dim: int = 8) -> tuple[Tensor, Tensor]:
    """Four tight clusters, with their labels."""
    generator = torch.Generator().manual_seed(7)
    labels = torch.arange(n) % 4
    centres = 2 * torch.randn(4, dim, generator=generator)
    return centres[labels] + 0.3 * torch.randn(n, dim, generator=generator), labels


def tiny() -> nn.Module:
    return vg.models.MLPEncoder(8, hidden=16, dim=8)


def start(recipe: Recipe, data: Any = None, **more: Any) -> vg.Run:
    """A run that has not begun: inline, on `easy`, unwatched."""
    settings = {"batch": 32, "reference": 0, "save": False, "driver": "inline", "every": 1_000_000}
    return vg.Run(recipe, easy() if data is None else data, **{**settings, **more})


def state(run: vg.Run) -> dict[str, Tensor]:
    """All that a run has learned or remembers: in the model, and in the loss."""
    trainer = run._session.trainer
    found = {f"learner.{name}": value.clone() for name, value in trainer.learner.state_dict().items()}
    if isinstance(trainer.loss, nn.Module):
        found |= {f"loss.{name}": value.clone() for name, value in trainer.loss.state_dict().items()}
    return found


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """Names of what is not the same to the last bit; a centre, say, is not there before the first step."""
    return [
        name
        for name in sorted(one.keys() | other.keys())
        if name not in one or name not in other or not torch.equal(one[name], other[name])
    ]


@dataclass(frozen=True)
class Case:
    """A recipe on vectors of 8 entries.

    exact: nothing in the loss changes in a step, so its parts sum to it afterwards. fall: by how much it falls in 40
    steps, at least. from_step: counted from there (a queue must fill first).
    """

    make: Callable[..., Recipe]
    label: str
    exact: bool = True
    fall: float = 0.05
    from_step: int = 1

    def recipe(self, **more: Any) -> Recipe:
        return self.make(**{"encoder": tiny, "dim": 8, **more})

    def __str__(self) -> str:
        return self.label


def moco_v3(**more: Any) -> Recipe:
    return METHODS.MoCo("v3", **more)


def mochi(**more: Any) -> Recipe:
    return METHODS.MoCHi(**{"n_hard": 16, "n_mix": 8, "n_query_mix": 4, "queue": 64, **more})


CASES = [
    Case(METHODS.SimCLR, "SimCLR"),
    Case(METHODS.FeatureTransformation, "Feature transformation"),
    Case(METHODS.VICReg, "VICReg"),
    Case(METHODS.BarlowTwins, "Barlow Twins", fall=0.5),
    Case(METHODS.WMSE, "W-MSE"),
    Case(lambda **more: METHODS.WMSE(size=16, **more), "W-MSE in parts"),
    Case(lambda **more: METHODS.LeJEPA(slices=8, **more), "LeJEPA"),
    Case(lambda **more: METHODS.LeJEPA(slices=8, count=3, **more), "LeJEPA, 3 views"),
    Case(METHODS.SupCon, "SupCon"),
    Case(lambda **more: METHODS.MoCo(queue=64, **more), "MoCo v2", from_step=3),
    Case(moco_v3, "MoCo v3"),
    Case(mochi, "MoCHi", from_step=3),
    Case(lambda **more: METHODS.CARE(group=8, **more), "CARE"),
    Case(METHODS.BYOL, "BYOL"),
    Case(METHODS.SimSiam, "SimSiam"),
    Case(lambda **more: METHODS.SimSiam("direct", **more), "SimSiam, direct"),
    Case(lambda **more: METHODS.SimSiam("linear", **more), "SimSiam, linear"),
    Case(lambda **more: METHODS.SwAV(prototypes=12, **more), "SwAV", exact=False),
    Case(lambda **more: METHODS.DINO(classes=24, **more), "DINO", exact=False),
    Case(lambda **more: METHODS.MCL(stage_steps=3, clusters=4, **more), "MCL"),
    Case(lambda **more: METHODS.AMCL(heads=2, **more), "AMCL", exact=False),
    Case(lambda **more: METHODS.CLIP(learned=False, **more), "CLIP"),
]
