"""One shape for every public data set, and the careful reading that its loaders share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.fetch import SIMULATED
from sportsml_lite.errors import UserError


def empty(table: str) -> pd.DataFrame:
    """A table of the contract without rows."""
    return schema.conform(pd.DataFrame(), table)


@dataclass(frozen=True)
class DataSet:
    """What a loader returns. A table that the data set does not have is empty.

    Attributes
    ----------
    name : data set, or the reader's folder
    athletes, sessions, streams : tables of the contract (:mod:`sportsml_lite.schema`)
    days : a row an athlete-day (diary data); columns differ by data set
    tests : table of the contract, a row a laboratory measurement
    periods : a row an athlete and a period, which lies between test p and test p + 1: what was done
        in it; columns differ by data set
    motion : a row a sample of an inertial sensor at its own rate
    dropped : ``reason`` and ``rows``: what was left out, or set to missing, and how often
    """

    name: str
    athletes: pd.DataFrame = field(default_factory=lambda: empty("athletes"))
    sessions: pd.DataFrame = field(default_factory=lambda: empty("sessions"))
    streams: pd.DataFrame = field(default_factory=lambda: empty("streams"))
    days: pd.DataFrame = field(default_factory=pd.DataFrame)
    tests: pd.DataFrame = field(default_factory=lambda: empty("tests"))
    periods: pd.DataFrame = field(default_factory=pd.DataFrame)
    motion: pd.DataFrame = field(default_factory=pd.DataFrame)
    dropped: pd.DataFrame = field(default_factory=lambda: Dropped().table())


class Dropped:
    """Counts what a loader leaves out, by reason, in the order of the first mention."""

    def __init__(self):
        self._rows: dict[str, int] = {}

    def count(self, reason: str, rows: int) -> None:
        """Add ``rows`` to a reason; a zero is kept, for it says that the rule was applied."""
        self._rows[reason] = self._rows.get(reason, 0) + int(rows)

    def keep(self, frame: pd.DataFrame, good: pd.Series, reason: str) -> pd.DataFrame:
        """The rows where ``good``; the others are counted."""
        self.count(reason, (~good).sum())
        return frame[good]

    def table(self) -> pd.DataFrame:
        """``reason``, ``rows``."""
        return pd.DataFrame({"reason": list(self._rows), "rows": list(self._rows.values())}).astype(
            {"reason": "str", "rows": "int64"}
        )


def folder_name(folder: Path | str) -> str:
    """What a page calls a reader's folder: its last part, also of ``.`` and ``../mine``."""
    return os.path.basename(os.path.abspath(Path(folder).expanduser()))


def in_words(dropped: pd.DataFrame) -> str:
    """A table ``reason``, ``rows`` in words; ``'nothing'`` where no row is counted."""
    rows = dropped[dropped["rows"] > 0]
    pairs = zip(rows["reason"], rows["rows"].astype(int), strict=True)
    return "; ".join(f"{reason}: {count:,}" for reason, count in pairs) or "nothing"


def whose(name: str, people: int) -> str:
    """Whose data a page shows: ``'31 athletes in my_swimmers'``, ``'60 simulated athletes'``."""
    athletes = "athlete" if people == 1 else "athletes"
    return (
        f"{people} simulated {athletes}" if name in SIMULATED else f"{people} {athletes} in {name}"
    )


def told(name: str, people: int, dropped: pd.DataFrame) -> str:
    """What a page says of its data: whose they are, and what was left out of them."""
    return f"{whose(name, people)}; left out or assumed: {in_words(dropped)}"


def summary(data: DataSet) -> pd.DataFrame:
    """The data sheet's table: ``what`` and ``count``, computed from what was loaded."""
    rows: list[tuple[str, int]] = []
    for name in ("athletes", "sessions", "streams", "days", "tests", "periods", "motion"):
        frame = getattr(data, name)
        if len(frame):
            rows.append((f"{name}: rows", len(frame)))
            counted = ("hr_bpm", "rpe", "hr_mean_bpm", "distance_m", "steps")
            some = [column for column in counted if column in frame and frame[column].notna().any()]
            rows += [(f"{name}: rows with {column}", frame[column].count()) for column in some]
            if name == "tests":
                counts = frame.groupby("outcome", sort=False)["value"].count()
                rows += [(f"tests: values of {outcome}", n) for outcome, n in counts.items()]
            if "label" in frame:
                counts = frame["label"].value_counts(sort=False)
                rows += [(f"{name}: label {label}", n) for label, n in counts.items()]
            if "injury" in frame:
                events = frame.drop_duplicates("event")["injury"]
                rows += [("events", len(events)), ("events: injuries", int(events.sum()))]
    rows += [(f"left out: {r.reason}", r.rows) for r in data.dropped.itertuples()]
    return pd.DataFrame(rows, columns=["what", "count"]).astype({"count": "int64"})


def existing(folder: Path | str, file: str, data_set: str) -> Path:
    """Path of a file that a data set cannot do without.

    Raises
    ------
    UserError naming the folder and what to do
    """
    path = Path(folder) / file
    if not path.is_file():
        raise UserError(
            f"{folder}: holds no {file}; give the folder of the original download "
            f"(sportsml fetch {data_set})"
        )
    return path


