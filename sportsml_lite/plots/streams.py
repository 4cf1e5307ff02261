"""Figures of chapter 1: what a watch wrote and left out, its means, its channels, its steps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.plots.grammar import end_labels
from sportsml_lite.plots.style import ACCENT, GREY, HARM, INK, QUIET, figure, nothing, plain
from sportsml_lite.schema import axis_label

PANELS = ("hr_bpm", "speed_mps", "cadence_spm", "cadence_rpm", "power_w", "altitude_m")
JOINED_S = 10.0  # records closer than this (s) are joined by a line, wider gaps stay open
CLOSE_S = 60  # seconds that the close look shows


def left_out(stream: pd.DataFrame, gaps: pd.DataFrame):
    """The heart rate of a session as it is usually drawn, and one minute as it was written.

    Parameters
    ----------
    stream : Streams of one session, a row a second
    gaps : runs of seconds without heart rate: ``start_s``, ``length_s``; the minute shown is that
        around the longest one

    Returns
    -------
    fig
    """
    seen = stream.loc[stream["hr_bpm"].notna(), ["t_s", "hr_bpm"]]
    if seen.empty:
        return nothing("This session has no heart rate.")
    share = 100 * (1 - len(seen) / len(stream))
    fig, (top, bottom) = figure(2, 1, 5.4)
    start, stop = _minute(stream, gaps)
    top.plot(*_broken(seen, "hr_bpm"), color=INK, lw=1)
    top.axvspan(start / 60, stop / 60, color=ACCENT, alpha=0.55, lw=0)
    top.set_title("The whole session, as a line", fontsize="medium")
    top.set(xlabel="time since the start (min)", ylabel="heart rate (bpm)")
    near = seen[seen["t_s"].between(start, stop)]
    for gap in gaps.itertuples():
        if gap.start_s <= stop and gap.start_s + gap.length_s > start:
            bottom.axvspan(gap.start_s - 0.5, gap.start_s + gap.length_s - 0.5, color=GREY,
                           alpha=0.25, lw=0)  # fmt: skip
    bottom.plot(near["t_s"], near["hr_bpm"], "o", color=ACCENT, ms=6)
    title = f"The blue stretch: {len(near)} values, and in the grey nothing"
    if gaps.empty:
        title = "The blue stretch: a value in every second"
    bottom.set_title(title, fontsize="medium")
    bottom.set(xlim=(start - 0.5, stop + 0.5), xlabel="time since the start (s)")
    bottom.set_ylabel("heart rate (bpm)")
    bottom.margins(y=0.25)
    says = f"{share:.0f} % of the seconds were never written" if len(gaps) else "Nothing is missing"
    fig.suptitle(says, x=0.01, ha="left", fontsize="large")
    return fig


def means(table: pd.DataFrame):
    """Ways to average the heart rate of one session, as dots on one axis; the first is right.

    Parameters
    ----------
    table : index the way, column ``hr_mean_bpm``

    Returns
    -------
    fig
    """
    values = table["hr_mean_bpm"]
    if values.isna().any():
        return nothing("Without heart rate there is nothing to average.")
    off = values - values.iloc[0]
    reach = max(np.ptp(values), 1.0)
    fig, ax = figure(height_in=1.5 + 0.45 * len(table))
    y = np.arange(len(table))[::-1]
    ax.axvline(values.iloc[0], color=ACCENT, lw=1.2, ls="--", zorder=0)
    for at, (name, value) in zip(y, values.items(), strict=True):
        color = ACCENT if name == table.index[0] else HARM if abs(off[name]) >= 1 else QUIET
        ax.plot([values.iloc[0], value], [at, at], color=color, lw=2, alpha=0.5)
        ax.plot(value, at, "o", color=color, ms=9, mec="white")
        note = f"{value:.1f}" if not off[name] else f"{value:.1f} ({off[name]:+.1f})"
        near = abs(off[name]) < 0.4 * reach
        ax.annotate(note.replace("-", "−"), (value, at), (11, 0) if near else (0, 11), color=color,
                    textcoords="offset points", va="center" if near else "baseline")  # fmt: skip
    ax.set_yticks(y, table.index)
    ax.set(ylim=(-0.5, len(table) - 0.2), xlabel="mean heart rate (bpm)")
    ax.set_xlim(values.min() - 0.1 * reach, values.max() + 0.35 * reach)
    worst = off.abs().max()
    title = f"Carelessly averaged: {worst:.0f} bpm off" if worst >= 1 else "All ways agree"
    fig.suptitle(title, x=0.01, ha="left", fontsize="large")
    return fig


def streams(stream: pd.DataFrame, suspicious: pd.DataFrame):
    """One panel a channel that the device recorded; an arrow at what a rule points at.

    Parameters
    ----------
    stream : Streams of one session, a row a second
    suspicious : stretches with ``rule``, ``column``, ``start_s`` and ``length_s``

    Returns
    -------
    fig
    """
    present = [name for name in PANELS if name in stream and stream[name].notna().any()]
    if not present:
        return nothing("This session has no stream.")
    fig, axes = figure(len(present), height_in=0.9 + 1.35 * len(present), sharex=True,
                       squeeze=False)  # fmt: skip
    for ax, name in zip(axes[:, 0], present, strict=True):
        seen = stream.loc[stream[name].notna(), ["t_s", name]]
        ax.plot(*_broken(seen, name), color=ACCENT if name == "hr_bpm" else QUIET, lw=0.9)
        ax.set_title(axis_label("streams", name), fontsize="small", pad=3)
        ax.margins(x=0.01, y=0.2)
        for row in suspicious[suspicious["column"] == name].head(8).itertuples():
            _point_at(ax, seen, name, row)
    axes[-1, 0].set_xlabel("time since the start (min)")
    n = len(suspicious)
    title = f"{n} {'stretch' if n == 1 else 'stretches'} to look at" if n else "No rule objects"
    fig.suptitle(title, x=0.01, ha="left", fontsize="large")
    return fig


def coverage(share: pd.Series):
    """How many seconds of each session have a heart rate, a row a session.

    Parameters
    ----------
    share : per cent of the seconds, by session, in the order to draw

    Returns
    -------
    fig
    """
    fig, ax = figure(height_in=1.0 + 0.36 * len(share))
    y = np.arange(len(share))[::-1]
    ax.hlines(y, 0, share, color=ACCENT, lw=2.5)
    ax.plot(share, y, "o", color=ACCENT, ms=7, mec="white")
    ax.set_yticks(y, [plain(short(name, 26)) for name in share.index])
    ax.set(xlim=(0, 104), ylim=(-0.6, len(share) - 0.4))
    ax.set_xlabel("seconds with a heart rate (%)")
    return fig


def heart_rate_against_cadence(minutes: pd.DataFrame, close_bpm: float):
    """Do heart rate and cadence move together? Minute means over time, and change against change.

    Parameters
    ----------
    minutes : one row a minute: ``minute``, ``hr_bpm``, ``cadence_spm``
    close_bpm : half-width (bpm) of the band around the cadence that looks like a lock

    Returns
    -------
    fig
    """
    if len(minutes) < 10:
        return nothing("Too few minutes of this session have heart rate and a cadence in steps.")
    fig, (top, bottom) = figure(2, 1, 7.2, height_ratios=[1, 1.15])
    x, cadence, heart = minutes["minute"], minutes["cadence_spm"], minutes["hr_bpm"]
    top.fill_between(x, cadence - close_bpm, cadence + close_bpm, color=GREY, alpha=0.25, lw=0)
    top.plot(x, cadence, color=QUIET)
    top.plot(x, heart, color=ACCENT)
    low, high = np.nanpercentile(minutes[["hr_bpm", "cadence_spm"]], [1, 99])
    top.set(ylim=(low - 20, high + 12), xlabel="time (min)", ylabel="per minute")
    top.set_title(f"Close? In the grey band: within {close_bpm:g} bpm", fontsize="medium")
    last = float(x.iloc[-1])
    end_labels(top, {"heart rate": (last, heart.iloc[-1], ACCENT),
                     "cadence": (last, cadence.iloc[-1], QUIET)})  # fmt: skip
    change = minutes[["cadence_spm", "hr_bpm"]].diff()
    bottom.scatter(change["cadence_spm"], change["hr_bpm"], s=18, color=ACCENT, alpha=0.6, lw=0)
    limit = np.nanpercentile(change.abs(), 99)
    bottom.axline((0, 0), slope=1, color=GREY, ls="--", lw=1.2)
    bottom.annotate("locked", (0.9 * limit, 0.9 * limit), (-6, 0), textcoords="offset points",
                    ha="right", color=GREY)  # fmt: skip
    bottom.set_title("Together? Change from minute to minute", fontsize="medium")
    bottom.set(xlim=(-limit, limit), ylim=(-limit, limit), ylabel="change of heart rate (bpm)")
    bottom.set_xlabel("change of cadence (steps/min)")
    return fig


def short(name: str, most: int = 18) -> str:
    """A name of at most ``most`` letters, its middle left out: both ends tell files apart."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-(most - 1 - half) :]}"


