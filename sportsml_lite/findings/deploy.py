"""What chapter 11 says of its study: what is lost on the way to a wrist, and what is in time."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sportsml_lite.evaluate import Comparison, athlete_values, holm, mean
from sportsml_lite.findings.hedge import doubt
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
        for dataset in ("swimming", "simulated")
        for name in ("int8", "stream")
    }
    stands = holm(verdicts)
    return (
        said
        | {
            "in_short": (
                f"In whole numbers of 8 bits a new swimmer's macro-F1 changes by "
                f"{lost(swim['int8'])}; read as a stream, by {lost(swim['stream'])}. The student "
                "is then a few hundred lines of C and some kilobytes, and a window takes "
                "microseconds."
            ),
            "personal": _signed(swim["personal"].gain.estimate)
            + doubt(swim["personal"], stands["swimming", "personal"]),
            "personal_int8": lost(swim["personal_int8"]),
            "small": SMALL[swim["small"].verdict],
            "lowest": _lowest(tables["swimming"]),
            "again": " instead of ".join(
                f"{mean(tables['swimming'], arm).estimate:.3f}"
                for arm in ("student_again", "student")
            ),
        }
        | guided(tables)
    )


def _lowest(scores: pd.DataFrame) -> str:
    before, after = (athlete_values(scores, arm) for arm in ("student", "int8"))
    name = before.idxmin()
    told = [f"{each[name]:.2f}" for each in (before, after)]
    return f"stays at {told[0]}" if told[0] == told[1] else "goes from " + " to ".join(told)


def lost(found: Comparison) -> str:
    """A change in macro-F1 and what it means, e.g. ``'-0.001: nothing worth naming is lost'``."""
    return f"{_signed(found.gain.estimate)}: {KEPT[found.verdict]}"


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}"  # no "-0.000"


def guided(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What each guide of simulated runners does, in words, by its arm.

    tables : Scores of ``simulated``
    """
    scores = tables["simulated"]
    apart = [
        metric
        for metric in ("late_s", "missed", "false_alarms_per_h")
        if not _overlap(*(mean(scores, arm, metric) for arm in ("guide", "guide_zone")))
    ]
    verdict = "The lab's intervals tell the two apart." if apart else (
        "The lab's intervals of the two overlap: so few runners do not tell which guides better."
    )  # fmt: skip
    return {arm: _in_words(scores, arm) for arm in GUIDES} | {"guides": verdict}


def _overlap(one, other) -> bool:
    return not (one.low > other.high or other.low > one.high)


def _in_words(scores: pd.DataFrame, arm: str) -> str:
    own = scores[scores["arm"] == arm]
    late, missed, false = (
        mean(own, arm, metric).estimate if (own["metric"] == metric).any() else None
        for metric in ("late_s", "missed", "false_alarms_per_h")
    )
    told = "no excess was told" if late is None else f"{late:.0f} s late"
    share = (
        "" if missed is None or late is None else f", {100 * missed:.0f} % of the excesses missed"
    )
    return told + share + ("" if false is None else f", {false:.1f} false alarms an hour")
