"""Methods: recipes with the paper's defaults, differences said."""

from vergence.methods.recipe import Learner, Recipe
from vergence.methods.simclr import SimCLR
from vergence.methods.vicreg import VICReg

__all__ = ["Learner", "Recipe", "SimCLR", "VICReg"]
