"""A random forest that fills a channel from the other channels and its own last reading.

What heart rate a speed costs differs more between athletes than within one, so the other channels
alone guess badly for somebody new. The forest therefore learns the *change* since the channel's
own last reading, and falls back on the others where there has been none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.prepare.rows import fill, neighbours, recordings, training_means

_ROWS = 10_000  # training rows a forest: more cost time and gain little
_OLDEST = 600  # ticks; the oldest reading that training imagines


@dataclass(frozen=True)
class Forest:
    """Random forests (Breiman 2001), two a channel; no later second is read, so it is causal.

    others : from the other channels, now and averaged over the last minute, since heart rate lags
        what causes it, and the time
    since : from the same, the last reading and its age; predicts the change since then
    """

    others: Mapping[str, object]
    since: Mapping[str, object]
    causal: ClassVar[bool] = True
    drop: ClassVar[float] = 0.0

    @classmethod
    def fit(cls, train: pd.DataFrame, channels: Sequence[str], seed: int = 0) -> Forest:
        """Fit on at most 10,000 random seconds of the training athletes a forest.

        Raises
        ------
        UserError for a single channel, one that nobody in training has, or no two readings of
            one
        """
        _check(train, channels)
        since = {c: _learn_since(train, c, channels, cls.drop, seed) for c in channels}
        return cls(_learn_others(train, channels, cls.drop, seed), since)

    def transform(self, streams: pd.DataFrame) -> pd.DataFrame:
        """A copy of the streams without missing values in the fitted channels."""
        return fill(streams, {c: self._predict(streams, c) for c in self.others})

    def _predict(self, streams: pd.DataFrame, channel: str) -> np.ndarray:
        value = streams[channel].to_numpy(float, copy=True)
        gap = np.flatnonzero(np.isnan(value))
        last = neighbours(streams, ~np.isnan(value))[0][gap]
        around = _companions(streams, channel, list(self.others))
        begun = (last >= 0) & (channel in self.since)
        new, old = gap[~begun], gap[begun]
        if len(new):
            value[new] = self.others[channel].predict(around[new])
        if len(old):
            inputs = _since(streams, channel, around, old, last[begun])
            value[old] = value[last[begun]] + self.since[channel].predict(inputs)
        return value


@dataclass(frozen=True)
class DroppedForest(Forest):
    """A forest whose other channels were dropped at random while it learned, each in 3 rows of 10.

    So it has met missing companions before it meets them on a watch.
    """

    drop: ClassVar[float] = 0.3


def _check(train: pd.DataFrame, channels: Sequence[str]) -> None:
    training_means(train, channels)
    if len(channels) < 2:
        raise UserError(f"forest: only {channels[0]!r}; give another channel to learn from")


def _learn_others(train: pd.DataFrame, channels, drop: float, seed: int) -> dict[str, object]:
    models = {}
    for channel in channels:
        rng = np.random.default_rng(seed)
        value = train[channel].to_numpy(float)
        rows = rng.permutation(np.flatnonzero(~np.isnan(value)))[:_ROWS]
        around = _companions(train, channel, channels)[rows]
        models[channel] = _grow(_dropped(around, len(channels) - 1, drop, rng), value[rows], seed)
    return models


def _learn_since(train: pd.DataFrame, channel: str, channels, drop: float, seed: int):
    """Learn the change since a reading that lies 1 to 600 ticks back, the near ones more often."""
    rng = np.random.default_rng(seed)
    value = train[channel].to_numpy(float)
    first, end = recordings(train)
    back = np.arange(len(value)) - np.exp(rng.uniform(0, np.log(_OLDEST), len(value))).astype(int)
    inside = back >= np.repeat(first, end - first)
    last = np.where(inside, neighbours(train, ~np.isnan(value))[0][np.maximum(back, 0)], -1)
    rows = rng.permutation(np.flatnonzero((last >= 0) & ~np.isnan(value)))[:_ROWS]
    if not len(rows):
        raise UserError(f"forest: no two training readings of {channel!r} in one recording")
    around = _dropped(_companions(train, channel, channels), len(channels) - 1, drop, rng)
    inputs = _since(train, channel, around, rows, last[rows])
    return _grow(inputs, value[rows] - value[last[rows]], seed)


def _grow(inputs: np.ndarray, target: np.ndarray, seed: int):
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(30, min_samples_leaf=20, max_samples=0.5, random_state=seed)
    return model.fit(inputs, target)


def _companions(streams: pd.DataFrame, channel: str, channels: Sequence[str]) -> np.ndarray:
    """Time, the other channels now, and their means over the last minute, (N, 1 + 2(C - 1))."""
    others = [streams[c].to_numpy(float) for c in channels if c != channel]
    minute = [_trailing_mean(streams, value) for value in others]
    return np.stack([streams["t_s"].to_numpy(float), *others, *minute], axis=1)


def _since(streams: pd.DataFrame, channel: str, around, rows, last) -> np.ndarray:
    """What is around a row, what was at the last reading, that reading and its age."""
    value, t = streams[channel].to_numpy(float)[last], streams["t_s"].to_numpy(float)
    then = around[last, 1 + around.shape[1] // 2 :]
    return np.column_stack([around[rows], then, value, t[rows] - t[last]])


def _dropped(around: np.ndarray, others: int, share: float, rng) -> np.ndarray:
    """A copy with companions missing at random, present value and minute together."""
    gone = np.tile(rng.random((len(around), others)) < share, 2)
    return np.column_stack([around[:, :1], np.where(gone, np.nan, around[:, 1:])])


def _trailing_mean(streams: pd.DataFrame, value: np.ndarray) -> np.ndarray:
    """Mean of the known values of the last 60 rows of the same recording, this row included."""
    first, last = recordings(streams)
    begin = np.maximum(np.arange(len(value)) - 59, np.repeat(first, last - first))
    known = ~np.isnan(value)
    total = np.r_[0, np.cumsum(np.where(known, value, 0))]
    count = np.r_[0, np.cumsum(known)]
    n = count[1:] - count[begin]
    return np.where(n > 0, total[1:] - total[begin], np.nan) / np.maximum(n, 1)
