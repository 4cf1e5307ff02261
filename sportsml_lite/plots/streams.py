"""Figures of chapter 1: what a watch recorded, its gaps, its means, heart rate and cadence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PINK, SKY, figure, nothing
from sportsml_lite.schema import axis_label

PANELS = {
    "hr_bpm": ORANGE,
    "speed_mps": BLUE,
    "cadence_spm": GREEN,
    "cadence_rpm": GREEN,
    "power_w": PINK,
    "altitude_m": GREY,
}


def streams(stream: pd.DataFrame, suspicious: pd.DataFrame, joined_s: float = 10.0):
    """One panel a channel that the device recorded, over the minutes of the session.

    Parameters
    ----------
    stream : Streams of one session, a row a second
    suspicious : artefacts with ``column``, ``start_s`` and ``length_s``; shaded in their panel
    joined_s : records closer than this (s) are joined by a line, wider gaps stay open

    Returns
    -------
    fig
    """
    present = [name for name in PANELS if name in stream and stream[name].notna().any()]
    fig, axes = figure(
        len(present) or 1, height_in=0.5 + 1.35 * max(len(present), 1), sharex=True, squeeze=False
    )
    for ax, name in zip(axes[:, 0], present, strict=False):
        seen = stream.loc[stream[name].notna(), ["t_s", name]]
        wide = seen["t_s"].diff() > joined_s
        minutes, values = _broken(seen["t_s"].to_numpy() / 60, seen[name].to_numpy(), wide)
        ax.plot(minutes, values, color=PANELS[name], lw=0.9)
        for row in suspicious[suspicious["column"] == name].itertuples():
            ax.axvspan(row.start_s / 60, (row.start_s + row.length_s) / 60, color=INK, alpha=0.15)
        ax.set_title(axis_label("streams", name), fontsize=10, pad=3)
        ax.margins(x=0.01)
    axes[-1, 0].set_xlabel("time since the start (min)")
    fig.align_ylabels()
    return fig


def _broken(x: np.ndarray, y: np.ndarray, wide: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The line with a NaN before every point that follows a wide gap, so that it is not joined."""
    at = np.flatnonzero(wide.to_numpy())
    return np.insert(x, at, np.nan), np.insert(y, at, np.nan)


def gap_lengths(gaps: pd.DataFrame, n_seconds: int):
    """Seconds that nobody wrote, by the length of the gap they belong to.

    Parameters
    ----------
    gaps : one row a run of missing seconds, with ``length_s``
    n_seconds : seconds of the session
    """
    if gaps.empty:
        return nothing("Every second of this session has a heart rate.")
    share = 100 * gaps.groupby("length_s")["length_s"].sum() / n_seconds
    fig, ax = figure(height_in=2.8)
    ax.bar(range(len(share)), share, color=BLUE, width=0.7)
    ax.set_xticks(range(len(share)), [f"{length:.0f}" for length in share.index])
    ax.set(xlabel="length of the gap (s)", ylabel="share of all seconds (%)")
    return fig


def heart_rate_against_cadence(minutes: pd.DataFrame, close_bpm: float):
    """Do heart rate and cadence move together? Minute means over time, and change against change.

    Parameters
    ----------
    minutes : one row a minute: ``minute``, ``hr_bpm``, ``cadence_spm``
    close_bpm : half-width (bpm) of the band around the cadence that looks like a lock
    """
    if len(minutes) < 10:
        return nothing("Too few minutes of this session have heart rate and a cadence in steps.")
    fig, (left, right) = figure(1, 2, height_in=3.4, width_ratios=[1.7, 1])
    x, cadence = minutes["minute"], minutes["cadence_spm"]
    left.fill_between(
        x, cadence - close_bpm, cadence + close_bpm, color=GREEN, alpha=0.2, lw=0,
        label=f"cadence ± {close_bpm:g}",
    )  # fmt: skip
    left.plot(x, cadence, color=GREEN, label="cadence (steps/min)")
    left.plot(x, minutes["hr_bpm"], color=ORANGE, label="heart rate (bpm)")
    low, high = np.nanpercentile(minutes[["hr_bpm", "cadence_spm"]], [1, 99])
    left.set(ylim=(low - 20, high + 12), xlabel="time (min)", ylabel="per minute")
    left.legend(loc="lower right", fontsize=9)
    change = minutes[["cadence_spm", "hr_bpm"]].diff()
    right.scatter(change["cadence_spm"], change["hr_bpm"], s=14, color=SKY, edgecolor=INK, lw=0.3)
    limit = np.nanpercentile(change.abs(), 99)
    right.axline((0, 0), slope=1, color=GREY, ls="--", lw=1)
    right.set(xlim=(-limit, limit), ylim=(-limit, limit))
    right.set(xlabel="change of cadence, minute to minute", ylabel="change of heart rate (bpm)")
    return fig


def means(table: pd.DataFrame):
    """Three ways to average the heart rate of one session, as dots on one axis.

    Parameters
    ----------
    table : index the way, column ``hr_mean_bpm``
    """
    fig, ax = figure(height_in=0.9 + 0.35 * len(table))
    y = np.arange(len(table))[::-1]
    ax.hlines(y, table["hr_mean_bpm"].min(), table["hr_mean_bpm"], color=GREY, lw=1)
    ax.plot(table["hr_mean_bpm"], y, "o", color=ORANGE)
    for value, height in zip(table["hr_mean_bpm"], y, strict=True):
        ax.annotate(f"{value:.1f}", (value, height), xytext=(8, -4), textcoords="offset points")
    ax.set_yticks(y, table.index)
    ax.set(ylim=(-0.6, len(table) - 0.4), xlabel="mean heart rate (bpm)")
    ax.margins(x=0.12)
    return fig
