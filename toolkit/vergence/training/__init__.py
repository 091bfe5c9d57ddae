"""Training under observation: Run for our recipes, Monitor for loops of your own."""

from vergence.training.monitor import Monitor
from vergence.training.run import Run

__all__ = ["Monitor", "Run"]
