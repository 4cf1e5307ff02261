"""Is it cadence lock? What the rule finds, beside a control that shows what chance alone gives."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.collect.quality import cadence_lock

NOISE_BPM = 1.0  # of a planted lock around the cadence


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
    """Closeness and the seconds that :func:`cadence_lock` names, against cadence shifted in time.

    The shift is circular, by at least two minutes: it keeps what cadence is like and destroys what
    it has to do with heart rate at each moment.

    Parameters
    ----------
    stream : Streams of one session
    close_bpm : what the naive test counts as near
    shifts : random shifts, drawn with ``seed``

    Returns
    -------
    Series: minutes, close_percent, shifted_close_low, shifted_close_high (middle 95 % of the
    shifts), locked_s, shifted_locked_s (their 95th percentile), change_correlation (of the changes
    from minute to minute), verdict; NaN where fewer than ten minutes have both
    """
    means = minute_means(stream)
    if len(means) < 10:
        return pd.Series({"minutes": len(means), **dict.fromkeys(_MEASURED, np.nan)} | _TOO_LITTLE)
    moved = _shifted(stream, shifts, seed)
    shares = [_close_percent(minute_means(one), close_bpm) for one in moved]
    chance_s = float(np.percentile([_locked_s(one) for one in moved], 95))
    locked_s = _locked_s(stream)
    changes = means[["hr_bpm", "cadence_spm"]].diff().dropna()
    low, high = np.percentile(shares, [2.5, 97.5])
    return pd.Series(
        {
            "minutes": len(means),
            "close_percent": _close_percent(means, close_bpm),
            "shifted_close_low": low,
            "shifted_close_high": high,
            "locked_s": locked_s,
            "shifted_locked_s": chance_s,
            "change_correlation": changes["hr_bpm"].corr(changes["cadence_spm"]),
            "verdict": "a lock is likely" if locked_s > chance_s else "no sign of a lock",
        }
    )


_MEASURED = (
    "close_percent",
    "shifted_close_low",
    "shifted_close_high",
    "locked_s",
    "shifted_locked_s",
    "change_correlation",
)
_TOO_LITTLE = {"verdict": "too little heart rate and cadence"}


def power(
    stream: pd.DataFrame, test: pd.Series, close_bpm: float, trials: int, seed: int
) -> pd.DataFrame:
    """How often planted locks are seen: heart rate replaced by cadence plus noise for a while.

    Parameters
    ----------
    stream : Streams of one session, itself without a lock
    test : what :func:`lock_test` gave for it; its shifts set the thresholds
    trials : places at which each length is planted, drawn with ``seed``

    Returns
    -------
    DataFrame, index ``minutes`` planted, columns rule, closeness: share of trials seen, in percent
    """
    rng = np.random.default_rng(seed)
    seen = {}
    for minutes in (2, 5, 15, 30):
        if 2 * minutes > test["minutes"] or np.isnan(test["locked_s"]):
            continue
        planted = [_planted(stream, 60 * minutes, rng) for _ in range(trials)]
        rule = [_locked_s(one) > test["shifted_locked_s"] for one in planted]
        near = [
            _close_percent(minute_means(one), close_bpm) > test["shifted_close_high"]
            for one in planted
        ]
        seen[minutes] = {"rule": 100 * np.mean(rule), "closeness": 100 * np.mean(near)}
    frame = pd.DataFrame.from_dict(seen, orient="index", columns=["rule", "closeness"])
    return frame.rename_axis("minutes")


def _planted(stream: pd.DataFrame, length_s: int, rng: np.random.Generator) -> pd.DataFrame:
    begin = int(rng.integers(0, max(len(stream) - length_s, 1)))
    inside = stream.index[begin : begin + length_s]
    locked = stream.loc[inside, "cadence_spm"] + rng.normal(0, NOISE_BPM, len(inside))
    hr = stream["hr_bpm"].copy()
    hr[inside] = locked.where(hr[inside].notna())
    return stream.assign(hr_bpm=hr)


def _shifted(stream: pd.DataFrame, shifts: int, seed: int) -> list[pd.DataFrame]:
    n = len(stream)
    by = np.random.default_rng(seed).integers(120, max(n - 120, 121), shifts)
    cadence = stream["cadence_spm"].to_numpy()
    return [stream.assign(cadence_spm=np.roll(cadence, one)) for one in by]


def _close_percent(means: pd.DataFrame, close_bpm: float) -> float:
    return 100 * float(((means["hr_bpm"] - means["cadence_spm"]).abs() <= close_bpm).mean())


def _locked_s(stream: pd.DataFrame) -> float:
    return float(cadence_lock(stream)["length_s"].sum())
