"""What is missing from a stream, and what in it cannot be right: one small rule each.

The rules report; they change nothing, and a report is a question, not a verdict. Their thresholds
stand beside their reasons below. In the 4.8 hours of the real marathon and ride of chapter 1 they
name two stretches: heart rate held at 116 bpm for 80 s of a fast descent, and a jump of 7 bpm/s
in the first seconds of the marathon.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.formats.assemble import HOLD_S
from sportsml_lite.collect.formats.recording import FASTEST_MPS
from sportsml_lite.errors import UserError

# Heart rate answers a step in speed with at most 30.2 bpm/(m/s) over a time constant of 57.6 s
# (Hunt 2015): from rest to 6 m/s that begins at 3.1 bpm/s. Breathing at rest moved 5 bpm/s here.
HR_JUMP_BPM_S = 5.0
# At a resolution of 1 bpm the longest believable stretch without change was 35 s in a marathon.
HR_STUCK_S = 60
# Ninety per cent of two minutes within 3 bpm of the cadence, both moving together. Chosen on the
# real marathon, whose mean heart rate (184) lies beside its mean cadence (185): with its cadence
# shifted in time, so that any finding is false, 2 of 60 shifts gave one. Of 25 simulated locks of
# 4 min with 1 bpm of noise all were found. With a steady cadence no lock can be told from a steady
# heart: none is reported then.
LOCK_WINDOW_S = 120
LOCK_BPM = 3.0
LOCK_SHARE = 0.9
LOCK_CORRELATION = 0.7
# No one on the ground climbs or falls faster: 25 m/s down a slope of 40 %.
ALTITUDE_STEP_MPS = 10.0

COLUMNS = {
    "rule": "str",
    "column": "str",
    "start_s": "float64",
    "length_s": "float64",
    "value": "float64",
    "limit": "float64",
}


def gaps(stream: pd.DataFrame, column: str = "hr_bpm", longest_ok_s: int = 1) -> pd.DataFrame:
    """Runs of missing seconds in one channel.

    Parameters
    ----------
    stream : Streams of one session
    column : channel
    longest_ok_s : runs up to this long, in s, are not reported; 0 reports every missing second

    Returns
    -------
    DataFrame, a row a run in time order: start_s, length_s

    Raises
    ------
    UserError if the stream holds several sessions or has no such column
    """
    if column not in stream:
        raise UserError(f"the stream has no column {column!r}; it has {', '.join(stream)}")
    missing = np.isnan(_grid(stream, column))
    start, length = _runs(missing)
    kept = length > longest_ok_s
    return pd.DataFrame(
        {"start_s": start[kept] + _begin(stream), "length_s": length[kept]}, dtype="float64"
    )


def artefacts(stream: pd.DataFrame, sport: str | None = None) -> pd.DataFrame:
    """Stretches that cannot be right, by every rule of this module.

    Parameters
    ----------
    stream : Streams of one session
    sport : its sport, for the speed that is possible in it

    Returns
    -------
    DataFrame, a row a stretch, by rule and time: rule, column, start_s, length_s, value (the worst
    of the stretch), limit (what the rule allows); a stretch may break several rules

    Raises
    ------
    UserError if the stream holds several sessions
    """
    found = [rule(stream, sport) if rule is impossible_speed else rule(stream) for rule in RULES]
    return pd.concat(found, ignore_index=True).astype(COLUMNS)


def heart_rate_jumps(stream: pd.DataFrame) -> pd.DataFrame:
    """Heart rate that changes faster than ``HR_JUMP_BPM_S`` (in bpm/s) from value to value.

    Raises
    ------
    UserError if the stream holds several sessions
    """
    rate = _rate(_grid(stream, "hr_bpm"))
    return _report(stream, "heart-rate jump", "hr_bpm", rate, np.abs(rate), HR_JUMP_BPM_S)


def heart_rate_stuck(stream: pd.DataFrame) -> pd.DataFrame:
    """Heart rate unchanged for longer than ``HR_STUCK_S`` s; the value is the length.

    Raises
    ------
    UserError if the stream holds several sessions
    """
    heart = _held(_grid(stream, "hr_bpm"))
    changed = np.diff(heart, prepend=np.nan) != 0
    run = np.cumsum(changed)
    length = np.bincount(run)[run].astype(float)
    length[np.isnan(heart)] = np.nan
    return _report(stream, "heart rate stuck", "hr_bpm", length, length, HR_STUCK_S, run)


def cadence_lock(stream: pd.DataFrame) -> pd.DataFrame:
    """Stretches where heart rate follows cadence, as an optical sensor may (Bent 2020).

    A window of ``LOCK_WINDOW_S`` counts if heart rate lies within ``LOCK_BPM`` of cadence for
    ``LOCK_SHARE`` of it and their correlation in it exceeds ``LOCK_CORRELATION``, which is also
    the limit in the report; the value is the highest correlation.

    Raises
    ------
    UserError if the stream holds several sessions
    """
    heart = pd.Series(_held(_grid(stream, "hr_bpm")))
    steps = pd.Series(_held(_grid(stream, "cadence_spm")))
    near = (heart - steps).abs().le(LOCK_BPM).rolling(LOCK_WINDOW_S).mean() >= LOCK_SHARE
    moves = (heart.rolling(LOCK_WINDOW_S).std() > 0.5) & (steps.rolling(LOCK_WINDOW_S).std() > 0.5)
    together = heart.rolling(LOCK_WINDOW_S).corr(steps).where(near & moves)
    ends_within = together[::-1].rolling(LOCK_WINDOW_S, min_periods=1).max()[::-1].to_numpy()
    return _report(stream, "cadence lock", "hr_bpm", ends_within, ends_within, LOCK_CORRELATION)


def impossible_speed(stream: pd.DataFrame, sport: str | None) -> pd.DataFrame:
    """Speed above what any human has reached in the sport; nothing for a sport without a limit.

    Raises
    ------
    UserError if the stream holds several sessions
    """
    speed = _grid(stream, "speed_mps")
    limit = FASTEST_MPS.get(sport, np.inf)
    return _report(stream, "impossible speed", "speed_mps", speed, speed, limit)


def altitude_steps(stream: pd.DataFrame) -> pd.DataFrame:
    """Altitude that changes faster than ``ALTITUDE_STEP_MPS`` m/s from value to value.

    Raises
    ------
    UserError if the stream holds several sessions
    """
    rate = _rate(_grid(stream, "altitude_m"))
    return _report(stream, "altitude step", "altitude_m", rate, np.abs(rate), ALTITUDE_STEP_MPS)


def distance_back(stream: pd.DataFrame) -> pd.DataFrame:
    """Distance since the start that becomes smaller; the value is the change in m/s.

    Raises
    ------
    UserError if the stream holds several sessions
    """
    rate = _rate(_grid(stream, "distance_m"))
    return _report(stream, "distance runs back", "distance_m", rate, -rate, 0.0)


def out_of_range(stream: pd.DataFrame) -> pd.DataFrame:
    """Values outside the contract's ranges, channel by channel, with the limit that is broken.

    Raises
    ------
    UserError if the stream holds several sessions
    """
    found = []
    for name, column in schema.columns("streams").items():
        if column.low is not None and column.high is not None and name in stream:
            values = _grid(stream, name)
            above = _report(stream, "out of range", name, values, values, column.high)
            below = _report(stream, "out of range", name, values, -values, -column.low)
            found += [above, below.assign(limit=column.low)]
    return pd.concat(found, ignore_index=True)


RULES = (
    heart_rate_jumps,
    heart_rate_stuck,
    cadence_lock,
    impossible_speed,
    altitude_steps,
    distance_back,
    out_of_range,
)


def what_it_finds(rule) -> str:
    """First sentence of a rule's docstring, with its thresholds as numbers."""
    sentence = " ".join(rule.__doc__.split("\n\n")[0].split())
    return re.sub(r"``([A-Z_]+)``", lambda name: f"{globals()[name[1]]:g}", sentence)


