"""The figures of chapter 2: watch and truth, filled gaps, loads, one scale, and the leak."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import BLUE, CYCLE, GREEN, GREY, INK, ORANGE, figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def watch(stream: pd.DataFrame, error: pd.DataFrame):
    """One session as its watch saw it, and how wrong watches are.

    Parameters
    ----------
    stream : t_s, hr_bpm and, where it is known, true_hr_bpm and locked (bool)
    error : what (of the seconds), error_bpm; empty where no truth is known

    Returns
    -------
    fig
    """
    widths = {"width_ratios": [1.7, 1]} if len(error) else {}
    fig, axes = figure(1, 2 if len(error) else 1, 3.3, squeeze=False, **widths)
    left, minutes = axes[0, 0], stream["t_s"] / 60
    left.plot(minutes, stream["hr_bpm"], color=ORANGE, lw=1.1, label="watch")
    if "true_hr_bpm" in stream:
        left.plot(minutes, stream["true_hr_bpm"], color=INK, lw=1.3, label="truth (simulated)")
        _shade(left, minutes, stream["locked"], BLUE, "cadence lock")
    _shade(left, minutes, stream["hr_bpm"].isna(), GREY, "nothing written")
    left.set(xlabel="time since the start (min)", ylabel="heart rate (bpm)")
    low, high = left.get_ylim()
    left.set_ylim(low, high + 0.25 * (high - low))
    left.legend(loc="upper left", ncols=2, fontsize=9)
    if len(error):
        _spread(axes[0, 1], error)
    return fig


def _shade(ax, minutes: pd.Series, marked: pd.Series, color: str, label: str) -> None:
    """Bands over runs of marked seconds."""
    marked = marked.to_numpy(bool)
    edges = np.flatnonzero(np.diff(np.r_[False, marked, False].astype(int)))
    for i, (begin, end) in enumerate(edges.reshape(-1, 2)):
        span = minutes.iloc[[begin, end - 1]]
        ax.axvspan(*span, color=color, alpha=0.25, lw=0, label=label if i == 0 else None)


def _spread(ax, error: pd.DataFrame) -> None:
    """Middle 50 and 90 per cent of the error in each kind of second."""
    groups = error.groupby("what", sort=False)["error_bpm"]
    for y, (_, values) in enumerate(groups):
        low, inner_low, middle, inner_high, high = values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
        ax.plot([low, high], [y, y], color=BLUE, lw=2)
        ax.plot([inner_low, inner_high], [y, y], color=BLUE, lw=7, solid_capstyle="butt")
        ax.plot(middle, y, "o", color="white", mec=INK, ms=6, zorder=4)
    ax.axvline(0, color=GREY, lw=1, ls="--")
    ax.set_yticks(range(len(groups)), [name.replace(" ", "\n", 1) for name in groups.groups])
    ax.set(xlabel="watch minus truth (bpm)", ylim=(-0.6, len(groups) - 0.4))


def filled_gaps(errors: pd.DataFrame):
    """Error of every way to fill a gap, over its length.

    Parameters
    ----------
    errors : imputer, gap_s, causal, mae, low, high (bpm)
    """
    fig, ax = figure(height_in=3.8)
    shift = np.linspace(0.94, 1.06, errors["imputer"].nunique())
    groups = errors.groupby("imputer", sort=False)
    for (name, rows), color, marker, by in zip(groups, CYCLE, MARKERS, shift, strict=False):
        spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["mae"].to_numpy())
        looks = "-" if rows["causal"].all() else "--"
        label = name if rows["causal"].all() else f"{name} (reads the future)"
        ax.errorbar(
            rows["gap_s"] * by, rows["mae"], spread, color=color, ls=looks, marker=marker, ms=5,
            lw=1.5, elinewidth=1, label=label,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xticks(errors["gap_s"].unique(), [f"{gap:g}" for gap in errors["gap_s"].unique()])
    ax.minorticks_off()
    ax.set(xlabel="length of the gap (s)", ylabel="mean absolute error (bpm)")
    ax.set_ylim(bottom=0)
    fig.legend(loc="outside right center", fontsize=9)
    return fig


def impulses(loads: pd.DataFrame):
    """TRIMP by the second against TRIMP of the mean heart rate, and what the difference follows.

    Parameters
    ----------
    loads : trimp_mean, trimp_stream, reserve_sd (spread of the reserve within the session)
    """
    fig, (left, right) = figure(1, 2, 3.2)
    left.scatter(loads["trimp_mean"], loads["trimp_stream"], s=16, color=BLUE, alpha=0.6, lw=0)
    left.axline((0, 0), slope=1, color=GREY, ls="--", lw=1)
    left.set(xlabel="TRIMP of the mean heart rate", ylabel="TRIMP by the second")
    more = 100 * (loads["trimp_stream"] / loads["trimp_mean"] - 1)
    right.scatter(loads["reserve_sd"], more, s=16, color=ORANGE, alpha=0.6, lw=0)
    right.axhline(0, color=GREY, ls="--", lw=1)
    right.set(
        xlabel="spread of the reserve in a session (SD, 0–1)", ylabel="by the second: more (%)"
    )
    return fig


def look_ahead(days: np.ndarray, panels: dict[str, tuple], changed_from: float):
    """A feature before and after somebody changed the future.

    Parameters
    ----------
    days : (n,) days of one athlete's sessions; ``changed_from`` : the day from which loads changed
    panels : title -> (before, after), each (n,)
    """
    fig, axes = figure(1, len(panels), 3.1, sharey=True)
    for ax, (title, (before, after)) in zip(axes, panels.items(), strict=True):
        ax.plot(days, after, "s--", color=ORANGE, ms=4, lw=1.4, label="after the future changed")
        ax.plot(days, before, "o-", color=BLUE, ms=4, lw=1.4, label="as it was")
        ax.axvline(changed_from, color=INK, lw=1)
        ax.axvspan(changed_from, days.max(), color=GREY, alpha=0.12, lw=0)
        ax.set(title=title, xlabel="day")
    axes[0].set_ylabel("load (min)")
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper center", ncols=2, fontsize=9)
    return fig


def one_scale(people: pd.DataFrame, bpm: float, low: float, high: float):
    """What the same heart rate means to two athletes, and to all.

    Parameters
    ----------
    people : athlete_id, hr_rest_bpm, hr_max_bpm, at_bpm (reserve fraction at ``bpm``), sorted by it
    bpm : the heart rate; ``low``, ``high`` : the population's minimum and maximum, bpm
    """
    fig, (left, right) = figure(1, 2, 3.3, width_ratios=[1.5, 1])
    for (_, person), color in zip(people.iloc[[0, -1]].iterrows(), (BLUE, ORANGE), strict=True):
        x = [person["hr_rest_bpm"], person["hr_max_bpm"]]
        left.plot(x, [0, 1], "o-", color=color, lw=2, label=person["athlete_id"])
        left.plot(bpm, person["at_bpm"], "o", color=color, mec=INK, ms=9, zorder=5)
    left.plot([low, high], [0, 1], color=GREY, ls="--", lw=1.5, label="population min–max")
    left.axvline(bpm, color=INK, lw=1, ls=":")
    left.set(xlabel="heart rate (bpm)", ylabel="heart rate on a scale from 0 to 1")
    left.legend(loc="upper left", fontsize=9)
    right.hist(people["at_bpm"], bins=np.linspace(0, 1, 21), color=GREEN, alpha=0.8)
    right.axvline((bpm - low) / (high - low), color=GREY, ls="--", lw=1.5)
    right.set(xlabel=f"share of the reserve at {bpm:g} bpm", ylabel="athletes", xlim=(0, 1))
    return fig


def leak(table: pd.DataFrame, unit: str, floor: float | None):
    """The same models judged on rows dealt at random, and on athletes never seen.

    Parameters
    ----------
    table : index the model; rows, rows_low, rows_high, athletes, athletes_low, athletes_high (RMSE)
    unit : of the error
    floor : the error of somebody who knows the hidden state; None where nobody does
    """
    fig, ax = figure(height_in=1.3 + 0.52 * len(table))
    y = np.arange(len(table))[::-1]
    ax.hlines(y, table["rows"], table["athletes"], color=GREY, lw=5, alpha=0.25)
    for name, label, color, marker in (
        ("rows", "random rows: the athlete is known", ORANGE, "s"),
        ("athletes", "athletes never seen", BLUE, "o"),
    ):
        spread = np.abs(
            table[[f"{name}_low", f"{name}_high"]].to_numpy().T - table[name].to_numpy()
        )
        ax.errorbar(table[name], y, xerr=spread, fmt=marker, color=color, ms=8, lw=1.4, label=label)
    if floor is not None:
        ax.axvline(floor, color=INK, ls="--", lw=1.2, label="noise floor")
    ax.set_yticks(y, table.index)
    ax.set(xlabel=f"RMSE, mean over athletes ({unit})", ylim=(-0.6, len(table) - 0.4))
    fig.legend(loc="outside upper left", ncols=3, fontsize=9)
    return fig
