"""The weights of a loss, measured on the rows of a step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import vergence as vg
from tests.training.small import make, vectors
from vergence import losses
from vergence.errors import ShapeError, TooFewRows
from vergence.geometry import unit
from vergence.metrics import temperature
from vergence.training.measures.parts import Called
from vergence.training.measures.temperature import LEVELS, NOTHING, Shares, quantised

KEY = "temperature/z"


def two_views(batch: int, dim: int = 16, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(batch, dim, generator=generator)
    return a, a + 0.7 * torch.randn(batch, dim, generator=generator)


def measured(loss: Any, *views: Tensor, labels: Tensor | None = None, seed: int = 1, **more: Any) -> Any:
    return Shares(loss).measure(Called(views, more), labels, torch.Generator().manual_seed(seed))


def frame(*args: Any, **more: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    found: tuple[dict[str, np.ndarray], dict[str, Any]] = measured(*args, **more).frames[KEY]
    return found


def cosines(steps: np.ndarray) -> Tensor:
    values = steps.astype(np.float64) / LEVELS * 2 - 1
    return torch.from_numpy(np.where(steps == NOTHING, np.nan, values))


def again(arrays: dict[str, np.ndarray], meta: dict[str, Any], tau: float) -> Any:
    """The numbers from what the frame holds, as a reader finds them."""
    s = torch.cat([cosines(arrays["positives"]), cosines(arrays["negatives"])], 1)
    positive = (torch.arange(s.shape[1]) < arrays["positives"].shape[1]).expand_as(s)
    return temperature(s, positive, temperature=tau, stands_for=meta["stands_for"])


def test_a_cosine_comes_back_to_half_a_step() -> None:
    values = np.linspace(-1, 1, 1001)
    back = np.asarray(cosines(quantised(values)))
    assert np.abs(back - values).max() <= 1 / LEVELS
    assert quantised(np.asarray([-1.0, 1.0, 1 + 1e-7, np.nan])).tolist() == [0, LEVELS, LEVELS, NOTHING]


@pytest.mark.parametrize("tau", [0.03, 0.2, 2.0])
def test_small_batches_are_measured_whole(tau: float) -> None:
    a, b = two_views(8)
    found = measured(losses.NTXent(temperature=tau), a, b)
    z = unit(torch.cat([a, b]))
    same = torch.eye(8, dtype=torch.bool).repeat(2, 2)
    whole = temperature(z @ z.T, same & ~torch.eye(16, dtype=torch.bool), negative=~same, temperature=tau)
    for name, value in (
        ("share_hardest", whole.share_hardest), ("entropy", whole.entropy), ("coupling", whole.coupling),
        ("entropy_share", whole.entropy_share),
    ):  # fmt: skip
        assert found.scalars[f"{KEY}/{name}"] == pytest.approx(value, abs=2e-3)
    arrays, meta = found.frames[KEY]
    assert (meta["temperature"], meta["softmax"], meta["coupled"]) == (tau, True, True)
    assert (meta["anchors"], meta["anchors_total"], meta["negatives"], meta["stands_for"]) == (16, 16, 14, 1.0)
    assert arrays["negatives"].shape == (16, 14)
    assert arrays["positives"].shape == (16, 1)
    assert arrays["counts"].sum() == 16 * 14


@pytest.mark.parametrize("batch", [40, 256, 700])
def test_the_numbers_are_those_of_what_is_kept(batch: int) -> None:
    found = measured(losses.NTXent(temperature=0.2), *two_views(batch))
    arrays, meta = found.frames[KEY]
    one = again(arrays, meta, 0.2)
    assert one.entropy == pytest.approx(found.scalars[f"{KEY}/entropy"], abs=1e-9)
    assert one.share_hardest == pytest.approx(found.scalars[f"{KEY}/share_hardest"], abs=1e-9)
    assert one.coupling == pytest.approx(found.scalars[f"{KEY}/coupling"], abs=1e-9)
    np.testing.assert_allclose(arrays["weight"], one.weight, rtol=1e-6)
    assert sum(array.nbytes for array in arrays.values()) <= 40_000
    assert meta["negatives"] == pytest.approx(2 * batch - 2)


def test_some_anchors_and_negatives_speak_for_a_large_batch() -> None:
    a, b = two_views(600)
    z = unit(torch.cat([a, b]))
    same = torch.eye(600, dtype=torch.bool).repeat(2, 2)
    itself = torch.eye(1200, dtype=torch.bool)
    whole = temperature(z @ z.T, same & ~itself, negative=~same, temperature=0.2)
    drawn = [measured(losses.NTXent(temperature=0.2), a, b, seed=seed).scalars for seed in range(12)]
    for name, spread in (("entropy", 0.03), ("coupling", 0.02), ("share_hardest", 0.01)):
        mean = float(np.mean([one[f"{KEY}/{name}"] for one in drawn]))
        assert mean == pytest.approx(getattr(whole, name), abs=spread)


def test_one_direction_has_the_anchors_and_candidates_of_the_loss() -> None:
    arrays, meta = frame(losses.InfoNCE(temperature=0.2), *two_views(40))
    assert meta["anchors_total"] == 40
    assert arrays["negatives"].shape == (32, 39)


def test_a_loss_that_weighs_no_pair_says_so() -> None:
    found = measured(losses.VICReg(), *two_views(8))
    assert found.frames == {}
    assert found.static == {"temperature": {"why": "VICReg is no function of cosines, so no pair has a weight."}}
    shares, called = Shares(losses.VICReg()), Called(two_views(8))
    told = [shares.measure(called, None, torch.Generator()).static for _ in range(3)]
    assert [bool(entry) for entry in told] == [True, False, False]


class Weighs(losses.NTXent):
    """NT-Xent with weights of a test's own."""

    name = "Weighs"
    takes = ("negatives",)

    def __init__(self, weigh: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self.weigh = weigh

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor:
        found: Tensor = self.weigh(super().pair_weights(*views), views, more)
        return found


class Needs(losses.NTXent):
    name = "Needs"
    needs = ("labels", "targets")


def test_a_loss_that_misses_something_says_what() -> None:
    found = measured(Needs(), *two_views(8), labels=torch.arange(8))
    assert found.static == {"temperature": {"why": "Needs needs targets, which did not come."}}


def test_weights_that_are_no_softmax_are_kept_as_they_are() -> None:
    flat = Weighs(lambda w, *_: w.clamp(max=0) + (w > 0) * 1e-3, temperature=0.2)
    arrays, meta = frame(flat, *two_views(20))
    assert meta["softmax"] is False
    assert "negatives" not in arrays
    assert meta["entropy"] == pytest.approx(math.log(38))
    assert np.nanmax(np.abs(arrays["weight"] - 1)) < 1e-6
    assert "coupling" not in meta


def test_a_loss_without_the_positive_below_pushes_in_full() -> None:
    def decoupled(w: Tensor, *_: Any) -> Tensor:
        push = w.clamp(min=0)
        return w.clamp(max=0) + push / push.sum(1, keepdim=True)

    meta = frame(Weighs(decoupled, temperature=0.2), *two_views(20))[1]
    assert (meta["softmax"], meta["coupled"]) == (True, False)


def test_negatives_that_weigh_nothing_are_not_looked_at() -> None:
    def some(w: Tensor, *_: Any) -> Tensor:
        return w * (torch.arange(40) % 4 == torch.arange(40)[:, None] % 4)

    arrays, meta = frame(Weighs(some, temperature=0.2), *two_views(20))
    assert meta["softmax"] is True
    assert arrays["negatives"].shape == (32, 8)


def test_a_queue_has_its_columns_behind_the_views() -> None:
    a, b = two_views(10)
    queue = torch.randn(3000, 16, generator=torch.Generator().manual_seed(5))

    def with_queue(_: Tensor, views: tuple[Tensor, ...], more: dict[str, Any]) -> Tensor:
        (x, y), k = (unit(view) for view in views), unit(more["negatives"])
        logits = torch.cat([(x * y).sum(1, keepdim=True), x @ k.T], 1) / 0.2
        share = torch.softmax(logits, 1)
        w = torch.zeros(2 * len(x), 2 * len(x) + len(k))
        w[: len(x), len(x) : 2 * len(x)] = torch.diag(share[:, 0] - 1)
        w[: len(x), 2 * len(x) :] = share[:, 1:]
        return w

    arrays, meta = frame(Weighs(with_queue, temperature=0.2), a, b, negatives=queue)
    assert (meta["softmax"], meta["anchors"], meta["negatives"]) == (True, 10, 3000)
    assert arrays["negatives"].shape == (10, 510)
    # The partner is the only candidate of the other view that the loss looks at.
    assert arrays["positives"].shape == (10, 1)
    assert cosines(arrays["positives"])[:, 0].tolist() == pytest.approx((unit(a) * unit(b)).sum(1).tolist(), abs=1e-4)


def test_rows_without_a_direction_are_left_out_and_counted() -> None:
    a, b = two_views(12)
    a[3] = math.nan
    b[5] = 0
    arrays, meta = frame(losses.NTXent(), a, b)
    assert (meta["rows"], meta["rows_left_out"], arrays["negatives"].shape) == (22, 2, (20, 18))
    a[:] = 0
    with pytest.raises(TooFewRows, match="0 of 12 samples have a direction"):
        measured(losses.NTXent(), a, b)


def test_weights_of_another_shape_are_refused_in_words() -> None:
    with pytest.raises(ShapeError, match=r"pair_weights gave \(16, 15\) for 16 rows"):
        measured(Weighs(lambda w, *_: w[:, 1:]), *two_views(8))


def test_a_run_records_it_and_a_new_temperature_is_measured_at_once() -> None:
    run = make(every=1)
    run.start(steps=2)
    run.wait()
    history = run.history
    first = history.frame("temperature/z").meta["temperature"]
    assert len(history.scalar("temperature/z/entropy")) == 2
    assert history.scalar("temperature/z/share_hardest").last == history.frame("temperature/z").meta["share_hardest"]
    run.set(temperature=first / 2)
    run.start(steps=4)
    run.wait()
    assert history.frame("temperature/z").meta["temperature"] == first / 2


def test_somebodys_own_loop_has_it_too() -> None:
    x, _ = vectors()
    monitor = vg.Monitor(objective=losses.NTXent(), save=False, every=1)
    monitor.step(x, x + 0.1)
    assert monitor.history.frame("temperature/z").meta["loss"] == "NT-Xent"
    unknown = vg.Monitor(save=False, every=1)
    unknown.step(x, x + 0.1)
    assert unknown.history.frames("temperature/z") == ()
