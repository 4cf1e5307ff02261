"""How much a person may do: the numbers behind the rules, from cap to shortest session.

Only the factor 1.10 on the longest session of the last 30 days has evidence behind it (Frandsen et
al. 2025; see :mod:`sportsml_lite.recommend.rules`). All others are assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from sportsml_lite import intensity
from sportsml_lite.collect.formats.recording import ON_FOOT
from sportsml_lite.recommend.week import (
    KINDS,
    LONGEST_MIN,
    SHORTEST_MIN,
    WORK,
    PlannedSession,
    Week,
)

START_SESSIONS = 3  # in the first week after an empty month (assumption)
GOAL_SLACK = 0.10  # of the load of the last four weeks: what still counts as the same
RECOVER_MOST = 0.80  # of that load, under the goal 'recover' (assumption)


@dataclass(frozen=True)
class Limits:
    """What an injury leaves of a week: assumptions, but for the cap of the healthy.

    cap : on a session, as a factor on the longest of 30 days; start_min : cap after an empty month
    rest_days : least; growth : on the week, as a factor on what is accustomed; advice : always said
    """

    cap: float
    start_min: int
    rest_days: int = 0
    growth: float = np.inf
    advice: str = ""


LIMITS = {
    "none": Limits(cap=1.10, start_min=30),
    "returning": Limits(
        cap=1.07,
        start_min=20,
        rest_days=2,
        growth=1.25,
        advice="You come back from an injury: let a doctor or a physiotherapist clear each step, "
        "and stop when it hurts.",
    ),
    "injured": Limits(
        cap=0.5,
        start_min=10,
        rest_days=3,
        growth=0.5,
        advice="You are injured: ask a doctor or a physiotherapist before you train at all; this "
        "is no treatment, only the most that such a person might allow.",
    ),
}


@dataclass(frozen=True)
class Sport:
    """What a sport asks of a week (assumptions)."""

    shortest_min: int = SHORTEST_MIN
    kinds: tuple[str, ...] = KINDS
    hard_most: int = 2


ANY_SPORT = Sport()
SPORTS = {
    "running": Sport(15),
    "cycling": Sport(20, hard_most=3),
    "swimming": Sport(15, hard_most=3),
    "rowing": Sport(15, hard_most=3),
    "walking": Sport(kinds=("easy", "long")),
    "hiking": Sport(kinds=("easy", "long")),
}


def month_empty(person) -> bool:
    """Whether no session of the last 30 days was long enough to be planned."""
    return not person.longest_min >= SHORTEST_MIN


def cap_min(person, wishes) -> float:
    """Most minutes of one session: the longest of 30 days times the factor, or the start."""
    limits = LIMITS[wishes.injury]
    return limits.start_min if month_empty(person) else limits.cap * person.longest_min


def cap_m(person, wishes) -> float:
    """Most metres of one session on foot; infinite in other sports and where metres are unknown.

    They are unknown, too, where the longest is shorter than ten minutes at the person's pace: then
    distances were not recorded.
    """
    known = person.longest_m > 60 * SHORTEST_MIN * person.speed_mps > 0
    if person.sport not in ON_FOOT or month_empty(person) or not known:
        return np.inf
    return round(LIMITS[wishes.injury].cap * person.longest_m, 3)


def distance_m(session, person) -> float:
    """Metres of a session on foot at the person's pace, to the millimetre.

    Speed is taken to be in proportion to the zone's share of the reserve (assumption), and easy
    sessions, evenly in zones 1 and 2, to have the person's speed.
    """
    return round(person.speed_mps * _metres(session.kind, session.minutes), 3)


@cache
def _metres(kind, minutes):
    """At 1 m/s in easy sessions."""
    share = np.array(intensity.ZONE_RESERVE)
    by_zone = PlannedSession(0, kind, minutes).zone_minutes()
    return float(60 * by_zone @ share / share[:2].mean())


def most_minutes(person, wishes, kind: str) -> int:
    """Most whole minutes of a session of a kind under the cap; below 10 where none is allowed."""
    minutes, metres = min(int(cap_min(person, wishes)), LONGEST_MIN), cap_m(person, wishes)
    if metres < np.inf:
        minutes = min(minutes, int(metres / (60 * person.speed_mps)) + 1)
        while minutes >= SHORTEST_MIN and (
            distance_m(PlannedSession(0, kind, minutes), person) > metres
        ):
            minutes -= 1
    return minutes


def rest_days(wishes) -> int:
    """Days without training: those wished for, or more after an injury."""
    return max(wishes.rest_days, LIMITS[wishes.injury].rest_days)


def load(zone_minutes, sex: str) -> float:
    """Training impulse of minutes by zone, (5,); of an unknown sex, the mean of the two."""
    return float(np.dot(zone_minutes, _impulse(sex)))


@cache
def _impulse(sex):
    """Of a minute in each zone, (5,)."""
    sexes = [sex] if sex in intensity.BANISTER else list(intensity.BANISTER)
    minute = np.eye(len(intensity.ZONE_RESERVE))
    return np.mean([intensity.zone_trimp(minute, [one] * len(minute)) for one in sexes], axis=0)


def bound_min(person, wishes) -> float:
    """Most minutes of a week after an injury; infinite without one.

    It is a factor on the last four weeks or on half the old habit, whichever is more, and at least
    three sessions of the start.
    """
    limits = LIMITS[wishes.injury]
    accustomed = max(sum(person.recent_min_week), sum(person.habit_min_week) / 2)
    return max(limits.growth * accustomed, START_SESSIONS * limits.start_min)


def hard(week: Week) -> list:
    """Sessions of tempo or intervals."""
    return [s for s in week.sessions if s.kind in WORK]


def sport(person) -> Sport:
    """What the person's sport asks for; of an unknown one, what all do."""
    return SPORTS.get(person.sport, ANY_SPORT)


def shortest(kind: str, person) -> int:
    """Shortest session of a kind: that of the sport, with room for one repetition if it is hard."""
    room = 0 if kind not in WORK else 15 + sum(minutes for minutes, _, _ in WORK[kind])
    return max(sport(person).shortest_min, int(room))
