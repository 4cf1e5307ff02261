"""What a network has to beat: naive answers, one-number lines, ridge and boosted trees.

Every baseline is fitted by :func:`fit_baseline` and then a function of a table to predictions.
Validation athletes choose the strength of a ridge and the number of trees, as they choose the last
epoch of a network: nobody is stopped by better judges than the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.prepare import Table, TrainingHistory, fit_scaler

BASELINES = {
    "mean": "mean predictor",
    "athlete_mean": "athlete's own mean so far",
    "per_minute": "duration × mean rate",
    "trimp": "line on TRIMP",
    "ratio": "line on TRIMP ratio",
    "ridge": "ridge",
    "boosting": "boosted trees",
}
LINES = {"trimp": "trimp", "ratio": "trimp_ratio"}
STRENGTHS = np.logspace(-1, 5, 13)  # penalties that a ridge may choose from
TREES = {"learning_rate": 0.05, "max_iter": 1000, "n_iter_no_change": 20}

Predictor = Callable[[Table], np.ndarray]


def fit_baseline(
    name: str, train: Table, validation: Table, own_mean: pd.Series | None = None
) -> Predictor:
    """Fit one of :data:`BASELINES` on training athletes.

    ``mean`` answers with the training mean; ``athlete_mean`` with the mean of the athlete's earlier
    targets (:func:`own_past`), the training mean for a first session; ``per_minute`` with duration
    times the mean of target over duration; ``trimp`` and ``ratio`` with a line on one feature;
    ``ridge`` with a line on all; ``boosting`` with histogram gradient boosting, which handles
    missing features itself.

    Parameters
    ----------
    name : key of :data:`BASELINES`
    train, validation : tables of different athletes with the same features
    own_mean : for ``athlete_mean``, by session_id

    Returns
    -------
    function of a table with the same features, giving (N,) predictions

    Raises
    ------
    UserError for an unknown name, tables that do not fit, shared athletes, or no ``own_mean``
    """
    if name not in BASELINES:
        raise UserError(f"no baseline {name!r}: choose one of {', '.join(BASELINES)}")
    _check(train, validation)
    if name == "athlete_mean":
        return _athlete_mean(train, own_mean)
    if name in LINES:
        return _line(train, LINES[name])
    fit = {"mean": _mean, "per_minute": _per_minute, "ridge": _ridge, "boosting": _boosting}
    return fit[name](train, validation)


def own_past(sessions: pd.DataFrame, values) -> pd.Series:
    """Mean of each athlete's *earlier* values, by session_id; NaN where there is none.

    Parameters
    ----------
    sessions : table of the contract
    values : (N,) target of each session; missing ones are left out
    """
    return pd.Series(
        TrainingHistory.of(sessions).mean(values), index=sessions["session_id"].astype(str)
    )


def add_own_past(prediction, truth, sessions: pd.DataFrame, strength: float = 3.0) -> np.ndarray:
    r"""Predictions moved by how the athlete's *earlier* sessions turned out.

    .. math:: p_t + \frac{n}{n + k} \, \frac1n \sum_{j \text{ before } t} (y_j - p_j)

    Parameters
    ----------
    prediction, truth : (N,) of the sessions
    sessions : table of the contract, the same N rows in the same order
    strength : k, the earlier sessions that the model's own answer is worth (3: an assumption)

    Returns
    -------
    (N,) predictions; an athlete's first session keeps its own

    Raises
    ------
    UserError if the rows do not match
    """
    residual = np.asarray(truth, dtype=float) - np.asarray(prediction, dtype=float)
    if residual.shape != (len(sessions),):
        raise UserError(f"own past: {residual.shape} residuals for {len(sessions)} sessions")
    past = TrainingHistory.of(sessions)
    n = past.total(~np.isnan(residual), np.inf)
    return prediction + np.nan_to_num(past.mean(residual)) * n / (n + strength)


def _check(train: Table, validation: Table) -> None:
    if train.names != validation.names or train.target != validation.target:
        raise UserError("baseline: training and validation differ in features; split one table")
    if not len(train) or not len(validation):
        raise UserError("baseline: no session to train or to validate on; give more athletes")
    shared = np.intersect1d(train.athlete.astype(str), validation.athlete.astype(str))
    if len(shared):
        raise UserError(
            f"baseline: athlete {str(shared[0])!r} trains and validates; split by athlete"
        )


def _mean(train: Table, validation: Table) -> Predictor:
    mean = train.y.mean()
    return lambda table: np.full(len(table), mean)


def _athlete_mean(train: Table, own_mean: pd.Series | None) -> Predictor:
    if own_mean is None:
        raise UserError("athlete_mean: needs the earlier targets; give own_mean=own_past(...)")
    start = train.y.mean()
    return lambda table: own_mean.reindex(table.session).fillna(start).to_numpy()


def _per_minute(train: Table, validation: Table) -> Predictor:
    minutes = train.column("duration_min")
    rate = np.nanmean(train.y / np.where(minutes > 0, minutes, np.nan))
    usual = np.nanmean(minutes)
    return lambda table: rate * np.nan_to_num(table.column("duration_min"), nan=usual)


def _line(train: Table, feature: str) -> Predictor:
    def column(table: Table) -> np.ndarray:
        return np.nan_to_num(table.column(feature), nan=usual)

    usual = np.nanmean(train.column(feature))
    slope, intercept = np.polyfit(column(train), train.y, 1)
    return lambda table: intercept + slope * column(table)


def _ridge(train: Table, validation: Table) -> Predictor:
    from sklearn.linear_model import Ridge

    scaler = fit_scaler(train.X)
    X, X_val = (scaler.transform(t.X, "mean") for t in (train, validation))
    models = [Ridge(strength).fit(X, train.y) for strength in STRENGTHS]
    errors = [np.mean((m.predict(X_val) - validation.y) ** 2) for m in models]
    best = models[int(np.argmin(errors))]
    return lambda table: best.predict(scaler.transform(table.X, "mean"))


def _boosting(train: Table, validation: Table) -> Predictor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(early_stopping=True, random_state=0, **TREES)
    trees.fit(train.X, train.y, X_val=validation.X, y_val=validation.y)
    return lambda table: trees.predict(table.X)
