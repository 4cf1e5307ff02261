"""From minutes by zone to sessions on days: the sessions that come nearest under the cap.

Hard sessions are chosen first, from all sets that the sport and the days allow; what is left is
easy, one session of it long. More sessions are laid out where they would be too long.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations, product

import numpy as np

from sportsml_lite.recommend import limits
from sportsml_lite.recommend.week import (
    COOL_MIN,
    KINDS,
    LONGEST_MIN,
    SHORTEST_MIN,
    TIMES_MOST,
    WARM_MIN,
    WORK,
    PlannedSession,
    Week,
)

LONG = 1.6  # minutes of the long session, as a factor on another easy one (assumption)
HARD_COST_MIN = 5  # one more hard session must bring the zones nearer by so many minutes
NEAR_MIN = 15  # hard minutes off the nearest set are no reason for one more session

FULL_MIN = 60  # below it, rounding to 5 minutes may undo what a cap grows by in a month


@dataclass(frozen=True)
class Frame:
    """What a person's weeks must fit into.

    days : on which training is possible; room : of these, how many may be used
    shortest : easy session; most : of a session, by kind, under the cap
    hard : minutes that a session of each kind of :data:`WORK` may have; () where none is allowed
    hard_most : such sessions a week
    """

    days: tuple[int, ...]
    room: int
    shortest: int
    most: dict[str, int]
    hard: tuple[tuple[int, ...], ...]
    hard_most: int


def frame(person, wishes) -> Frame:
    """The frame of a person's weeks under the limits."""
    sport = limits.sport(person)
    most = {kind: limits.most_minutes(person, wishes, kind) for kind in KINDS}
    hard = ()
    if wishes.injury == "none" and set(WORK) <= set(sport.kinds):
        hard = tuple(_lengths(k, limits.shortest(k, person), most[k]) for k in WORK)
    days = tuple(sorted(set(wishes.days)))
    room = training_days(wishes)
    return Frame(days, room, limits.shortest("easy", person), most, hard, sport.hard_most)


def training_days(wishes) -> int:
    """Days of a week with a session, at most."""
    return min(len(set(wishes.days)), 7 - limits.rest_days(wishes))


