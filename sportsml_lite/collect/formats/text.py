"""Numbers and times as devices, apps and spreadsheets write them."""

from __future__ import annotations

import re

import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.formats.recording import SECOND_US, Refusal, utc_times

MISSING = ("", "na", "nan", "n/a", "null", "none", "-", "--", "---", "–", "—")
NEAR_US = 2 * 86_400 * SECOND_US  # a date that fits the stated start lies this near to it
CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?"
YEAR_LAST = rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}})[ T,]+({CLOCK}.*)"
YEAR_FIRST = rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}})[ T,]+({CLOCK}.*)"
MONTH_NAMED = r"(?=.*\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b)(?=.*\d{4}).*:.*"


def utf16(data: bytes) -> str | None:
    """The codec of text in UTF-16, known by its mark or every other byte; None for other text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    high, low = data[0:200:2], data[1:200:2]
    if low and not high.count(0) and low.count(0) > 0.9 * len(low):
        return "utf-16-le"
    return "utf-16-be" if low and not low.count(0) and high.count(0) > 0.9 * len(high) else None


def missing(texts: pd.Series) -> pd.Series:
    """Whether a text stands for 'not measured': empty, ``NA``, ``--`` and their kin."""
    return texts.isna() | texts.str.strip().str.lower().isin(MISSING)


def decimal_mark(texts: pd.Series) -> str | None:
    """The decimal mark that a column shows; None where it has none, or '1.234' may be thousands."""
    several = texts[texts.str.contains(",", regex=False) & texts.str.contains(".", regex=False)]
    several = several[several.str.fullmatch(r"[-+]?[\d.,]+")]
    if len(several):
        return max(",.", key=several.iloc[0].rfind)
    for mark in ",.":
        parts = texts.str.extract(rf"^[-+]?(\d*)\{mark}(\d+)(?:[eE][-+]?\d+)?$").dropna()
        thousands = parts[0].str.fullmatch(r"[1-9]\d{0,2}") & parts[1].str.fullmatch(r"\d{3}")
        if not thousands.all():
            return mark
    return None


def to_numbers(texts: pd.Series, mark: str = ".") -> pd.Series:
    """Texts as float64, NaN where one is no number: '1.5', '1,5', '1.234,5', '1,234.5'.

    Parameters
    ----------
    texts : Series of str
    mark : the decimal mark where the column itself does not show it
    """
    if mark == "." and not texts.str.contains(",", regex=False).any():
        return pd.to_numeric(texts, errors="coerce").astype("float64")
    mark = decimal_mark(texts) or mark
    other = "," if mark == "." else "."
    grouped = texts.str.fullmatch(rf"[-+]?\d{{1,3}}(?:\{other}\d{{3}})+(?:\{mark}\d+)?")
    plain = texts.mask(grouped.fillna(False), texts.str.replace(other, "", regex=False))
    plain = plain.str.replace(mark, ".", regex=False)
    return pd.to_numeric(plain, errors="coerce").astype("float64")


def to_times(texts: pd.Series, near: pd.Timestamp | None = None) -> pd.Series:
    """Texts as UTC times, NaT where one cannot be read; a time without a zone counts as UTC.

    ISO 8601, year first with any mark, and names of months are read as they stand, '01.05.2024'
    with the day first. With '/' or '-' the order of day and month is taken from a number above 12,
    or from the one order that lies near a stated start.

    Parameters
    ----------
    texts : Series of str; its name and index stand in the message
    near : a time that the file states, or None

    Raises
    ------
    Refusal where day and month cannot be told apart
    """
    texts = texts.astype("str").str.strip()
    times = utc_times(texts)
    left = texts[times.isna() & ~missing(texts)]
    if left.empty:
        return times
    iso = left.str.replace(YEAR_FIRST, r"\1-\2-\3 \4", regex=True)
    parts = left.str.extract(f"^{YEAR_LAST}$")
    known = parts[parts[0].notna()]
    if len(known):
        day, month = (
            ("\\1", "\\3") if _day_first(left[known.index], known, near) else ("\\3", "\\1")
        )
        turned = left[known.index].str.replace(YEAR_LAST, rf"\4-{month}-{day} \5", regex=True)
        iso = iso.mask(parts[0].notna(), turned)
    named = left.str.fullmatch(MONTH_NAMED, flags=re.IGNORECASE)
    readable = named | iso.str.match(r"\d{4}-\d{1,2}-\d{1,2} \d")
    iso = iso.str.replace(r"(:\d\d),(\d)", r"\1.\2", regex=True).where(readable)
    read = pd.to_datetime(iso, format="mixed", utc=True, errors="coerce").astype(schema.TIME)
    return times.where(~times.index.isin(left.index), read.reindex(times.index))


def _day_first(texts: pd.Series, parts: pd.DataFrame, near: pd.Timestamp | None) -> bool:
    first, second = parts[0].astype(int), parts[2].astype(int)
    if (parts[1] == ".").any() or (first > 12).any() or (first == second).all():
        return True
    if (second > 12).any():
        return False
    at = first[first != second].index[0]
    year = int(parts.loc[at, 3])
    if near is not None and not pd.isna(near):
        dates = [f"{year}-{m}-{d}" for d, m in ((first[at], second[at]), (second[at], first[at]))]
        off = [abs(pd.Timestamp(date, tz="UTC") - near).value // 1_000 for date in dates]
        if (off[0] < NEAR_US) != (off[1] < NEAR_US):
            return off[0] < off[1]
    raise Refusal(
        f"{texts.name} {at}: the date {texts[at]!r} may be day or month first",
        "write times as 2024-05-01T06:00:00Z",
    )
