"""The way back after weeks without training: under the rules alone, and after an injury.

Each week is laid out under the cap of its own month, so that the weeks depend on one another: what
may be done next week is what was done in the last four. After an injury the cap grows more slowly,
days of rest are more, and the week grows by a quarter at most. These are the assumptions of
:data:`sportsml_lite.recommend.limits.LIMITS`; no study of ours or of others set them, and a
professional's word goes before all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import limits, rules
from sportsml_lite.recommend.layout import even, frame
from sportsml_lite.recommend.week import Person, Week, Wishes

MONTH = 4  # weeks that lie wholly within the last 30 days
REACHED = 0.95  # of the old minutes a week: the habit is back
WEEKS_MOST = 104


def after(person: Person, weeks: Sequence[Week]) -> Person:
    """The same person when these weeks are done as planned, the oldest first.

    Before them lies what the person's four weeks tell, as if each had been like their mean. The
    habit stays what it was.
    """
    last = list(weeks)[-MONTH:]
    old = MONTH - len(last)
    zones = old * np.array(person.recent_min_week) + sum(week.zone_minutes() for week in last)
    sessions = old * person.sessions_week + sum(len(week.sessions) for week in last)
    done = [session for week in last for session in week.sessions]
    far = [limits.distance_m(session, person) for session in done]
    before = (person.longest_min, person.longest_m) if old else (0, 0)
    return replace(
        person,
        recent_min_week=tuple(float(minutes) for minutes in zones / MONTH),
        sessions_week=sessions / MONTH,
        longest_min=max([before[0], *(session.minutes for session in done)]),
        # Of an unknown distance nothing better is known afterwards.
        longest_m=float(np.max([before[1], *far])) if person.speed_mps > 0 else np.nan,
    )


def way_back(person: Person, weeks_off: int, wishes: Wishes | None = None) -> list[Week]:
    """Weeks of training, all easy, until the week has 95 % of its old minutes again.

    Parameters
    ----------
    person : as on the last day before the break
    weeks_off : whole weeks without training, 1 or more
    wishes : with ``injury='returning'`` the way is that after an injury; by default without one

    Raises
    ------
    UserError without a week off, without an old habit, or where it is not reached in two years
    """
    wishes = wishes or Wishes()
    old = sum(person.recent_min_week)
    if not 1 <= weeks_off <= 52 or not old > 0:
        raise UserError(
            f"{weeks_off} weeks off after {old:.0f} minutes a week: give 1 to 52 weeks, and a "
            "person who trained before them"
        )
    weeks = [Week("off", ())] * weeks_off
    while weeks[-1].minutes < REACHED * old:
        if len(weeks) - weeks_off == WEEKS_MOST:
            raise UserError(
                f"{old:.0f} minutes a week are not reached in {WEEKS_MOST} weeks; the last one has "
                f"{weeks[-1].minutes}: allow more days or minutes"
            )
        name = f"week {len(weeks) - weeks_off + 1} back"
        weeks.append(_next(name, person, after(person, weeks), wishes))
    return weeks[weeks_off:]


def delay(person: Person, weeks_off: int, wishes: Wishes | None = None) -> tuple[int, int]:
    """Weeks of the way back without an injury, and after one; as for :func:`way_back`."""
    both = (replace(wishes or Wishes(), injury=injury) for injury in ("none", "returning"))
    healthy, hurt = (len(way_back(person, weeks_off, each)) for each in both)
    return healthy, hurt


def _next(name, person, now, wishes):
    """As many easy minutes as the old habit had, where the rules allow them."""
    within = frame(now, wishes)
    old = sum(person.recent_min_week)
    total = min(old, limits.bound_min(now, wishes), wishes.minutes or np.inf)
    # Short of the habit, fewer sessions of the length that is allowed rather than shorter ones.
    whole = math.floor if total < old else math.ceil
    fit = max(whole(total / within.most["easy"]), limits.START_SESSIONS)
    fit = limits.START_SESSIONS if limits.month_empty(now) else fit
    count = min(max(round(person.sessions_week), 1), fit, within.room)
    week = even(name, total, count, within)
    if reasons := rules.refusals(week, now, wishes):
        raise UserError(f"the way back stops at {week.minutes} minutes a week. {reasons[0]}")
    return week
