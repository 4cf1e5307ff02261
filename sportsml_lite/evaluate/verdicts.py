r"""Means, paired gains and verdicts, computed from a Scores table when a page is drawn.

**What is estimated.** The mean over athletes of a metric, or of the gain of one arm over another,
for *new* athletes and *newly trained* models.

**The interval.** An athlete is tested by several models, and a model tests all athletes of its
fold. Both are drawn from something larger, so both count. With :math:`e_{am}` the deviation of
athlete a under model m from the mean, and :math:`w_{am}` its weight, the variance of the mean is

.. math:: V = V_\text{athletes} + V_\text{models} - V_\text{cells}, \quad
   V_\text{athletes} = \tfrac{A}{A-1} \sum_a \Bigl(\sum_m w_{am} e_{am}\Bigr)^2

and likewise for models and cells (two-way clustering, Cameron, Gelbach and Miller 2011). The
interval uses Student's t, with the degrees of freedom of the two parts weighted by their size.
Resampling athletes and seeds as if every seed's model met every athlete, as
earlier versions of this book did, gives intervals that are too short: a model meets the athletes
of one fold only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate.metrics import ERRORS
from sportsml_lite.protocol import PROTOCOL, Margin, margin

MODEL = ["partition", "fold"]  # seeds of one fold share its training athletes
JOB = [*MODEL, "seed"]
LEAST = 3  # athletes of a tenth: fewer would be anecdotes


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; ``f"{interval:.2f}"`` gives 0.43 [0.40, 0.46].

    athletes, models : how many of each stand behind it; p : two-sided, of an estimate of 0
    """

    estimate: float
    low: float
    high: float
    level: float
    athletes: int
    models: int
    p: float

    def __format__(self, spec: str) -> str:
        sign = spec[:1] if spec[:1] in ("+", "-", " ") else ""
        spec = f"{sign}z{spec.removeprefix(sign)}"  # z: never -0.000
        return f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


@dataclass(frozen=True)
class Comparison:
    """An arm against another, paired by athlete and model.

    gain : mean over athletes, above 0 where the arm is better, whatever the metric
    harmed, helped : athletes (mean over their models) who lose, or gain, more than the margin of
        harm; print ``harmed`` beside the same count of an arm that differs by its seed alone
    worst_tenth : mean gain of the tenth of athletes (at least one) with the smallest gains: whom
        the arm served worst, not whom the reference did, see :func:`lowest_tenth`
    noninferior : the interval stays above minus the smallest effect worth naming
    """

    gain: Interval
    harmed: int
    helped: int
    athletes: int
    worst_tenth: float
    noninferior: bool
    verdict: str

    @property
    def p(self) -> float:
        """Two-sided p value of no gain."""
        return self.gain.p


def mean(scores: pd.DataFrame, arm: str, metric: str = "macro_f1") -> Interval:
    """Mean of a metric over athletes, with its interval.

    Parameters
    ----------
    scores : Scores of one study and data set; filter by settings first
    arm : name of the arm
    metric : as in the table

    Raises
    ------
    UserError if the table has no such row, or fewer than two athletes or models
    """
    return interval(_cells(scores, arm, metric))


def gains(scores: pd.DataFrame, arm: str, against: str, metric: str = "macro_f1") -> pd.Series:
    """Each athlete's gain of ``arm`` over ``against``, mean over their models; index athlete."""
    return _paired(scores, arm, against, metric).groupby(level="athlete").mean()


def athlete_values(scores: pd.DataFrame, arm: str, metric: str = "macro_f1") -> pd.Series:
    """Each athlete's value of a metric, mean over the models that tested them; index athlete."""
    return _cells(scores, arm, metric).groupby(level="athlete").mean()


