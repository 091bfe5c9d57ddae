"""Teacher one-hot on its way: the teacher gives up class after class."""

from vergence.diagnosis.rule import Apart, Rule, Sign
from vergence.diagnosis.rules.teacher_one_hot import RULE as ARRIVED

__all__ = ["RULE"]

RULE = Rule(
    name="teacher one-hot",
    severity="warning",
    says=(
        "Your teacher gives up class after class: the entropy of its mean answer has fallen to "
        "{teacher/{place}/entropy_of_mean:.2g} of {teacher/{place}/chance:.3g}. In the end it puts everything into one."
    ),
    signs=(
        Sign(
            "teacher/{place}/entropy_of_mean",
            "entropy of the mean answer, in units of its highest so far",
            over="highest",
            healthy=(0.75, None),
            below=0.65,
        ),
        Sign(
            "teacher/{place}/entropy_of_mean",
            "entropy of the mean answer, over ln K",
            of="teacher/{place}/chance",
            healthy=(0.6, None),
            below=0.45,
        ),
    ),
    apart=(
        Apart(
            "one class that has taken everything",
            Sign(
                "teacher/{place}/entropy_of_mean",
                "entropy of the mean answer, over ln K",
                of="teacher/{place}/chance",
                healthy=(0.5, None),
                above=0.15,
            ),
        ),
    ),
    remedies=ARRIVED.remedies,
    source=(
        "Caron et al. 2021, DINO, arXiv:2104.14294, section 5.3. Healthy runs keep to 0.75 of their highest and 0.65 "
        "of ln K; without centring they fall to 0.6 and 0.5 within 70 steps."
    ),
    hold=1,
    from_step=20,
    from_share=0.05,
    explains=("prototype collapse", "slow collapse"),
)
