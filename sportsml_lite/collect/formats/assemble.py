"""From recordings to the contract's tables, by one set of definitions for every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.formats.recording import (
    FASTEST_MPS,
    MAX_SPAN_S,
    NOTICED,
    ON_WHEELS,
    SECOND_US,
    Recording,
    Refusal,
    cleaned,
    in_order,
    sport_name,
    stamp,
)

MAX_ROWS = 8 * MAX_SPAN_S  # of all sessions of a file, about 500 MB
MAX_SESSIONS = 1_000  # a file may hold
MANY = 10  # steps among which one can stand out
START_SLACK_S = 3_600  # a stated start further before the first point is a wrong clock
HOLD_S = 10  # a value stands at most this long: Garmin's smart recording writes every 1 to 7 s
CLIMB_M = 3.0  # a climb counts in steps of this height, above a barometer's noise
ROUNDING_M = 0.01  # formats round altitude differently: 2.99999 m is a step of 3 m
NO_SPORT = (None, "other", "multisport")


def climb_m(altitude_m: np.ndarray, step_m: float = CLIMB_M) -> float:
    """Metres climbed, counted whenever altitude has risen ``step_m`` above the last mark.

    The mark moves up or down with every ``step_m`` of change, so noise smaller than that adds
    nothing. Watches use rules of their own: on a hilly ride with 1,254 m by the device this gives
    1,254 m, on a flat marathon with 104 m it gives 50 m. NaN where there is no altitude.
    """
    seen = altitude_m[np.isfinite(altitude_m)]
    if not len(seen):
        return np.nan
    mark, total = seen[0], 0.0
    for height in seen.tolist():
        if abs(height - mark) >= step_m - ROUNDING_M:
            total += max(height - mark, 0.0)
            mark = height
    return total


def time_mean(values: np.ndarray) -> float:
    """Mean over time of a (N,) stream at 1 Hz with NaN for the seconds not written.

    Each value stands until the next one, so that a watch that writes only on change gives the same
    mean as one that writes every second. Before a silence of more than ``HOLD_S`` seconds, a pause
    or a lost sensor, it stands for its own second alone.
    """
    at = np.flatnonzero(np.isfinite(values))
    if not len(at):
        return np.nan
    until_next_s = np.diff(at, append=at[-1] + 1)
    return float(np.average(values[at], weights=np.where(until_next_s > HOLD_S, 1, until_next_s)))


def assemble(
    recordings: Sequence[Recording], name: str, athlete_id: str
) -> tuple[list[dict], list[pd.DataFrame], list[str]]:
    """Sessions of one file, the stream of each, and what was left out or cannot be right, in words.

    :func:`tables` makes one table of each kind, of any number of files. Sessions are called
    ``name`` or ``name#1``, ``name#2``, …

    Raises
    ------
    Refusal if every session spans more than ``MAX_SPAN_S``, all together more than ``MAX_ROWS``,
    or there are more than ``MAX_SESSIONS``
    """
    if len(recordings) > MAX_SESSIONS:
        raise Refusal(
            f"it holds {len(recordings):,} sessions, more than {MAX_SESSIONS:,}", "split the file"
        )
    kept, refused = [], []
    notes = [note for recording in recordings for note in recording.of_file]
    for number, recording in enumerate(recordings, start=1):
        which = f"session {number}: " if len(recordings) > 1 else ""
        points, ordered = in_order(recording.points)
        recording = replace(recording, points=points, notes=(*recording.notes, *ordered))
        try:
            kept.append((number, which, recording, _span_s(points, _start_us(recording))))
        except Refusal as refusal:
            refused.append(refusal)
            notes.append(f"{which}{refusal.reason}; left out")
    if not kept:
        raise refused[0]
    if sum(span_s for *_, span_s in kept) > MAX_ROWS:
        raise Refusal(
            f"its sessions fill more than {MAX_ROWS // 86_400} days in all", "split the file"
        )
    rows, streams = [], []
    for number, which, recording, _ in kept:
        start, sport = _start_us(recording), sport_name(recording.sport)
        session_id = f"{name}#{number}" if which else name
        points = _with_cadence(_with_speed(cleaned(recording.points)), sport)
        notes += [f"{which}{note}" for note in (*recording.notes, *_impossible(points, sport))]
        stream = _to_seconds(points, start)
        about = {"session_id": session_id, "athlete_id": athlete_id, "sport": sport, "source": name}
        rows.append(about | _summary(recording, stream, start))
        streams.append(stream)
    return rows, streams, notes


def tables(
    rows: Sequence[dict], streams: Sequence[pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The contract's Sessions and Streams from rows and as many streams."""
    sessions = pd.DataFrame(rows)
    sessions["start"] = pd.to_datetime(sessions["start"], utc=True)  # NaT alone has no zone
    seconds = pd.concat(streams, ignore_index=True)
    seconds["session_id"] = np.repeat(sessions["session_id"], [len(s) for s in streams]).array
    return schema.conform(sessions, "sessions"), schema.conform(seconds, "streams")


