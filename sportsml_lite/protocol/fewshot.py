"""What a new athlete gives before the test: the k earliest rows, then a gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.protocol.rules import PROTOCOL
from sportsml_lite.protocol.splits import as_names


@dataclass(frozen=True)
class FewShot:
    """Which rows of an athlete may be calibrated on and which test, the same test for every k.

    athlete : (N,) str; rank : (N,) int, 1 for the earliest row of its athlete and class that may
    be used, 0 for a row that may not; max_k : (N,) int, the largest k that the row's athlete can
    give in every class it performs, -1 where nothing is left to test; test : (N,) bool
    """

    athlete: np.ndarray
    rank: np.ndarray
    max_k: np.ndarray
    test: np.ndarray

    def athletes(self, k: int) -> np.ndarray:
        """Athletes that remain at ``k``, sorted.

        Raises
        ------
        UserError if nobody can give k, or k is not a whole number from 0 to the protocol's
            largest
        """
        _check_k(k)
        remaining = np.unique(self.athlete[self.max_k >= k])
        if not len(remaining):
            most = max(int(self.max_k.max()), 0)
            raise UserError(f"k = {k}: no athlete has so much; the largest possible is {most}")
        return remaining

    def support(self, k: int) -> np.ndarray:
        """Rows to calibrate on, (N,) bool: the k earliest a class of those who remain.

        Raises
        ------
        UserError as for :meth:`athletes`
        """
        self.athletes(k)
        return (self.rank >= 1) & (self.rank <= k) & (self.max_k >= k)

    def test_rows(self, k: int) -> np.ndarray:
        """Rows to test on, (N,) bool: always the same ones of an athlete who remains at ``k``.

        Raises
        ------
        UserError as for :meth:`athletes`
        """
        self.athletes(k)
        return self.test & (self.max_k >= k)

    def counts(self) -> pd.DataFrame:
        """How many athletes remain at each k of the protocol, and how many rows test them."""
        k = np.array(PROTOCOL.k)
        athletes = [len(np.unique(self.athlete[self.max_k >= i])) for i in k]
        rows = [int((self.test & (self.max_k >= i)).sum()) for i in k]
        return pd.DataFrame({"athletes": athletes, "test_rows": rows}, index=pd.Index(k, name="k"))


def few_shot(athlete, start_s, stop_s, gap_s: float, y=None, recording=None) -> FewShot:
    """Earliest rows to calibrate on, later rows to test on, with a gap between the two.

    Of each athlete's rows of a class the earliest half, at most 20, may be used. A row tests when
    it may not be used and keeps ``gap_s`` from every row of its recording that may, so that no
    second is seen twice. An athlete with a single row has nothing to calibrate on and remains at
    k = 0 only; an athlete with one class counts that class.

    Parameters
    ----------
    athlete : (N,) athlete of each row
    start_s, stop_s : (N,) begin and end of each row, seconds on the clock of its recording
    gap_s : seconds kept free
    y : (N,) class of each row; None counts rows whatever their class (sessions)
    recording : (N,) recording of each row; an athlete's recordings come in order of appearance;
        None when all rows of an athlete share one clock

    Raises
    ------
    UserError if a row lacks its time, class, athlete or recording
    """
    rows = pd.DataFrame({"athlete": as_names(athlete), "start": start_s, "stop": stop_s})
    rows["y"] = 0 if y is None else np.asarray(y)
    rows["recording"] = rows["athlete"] if recording is None else np.asarray(recording)
    if rows.isna().any(axis=None):
        raise UserError("few_shot: a row lacks its time, class or recording; drop such rows first")
    rows["turn"] = rows.groupby(["athlete", "recording"], sort=False).ngroup()
    rows = rows.sort_values(["athlete", "turn", "start"], kind="stable")
    groups = rows.groupby(["athlete", "y"], sort=False)
    pool = np.minimum((groups["y"].transform("size") * PROTOCOL.pool).astype(int), max(PROTOCOL.k))
    rank = groups.cumcount() + 1
    rank = rank.where(rank <= pool, 0)
    test = _clear_of(rows, rank > 0, gap_s)
    tested = test.groupby(rows["athlete"]).transform("any")
    max_k = pool.groupby(rows["athlete"]).transform("min").where(tested, -1)
    rank, max_k, test = (v.sort_index().to_numpy() for v in (rank, max_k, test))
    return FewShot(as_names(athlete), rank, max_k, test)


def few_shot_windows(windows) -> FewShot:
    """:func:`few_shot` on Windows: k counts windows a class, or recordings where there is none."""
    if windows.classes:
        length = windows.X.shape[2] / windows.rate_hz
        stop, gap_s = windows.t0_s + length, PROTOCOL.gap_windows * length
        return few_shot(
            windows.athlete, windows.t0_s, stop, gap_s, windows.y, recording=windows.recording
        )
    codes, names = pd.factorize(np.asarray(windows.recording))
    first = np.unique(codes, return_index=True)[1]
    turn = np.arange(len(names))
    shot = few_shot(windows.athlete[first], turn, turn, 0.0)
    return FewShot(
        as_names(windows.athlete), *(v[codes] for v in (shot.rank, shot.max_k, shot.test))
    )


def _clear_of(rows: pd.DataFrame, used: pd.Series, gap_s: float) -> pd.Series:
    """Unused rows that keep the gap from the used row before and after them in their recording."""
    recording = rows["turn"]
    before = rows["stop"].where(used).groupby(recording).cummax().groupby(recording).ffill()
    after = rows["start"].where(used).groupby(recording).bfill()
    late = before.isna() | (rows["start"] >= before + gap_s)
    early = after.isna() | (rows["stop"] + gap_s <= after)
    return ~used & late & early


def _check_k(k: int) -> None:
    if not isinstance(k, (int, np.integer)) or not 0 <= k <= max(PROTOCOL.k):
        raise UserError(f"k = {k}: give a whole number from 0 to {max(PROTOCOL.k)}")
