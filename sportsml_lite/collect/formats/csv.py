"""CSV: tables of other programs and the reader's own, by the names of their columns."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.formats import columns as known
from sportsml_lite.collect.formats import epson, lists
from sportsml_lite.collect.formats.recording import (
    SECOND_US,
    Recording,
    Refusal,
    as_steps,
    cleaned,
    sport_name,
)
from sportsml_lite.collect.formats.table import Table, read_table, refuse, text_of
from sportsml_lite.collect.formats.text import missing, to_times

ABOUT = ("session_id", "sport", "start", "athlete_id")  # they describe a session, not a second
TIMES = ("time", "t_s", "date")
UNIX_S = 1e8  # a smaller number of seconds is no date (1973) but counts from the start
MILLISECONDS = 1e11  # a larger unix time would lie beyond the year 5000 in seconds
FIT_EPOCH_S = 631_065_600  # 1989-12-31, from which the tables of FIT tools count
EXCEL_DAYS = (20_000, 80_000)  # 1954 to 2119: a spreadsheet's time, in days since 1899-12-30
EXCEL_EPOCH_MS = -2_209_161_600_000
DAY_S = 86_400


def read_csv(data: bytes, columns: str = "") -> list[Recording]:
    """Sessions of a table with a header line and a row a second (or a point, at any rate).

    What a column means, whoever wrote it, stands with its units in
    :data:`~sportsml_lite.collect.formats.columns.KNOWN`. Lines above the header are skipped, but
    for the sport and the start that they name. Time is a date, unix seconds or milliseconds, a
    spreadsheet's days, or seconds or hh:mm:ss from a start that ``start`` or those lines give, else
    none does (NaT). ``session_id`` separates sessions, ``sport`` names theirs. Other columns are
    kept, a number averaged over its second. A list of activities or laps gives sessions without a
    stream. Values outside the contract's ranges are loaded as they are.

    Parameters
    ----------
    columns : the reader's own names, such as ``'speed=Velocity(km/h), hr=Puls'``

    Raises
    ------
    Refusal naming the line of the first field that cannot be read, or the column that is missing
    """
    text = text_of(data)
    if epson.is_epson(text):
        return epson.read_epson(text)
    table = read_table(text, columns)
    if lists.is_list(table):
        return lists.read_list(table)
    rows, factors, notes = _meant(table)
    if "paused" in rows:  # Wahoo goes on writing while its clock stands
        rows = rows[rows["paused"] != "1"]
    for name in ("session_id", "sport", "start"):
        if name not in rows:
            rows[name] = ""
    sessions = [own for _, own in rows.groupby("session_id", sort=False)]
    if "athlete_id" in rows and any(own["athlete_id"].nunique() > 1 for own in sessions):
        raise Refusal("a session of it has several athletes", "give each a session_id of its own")
    found = [_recording(own, factors, table) for own in sessions]
    return [replace(found[0], file_notes=(*table.notes, *notes)), *found[1:]]


def _meant(table: Table) -> tuple[pd.DataFrame, dict[str, float], list[str]]:
    """The rows under the contract's names, the factors to its units, and notes on other columns.

    Raises
    ------
    Refusal if there is no channel, or no time
    """
    names, factors, notes = {}, {}, []
    meant = {header: known.meaning(header) for header in table.rows}
    exact = sorted(table.rows, key=lambda header: header.lower() not in known.KNOWN)
    # Wahoo writes zeros for a sensor that was not there.
    absent = {h for h in exact if h.lower() in known.WAHOO and _silent(table.rows[h])}
    for header in exact:
        means = meant[header]
        if not means or means.column in factors or means.factor is None or header in absent:
            continue
        if means.column == "cadence" and {"cadence_spm", "cadence_rpm"} & set(factors):
            continue
        names[header], factors[means.column] = means.column, means.factor
    if "date" in factors and not {"t_s", "time"} & set(factors):  # it holds the clock too
        names = {header: "time" if n == "date" else n for header, n in names.items()}
        factors["time"] = factors.pop("date")
    channels = [name for name in schema.columns("streams") if name not in ("session_id", "t_s")]
    if not {*channels, "cadence", "pace"} & set(factors):
        raise Refusal(
            f"it has no channel that is known; its columns are {_listed(table)}",
            f"name one of {', '.join(channels)}, in the file or by columns: hr_bpm=Puls",
        )
    if not {"t_s", "time"} & set(factors):
        raise Refusal(
            f"it has no time; its columns are {_listed(table)}",
            "add a column t_s (seconds) or time (ISO 8601), or name it by columns: t_s=Clock",
        )
    for header, means in meant.items():
        guess = None if means else known.nearest(header)
        # Distance gives speed, and either gives pace.
        sources = {"pace": {"speed_mps", "distance_m"}, "speed_mps": {"distance_m"}}
        derived = means and sources.get(means.column, set()) & set(factors)
        if means and means.factor is None and means.column not in factors and not derived:
            unit = next(iter(known.UNITS[means.column]))
            say = f"{means.column.partition('_')[0]}({unit})={header}"
            notes.append(
                f"column {header!r} states no unit and stays apart; say it by columns: {say}"
            )
        elif guess and guess not in factors and header.lower() not in ABOUT:
            notes.append(f"column {header!r} is not known; did you mean {guess!r}?")
    own = {h: h.lower() if h.lower() not in factors else f"{h.lower()}_given" for h in table.rows}
    return table.rows.rename(columns=own | names), factors, notes


def _silent(texts: pd.Series) -> bool:
    """Whether a column holds nothing but zeros and gaps."""
    return bool((missing(texts) | texts.str.fullmatch(r"0+(?:[.,]0*)?")).all())


def _listed(table: Table) -> str:
    near = {header: known.nearest(header) for header in table.rows}
    return ", ".join(f"{h!r} ({n}?)" if n else repr(h) for h, n in near.items())


def _recording(rows: pd.DataFrame, factors: dict[str, float], table: Table) -> Recording:
    """One session's rows: texts, indexed by line."""
    start = _start_us(rows, table)
    time_us, dated, notes = _when(rows, factors, table)
    if not dated:
        time_us = time_us + (start or 0)
    sport = rows["sport"].iloc[0] or table.about.get("sport") or None
    unused = {*ABOUT, *TIMES}
    channels = {name: _channel(rows[name], table) for name in rows if name not in unused}
    for name in factors.keys() & channels.keys() - {"pace"}:
        channels[name] = channels[name] * factors[name]
    if "pace" in channels and "speed_mps" not in channels:
        pace_s = table.seconds(rows["pace"]).where(lambda s: s > 0)
        channels["speed_mps"] = factors["pace"] / pace_s
    points = cleaned(pd.DataFrame({"time_us": time_us, **channels}).reset_index(drop=True))
    if "cadence" in points:
        points["cadence"] = as_steps(points["cadence"], sport_name(sport))
    since = start if dated or start is not None else 0
    return Recording(points, since, sport, dated=dated or start is not None, notes=tuple(notes))


