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
from sportsml_lite.training.sequences import Sequences
from sportsml_lite.transfer.support import Support, features_of

NO_OWN_DATA = 1e9  # a κ beside which an athlete's own windows do not count
RIDGE = 0.1  # of the mean variance, added to the covariance's diagonal


@dataclass(frozen=True)
class Population:
    """Class means (K, D), NaN without a window; precision : (D, D), inverse of the covariance."""

    means: torch.Tensor
    precision: torch.Tensor


def fit_population(student: Student, part: Sequences, athlete) -> Population:
    """Class means over the training athletes, and the covariance *within* athlete and class.

    Parameters
    ----------
    student : trained
    part : labelled windows of training athletes; athlete : (N,) who made each
    """
    features, y = features_of(student, part).double(), part.y
    if len(athlete) != len(y):
        raise UserError(f"{len(athlete)} athletes for {len(y)} windows; give one a window")
    known = y >= 0
    features, y = features[known], y[known]
    k = student.head.out_features
    names = {name: i for i, name in enumerate(sorted({str(a) for a in athlete}))}
    who = torch.tensor([names[str(a)] for a in athlete])[known]
    means = _means(features, y, k)
    means[torch.bincount(y, minlength=k) == 0] = torch.nan
    own = _means(features, who * k + y, len(names) * k)[who * k + y]
    centred = features - own
    covariance = centred.mT @ centred / max(1, len(centred) - len(names) * k)
    ridge = RIDGE * covariance.diagonal().mean() + 1e-9
    precision = torch.linalg.inv(covariance + ridge * torch.eye(len(covariance)))
    dtype = part.X.dtype
    return Population(means.to(dtype), precision.to(dtype))


def shrink(
    student: Student, support: Support, population: Population, kappa: float
) -> dict[str, torch.Tensor]:
    """Heads of the athletes, ``head.weight`` (A, K, D) and ``head.bias`` (A, K).

    A class that the population lacks is as the athlete's windows show it, and one that nobody
    has shown is never the answer.
    """
    a = len(support)
    mask = None if support.mask is None else support.mask.flatten(0, 1)
    flat = Sequences(support.X.flatten(0, 1), mask, support.y.flatten())
    k = student.head.out_features
    # Windows that are not there fall into a class of their own.
    code = torch.where(support.y >= 0, support.y, k) + (k + 1) * torch.arange(a)[:, None]
    features = torch.where((flat.y >= 0)[:, None], features_of(student, flat), 0)
    means = _means(features, code.flatten(), a * (k + 1)).view(a, k + 1, -1)[:, :k]
    n = torch.nn.functional.one_hot(support.y + 1, k + 1).sum(1)[:, 1:, None]
    prior = population.means.expand_as(means)
    moved = torch.where(n > 0, prior + n / (n + kappa) * (means - prior), prior)
    moved = torch.where(prior.isnan() & (n > 0), means, moved)
    weight = moved.nan_to_num() @ population.precision
    bias = -0.5 * (weight * moved).sum(-1)
    return {"head.weight": weight, "head.bias": bias.nan_to_num(nan=-torch.inf)}


def _means(features: torch.Tensor, code: torch.Tensor, count: int) -> torch.Tensor:
    """Mean of the rows of each code, (count, D); 0 where there is none."""
    total = features.new_zeros(count, features.shape[1]).index_add(0, code, features)
    return total / torch.bincount(code, minlength=count).clamp(min=1)[:, None]
