"""Is it cadence lock? Closeness of heart rate and cadence, beside what chance alone gives."""

from __future__ import annotations

import numpy as np
import pandas as pd


def minute_means(stream: pd.DataFrame) -> pd.DataFrame:
    """Means of heart rate and cadence in every minute of one session that has both.

    Returns
    -------
    DataFrame: minute, hr_bpm, cadence_spm
    """
    minute = (stream["t_s"] // 60).rename("minute")
    means = stream.groupby(minute)[["hr_bpm", "cadence_spm"]].mean()
    return means.dropna().reset_index()


def lock_test(stream: pd.DataFrame, close_bpm: float, shifts: int, seed: int) -> pd.Series:
    """Share of minutes in which heart rate lies near cadence, against the cadence shifted in time.

    The shift is circular and by a whole number of minutes: it keeps what cadence is like and
    destroys what it has to do with heart rate. A lock stands out from the shifted shares.

    Parameters
    ----------
    stream : Streams of one session
    close_bpm : what counts as near
    shifts : random shifts, drawn with ``seed`` from all but the smallest (less than 2 min)

    Returns
    -------
    Series: minutes, close_percent, shifted_low_percent, shifted_high_percent (middle 95 %),
    change_correlation (of the changes from minute to minute), verdict; NaN where there are fewer
    than ten minutes with both
    """
    means = minute_means(stream)
    n = len(means)
    if n < 10:
        lost = dict.fromkeys(
            ("close_percent", "shifted_low_percent", "shifted_high_percent", "change_correlation"),
            np.nan,
        )
        return pd.Series({"minutes": n, **lost, "verdict": "too little heart rate and cadence"})
    hr, cadence = means["hr_bpm"].to_numpy(), means["cadence_spm"].to_numpy()
    moved = np.random.default_rng(seed).integers(2, n - 1, shifts)
    rolled = cadence[(np.arange(n) - moved[:, None]) % n]
    shares = 100 * (np.abs(hr - rolled) <= close_bpm).mean(axis=1)
    close = 100 * (np.abs(hr - cadence) <= close_bpm).mean()
    low, high = np.percentile(shares, [2.5, 97.5])
    changes = means[["hr_bpm", "cadence_spm"]].diff().dropna()
    return pd.Series(
        {
            "minutes": n,
            "close_percent": close,
            "shifted_low_percent": low,
            "shifted_high_percent": high,
            "change_correlation": changes["hr_bpm"].corr(changes["cadence_spm"]),
            "verdict": "a lock is likely" if close > high else "no sign of a lock",
        }
    )
