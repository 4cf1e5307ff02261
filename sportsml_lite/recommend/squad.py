"""A squad that trains together: shared days and kinds, each one's own minutes and rules.

What is shared is a *skeleton*: intervals on one day, the long session on another. How long a
session lasts, and what else an athlete does, is that athlete's own. Every skeleton is tried. For
each, everybody takes the best of the own candidates that has the shared sessions in it and keeps
to the own rules. What sharing costs an athlete is the difference to the best week alone; it is
never negative, as all these weeks may be chosen alone, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError, listed
from sportsml_lite.recommend import limits, rules
from sportsml_lite.recommend.candidates import accepted, candidates
from sportsml_lite.recommend.layout import placed
from sportsml_lite.recommend.week import DAYS, KINDS, WORK, Person, Week, Wishes

Members = Mapping[str, tuple[Person, Wishes]]
NO_ROOM = "No week has room for the shared sessions on these days."
Skeleton = tuple[tuple[int, str], ...]  # day and kind of each shared session


@dataclass(frozen=True)
class Shared:
    """A skeleton, and each member's week and value under it."""

    skeleton: Skeleton
    weeks: dict[str, Week]
    values: dict[str, float]

    def __str__(self):
        """The shared sessions in words."""
        return ", ".join(f"{kind} on {DAYS[day]}" for day, kind in self.skeleton)


@dataclass(frozen=True)
class Squad:
    """Plans of a squad: the best by the sum of values, the best by the least, everybody alone.

    refused : skeleton, and who cannot follow it and why
    """

    by_sum: Shared
    by_least: Shared
    alone: dict[str, float]
    alone_weeks: dict[str, Week]
    refused: dict[Skeleton, dict[str, str]]

    def table(self) -> pd.DataFrame:
        """A row a member: value alone, under each of the two plans, and what each costs."""
        found = pd.DataFrame(
            {
                "alone": self.alone,
                "by_sum": self.by_sum.values,
                "by_least": self.by_least.values,
            }
        )
        for name in ("by_sum", "by_least"):
            found[f"cost_{name}"] = found["alone"] - found[name]
        return found.rename_axis("athlete").reset_index()


def plan(
    members: Members,
    value: Callable[[Person, Week], float],
    kinds: Sequence[str] = ("intervals", "long"),
) -> Squad:
    """The best shared skeletons of a squad, over all days.

    Parameters
    ----------
    members : name to (person, wishes)
    value : what a week is worth to a person, as a predicted gain; higher is better
    kinds : of the sessions that are shared, each on a day of its own

    Raises
    ------
    UserError for an empty squad, an unknown kind, or where no skeleton suits all: who cannot, why
    """
    _check(members, kinds)
    own = {name: _own(name, *who, value) for name, who in members.items()}
    weeks = {name: candidates(*who) for name, who in members.items()}
    found, refused = [], {}
    for skeleton in _skeletons(kinds):
        tried = {n: _best(weeks[n], *who, skeleton, value) for n, who in members.items()}
        if cannot := {name: why for name, (_, _, why) in tried.items() if why}:
            refused[skeleton] = cannot
        else:
            week, worth, _ = (
                dict(zip(tried, each, strict=True)) for each in zip(*tried.values(), strict=True)
            )
            found.append(Shared(skeleton, week, worth))
        for name, best in tried.items():
            own[name] = max(own[name], best, key=lambda pair: pair[1])
    if not found:
        raise UserError(_nobody(refused))
    return Squad(
        by_sum=max(found, key=lambda each: sum(each.values.values())),
        by_least=max(found, key=lambda each: min(each.values.values())),
        alone={name: worth for name, (_, worth, _) in own.items()},
        alone_weeks={name: week for name, (week, _, _) in own.items()},
        refused=refused,
    )


def join(week: Week, skeleton: Skeleton, person: Person, wishes: Wishes) -> Week | None:
    """The week with the shared sessions on their days, or None where that is not to be done.

    A session of the same kind moves to the shared day, else another hard one, else the longest
    easy one; it keeps its minutes, but a hard one has room for a repetition at least. The others
    are laid around.
    """
    left, fixed = [(s.kind, s.minutes) for s in week.sessions], []
    if len(left) < len(skeleton):
        return None
    for _, kind in skeleton:
        best = max(left, key=lambda s: (s[0] == kind, (s[0] in WORK) == (kind in WORK), s[1]))
        left.remove(best)
        fixed.append((kind, max(best[1], limits.shortest(kind, person))))
    sessions = placed([*fixed, *left], wishes.days, [day for day, _ in skeleton])
    return Week(week.name, sessions) if sessions else None


def _check(members, kinds):
    if not members:
        raise UserError("the squad is empty: give at least one member")
    if wrong := [kind for kind in kinds if kind not in KINDS]:
        raise UserError(f"shared kind {wrong[0]!r}: choose of {', '.join(KINDS)}")
    if not 1 <= len(kinds) <= 3:
        raise UserError(f"{len(kinds)} shared sessions: give 1 to 3")


def _own(name, person, wishes, value):
    """Best accepted week, its value, and no reason."""
    try:
        weeks, _ = accepted(person, wishes)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    worth = [float(value(person, week)) for week in weeks]
    best = max(range(len(weeks)), key=worth.__getitem__)
    return weeks[best], worth[best], ""


def _best(weeks, person, wishes, skeleton, value):
    """Best of the weeks with the shared sessions, its value; or no week and the reason."""
    best, whys = (None, -np.inf), []
    for week in () if (away := _away(wishes, skeleton)) else weeks:
        shared = join(week, skeleton, person, wishes)
        reasons = shared and rules.refusals(shared, person, wishes)
        if shared is None or reasons:
            whys.append(reasons or (NO_ROOM,))
            continue
        best = max(best, (shared, float(value(person, shared))), key=lambda pair: pair[1])
    if best[0] is not None:
        return *best, ""
    return *best, away or min(whys, key=len)[0]


def _skeletons(kinds):
    """All days for the kinds; of equals, those with the long session at the weekend come first."""
    each = (tuple(zip(days, kinds, strict=True)) for days in permutations(range(7), len(kinds)))
    return sorted(each, key=lambda s: any(kind == "long" and day < 5 for day, kind in s))


def _away(wishes, skeleton):
    away = [DAYS[day] for day, _ in skeleton if day not in wishes.days]
    return f"No training is possible on {' and '.join(away)}." if away else ""


def _nobody(refused):
    """The skeleton that fewest cannot follow, who they are and why."""
    skeleton, cannot = min(refused.items(), key=lambda pair: len(pair[1]))
    faults = [f"{name}: {why}" for name, why in cannot.items()]
    return (
        f"no days suit all; nearest is {Shared(skeleton, {}, {})}. It is not possible for "
        f"{listed(faults)} Share fewer sessions, or plan without them"
    ).replace("\n", " ")
