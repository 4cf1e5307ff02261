r"""What training does to VO2max: it pays up to what an athlete can absorb, and then it costs.

Fitness g and fatigue h follow the load of the days, in shares of the load that the athlete is used
to: both are 1 as long as training stays as it was. With G and H, the sums of daily impulses of
Banister's model, :math:`g = G\,(1 - e^{-1/42})` and :math:`h = H\,(1 - e^{-1/7})`.

In the first law the weight of fatigue grows with fatigue. Busso (2003) let it do so and found an
inverted U between daily training and performance; here it grows with the square:

.. math:: p = p_0 \bigl[1 + K\bigl(\rho\,(g - 1) - (h^3 - 1) / (3C)\bigr)\bigr] .

A constant load r settles at g = h = r, so the best is :math:`r^* = \sqrt{\rho\,C}`. In the middle
of all athletes a little more load costs at first, at r = 1 and in Banister's units, twice what it
gives, k1 : k2 = 1 : 2, so that :math:`1/C = 2\,(1 - e^{-1/42}) / (1 - e^{-1/7})`, C = 2.83.

The second law lets fitness saturate, with other memories and a fatigue in proportion:

.. math:: p = p_0 \bigl[1 + K\bigl(\rho\,(s(g) - s(1)) - \varphi\,(h - 1)\bigr)\bigr], \qquad
   s(g) = A\,(1 - e^{-g/A}), \qquad r^* = A \ln(\rho / \varphi) .

All constants are assumptions, frozen. K, A and φ were set, and the power of h chosen, so that sizes
are those of people: 7 % lost in three weeks without training and 16 in twelve (Coyle et al. 1984),
some 3 to 5 won in twelve weeks of a third to a half more load, less by eight weeks of three times
the load.
"""

from __future__ import annotations

import numpy as np

from sportsml_lite.intensity import FATIGUE_D, FITNESS_D
from sportsml_lite.simulate import draws

CAPACITY_SD = 0.4  # of ln of the capacity, C or A, between athletes
GAIN = 0.22  # K: share of VO2max that a doubled fitness is worth
COST_TO_GAIN = 2.0  # k2 : k1
CAPACITY = -np.expm1(-1 / FATIGUE_D) / -np.expm1(-1 / FITNESS_D) / COST_TO_GAIN
B_FITNESS_D, B_FATIGUE_D = 30.0, 10.0
B_GAIN, B_CAPACITY, B_COST = 0.42, 1.4, 0.24  # K, A and φ
# After twelve weeks without training athletes stood 16 % below their best, and people who had
# never trained at 43.3 of their 50.8 mL/kg/min (Coyle et al. 1984): 0.84 * 43.3 / 50.8.
FLOOR = 0.72  # of VO2max at the start; nobody falls below


def capacity(athletes, seed: int) -> np.ndarray:
    """How much each athlete can absorb, a factor with median 1; from draws of its own.

    Parameters
    ----------
    athletes : (A,) numbers of the athletes
    seed : key of all draws
    """
    z = draws.table(seed, draws.CAPACITY, [(int(i),) for i in athletes], 1)[:, 0]
    return np.exp(CAPACITY_SD * z)


def vo2max(load, usual, body, generator: str, effect: float = 1.0) -> np.ndarray:
    """VO2max of every athlete in the morning of each day, and of the day after the last.

    Parameters
    ----------
    load : (D, A) load of each day, 0 where there was no session
    usual : (A,) load a day that the athletes were used to before
    body : (A, ·) true bodies, with ``vo2max_ml_kg_min`` (as long as training stays as it was),
        ``responder`` ρ and ``capacity``
    generator : ``'simulated'`` or ``'simulated_b'``, the second law
    effect : factor on K; 0 is a world in which training changes nothing

    Returns
    -------
    (D + 1, A) float64, mL/kg/min
    """
    ratio = np.asarray(load) / np.asarray(usual)
    responder, absorbs, start = (
        body[name].to_numpy() for name in ("responder", "capacity", "vo2max_ml_kg_min")
    )
    law = _absorbing if generator == "simulated" else _saturating
    return start * np.maximum(1 + effect * law(ratio, responder, absorbs), FLOOR)


def _absorbing(ratio, responder, absorbs):
    g, h = _fading(ratio, FITNESS_D), _fading(ratio, FATIGUE_D)
    return GAIN * (responder * (g - 1) - (h**3 - 1) / (3 * CAPACITY * absorbs))


def _saturating(ratio, responder, absorbs):
    g, h = _fading(ratio, B_FITNESS_D), _fading(ratio, B_FATIGUE_D)
    room = B_CAPACITY * absorbs
    fitness = room * (np.exp(-1 / room) - np.exp(-g / room))
    return B_GAIN * (responder * fitness - B_COST * (h - 1))


def _fading(ratio, days):
    """Mean of the daily loads so far that forgets in ``days``, from 1 on the first morning."""
    keep, out = np.exp(-1 / days), np.ones((len(ratio) + 1, *ratio.shape[1:]))
    for today, w in enumerate(ratio):
        out[today + 1] = keep * out[today] + (1 - keep) * w
    return out
