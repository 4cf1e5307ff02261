"""Errors and scores, for all rows together and for each athlete.

Single numbers come from scikit-learn; ours adds the refusal of shapes that would broadcast. Scores
of each athlete, and of each bootstrap draw, come from sums an athlete contributes: an error of any
set of athletes is a function of their sums, so no row is read twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError

ERRORS = ("mse", "rmse", "mae")
SCORES = ("r2", "accuracy", "macro_f1")
CLASSIFICATION = ("accuracy", "macro_f1")
METRICS = ERRORS + SCORES


def mse(truth, prediction) -> float:
    r"""Mean squared error (the whole one), :math:`\frac{1}{N}\sum_i (y_i - p_i)^2`.

    Parameters
    ----------
    truth, prediction : (N,) float arrays

    Raises
    ------
    UserError if a shape is not (N,), the two differ, or a value is missing
    """
    return score(truth, prediction, "mse")


def rmse(truth, prediction) -> float:
    """Square root of :func:`mse`, in the unit of the target."""
    return score(truth, prediction, "rmse")


def mae(truth, prediction) -> float:
    r"""Mean absolute error, :math:`\frac{1}{N}\sum_i |y_i - p_i|`, in the unit of the target."""
    return score(truth, prediction, "mae")


def r2(truth, prediction) -> float:
    r"""Explained share of the variance, :math:`1 - \sum(y-p)^2 / \sum(y-\bar y)^2`.

    1 is perfect, 0 is the mean *of these rows*, below 0 is worse; NaN where the truth is constant.
    """
    return score(truth, prediction, "r2")


def accuracy(truth, prediction) -> float:
    """Share of rows whose class is right."""
    return score(truth, prediction, "accuracy")


def macro_f1(truth, prediction) -> float:
    r"""Mean over the classes *in the truth* of :math:`F_1 = 2tp/(2tp + fp + fn)`.

    A predicted class that the truth never shows lowers the others (its rows are their misses) but
    is no term of its own; so a swimmer with two strokes is judged on two.
    """
    return score(truth, prediction, "macro_f1")


def score(truth, prediction, metric: str) -> float:
    """One of :data:`METRICS`; see the function of that name."""
    truth, prediction = _pair(truth, prediction, metric)
    from sklearn import metrics

    if metric == "macro_f1":
        return float(metrics.f1_score(truth, prediction, labels=np.unique(truth), average="macro"))
    if metric == "r2" and np.ptp(truth) == 0:
        return np.nan
    function = {
        "mse": metrics.mean_squared_error,
        "rmse": metrics.root_mean_squared_error,
        "mae": metrics.mean_absolute_error,
        "r2": metrics.r2_score,
        "accuracy": metrics.accuracy_score,
    }[metric]
    return float(function(truth, prediction))


def scores(truth, prediction, metrics: Sequence[str] = ("mse", "rmse", "mae", "r2")) -> pd.Series:
    """Several metrics at once, a Series by name."""
    return pd.Series({metric: score(truth, prediction, metric) for metric in metrics})


def by_athlete(
    truth, prediction, athlete, metrics: Sequence[str] = ("mse", "rmse", "mae", "r2")
) -> pd.DataFrame:
    """Every metric for each athlete, sorted by name, with ``n``, the athlete's rows.

    Parameters
    ----------
    truth, prediction : (N,) arrays
    athlete : (N,) athlete of each row

    Returns
    -------
    (A, 1 + M) DataFrame; R² is NaN for an athlete whose truth is constant
    """
    n = pd.Series(np.asarray(athlete)).astype(str).value_counts().sort_index()
    out = {"n": n.to_numpy()}
    for metric in metrics:
        out[metric] = from_sums(athlete_sums(truth, prediction, athlete, metric)[1], metric)
    return pd.DataFrame(out, index=pd.Index(n.index, name="athlete_id"))


def oracle_ratio(truth, prediction, oracle, metric: str = "rmse") -> float:
    """Error in multiples of an oracle's, such as the noise-free effect: 1 is as good as can be.

    Raises
    ------
    UserError if ``metric`` is a score, where larger is better and a ratio says nothing
    """
    if metric not in ERRORS:
        raise UserError(f"oracle_ratio: {metric!r} is no error; choose one of {', '.join(ERRORS)}")
    return score(truth, prediction, metric) / score(truth, oracle, metric)


def reached(truth, prediction, naive, oracle, metric: str = "mse") -> float:
    """Share of the way from a naive baseline (0) to the oracle (1) that a model has gone.

    Raises
    ------
    UserError if baseline and oracle score the same
    """
    start, end = score(truth, naive, metric), score(truth, oracle, metric)
    if start == end:
        raise UserError("reached: baseline and oracle score the same, so there is no way to go")
    return (start - score(truth, prediction, metric)) / (start - end)


def athlete_sums(truth, prediction, athlete, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Sums from which :func:`from_sums` gives the metric of any set of athletes.

    Returns
    -------
    names : (A,) athletes, sorted; sums : (A, M), to be added over athletes

    Raises
    ------
    UserError if the shapes differ, or a value is missing
    """
    truth, prediction = _pair(truth, prediction, metric)
    athlete = np.asarray(athlete)
    if athlete.shape != truth.shape:
        raise UserError(
            f"athlete has shape {athlete.shape} and truth {truth.shape}; make both (N,)"
        )
    names, code = np.unique(athlete.astype(str), return_inverse=True)
    if metric in CLASSIFICATION:
        return names, _confusion(truth, prediction, code, len(names))
    error, centred = truth - prediction, truth - truth.mean()
    terms = (np.ones_like(error), np.abs(error), error**2, centred, centred**2)
    sums = [np.bincount(code, weights=term, minlength=len(names)) for term in terms]
    return names, np.stack(sums, axis=1)


