"""The figure of accepted results: the same rows for several data sets, side by side."""

from __future__ import annotations

import pandas as pd

from sportsml_lite.plots.style import BLUE, GREEN, GREY, INK, ORANGE, figure

VERDICTS = {"better": GREEN, "worse": ORANGE}


def side_by_side(tables: dict[str, pd.DataFrame], label: str, worth: float | None = None):
    """Estimates with their intervals, a panel a data set, the rows shared.

    Parameters
    ----------
    tables : title of a panel -> a row each: estimate, low, high, and for gains their ``verdict``;
        a row that a data set lacks stays empty in its panel
    label : of the axes
    worth : for gains: smallest one worth naming, drawn as a band around 0

    Returns
    -------
    fig
    """
    names = list(dict.fromkeys(name for table in tables.values() for name in table.index))
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    fig, axes = figure(1, len(tables), 1.2 + 0.36 * len(names), **shared)
    height = {name: len(names) - 1 - i for i, name in enumerate(names)}
    for ax, (title, table) in zip(axes[0], tables.items(), strict=True):
        for name, row in table.iterrows():
            color = VERDICTS.get(row["verdict"], GREY) if "verdict" in table else BLUE
            ends, at = [row["low"], row["high"]], height[name]
            ax.plot(ends, [at, at], color=color, lw=2.5, solid_capstyle="butt")
            ax.plot(row["estimate"], at, "o", color=color, ms=7, mec="white")
        ax.set(title=title, ylim=(-0.7, len(names) - 0.3))
        ax.locator_params(axis="x", nbins=4)
        ax.set_yticks(range(len(names)), names[::-1])
        if worth is not None:
            ax.axvspan(-worth, worth, color=GREY, alpha=0.15, lw=0)
            ax.axvline(0, color=INK, lw=1)
    fig.supxlabel(label, fontsize="medium")
    return fig
