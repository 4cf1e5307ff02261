"""Figures of a sweep: a metric against each parameter that varied, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import interval
from sportsml_lite.plots.style import CYCLE, figure, nothing, plain
from sportsml_lite.protocol import PROTOCOL
from sportsml_lite.simulate import GENERATORS

if TYPE_CHECKING:
    import pandas as pd

SEED = "seed"
DRAWS = 2000  # of the bootstrap
ARMS = len(CYCLE)  # that a figure shows: one a colour
SCORES_NOTE = (
    f"Dots are means over athletes, bars {PROTOCOL.level:.0%} intervals for new athletes and newly "
    "trained models (two-way clustered by athlete and fold); parameters that vary beside are "
    "averaged. "
)


def axes(varied: Mapping[str, Sequence]) -> list[str]:
    """Parameters to draw a metric against: all that vary but the seed, or the seed alone."""
    names = [name for name, values in varied.items() if len(values) > 1]
    return [name for name in names if name != SEED] or names


def axes_of(scores: pd.DataFrame, varied: Mapping[str, Sequence]) -> list[str]:
    """As :func:`axes`, of the scores of one data set."""
    return [name for name in axes(varied) if scores[f"run_{name}"].nunique() > 1]


def metrics(numbers: pd.DataFrame) -> tuple[list[str], dict[str, float]]:
    """Names of the recorded numbers that differ between runs, and the others with their value."""
    moving, still = [], {}
    for name, values in numbers.groupby("name", sort=False)["value"]:
        if values.nunique(dropna=False) > 1:
            moving.append(name)
        else:
            still[name] = values.iloc[0]
    return moving, still


def note(varied: Mapping[str, Sequence]) -> str:
    """What the dots and bars of :func:`of_number` are, in words."""
    seeds = len(varied.get(SEED, ()))
    if axes(varied) == [SEED]:
        return "A dot is a run."
    beside = [name for name in axes(varied) if name != "dataset"]
    mean = " Parameters that vary beside are averaged." if len(beside) > 1 else ""
    if seeds < 2:
        return f"Dots are runs; there is no interval, since the seed did not vary.{mean}"
    return (
        f"Dots are means, bars {PROTOCOL.level:.0%} bootstrap intervals of the mean over "
        f"{seeds} seeds.{mean}"
    )


def of_number(numbers: pd.DataFrame, name: str, varied: Mapping[str, Sequence]):
    """A recorded number against each parameter that varied, a panel each.

    Parameters
    ----------
    numbers : chapter, key, parameters, name, value
    name : of the number
    varied : values by parameter

    Returns
    -------
    fig
    """
    import seaborn as sns

    names = axes(varied)
    if not names:
        return nothing(f"{name}: no parameter has two values")
    fig, grid = figure(len(names), height_in=2.9 * len(names), squeeze=False)
    for ax, x in zip(grid[:, 0], names, strict=True):
        hue = "dataset" if "dataset" in names and x != "dataset" else None
        table = by_seed(numbers[numbers["name"] == name], x, hue)
        sns.pointplot(
            table, x=x, y="value", hue=hue, ax=ax, native_scale=_is_number(table[x]),
            linestyle="none" if x == SEED else "-", errorbar=("ci", 100 * PROTOCOL.level),
            n_boot=DRAWS, seed=0, palette=CYCLE[: table[hue].nunique()] if hue else None,
            color=None if hue else CYCLE[0], markersize=5, linewidth=1.6,
        )  # fmt: skip
        ax.set(xlabel=x, ylabel=plain(name))
    return fig


def by_seed(rows: pd.DataFrame, x: str, hue: str | None) -> pd.DataFrame:
    """One value a seed for each value of ``x`` (and data set): the mean over what varies beside.

    So the bootstrap draws seeds, and not runs of one seed as if they knew nothing of each other.
    """
    keys = list(dict.fromkeys([x, *([hue] if hue else []), SEED]))
    table = rows.dropna(subset="value").groupby(keys, sort=False, as_index=False)["value"].mean()
    if not _is_number(table[x]):
        table[x] = table[x].map(lambda value: plain(str(value)))
    return table


def of_scores(scores: pd.DataFrame, metric: str, x: str):
    """A metric of each arm against a parameter, with intervals over athletes and models.

    Parameters
    ----------
    scores : rows of one study and data set, with columns ``run_<parameter>``
    metric : as in the table
    x : the parameter

    Returns
    -------
    fig
    """
    table = means(scores[scores["metric"] == metric], x)
    if not len(table):
        return nothing(f"{metric}: too few athletes for an interval")
    fig, ax = figure(height_in=4.2)
    values = list(dict.fromkeys(scores[f"run_{x}"]))
    number = _is_number(scores[f"run_{x}"])
    for turn, (arm, part) in enumerate(table.groupby("arm", sort=False)):
        at = part[x] if number else np.array([values.index(v) for v in part[x]])
        bars = np.array([part["estimate"] - part["low"], part["high"] - part["estimate"]])
        ax.errorbar(at, part["estimate"], bars, fmt="o-", ms=5, lw=1.6, color=CYCLE[turn],
                    label=plain(arm))  # fmt: skip
    if not number:
        ax.set_xticks(range(len(values)), [plain(str(value)) for value in values])
    ax.set(xlabel=x, ylabel=metric)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def left_out(scores: pd.DataFrame) -> str:
    """Which arms the figures do not show, in words, or ''."""
    arms = list(dict.fromkeys(scores["arm"]))
    return f"In the table only: {', '.join(arms[ARMS:])}." if arms[ARMS:] else ""


def means(rows: pd.DataFrame, x: str) -> pd.DataFrame:
    """Columns arm, x, estimate, low, high: the first arms, at each value of a parameter.

    Simulated athletes of two seeds bear the same names and are others; so are their folds.
    """
    import pandas as pd

    rows = rows.dropna(subset="value")
    if len(rows) and rows["dataset"].iloc[0] in GENERATORS:
        seed = rows[f"run_{SEED}"]
        rows = rows.assign(athlete=rows["athlete"] + "/" + seed.astype(str),
                           fold=rows["fold"].astype(str) + "/" + seed.astype(str))  # fmt: skip
    found = []
    for (arm, at), part in rows.groupby(["arm", f"run_{x}"], sort=False):
        cells = part.groupby(["athlete", "partition", "fold", "seed"])["value"].mean()
        try:
            over = interval(cells)
        except UserError:
            continue  # one athlete has no interval
        found.append((arm, at, over.estimate, over.low, over.high))
    table = pd.DataFrame(found, columns=["arm", x, "estimate", "low", "high"])
    shown = list(dict.fromkeys(table["arm"]))[:ARMS]
    return table[table["arm"].isin(shown)]


def _is_number(column: pd.Series) -> bool:
    return column.dtype.kind in "iuf"
