"""Ways to choose the next block among the weeks that the rules accept.

Each policy is a function of a situation that gives the probability of every accepted week: 1 for
the one it takes, or several where it draws. What is logged is that probability, so that another
policy can be judged from the log. Only the oracle reads the hidden truth.

**Thompson sampling** draws coefficients from what is believed of the athlete and takes the week
that is best under them, so that weeks are tried as often as they may be the best. The prior is
pooled over many athletes and the posterior is the athlete's own, as in Tomkins et al. (2021); there
the pool also learns from the athletes who are being advised, here it stays as it was fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sportsml_lite.recommend.effect import EffectModel
from sportsml_lite.recommend.rank import LEVEL, USUAL, lower_bounds

DRAWS = 1000  # of coefficients, by which a Thompson sampler's probabilities are counted


@dataclass(frozen=True)
class Situation:
    """An athlete on the day a block is chosen.

    names : of the K accepted weeks; X : (K, F) features of a block of each
    population : the prior; personal : the same after the athlete's own blocks
    truth : (K,) % that each block would bring; for the oracle alone
    """

    names: tuple[str, ...]
    X: np.ndarray
    population: EffectModel
    personal: EffectModel
    truth: np.ndarray

    @property
    def usual(self) -> int:
        """Place of the week that goes on as usual; where the rules refuse it, of the first one."""
        return self.names.index(USUAL) if USUAL in self.names else 0


Policy = Callable[[Situation, np.random.Generator], np.ndarray]


def as_usual(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """Go on as usual."""
    return _surely(situation, situation.usual)


def random_safe(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """Any accepted week, each as likely as another."""
    return np.full(len(situation.names), 1 / len(situation.names))


def greedy(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """The highest mean of the population's model, whatever the athlete's own tests say."""
    return _surely(situation, int(np.argmax(situation.X @ situation.population.mean)))


def feedback(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """The highest mean of the athlete's own model."""
    return _surely(situation, int(np.argmax(situation.X @ situation.personal.mean)))


def lower_bound(situation: Situation, rng: np.random.Generator, level: float = LEVEL) -> np.ndarray:
    """What brings most at least by the athlete's own model; where nothing does, as usual."""
    mean = situation.X @ situation.personal.mean
    low = lower_bounds(situation.names, mean, situation.personal.spread(situation.X), level)
    best = int(np.argmax(low))
    return _surely(situation, best if low[best] > 0 else situation.usual)


def half_sure(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """The same with an interval that only every other effect lies in."""
    return lower_bound(situation, rng, level=0.5)


def thompson(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """How often each week is the best under coefficients drawn from what is believed."""
    beta = situation.personal.sample(rng, DRAWS)
    best = (situation.X @ beta.T).argmax(axis=0)
    return np.bincount(best, minlength=len(situation.names)) / DRAWS


def oracle(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """The week whose block truly brings most by the next test."""
    return _surely(situation, int(np.argmax(situation.truth)))


def _surely(situation, k):
    chance = np.zeros(len(situation.names))
    chance[k] = 1.0
    return chance


POLICIES: dict[str, Policy] = {
    function.__name__: function
    for function in (
        as_usual,
        random_safe,
        greedy,
        feedback,
        half_sure,
        lower_bound,
        thompson,
        oracle,
    )
}
