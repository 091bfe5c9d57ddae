"""Methods: recipes with the paper's defaults, differences said."""

from vergence.methods import pairs
from vergence.methods.amcl import AMCL
from vergence.methods.barlow_twins import BarlowTwins
from vergence.methods.byol import BYOL
from vergence.methods.care import CARE
from vergence.methods.clip import CLIP
from vergence.methods.dino import DINO
from vergence.methods.feature_transformation import FeatureTransformation
from vergence.methods.le_jepa import LeJEPA
from vergence.methods.learner import Batch, Learner, Outputs
from vergence.methods.mcl import MCL
from vergence.methods.mochi import MoCHi
from vergence.methods.moco import MoCo
from vergence.methods.recipe import Recipe
from vergence.methods.sim_siam import SimSiam
from vergence.methods.simclr import SimCLR
from vergence.methods.sup_con import SupCon
from vergence.methods.swav import SwAV
from vergence.methods.vicreg import VICReg
from vergence.methods.w_mse import WMSE

__all__ = [
    "AMCL",
    "BYOL",
    "CARE",
    "CLIP",
    "DINO",
    "MCL",
    "WMSE",
    "BarlowTwins",
    "Batch",
    "FeatureTransformation",
    "LeJEPA",
    "Learner",
    "MoCHi",
    "MoCo",
    "Outputs",
    "Recipe",
    "SimCLR",
    "SimSiam",
    "SupCon",
    "SwAV",
    "VICReg",
    "pairs",
]
