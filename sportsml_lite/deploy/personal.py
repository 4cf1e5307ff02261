r"""An athlete's own head in closed form, in NumPy: what C and the page compute on the device.

The mathematics is that of :mod:`~sportsml_lite.transfer.shrink`. A device needs two small tables
beside the student, the others' class means and the inverse of their covariance, and a few sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.transfer.shrink import Population

NEVER = np.float32(-1e30)  # of a class that nobody has shown: as good as -inf, and a number


@dataclass(frozen=True)
class Prior:
    """What the training athletes say before the athlete does; all arrays float32.

    means : (K, D) of the classes, NaN where no training window has one
    precision : (D, D), inverse of the covariance within athlete and class
    kappa : windows that the means count as
    """

    means: np.ndarray
    precision: np.ndarray
    kappa: float


def prior_of(population: Population, kappa: float) -> Prior:
    """A population's means and precision as plain numbers.

    Raises
    ------
    UserError if kappa is not above 0
    """
    if not kappa > 0:
        raise UserError(f"kappa = {kappa}: give a number of windows above 0")
    arrays = (population.means, population.precision)
    return Prior(*(a.numpy().astype(np.float32) for a in arrays), float(kappa))


def personal_head(
    prior: Prior, features: np.ndarray, y: np.ndarray, masked: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (K, D) and biases (K,) of an athlete, float32.

    Parameters
    ----------
    features : (M, D) of the athlete's labelled windows, from ``Network.features``
    y : (M,) class of each, int
    masked : never answer with a class that the athlete's windows do not show

    Raises
    ------
    UserError if the shapes do not fit, or a class is none of the K
    """
    n_classes, width = prior.means.shape
    if features.shape != (len(y), width):
        raise UserError(f"features {features.shape}: give ({len(y)}, {width}), a row a window")
    if len(y) and not (np.min(y) >= 0 and np.max(y) < n_classes):
        raise UserError(f"classes {sorted(set(np.asarray(y).tolist()))}: give 0 to {n_classes - 1}")
    n = np.bincount(y, minlength=n_classes)[:, None]
    total = np.zeros((n_classes, width))
    np.add.at(total, y, features)
    own = total / np.maximum(n, 1)
    moved = np.where(n > 0, prior.means + n / (n + prior.kappa) * (own - prior.means), prior.means)
    moved = np.where(np.isnan(prior.means) & (n > 0), own, moved)
    weight = np.nan_to_num(moved) @ prior.precision
    bias = -0.5 * (weight * np.nan_to_num(moved)).sum(1)
    silent = np.isnan(moved).any(1) | ((n[:, 0] == 0) & masked)
    return weight.astype(np.float32), np.where(silent, NEVER, bias).astype(np.float32)
