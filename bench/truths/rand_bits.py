"""Digits with bits that both views share."""

from __future__ import annotations

from bench.truths.row import Row, after, geometry, probe
from vergence import Run, data, methods, views

__all__ = ["BITS", "COLUMNS", "TEMPERATURES", "UNSHARED", "row", "rows"]

TEMPERATURES = (0.05, 0.2, 1.0)
BITS = (0, 2, 4, 6, 8, 12)
UNSHARED = 12
STEPS = 300
BATCH = 256
COLUMNS = ("digit h", "digit z", "digit kNN z", "bit z", "loss", "alignment", "uniformity", "std", "rank")


def train(seed: int, bits: int, temperature: float, shared: bool = True, steps: int = STEPS) -> dict[str, float]:
    """SimCLR on 8 x 8 digits with k further channels."""
    source = data.rand_bits(data.digits(), bits=bits, shared=shared)
    method = methods.SimCLR(temperature=temperature, views=views.Images(flip=0))
    run = Run(method, source, seed=seed, batch=BATCH, driver="inline", save=False, measures="none", every=steps // 10)
    history = after(run, steps)
    found = geometry(history) | {
        "digit h": probe(history, "h", "class"),
        "digit z": probe(history, "z", "class"),
        "digit kNN z": probe(history, "z", "class", "knn"),
    }
    return found | ({"bit z": probe(history, "z", "bit 0")} if bits else {})


def row(bits: int, temperature: float, shared: bool = True) -> Row:
    """k bits at a temperature."""
    name = f"T {temperature:g}, {bits} bits" + ("" if shared else ", not shared")
    return Row(name, train, {"bits": bits, "temperature": temperature, "shared": shared})


def rows() -> list[Row]:
    """Every dose at every temperature, and bits that are not shared."""
    made = [row(bits, temperature) for temperature in TEMPERATURES for bits in BITS]
    return [*made, *(row(UNSHARED, temperature, shared=False) for temperature in TEMPERATURES)]