def from_sums(sums: np.ndarray, metric: str) -> np.ndarray:
    """Metric of each row of ``sums`` (..., M), e.g. of an athlete or of a bootstrap draw."""
    if metric in CLASSIFICATION:
        return _from_confusion(sums, metric)
    n, absolute, squared, total, total2 = np.moveaxis(sums, -1, 0)
    if metric == "mae":
        return absolute / n
    if metric != "r2":
        return squared / n if metric == "mse" else np.sqrt(squared / n)
    spread = total2 - total**2 / n
    # A constant truth leaves rounding, not zero: below it there is no variance to explain.
    constant = spread <= 1e-12 * total2
    return 1 - squared / np.where(constant, np.nan, spread)


def _confusion(truth, prediction, code, athletes: int) -> np.ndarray:
    """Confusion counts of each athlete, (A, C·C): rows are the truth, columns the prediction."""
    classes, labels = np.unique(np.concatenate([truth, prediction]), return_inverse=True)
    c, n = len(classes), len(truth)
    cell = (code * c + labels[:n]) * c + labels[n:]
    return np.bincount(cell, minlength=athletes * c * c).reshape(athletes, c * c).astype(float)


def _from_confusion(sums: np.ndarray, metric: str) -> np.ndarray:
    c = round(np.sqrt(sums.shape[-1]))
    counts = sums.reshape(*sums.shape[:-1], c, c)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    if metric == "accuracy":
        return hits.sum(-1) / counts.sum((-2, -1))
    true, predicted = counts.sum(-1), counts.sum(-2)
    f1 = 2 * hits / np.maximum(true + predicted, 1)
    return f1.sum(-1, where=true > 0) / (true > 0).sum(-1)


def _pair(truth, prediction, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Both as (N,) arrays, or an error that says how they differ."""
    if metric not in METRICS:
        raise UserError(f"no metric {metric!r}: choose one of {', '.join(METRICS)}")
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape or truth.ndim != 1:
        raise UserError(
            f"truth has shape {truth.shape} and prediction {prediction.shape}; make both (N,), "
            "e.g. with .reshape(-1): other shapes broadcast to wrong errors"
        )
    if not len(truth):
        raise UserError(f"{metric}: no rows; give at least one")
    if metric not in CLASSIFICATION:
        truth, prediction = truth.astype(float), prediction.astype(float)
    for name, values in (("truth", truth), ("prediction", prediction)):
        bad = pd.isna(values) | (np.isinf(values) if values.dtype.kind == "f" else False)
        if bad.any():
            row = int(np.argmax(bad))
            raise UserError(f"{metric}: {name} row {row} is {values[row]}; leave such rows out")
    return truth, prediction
