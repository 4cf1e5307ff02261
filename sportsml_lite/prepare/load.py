"""The load of a session: TRIMP, Edwards, perceived exertion, and time in zones.

Every load here is minutes weighted by intensity; they differ in the weight. A load is a formula of
what was measured, so a target that is itself such a formula would be leakage, not learning.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.intensity import BANISTER
from sportsml_lite.prepare.rows import of_athletes, of_sessions, recordings
from sportsml_lite.prepare.scale import stream_reserve, with_hr_max

EDWARDS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of maximal heart rate; weights 1 to 5 from 50 per cent
_LONGEST_S = 10.0  # a row stands for the time to the next, but not for a pause


def trimp(minutes, reserve, sex) -> np.ndarray:
    r"""Banister's training impulse, :math:`\text{minutes} \cdot x \cdot a\,e^{bx}`.

    A mean heart rate gives less than its stream does, since the weight is convex: an hour half at
    0.55 and half at 0.95 is 143.4 by the second and 121.6 by its mean of 0.75 (men).

    Parameters
    ----------
    minutes, reserve : (N,) duration and heart-rate reserve fraction x, 0 to 1
    sex : (N,) or one of ``'m'``, ``'f'``; missing gives NaN

    Raises
    ------
    UserError for another sex: the constants were fitted to these two
    """
    reserve = np.asarray(reserve, dtype=float)
    a, b = _constants(sex, reserve.shape)
    return np.asarray(minutes, dtype=float) * _strain(reserve, a, b)


def srpe_load(rpe, duration_s):
    """Session load by perceived exertion, CR10 × minutes (Foster et al. 2001)."""
    return rpe * duration_s / 60


def seconds(streams: pd.DataFrame) -> np.ndarray:
    """Seconds that each row stands for, (N,): until the next row, ten at most, one for the last.

    A watch that records when something changes leaves out rows; a pause leaves out minutes.
    """
    _, last = recordings(streams)
    t = streams["t_s"].to_numpy(dtype=float)
    out = np.minimum(np.diff(t, append=np.nan), _LONGEST_S)
    out[last - 1] = 1.0
    return out


def zone_minutes(values, edges: Sequence[float], streams: pd.DataFrame) -> pd.DataFrame:
    """Minutes in each zone, a row a session and a column a zone, 0 below the first edge.

    Parameters
    ----------
    values : (N,) of the streams' rows, in the unit of ``edges``; NaN stands in no zone
    edges : rising, or (N, E) where each row has its own

    Raises
    ------
    UserError if the values do not fit the streams, or edges do not rise
    """
    values, edges = np.asarray(values, dtype=float), np.asarray(edges, dtype=float)
    if values.shape != (len(streams),) or (np.diff(edges, axis=-1) <= 0).any():
        raise UserError(
            f"zones: values {values.shape} for {len(streams)} rows, edges must rise; give (N,)"
        )
    known = ~np.isnan(values) & ~np.isnan(edges).any(axis=-1)
    zone = (values[:, None] >= edges).sum(axis=1)
    first, last = recordings(streams)
    session = np.repeat(np.arange(len(first)), last - first)
    zones = edges.shape[-1] + 1
    cell, weight = (session * zones + zone)[known], seconds(streams)[known] / 60
    minutes = np.bincount(cell, weights=weight, minlength=len(first) * zones)
    names = pd.Index(streams["session_id"].iloc[first], name="session_id")
    return pd.DataFrame(minutes.reshape(-1, zones), index=names)


def stream_loads(
    streams: pd.DataFrame, sessions: pd.DataFrame, athletes: pd.DataFrame
) -> pd.DataFrame:
    """Loads of each session from its heart rate, second by second; a row a session_id.

    Returns
    -------
    minutes : with a heart rate; NaN loads where there is none (a gap counts for nothing)
    trimp : Banister's, integrated; edwards : zone 1 to 5 by tenths of HRmax from 50 per cent

    Raises
    ------
    UserError naming an athlete or session without a row, or a sex that TRIMP does not know
    """
    first, last = recordings(streams)
    own = of_sessions(streams["session_id"].to_numpy()[first], sessions)
    own = of_athletes(own["athlete_id"], with_hr_max(athletes), ["sex", "hr_max_bpm"])
    a, b = np.repeat(_constants(own["sex"], first.shape), last - first, axis=1)
    reserve, minutes = stream_reserve(streams, sessions, athletes), seconds(streams) / 60
    impulse = _totals(np.nan_to_num(minutes * _strain(reserve, a, b)), first)
    share = streams["hr_bpm"].to_numpy(float) / np.repeat(own["hr_max_bpm"], last - first)
    zones = zone_minutes(share, EDWARDS, streams)
    measured = _totals(np.where(np.isnan(reserve), 0, minutes), first)
    unknown = (measured == 0) | np.isnan(a[first])
    table = {
        "minutes": measured,
        "trimp": np.where(unknown, np.nan, impulse),
        "edwards": np.where(measured == 0, np.nan, zones.to_numpy() @ np.arange(6)),
    }
    return pd.DataFrame(table, index=zones.index)


def _strain(reserve, a, b) -> np.ndarray:
    """Banister's weight of a minute at a share of the reserve."""
    return reserve * a * np.exp(b * reserve)


def _constants(sex, shape: tuple[int, ...]) -> np.ndarray:
    code, names = pd.factorize(np.broadcast_to(np.asarray(sex, dtype=object), shape).ravel())
    wrong = [name for name in names if name not in BANISTER]
    if wrong:
        raise UserError(f"sex = {wrong[0]!r}: TRIMP knows 'm' and 'f'; leave another one empty")
    table = np.array([BANISTER[name] for name in names] + [(np.nan, np.nan)])
    return table[code].T.reshape(2, *shape)


def _totals(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, first) if len(first) else np.zeros(0)
