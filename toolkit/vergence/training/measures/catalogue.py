"""The catalogue: every noun that is measured now and then, and what it looks at. One line each."""

from __future__ import annotations

from vergence.training.measures import answers, at_rest, change, classes, geometry, modes, pair_numbers, tried
from vergence.training.measures.branches import make_branches
from vergence.training.measures.cues import make_cues
from vergence.training.measures.follower import make_follower
from vergence.training.measures.gradients import make_gradients
from vergence.training.measures.now import WHOLE, Entry
from vergence.training.measures.objective import make_objective
from vergence.training.measures.updates import make_updates

__all__ = ["CATALOGUE"]

CATALOGUE: dict[str, Entry] = {
    # the model
    "gradients": Entry("model", make_gradients),
    "updates": Entry("model", make_updates, often=True),
    "modes": Entry("model", modes.make_modes, often=True),
    "follower": Entry("model", make_follower, often=True),
    "cues": Entry("step", make_cues, places=("z",)),
    # the reference set in eval mode, at h, z and every module that is looked at
    "uniformity_wasserstein": Entry("reference", geometry.make_uniformity_wasserstein),
    "alpha_req": Entry("reference", geometry.make_alpha_req),
    "intrinsic_dimension": Entry("reference", geometry.make_intrinsic_dimension),
    "marginal_entropy": Entry("reference", geometry.make_marginal_entropy, places=("h", "z")),
    "neural_collapse": Entry("reference", classes.make_neural_collapse),
    "subclass_variance": Entry("reference", classes.make_subclass_variance),
    "thresholds": Entry("reference", classes.make_thresholds, places=("h", "z")),
    "cka": Entry("reference", change.make_cka),
    "drift": Entry("reference", change.make_drift, places=("h",)),
    "rotation_probe": Entry("reference", tried.make_rotation_probe, default=False, places=("h",)),
    "step_profile": Entry("reference", tried.make_step_profile, default=False, places=("h",)),
    "duplicates": Entry("reference", classes.make_duplicates, places=WHOLE),
    "consistency": Entry("reference", modes.make_consistency, often=True, places=WHOLE),
    # the rows of the training step
    "lidar": Entry("step", geometry.make_lidar),
    "sigreg": Entry("step", geometry.make_sigreg, places=("z",)),
    "ordering": Entry("step", pair_numbers.make_ordering, places=("z",)),
    "bimodality": Entry("step", pair_numbers.make_bimodality, places=("z",)),
    "false_negatives": Entry("step", pair_numbers.make_false_negatives, places=("z",)),
    "modality_gap": Entry("step", pair_numbers.make_modality_gap, places=("z",)),
    "at_rest": Entry("step", at_rest.make_at_rest, often=True, places=("z",)),
    "inputs": Entry("step", at_rest.make_inputs, often=True, places=("z",)),
    # what the loss was called with
    "prototype_usage": Entry("loss", answers.make_prototype_usage),
    "teacher": Entry("loss", answers.make_teacher),
    "objective": Entry("loss", make_objective, often=True),
    "branches": Entry("loss", make_branches, often=True),
}
"""By noun. What is dear is there for those who ask: `measures=[...]`, or "all"."""
