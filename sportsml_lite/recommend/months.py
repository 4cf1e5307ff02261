"""Months of simulated athletes under a policy: choose, lay out, follow, test, learn, choose again.

A policy chooses the kind of a block of four weeks among those that the rules accept. Within the
block the week is laid out anew each week: what is *recent* stays that of the block's first day, but
the cap on a session is that of the last 30 days, as the rules have it. Where a week no longer keeps
to it, the athlete goes on as usual for that week.

**Coach** is the classical rule: three weeks of building and one easy week, the load of the building
weeks 10 % higher in each block. It needs no model, and keeps to the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import effect, rules
from sportsml_lite.recommend.candidates import accepted
from sportsml_lite.recommend.effect import EffectModel
from sportsml_lite.recommend.layout import frame, lay_out
from sportsml_lite.recommend.policies import POLICIES, Situation
from sportsml_lite.recommend.rank import against
from sportsml_lite.recommend.week import BLOCK_WEEKS, ZONES, Person, Week, Wishes
from sportsml_lite.simulate import draws
from sportsml_lite.simulate.periods import TEST_ERROR_PCT
from sportsml_lite.simulate.weeks import World

BLOCKS = 6
COACH = "coach"
BUILD, EASY = 1.10, 0.6  # of a coach: growth a block, and share of the load in the easy week
CAP = 1.10  # on a session, as a factor on the longest of 30 days, to count what goes beyond it
SHORTEST_MIN, START_MIN = 10, 30  # below, a month is empty; cap after an empty month
MOST = 16  # weeks to choose from
_CHOICES = 9  # purpose of draws, after those of the effect model


@dataclass(frozen=True)
class Log:
    """What A athletes were advised in B blocks, with up to K weeks to choose from.

    policy : its name
    names : (A, B, K) of the accepted weeks, '' where there are fewer than K
    X : (A, B, K, F) features, NaN there; propensity : (A, B, K) probability of each, 0 there
    chosen : (A, B) place of the one taken; the coach's choice is its own, -1
    predicted, sd : (A, B, K) of each week against going on as usual, % , by the athlete's own model
    reward : (A, B) measured change of VO2max, %
    truth : (A, B, K) what each block would truly bring, %; taken : (A, B) that of the one taken
    level : (A, B + 1) true mean VO2max of the last 28 mornings, before the first and after each
    tested : (A, B + 1) true VO2max on the days of the tests
    planned_over, done_over : (A, B) sessions longer than 1.10 times the longest of the 30 days
        before the week, as planned and as done
    """

    policy: str
    names: np.ndarray
    X: np.ndarray
    propensity: np.ndarray
    chosen: np.ndarray
    predicted: np.ndarray
    sd: np.ndarray
    reward: np.ndarray
    truth: np.ndarray
    taken: np.ndarray
    level: np.ndarray
    tested: np.ndarray
    planned_over: np.ndarray
    done_over: np.ndarray


def persons(world: World) -> list[Person]:
    """What a watch and a diary know of the athletes today; they run, and distances are unknown."""
    diary, nan = world.diary(), float("nan")
    known = world.athletes()[["sex", "age_y", "mass_kg", "hr_rest_bpm", "hr_max_bpm",
                            "vo2max_ml_kg_min"]]  # fmt: skip
    rows = zip(known.itertuples(index=False), diary.habit_min_week.tolist(),
               diary.recent_min_week.tolist(), diary.sessions_week.tolist(),
               diary.longest_min.tolist(), strict=True)  # fmt: skip
    return [
        Person("running", *who, tuple(habit), tuple(recent), sessions, longest, nan, nan)
        for who, habit, recent, sessions, longest in rows
    ]


def day_minutes(week: Week) -> np.ndarray:
    """Minutes in zones 1 to 5 of each day of a week, (7, 5)."""
    out = np.zeros((7, ZONES))
    for session in week.sessions:
        out[session.day] += session.zone_minutes()
    return out


def live(
    world: World,
    policy: str,
    model: EffectModel,
    blocks: int = BLOCKS,
    seed: int = 0,
    wishes: Wishes | None = None,
    error_pct: float = TEST_ERROR_PCT,
) -> Log:
    """Let simulated athletes be advised for some months.

    Parameters
    ----------
    world : athletes on the day of their first test
    policy : of :data:`sportsml_lite.recommend.policies.POLICIES`, or ``'coach'``
    model : of other athletes, the prior for these
    blocks : of four weeks; seed : of the draws of policies that draw
    wishes : of everybody; None is fitness, without bounds
    error_pct : SD of one test

    Raises
    ------
    UserError for an unknown policy, or wishes that no week can meet
    """
    if policy not in (*POLICIES, COACH):
        raise UserError(f"no policy {policy!r}: choose one of {', '.join((*POLICIES, COACH))}")
    wishes, reference = wishes or Wishes(), world.diary().habit_min_week
    sex = world.athletes()["sex"].to_numpy()
    own, X, rows = [model] * len(world), [], []
    states, tests = [_state(world)], [world.test(error_pct)]
    for block in range(blocks):
        people, diary = persons(world), world.diary()
        menu = _menu(world, people, own, reference, wishes)
        chance, chosen = _choose(menu, world, POLICIES.get(policy), model, own, (seed, block))
        ask = _coach(reference, block) if policy == COACH else _same(menu, chosen)
        after, planned, over = _follow(world, people, ask, wishes)
        done = after.diary().recent_min_week
        X.append(effect.features(sex, reference, diary.habit_min_week,
                                 diary.recent_min_week, done))  # fmt: skip
        taken = world.truth(planned[:, None])[:, 0] if policy == COACH else _at(menu.truth, chosen)
        world = after.rest()
        tests.append(world.test(error_pct))
        change = 100 * (np.array(tests[1:]) / np.array(tests[:-1]) - 1)
        own = [model.personal(*each) for each in zip(np.stack(X, 1), change.T, strict=True)]
        rows.append((menu.names, menu.X, chance, chosen, menu.predicted, menu.sd, change[-1],
                     menu.truth, taken, *over))  # fmt: skip
        states.append(_state(world))
    columns = [np.stack(parts, axis=1) for parts in zip(*rows, strict=True)]
    level, tested = np.array(states).transpose(1, 2, 0)
    return Log(policy, *columns[:-2], level, tested, *columns[-2:])


def _state(world):
    return world.level(), world.true_vo2max()


def _at(values, place):
    return np.take_along_axis(values, place[:, None], axis=1)[:, 0]


@dataclass(frozen=True)
class _Menu:
    """What the rules accept: weeks of each athlete, and arrays (A, K, ...) padded to MOST."""

    weeks: list[list[Week]]
    names: np.ndarray
    X: np.ndarray
    predicted: np.ndarray
    sd: np.ndarray
    truth: np.ndarray


def _menu(world, people, own, reference, wishes):
    weeks = [accepted(person, wishes)[0] for person in people]
    count = len(people)
    names = np.full((count, MOST), "", dtype=object)
    X = np.full((count, MOST, len(effect.FEATURES)), np.nan)
    predicted, sd = np.full((2, count, MOST), np.nan)
    days = np.zeros((count, MOST, 7, ZONES))
    for a, (mine, person) in enumerate(zip(weeks, people, strict=True)):
        k = slice(len(mine))
        names[a, k] = [week.name for week in mine]
        X[a, k] = x = effect.of_person(person, mine, reference[a])
        predicted[a, k], sd[a, k] = against(names[a, k].tolist(), own[a].predict(x)[0],
                                            own[a].spread(x))  # fmt: skip
        days[a, k] = [day_minutes(week) for week in mine]
    truth = world.truth(np.tile(days, (1, 1, BLOCK_WEEKS, 1)))
    return _Menu(weeks, names, X, predicted, sd, np.where(names == "", np.nan, truth))


def _choose(menu, world, policy, model, own, key):
    """Probability of each week (A, K), and the place of the one taken (A,); -1 for a coach."""
    chance, chosen = np.zeros(menu.truth.shape), np.full(len(own), -1)
    if policy is None:
        return chance, chosen
    seed, block = key
    for a, (weeks, number) in enumerate(zip(menu.weeks, world.body.index, strict=True)):
        k, rng = len(weeks), draws.generator(seed, _CHOICES, int(number), block)
        names = tuple(week.name for week in weeks)
        here = Situation(names, menu.X[a, :k], model, own[a], menu.truth[a, :k])
        chance[a, :k] = policy(here, rng)
        chosen[a] = rng.choice(k, p=chance[a, :k])
    return chance, chosen


def _same(menu, chosen):
    """The week that was chosen, whichever of the block's weeks it is."""
    taken = [weeks[k] for weeks, k in zip(menu.weeks, chosen, strict=True)]
    return lambda a, week, person, wishes: (taken[a], wishes)


