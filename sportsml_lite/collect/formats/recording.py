"""What every device format shares: a recording, the refusal of a file, and one vocabulary.

A parser (``fit``, ``xml`` and ``csv`` beside this module) turns the bytes of a file into
:class:`Recording` objects and raises :class:`Refusal` where it cannot; ``assemble`` turns
recordings into the contract's tables.
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
EARTH_M = 6_371_008.8  # mean radius of the earth (IUGG)

ON_FOOT = ("running", "walking", "hiking")
ON_WHEELS = ("cycling", "e_biking")
SPORTS = {
    "1": "cycling",  # Strava's old numbers
    "9": "running",
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
}
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
    """

    points: pd.DataFrame
    start_us: int | None = None
    sport: str | None = None
    stated: Mapping[str, float] = field(default_factory=dict)
    effect_name: str | None = None
    dated: bool = True
    notes: tuple[str, ...] = ()


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
    numbers = points.select_dtypes("floating").columns
    points = points.copy()
    points[numbers] = points[numbers].where(points[numbers].abs() < LARGEST)
    if "hr_bpm" in points:
        hr = points["hr_bpm"]
        points["hr_bpm"] = hr.mask((hr <= 0) | (hr == 255))
    if "power_w" in points:
        points["power_w"] = points["power_w"].mask(points["power_w"] == 65_535)
    if {"lat_deg", "lon_deg"} <= set(points):
        nowhere = (points["lat_deg"] == 0) & (points["lon_deg"] == 0)
        points[["lat_deg", "lon_deg"]] = points[["lat_deg", "lon_deg"]].mask(nowhere)
    return points
