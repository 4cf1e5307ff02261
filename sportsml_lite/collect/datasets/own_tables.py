"""The reader's own athletes, sessions and streams, in the contract's form."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.collect.formats.recording import utc_times
from sportsml_lite.errors import UserError


def load_tables(folder: Path | str) -> DataSet:
    """``sessions``, and where they are there ``athletes`` and ``streams``, as CSV or Parquet files.

    Columns, units and ranges are those of :mod:`sportsml_lite.schema`; an optional column may be
    absent, an empty cell is missing, further columns are kept. Without a file of athletes nothing
    is known of them but their names.

    Raises
    ------
    UserError naming file, row and column for what the contract does not allow, and for names that
    do not fit together
    """
    root, dropped = Path(folder), Dropped()
    sessions = _table(root, "sessions", dropped)
    if sessions is None:
        raise UserError(
            f"{root}: holds no sessions.csv or sessions.parquet; add one, a row a session"
        )
    athletes, streams = (_table(root, name, dropped) for name in ("athletes", "streams"))
    if athletes is None:
        athletes = dataset.athletes(sorted(sessions["athlete_id"].unique()))
    if streams is None:
        streams = dataset.empty("streams")
    _check_unique(athletes, "athlete_id", root / "athletes")
    _check_unique(sessions, "session_id", root / "sessions")
    _check_known(sessions, "athlete_id", athletes, root / "sessions", "athletes")
    _check_known(streams, "session_id", sessions, root / "streams", "sessions")
    return DataSet(root.name, athletes, sessions, streams, dropped=dropped.table())


def _table(root: Path, table: str, dropped: Dropped) -> pd.DataFrame | None:
    """One table, checked against the contract; None where there is no file."""
    paths = [root / f"{table}{suffix}" for suffix in (".csv", ".parquet")]
    there = [path for path in paths if path.is_file()]
    if len(there) > 1:
        raise UserError(f"{root}: holds {there[0].name} and {there[1].name}; keep one of them")
    if not there:
        return None
    path = there[0]
    frame = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path, table, dropped)
    for column in schema.columns(table).values():
        if not column.nullable and column.name not in frame:
            there = ", ".join(map(repr, frame.columns))
            raise UserError(f"{path}: column {column.name!r} is missing; there are only {there}")
    for column in schema.columns(table).values():
        if column.dtype == schema.TIME and column.name in frame:
            frame[column.name] = _utc(frame[column.name], path)
    try:
        frame = schema.conform(frame, table)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: {error}; see the contract's columns and units") from None
    return schema.validate(frame, table, str(path)).reset_index(drop=True)


def _read_csv(path: Path, table: str, dropped: Dropped) -> pd.DataFrame:
    known = schema.columns(table)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            names = [name.strip() for name in next(csv.reader(stream), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no readable CSV file ({error}); save it as UTF-8 CSV") from None
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f"{path}: column {min(twice)!r} stands twice; keep one of them")
    if len(names) == 1 and ";" in names[0]:
        raise UserError(f"{path}: its columns are separated by ';'; save it with commas")
    numbers = [name for name in names if name in known and known[name].dtype == "float64"]
    texts = [name for name in names if name not in numbers]
    frame = dataset.read_csv(path, numbers, texts, dropped)
    # A blank behind a name or label would make it another one.
    return frame.assign(**{n: frame[n].str.strip().replace("", None) for n in texts})[names]


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise UserError(f"{path}: reading Parquet needs pyarrow; install it or give CSV") from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: no readable Parquet file ({error}); write it again") from None
    return frame.reset_index(drop=True)


def _utc(times: pd.Series, path: Path) -> pd.Series:
    if isinstance(times.dtype, pd.DatetimeTZDtype) or times.dtype.kind == "M":
        return pd.to_datetime(times, utc=True).astype(schema.TIME)
    read = utc_times(times)
    wrong = read.isna() & times.notna()
    if wrong.any():
        row = wrong.idxmax()
        raise UserError(
            f"{path}, row {row}: {times.name} = {times[row]!r} is no time; "
            "write it as 2024-05-31T06:30:00Z"
        )
    return read


def _check_unique(frame: pd.DataFrame, key: str, where: Path) -> None:
    twice = frame[key].duplicated()
    if twice.any():
        raise UserError(f"{where}: {key} {frame.loc[twice.idxmax(), key]!r} stands twice; keep one")


def _check_known(
    frame: pd.DataFrame, key: str, owners: pd.DataFrame, where: Path, table: str
) -> None:
    unknown = ~frame[key].isin(owners[key])
    if unknown.any():
        name = frame.loc[unknown.idxmax(), key]
        raise UserError(f"{where}: {key} {name!r} is not among the {table}; add it there")