def lay_out(name: str, zone_minutes, sessions: int, within: Frame) -> Week:
    """Sessions whose minutes by zone come near the ones asked for.

    Parameters
    ----------
    name : of the week
    zone_minutes : (5,) asked for
    sessions : how many; there are more, up to the room there is, where the cap asks for it
    within : the frame; a week that fits into it in no way is longer than the cap allows
    """
    zone_minutes = np.asarray(zone_minutes, float)
    fewest = max(1, int(zone_minutes.sum() // within.shortest))
    first = min(max(sessions, 1), fewest, within.room)
    unbound = dict.fromkeys(KINDS, LONGEST_MIN)
    tries = [(count, NEAR_MIN, within.most) for count in range(first, within.room + 1)]
    # Rather less hard than asked for than over the cap; if that is not to be done either, the week
    # stays as it is, for the rule to refuse.
    tries += [(within.room, np.inf, within.most), (within.room, np.inf, unbound)]
    for count, near, most in tries:
        if found := _fit(zone_minutes, count, near, most, within):
            return Week(name, found)
    return Week(name, placed([("easy", LONGEST_MIN)] * within.room, within.days))


def even(name: str, total: float, sessions: int, within: Frame) -> Week:
    """So many easy sessions of equal whole minutes under the cap, at most ``total`` together."""
    minutes = int(min(within.most["easy"], total / sessions))
    return Week(name, placed([("easy", minutes)] * sessions, within.days))


def placed(sessions, days, fixed=()) -> tuple[PlannedSession, ...]:
    """Sessions (kind, minutes) on the days that suit them best, in the order of days.

    Hard ones have a day between them, the long one does not follow intervals and lies at the
    weekend where it can; () where there are no such days. The first sessions lie on the days
    ``fixed``.
    """
    kinds = tuple(kind for kind, _ in sessions)
    on = _days(tuple(sorted(set(days))), kinds, tuple(fixed))
    done = [PlannedSession(d, kind, m) for d, (kind, m) in zip(on, sessions, strict=False)]
    return tuple(sorted(done, key=lambda s: s.day))


def _fit(zone_minutes, count, near, most, within):
    """So many sessions, or () where they do not fit under the cap."""
    total = zone_minutes.sum()
    for hard, minutes in _mixes(zone_minutes, count, near, within):
        easy = _easy(total - minutes, count - len(hard), most, within.shortest)
        if easy is not None and (found := placed([*hard, *easy], within.days)):
            return found
    return ()


def _mixes(zone_minutes, count, near, within):
    """Sets of hard sessions that come near to the minutes asked for in zones 3 and 4–5."""
    mixes, done, size = _menu(count, within.hard_most, within.hard, within.days)
    off = np.abs(done - [zone_minutes[2], zone_minutes[3] + zone_minutes[4]]).sum(axis=1)
    off += HARD_COST_MIN * size
    best = off.argmin()
    kept = (off <= off[best] + near) & (size <= size[best])
    return (mixes[i] for i in off.argsort(kind="stable") if kept[i])


@cache
def _menu(count, most, lengths, days):
    """All sets of hard sessions: each with its minutes; those in zones 3 and 4–5; how many."""
    most = min((count + 1) // 2, most)
    mixes = [()]
    for number in product(range(most + 1), repeat=len(lengths)):
        if 0 < sum(number) <= most and _days(days, _whole(number, count)):
            each = [some if n else [0] for n, some in zip(number, lengths, strict=True)]
            for long in product(*each):
                sessions = zip(WORK, long, number, strict=True)
                mixes.append(tuple((kind, m) for kind, m, n in sessions for _ in range(n)))
    zones = [sum((_zones(*session) for session in mix), np.zeros(5)) for mix in mixes]
    done = np.array([[z[2], z[3:].sum()] for z in zones])
    with_minutes = [(mix, sum(minutes for _, minutes in mix)) for mix in mixes]
    return with_minutes, done, np.array([len(mix) for mix in mixes])


def _whole(number, count):
    """Kinds of a whole week with so many sessions of each hard kind."""
    hard = tuple(kind for kind, n in zip(WORK, number, strict=True) for _ in range(n))
    left = count - len(hard)
    return hard + ("long",) * (left > 1) + ("easy",) * (left - (left > 1))


def _zones(kind, minutes):
    return PlannedSession(0, kind, minutes).zone_minutes()


@cache
def _lengths(kind, shortest, most):
    """Minutes of a hard session with 1, 2, … repetitions, rounded up to 5, in these bounds."""
    once = sum(minutes for minutes, _, _ in WORK[kind])
    every = (WARM_MIN + COOL_MIN + once * n for n in range(1, TIMES_MOST[kind] + 1))
    rounded = (int(-(-minutes // 5) * 5) for minutes in every)
    return tuple(minutes for minutes in rounded if shortest <= minutes <= most)


def _easy(total, count, most, shortest):
    """Easy sessions and at most one long one, or None where they do not fit."""
    if not count:
        return [] if total < shortest else None
    if most["easy"] < SHORTEST_MIN:
        return None
    if total < count * shortest - 5:
        return [("easy", min(shortest, most["easy"]))] if count == 1 and total > -5 else None
    long = count > 1
    each = total / (count - 1 + LONG) if long else total
    longest = min(LONG * each, most["long"]) if long else 0
    each = (total - longest) / (count - long)
    if each > most["easy"] + 2.5:
        return None
    plan = [("long", longest)] * long + [("easy", each)] * (count - long)
    return [(kind, _rounded(minutes, most[kind], shortest)) for kind, minutes in plan]


def _rounded(minutes, most, shortest):
    """To 5 minutes under the cap; a small cap is used to the full, or it would never grow."""
    if minutes > most - 2.5 and most < FULL_MIN:
        return int(most)
    return int(min(max(5 * round(minutes / 5), shortest), most))


@cache
def _days(days, kinds, fixed=()):
    """A day for each session, the first ones as they are fixed; () where there are none."""
    if not set(fixed) <= set(days):
        return ()
    free = kinds[len(fixed) :]
    special = [i for i, kind in enumerate(free) if kind != "easy"]
    # Of two sessions of one kind, which one comes first makes no difference.
    same = [i for i, j in enumerate(special[1:]) if free[j] == free[special[i]]]
    best = ()
    for chosen in combinations([day for day in days if day not in fixed], len(free)):
        for some in permutations(chosen, len(special)):
            if any(some[i] > some[i + 1] for i in same):
                continue
            others = iter(day for day in chosen if day not in some)
            at = dict(zip(special, some, strict=True))
            found = fixed + tuple(at[i] if i in at else next(others) for i in range(len(free)))
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
