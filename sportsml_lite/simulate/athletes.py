"""Simulated athletes: who they are, what their bodies can do, and how fast they respond."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.errors import UserError
from sportsml_lite.intensity import HR_MAX_SD, hr_max_by_age
from sportsml_lite.simulate import draws

POPULATIONS = ("athletes", "general")

# Minetti et al. 2002: energy cost of running on a slope, J/kg/m, highest power first.
COST = (155.4, -30.4, -43.3, 46.3, 19.5, 3.6)
SLOPE_LIMIT = 0.45
J_PER_ML = 20.9  # energy of one mL of oxygen
VO2_REST = 3.5  # mL/kg/min, one metabolic equivalent
VO2MAX_SD = 6.6  # mL/kg/min, standard error of the FRIEND equation
# Athletes stand 8 to 18 mL/kg/min above the general population (assumption); being lean already
# gives about 4 of it through the mass term of the FRIEND equation.
ATHLETE_SHIFT = (4.0, 14.0)
HR_REST = {"athletes": (50.0, 7.0), "general": (62.0, 9.0)}  # mean and SD, bpm (assumption)
AGE = {"athletes": (18.0, 65.0), "general": (20.0, 80.0)}  # uniform, years (assumption)
HEIGHT_CM = {"m": (177.0, 7.0), "f": (163.5, 6.5)}  # mean and SD (assumption)
VO2MAX_FLOOR = {"athletes": 30.0, "general": 12.0}  # below, nobody runs, or walks (assumption)
BMI = {  # mean at 45 years, SD, and change a year, kg/m² (assumption)
    ("athletes", "m"): (22.6, 1.6, 0.0),
    ("athletes", "f"): (21.2, 1.6, 0.0),
    ("general", "m"): (26.1, 3.5, 0.08),
    ("general", "f"): (24.6, 4.0, 0.05),
}
ECONOMY = (1.07, 0.05, 0.95, 1.20)  # factor on the running cost: mean, SD, low, high (assumption)
VT1_SHARE = {"athletes": (0.67, 0.05), "general": (0.58, 0.06)}  # of VO2max (assumption)
VT2_ABOVE_VT1 = (0.19, 0.03)  # share of VO2max (assumption)
D_PRIME_M = (200.0, 40.0, 100.0, 300.0)  # mean, SD, low, high (assumption within 100–300 m)
TAU_W_S = (320.0, 600.0)  # recovery of D′, uniform (assumption)
TAU_SPEED_S = 4.0  # how quickly a runner takes up a new speed (assumption)
TAU_P_S = (20.0, 35.0)  # primary oxygen kinetics, uniform (Carter et al. 2002 and others)
DEAD_TIME_S = (5, 15)  # heart-rate dead time, whole seconds (assumption)
TAU_S_S = (120.0, 300.0)  # slow component, uniform (assumption)
SLOW_DELAY_S = (90, 150)  # its onset, whole seconds (assumption)
SLOW_CV = 0.15  # spread of its size between people (Carter et al. 2002: 0.12 to 0.28)
HUNT_S = (57.6, 23.6)  # mean and SD of the first-order heart-rate response (Hunt et al. 2015)
HUNT_LIMITS_S = (30.0, 160.0)  # below, the dead time and oxygen kinetics alone are too slow
RESPONDER_SD = 0.25  # of ln ρ, the responder factor (assumption, frozen)
MEASURED = {"hr_rest_bpm": 2.0, "hr_max_bpm": 3.0}  # SD of what an athlete knows, bpm (assumption)
TESTED = {"vo2max_ml_kg_min": 0.03, "vt1": 0.03, "vt2": 0.03}  # the same, as a CV (assumption)


def draw(athletes: int, seed: int, population: str = "athletes", first: int = 0) -> pd.DataFrame:
    """True bodies, one row an athlete; athlete ``i`` is the same whoever else is drawn.

    Parameters
    ----------
    athletes : how many, at least 1
    seed : key of all draws
    population : ``'athletes'`` or ``'general'`` (the sample that the FRIEND medians describe)
    first : number of the first athlete

    Returns
    -------
    DataFrame of floats (units in the names; ``vt1``/``vt2`` are oxygen uptakes in mL/kg/min here)

    Raises
    ------
    UserError for an unknown population or fewer than one athlete
    """
    if population not in POPULATIONS:
        raise UserError(
            f"unknown population {population!r}: choose one of {', '.join(POPULATIONS)}"
        )
    if athletes < 1:
        raise UserError(f"athletes = {athletes}: simulate at least one athlete")
    number = np.arange(first, first + athletes)
    z = iter(draws.table(seed, draws.BODY, [(int(i),) for i in number], 40).T)
    u = iter(draws.table(seed, draws.BODY, [(int(i), 1) for i in number], 20, normal=False).T)
    body = _anthropometry(population, z, u)
    body |= _capacity(body, population, z, u)
    body |= _kinetics(z, u)
    body |= _habits(z, u)
    body |= {f"error_{name}": next(z) for name in (*MEASURED, *TESTED)}
    return pd.DataFrame(body, index=pd.Index(number, name="athlete"))


def _anthropometry(population, z, u):
    sex = np.where(next(u) < 0.5, "m", "f")
    low, high = AGE[population]
    age = low + (high - low) * next(u)
    height = _by_sex(sex, HEIGHT_CM, next(z)).clip(140, 210)
    trend = np.where(sex == "m", BMI[population, "m"][2], BMI[population, "f"][2]) * (age - 45)
    bmi = (_by_sex(sex, {s: BMI[population, s] for s in "mf"}, next(z)) + trend).clip(17, 45)
    return {
        "sex": sex,
        "age_y": age,
        "height_cm": height,
        "mass_kg": bmi * (height / 100) ** 2,
    }


def _by_sex(sex, table, z):
    mean, sd = (np.where(sex == "m", table["m"][i], table["f"][i]) for i in (0, 1))
    return mean + sd * z


def friend_vo2max(age_y, sex, mass_kg, height_cm):
    """VO2max of the FRIEND equation on a treadmill, mL/kg/min (de Souza e Silva et al. 2018)."""
    code = np.where(np.asarray(sex) == "m", 1, 2)
    pounds, inches = mass_kg / 0.45359237, height_cm / 2.54
    return 45.2 - 0.35 * age_y - 10.9 * code - 0.15 * pounds + 0.68 * inches - 0.46


def _capacity(body, population, z, u):
    vo2max = friend_vo2max(body["age_y"], body["sex"], body["mass_kg"], body["height_cm"])
    low, high = ATHLETE_SHIFT
    shift = low + (high - low) * next(u) if population == "athletes" else 0.0
    vo2max = (vo2max + shift + VO2MAX_SD * next(z)).clip(VO2MAX_FLOOR[population], 90)
    mean, sd = VT1_SHARE[population]
    vt1 = (mean + sd * next(z)).clip(0.45, 0.78)
    vt2 = (vt1 + VT2_ABOVE_VT1[0] + VT2_ABOVE_VT1[1] * next(z)).clip(vt1 + 0.08, 0.94)
    mean, sd, low, high = ECONOMY
    economy = (mean + sd * next(z)).clip(low, high)
    rest, rest_sd = HR_REST[population]
    return {
        "hr_max_bpm": (hr_max_by_age(body["age_y"]) + HR_MAX_SD * next(z)).clip(130, 225),
        "hr_rest_bpm": (rest + rest_sd * next(z)).clip(32, 90),
        "vo2max_ml_kg_min": vo2max,
        "vt1": vt1 * vo2max,
        "vt2": vt2 * vo2max,
        "economy": economy,
        # Critical speed lies near the second threshold (assumption: within 2 %).
        "critical_mps": flat_speed(vt2 * vo2max, economy) * (1 + 0.02 * next(z)),
        "d_prime_m": (D_PRIME_M[0] + D_PRIME_M[1] * next(z)).clip(*D_PRIME_M[2:]),
        "tau_w_s": TAU_W_S[0] + (TAU_W_S[1] - TAU_W_S[0]) * next(u),
    }


def cost(slope):
    """Energy cost of running on a slope (rise over run), J/kg/m (Minetti et al. 2002)."""
    return np.polyval(COST, np.clip(slope, -SLOPE_LIMIT, SLOPE_LIMIT))


def flat_speed(vo2, economy):
    """Speed on the flat, m/s, that needs the oxygen uptake ``vo2`` (mL/kg/min) in the long run."""
    return (vo2 - VO2_REST) * J_PER_ML / (60 * COST[-1] * economy)


def _kinetics(z, u):
    mean, sd = HUNT_S
    spread = np.log1p((sd / mean) ** 2)
    response = np.exp(np.log(mean) - spread / 2 + np.sqrt(spread) * next(z)).clip(*HUNT_LIMITS_S)
    low, high = TAU_P_S
    tau_p = (low + (high - low) * next(u)).clip(low, np.maximum(low, 0.66 * response))
    low, high = DEAD_TIME_S
    dead = (low + (high - low) * next(u)).clip(low, np.maximum(low, 0.16 * response)).round()
    return {
        "response_s": response,
        "tau_p_s": tau_p,
        "dead_s": dead,
        "tau_h_s": heart_tau(response, dead, tau_p),
        "tau_s_s": TAU_S_S[0] + (TAU_S_S[1] - TAU_S_S[0]) * next(u),
        "slow_delay_s": (SLOW_DELAY_S[0] + (SLOW_DELAY_S[1] - SLOW_DELAY_S[0]) * next(u)).round(),
        "slow_size": np.exp(SLOW_CV * next(z) - SLOW_CV**2 / 2),
        "responder": np.exp(RESPONDER_SD * next(z)),
    }


def heart_tau(response_s, dead_s, tau_p_s):
    r"""Time constant of the heart that makes the *whole* cascade answer like ``response_s``.

    A new speed passes through taking it up (:math:`\tau_v`), a dead time d, oxygen kinetics
    (:math:`\tau_p`) and the heart's own :math:`\tau_H`. The least-squares fit of
    :math:`1-e^{-t/T}` to the answer is where its error is orthogonal to :math:`t\,e^{-t/T}`; by the
    Laplace transform at :math:`s=1/T`, with :math:`\delta=d/T`, :math:`v=\tau_v/T`,
    :math:`p=\tau_p/T` and :math:`u = 1/(1+\tau_H/T)`,

    .. math:: \frac{e^{-\delta}}{(1+v)(1+p)}\,u\,
       \Bigl(2+\delta+\frac{v}{1+v}+\frac{p}{1+p}-u\Bigr) = \frac34 .

    Parameters
    ----------
    response_s, dead_s, tau_p_s : T, d and :math:`\tau_p`, seconds; arrays that broadcast

    Returns
    -------
    :math:`\tau_H` in seconds, at least 1

    Source: derived here; T is what Hunt et al. (2015) report.
    """
    delay, p, v = dead_s / response_s, tau_p_s / response_s, TAU_SPEED_S / response_s
    scale = np.exp(-delay) / ((1 + p) * (1 + v))
    half = (2 + delay + p / (1 + p) + v / (1 + v)) / 2
    u = half - np.sqrt(half**2 - 0.75 / scale)
    return np.maximum(response_s * (1 / np.minimum(u, 1) - 1), 1.0)


def _habits(z, u):
    return {
        "drive": next(z),  # how much and how hard this person likes to train
        "trend": next(u),  # how fast the volume grows over the months
        "days_a_week": next(u),
        "shift_days": next(u),
        "tempo_share": 0.3 + 0.4 * next(u),
        "easy_pace": 0.82 + 0.18 * next(u),  # of the speed at VT1: some always run too fast
        "hour": next(u),
        "hilliness": 0.012 * np.exp(0.6 * next(z)),  # SD of the slope at home (assumption)
        "altitude_m": (150 + 120 * next(z)).clip(0, 1500),
        "cadence_spm": 168 + 7 * next(z),  # at 3 m/s (assumption)
        "rpe_bias": next(z),
        "strap": next(u) < 0.3,  # share who wear a chest strap (assumption)
        "barometer": next(u) < 0.9,  # share whose watch measures altitude (assumption)
        "pod": next(u) < 0.95,  # share whose watch reports cadence (assumption)
    }


def visible(body: pd.DataFrame) -> pd.DataFrame:
    """The athletes table that models may read: tested values with their error, nothing hidden.

    Returns
    -------
    DataFrame in the contract's form; ``vt1`` and ``vt2`` are speeds on the flat in m/s
    """
    frame = body[["sex", "age_y", "mass_kg", "height_cm"]].round(1)
    frame.insert(0, "athlete_id", [f"a{i:05d}" for i in body.index])
    for name, sd in MEASURED.items():
        frame[name] = (body[name] + sd * body[f"error_{name}"]).round()
    for name, cv in TESTED.items():
        value = body[name] if name.startswith("vo2") else flat_speed(body[name], body["economy"])
        frame[name] = (value * (1 + cv * body[f"error_{name}"])).round(2)
    return schema.conform(frame.reset_index(drop=True), "athletes")
