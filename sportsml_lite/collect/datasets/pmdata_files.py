"""The files of PMData, one function a file: what each says, in the contract's words."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import Dropped
from sportsml_lite.collect.formats.recording import utc_times
from sportsml_lite.errors import UserError

ZONE = "Europe/Oslo"
TWICE_S = 10 * 60  # the same report again within this time was sent twice
SHORT_S = 60  # a recording with less active time was started by mistake
METRES = {"Kilometer": 1000.0, "Mile": 1609.344}
SCALES = ("fatigue", "mood", "sleep_quality", "soreness", "stress")  # 1 to 5, 3 is normal
_DAY = {"date": "datetime64[us]"}


def reports(person: Path, dropped: Dropped) -> pd.DataFrame:
    """Training reports: end (UTC), rpe (CR10), reported_duration_s, activity.

    Raises
    ------
    UserError naming file and line for what cannot be read
    """
    path = person / "pmsys" / "srpe.csv"
    if not path.is_file():
        dropped.count("people without training reports", 1)
        kinds = {"end": schema.TIME, "rpe": float, "reported_duration_s": float, "activity": "str"}
        return pd.DataFrame(columns=list(kinds)).astype(kinds)
    numbers, texts = ["perceived_exertion", "duration_min"], ["end_date_time", "activity_names"]
    raw = dataset.read_csv(path, numbers, texts, dropped)
    rpe = raw["perceived_exertion"]
    raw = dropped.keep(raw, rpe.notna(), "training reports without an exertion")
    rpe = raw["perceived_exertion"]
    raw = dropped.keep(raw, rpe.between(0, 10), "training reports with an exertion beyond 0 to 10")
    raw = dropped.keep(raw, raw["end_date_time"].notna(), "training reports without a time")
    minutes = raw["duration_min"].where(raw["duration_min"] > 0)
    out = pd.DataFrame(
        {
            "end": _times(raw["end_date_time"], path),
            "rpe": raw["perceived_exertion"],
            "reported_duration_s": minutes * 60,
            "activity": raw["activity_names"].map(_activity),
        }
    ).sort_values("end")
    return dropped.keep(out, ~_sent_twice(out), "training reports sent twice")


def _times(texts: pd.Series, path: Path) -> pd.Series:
    times = utc_times(texts)
    if times.isna().any():
        line = times.isna().idxmax()
        raise UserError(
            f"{path}, line {line}: {texts.name} = {texts[line]!r} is no time; "
            "write it as 2019-11-05T22:51:54Z"
        )
    return times


def _activity(text: object) -> str | None:
    """Names of a report's activities, without whether one was alone: ``"strength+running"``."""
    try:
        names = ast.literal_eval(str(text))
    except (ValueError, SyntaxError):
        names = [str(text)]
    names = [str(name) for name in names if name not in ("individual", "team")]
    return "+".join(names) or None if isinstance(text, str) else None


def _sent_twice(reports: pd.DataFrame) -> pd.Series:
    what = ["rpe", "reported_duration_s", "activity"]
    gap = reports.groupby(what, dropna=False)["end"].diff()
    return gap <= pd.Timedelta(seconds=TWICE_S)


def recordings(person: Path, dropped: Dropped) -> pd.DataFrame:
    """Fitbit sessions: start and end (UTC) and what the watch measured.

    Raises
    ------
    UserError naming file and entry for what cannot be read
    """
    path = person / "fitbit" / "exercise.json"
    entries = read_entries(path)
    if not entries:
        dropped.count("people without Fitbit sessions", 1)
        kinds = {"start": schema.TIME, "end": schema.TIME, "log_id": "str"}
        return pd.DataFrame(columns=list(kinds)).astype(kinds)
    raw = pd.DataFrame([_measured(entry, path, n) for n, entry in enumerate(entries, start=1)])
    raw["start"] = _starts(raw["start"], path)
    raw = dropped.keep(raw, ~raw["log_id"].duplicated(), "Fitbit sessions listed twice")
    raw = dropped.keep(raw, raw["elapsed_s"] > 0, "Fitbit sessions without a duration")
    raw = dropped.keep(
        raw, raw["duration_s"] >= SHORT_S, f"Fitbit sessions under {SHORT_S} s of active time"
    )
    return raw.assign(end=raw["start"] + pd.to_timedelta(raw["elapsed_s"], unit="s"))


def _starts(texts: pd.Series, path: Path) -> pd.Series:
    """Start times as UTC, the clock of this file (see ``pmdata.clock_check``)."""
    times = utc_times(texts)
    if times.isna().any():
        at = times.isna().idxmax()
        raise UserError(f"{path}, entry {at + 1}: startTime = {texts[at]!r} is no time; correct it")
    return times


