"""Lists: a row an activity (Garmin Connect, Concept2), or a row a lap of one activity."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from sportsml_lite.collect.formats import columns as known
from sportsml_lite.collect.formats.recording import Recording, Refusal
from sportsml_lite.collect.formats.table import Table
from sportsml_lite.collect.formats.text import missing, to_times

# The session's column: its names in lists, in lower case without spaces and marks.
FIELDS = {
    "sport": "activitytype aktivitätstyp type sport",
    "start": "date datum",
    "duration_s": "time zeit activitytime worktimeseconds duration",
    "distance_m": "distance distanz workdistance",
    "hr_mean_bpm": "avghr avgheartrate avghrbpm øhf øherzfrequenz durchschnherzfrequenz",
    "hr_max_bpm": "maxhr maxheartrate maxhrbpm maxhf maximaleherzfrequenz",
    "power_mean_w": "avgpower avgwatts øleistung",
    "steps": "steps schritte",
    "effect": "aerobicte aerobertrainingseffekt",
}
LAPS = ("laps", "lap", "split", "splits", "intervals", "interval", "runden", "runde")
METRES = ("workdistance",)  # Concept2 lists metres without saying so
WHOLE = ("summary", "total", "zusammenfassung", "gesamt")


def is_list(table: Table) -> bool:
    """Whether rows are activities or laps rather than seconds."""
    names = {_name(header) for header in table.rows}
    activities = bool(names & {"activitytype", "aktivitätstyp", "logid"}) and bool(
        names & set(FIELDS["start"].split())
    )
    return activities or _is_laps(table)


def read_list(table: Table) -> list[Recording]:
    """Sessions without a stream: one a row, or one for all laps.

    Raises
    ------
    Refusal if no row can be used
    """
    rows, notes = _fields(table)
    if _is_laps(table):
        return [_laps(table, rows, notes)]
    found = []
    starts = to_times(rows["start"].rename("line"))
    for line, row in rows.iterrows():
        if pd.isna(starts[line]):
            notes.append(f"line {line} left out: {row['start']!r} is no date")
            continue
        stated = {k: v for k, v in row.items() if k not in ("sport", "start") and np.isfinite(v)}
        start_us = starts[line].value // 1_000
        effect = "device" if "effect" in stated else None
        found.append(Recording(_no_points(), start_us, row["sport"] or None, stated, effect))
    if not found:
        raise Refusal(notes[-1], "write dates as 2024-05-01 06:00:00")
    return [replace(found[0], notes=(*table.notes, *notes)), *found[1:]]


def _is_laps(table: Table) -> bool:
    first = _name(table.rows.columns[0]) if len(table.rows.columns) else ""
    averages = any(re.match(r"avg|ø|durchschn|cumulative", _name(h)) for h in table.rows)
    return first in LAPS and averages


def _fields(table: Table) -> tuple[pd.DataFrame, list[str]]:
    """The rows under the session's names, in its units."""
    rows, notes = pd.DataFrame({"sport": "", "start": ""}, table.rows.index), []
    by_name = {alias: field for field, names in FIELDS.items() for alias in names.split()}
    for header in table.rows:
        texts, means = table.rows[header], known.meaning(header)
        field = by_name.get(_name(header))
        if means and means.column in ("distance_m", "sport"):
            field = means.column
        if field in ("sport", "start"):
            rows[field] = texts.mask(missing(texts), "")
        elif field == "duration_s":
            rows[field] = table.seconds(texts)
        elif field == "distance_m":
            factor = 1.0 if _name(header) in METRES else means.factor if means else None
            if factor is None:
                say = f"distance_km={header} or distance_mi={header}"
                notes.append(f"column {header!r} states no unit and is not used; say it: {say}")
            else:
                rows[field] = table.numbers(texts) * factor
        elif field and field not in rows:
            rows[field] = table.numbers(texts)
    return rows, notes


def _laps(table: Table, rows: pd.DataFrame, notes: list[str]) -> Recording:
    label = table.rows.iloc[:, 0].str.lower()
    laps, whole = rows[label.str.fullmatch(r"\d+")], rows[label.isin(WHOLE)]
    if laps.empty or "duration_s" not in laps or not laps["duration_s"].sum() > 0:
        raise Refusal("it lists laps without a time", "export the activity itself")
    time_s = laps["duration_s"]
    stated = {"duration_s": time_s.sum(skipna=False)}
    if "distance_m" in laps:
        stated["distance_m"] = laps["distance_m"].sum(skipna=False)
    if "hr_mean_bpm" in laps:
        stated["hr_mean_bpm"] = (laps["hr_mean_bpm"] * time_s).sum(skipna=False) / time_s.sum()
    if "hr_max_bpm" in laps:
        stated["hr_max_bpm"] = laps["hr_max_bpm"].max()
    for name in {"duration_s", "distance_m"} & set(whole) & set(stated):
        total = whole[name].max()
        if abs(stated[name] - total) > 0.01 * total:
            notes.append(
                f"the laps' {name} adds to {stated[name]:,.0f}, the summary says {total:,.0f}"
            )
    return Recording(_no_points(), None, None, stated, dated=False, notes=(*table.notes, *notes))


def _no_points() -> pd.DataFrame:
    return pd.DataFrame({"time_us": pd.Series(dtype="int64")})


def _name(header: str) -> str:
    return re.sub(r"[\W_]", "", header.lower())
