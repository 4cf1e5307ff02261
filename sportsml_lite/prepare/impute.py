"""Fill gaps in streams: several ways with one interface, and bursts to try them on.

Whatever is learned comes from training athletes. Only ``causal`` ways may run on a watch: they
never read a later second. Interpolation does, and is here to show what that is worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.prepare.forest import DroppedForest, Forest
from sportsml_lite.prepare.rows import fill, neighbours, recordings, training_means

_LAG = 30  # ticks; long against sensor noise, short against a session


@dataclass(frozen=True)
class Mean:
    """Every gap becomes the channel's mean over the training seconds."""

    means: Mapping[str, float]
    causal: ClassVar[bool] = True

    @classmethod
    def fit(cls, train: pd.DataFrame, channels: Sequence[str], seed: int = 0) -> Mean:
        """Means of the training seconds.

        Raises
        ------
        UserError naming a channel that nobody in training has
        """
        return cls(training_means(train, channels))

    def transform(self, streams: pd.DataFrame) -> pd.DataFrame:
        """A copy of the streams without missing values in the fitted channels."""
        return fill(streams, {c: np.full(len(streams), m) for c, m in self.means.items()})


@dataclass(frozen=True)
class Interpolate:
    """A straight line from the last to the *next* reading, the nearest one at either end.

    A recording without any reading gets the training mean.
    """

    means: Mapping[str, float]
    causal: ClassVar[bool] = False

    @classmethod
    def fit(cls, train: pd.DataFrame, channels: Sequence[str], seed: int = 0) -> Interpolate:
        """Means of the training seconds.

        Raises
        ------
        UserError naming a channel that nobody in training has
        """
        return cls(training_means(train, channels))

    def transform(self, streams: pd.DataFrame) -> pd.DataFrame:
        """A copy of the streams without missing values in the fitted channels."""
        return fill(streams, {c: self._line(streams, c) for c in self.means})

    def _line(self, streams: pd.DataFrame, channel: str) -> np.ndarray:
        value, t = streams[channel].to_numpy(float), streams["t_s"].to_numpy(float)
        before, after = neighbours(streams, ~np.isnan(value))
        a, b = np.where(before < 0, after, before), np.where(after < 0, before, after)
        share = np.where(b > a, (t - t[a]) / np.where(b > a, t[b] - t[a], 1), 0)
        return np.where(a < 0, self.means[channel], value[a] + share * (value[b] - value[a]))


@dataclass(frozen=True)
class Decay:
    r"""The last reading, fading to the training mean: :math:`m + (x_0 - m)\,e^{-\Delta t/\tau}`.

    ``tau_s`` infinite holds the last reading. Before the first reading stands the mean.
    """

    means: Mapping[str, float]
    tau_s: Mapping[str, float]
    causal: ClassVar[bool] = True

    @classmethod
    def fit(cls, train: pd.DataFrame, channels: Sequence[str], seed: int = 0) -> Decay:
        """Tau from the autocorrelation of the training seconds at a lag of 30 rows.

        Raises
        ------
        UserError naming a channel that nobody in training has
        """
        means = training_means(train, channels)
        return cls(means, {c: _time_constant(train, c, means[c]) for c in channels})

    def transform(self, streams: pd.DataFrame) -> pd.DataFrame:
        """A copy of the streams without missing values in the fitted channels."""
        return fill(streams, {c: self._fade(streams, c) for c in self.means})

    def _fade(self, streams: pd.DataFrame, channel: str) -> np.ndarray:
        value, t = streams[channel].to_numpy(float), streams["t_s"].to_numpy(float)
        before, _ = neighbours(streams, ~np.isnan(value))
        mean, age_s = self.means[channel], np.where(before < 0, 0, t - t[before])
        faded = mean + (value[before] - mean) * np.exp(-age_s / self.tau_s[channel])
        return np.where(before < 0, mean, faded)


@dataclass(frozen=True)
class Hold(Decay):
    """The last reading, held: :class:`Decay` with an infinite time constant."""

    @classmethod
    def fit(cls, train: pd.DataFrame, channels: Sequence[str], seed: int = 0) -> Hold:
        """Means of the training seconds.

        Raises
        ------
        UserError naming a channel that nobody in training has
        """
        return cls(training_means(train, channels), dict.fromkeys(channels, np.inf))


METHODS = {
    "mean": Mean,
    "hold": Hold,
    "decay": Decay,
    "forest": Forest,
    "forest_dropped": DroppedForest,
    "interpolate": Interpolate,
}


def fit_imputer(method: str, train: pd.DataFrame, channels: Sequence[str], seed: int = 0):
    """Learn to fill ``channels`` from *training* athletes' streams; then ``.transform(streams)``.

    Parameters
    ----------
    method : ``'mean'``, ``'hold'``, ``'decay'``, ``'forest'``, ``'forest_dropped'`` (all causal) or
        ``'interpolate'``
    train : Streams of training athletes, on a regular clock

    Raises
    ------
    UserError for an unknown method or channel, or a channel that nobody in training has
    """
    if method not in METHODS:
        raise UserError(f"imputer {method!r}: choose one of {', '.join(METHODS)}")
    return METHODS[method].fit(train, list(channels), seed)


def hide_bursts(
    streams: pd.DataFrame, channels: Sequence[str], burst_s: float, share: float, seed: int = 0
) -> tuple[pd.DataFrame, np.ndarray]:
    """Take bursts out of ``channels`` until about ``share`` of the rows is gone.

    Returns
    -------
    streams : a copy; hidden : (N,) bool, the rows that were taken out

    Raises
    ------
    UserError if the share is not from 0 to below 1
    """
    if not 0 <= share < 1:
        raise UserError(f"share = {share}: give a share from 0 to below 1")
    first, last = recordings(streams)
    end = np.repeat(last, last - first)
    t, n = streams["t_s"].to_numpy(float), len(streams)
    step = np.median(np.diff(t)[np.diff(t) > 0]) if n > 1 else 1.0
    rows = max(1, round(burst_s / step))
    # Bursts overlap: with n·h/rows of them, a share 1 - exp(-h) is gone.
    count = round(-np.log1p(-share) * n / rows)
    begin = np.sort(np.random.default_rng(seed).integers(n, size=count))
    change = np.bincount(begin, minlength=n + 1)
    change -= np.bincount(np.minimum(begin + rows, end[begin]), minlength=n + 1)
    hidden = np.cumsum(change[:n]) > 0
    gone = {c: streams[c].mask(hidden) for c in channels}
    return streams.assign(**gone), hidden


def _time_constant(train: pd.DataFrame, channel: str, mean: float) -> float:
    """Tau in s of an exponential that falls to the autocorrelation at the lag; 1 s at least."""
    name = pd.factorize(train["session_id"])[0]
    x, t = train[channel].to_numpy(float) - mean, train["t_s"].to_numpy(float)
    product = (x[_LAG:] * x[:-_LAG])[name[_LAG:] == name[:-_LAG]]
    lag_s = np.median((t[_LAG:] - t[:-_LAG])[name[_LAG:] == name[:-_LAG]]) if len(product) else 0
    known = product[~np.isnan(product)]
    spread = np.nanmean(x**2)
    if not len(known) or known.mean() <= 0 or spread == 0:
        return 1.0
    return float(max(1.0, -lag_s / np.log(min(known.mean() / spread, 1 - 1e-6))))
