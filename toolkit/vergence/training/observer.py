"""Observer: the tensors of a step in, entries of a History out, within a budget.

Watching never changes the run: tensors are read detached, random numbers come from a generator of the
observer's own, and whatever goes wrong in a measurement becomes an event and a note in its panel.
"""

from __future__ import annotations

import logging
import math
import operator
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.losses import Loss
from vergence.record.history import History
from vergence.training.budget import Budget
from vergence.training.diagnosing import Diagnosing
from vergence.training.handed import inputs_of, labels_of, places_of
from vergence.training.interrupts import Held
from vergence.training.later import Later
from vergence.training.looks import Looks
from vergence.training.measures import Measured, Sample
from vergence.training.measures import step as measure
from vergence.training.measures.now import Now, Setup
from vergence.training.measures.parts import Called, Parts
from vergence.training.measures.spectrum import measure_spectrum
from vergence.training.measures.temperature import Shares
from vergence.training.randomness import generator
from vergence.training.reference import Reference
from vergence.training.seldom import Seldom, Wanted
from vergence.training.threads import OneThread
from vergence.training.unsound import Unsound

__all__ = ["Labels", "Number", "Observer", "Positives", "Step", "View"]

log = logging.getLogger("vergence")
if TYPE_CHECKING:
    View = Tensor
    Number = Tensor | float | None
    Labels = Tensor | tuple[Tensor | None, ...] | None
    Positives = Tensor | Sequence[Tensor | None] | None
    Step = int | None
else:
    # What a user hands over is never refused by an exception: what does not fit is marked in the History, in words.
    View = Number = Labels = Positives = Step = Any

OF_STEP: dict[str, Callable[[Sample], Measured]] = {
    "similarity": lambda sample: measure.measure_similarity(sample),
    "hypersphere": lambda sample: measure.measure_hypersphere(sample),
    "norms": measure.measure_norms,
    "spectrum": measure_spectrum,
}
"""What is measured on the embeddings of a step, at every place."""
OF_LOSS = ("loss", "temperature")
"""What is measured by calling the objective as the step called it."""
QUIET_STEPS = 500
"""The same mark is not recorded again within so many steps."""
RELAPSE_STEPS = 20
"""A measurement that works only now and then is not reported more often than this."""


