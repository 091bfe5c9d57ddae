"""The lab: mistakes that can be put into any run by name, and embeddings with one failure each.

    print(vg.lab.faults())                                                  what there is, and what it looks like
    fault = vg.lab.inject(run, "shuffled pairs", at=200, strength=0.5)      in a run, from a step on
    fault.withdraw()

Data with known truth is in `vergence.data`: `rand_bits` and its neighbours.
"""

from vergence.lab.embeddings import Embedded, embeddings
from vergence.lab.injected import Injected, inject
from vergence.lab.pairs import shuffled
from vergence.lab.table import faults

__all__ = ["Embedded", "Injected", "embeddings", "faults", "inject", "shuffled"]
