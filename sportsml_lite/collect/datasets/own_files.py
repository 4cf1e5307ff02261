"""The reader's own device files as tables of the contract: kept in a folder, read back equal."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import fingerprint
from sportsml_lite.collect import devices, fetch
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.collect.datasets.own_tables import in_order, load_tables
from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root

TABLES = ("athletes", "sessions", "streams")
LEFT_OUT = "left_out.csv"
HELD_S = 30  # a maximal heart rate counts once so many seconds of a session reached it: no spike
PROFILES_READ = 3  # files looked at for the wearer's profile, the latest first
RICHEST_FIRST = ("FIT", "TCX", "GPX", "CSV")  # which file of a workout in several formats is kept
YEAR = re.compile(r"(19|20)\d\d\b")  # a folder of a year's files is nobody's name


def holds_tables(folder: Path | str) -> bool:
    """Whether a folder holds a table of the contract, by name."""
    paths = (Path(folder, f"{table}{end}") for table in TABLES for end in (".csv", ".parquet"))
    return any(path.is_file() for path in paths)


def load_files(folder: Path | str, athlete: str = "", progress: Callable | None = None) -> DataSet:
    """Athletes, Sessions and Streams from a folder of device files.

    Where no file lies in the folder itself and it has two or more sub-folders with files, each
    sub-folder is a person, unless it is named by a year; else all files are of one person. What is
    left out, or set to missing, is counted in ``dropped``: files that cannot be read, sessions
    without a date, a workout's further formats and copies, values outside the contract's range.

    An athlete's sex, age, mass, height and resting heart rate are those of the latest profile in
    the FIT files; the maximal heart rate is the profile's, or the highest that a session held for
    ``HELD_S`` seconds if that is higher.

    Parameters
    ----------
    folder : with .fit, .tcx, .gpx or .csv files, in sub-folders too
    athlete : name of the one person whose files they are; empty asks the sub-folders
    progress : as for :func:`sportsml_lite.collect.devices.read`

    Raises
    ------
    UserError if there is no such folder, or no file in it that can be read
    """
    root, dropped = Path(folder), Dropped()
    sessions, streams, problems = devices.read(root, progress=progress)
    for problem in problems.itertuples():
        dropped.count(f"{problem.file}: {problem.reason}", 1)
    sessions = sessions.assign(athlete_id=_owners(root, sessions["session_id"], athlete))
    sessions = dropped.keep(sessions, sessions["start"].notna(), "sessions without a date")
    sessions = dropped.keep(sessions, ~_again(sessions), "copies of a session, in any format")
    streams = streams[streams["session_id"].isin(sessions["session_id"])]
    sessions = sessions.sort_values(["athlete_id", "start", "session_id"], ignore_index=True)
    sessions = dataset.plausible(sessions, "sessions", dropped)
    sessions["effect_name"] = sessions["effect_name"].where(sessions["effect"].notna())
    streams = dataset.plausible(streams.reset_index(drop=True), "streams", dropped)
    people = {name: _person(root, mine, streams) for name, mine in sessions.groupby("athlete_id")}
    athletes = dataset.athletes(list(people), people)
    athletes = dataset.plausible(athletes, "athletes", dropped)
    return DataSet(root.resolve().name, athletes, sessions, streams, dropped=dropped.table())


def write_tables(data: DataSet, folder: Path | str) -> Path:
    """Write ``athletes.csv``, ``sessions.csv`` and ``streams.parquet`` into a new folder.

    What was left out stands beside them, in ``left_out.csv``. The folder appears whole or not at
    all, and only if :func:`~sportsml_lite.collect.datasets.own_tables.load_tables` reads it back.

    Raises
    ------
    UserError if the folder exists already, cannot be written, or would not be read back
    """
    out = Path(folder)
    if out.exists():
        raise UserError(f"{out}: exists already; delete it or name another folder (--out)")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        draft = Path(scratch) / out.name
        draft.mkdir()
        data = in_order(data)
        data.athletes.to_csv(draft / "athletes.csv", index=False)
        data.sessions.to_csv(draft / "sessions.csv", index=False)
        if len(data.streams):
            data.streams.to_parquet(draft / "streams.parquet", index=False)
        data.dropped.to_csv(draft / LEFT_OUT, index=False)
        _check(load_tables(draft), data)
        os.replace(draft, out)
    return out


def kept_tables(folder: Path | str) -> Path:
    """The folder itself if it holds tables; else one with tables made from its device files.

    That one lies below ``_build/own`` and is made anew when a file or the reading of files has
    changed. Positions are private and left out there.

    Raises
    ------
    UserError as :func:`load_files` and :func:`write_tables`
    """
    from filelock import FileLock

    root = Path(folder)
    if holds_tables(root):
        return root
    reading = fingerprint.of(f"{__name__}:load_files").digest
    place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:8]
    key = hashlib.sha256((fetch.fingerprint(root) + reading).encode()).hexdigest()[:12]
    home = project_root() / "_build" / "own"
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / f".{place}.lock"):
        if not (home / f"{place}-{key}").is_dir():
            data = _or_tables(root)
            for old in home.glob(f"{place}-*"):  # of another state of the same folder
                shutil.rmtree(old)
            streams = data.streams.drop(columns=["lat_deg", "lon_deg"], errors="ignore")
            write_tables(replace(data, streams=streams), home / f"{place}-{key}")
    return home / f"{place}-{key}"


def _or_tables(root: Path) -> DataSet:
    try:
        return load_files(root)
    except devices.DeviceFileError as error:
        raise UserError(f"{error} or a folder of tables (sessions.csv)") from None


def _check(back: DataSet, data: DataSet) -> None:
    """Refuse a name that a CSV file cannot hold, such as NA, or one that ends with a blank."""
    for table, key in (("athletes", "athlete_id"), ("sessions", "session_id")):
        names, found = (getattr(d, table)[key] for d in (data, back))
        if list(names) != list(found):
            name = next(n for n, f in zip(names, found, strict=False) if n != f)
            raise UserError(f"{key} {name!r} cannot be kept in a table; rename the file or folder")


def _owners(root: Path, session_ids: pd.Series, athlete: str) -> pd.Series | str:
    """Whose each session is, by the first folder of its path."""
    first = session_ids.str.partition("/")[0]
    names = first.unique()
    people = len(names) > 1 and all((root / n).is_dir() and not YEAR.match(n) for n in names)
    return first if people and not athlete else athlete or root.resolve().name


def _again(sessions: pd.DataFrame) -> pd.Series:
    """Sessions that stand there already, as a copy or in a format that says more."""
    copy = sessions.duplicated(["athlete_id", "start", "duration_s", "distance_m"])
    same = devices.same_session(sessions[~copy])
    rank = same["format"].map({name: i for i, name in enumerate(RICHEST_FIRST)})
    kept = same.assign(rank=rank).sort_values("rank").drop_duplicates("group")["session_id"]
    poorer = set(same["session_id"]) - set(kept)
    return copy | sessions["session_id"].isin(poorer)


def _person(root: Path, sessions: pd.DataFrame, streams: pd.DataFrame) -> dict:
    """What the files of one person say of him or her, columns of Athletes."""
    profile: dict = {}
    for path in _fit_files(root, sessions)[:PROFILES_READ]:
        profile = profile or _profile(path)
    hr = streams.loc[streams["session_id"].isin(sessions["session_id"]), ["session_id", "hr_bpm"]]
    held = hr.groupby("session_id")["hr_bpm"].nlargest(HELD_S).groupby(level=0)
    held = held.last()[held.size() == HELD_S]
    return profile | {"hr_max_bpm": np.fmax(profile.get("hr_max_bpm", np.nan), held.max())}


def _fit_files(root: Path, sessions: pd.DataFrame) -> list[Path]:
    names = sessions["source"].drop_duplicates(keep="last")[::-1]
    paths = [root / name for name in names if name.lower().endswith(".fit")]
    return [path for path in paths if path.is_file()]


def _profile(path: Path) -> dict:
    """A FIT file's user profile as columns of Athletes; devices write 0 for what nobody entered."""
    from garmin_fit_sdk import Decoder, Stream

    messages, _ = Decoder(Stream.from_file(str(path))).read(convert_datetimes_to_dates=False)
    said = (messages.get("user_profile_mesgs") or [{}])[0]

    def number(name: str, factor: float = 1) -> float:
        value = said.get(name)
        return factor * value if isinstance(value, int | float) and value > 0 else np.nan

    return {
        "sex": {"male": "m", "female": "f"}.get(said.get("gender")),
        "age_y": number("age"),
        "mass_kg": number("weight"),
        "height_cm": number("height", 100),
        "hr_rest_bpm": number("resting_heart_rate"),
        "hr_max_bpm": number("default_max_heart_rate"),
    } if said else {}  # fmt: skip
