"""Sylta: three orders of one interval training, 20 cyclists, four tests (Sylta et al. 2016)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset, workbook
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.errors import UserError

FILE = "cyclingStudy.xlsx"
TIMEPOINTS = {"pre": 1, "meso1": 2, "meso2": 3, "meso3": 4}
CYCLES = (1, 2, 3)
# From the paper's abstract: bouts and minutes of a session in each 4-week cycle. INCR goes from
# long to short, DECR the other way; MIX rides all three kinds in every cycle.
INTERVALS = {
    "INCR": ("4x16 min", "4x8 min", "4x4 min"),
    "DECR": ("4x4 min", "4x8 min", "4x16 min"),
    "MIX": ("mixed", "mixed", "mixed"),
}
LOAD = re.compile(r"lac\.(?P<watt>\d+)$")
LACTATE_MMOL_L = (0.2, 30.0)
THRESHOLD_MMOL_L = 4.0
OUTCOMES = {"weight.T1": "mass_kg", "VO2.max": "vo2max_ml_min", "end.load": "power_max_w"}
ABOUT = {"age": "age_y", "height.T1": "height_cm", "HF.max": "hr_max_bpm"}


def load_sylta(folder: Path | str) -> DataSet:
    """Athletes, Tests and Periods of the cycling study, from its one sheet.

    ``power_max_w`` is the last load that was begun in the incremental test (steps of 25 W),
    ``vo2max_ml_kg_min`` the uptake divided by the body mass of that day, ``power_4mmol_w`` is found
    by :func:`power_at_lactate`. ``doubted`` marks the tests that the study comments on.

    ``periods`` has a row a cyclist and 4-week cycle: ``group``, and ``intervals``, the kind of
    sessions prescribed. What was ridden is not told, nor are sex and dates.

    Raises
    ------
    UserError naming file, row and column for anything that cannot be read
    """
    path, dropped = dataset.existing(folder, FILE, "sylta2016"), Dropped()
    raw = _sheet(path)
    raw["power_4mmol_w"] = _threshold(raw, dropped)
    names = OUTCOMES | {"subject": "athlete_id", "timepoint": "test"}
    days = raw.rename(columns=names).sort_values(["athlete_id", "test"])
    days["vo2max_ml_kg_min"] = days["vo2max_ml_min"] / days["mass_kg"]
    dropped.count("tests with a comment (kept, marked as doubted)", days["doubted"].sum())
    measured = days[[*OUTCOMES.values(), "power_4mmol_w"]].notna().any(axis=1)
    dropped.count("tests without any measurement (kept)", (~measured).sum())
    kept = ["athlete_id", "test", "doubted", "vo2max_ml_kg_min", "power_4mmol_w"]
    return DataSet(
        name="sylta2016",
        athletes=dataset.plausible(_athletes(days), "athletes", dropped),
        tests=dataset.tests(days[[*kept, *OUTCOMES.values()]], dropped),
        periods=_periods(days),
        dropped=dropped.table(),
    )


def _sheet(path: Path) -> pd.DataFrame:
    header = workbook.read_workbook(path, nrows=0)
    loads = [str(name) for name in header if LOAD.fullmatch(str(name))]
    if len(loads) < 2:
        raise UserError(f"{path}: column 'lac.125' or its like is missing; is this the original?")
    texts = ["group", "timepoint", "comment"]
    raw = workbook.read_sheet(path, [*OUTCOMES, *ABOUT, *loads], texts, keys=["subject"])
    dataset.refuse_unknown(path, raw["timepoint"], tuple(TIMEPOINTS))
    dataset.refuse_unknown(path, raw["group"], tuple(INTERVALS))
    dataset.refuse_twice(path, raw, ["subject", "timepoint"])
    first = raw.groupby("subject")["group"].transform("first")
    dataset.refuse(path, raw["group"] != first, "has another group than before; correct one")
    raw["timepoint"] = raw["timepoint"].map(TIMEPOINTS)
    raw["subject"] = raw["subject"].map("cyclist_{:02d}".format).astype("str")
    return raw.assign(doubted=raw["comment"].notna())


def _threshold(raw: pd.DataFrame, dropped: Dropped) -> pd.Series:
    """Power at 4 mmol/L of each test (W)."""
    columns = sorted((name for name in raw if LOAD.fullmatch(name)), key=_watt)
    lactate = raw[columns]
    odd = lactate.notna() & ~((lactate >= LACTATE_MMOL_L[0]) & (lactate <= LACTATE_MMOL_L[1]))
    dropped.count("lactate outside its range (set to missing)", odd.to_numpy().sum())
    lactate = lactate.mask(odd)
    load_w = np.array([_watt(name) for name in columns], dtype="float64")
    power = lactate.apply(lambda row: power_at_lactate(load_w, row.to_numpy()), axis=1)
    short = power.isna() & lactate.notna().any(axis=1)
    dropped.count("tests whose lactate does not rise through 4 mmol/L", short.sum())
    return power.astype("float64")


def _watt(name: str) -> int:
    return int(LOAD.fullmatch(name)["watt"])


def power_at_lactate(
    load_w: np.ndarray, lactate_mmol_l: np.ndarray, at_mmol_l: float = THRESHOLD_MMOL_L
) -> float:
    """Power at which lactate rises through a threshold, on the line between two loads.

    Parameters
    ----------
    load_w : (L,) float, W, rising
    lactate_mmol_l : (L,) float, mmol/L, NaN where nothing was measured
    at_mmol_l : the threshold, mmol/L

    Returns
    -------
    W; where lactate rises through the threshold twice, the last time; NaN where it never does:
    nothing is extrapolated
    """
    measured = np.isfinite(lactate_mmol_l)
    load, lactate = load_w[measured], lactate_mmol_l[measured]
    rises = np.flatnonzero((lactate[:-1] < at_mmol_l) & (lactate[1:] >= at_mmol_l))
    if not len(rises):
        return np.nan
    i = rises[-1]
    part = (at_mmol_l - lactate[i]) / (lactate[i + 1] - lactate[i])
    return float(load[i] + part * (load[i + 1] - load[i]))


def _athletes(days: pd.DataFrame) -> pd.DataFrame:
    """What is known of each cyclist: as first stated, and the highest heart rate of any test."""
    stated = days.rename(columns=ABOUT).groupby("athlete_id")
    first = stated[["age_y", "height_cm", "mass_kg", "vo2max_ml_kg_min"]].first()
    known = first.assign(hr_max_bpm=stated["hr_max_bpm"].max())
    return schema.conform(known.reset_index(), "athletes")


def _periods(days: pd.DataFrame) -> pd.DataFrame:
    """A row a cyclist and cycle: the group, and what it was to ride."""
    groups = days.groupby("athlete_id")["group"].first().reset_index()
    table = groups.merge(pd.DataFrame({"period": CYCLES}), how="cross")
    kinds = [INTERVALS[g][p - 1] for g, p in zip(table["group"], table["period"], strict=True)]
    table["intervals"] = pd.Series(kinds, dtype="str")
    return table[["athlete_id", "period", "group", "intervals"]]