def _minute(stream: pd.DataFrame, gaps: pd.DataFrame) -> tuple[float, float]:
    """First and last second of the close look: around the longest gap, or in the middle."""
    first, last = float(stream["t_s"].min()), float(stream["t_s"].max())
    centre, half = (first + last) / 2, CLOSE_S / 2
    if len(gaps):
        longest = gaps.loc[gaps["length_s"].idxmax()]
        centre = longest["start_s"] + longest["length_s"] / 2
        half = max(half, 0.75 * longest["length_s"])
    start = min(max(centre - half, first), max(last - 2 * half, first))
    return round(start), round(min(start + 2 * half, last))


def _broken(seen: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Minutes and values of a line, with a NaN before every point that follows a wide gap."""
    at = np.flatnonzero((seen["t_s"].diff() > JOINED_S).to_numpy())
    minutes, values = seen["t_s"].to_numpy() / 60, seen[name].to_numpy()
    return np.insert(minutes, at, np.nan), np.insert(values, at, np.nan)


def _point_at(ax, seen: pd.DataFrame, name: str, row) -> None:
    """An arrow at a stretch: a second of a marathon is too narrow for a band."""
    stop = row.start_s + row.length_s
    ax.axvspan(row.start_s / 60, stop / 60, color=HARM, alpha=0.25, lw=0)
    near = (seen["t_s"] - row.start_s).abs().idxmin()
    left = row.start_s > seen["t_s"].max() / 2
    ax.annotate(row.rule, (row.start_s / 60, seen.loc[near, name]), (-30 if left else 30, -4),
                textcoords="offset points", color=HARM, ha="right" if left else "left",
                va="top", arrowprops={"arrowstyle": "-|>", "color": HARM})  # fmt: skip
