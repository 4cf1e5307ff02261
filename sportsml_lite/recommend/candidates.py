"""The weeks that are compared: a dozen templates, laid out on the days on which one can train.

A template says how much and how hard against the last four weeks, in the words of
:mod:`sportsml_lite.simulate.periods`. Laid out, it is a few sessions with kind, day and minutes.
What a person asks of days and rest is kept by construction. A week whose minutes fit under the cap
in no way is left as it is: the rule that refuses it says why.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, permutations, product
from types import MappingProxyType

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import limits, rules
from sportsml_lite.recommend.week import (
    COOL_MIN,
    TIMES_MOST,
    WARM_MIN,
    WORK,
    PlannedSession,
    Week,
)

# Name: factor on the minutes of the last four weeks, and tilt of their zones, as in `periods`.
TEMPLATES = MappingProxyType(
    {
        "as usual": (1.0, 0.0),
        "a little more": (1.1, 0.0),
        "more": (1.3, 0.0),
        "much more": (1.6, 0.0),
        "less": (0.7, 0.0),
        "half": (0.5, 0.0),
        "rest": (0.3, 0.0),
        "harder": (1.0, 0.4),
        "easier": (1.0, -0.4),
        "more and easier": (1.3, -0.4),
        "less and harder": (0.7, 0.4),
        "less and easier": (0.7, -2.0),
    }
)
LONG = 1.6  # minutes of the long session, as a factor on another easy one (assumption)
HARD_COST_MIN = 5  # one more hard session must bring the zones nearer by so many minutes
UNBOUND_MIN = 600


def candidates(person, wishes) -> list[Week]:
    """Weeks worth comparing, in the order of :data:`TEMPLATES`; no two have the same sessions.

    Two more are added where they differ: *back to habit*, all easy, for somebody who did more
    before the last four weeks, and *all your time*, plain and harder, where minutes are bounded.
    After an empty month there are only gentle weeks of one to three short easy sessions.

    Raises
    ------
    UserError where the minutes wished for are fewer than the shortest session
    """
    least = min(limits.shortest("easy", person), max(limits.cap_min(person, wishes), 10))
    if 0 < wishes.minutes < least:
        raise UserError(
            f"minutes = {wishes.minutes:g}: a session of {person.sport} takes {least:.0f} at "
            f"least; give {least:.0f} minutes a week or more"
        )
    if limits.month_empty(person):
        weeks = _gentle(person, wishes)
    else:
        weeks = [lay_out(n, *_target(person, *t), person, wishes) for n, t in TEMPLATES.items()]
        weeks += [*_habit(person, wishes), *_all_time(person, wishes)]
    if wishes.injury == "injured":
        weeks.append(Week("no training", ()))
    return list({week.sessions: week for week in reversed(weeks)}.values())[::-1]


def accepted(person, wishes) -> tuple[list[Week], list[tuple[Week, tuple[str, ...]]]]:
    """The candidates that keep to all rules, and the others with the reasons why not.

    Raises
    ------
    UserError where no candidate is left; it says why, and what to change
    """
    weeks = candidates(person, wishes)
    found = [(week, rules.broken(week, person, wishes)) for week in weeks]
    kept = [week for week, broken in found if not broken]
    if not kept:
        week, broken = min(found, key=lambda pair: len(pair[1]))
        rule, reason = broken[0]
        raise UserError(
            f"no week keeps to all rules; the nearest is {week.name!r}. {reason} To change that, "
            f"{rule.change}"
        )
    return kept, [(week, tuple(why for _, why in broken)) for week, broken in found if broken]


def training_days(wishes) -> int:
    """Days of a week with a session, at most."""
    return max(min(len(set(wishes.days)), 7 - limits.rest_days(wishes)), 1)


def lay_out(name: str, zone_minutes, sessions: int, person, wishes) -> Week:
    """Sessions whose minutes by zone come near the ones asked for.

    Parameters
    ----------
    name : of the week
    zone_minutes : (5,) asked for
    sessions : how many; there are more, up to the days there are, where the cap asks for it
    person, others : whom the week is for, and what they wish
    """
    zone_minutes, room = np.asarray(zone_minutes, float), training_days(wishes)
    fewest = max(1, int(zone_minutes.sum() // limits.shortest("easy", person)))
    first = min(max(sessions, 1), fewest, room)
    for count in range(first, room + 1):
        if found := _fit(zone_minutes, count, person, wishes, capped=True):
            return Week(name, found)
    # Under the cap it cannot be done: it stays as it is, for the rule to refuse.
    return Week(name, _fit(zone_minutes, room, person, wishes, capped=False))


def _target(person, volume, tilt):
    """Minutes by zone (5,) and sessions of a template."""
    recent = np.array(person.recent_min_week, float)
    total = recent.sum()
    shares = recent / total if total > 0 else np.array([0.5, 0.5, 0, 0, 0])
    shares = shares * np.exp(tilt * np.arange(-2, 3))
    # Who hardly trained is planned for as for one session of the start.
    minutes = volume * max(total, limits.LIMITS["none"].start_min)
    return minutes * shares / shares.sum(), round(person.sessions_week * min(volume, 1))


def _gentle(person, wishes):
    """After an empty month: one to three short and easy sessions."""
    minutes = int(limits.cap_min(person, wishes))
    most = min(limits.START_SESSIONS, training_days(wishes))
    return [
        Week(f"gentle start, {n} × {minutes} min", _placed([("easy", minutes)] * n, wishes))
        for n in range(most, 0, -1)
    ]


def _habit(person, wishes):
    """As near to the old habit as three or more easy sessions under the cap come."""
    now, habit = sum(person.recent_min_week), sum(person.habit_min_week)
    count = max(round(person.sessions_week), limits.START_SESSIONS)
    count = min(count, training_days(wishes))
    room = count * limits.most_minutes(person, wishes, "easy")
    total = min(habit, room, limits.bound_min(person, wishes))
    if total <= 1.1 * now or total < limits.SHORTEST_MIN:
        return []
    return [lay_out("back to habit", (total / 2, total / 2, 0, 0, 0), count, person, wishes)]


def _all_time(person, wishes):
    total = max(sum(person.recent_min_week), limits.LIMITS["none"].start_min)
    if not wishes.minutes:
        return []
    # Minutes are rounded to 5, some of them up.
    volume = max(wishes.minutes - 2.5 * training_days(wishes), 10) / total
    names = {"all your time": 0.0, "all your time, harder": 0.4}
    return [
        lay_out(name, *_target(person, min(volume, 1.6), tilt), person, wishes)
        for name, tilt in names.items()
    ]


def _fit(zone_minutes, count, person, wishes, capped):
    """So many sessions, or () where they do not fit under the cap."""
    kinds = limits.sport(person).kinds
    most = {k: limits.most_minutes(person, wishes, k) if capped else UNBOUND_MIN for k in kinds}
    for hard in _mixes(zone_minutes, count, most, person, wishes):
        left = zone_minutes.sum() - sum(minutes for _, minutes in hard)
        easy = _easy(left, count - len(hard), most, limits.shortest("easy", person))
        if easy is not None and _days(tuple(sorted(set(wishes.days))), _kinds([*hard, *easy])):
            return _placed([*hard, *easy], wishes)
    return ()


def _mixes(zone_minutes, count, most, person, wishes):
    """Sets of hard sessions, the one nearest to the minutes asked for in zones 3 and 4–5 first."""
    easy_only = wishes.injury != "none" or not set(WORK) <= set(most)
    at_most = 0 if easy_only else min(max(1, count // 2), limits.sport(person).hard_most)
    lengths = [
        [m for m in _lengths(kind) if limits.shortest(kind, person) <= m <= most.get(kind, 0)]
        for kind in WORK
    ]
    asked = zone_minutes[2], zone_minutes[3:].sum()
    found = {(): sum(asked)}
    numbers = [n for n in product(range(at_most + 1), repeat=2) if 0 < sum(n) <= at_most]
    for (tempo, intervals), (t, i) in product(numbers, product(*[x or [0] for x in lengths])):
        if (tempo and not t) or (intervals and not i):
            continue
        mix = (("tempo", t),) * tempo + (("intervals", i),) * intervals
        done = tempo * _work_min("tempo", t), intervals * _work_min("intervals", i)
        off = abs(asked[0] - done[0]) + abs(asked[1] - done[1]) + HARD_COST_MIN * len(mix)
        found[mix] = min(off, found.get(mix, np.inf))
    return sorted(found, key=found.get)


@cache
def _lengths(kind):
    """Minutes of a hard session with 1, 2, … repetitions, rounded up to 5."""
    once = sum(minutes for minutes, _, _ in WORK[kind])
    all_ = (WARM_MIN + COOL_MIN + once * n for n in range(1, TIMES_MOST[kind] + 1))
    return [int(-(-minutes // 5) * 5) for minutes in all_]


@cache
def _work_min(kind, minutes):
    return PlannedSession(0, kind, minutes).zone_minutes()[2:].sum() if minutes else 0.0


def _easy(total, count, most, shortest):
    """Easy sessions and at most one long one, or None where they do not fit."""
    if not count:
        return [] if total < shortest else None
    if total < count * shortest - 5:
        return [("easy", min(shortest, most["easy"]))] if count == 1 and total > -5 else None
    long = count >= 2 and most["long"] > 0
    each = total / (count - 1 + LONG) if long else total / count
    longest = min(LONG * each, most["long"]) if long else 0
    each = (total - longest) / (count - long)
    if each > most["easy"] + 2.5:
        return None
    plan = [("long", longest)] * long + [("easy", each)] * (count - long)
    return [(kind, _rounded(minutes, most[kind], shortest)) for kind, minutes in plan]


def _rounded(minutes, most, shortest):
    """To 5 minutes, under the cap; a cap of 33 minutes is used to the full."""
    return int(min(max(5 * round(minutes / 5), shortest), most))


def _kinds(sessions):
    return tuple(kind for kind, _ in sessions)


def _placed(sessions, wishes):
    days = _days(tuple(sorted(set(wishes.days))), _kinds(sessions))
    done = [PlannedSession(d, kind, m) for d, (kind, m) in zip(days, sessions, strict=True)]
    return tuple(sorted(done, key=lambda s: s.day))


@cache
def _days(days, kinds):
    """A day for each session, spread out, the long one at the weekend; () where there are none."""
    fixed = [i for i, kind in enumerate(kinds) if kind != "easy"]
    best = ()
    for chosen in combinations(days, len(kinds)):
        for some in permutations(chosen, len(fixed)):
            others = iter(day for day in chosen if day not in some)
            at = dict(zip(fixed, some, strict=True))
            found = tuple(at[i] if i in at else next(others) for i in range(len(kinds)))
            if (cost := _cost(found, kinds)) is not None:
                best = min(best or (cost, found), (cost, found))
    return best[1] if best else ()


def _cost(days, kinds):
    """How badly days suit kinds; None where the rules forbid it. Weeks follow one another."""
    hard = {d for d, kind in zip(days, kinds, strict=True) if kind in WORK}
    after = {(d + 1) % 7 for d in hard}
    long = {d for d, kind in zip(days, kinds, strict=True) if kind == "long"}
    tired = {(d + 1) % 7 for d, k in zip(days, kinds, strict=True) if k == "intervals"}
    if hard & after or long & tired:
        return None
    in_a_row = sum((d + 1) % 7 in days for d in days)
    return in_a_row, len(long - {5, 6}), len(long & after)
