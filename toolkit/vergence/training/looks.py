"""Looks: what is measured on the model itself, apart from the training step.

A look at the reference set gives a snapshot; the map, the probes and named modules are measured on the newest one,
each at its own cadence. Attention and pairs look at a few items of their own.
"""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn

from vergence.training.measures.attention import AttentionMaps
from vergence.training.measures.base import Measured, Sample, Snapshot
from vergence.training.measures.pairs import FixedPairs
from vergence.training.measures.probes import Probes
from vergence.training.measures.projection import Projection
from vergence.training.measures.spectrum import measure_spectrum
from vergence.training.measures.step import measure_hypersphere
from vergence.training.randomness import generator
from vergence.training.reference import Reference

__all__ = ["Looks"]


class Looks:
    """Measurements of the model at rest.

    Args:
        model: gives h, or (h, z); None where the user handed over embeddings only.
        reference: the items that are embedded again and again, or None.
        projector: turns h into z, where the model gives h alone.
    """

    def __init__(
        self,
        model: nn.Module | None,
        reference: Reference | None,
        *,
        projector: nn.Module | None = None,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.reference = reference
        self.wishes: dict[str, dict[str, str]] = {}
        """What a reader asked for, by noun: which map, whose attention. Written by any thread, read between steps."""
        self.snapshot: Snapshot | None = None
        self._generator = generator(seed, "looks")
        self._used: dict[str, int] = {}
        self._names: list[str] | None = None
        self._projection = None if reference is None else Projection(reference, seed=seed)
        self._probes = None if reference is None else Probes(reference, seed=seed)
        self._attention = None if reference is None else AttentionMaps(reference)
        self._pairs = FixedPairs(model, projector)

    def names(self, *, inputs: bool, places: Collection[str] = ("h", "z")) -> list[str]:
        """What could be measured now.

        inputs: the step at hand says what the model saw. places: what it hands over itself; the spectrum of h or z
        that it does not hand over is measured on the snapshot.
        """
        names = ["reference/h"] if self.reference is not None else []
        if self._attention is not None and self._attention.possible:
            names.append("attention/maps")
        if inputs or self._pairs.possible:
            names.append("pairs/z")
        if self.snapshot is not None:
            step = self.snapshot.step
            wanted = self._of_snapshot(self.snapshot)
            wanted = wanted + [f"module/{place}" for place in self.snapshot.rows if place in {"h", "z"} - set(places)]
            names += [name for name in wanted if self._used.get(name, -1) < step]
        return names

    def _of_snapshot(self, snapshot: Snapshot) -> list[str]:
        if self._names is None:
            reference = self.reference
            modules = () if reference is None else reference.modules
            self._names = [f"projection/{place}" for place in snapshot.rows if place in ("h", "z")]
            self._names += [f"module/{place}" for place in modules]
            if self._probes is not None and self._probes.possible:
                self._names.append("probes/reference")
        return self._names

    def make(self, name: str, step: int, inputs: tuple[Tensor, ...] | None, sample: Sample) -> Measured:
        """Measure one of `names`. `sample`: the embeddings of the step at hand."""
        noun, _, place = name.partition("/")
        if noun == "reference":
            return self._look(step)
        if noun == "attention" and self._attention is not None:
            return self._attention.measure(step, self.wishes.get("attention", {}))
        if noun == "pairs":
            return self._pairs.measure(step, inputs, sample)
        snapshot = self.snapshot
        if snapshot is None:
            return Measured()
        self._used[name] = snapshot.step
        if noun == "module":
            sample = Sample(place, (snapshot.rows[place],), None, None, self._generator)
            return measure_spectrum(sample, source="reference")
        if noun == "projection" and self._projection is not None:
            return self._projection.measure(snapshot, place, self.wishes.get("projection", {}))
        if noun == "probes" and self._probes is not None:
            return self._probes.measure(snapshot)
        return Measured()

    def _look(self, step: int) -> Measured:
        if self.reference is None:
            return Measured()
        self.snapshot = self.reference.embed(step)
        rows = self.snapshot.rows["h"]
        labels = self.reference.labels
        return measure_hypersphere(Sample("reference", (rows,), labels, None, self._generator))

    def close(self) -> None:
        """End what works in the background."""
        if self._projection is not None:
            self._projection.close()
