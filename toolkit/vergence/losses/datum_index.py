"""The index of a sample as its class: no pairs, no negatives, one linear layer over the data set."""

from __future__ import annotations

import math
import numbers
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vergence import errors, shapes
from vergence.geometry import at_least_single, full_precision
from vergence.losses.loss import Base, Check, Couples, check_scale, sum_of
from vergence.losses.several_views import check_several_views
from vergence.shapes import Embeddings, Scalar

__all__ = ["DatumIndex", "datum_index"]


def datum_index(
    z: Embeddings,
    *,
    index: Int[Tensor, " batch"],
    layer: Float[Tensor, "items dim"],
    label_smoothing: float = 0.8,
) -> Scalar:
    r"""How badly a linear layer tells from an embedding which item of the data set it is a view of.

        datum_index(z) = mean over rows i of
            (1 - e) * -log p_i(index_i)  +  e * mean over all items k of  -log p_i(k)
        p_i = softmax over items of  layer z_i

    z: (batch, dim), *not* normalised. index: (batch,) integers, the position of each row's item in the data set.
    layer: (items, dim), learned; one row per item. label_smoothing: e, from 0 to 1 (not 1): the share of the target
        that is spread over all items; the authors' 0.8 is far above what a classifier of labels would use, as
        neighbours of an item are not to be driven to probability 0.

    Reads ln(items) when all items look the same, whatever e is. At best the entropy of the smoothed target,
    `DatumIndex.floor`, which for a large e lies just below: 7.87 against 9.21 for 10,000 items and e = 0.8. So
    the loss moves little, and with it what a linear probe reads.

    Half precision is computed in float32, also under autocast. NaN in gives NaN out.

    Raises ShapeError, DeviceMismatch, ArgumentError; for the last, the largest index is looked at, which
    makes a GPU wait once per call.
    Source: Ibrahim et al. 2024, arXiv:2406.10743 (first as DIET, arXiv:2302.10260); their W is our layer.
    """
    _check_smoothing("datum_index", "label_smoothing", label_smoothing)
    shapes.check_embeddings("datum_index", "layer", layer)
    return sum_of(_terms("datum_index", (z,), index, layer, label_smoothing))


def _check_smoothing(call: str, name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) < 1:
        raise errors.ArgumentError(
            f"{call}: {name} is {value!r}. It must be a number from 0 up to, and without, 1, for example 0.8."
        )


class DatumIndex(Base, nn.Module):
    r"""The index as target, as an object: the learned layer over all items, the loss, its two terms and its scale.

    n_items: how many items the data set has, >= 2. dim: columns of the embeddings it is called with. label_smoothing:
    from 0 to 1, without 1.

    The layer is a parameter, (n_items, dim), and takes 4 n_items dim bytes; with its gradient and the two moments of
    Adam four times that, and each batch 4 batch n_items bytes of logits. For 50,000 items and dim 512: 102 MB,
    410 MB, and 51 MB for 256 rows. 1.3 million items and dim 2,048: 10.6 GB, 42.6 GB; the authors stop at
    a few hundred thousand.

    One view is enough: of several, each row is classified for itself. `loss.parameters()` belong in the optimiser.

    Raises ArgumentError.
    Source: Ibrahim et al. 2024, arXiv:2406.10743.
    """

    name = "Datum index"
    variant = "linear layer over all items without bias, mean over rows of all views"
    source = "Ibrahim et al. 2024, arXiv:2406.10743"
    views = 1
    needs: ClassVar[tuple[str, ...]] = ("index",)
    couples: ClassVar[Couples] = "nothing"
    ranges: ClassVar[dict[str, Check]] = {"label_smoothing": _check_smoothing}

    def __init__(self, n_items: int, dim: int, label_smoothing: float = 0.8) -> None:
        nn.Module.__init__(self)
        Base.__init__(self, label_smoothing=label_smoothing)
        shapes.check_count("DatumIndex", "n_items", n_items, least=2)
        shapes.check_count("DatumIndex", "dim", dim)
        self.n_items = n_items
        self.layer = nn.Linear(dim, n_items, bias=False)

    def terms(self, *views: Tensor, **more: Any) -> dict[str, Tensor]:
        """`own`: the item's own class, times 1 - e. `others`: all classes alike, times e."""
        index = self.given(more)["index"]
        return _terms(self.name, views, index, self.layer.weight, self._settings["label_smoothing"])

    def chance(self, batch: int, dim: int) -> float:
        """ln(n_items): the layer tells no item from another. Raises ArgumentError."""
        check_scale("DatumIndex.chance", batch, dim)
        return math.log(self.n_items)

    def floor(self, batch: int, dim: int) -> float:
        r"""The entropy of the smoothed target, reached when the softmax equals it.

            -(1 - e + e/n) ln(1 - e + e/n) - (n - 1) (e/n) ln(e/n)        n = n_items

        Raises ArgumentError.
        """
        check_scale("DatumIndex.floor", batch, dim)
        spread = self._settings["label_smoothing"] / self.n_items
        own = 1 - spread * (self.n_items - 1)
        rest = -(self.n_items - 1) * spread * math.log(spread) if spread > 0 else 0.0
        return rest - own * math.log(own)

    def pair_weights(self, *views: Tensor, **more: Any) -> None:
        """None: rows are compared with a layer and never with one another. Raises ShapeError."""
        self.given(more)
        check_several_views(self.name, views, least=1, rows=1)

    def reference_words(self, batch: int, dim: int) -> dict[str, str]:
        """`chance` as the logarithm it is, `floor` as the entropy of the target."""
        check_scale("DatumIndex.reference_words", batch, dim)
        return {"chance": f"ln {self.n_items}", "floor": "entropy of the target"}


def _terms(
    call: str, views: tuple[Tensor, ...], index: Tensor, layer: Tensor, label_smoothing: float
) -> dict[str, Tensor]:
    check_several_views(call, views, least=1, rows=1)
    _check_index(call, views[0], index, layer)
    with full_precision(views[0].device):
        *rows, weight = at_least_single(*views, layer)
        log_p = torch.log_softmax(torch.cat(rows) @ weight.T, dim=1)
        own = -log_p.gather(1, index.long().repeat(len(views))[:, None]).mean()
        others = -log_p.mean()
    return {"own": (1 - label_smoothing) * own, "others": label_smoothing * others}


def _check_index(call: str, z: Tensor, index: Tensor, layer: Tensor) -> None:
    items, dim = layer.shape
    if z.shape[1] != dim:
        raise errors.ShapeError(
            f"{call}: z1 is {shapes.shape_of(z)} but the layer was made for dim {dim}. Make it with dim={z.shape[1]}."
        )
    shapes.check_labels(call, index, len(z), name="index")
    for name, other in (("index", index), ("the layer", layer)):
        if other.device != z.device:
            what = "index.to(z1.device)" if name == "index" else "loss.to(z1.device)"
            raise errors.DeviceMismatch(f"{call}: z1 is on {z.device} but {name} is on {other.device}. Use {what}.")
    if index.device.type == "meta":
        return
    # An index outside the layer ends a CUDA process with an assertion that names nothing: worth one wait.
    least, greatest = (int(end) for end in torch.aminmax(index))
    if least < 0 or greatest >= items:
        wrong = least if least < 0 else greatest
        need = "Count items from 0." if least < 0 else f"Make it with n_items={greatest + 1} or more: len(data)."
        raise errors.ArgumentError(
            f"{call}: index {wrong} came but the layer has {items} items, 0 to {items - 1}. {need}"
        )
