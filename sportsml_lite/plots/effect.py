"""The figures of chapter 4: how far each model comes, when training stops, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sportsml_lite.evaluate import athlete_values, mean
from sportsml_lite.findings import effect as findings
from sportsml_lite.plots import grammar
from sportsml_lite.plots.style import ACCENT, GREY, INK, QUIET, figure, nothing, plain
from sportsml_lite.studies import effect as study

REAL = "Real people: how hard a session felt"
SIMULATED = "Simulated runners: the training effect"
SHORT = {
    "mean": "mean predictor",
    "mlp": "neural network",
    "ridge": "ridge",
    "bound": "observable bound",
    "ridge_past": "ridge + own past",
    "ridge_hindsight": "own level known",
    "floor": "noise floor (grey)",
}


def panel_title(dataset: str, target: str) -> str:
    """Title of a panel of the lab: the data set, and what is predicted of its sessions."""
    what = {"effect": "training effect", "rpe": "perceived exertion", "srpe": "session load"}
    return f"{dataset}: {what[target]}"


def remaining(scores: pd.DataFrame, titles: Mapping[str, str] = SHORT) -> pd.DataFrame:
    """Squared error that each arm leaves, in per cent of the mean predictor's, with its interval.

    Parameters
    ----------
    scores : of one data set and target
    titles : of arms; those that the scores lack are left out

    Returns
    -------
    DataFrame, index of short titles, columns estimate, low, high
    """
    rows = {}
    for arm, title in titles.items():
        if arm in set(scores["arm"]):
            gone = findings.way(scores, arm, end="")
            left = (1 - gone.estimate, 1 - gone.high, 1 - gone.low)
            rows[title] = [100 * x for x in left]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high"])


def ladder(
    panels: Mapping[str, pd.DataFrame], title: str = "How much of the error each model leaves"
):
    """What each model leaves of the mean predictor's squared error, a stair a data set.

    Parameters
    ----------
    panels : title → Scores of one target, the most important first

    Returns
    -------
    fig; grey, left of the noise floor: where no model can come
    """
    if not panels:
        return nothing("Not part of this run.")
    tables = {name: remaining(scores) for name, scores in panels.items()}
    for table in tables.values():  # real people have one too, somewhere
        if SHORT["floor"] not in table.index:
            table.loc[SHORT["floor"]] = np.nan
    return stairs(tables, title, SHORT["ridge_past"])


def stairs(tables: Mapping[str, pd.DataFrame], title: str, accent: str):
    """Squared errors left, a stair a table; the last row of each is its floor, NaN where unknown.

    Parameters
    ----------
    tables : title → table of :func:`remaining`
    accent : title of the arm drawn in the accent colour

    Returns
    -------
    fig; grey, left of the floor: where no model can come
    """
    tall = [len(table) for table in tables.values()]
    fig, axes = figure(len(tables), 1, 1.1 + 0.46 * sum(tall) + 0.5 * len(tall), squeeze=False,
                       sharex=True, height_ratios=tall)  # fmt: skip
    top = max(table["estimate"].max() for table in tables.values())
    for ax, (name, table) in zip(axes[:, 0], tables.items(), strict=True):
        _stair(ax, table, name, accent)
        ax.set_xlim(0, 1.06 * max(top, 100))
    axes[-1, 0].set_xlabel("squared error left, % of the mean predictor's\n← better")
    grammar._headline(fig, title)
    return fig


def _stair(ax, table: pd.DataFrame, name: str, accent: str) -> None:
    grammar.interval_rows(table, name, spec=".0f", accent=[accent], ax=ax)
    y = np.arange(len(table))[::-1]
    ax.step(  # the floor is no model's stair
        table["estimate"].iloc[:-1],
        y[:-1],
        where="pre",
        color=QUIET,
        lw=1,
        zorder=0,
    )
    ax.axvline(100, color=INK, lw=1, ls="--", zorder=0)
    floor = table["estimate"].iloc[-1]
    if np.isnan(floor):
        ax.annotate("nobody knows where it lies", (2, 0), va="center", fontsize=grammar.SMALL)
    else:
        ax.axvspan(0, floor, color=GREY, alpha=0.3, lw=0, zorder=0)


def learning_curve(history: pd.DataFrame, level: float, unit: str):
    """Training and validation error against the epoch, and the epoch that is kept.

    Parameters
    ----------
    history : columns epoch, train_loss, val_loss (MSE)
    level : validation MSE of the mean predictor
    unit : of the target

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=3.4)
    for column, color in (("train_loss", QUIET), ("val_loss", ACCENT)):
        ax.plot(history["epoch"], history[column], "o-", color=color, ms=3.5, lw=1.8)
    best = history.loc[history["val_loss"].idxmin()]
    ax.plot(best["epoch"], best["val_loss"], "v", color=INK, ms=11, mec="white", zorder=5)
    ax.annotate(f"epoch {best['epoch']:.0f} is kept", (best["epoch"], best["val_loss"]),
                (0, -12), textcoords="offset points", va="top", ha="center",
                fontsize=grammar.SMALL)  # fmt: skip
    ax.axhline(level, color=GREY, lw=1.2, ls="--", zorder=0)
    # The first epochs of a target far from 0 would press all else to the floor.
    ax.set(xlabel="epoch", ylabel=f"mean squared error ({unit}²)", ylim=(0, 2.2 * level))
    last = history.iloc[-1]
    ends = {
        name: (last["epoch"], min(last[column], 2.1 * level), color)
        for name, column, color in (
            ("training athletes", "train_loss", QUIET),
            ("validation athletes", "val_loss", ACCENT),
        )
    }
    ends["mean predictor"] = (last["epoch"], level, GREY)
    grammar.end_labels(ax, ends)
    grammar._headline(fig, "Training goes on getting better; new people do not")
    return fig


