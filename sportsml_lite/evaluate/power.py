"""How many athletes a study needs before a true effect would be seen: power, by simulation."""

from __future__ import annotations

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.protocol import PROTOCOL


def power(
    athletes: int,
    slope: float,
    noise_sd: float,
    periods: int = 3,
    repeats: int = 400,
    seed: int = 0,
    level: float = PROTOCOL.level,
) -> float:
    r"""Share of imagined studies in which a line on training is shown to beat the mean change.

    In each study every athlete has some periods, with :math:`y = b\,x + e`, where x is what was
    done (SD 1) and e everything else, noise of the test included. Each athlete is left out in turn,
    a line on x and the mean of y are fitted to the others, and the gain in RMSE gets an interval
    over athletes (Student's t). The line is shown to be better where that leaves out 0.

    Parameters
    ----------
    athletes : in a study, 3 or more; periods : of each, 1 or more
    slope : b, change of the outcome for a standard deviation of training, in the unit of noise_sd
    noise_sd : standard deviation of e, above 0
    repeats : imagined studies; seed : of their draws; level : of the interval

    Raises
    ------
    UserError for fewer athletes, periods or repeats, or noise that is not above 0
    """
    from scipy.special import stdtrit  # scipy.stats is slow to import

    if athletes < 3 or periods < 1 or repeats < 1 or not noise_sd > 0:
        raise UserError(
            f"power: athletes = {athletes}, periods = {periods}, repeats = {repeats}, noise_sd = "
            f"{noise_sd}; give 3 athletes, 1 period, 1 repeat and noise above 0 at least"
        )
    draws = np.random.default_rng(seed).standard_normal((2, repeats, athletes, periods))
    x = draws[0]
    y = slope * x + noise_sd * draws[1]
    rows = (athletes - 1) * periods

    def without(values: np.ndarray) -> np.ndarray:
        """Mean over the periods of all other athletes, (repeats, athletes, 1)."""
        own = values.sum(axis=2, keepdims=True)
        return (own.sum(axis=1, keepdims=True) - own) / rows

    mean_x, mean_y = without(x), without(y)
    b = (without(x * y) - mean_x * mean_y) / (without(x * x) - mean_x**2)
    errors = [
        np.sqrt(np.mean((y - said) ** 2, axis=2)) for said in (mean_y, mean_y + b * (x - mean_x))
    ]
    gain = errors[0] - errors[1]
    half = stdtrit(athletes - 1, 0.5 + level / 2) * gain.std(axis=1, ddof=1) / np.sqrt(athletes)
    return float(np.mean(gain.mean(axis=1) > half))
