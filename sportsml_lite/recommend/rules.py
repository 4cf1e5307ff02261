"""What a week must keep to whatever a model expects of it: rules that can be read and argued with.

The one number with evidence behind it is the cap on a *single session*. In 5,205 runners and
588,071 sessions, one that was more than 1.10 times as long as the longest of the last 30 days went
with more overuse injuries, and the ratio of a week to the weeks before did not (Frandsen et al.
2025). That is an association in people who chose their own sessions. It is no proof that the cap
prevents anything, and it was seen in running only; here it serves all sports.

The ratio of acute to chronic workload (ACWR) is therefore no rule here. It predicts injuries no
better than the acute load alone (Impellizzeri et al. 2020), and a trial that planned by it found no
fewer of them (Dalen-Lorentsen et al. 2021). All other numbers are assumptions, named as such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sportsml_lite import intensity
from sportsml_lite.collect.formats.recording import ON_FOOT
from sportsml_lite.recommend.week import DAYS, KINDS, WORK, PlannedSession, Week

SHORTEST_MIN = 10  # of any session; a month without one of that length was empty
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
        cap=1.05,
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


SPORTS = {
    "running": Sport(15),
    "cycling": Sport(20, hard_most=3),
    "swimming": Sport(15, hard_most=3),
    "rowing": Sport(15, hard_most=3),
    "walking": Sport(kinds=("easy", "long")),
    "hiking": Sport(kinds=("easy", "long")),
}


@dataclass(frozen=True)
class Rule:
    """A rule: its name, what it asks for, what to change when it refuses every week.

    check : of (week, person, wishes); '' where the week keeps to the rule, else why it does not
    """

    name: str
    sentence: str
    change: str
    check: Callable


def refusals(week, person, wishes) -> tuple[str, ...]:
    """Why a week is refused, a sentence for every rule that it breaks; empty if it breaks none.

    Parameters
    ----------
    week : Week
    person : Person, as known on the day before the week begins: the cap is fixed for the whole
        week, so that it cannot grow from session to session
    wishes : Wishes
    """
    return tuple(reason for _, reason in broken(week, person, wishes))


def broken(week, person, wishes) -> tuple[tuple[Rule, str], ...]:
    """The rules that a week breaks, each with its sentence; as for :func:`refusals`."""
    found = ((rule, rule.check(week, person, wishes)) for rule in RULES)
    return tuple((rule, reason) for rule, reason in found if reason)


def advice(person, wishes) -> tuple[str, ...]:
    """What is said with every plan for this person, whatever the week."""
    found = [LIMITS[wishes.injury].advice] if wishes.injury != "none" else []
    if month_empty(person):
        found.append(
            "The last month is empty, so the plan starts gently: a few short and easy sessions."
        )
    return tuple(found)


def month_empty(person) -> bool:
    """Whether no session of the last 30 days was long enough to be planned."""
    return not person.longest_min >= SHORTEST_MIN


def cap_min(person, wishes) -> float:
    """Most minutes of one session: the longest of 30 days times the factor, or the start."""
    limits = LIMITS[wishes.injury]
    return limits.start_min if month_empty(person) else limits.cap * person.longest_min


def cap_m(person, wishes) -> float:
    """Most metres of one session on foot; infinite in other sports and where metres are unknown."""
    known = person.longest_m > 0 and person.speed_mps > 0
    if person.sport not in ON_FOOT or month_empty(person) or not known:
        return np.inf
    return LIMITS[wishes.injury].cap * person.longest_m


def distance_m(session, person) -> float:
    """Metres of a session on foot at the person's pace.

    Speed is taken to be in proportion to the zone's share of the reserve (assumption), and easy
    sessions, evenly in zones 1 and 2, to have the person's speed.
    """
    share = np.array(intensity.ZONE_RESERVE)
    return float(60 * person.speed_mps * session.zone_minutes() @ share / share[:2].mean())


def most_minutes(person, wishes, kind: str) -> int:
    """Most whole minutes of a session of a kind under the cap; below 10 where none is allowed."""
    minutes, metres = min(int(cap_min(person, wishes)), 600), cap_m(person, wishes)
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
    sexes = [sex] if sex in intensity.BANISTER else list(intensity.BANISTER)
    return float(np.mean([intensity.zone_trimp([zone_minutes], [one])[0] for one in sexes]))


def bound_min(person, wishes) -> float:
    """Most minutes of a week after an injury; infinite without one.

    It is a factor on the last four weeks or on half the old habit, whichever is more, and at least
    three sessions of the start.
    """
    limits = LIMITS[wishes.injury]
    accustomed = max(sum(person.recent_min_week), sum(person.habit_min_week) / 2)
    return max(limits.growth * accustomed, START_SESSIONS * limits.start_min)


def _cap(week, person, wishes):
    longest = max(week.sessions, key=lambda s: s.minutes, default=None)
    if longest is None or month_empty(person):
        return ""
    cap, factor = cap_min(person, wishes), LIMITS[wishes.injury].cap
    if longest.minutes > cap:
        return (
            f"The session on {DAYS[longest.day]} takes {longest.minutes} minutes; {factor:.2f} "
            f"times the longest of the last 30 days is {cap:.0f}."
        )
    metres = cap_m(person, wishes)
    if metres == np.inf:
        return ""
    far = max(week.sessions, key=lambda s: distance_m(s, person))
    if (found := distance_m(far, person)) <= metres:
        return ""
    return (
        f"The session on {DAYS[far.day]} is about {found / 1000:.1f} km; {factor:.2f} times the "
        f"longest of the last 30 days is {metres / 1000:.1f} km."
    )


def _start(week, person, wishes):
    most = LIMITS[wishes.injury].start_min
    if not month_empty(person):
        return ""
    if week.longest_min > most or hard(week):
        return (
            f"The last 30 days are empty: begin with easy sessions of at most {most} minutes, "
            f"not with {'hard' if hard(week) else 'long'} ones."
        )
    if (found := len(week.sessions)) > START_SESSIONS:
        return f"The last 30 days are empty: begin with at most {START_SESSIONS} sessions, not {found}."
    return ""


def _days(week, person, wishes):
    wrong = [DAYS[day] for day in sorted({s.day for s in week.sessions} - set(wishes.days))]
    return f"It has a session on {' and '.join(wrong)}, when you cannot train." if wrong else ""


def _rest(week, person, wishes):
    found, least = 7 - len({s.day for s in week.sessions}), rest_days(wishes)
    if found >= least:
        return ""
    return f"It leaves {found} of 7 days for rest; at least {least} are needed."


def _time(week, person, wishes):
    if not wishes.minutes or week.minutes <= wishes.minutes:
        return ""
    return f"It takes {week.minutes} minutes; you have {wishes.minutes:g}."


def _goal(week, person, wishes):
    now = load(person.recent_min_week, person.sex)
    if wishes.injury != "none" or month_empty(person) or not now > 0:
        return ""  # there is nothing to compare with, or healing goes first
    pct = round(100 * load(week.zone_minutes(), person.sex) / now)
    low, high = round(100 * (1 - GOAL_SLACK)), round(100 * (1 + GOAL_SLACK))
    start = f"Its load is {pct} % of that of your last four weeks"
    if wishes.goal == "fitness" and pct < low:
        return f"{start}; to gain fitness it should be no less than now, {low} % at least."
    if wishes.goal == "maintain" and not low <= pct <= high:
        return f"{start}; to maintain fitness it should be {low} to {high} %."
    if wishes.goal == "recover":
        return _recover(week, start, pct)
    return ""


def _recover(week, start, pct):
    if pct > 100 * RECOVER_MOST:
        return f"{start}; to recover it should be {100 * RECOVER_MOST:.0f} % at most."
    if found := len(hard(week)):
        return f"It has {found} hard session{'s' * (found > 1)}; to recover all should be easy."
    return ""


def _injury(week, person, wishes):
    if wishes.injury == "none":
        return ""
    if found := len(hard(week)):
        return (
            f"It has {found} hard session{'s' * (found > 1)}; with an injury all stay in zones 1 "
            "and 2."
        )
    if week.minutes <= (most := bound_min(person, wishes)):
        return ""
    return f"It takes {week.minutes} minutes; with an injury, {most:.0f} are the most."


def _hard(week, person, wishes):
    found, most = hard(week), sport(person).hard_most
    if len(found) > most:
        return f"It has {len(found)} hard sessions; in this sport {most} a week are the most."
    for before in found:
        for after in found:
            if after is not before and (after.day - before.day) % 7 <= 1:
                return (
                    f"It has hard sessions on {DAYS[before.day]} and {DAYS[after.day]}; there must "
                    "be a day between them."
                )
    return ""


def _long(week, person, wishes):
    after = {(s.day + 1) % 7 for s in week.sessions if s.kind == "intervals"}
    wrong = [s for s in week.sessions if s.kind == "long" and s.day in after]
    if not wrong:
        return ""
    return f"Its long session on {DAYS[wrong[0].day]} comes the day after intervals."


def _sport(week, person, wishes):
    asked = sport(person)
    for s in week.sessions:
        if s.kind not in asked.kinds:
            return f"It has a session of {s.kind}, which {person.sport} does not have."
        # Where the cap allows no more, a shorter one is better than none.
        least = min(shortest(s.kind, person), most_minutes(person, wishes, s.kind))
        if s.minutes < least or (s.kind in WORK and len(s.parts()) == 1):
            return (
                f"Its session on {DAYS[s.day]} takes {s.minutes} minutes; in {person.sport} a "
                f"session of kind '{s.kind}' takes {shortest(s.kind, person)} at least."
            )
    return ""


def _once(week, person, wishes):
    days = [s.day for s in week.sessions]
    twice = sorted({day for day in days if days.count(day) > 1})
    return f"It has two sessions on {DAYS[twice[0]]}; one a day is the most." if twice else ""


def hard(week: Week) -> list:
    """Sessions of tempo or intervals."""
    return [s for s in week.sessions if s.kind in WORK]


def sport(person) -> Sport:
    """What the person's sport asks for; of an unknown one, what all do."""
    return SPORTS.get(person.sport, Sport())


