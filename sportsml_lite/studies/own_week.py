"""What a person's own device would say of planned sessions, learned from that person's sessions.

The training effect of a watch is the watch's own number and no gain of fitness. It is expected for
planned sessions only where the person's own model misses the latest sessions by less than the mean
of the earlier ones does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.prepare import with_hr_max
from sportsml_lite.recommend.week import PlannedSession, Week
from sportsml_lite.recommend.zones import ZONE_EDGES
from sportsml_lite.studies import own

NOON_H = 12  # when a planned session is taken to begin, UTC; the week before it is what matters
MIDDLES = (np.array(ZONE_EDGES[:-1]) + ZONE_EDGES[1:]) / 2


@dataclass(frozen=True)
class Expected:
    """The device's effect of each planned session, and how well such answers were on real ones.

    effects : (S,) on the device's scale, 0 to 5; empty where the own model is no better than the
        mean; n : sessions with an effect; asked : the latest of them, held out; miss,
        miss_of_mean : mean absolute error on these, points
    """

    effects: tuple[float, ...]
    n: int
    asked: int
    miss: float
    miss_of_mean: float

    def told(self) -> str:
        """In a sentence, true whatever was found."""
        found = (
            f"in your latest {self.asked} of {self.n} sessions, held out, a model of your earlier "
            f"ones missed your device's training effect by {self.miss:.2f} points, their mean by "
            f"{self.miss_of_mean:.2f}"
        )
        if not self.effects:
            return f"No training effect is expected for single sessions: {found}."
        return f"The device effect is your device's own number and no gain of fitness: {found}."


def expected(data: DataSet, week: Week, monday: date) -> Expected | None:
    """What the person's device would say of a week, or None with fewer than 20 such sessions.

    Parameters
    ----------
    data : of one person, tables of the contract
    week, monday : what is planned, and its first day
    """
    device = data.sessions["effect_name"].eq("device")
    sessions = data.sessions.assign(effect=data.sessions["effect"].where(device))
    table = own.features(sessions, data.athletes)
    if len(table) < own.LEAST:
        return None
    start = sessions.set_index("session_id")["start"].loc[table.session].to_numpy()
    table = table.take(np.argsort(start, kind="stable"))
    held = own.parts(len(table)) == "test"
    earlier, latest = table.take(~held), table.take(held)
    miss = np.abs(own.fit_own(earlier)(latest) - latest.y).mean()
    miss_of_mean = np.abs(earlier.y.mean() - latest.y).mean()
    effects: tuple[float, ...] = ()
    if miss < miss_of_mean and week.sessions:
        effects = tuple(own.fit_own(table)(_planned(sessions, data, week, monday)).tolist())
    return Expected(effects, len(table), int(held.sum()), float(miss), float(miss_of_mean))


def _planned(sessions: pd.DataFrame, data: DataSet, week: Week, monday: date):
    """Features of planned sessions, each with all sessions before it as its past."""
    athlete, top = sessions["athlete_id"].iloc[0], _top(sessions, data)
    rows = [_row(s, i, athlete, top, monday) for i, s in enumerate(week.sessions)]
    names = [row["session_id"] for row in rows]
    planned = pd.DataFrame(rows).astype({"start": sessions["start"].dtype})
    both = pd.concat([sessions, planned], ignore_index=True)
    table = own.features(both, data.athletes)
    order = pd.Index(table.session).get_indexer(names)
    return table.take(order)


def _top(sessions: pd.DataFrame, data: DataSet) -> float:
    """The maximal heart rate on which :func:`sportsml_lite.studies.own.features` scales."""
    known = with_hr_max(data.athletes)["hr_max_bpm"].iloc[0]
    return float(sessions["hr_max_bpm"].max() if np.isnan(known) else known)


def _row(session: PlannedSession, place: int, athlete: str, top: float, monday: date) -> dict:
    """A planned session as a row of Sessions; its effect is a placeholder that nothing reads."""
    minutes = session.zone_minutes()
    day = pd.Timestamp(monday, tz="UTC") + pd.Timedelta(days=session.day, hours=NOON_H)
    return {
        "session_id": f"planned {place}",
        "athlete_id": athlete,
        "start": day,
        "duration_s": 60.0 * session.minutes,
        "hr_mean_bpm": top * float(minutes @ MIDDLES) / session.minutes,
        "hr_max_bpm": top * float(MIDDLES[np.flatnonzero(minutes)[-1]]),
        "effect": 0.0,
    }
