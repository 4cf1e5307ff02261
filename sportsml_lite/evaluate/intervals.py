"""Intervals over athletes and seeds, and what may be said of a difference.

An athlete is the unit that a conclusion is drawn about, so athletes are resampled, not rows. Every
seed's model is tested on every athlete, so seeds *cross* athletes: both are resampled, each by
itself (the pigeonhole bootstrap, Owen 2007), and a lucky seed is lucky for all athletes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate.metrics import ERRORS, athlete_sums, from_sums
from sportsml_lite.protocol import PROTOCOL, Margin, margin

_CHUNK = 4_000_000  # athlete draws held at once: 32 MB an array


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile interval; ``f"{interval:.2f}"`` gives 0.43 [0.40, 0.46]."""

    estimate: float
    low: float
    high: float
    level: float
    athletes: int
    seeds: int

    def __format__(self, spec: str) -> str:
        return f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


@dataclass(frozen=True)
class Comparison:
    """A candidate against a reference, paired by athlete.

    gain : mean over athletes and seeds, above 0 where the candidate is better
    harmed : share of athletes (mean over seeds) that lose more than the margin of harm
    noninferior : the gain's interval stays above minus the smallest effect worth naming
    verdict : see :func:`verdict`
    """

    gain: Interval
    harmed: Interval
    noninferior: bool
    verdict: str


def bootstrap(
    values, seed: int = 0, draws: int = PROTOCOL.draws, level: float = PROTOCOL.level
) -> Interval:
    """Mean over athletes (and seeds) with its percentile interval.

    With S seeds, resampling them understates their variance by (S - 1)/S: take five or more.

    Parameters
    ----------
    values : (A,) one value an athlete, or (A, S), a column a seed
    seed : of the bootstrap itself

    Raises
    ------
    UserError below two athletes, or if a value is missing
    """
    values = np.asarray(values, dtype=float)
    table = values[:, None] if values.ndim == 1 else values
    if table.ndim != 2 or len(table) < 2:
        raise UserError(f"bootstrap: values have shape {values.shape}; give 2 athletes or more")
    missing = ~np.isfinite(table).all(axis=1)
    if missing.any():
        raise UserError(
            f"bootstrap: {missing.sum()} of {len(table)} athletes have no value; leave them out "
            "and say so"
        )

    def means(weights):
        return weights @ table / len(table)

    return _percentile(table.mean(), means, table.shape, seed, draws, level)


def score_interval(
    truth, prediction, athlete, metric: str, seed: int = 0, draws: int = PROTOCOL.draws
) -> Interval:
    """A metric of all rows together, with its interval over athletes (and seeds).

    Parameters
    ----------
    truth : (N,) array
    prediction : (N,) array, or a list of such arrays, one a seed; the metric is their mean
    athlete : (N,) athlete of each row
    metric : one of ``METRICS``
    """
    sums = _sums(truth, prediction, athlete, metric)

    def values(weights):
        return np.stack([from_sums(weights @ s, metric) for s in sums], axis=1)

    estimate = np.mean([from_sums(s.sum(0), metric) for s in sums])
    return _percentile(estimate, values, (len(sums[0]), len(sums)), seed, draws, PROTOCOL.level)


def gain_interval(
    truth, reference, candidate, athlete, metric: str, seed: int = 0, draws: int = PROTOCOL.draws
) -> Interval:
    """How much better the candidate is in a metric of all rows together, paired by athlete.

    Above 0 the candidate is better, whether the metric is an error or a score. ``reference`` and
    ``candidate`` are predictions as in :func:`score_interval`; lists pair seed by seed, and a
    single array stands for a model without seeds.
    """
    a, b = (_sums(truth, p, athlete, metric) for p in (reference, candidate))
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise UserError(f"gain: {len(a)} seeds against {len(b)}; give as many of both, or one")
    sign = 1 if metric in ERRORS else -1
    seeds = max(len(a), len(b))
    pairs = list(zip(_repeat(a, seeds), _repeat(b, seeds), strict=True))

    def gains(weights):
        return sign * np.stack(
            [from_sums(weights @ x, metric) - from_sums(weights @ y, metric) for x, y in pairs], 1
        )

    estimate = gains(np.ones((1, len(a[0])))).mean()
    return _percentile(estimate, gains, (len(a[0]), seeds), seed, draws, PROTOCOL.level)


