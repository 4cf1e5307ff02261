"""Does 80 per cent mean 80 per cent? Reliability of classes, conformal intervals for new athletes.

Sessions of one athlete resemble each other, so rows are not exchangeable; athletes are. Following
Lee, Barber and Willett (2023) each athlete weighs the same, its rows share that weight, and one
more athlete, the new one, is put at infinity.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate.metrics import athlete_sums, from_sums
from sportsml_lite.protocol import PROTOCOL

_CELLS = 4_000_000  # numbers sorted at once by cv_plus: 32 MB


def reliability(truth, probability, bins: int = 10) -> pd.DataFrame:
    """How often the most probable class is right, by how probable it was said to be.

    Parameters
    ----------
    truth : (N,) int, position of the class
    probability : (N, C) rows that sum to 1
    bins : bands of equal width between 0 and 1

    Returns
    -------
    a row for each band with rows in it: low, high, n, confidence, accuracy

    Raises
    ------
    UserError if the shapes do not agree, or rows are no probabilities
    """
    truth, probability = np.asarray(truth), np.asarray(probability, dtype=float)
    if probability.ndim != 2 or truth.shape != probability.shape[:1] or not len(truth):
        raise UserError(
            f"reliability: truth {truth.shape}, probability {probability.shape}; give (N,), (N, C)"
        )
    if not np.allclose(probability.sum(axis=1), 1, atol=1e-3):
        row = int(np.argmax(np.abs(probability.sum(axis=1) - 1)))
        raise UserError(f"reliability: probability row {row} does not sum to 1; apply a softmax")
    confidence = probability.max(axis=1)
    band = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    right = probability.argmax(axis=1) == truth
    rows = pd.DataFrame({"confidence": confidence, "accuracy": right.astype(float)})
    table = rows.groupby(band).mean()
    table.insert(0, "n", rows.groupby(band).size())
    table.insert(0, "high", (table.index + 1) / bins)
    table.insert(0, "low", table.index / bins)
    return table.reset_index(drop=True)


def ece(truth, probability, bins: int = 10) -> float:
    """Expected calibration error: mean gap of confidence and accuracy (Guo et al. 2017)."""
    table = reliability(truth, probability, bins)
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float((gap * table["n"]).sum() / table["n"].sum())


def fit_temperature(logits, truth) -> float:
    r"""The temperature with the lowest cross-entropy (Guo et al. 2017), found by LBFGS.

    At it the mean logit of the true class is the one that the probabilities expect:
    :math:`\sum_n z_{n,y_n} = \sum_n \sum_k p_{nk}(\tau) z_{nk}`.

    Parameters
    ----------
    logits : (N, C) of athletes that trained nothing; truth : (N,) int, position of the class

    Raises
    ------
    UserError if the shapes do not agree
    """
    import torch

    z, y = torch.as_tensor(logits), torch.as_tensor(truth)
    if z.ndim != 2 or y.shape != z.shape[:1] or not len(y):
        raise UserError(
            f"fit_temperature: logits {tuple(z.shape)}, truth {tuple(y.shape)}; give (N, C), (N,)"
        )
    log_tau = torch.zeros(1, dtype=z.dtype, requires_grad=True)  # its logarithm: τ stays above 0
    optimizer = torch.optim.LBFGS([log_tau], max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(z / log_tau.exp(), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_tau.detach().exp())


def conformal_radius(score, athlete, alpha: float = PROTOCOL.alpha) -> float:
    r"""Half-width that covers a new athlete's session with probability 1 - alpha at least.

    The smallest q with :math:`\frac{1}{A+1}\sum_a \frac{1}{n_a} \#\{i: s_{ai} \le q\} \ge
    1-\alpha` over A calibration athletes (Lee, Barber and Willett 2023). Prediction ± q for
    ``score = |truth - prediction|``; with ``score = 1 - probability of the true class`` the set
    of classes whose probability is at least 1 - q.

    Parameters
    ----------
    score : (N,) scores of calibration rows, from athletes that trained nothing
    athlete : (N,) athlete of each row

    Raises
    ------
    UserError when there are too few athletes for a finite radius
    """
    score, weight = _weighted(score, athlete, alpha)
    return float(_quantile(score[None], weight, alpha)[0])


def cv_plus(residual, athlete, fold, prediction, alpha: float = PROTOCOL.alpha):
    r"""Intervals without a calibration set: CV+ (Barber et al. 2021) with athletes as the unit.

    Every row i has an absolute residual from the model of the fold that left its athlete out.
    The upper end for a new row x is the (1 - alpha) quantile of
    :math:`\hat\mu_{-f(i)}(x) + R_i`, each athlete weighing the same; the lower end mirrors it.
    Guaranteed is about 1 - 2 alpha, found is mostly 1 - alpha.

    Parameters
    ----------
    residual, athlete, fold : (N,) of the rows that the folds tested; ``fold`` counts from 0
    prediction : (F, M) prediction of each fold's model for M new rows

    Returns
    -------
    low, high : (M,) float arrays

    Raises
    ------
    UserError if the shapes do not agree, or there are too few athletes for a finite interval
    """
    residual, weight = _weighted(residual, athlete, alpha)
    prediction, fold = np.asarray(prediction, dtype=float), np.asarray(fold)
    if fold.shape != residual.shape or prediction.ndim != 2 or fold.max() >= len(prediction):
        raise UserError(
            f"cv_plus: fold {fold.shape} and prediction {prediction.shape} do not fit residual "
            f"{residual.shape}; give (N,) and (F, M)"
        )
    step = max(1, _CELLS // len(residual))
    low, high = [], []
    for begin in range(0, prediction.shape[1], step):
        each = prediction[fold, begin : begin + step].T
        high.append(_quantile(each + residual, weight, alpha))
        low.append(-_quantile(residual - each, weight, alpha))
    return np.concatenate(low), np.concatenate(high)


def coverage(truth, low, high, athlete) -> pd.Series:
    """Share of each athlete's rows inside [low, high]; :func:`bootstrap` gives mean and interval.

    Parameters
    ----------
    truth, low, high : (N,) arrays; athlete : (N,)

    Raises
    ------
    UserError if the shapes differ
    """
    truth, low, high = (np.asarray(v, dtype=float) for v in (truth, low, high))
    if not truth.shape == low.shape == high.shape:
        raise UserError(
            f"coverage: truth {truth.shape}, low {low.shape}, high {high.shape}; make all (N,)"
        )
    inside = (low <= truth) & (truth <= high)
    names, sums = athlete_sums(inside, np.ones_like(inside), athlete, "accuracy")
    share = from_sums(sums, "accuracy")
    return pd.Series(share, index=pd.Index(names, name="athlete_id"), name="coverage")


def _weighted(score, athlete, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores and the weight of each: 1/(A + 1) an athlete, shared among its rows."""
    if not 0 < alpha < 1:
        raise UserError(f"alpha = {alpha}: give a share between 0 and 1")
    score, athlete = np.asarray(score, dtype=float), np.asarray(athlete)
    if score.ndim != 1 or athlete.shape != score.shape or not np.isfinite(score).all():
        raise UserError(
            f"conformal: scores {score.shape}, athletes {athlete.shape}; give finite (N,) of both"
        )
    _, code, rows = np.unique(athlete.astype(str), return_inverse=True, return_counts=True)
    count = len(rows)
    needed = int(np.ceil(1 / alpha - 1 - 1e-9))
    if count < needed:
        raise UserError(
            f"conformal: {count} athletes cannot cover {1 - alpha:.0%} of a new one's sessions; "
            f"at least {needed} are needed"
        )
    return score, 1 / ((count + 1) * rows[code])


def _quantile(values: np.ndarray, weight: np.ndarray, alpha: float) -> np.ndarray:
    """Smallest value of each row of (M, N) at which the weights up to it reach 1 - alpha."""
    order = np.argsort(values, axis=1)
    reached = np.cumsum(weight[order], axis=1) >= 1 - alpha - 1e-9
    # The last weight sum is A/(A + 1), which reaches 1 - alpha by the check on A.
    first = reached.argmax(axis=1)
    return np.take_along_axis(values, np.take_along_axis(order, first[:, None], 1), 1)[:, 0]
