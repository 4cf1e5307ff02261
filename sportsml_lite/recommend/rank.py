r"""Candidate weeks in order: by what they bring *at least*, and what picking the largest does.

Whoever picks the largest of several predictions picks a large error with it: on average the chosen
week brings less than was predicted (the optimiser's curse, Smith and Winkler 2006). A week is
therefore ranked by the lower bound of what it brings more than going on as usual,

.. math:: \underline{d}_k = \hat\mu_k - \hat\mu_0 - z\,\sqrt{V_{kk} + V_{00} - 2 V_{k0}} ,

with z of the two-sided level, and where no bound is above 0, nothing is recommended but to go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.recommend.week import Week

USUAL = "as usual"  # name of the week that all others are held against
LEVEL = 0.90  # of an interval around what one week brings


@dataclass(frozen=True)
class Refused:
    """A week that breaks a rule: what it would have brought more than as usual (%), and why not."""

    week: Week
    mean: float
    low: float
    high: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Ranking:
    """Weeks, the one to take first, then by their lower bound.

    mean, low, high : (n,) % of VO2max over a block, more than going on as usual
    refused : the others, the most promising first
    abstained : whether no week is surely better than going on as usual
    level : of the intervals
    """

    weeks: tuple[Week, ...]
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    refused: tuple[Refused, ...]
    abstained: bool
    level: float

    @property
    def sentence(self) -> str:
        """What is recommended, and how sure that is."""
        if not self.abstained:
            return f"Take {self.weeks[0].name!r}: {self._expected(0)}."
        others = [i for i, week in enumerate(self.weeks) if week.name != USUAL]
        first = self.weeks[0].name
        start = "Go on as usual" if first == USUAL else f"Take {first!r}, as the rules ask"
        if not others:
            return f"{start}: no other week keeps to the rules."
        near = max(others, key=lambda i: self.low[i])
        named = "it" if self.weeks[near].name == first else f"{self.weeks[near].name!r}"
        return (
            f"{start}: no week is surely better than going on. Of the others, {named} comes "
            f"nearest: {self._expected(near)}."
        )

    def _expected(self, i):
        return (
            f"{self.mean[i]:+.1f} % of VO2max in four weeks against going on as usual "
            f"({100 * self.level:.0f} % interval {self.low[i]:+.1f} to {self.high[i]:+.1f})"
        )


def rank(
    weeks: Sequence[Week],
    mean,
    covariance,
    refused: Mapping[str, tuple[str, ...]] | None = None,
    level: float = LEVEL,
) -> Ranking:
    """Order weeks by the lower bound of what they bring more than going on as usual.

    Parameters
    ----------
    weeks : K candidate weeks, accepted and refused; one named ``as usual``, if there is one, is
        what the others are held against, and else no change at all
    mean, covariance : (K,) and (K, K) of their effects, %, as an ``EffectModel`` gives them
    refused : name of a week → why it is refused
    level : of the two-sided interval, above 0 and below 1

    Raises
    ------
    UserError for shapes that do not agree, two weeks of one name, a level out of range, or no
    accepted week
    """
    names, refused = [week.name for week in weeks], dict(refused or {})
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    _check(names, mean, covariance, refused, level)
    gain, sd = against(names, mean, covariance)
    low, high = gain - z_of(level) * sd, gain + z_of(level) * sd
    left_out = [i for i, name in enumerate(names) if name in refused]
    left_out.sort(key=lambda i: -gain[i])
    kept = [i for i, name in enumerate(names) if name not in refused]
    abstained = not any(low[i] > 0 for i in kept if names[i] != USUAL)
    kept.sort(key=lambda i: (not (abstained and names[i] == USUAL), -low[i]))
    return Ranking(
        tuple(weeks[i] for i in kept),
        *(values[kept] for values in (gain, low, high)),
        tuple(
            Refused(weeks[i], *(float(v[i]) for v in (gain, low, high)), refused[names[i]])
            for i in left_out
        ),
        abstained,
        level,
    )


def lower_bounds(names: Sequence[str], mean, covariance, level: float = LEVEL) -> np.ndarray:
    """What each week brings at least, (K,) % more than the one named ``as usual``."""
    gain, sd = against(names, mean, covariance)
    return gain - z_of(level) * sd


def against(names: Sequence[str], mean, covariance) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD, (K,) each, of what each week brings more than the one named ``as usual``.

    Without a week of that name they are held against no change at all.
    """
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    variance = np.diag(covariance)
    if USUAL not in names:
        return mean, np.sqrt(variance)
    usual = list(names).index(USUAL)
    apart = variance + variance[usual] - 2 * covariance[usual]
    return mean - mean[usual], np.sqrt(np.maximum(apart, 0))