def _begin(stream: pd.DataFrame) -> int:
    return int(stream["t_s"].min()) if len(stream) else 0


def _grid(stream: pd.DataFrame, column: str) -> np.ndarray:
    """One channel at every second from the first to the last, NaN where absent."""
    if len(stream["session_id"].unique()) > 1:
        raise UserError("the stream holds several sessions; select one by its session_id")
    if column not in stream:
        return np.full(len(stream), np.nan)
    second = stream["t_s"].to_numpy().astype(int) - _begin(stream)
    values = np.full(second.max(initial=-1) + 1, np.nan)
    values[second] = stream[column].to_numpy(float)
    return values


def _held(values: np.ndarray) -> np.ndarray:
    """Each value stands until the next one, for at most ``HOLD_S`` seconds."""
    return pd.Series(values).ffill(limit=HOLD_S - 1).to_numpy()


def _rate(values: np.ndarray) -> np.ndarray:
    """Change a second from the value before, at the seconds that have a value."""
    at = np.flatnonzero(~np.isnan(values))
    rate = np.full(len(values), np.nan)
    rate[at[1:]] = np.diff(values[at]) / np.diff(at)
    return rate


def _runs(marked: np.ndarray, key: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Start and length of runs of True, cut also where ``key`` changes."""
    begins = marked & ~np.concatenate([[False], marked[:-1]])
    if key is not None:
        begins |= marked & (np.diff(key, prepend=-1) != 0)
    start = np.flatnonzero(begins)
    ends = np.append(start[1:], len(marked))
    before = np.concatenate([[0], np.cumsum(marked)])
    return start, before[ends] - before[start]


def _report(
    stream: pd.DataFrame,
    rule: str,
    column: str,
    values: np.ndarray,
    size: np.ndarray,
    limit: float,
    key: np.ndarray | None = None,
) -> pd.DataFrame:
    """Runs of seconds whose size is above the limit, with the value of the largest size."""
    start, length = _runs(size > limit, key)
    worst = [values[s + np.argmax(size[s : s + n])] for s, n in zip(start, length, strict=True)]
    table = {
        "rule": rule,
        "column": column,
        "start_s": start + _begin(stream),
        "length_s": length,
        "value": np.array(worst, dtype=float),
        "limit": float(limit),
    }
    return pd.DataFrame(table, index=range(len(start))).astype(COLUMNS)