def compare(
    scores: pd.DataFrame,
    arm: str,
    against: str,
    metric: str = "macro_f1",
    quantity: str | None = None,
) -> Comparison:
    """Judge an arm against another by the protocol's margins.

    Parameters
    ----------
    scores : Scores of one study and data set; filter by settings first
    arm, against : names of arms; they are compared where both were run, athlete by athlete
    metric : as in the table
    quantity : key of ``protocol.MARGINS``; None is the metric itself

    Raises
    ------
    UserError if an arm is missing, or the two do not hold the same athletes and models
    """
    rule = margin(quantity or metric)
    cells = _paired(scores, arm, against, metric)
    gain = interval(cells)
    own = cells.groupby(level="athlete").mean()
    few = max(1, round(0.1 * len(own)))
    return Comparison(
        gain,
        harmed=int((own < -rule.harm).sum()),
        helped=int((own > rule.harm).sum()),
        athletes=len(own),
        worst_tenth=float(np.sort(own)[:few].mean()),
        noninferior=noninferior(gain, rule),
        verdict=verdict(gain, rule),
    )


def compare_all(
    tables: Mapping[str, pd.DataFrame], questions: Mapping[str, tuple[str, str]]
) -> dict[tuple[str, str], Comparison]:
    """Every question on every data set: (data set, question) → :func:`compare`.

    Parameters
    ----------
    tables : Scores by data set; a question whose arms a table lacks is left out
    questions : an arm, and the one that it is held against, by name
    """
    return {
        (dataset, name): compare(scores, *pair)
        for dataset, scores in tables.items()
        for name, pair in questions.items()
        if set(pair) <= set(scores["arm"])
    }


def lowest_tenth(
    scores: pd.DataFrame, arm: str, against: str, again: str, metric: str = "macro_f1"
) -> Interval:
    """Mean gain of those whom the reference serves worst, and so need one most.

    They are the tenth (at least three) with the worst values under ``again``. Who scores low by the
    luck of a training scores higher the next time whatever is done; chosen by another seed's
    values, that luck is no part of the gain. The luck of the athlete's test windows, which all arms
    share, is.

    Parameters
    ----------
    scores : Scores of one study and data set; filter by settings first
    arm, against : names of arms; again : ``against`` trained from another seed
    metric : as in the table

    Raises
    ------
    UserError as for :func:`compare`
    """
    cells = _paired(scores, arm, against, metric)
    by = athlete_values(scores, again, metric) * (-1 if metric in ERRORS else 1)
    by = by[by.index.isin(cells.index.get_level_values("athlete"))]
    few = by.nsmallest(max(LEAST, round(0.1 * len(by)))).index
    return interval(cells[cells.index.get_level_values("athlete").isin(few)])


def interval(cells: pd.Series, level: float = PROTOCOL.level) -> Interval:
    """Mean over athletes of their means, with a two-way clustered t interval.

    Parameters
    ----------
    cells : values with the index levels athlete, partition, fold, seed
    level : of the interval

    Raises
    ------
    UserError below two athletes, or if a value is missing
    """
    from scipy.special import stdtr, stdtrit  # scipy.stats is slow to import

    values = cells.to_numpy(dtype=float)
    athlete, model = _clusters(cells.index, ["athlete"]), _clusters(cells.index, MODEL)
    counts = np.bincount(athlete)
    people, models = len(counts), len(np.unique(model))
    if people < 2:
        raise UserError(f"interval: {people} athlete; an interval over athletes needs two or more")
    if not np.isfinite(values).all():
        name = cells.index.get_level_values("athlete")[int(np.argmax(~np.isfinite(values)))]
        raise UserError(f"interval: athlete {name!r} has no value; leave them out and say so")
    weight = 1 / (people * counts[athlete])
    estimate = float(weight @ values)
    pull = weight * (values - estimate)
    parts = {
        "athletes": _clustered(pull, athlete),
        "models": _clustered(pull, model) if models > 1 else 0.0,
        "cells": _clustered(pull, _clusters(cells.index, ["athlete", *MODEL])),
    }
    # Each way of clustering alone is a lower bound of the truth; the difference may be noisy.
    variance = max(
        parts["athletes"] + parts["models"] - parts["cells"], parts["athletes"], parts["models"]
    )
    freedom = _freedom(parts, people, models)
    error = float(np.sqrt(variance))
    half = float(stdtrit(freedom, 0.5 + level / 2)) * error
    p = float(2 * stdtr(freedom, -abs(estimate) / error)) if error else float(estimate == 0)
    return Interval(estimate, estimate - half, estimate + half, level, people, models, p)


