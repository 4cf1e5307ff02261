"""What chapter 6 says of logs: how far each estimate is off, and which plan looks best by it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite import evaluate
from sportsml_lite.studies.offpolicy import PLANS, RANKING, TITLES, judge, over_plans

HOW = {
    "lottery": "drawn by lot",
    "seen": "chosen by what the log holds",
    "sensed": "chosen by a trait that the log half shows",
    "unseen": "chosen by a trait that the log does not show",
}


def there(scores: pd.DataFrame) -> list[str]:
    """Arms that a table holds, in the order of the pages, without those of another seed."""
    known = set(scores["arm"])
    return [arm for arm in TITLES if arm in known and not arm.endswith("_again")]


def of(scores: pd.DataFrame, how: str, target: str) -> pd.DataFrame:
    """Rows of one assignment and target."""
    return scores[(scores["assignment"] == how) & (scores["target"] == target)]


def off_by(scores: pd.DataFrame, how: str, arm: str) -> evaluate.Interval:
    """Distance from the truth, mean over the plans, % of VO2max, with an interval over clubs."""
    return evaluate.mean(over_plans(scores, how, "mae"), arm, "mae")


def covered(scores: pd.DataFrame, how: str, arm: str, metric: str = "covered"):
    """Share of intervals that hold the truth, mean over the plans, with an interval over clubs."""
    return evaluate.mean(over_plans(scores, how, metric), arm, metric)


def wrong(scores: pd.DataFrame, how: str, arm: str) -> float:
    """Share of clubs in which the plan that looks best is not, 0 to 1."""
    return evaluate.mean(of(scores, how, RANKING), arm, "wrong").estimate


def regret(scores: pd.DataFrame, how: str, arm: str) -> evaluate.Interval:
    """What the choice of the plan that looks best costs, % of VO2max."""
    return evaluate.mean(of(scores, how, RANKING), arm, "regret")


def bias(scores: pd.DataFrame, how: str, arm: str, plan: str) -> evaluate.Interval:
    """Mean of estimate minus truth of one plan, % of VO2max."""
    return evaluate.mean(of(scores, how, plan), arm, "bias")


def mended(scores: pd.DataFrame, how: str, arm: str) -> float:
    """Share of the naive bias that an estimate takes away, over the plans; NaN without any.

    Root mean square over the plans of the mean biases; below 0 where the estimate is worse.
    """

    def size(which):
        return np.sqrt(np.mean([bias(scores, how, which, p).estimate ** 2 for p in PLANS]))

    naive = size("naive")
    return float(1 - size(arm) / naive) if naive else np.nan


def values(scores: pd.DataFrame, how: str, arms=("naive", "dr")) -> pd.DataFrame:
    """Mean estimate of every plan and its truth: columns arm (a title), plan, estimate, low, high.

    Parameters
    ----------
    scores : of one data set
    how : assignment; arms : of the study
    """
    rows = []
    for plan in PLANS:
        part = of(scores, how, plan)
        true = part.loc[part["metric"] == "truth", "value"].iloc[0]
        rows.append({"arm": "truth", "plan": plan, "estimate": true, "low": true, "high": true})
        for arm in arms:
            own = evaluate.mean(part, arm, "estimate")
            rows.append({"arm": TITLES[arm], "plan": plan, "estimate": own.estimate,
                         "low": own.low, "high": own.high})  # fmt: skip
    return pd.DataFrame(rows)


def table(scores: pd.DataFrame, metric: str = "off") -> list[dict]:
    """Rows of the table of estimates, a row an arm and a column an assignment.

    Parameters
    ----------
    scores : of one data set
    metric : ``'off'`` (by how much), ``'covered'`` or ``'wrong'`` (both in %)
    """
    cell = {
        "off": lambda *which: off_by(scores, *which),
        "covered": lambda *which: f"{100 * covered(scores, *which).estimate:.0f} %",
        "wrong": lambda *which: f"{100 * wrong(scores, *which):.0f} %",
    }[metric]
    return [
        {"estimate": TITLES[arm], **{HOW[how]: cell(how, arm) for how in HOW}}
        for arm in there(scores)
    ]


def mended_words(scores: pd.DataFrame, how: str, arm: str) -> str:
    """How much of the naive bias an estimate takes away, in words."""
    share = mended(scores, how, arm)
    if np.isnan(share) or share < 0.005:
        return "nothing of the bias"
    return f"{100 * share:.0f} % of the bias"


def closer_words(verdicts: Mapping[tuple, evaluate.Comparison], how: str, arm: str) -> str:
    """Whether an estimate is closer to the truth than the naive one, by data set, in words.

    Parameters
    ----------
    verdicts : of :func:`sportsml_lite.studies.offpolicy.judge`
    how : assignment; arm : of the study
    """
    says = {
        "better": "closer to the truth",
        "worse": "farther from the truth",
        "no difference": "as far from the truth",
        "undecided": "not shown to be closer to the truth",
    }
    return "; ".join(
        f"{key[0]}: {says[found.verdict]} ({found.gain:+.2f})"
        for key, found in verdicts.items()
        if key[1:] == (how, arm, "naive")
    )


def said(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the page prints, by the name under which it is recorded.

    tables : Scores by data set; the first is the one of the single numbers
    """
    scores, verdicts = next(iter(tables.values())), judge(tables)
    out = {
        "one_sentence": takeaway(scores),
        "clubs": str(scores["athlete"].nunique()),
        "truth_best": best(scores),
    }
    for how in HOW:
        out[f"wrong_naive_{how}"] = f"{100 * wrong(scores, how, 'naive'):.0f}"
        out[f"wrong_dr_{how}"] = f"{100 * wrong(scores, how, 'dr'):.0f}"
        out[f"regret_naive_{how}"] = f"{regret(scores, how, 'naive'):.2f}"
        out[f"regret_dr_{how}"] = f"{regret(scores, how, 'dr'):.2f}"
        out[f"mended_{how}"] = mended_words(scores, how, "dr")
        out[f"closer_{how}"] = closer_words(verdicts, how, "dr")
    out["covered_dm"] = f"{100 * covered(scores, 'lottery', 'dm').estimate:.0f}"
    out["covered_dr"] = f"{100 * covered(scores, 'lottery', 'dr').estimate:.0f}"
    rows = covered(scores, "lottery", "dr", "covered_rows").estimate
    out["covered_rows"] = f"{100 * rows:.0f}"
    return out


def best(scores: pd.DataFrame) -> str:
    """The plan that brings most, in truth."""
    true = values(scores, "lottery", ()).set_index("plan")["estimate"]
    return str(true.idxmax())


def takeaway(scores: pd.DataFrame) -> str:
    """The page's sentence, true for whatever the table holds."""
    naive, mended_, hidden, lot = (
        f"{100 * wrong(scores, how, arm):.0f} %"
        for how, arm in (
            ("seen", "naive"),
            ("seen", "dr"),
            ("unseen", "dr"),
            ("lottery", "naive"),
        )
    )
    return (
        f"Where a coach chose by what the log holds, the plan that looks best is not in {naive} "
        f"of the clubs, and after adjusting and weighting in {mended_}; where he chose by what it "
        f"does not hold, after the same in {hidden}; where plans were drawn by lot, in {lot}"
    )
