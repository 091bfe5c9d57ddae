"""Teacher uniform: the teacher prefers no class, and the loss stands still at ln K."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="teacher uniform",
    severity="failure",
    says=(
        "Your teacher prefers no class: the entropy of its answers is {teacher/{place}/entropy:.3f}, and that of an "
        "even answer {teacher/{place}/chance:.3f} = ln K. The loss cannot fall below it."
    ),
    signs=(
        Sign(
            "teacher/{place}/entropy",
            "entropy of the teacher's answers, over ln K",
            of="teacher/{place}/chance",
            healthy=(None, 0.9),
            above=0.985,
            format=".3g",
        ),
        Sign(
            "teacher/{place}/told",
            "what an answer tells of the item, over the most it could",
            healthy=(0.2, None),
            below=0.02,
        ),
    ),
    remedies=(
        Remedy("Sharpen the teacher: a teacher temperature of 0.04.", control="teacher_temperature", value=0.04),
        Remedy("Lower the teacher's momentum or the learning rate for the first steps."),
    ),
    source=(
        "Caron et al. 2021, DINO, arXiv:2104.14294, section 5.3 and figure 7: the collapse that sharpening prevents. "
        "Healthy runs read 0.1 to 0.8 of ln K, and information of 0.4 to 0.6."
    ),
    hold=1,
    from_step=20,
    from_share=0.05,
    explains=("prototype collapse", "loss at chance", "slow collapse"),
)