def _start_us(recording: Recording) -> int | None:
    """The stated start, unless the points begin before it or more than ``START_SLACK_S`` later."""
    times, stated = recording.points["time_us"], recording.start_us
    if times.empty:
        return stated
    first = int(times.iloc[0])
    if stated is None or not 0 <= first - stated <= START_SLACK_S * SECOND_US:
        return first
    return stated


def _span_s(points: pd.DataFrame, start_us: int | None) -> int:
    """Rows that a session fills; refused before it fills memory."""
    times = points["time_us"].to_numpy()
    if not len(times):
        return 0
    span_s = (int(times[-1]) - start_us) // SECOND_US + 1
    if span_s > MAX_SPAN_S:
        at = int(np.argmax(np.diff(times, prepend=times[0])))
        raise Refusal(
            f"its points fill more than {MAX_SPAN_S // 86_400} days; "
            f"the longest step leads to point {at + 1} of {len(times)}, at {stamp(times[at])}",
            "cut the file there, or correct the times if the clock was reset",
        )
    return span_s


def _impossible(points: pd.DataFrame, sport: str | None) -> list[str]:
    """A note where distance leaps or falls by a part of the session that would be missed.

    Inside a session the world's fastest set the limit. A step at either end has no second step to
    confirm it: there, twice the fastest of all others is in doubt.
    """
    if "distance_m" not in points:
        return []
    seen = points[points["distance_m"].notna()]
    step_m = np.diff(seen["distance_m"])
    step_s = np.maximum(np.diff(seen["time_us"]) / SECOND_US, 1)
    if "segment" in seen:
        step_m = np.where(np.diff(seen["segment"]) == 0, step_m, 0)
    limit = FASTEST_MPS.get(sport, schema.columns("streams")["speed_mps"].high)
    fastest = np.full(len(step_m), limit)
    if len(step_m) > MANY:
        inside = 2 * (step_m / step_s)[1:-1].max()
        fastest[[0, -1]] = min(inside, limit) if inside > 0 else limit
    total_m = abs(seen["distance_m"].iloc[-1]) if len(seen) else 0
    said = []
    for excess_m, what in ((step_m - fastest * step_s, "leaps"), (-step_m, "falls")):
        extra_m = excess_m.clip(0).sum()
        if extra_m > NOTICED * abs(total_m - extra_m):
            at = int(excess_m.argmax())
            size = f"{abs(step_m[at]):,.0f} m in {step_s[at]:,.0f} s"
            when = stamp(seen["time_us"].iloc[at + 1])
            said.append(
                f"distance {what} by {size} at {when}, which cannot be right; kept as it is"
            )
    return said


def _with_speed(points: pd.DataFrame) -> pd.DataFrame:
    """Speed from distance over time, where a file states distance but no speed at all."""
    stated = "speed_mps" in points and points["speed_mps"].notna().any()
    if stated or "distance_m" not in points:
        return points
    seen = points[points["distance_m"].notna()]
    step_s = seen["time_us"].diff() / SECOND_US
    speed = (seen["distance_m"].diff() / step_s).where(step_s > 0)
    if "segment" in seen:
        speed = speed.where(seen["segment"].diff() == 0)
    return points.assign(speed_mps=speed)


