"""What the watch records of what happened: late, noisy, in whole steps and with gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sportsml_lite.simulate import draws
from sportsml_lite.simulate.physiology import KNOT_S, Truth

LAG_S = (3, 10)  # of the watch's heart rate (assumption)
# Relative SD of heart rate: Navalta et al. 2020 and others report mean absolute errors of 2 % for
# a strap, 3 to 6 % for optical watches on a treadmill and 13 % on a trail.
HR_NOISE = {"strap": 0.012, "wrist": 0.045}
HR_NOISE_SPREAD, HR_NOISE_MOST = 0.5, 0.08  # of its logarithm between sessions (assumption)
HR_NOISE_TAU_S = 20.0
LOCK_SHARE = 0.14  # of wrist sessions; with the straps about 10 % of all (assumption, 5–15 %)
LOCK_S = (60, 600)
LOCK_SPM = (150, 180)
BURSTS, BURSTS_AN_HOUR = 6, 1.5  # dropouts: at most, and on average (assumption)
BURST_S = (2, 60)
NO_HEART_RATE, NO_POSITION = 0.02, 0.02  # shares of sessions without (assumption)
SPEED_BIAS, SPEED_NOISE, SPEED_SHAKE = 0.01, 0.08, 0.05  # relative; m/s slow; m/s each second
SPEED_TAU_S = 20.0
CADENCE_PER_MPS, CADENCE_NOISE = 8.0, 1.5  # steps a minute (assumption)
STILL_MPS, WALK_MPS, WALK_FEWER = 0.4, 1.8, 45  # below: no steps; a walk's steps (assumption)
ALTITUDE_NOISE_M, ALTITUDE_TAU_S = 1.5, 300.0  # a barometer's drift (assumption)
GAIN_EVERY_S = 30  # climbing is counted between altitudes this far apart
# A FIT file's steps: whole beats, mm/s, whole steps a minute, 0.2 m.
MM, ALTITUDE_STEP_M = 1000, 0.2
STORED = (np.uint8, np.uint16, np.uint8, np.int16)
HR_HIGHEST = np.float32(230)  # no watch shows more
CHANNELS = 4 + KNOT_S  # heart rate, speed, cadence, altitude; speed's shake each second
NORMALS, UNIFORMS = 2, 6 + 3 * BURSTS
SUMMARY = (
    "duration_s",
    "distance_m",
    "steps",
    "hr_mean_bpm",
    "hr_max_bpm",
    "speed_mean_mps",
    "elevation_gain_m",
)


@dataclass(frozen=True)
class Watch:
    """What a block's watches stored: (T, W) whole numbers in a FIT file's steps.

    hr : uint8, bpm, 0 where nothing was read
    speed_mm : uint16, mm/s
    cadence : uint8, steps a minute
    altitude : int16, steps of 0.2 m
    has : (W,) bool by channel: false where the whole session lacks it
    seconds : (W,) durations
    """

    hr: np.ndarray
    speed_mm: np.ndarray
    cadence: np.ndarray
    altitude: np.ndarray
    has: dict[str, np.ndarray]
    seconds: np.ndarray

    def channels(self) -> dict[str, np.ndarray]:
        """The stored arrays by the contract's names."""
        names = ("hr_bpm", "speed_mps", "cadence_spm", "altitude_m")
        return dict(zip(names, (self.hr, self.speed_mm, self.cadence, self.altitude), strict=True))


def record(truth: Truth, body: dict, z, u, knots, scratch: draws.Scratch) -> Watch:
    """Put a watch on everyone.

    Parameters
    ----------
    truth : what happened, T seconds of W sessions
    body : (W,) arrays by name
    z : (W, 2) normal, u : (W, UNIFORMS) uniform: draws for the session
    knots : (T/10 + 1, CHANNELS, W) float32 noise along it
    scratch : where the record is written

    Returns
    -------
    Watch
    """
    shape = truth.hr_bpm.shape
    arrays = (scratch.array(f"watch {i}", shape, dtype) for i, dtype in enumerate(STORED))
    watch = Watch(*arrays, has=_present(body, u), seconds=truth.seconds)
    typical = np.where(body["strap"], HR_NOISE["strap"], HR_NOISE["wrist"])
    noise = np.minimum(typical * np.exp(HR_NOISE_SPREAD * z[:, 0]), HR_NOISE_MOST)
    slow = _slow(knots, noise)
    lag = (LAG_S[0] + (LAG_S[1] - LAG_S[0] + 1) * u[:, 0]).astype(int)
    bias = (1 + SPEED_BIAS * z[:, 1]).astype(np.float32)
    home, at_3 = (body[name].astype(np.float32) for name in ("altitude_m", "cadence_spm"))
    for k, late in enumerate(_late(truth.hr_bpm, lag)):
        now = slice(k * KNOT_S, (k + 1) * KNOT_S)
        error = [draws.line(rows, k, KNOT_S) for rows in slow]
        watch.hr[now] = _beats(late, error[0])
        watch.speed_mm[now] = _millimetres(truth.speed_mps[now], bias, error[1], knots[k, 4:])
        watch.cadence[now] = _steps(truth.speed_mps[now], at_3, error[2])
        watch.altitude[now] = _height(truth.climb_m[now], home, error[3])
    _lock(watch, body, u)
    _drop(watch, u)
    return watch


def _slow(knots, noise):
    """Slow errors (K, W): heart rate (relative), speed (m/s), cadence (1/min), altitude (m)."""
    taus = (HR_NOISE_TAU_S, SPEED_TAU_S, KNOT_S, ALTITUDE_TAU_S)
    sizes = (noise, SPEED_NOISE, CADENCE_NOISE, ALTITUDE_NOISE_M)
    return [
        draws.red_noise(knots[:, i], tau / KNOT_S) * np.asarray(size, np.float32)
        for i, (tau, size) in enumerate(zip(taus, sizes, strict=True))
    ]


