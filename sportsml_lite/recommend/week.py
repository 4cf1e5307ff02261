"""A week of training, session by session and step by step; who it is for, and what they wish.

One description serves all: rules read minutes and days, the effect model minutes by zone, and a
watch or a trainer the steps. Zones 1 to 5 lie between 60, 72, 82, 87, 92 and 97 % of the maximal
heart rate; their middles stand in :data:`sportsml_lite.intensity.ZONE_RESERVE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError

SHORTEST_MIN, LONGEST_MIN = 10, 600  # of any session
BLOCK_WEEKS = 4  # an effect is that of a block: the same kind of week, four times
ZONES = 5
WARM_MIN, COOL_MIN = 10.0, 5.0
# Work and rest of one repetition, minutes and zones (assumption).
WORK = {
    "tempo": ((10.0, 3, 3), (2.0, 1, 1)),
    "intervals": ((4.0, 4, 5), (3.0, 1, 1)),
}
TIMES_MOST = {"tempo": 4, "intervals": 8}  # a longer session has more easy minutes (assumption)
KINDS = ("easy", "long", *WORK)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
GOALS = ("fitness", "maintain", "recover")
INJURIES = ("none", "returning", "injured")


@dataclass(frozen=True)
class Step:
    """Minutes at a zone, or evenly from the zone ``low`` to ``high``."""

    minutes: float
    low: int
    high: int


@dataclass(frozen=True)
class Part:
    """Steps in order, so many times."""

    times: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class PlannedSession:
    """A session of a week: day (0 is Monday), kind of :data:`KINDS`, whole minutes.

    Raises
    ------
    UserError for an unknown kind or day, or fewer than 10 minutes
    """

    day: int
    kind: str
    minutes: int

    def __post_init__(self):
        if self.kind not in KINDS:
            raise UserError(f"session of kind {self.kind!r}: choose one of {', '.join(KINDS)}")
        if not 0 <= self.day < len(DAYS):
            raise UserError(f"day {self.day}: give 0 (Monday) to 6 (Sunday)")
        if not SHORTEST_MIN <= self.minutes <= LONGEST_MIN:
            raise UserError(
                f"a session of {self.minutes} minutes: give {SHORTEST_MIN} to {LONGEST_MIN}"
            )

    def parts(self) -> tuple[Part, ...]:
        """What is done in order: warm-up, repetitions, cool-down; their minutes sum to the whole.

        A session of tempo or intervals has as many repetitions as fit, at most
        :data:`TIMES_MOST`; what is left of it is easy.
        """
        if self.kind not in WORK:
            return (Part(1, (Step(float(self.minutes), 1, 2),)),)
        work, rest = (Step(*each) for each in WORK[self.kind])
        room = self.minutes - WARM_MIN - COOL_MIN
        times = min(int(room // (work.minutes + rest.minutes)), TIMES_MOST[self.kind])
        if times < 1:
            return (Part(1, (Step(float(self.minutes), 1, 2),)),)
        left = room - times * (work.minutes + rest.minutes)
        return (
            Part(1, (Step(WARM_MIN + left, 1, 2),)),
            Part(times, (work, rest)),
            Part(1, (Step(COOL_MIN, 1, 1),)),
        )

    def zone_minutes(self) -> np.ndarray:
        """Minutes in zones 1 to 5, (5,)."""
        return np.array(_zone_minutes(self.kind, self.minutes))


@cache  # simulated months ask for the same few sessions over and over
def _zone_minutes(kind, minutes):
    out = np.zeros(ZONES)
    for part in PlannedSession(0, kind, minutes).parts():
        for step in part.steps:
            width = step.high - step.low + 1
            out[step.low - 1 : step.high] += part.times * step.minutes / width
    return tuple(out)


@dataclass(frozen=True)
class Week:
    """Sessions of one week, in the order of days; ``name`` says what kind of week it is."""

    name: str
    sessions: tuple[PlannedSession, ...]

    @property
    def minutes(self) -> int:
        """Of all sessions."""
        return sum(session.minutes for session in self.sessions)

    @property
    def longest_min(self) -> int:
        """Of the longest session; 0 in a week of rest."""
        return max((session.minutes for session in self.sessions), default=0)

    def zone_minutes(self) -> np.ndarray:
        """Minutes in zones 1 to 5, (5,)."""
        return sum((session.zone_minutes() for session in self.sessions), np.zeros(ZONES))


@dataclass(frozen=True)
class Person:
    """What is known of somebody on the day a week is planned.

    sport : of the sessions planned, as in the contract; sex : 'm', 'f' or '' (unknown)
    hr_rest_bpm, hr_max_bpm, age_y, mass_kg, vo2max_ml_kg_min : NaN where unknown
    habit_min_week : minutes a week in zones 1 to 5, (5,), mean of the eight weeks before the last
        four, or of all there is; recent_min_week : of the last four weeks, (5,)
    sessions_week : sessions a week in these four
    longest_min, longest_m : the longest single session of the last 30 days; 0 without one, and
        ``longest_m`` NaN where distance is unknown
    speed_mps : typical speed of easy sessions; NaN where unknown
    """

    sport: str
    sex: str
    age_y: float
    mass_kg: float
    hr_rest_bpm: float
    hr_max_bpm: float
    vo2max_ml_kg_min: float
    habit_min_week: tuple[float, ...]
    recent_min_week: tuple[float, ...]
    sessions_week: float
    longest_min: float
    longest_m: float
    speed_mps: float


@dataclass(frozen=True)
class Wishes:
    """What the athlete asks for.

    goal : of :data:`GOALS`; days : days of the week (0 is Monday) on which training is possible
    minutes : most minutes of the week, 0 for no bound; injury : of :data:`INJURIES`
    rest_days : days without training at least

    Raises
    ------
    UserError for an unknown word, no possible day, or wishes that contradict each other
    """

    goal: str = "fitness"
    days: tuple[int, ...] = tuple(range(7))
    minutes: float = 0.0
    injury: str = "none"
    rest_days: int = 1

    def __post_init__(self):
        for name, known in (("goal", GOALS), ("injury", INJURIES)):
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name} = {getattr(self, name)!r}: choose one of {', '.join(known)}"
                )
        if not self.days or not set(self.days) <= set(range(7)):
            raise UserError(f"days = {self.days}: give days of the week, 0 (Monday) to 6 (Sunday)")
        if not 0 <= self.rest_days < 7:
            raise UserError(
                f"rest_days = {self.rest_days}: give 0 to 6; seven days of rest leave no week to "
                "plan"
            )
        if not 0 <= self.minutes <= 7 * LONGEST_MIN:
            raise UserError(
                f"minutes = {self.minutes:g}: give 0 (no bound) to {7 * LONGEST_MIN} a week"
            )


def table(week: Week) -> pd.DataFrame:
    """A week to read: a row a session.

    Returns
    -------
    DataFrame of ``day``, ``kind``, ``minutes``, ``what`` (the steps in words) and ``zone`` (of the
    work, else of all)
    """
    rows = [
        (DAYS[s.day], s.kind, s.minutes, words(s), _zones(_work(s)))
        for s in sorted(week.sessions, key=lambda s: s.day)
    ]
    return pd.DataFrame(rows, columns=["day", "kind", "minutes", "what", "zone"])


def words(session: PlannedSession) -> str:
    """What is done, as a reader would write it down."""
    parts = session.parts()
    if len(parts) == 1:
        return f"{session.minutes} min at a pace that allows talking"
    before, (work, rest), after = parts[0].steps[0], parts[1].steps, parts[2].steps[0]
    return (
        f"{before.minutes:g} min easy, {parts[1].times} × ({work.minutes:g} min in zone "
        f"{_zones(work)}, {rest.minutes:g} min easy), {after.minutes:g} min easy"
    )


def _work(session):
    parts = session.parts()
    return parts[len(parts) // 2].steps[0]


def _zones(step):
    return f"{step.low}" if step.low == step.high else f"{step.low}–{step.high}"
