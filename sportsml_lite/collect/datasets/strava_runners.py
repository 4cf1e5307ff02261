"""Runs of 116 people from a public collection of Strava activities."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.errors import UserError

FILE = "raw-data-kaggle.csv"
CLOCK = "%d/%m/%Y %H:%M"
COLUMNS = {
    "distance (m)": "distance_m",
    "elapsed time (s)": "duration_s",
    "elevation gain (m)": "elevation_gain_m",
    "average heart rate (bpm)": "hr_mean_bpm",
}
SEX = {"M": "m", "F": "f"}
FASTEST_MPS = 7.0  # above the world's best over 1,500 m: a ride, or a jump of the position
HR_BPM = (30.0, 230.0)
LONGEST_S = 2 * 86400.0  # a watch that nobody stopped


def load_strava_runners(folder: Path | str) -> DataSet:
    """Athletes and Sessions of the runners, from the one CSV file.

    ``duration_s`` is *elapsed* time, with every stop, so ``speed_mean_mps`` is too low where
    somebody paused. ``start`` is the file's clock, whose zone is not told, read as UTC. A run that
    stands twice in all its columns is left out the second time.

    Raises
    ------
    UserError naming file and line for anything that cannot be read, also where day and month
    cannot be told apart
    """
    path, dropped = dataset.existing(folder, FILE, "strava_runners"), Dropped()
    texts = ["athlete", "gender", "timestamp"]
    raw = dataset.read_csv(path, [*COLUMNS], texts, dropped, separator=";")
    raw = raw.rename(columns=COLUMNS)
    dataset.refuse(path, raw["athlete"].isna(), "athlete is missing; correct it")
    dataset.refuse_unknown(path, raw["gender"].dropna(), tuple(SEX))
    raw["start"] = _times(raw["timestamp"], path)
    twice = raw.duplicated()
    raw = dropped.keep(raw, ~twice, "runs that stand twice in all columns (the second left out)")
    raw["athlete_id"] = "strava_" + raw["athlete"].str.strip()
    same = raw.duplicated(["athlete_id", "start"])
    dropped.count("further runs at the same minute (kept)", same.sum())
    sexes = raw["gender"].map(SEX).groupby(raw["athlete_id"])
    dataset.refuse(
        path,
        raw["athlete_id"].map(sexes.nunique()) > 1,
        "gender differs between runs of one athlete; correct it",
    )
    people = sexes.first().rename("sex").reset_index()
    return DataSet(
        name="strava_runners",
        athletes=schema.conform(people, "athletes"),
        sessions=_sessions(_plausible(raw, dropped), dropped),
        dropped=dropped.table(),
    )


def _times(cells: pd.Series, path: Path) -> pd.Series:
    """Day/month/year to UTC; refused where they could be month/day/year."""
    times = pd.to_datetime(cells, format=CLOCK, errors="coerce", utc=True)
    advice = "is no date as 31/12/2019 18:30; write day/month/year"
    wrong = times.isna()
    dataset.refuse(path, wrong, lambda line: f"timestamp = {cells[line]!r} {advice}")
    if len(times) and not (times.dt.day > 12).any():
        raise UserError(
            f"{path}: no timestamp has a day above 12, so day and month cannot be told apart; "
            "give the original file, written day/month/year"
        )
    return times.astype(schema.TIME)


def _plausible(raw: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Runs in which what cannot be is missing, and counted."""
    out = raw.copy()
    for name, (low, high), what in (
        ("hr_mean_bpm", HR_BPM, "mean heart rate outside 30 to 230 bpm"),
        ("distance_m", (1, float("inf")), "distance under 1 m"),
        ("duration_s", (1, LONGEST_S), "elapsed time under 1 s or above two days"),
    ):
        odd = out[name].notna() & ~out[name].between(low, high)
        dropped.count(f"{what} (set to missing)", odd.sum())
        out[name] = out[name].mask(odd)
    speed = out["distance_m"] / out["duration_s"]
    fast = speed > FASTEST_MPS
    dropped.count("faster than 7 m/s (distance and time set to missing)", fast.sum())
    out[["distance_m", "duration_s"]] = out[["distance_m", "duration_s"]].mask(fast)
    return out.assign(speed_mean_mps=speed.mask(fast))


def _sessions(runs: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Sessions table; runs of one person at the same minute are numbered."""
    runs = runs.sort_values(["athlete_id", "start"], kind="stable")
    name = runs["athlete_id"] + "-" + runs["start"].dt.strftime("%Y%m%dT%H%M")
    turn = name.groupby(name).cumcount()
    table = runs.drop(columns=["athlete", "gender", "timestamp"]).assign(
        session_id=name.where(turn == 0, name + "-" + (turn + 1).astype("str")),
        sport="running",
        source=f"strava_runners/{FILE}",
    )
    table = schema.conform(table.reset_index(drop=True), "sessions")
    return dataset.plausible(table, "sessions", dropped)
