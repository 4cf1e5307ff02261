"""The figure of where a teacher pays: gains by labels and strangers, a panel a number of steps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.findings.surface import cells
from sportsml_lite.plots.grammar import SMALL
from sportsml_lite.plots.style import ACCENT, GREY, HARM, INK, figure, nothing
from sportsml_lite.studies.surface import LABELLED

PALEST = 0.55  # opacity of the largest gain, so that the number on it stays legible


def surface(scores: pd.DataFrame | None):
    """Gains of taught over plain students as a table of colours, a panel a number of steps.

    Parameters
    ----------
    scores : of the study; None draws nothing

    Returns
    -------
    fig; blue gains, orange losses, paler the smaller, with 95 % intervals; bold with a star: the
    gain stands after Holm's correction; a dash: not tried
    """
    if scores is None:
        return nothing("Not part of this run.")
    table = cells(scores)
    table["gain"] = [c.gain.estimate for c in table["comparison"]]
    limit, strangers = table["gain"].abs().max(), sorted(table["strangers"].unique())
    labels = [name for name in LABELLED if name in set(table["labelled"])]
    count = table["times"].nunique()
    fig, axes = figure(count, 1, 0.7 + (0.75 + 0.5 * len(labels)) * count, squeeze=False)
    for ax, (times, part) in zip(axes[:, 0], table.groupby("times"), strict=True):
        _panel(ax, part, labels, strangers, limit)
        ax.set_title("The usual steps" if times == 1 else f"{times} × the steps")
    axes[-1, 0].set_xlabel("strangers, whose windows the teacher answers")
    return fig


def _panel(ax, part: pd.DataFrame, labels: list[str], strangers: list[int], limit: float) -> None:
    by = part.set_index(["labelled", "strangers"])
    tried = np.full((len(labels), len(strangers)), np.nan)
    for y, some in enumerate(labels):
        for x, others in enumerate(strangers):
            if (some, others) not in by.index:
                ax.text(x, y, "–", ha="center", va="center", color=GREY)
                continue
            cell = by.loc[(some, others)]
            tried[y, x] = cell["gain"]
            _print(ax, x, y, cell)
    ax.imshow(tried, cmap=_colours(), vmin=-limit, vmax=limit, aspect="auto")
    ax.set_xticks(range(len(strangers)), [f"{n:,}" for n in strangers])
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylabel("labelled")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _print(ax, x: int, y: int, cell: pd.Series) -> None:
    gain, stands = cell["comparison"].gain, bool(cell["stands"])
    ax.text(x, y, f"{gain.estimate:+.3f}" + " *" * stands, ha="center", va="bottom", color=INK,
            fontweight="bold" if stands else "normal")  # fmt: skip
    ax.text(x, y, f"[{gain.low:+.3f}, {gain.high:+.3f}]", ha="center", va="top", color=INK,
            fontsize=SMALL)  # fmt: skip


def _colours():
    """From orange through white to blue, pale enough to write on."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    ends = [1 - PALEST * (1 - np.array(to_rgb(color))) for color in (HARM, ACCENT)]
    return LinearSegmentedColormap.from_list("gain", [ends[0], (1, 1, 1), ends[1]])
