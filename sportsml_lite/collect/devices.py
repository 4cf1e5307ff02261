"""Files from sports watches and bicycle computers: FIT, TCX, GPX and CSV, packed or not.

:func:`read` takes a file, a folder or a ZIP export and gives Sessions (a row a session), Streams (a
row a second) and what could not be read; :func:`write_fit` writes a FIT activity;
:func:`same_session` finds one workout that a folder holds in several formats.

What the columns mean, in every format:

- ``t_s`` counts whole seconds from the session's start. A second that the device did not write is
  a row of NaN; points within one second are averaged.
- ``duration_s`` is the time with the timer running where the file states it (FIT), the sum of the
  laps' (TCX, which Garmin Connect fills with pauses included), or the time from the first to the
  last point less the gaps between segments (GPX, which cannot state a pause within a segment).
- ``hr_mean_bpm``, ``hr_max_bpm`` and ``power_mean_w`` are computed from the stream, not copied from
  the file, so that the formats agree; ``speed_mean_mps`` is distance over duration.
- ``elevation_gain_m`` is the device's own where it states one, else it is counted in steps of
  3 m (:func:`~sportsml_lite.collect.formats.assemble.climb_m`).
- ``effect`` is the device's training effect (FIT), whose formula is proprietary.
- A value outside the contract's range is loaded as it stands:
  :func:`~sportsml_lite.collect.quality.artefacts` reports it.
"""

from __future__ import annotations

import os
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from sportsml_lite.collect import reading
from sportsml_lite.collect.formats import packed
from sportsml_lite.collect.formats.assemble import assemble, tables
from sportsml_lite.collect.formats.csv import read_csv
from sportsml_lite.collect.formats.fit import read_fit
from sportsml_lite.collect.formats.fit_writer import write_fit
from sportsml_lite.collect.formats.packed import MAX_BYTES
from sportsml_lite.collect.formats.recording import Recording, Refusal
from sportsml_lite.collect.formats.text import utf16
from sportsml_lite.collect.formats.xml import read_xml
from sportsml_lite.errors import UserError

__all__ = [
    "DeviceFileError",
    "read",
    "read_file",
    "read_folder",
    "same_session",
    "told",
    "write_fit",
]

SUFFIXES = {".fit": "FIT", ".tcx": "TCX", ".gpx": "GPX", ".csv": "CSV"}
FOREIGN = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"SQLite": "a database",
}
SAME_START_S = 60.0  # devices of one workout are started within a minute

# How far the formats of one recording may differ. TCX and GPX state whole seconds; GPX states no
# distance, so it is the great-circle sum over positions, which a device may smooth or replace by a
# wheel sensor (0.002 % on a real ride, 0.6 % on a real marathon); heart rate is the same stream.
SAME_DURATION_S = 1.0
SAME_DISTANCE = 0.01  # share of the distance
SAME_HR_BPM = 0.5


class DeviceFileError(UserError):
    """A device file or folder cannot be used: ``<name>: <reason>; <what to do>`` on one line."""


def read(
    path: str | os.PathLike,
    athlete_id: str = "unknown",
    progress: Callable | None = None,
    columns: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """What :func:`read_file` or :func:`read_folder` gives, with what could not be read."""
    path = Path(path)
    if path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file()):
        return read_folder(path, athlete_id, progress, columns)
    name = _shown(path.name)
    *parts, notes = _load(partial(_content, path), name, athlete_id, columns)
    return *tables(*parts), _problems([(name, note, True) for note in notes])