def read_csv(
    path: Path,
    numbers: Sequence[str],
    texts: Sequence[str],
    dropped: Dropped,
    separator: str = ",",
) -> pd.DataFrame:
    """Read named columns of a CSV file; further columns are ignored, blank rows dropped.

    Parameters
    ----------
    path : file with a header line
    numbers : columns that hold numbers (float64; an empty cell or ±inf is NaN)
    texts : columns that hold text
    dropped : counts the blank rows
    separator : between the cells of a line

    Returns
    -------
    DataFrame indexed by line of the file, so that a later error can name it

    Raises
    ------
    UserError naming file, line and column
    """
    wanted = [*numbers, *texts]
    form = {"encoding": "utf-8-sig", "skipinitialspace": True, "skip_blank_lines": False}
    form["sep"] = separator
    try:
        there = [name for name in pd.read_csv(path, nrows=0, **form) if name.strip() in wanted]
        kinds = {name: "str" for name in there if name.strip() in texts}
        frame = pd.read_csv(path, usecols=there, dtype=kinds, **form)
    except pd.errors.EmptyDataError:
        raise UserError(f"{path}: is empty; download it again") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no readable CSV file ({error}); download it again") from None
    frame = frame.rename(columns=str.strip)
    refuse_absent(frame, wanted, path, separator)
    frame.index += 2  # line 1 is the header
    frame = dropped.keep(frame, frame.notna().any(axis=1), "blank rows")
    return frame[wanted].assign(**{name: as_numbers(frame[name], path) for name in numbers})


def refuse_absent(
    frame: pd.DataFrame, wanted: Sequence[str], path: Path, separator: str = ""
) -> None:
    """Refuse a file that lacks one of the ``wanted`` columns.

    Raises
    ------
    UserError naming file and column, and the separator where it may be another
    """
    absent = [name for name in wanted if name not in frame]
    if absent and separator and frame.shape[1] == 0:
        raise UserError(
            f"{path}: column {absent[0]!r} is missing; is this the original file, its columns "
            f"separated by {separator!r}?"
        )
    if absent:
        raise UserError(f"{path}: column {absent[0]!r} is missing; is this the original file?")


def refuse(path: Path, wrong: pd.Series, problem: str | Callable[[int], str]) -> None:
    """Refuse a file for the first of its rows that is ``wrong``.

    Parameters
    ----------
    path : the file
    wrong : (N,) bool, whose index is the row (or line) of the file
    problem : what is wrong there and what to do, or what says it of a row

    Raises
    ------
    UserError naming file and row, and how many more there are
    """
    if wrong.any():
        row, more, kind = wrong.idxmax(), int(wrong.sum()) - 1, wrong.index.name or "line"
        said = problem if isinstance(problem, str) else problem(row)
        others = f" ({more} more such {kind}{'s' * (more > 1)})" if more else ""
        raise UserError(f"{path}, {kind} {row}: {said}{others}")


def refuse_twice(path: Path, frame: pd.DataFrame, keys: Sequence[str]) -> None:
    """Refuse a file in which two rows have the same keys.

    Raises
    ------
    UserError naming file, row and keys
    """

    def say(row: int) -> str:
        return f"{', '.join(f'{key} {frame.loc[row, key]}' for key in keys)} stands twice; keep one"

    refuse(path, frame.duplicated(list(keys)), say)


def refuse_unknown(path: Path, cells: pd.Series, known: Sequence[str]) -> None:
    """Refuse a file in which a text is none of a closed set.

    Raises
    ------
    UserError naming file, row, column and what is known
    """
    choices = ", ".join(known)
    refuse(
        path,
        ~cells.isin(list(known)),
        lambda row: f"{cells.name} = {cells[row]!r} is none of {choices}; correct it",
    )


def as_numbers(cells: pd.Series, path: Path) -> pd.Series:
    """Cells of a file as float64; empty ones and ±inf are NaN.

    Raises
    ------
    UserError naming file, row and column of a cell that is no number
    """
    values = pd.to_numeric(cells, errors="coerce").astype("float64")
    wrong = values.isna() & cells.notna()
    wrong &= wrong.any() and (cells.astype("str").str.strip() != "")
    if wrong.any():
        advice = "is no number; correct it or leave it empty"
        refuse(path, wrong, lambda row: f"{cells.name} = {cells[row]!r} {advice}")
    return values.where(np.isfinite(values))


def plausible(frame: pd.DataFrame, table: str, dropped: Dropped) -> pd.DataFrame:
    """A copy in which values outside the contract's range are missing, and counted."""
    out = frame.copy()
    for name, column in schema.columns(table).items():
        if name in out and column.low is not None and column.dtype == "float64":
            good = out[name].isna() | out[name].between(column.low, column.high or np.inf)
            if not good.all():
                dropped.count(f"{name} outside its range (set to missing)", (~good).sum())
                out[name] = out[name].where(good)
    return out


def athletes(ids: Sequence[str], known: Mapping[str, Mapping] | None = None) -> pd.DataFrame:
    """Athletes table: a row an id, with what is known of each."""
    known = known or {}
    rows = [{"athlete_id": name, **known.get(name, {})} for name in ids]
    return schema.conform(pd.DataFrame(rows), "athletes")


def tests(wide: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Tests table from a table with a row a test day and a column an outcome.

    Parameters
    ----------
    wide : ``athlete_id``, ``test``, any of ``schema.OUTCOMES``, and what else belongs to the day
    dropped : counts the values out of their outcome's range, which become missing
    """
    outcomes = [name for name in schema.columns("outcomes") if name in wide]
    about = [name for name in wide if name not in outcomes]
    long = plausible(wide, "outcomes", dropped).melt(about, outcomes, "outcome", "value")
    order = ["athlete_id", "test"]
    return schema.conform(long.sort_values(order, kind="stable", ignore_index=True), "tests")
