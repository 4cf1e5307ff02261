"""The weeks that are compared: a dozen templates, laid out on the days on which one can train.

A template says how much and how hard against the last four weeks, in the words of
:mod:`sportsml_lite.simulate.periods`. Laid out, it is a few sessions with kind, day and minutes.
What a person asks of days and rest is kept by construction. A week whose minutes fit under the cap
in no way is left as it is: the rule that refuses it says why.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import limits, rules
from sportsml_lite.recommend.layout import even, frame, lay_out
from sportsml_lite.recommend.week import SHORTEST_MIN, Week

# Name: factor on the minutes of the last four weeks, and tilt of their zones, as in `periods`.
TEMPLATES = MappingProxyType(
    {
        "as usual": (1.0, 0.0),
        "a little more": (1.1, 0.0),
        "more": (1.3, 0.0),
        "much more": (1.6, 0.0),
        "less": (0.7, 0.0),
        "half": (0.5, 0.0),
        "rest": (0.3, -2.0),
        "harder": (1.0, 0.4),
        "easier": (1.0, -0.4),
        "more and easier": (1.3, -0.4),
        "less and harder": (0.7, 0.4),
        "less and easier": (0.7, -2.0),
    }
)
HARDER_MIN = 10  # a harder week has so many hard minutes more at least


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
    weeks = {}
    for week in _weeks(person, wishes):
        weeks.setdefault(week.sessions, week)
    return list(weeks.values())


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
        # The nearest breaks the fewest rules, and of these rather the goal than the time there is.
        week, broken = min(found, key=lambda pair: (len(pair[1]), pair[1][0][0].name != "goal"))
        rule, reason = broken[0]
        raise UserError(
            f"no week keeps to all rules; the nearest is {week.name!r}. {reason} To change that, "
            f"{rule.change}"
        )
    return kept, [(week, tuple(why for _, why in broken)) for week, broken in found if broken]


def _weeks(person, wishes):
    within, injured = frame(person, wishes), wishes.injury == "injured"
    if limits.month_empty(person):
        yield from _gentle("gentle start", np.inf, within)
    else:
        # Of the injured only one week is shown, for the rules to refuse.
        for name, (volume, tilt) in list(TEMPLATES.items())[: 1 if injured else None]:
            yield lay_out(name, *_target(person, volume, tilt), within)
    if injured:
        yield from _gentle("at most", limits.bound_min(person, wishes), within)
        yield Week("no training", ())
    elif not limits.month_empty(person):
        yield from _habit(person, wishes, within)
        yield from _all_time(person, wishes, within)


def _target(person, volume, tilt):
    """Minutes by zone (5,) and sessions of a template."""
    recent = np.array(person.recent_min_week, float)
    total = recent.sum()
    shares = recent / total if total > 0 else np.array([0.5, 0.5, 0, 0, 0])
    shares = shares * np.exp(tilt * np.arange(-2, 3))
    # Who hardly trained is planned for as for one session of the start.
    minutes = volume * max(total, limits.LIMITS["none"].start_min) * shares / shares.sum()
    if tilt > 0:  # who never trains hard begins with one repetition
        more = max(0, HARDER_MIN - (minutes[2:].sum() - volume * sum(recent[2:])))
        minutes += np.array([-more / 2, -more / 2, more, 0, 0])
    return minutes, round(person.sessions_week * min(volume, 1))


def _gentle(name, bound, within):
    """Three, two or one easy session under the cap, and all together under the bound."""
    for count in range(min(limits.START_SESSIONS, within.room), 0, -1):
        if min(within.most["easy"], bound / count) >= SHORTEST_MIN:
            week = even(name, bound, count, within)
            yield replace(week, name=f"{name}, {count} × {week.longest_min} min easy")


def _habit(person, wishes, within):
    """As near to the old habit as three or more easy sessions under the cap come."""
    now, habit = sum(person.recent_min_week), sum(person.habit_min_week)
    count = min(max(round(person.sessions_week), limits.START_SESSIONS), within.room)
    total = min(habit, count * within.most["easy"], limits.bound_min(person, wishes))
    if total > 1.1 * now and total >= count * within.shortest:
        yield even("back to habit", total, count, within)


def _all_time(person, wishes, within):
    if not wishes.minutes:
        return
    # Minutes are rounded to 5, some of them up.
    total = max(sum(person.recent_min_week), limits.LIMITS["none"].start_min)
    volume = min(max(wishes.minutes - 2.5 * within.room, SHORTEST_MIN) / total, 1.6)
    for name, tilt in {"all your time": 0.0, "all your time, harder": 0.4}.items():
        yield lay_out(name, *_target(person, volume, tilt), within)