def compare(reference, candidate, quantity: str, seed: int = 0) -> Comparison:
    """Judge a candidate against a reference by the protocol's margins.

    Parameters
    ----------
    reference, candidate : Series (athletes) or DataFrame (athletes × seeds) of an error in the
        unit of ``quantity`` (RMSE or MAE) or of a score, as from :func:`by_athlete`; a Series
        beside a DataFrame is a model without seeds
    quantity : key of ``protocol.MARGINS``, e.g. ``'effect'`` or ``'macro_f1'``

    Raises
    ------
    UserError if the two don't hold the same athletes and seeds
    """
    rule = margin(quantity)
    a, b = (pd.DataFrame(v).sort_index() for v in (reference, candidate))
    seeds = {a.shape[1], b.shape[1]} - {1}
    if not a.index.equals(b.index) or a.index.has_duplicates or len(seeds) > 1:
        raise UserError(
            f"compare: {a.shape[0]} athletes × {a.shape[1]} seeds against {b.shape[0]} × "
            f"{b.shape[1]}, or other names; give both for the same athletes, each once"
        )
    gain = (a.to_numpy() - b.to_numpy()) * (1 if rule.better == "lower" else -1)
    interval = bootstrap(gain, seed)
    harmed = bootstrap((gain.mean(axis=1) < -rule.harm).astype(float), seed)
    return Comparison(interval, harmed, noninferior(interval, rule), verdict(interval, rule))


def noninferior(gain: Interval, rule: Margin) -> bool:
    """Whether the whole interval lies above minus the smallest difference worth naming."""
    return gain.low > -rule.worth_naming


def verdict(gain: Interval, rule: Margin) -> str:
    """What the text may say of a gain.

    ``'better'`` or ``'worse'`` when the interval leaves out 0 and the estimate is worth naming,
    ``'no difference'`` when the whole interval is too small to name, else ``'undecided'``.
    """
    if max(abs(gain.low), abs(gain.high)) < rule.worth_naming:
        return "no difference"
    if gain.low > 0 and gain.estimate >= rule.worth_naming:
        return "better"
    if gain.high < 0 and gain.estimate <= -rule.worth_naming:
        return "worse"
    return "undecided"


def _percentile(
    estimate: float, values: Callable, shape: tuple[int, int], seed: int, draws: int, level: float
) -> Interval:
    """Percentiles of the draws; ``values(weights (b, A))`` gives (b, S), a value a seed."""
    athletes, seeds = shape
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // athletes)
    found = []
    for begin in range(0, draws, step):
        count = min(step, draws - begin)
        each = values(_weights(rng, count, athletes))
        found.append((each * _weights(rng, count, seeds)).sum(axis=1) / seeds)
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(found), [tail, 1 - tail])
    return Interval(float(estimate), float(low), float(high), level, athletes, seeds)


def _weights(rng, draws: int, units: int) -> np.ndarray:
    """How often each unit was drawn, (draws, units) float."""
    if units == 1:
        return np.ones((draws, 1))
    drawn = rng.integers(units, size=(draws, units)) + units * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * units).reshape(draws, units).astype(float)


def _sums(truth, prediction, athlete, metric: str) -> list[np.ndarray]:
    """Sums of each athlete, (A, M), one array a seed."""
    seeds = prediction if isinstance(prediction, (list, tuple)) else [prediction]
    found = [athlete_sums(truth, p, athlete, metric) for p in seeds]
    if len(found[0][0]) < 2:
        raise UserError("interval: only one athlete; an interval over athletes needs two or more")
    return [sums for _, sums in found]


def _repeat(items: list, count: int) -> list:
    return items * count if len(items) == 1 else items
