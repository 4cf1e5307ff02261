"""What chapter 10 says of its study: what everything brought, and what each part is worth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sportsml_lite.evaluate import Comparison, athlete_values, compare, holm, mean
from sportsml_lite.findings.hedge import doubt, hedge
from sportsml_lite.studies.pipeline import judge

ASKED = "everything"
COUNTED = (
    "none of the three differs",
    "one of the three differs",
    "two of the three differ",
    "each of the three differs",
)
STEPS = (ASKED, "without_personal", "without_teacher")
PEOPLE = {"swimming": "swimmers", "actes": "young riders", "simulated": "simulated runners"}
RIVALS = {
    "better": "It beats MiniRocket, given the same windows of the athlete, by {}.",
    "worse": "MiniRocket, given the same windows of the athlete, does better still: here the "
    "pipeline loses {}.",
    "no difference": "MiniRocket, given the same windows of the athlete, does as well ({}).",
    "undecided": "With a guard it cannot be told from MiniRocket, given the same windows of the "
    "athlete ({}).",
}
WRISTS = {
    "better": "the small one is better ({})",
    "worse": "nearly as good, not quite ({})",
    "no difference": "as good ({})",
    "undecided": "with so few swimmers nobody can tell the two apart ({})",
}
ADVICE = {
    "better": "the step pays",
    "worse": "the step does harm on average: leave it out",
    "no difference": "the step makes no difference worth naming: leave it out",
    "undecided": "with so few swimmers nobody can say whether the step pays; what it costs is "
    "certain",
}


def findings(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the lesson prints of the study, by the name under which it is recorded.

    tables : Scores of ``swimming``, ``actes`` and ``simulated``
    """
    said, verdicts = {}, judge(tables)
    stands = holm(verdicts)
    for dataset, people in PEOPLE.items():
        whole = verdicts[dataset, "everything"]
        luck = compare(tables[dataset], "none_again", "none")
        said |= {
            f"{dataset}_gain": f"{whole.gain:+.3f}" + doubt(whole, stands[dataset, ASKED]),
            f"{dataset}_harm": (
                f"{whole.harmed} of {whole.athletes} {people} (another seed alone: {luck.harmed})"
            ),
        }
    swim = {name: c for (dataset, name), c in verdicts.items() if dataset == "swimming"}
    before, after = (athlete_values(tables["swimming"], arm) for arm in ("none", "whole"))
    lowest = before.idxmin()
    rival, wrist = (
        words[swim[name].verdict].format(f"{swim[name].gain.estimate:+.3f}")
        for name, words in (("rival_ridge", RIVALS), ("wrist", WRISTS))
    )
    return said | {
        "in_short": (
            f"Where only eight swimmers are labelled, a teacher and five windows of each stroke "
            f"change the macro-F1 of a new one by {swim['everything'].gain.estimate:+.3f}. Take "
            f"the new one's windows out again, and it changes by "
            f"{-swim['without_personal'].gain.estimate:+.3f}; take the teacher out instead, and it "
            f"changes by {-swim['without_teacher'].gain.estimate:+.3f}. After Holm's correction "
            f"{COUNTED[sum(stands['swimming', name] for name in STEPS)]} from 0. {rival}"
        ),
        **{
            name: f"{_without(swim[name])}: {ADVICE[swim[name].verdict]}"
            + hedge(swim[name], stands["swimming", name])
            for name in ("without_teacher", "without_personal")
        },
        "lowest_before": f"{before[lowest]:.2f}",
        "lowest_after": f"{after[lowest]:.2f}",
        "lowest_tenth": f"{swim['everything'].worst_tenth:+.3f}",
        "rival": rival,
        "wrist": wrist,
        "rival_level": f"{mean(tables['swimming'], 'minirocket_ridge'):.3f}",
        "whole_level": f"{mean(tables['swimming'], 'guarded'):.3f}",
    }


def _without(found: Comparison) -> str:
    """What leaving a step out changes: a gain, seen from the other side."""
    gain = found.gain
    return f"{-gain.estimate:+.3f} [{-gain.high:+.3f}, {-gain.low:+.3f}]"
