"""A table as its file has it: separator, header, decimal mark, and texts with their lines."""

from __future__ import annotations

import csv
import io
import itertools
import re
from dataclasses import dataclass

import pandas as pd

from sportsml_lite.collect.formats import columns as known
from sportsml_lite.collect.formats.recording import Refusal
from sportsml_lite.collect.formats.text import decimal_mark, missing, to_numbers, utf16

PREAMBLE = 500  # lines among which the header is looked for; Wahoo lists all laps above it
SEPARATOR_TOLD = re.compile(r'\s*"?sep=(.)"?\s*$', re.IGNORECASE)  # Excel's own first line
STRAVA = ("activity id", "aktivitäts-id")  # first column of its list of activities
RESERVED = ("time_us", "segment")
CLOCK = r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)"


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    rows : DataFrame of str, a column a header, indexed by ``line``
    about : what stands above the header, by name in lower case
    mark : the decimal mark that the file shows, or None
    comma : whether a comma may be a decimal mark, because it does not separate
    notes : what is in doubt: a last line without its end, a column named but not there
    """

    rows: pd.DataFrame
    about: dict[str, str]
    mark: str | None
    comma: bool
    notes: tuple[str, ...]

    def numbers(self, texts: pd.Series) -> pd.Series:
        """Texts as float64, NaN where missing.

        Raises
        ------
        Refusal naming the first line that is no number, or may be two
        """
        commas = texts.str.contains(",", regex=False)
        mark = self.mark or ("," if self.comma and commas.any() else ".")
        if self.mark is None and not self.comma and commas.any() and not decimal_mark(texts):
            refuse(commas, texts, "one number: its comma may stand for a decimal or for thousands")
        numbers = to_numbers(texts, mark)
        unread = numbers.isna()
        if unread.any():
            refuse(unread & ~missing(texts), texts, "a number")
        return numbers

    def seconds(self, texts: pd.Series) -> pd.Series:
        """Numbers, or hh:mm:ss and mm:ss in seconds; NaN for any other text."""
        numbers = to_numbers(texts, self.mark or ("," if self.comma else "."))
        if numbers.notna().all():
            return numbers
        parts = texts.str.extract(f"^{CLOCK}$")
        clock = parts[2].str.replace(",", ".", regex=False).astype("float64")
        clock += 60 * parts[1].astype("float64") + 3600 * parts[0].astype("float64").fillna(0)
        return numbers.fillna(clock)


def read_table(text: str, columns: str) -> Table:
    """The table of a file whose header may stand below other lines.

    Parameters
    ----------
    columns : the reader's own names, such as ``'speed=Velocity(km/h), hr=Puls'``

    Raises
    ------
    Refusal for a row with more or fewer fields than the header, and
    headers that clash
    """
    separator, top = _layout(text, columns)
    cells, lines = _cells(text, separator)
    at = next((i for i, line in enumerate(lines) if line >= top), len(lines))
    if len(cells) < at + 2:
        raise Refusal("it holds no rows below a header", "give a table with a row a second")
    header, absent = known.renamed(cells[at], columns)
    _check_header(header, lines[at])
    rows = cells[at + 1 :]
    for row, line in zip(rows, lines[at + 1 :], strict=True):
        while len(row) > len(header) and not row[-1]:  # a separator at the end of the line
            row.pop()
        if len(row) != len(header):
            raise Refusal(
                f"line {line}: {len(row)} fields where the header has {len(header)}",
                "give every row the same columns, empty where nothing was measured",
            )
    named = {name: [row[i] for row in rows] for i, name in enumerate(header) if name}
    frame = pd.DataFrame(named, pd.Index(lines[at + 1 :], name="line"), dtype="str")
    commas = [column for _, column in frame.items() if column.str.contains(",", regex=False).any()]
    marks = {decimal_mark(column) for _, column in frame.items()} - {None} if commas else set()
    mark = marks.pop() if len(marks) == 1 else None
    notes = [f"it has no column {name!r}, which columns names" for name in absent]
    if not text.endswith(("\n", "\r")):
        notes.append("its last line has no end, so it may be cut short there")
    return Table(frame, _about(cells[:at]), mark, separator != ",", tuple(notes))


def refuse(wrong: pd.Series, given: pd.Series, wanted: str) -> None:
    """Refuse the first line that is wrong.

    Raises
    ------
    Refusal if there is one
    """
    if wrong.any():
        line = wrong.idxmax()
        raise Refusal(
            f"line {line}: {given.name} = {str(given[line])[:40]!r} is not {wanted}",
            "correct it or leave it empty",
        )


def text_of(data: bytes) -> str:
    """A file's text, whatever its encoding says.

    Raises
    ------
    Refusal for bytes that are no UTF-8 and no UTF-16
    """
    codec = utf16(data)
    try:
        return data.decode(codec) if codec else data.rstrip(b"\0").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Refusal(f"line {line}: it is no UTF-8 text", "save it as CSV in UTF-8") from None


def _layout(text: str, columns: str) -> tuple[str, int]:
    """The separator, and the line of the header: the first that has the most known columns."""
    told, best = None, ((-1, 0, 0), ",", 1)
    for number, line in enumerate(io.StringIO(text), start=1):
        says = SEPARATOR_TOLD.match(line)
        told = says[1] if says and number == 1 else told
        if number > PREAMBLE:
            break
        if says or not line.strip() or line[0].isdigit():  # no header begins with a number
            continue
        for separator in told or ",;\t":
            names = [name.strip().strip('"') for name in line.split(separator)]
            means = map(known.meaning, known.renamed(names, columns)[0])
            found = len({m.column for m in means if m})
            best = max(best, ((found, -number, len(names)), separator, number))
    return best[1:]


def _cells(text: str, separator: str) -> tuple[list[list[str]], list[int]]:
    """Rows that are not empty, and the line of each."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    cells, lines = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                cells.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise Refusal(f"line {reader.line_num}: {error}", "save the table as CSV again") from None
    return cells, lines


def _check_header(header: list[str], line: int) -> None:
    header = [name.lower() for name in header]
    if all(re.fullmatch(r"[-+.,:/\dtez ]*", name) for name in header):
        raise Refusal(f"line {line} holds numbers, not column names", "add a header line")
    if header[0] in STRAVA:
        raise Refusal("it is a list of activities, not a recording", "give the files that it names")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice:
        raise Refusal(f"column {twice!r} stands twice in the header", "remove or rename one")
    for name in header:
        if name in RESERVED:
            raise Refusal(f"column {name!r} is a name this reader uses itself", "rename it")


def _about(cells: list[list[str]]) -> dict[str, str]:
    """Lines above the header as names and values: a table of one row, or a pair a line."""
    about = {}
    for names, values in itertools.pairwise(cells):
        if len(names) == len(values) > 2:
            about |= zip((name.lower() for name in names), values, strict=True)
    for row in cells:
        pair = [cell for cell in row if cell]
        if len(pair) % 2 == 0:
            for name, value in zip(pair[::2], pair[1::2], strict=True):
                about.setdefault(name.lower().rstrip(":"), value)
    return about