def _with_cadence(points: pd.DataFrame, sport: str | None) -> pd.DataFrame:
    """``cadence`` becomes steps, strokes or crank revolutions a minute by the sport.

    Where the sport is not known its unit is not known either: it stays as ``cadence_per_min``.
    """
    if sport in NO_SPORT:
        return points.rename(columns={"cadence": "cadence_per_min"})
    return points.rename(
        columns={"cadence": "cadence_rpm" if sport in ON_WHEELS else "cadence_spm"}
    )


def _to_seconds(points: pd.DataFrame, start_us: int | None) -> pd.DataFrame:
    """One row a second from the start: points of one second averaged, seconds without any NaN.

    Positions and text are the first of their second: a mean longitude is wrong at the date line.
    """
    if points.empty:
        return points.drop(columns=["time_us", "segment"], errors="ignore").assign(t_s=[])
    second = (points["time_us"] - start_us) // SECOND_US
    channels = points.drop(columns=["time_us", "segment"], errors="ignore")
    if not second.is_unique:
        first = {"lat_deg", "lon_deg"} | set(channels.columns.difference(_numeric(channels)))
        how = {name: "first" if name in first else "mean" for name in channels}
        grouped = channels.groupby(second)
        channels = grouped.agg(how) if how else pd.DataFrame(index=grouped.size().index)
        second = channels.index
    grid = np.arange(int(second.max()) + 1, dtype=float)
    columns = {"t_s": grid}
    for name, channel in channels.items():
        if channel.dtype == "float64":
            columns[name] = np.full(len(grid), np.nan)
            columns[name][np.asarray(second)] = channel
        else:
            columns[name] = channel.set_axis(second).reindex(range(len(grid))).array
    return pd.DataFrame(columns)


def _numeric(frame: pd.DataFrame) -> pd.Index:
    return frame.select_dtypes("number").columns


def _summary(recording: Recording, stream: pd.DataFrame, start_us: int | None) -> dict:
    """Session columns: what only the device knows as it states it, the rest from the stream.

    Mean and highest heart rate and power come from the stream (:func:`time_mean`), so that formats
    that state rounded means and formats that state none agree; a file without a stream gives what
    it states. Speed is distance over duration.
    """
    stated = pd.Series(recording.stated, dtype="float64")
    duration = _first(stated.get("duration_s"), _moving_s(recording.points))
    distance = _first(stated.get("distance_m"), _last(stream, "distance_m"))
    hr, power = _channel(stream, "hr_bpm"), _channel(stream, "power_w")
    speed = distance / duration if duration > 0 else np.nan
    effect = stated.get("effect", np.nan)
    return {
        "start": pd.Timestamp(start_us, unit="us", tz="UTC") if recording.dated else pd.NaT,
        "duration_s": duration,
        "distance_m": distance,
        "steps": stated.get("steps", np.nan),
        "hr_mean_bpm": _first(time_mean(hr), stated.get("hr_mean_bpm")),
        "hr_max_bpm": _first(np.nanmax(hr, initial=-np.inf), stated.get("hr_max_bpm")),
        "speed_mean_mps": _first(speed, time_mean(_channel(stream, "speed_mps"))),
        "power_mean_w": _first(time_mean(power), stated.get("power_mean_w")),
        "elevation_gain_m": _first(
            stated.get("elevation_gain_m"), climb_m(_channel(stream, "altitude_m"))
        ),
        "rpe": stated.get("rpe", np.nan),
        "effect": effect,
        "effect_name": recording.effect_name if np.isfinite(effect) else None,
    }


def _first(*candidates: float | None) -> float:
    """The first finite number, else NaN."""
    return next((float(c) for c in candidates if c is not None and np.isfinite(c)), np.nan)


def _channel(stream: pd.DataFrame, name: str) -> np.ndarray:
    return stream[name].to_numpy() if name in stream else np.full(len(stream), np.nan)


def _last(stream: pd.DataFrame, name: str) -> float:
    seen = _channel(stream, name)
    seen = seen[np.isfinite(seen)]
    return float(seen[-1]) if len(seen) else np.nan


def _moving_s(points: pd.DataFrame) -> float:
    """Time from the first to the last point, in s, less the gaps between segments."""
    if points.empty:
        return np.nan
    step_us = np.diff(points["time_us"])
    if "segment" in points:
        step_us = step_us[np.diff(points["segment"]) == 0]
    return float(step_us.sum()) / SECOND_US
