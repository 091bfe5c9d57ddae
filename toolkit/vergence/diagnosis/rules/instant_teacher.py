"""Instant teacher: it is its student, a step later at most."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="instant teacher",
    severity="warning",
    says=(
        "Your teacher is your student: {follower/model/distance:.2g} of its length apart, less than what a step moves. "
        "Targets jump with every step, and nothing averages over them."
    ),
    signs=(
        Sign(
            "follower/model/distance",
            "distance of teacher and student, in steps of the student",
            of="follower/model/student_moved",
            healthy=(2.0, None),
            below=1.2,
        ),
        Sign("follower/model/student_moved", "how far the student moves in a step", healthy=(0.0, None), above=1e-12),
    ),
    remedies=(
        Remedy("Let it follow slowly: a momentum of 0.99 in short runs, 0.996 in long ones."),
        Remedy("Check that the teacher is a copy: copy.deepcopy(student), and not the same module under two names."),
    ),
    source=(
        "Grill et al. 2020, arXiv:2006.07733, table 5a, where momentum 0 is tried. At momentum m a teacher lags by "
        "about 1/(1 - m) steps; 0 is one step at most."
    ),
    hold=2,
    notebook="04_what_each_method_does_to_the_sphere.ipynb",
    explains=(
        "dimensional collapse",
        "class collapse",
        "complete collapse",
        "slow collapse",
        "norm explosion",
    ),
)
