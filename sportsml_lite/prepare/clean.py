"""Impossible values and irregular clocks: found, counted, and never repaired in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.schema import columns

_LONGEST_S = 7 * 86400  # the contract's longest session


def check_ranges(frame: pd.DataFrame, table: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values outside the contract's range become NaN; a report counts them.

    Parameters
    ----------
    frame : Athletes, Sessions or Streams
    table : ``'athletes'``, ``'sessions'`` or ``'streams'``

    Returns
    -------
    frame : a copy, numbers as float64
    report : a row for each numeric column: missing (before), not_a_number (text where a number
        belongs), outside, the range, and the most extreme value that was taken out

    Raises
    ------
    UserError if a value that a row cannot do without (its time) is out of range
    """
    known = {n: c for n, c in columns(table).items() if c.dtype == "float64" and n in frame}
    clean, report = frame.copy(), {}
    for name, column in known.items():
        before = frame[name]
        values = pd.to_numeric(before, errors="coerce").astype("float64")
        low = -np.inf if column.low is None else column.low
        high = np.inf if column.high is None else column.high
        outside = values.notna() & ~(values.between(low, high) & np.isfinite(values))
        if not column.nullable and (outside | values.isna()).any():
            row = (outside | values.isna()).idxmax()
            raise UserError(
                f"{table}, row {row}: {name} = {before.loc[row]} is not in {low:g} to {high:g}; "
                "correct or drop the row"
            )
        clean[name] = values.mask(outside)
        extreme = values[outside].abs().max()
        unread = int((values.isna() & before.notna()).sum())
        report[name] = (int(before.isna().sum()), unread, int(outside.sum()), low, high, extreme)
    names = ["missing", "not_a_number", "outside", "low", "high", "extreme"]
    return clean, pd.DataFrame.from_dict(report, orient="index", columns=names)


def regular(streams: pd.DataFrame, step_s: float = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Streams on a regular clock: a row for every tick from 0 to the last, NaN where none was.

    Each row moves to its nearest tick. Of rows on one tick (beats within a second, say) numbers are
    averaged, and of text the later stays.

    Parameters
    ----------
    streams : Streams, in any order
    step_s : length of a tick, s; 1/30 for 30 Hz

    Returns
    -------
    streams : sorted by session (in order of appearance) and time
    report : a row for each session: rows before, inserted and merged

    Raises
    ------
    UserError if a session would last longer than a week
    """
    code, names = pd.factorize(streams["session_id"])
    tick = np.floor(streams["t_s"].to_numpy(dtype=float) / step_s + 0.5)
    if len(tick) and not (tick.min() >= 0 and tick.max() * step_s <= _LONGEST_S):
        row = int(np.argmax(~((tick >= 0) & (tick * step_s <= _LONGEST_S))))
        raise UserError(
            f"streams, row {row}: t_s = {streams['t_s'].iloc[row]} is not within a week of the "
            "session's start; give seconds since the start"
        )
    tick = tick.astype(np.int64)
    length = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(length, code, tick + 1)
    first = np.cumsum(length) - length
    source = np.full(length.sum(), -1)
    place = first[code] + tick
    source[place] = np.arange(len(streams))
    out = streams.reset_index(drop=True).reindex(source).reset_index(drop=True)
    out["session_id"] = names.take(np.repeat(np.arange(len(names)), length))
    out["t_s"] = (np.arange(len(source)) - np.repeat(first, length)) * step_s
    kept = np.bincount(np.repeat(np.arange(len(names)), length), weights=source >= 0)
    rows = np.bincount(code, minlength=len(names))
    if len(place) > kept.sum():
        out = out.assign(**_averaged(streams.drop(columns=["session_id", "t_s"]), place, len(out)))
    report = {
        "rows": rows,
        "inserted": length - kept.astype(int),
        "merged": rows - kept.astype(int),
    }
    return out, pd.DataFrame(report, index=pd.Index(names, name="session_id"))


def _averaged(streams: pd.DataFrame, place: np.ndarray, ticks: int) -> dict[str, np.ndarray]:
    """Mean of the known values of each numeric column on each tick, NaN where there is none."""
    means = {}
    for name in streams.select_dtypes("number"):
        value = streams[name].to_numpy(dtype=float)
        known = ~np.isnan(value)
        count = np.bincount(place[known], minlength=ticks)
        total = np.bincount(place[known], weights=value[known], minlength=ticks)
        means[name] = np.where(count > 0, total, np.nan) / np.maximum(count, 1)
    return means
