"""The training effect: strain, load, the slow states of the days, and the noise below any model.

The constants were fixed before any model was fitted. They are assumptions: the effect is the
book's own, not a device's.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.intensity import ACCUSTOMED_D, BANISTER, FATIGUE_D, FITNESS_D
from sportsml_lite.simulate.physiology import KNOT_S, SECOND, Truth

GENERATORS = ("simulated", "simulated_b")
STRAIN = {sex: exponent for sex, (_, exponent) in BANISTER.items()}
FRESHNESS = (0.7, 1.1)
FRESHNESS_SCALE = 12.0  # s, in load a day
ACCUSTOMED_FLOOR = 30.0  # load of a session
RESPONSE_POWER = 0.8
NOISE_SD = 0.3
# What an athlete brings from before the first day: sessions of the usual load, with the weight of
# this many sessions.
PRIOR_SESSIONS = 8.0
USUAL_STRAIN = {"m": 2.2, "f": 1.85}  # load a minute of an ordinary session
# The second generator, made to differ in every part: load from the third power of the share of
# VO2max instead of heart rate, a sigmoid response, noise that grows with the effect and has heavy
# tails (Student's t).
B_SCALE = 7.0
B_SIGMOID, B_HALF = 1.6, 0.8
B_NOISE_FREEDOM, B_NOISE = 4, (0.12, 0.05)
NORMALS, UNIFORMS = 3 + B_NOISE_FREEDOM, 1  # of a session: rating, both effects; unrated


def check_generator(name: str) -> str:
    """``name``, if it is a generator.

    Raises
    ------
    UserError naming the choices for anything else
    """
    if name not in GENERATORS:
        raise UserError(f"unknown generator {name!r}: choose one of {', '.join(GENERATORS)}")
    return name


def strain_rate(fraction, exponent):
    """Strain a minute, e = x·exp(b·x), with x the true fraction of heart-rate reserve."""
    return fraction * np.exp(exponent * fraction)


def strain_rate_b(share):
    """Strain a minute of the second generator, 7 u³, with u the true share of VO2max."""
    return np.float32(B_SCALE) * share * share * share


def load(truth: Truth, body: dict, generator: str) -> tuple[np.ndarray, np.ndarray]:
    """Load of each session and its mean fraction of heart-rate reserve.

    Parameters
    ----------
    truth : what happened, T seconds of W sessions
    body : (W,) arrays by name, with ``strain``, the exponent b
    generator : ``'simulated'``: L = ∫ x·exp(b·x) dt; ``'simulated_b'``: L = ∫ 7·(V/VO2max)³ dt

    Returns
    -------
    load, mean fraction : (W,) float64; time in minutes
    """
    rest = body["hr_rest_bpm"].astype(np.float32)
    reserve = 1 / (body["hr_max_bpm"].astype(np.float32) - rest)
    exponent, vo2max = (body[k].astype(np.float32) for k in ("strain", "vo2max_ml_kg_min"))
    total, mean = np.zeros((2, len(rest)))
    shortest = int(truth.seconds.min())
    for first in range(0, len(truth.hr_bpm), KNOT_S):
        now = slice(first, first + KNOT_S)
        x = np.maximum((truth.hr_bpm[now] - rest) * reserve, 0)
        if generator == "simulated":
            rate = strain_rate(x, exponent)
        else:
            rate = strain_rate_b(truth.vo2[now] / vo2max)
        if first + KNOT_S > shortest:
            live = SECOND + first < truth.seconds
            x, rate = x * live, rate * live
        # Row by row, so that the sum does not depend on how many sessions stand side by side.
        for a, b in zip(rate, x, strict=True):
            total += a
            mean += b
    return total / 60, mean / truth.seconds


def usual_load(body: pd.DataFrame, minutes) -> np.ndarray:
    """Load of an ordinary session, (A,), that lasts so many ``minutes``."""
    return minutes * np.where(body["sex"] == "m", USUAL_STRAIN["m"], USUAL_STRAIN["f"])


def days(plan: pd.DataFrame, loads, body: pd.DataFrame, count: int, habit) -> pd.DataFrame:
    r"""Follow everyone's slow states from day to day.

    .. math::

       g \leftarrow g\,e^{-1/42} + w, \quad h \leftarrow h\,e^{-1/7} + w, \quad
       f = 0.7 + \frac{0.4}{1 + e^{(h - g)/s}}

    Both are kept as loads a day, that is divided by the sums to which a daily load of 1 settles:
    an athlete in balance has g = h, and the freshness compares like with like. C is the
    exponentially weighted mean (28 d) of the loads of earlier sessions, at least the floor.

    Parameters
    ----------
    plan : sessions with ``athlete`` and ``day``, of all athletes of ``body``
    loads : (sessions,) load of each
    body : (A, ·) true bodies
    count : number of days
    habit : minutes a session and sessions a day, (A,) each, before the first day

    Returns
    -------
    DataFrame, a row an athlete-day in the morning: ``athlete``, ``day``, ``load`` (of the day),
    ``fitness`` g, ``fatigue`` h, ``freshness`` f, ``accustomed`` C, ``performance`` p (VO2max)
    """
    row = body.index.get_indexer(plan["athlete"])
    grid = np.full((count, len(body)), np.nan)
    grid[plan["day"].to_numpy(), row] = loads
    often = habit[1]
    usual = usual_load(body, habit[0])
    slow, quick, seen = (np.exp(-1 / tau) for tau in (FITNESS_D, FATIGUE_D, ACCUSTOMED_D))
    g, h = usual * often, usual * often
    before, weight = usual * PRIOR_SESSIONS, np.full(len(body), PRIOR_SESSIONS)
    out = np.empty((4, count, len(body)))
    for today, w in enumerate(grid):
        out[:, today] = g, h, before / weight, w
        done = ~np.isnan(w)
        w = np.where(done, w, 0)
        g, h = g * slow + w * (1 - slow), h * quick + w * (1 - quick)
        before, weight = (before + w) * seen, (weight + done) * seen
    return _day_table(out, body)


def _day_table(states, body):
    g, h, accustomed, w = states
    low, high = FRESHNESS
    columns = {
        "load": w,
        "fitness": g,
        "fatigue": h,
        "freshness": low + (high - low) / (1 + np.exp((h - g) / FRESHNESS_SCALE)),
        "accustomed": np.maximum(accustomed, ACCUSTOMED_FLOOR),
    }
    index = pd.MultiIndex.from_product([body.index, range(g.shape[0])], names=["athlete", "day"])
    flat = {name: value.T.reshape(-1) for name, value in columns.items()}
    return pd.DataFrame(flat, index=index).reset_index()


def response(responder, freshness, load, accustomed, generator: str):
    r"""The effect without noise, 0–5.

    ``simulated``: :math:`5\,(1 - \exp(-\rho f (L/C)^{0.8}))`; ``simulated_b``: a sigmoid,
    :math:`5 z^{1.6} / (0.8^{1.6} + z^{1.6})` with :math:`z = \rho f L/C`.
    """
    if check_generator(generator) == "simulated":
        return 5 * (1 - np.exp(-responder * freshness * (load / accustomed) ** RESPONSE_POWER))
    z = (responder * freshness * load / accustomed) ** B_SIGMOID
    return 5 * z / (B_HALF**B_SIGMOID + z)


def observe(clean, z, generator: str):
    """The effect that is recorded, clip(clean + ε, 0, 5).

    Parameters
    ----------
    clean : (n,) effect without noise
    z : (n, 2 + B_NOISE_FREEDOM) standard normal draws, the first for the first generator
    generator : ``'simulated'``: ε ~ N(0, 0.3); ``'simulated_b'``: Student's t with 4 degrees of
        freedom, scaled by 0.12 + 0.05·clean
    """
    if check_generator(generator) == "simulated":
        noise = NOISE_SD * z[:, 0]
    else:
        spread = np.sqrt((z[:, 2 : 2 + B_NOISE_FREEDOM] ** 2).mean(axis=1))
        noise = (B_NOISE[0] + B_NOISE[1] * clean) * z[:, 1] / spread
    return np.clip(clean + noise, 0, 5)


def perceived_exertion(fraction, minutes, bias, z):
    """Session RPE on the CR10 scale: effort and length, this person's way of rating, and chance.

    A whole number 0–10; all constants are assumptions.
    """
    felt = 9.5 * fraction**1.6 + 1.2 * np.log(minutes / 45)
    return np.clip(np.round(felt + 1.0 * bias + 0.7 * z), 0, 10)


def noise_floor(hidden: pd.DataFrame) -> dict[str, float]:
    """Error that remains when everything hidden is known: no model can beat it on average.

    Parameters
    ----------
    hidden : rows of ``Simulation.hidden``, for example those of the test athletes

    Returns
    -------
    ``mse``, ``rmse``, ``mae`` of the noise-free effect against the recorded one, and its ``r2``
    """
    error = (hidden["effect"] - hidden["effect_clean"]).to_numpy()
    mse = float(np.mean(error**2))
    return {
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "mae": float(np.mean(np.abs(error))),
        "r2": 1 - mse / float(np.var(hidden["effect"])),
    }
