"""What every device format shares: a recording, the refusal of a file, and one vocabulary.

A parser (``fit``, ``xml`` and ``csv`` beside this module) turns the bytes of a file into
:class:`Recording` objects and raises :class:`Refusal` where it cannot; ``assemble`` turns
recordings into the contract's tables. What a parser leaves out or takes from elsewhere, it says in
the recording's ``notes``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sportsml_lite import schema

SECOND_US = 1_000_000
LARGEST = 1e12  # a larger number is no measurement but a slip of the file, as infinity is
NOT_MEASURED = {
    "hr_bpm": 255,
    "cadence": 255,
    "cadence_rpm": 255,
    "cadence_spm": 255,
    "power_w": 65_535,
}
EARTH_M = 6_371_008.8  # mean radius of the earth (IUGG)

ON_FOOT = ("running", "walking", "hiking")
ON_WHEELS = ("cycling", "e_biking")
SPORTS = {
    "1": "cycling",  # Strava's numbers
    "4": "hiking",
    "9": "running",
    "10": "walking",
    "16": "swimming",
    "17": "cycling",  # virtual
    "all": "other",
    "e_bike_ride": "e_biking",
    "generic": "other",
}
ENDINGS = {
    "biking": "cycling",
    "cycling": "cycling",
    "ride": "cycling",
    "bike": "cycling",
    "running": "running",
    "run": "running",
    "walking": "walking",
    "walk": "walking",
    "hiking": "hiking",
    "hike": "hiking",
    "swimming": "swimming",
    "swim": "swimming",
    "rowing": "rowing",
    "row": "rowing",
    "radfahren": "cycling",
    "laufen": "running",
    "gehen": "walking",
    "wandern": "hiking",
    "schwimmen": "swimming",
    "rudern": "rowing",
}
# Faster than the best on earth in each sport; others are held to the contract's range.
FASTEST_MPS = {"running": 12.5, "walking": 4.5, "hiking": 4.5, "swimming": 3.0, "rowing": 7.0}
NOTICED = 0.01  # share of a session's distance or duration that must not change unnoticed
MAX_SPAN_S = 7 * 86_400  # the longest session of the contract
MAJORITY = 0.75  # this share of the points knows the date; others, days away, had a wrong clock
# More strides a minute than anyone takes for long: the maker has counted steps already.
MOST_STRIDES = {"running": 120, "walking": 75, "hiking": 75}
OWN_NAMES = ("e_biking", "wheelchair_push_walk", "wheelchair_push_run")


class Refusal(Exception):
    """A file cannot be used: the reason and what to do, without the file's name."""

    def __init__(self, reason: str, advice: str):
        super().__init__(reason, advice)
        self.reason, self.advice = reason, advice


@dataclass(frozen=True)
class Recording:
    """One session as a file tells it.

    Attributes
    ----------
    points : DataFrame, a row a point: ``time_us`` (int64, µs since 1970 UTC), then any stream
        channels, ``cadence`` (a minute, as the sport counts it) and ``segment`` (int: no distance
        or duration is counted from one segment to the next)
    start_us : stated start, µs since 1970 UTC, or None
    sport : as the file names it, or None
    stated : session columns that the file states, by name
    effect_name : whose training effect ``stated`` holds, or None
    dated : False where times count from an unknown start
    notes : what was left out or taken from elsewhere, a sentence each
    of_file : notes on the file as a whole, which its first recording carries
    """

    points: pd.DataFrame
    start_us: int | None = None
    sport: str | None = None
    stated: Mapping[str, float] = field(default_factory=dict)
    effect_name: str | None = None
    dated: bool = True
    notes: tuple[str, ...] = ()
    of_file: tuple[str, ...] = ()


