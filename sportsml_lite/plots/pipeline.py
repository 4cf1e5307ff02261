"""The figures of chapter 10: what each step of the pipeline adds, and for whom."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import BLUE, GREEN, GREY, INK, ORANGE, figure


def ladder(scores: pd.DataFrame, gains: pd.DataFrame, worth: float, metric: str):
    """Score of every arm, and its paired gain over the arm without any step.

    Parameters
    ----------
    scores : a row an arm: columns estimate, low, high
    gains : the same for the gain over the first arm, with ``verdict``; NaN for the first arm
    worth : smallest gain worth naming
    metric : its name

    Returns
    -------
    fig
    """
    fig, (left, right) = figure(1, 2, 0.9 + 0.42 * len(scores), sharey=True)
    rows = np.arange(len(scores))[::-1]
    colors = {"better": GREEN, "worse": ORANGE}
    kinds = [colors.get(v, GREY) for v in gains["verdict"]]
    for ax, frame in ((left, scores), (right, gains)):
        for row, color, (_, r) in zip(rows, kinds, frame.iterrows(), strict=True):
            ax.plot([r["low"], r["high"]], [row, row], color=color, lw=2.5, solid_capstyle="butt")
            ax.plot(r["estimate"], row, "o", color=color, ms=8, mec="white")
    right.axvspan(-worth, worth, color=GREY, alpha=0.15, lw=0)
    right.axvline(0, color=INK, lw=1)
    left.set_yticks(rows, scores.index)
    left.set(ylim=(-0.7, rows[0] + 0.7), xlabel=f"{metric}\n(mean over athletes)")
    right.set_xlabel("paired gain\n(grey band: too small to name)")
    return fig


def each_athlete(before: pd.Series, after: pd.Series, harm: float, names: tuple, metric: str):
    """An arrow an athlete, from the score without any step to the score with all of them.

    Parameters
    ----------
    before, after : score of each athlete, mean over the seeds, the same index
    harm : loss beyond which an athlete counts as harmed
    names : of the two ends
    metric : its name

    Returns
    -------
    fig
    """
    order = before.sort_values().index
    start, stop = before[order].to_numpy(), after[order].to_numpy()
    rows = np.arange(len(order))
    height = float(np.clip(1.2 + 0.2 * len(order), 2.6, 7.0))
    fig, ax = figure(height_in=height)
    kinds = {
        "gains": (stop - start > harm, BLUE),
        "within the margin": (np.abs(stop - start) <= harm, GREY),
        "harmed": (stop - start < -harm, ORANGE),
    }
    for name, (mine, color) in kinds.items():
        label = f"{name} ({mine.sum()})"
        ax.hlines(rows[mine], start[mine], stop[mine], color=color, lw=2, label=label)
        ax.plot(stop[mine], rows[mine], "o", color=color, ms=5)
    ax.plot(start, rows, "|", color=INK, ms=7, mew=1.5)
    ax.set(xlabel=f"{metric}: tick {names[0]}, dot {names[1]}", ylabel="athletes never seen")
    ax.set_yticks([])
    ax.legend(loc="upper left", fontsize="small")
    return fig
