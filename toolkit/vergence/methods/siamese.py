"""Learners whose targets come from the same items: from a slow copy of the network, or from the network itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vergence.losses import Loss
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.models import DirectPredictor, Teacher

__all__ = ["Branch", "Siamese", "Taught"]


class Branch(nn.Module):
    """Encoder, projector and what stands behind it, in a row: items to (h, z, out)."""

    def __init__(self, encoder: nn.Module, projector: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.encoder, self.projector, self.last = encoder, projector, last

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """h, z, and what the last part makes of z."""
        h = self.encoder(x)
        z = self.projector(h)
        return h, z, self.last(z)


class Taught(Learner):
    """A learner with a teacher: a copy whose weights follow it slowly, and which no gradient reaches.

    momentum: m of the teacher, the control `ema`. steps: length of its schedule, see `models.Teacher`.
    last: what stands behind the projector and has a copy in the teacher as well, such as classes; None: nothing.
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        last: nn.Module | None = None,
        *,
        momentum: float,
        steps: int | None = None,
        together: bool = False,
    ) -> None:
        super().__init__(encoder, projector, together=together)
        self.last = nn.Identity() if last is None else last
        self.teacher = Teacher(self.student(), momentum, steps)

    def student(self) -> Branch:
        """What the teacher is a copy of, and follows."""
        return Branch(self.encoder, self.projector, self.last)

    def taught(self, views: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What the teacher makes of each view: h, z, and what is behind it."""
        if self.together:
            h, z, out = self.teacher(torch.cat(list(views)))
            rows = len(views[0])
            return h.split(rows), z.split(rows), out.split(rows)
        every = [self.teacher(view) for view in views]
        return tuple(h for h, _, _ in every), tuple(z for _, z, _ in every), tuple(out for _, _, out in every)

    def updated(self, outputs: Outputs, batch: Batch) -> None:
        """The teacher follows."""
        del outputs
        self.teacher.follow(self.student(), batch.step - 1)

    def settings(self) -> dict[str, float]:
        """`ema`: the teacher's momentum."""
        return {"ema": self.teacher.momentum}

    def set(self, name: str, value: float | str) -> None:
        """`ema`, from 0 to 1, or a switch. Raises UnknownName, ArgumentError."""
        if name != "ema" or isinstance(value, str):
            super().set(name, value)
            return
        self.teacher.momentum = value


class Siamese(Learner):
    """Each view predicts the embedding of the others: targets are the learner's own embeddings.

    predictor: turns an embedding into a guess; None: the embedding itself is the guess. Switches: `predictor`, where
    there is one, and `stop_gradient`: off, the gradient goes through the targets too.
    """

    def __init__(
        self, encoder: nn.Module, projector: nn.Module, predictor: nn.Module | None, *, together: bool = False
    ) -> None:
        super().__init__(encoder, projector, together=together)
        self.predictor = predictor
        if predictor is not None:
            self.switches["predictor"] = True
        self._loss: tuple[Loss, ...] = ()

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """Guesses for the loss, embeddings as their targets."""
        del batch
        h, z = self.represent(views)
        if self.predictor is None or not self.switches["predictor"]:
            return Outputs(h, z, z, {"targets": z})
        return Outputs(h, z, tuple(self.predictor(view) for view in z), {"targets": z})

    def updated(self, outputs: Outputs, batch: Batch) -> None:
        """A predictor that is computed follows the embeddings."""
        del batch
        if isinstance(self.predictor, DirectPredictor):
            self.predictor.follow(*outputs.z)

    def joined(self, loss: Loss) -> None:
        """The loss is where the gradient is stopped."""
        self._loss = (loss,)  # in a tuple: as an attribute of its own it would count as a part of the learner
        if hasattr(loss, "stop_gradient"):
            self.switches["stop_gradient"] = bool(loss.stop_gradient)

    def set(self, name: str, value: float | str) -> None:
        """Turn a switch "on" or "off". Raises UnknownName."""
        super().set(name, value)
        for loss in self._loss if name == "stop_gradient" else ():
            loss.stop_gradient = self.switches[name]  # type: ignore[attr-defined]
