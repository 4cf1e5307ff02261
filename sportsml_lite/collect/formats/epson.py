"""Epson RunSense: sections in brackets, and in them a line a channel with all its values."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
import pandas as pd

from sportsml_lite.collect.formats.recording import SECOND_US, Recording, Refusal, cleaned
from sportsml_lite.collect.formats.text import to_numbers, utc_times

FIRST = "[[Training]]"
CHANNELS = {
    "GraphAltitude": "altitude_m",
    "GraphDistance": "distance_m",
    "GraphPitch": "cadence",  # steps a minute
    "HeartRate": "hr_bpm",
}


def is_epson(text: str) -> bool:
    """Whether a text is such a file."""
    return text.lstrip().startswith(FIRST)


def read_epson(text: str) -> list[Recording]:
    """The session of a file, a point each of its logging interval.

    Raises
    ------
    Refusal if it holds no channel, or a value is no number
    """
    sections = _sections(text)
    series = {row[0]: row[1:] for row in sections.get("GraphData", [])}
    interval_s = _one(series, "LogInterval")
    channels = {}
    for name, column in CHANNELS.items():
        if name in series:
            step_s = _one(series, "HrInterval") if name == "HeartRate" else interval_s
            channels[column] = _channel(name, series[name], step_s)
    if not channels:
        raise Refusal(f"it has no {' or '.join(CHANNELS)}", "export the training again")
    points = pd.DataFrame(channels).sort_index()  # longest channel; NaN where others end
    time_us = (points.index.to_numpy() * SECOND_US).round().astype("int64")
    about = _about(sections)
    start_us = _start_us(about)
    points.insert(0, "time_us", time_us + (start_us or 0))
    stated = {"duration_s": "TrainingTime", "distance_m": "Distance"}
    stated = {k: float(about[v]) for k, v in stated.items() if about.get(v, "").isdigit()}
    points = cleaned(points.reset_index(drop=True))
    return [Recording(points, start_us or 0, "running", stated=stated, dated=start_us is not None)]


def _sections(text: str) -> dict[str, list[list[str]]]:
    """Rows of each section that has a name in single brackets."""
    found: dict[str, list[list[str]]] = {}
    name = ""
    for row in csv.reader(io.StringIO(text)):
        cells = [cell.strip() for cell in row]
        if cells and cells[0].startswith("["):
            name = cells[0].strip("[]")
        elif any(cells):
            found.setdefault(name, []).append(cells)
    return found


def _one(series: dict[str, list[str]], name: str) -> float:
    """A number of the file that is above 0; 1 where it is absent."""
    value = to_numbers(pd.Series(series.get(name, ["1"])[:1], dtype="str"))
    if not (len(value) and value.iloc[0] > 0):
        raise Refusal(f"{name} is no number of seconds above 0", "export the training again")
    return float(value.iloc[0])


def _channel(name: str, texts: list[str], step_s: float) -> pd.Series:
    """Values by second."""
    while texts and not texts[-1]:  # a comma at the end of the line
        texts = texts[:-1]
    values = to_numbers(pd.Series(texts, dtype="str"))
    wrong = values.isna() & pd.Series(texts, dtype="str").ne("")
    if wrong.any():
        raise Refusal(f"{name}: value {wrong.idxmax() + 1} is no number", "correct it or remove it")
    return values.set_axis(np.arange(len(values)) * step_s)


def _about(sections: dict[str, list[list[str]]]) -> dict[str, str]:
    """The table of one row that names the day."""
    rows = sections.get("TrainingResult", [])
    for names, values in itertools.pairwise(rows):
        if "StartDay" in names:
            return dict(zip(names, values, strict=False))
    return {}


def _start_us(about: dict[str, str]) -> int | None:
    """Start, from local time and its offset in minutes; None where the file states none."""
    local = f"{about.get('StartDay', '').replace('/', '-')} {about.get('StartTime', '')}"
    time = utc_times(pd.Series([local])).iloc[0]
    if pd.isna(time):
        return None
    offset = sum(
        int(about[name]) if about.get(name, "").lstrip("-").isdigit() else 0
        for name in ("TimeZoneOffset", "DaylightSavingsTime")
    )
    return time.value // 1_000 - offset * 60 * SECOND_US
