"""What an athlete had done before each session: sums and means that never look ahead.

A past session counts once it has *ended*, at or before the start of the one in question. So two
recordings of the same hour don't see each other, and a session never sees itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class TrainingHistory:
    """Every athlete's sessions in the order of their ends, and how far each session may look.

    By place (athlete by athlete, then by end): order, the row; end_sorted, ms; athlete_sorted;
    key, athlete and end in one rising number. By row: begin, the first place of its athlete; known,
    the first place it may not see; start, ms; base, its athlete's part of the key.
    """

    order: np.ndarray
    begin: np.ndarray
    known: np.ndarray
    start: np.ndarray
    key: np.ndarray
    base: np.ndarray
    end_sorted: np.ndarray
    athlete_sorted: np.ndarray

    @classmethod
    def of(cls, sessions: pd.DataFrame) -> TrainingHistory:
        """Read athlete_id, start and duration_s (missing: the session ends as it starts).

        Raises
        ------
        UserError naming a session without a start
        """
        if sessions["start"].isna().any():
            row = sessions["start"].isna().idxmax()
            name = sessions["session_id"][row] if "session_id" in sessions else f"row {row}"
            raise UserError(f"sessions: {name!r} has no start; every session needs one")
        athlete = pd.factorize(sessions["athlete_id"])[0]
        start = (sessions["start"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(milliseconds=1)
        start = start.to_numpy(dtype=np.int64)
        start = start - (start.min() if len(start) else 0)
        end = start + (sessions["duration_s"].fillna(0).to_numpy() * 1000).astype(np.int64)
        # One sorted key holds athlete and time, so that a single search finds both.
        base = athlete * (2 * (end.max(initial=0) + 1))
        order = np.argsort(base + end, kind="stable")
        key = (base + end)[order]
        begin = np.searchsorted(key, base, side="left")
        known = np.searchsorted(key, base + start, side="right")
        # A session of no length ends as it starts: it must not see itself or its twins.
        known = np.minimum(known, np.searchsorted(key, base + end, side="left"))
        return cls(order, begin, known, start, key, base, end[order], athlete[order])

    def total(self, values, days: float) -> np.ndarray:
        """Sum over the sessions that ended in the last ``days`` before each start, (N,).

        Parameters
        ----------
        values : (N,) load of each session; a missing load is left out
        """
        value = pd.Series(np.nan_to_num(np.asarray(values, dtype=float))[self.order])
        # Each athlete's own running sum, so that nobody's numbers round another's.
        running = value.groupby(self.athlete_sorted).cumsum().to_numpy()
        return self._before(running, self.known) - self._before(running, self._since(days))

    def mean(self, values) -> np.ndarray:
        """Mean over all earlier sessions that have a value, (N,); NaN where there is none."""
        values = np.asarray(values, dtype=float)
        count = self.total(~np.isnan(values), np.inf)
        return np.where(count > 0, self.total(values, np.inf), np.nan) / np.maximum(count, 1)

    def longest(self, values, days: float) -> np.ndarray:
        """Largest value in the last ``days`` before each start, (N,); NaN where there is none."""
        value = np.asarray(values, dtype=float)[self.order]
        best = np.full(len(value), np.nan)
        since, place = self._since(days), self.known - 1
        rows = np.flatnonzero(place >= since)
        while len(rows):
            best[rows] = np.fmax(best[rows], value[place[rows]])
            place[rows] -= 1
            rows = rows[place[rows] >= since[rows]]
        return best

    def decayed(self, values, tau_days: float) -> np.ndarray:
        r"""Impulses fading since they ended, :math:`\sum_j w_j e^{-(t-t_j)/\tau}`, (N,).

        Banister's fitness (tau 42 days) and fatigue (7) before each start; with one session a day
        it is the daily recursion :math:`g \leftarrow g e^{-1/\tau} + w`. Missing loads count 0.
        """
        state = np.nan_to_num(np.asarray(values, dtype=float))[self.order]
        first = np.r_[True, self.athlete_sorted[1:] != self.athlete_sorted[:-1]][: len(state)]
        rest = np.maximum(np.diff(self.end_sorted, prepend=0), 0)
        kept = np.exp(-rest / (tau_days * _DAY_MS))
        for rows in _by_turn(first):
            state[rows] += state[rows - 1] * kept[rows]
        seen = self.known > self.begin
        last = np.where(seen, self.known - 1, 0)
        age = np.where(seen, self.start - self.end_sorted[last], 0) if len(state) else 0
        return np.where(seen, state[last] * np.exp(-age / (tau_days * _DAY_MS)), 0.0)

    def accustomed(self, values, tau_days: float) -> np.ndarray:
        """Exponentially weighted mean of the earlier sessions' loads, (N,); NaN without any."""
        values = np.asarray(values, dtype=float)
        weight = self.decayed(~np.isnan(values), tau_days)
        some = weight > 0
        return np.where(some, self.decayed(values, tau_days), np.nan) / np.where(some, weight, 1)

    def count(self) -> np.ndarray:
        """Earlier sessions, (N,) int."""
        return self.known - self.begin

    def days_since(self) -> np.ndarray:
        """Days from the end of the last session to each start, (N,); NaN for the first."""
        seen = self.known > self.begin
        last = self.end_sorted[np.where(seen, self.known - 1, 0)] if len(seen) else 0
        return np.where(seen, (self.start - last) / _DAY_MS, np.nan)

    def _since(self, days: float) -> np.ndarray:
        """First place whose end lies within ``days`` before each start."""
        if not days > 0:
            raise UserError(f"days = {days}: give a number above 0")
        if np.isinf(days):
            return self.begin
        earliest = np.maximum(self.start - int(days * _DAY_MS), 0)
        return np.minimum(np.searchsorted(self.key, self.base + earliest), self.known)

    def _before(self, running: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Running sum up to, not including, a place of the row's athlete."""
        return np.where(place > self.begin, running[np.maximum(place, 1) - 1], 0.0)


def _by_turn(first: np.ndarray):
    """Places of everybody's second session, then of everybody's third, and so on."""
    place = np.arange(len(first))
    turn = place - np.maximum.accumulate(np.where(first, place, 0))
    order = np.argsort(turn, kind="stable")
    bounds = np.cumsum(np.bincount(turn)) if len(turn) else []
    for begin, end in pairwise(bounds):
        yield order[begin:end]
