"""The figures of chapter 9: before and after five windows, the time line, gain, the kinder exam."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import Comparison, athlete_values, compare, lowest_tenth
from sportsml_lite.findings.transfer import mask_effect, read_rightly
from sportsml_lite.plots import tables as shared
from sportsml_lite.plots.grammar import (
    SMALL,
    before_after,
    dumbbell,
    interval_curve,
    interval_rows,
    score_table,
    small_multiples,
)
from sportsml_lite.plots.style import ACCENT, GREY, INK, figure, plain
from sportsml_lite.protocol import FewShot, margin
from sportsml_lite.schema import Windows
from sportsml_lite.studies.transfer import COUNTED, EXAMS, KS, TITLES, at, most_helped

CHEAP = ("masked", "means", "shrink", "guarded", "head", "minirocket_guarded")
CAPTION = (
    "Macro-F1: mean over athletes of macro-F1 over the classes that each performs; gain over the "
    "same student for all, with its 95 % interval over athletes and models."
)
AGAIN = "population_again"
LOWEST = "Lowest tenth: at least three athletes, by the score of another seed of the same student."


def before_and_after(scores: pd.DataFrame, who: str = "swimmer"):
    """One athlete's classes before and after five windows, and below every athlete.

    Parameters
    ----------
    scores : of the study and one data set; who : what an athlete is called

    Returns
    -------
    fig
    """
    athlete = most_helped(scores)
    right = read_rightly(scores, athlete)
    right.index = [plain(name) for name in right.index]
    part = at(scores, COUNTED)
    before, after = (athlete_values(part, arm) for arm in ("population", "guarded"))
    height = 0.42 * len(right) + 0.3, float(np.clip(0.2 * len(before), 2.8, 6))
    fig, (top, low) = figure(2, 1, sum(height) + 1.6, height_ratios=height)
    share = "share of later windows read rightly, before (open) and after"
    dumbbell(right, xlabel=share, names=("", ""), ax=top)
    top.set_title(f"{plain(athlete)}, whom five windows a class help most")
    found = compare(part, "guarded", "population")
    before_after(before, after, xlabel="macro-F1, before (tick) and after (dot)", names=("", ""),
                 harm=margin("macro_f1").harm, ax=low)  # fmt: skip
    low.set_title(f"{found.athletes} {who}s; gain: {found.helped}, lose: {found.harmed}")
    return fig


def time_line(windows: Windows, shot: FewShot, athlete: str, k: int):
    """What an athlete's windows are for, in the order of time.

    Parameters
    ----------
    windows : of one data set; shot : from ``few_shot_windows`` on them
    athlete : one who can give k; k : windows a class

    Returns
    -------
    fig
    """
    mine = np.flatnonzero(windows.athlete.astype(str) == athlete)
    order = np.lexsort([windows.t0_s[mine], windows.recording[mine].astype(str)])
    mine = mine[order]
    shown = np.unique(windows.y[mine])
    row = np.searchsorted(shown, windows.y[mine])
    support, test = shot.support(k)[mine], shot.test[mine]
    fig, ax = figure(height_in=2.8)
    kinds = {"calibrate": (support, ACCENT), "test": (test, INK),
             "kept free": (~support & ~test, "#d8d8d8")}  # fmt: skip
    x = np.arange(len(mine))
    for i, (name, (these, color)) in enumerate(kinds.items()):
        ax.bar(x[these], 0.7, 1.0, row[these] - 0.35, color=color, lw=0)
        ax.annotate(name, ((0.0, 0.22, 0.36)[i], 1.02), xycoords="axes fraction", fontsize=SMALL,
                    color=GREY if i == 2 else color)  # fmt: skip
    ax.set_yticks(range(len(shown)), [plain(windows.classes[c]).replace("_", " ") for c in shown])
    ax.set_ylim(-0.6, len(shown) - 0.4)
    ax.set_title("The earliest windows calibrate, later ones test\n")
    ax.set_xlabel("windows of one athlete, in the order of time")
    return fig


def gain_rows(scores: pd.DataFrame, arms=CHEAP) -> pd.DataFrame:
    """Gain over the same student for all against k: columns arm, k, estimate, low, high."""
    rows = []
    for arm in arms:
        for k in KS:
            try:
                gain = compare(at(scores, k), arm, "population").gain
            except UserError:  # nobody, or one athlete, can give so much
                continue
            rows.append((TITLES[arm], k, gain.estimate, gain.low, gain.high, gain.athletes))
    return pd.DataFrame(rows, columns=["arm", "k", "estimate", "low", "high", "athletes"])


def gain_against_k(scores: pd.DataFrame, title: str = "", ax=None):
    """Mean gain against the number of windows, the athletes who remain below each k.

    Parameters
    ----------
    scores : of the study and one data set; ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    table = gain_rows(scores)
    own = table[table["arm"] == TITLES["guarded"]].set_index("k")["estimate"]
    if not title and ax is None and {1, 5} <= set(own.index):
        title = f"Gain by guarded shrinking: {own[1]:+.3f} at k = 1, {own[5]:+.3f} at k = 5"
    # Without intervals, which would cover all lines: the tables have them.
    fig = interval_curve(
        table.drop(columns=["low", "high"]), title,
        "labelled windows a class (athletes who can give them)",
        "gain in macro-F1", accent=(TITLES["guarded"],), zero=True, ax=ax,
    )  # fmt: skip
    people = table.groupby("k")["athletes"].max()
    axes = ax or fig.axes[0]
    axes.set_xticks(range(len(people)), [f"{k:g}\n({n})" for k, n in people.items()])
    return fig


