"""MoCHi: MoCo, with further negatives that are mixed from the hardest ones in its queue."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses import InfoNCE
from vergence.losses.loss import Check, two_views
from vergence.losses.partition import log_partition
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.methods.moco import MoCo, MoCoLearner
from vergence.methods.pairs.mochi import hard_mixes
from vergence.models import Queue
from vergence.shapes import shape_of

__all__ = ["MoCHi"]


class MoCHi(MoCo):
    """MoCo v2 whose queries meet negatives that no item has: mixes of the hardest ones, and of these with the query.

    Of the K keys in the queue the `n_hard` nearest to a query are taken. `n_mix` mixes of two of them and `n_query_mix`
    mixes of the query itself with one of them are brought to length 1 and stand among its negatives, without gradient.
    With 0 and 0 it is MoCo v2, to the last bit; both are controls while it runs. Chance is ln(K + mixes + 1).

    Mixing makes false negatives harder, too: the queue holds other items of the query's class, and after some
    epochs the item itself. Watch the probes beside the loss, which is higher for being asked more.

    Differs from the paper where a laptop needs it: as `MoCo` does, and it mixes from the first step on, where the
    authors wait for some epochs: set both to 0 before the start and to their values later. The shares of the queue
    are theirs: the nearest 1/16 is mixed, into as many pair mixes and an eighth as many query mixes.

    Args:
        n_hard: how many of a query's nearest negatives are mixed, 2 to `queue`.
        n_mix, n_query_mix: how many mixes of either kind each query has, 0 or above.
        temperature, queue, ema, ema_steps: as in `MoCo`.
        more: encoder, projector, dim, views, strength, learning_rate, weight_decay, batches, as in `Recipe`.

    Raises ArgumentError.
    Source: Kalantidis et al. 2020, arXiv:2010.01028; their N, s, s' are n_hard, n_mix, n_query_mix (1024, 1024, 128 of
    16,384 keys).
    """

    name: ClassVar[str] = "MoCHi"

    def __init__(
        self,
        n_hard: int = 64,
        n_mix: int = 64,
        n_query_mix: int = 8,
        temperature: float = 0.2,
        queue: int = 1024,
        ema: float = 0.99,
        ema_steps: int | None = None,
        **more: Any,
    ) -> None:
        super().__init__("v2", temperature, queue, ema, ema_steps, **more)
        shapes.check_count("MoCHi", "n_hard", n_hard, least=2)
        shapes.check_count("MoCHi", "n_mix", n_mix, least=0)
        shapes.check_count("MoCHi", "n_query_mix", n_query_mix, least=0)
        _check_fits("MoCHi", n_hard, queue)
        self.mixing = {"n_hard": n_hard, "n_mix": n_mix, "n_query_mix": n_query_mix}
        self.loss = Mixed(temperature, queue=queue)

    def build(self, item_shape: tuple[int, ...]) -> Learner:
        """Encoder, head, teacher and queue for items of this shape."""
        encoder, projector, _, width = self.parts(item_shape)
        queue = Queue(self.queue, width)
        return MoCHiLearner(encoder, projector, queue, self.mixing, momentum=self.ema, steps=self.ema_steps)


class MoCHiLearner(MoCoLearner):
    """MoCo's, which mixes further negatives for each query. Settings: `ema`, `n_hard`, `n_mix`, `n_query_mix`."""

    draws: ClassVar[bool] = True
    labels: ClassVar[dict[str, str]] = {
        "n_hard": "Hardest negatives",
        "n_mix": "Mixes of two",
        "n_query_mix": "Mixes with the query",
    }

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        queue: Queue,
        mixing: dict[str, int],
        *,
        momentum: float,
        steps: int | None,
    ) -> None:
        super().__init__(encoder, projector, queue, momentum=momentum, steps=steps)
        self.mixing = dict(mixing)

    @property
    def ranges(self) -> dict[str, Check]:
        """For each setting the check that its values must pass."""
        return {"n_hard": self._check_hard, "n_mix": _check_mixes, "n_query_mix": _check_mixes}

    def embed(self, views: tuple[Tensor, ...], batch: Batch) -> Outputs:
        """Queries, keys and the queue as in MoCo; beside them the mixes of each query."""
        out = super().embed(views, batch)
        if not self.mixing["n_mix"] + self.mixing["n_query_mix"]:
            return out
        how = self.mixing
        mixes = hard_mixes(
            out.given[0], out.more["negatives"],
            n_hard=how["n_hard"], n_mix=how["n_mix"], n_query_mix=how["n_query_mix"],
        )  # fmt: skip
        return Outputs(out.h, out.z, out.given, {**out.more, "mixes": mixes.rows})

    def settings(self) -> dict[str, float]:
        """`ema`, and how much is mixed."""
        return super().settings() | {name: float(value) for name, value in self.mixing.items()}

    def set(self, name: str, value: float | str) -> None:
        """One of `settings`. Raises UnknownName, ArgumentError."""
        if name not in self.mixing or isinstance(value, str):
            super().set(name, value)
            return
        self.ranges[name]("MoCHi.set", name, value)
        self.mixing[name] = int(value)

    def _check_hard(self, call: str, name: str, value: object) -> None:
        shapes.check_count(call, name, _whole(value), least=2)
        _check_fits(call, _whole(value), self.queue.size)


