"""Teacher one-hot: the teacher puts everything into one class."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="teacher one-hot",
    severity="failure",
    says=(
        "Your teacher puts everything into one class: the entropy of its mean answer is "
        "{teacher/{place}/entropy_of_mean:.2g} of {teacher/{place}/chance:.3g}, so agreeing with it is easy and says "
        "nothing."
    ),
    signs=(
        Sign(
            "teacher/{place}/entropy_of_mean",
            "entropy of the mean answer, over ln K",
            of="teacher/{place}/chance",
            healthy=(0.5, None),
            below=0.15,
        ),
        Sign(
            "teacher/{place}/told",
            "what an answer tells of the item, over the most it could",
            healthy=(0.2, None),
            below=0.1,
        ),
    ),
    remedies=(
        Remedy("Check the centring: the mean of the teacher's scores is taken off, and follows them."),
        Remedy("Raise the teacher's temperature.", control="teacher_temperature", value=0.07),
    ),
    source=(
        "Caron et al. 2021, DINO, arXiv:2104.14294, section 5.3 and figure 7: the collapse that centring prevents. "
        "Healthy runs read 0.6 to 0.9."
    ),
    hold=1,
    from_step=20,
    from_share=0.05,
    explains=("prototype collapse", "slow collapse", "dimensional collapse", "complete collapse"),
)