def exams(scores: pd.DataFrame, title: str = "", ax=None):
    """Gain in accuracy of one fine-tuned head, examined in three ways.

    Parameters
    ----------
    scores : of the study and one data set; ax : where to draw; None makes a figure

    Returns
    -------
    fig
    """
    one = at(scores, 1)
    gains = {name: compare(one, *pair, "accuracy").gain for name, pair in EXAMS.items()}
    return interval_rows(
        gains, title, "gain in accuracy", zero=True, spec="+.3f",
        accent=("beyond knowing the classes",), ax=ax,
    )  # fmt: skip


def both_exams(tables: Mapping[str, pd.DataFrame]):
    """:func:`exams` of swimmers and of simulated runners.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    fig
    """
    panels = {"swimmers": tables["swimming"], "simulated runners": tables["simulated"]}
    return small_multiples(panels, exams, "One head, one window a class, three exams",
                           height_in=1.9)  # fmt: skip


def method_table(scores: pd.DataFrame, arms: Mapping[str, str] | None = None, k: int = COUNTED):
    """A row a method: gain over the same student for all, the harmed, and of the lowest tenth.

    Parameters
    ----------
    scores : of the study and one data set; k : windows a class
    arms : names with their titles; None is the lesson's five

    Returns
    -------
    pandas Styler
    """
    few = ("masked", "shrink", "guarded", "minirocket_guarded", "population_again")
    arms = arms or {arm: TITLES[arm] for arm in few}
    rows = []
    for arm, title in arms.items():
        if arm in set(at(scores, k)["arm"]):
            c = compare(at(scores, k), arm, "population")
            low = "–" if arm == AGAIN else lowest_tenth(at(scores, k), arm, "population", AGAIN)
            rows.append({"method": title, "gain": c.gain, "harmed": f"{c.harmed} of {c.athletes}",
                         "gain of the lowest tenth": low})  # fmt: skip
    return score_table(rows, 3, f"{CAPTION} {LOWEST} k = {k}.")


