"""Loops of somebody's own, watched by a Monitor, each with a mistake that the lab cannot put into a Run.

`Loop` is a sound one: encoder, head, NT-Xent written out, Adam. A mistake overrides one part of a step; `wrong` says
whether its first step has come.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from bench.faulty import methods, sources
from bench.faulty.case import HEALTHY, Case
from vergence import Monitor, lab, losses, models
from vergence.record import History
from vergence.training.randomness import OwnRandomness, generator

__all__ = ["LOOPS", "UNKNOWN", "Loop", "plain"]

UNKNOWN = "own loop without objective"
"""The Monitor is not told which loss it is; of all others it is handed the like of `vergence.losses`."""
REFERENCE = 256


def plain(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """NT-Xent as people write it."""
    z = torch.cat([z1, z2])
    scores = z @ z.T / temperature
    scores.fill_diagonal_(float("-inf"))
    n = len(z1)
    return cross_entropy(scores, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


class Loop:
    """A sound loop; each method is a part of a step that a mistake may override."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.temperature = case.temperature or 0.2
        self.source = sources.source(case.data, case.seed)
        self.views = methods.recipe("SimCLR", case.dim, None, sources.views_of(case.data)).views_on(self.source)
        self.draws = generator(case.seed, "own loop")
        self.wrong = False
        with OwnRandomness(generator(case.seed, "model")):
            self.encoder, self.head = self.models()
            self.rate = 1e-3
            self.optimiser = torch.optim.Adam(self.learned(), lr=self.rate)
        items, labels = self.source.reference(REFERENCE)
        about = self.source.about_reference(REFERENCE) if hasattr(self.source, "about_reference") else {}
        factors = {} if labels is None else {about.get("label", "class"): labels}
        self.monitor = Monitor(
            self.watched(),
            reference=(items, factors | about.get("factors", {})) if factors or about.get("factors") else items,
            projector=None if self.watched() is not self.encoder else self.head,
            objective=self.objective(),
            optimiser=self.optimiser,
            steps=case.steps,
            save=False,
            every=case.every,
            name=f"{self.source.name}-own-loop",
        )
        self.monitor.observer.diagnosing.rules = ()  # asked afterwards, of the record

    def objective(self) -> Any:
        """What the Monitor is told the loss is."""
        return None if self.case.method == UNKNOWN else losses.NTXent(temperature=self.temperature)

    def models(self) -> tuple[nn.Module, nn.Module]:
        """Encoder and head."""
        shape = self.source.item_shape
        made: nn.Module = models.ConvEncoder(channels=shape[0]) if len(shape) == 3 else models.MLPEncoder(shape[0])
        return made, models.Projector(128, hidden=256, out_dim=self.case.dim)

    def watched(self) -> nn.Module:
        """What the Monitor embeds the reference with."""
        return self.encoder

    def learned(self) -> list[nn.Parameter]:
        """What the optimiser is given."""
        return [*self.encoder.parameters(), *self.head.parameters()]

    def index(self) -> Tensor:
        """A batch."""
        return torch.randperm(len(self.source), generator=self.draws)[: self.case.batch]

    def inputs(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Two views of a batch, and its labels."""
        index = self.index()
        first, second = self.source.pair(index, self.draws)
        return self.views(first, self.draws), self.views(second, self.draws), self.source.label_of(index)

    def embed(self, x1: Tensor, x2: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """h and z of both views."""
        h1, h2 = self.encoder(torch.cat([x1, x2])).chunk(2)
        z1, z2 = self.head(torch.cat([h1, h2])).chunk(2)
        return (h1, h2), (z1, z2)

    def loss(self, z1: Tensor, z2: Tensor) -> Tensor:
        """Of the embeddings."""
        return plain(normalize(z1), normalize(z2), self.temperature)

    def backward(self, loss: Tensor) -> None:
        """Gradients."""
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]

    def after(self) -> None:
        """After the optimiser's step."""

    def train(self) -> History:
        """All steps."""
        with OwnRandomness(generator(self.case.seed, "inside")):
            for step in range(1, self.case.steps + 1):
                self.wrong = self.case.fault != HEALTHY and step >= self.case.at
                x1, x2, labels = self.inputs()
                h, z = self.embed(x1, x2)
                loss = self.loss(*z)
                self.backward(loss)
                self.monitor.step(*z, h=h, loss=loss, labels=labels, inputs=(x1, x2))
                self.optimiser.step()
                self.after()
        self.monitor.close()
        return self.monitor.history


class NoNormalisation(Loop):
    """Dot products in place of cosines."""

    def loss(self, z1: Tensor, z2: Tensor) -> Tensor:
        return plain(z1, z2, self.temperature) if self.wrong else super().loss(z1, z2)


class ShuffledPairs(Loop):
    """The second view of a batch comes in another order."""

    def inputs(self) -> tuple[Tensor, Tensor, Tensor | None]:
        x1, x2, labels = super().inputs()
        return x1, lab.shuffled(x2, generator=self.draws) if self.wrong else x2, labels


class SomeShuffled(Loop):
    """A third of the pairs are none."""

    def inputs(self) -> tuple[Tensor, Tensor, Tensor | None]:
        x1, x2, labels = super().inputs()
        return x1, lab.shuffled(x2, 0.33, self.draws) if self.wrong else x2, labels


class Detached(Loop):
    """The second view's embedding is detached."""

    def embed(self, x1: Tensor, x2: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        h, (z1, z2) = super().embed(x1, x2)
        return h, (z1, z2.detach() if self.wrong else z2)


class Inverted(Loop):
    """Times the temperature."""

    def loss(self, z1: Tensor, z2: Tensor) -> Tensor:
        return plain(normalize(z1), normalize(z2), 1 / self.temperature) if self.wrong else super().loss(z1, z2)


class SameView(Loop):
    """`x, x` in place of two views."""

    def inputs(self) -> tuple[Tensor, Tensor, Tensor | None]:
        x1, x2, labels = super().inputs()
        return x1, x1 if self.wrong else x2, labels


class EvalMode(Loop):
    """`model.eval()` was called for an evaluation, and `model.train()` never again."""

    def inputs(self) -> tuple[Tensor, Tensor, Tensor | None]:
        self.encoder.train(not self.wrong)
        self.head.train(not self.wrong)
        return super().inputs()


class NoBackward(Loop):
    """`loss.backward()` was forgotten."""

    def backward(self, loss: Tensor) -> None:
        if not self.wrong:
            return super().backward(loss)
        self.optimiser.zero_grad()
        return None


class AnotherModel(Loop):
    """The optimiser was given the parameters of a copy."""

    def learned(self) -> list[nn.Parameter]:
        pair = nn.ModuleList([self.encoder, self.head])
        return list((copy.deepcopy(pair) if self.case.fault != HEALTHY else pair).parameters())


class Frozen(Loop):
    """`torch.no_grad()` around the encoder."""

    def embed(self, x1: Tensor, x2: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        if not self.wrong:
            return super().embed(x1, x2)
        with torch.no_grad():
            h1, h2 = self.encoder(torch.cat([x1, x2])).chunk(2)
        z1, z2 = self.head(torch.cat([h1, h2])).chunk(2)
        return (h1, h2), (z1, z2)


class Cone(Loop):
    """Something is added to every embedding: all lie around one direction."""

    def embed(self, x1: Tensor, x2: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        h, (z1, z2) = super().embed(x1, x2)
        if not self.wrong:
            return h, (z1, z2)
        offset = torch.zeros(z1.shape[1])
        offset[0] = 2.0
        return h, (normalize(z1) + offset, normalize(z2) + offset)


class Growing(Loop):
    """The sign of the weight decay is wrong: weights grow, which cosines do not notice."""

    def after(self) -> None:
        if self.wrong:
            with torch.no_grad():
                for value in self.head.parameters():
                    value.mul_(1.03)


class Forgetting(Loop):
    """First some classes alone, then the others alone."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        labels = self.source.labels
        early = labels < int(labels.max()) / 2
        self.parts = torch.nonzero(early).flatten(), torch.nonzero(~early).flatten()

    def index(self) -> Tensor:
        if self.case.fault == HEALTHY:
            return super().index()
        part = self.parts[int(self.wrong)]
        return part[torch.randperm(len(part), generator=self.draws)[: self.case.batch]]


class Gap(Loop):
    """Two encoders, whose rows lie around two points and stay there: a fixed offset for each kind."""

    def models(self) -> tuple[nn.Module, nn.Module]:
        self.second, self.second_head = super().models()
        return super().models()

    def learned(self) -> list[nn.Parameter]:
        return [*super().learned(), *self.second.parameters(), *self.second_head.parameters()]

    def objective(self) -> Any:
        return losses.CLIP(temperature=self.temperature, learned=False)

    def loss(self, z1: Tensor, z2: Tensor) -> Tensor:
        scores = normalize(z1) @ normalize(z2).T / self.temperature
        here = torch.arange(len(z1))
        return (cross_entropy(scores, here) + cross_entropy(scores.T, here)) / 2

    def embed(self, x1: Tensor, x2: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        h1, h2 = self.encoder(x1), self.second(x2)
        z1, z2 = normalize(self.head(h1)), normalize(self.second_head(h2))
        if not self.wrong:
            return (h1, h2), (z1, z2)
        offset = torch.zeros(z1.shape[1])
        offset[0] = 1.0
        return (h1, h2), (z1 + offset, z2 - offset)


LOOPS: dict[str, type[Loop]] = {
    "own: missing normalisation": NoNormalisation,
    "own: shuffled pairs": ShuffledPairs,
    "own: some pairs shuffled": SomeShuffled,
    "own: detached branch": Detached,
    "own: temperature inverted": Inverted,
    "own: same view twice": SameView,
    "own: eval mode": EvalMode,
    "own: no backward": NoBackward,
    "own: another model in the optimiser": AnotherModel,
    "own: frozen encoder": Frozen,
    "own: cone": Cone,
    "own: weights grow": Growing,
    "own: forgetting": Forgetting,
    "own: modality gap": Gap,
}
"""By name of the fault. That of two kinds of item needs paired data."""
