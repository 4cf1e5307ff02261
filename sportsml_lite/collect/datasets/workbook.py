"""Excel workbooks, read carefully: their first sheet, with rows that an error can name."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.errors import UserError

MAX_BYTES = 500_000_000  # no workbook of a study unpacks to more


def read_workbook(path: Path, **how) -> pd.DataFrame:
    """The first sheet of an Excel workbook, as ``pandas.read_excel`` gives it.

    Raises
    ------
    UserError for a file that is no workbook, or one that unpacks to more than a table holds
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_BYTES:
            raise ValueError(f"it unpacks to {unpacked:,} bytes")
        # calamine reads seven times as fast as openpyxl, and does not warn of what Excel adds.
        return pd.read_excel(path, engine="calamine", **how)
    except Exception as error:  # a cut-off or foreign file makes the reader raise anything
        reason = str(error) or type(error).__name__
        raise UserError(f"{path}: no readable workbook ({reason}); download it again") from None


def read_sheet(
    path: Path,
    numbers: Sequence[str],
    texts: Sequence[str] = (),
    dates: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> pd.DataFrame:
    """Read named columns of a workbook's first sheet; further columns are ignored.

    Parameters
    ----------
    path : workbook with a header row; ``na`` is missing
    numbers : columns that hold numbers (float64)
    texts : columns that hold text, or times of day
    dates : columns that hold dates (UTC)
    keys : whole numbers that no row may lack

    Returns
    -------
    DataFrame indexed by row of the sheet, so that a later error can name it

    Raises
    ------
    UserError naming file, row and column
    """
    frame = read_workbook(path, na_values=["na"]).rename(columns=lambda name: str(name).strip())
    dataset.refuse_absent(frame, [*keys, *numbers, *texts, *dates], path)
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")  # row 1 is the header
    frame = frame[[*keys, *numbers, *texts, *dates]].dropna(how="all")
    if frame.empty:
        raise UserError(f"{path}: holds no rows; is this the original file?")
    out = {name: dataset.as_numbers(_as_text(frame[name]), path) for name in [*keys, *numbers]}
    for name in keys:
        dataset.refuse(
            path, ~(out[name] % 1 == 0), f"{name} is missing or no whole number; correct it"
        )
        out[name] = out[name].astype("int64")
    out |= {name: frame[name].astype("str").str.strip() for name in texts}
    out |= {name: _dates(frame[name], path) for name in dates}
    return pd.DataFrame(out, index=frame.index)


def _as_text(cells: pd.Series) -> pd.Series:
    """Numbers as they are; mixed cells as text, or a date among them would pass for a number."""
    numeric = pd.api.types.is_numeric_dtype(cells) and cells.dtype != bool
    return cells if numeric else cells.astype("str")


def _dates(cells: pd.Series, path: Path) -> pd.Series:
    dated = cells.map(lambda cell: isinstance(cell, date))  # a datetime is a date, too
    wrong = cells.notna() & ~dated
    dataset.refuse(path, wrong, lambda row: f"{cells.name} = {cells[row]!r} is no date; correct it")
    return pd.to_datetime(cells.where(dated, pd.NaT), utc=True).astype(schema.TIME)
