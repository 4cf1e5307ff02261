"""A profile of one parameter: how much worse the tests fit with each of its values held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Profile:
    """Fit of all other parameters with one time constant held at each of some values.

    tau_d : (T,) days; excess : (T,) residual sum of squares beyond the best, in residual variances
    limit : the excess up to which a value is not ruled out
    low_d, high_d : ends of those values; 0 and infinite towards a bound that is not ruled out
    """

    tau_d: np.ndarray
    excess: np.ndarray
    limit: float
    low_d: float
    high_d: float

    @property
    def closed(self) -> bool:
        """Whether the tests rule out both bounds."""
        return bool(self.low_d > 0 and np.isfinite(self.high_d))


def profile(tau_d, excess, limit: float) -> Profile:
    """The values that are not ruled out, between the grid's by a line in ln τ.

    Parameters
    ----------
    tau_d : (T,) rising, days; excess : (T,) as in :class:`Profile`
    limit : above 0

    Returns
    -------
    Profile; where all values lie beyond the limit, the best falls between two of them, and its
    neighbours are the ends
    """
    kept = np.flatnonzero(excess <= limit)
    if not len(kept):
        kept = np.array([int(np.argmin(excess))])
    first, last = kept[0], kept[-1]
    low = _crossing(tau_d, excess, limit, first - 1, first) if first > 0 else 0.0
    high = np.inf
    if last < len(tau_d) - 1:
        high = _crossing(tau_d, excess, limit, last + 1, last)
    return Profile(tau_d, excess, limit, low, high)


def _crossing(tau_d, excess, limit: float, out: int, inside: int) -> float:
    if excess[inside] >= limit:
        return float(tau_d[out])
    share = (limit - excess[inside]) / (excess[out] - excess[inside])
    return float(tau_d[inside] * (tau_d[out] / tau_d[inside]) ** share)
