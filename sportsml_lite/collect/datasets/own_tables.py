"""The reader's own athletes, sessions and streams, in the contract's form."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.collect.formats.recording import utc_times
from sportsml_lite.errors import UserError, listed

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
YEARS = (1970, 2100)  # of a start: others are a slip
TABLES = {"sessions": "a session", "athletes": "an athlete", "streams": "a second"}


def load_tables(folder: Path | str) -> DataSet:
    """``sessions``, and where they are there ``athletes`` and ``streams``, as CSV or Parquet files.

    Columns, units and ranges are those of :mod:`sportsml_lite.schema`; an optional column may be
    absent, an empty cell is missing, as is a heart rate of 0. Further columns are kept, and named
    in ``dropped``, since nothing reads them. Commas, semicolons or tabs separate; where commas do
    not, they mark decimals. An ordered category ``label`` (Parquet) keeps its order. Without a file
    of athletes nothing is known of them but their names. The order of rows does not matter:
    sessions are sorted by athlete, start and name, seconds by session and time.

    Raises
    ------
    UserError listing what the contract does not allow, each with file, line and column
    """
    root, dropped, faults = Path(folder), Dropped(), []
    paths = {table: _path(root, table) for table in TABLES}
    if paths["sessions"] is None:
        raise UserError(
            f"{root}: holds no sessions.csv or sessions.parquet; add one, a row a session (device "
            "files: sportsml tables FOLDER makes it; chapters 7 to 10 need a column 'label', too)"
        )
    read = {t: _table(path, t, dropped, faults) for t, path in paths.items() if path}
    sessions, athletes, streams = (read.get(table) for table in TABLES)
    faults += _misfits(paths, sessions, athletes, streams)
    if faults:
        raise UserError(listed(faults))
    if athletes is None:
        athletes = dataset.athletes(sessions["athlete_id"].unique())
    if streams is None:
        streams = dataset.empty("streams")
    name = dataset.folder_name(root)
    return in_order(DataSet(name, athletes, sessions, streams, dropped=dropped.table()))


def in_order(data: DataSet) -> DataSet:
    """Athletes by name, sessions by athlete, start and name, seconds by session and time."""
    order = ["athlete_id", "start", "session_id"]
    sessions = data.sessions.sort_values(order, ignore_index=True)
    turn = pd.Index(sessions["session_id"]).get_indexer(data.streams["session_id"])
    rows = np.lexsort((data.streams["t_s"], turn))
    return replace(
        data,
        athletes=data.athletes.sort_values("athlete_id", ignore_index=True),
        sessions=sessions,
        streams=data.streams.iloc[rows].reset_index(drop=True),
    )


def _path(root: Path, table: str) -> Path | None:
    paths = [root / f"{table}{suffix}" for suffix in (".csv", ".parquet")]
    there = [path for path in paths if path.is_file()]
    if len(there) > 1:
        raise UserError(f"{root}: holds {there[0].name} and {there[1].name}; keep one of them")
    return there[0] if there else None


def _in_rows(path: Path, wrong: pd.Series, say: Callable[[int], str]) -> list[str]:
    """A line about the first row that is ``wrong``, counting the others; none where none is."""
    if not wrong.any():
        return []
    first, kind, more = wrong.idxmax(), wrong.index.name, int(wrong.sum()) - 1
    others = f" ({more} more such {kind}{'s' * (more > 1)})" if more else ""
    return [f"{path}, {kind} {first}: {say(first)}{others}"]


def _cell(cells: pd.Series, advice: str) -> Callable[[int], str]:
    return lambda row: f"{cells.name} = {str(cells[row])[:40]!r} {advice}"


# --- one table -----------------------------------------------------------------------------------


def _table(path: Path, table: str, dropped: Dropped, faults: list[str]) -> pd.DataFrame | None:
    """One table in the contract's form, indexed by line or row; None where it cannot be had."""
    known = schema.columns(table)
    try:
        read = _read_parquet if path.suffix == ".parquet" else _read_csv
        frame, decimal = read(path, dropped, faults)
        absent = [c.name for c in known.values() if not c.nullable and c.name not in frame]
        if absent:
            there = ", ".join(map(repr, frame.columns))
            raise UserError(f"{path}: column {absent[0]!r} is missing; there are only {there}")
        if frame.empty and not any(fault.startswith(str(path)) for fault in faults):
            raise UserError(f"{path}: holds no rows; give a row {TABLES[table]}")
    except UserError as error:
        faults.append(str(error))
        return None
    for name in frame.columns.intersection(list(known)):
        frame[name] = _column(frame[name], known[name], decimal, path, dropped, faults)
    for name in frame.columns.difference(list(known), sort=False):
        near = difflib.get_close_matches(name, known, 1)
        hint = f" (known: {near[0]})" if near else ""
        reason = f"values of the unknown column {name!r} of {path.name}, ignored{hint}"
        dropped.count(reason, frame[name].notna().sum())
    labels = frame.get("label")
    frame = schema.conform(frame, table)
    faults += schema.problems(frame, table, str(path))
    if labels is not None and _is_ordered(labels):
        frame["label"] = labels
    return frame