def holm(comparisons: Mapping[str, Comparison], level: float = PROTOCOL.level) -> dict[str, bool]:
    """Which gains of a family differ from 0 after Holm's correction for asking so many questions.

    The smallest p value is held against (1 - level)/n, the next against (1 - level)/(n - 1), and
    so on until one fails (Holm 1979).
    """
    order = sorted(comparisons, key=lambda name: comparisons[name].p)
    survives, alive = {}, True
    for rank, name in enumerate(order):
        alive = alive and comparisons[name].p <= (1 - level) / (len(order) - rank)
        survives[name] = alive
    return {name: survives[name] for name in comparisons}


def noninferior(gain: Interval, rule: Margin) -> bool:
    """Whether the whole interval lies above minus the smallest difference worth naming."""
    return gain.low > -rule.smallest_effect


def verdict(gain: Interval, rule: Margin) -> str:
    """What the text may say of a gain.

    ``'better'`` or ``'worse'`` when the interval leaves out 0 and the estimate is worth naming,
    ``'no difference'`` when the whole interval is too small to name, else ``'undecided'``.
    """
    if max(abs(gain.low), abs(gain.high)) < rule.smallest_effect:
        return "no difference"
    if gain.low > 0 and gain.estimate >= rule.smallest_effect:
        return "better"
    if gain.high < 0 and gain.estimate <= -rule.smallest_effect:
        return "worse"
    return "undecided"


def _clusters(index: pd.MultiIndex, names: list[str]) -> np.ndarray:
    """Number of each row's cluster, from 0; in codes, since a page asks for hundreds."""
    codes = np.array([index.codes[index.names.index(name)] for name in names])
    return np.unique(codes, axis=1, return_inverse=True)[1].reshape(-1)


def _clustered(pull: np.ndarray, cluster: np.ndarray) -> float:
    """Variance from the sums of the clusters, with the correction for few of them."""
    sums = np.bincount(cluster, pull)
    return float(sums @ sums * len(sums) / (len(sums) - 1))


def _freedom(parts: dict[str, float], people: int, models: int) -> float:
    """Degrees of freedom: the harmonic mean of both, weighted by their shares of the variance."""
    own = {"athletes": people - 1, "models": max(1, models - 1)}
    total = sum(parts[name] for name in own)
    return total / sum(parts[n] / own[n] for n in own) if total else float(people - 1)


def _cells(scores: pd.DataFrame, arm: str, metric: str) -> pd.Series:
    """Values of one arm by athlete, partition, fold and seed."""
    part = scores[(scores["arm"] == arm) & (scores["metric"] == metric)]
    if not len(part):
        known = ", ".join(sorted(scores["arm"].unique()))
        raise UserError(f"scores: no row of arm {arm!r} with metric {metric!r}; arms: {known}")
    cells = part.set_index(["athlete", *JOB])["value"].sort_index()
    if cells.index.has_duplicates:
        raise UserError(
            f"scores: arm {arm!r} has several rows an athlete; filter by data set and settings"
        )
    return cells


def _paired(scores: pd.DataFrame, arm: str, against: str, metric: str) -> pd.Series:
    candidate, reference = (_cells(scores, name, metric) for name in (arm, against))
    if not candidate.index.equals(reference.index):
        raise UserError(
            f"compare: {arm!r} has {len(candidate)} rows and {against!r} {len(reference)}, or "
            "others; both need the same athletes, folds and seeds"
        )
    return (candidate - reference) * (-1 if metric in ERRORS else 1)