def read_file(
    path: str | os.PathLike, athlete_id: str = "unknown"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sessions and Streams of one file, judged by its content and its suffix together.

    Parameters
    ----------
    path : a .fit, .tcx, .gpx or .csv file, or such a file packed as .gz
    athlete_id : who wore the device

    Returns
    -------
    sessions : the contract's Sessions; ``session_id`` is the file's name, with ``#1``, ``#2``, …
        where it holds several sessions
    streams : the contract's Streams; no row for a session that the file only sums up. Cadence of a
        sport that the file does not name is kept as ``cadence_per_min``, since it may be steps or
        revolutions.

    Raises
    ------
    DeviceFileError naming the file, the reason and what to do

    Warns
    -----
    UserWarning for each part of the file that was left out; :func:`read` returns them in a table
    """
    name = _shown(Path(path).name)
    *parts, notes = _load(partial(_content, Path(path)), name, athlete_id)
    for note in notes:
        warnings.warn(f"{name}: {note}", stacklevel=2)
    return tables(*parts)


def read_folder(
    path: str | os.PathLike,
    athlete_id: str = "unknown",
    progress: Callable | None = None,
    columns: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Sessions and Streams of every device file below a folder, and the files that failed.

    Parameters
    ----------
    path : folder or .zip export; sub-folders and archives in it are searched too, hidden files are
        not, links to folders are not followed. Lists that an app puts beside its folder
        ``activities`` are no recordings.
    athlete_id : who wore the device
    progress : called as ``progress(done, total, name)`` after each file, or None
    columns : what columns of CSV files mean that no table knows, as ``'speed=Velocity(km/h)'``;
        several pairs are separated by commas

    Returns
    -------
    sessions, streams : as from :func:`read_file`, in the order of the files' paths;
        ``session_id`` is the path below the folder
    problems : columns file, reason, and read: False for a file that could not be read, True for
        one that was, but for the part that the reason names; empty where nothing was left out

    Raises
    ------
    DeviceFileError if there is no such folder, no candidate in it, or none that can be read
    """
    folder = Path(path)
    shown = _shown(str(path))
    if not folder.is_dir() and not zipfile.is_zipfile(folder):
        what = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise _error(shown, what, "give a folder of .fit, .tcx, .gpx or .csv files, or a zip")
    files, problems = _candidates(folder)
    if not files and not problems:
        raise _error(shown, "it holds no .fit, .tcx, .gpx or .csv file", "give another folder")
    load = partial(_load, athlete_id=athlete_id, columns=columns)
    sessions, streams, found = reading.read_all(files, load, folder, progress)
    problems += found
    packed.close()
    if sessions.empty:
        name, reason, _ = problems[0]
        none = f"none of its {len(problems)} files can be read"
        what = "its only file cannot be read" if len(problems) == 1 else none
        raise _error(shown, f"{what} ({name}: {reason})", "give other files")
    return sessions, streams, _problems(problems)


def told(problems: pd.DataFrame, most: int = 20) -> pd.DataFrame:
    """What a page or a terminal shows of the problems: of many files with one reason, the first.

    A whole export of a watch may hold thousands of files that are no activities.

    Parameters
    ----------
    problems : as :func:`read` gives them
    most : files of one reason that are still named one by one

    Returns
    -------
    DataFrame: file, reason
    """
    equal = problems.groupby("reason")["file"]
    count, place = equal.transform("size"), equal.cumcount()
    shown = problems[(count <= most) | (place == 0)]
    more = (count - 1)[shown.index].where(count[shown.index] > most, 0)
    names = [f"{f} and {n:,} more" if n else f for f, n in zip(shown["file"], more, strict=True)]
    return shown[["reason"]].assign(file=names)[["file", "reason"]].reset_index(drop=True)


def same_session(sessions: pd.DataFrame, tolerance_s: float = SAME_START_S) -> pd.DataFrame:
    """Sessions that are one workout in several formats, side by side.

    Sessions of one athlete belong together if they overlap and each starts within ``tolerance_s``
    of the one before; a group is kept if it holds two formats or more.

    Parameters
    ----------
    sessions : the contract's Sessions
    tolerance_s : largest difference between two starts, s

    Returns
    -------
    DataFrame, a row a session: group (0, 1, …), session_id, format ('FIT', 'TCX', 'GPX', 'CSV'),
    start, duration_s, distance_m, hr_mean_bpm; empty where there is no such group
    """
    known = sessions[sessions["start"].notna()].sort_values(["athlete_id", "start", "session_id"])
    end = known["start"] + pd.to_timedelta(known["duration_s"].fillna(0), unit="s")
    new = (
        (known["athlete_id"] != known["athlete_id"].shift())
        | ((known["start"] - known["start"].shift()).dt.total_seconds() > tolerance_s)
        | (known["start"] > end.shift())
        | (known["sport"] != known["sport"].shift())
    )
    suffix = known["source"].map(packed.suffix_of)
    known = known.assign(group=new.cumsum(), format=suffix.map(SUFFIXES))
    several = known.groupby("group")["format"].transform("nunique") > 1
    kept = known[several]
    columns = ["session_id", "format", "start", "duration_s", "distance_m", "hr_mean_bpm"]
    group = pd.Series(pd.factorize(kept["group"])[0], kept.index, dtype="int64", name="group")
    return pd.concat([group, kept[columns]], axis=1).reset_index(drop=True)


def _candidates(
    folder: Path,
) -> tuple[dict[str, Callable[[], bytes]], list[tuple[str, str, bool]]]:
    """What gives the content of each device file by its name, in order, and what is left out."""
    problems: list[tuple[str, str, bool]] = []

    def note(error: OSError) -> None:
        name = _shown(Path(error.filename).relative_to(folder).as_posix())
        problems.append((name, f"cannot be opened ({error.strerror}); allow reading it", False))

    found = {}
    if folder.is_dir():
        for file in sorted(_files(folder, note), key=lambda f: f.relative_to(folder).as_posix()):
            found[file.relative_to(folder).as_posix()] = file
    else:
        found[folder.name] = folder
    contents = {}
    for name, file in found.items():
        if file.suffix.lower() == ".zip":
            contents |= _unpacked(name, (file,), problems)
        else:
            contents[_shown(name)] = partial(_content, file)
    return _without_lists(contents, problems), problems


def _files(folder: Path, note: Callable[[OSError], None]) -> Iterator[Path]:
    for here, below, names in os.walk(folder, onerror=note):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in names:
            if packed.suffix_of(name) in (*SUFFIXES, ".zip") and not name.startswith("."):
                yield Path(here, name)


def _unpacked(name: str, place: tuple, problems: list) -> dict[str, Callable[[], bytes]]:
    """Contents of an archive's device files, called ``export.zip/activities/2.fit.gz``."""
    contents = {}
    try:
        for inner in packed.members(place):
            if inner.lower().endswith(".zip"):
                contents |= _unpacked(f"{name}/{inner}", (*place, inner), problems)
            elif packed.suffix_of(inner) in SUFFIXES:
                contents[_shown(f"{name}/{inner}")] = partial(packed.member, place, inner)
    except Refusal as refusal:
        problems.append((_shown(name), f"{refusal.reason}; {refusal.advice}", False))
    except OSError as error:
        problems.append((_shown(name), f"cannot be opened ({error.strerror or error})", False))
    return contents


def _without_lists(contents: dict, problems: list) -> dict[str, Callable[[], bytes]]:
    """Without the tables that Strava puts beside ``activities``: of activities, bikes, comments."""
    homes = {
        name.removesuffix("activities.csv")
        for name in contents
        if PurePosixPath(name).name == "activities.csv"
        and any(other.startswith(f"{name.removesuffix('.csv')}/") for other in contents)
    }

    def listed(name: str) -> bool:
        home = name.removesuffix(PurePosixPath(name).name)
        return home in homes and packed.suffix_of(name) == ".csv"

    for home in sorted(homes):
        beside = sum(listed(name) and name.startswith(home) for name in contents) - 1
        what = "it lists the activities beside it, and is no recording"
        more = f"; other such tables: {beside}" if beside else ""
        problems.append((f"{home}activities.csv", what + more, True))
    return {name: content for name, content in contents.items() if not listed(name)}


def _problems(rows: list[tuple[str, str, bool]]) -> pd.DataFrame:
    kinds = {"file": "str", "reason": "str", "read": "bool"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def _load(
    content: Callable[[], bytes], name: str, athlete_id: str, columns: str = ""
) -> tuple[list[dict], list[pd.DataFrame], list[str]]:
    try:
        return assemble(_parse(content(), packed.suffix_of(name), columns), name, athlete_id)
    except Refusal as refusal:
        raise _error(name, refusal.reason, refusal.advice) from None
    except OSError as error:
        reason = f"cannot be opened ({error.strerror or error})"
        raise _error(name, reason, "check the path and the right to read it") from None
    except Exception as error:  # a file must not stop a folder, whatever a parser has not foreseen
        reason = f"cannot be read ({type(error).__name__}: {error})"
        raise _error(name, reason, "export the activity again, in another format") from error


def _content(path: Path) -> bytes:
    about = path.stat()
    if stat.S_ISDIR(about.st_mode):
        raise Refusal("it is a folder", "give a file, or read the folder as a whole")
    if not stat.S_ISREG(about.st_mode):
        raise Refusal("it is not an ordinary file", "give a file")
    if about.st_size > MAX_BYTES:
        raise Refusal(f"it holds {about.st_size:,} bytes, more than any recording", "split it")
    return path.read_bytes()


def _parse(data: bytes, suffix: str, columns: str = "") -> list[Recording]:
    if data.startswith(packed.GZIP):
        data = packed.gunzip(data)
    if suffix == ".zip":
        raise Refusal("it is an archive of several files", "read it with devices.read")
    if suffix not in SUFFIXES:
        raise Refusal(f"its suffix {suffix!r} is not known", f"give one of {', '.join(SUFFIXES)}")
    expected, kind = SUFFIXES[suffix], _kind(data)
    if kind == "FIT" and expected == "FIT":
        return read_fit(data)
    if kind == "XML" and expected in ("TCX", "GPX"):
        return read_xml(data, expected)
    if kind == "text" and expected == "CSV":
        return read_csv(data, columns)
    advice = "rename it to .fit" if kind == "FIT" else "give the device's own file"
    raise Refusal(f"it holds {kind}, not {expected}", advice)


def _kind(data: bytes) -> str:
    """What the content looks like, whatever the file is called."""
    if not data.strip(b"\0 \t\r\n"):
        raise Refusal("it is empty", "copy the file from the device again")
    if data[8:12] == b".FIT":
        return "FIT"
    for begin, what in FOREIGN.items():
        if data.startswith(begin):
            return what
    head = data[:4096]
    text = head.replace(b"\0", b"") if utf16(data) else head.rstrip(b"\0")
    if b"\0" in text:
        return "binary data of an unknown kind"
    start = text.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    return "XML" if start.lstrip().startswith(b"<") else "text"


def _shown(text: str) -> str:
    """A name that can be printed on one line and stored as UTF-8, whatever the disk holds."""
    safe = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in safe)


def _error(name: str, reason: str, advice: str) -> DeviceFileError:
    return DeviceFileError(f"{name}: {' '.join(f'{reason}; {advice}'.split())}")