def _coach(reference, block):
    """A coach's week, and the wishes that go with it: an easy week may be less than now."""

    def ask(a, week, person, wishes):
        minutes = BUILD ** (block + 1) * reference[a]
        if week == BLOCK_WEEKS - 1:
            minutes = EASY * minutes.sum() * np.array([0.5, 0.5, 0, 0, 0])
            wishes = replace(wishes, goal="recover")
        within = frame(person, wishes)
        return lay_out(COACH, minutes, round(person.sessions_week), within), wishes

    return ask


def _follow(world, people, ask, wishes):
    """Live a block: the world after it, what was planned (A, D, 5), sessions beyond the cap."""
    planned, over = [], np.zeros((2, len(people)))
    for week in range(BLOCK_WEEKS):
        longest = world.diary().longest_min
        now = [replace(p, longest_min=m) for p, m in zip(people, longest.tolist(), strict=True)]
        asked = (ask(a, week, person, wishes) for a, person in enumerate(now))
        weeks = [_allowed(w, p, q) for (w, q), p in zip(asked, now, strict=True)]
        planned.append(np.array([day_minutes(one) for one in weeks]))
        world = world.follow(planned[-1])
        cap = np.where(longest >= SHORTEST_MIN, CAP * longest, START_MIN)[:, None] + 1e-9
        for i, days in enumerate((planned[-1], world.minutes[:, -7:])):
            over[i] += (days.sum(axis=2) > cap).sum(axis=1)
    return world, np.concatenate(planned, axis=1), over


def _allowed(week, person, wishes):
    """A week under today's cap, laid out anew where it has to be, or else as usual."""
    if not rules.refusals(week, person, wishes):
        return week
    within = frame(person, wishes)
    again = lay_out(week.name, week.zone_minutes(), len(week.sessions), within)
    if not rules.refusals(again, person, wishes):
        return again
    return accepted(person, wishes)[0][0]
