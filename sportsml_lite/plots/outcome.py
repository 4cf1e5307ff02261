"""The figures of measured outcomes: how far each model comes, and what a study can see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite.findings import outcome as findings
from sportsml_lite.plots import grammar
from sportsml_lite.plots.effect import remaining, stairs
from sportsml_lite.plots.style import ACCENT, INK, QUIET, figure, nothing

SHORT = {
    "none": "nothing changes",
    "mean": "all change alike",
    "who": "who and when",
    "past": "+ own past",
    "load": "+ how much was done",
    "done": "+ all that was done",
    "mlp": "neural network",
    "pretrained": "+ simulated athletes first",
    "floor": "noise floor (grey)",
}
DATA = {
    "intervals": "riders",
    "sylta2016": "riders, three orders",
    "strava_runners": "runners",
    "simulated": "simulated athletes",
}


def panel_title(dataset: str, outcome: str, athletes: int) -> str:
    """Title of a panel: how many were tested, and what of theirs."""
    return f"{athletes} {DATA.get(dataset, dataset)}: {findings.NAMES[outcome]}"


def ladder(panels: Mapping[str, pd.DataFrame], title: str = "", arms=tuple(SHORT)):
    """What each model leaves of the squared error of the mean change, a stair a data set.

    Parameters
    ----------
    panels : title → Scores of one outcome
    arms : keys of :data:`SHORT`, in order, the floor last

    Returns
    -------
    fig; grey: the share that is error of the tests themselves
    """
    if not panels:
        return nothing("Not part of this run.")
    tables = {}
    for name, scores in panels.items():
        table = remaining(scores, {arm: SHORT[arm] for arm in arms if arm != "floor"})
        if "floor" in set(scores["arm"]):
            floor = remaining(scores, {"floor": SHORT["floor"]}).iloc[0].tolist()
        else:
            floor = [100 * findings.noise_share(scores), np.nan, np.nan]
        table.loc[SHORT["floor"]] = floor
        tables[name] = table
    return stairs(tables, title, SHORT["load"])


def first(panels: Mapping[tuple[str, str], pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The first outcome of each data set, under the title of its panel."""
    leads = {}
    for (dataset, outcome), scores in panels.items():
        title = panel_title(dataset, outcome, scores["athlete"].nunique())
        leads.setdefault(dataset, (title, scores))
    return dict(leads.values())


def seen(scores: pd.DataFrame | None, title: str = ""):
    """How often a study with the noise of this one would see an effect that is there.

    Parameters
    ----------
    scores : of one outcome; None draws nothing

    Returns
    -------
    fig; dashed: as many riders as in this study
    """
    if scores is None:
        return nothing("Not part of this run.")
    riders = scores["athlete"].nunique()
    table = findings.seen(findings.ceiling(scores).spread_pct)
    fig, ax = figure(height_in=3.6)
    ends = {}
    for i, (slope, part) in enumerate(table.groupby("slope")):
        color = ACCENT if slope == 1 else QUIET
        ax.plot(part["riders"], 100 * part["power"], "o-", color=color, ms=4, lw=2)
        last = part[part["power"] < 0.995].iloc[-1] if i else part.iloc[-1]
        ends[f"{slope:g} %"] = (last["riders"], 100 * last["power"], color)
    ax.set_xscale("log")
    ax.set_xticks(findings.RIDERS, [str(n) for n in findings.RIDERS])
    ax.minorticks_off()
    for at, name in ((riders, "this study"),):
        ax.axvline(at, color=INK, lw=1.2, ls="--", zorder=0)
        ax.annotate(name, (at, 1), (4, -12), xycoords=("data", "axes fraction"),
                    textcoords="offset points", fontsize=grammar.SMALL)  # fmt: skip
    ax.axhline(100 * findings.WANTED, color=INK, lw=1, ls=":", zorder=0)
    ax.set(xlabel="riders in the study", ylabel="studies that see it (%)", ylim=(0, 102))
    grammar.end_labels(ax, ends)
    grammar._headline(fig, title)
    return fig


def orders(scores: pd.DataFrame | None, title: str = ""):
    """Change from the first to the last test, a dot a rider, by the order of the training.

    scores : of one outcome, whose arm ``measured`` holds ``total`` by ``group``; None draws nothing
    """
    if scores is None:
        return nothing("Not part of this run.")
    total = findings.whole_changes(scores)
    fig, ax = figure(height_in=2.6)
    names = sorted(total["group"].unique())
    for y, name in enumerate(names[::-1]):
        values = np.sort(total.loc[total["group"] == name, "value"].to_numpy())
        ax.plot(values, np.full(len(values), y), "o", color=QUIET, ms=7, mec="white")
        ax.plot(values.mean(), y, "|", color=ACCENT, ms=22, mew=3)
    ax.set_yticks(range(len(names)), names[::-1])
    ax.axvline(0, color=INK, lw=1, zorder=0)
    ax.set(xlabel="change from first to last test (%)", ylim=(-0.6, len(names) - 0.4))
    grammar._headline(fig, title)
    return fig
