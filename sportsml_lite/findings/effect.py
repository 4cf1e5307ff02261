"""What chapter 4 says of its study: how far a model comes, and what a level is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from sportsml_lite import evaluate
from sportsml_lite.studies.effect import TITLES

SAYS = {
    "better": "does better than",
    "worse": "loses to",
    "no difference": "does no better than",
    "undecided": "is not shown to beat",
}
RIVALS = {"ridge": "ridge", "mean": "the mean predictor", "mlp": "the network"}


def by_target(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], pd.DataFrame]:
    """Scores by data set and target, from Scores by data set."""
    return {
        (name, target): part
        for name, table in tables.items()
        for target, part in table.groupby("target", sort=False)
    }


def judge_by_target(study) -> Callable[[Mapping[str, pd.DataFrame]], dict]:
    """A study's ``judge`` as a function of Scores by data set."""
    return lambda tables: study.judge(by_target(tables))


def questions(panels, verdicts, survives) -> list[dict]:
    """Rows of the lab's table of questions; the last column is what another seed does to the MLP.

    Parameters
    ----------
    panels : Scores by data set and target; verdicts, survives : by question
    """
    null = {
        key: evaluate.compare(t, "mlp_again", "mlp", "rmse", key[1])
        for key, t in panels.items()
        if "mlp_again" in set(t["arm"])
    }
    return [
        {
            "data": f"{key[0]}, {key[1]}",
            "arm": TITLES[key[2]],
            "against": TITLES[key[3]],
            "gain": c.gain,
            "verdict": c.verdict,
            "Holm": survives[key],
            "harmed": f"{c.harmed} of {c.athletes}",
            "by seed": null[key[:2]].harmed if key[:2] in null else "–",
        }
        for key, c in verdicts.items()
    ]


def way(scores: pd.DataFrame, arm: str, end: str = "floor", start: str = "mean"):
    r"""Share of the way from a naive answer (0) to a bound (1) that an arm goes, in squared error.

    .. math:: \text{way} = \frac{\mathrm{MSE}_\text{start} - \mathrm{MSE}_\text{arm}}
       {\mathrm{MSE}_\text{start} - \mathrm{MSE}_\text{end}}

    Parameters
    ----------
    scores : of one data set and target
    end : arm at 1; empty is no error at all

    Returns
    -------
    :class:`sportsml_lite.evaluate.Interval`, of the ratio by the delta method
    """

    def cells(name: str) -> pd.Series:
        part = scores[(scores["arm"] == name) & (scores["metric"] == "mse")]
        return part.set_index(["athlete", *evaluate.verdicts.JOB])["value"].sort_index()

    first = cells(start)
    gone, whole = first - cells(arm), first - (cells(end) if end else 0.0)
    # The ratio of two means, so that both vary with the athletes who were drawn.
    length = evaluate.interval(whole).estimate
    share = evaluate.interval(gone).estimate / length
    around = evaluate.interval((gone - share * whole) / length)
    return replace(
        around, estimate=share, low=share + around.low, high=share + around.high, p=np.nan
    )


def takeaway(outcome: str, real: pd.DataFrame) -> str:
    """The chapter's one sentence, true for whatever the tables hold.

    outcome : its first half, on measured outcomes; real : Scores of how hard sessions felt
    """
    cut = 100 * way(real, "ridge_past", end="", start="ridge").estimate
    line = "one line about a person's own past"
    helped = (
        f"{line} removes {cut:.0f} % of ridge regression's squared error"
        if cut > 0
        else f"{line} does not help ridge regression"
    )
    return f"{outcome}; for how hard a session will feel, {helped}."


def against(scores: pd.DataFrame, arm: str, rival: str, quantity: str) -> str:
    """What the protocol lets us say of an arm against another, with the gain in RMSE."""
    found = evaluate.compare(scores, arm, rival, "rmse", quantity)
    return f"{SAYS[found.verdict]} {RIVALS[rival]} ({found.gain:+.2f})"
