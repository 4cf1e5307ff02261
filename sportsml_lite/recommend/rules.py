"""What a week must keep to whatever a model expects of it: rules that can be read and argued with.

The one number with evidence behind it is the cap on a *single session*. Among 5,205 runners and
588,071 sessions, a run more than 1.10 times as long as the longest of the last 30 days went with
more overuse injuries (Frandsen et al. 2025: hazard ratios of 1.64, 1.52 and 2.28 up to 30 %, up to
100 % and beyond). That is an association among people who chose their own runs: it is no proof that
a cap prevents anything. It was seen in running only; here it serves all sports.

The ratio of acute to chronic workload (ACWR) is no rule here, and neither is that of one week to
the week before. In the same runners the first went with *fewer* injuries where it was high, and the
second with nothing. The ACWR hardly predicts better than a coin (c-statistic 0.574, and 0.544 for
the acute load alone; Impellizzeri et al. 2020), and teams that planned by it for a season had as
many health problems as others (relative risk 1.01, 0.91 to 1.12; Dalen-Lorentsen et al. 2021). All
other numbers are assumptions and stand in :mod:`sportsml_lite.recommend.limits`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sportsml_lite.recommend.limits import (
    GOAL_SLACK,
    LIMITS,
    RECOVER_MOST,
    START_SESSIONS,
    bound_min,
    cap_m,
    cap_min,
    distance_m,
    hard,
    load,
    month_empty,
    most_minutes,
    rest_days,
    shortest,
    sport,
)
from sportsml_lite.recommend.week import BLOCK_WEEKS, DAYS, SHORTEST_MIN, WORK


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
        return f"The last 30 days are empty: begin with {START_SESSIONS} sessions, not {found}."
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
    shares = _against_now(week, person)
    if wishes.injury != "none" or shares is None:
        return ""  # healing goes first, or there is nothing to compare with
    low, high = round(100 * (1 - GOAL_SLACK)), round(100 * (1 + GOAL_SLACK))
    start = "It has {} % of the minutes and {} % of the load of your last four weeks".format(
        *shares
    )
    # A watch finds some hard minutes in easy sessions too, so that a plan of the same minutes may
    # look like less load: either of the two will do.
    if wishes.goal == "fitness" and max(shares) < low:
        return f"{start}; to gain fitness it should be no less than now, {low} % of one at least."
    if wishes.goal == "maintain" and not low <= max(shares) <= high:
        return f"{start}; to maintain fitness, {low} to {high} % are asked for."
    if wishes.goal == "recover" and max(shares) > 100 * RECOVER_MOST:
        return f"{start}; to recover, {100 * RECOVER_MOST:.0f} % of both are the most."
    if wishes.goal == "recover" and (found := len(hard(week))):
        return f"It has {found} hard session{'s' * (found > 1)}; to recover, all should be easy."
    return ""


def _against_now(week, person):
    """Per cent of minutes and of load; None after a month with less than one session."""
    now = sum(person.recent_min_week)
    if month_empty(person) or not now >= SHORTEST_MIN / BLOCK_WEEKS:
        return None
    loads = (load(zones, person.sex) for zones in (week.zone_minutes(), person.recent_min_week))
    return round(100 * week.minutes / now), round(100 * next(loads) / next(loads))


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
    for s in week.sessions:
        if s.kind not in sport(person).kinds:
            return f"It has a session of {s.kind}, which {person.sport} does not have."
        if s.minutes >= (least := shortest(s.kind, person)):
            continue
        # Where the cap allows no more, a short easy session is better than none.
        if s.kind in WORK or s.minutes < most_minutes(person, wishes, s.kind):
            return (
                f"Its session on {DAYS[s.day]} takes {s.minutes} minutes; in {person.sport} a "
                f"session of kind '{s.kind}' takes {least} at least."
            )
    return ""


def _once(week, person, wishes):
    days = [s.day for s in week.sessions]
    twice = sorted({day for day in days if days.count(day) > 1})
    return f"It has two sessions on {DAYS[twice[0]]}; one a day is the most." if twice else ""


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
        "Fitness: no less than now. Maintain: 90 to 110 % of it. Recover: 80 % at most, all easy.",
        "choose another goal, or allow more or fewer minutes or days",
        _goal,
    ),
    Rule(
        "injury",
        "With an injury: zones 1 and 2 and half the minutes; coming back, a quarter more at most.",
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