def _is_ordered(labels: pd.Series) -> bool:
    return isinstance(labels.dtype, pd.CategoricalDtype) and bool(labels.dtype.ordered)


def _column(
    cells: pd.Series,
    column: schema.Column,
    decimal: str,
    path: Path,
    dropped: Dropped,
    faults: list[str],
) -> pd.Series:
    """A column with the contract's dtype; what cannot be read is a fault, and missing."""
    if column.dtype == schema.TIME:
        read = _times(cells)
        advice = "is no time; write it as 2024-05-31T06:30:00Z"
    elif column.dtype == "float64":
        read = _numbers(cells, decimal)
        advice = "is no number; correct it or leave it empty"
    else:
        return cells
    wrong = read.isna() & cells.notna()
    faults += _in_rows(path, wrong, _cell(cells, advice))
    if column.dtype == schema.TIME:
        odd = read.notna() & ~read.dt.year.between(*YEARS)
        span = f"is outside {YEARS[0]} to {YEARS[1]}; correct it or leave it empty"
        faults += _in_rows(path, odd, _cell(cells, span))
    if column.unit == "bpm" and (read == 0).any():
        dropped.count(f"{column.name} of 0 in {path.name} (set to missing)", (read == 0).sum())
        read = read.mask(read == 0)
    return read


def _numbers(cells: pd.Series, decimal: str) -> pd.Series:
    """Cells as float64, NaN where they hold no finite number."""
    if isinstance(cells.dtype, pd.StringDtype) and decimal != ".":
        cells = cells.str.replace(decimal, ".", regex=False)
    values = pd.to_numeric(cells, errors="coerce").astype("float64")
    return values.where(np.isfinite(values))


def _times(cells: pd.Series) -> pd.Series:
    """Cells as UTC, NaT where they hold no time."""
    if cells.dtype.kind == "M":
        return pd.to_datetime(cells, utc=True).astype(schema.TIME)
    return utc_times(cells)


# --- its file ------------------------------------------------------------------------------------


def _read_csv(path: Path, dropped: Dropped, faults: list[str]) -> tuple[pd.DataFrame, str]:
    """A CSV file as text, indexed by line, and its decimal mark."""
    text = _text(path)
    first, _, rest = text.partition("\n")
    marked = first.startswith("sep=")  # Excel's own line
    header = rest.partition("\n")[0] if marked else first
    separator = max(",;\t", key=header.count)
    names, rows, lines, ragged = [], [], [], {}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        if marked:
            next(reader)
        names, line = [name.strip() for name in next(reader, [])], reader.line_num
        for row in reader:
            if len(row) == len(names):
                rows.append(row)
                lines.append(line + 1)
            elif row:
                ragged[line + 1] = len(row)
            line = reader.line_num
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.line_num}: {error}; save the table as CSV again"
        ) from None
    if not names:
        raise UserError(f"{path}: is empty; give a header line and rows")
    faults += _ragged(path, ragged, len(names), separator, cut=not text.endswith(("\n", "\r")))
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise UserError(f"{path}: column {min(twice)!r} stands twice; keep one of them")
    index = pd.Index(lines, name="line", dtype="int64")
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    cells = {i: pd.Series(c, index, "str").str.strip() for i, c in enumerate(columns)}
    cells = {i: c.mask(c.isin(MISSING)) for i, c in cells.items()}
    for i, name in enumerate(names):
        if not name and cells.pop(i).notna().any():
            raise UserError(f"{path}: column {i + 1} has no name; give it one, or leave out row "
                            "numbers (pandas: to_csv(..., index=False))")  # fmt: skip
    frame = pd.DataFrame({names[i]: c for i, c in cells.items()}, index=index)
    frame = dropped.keep(frame, frame.notna().any(axis=1), "blank rows")
    return frame, "." if separator == "," else ","


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}: is no UTF-8 text; save it as CSV in UTF-8") from None
    if "\0" in text:
        line = text.partition("\0")[0].count("\n") + 1
        raise UserError(f"{path}, line {line}: holds a NUL byte, so it is damaged; save it again")
    return text


