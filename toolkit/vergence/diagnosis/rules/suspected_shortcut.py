"""Suspected shortcut: partners are found by what the views leave alone. No label is needed; one may relieve it."""

from vergence.diagnosis.finding import Remedy
from vergence.diagnosis.rule import Apart, Rule, Sign

__all__ = ["RULE"]

RULE = Rule(
    name="suspected shortcut",
    severity="warning",
    says=(
        "Partners are found by {cues/{place}/part}: in {cues/{place}/outweighs:.0%} of the pairs that counts for more "
        "than everything else. If it is not what you want learned, it is a shortcut."
    ),
    signs=(
        Sign(
            "cues/{place}/outweighs",
            "share of pairs in which what the views leave alone outweighs the rest",
            healthy=(None, 0.25),
            above=0.5,
        ),
        Sign(
            "cues/{place}/untouched",
            "how far partners are apart in what the views leave alone, relative to the rest (1: nothing stands out)",
            healthy=(1.0, None),
            below=0.5,
        ),
        Sign("cues/{place}/auc", "AUC of partners, model at rest", healthy=(0.9, None), above=0.8),
    ),
    apart=(
        Apart(
            "what you want learned",
            Sign(
                "cues/{place}/gained",
                "how much more h tells of your labels than the untrained model (0 without labels)",
                healthy=(0.02, None),
                below=0.02,
            ),
        ),
    ),
    also=(Sign("hypersphere/{place}/ideal", "alignment and uniformity, 1 at their best", above=0.94),),
    remedies=(
        Remedy("Find what both views share there (a border, a tag, colours, an identifier) and let views change it."),
        Remedy("Remove that part from one of the two views: what is learned without it shows what it was worth."),
        Remedy("Hand over a factor you care about with the reference set; a probe then says whether it is being lost."),
    ),
    places=("z", "h"),
    hold=4,
    source=(
        "Cue conflicts: Geirhos et al. 2019, arXiv:1811.12231; shared bits: Chen, Luo and Li 2021, arXiv:2011.02803. "
        "Measured in 72 runs of 200 steps (bench/suspicion.py): found in 20 of 22 runs in which shared bits had cost a "
        "tenth of the accuracy of neighbours (72 to 97 %), in 8 of 18 in which they had not, in 6 of 6 with bits "
        "written into digits, rows and emoji, and in 2 of 2 with colours that views leave alone. False alarms: 2 of 24 "
        "(2 to 26 %), both on data whose views leave the content itself alone, which nobody could tell without labels. "
        "Alignment and uniformity near their best find 7 of the 22, with the same false alarms; one patch, channel or "
        "block that outweighs the rest, none; that views leave a part alone, whoever looks at it, all 22 and all of "
        "the harmless ones."
    ),
)
