"""What chapter 11 says of its study: what is lost on the way to a wrist, and what is in time."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sportsml_lite.evaluate import Comparison, athlete_values, holm, mean
from sportsml_lite.protocol import margin
from sportsml_lite.studies.deploy import GUIDES, judge

PEOPLE = {"swimming": "swimmers", "actes": "young riders", "simulated": "simulated runners"}
KEPT = {
    "no difference": "nothing worth naming is lost",
    "better": "nothing is lost",
    "worse": "that is a loss",
    "undecided": "too few athletes to rule out a loss",
}
SMALL = {
    "no difference": "as good as",
    "better": "better than",
    "worse": "worse than",
    "undecided": "not to be told apart from",
}


def findings(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the lesson prints of the study, by the name under which it is recorded.

    tables : Scores of ``swimming``, ``actes`` and ``simulated``
    """
    verdicts = judge(tables)
    swim = {name: c for (dataset, name), c in verdicts.items() if dataset == "swimming"}
    said = {
        f"{dataset}_{name}": lost(verdicts[dataset, name])
        for dataset in PEOPLE
        for name in ("int8", "stream")
    }
    stands = holm(verdicts)
    return (
        said
        | {
            "in_short": (
                f"In whole numbers of 8 bits a new swimmer's macro-F1 changes by "
                f"{swim['int8'].gain.estimate:+.3f}, read as a stream by "
                f"{swim['stream'].gain.estimate:+.3f}; what is left of the student is a page of "
                "C, a few kilobytes, and microseconds."
            ),
            "agreement": f"{100 * mean(tables['swimming'], 'int8', 'agreement').estimate:.1f}",
            "personal": f"{swim['personal'].gain.estimate:+.3f}"
            + " (which does not stand after Holm's correction)"
            * (not stands["swimming", "personal"]),
            "personal_int8": lost(swim["personal_int8"]),
            "small": SMALL[swim["small"].verdict],
            "lowest": f"{athlete_values(tables['swimming'], 'int8').min():.2f}",
            "lowest_before": f"{athlete_values(tables['swimming'], 'student').min():.2f}",
            "smallest": f"{margin('macro_f1').smallest_effect:.2f}",
        }
        | guided(tables)
    )


def lost(found: Comparison) -> str:
    """A change in macro-F1 and what it means, e.g. ``'-0.001: nothing worth naming is lost'``."""
    return f"{found.gain.estimate:+.3f}: {KEPT[found.verdict]}"


def guided(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Lateness and false alarms of the guidance, beside the naive rule's, by data set."""
    said = {}
    for dataset in ("simulated", "actes"):
        for arm in GUIDES:
            late, false, missed = (
                mean(tables[dataset], arm, metric).estimate
                for metric in ("late_s", "false_alarms_per_h", "missed")
            )
            said |= {
                f"{dataset}_{arm}_late": f"{late:.0f}",
                f"{dataset}_{arm}_false": f"{false:.1f}",
                f"{dataset}_{arm}_missed": f"{100 * missed:.0f}",
            }
    return said
