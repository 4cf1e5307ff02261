"""How hard: the constants of physiology that several modules share, each once and with its source.

Sources: Banister 1991 (impulse, fitness and fatigue), Nes et al. 2013 (maximal heart rate).
"""

from __future__ import annotations

# Fitted to blood lactate: the weight a·exp(b·x) of a minute at the share x of the reserve.
BANISTER = {"m": (0.64, 1.92), "f": (0.86, 1.67)}
FITNESS_D, FATIGUE_D = 42.0, 7.0  # days in which an impulse's traces fade to 1/e
ACCUSTOMED_D = 28.0  # days over which an accustomed load is a mean (assumption)
# Below the first ventilatory threshold, between the two, above the second.
DOMAINS = ("below_vt1", "between", "above_vt2")
HR_MAX_SD = 10.8  # bpm, standard error of :func:`hr_max_by_age`


def hr_max_by_age(age_y):
    """Expected maximal heart rate of an adult, 211 - 0.64·age (bpm; Nes et al. 2013)."""
    return 211 - 0.64 * age_y
