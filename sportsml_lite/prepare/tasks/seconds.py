"""Tasks of seconds: heart rate, speed and slope, and the intensity domain or the minute ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError
from sportsml_lite.intensity import DOMAINS, hr_max_by_age
from sportsml_lite.prepare.rows import of_athletes, of_sessions, recordings
from sportsml_lite.prepare.scale import stream_reserve
from sportsml_lite.prepare.tasks.task import Task, finished, with_reasons
from sportsml_lite.prepare.windows import cut_windows

LABORATORY = "vo2_ml_kg_min"
AHEAD_S = 60
SLOPE_S = 30  # a barometer's step of 0.2 m would be a slope of its own over a shorter time
UNKNOWN_AGE_Y = 35.0


def seconds_task(data: DataSet, size: tuple[float, float], target: str, heart_rate: str) -> Task:
    """Windows of what a watch records each second.

    Parameters
    ----------
    data : with streams on a regular clock, a row a second
    size : length and stride of a window, s
    target, heart_rate : as in :func:`~sportsml_lite.prepare.tasks.load_task`

    Raises
    ------
    UserError naming what the streams lack for this target
    """
    name, sessions, athletes, dropped = data.name, data.sessions, data.athletes, data.dropped
    if target == "class":
        frame, channels, options = _for_class(data, heart_rate)
    else:
        frame, channels, options = _for_heart_rate(data)
    laboratory = [LABORATORY] if _known(frame, LABORATORY) else []
    windows = cut_windows(
        frame, sessions, channels + laboratory, *size, rule="last", short="pad", **options
    )
    felt = ~np.isnan(windows.X[:, 0]).all(axis=1)
    dropped = with_reasons(dropped, ("windows without any heart rate", (~felt).sum()))
    if target == "class" and heart_rate == "age":
        unknown = athletes["age_y"].isna().sum()
        reason = f"athletes of unknown age, read as {UNKNOWN_AGE_Y:g}"
        dropped = with_reasons(dropped, (reason, unknown))
    windows = windows.take(felt)
    privileged = windows.X[:, len(channels) :].copy() if laboratory else None
    windows = replace(windows, X=windows.X[:, : len(channels)].copy(), channels=tuple(channels))
    signs = np.ones((1, len(channels)), dtype=np.float32)
    return finished(name, windows, privileged, signs, athletes, dropped)


def _for_class(data: DataSet, heart_rate: str) -> tuple[pd.DataFrame, list[str], dict]:
    """Streams with what is read, the channels, and what :func:`cut_windows` is told."""
    fraction = hr_fraction(data.streams, data.sessions, data.athletes, heart_rate)
    frame = data.streams.assign(grade=grade(data.streams), hr_fraction=fraction)
    channels = _channels(frame, data.name, "hr_fraction")
    return frame, channels, {"target": "label", "classes": _classes(frame, data.name)}


def _for_heart_rate(data: DataSet) -> tuple[pd.DataFrame, list[str], dict]:
    """The same for the minute ahead, with what is planned for it among the channels."""
    frame = data.streams.assign(grade=grade(data.streams))
    power = _known(frame, "power_w")
    # What is predicted in beats is read in beats: else the last value would be no rival.
    channels = _channels(frame, data.name, "hr_bpm", *["power_w"] * power)
    plan = "power_w" if power else "speed_mps"
    if plan not in channels:
        raise UserError(
            f"{data.name}: no speed and no power, so nothing was planned for the minute"
        )
    frame["hr_next_bpm"] = _next_mean(frame, "hr_bpm")
    frame[f"planned_{plan}"] = _ahead(frame, plan)
    return frame, [*channels, f"planned_{plan}"], {"target": "hr_next_bpm"}


def _channels(frame: pd.DataFrame, name: str, heart: str, *more: str) -> list[str]:
    """The channels that hold any value, heart rate first."""
    wanted = [heart, "speed_mps", "cadence_spm", "grade", *more]
    channels = [channel for channel in wanted if _known(frame, channel)]
    if heart not in channels:
        raise UserError(
            f"{name}: the streams hold no heart rate; fill the column 'hr_bpm', which is absent, "
            "empty or 0 throughout"
        )
    return channels


def _known(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and bool(frame[column].notna().any())


def _classes(frame: pd.DataFrame, name: str) -> tuple[str, ...]:
    labels = set(frame["label"].dropna()) if "label" in frame else set()
    twins = {label.casefold(): label for label in labels}
    for label in labels - set(twins.values()):
        raise UserError(
            f"{name}: labels {label!r} and {twins[label.casefold()]!r} differ in case only; write "
            "them alike"
        )
    if len(labels) < 2:
        raise UserError(
            f"{name}: the streams have {len(labels)} kinds of label; add a column 'label' with "
            f"two or more, e.g. {', '.join(DOMAINS)}"
        )
    if isinstance(frame["label"].dtype, pd.CategoricalDtype):  # the reader gave an order
        return tuple(c for c in frame["label"].cat.categories if c in labels)
    return DOMAINS if labels <= set(DOMAINS) else tuple(sorted(labels))


def hr_fraction(streams, sessions, athletes, heart_rate: str) -> np.ndarray:
    """Heart rate between 0 and about 1, (N,).

    Parameters
    ----------
    heart_rate : as for :func:`~sportsml_lite.prepare.tasks.load_task`

    Raises
    ------
    UserError where the reserve is asked for and somebody's rest or maximum is not known
    """
    if heart_rate == "reserve":
        lacking = athletes["hr_rest_bpm"].isna() | athletes["hr_max_bpm"].isna()
        if lacking.any():
            name = athletes.loc[lacking.idxmax(), "athlete_id"]
            raise UserError(
                f"athletes: {name!r} has no measured hr_rest_bpm or hr_max_bpm; add both for "
                "everyone, or do without the reserve"
            )
        return stream_reserve(streams, sessions, athletes)
    first, last = recordings(streams)
    owners = of_sessions(streams["session_id"].to_numpy()[first], sessions)["athlete_id"]
    age = of_athletes(owners, athletes, ["age_y"])["age_y"].fillna(UNKNOWN_AGE_Y)
    top = np.repeat(hr_max_by_age(age.to_numpy(float)), last - first)
    return streams["hr_bpm"].to_numpy(float) / top


def grade(streams: pd.DataFrame) -> np.ndarray:
    """Slope, rise over run, over the last 30 s, (N,); NaN where one of the two is unknown."""
    climbed, run = (_since(streams, c) for c in ("altitude_m", "distance_m"))
    slope = np.divide(climbed, run, out=np.full(len(run), np.nan), where=run > SLOPE_S / 2)
    return np.clip(slope, -0.45, 0.45)


def _since(streams: pd.DataFrame, column: str) -> np.ndarray:
    value = streams[column].to_numpy(float)
    return value - _shifted(streams, value, SLOPE_S)


def _ahead(streams: pd.DataFrame, column: str) -> np.ndarray:
    return _shifted(streams, streams[column].to_numpy(float), -AHEAD_S)


def _next_mean(streams: pd.DataFrame, column: str) -> np.ndarray:
    """Mean of the next minute, (N,); NaN where less than half of it was measured or it ends."""
    value = streams[column].to_numpy(float)
    first, last = recordings(streams)
    known = ~np.isnan(value)
    total, count = (np.r_[0.0, np.cumsum(v)] for v in (np.where(known, value, 0), known))
    row = np.arange(len(value))
    stop = row + 1 + AHEAD_S
    inside = stop <= np.repeat(last, last - first)
    stop = np.minimum(stop, len(value))
    n = count[stop] - count[row + 1]
    mean = (total[stop] - total[row + 1]) / np.maximum(n, 1)
    return np.where(inside & (n >= AHEAD_S / 2), mean, np.nan)


def _shifted(streams: pd.DataFrame, value: np.ndarray, rows: int) -> np.ndarray:
    """Each row gets the value ``rows`` earlier of its own recording; NaN beyond its ends."""
    first, last = recordings(streams)
    begin, end = (np.repeat(v, last - first) for v in (first, last))
    source = np.arange(len(value)) - rows
    inside = (source >= begin) & (source < end)
    return np.where(inside, value[np.where(inside, source, 0)], np.nan)
