"""Competitive runners' training logs with injuries (Lövdal, den Hartigh & Azzopardi 2021)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.errors import UserError

DAYS = 7
REST = -0.01  # how the log marks a day without training
AMOUNTS = {
    "nr. sessions": "sessions",
    "total km": "distance_km",
    "km Z3-4": "distance_z3_4_km",
    "km Z5-T1-T2": "distance_z5_t1_t2_km",
    "km sprinting": "distance_sprint_km",
    "strength training": "strength_sessions",
    "hours alternative": "alternative_h",
}
FELT = {
    "perceived exertion": "exertion",
    "perceived trainingSuccess": "training_success",
    "perceived recovery": "recovery",
}
LOGGED = AMOUNTS | FELT
KEYS = {"Athlete ID": "athlete_id", "injury": "injury", "Date": "event_day"}


def load_runners(folder: Path | str) -> DataSet:
    """Athletes and Days of the runners' logs, from the file of the day approach.

    The original has a row an *event*: a runner, a day, whether an injury began on it, and the
    seven days before it in 70 columns (no suffix the seventh day before, ``.6`` the day before).
    Here it has seven rows: ``athlete_id``, ``event`` (its line in the file), ``event_day``,
    ``day`` (both count days from an unknown start), the ten logged values, ``rest`` and ``injury``
    (of the event). Events overlap, so a day returns in up to seven of them; for one row an
    athlete-day take ``days.drop_duplicates(["athlete_id", "day"])``.

    −0.01 marks rest. For an amount (sessions, kilometres, hours) rest means 0; for something felt
    (exertion, success, recovery) it means that nothing was asked: NaN. ``exertion`` and the other
    felt values are on the log's own scale, not CR10.

    Raises
    ------
    UserError naming file and line for anything that cannot be read
    """
    dropped = Dropped()
    path = _day_file(Path(folder))
    wide = dataset.read_csv(path, [*_columns(), *KEYS], [], dropped).rename(columns=KEYS)
    known = wide[list(KEYS.values())].notna().all(axis=1)
    wide = dropped.keep(wide, known, "events without athlete, day or injury label")
    wrong = ~wide["injury"].isin([0, 1])
    if wrong.any():
        line = wrong.idxmax()
        raise UserError(
            f"{path}, line {line}: injury = {wide.loc[line, 'injury']:g}, expected 0 or 1; "
            "is this the file of the day approach?"
        )
    days = _long(wide, dropped)
    dropped.count("athlete-days that two events tell differently (kept)", _contradictions(days))
    return DataSet(
        name="runners",
        athletes=dataset.athletes(sorted(days["athlete_id"].unique())),
        days=days,
        dropped=dropped.table(),
    )


def _column(name: str, day: int) -> str:
    return f"{name}.{day}" if day else name


def _columns() -> list[str]:
    return [_column(name, day) for day in range(DAYS) for name in LOGGED]


def _day_file(root: Path) -> Path:
    """The CSV file whose header is that of the day approach, whatever it is called."""
    found = []
    for path in sorted(root.glob("*.csv")):
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            header = stream.readline()
        if f"nr. sessions.{DAYS - 1}" in header and "perceived exertion" in header:
            found.append(path)
    if len(found) == 1:
        return found[0]
    what = "no file" if not found else f"{len(found)} files ({found[0].name}, {found[1].name})"
    raise UserError(
        f"{root}: holds {what} of the day approach; give the folder with "
        "day_approach_maskedID_timeseries.csv (sportsml fetch runners)"
    )


def _long(wide: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Seven rows an event, in the order of the file and of the days."""
    cells = wide[_columns()].to_numpy().reshape(len(wide) * DAYS, len(LOGGED))
    logged = pd.DataFrame(cells, columns=list(LOGGED.values()))
    marked = logged == REST
    negative = (logged < 0) & ~marked
    dropped.count("negative values (set to missing)", negative.to_numpy().sum())
    amounts, felt = list(AMOUNTS.values()), list(FELT.values())
    values = logged.mask(negative)
    values[amounts] = values[amounts].mask(marked[amounts], 0.0)
    values[felt] = values[felt].mask(marked[felt])
    dropped.count("felt values of rest days (set to missing)", marked[felt].to_numpy().sum())
    event = wide.index.repeat(DAYS)
    owner = wide.loc[event].reset_index(drop=True)
    keys = pd.DataFrame(
        {
            "athlete_id": [f"runner_{int(number):02d}" for number in owner["athlete_id"]],
            "event": np.asarray(event),
            "event_day": owner["event_day"].astype("int64"),
            "day": owner["event_day"].astype("int64") - DAYS + np.tile(range(DAYS), len(wide)),
        }
    ).astype({"athlete_id": "str"})
    rest = marked[felt].all(axis=1).rename("rest")
    return pd.concat([keys, values, rest, owner["injury"]], axis=1)


def _contradictions(days: pd.DataFrame) -> int:
    """Athlete-days of which overlapping events do not say the same."""
    told = days.groupby(["athlete_id", "day"])[list(LOGGED.values())]
    values = told.max() - told.min() > 1e-9
    partly = (told.count() > 0) & told.count().lt(told.size(), axis=0)
    return int((values | partly).any(axis=1).sum())
