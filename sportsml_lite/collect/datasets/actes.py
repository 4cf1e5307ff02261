"""ACTES: young athletes cycling to exhaustion in a laboratory (Chabert et al. 2022)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.errors import UserError
from sportsml_lite.intensity import DOMAINS

RR_MS = (250.0, 2000.0)  # 240 and 30 beats a minute
RECENT = 11  # beats, with the beat itself, whose median it is compared with
MISSED, EXTRA = 1.8, 0.55  # of that median: a beat was missed, or one found too many
HOLD_S = 2  # a heart rate stands this long without a new beat
ABOUT = ["ID", "age", "Weight", "Height", "P_vt1", "P_vt2"]
MEASURED = ["ID", "time", "RR", "VO2", "power"]


def load_actes(folder: Path | str) -> DataSet:
    r"""Athletes, Sessions and Streams of ACTES from its two CSV files.

    A row a second of the test itself: rest before it (negative time) and recovery (after the last
    beat at the highest power, when the heart still races at no load) are left out. Heart rate is
    :math:`60000/\overline{RR}` of the beats that end within the second; oxygen uptake, held
    between breaths in the original, is divided by body mass; both look only back. ``label``
    compares power with the athlete's thresholds, a power *at* a threshold counts as below it, so
    power is the label and may not be an input.

    ``hr_rest_bpm`` is the median of the rest before the test, ``hr_max_bpm`` the highest 5 s mean
    and ``vo2max_ml_kg_min`` the highest 30 s mean of the test. Nothing tells the athletes' sex or
    the tests' dates.

    Raises
    ------
    UserError naming file and line for anything that cannot be read
    """
    root, dropped = Path(folder), Dropped()
    about = _about(dataset.existing(root, "subject-info.csv", "actes"), dropped)
    path = dataset.existing(root, "test_measure.csv", "actes")
    beats = _beats(path, dropped)
    known = dropped.keep(beats, beats["ID"].isin(about.index), "beats of an unknown athlete")
    if known.empty:
        raise UserError(f"{path}: holds no beat of an athlete in subject-info.csv; check ID")
    streams, measured = [], {}
    for number, mine in known.groupby("ID"):
        stream, peaks = _test(mine, about.loc[number], dropped)
        streams.append(stream.assign(session_id=_name(number)))
        measured[_name(number)] = peaks
    return _tables(about, streams, measured, dropped)


def _name(number: float) -> str:
    return f"actes_{int(number):02d}"


def _about(path: Path, dropped: Dropped) -> pd.DataFrame:
    """What is known of each athlete, by ID."""
    raw = dataset.read_csv(path, ABOUT, ["sport"], dropped)
    for problem, wrong in (("missing", raw["ID"].isna()), ("twice", raw["ID"].duplicated())):
        if wrong.any():
            raise UserError(
                f"{path}, line {wrong.idxmax()}: ID is {problem}; give each athlete one"
            )
    return raw.set_index("ID")


def _beats(path: Path, dropped: Dropped) -> pd.DataFrame:
    """The measured beats in order; an impossible RR interval is missing."""
    raw = dataset.read_csv(path, MEASURED, [], dropped)
    raw = dropped.keep(raw, raw["ID"].notna() & raw["time"].notna(), "beats without ID or time")
    back = raw.groupby("ID")["time"].diff() < 0
    if back.any():
        raise UserError(f"{path}, line {back.idxmax()}: time runs backwards; sort the file by time")
    dropped.count("beats without an RR interval", raw["RR"].isna().sum())
    clean = clean_rr(raw["RR"], raw["ID"])
    dropped.count("RR artefacts (set to missing)", (raw["RR"].notna() & clean.isna()).sum())
    return raw.assign(RR=clean)


def clean_rr(rr_ms: pd.Series, athlete: pd.Series) -> pd.Series:
    """RR intervals without artefacts: beyond 250–2000 ms, or a missed or extra beat.

    Parameters
    ----------
    rr_ms : (N,) float, ms, in order of time
    athlete : (N,) whose beat it is

    Returns
    -------
    (N,) float, NaN where the interval is no heart beat: it differs from the median of the last
    eleven beats by a factor of 1.8 (one was missed) or 0.55 (one was found too many). No later beat
    is read, so that a watch could do the same
    """
    possible = rr_ms.where(rr_ms.between(*RR_MS))
    median = possible.groupby(athlete).transform(
        lambda mine: mine.rolling(RECENT, min_periods=3).median()
    )
    ratio = possible / median
    return possible.where(ratio.isna() | ratio.between(EXTRA, MISSED))


def _test(beats: pd.DataFrame, about: pd.Series, dropped: Dropped) -> tuple[pd.DataFrame, dict]:
    """One athlete's stream, and the highest and resting values measured on the way."""
    rest = beats["time"] < 0
    dropped.count("rest before the test (beats)", rest.sum())
    effort = beats[~rest]
    peak = effort["time"].where(effort["power"] == effort["power"].max()).max()
    during = effort["time"] <= peak
    dropped.count("recovery after the highest power (beats)", (~during).sum())
    stream = _seconds(effort[during], about["Weight"])
    stream["label"] = _labels(stream["power_w"], about["P_vt1"], about["P_vt2"])
    measured = {
        "hr_rest_bpm": 60_000 / beats.loc[rest, "RR"].median(),
        "hr_max_bpm": stream["hr_bpm"].rolling(5, min_periods=3).mean().max(),
        "vo2max_ml_kg_min": stream["vo2_ml_kg_min"].rolling(30, min_periods=30).mean().max(),
    }
    return stream, measured