def _late(values, lag):
    """Ten seconds at a time, each column as it stood ``lag`` (at most 10) seconds before."""
    width = values.shape[1]
    row = np.arange(KNOT_S)[:, None] - lag
    column = np.arange(width)
    yield values[np.maximum(row, 0), column]
    flat, index = values.reshape(-1), (row + KNOT_S) * width + column
    for start in range(0, values.size - KNOT_S * width, KNOT_S * width):
        yield flat[start:].take(index, mode="clip")


def _beats(hr, error):
    error += 1
    error *= hr
    return np.minimum(np.rint(error, out=error), HR_HIGHEST, out=error)


def _millimetres(speed, bias, error, shake):
    seen = speed * bias
    seen += error
    seen += shake * np.float32(SPEED_SHAKE)
    seen *= np.float32(MM)
    return np.maximum(np.rint(seen, out=seen), 0, out=seen)


def _steps(speed, at_3, error):
    error += at_3
    error += (speed - np.float32(3)) * np.float32(CADENCE_PER_MPS)
    error -= np.float32(WALK_FEWER) * (speed < np.float32(WALK_MPS))
    error *= speed > np.float32(STILL_MPS)
    return np.rint(error, out=error)


def _height(climb, home, error):
    error += home
    error += climb
    error *= np.float32(1 / ALTITUDE_STEP_M)
    return np.rint(error, out=error)


def _present(body, u):
    """(W,) bool by channel: which sensors worked at all."""
    return {
        "hr_bpm": u[:, 1] >= NO_HEART_RATE,
        "speed_mps": u[:, 2] >= NO_POSITION,
        "cadence_spm": body["pod"].astype(bool),
        "altitude_m": body["barometer"].astype(bool),
    }


def _stretch(first, length, column, width):
    """Flat indices of runs of rows: ``length[i]`` rows of ``column[i]`` from ``first[i]`` on."""
    start = np.repeat(first - np.cumsum(length) + length, length)
    return (start + np.arange(length.sum())) * width + np.repeat(column, length)


def _lock(watch, body, u):
    """Cadence lock: for some minutes an optical sensor counts steps instead of beats."""
    low, high = LOCK_S
    length = np.minimum(low + (high - low) * u[:, 4], watch.seconds // 2).astype(int)
    first = (u[:, 5] * (watch.seconds - length)).astype(int)
    locked = np.flatnonzero((u[:, 3] < LOCK_SHARE) & ~body["strap"].astype(bool))
    where = _stretch(first[locked], length[locked], locked, len(u))
    watch.hr.reshape(-1)[where] = watch.cadence.reshape(-1)[where].clip(*LOCK_SPM)


def _drop(watch, u):
    """Bursts without heart rate; nothing at all after the end, or from a sensor that failed."""
    hours = watch.seconds / 3600
    chance, place, size = (u[:, 6 + i * BURSTS : 6 + (i + 1) * BURSTS] for i in range(3))
    column, burst = np.nonzero(chance < (BURSTS_AN_HOUR / BURSTS * hours)[:, None])
    low, high = BURST_S
    length = (low + (high + 1 - low) * size[column, burst] ** 2).astype(int)  # mostly short
    first = (place[column, burst] * (watch.seconds[column] - length)).astype(int)
    watch.hr.reshape(-1)[_stretch(first, length, column, len(u))] = 0
    for name, values in watch.channels().items():
        values[:, ~watch.has[name]] = 0
    for t in range(watch.seconds.min(), len(watch.hr)):
        over = t >= watch.seconds
        for values in watch.channels().values():
            values[t, over] = 0


def summary(watch: Watch) -> dict[str, np.ndarray]:
    """What the watch says of each session, (W,) float64 in the contract's names; missing is NaN."""
    seconds = watch.seconds.astype(float)
    beats = (watch.hr > 0).sum(axis=0)
    total = watch.hr.sum(axis=0, dtype=np.int64)
    distance = watch.speed_mm.sum(axis=0, dtype=np.int64) // 10 / 100
    steps = watch.cadence.sum(axis=0, dtype=np.int64) // 60
    heard = watch.has["hr_bpm"] & (beats > 0)
    return {
        "duration_s": seconds,
        "distance_m": np.where(watch.has["speed_mps"], distance, np.nan),
        "steps": np.where(watch.has["cadence_spm"], steps, np.nan),
        "hr_mean_bpm": np.where(heard, total / np.maximum(beats, 1), np.nan).round(1),
        "hr_max_bpm": np.where(heard, watch.hr.max(axis=0), np.nan),
        "speed_mean_mps": np.where(watch.has["speed_mps"], distance / seconds, np.nan).round(3),
        "elevation_gain_m": np.where(watch.has["altitude_m"], _gain(watch), np.nan),
    }


def _gain(watch):
    height = watch.altitude[::GAIN_EVERY_S].astype(np.int64)
    running = np.arange(0, len(watch.altitude), GAIN_EVERY_S)[1:, None] < watch.seconds
    up = np.maximum(np.diff(height, axis=0), 0) * running
    return (up.sum(axis=0) * ALTITUDE_STEP_M).round(1)


def eventful(u) -> np.ndarray:
    """(W,) bool: the draws ``u`` (W, UNIFORMS) hold a cadence lock, two dropouts and no failure."""
    drops = (u[:, 6 : 6 + BURSTS] < BURSTS_AN_HOUR / BURSTS).sum(axis=1) >= 2
    works = (u[:, 1] >= NO_HEART_RATE) & (u[:, 2] >= NO_POSITION)
    return (u[:, 3] < LOCK_SHARE) & drops & works
