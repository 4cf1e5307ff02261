"""The figures of a coach's log: what plans seem to bring, and what they do."""

from __future__ import annotations

import pandas as pd

from sportsml_lite.findings import offpolicy as findings
from sportsml_lite.plots import grammar
from sportsml_lite.plots.style import INK
from sportsml_lite.simulate.assignment import PLANS
from sportsml_lite.studies.offpolicy import TITLES


def ranking(scores: pd.DataFrame, title: str = "", arm: str = "dr"):
    """What each plan seems to bring, naively and mended, and what it does; a panel an assignment.

    Parameters
    ----------
    scores : of one data set
    title : above
    arm : the mended estimate

    Returns
    -------
    fig; dashed: the truth; the bands are intervals over clubs
    """
    names = {"truth": "truth", TITLES["naive"]: "naive", TITLES[arm]: "mended"}
    panels = {}
    for how, words in findings.HOW.items():
        table = findings.values(scores, how, ("naive", arm))
        table = table.assign(arm=table["arm"].map(names), load=table["plan"].map(PLANS))
        panels[f"plans {words}"] = table
    return grammar.small_multiples(
        panels, _curves, title, height_in=2.5, share=("x", "y"), x="load",
        xlabel="load of the plan, in shares of the accustomed", ylabel="VO2max (%)",
        accent=("mended",), zero=True,
    )  # fmt: skip


def _curves(table: pd.DataFrame, ax, **options):
    fig = grammar.interval_curve(table, ax=ax, **options)
    true = table[table["arm"] == "truth"].sort_values("load")
    ax.plot(range(len(true)), true["estimate"], "o--", color=INK, lw=1.4, ms=5, mec="white")
    return fig


def estimates(scores: pd.DataFrame, plan: str = "much more", title: str = "", arms=None):
    """Every estimate of one plan against its truth, dashed; a panel an assignment.

    Parameters
    ----------
    scores : of one data set
    plan : of :data:`sportsml_lite.simulate.assignment.PLANS`
    title : above
    arms : of the study; None is all

    Returns
    -------
    fig; intervals over clubs
    """
    panels = {}
    for how, words in findings.HOW.items():
        part = findings.of(scores, how, plan)
        true = float(part.loc[part["metric"] == "truth", "value"].iloc[0])
        rows = {
            TITLES[arm]: findings.evaluate.mean(part, arm, "estimate")
            for arm in arms or findings.there(scores)
        }
        panels[f"plans {words}"] = (rows, true)
    height = 0.9 + 0.42 * max(len(rows) for rows, _ in panels.values())
    return grammar.small_multiples(
        panels, _against, title, height_in=height, xlabel=f"{plan}: VO2max (%); dashed: the truth"
    )


def _against(rows, true: float, ax, xlabel: str):
    naive = TITLES["naive"]
    return grammar.interval_rows(rows, "", xlabel, accent=[n for n in rows if n != naive],
                                 lines={"": true}, spec="+.1f", ax=ax)  # fmt: skip


def coverage(scores: pd.DataFrame, how: str = "lottery", title: str = ""):
    """Share of 95 % intervals that hold the truth, by estimate, over the plans.

    Parameters
    ----------
    scores : of one data set; how : assignment; title : above
    """
    rows = {TITLES[arm]: findings.covered(scores, how, arm) for arm in findings.there(scores)}
    table = 100 * grammar.frame_of(rows)
    return grammar.interval_rows(table.clip(upper=100), title, "intervals that hold the truth (%)",
                                 lines={"95": 95.0}, spec=".0f")  # fmt: skip
