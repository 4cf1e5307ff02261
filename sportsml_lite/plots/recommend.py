"""The figures of advice over months: gain and regret of each policy, and the curse of choosing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.evaluate import mean
from sportsml_lite.plots import grammar
from sportsml_lite.plots.style import nothing
from sportsml_lite.recommend.rank import curse
from sportsml_lite.studies.recommend import TITLES

COUNTS = (1, 2, 4, 8, 16)  # candidates to choose from
SHORT = {
    "as_usual": "as usual",
    "coach": "coach",
    "greedy": "population",
    "feedback": "feedback",
    "lower_bound": "lower bound",
    "thompson": "Thompson",
    "oracle": "oracle",
}


def over_months(scores: pd.DataFrame | None, title: str = "", metric: str = "block_gain_pct",
                arms: tuple[str, ...] = tuple(SHORT), ax=None):  # fmt: skip
    """True change of VO2max since the first test, a line a policy, after each block.

    Parameters
    ----------
    scores : of one data set; None draws nothing
    metric : ``'block_gain_pct'`` or ``'block_regret_pct'``
    arms : keys of :data:`SHORT`
    ax : where to draw; None makes a figure

    Returns
    -------
    fig; band: 95 % interval of the policy with feedback
    """
    if scores is None:
        return nothing("Not part of this run.")
    mine = scores[(scores["metric"] == metric) & scores["arm"].isin(arms)]
    rows = []
    for (arm, block), part in mine.groupby(["arm", "block"]):
        found = mean(part, arm, metric)
        rows.append({"arm": SHORT.get(arm, TITLES[arm]), "block": block,
                     "estimate": found.estimate, "low": found.low, "high": found.high})  # fmt: skip
    what = {
        "block_gain_pct": "change of VO2max (%)",
        "block_regret_pct": "regret in the block (%)",
    }
    return grammar.interval_curve(
        pd.DataFrame(rows), title, "blocks of four weeks", what[metric], x="block",
        accent=[SHORT["feedback"]], zero=True, ax=ax,
    )  # fmt: skip


def gains(scores: pd.DataFrame | None, title: str = "", arms=None, metric: str = "gain_pct",
          ax=None):  # fmt: skip
    """What each policy brought over the months, a row a policy with its interval.

    Parameters
    ----------
    scores : of one data set; None draws nothing
    arms : names, in order; None is all that are there
    metric : of the rows; ax : where to draw; None makes a figure
    """
    if scores is None:
        return nothing("Not part of this run.")
    there = set(scores.loc[scores["metric"] == metric, "arm"])
    names = [arm for arm in arms or TITLES if arm in there]
    table = {TITLES[arm]: mean(scores, arm, metric) for arm in names}
    return grammar.interval_rows(
        table, title, "change of VO2max over the months (%)", zero=True, spec="+.1f",
        accent=[TITLES["feedback"]], ax=ax,
    )  # fmt: skip


def disappointment(title: str = "", error_pct: float = 2.0, spread_pct: float = 1.0, ax=None):
    """The optimiser's curse: what is promised and what is got, by the number of candidates.

    Half of the candidates are well known, with a fourth of the error of the others.

    Parameters
    ----------
    error_pct : SD of the error of a prediction; spread_pct : SD of true effects
    ax : where to draw; None makes a figure
    """
    rows = []
    for count in COUNTS:
        sd = error_pct * np.where(np.arange(count) % 2, 0.25, 1.0)
        found = curse(sd, spread_pct)
        rows += [
            {"arm": name, "k": count, "estimate": row["disappointment"]}
            for name, row in found.iterrows()
        ]
    return grammar.interval_curve(
        pd.DataFrame(rows), title, "candidates to choose from",
        "promised more than brought (%)", accent=["by lower bound"], zero=True, ax=ax,
    )  # fmt: skip
