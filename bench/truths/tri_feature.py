"""Pictures of a shape with a texture in a colour: which of the three is learned."""

from __future__ import annotations

from bench.truths.row import Row, after, geometry, probe
from vergence import Run, data, methods
from vergence.views import Images

__all__ = ["COLUMNS", "rows"]

STEPS = 260
BATCH = 128
FACTORS = ("shape", "texture", "colour")
COLUMNS = (*(f"{factor} h" for factor in FACTORS), *(f"{factor} kNN z" for factor in FACTORS), "loss", "rank")


def still() -> Images:
    """Views that leave colours alone."""
    return Images(brightness=0, contrast=0, saturation=0, hue=0, grey=0, blur=0)


def train(seed: int, colours: bool, correlation: float, steps: int = STEPS) -> dict[str, float]:
    """One row. colours: views change them. Without steps: an untrained encoder."""
    source = data.tri_feature(correlation=correlation)
    method = methods.SimCLR(temperature=0.2, views=Images(blur=0) if colours else still())
    run = Run(
        method,
        source,
        seed=seed,
        batch=BATCH,
        driver="inline",
        save=False,
        measures="none",
        every=max(steps, 1),
        reference=1000,
    )
    history = after(run, max(steps, 1))
    kind = "" if steps else "untrained_"
    found = geometry(history) if steps else {}
    for factor in FACTORS:
        found[f"{factor} h"] = probe(history, f"{kind}h", factor)
        found[f"{factor} kNN z"] = probe(history, f"{kind}z", factor, "knn")
    return found


def rows() -> list[Row]:
    """Untrained, then three ways to train."""
    return [
        Row("untrained", train, {"colours": False, "correlation": 0.0, "steps": 0}),
        Row("views that move and cut", train, {"colours": False, "correlation": 0.0}),
        Row("and change colours", train, {"colours": True, "correlation": 0.0}),
        Row("colour tells the shape", train, {"colours": False, "correlation": 1.0}),
    ]