class Mixed(InfoNCE):
    """InfoNCE against a queue and against the mixes of each query: `pairs.mochi` as an object.

    temperature, queue: as for `InfoNCE`. Takes `negatives` (K, dim) and `mixes` (batch, mixes, dim); without mixes it
    is `InfoNCE`, in all that it says. `chance` is ln(K + mixes + 1); `floor` counts the mixes as rows that lie as
    evenly as the queue, which they never do: a loss with mixes stays well above it.

    Source: Kalantidis et al. 2020, arXiv:2010.01028.
    """

    name = "MoCHi"
    source = "Kalantidis et al. 2020, arXiv:2010.01028"
    takes: ClassVar[tuple[str, ...]] = ("negatives", "mixes")

    def __init__(self, temperature: float = 0.2, *, queue: int | None = None) -> None:
        self.mixes = 0
        """How many mixes a query had that came last in a call that recorded gradients."""
        super().__init__(temperature, queue=queue)

    def __call__(self, *views: Tensor, **more: Any) -> Tensor:
        """The sum of `terms`."""
        result = super().__call__(*views, **more)
        if torch.is_grad_enabled():
            mixes = more.get("mixes")
            self.mixes = 0 if mixes is None else mixes.shape[1]
        return result

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`pull` and `push` as for `InfoNCE`; the mixes stand in `push`."""
        mixes = self._mixes(views, more)
        if mixes is None:
            return super().terms(*views, **more)
        query, key = two_views(self.name, views)
        with full_precision(query.device):
            q, k, n, h = (normalize(z, dim=-1) for z in at_least_single(query, key, more["negatives"], mixes))
            own = (q * k).sum(1) / self.temperature
            among = (h @ q[:, :, None])[:, :, 0] / self.temperature
            known = torch.logaddexp(own, log_partition(q, n, self.temperature))
            return {"pull": -own.mean(), "push": torch.logaddexp(known, among.logsumexp(1)).mean()}

    def pair_weights(self, *views: Tensor, **more: Any) -> Tensor:
        r"""As `InfoNCE.pair_weights`, with the mixes in each softmax.

        The mixes have no column, for no two queries share one: the negatives of an anchor weigh less by what its
        mixes take, and the weights of its row sum to minus that. Raises as `InfoNCE.pair_weights`.
        """
        weights = super().pair_weights(*views, **more)
        mixes = self._mixes(views, more)
        if mixes is None:
            return weights
        query, key = two_views(self.name, views)
        with torch.no_grad(), full_precision(query.device):
            q, k, n, h = (normalize(z, dim=-1) for z in at_least_single(query, key, more["negatives"], mixes))
            own = (q * k).sum(1) / self.temperature
            known = torch.logaddexp(own, log_partition(q, n, self.temperature))
            total = torch.logaddexp(known, (h @ q[:, :, None])[:, :, 0].div(self.temperature).logsumexp(1))
            rows = len(q)
            # The softmax over all candidates is that over the real ones, times what these have of the whole.
            weights[:rows, 2 * rows :] *= (known - total).exp()[:, None]
            pulled = -torch.expm1(own - total) / (rows * self.temperature)
            weights[:rows, rows : 2 * rows].diagonal()[:] = -pulled
            return weights

    def _candidates(self, batch: int) -> int:
        return super()._candidates(batch) + self.mixes

    def _mixes(self, views: tuple[Tensor, ...], more: dict[str, Any]) -> Tensor | None:
        mixes: Tensor | None = self.given(more)["mixes"]
        query = two_views(self.name, views)[0]
        if mixes is None or (mixes.ndim == 3 and mixes.shape[1] == 0):
            return None
        if more.get("negatives") is None or mixes.ndim != 3 or mixes.shape[::2] != query.shape:
            raise errors.ShapeError(
                f"{self.name}: mixes is {shape_of(mixes)} beside queries of {shape_of(query)}. Each query has its own, "
                "out of the queue: loss(q, k, negatives=queue, mixes=hard_mixes(q, queue).rows)."
            )
        return mixes


def _whole(value: object) -> Any:
    """A count as the float that a slider sends."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_mixes(call: str, name: str, value: object) -> None:
    shapes.check_count(call, name, _whole(value), least=0)


def _check_fits(call: str, n_hard: int, queue: int) -> None:
    if n_hard > queue:
        raise errors.ArgumentError(
            f"{call}: n_hard is {n_hard} but the queue holds {queue} keys. Use n_hard={queue} or less, or a longer "
            "queue."
        )
