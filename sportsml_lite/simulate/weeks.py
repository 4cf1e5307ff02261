"""Athletes who live week by week: a plan goes in, what they did and a laboratory's test come out.

Nothing of the physiology between speed and heart rate is in it: as in
:mod:`sportsml_lite.simulate.periods`, a day is its minutes in five zones of heart rate, a minute
has the strain of its zone's middle, and what training does to VO2max is that of
:mod:`sportsml_lite.simulate.adaptation`.

A world never changes: living a week gives another world. So the same athletes can live many lives,
under one plan and under another, with the same luck: what is missed and how a test errs depends on
the athlete, the seed and the number of the week only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtr

from sportsml_lite.errors import UserError
from sportsml_lite.simulate import adaptation, draws
from sportsml_lite.simulate import athletes as people
from sportsml_lite.simulate import periods as diaries
from sportsml_lite.simulate.effect import check_generator

HABIT_WEEKS = 12  # that everyone has lived as usual before the first plan
RECENT_WEEKS = 4  # what a diary calls recent; the habit is what was done in the weeks before
LONGEST_D = 30  # days over which the longest session is looked for (Frandsen et al. 2025)
# A planned session is missed so often; what is missed the others make up for, so that on average
# an athlete does what is planned, and a plan that repeats itself does not fade away.
MISSED = 0.08
# Of the habit's minutes in zones 1 to 5, as a week with one or two hard sessions has them.
SHARES = (0.45, 0.42, 0.07, 0.03, 0.03)
ZONE_SD = 0.15  # of ln minutes in a zone around a plan
FREE_D = 1  # days without training before a test, in no week's plan
LEVEL_D = 28  # days over which a level is a mean
_LIVES, _TESTS = 6, 7  # purposes of draws, after those that draws names
_HABIT = tuple(f"habit_{name}" for name in diaries.ZONES)  # columns of bodies here


@dataclass(frozen=True)
class Diary:
    """What a watch and a diary know on the day a week is planned, a row an athlete.

    habit_min_week, recent_min_week : (A, 5) minutes a week in zones 1 to 5, in the eight weeks
        before the last four, and in the last four
    sessions_week : (A,) in the last four; longest_min : (A,) longest session of the last 30 days
    """

    habit_min_week: np.ndarray
    recent_min_week: np.ndarray
    sessions_week: np.ndarray
    longest_min: np.ndarray


@dataclass(frozen=True)
class World:
    """Simulated athletes and all that they have done so far.

    body : true bodies, a row an athlete; never a model's input
    minutes : (A, D, 5) done in zones 1 to 5, a day at a time; a day holds one session or none
    free : (D,) bool, days before a test, which belong to no week
    weeks : how many weeks have been lived
    seed, generator, effect : as in :func:`sportsml_lite.simulate.periods.draw`
    """

    body: pd.DataFrame
    minutes: np.ndarray
    free: np.ndarray
    weeks: int
    seed: int
    generator: str
    effect: float

    @classmethod
    def draw(
        cls,
        athletes: int = 200,
        seed: int = 0,
        generator: str = "simulated",
        effect: float = 1.0,
        first: int = 0,
    ) -> World:
        """Athletes after twelve weeks as usual.

        Parameters
        ----------
        athletes : how many; first : number of the first
        seed : key of every draw; athlete ``i`` is the same however many others there are
        generator : ``'simulated'``, or ``'simulated_b'``: another strain, another adaptation
        effect : factor on all that training does; 0 is a world in which it changes nothing

        Raises
        ------
        UserError for an unknown generator, a negative effect, or fewer than one athlete
        """
        check_generator(generator)
        if not 0 <= effect < np.inf:
            raise UserError(f"effect = {effect}: give a number of 0 or more")
        body = people.draw(athletes, seed, first=first)
        body["capacity"] = adaptation.capacity(body.index, seed)
        z = draws.table(seed, draws.PERIODS, [(int(i),) for i in body.index], 1)
        hours = diaries.HOURS * np.exp(diaries.HOURS_SD * body["drive"].to_numpy())
        shares = _tilted(np.array(SHARES), diaries.TILT_SD * z[:, 0])
        body[list(_HABIT)] = 60 * hours[:, None] * shares
        often = hours / diaries.SESSION_H / 7
        body["often"] = np.minimum(often, diaries.OFTEN_MOST)
        nothing = np.zeros((athletes, 0, len(_HABIT)))
        world = cls(body, nothing, np.zeros(0, bool), 0, seed, generator, effect)
        for _ in range(HABIT_WEEKS):
            world = world._add(world._as_usual())
        return world

    def __len__(self) -> int:
        """How many athletes."""
        return len(self.body)

    @property
    def habit(self) -> np.ndarray:
        """Minutes a week in each zone that the athletes were used to before any plan, (A, 5)."""
        return self.body[list(_HABIT)].to_numpy()

    def take(self, rows) -> World:
        """The same world with some of its athletes."""
        return replace(self, body=self.body.iloc[rows], minutes=self.minutes[rows])

    def follow(self, minutes) -> World:
        """The world after a week in which everyone followed their plan, as people do.

        Parameters
        ----------
        minutes : (A, 7, 5) planned minutes in zones 1 to 5 of each day; all 0 is a day of rest

        Raises
        ------
        UserError for another shape, or minutes below 0 or above a day's
        """
        return self._add(self._done(self._checked(minutes, (len(self), 7, len(_HABIT)))))

    def rest(self) -> World:
        """The world after the free days before a test."""
        return self._add(np.zeros((len(self), FREE_D, len(_HABIT))), free=True)

    def test(self, error_pct: float = diaries.TEST_ERROR_PCT) -> np.ndarray:
        """VO2max that a laboratory finds this morning, mL/kg/min, (A,), with its error."""
        keys = [(int(i), self.weeks) for i in self.body.index]
        error = draws.table(self.seed, _TESTS, keys, 1)[:, 0]
        return self.true_vo2max() * (1 + error_pct / 100 * error)

    def athletes(self) -> pd.DataFrame:
        """Who the athletes are, as :func:`sportsml_lite.simulate.athletes.visible` tells it."""
        return people.visible(self.body)

    def diary(self) -> Diary:
        """What is known of the athletes today."""
        weekly = self.minutes[:, ~self.free]
        last = weekly[:, -7 * RECENT_WEEKS :]
        before = weekly[:, -7 * HABIT_WEEKS : -7 * RECENT_WEEKS]
        return Diary(
            7 * before.mean(axis=1),
            7 * last.mean(axis=1),
            (last.sum(axis=2) > 0).sum(axis=1) / RECENT_WEEKS,
            self.minutes[:, -LONGEST_D:].sum(axis=2).max(axis=1),
        )

    def habit_week(self, volume, tilt) -> np.ndarray:
        """A plan in the manner of the habit: (A, 7, 5) minutes, on the days of the habit.

        Parameters
        ----------
        volume : (A,) factor on the habit's minutes
        tilt : (A,) of its zones, towards the hard ones where above 0
        """
        sessions = np.maximum(1, np.rint(7 * self.body["often"].to_numpy())).astype(int)
        # So many sessions, spread over the week as evenly as can be.
        day = np.arange(7)
        there = (day + 1) * sessions[:, None] // 7 > day * sessions[:, None] // 7
        total = self.habit.sum(axis=1) * volume / sessions
        return (there * total[:, None])[..., None] * _tilted(self.habit, tilt)[:, None]

    # --- what only the simulator knows ------------------------------------------------------------

    def true_vo2max(self) -> np.ndarray:
        """VO2max of this morning, mL/kg/min, (A,); never a model's input."""
        return self._mornings(self.minutes)[-1]

    def level(self) -> np.ndarray:
        """Mean of the true VO2max of the last 28 mornings, mL/kg/min, (A,).

        A plan that ends with an easy week looks better at the next test for that week alone; the
        mean holds the hard weeks before it, too.
        """
        return self._mornings(self.minutes)[-LEVEL_D:].mean(axis=0)

    def truth(self, days) -> np.ndarray:
        """What a plan would bring by the next test, (A, K) % of VO2max, if followed exactly.

        Parameters
        ----------
        days : (A, K, D, 5) minutes of the D days of K plans of each athlete; the free days follow

        Raises
        ------
        UserError as for :meth:`follow`
        """
        count, length = np.shape(days)[1:3] if np.ndim(days) == 4 else (1, 7)
        plan = self._checked(days, (len(self), count, length, len(_HABIT)))
        row = np.repeat(np.arange(len(self)), count)
        off = np.zeros((len(row), FREE_D, len(_HABIT)))
        plan = plan.reshape(len(row), length, -1)
        lives = np.concatenate([self.minutes[row], plan, off], axis=1)
        after = self.take(row)._mornings(lives)[-1].reshape(len(self), count)
        return 100 * (after / self.true_vo2max()[:, None] - 1)

    def _mornings(self, minutes):
        """True VO2max of each morning, (D + 1, A), the last one after all that was done."""
        strain = diaries._strain(self.body, self.generator)
        usual = (self.habit * strain).sum(axis=1) / 7
        load = np.einsum("adz,az->da", minutes, strain)
        return adaptation.vo2max(load, usual, self.body, self.generator, self.effect)

    # --- how a week is lived ----------------------------------------------------------------------

    def _add(self, days, free=False):
        """The world with these days (A, ·, 5) behind it."""
        return replace(
            self,
            minutes=np.concatenate([self.minutes, days], axis=1),
            free=np.r_[self.free, np.full(days.shape[1], free)],
            weeks=self.weeks + (not free),
        )

    def _luck(self):
        """Of this week's days (A, 7, 1 + 5): normal draws, for a session and for its zones."""
        keys = [(int(i), self.weeks) for i in self.body.index]
        return draws.table(self.seed, _LIVES, keys, 7 * (1 + len(_HABIT))).reshape(len(self), 7, -1)

    def _as_usual(self):
        """A week without a plan: sessions come by chance, as in the periods of a diary."""
        z = self._luck()
        often = self.body["often"].to_numpy()[:, None, None]
        total = self.habit[:, None] / 7 / often * (ndtr(z[..., :1]) < often)
        return total * np.exp(diaries.ZONE_SD * z[..., 1:] - diaries.ZONE_SD**2 / 2)

    def _done(self, plan):
        z = self._luck()
        kept = (ndtr(z[..., :1]) >= MISSED) / (1 - MISSED)
        return plan * kept * np.exp(ZONE_SD * z[..., 1:] - ZONE_SD**2 / 2)

    def _checked(self, minutes, shape):
        plan = np.asarray(minutes, float)
        if plan.shape != shape:
            raise UserError(
                f"a plan of shape {plan.shape}: give minutes of each athlete, day and zone, {shape}"
            )
        day = plan.sum(axis=-1)
        if not ((plan >= 0).all() and (day <= 24 * 60).all()):
            raise UserError("a plan with minutes below 0 or above a day's: give 0 to 1440 a day")
        return plan


def _tilted(minutes, tilt):
    """Shares of the zones, (A, 5), moved towards the hard ones by a positive tilt (A,)."""
    shares = minutes * np.exp(np.asarray(tilt)[:, None] * np.arange(-2, 3))
    return shares / shares.sum(axis=1, keepdims=True)
