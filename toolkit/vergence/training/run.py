"""Run: the only loop. Method + data + seed, trained step by step under control."""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from vergence import data as sets
from vergence import errors, shapes
from vergence.methods import Recipe
from vergence.record.history import History
from vergence.record.mailbox import Letter, Mailbox
from vergence.training.background import STOP_SECONDS, Background, turn
from vergence.training.budget import Budget
from vergence.training.controls import Controls
from vergence.training.interrupts import Held
from vergence.training.observer import Observer
from vergence.training.seldom import Wanted
from vergence.training.session import Session
from vergence.training.steering import Steering

__all__ = ["Run"]


class Run:
    """Trains a method on data, under control.

        run = Run(methods.SimCLR(temperature=0.2), data=data.emoji(), seed=0)
        run.start(steps=2_000)         # on a background thread; returns at once
        run.set(temperature=0.1); run.pause(); run.step(); run.resume(); run.stop(); run.reset()
        run.wait()                     # for scripts, and for cells at the end

    Ordinary events, and what they do: `start` on a run that trains changes nothing and says so; on a paused one it
    resumes; on a stopped or finished one it trains on. Starting a second Run in the same process stops the first
    (a re-run cell must not leave a trainer behind), unless `alongside=True`. An interrupt during `wait()` or the
    inline driver stops the run after the current step, a second one at once; `start` goes on from there.

    Args:
        method: one of `vergence.methods`.
        data: a source of `vergence.data`, a tensor or array `(n, ...)`, `(x, labels)`, or a map-style Dataset.
        seed: same seed, same weights, even while other cells draw random numbers.
        batch: samples per step; at least 2.
        driver: "thread" trains in the background, "inline" in the caller.
        name: of the run; `emoji-simclr-01` and so on without one.
        save, directory, save_cap_bytes: a run directory below `directory`; `save=False` writes nothing.
        budget: share of training time that watching may take. every: measure each n-th step instead.
        reference: how many held-out items are embedded now and then.
        modules: names of further modules of the model (`run.model.named_modules()`) to look at.
        measures: what is measured now and then beside what the panels show: "default", "all", "none", or names that
            come beside the default ones; `vergence.training.seldom.measures()` says which there are.
        device: where to train.
    """

    def __init__(
        self,
        method: Recipe,
        data: Any,
        *,
        seed: int = 0,
        batch: int = 256,
        driver: Literal["thread", "inline"] = "thread",
        name: str | None = None,
        save: bool = True,
        directory: str | Path = "runs",
        save_cap_bytes: int = 2_000_000_000,
        budget: float = 0.03,
        every: int | None = None,
        reference: int = 512,
        modules: Sequence[str] = (),
        measures: Wanted = "default",
        device: str | torch.device = "cpu",
    ) -> None:
        if not isinstance(method, Recipe):
            raise errors.ArgumentError(
                f"Run(method=...): got a {type(method).__name__}. It must be a recipe, for example "
                "vergence.methods.SimCLR(); for a loop of your own use vergence.Monitor."
            )
        if driver not in ("thread", "inline"):
            raise errors.UnknownName("Run", str(driver), ("thread", "inline"), "driver")
        shapes.check_count("Run", "batch", batch)
        if batch < 2:
            raise errors.ArgumentError(
                f"Run(batch={batch!r}): a step needs at least 2 samples, since one sample has nothing to be told "
                "apart from. 256 is the default."
            )
        self.method = method
        self.source = sets.source(data)
        if len(self.source) < 2:
            raise errors.TooFewRows(f"Run(data=...): {len(self.source)} sample. At least 2 are needed.")
        self.seed = seed
        self.driver = driver
        self._batch = batch
        self._name = name
        self._save, self._directory, self._cap = save, Path(directory), save_cap_bytes
        self._budget, self._every, self._reference = budget, every, reference
        self._modules = tuple(modules)
        self._measures = measures
        self._device = torch.device(device)
        self._background: Background | None = None
        self._ready = threading.Event()
        """No loop is at work, and the report of the last one is written."""
        self._ready.set()
        self._worker: threading.Thread | None = None
        self._error: BaseException | None = None
        self._target: int | None = None
        self._session = self._begin()
        atexit.register(_finish, weakref.ref(self))

    # -- what it is --------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """What it is made of: trainer, record, controls, observer. A reset begins another one."""
        return self._session

    @property
    def history(self) -> History:
        """The record so far. A reset begins a new one."""
        return self._session.history

    @property
    def controls(self) -> Controls:
        """What can be changed while it trains."""
        return self._session.controls

    @property
    def mailbox(self) -> Mailbox:
        """Where wishes are put; the cockpit's too."""
        return self._session.steering.mailbox

    @property
    def steering(self) -> Steering:
        """The gate between steps; a reset begins a new one."""
        return self._session.steering

    @property
    def observer(self) -> Observer:
        """What measures, and what that costs."""
        return self._session.observer

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.history.name

    @property
    def state(self) -> str:
        """idle, live, paused, stopped, finished or failed."""
        return self.history.state

    @property
    def steps_done(self) -> int:
        """Training steps taken so far."""
        return self._step

    @property
    def directory(self) -> Path | None:
        """The run directory; None before the first step and with `save=False`."""
        return self._session.directory

    @property
    def model(self) -> nn.Module:
        """The learner: `h, z = run.model(x)`. Between steps only, so pause first."""
        return self._session.trainer.learner

    def __repr__(self) -> str:
        of = f" of {self._target:,}" if self._target else ""
        return f"Run({self.name!r}, {self.state}, step {self._step:,}{of})"

    # -- verbs -------------------------------------------------------------------------------------

    def start(self, steps: int | None = None, *, alongside: bool = False) -> Run:
        """Train `steps` more steps; without a number until `stop()`. Returns at once with the thread driver.

        On a run that trains already nothing new is started, and a notice says so. Raises TrainingFailed
        when an earlier step failed; `reset()` begins again.
        """
        if steps is not None:
            shapes.check_count("Run.start", "steps", steps)
        return self._start(steps, alongside=alongside, paused=False, single=0)

    def pause(self) -> Run:
        """Pause before the next step."""
        return self._command("pause")

    def resume(self) -> Run:
        """Go on after a pause."""
        return self._command("run")

    def step(self, n: int = 1) -> Run:
        """While paused or not yet started: n steps, then paused."""
        self._raise_failure("step")
        shapes.check_count("Run.step", "n", n)
        if not self.trains:
            return self._start(None, alongside=False, paused=True, single=n)
        self.mailbox.put(Letter("step", int(n), command=True))
        return self

    def stop(self) -> Run:
        """Stop after the current step. `start` goes on from there, `reset` begins again.

        Raises StateError when that step has not ended after a minute.
        """
        if self.trains:
            self.mailbox.put(Letter("stop", command=True))
        elif self.state == "idle":
            self.history.set_state("stopped")
        self._until_ready("stop")
        return self

    def reset(self) -> Run:
        """Back to step 0: the first weights, the first settings, a new History."""
        self.stop()
        self._error = None
        self._session.close()
        before = self._session
        self._session = self._begin()
        self._session.watched_like(before)
        return self

    def wait(self, timeout: float | None = None) -> Run:
        """Until the run ends. Raises TrainingFailed, or TimeoutError while it still trains.

        An interrupt (the notebook's stop button) stops the run after its current step.
        """
        try:
            ended = self._ready.wait(timeout)
        except KeyboardInterrupt:
            with contextlib.suppress(errors.StateError):
                self.stop()
            raise
        if not ended:
            raise TimeoutError(
                f"Run.wait(): {self.name} still trains after {timeout} s, at step {self._step:,}. It goes on; "
                "call wait() again or stop()."
            )
        self._raise_failure("wait")
        return self

    def set(self, **values: Any) -> Run:
        """Change controls from the next step on: `run.set(temperature=0.1)`.

        Raises UnknownName (the nearest name is offered) or ArgumentError before anything is changed.
        """
        self._raise_failure("set")
        checked = {name: self.controls.check("Run.set", name, value) for name, value in values.items()}
        for name, value in checked.items():
            self.mailbox.put(Letter(name, value))
        return self

    # -- the loop ----------------------------------------------------------------------------------

    def _start(self, steps: int | None, *, alongside: bool, paused: bool, single: int) -> Run:
        self._raise_failure("start")
        with turn(self, alongside=alongside, how="start(alongside=True)"):
            if self.trains:
                if self._session.steering.paused and not paused:
                    return self._command("run")
                of = f" of {self._target:,}" if self._target else ""
                self.history.add_event(
                    "notice", self._step, what="start",
                    text=f"Already training, at step {self._step:,}{of}; nothing new was started. "
                    "run.stop() ends it, run.reset() begins again.",
                )  # fmt: skip
                return self
            self._until_ready("start")  # the last loop may still be writing its report
            self._target = None if steps is None else self._step + steps
            self.history.describe(total_steps=self._target)
            if self._save:
                self._session.save(self._directory, self._cap)
            self._session.steering.begin(paused=paused, steps=single)
            self.history.set_state("live")
            self._ready.clear()
            if self.driver == "thread":
                self._background = Background(self._loop, self.history, on_end=self._ended)
                return self
        try:
            self._loop()
        except BaseException as error:
            self._ended(error)
            if isinstance(error, Exception):
                self._raise_failure("start")
            raise
        self._ended(None)
        return self

    def _loop(self) -> None:
        self._worker = threading.current_thread()
        self._session.observer.begin(self._step)
        held = Held()
        while self._target is None or self._step < self._target:
            if not self._session.steering.gate(self._step + 1):
                return
            with held:
                taken = self._session.trainer.step()
                self._step += 1  # before it is recorded: an interrupt in between must not give two steps one number
                self._session.record(taken, self._step)
                self._session.trainer.check()
            # A paused or waiting thread must be able to take the interpreter lock between two short steps.
            time.sleep(0)

    def _ended(self, error: BaseException | None) -> None:
        try:
            self._say_how_it_ended(error)
            self._session.report()
        finally:
            self._ready.set()

    def _say_how_it_ended(self, error: BaseException | None) -> None:
        self._session.observer.finish()
        if error is None:
            done = self._target is not None and self._step >= self._target
            self.history.set_state("finished" if done else "stopped")
        elif isinstance(error, KeyboardInterrupt):
            self.history.set_state("stopped", "interrupted")
        else:
            self._error = error
            why = f"{type(error).__name__}: {error}"
            self.history.add_event("failed", self._step, what="training", name="training step", why=why)
            self.history.set_state("failed", why)
        self._session.steering.refuse_waiting(self._step, f"the run is {self.state}")
        # Whoever came during the last step found a run that trains, and left it to the gate.
        self._session.steering.settle(self._step + 1)

    # -- parts -------------------------------------------------------------------------------------

    @property
    def trains(self) -> bool:
        """A loop is at work, or paused."""
        return self.state in ("live", "paused")

    def stop_and_wait(self) -> None:
        """`stop`, for whoever starts next in this process."""
        self.stop()

    def _until_ready(self, call: str) -> None:
        # From the thread that trains itself there is nothing to wait for.
        if threading.current_thread() is not self._worker and not self._ready.wait(STOP_SECONDS):
            raise errors.StateError(
                f"Run.{call}(): {self.name} is still inside step {self._step + 1:,} after {STOP_SECONDS:.0f} s. It "
                "stops when that step ends: call wait(), or restart the kernel if it hangs."
            )

    def _begin(self) -> Session:
        self._step = 0
        self._target = None
        return Session(
            self.method, self.source, seed=self.seed, batch=self._batch, name=self._name, directory=self._directory,
            budget=Budget(self._budget, every=self._every), reference=self._reference,
            modules=self._modules, device=self._device, measures=self._measures,
        )  # fmt: skip

    def _command(self, name: str) -> Run:
        self._raise_failure(name)
        if not self.trains:
            raise errors.StateError(
                f"Run.{'resume' if name == 'run' else name}(): {self.name} is {self.state} at step {self._step:,}, "
                "so there is nothing to do it to. run.start(steps=...) trains."
            )
        self.mailbox.put(Letter(name, command=True))
        return self

    def _raise_failure(self, call: str) -> None:
        if self._error is not None:
            raise errors.TrainingFailed(
                f"Run.{call}(): {self.name} failed at step {self._step:,}: {type(self._error).__name__}: "
                f"{str(self._error).rstrip('.')}. What was recorded is in run.history; run.reset() begins again."
            ) from self._error


def _finish(held: weakref.ref[Run]) -> None:
    run = held()
    if run is not None:
        with contextlib.suppress(errors.StateError):  # a step that hangs must not keep the process
            run.stop()
        run._session.close()