def sport_name(text: str | None) -> str | None:
    """One vocabulary for sports, FIT's: ``'Biking'`` and ``'road_biking'`` are ``'cycling'``.

    A name that is not known stays, in lower case with underscores; no name stays None.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text or "")
    name = re.sub(r"[\W_]+", "_", words).strip("_").lower()
    if name in OWN_NAMES or not name:
        return name or None
    return SPORTS.get(name) or ENDINGS.get(name.rsplit("_", 1)[-1], name)


def utc_times(texts: pd.Series) -> pd.Series:
    """ISO 8601 times as UTC; NaT where there is none; a time without a zone counts as UTC."""
    texts = texts.astype("str").str.strip()
    dated = texts.str.match(r"\d{4}-?\d\d-?\d\d[T ]\d\d")  # pandas reads "now" and "2020" as well
    times = pd.to_datetime(texts.where(dated), format="ISO8601", utc=True, errors="coerce")
    return times.astype(schema.TIME)


def haversine_m(lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
    """Great-circle distance from each position to the next, (N,) degrees to (N - 1,) metres."""
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    half = np.sin(np.diff(lat) / 2) ** 2
    half += np.cos(lat[1:]) * np.cos(lat[:-1]) * np.sin(np.diff(lon) / 2) ** 2
    return 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(half, 1)))


def cleaned(points: pd.DataFrame) -> pd.DataFrame:
    """What devices write for 'not measured' becomes NaN: infinities, 0 and 255 bpm, 0°N 0°E."""
    columns = dict(points.items())
    for name, column in points.items():
        if column.dtype.kind == "f":
            values = columns[name] = column.to_numpy(copy=True)
            wrong = ~(np.abs(values) < LARGEST) | (values == NOT_MEASURED.get(name, np.nan))
            values[wrong | (values <= 0) if name == "hr_bpm" else wrong] = np.nan
    if {"lat_deg", "lon_deg"} <= set(columns):
        nowhere = (columns["lat_deg"] == 0) & (columns["lon_deg"] == 0)
        columns["lat_deg"][nowhere] = columns["lon_deg"][nowhere] = np.nan
    return pd.DataFrame(columns, index=points.index)


def as_steps(cadence: pd.Series, sport: str | None) -> pd.Series:
    """Cadence on foot in steps a minute: strides doubled, unless the values can only be steps.

    A few sprints do not make a file one of steps: half of the values, or a tenth of them above
    what runners reach, must be too high for strides.
    """
    if sport not in MOST_STRIDES:
        return cadence
    moving = cadence[cadence > 0]
    steps = moving.median() > MOST_STRIDES[sport]
    steps |= moving.quantile(0.9) > MOST_STRIDES["running"]
    return cadence if steps else 2 * cadence


def in_order(points: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Points in order, without those whose clock was days off, and what was done, in words.

    Where times go backward, the order that makes the shorter way is the right one: if it is the
    file's, a clock jittered, and the times are sorted alone; else whole points are.
    """
    points, notes = _same_days(points.reset_index(drop=True))
    times = points["time_us"].to_numpy()
    back = int((np.diff(times) < 0).sum())
    if not back:
        return points, notes
    by_time = points.sort_values("time_us", kind="stable", ignore_index=True)
    if (np.diff(times) <= 0).all():  # newest first
        return by_time, notes
    jitters = _way_m(points) < (1 - 1e-6) * _way_m(by_time)
    ordered = points.assign(time_us=np.sort(times)) if jitters else by_time
    done = "the file's order was kept" if jitters else "points were put in order of time"
    steps = "1 step of time goes" if back == 1 else f"{back} steps of time go"
    return ordered, (*notes, f"{steps} backward; {done}")


def _same_days(points: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    times = points["time_us"].to_numpy()
    if not len(times) or np.ptp(times) <= MAX_SPAN_S * SECOND_US:
        return points, ()
    ranked = np.sort(times)
    group = np.concatenate([[0], np.cumsum(np.diff(ranked) > 86_400 * SECOND_US)])
    size = np.bincount(group)
    if size.max() < MAJORITY * len(times) or len(size) == 1:
        return points, ()
    most = ranked[group == size.argmax()]
    off = (times < most[0]) | (times > most[-1])
    at = int(times[off][0])
    days = abs(at - int(most[0])) / (86_400 * SECOND_US)
    note = f"{off.sum()} of {len(times)} points, {days:,.0f} days away at {stamp(at)}, left out"
    return points[~off].reset_index(drop=True), (note,)


def stamp(time_us: int) -> str:
    """A time as text, to the second."""
    return str(pd.Timestamp(int(time_us), unit="us"))[:19]


def _way_m(points: pd.DataFrame) -> float:
    """Length of the way through the points in the order given."""
    if "distance_m" in points and points["distance_m"].count() > 1:
        return float(points["distance_m"].diff().abs().sum())
    if not {"lat_deg", "lon_deg"} <= set(points):
        return 0.0
    fixes = points[["lat_deg", "lon_deg"]].dropna()
    return float(haversine_m(fixes["lat_deg"].to_numpy(), fixes["lon_deg"].to_numpy()).sum())
