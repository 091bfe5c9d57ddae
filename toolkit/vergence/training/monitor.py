"""Monitor: three lines in somebody's own loop.

    m = Monitor(encoder, reference=(images, labels), objective=criterion)
    ...
        m.step(z1, z2, loss=loss, labels=y)      # after backward, before optimiser.step()

It measures within a budget, records a History (in memory and in a run directory), and honours pause,
step and stop. `vergence_widgets.watch` is the same with a Cockpit on screen.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from vergence import errors
from vergence.data import thumbnails
from vergence.record.history import History
from vergence.record.mailbox import Letter
from vergence.training import controls as knobs
from vergence.training import saving
from vergence.training.background import Background, turn
from vergence.training.budget import Budget
from vergence.training.controls import Controls
from vergence.training.observer import Labels, Number, Observer, Positives, Step, View
from vergence.training.reference import Reference, as_factor
from vergence.training.seldom import Wanted
from vergence.training.steering import Steering

__all__ = ["Monitor"]


class Monitor:
    """Watches somebody's own training loop.

    Args:
        encoder: gives the representation of the reference set; may be left out.
        reference: `(items, labels)` or `items`, embedded in eval mode at its own cadence. Labels are `(items,)`
            integers, or a dict of these by name where several things are known; the first is the class. Floating point
            is an amount (a size, an angle), whose R² is shown beside the accuracies of the others.
        projector: the head, when `encoder` gives h alone: then z of the reference is known too.
        modules: names of modules of the encoder whose output is looked at as well.
        names: a text per item of the reference; the texts themselves when the items are tokens.
        groups: `(items,)` integers; items of one group show the same thing and are joined on the map.
        objective: the criterion. One of `vergence.losses` gives terms, chance and floor, and its temperature
            or coefficients become controls; any other callable reads "unknown objective".
        optimiser: its learning rate is recorded and becomes a control.
        name: of the run; `monitor-01` and so on without one.
        steps: how many there will be, if known.
        save: write a run directory below `directory`. `save=False` keeps everything in memory only.
        budget: share of the training time that watching may take.
        every: measure at every n-th step instead, whatever it costs.
        measures: what is measured now and then beside what the panels show: "default", "all", "none", or names that
            come beside the default ones; `vergence.training.seldom.measures()` says which there are.
        save_cap_bytes: what frames may take on disk.

    Raises ArgumentError for impossible settings, ShapeError and TooFewRows for a reference that cannot be one. An
    encoder that cannot embed the reference is said in the History, at the first measurement.
    """

    def __init__(
        self,
        encoder: nn.Module | None = None,
        *,
        reference: tuple[Any, Any] | Tensor | None = None,
        projector: nn.Module | None = None,
        modules: Sequence[str] = (),
        names: Sequence[str] | None = None,
        groups: Tensor | None = None,
        objective: object = None,
        optimiser: torch.optim.Optimizer | None = None,
        name: str | None = None,
        steps: int | None = None,
        save: bool = True,
        directory: str | Path = "runs",
        budget: float = 0.03,
        every: int | None = None,
        measures: Wanted = "default",
        save_cap_bytes: int = 2_000_000_000,
    ) -> None:
        self.history = History()
        self.controls = Controls()
        self.steering = Steering(self.history, self.controls)
        self.mailbox = self.steering.mailbox
        self.observer = Observer(
            self.history,
            objective=objective,
            model=encoder,
            reference=_reference(reference, encoder, projector=projector, modules=modules, names=names, groups=groups),
            projector=projector,
            budget=Budget(budget, every=every),
            optimiser=optimiser,
            measures=measures,
        )
        self.steering.after_pause = self.observer.budget.rest
        if optimiser is not None:
            self.controls.add_learning_rate(optimiser)
        if self.observer.objective is not None:
            self.controls.add_loss(self.observer.objective)
        self._silent = _not_first_rank()
        self.loop_thread: threading.Thread | None = None
        """The thread that calls `step`: where a pause waits."""
        self.cockpit: Any = None
        """What `vergence_widgets.watch` put on screen."""
        self._loop: Background | None = None
        self._closed = False
        self._lock = threading.Lock()
        loss = self.observer.objective
        self.history.describe(
            **saving.surroundings(),
            name=name or saving.name_of("monitor", directory),
            method="own loop",
            loss=None if loss is None else {"name": loss.name, "variant": loss.variant, "source": loss.source},
            total_steps=steps,
            budget=budget,
            controls=self.controls.described(),
        )
        self.store = saving.start_saving(
            self.history,
            self.mailbox,
            save=save and not self._silent,
            directory=directory,
            cap_bytes=save_cap_bytes,
        )
        if self.store is not None:
            store = self.store
            self.observer.outside.append(lambda: store.seconds)
        self._at_exit = _close_at_exit(self)

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.history.name

    @property
    def directory(self) -> Path | None:
        """The run directory; None with `save=False`."""
        return None if self.store is None else self.store.directory

    def control(self, control: knobs.Control, get: Callable[[], Any], put: Callable[[Any], None]) -> None:
        """Offer a control of your own: `put(value)` is called between steps, on the training thread."""
        self.controls.add(control, get, put)
        self.history.describe(controls=self.controls.described())

    def step(
        self,
        *views: View,
        h: object = None,
        loss: Number = None,
        labels: Labels = None,
        positives: Positives = None,
        inputs: object = None,
        more: object = None,
        step: Step = None,
    ) -> None:
        """Hand over one training step: after `backward()`, before `optimiser.step()`.

        Args:
            views: embeddings, `(batch, dim)` each; one or more, two for most losses.
            h: representations: a tensor, one per view, or a dict of these by module name.
            loss: the scalar that was minimised.
            labels: `(batch,)` integers, for what needs them; one tensor or None per view where batches differ.
            positives: who is whose positive; see `vergence.geometry.pairs`. Row i of each view without it.
            inputs: what the model saw, one tensor per view: the pairs panel shows them.
            more: what the objective was called with beside the views: `{"targets": (t1, t2)}`. Labels that were handed
                over reach an objective that needs them.
            step: its number, counted from 1 or from 0; counted here without it.

        Bad input becomes a mark in the panels and in the History, never an exception.
        Waits while paused. Raises Stopped when Stop was pressed.
        """
        if self._silent:
            return
        self.loop_thread = threading.current_thread()
        number = self.observer.next_step(step)
        if self.history.state not in ("live", "paused"):
            self.steering.begin()
            self.history.set_state("live")
        if self._closed:
            text = "The record was closed before this step; from here on it is kept in memory only. Make a new Monitor."
            self.observer.mark("closed", text, number)
        self.observer.observe(
            views, step=number, h=h, loss=loss, labels=labels, positives=positives, inputs=inputs, more=more,
            in_force=self.controls.in_force(),
        )  # fmt: skip
        if not self.steering.gate(number + 1):
            self.history.set_state("stopped", f"stopped at step {number:,}")
            raise errors.Stopped(f"{self.name} was stopped at step {number:,}. Run the loop again to go on.")

    def background(self, train: Callable[[], Any], *, alongside: bool = False) -> Background:
        """Run your own loop off the main thread, so that the cell returns and every control works.

        Whatever trains in the background of this process already (this monitor's loop or another's, a Run) is
        stopped first, so a cell that is run again leaves one trainer; `alongside` lets the others train on.

        Returns a handle with `wait()`, which gives what `train` returned or raises what it raised.
        """
        with turn(self, alongside=alongside, how="background(train, alongside=True)"):
            if self.trains:
                text = "The loop was started again; the one that was running was stopped first."
                self.history.add_event("notice", self.history.last_step, what="start", text=text)
                self.stop_and_wait()
            self._loop = Background(train, self.history, on_end=self.loop_ended, stop=self.stop)
            return self._loop

    @property
    def trains(self) -> bool:
        """A loop of this monitor's is at work in the background."""
        return self._loop is not None and self._loop.running

    def stop_and_wait(self) -> None:
        """Stop the loop in the background and wait for its end. Raises StateError when its step does not end."""
        if self._loop is not None and self._loop.running:
            self.stop()
            self._loop.stopped(self.name)

    def pause(self) -> None:
        """Pause before the next step. Raises StateError where nothing could end it: the cockpit knows."""
        why = self.steering.may_not_pause()
        if why:
            raise errors.StateError(f"Monitor.pause(): {why}.")
        self.mailbox.put(Letter("pause", command=True))

    def resume(self) -> None:
        """Go on after a pause."""
        self.mailbox.put(Letter("run", command=True))

    def one_step(self) -> None:
        """While paused: one step, then paused again."""
        self.mailbox.put(Letter("step", command=True))

    def stop(self) -> None:
        """The next `step` raises Stopped."""
        self.mailbox.put(Letter("stop", command=True))

    def set(self, **values: Any) -> None:
        """Change controls from the next step on: `m.set(temperature=0.1)`.

        Raises UnknownName (the nearest name is offered) or ArgumentError before anything is changed.
        """
        checked = {name: self.controls.check("Monitor.set", name, value) for name, value in values.items()}
        for name, value in checked.items():
            self.mailbox.put(Letter(name, value))

    def loop_ended(self, error: BaseException | None = None) -> None:
        """Say that the loop is over, and what ended it: None, Stopped, KeyboardInterrupt, or an error of its own."""
        self.observer.finish()
        step = self.history.last_step
        if error is None:
            self.history.set_state("finished")
        elif isinstance(error, errors.Stopped):
            self.history.set_state("stopped")
        elif isinstance(error, KeyboardInterrupt):
            self.history.set_state("stopped", "interrupted")
        else:
            why = f"{type(error).__name__}: {error}"
            self.history.add_event("failed", step, what="training", name="training step", why=why)
            self.history.set_state("failed", why)
        self.steering.refuse_waiting(step, f"the loop is {self.history.state}")

    def close(self) -> Path | None:
        """End the record: state, run directory and `report.html`; returns the report's path. Done at exit too.

        A loop that is still at work in the background is stopped.
        """
        with contextlib.suppress(errors.StateError):  # a step that hangs must not keep the process
            self.stop_and_wait()
        with self._lock:
            if self._closed:
                return None
            self._closed = True
        atexit.unregister(self._at_exit)
        if self._silent:
            return None
        self.observer.finish()
        self.observer.looks.close()
        if self.history.state in ("idle", "live", "paused"):
            self.history.set_state("finished")
        if self.store is not None:
            self.store.flush()
        path = saving.report(self.history, self.store)
        if self.store is not None:
            self.store.close()
        return path

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, errors.Stopped):
            self.loop_ended(error)
        self.close()

    def __repr__(self) -> str:
        return f"Monitor({self.name!r}, {self.history.state}, step {self.history.last_step:,})"


