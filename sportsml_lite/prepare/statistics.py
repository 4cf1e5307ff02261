"""Windows in a few numbers: what trees read in place of a sequence."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from sportsml_lite.collect.datasets.swimming import INERTIAL
from sportsml_lite.prepare.windows import fill_windows
from sportsml_lite.schema import Windows


def window_statistics(windows: Windows, means: np.ndarray) -> np.ndarray:
    """What a window looks like in a few numbers, (N, F) float32.

    Of each channel: share missing, mean, standard deviation, minimum, quartiles, maximum, mean of
    the last 10 s, slope (per s) and mean absolute step. Inertial windows also give them for the
    norms of acceleration and angular rate, and of all these the dominant frequency (Hz) and its
    share of the spectral energy (the energy itself is the variance), and the correlations of axes.

    Parameters
    ----------
    windows : N windows, with gaps
    means : (C,) means of the training windows, for what precedes a channel's first value
    """
    missing = np.isnan(windows.X).mean(axis=2)
    X, more = fill_windows(windows.X, means), []
    if set(INERTIAL) <= set(windows.channels):
        axes = X[:, [windows.channels.index(c) for c in INERTIAL]]
        norms = np.sqrt((axes.reshape(len(X), 2, 3, X.shape[2]) ** 2).sum(axis=2))
        X = np.concatenate([X, norms], axis=1)
        more = [*_spectrum(X, windows.rate_hz), _correlations(axes)]
    return np.hstack([missing, *_shape(X, windows.rate_hz), *more]).astype(np.float32)


def _shape(X: np.ndarray, rate_hz: float) -> list[np.ndarray]:
    """(N, C) arrays; X (N, C, T) without gaps."""
    clock = np.arange(X.shape[2], dtype=X.dtype)
    clock = (clock - clock.mean()) / rate_hz
    slope = X @ (clock / max((clock**2).sum(), 1e-12)).astype(X.dtype)
    step = np.abs(np.diff(X, axis=2)).sum(axis=2) / max(X.shape[2] - 1, 1)
    quartiles = np.quantile(X, (0, 0.25, 0.5, 0.75, 1), axis=2)
    return [X.mean(axis=2), X.std(axis=2), *quartiles, last_mean(X, rate_hz, 10), slope, step]


def _spectrum(X: np.ndarray, rate_hz: float) -> list[np.ndarray]:
    power = np.abs(np.fft.rfft(X - X.mean(axis=2, keepdims=True), axis=2))[..., 1:] ** 2
    frequency = np.fft.rfftfreq(X.shape[2], 1 / rate_hz)[1:]
    return [
        frequency[power.argmax(axis=2)],
        power.max(axis=2) / np.maximum(power.sum(axis=2), 1e-12),
    ]


def _correlations(X: np.ndarray) -> np.ndarray:
    """Of every pair of channels, (N, C·(C-1)/2); 0 where one is constant."""
    X = X - X.mean(axis=2, keepdims=True)
    X = X / np.maximum(np.sqrt((X**2).sum(axis=2, keepdims=True)), 1e-6)
    pairs = np.array(list(combinations(range(X.shape[1]), 2)))
    return (X[:, pairs[:, 0]] * X[:, pairs[:, 1]]).sum(axis=2)


def last_mean(X: np.ndarray, rate_hz: float, seconds: float) -> np.ndarray:
    """Mean of the last ``seconds`` of the last axis of X."""
    return X[..., -max(1, round(seconds * rate_hz)) :].mean(axis=-1)
