"""The figures of chapter 5: what a budget buys, what validation promised, what matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sportsml_lite import evaluate
from sportsml_lite.findings import tune as findings
from sportsml_lite.plots import grammar
from sportsml_lite.plots.effect import panel_title
from sportsml_lite.plots.style import ACCENT, GREY, INK, QUIET, figure, nothing
from sportsml_lite.protocol import margin
from sportsml_lite.studies.effect import UNITS
from sportsml_lite.studies.tune import TITLES
from sportsml_lite.tune.space import NAMES

METHODS = ("tpe_pruned", "tpe", "random", "grid")


def budget(
    tables: Mapping[str, pd.DataFrame],
    title: str = "",
    arms: Sequence[str] = METHODS,
    validation: bool = False,
):
    """Error of the best found against the epochs spent, a line a method.

    Parameters
    ----------
    tables : Scores by data set, the most important first
    arms : methods, the accented one first
    validation : of the athletes who chose, in place of those who test

    Returns
    -------
    fig; dashed: the default; dotted: ridge
    """
    panels = {panel_title(d, findings.target_of(t)): t for d, t in tables.items()}
    who = "validation" if validation else "test"

    def draw(scores: pd.DataFrame, ax) -> None:
        table = findings.after(scores, "budget", arms, validation)
        unit = UNITS[findings.target_of(scores)]
        levels = _levels(scores, validation)
        _room(ax, table, TITLES[arms[0]], levels.values())
        grammar.interval_curve(table, x="budget", xlabel="epochs of all trials together",
                               ylabel=f"RMSE, {who}\nathletes ({unit})",
                               accent=[TITLES[arms[0]]], ax=ax)  # fmt: skip
        for name, level in levels.items():
            ax.axhline(level, color=INK, lw=1.2, ls="--" if name == "default" else ":", zorder=0)
            ax.annotate(name, (0, level), (0, 3), textcoords="offset points",
                        fontsize=grammar.SMALL, va="bottom")  # fmt: skip

    return grammar.small_multiples(panels, draw, title, height_in=2.9, share=())


def promises(tables: Mapping[str, pd.DataFrame], title: str = "", arm: str = "everything"):
    """Gain over the default that validation promised and test kept, against the trials.

    Parameters
    ----------
    tables : Scores by data set
    arm : whose choice: of the first so many configurations, or of so many seeds of the default

    Returns
    -------
    fig; the band: too small to name
    """
    panels = {
        panel_title(d, findings.target_of(t)): t
        for d, t in tables.items()
        if arm in set(t["arm"])
    }  # fmt: skip

    def draw(scores: pd.DataFrame, ax) -> None:
        table, target = findings.promises(scores, arm), findings.target_of(scores)
        _room(ax, table.rename(columns={"line": "arm"}), "kept", [0.0])
        grammar.interval_curve(
            table, line="line", x="trials", xlabel="trials", accent=["kept"],
            ylabel=f"gain over the\ndefault ({UNITS[target]})", ax=ax,
            band=margin(target).smallest_effect,
        )  # fmt: skip

    return grammar.small_multiples(panels, draw, title, height_in=2.7, share=())


def importance(tables: Mapping[str, pd.DataFrame], title: str = ""):
    """Share of the differences between configurations that each hyper-parameter explains.

    Parameters
    ----------
    tables : Scores by data set

    Returns
    -------
    fig; bars: lowest and highest of the folds
    """
    panels = {
        panel_title(d, findings.target_of(t)): 100 * findings.importance(t)
        for d, t in tables.items()
        if "everything" in set(t["arm"])
    }  # fmt: skip
    return grammar.small_multiples(
        panels, grammar.interval_rows, title, height_in=2.6, spec=".0f",
        accent=list(findings.WORDS.values()), xlabel="variance of the log error (%)",
    )  # fmt: skip


def parallel(scores: pd.DataFrame, title: str = "", best: int = 20):
    """Every configuration as a line through its hyper-parameters; the best ones in colour.

    Parameters
    ----------
    scores : of one data set, with all configurations
    best : so many with the lowest mean validation error are drawn in the accent colour

    Returns
    -------
    fig; dashed: the default
    """
    if "val_mse" not in set(scores["metric"]):
        return nothing("Not part of this run.")
    table = findings.average(scores)
    fig, ax = grammar.canvas(None, title, 3.8)
    levels = {name: sorted(table[name].unique()) for name in NAMES}
    shift = np.random.default_rng(0).uniform(-0.012, 0.012, len(table))  # else lines hide lines
    for i in range(len(table) - 1, -1, -1):
        chosen = i < best
        color, alpha = (ACCENT, 0.8) if chosen else (GREY, 0.06)
        ax.plot(range(len(NAMES)), _heights(table.iloc[i], levels) + shift[i], color=color,
                alpha=alpha, lw=1.6 if chosen else 0.8)  # fmt: skip
    default = {"rate": 1e-3, "weight_decay": 0.01, "width": 100, "depth": 2, "batch_size": 32}
    if all(default[name] in levels[name] for name in NAMES):
        ax.plot(range(len(NAMES)), _heights(default, levels), color=INK, lw=1.8, ls="--")
    for place, name in enumerate(NAMES):
        ax.axvline(place, color=QUIET, lw=0.8, zorder=0)
        for level in levels[name]:
            at = _heights({name: level}, {name: levels[name]})[0]
            ax.annotate(f"{level:g}", (place, at), (4, 0), textcoords="offset points",
                        va="center", fontsize=grammar.SMALL)  # fmt: skip
    names = [findings.WORDS[name].replace(" ", "\n") for name in NAMES]
    ax.set_xticks(range(len(NAMES)), names)
    ax.set(yticks=[], xlim=(-0.2, len(NAMES) - 0.5), ylim=(-0.06, 1.06))
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(length=0)
    return fig


def densities(rates: np.ndarray, better: np.ndarray, other: np.ndarray, trials: pd.DataFrame):
    """A step of TPE on one hyper-parameter: l, g and their ratio, with the trials so far.

    Parameters
    ----------
    rates : (G,) learning rates; better, other : (G,) densities l and g over log rate
    trials : columns rate, error and good (bool)

    Returns
    -------
    fig
    """
    fig, (top, ax) = figure(2, 1, 4.6, sharex=True, height_ratios=[1, 1.2])
    for good, color, name in ((True, ACCENT, "better third"), (False, QUIET, "the others")):
        part = trials[trials["good"] == good]
        top.plot(part["rate"], part["error"], "o", color=color, ms=7, mec="white", label=name)
    top.set(xscale="log", yscale="log", ylabel="validation\nMSE")
    top.legend(fontsize=grammar.SMALL, loc="upper center", ncols=2)
    ratio = better / other
    for line, color, name in ((better, ACCENT, "l"), (other, QUIET, "g"),
                              (ratio / ratio.max() * better.max(), INK, "l/g")):  # fmt: skip
        ax.plot(rates, line, color=color, lw=2, ls="--" if name == "l/g" else "-")
        at = int(np.argmax(line))
        ax.annotate(name, (rates[at], line[at]), (0, 4), textcoords="offset points", color=color,
                    ha="center")  # fmt: skip
    ax.axvline(rates[int(np.argmax(ratio))], color=INK, lw=1, ls=":")
    ax.set(
        xlabel="learning rate", ylabel="density", ylim=(0, 1.25 * max(better.max(), other.max()))
    )
    return fig


def results(tables: Mapping[str, pd.DataFrame]) -> list[dict]:
    """The chapter's table: RMSE of five rungs, a column a data set."""
    return [
        {"": TITLES[arm]} | {
            name: evaluate.mean(scores, arm, "rmse") if arm in set(scores["arm"]) else "–"
            for name, scores in tables.items()
        }
        for arm in ("mean", "ridge", "default", "random", "tpe_pruned")
    ]  # fmt: skip


def _levels(scores: pd.DataFrame, validation: bool) -> dict[str, float]:
    """Errors of who spends no budget, by name."""
    metric = "val_rmse" if validation else "rmse"
    return {
        name: evaluate.mean(scores, name, metric).estimate
        for name in ("default", "ridge")
        if name in set(scores["arm"])
    }


def _room(ax, table: pd.DataFrame, accent: str, levels) -> None:
    """Limits of the y axis around all lines and the drawn band, before names are kept apart."""
    drawn = table[table["arm"] == accent]
    values = np.array([*table["estimate"], *drawn["low"], *drawn["high"], *levels])
    room = 0.06 * (np.ptp(values) or 1.0)
    ax.set_ylim(values.min() - room, values.max() + room)


def _heights(row: Mapping, levels: Mapping[str, list]) -> np.ndarray:
    """Place of each hyper-parameter's level on its axis, 0 to 1."""
    return np.array([
        values.index(row[name]) / max(1, len(values) - 1) for name, values in levels.items()
    ])  # fmt: skip