def lowest_table(tables: Mapping[str, pd.DataFrame], k: int = COUNTED):
    """Harmed and lowest tenth of every arm: a row an arm, two columns a data set.

    Parameters
    ----------
    tables : Scores by data set, of those in which athletes give windows; k : windows a class

    Returns
    -------
    pandas Styler
    """
    rows = []
    for arm, title in TITLES.items():
        row = {"arm": title}
        for name, scores in tables.items():
            part = at(scores, k)
            if arm in set(part["arm"]) - {"population", AGAIN}:
                found = compare(part, arm, "population")
                row[f"{name}: harmed"] = f"{found.harmed} of {found.athletes}"
                lowest = lowest_tenth(part, arm, "population", AGAIN)
                row[f"{name}: lowest tenth"] = shared.narrow(lowest)
        if len(row) > 1:
            rows.append(row)
    nulls = (
        f"{name} {compare(at(scores, k), AGAIN, 'population').harmed}"
        for name, scores in tables.items()
    )
    by_seed = f"Harmed by another seed alone: {', '.join(nulls)}."
    return score_table(pd.DataFrame(rows).fillna("–"), 2, f"{CAPTION} {LOWEST} {by_seed} k = {k}.")


def mask_table(tables: Mapping[str, pd.DataFrame]):
    """Whom merely knowing the classes harms: a row a data set.

    Parameters
    ----------
    tables : Scores by data set, of those in which athletes give windows

    Returns
    -------
    pandas Styler
    """
    rows = []
    for name, scores in tables.items():
        told = mask_effect(scores)
        harmed = told["gain"] < -margin("macro_f1").harm
        for who, part in {"harmed": told[harmed], "others": told[~harmed]}.items():
            shares = ("lost", "ruled_out", "turned_right")
            rows.append({"data": name, "athletes": f"{who}: {len(part)}"} | {
                f"{c.replace('_', ' ')}, %": 100 * part[c].mean() for c in shares
            })  # fmt: skip
    return score_table(rows, 1, (
        "Mean over athletes: later windows whose right answer the mask took away; windows whose "
        "answer it ruled out, because the athlete's first windows do not show that class; and of "
        "these, how many are answered rightly then."
    ))  # fmt: skip


def level_table(tables: Mapping[str, pd.DataFrame], k: int = COUNTED):
    """Macro-F1 of every arm at one k, a row an arm, a column a data set.

    Parameters
    ----------
    tables : Scores by data set, of those in which athletes give windows; k : windows a class

    Returns
    -------
    pandas Styler
    """
    parts = {name: at(scores, k) for name, scores in tables.items()}
    caption = f"{CAPTION.split(';')[0]}, with its 95 % interval. k = {k}."
    return shared.level_table(parts, TITLES, 3, caption)


def count_table(tables: Mapping[str, pd.DataFrame]):
    """How many athletes remain at each k.

    Parameters
    ----------
    tables : Scores by data set, of those in which athletes give windows

    Returns
    -------
    pandas Styler
    """
    rows = []
    for name, scores in tables.items():
        own = scores[scores["arm"] == "population"].groupby("k")["athlete"].nunique()
        rows.append({"data": name} | {f"k = {k:g}": int(n) for k, n in own.items()})
    table = pd.DataFrame(rows).fillna(0)
    return score_table(
        table.astype({c: int for c in table if c != "data"}),
        caption="Athletes who can give k windows of every class that they perform.",
    )


def judged_table(verdicts: Mapping[tuple, Comparison], survives: Mapping[tuple, bool], nulls):
    """Every question of the study: a row a comparison.

    Parameters
    ----------
    verdicts, survives : by (data set, arm, against, k)
    nulls : harmed by seed alone, by (data set, k)

    Returns
    -------
    pandas Styler
    """

    def names(data: str, arm: str, against: str, k: float) -> dict[str, str]:
        windows = "–" if np.isnan(k) else f"{k:g}"
        return {"data, k": f"{data}, {windows}", "arm": TITLES[arm], "against": TITLES[against]}

    return shared.judged_table(
        verdicts, survives, names, lambda data, _arm, _against, k: nulls[data, k],
        CAPTION.replace("the same student for all", "the arm named"),
    )  # fmt: skip
