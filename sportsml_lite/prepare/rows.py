"""Where one recording ends and the next begins, who owns it, and which values are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError


def recordings(streams: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the recordings: ``first`` (S,) rows, and one past the ``last`` (S,).

    Raises
    ------
    UserError if a recording's rows don't stand together, or its clock doesn't run forward
    """
    name, t = streams["session_id"].to_numpy(), streams["t_s"].to_numpy(dtype=float)
    if not len(name):
        return np.zeros(0, int), np.zeros(0, int)
    new = np.r_[True, name[1:] != name[:-1]]
    first = np.flatnonzero(new)
    back = np.flatnonzero(~new[1:] & ~(t[1:] > t[:-1]))
    if len(back) or pd.Index(name[first]).has_duplicates:
        where = f"row {back[0] + 1}" if len(back) else "a session_id that comes twice"
        raise UserError(
            f"streams, {where}: time does not run forward in a session; sort by session_id and t_s"
        )
    return first, np.r_[first[1:], len(name)]


def of_athletes(athlete_id: pd.Series, athletes: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The athletes' columns, a row for each of ``athlete_id`` (N,).

    Raises
    ------
    UserError if an athlete is not in the table, or twice
    """
    index = pd.Index(athletes["athlete_id"])
    if index.has_duplicates:
        name = index[index.duplicated()][0]
        raise UserError(f"athletes: {name!r} has two rows; keep one")
    at = index.get_indexer(athlete_id)
    if (at < 0).any():
        name = athlete_id.iloc[int((at < 0).argmax())]
        raise UserError(f"sessions: athlete {name!r} is not in the athletes table; add a row there")
    return athletes[columns].iloc[at].set_index(athlete_id.index)


def of_sessions(session_id: np.ndarray, sessions: pd.DataFrame) -> pd.DataFrame:
    """Rows of the sessions table in the order of ``session_id`` (S,).

    Raises
    ------
    UserError if a session is not in the table, or twice
    """
    index = pd.Index(sessions["session_id"])
    if index.has_duplicates:
        name = index[index.duplicated()][0]
        raise UserError(f"sessions: {name!r} has two rows; give each session its own session_id")
    at = index.get_indexer(pd.Index(session_id))
    if (at < 0).any():
        name = session_id[int((at < 0).argmax())]
        raise UserError(f"streams: session {name!r} is not in the sessions table; add a row there")
    return sessions.iloc[at]


def training_means(train: pd.DataFrame, channels: Sequence[str]) -> dict[str, float]:
    """Mean of each channel over training seconds; an error names a channel that nobody has.

    Raises
    ------
    UserError naming a channel that nobody has
    """
    for channel in channels:
        if channel not in train or not train[channel].notna().any():
            raise UserError(
                f"imputer: no training value of {channel!r}; leave the channel out or add athletes"
            )
    return {channel: float(train[channel].mean()) for channel in channels}


def fill(streams: pd.DataFrame, filled: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A copy in which only missing values changed."""
    new = {c: streams[c].fillna(pd.Series(v, streams.index)) for c, v in filled.items()}
    return streams.assign(**new)


def neighbours(streams: pd.DataFrame, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row of the last known value at or before, and the next at or after; -1 where there is none.

    Neither looks beyond the row's own recording.
    """
    first, last = recordings(streams)
    begin, end = (np.repeat(v, last - first) for v in (first, last))
    row = np.arange(len(known))
    before = np.maximum.accumulate(np.where(known, row, -1))
    after = np.minimum.accumulate(np.where(known, row, len(row))[::-1])[::-1]
    return np.where(before >= begin, before, -1), np.where(after < end, after, -1)