def _start_us(rows: pd.DataFrame, table: Table) -> int | None:
    """The start that a column or the lines above the header state."""
    if rows["start"].iloc[0]:
        return int(_dated(rows["start"].iloc[:1], table).iloc[0])
    about = table.about
    if {"year", "month", "day", "hour", "minute"} <= set(about):
        day = "-".join(about[part].zfill(2) for part in ("year", "month", "day"))  # Wahoo
        clock = ":".join(about.get(part, "0").zfill(2) for part in ("hour", "minute", "second"))
        about = about | {"start": f"{day} {clock}"}
    day, clock = about.get("date"), about.get("start time") or about.get("time")
    if day and clock and re.fullmatch(r"\d\d-\d\d-\d{4}", day):
        day = day.replace("-", ".")  # Polar Flow writes the day first
    text = f"{day} {clock}" if day and clock else about.get("start time") or about.get("start")
    times = to_times(pd.Series([text or ""], ["start"], name="the line of"))
    return None if times.isna().all() else times.iloc[0].value // 1_000


def _dated(texts: pd.Series, table: Table) -> pd.Series:
    """Texts as µs since 1970 UTC.

    Raises
    ------
    Refusal naming the line that is no date
    """
    unix = table.seconds(texts)
    if unix.notna().all():
        return _unix_us(unix)
    times = to_times(texts.rename("line"))
    refuse(times.isna(), texts, "a time such as 2025-02-24T00:15:21Z")
    return times.astype("int64")


def _unix_us(numbers: pd.Series, epoch_s: int = 0) -> pd.Series:
    scale = np.where(numbers > MILLISECONDS, 1_000, SECOND_US)
    return (numbers * scale).round().astype("int64") + epoch_s * SECOND_US


def _when(
    rows: pd.DataFrame, factors: dict[str, float], table: Table
) -> tuple[pd.Series, bool, list[str]]:
    """µs of each row, whether they count from 1970 (else from the start), and notes.

    Raises
    ------
    Refusal naming the line of a time that cannot be read
    """
    name = "time" if "time" in factors else "t_s"
    texts = rows[name].rename(name)
    if name == "time" and "date" in factors:
        return _dated((rows["date"] + " " + texts).rename("date, time"), table), True, []
    seconds = table.seconds(texts)
    if name == "t_s":
        refuse(seconds.isna(), texts, "a number")
    elif seconds.isna().any():
        return _dated(texts, table), True, []
    refuse(~seconds.between(0, 1e14), seconds.rename(name), "a time from 0 on")
    clock = texts.str.contains(":", regex=False).any()
    low, high = seconds.min(), seconds.max()
    if low > UNIX_S:
        fit = any(str(header).lower().startswith("record.") for header in table.rows)
        return _unix_us(seconds, FIT_EPOCH_S if fit else 0), True, []
    if name == "time" and not clock and EXCEL_DAYS[0] < low <= high < min(EXCEL_DAYS[1], low + 7):
        return (
            ((seconds * DAY_S * 1_000).round().astype("int64") + EXCEL_EPOCH_MS) * 1_000,
            True,
            [],
        )
    notes = []
    if clock:
        seconds += DAY_S * (seconds.diff() < -DAY_S / 2).cumsum()  # past midnight
        if seconds.iloc[0] >= 3600:
            notes.append(f"times of day without a date count from the first, {texts.iloc[0]}")
            seconds -= seconds.iloc[0]
    factor = 1.0 if clock else factors[name]
    return (seconds * factor * SECOND_US).round().astype("int64"), False, notes


def _channel(texts: pd.Series, table: Table) -> pd.Series:
    column = schema.columns("streams").get(texts.name)
    if texts.name == "cadence" or (column is not None and column.dtype != "str"):
        return table.numbers(texts)
    try:
        return table.numbers(texts)
    except Refusal:
        return texts.mask(missing(texts))
