"""Frozen teacher: it never follows its student."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="frozen teacher",
    severity="failure",
    says=(
        "Your teacher stands still while its student moves: the student copies a network that never learns, "
        "{follower/model/distance:.2g} of its own length away by now."
    ),
    signs=(
        Sign(
            "follower/model/moved",
            "how far the teacher moves in a step, over its student",
            of="follower/model/student_moved",
            healthy=(2e-5, 1.0),
            below=1e-5,
        ),
        Sign("follower/model/student_moved", "how far the student moves in a step", healthy=(0.0, None), above=1e-12),
    ),
    remedies=(
        Remedy("Move the teacher after each step: teacher = m * teacher + (1 - m) * student, with m about 0.99."),
        Remedy("Look for a momentum of 1, or an update under a name that nobody calls."),
        Remedy("If it was trained before and shall stay (distillation), nothing is wrong."),
    ),
    source=(
        "Grill et al. 2020, arXiv:2006.07733, section 3.1 and table 5a, where a teacher that never moves is tried. At "
        "momentum m a teacher moves by 1 - m of a distance of several steps: at 0.9999 by 1e-3 of its student's step."
    ),
    hold=2,
    explains=("drift",),
    notebook="04_what_each_method_does_to_the_sphere.ipynb",
)