def read_entries(path: Path) -> list:
    """Content of a Fitbit file, a list; none where the file is absent or empty.

    Raises
    ------
    UserError if the file is no JSON list of entries
    """
    try:
        text = path.read_text(encoding="utf-8-sig").strip() if path.is_file() else ""
        entries = json.loads(text or "[]")
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}; download it again"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is no text; download it again") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: is no list of entries; is this the original file?")
    return entries


def _measured(entry: dict, path: Path, number: int) -> dict:
    """One Fitbit session in the contract's words; zero distance and steps are not measurements."""
    unit = entry.get("distanceUnit", "Kilometer")
    if unit not in METRES:
        known = " or ".join(METRES)
        raise UserError(
            f"{path}, entry {number}: distanceUnit = {unit!r} is unknown, expected {known}"
        )
    elapsed = to_number(entry.get("duration")) / 1000
    return {
        "log_id": str(entry.get("logId", f"entry{number}")),
        "start": str(entry.get("startTime", "")),
        "elapsed_s": elapsed,
        "duration_s": to_number(entry.get("activeDuration", entry.get("duration"))) / 1000,
        "distance_m": _positive(entry.get("distance")) * METRES[unit],
        "steps": _positive(entry.get("steps")),
        "hr_mean_bpm": _positive(entry.get("averageHeartRate")),
        "elevation_gain_m": to_number(entry.get("elevationGain")),
        "recorded": str(entry.get("activityName", "")).strip().lower(),
    }


def _positive(cell: object) -> float:
    value = to_number(cell)
    return value if value > 0 else np.nan


def wellness(person: Path, dropped: Dropped) -> pd.DataFrame:
    """Morning reports: how the person felt, a row a local date.

    Raises
    ------
    UserError naming file and line for what cannot be read
    """
    path = person / "pmsys" / "wellness.csv"
    numbers = [*SCALES, "readiness", "sleep_duration_h"]
    if not path.is_file():
        return pd.DataFrame(columns=["date", *numbers]).astype(_DAY | dict.fromkeys(numbers, float))
    raw = dataset.read_csv(path, numbers, ["effective_time_frame"], dropped)
    raw = dropped.keep(raw, raw["effective_time_frame"].notna(), "wellness reports without a time")
    told = (raw[list(SCALES)] > 0).any(axis=1)
    raw = dropped.keep(raw, told, "wellness reports of zeros or blanks only")
    limits = dict.fromkeys(SCALES, (1, 5)) | {"readiness": (0, 10), "sleep_duration_h": (0.5, 24)}
    for name, (low, high) in limits.items():
        good = raw[name].isna() | raw[name].between(low, high)
        dropped.count("wellness values outside their scale (set to missing)", (~good).sum())
        raw[name] = raw[name].where(good)
    times = _times(raw["effective_time_frame"], path)
    raw["date"] = times.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize().astype(_DAY["date"])
    raw = raw.assign(time=times).sort_values("time")
    raw = dropped.keep(raw, ~raw["date"].duplicated(), "second wellness report of a day")
    return raw[["date", *numbers]]


def resting(person: Path, dropped: Dropped) -> pd.DataFrame:
    """Fitbit's resting heart rate; it writes 0 for a day that it could not judge.

    Raises
    ------
    UserError naming file and entry for what cannot be read
    """
    path = person / "fitbit" / "resting_heart_rate.json"
    entries = read_entries(path)
    dates = [str(entry.get("dateTime"))[:10] for entry in entries]
    values = [entry.get("value") for entry in entries]
    values = [value.get("value") if isinstance(value, dict) else value for value in values]
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(pd.Series(dates, dtype="str"), errors="coerce"),
            "hr_rest_bpm": values,
        }
    ).astype(_DAY)
    frame["hr_rest_bpm"] = pd.to_numeric(frame["hr_rest_bpm"], errors="coerce").astype("float64")
    if frame["date"].isna().any():
        number = frame["date"].isna().idxmax() + 1
        raise UserError(f"{path}, entry {number}: dateTime is no date; correct it")
    good = frame["hr_rest_bpm"].between(25, 120)
    frame = dropped.keep(frame, good, "days without a resting heart rate")
    return dropped.keep(frame, ~frame["date"].duplicated(), "second resting heart rate of a day")


def to_number(cell: object) -> float:
    """A cell as a number, NaN where it is none."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return np.nan
