"""Random views of a batch: what the model is to be blind to.

Two views of one item are a positive pair, so whatever a view changes is what the embedding learns to
ignore. Every class here has one `strength` from 0 to 1 that may be moved while a run trains, works on
whole batches, and takes all its random numbers from the generator it is given.
"""

from __future__ import annotations

from vergence.views.base import Identity, Views
from vergence.views.each import Each
from vergence.views.images import Images
from vergence.views.shared import Shared
from vergence.views.spare import Spare
from vergence.views.vectors import Vectors
from vergence.views.words import Words

__all__ = ["Each", "Identity", "Images", "Shared", "Spare", "Vectors", "Views", "Words"]