def z_of(level: float) -> float:
    """Half the width of a two-sided interval in standard deviations, for a normal quantity."""
    from scipy.special import ndtri  # scipy.stats is slow to import

    return float(ndtri(0.5 + level / 2))


def _check(names, mean, covariance, refused, level):
    count = len(names)
    if mean.shape != (count,) or covariance.shape != (count, count):
        raise UserError(
            f"{count} weeks with means of shape {mean.shape} and a covariance of shape "
            f"{covariance.shape}: give one mean a week, and a covariance of each pair"
        )
    if len(set(names)) < count:
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two weeks are called {twice!r}: give each another name")
    if not 0 < level < 1:
        raise UserError(f"level = {level}: give a share above 0 and below 1, such as 0.9")
    if set(names) <= set(refused):
        raise UserError("every week is refused: change the wishes, so that one keeps to the rules")


def curse(
    error_sd, spread: float, repeats: int = 20_000, seed: int = 0, level: float = LEVEL
) -> pd.DataFrame:
    r"""What the chosen of several candidates is predicted to bring, and what it brings.

    True effects are drawn from N(0, spread²), and each prediction errs with a standard deviation of
    its own. Chosen is the largest prediction, the largest lower bound, or the largest prediction
    after shrinking it towards 0 as Bayes' rule does. For K equal errors s the first disappoints by
    :math:`s^2/\sqrt{s^2 + \tau^2}` times the mean of the largest of K standard normal numbers.

    Parameters
    ----------
    error_sd : (K,) SD of the error of each candidate's prediction, %
    spread : τ, SD of true effects between candidates, %
    repeats : imagined choices; seed : of their draws; level : of the interval of the bound

    Returns
    -------
    DataFrame, index ``by prediction``, ``by lower bound``, ``shrunk``; columns ``predicted`` and
    ``true`` of the chosen, ``disappointment`` (their difference), means over choices, %

    Raises
    ------
    UserError for no candidate, a negative error or spread, or both 0
    """
    sd = np.atleast_1d(np.asarray(error_sd, float))
    if not len(sd) or not (sd >= 0).all() or not spread >= 0 or not (sd + spread > 0).all():
        raise UserError(
            f"curse: errors {sd} and spread {spread}: give candidates with errors of 0 or more, "
            "and a spread above 0"
        )
    random = np.random.default_rng(seed)
    true = spread * random.standard_normal((repeats, len(sd)))
    seen = true + sd * random.standard_normal((repeats, len(sd)))
    shrunk = seen * (spread**2 / (spread**2 + sd**2))
    ways = {
        "by prediction": (seen, seen),
        "by lower bound": (seen, seen - z_of(level) * sd),
        "shrunk": (shrunk, shrunk),
    }
    rows = {}
    for name, (said, by) in ways.items():
        at = np.arange(repeats), by.argmax(axis=1)
        rows[name] = {"predicted": said[at].mean(), "true": true[at].mean()}
    found = pd.DataFrame.from_dict(rows, orient="index")
    return found.assign(disappointment=found["predicted"] - found["true"])