class Observer:
    """Measures what a step hands over and records it.

    Args:
        history: written to.
        objective: gives terms, chance and floor; None or a callable of another kind: "unknown objective".
        model: gives h, or (h, z), of inputs.
        reference: items embedded on the measurements' cadence in eval mode.
        projector: turns h into z, where the model gives h alone.
        budget: decides what is due.
        optimiser: tells which parameters it was never given.
        measures: what is measured now and then: "default", "all", "none", or names that come beside the default ones.
    """

    def __init__(
        self,
        history: History,
        *,
        objective: object = None,
        model: nn.Module | None = None,
        reference: Reference | None = None,
        projector: nn.Module | None = None,
        budget: Budget | None = None,
        optimiser: torch.optim.Optimizer | None = None,
        measures: Wanted = "default",
        seed: int = 0,
    ) -> None:
        self.history = history
        self.budget = budget or Budget()
        self.objective = objective if isinstance(objective, Loss) else None
        self._parts = None if self.objective is None else Parts(self.objective)
        self._shares = None if self.objective is None else Shares(self.objective)
        self.looks = Looks(model, reference, projector=projector, seed=seed)
        setup = Setup(model, projector, reference, objective, optimiser, seed)
        self.seldom = Seldom(setup, measures)
        self._seldom_draws = generator(seed, "seldom")
        self.outside: list[Callable[[], float]] = []
        """Seconds that other threads have spent on watching: the writer's, the publisher's."""
        self._generator = generator(seed, "observer")
        self._later = Later()
        self.diagnosing = Diagnosing(history, share=self.budget.share)
        self._step = self._offset = 0
        self._in_force: dict[str, float] = {}
        self._unsound = Unsound()
        self._held = Held()
        self._marked: dict[tuple[str, str], int] = {}
        self._failing: dict[str, str] = {}
        self._failed_at: dict[str, int] = {}
        self._cost_told = 0.0
        self._begun = False
        self._one_thread: Callable[[], AbstractContextManager[Any]] = nullcontext
        if reference is not None:
            arrays, entry = reference.described()
            history.describe(arrays, reference=entry)

    @property
    def step(self) -> int:
        """The newest step that was observed."""
        return self._step

    def next_step(self, given: Step = None) -> int:
        """The number of the step at hand; one that is no whole number or does not go up is replaced and marked."""
        if given is None:
            return self._step + 1
        try:
            number = operator.index(given)
            if number == 0 and self._step == 0:
                self._offset = 1  # a counter that begins at 0: its 0 is our first step
            number += self._offset
            why = f"step={given} came after step {self._step}. Steps must go up"
        except TypeError:
            number, why = -1, f"step is {given!r}. It must be a whole number"
        if number > self._step:
            return number
        self.mark("step_back", f"{why}; they are counted on from {self._step}.", self._step)
        return self._step + 1

    def observe(
        self,
        views: Sequence[View],
        *,
        step: int,
        h: object = None,
        loss: Number = None,
        labels: Labels = None,
        positives: Positives = None,
        inputs: object = None,
        called: Called | None = None,
        more: object = None,
        in_force: Mapping[str, float] | None = None,
        fresh_gradients: bool = True,
    ) -> None:
        """Record one step. Never raises on what it was given.

        called: what the loss was called with, where that is not the views. more: keywords of a user's loss beside
        the views. fresh_gradients: those that stand in the model are this step's.
        """
        if not self._begun:
            named = map(str, h) if isinstance(h, Mapping) else ["h"] if h is not None else []
            self.begin(step - 1, {*named, *(["z"] if views else [])})
        began = time.perf_counter()
        measuring = 0.0
        self._step = step
        try:
            scalars = self._changed(in_force or {})
            self._loss(loss, step, scalars)
            if scalars:
                self.history.add_scalars(step, scalars)
            changed = self._parts is not None and self._parts.changed()
            if self.budget.asks() or changed:
                self.budget.tick(self.diagnosing.seconds + sum(spent() for spent in self.outside))
                measure_loss = partial(self._loss_parts, tuple(views), called, more, step)
                if called is None and views:
                    called = Called(tuple(views), more if isinstance(more, Mapping) else {}, found=loss)
                measuring = self._measure(
                    tuple(views), step, h, labels, positives, inputs, measure_loss, called, fresh_gradients, changed
                )
                self._tell_cost(step)
                self.diagnosing.tick()
        except Exception as error:  # a view may fail; the run may not
            self._fail("observer", "measuring", error, step)
        self.budget.charge(None, time.perf_counter() - began - measuring)

    def begin(self, step: int, places: Collection[str] = ("h", "z")) -> None:
        """Before the first update: look at the reference set, so that every later look has a base line. Once.

        places: what the steps will hand over.
        """
        if self._begun:
            return
        self._begun = True
        try:
            with self._held:
                self._begin(step, places)
        except Exception as error:  # a view may fail; the run may not
            self._fail("observer", "measuring", error, step)
        self._one_thread = OneThread()  # the libraries are loaded now

    def _begin(self, step: int, places: Collection[str]) -> None:
        empty = Sample("z", (), None, None, self._generator)
        done: set[str] = set()
        while names := [name for name in self.looks.names(inputs=False, places=places) if name not in done]:
            for name in names:
                done.add(name)
                began = time.perf_counter()
                with torch.no_grad():
                    self._record(name, "", step, partial(self.looks.make, name, step, None, empty))
                self.budget.charge(name, time.perf_counter() - began)
        now = Now(step, snapshot=self.looks.snapshot, base=True, generator=self._seldom_draws)
        for name in self.seldom.names((), self.looks.snapshot):
            began = time.perf_counter()
            with torch.no_grad():
                self._record(name, "", step, partial(self.seldom.make, name, now))
            self.budget.charge(name, time.perf_counter() - began)

    def finish(self) -> None:
        """The loop is over: losses that are still on their way from a device are waited for and recorded."""
        self._record_losses(self._later.rest)
        self.diagnosing.finish()

    # -- per step --------------------------------------------------------------------------------

    def _changed(self, values: Mapping[str, float]) -> dict[str, float]:
        changed = {key: value for key, value in values.items() if self._in_force.get(key) != value}
        self._in_force.update(changed)
        return changed

    def _loss(self, loss: Number, step: int, scalars: dict[str, float]) -> None:
        if loss is None:
            return
        if isinstance(loss, Tensor):
            if loss.numel() != 1:
                text = f"loss is {shapes.shape_of(loss)}. It must be one number; hand over loss.mean()."
                return self.mark("loss_shape", text, step)
            number = loss.detach().reshape(())
            if loss.device.type != "cpu":
                self._record_losses(lambda: self._later.put(step, number))
                return
            loss = number.item()
        try:
            scalars["loss"] = float(loss)
        except (TypeError, ValueError):
            text = f"loss is a {type(loss).__name__}. It must be one number, a tensor or a float."
            return self.mark("loss_shape", text, step)
        self._finite_loss(scalars["loss"], step)

    def _record_losses(self, arrived: Callable[[], list[tuple[int, float]]]) -> None:
        try:
            for step, value in arrived():
                self.history.add_scalars(step, {"loss": value})
                self._finite_loss(value, step)
        except Exception as error:
            self._fail("observer", "loss", error, self._step)

    def _finite_loss(self, value: float, step: int) -> None:
        share = self._unsound.seen(value)
        if share is not None:
            self.history.add_scalars(step, {"steps/not_finite": share})
        if not math.isfinite(value):
            self.mark(
                "nonfinite",
                f"loss is {value} at step {step:,}. Look at the steps before: a learning rate too high, "
                "a division by zero, or half precision overflow.",
                step,
            )

    def _tell_cost(self, step: int) -> None:
        now = time.perf_counter()
        cost = self.budget.cost
        if cost is not None and now - self._cost_told >= 1.0:
            self._cost_told = now
            self.history.add_scalars(step, {"monitor/cost": cost})

    # -- measurements ----------------------------------------------------------------------------

    def _measure(
        self,
        views: tuple[Any, ...],
        step: int,
        h: object,
        labels: Labels,
        positives: Positives,
        inputs: object,
        measure_loss: Callable[[str, Labels], Measured],
        called: Called | None,
        fresh: bool,
        changed: bool,
    ) -> float:
        places = places_of(views, h)
        seen, wrong = inputs_of(inputs)
        if wrong:
            self.mark("inputs", wrong, step)
        names = [f"{metric}/{place}" for place in places for metric in OF_STEP]
        if views and self.objective is not None:
            names += ["loss/z", "temperature/z"]
        names += self.looks.names(inputs=seen is not None, places=places)
        names += self.seldom.names(places, self.looks.snapshot, often=True)
        due = self.budget.due(names, step)
        if changed and "loss/z" in names and "loss/z" not in due:
            due.append("loss/z")  # another temperature has another floor: the old one must not stand beside the new
        rare: list[str] = []
        if self.budget.asks_rarely():
            rare = self.budget.seldom(self.seldom.names(places, self.looks.snapshot, often=False), step)
        if not due and not rare:
            return 0.0
        labels, wrong = labels_of(labels, views)
        if wrong:
            self.mark("labels", wrong, step)
        spent = 0.0
        samples = {place: self._sample(place, rows, labels, positives) for place, rows in places.items()}
        with self._held, torch.no_grad(), self._one_thread():
            for name in self._turns(due, rare):
                began = time.perf_counter()
                metric, _, place = name.partition("/")
                sample = samples.get(place) or self._sample(place, (), labels, positives)
                make = partial(self._make, metric, name, step, sample, seen)
                if metric in OF_LOSS:
                    make = partial(measure_loss, metric, labels)
                elif metric in self.seldom:  # what is rare comes after what is due: the newest look counts
                    look, draws = self.looks.snapshot, self._seldom_draws
                    now = Now(step, samples, look, called, seen, fresh=fresh, generator=draws)
                    make = partial(self.seldom.make, name, now)
                self._record(name, place, step, make)
                seconds = time.perf_counter() - began
                spent += seconds
                self.budget.charge(name, seconds)
        return spent

    def _turns(self, due: Sequence[str], rare: Sequence[str]) -> Iterator[str]:
        yield from due
        yield from rare
        if rare and self.budget.every is not None:
            yield from self.seldom.nulls()  # nothing is saved by waiting: there is no budget

    def _sample(self, place: str, rows: tuple[Any, ...], labels: Labels, positives: Positives) -> Sample:
        # What is no tensor is refused by the metric, in words.
        detached = tuple(view.detach() if isinstance(view, Tensor) else view for view in rows)
        return Sample(place, detached, labels, positives, self._generator)

    def _make(self, metric: str, name: str, step: int, sample: Sample, seen: tuple[Tensor, ...] | None) -> Measured:
        return OF_STEP[metric](sample) if metric in OF_STEP else self.looks.make(name, step, seen, sample)

    def _record(self, name: str, place: str, step: int, make: Callable[[], Measured]) -> None:
        try:
            found = make()
        except Exception as error:  # the panel says it; the run goes on
            self._fail("metric", name, error, step)
            return
        self._failing.pop(name, None)
        if found.static:
            self.history.describe(**found.static)
        if found.scalars:
            self.history.add_scalars(step, found.scalars)
        if found.frames:
            self.history.add_frames(step, found.frames)
        for what, text in found.marks.items():
            self.mark(what, text, step, about=place)

    def _loss_parts(
        self, views: tuple[View, ...], called: Called | None, more: object, step: int, metric: str, labels: Labels
    ) -> Measured:
        if self._parts is None or self._shares is None:
            return Measured()
        if called is None:
            self._parts.check(views)  # refuses what is no (batch, dim), in words
            if not isinstance(more, Mapping | None):
                text = f"more is a {type(more).__name__}. It must be a dict of keywords: more={{'targets': (t1, t2)}}."
                self.mark("more", text, step)
            called = Called(views, more if isinstance(more, Mapping) else {})
        if metric == "temperature":
            return self._shares.measure(called, labels, self._generator)
        return self._parts.measure(called, labels)

    # -- what went wrong -------------------------------------------------------------------------

    def mark(self, what: str, text: str, step: int, *, about: str = "") -> None:
        """Record something the numbers cannot show; the same again, about the same, is not recorded for a while."""
        if step - self._marked.get((what, about), -QUIET_STEPS) < QUIET_STEPS:
            return
        self._marked[what, about] = step
        log.warning("step %s: %s", step, text)
        self.history.add_event("mark", step, what=what, text=text)

    def _fail(self, what: str, name: str, error: Exception, step: int) -> None:
        why = str(error) if isinstance(error, errors.VergenceError) else f"{type(error).__name__}: {error}"
        known, quiet = self._failing.get(name), step - self._failed_at.get(name, -QUIET_STEPS)
        if known == why or quiet < (RELAPSE_STEPS if known is None else QUIET_STEPS):
            return
        self._failing[name], self._failed_at[name] = why, step
        log.warning("step %s: %s could not be measured: %s", step, name, why)
        self.history.add_event("failed", step, what=what, name=name, why=why)
