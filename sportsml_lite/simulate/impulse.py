r"""Athletes who follow Banister's impulse-response model exactly, and their tests with an error.

With w the load of a day, in shares of the accustomed load of a day, and p the performance in the
morning of day t, in per cent of what it was on the first morning,

.. math:: p(t) = p_0 + k_1 \sum_{s<t} w_s\,e^{-(t-s)/\tau_1}
   - k_2 \sum_{s<t} w_s\,e^{-(t-s)/\tau_2} .

It is the best case for whoever fits this model: the law is true, every load is known, and before
the first day training was always as accustomed. What cannot be found here, no real record tells.
Constants are assumptions; the sizes of k1 and k2 are those of
:mod:`sportsml_lite.simulate.adaptation`: a doubled fitness is worth 22 %, k1 : k2 = 1 : 2.

Source: Banister (1991); Busso (2003) for the same sums with a load of each day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.intensity import FATIGUE_D, FITNESS_D
from sportsml_lite.simulate import athletes as people
from sportsml_lite.simulate import draws, plans
from sportsml_lite.simulate.adaptation import COST_TO_GAIN, GAIN

START_PCT = 100.0  # performance on the first morning
TAU1_SD, TAU2_SD, K2_SD = 0.25, 0.3, 0.2  # of ln τ1, ln τ2 and ln (k2 : k1) between people
TAU1_D, TAU2_D = (20.0, 90.0), (2.5, 13.0)  # nobody outside
LOADS = ("habit", "varied")
BLOCK_D = 21
# By lot, of three weeks of a varied record: rest, less, as usual, more, and much more.
FACTORS = (0.0, 0.5, 1.0, 1.5, 2.0)
_KEY = 1001  # draws of this module; those of other modules have small numbers


@dataclass(frozen=True)
class Body:
    """Banister's parameters of one athlete: % , % for an accustomed day's load, days."""

    p0: float
    k1: float
    k2: float
    tau1_d: float
    tau2_d: float


def trace(load, tau_d: float, before: float = 0.0) -> np.ndarray:
    r"""What is left of impulses on each morning, :math:`\sum_{s<t} w_s\,e^{-(t-s)/\tau}`.

    Parameters
    ----------
    load : (D,) of each day
    tau_d : days in which an impulse fades to 1/e
    before : load of every day before the first, for ever

    Returns
    -------
    (D + 1,) float64; the last is the morning after the last day
    """
    from scipy.signal import lfilter  # scipy.signal is slow to import

    keep = np.exp(-1 / tau_d)
    first = before * keep / (1 - keep)
    later, _ = lfilter([keep], [1.0, -keep], np.asarray(load, dtype=float), zi=[keep * first])
    return np.concatenate([[first], later])


def performance(load, body: Body, before: float = 1.0) -> np.ndarray:
    """Performance in the morning of each day, (D + 1,), % of the first morning's.

    Parameters
    ----------
    load : (D,) of each day, in shares of the accustomed one
    body : parameters
    before : load of every day before the first
    """
    fitness, fatigue = (trace(load, tau, before) for tau in (body.tau1_d, body.tau2_d))
    return body.p0 + body.k1 * fitness - body.k2 * fatigue


def bodies(athletes: int, seed: int = 0) -> list[Body]:
    """Parameters of athletes around the textbook's: 42 and 7 days, k1 : k2 = 1 : 2.

    Parameters
    ----------
    athletes : how many; athlete ``i`` is the same however many others there are
    seed : key of all draws
    """
    z = draws.table(seed, _KEY, [(i,) for i in range(athletes)], 4)
    tau1 = np.clip(FITNESS_D * np.exp(TAU1_SD * z[:, 0]), *TAU1_D)
    tau2 = np.clip(FATIGUE_D * np.exp(TAU2_SD * z[:, 1]), *TAU2_D)
    k1 = 100 * GAIN * np.expm1(1 / FITNESS_D) * np.exp(people.RESPONDER_SD * z[:, 2])
    k2 = COST_TO_GAIN * k1 * np.exp(K2_SD * z[:, 3])
    settled = k1 / np.expm1(1 / tau1) - k2 / np.expm1(1 / tau2)
    rows = zip(START_PCT - settled, k1, k2, tau1, tau2, strict=True)
    return [Body(*map(float, row)) for row in rows]


def loads(athletes: int, days: int, kind: str = "habit", seed: int = 0) -> np.ndarray:
    """Load of each day, (A, D), in shares of the accustomed load of a day.

    Sessions are those of :mod:`sportsml_lite.simulate.plans`, three weeks that build and one that
    recovers, some missed, their load by minutes. ``'varied'`` multiplies every three weeks by one
    of :data:`FACTORS`, drawn by lot: what somebody would do who wants to learn the parameters.

    Parameters
    ----------
    athletes, days : how many
    kind : of :data:`LOADS`
    seed : key of all draws

    Raises
    ------
    UserError for another kind
    """
    if kind not in LOADS:
        raise UserError(f"loads of kind {kind!r}: choose one of {', '.join(LOADS)}")
    body = people.draw(athletes, seed)
    minutes, often = plans.usual(body)
    plan = plans.draw(body, days, seed)
    load = np.zeros((athletes, days))
    load[plan["athlete"], plan["day"]] = plan["seconds"] / 60
    load /= (minutes * often)[:, None]
    if kind == "varied":
        u = draws.table(seed, _KEY, [(i, 1) for i in range(athletes)], -(-days // BLOCK_D), False)
        factor = np.array(FACTORS)[(u * len(FACTORS)).astype(int)]
        load *= np.repeat(factor, BLOCK_D, axis=1)[:, :days]
    return load


def tests(truth, days, error_pct: float, seed: int, athlete: int) -> pd.Series:
    """Tests of one athlete: the true performance, each with an error of its own.

    Parameters
    ----------
    truth : (D + 1,) performance in the morning of each day, %
    days : (n,) whole days of the tests
    error_pct : SD of one test, % of the level
    seed, athlete : key of the draws; a test of a day errs alike whatever other days are tested

    Returns
    -------
    Series of performance by day

    Raises
    ------
    UserError for a negative error
    """
    if not 0 <= error_pct < np.inf:
        raise UserError(f"error_pct = {error_pct}: give a number of 0 or more")
    truth, days = np.asarray(truth), np.asarray(days)
    z = draws.table(seed, _KEY, [(athlete, 2)], len(truth))[0]
    return pd.Series(truth[days] * (1 + error_pct / 100 * z[days]), index=days)
