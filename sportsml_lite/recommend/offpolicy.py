r"""What another policy would have brought, from decisions that were logged under a first one.

A log holds N decisions: what was known of somebody, x; the action a that was taken with the
probability p(a | x), its *propensity*; and the reward r. Asked is the mean reward V of a policy
that takes a with the probability π(a | x). With :math:`w = \pi(a \mid x) / p(a \mid x)` and a
model q(x, a) of the reward:

.. math::
   V_\text{IPS} = \tfrac1N \sum w\,r, \qquad
   V_\text{SNIPS} = \frac{\sum w\,r}{\sum w}, \qquad
   V_\text{DM} = \tfrac1N \sum_{} \sum_b \pi(b \mid x)\,q(x, b),

.. math::
   V_\text{DR} = \tfrac1N \sum \Bigl[\sum_b \pi(b \mid x)\,q(x, b) + w\,(r - q(x, a))\Bigr].

The first is unbiased where the propensities are those by which the actions were drawn, and noisy
where they are small; the second divides by the weights that came out and is steadier; the third is
as good as its model; the fourth is right if *either* propensities or model are. None of them helps
where whoever chose knew something of the reward that neither x nor the propensity holds.

An athlete counts once: the mean is over athletes of the means over their decisions, and so are the
intervals (:func:`sportsml_lite.evaluate.interval`). The interval of the direct method holds its
model for true, and is too short.

Sources: Horvitz and Thompson (1952); Swaminathan and Joachims (2015) for SNIPS; Dudík, Langford and
Li (2011) for DR; Kish (1965) for the effective size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite import evaluate
from sportsml_lite.errors import UserError
from sportsml_lite.protocol import PROTOCOL

ESTIMATORS = ("ips", "snips", "dm", "dr")
_SUM = 1e-6  # how far probabilities may be from a sum of 1


@dataclass(frozen=True)
class Log:
    """Decisions, one a row.

    athlete : (N,) who; action : (N,) whole numbers from 0 to K - 1; reward : (N,), of any unit
    propensity : (N,) probability by which the action was drawn, above 0, at most 1

    Raises
    ------
    UserError for shapes that differ, a missing reward, an action that is no whole number, or a
    propensity outside (0, 1]
    """

    athlete: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray

    def __post_init__(self):
        shapes = {name: np.shape(value) for name, value in vars(self).items()}
        if len(set(shapes.values())) > 1 or len(shapes["action"]) != 1 or not shapes["action"][0]:
            raise UserError(f"log: shapes {shapes}; make all (N,), a row a decision")
        if not np.issubdtype(np.asarray(self.action).dtype, np.integer) or min(self.action) < 0:
            raise UserError("log: actions are whole numbers from 0; number the plans")
        if not np.isfinite(np.asarray(self.reward, float)).all():
            raise UserError("log: a reward is missing; leave such decisions out and say so")
        p = np.asarray(self.propensity, float)
        bad = ~((p > 0) & (p <= 1))
        if bad.any():
            row = int(bad.argmax())
            raise UserError(
                f"log: decision {row} has propensity {p[row]:g}; give the probability by which its "
                "action was drawn, above 0 and at most 1: what could not happen tells nothing"
            )


@dataclass(frozen=True)
class Value:
    """Value of a policy with its interval over athletes, and what it rests on.

    effective : decisions that equal weights would need to be as sure, (Σw)²/Σw²; N for the direct
        method
    largest : the largest weight's share of all
    """

    interval: evaluate.Interval
    effective: float
    largest: float


def weights(log: Log, target) -> np.ndarray:
    """Ratio of the target's probability of each logged action to its propensity, (N,).

    Parameters
    ----------
    log : decisions
    target : (N, K) probability of each action under the policy that is asked about

    Raises
    ------
    UserError if the target's rows are no probabilities of the log's actions
    """
    target = np.asarray(target, float)
    n, most = len(log.action), int(np.max(log.action))
    if target.ndim != 2 or len(target) != n or target.shape[1] <= most:
        raise UserError(
            f"target has shape {target.shape}: give (N, K), here ({n}, {most + 1} or more)"
        )
    if not (target >= 0).all() or np.abs(target.sum(1) - 1).max() > _SUM:
        raise UserError("target: each row must hold probabilities that sum to 1")
    return target[np.arange(n), log.action] / np.asarray(log.propensity, float)


def value(log: Log, target, estimator: str = "dr", model=None) -> Value:
    """What a policy would have brought on average, had it chosen instead.

    Parameters
    ----------
    log, target : as for :func:`weights`
    estimator : of :data:`ESTIMATORS`
    model : (N, K) predicted reward of each action, for ``'dm'`` and ``'dr'``; fitted without the
        athlete of the row, see :func:`crossed`

    Raises
    ------
    UserError for another estimator, a model that is missing or misshaped, a log in which the policy
    never acts as it would, or fewer than two athletes
    """
    if estimator not in ESTIMATORS:
        raise UserError(f"estimator {estimator!r}: choose one of {', '.join(ESTIMATORS)}")
    w, reward = weights(log, target), np.asarray(log.reward, float)
    share = _shares(log.athlete)
    if estimator != "dm" and not w.any():
        raise UserError("the log never holds what the policy would do: no weight is above 0")
    if estimator == "ips":
        terms = w * reward
    elif estimator == "snips":
        # The ratio of two means, and each decision's pull on it.
        scale = share @ w
        ratio = share @ (w * reward) / scale
        terms = ratio + w * (reward - ratio) / scale
    else:
        model = _model(model, np.shape(target), estimator)
        terms = (np.asarray(target, float) * model).sum(1)
        if estimator == "dr":
            terms = terms + w * (reward - model[np.arange(len(w)), log.action])
    size = np.ones(len(w)) if estimator == "dm" else w
    return Value(
        _over_athletes(log.athlete, terms), effective(size), float(size.max() / size.sum())
    )


def effective(w) -> float:
    r"""Decisions of equal weight that would tell as much, :math:`(\sum w)^2 / \sum w^2`.

    Parameters
    ----------
    w : (N,) weights, at least one above 0

    Raises
    ------
    UserError if none is, or one is negative
    """
    w = np.asarray(w, float)
    if not (w >= 0).all() or not w.any():
        raise UserError("weights: give numbers of 0 or more, one of them above 0")
    return float(w.sum() ** 2 / np.square(w).sum())


def crossed(
    athlete, fit: Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]], folds: int = 5
) -> np.ndarray:
    """Answers for every row of a model that never met the row's athlete.

    Parameters
    ----------
    athlete : (N,) of each row
    fit : (N,) bool of the rows to learn from → function of (N,) bool rows to their answers
    folds : groups of athletes, each left out in turn

    Returns
    -------
    (N, ...) float array

    Raises
    ------
    UserError with fewer athletes than folds
    """
    codes = pd.factorize(np.asarray(athlete))[0]
    if codes.max() + 1 < folds:
        raise UserError(f"{codes.max() + 1} athletes for {folds} folds: give one a fold at least")
    out = None
    for fold in range(folds):
        rows = codes % folds == fold
        found = np.asarray(fit(~rows)(rows), float)
        out = np.full((len(codes), *found.shape[1:]), np.nan) if out is None else out
        out[rows] = found
    return out


def _shares(athlete) -> np.ndarray:
    """Weight of each decision in the mean over athletes, (N,), sum 1."""
    _, code, count = np.unique(np.asarray(athlete), return_inverse=True, return_counts=True)
    return 1 / (len(count) * count[code])


def _over_athletes(athlete, terms) -> evaluate.Interval:
    """Mean over athletes with its t interval; as :func:`sportsml_lite.evaluate.interval`, faster.

    Raises
    ------
    UserError below two athletes
    """
    from scipy.special import stdtr, stdtrit  # scipy.stats is slow to import

    _, code, count = np.unique(np.asarray(athlete), return_inverse=True, return_counts=True)
    people = len(count)
    if people < 2:
        raise UserError(f"{people} athlete: an interval over athletes needs two or more")
    own = np.bincount(code, weights=terms) / count
    mean, error = float(own.mean()), float(own.std(ddof=1) / np.sqrt(people))
    half = float(stdtrit(people - 1, 0.5 + PROTOCOL.level / 2)) * error
    p = float(2 * stdtr(people - 1, -abs(mean) / error)) if error else float(mean == 0)
    return evaluate.Interval(mean, mean - half, mean + half, PROTOCOL.level, people, 1, p)


def _model(model, shape, estimator: str) -> np.ndarray:
    if model is None:
        raise UserError(f"{estimator}: give model, (N, K) predicted rewards")
    model = np.asarray(model, float)
    if model.shape != shape or not np.isfinite(model).all():
        raise UserError(f"model has shape {model.shape}: give (N, K) = {shape}, nothing missing")
    return model