def experience(panels: Mapping[str, pd.DataFrame], title: str = "What earlier sessions are worth"):
    """Mean absolute error against the number of earlier sessions on record.

    Parameters
    ----------
    panels : title → Scores of one target

    Returns
    -------
    fig
    """
    if not panels:
        return nothing("Not part of this run.")
    fig, axes = figure(len(panels), 1, 0.4 + 2.9 * len(panels), squeeze=False)
    for ax, (name, scores) in zip(axes[:, 0], panels.items(), strict=True):
        table = by_experience(scores)
        unit = study.UNITS[scores["target"].iloc[0]]
        ax.set_ylim(0, 1.04 * table["high"].max())  # before the labels, which keep their distance
        grammar.interval_curve(table, line="arm", x="earlier", accent=[SHORT["ridge_past"]], ax=ax)
        ax.set_ylabel(f"mean miss\n({unit})")
        ax.set_xticks(ax.get_xticks(), _spans(np.unique(table["earlier"])))
        ax.set_title(plain(name))
    axes[-1, 0].set_xlabel("earlier sessions on record")
    grammar._headline(fig, title)
    return fig


def by_experience(scores: pd.DataFrame, arms=("ridge", "ridge_past", "floor")) -> pd.DataFrame:
    """Mean absolute error by earlier sessions: arm (short title), earlier, estimate, low, high."""
    part = scores[scores["metric"] == "mae_after"]
    least = min(5, part["athlete"].nunique())
    rows = []
    for arm in arms:
        for earlier, some in part[part["arm"] == arm].groupby("earlier"):
            if some["athlete"].nunique() < least:
                continue  # too few have come so far
            i = mean(some, arm, "mae_after")
            rows.append((SHORT[arm], earlier, i.estimate, i.low, i.high))
    return pd.DataFrame(rows, columns=["arm", "earlier", "estimate", "low", "high"])


def _spans(lowest) -> list[str]:
    """Names of bins by their lower ends, with a plus where a bin holds more: 0, 1, 2, 3+, …"""
    nexts = [*lowest[1:], np.inf]
    return [f"{a:.0f}{'+' if b > a + 1 else ''}" for a, b in zip(lowest, nexts, strict=True)]


def athletes_needed(panels: Mapping[str, pd.DataFrame], title: str = ""):
    """Squared error left against the number of training athletes.

    Parameters
    ----------
    panels : title → Scores that hold arms of fewer athletes; empty draws nothing

    Returns
    -------
    fig
    """
    if not panels:
        return nothing("Too few people, or a quick run: no arm has fewer athletes.")
    fig, axes = figure(len(panels), 1, 0.4 + 2.7 * len(panels), squeeze=False)
    for ax, (name, scores) in zip(axes[:, 0], panels.items(), strict=True):
        models = {"ridge": "ridge", "boosting": "boosted trees", "mlp": "MLP"}
        stops = {"10": "_10", "40": "_40", "all of the fold": "", "many more": "bound"}
        rows = []
        for place, end in enumerate(stops.values()):
            for model, label in models.items():
                arm = end if end == "bound" else f"{model}{end}"
                if arm in set(scores["arm"]) and not (end == "bound" and model != "ridge"):
                    left = 100 * (1 - findings.way(scores, arm, end="").estimate)
                    rows.append((label, place, left))
        table = pd.DataFrame(rows, columns=["arm", "k", "estimate"])
        ax.set_ylim(0, 1.1 * table["estimate"].max())
        grammar.interval_curve(table, accent=["MLP"], ordinal=False, ax=ax)
        ax.set_xticks(range(len(stops)), list(stops))
        ax.axhline(100, color=INK, lw=1, ls="--", zorder=0)
        ax.set_ylabel("squared error left (%)")
        ax.set_title(plain(name))
    axes[-1, 0].set_xlabel("training athletes")
    grammar._headline(fig, title)
    return fig


def two(scores: pd.DataFrame, first: str, second: str) -> tuple[pd.Series, pd.Series]:
    """RMSE of each athlete under two arms."""
    return tuple(athlete_values(scores, arm, "rmse") for arm in (first, second))


def results(real: pd.DataFrame, simulated: pd.DataFrame) -> list[dict]:
    """The chapter's table: RMSE of five rungs with intervals, real people and simulated runners."""
    rows = []
    for arm in ("mean", "mlp", "ridge", "ridge_past", "floor"):
        row = {"model": SHORT[arm]}
        for name, scores in (("real people", real), ("simulated runners", simulated)):
            there = arm in set(scores["arm"])
            row[name] = mean(scores, arm, "rmse") if there else "nobody knows"
        rows.append(row)
    return rows
