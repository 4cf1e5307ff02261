"""Numbers on one scale: heart rate as a share of its reserve, features by training statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.intensity import hr_max_by_age
from sportsml_lite.prepare.rows import of_athletes, of_sessions, recordings

MISSING = ("keep", "mean")


def heart_rate_reserve(hr_bpm, hr_rest_bpm, hr_max_bpm):
    """Heart rate from 0 (rest) to 1 (maximum), held inside these bounds; NaN stays NaN.

    Raises
    ------
    UserError where the maximum is not above rest
    """
    rest, top = np.asarray(hr_rest_bpm, dtype=float), np.asarray(hr_max_bpm, dtype=float)
    wrong = np.broadcast_to(top <= rest, np.broadcast_shapes(top.shape, rest.shape)).ravel()
    if wrong.any():
        raise UserError(
            f"heart rate: row {int(wrong.argmax())} has a maximum at or below rest; correct the "
            "athlete's hr_rest_bpm or hr_max_bpm"
        )
    return np.clip((np.asarray(hr_bpm, dtype=float) - rest) / (top - rest), 0, 1)


def with_hr_max(athletes: pd.DataFrame) -> pd.DataFrame:
    """Athletes, an unknown maximal heart rate filled by :func:`hr_max_by_age`.

    Raises
    ------
    UserError naming an athlete whose maximum is not above rest
    """
    top = athletes["hr_max_bpm"].fillna(hr_max_by_age(athletes["age_y"]))
    wrong = (top <= athletes["hr_rest_bpm"]).to_numpy()
    if wrong.any():
        row = athletes.iloc[int(wrong.argmax())]
        raise UserError(
            f"athletes: {row['athlete_id']!r} has hr_max_bpm {row['hr_max_bpm']:g} at or below "
            f"hr_rest_bpm {row['hr_rest_bpm']:g}; correct one of them"
        )
    return athletes.assign(hr_max_bpm=top)


def stream_reserve(
    streams: pd.DataFrame, sessions: pd.DataFrame, athletes: pd.DataFrame
) -> np.ndarray:
    """:func:`heart_rate_reserve` of every second, (N,), by each athlete's rest and maximum."""
    first, last = recordings(streams)
    owners = of_sessions(streams["session_id"].to_numpy()[first], sessions)["athlete_id"]
    own = of_athletes(owners, with_hr_max(athletes), ["hr_rest_bpm", "hr_max_bpm"]).to_numpy()
    rest, top = np.repeat(own, last - first, axis=0).T
    return heart_rate_reserve(streams["hr_bpm"].to_numpy(), rest, top)


@dataclass(frozen=True)
class Scaler:
    """Mean and spread of each feature, (D,), fitted on training rows alone."""

    mean: np.ndarray
    factor: np.ndarray

    def transform(self, X, missing: str = "keep") -> np.ndarray:
        """Scaled (N, D) or (N, C, T), of X's dtype.

        ``missing='keep'`` leaves NaN; ``'mean'`` puts the training mean there, as a network needs.

        Raises
        ------
        UserError if X has other features than those it was fitted on, or for another
            ``missing``
        """
        if missing not in MISSING:
            raise UserError(f"missing = {missing!r}: choose one of {', '.join(MISSING)}")
        X = _array(X)
        if X.shape[1] != len(self.mean):
            raise UserError(
                f"scaler: {X.shape[1]} features, fitted on {len(self.mean)}; give the same ones"
            )
        scaled = (X - _along(self.mean, X)) / _along(self.factor, X)
        if missing == "mean":
            scaled[np.isnan(scaled)] = 0
        return scaled


def fit_scaler(X) -> Scaler:
    """Learn from *training* rows a scale of mean 0 and standard deviation 1.

    Missing values are left out. A constant or wholly missing feature keeps factor 1, so it
    becomes 0.

    Parameters
    ----------
    X : (N, D) features or (N, C, T) windows, scaled along axis 1

    Raises
    ------
    UserError for another shape, or no row at all
    """
    X = _array(X)
    if not len(X):
        raise UserError("scaler: no training rows; give at least one")
    axes = tuple(axis for axis in range(X.ndim) if axis != 1)
    n = np.maximum((~np.isnan(X)).sum(axis=axes), 1)
    mean = np.nansum(X, axis=axes, dtype=float) / n
    spread = np.nansum((X - _along(mean, X)) ** 2, axis=axes, dtype=float) / n
    factor = np.sqrt(spread)
    flat = ~np.isfinite(factor) | (factor <= 1e-12 * np.abs(mean))
    return Scaler(mean, np.where(flat, 1.0, factor))


def _array(X) -> np.ndarray:
    X = np.asarray(X)
    if X.ndim not in (2, 3):
        raise UserError(f"scaler: shape {X.shape}; give (N, D) features or (N, C, T) windows")
    return X if X.dtype.kind == "f" else X.astype(float)


def _along(values: np.ndarray, X: np.ndarray) -> np.ndarray:
    """(D,) against axis 1 of X, in X's dtype so that float32 stays float32."""
    return values.astype(X.dtype).reshape((1, -1) + (1,) * (X.ndim - 2))