def _seconds(beats: pd.DataFrame, mass_kg: float) -> pd.DataFrame:
    """Beats to a row a second: second ``t`` holds what ended in (t − 1, t]."""
    second = np.ceil(beats["time"]).astype("int64")
    ended = beats.groupby(second)
    index = pd.RangeIndex(int(second.max()) + 1 if len(second) else 0)
    rr = ended["RR"].mean().reindex(index)
    seen = ended.size().reindex(index)
    # Only a second without any beat takes over the last one; a rejected beat stays missing.
    held = rr.ffill(limit=HOLD_S - 1).where(seen.isna(), rr)
    last = ended[["VO2", "power"]].last().reindex(index).ffill()
    return pd.DataFrame(
        {
            "t_s": index.astype("float64"),
            "hr_bpm": 60_000 / held,
            "power_w": last["power"],
            "vo2_ml_kg_min": last["VO2"] * 1000 / mass_kg,
        }
    )


def _labels(power_w: pd.Series, vt1_w: float, vt2_w: float) -> pd.Series:
    """Intensity domain of each second; missing where power or a threshold is."""
    domain = (power_w > vt1_w).astype("int64") + (power_w > vt2_w).astype("int64")
    labels = domain.map(dict(enumerate(DOMAINS))).astype("str")
    known = power_w.notna() & pd.notna(vt1_w) & pd.notna(vt2_w)
    return labels.where(known)


def _tables(
    about: pd.DataFrame, streams: list[pd.DataFrame], measured: dict, dropped: Dropped
) -> DataSet:
    names = {"age": "age_y", "Weight": "mass_kg", "Height": "height_cm"}
    names |= {"P_vt1": "vt1", "P_vt2": "vt2", "sport": "own_sport"}
    people = about.rename(columns=names).rename(index=_name)
    people = people.join(pd.DataFrame.from_dict(measured, orient="index", dtype="float64"))
    people = schema.conform(people.rename_axis("athlete_id").reset_index(), "athletes")
    stream = schema.conform(pd.concat(streams, ignore_index=True), "streams")
    sessions = stream.groupby("session_id", as_index=False).agg(
        duration_s=("t_s", "max"),
        hr_mean_bpm=("hr_bpm", "mean"),
        hr_max_bpm=("hr_bpm", "max"),
        power_mean_w=("power_w", "mean"),
    )
    sessions = sessions.assign(athlete_id=sessions["session_id"], sport="cycling", source="actes")
    return DataSet(
        name="actes",
        athletes=dataset.plausible(people, "athletes", dropped),
        sessions=schema.conform(sessions, "sessions"),
        streams=dataset.plausible(stream, "streams", dropped),
        dropped=dropped.table(),
    )