def _ragged(path: Path, ragged: dict[int, int], n: int, separator: str, cut: bool) -> list[str]:
    """What is said of rows that have more or fewer fields than the header."""
    wrong = pd.Series(True, index=pd.Index(list(ragged), name="line"))

    def say(line: int) -> str:
        advice = "give every row the same columns, empty where nothing was measured"
        if ragged[line] > n and separator == ",":
            advice = (
                "is a comma a decimal mark in it? Write 121.5, or separate columns by semicolon"
            )
        elif ragged[line] < n and cut and line == max(ragged):
            advice = "is the file cut off here?"
        return f"{ragged[line]} fields where the header has {n}; {advice}"

    return _in_rows(path, wrong, say)


def _read_parquet(path: Path, dropped: Dropped, faults: list[str]) -> tuple[pd.DataFrame, str]:
    """A Parquet file, indexed by row from 1 on, and the decimal mark of its texts."""
    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise UserError(f"{path}: reading Parquet needs pyarrow; install it or give CSV") from None
    except Exception as error:  # a cut-off or foreign file makes pyarrow raise anything
        raise UserError(f"{path}: no readable Parquet file ({error}); write it again") from None
    frame = frame.reset_index(drop=frame.index.names == [None])
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="row")), "."


# --- how tables fit together ---------------------------------------------------------------------


def _misfits(paths: dict, sessions, athletes, streams) -> list[str]:
    """Names that stand twice or are unknown, and seconds with two labels."""
    faults = []
    for table, frame, key in (
        ("sessions", sessions, "session_id"),
        ("athletes", athletes, "athlete_id"),
    ):
        if frame is not None:
            twice = frame[key].duplicated() & frame[key].notna()
            faults += _in_rows(paths[table], twice, _cell(frame[key], "stands twice; keep one"))
    if sessions is not None:
        none = sessions["duration_s"] == 0
        say = _cell(
            sessions["duration_s"], "is no length of a session; leave it empty where unknown"
        )
        faults += _in_rows(paths["sessions"], none, say)
    for table, frame, key, owners, where in (
        ("sessions", sessions, "athlete_id", athletes, "athletes"),
        ("streams", streams, "session_id", sessions, "sessions"),
    ):
        if frame is not None and owners is not None:
            unknown = frame[key].notna() & ~frame[key].isin(owners[key])
            say = _cell(frame[key], f"is not among the {where}; add it there")
            faults += _in_rows(paths[table], unknown, say)
    if streams is not None:
        late = streams["t_s"] > schema.columns("sessions")["duration_s"].high
        say = _cell(streams["t_s"], "is over a week; give seconds since the session's start")
        faults += _in_rows(paths["streams"], late, say) + _two_labels(paths["streams"], streams)
    return faults


def _two_labels(path: Path, streams: pd.DataFrame) -> list[str]:
    """Seconds that are given twice, with different labels: which one is right nobody can know."""
    if "label" not in streams:
        return []
    second = ["session_id", "t_s"]
    twice = streams[streams.duplicated(second, keep=False) & streams["label"].notna()]
    labels = twice["label"].astype("str")
    first = labels.groupby([twice[key] for key in second]).transform("first")

    def say(row: int) -> str:
        where = f"second {twice.loc[row, 't_s']:g} of session {twice.loc[row, 'session_id']!r}"
        return f"{where} is labelled {labels[row]!r}, and {first[row]!r} before; keep one"

    return _in_rows(path, labels != first, say)
