"""Training under observation: Run for our recipes, Monitor for loops of your own, examine for embeddings alone."""

from vergence.training.examine import examine
from vergence.training.monitor import Monitor
from vergence.training.run import Run

__all__ = ["Monitor", "Run", "examine"]
