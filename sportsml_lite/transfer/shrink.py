r"""Closed form: an athlete's class means, shrunk toward the population's.

In the student's feature space every class has a mean, and all share one covariance Σ (linear
discriminant analysis). With n windows of class k of mean :math:`\bar f_k` and a prior worth κ
windows at the population's mean :math:`\mu_k`, an athlete's mean is

.. math:: \mu_k' = \mu_k + \frac{n}{n + \kappa} (\bar f_k - \mu_k)

and the answer is the class with the largest discriminant
:math:`\mu_k'^\top Σ^{-1} f - \tfrac12 \mu_k'^\top Σ^{-1} \mu_k'`. That is linear in the features
f: a head of the student, found without a gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.training.data import Sequences
from sportsml_lite.transfer.support import Support, features_of

NO_OWN_DATA = 1e9  # a κ beside which an athlete's own windows do not count
RIDGE = 0.1  # of the mean variance, added to the covariance's diagonal


@dataclass(frozen=True)
class Population:
    """Class means (K, D), NaN without a window; precision : (D, D), inverse of the covariance."""

    means: torch.Tensor
    precision: torch.Tensor


def fit_population(student: Student, part: Sequences, athlete) -> Population:
    """:func:`class_means` of a student's features.

    Parameters
    ----------
    student : trained
    part : labelled windows of training athletes; athlete : (N,) who made each
    """
    features = features_of(student, part)
    return class_means(features, part.y, athlete, student.head.out_features)


def class_means(features: torch.Tensor, y: torch.Tensor, athlete, n_classes: int) -> Population:
    """Class means over the training athletes, and the covariance *within* athlete and class.

    Parameters
    ----------
    features : (N, D); y : (N,) class, -1 without a label; athlete : (N,) who made each window

    Raises
    ------
    UserError if the lengths differ
    """
    if len(athlete) != len(y):
        raise UserError(f"{len(athlete)} athletes for {len(y)} windows; give one a window")
    dtype, features, known = features.dtype, features.double(), y >= 0
    features, y = features[known], y[known]
    names = {name: i for i, name in enumerate(sorted({str(a) for a in athlete}))}
    who = torch.tensor([names[str(a)] for a in athlete])[known]
    means = _means(features, y, n_classes)
    means[torch.bincount(y, minlength=n_classes) == 0] = torch.nan
    group = who * n_classes + y
    centred = features - _means(features, group, len(names) * n_classes)[group]
    covariance = centred.mT @ centred / max(1, len(centred) - len(names) * n_classes)
    ridge = RIDGE * covariance.diagonal().mean() + 1e-9
    precision = torch.linalg.inv(covariance + ridge * torch.eye(len(covariance)))
    return Population(means.to(dtype), precision.to(dtype))


def shrink(
    student: Student, support: Support, population: Population, kappa: float
) -> dict[str, torch.Tensor]:
    """Heads of the athletes, ``head.weight`` (A, K, D) and ``head.bias`` (A, K)."""
    mask = None if support.mask is None else support.mask.flatten(0, 1)
    flat = Sequences(support.X.flatten(0, 1), mask, support.y.flatten())
    features = features_of(student, flat).view(*support.y.shape, -1)
    weight, bias = shrunken_heads(features, support.y, population, kappa)
    return {"head.weight": weight, "head.bias": bias}


def shrunken_heads(
    features: torch.Tensor, y: torch.Tensor, population: Population, kappa: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (A, K, D) and biases (A, K) of the discriminants of A athletes.

    A class that the population lacks is as the athlete's windows show it, and one that nobody
    has shown is never the answer.

    Parameters
    ----------
    features : (A, M, D) of the athletes' windows; y : (A, M) class, -1 where there is no window
    kappa : windows that the population's means count as
    """
    a, k = len(y), len(population.means)
    # Windows that are not there fall into a class of their own.
    code = torch.where(y >= 0, y, k) + (k + 1) * torch.arange(a)[:, None]
    flat = torch.where((y >= 0)[..., None], features, 0).flatten(0, 1)
    means = _means(flat, code.flatten(), a * (k + 1)).view(a, k + 1, -1)[:, :k]
    n = torch.nn.functional.one_hot(y + 1, k + 1).sum(1)[:, 1:, None]
    prior = population.means.expand_as(means)
    moved = torch.where(n > 0, prior + n / (n + kappa) * (means - prior), prior)
    moved = torch.where(prior.isnan() & (n > 0), means, moved)
    weight = moved.nan_to_num() @ population.precision
    bias = -0.5 * (weight * moved).sum(-1)
    return weight, bias.nan_to_num(nan=-torch.inf)


def _means(features: torch.Tensor, code: torch.Tensor, count: int) -> torch.Tensor:
    """Mean of the rows of each code, (count, D); 0 where there is none."""
    total = features.new_zeros(count, features.shape[1]).index_add(0, code, features)
    return total / torch.bincount(code, minlength=count).clamp(min=1)[:, None]
