"""How hard: the constants of physiology that several modules share, each once and with its source.

Sources: Banister 1991 (impulse, fitness and fatigue), Nes et al. 2013 (maximal heart rate).
"""

from __future__ import annotations

import numpy as np

# Fitted to blood lactate: the weight a·exp(b·x) of a minute at the share x of the reserve.
BANISTER = {"m": (0.64, 1.92), "f": (0.86, 1.67)}
FITNESS_D, FATIGUE_D = 42.0, 7.0  # days in which an impulse's traces fade to 1/e
ACCUSTOMED_D = 28.0  # days over which an accustomed load is a mean (assumption)
# Below the first ventilatory threshold, between the two, above the second.
DOMAINS = ("below_vt1", "between", "above_vt2")
# Middles of five zones of heart rate, 60, 72, 82, 87, 92 and 97 % of the maximum, as shares of the
# reserve of somebody whose heart beats at 26 % of its maximum at rest (assumption).
ZONE_RESERVE = (0.54, 0.69, 0.79, 0.86, 0.93)
HR_MAX_SD = 10.8  # bpm, standard error of :func:`hr_max_by_age`


def hr_max_by_age(age_y):
    """Expected maximal heart rate of an adult, 211 - 0.64·age (bpm; Nes et al. 2013)."""
    return 211 - 0.64 * age_y


def zone_trimp(minutes, sex):
    """Banister's training impulse of minutes that are known by zone only.

    Parameters
    ----------
    minutes : (N, 5) in zones 1 to 5
    sex : (N,) of ``'m'``, ``'f'``; another or a missing one gives NaN

    Returns
    -------
    (N,) float array
    """
    a, b = np.array([BANISTER.get(s, (np.nan, np.nan)) for s in sex]).reshape(-1, 2).T[..., None]
    share = np.array(ZONE_RESERVE)
    return (np.asarray(minutes) * a * share * np.exp(b * share)).sum(axis=1)
