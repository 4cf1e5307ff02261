"""The figure of chapter 5 on ensembles: what each adds to one network, in error and in seconds."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sportsml_lite.findings import ensemble as findings
from sportsml_lite.plots import grammar
from sportsml_lite.plots.effect import panel_title
from sportsml_lite.protocol import margin
from sportsml_lite.studies.effect import UNITS
from sportsml_lite.studies.ensemble import TITLES

RUNGS = ("mean", "ridge", "boosting", "seeds", "bag", "average", "chosen", "stack", "stack_trees")
SEVERAL = ("seeds", "bag", "average", "stack", "stack_trees")  # arms that mix answers


def added(scores: pd.DataFrame, arms=RUNGS) -> pd.DataFrame:
    """Gain of each arm over one network in RMSE, with its interval and what it costs.

    Parameters
    ----------
    scores : of one data set
    arms : names; those that the scores lack are left out

    Returns
    -------
    DataFrame, index of titles, columns estimate, low, high, note (gain and seconds of one core)
    """
    there, rows = set(scores["arm"]), {}
    for arm in (name for name in arms if name in there):
        gain, took = findings.compare(scores, arm, "network").gain, findings.seconds(scores, arm)
        cost = f"{took:.2g} s" if took < 9.5 else f"{took:.0f} s"
        note = f"{gain.estimate:+.2f}" + ("" if pd.isna(took) else f", {cost}")
        rows[TITLES[arm]] = gain.estimate, gain.low, gain.high, note
    return pd.DataFrame.from_dict(rows, "index", columns=["estimate", "low", "high", "note"])


def ladder(tables: Mapping[str, pd.DataFrame], title: str = "", arms=RUNGS):
    """What it adds to ask others than one network: gain, interval and seconds, a panel a data set.

    Parameters
    ----------
    tables : Scores by data set, the most important first; empty draws a line that says so
    title : gives the answer
    arms : the rungs, from above

    Returns
    -------
    fig; in blue: several models; in grey: one; the band: too small to name
    """
    panels = {}
    for name, scores in tables.items():
        target = findings.target_of(scores)
        panels[panel_title(name, target)] = added(scores, arms), target
    tall = max((len(table) for table, _ in panels.values()), default=0)
    return grammar.small_multiples(panels, _rungs, title, height_in=0.9 + 0.36 * tall, share=())


def _rungs(table: pd.DataFrame, target: str, ax) -> None:
    grammar.interval_rows(
        table, xlabel=f"smaller error than one network's ({UNITS[target]}) →",
        accent=[TITLES[arm] for arm in SEVERAL], band=margin(target).smallest_effect, ax=ax,
    )  # fmt: skip
