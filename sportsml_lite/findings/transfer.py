"""What chapter 9 says of its study: what five windows bought, for whom, and in which exam."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite.evaluate import compare, gains, holm, lowest_tenth
from sportsml_lite.findings.hedge import hedge
from sportsml_lite.studies.transfer import COUNTED, EXAMS, FEW_KS, at, judge, most_helped

STANDS = {
    "better": "a gain worth naming",
    "worse": "a loss",
    "no difference": "too little to name",
    "undecided": "with so few athletes nobody can tell it from luck",
}
GUARDS = {
    "better": "On average it helps ({}).",
    "worse": "On average it costs ({}).",
    "no difference": "On average it makes no difference worth naming ({}).",
    "undecided": "Whether it helps or costs on average, so few swimmers do not tell ({}).",
}
RIVALS = {
    "better": "the small student is better ({})",
    "worse": "MiniRocket is better (student less MiniRocket: {})",
    "no difference": "the two do equally well ({})",
    "undecided": "with so few athletes nobody can say which is better ({})",
}


def findings(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the lesson prints of the study, by the name under which it is recorded.

    tables : Scores of ``swimming``, ``simulated`` and ``actes``
    """
    five = at(tables["swimming"], COUNTED)
    runners = at(tables["simulated"], COUNTED)
    whole = compare(five, "guarded", "population")
    mask = compare(five, "masked", "population")
    own = compare(five, "guarded", "masked")
    luck = compare(five, "population_again", "population")
    free = compare(five, "shrink", "population")
    rival = compare(five, "guarded", "minirocket_guarded")
    lowest, lowest_free = (
        lowest_tenth(five, arm, "population", "population_again") for arm in ("guarded", "shrink")
    )
    reserve = compare(tables["actes"], "reserve", "population")
    moves = five[(five["arm"] == "guarded") & (five["metric"] == "moved")]["value"].mean()
    exam = {
        name: [
            compare(at(tables[name], 1), *pair, "accuracy").gain.estimate for pair in EXAMS.values()
        ]
        for name in ("swimming", "simulated")
    }
    there = compare(runners, "guarded", "masked")
    stands = holm(judge(tables))["simulated", "guarded", "masked", COUNTED]
    chance = compare(runners, "population_again", "population")
    guard = compare(five, "guarded", "shrink")
    return {
        "in_short": (
            f"Five labelled windows of each stroke change the macro-F1 of a new swimmer by "
            f"{whole.gain.estimate:+.3f} on average: {mask.gain.estimate:+.3f} for merely knowing "
            f"which strokes are swum, {own.gain.estimate:+.3f} for learning from the windows "
            f"({STANDS[own.verdict]}). Of {whole.athletes} swimmers {whole.harmed} "
            f"{'ends' if whole.harmed == 1 else 'end'} up worse; a mere change of seed does that "
            f"to {luck.harmed}."
        ),
        "gain": f"{whole.gain:+.3f}",
        "own": f"{own.gain:+.3f}",
        "stands": STANDS[own.verdict],
        "mask": f"{mask.gain:+.3f}",
        "athlete": most_helped(tables["swimming"]),
        "people": f"{whole.athletes}",
        "harmed": f"{whole.harmed}",
        "harmed_null": f"{luck.harmed}",
        "lowest": f"{lowest:+.3f}",
        "moves": f"{100 * moves:.0f}",
        "rival": RIVALS[rival.verdict].format(f"{rival.gain:+.3f}"),
        **{
            f"exam_{name}": ", then ".join(f"{gain:+.3f}" for gain in gains)
            for name, gains in exam.items()
        },
        "kinder": (
            "The method is the same in every line: first the exam became harder, then the baseline."
            if all(lot > earliest for lot, earliest, _ in exam.values())
            else "Not everywhere did the kinder exam give the higher mark; do not count on that."
        ),
        "runners": (
            f"{there.gain:+.3f}{hedge(there, stands)} ({STANDS[there.verdict]}; harmed "
            f"{there.harmed} of {there.athletes}, by another seed alone {chance.harmed})"
        ),
        "guard": (
            f"Harmed with it: {whole.harmed}; without it: {free.harmed}. The lowest tenth changes "
            f"by {lowest:+.3f} with it, and by {lowest_free:+.3f} without. "
            + GUARDS[guard.verdict].format(f"{guard.gain:+.3f}")
        ),
        "reserve": f"{reserve.gain:+.3f}",
        "reserve_stands": STANDS[reserve.verdict],
    }


def mask_effect(scores: pd.DataFrame) -> pd.DataFrame:
    """What merely knowing an athlete's classes does to their later windows.

    scores : of this study and one data set

    Returns
    -------
    index athlete; columns gain (macro-F1), and shares: ``lost`` of the windows, answered rightly
    before and not any more; ``ruled_out`` of the windows, answered by a class that the athlete's
    first windows do not show; ``turned_right`` of the latter, NaN where there is none
    """
    part = at(scores, COUNTED)
    cells = part[(part["metric"] == "count") & part["arm"].isin(["population", "masked"])]
    keys = ["athlete", "truth", "predicted"]
    table = cells.groupby([*keys, "arm"])["value"].sum().unstack("arm", fill_value=0.0)
    owner, truth, predicted = (table.index.get_level_values(key) for key in keys)
    change, hit = table["masked"] - table["population"], truth == predicted
    less, more = (-change).clip(lower=0), change.clip(lower=0)
    ruled_out = less.where(~hit, 0.0).groupby(owner).sum()
    total = table["population"].groupby(owner).sum()
    return pd.DataFrame(
        {
            "gain": gains(part, "masked", "population"),
            "lost": less.where(hit, 0.0).groupby(owner).sum() / total,
            "ruled_out": ruled_out / total,
            "turned_right": more.where(hit, 0.0).groupby(owner).sum() / ruled_out,
        }
    )


def nulls(tables: Mapping[str, pd.DataFrame]) -> dict[tuple, int]:
    """How many athletes a mere change of seed harms: (data set, k) → count."""
    found = {}
    for dataset, scores in tables.items():
        if "reserve" in set(scores["arm"]):
            found[dataset, np.nan] = compare(scores, "population_again", "population").harmed
            continue
        for k in FEW_KS:
            if len(at(scores, k)):
                found[dataset, k] = compare(at(scores, k), "population_again", "population").harmed
    return found


def read_rightly(scores: pd.DataFrame, athlete: str) -> pd.DataFrame:
    """Share of an athlete's later windows that are answered rightly, mean over the models.

    scores : of this study and one data set

    Returns
    -------
    index class, columns before, after
    """
    part = at(scores, COUNTED)
    cells = part[(part["metric"] == "count") & (part["athlete"] == athlete)]
    right = {}
    for name, arm in (("before", "population"), ("after", "guarded")):
        own = cells[cells["arm"] == arm]
        hits = own[own["truth"] == own["predicted"]].groupby("truth")["value"].sum()
        right[name] = (hits / own.groupby("truth")["value"].sum()).fillna(0.0)
    return pd.DataFrame(right)
