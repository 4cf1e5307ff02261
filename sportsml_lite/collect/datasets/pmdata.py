"""PMData: 16 people for 5 months, a Fitbit watch and a training diary (Thambawita et al. 2020).

The clocks differ by file. ``exercise.json`` counts in UTC, although it names no zone:
:func:`clock_check` shows it from the data. So do the diary's times (``…Z``). ``sleep.json`` and
``resting_heart_rate.json`` use local time (Oslo).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset, workbook
from sportsml_lite.collect.datasets import pmdata_files as files
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.collect.formats.recording import utc_times
from sportsml_lite.errors import UserError

MATCH_S = 30 * 60  # a report and a recorded session whose ends differ by less are one session
SPORTS = {
    "run": "running",
    "treadmill": "running",
    "walk": "walking",
    "hike": "hiking",
    "bike": "cycling",
    "outdoor bike": "cycling",
    "spinning": "cycling",
    "swim": "swimming",
}


def load_pmdata(folder: Path | str) -> DataSet:
    """Athletes, Sessions and Days of PMData from its original layout (``p01/fitbit``, …).

    A session is a Fitbit recording, a training report, or both where their ends lie within 30
    minutes (nearest first, one to one); ``source`` says which. ``duration_s`` is the recording's
    active time, else the reported one; the reported duration is in ``reported_duration_s``.

    Raises
    ------
    UserError naming file and line for anything that cannot be read
    """
    root, dropped = Path(folder), Dropped()
    known = _overview(root)  # first: a broken one is named before anything is missed
    people = sorted(
        path for path in root.glob("*") if (path / "pmsys").is_dir() or (path / "fitbit").is_dir()
    )
    if not people:
        raise UserError(
            f"{root}: holds no folder such as p01/pmsys; give the folder of the original download "
            "(sportsml fetch pmdata)"
        )
    sessions, days = [], []
    for person in people:
        reports, recordings = files.reports(person, dropped), files.recordings(person, dropped)
        sessions.append(_join(recordings, reports, dropped).assign(athlete_id=person.name))
        days.append(_days(person, dropped).assign(athlete_id=person.name))
        known[person.name] = known.get(person.name, {}) | _first_values(person, days[-1], dropped)
    return DataSet(
        name="pmdata",
        athletes=dataset.plausible(
            dataset.athletes([person.name for person in people], known), "athletes", dropped
        ),
        sessions=_finish(pd.concat(sessions, ignore_index=True), dropped),
        days=_ordered(pd.concat(days, ignore_index=True)),
        dropped=dropped.table(),
    )


# --- people --------------------------------------------------------------------------------------


def _overview(root: Path) -> dict[str, dict]:
    """Age, height, sex and stated highest heart rate by person, where there is an overview."""
    path = root / "participant-overview.xlsx"
    if not path.is_file():
        return {}
    sheet = workbook.read_workbook(path, header=None, dtype="object")
    text = sheet.map(lambda cell: str(cell).strip().lower())
    heads = text.index[(text == "participant id").any(axis=1)]
    if heads.empty:
        raise UserError(f"{path}: has no row 'Participant ID'; is this the original file?")
    table = text.loc[heads[0] + 1 :].set_axis(text.loc[heads[0]], axis=1)
    names = {"age": "age_y", "height": "height_cm", "max heart rate": "hr_max_bpm"}
    return {
        row["participant id"]: {new: files.to_number(row.get(old)) for old, new in names.items()}
        | {"sex": {"m": "m", "f": "f"}.get(str(row.get("gender"))[:1])}
        for _, row in table.iterrows()
    }


def _first_values(person: Path, days: pd.DataFrame, dropped: Dropped) -> dict[str, float]:
    """Mass and resting heart rate as first stated: a later value would look ahead."""
    out = {"hr_rest_bpm": _first(days.sort_values("date")["hr_rest_bpm"])}
    path = person / "googledocs" / "reporting.csv"
    if path.is_file():
        out["mass_kg"] = _first(dataset.read_csv(path, ["weight"], [], Dropped())["weight"])
    return out


def _first(values: pd.Series) -> float:
    stated = values.dropna()
    return float(stated.iloc[0]) if len(stated) else np.nan


# --- sessions ------------------------------------------------------------------------------------


def match(report_ends: np.ndarray, recording_ends: np.ndarray) -> np.ndarray:
    """Which recording belongs to which report: nearest ends first, one to one.

    Parameters
    ----------
    report_ends : (R,) float, seconds
    recording_ends : (S,) float, seconds

    Returns
    -------
    (R,) int, position of the recording, or -1 where none ends within ``MATCH_S``
    """
    gap = np.abs(report_ends[:, None] - recording_ends[None, :])
    found = np.full(len(report_ends), -1)
    for flat in np.argsort(gap, axis=None, kind="stable"):
        report, recording = np.unravel_index(flat, gap.shape)
        if gap[report, recording] > MATCH_S:
            break
        if found[report] < 0 and recording not in found:
            found[report] = recording
    return found


def _seconds(times: pd.Series) -> np.ndarray:
    return times.astype(schema.TIME).astype("int64").to_numpy() / 1e6


def _join(recordings: pd.DataFrame, reports: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Recordings with the exertion of their reports, and the reports that found no recording."""
    at = match(_seconds(reports["end"]), _seconds(recordings["end"]))
    told = reports.drop(columns="end").assign(position=at)
    told = told.rename(columns={"activity": "reported"})
    both = recordings.reset_index(drop=True).join(told[at >= 0].set_index("position"))
    both["source"] = np.where(both.index.isin(at), "pmdata/fitbit+pmsys", "pmdata/fitbit")
    alone = reports[at < 0]
    alone = dropped.keep(
        alone,
        alone["reported_duration_s"].notna(),
        "training reports without a duration or session",
    )
    length = pd.to_timedelta(alone["reported_duration_s"], unit="s")
    alone = alone.rename(columns={"activity": "reported"}).assign(
        start=alone["end"] - length, duration_s=alone["reported_duration_s"], source="pmdata/pmsys"
    )
    frames = [frame for frame in (both, alone) if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _finish(sessions: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """Names, sports and speed; in order of person and time."""
    if sessions.empty:
        return dataset.empty("sessions")
    recorded = sessions.get("recorded", pd.Series(None, index=sessions.index, dtype="object"))
    reported = sessions.get("reported", pd.Series(None, index=sessions.index, dtype="object"))
    log_id = sessions.get("log_id", pd.Series(None, index=sessions.index, dtype="object"))
    own = sessions["start"].dt.strftime("%Y%m%dT%H%M%S")
    distance = sessions.get("distance_m", pd.Series(np.nan, index=sessions.index))
    out = sessions.assign(
        session_id=sessions["athlete_id"] + "-" + log_id.fillna(own).astype("str"),
        sport=recorded.map(lambda name: SPORTS.get(name, name), na_action="ignore").fillna(
            reported
        ),
        speed_mean_mps=distance / sessions["duration_s"],
    )
    out = out.drop(columns=["log_id", "end", "elapsed_s"], errors="ignore")
    out = out.sort_values(["athlete_id", "start"], kind="stable", ignore_index=True)
    return schema.conform(dataset.plausible(out, "sessions", dropped), "sessions")


# --- days ----------------------------------------------------------------------------------------


def _days(person: Path, dropped: Dropped) -> pd.DataFrame:
    """Wellness and resting heart rate, a row a local date."""
    wellness, rest = files.wellness(person, dropped), files.resting(person, dropped)
    return wellness.merge(rest, on="date", how="outer")


def _ordered(days: pd.DataFrame) -> pd.DataFrame:
    first = ["athlete_id", "date"]
    days = days[[*first, *(name for name in days if name not in first)]]
    return days.astype({"athlete_id": "str"}).sort_values(first, ignore_index=True)


# --- which clock ---------------------------------------------------------------------------------


def clock_check(folder: Path | str) -> pd.DataFrame:
    """Read the recordings' clock once as UTC, once as local time, and see which fits.

    Returns
    -------
    DataFrame, a row a reading (``clock``): ``reports_matched``, training reports that end within
    30 minutes of a recording; ``asleep_min``, minutes that recordings overlap main sleep (which
    is in local time). The true clock matches more and overlaps less.
    """
    rows = []
    for zone in ("UTC", files.ZONE):
        matched, asleep = 0, 0.0
        for person in sorted(
            path.parent.parent for path in Path(folder).glob("*/fitbit/sleep.json")
        ):
            reports, recordings = (
                files.reports(person, Dropped()),
                files.recordings(person, Dropped()),
            )
            spans = recordings[["start", "end"]].apply(_as_if, zone=zone)
            found = match(_seconds(reports["end"]), _seconds(spans["end"]))
            matched, asleep = matched + (found >= 0).sum(), asleep + _asleep_min(spans, person)
        rows.append({"clock": zone, "reports_matched": int(matched), "asleep_min": round(asleep)})
    return pd.DataFrame(rows)


def _as_if(times: pd.Series, zone: str) -> pd.Series:
    naive = times.astype(schema.TIME).dt.tz_localize(None)
    return naive.dt.tz_localize(zone, ambiguous=False, nonexistent="shift_forward").dt.tz_convert(
        "UTC"
    )


def _asleep_min(spans: pd.DataFrame, person: Path) -> float:
    nights = [
        entry
        for entry in files.read_entries(person / "fitbit" / "sleep.json")
        if entry.get("mainSleep", True)
    ]
    bed, up = (
        _seconds(_as_if(utc_times(pd.Series([n[key] for n in nights], dtype="str")), files.ZONE))
        for key in ("startTime", "endTime")
    )
    start, end = _seconds(spans["start"]), _seconds(spans["end"])
    overlap = np.minimum(end[:, None], up) - np.maximum(start[:, None], bed)
    return float(np.clip(overlap, 0, None).sum()) / 60