def shortest(kind: str, person) -> int:
    """Shortest session of a kind: that of the sport, with room for one repetition if it is hard."""
    room = 0 if kind not in WORK else 15 + sum(minutes for minutes, _, _ in WORK[kind])
    return max(sport(person).shortest_min, int(room))


RULES = (
    Rule(
        "cap",
        "No session is longer than 1.10 times the longest of the last 30 days; less after injury.",
        "allow more days, so that sessions can be shorter",
        _cap,
    ),
    Rule(
        "start",
        "After an empty month: up to three easy sessions of at most 30 minutes.",
        "start gently",
        _start,
    ),
    Rule("days", "Sessions lie on days on which you can train.", "allow other days", _days),
    Rule("once", "One session a day.", "allow more days", _once),
    Rule("rest", "As many days of rest as you ask for, more after injury.", "ask for less", _rest),
    Rule("time", "Not more minutes than you have.", "allow more minutes", _time),
    Rule(
        "goal",
        "Fitness: no less load than now. Maintain: 90 to 110 % of it. Recover: less, and all easy.",
        "choose another goal, or allow more minutes or days",
        _goal,
    ),
    Rule(
        "injury",
        "With an injury: zones 1 and 2 only, and the week grows by a quarter at most.",
        "heal first",
        _injury,
    ),
    Rule(
        "hard",
        "Two or three hard sessions a week, by sport, with a day between them.",
        "allow days that do not follow each other",
        _hard,
    ),
    Rule(
        "long",
        "No long session on the day after intervals.",
        "allow days that do not follow each other",
        _long,
    ),
    Rule("sport", "Kinds and shortest sessions of the sport.", "allow more minutes", _sport),
)