def _reference(
    given: tuple[Any, Any] | Tensor | None,
    encoder: nn.Module | None,
    *,
    projector: nn.Module | None,
    modules: Sequence[str],
    names: Sequence[str] | None,
    groups: Tensor | None,
) -> Reference | None:
    if given is None:
        return None
    if encoder is None:
        raise errors.ArgumentError(
            "Monitor(reference=...): there is no encoder to embed the reference with. "
            "Type: Monitor(encoder, reference=...)."
        )
    items, labels = given if isinstance(given, tuple | list) else (given, None)
    items = torch.as_tensor(items)
    if len(items) < 2:
        raise errors.TooFewRows(f"Monitor(reference=...): {len(items)} items. At least 2 are needed, 512 are usual.")
    by_name = dict(labels) if isinstance(labels, Mapping) else {} if labels is None else {"class": labels}
    call = "Monitor(reference=(items, labels))"
    factors = {
        str(name): as_factor(call, torch.as_tensor(values), len(items), str(name)) for name, values in by_name.items()
    }
    for what, entries in (("names", names), ("groups", groups)):
        if entries is not None and len(entries) != len(items):
            raise errors.ShapeError(
                f"Monitor({what}=...): {len(entries)} {what} for {len(items)} items of the reference. "
                "One each is needed."
            )
    label = next((name for name, values in factors.items() if not values.is_floating_point()), "class")
    return Reference(
        encoder, items, factors.get(label), label=label, factors=factors, groups=groups, names=names,
        thumbnails=thumbnails(items), projector=projector, modules=modules,
    )  # fmt: skip


def _not_first_rank() -> bool:
    distributed = torch.distributed
    return bool(distributed.is_available() and distributed.is_initialized() and distributed.get_rank() != 0)


def _close_at_exit(monitor: Monitor) -> Callable[[], None]:
    held = weakref.ref(monitor)

    def close() -> None:
        alive = held()
        if alive is None:
            return
        # A script that ends in an exception leaves it here. A notebook leaves that of any cell, so ask there not.
        error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
        if error is not None and alive.history.state in ("live", "paused"):
            alive.loop_ended(error)
        alive.close()

    atexit.register(close)
    return close
