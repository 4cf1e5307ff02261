r"""What a block of four weeks is expected to bring, for one athlete, and how sure that is.

One model serves all: a prior for somebody of whom nothing is known, what a person's own blocks and
tests make of it, the lower bound by which weeks are ranked, and the draws of a Thompson sampler.
The change of VO2max over block b of athlete a, in per cent, is linear in a few features,

.. math:: y_{ab} = x_{ab}^\top \beta_a + m_{ab} + e_{a,b+1} - e_{a,b}, \qquad
   \beta_a \sim N(\mu, \Sigma), \quad m_{ab} \sim N(0, \sigma_m^2), \quad e \sim N(0, \sigma_e^2),

where m is what the features miss and e the error of a test. Two blocks in a row share a test, so
their errors are correlated: a test that errs upwards makes one change too large and the next too
small.

**Features.** Chronic and acute load are means that fade over 42 and 7 days, in shares of a load
that the athlete was used to. Form is taken to be a curve of both: c, c², a and a². What a block
brings is form at its end minus form at its start; a fifth feature is the change of hard minutes,
in shares of all minutes that the athlete was used to. That is not the law of the simulators, whose
fatigue costs with the third power (or in proportion) and, in one of them, with other weights for
intensity; the law's own terms would prove nothing.

The coefficients' mean and spread between athletes are found from many athletes by empirical Bayes
(EM, as Laird and Ware 1982 for random effects), and an athlete's own by Bayes' rule in closed form.
No hidden truth is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.intensity import FATIGUE_D, FITNESS_D
from sportsml_lite.recommend import limits
from sportsml_lite.recommend.week import BLOCK_WEEKS
from sportsml_lite.simulate import draws
from sportsml_lite.simulate.periods import TEST_ERROR_PCT
from sportsml_lite.simulate.weeks import World

FEATURES = ("chronic", "chronic²", "acute", "acute²", "hard minutes")
BLOCK_D = 7 * BLOCK_WEEKS
HARD = slice(3, 5)  # zones 4 and 5
ROUNDS = 600  # of EM
LEAST, MANY = 30, 400  # athletes of a population at least; of the simulated one
# So many imagined athletes, whose coefficients vary independently, stand beside the real ones: the
# features go together, and without them the spread of a few hundred athletes is fitted too closely.
IMAGINED = 20
_LOTS = 8  # purpose of draws, after those of the weeks
# By lot, evenly in between: factor on the habit's minutes and tilt of their zones.
VOLUME, TILT = (0.3, 2.0), (-0.5, 0.5)
ALIKE = 0.5  # weeks whose loads differ by less, in shares of the habit, are missed alike


@dataclass(frozen=True)
class Blocks:
    """What is known of A athletes who trained for B blocks, with a test before and after each.

    sex : (A,) 'm', 'f' or another for unknown
    reference_min_week : (A, 5) minutes by zone of a week that the athlete was used to at first
    habit_min_week, recent_min_week : (A, B, 5) at the start of each block, as of a
        :class:`sportsml_lite.recommend.week.Person`
    done_min_week : (A, B, 5) mean of the block's weeks
    change_pct : (A, B) of VO2max, between two tests
    """

    sex: np.ndarray
    reference_min_week: np.ndarray
    habit_min_week: np.ndarray
    recent_min_week: np.ndarray
    done_min_week: np.ndarray
    change_pct: np.ndarray

    @property
    def X(self) -> np.ndarray:
        """Features of what was done, (A, B, F)."""
        return features(
            self.sex,
            self.reference_min_week[:, None],
            self.habit_min_week,
            self.recent_min_week,
            self.done_min_week,
        )


def features(sex, reference, habit, recent, week) -> np.ndarray:
    """Features of a block of one week four times, (A, ..., F); see :data:`FEATURES`.

    Parameters
    ----------
    sex : (A,) 'm', 'f' or another for unknown
    reference, habit, recent, week : (A, ..., 5) minutes a week in zones 1 to 5, shapes that
        broadcast: what all loads are shares of, the eight weeks before the last four, the last
        four, and the week asked about

    Raises
    ------
    UserError where the reference is a week without training
    """
    loads = [_load(sex, minutes) for minutes in (reference, habit, recent, week)]
    if not (loads[0] > 0).all():
        raise UserError(
            "a habit without training: what a week brings is told from what one was used to; give "
            "weeks with sessions"
        )
    before, last, now = (load / loads[0] for load in loads[1:])
    form = []
    for fades_d in (FITNESS_D, FATIGUE_D):
        start = _after(before, last, fades_d)
        end = _after(start, now, fades_d)
        form += [end - start, end**2 - start**2]
    whole = np.sum(reference, axis=-1)
    hard = [np.asarray(minutes)[..., HARD].sum(axis=-1) / whole for minutes in (week, recent)]
    return np.stack(np.broadcast_arrays(*form, hard[0] - hard[1]), axis=-1)


def _after(start, load, fades_d):
    """A mean that fades in so many days, after four weeks of the same load."""
    kept = np.exp(-BLOCK_D / fades_d)
    return start * kept + load * (1 - kept)


def _load(sex, minutes):
    """Training impulse of minutes (A, ..., 5) of athletes of the given sexes, (A, ...)."""
    minute = np.array([limits._impulse(one) for one in sex])
    minutes = np.asarray(minutes, float)
    between = [1] * (minutes.ndim - 2)
    return (minutes * minute.reshape(len(minute), *between, -1)).sum(axis=-1)


def of_person(person, weeks, reference=None) -> np.ndarray:
    """Features of candidate weeks for a person, (K, F).

    Parameters
    ----------
    person : Person; weeks : K weeks, each the kind of a whole block
    reference : (5,) minutes a week that loads are shares of; None is the person's habit
    """
    minutes = np.array([week.zone_minutes() for week in weeks])
    given = person.habit_min_week if reference is None else reference
    known = (given, person.habit_min_week, person.recent_min_week)
    known = [np.array(minutes_week, float)[None, None] for minutes_week in known]
    return features([person.sex], *known, minutes[None])[0]


@dataclass(frozen=True)
class EffectModel:
    """What is believed of an athlete's coefficients: normal, with mean and covariance.

    mean : (F,) of the coefficients of :data:`FEATURES`, % of VO2max; covariance : (F, F)
    misfit_pct : SD of what the features miss of a block's effect
    error_pct : SD of one test
    """

    mean: np.ndarray
    covariance: np.ndarray
    misfit_pct: float
    error_pct: float

    def personal(self, X, change_pct) -> EffectModel:
        """The same after an athlete's own blocks, all of them from the first on.

        Parameters
        ----------
        X : (B, F) features of what was done in blocks that follow each other; B may be 0
        change_pct : (B,) measured changes of VO2max

        Raises
        ------
        UserError for shapes that do not agree, or a missing value
        """
        X, y = np.asarray(X, float), np.asarray(change_pct, float)
        if X.shape != (*y.shape, len(self.mean)) or not np.isfinite(X.sum() + y.sum()):
            raise UserError(
                f"blocks of shape {X.shape} with changes of shape {y.shape}: give {len(self.mean)} "
                "features and one measured change of each block, none of them missing"
            )
        inverse = np.linalg.inv(_spread(X, self.covariance, self.misfit_pct, self.error_pct))
        gain = self.covariance @ X.T @ inverse
        mean = self.mean + gain @ (y - X @ self.mean)
        left = self.covariance - gain @ X @ self.covariance
        return replace(self, mean=mean, covariance=(left + left.T) / 2)

    def predict(self, X) -> tuple[np.ndarray, np.ndarray]:
        """Mean and SD of the true effect of blocks with features (K, F), both (K,), % of VO2max."""
        return X @ self.mean, np.sqrt(np.diag(self.spread(X)))

    def spread(self, X) -> np.ndarray:
        """Covariance of the true effects of K candidates for the same block, (K, K).

        What the features miss is a smooth curve of the load: two weeks that are nearly alike are
        missed alike, so that their difference is better known than either of them.
        """
        acute = X[:, FEATURES.index("acute")]
        apart = (acute[:, None] - acute) / ALIKE
        return X @ self.covariance @ X.T + self.misfit_pct**2 * np.exp(-(apart**2) / 2)

    def sample(self, rng: np.random.Generator, count: int = 1) -> np.ndarray:
        """Coefficients that the athlete may have, drawn from what is believed, (count, F)."""
        # From the symmetric square root: a covariance may be singular, and Cholesky needs more.
        value, vector = np.linalg.eigh(self.covariance)
        root = vector * np.sqrt(np.maximum(value, 0))
        return self.mean + rng.standard_normal((count, len(value))) @ root.T


def fit_population(blocks: Blocks, error_pct: float = TEST_ERROR_PCT) -> EffectModel:
    """The prior for a new athlete, from many others.

    Mean, covariance and misfit maximise the likelihood of the measured changes (EM; the mean by
    generalised least squares in each round), the covariance with a weak prior of its own, see
    ``IMAGINED``. The covariance that is returned also holds how unsure the mean is.

    Parameters
    ----------
    blocks : of many athletes, whose training was drawn by lot: where people choose, who trains
        more may differ in what training does to them
    error_pct : SD of one test; it is known from retests

    Raises
    ------
    UserError with fewer than 30 athletes or one block of each
    """
    X, y = blocks.X, np.asarray(blocks.change_pct, float)
    if len(X) < LEAST or X.shape[1] < 2:
        raise UserError(
            f"{len(X)} athletes with {X.shape[1]} blocks: a population needs {LEAST} athletes with "
            "2 blocks each at least"
        )
    imagined = np.diag(1 / np.square(X).mean(axis=(0, 1)))  # each feature has a part of SD 1 %
    covariance, misfit = imagined, 1.0
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(_spread(X, covariance, misfit, error_pct))
        weighted = np.einsum("abf,abc->afc", X, inverse)
        unsure = np.linalg.inv(np.einsum("afb,abg->fg", weighted, X))
        mean = unsure @ np.einsum("afb,ab->f", weighted, y)
        off = y - X @ mean
        own = np.einsum("fg,agb,ab->af", covariance, weighted, off)
        left = covariance - covariance @ np.einsum("afb,abg->afg", weighted, X) @ covariance
        missed = misfit**2 * np.einsum("abc,ac->ab", inverse, off)
        unknown = misfit**2 - misfit**4 * np.diagonal(inverse, axis1=1, axis2=2)
        seen = own.T @ own + left.sum(axis=0)
        covariance = (seen + IMAGINED * imagined) / (len(X) + IMAGINED)
        misfit = float(np.sqrt((missed**2 + unknown).mean()))
    return EffectModel(mean, covariance + unsure, misfit, error_pct)


def _spread(X, covariance, misfit_pct, error_pct):
    """Covariance of measured changes, (..., B, B), of blocks with features (..., B, F)."""
    count = X.shape[-2]
    shared = 2 * np.eye(count) - np.eye(count, k=1) - np.eye(count, k=-1)
    noise = misfit_pct**2 * np.eye(count) + error_pct**2 * shared
    return X @ covariance @ np.swapaxes(X, -1, -2) + noise


def by_lot(world: World, blocks: int = 6, error_pct: float = TEST_ERROR_PCT) -> Blocks:
    """Let everyone live blocks whose amount and hardness are drawn by lot; what is then known.

    Parameters
    ----------
    world : athletes on the day of their first test; blocks : how many
    error_pct : SD of one test

    Returns
    -------
    Blocks, of what diary and laboratory say; nothing of the hidden truth
    """
    keys = [(int(i),) for i in world.body.index]
    u = draws.table(world.seed, _LOTS, keys, 2 * blocks, normal=False).reshape(-1, blocks, 2)
    volume, tilt = (low + (high - low) * u[..., i] for i, (low, high) in enumerate((VOLUME, TILT)))
    sex, reference = world.athletes()["sex"].to_numpy(), world.diary().habit_min_week
    known, tests = [], [world.test(error_pct)]
    for block in range(blocks):
        diary = world.diary()
        week = world.habit_week(volume[:, block], tilt[:, block])
        for _ in range(BLOCK_WEEKS):
            world = world.follow(week)
        done = world.diary().recent_min_week
        known.append((diary.habit_min_week, diary.recent_min_week, done))
        world = world.rest()
        tests.append(world.test(error_pct))
    habit, recent, done = (np.stack(parts, axis=1) for parts in zip(*known, strict=True))
    change = 100 * (np.stack(tests[1:], axis=1) / np.stack(tests[:-1], axis=1) - 1)
    return Blocks(sex, reference, habit, recent, done, change)


@cache
def simulated_population(generator: str = "simulated") -> EffectModel:
    """The prior that simulated athletes give, who took part in no study of the book."""
    return fit_population(by_lot(World.draw(MANY, seed=0, generator=generator, first=200_000)
                                 .rest()))  # fmt: skip
