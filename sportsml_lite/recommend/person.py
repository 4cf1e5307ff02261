"""Who a week is planned for: a :class:`~sportsml_lite.recommend.week.Person` from sessions.

Only sessions of the sport that is planned count: whoever walks ten hours and runs three is planned
as a runner of three hours. What is missing or was assumed is said in a note.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import with_hr_max
from sportsml_lite.recommend.limits import SPORTS
from sportsml_lite.recommend.week import DAYS, WORK, Person
from sportsml_lite.recommend.zones import zone_minutes

RECENT_D, HABIT_D, LONGEST_D = 28, 56, 30
LEAST, LEAST_D = 4, 42  # a week is planned from so many sessions in so many days
LEAST_WEEKS = 2  # of a habit
EASY_BELOW = 0.82  # mean heart rate of an easy session, as a share of the maximum
ANYWHERE_H = 36  # a day that begins at midnight UTC ends so much later, west of the date line


def whose(data: DataSet, athlete: str = "") -> DataSet:
    """The data of one person, who is named where there are several.

    Parameters
    ----------
    data : of a folder
    athlete : one of its people; with files of one person only, the name that he or she is given

    Raises
    ------
    UserError if there are several people and none of them is named
    """
    names = sorted(data.sessions["athlete_id"].unique())
    if len(names) > 1 and athlete not in names:
        listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        wrong = f", none of them {athlete!r}" if athlete else ""
        raise UserError(
            f"{data.name}: {len(names)} people ({listed}){wrong}; choose one with --athlete NAME, "
            "or make one person of all files first: sportsml tables FOLDER --athlete NAME"
        )
    mine = athlete if athlete in names else names[0]
    sessions = data.sessions[data.sessions["athlete_id"] == mine].reset_index(drop=True)
    seconds = data.streams[data.streams["session_id"].isin(sessions["session_id"])]
    athletes = data.athletes[data.athletes["athlete_id"] == mine].reset_index(drop=True)
    return DataSet(athlete or mine, athletes, sessions, seconds, dropped=data.dropped)


def monday_after(sessions: pd.DataFrame, today: date) -> date:
    """The Monday on which the planned week begins: today's, if nothing was done on it, or the next.

    Parameters
    ----------
    sessions : the person's, with their starts in UTC
    today : the day of planning
    """
    done = (sessions["start"].dt.date == today).any()
    first = today + timedelta(days=1) if done else today
    return first + timedelta(days=-first.weekday() % 7)


def known(
    data: DataSet,
    today: date,
    sport: str = "",
    hr_max_bpm: float = np.nan,
    returning: bool = False,
) -> tuple[Person, tuple[str, ...]]:
    """What the sessions of one person say on the day a week is planned.

    Parameters
    ----------
    data : of one person, see :func:`whose`
    today : the day of planning; sessions count up to its end
    sport : of :data:`sportsml_lite.recommend.limits.SPORTS`; empty is the one with most minutes in
        the last twelve weeks, walking and hiking only where there is no other
    hr_max_bpm : NaN takes the one of the athlete's profile, or by age, or the highest seen
    returning : somebody who comes back may have trained nothing in the last four weeks

    Returns
    -------
    person; notes : what is missing, assumed or left out, a sentence each

    Raises
    ------
    UserError for sessions in the future, too few, a month without any, or an unknown sport
    """
    end = pd.Timestamp(today, tz="UTC") + pd.Timedelta(days=1)
    sessions = data.sessions[data.sessions["duration_s"] > 0]
    refuse_future(sessions, today)
    if sport and sport not in SPORTS:
        raise UserError(f"sport {sport!r}: choose one of {', '.join(SPORTS)}")
    sport = sport or _sport(sessions, end, data.name)
    mine, others = (sessions[(sessions["sport"] == sport) == is_it] for is_it in (True, False))
    refuse_too_few(mine, sport, today, returning)
    about, top, notes = _about(data, mine, hr_max_bpm)
    zones, told = zone_minutes(mine, data.streams, top)
    days = (end - mine["start"]).dt.total_seconds().to_numpy() / 86_400
    notes = (*notes, *told, *_beside(others, sport, end), *_short(days))
    recent = days <= RECENT_D
    far = mine[days <= LONGEST_D]
    person = Person(
        sport=sport,
        **about,
        hr_max_bpm=top,
        habit_min_week=_habit(zones, days),
        recent_min_week=_week(zones[recent], RECENT_D / 7),
        sessions_week=float(recent.sum() / (RECENT_D / 7)),
        longest_min=float(far["duration_s"].max() / 60) if len(far) else 0.0,
        longest_m=float(far["distance_m"].max()) if len(far) else 0.0,
        speed_mps=_easy_speed(mine, top),
    )
    return person, notes


def refuse_future(sessions: pd.DataFrame, today: date) -> None:
    """Refuse sessions that begin later than the day of planning can end anywhere on earth.

    Raises
    ------
    UserError naming the first one
    """
    last = pd.Timestamp(today, tz="UTC") + pd.Timedelta(hours=ANYWHERE_H)
    late = sessions[sessions["start"] >= last].sort_values("start")
    if len(late):
        row = late.iloc[0]
        more = f" and {len(late) - 1} more" if len(late) > 1 else ""
        raise UserError(
            f"{row['session_id']}{more}: recorded on {row['start'].date()}, after {today}; take "
            "away what has a wrong clock, or correct this computer's date"
        )


def refuse_too_few(sessions: pd.DataFrame, sport: str, today: date, returning: bool) -> None:
    """Refuse to plan from nearly nothing, or from what lies a month back.

    Whoever says to be returning needs :data:`LEAST` sessions, however long ago.

    Raises
    ------
    UserError saying what is there, what is needed and what to do
    """
    end = pd.Timestamp(today, tz="UTC") + pd.Timedelta(days=1)
    days = (end - sessions["start"]).dt.total_seconds() / 86_400
    count = len(days) if returning else int((days <= LEAST_D).sum())
    last = f", the last of {sessions['start'].max().date()}" if len(days) else ""
    if len(days) >= LEAST and days.min() > RECENT_D and not returning:
        raise UserError(
            f"no {sport} session in the {RECENT_D} days before {today}{last}: there is no habit to "
            "plan from; say --injury returning for a gentle start, or --today YYYY-MM-DD for a "
            "week as it would have been planned then"
        )
    if count < LEAST:
        where = "in all" if returning else f"in the {LEAST_D // 7} weeks before {today}"
        raise UserError(
            f"{count} {sport} session{'s' * (count != 1)} {where} (of {len(days)}{last}): a week "
            f"is planned from at least {LEAST}; add files, or wait until there are so many"
        )


def _sport(sessions: pd.DataFrame, end: pd.Timestamp, name: str) -> str:
    """The sport with most minutes in twelve weeks, or in all if these are empty."""
    hard = [name for name, asks in SPORTS.items() if set(WORK) <= set(asks.kinds)]
    late = sessions[sessions["start"] >= end - pd.Timedelta(days=RECENT_D + HABIT_D)]
    for part in (late, sessions):
        for names in (hard, SPORTS):  # a walk to the shop does not make a runner a walker
            minutes = part[part["sport"].isin(names)].groupby("sport")["duration_s"].sum()
            if len(minutes):
                return str(minutes.idxmax())
    there = ", ".join(sorted(sessions["sport"].dropna().unique())) or "none is named"
    raise UserError(
        f"{name}: no session of {', '.join(SPORTS)} (sports here: {there}); name the sport in "
        "sessions.csv (sportsml tables FOLDER makes it)"
    )


def _about(data: DataSet, mine: pd.DataFrame, hr_max_bpm: float):
    """What the profile says, the maximal heart rate, and a note where that one comes from."""
    row = data.athletes.iloc[0]
    number = {
        name: float(row.get(name, np.nan))
        for name in ("age_y", "mass_kg", "hr_rest_bpm", "vo2max_ml_kg_min")
    }
    about = {"sex": row["sex"] if row["sex"] in ("m", "f") else ""} | number
    if hr_max_bpm > 0:
        return about, float(hr_max_bpm), ()
    top, why = row["hr_max_bpm"], "stated in the profile, or the highest held for 30 s"
    if np.isnan(top):
        top, why = with_hr_max(data.athletes)["hr_max_bpm"].iloc[0], "expected at this age"
    if np.isnan(top):
        top, why = mine["hr_max_bpm"].max(), "the highest seen"
    if np.isnan(top):
        return about, np.nan, ()
    note = (
        f"The zones rest on a maximal heart rate of {top:.0f} bpm ({why}); if it is another, say "
        "--hr-max BPM."
    )
    return about, float(top), (note,)


def _beside(others: pd.DataFrame, sport: str, end: pd.Timestamp) -> tuple[str, ...]:
    """Other sports of the last four weeks, which are not planned."""
    late = others[others["start"] >= end - pd.Timedelta(days=RECENT_D)]
    minutes = late["duration_s"].sum() / 60 / (RECENT_D / 7)
    if minutes < 1:
        return ()
    return (f"Only {sport} is planned; {minutes:.0f} min a week of other sports are counted in "
            "nothing here.",)  # fmt: skip


def _short(days: np.ndarray) -> tuple[str, ...]:
    """That a habit is told from few weeks."""
    weeks = int(np.ceil(days.max() / 7))
    if weeks >= (RECENT_D + HABIT_D) // 7 - 1:
        return ()
    return (f"The files reach back {weeks} week{'s' * (weeks > 1)}; what you are used to is told "
            "from twelve where there are so many.",)  # fmt: skip


def _habit(zones: np.ndarray, days: np.ndarray) -> tuple[float, ...]:
    """Of the eight weeks before the last four, as far as there were sessions; else of all weeks."""
    before = (days > RECENT_D) & (days <= RECENT_D + HABIT_D)
    weeks = np.ceil((days[before].max() - RECENT_D) / 7) if before.any() else 0
    if weeks >= LEAST_WEEKS:
        return _week(zones[before], weeks)
    return _week(zones, max(np.ceil((days.max() - days.min()) / 7), 1))


def _week(minutes: np.ndarray, weeks: float) -> tuple[float, ...]:
    """Minutes a week in each zone, of the (N, 5) of some sessions within so many weeks."""
    return tuple(float(m) for m in minutes.sum(axis=0) / weeks)


def _easy_speed(sessions: pd.DataFrame, hr_max_bpm: float) -> float:
    """Median speed of easy sessions, m/s; of all sessions where none is easy."""
    speed = sessions["distance_m"] / sessions["duration_s"]
    easy = speed[sessions["hr_mean_bpm"] / hr_max_bpm < EASY_BELOW]
    return float((easy if easy.notna().any() else speed).median())


def told(person: Person) -> str:
    """What a plan rests on, in a sentence."""
    recent, habit = sum(person.recent_min_week), sum(person.habit_min_week)
    return (
        f"{person.sport}: {recent:.0f} min a week in {person.sessions_week:.1f} sessions in the "
        f"last four weeks ({habit:.0f} before), the longest of 30 days {person.longest_min:.0f} min"
    )


def weekdays(text: str) -> tuple[int, ...]:
    """Days of the week from text such as ``'mon,wed,sat'`` or ``'Monday Saturday'``.

    Raises
    ------
    UserError naming what is no day
    """
    words = text.replace(",", " ").split()
    found = []
    for word in words:
        fits = [i for i, day in enumerate(DAYS) if day.lower().startswith(word.lower())]
        if len(word) < 2 or len(fits) != 1:
            raise UserError(f"{word!r} is no day of the week; write --days mon,wed,sat")
        found += fits
    if not found:
        raise UserError("no day is named on which training is possible; write --days mon,wed,sat")
    return tuple(sorted(set(found)))
