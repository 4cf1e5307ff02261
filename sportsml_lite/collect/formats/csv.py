"""CSV: the reader's own export, with the contract's column names."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.formats.recording import SECOND_US, Recording, Refusal, utc_times

MISSING = ("", "na", "nan", "n/a", "null", "none", "-")
TIMES = ("time", "timestamp")
ABOUT = ("session_id", "sport", "start")  # columns that describe a session, not a second
RESERVED = ("time_us", "segment")
MILLISECONDS = 1e11  # a larger unix time would lie beyond the year 5000 in seconds
MEANT = {  # names that other programs use, for a hint; their units differ, so none is taken over
    "hr": "hr_bpm",
    "bpm": "hr_bpm",
    "heartrate": "hr_bpm",
    "speed": "speed_mps",
    "velocity": "speed_mps",
    "power": "power_w",
    "watts": "power_w",
    "cadence": "cadence_spm or cadence_rpm",
    "altitude": "altitude_m",
    "elevation": "altitude_m",
    "ele": "altitude_m",
    "distance": "distance_m",
    "lat": "lat_deg",
    "latitude": "lat_deg",
    "lon": "lon_deg",
    "lng": "lon_deg",
    "longitude": "lon_deg",
    "seconds": "t_s",
    "secs": "t_s",
    "date": "time",
    "datetime": "time",
}


def read_csv(data: bytes) -> list[Recording]:
    """Sessions of a table with a header line and a row a second (or a point, at any rate).

    Time comes from ``time`` or ``timestamp`` (ISO 8601, or unix seconds or milliseconds), else
    from ``t_s``, whose session begins at ``start`` if there is such a column and else has no start
    (NaT). At least one of the contract's channels must be there. ``session_id`` separates
    sessions, ``sport`` names theirs. Other columns are kept, a number averaged over its second.
    The separator may be a comma, semicolon or tab, the decimal a comma where it does not separate.
    Values outside the contract's ranges are loaded as they are.

    Raises
    ------
    Refusal naming the line of the first field that cannot be read, or the column that is missing
    """
    header, rows, lines, decimal = _rows(_text(data))
    _check_names(header)
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header) if name}
    table = pd.DataFrame(columns, index=pd.Index(lines, name="line"), dtype="str")
    for name in ABOUT:
        if name not in table:
            table[name] = ""
    sessions = [own for _, own in table.groupby("session_id", sort=False)]
    if "athlete_id" in table and any(own["athlete_id"].nunique() > 1 for own in sessions):
        raise Refusal("a session of it has several athletes", "give each a session_id of its own")
    return [_recording(own, decimal) for own in sessions]


def _text(data: bytes) -> str:
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Refusal(f"line {line}: it is no UTF-8 text", "save it as CSV in UTF-8") from None


def _rows(text: str) -> tuple[list[str], list[list[str]], list[int], str]:
    """Header, rows, the line of each row, and the decimal mark."""
    first = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise Refusal(f"line {reader.line_num}: {error}", "save the table as CSV again") from None
    if len(rows) < 2:
        raise Refusal("it holds no rows below a header", "give a table with a row a second")
    header, rows, lines = [name.lower() for name in rows[0]], rows[1:], lines[1:]
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise Refusal(
                f"line {line}: {len(row)} fields where the header has {len(header)}",
                "give every row the same columns, empty where nothing was measured",
            )
    return header, rows, lines, "." if separator == "," else ","


def _check_names(header: list[str]) -> None:
    if all(re.fullmatch(r"[-+.,:/\dtez ]*", name) for name in header):
        raise Refusal("line 1 holds numbers, not column names", "add a header line")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice:
        raise Refusal(f"column {twice!r} stands twice in the header", "remove or rename one")
    for name in header:
        if name in RESERVED:
            raise Refusal(f"column {name!r} is a name this reader uses itself", "rename it")
        meant = MEANT.get(re.sub(r"[\W_]", "", name))
        if meant and meant not in header:
            raise Refusal(
                f"column {name!r} is not the contract's {meant}",
                f"rename it to {meant}, in its unit, or remove it",
            )
    channels = [name for name in schema.columns("streams") if name not in ("session_id", "t_s")]
    if not set(channels) & set(header):
        raise Refusal("it has no channel that is known", f"name one of {', '.join(channels)}")
    if not {"t_s", *TIMES} & set(header):
        raise Refusal("it has no time", "add a column t_s (seconds) or time (ISO 8601)")


def _recording(rows: pd.DataFrame, decimal: str) -> Recording:
    """One session's rows: texts, indexed by line."""
    start, dated = None, True
    given = next((name for name in TIMES if name in rows), None)
    if given:
        time_us = _times(rows[given], decimal)
    else:
        seconds = _numbers(rows["t_s"], decimal, complete=True)
        _plausible(seconds)
        dated = bool(rows["start"].iloc[0])
        start = int(_times(rows["start"].iloc[:1], decimal).iloc[0]) if dated else 0
        time_us = start + (seconds * SECOND_US).round().astype("int64")
    unused = {*ABOUT, *TIMES, "t_s"}
    channels = {name: _channel(rows[name], decimal) for name in rows if name not in unused}
    points = pd.DataFrame({"time_us": time_us, **channels}).reset_index(drop=True)
    return Recording(points, start, rows["sport"].iloc[0] or None, dated=dated)


def _numbers(texts: pd.Series, decimal: str, complete: bool = False) -> pd.Series:
    """Texts as float64, NaN where missing."""
    plain = texts.str.replace(decimal, ".", regex=False)
    numbers = pd.to_numeric(plain, errors="coerce").astype("float64")
    missing = texts.str.lower().isin(MISSING)
    _no(numbers.isna() & ~(missing & (not complete)), texts, "a number")
    return numbers


def _times(texts: pd.Series, decimal: str) -> pd.Series:
    """Texts as µs since 1970 UTC."""
    unix = pd.to_numeric(texts.str.replace(decimal, ".", regex=False), errors="coerce")
    if unix.notna().all():
        unix = unix.astype("float64")
        _plausible(unix)
        return (unix * np.where(unix > MILLISECONDS, 1_000, SECOND_US)).round().astype("int64")
    times = utc_times(texts)
    _no(times.isna(), texts, "an ISO 8601 time such as 2025-02-24T00:15:21Z")
    return times.astype("int64")


def _plausible(seconds: pd.Series) -> None:
    _no(~seconds.between(0, 1e14), seconds, "a time from 0 on")


def _channel(texts: pd.Series, decimal: str) -> pd.Series:
    known = schema.columns("streams").get(texts.name)
    if known is not None and known.dtype != "str":
        return _numbers(texts, decimal)
    try:
        return _numbers(texts, decimal)
    except Refusal:
        return texts.mask(texts.str.lower().isin(MISSING))


def _no(wrong: pd.Series, given: pd.Series, wanted: str) -> None:
    """Refuse the first line that is wrong."""
    if wrong.any():
        line = wrong.idxmax()
        raise Refusal(
            f"line {line}: {given.name} = {str(given[line])[:40]!r} is not {wanted}",
            "correct it or leave it empty",
        )
