"""Session: one life of a Run, from its first weights to a reset: trainer, record, controls, observer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from vergence.data import Source
from vergence.methods import Learner, Recipe
from vergence.record.history import History
from vergence.record.store import Store
from vergence.training import controls as knobs
from vergence.training import saving
from vergence.training.budget import Budget
from vergence.training.controls import Controls
from vergence.training.measures.parts import Called
from vergence.training.observer import Observer
from vergence.training.reference import Reference
from vergence.training.seldom import Wanted
from vergence.training.steering import Steering
from vergence.training.trainer import Taken, Trainer

__all__ = ["Session"]


class Session:
    """What a reset replaces. Arguments as in `Run`."""

    def __init__(
        self,
        method: Recipe,
        source: Source,
        *,
        seed: int,
        batch: int,
        name: str | None,
        directory: Path,
        budget: Budget,
        reference: int,
        modules: Sequence[str],
        device: torch.device,
        measures: Wanted = "default",
    ) -> None:
        self.trainer = Trainer(method, source, seed=seed, batch=batch, device=device)
        self.history = History()
        self.controls = Controls()
        self.steering = Steering(self.history, self.controls)
        self.steering.after_pause = budget.rest
        self.store: Store | None = None
        self.observer = Observer(
            self.history,
            objective=self.trainer.loss,
            model=self.trainer.learner,
            reference=_reference(self.trainer.learner, source, reference, modules) if reference else None,
            budget=budget,
            optimiser=self.trainer.optimiser,
            measures=measures,
            seed=seed,
        )
        self.observer.outside.append(self.writing_seconds)
        self._add_controls()
        loss, names = self.trainer.loss, source.label_names
        stem = f"{source.name}-{method.name.lower()}"
        self.history.describe(
            **saving.surroundings(),
            name=name or saving.name_of(stem, directory),
            method=f"{method.name}, {type(self.trainer.learner.encoder).__name__}",
            loss={"name": loss.name, "variant": loss.variant, "source": loss.source},
            data=source.name,
            seed=seed,
            batch=self.trainer.batch,
            total_steps=None,
            budget=budget.share,
            label_names=None if names is None else list(names),
            controls=self.controls.described(),
        )

    def _add_controls(self) -> None:
        trainer = self.trainer
        views, source = trainer.views, trainer.source
        self.controls.add_learning_rate(trainer.optimiser)
        self.controls.add_loss(trainer.loss)
        self.controls.add_learner(trainer.learner)
        if hasattr(views, "strength"):
            control = knobs.strength(views.strength)
            self.controls.add(control, lambda: views.strength, lambda value: setattr(views, "strength", value))
        if len(source.kinds_of_positives) > 1:
            control = knobs.positives(tuple(source.kinds_of_positives), source.positives)
            self.controls.add(control, lambda: source.positives, source.set_positives)

    @property
    def directory(self) -> Path | None:
        """The run directory, once there is one."""
        return None if self.store is None else self.store.directory

    def writing_seconds(self) -> float:
        """What the thread that writes the run directory has taken so far."""
        return 0.0 if self.store is None else self.store.seconds

    def watched_like(self, before: Session) -> None:
        """After a reset: the cockpits that watched the session before watch this one."""
        self.steering.may_not_pause = before.steering.may_not_pause
        self.observer.outside.extend(spent for spent in before.observer.outside if spent != before.writing_seconds)

    def save(self, directory: Path, cap_bytes: int) -> None:
        """Begin to write a run directory, unless that has begun."""
        if self.store is not None:
            return
        store = saving.start_saving(
            self.history, self.steering.mailbox, save=True, directory=directory, cap_bytes=cap_bytes
        )
        self.store = store

    def record(self, taken: Taken, step: int) -> None:
        """Measure and record what a training step handed on."""
        self.observer.observe(
            taken.z,
            step=step,
            h=taken.h,
            loss=taken.loss,
            labels=taken.labels,
            positives=taken.positives,
            inputs=taken.inputs,
            called=Called(taken.given, taken.more, taken.random, taken.loss, taken.items),
            in_force=self.controls.in_force(),
            fresh_gradients=not taken.skipped,
        )
        if taken.skipped:
            text = f"The loss of step {step:,} is not finite; the weights were left as they were."
            self.observer.mark("skipped", text, step)

    def report(self) -> None:
        """Write what waits, and `report.html` beside it."""
        if self.store is not None:
            self.store.flush()
            saving.report(self.history, self.store)
            self.store.flush()

    def close(self) -> None:
        """Write what waits and let the run directory go; what works in the background ends."""
        self.observer.looks.close()
        if self.store is not None:
            self.store.close()
            self.store = None


def _reference(learner: Learner, source: Source, n: int, modules: Sequence[str]) -> Reference:
    items, labels = source.reference(n)
    about = source.about_reference(n) if hasattr(source, "about_reference") else {}
    names = source.label_names
    if labels is not None and names is not None:
        known = {about.get("label", "class"): names} | dict(about.get("factor_names", {}))
        about = about | {"factor_names": known}
    return Reference(learner, items, labels, thumbnails=source.thumbnails(n), modules=modules, **about)
