"""Intervals: 28 riders, four laboratory tests, the training between them (Rogneflåten et al. 2022).

Three periods of interval training lie between four test days (T1 to T4). Rests between the bouts of
a session were not recorded.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset, workbook
from sportsml_lite.collect.datasets.dataset import DataSet, Dropped
from sportsml_lite.errors import UserError

TIMEPOINTS = {"T1": 1, "T2": 2, "T3": 3, "T4": 4}
SEX = {"mann": "m", "kvinne": "f"}
SEASON = pd.Timestamp("2021-08-01", tz="UTC"), pd.Timestamp("2022-03-31", tz="UTC")
PERIODS = (1, 2, 3)
TOTAL = 9  # what the diary calls the sum of its periods
STEP_S = 10  # of the recorded bouts
REST_ML_KG_MIN = 3.5  # no rider at work takes up less oxygen than at rest
OTHER_MASS = 0.05  # relative difference of body mass that no rider has within a period
BOUTS = range(1, 6)
DAY_1 = {
    "bodymass": "mass_kg",
    "vo2.max": "vo2max_ml_min",
    "vo2.rel.max": "vo2max_ml_kg_min",
    "w.max": "power_max_w",
    "w.4mmol": "power_4mmol_w",
    "w.15tt": "power_15min_w",
}
DAY_2 = {"w.40tt": "power_40min_w"}
BLOOD = {"hbmass": "hb_mass_g"}
ABOUT = {"age": "age_y", "bodyheight": "height_cm", "hr.max": "hr_max_bpm"}
BY_SPORT = {"t.bike": "bike_min", "t.run": "run_min", "t.ski": "ski_min", "t.other": "other_min"}
DIARY = (
    {f"zone.{zone}": f"zone_{zone}_min" for zone in range(1, 6)}
    | {"total.t.endurance": "endurance_min"}
    | BY_SPORT
    | {"strength.max": "strength_max_min", "strength.general": "strength_general_min"}
    | {"total.n.endurance": "endurance_sessions", "total.n.strengt": "strength_sessions"}
    | {"session.rpe": "session_rpe", "feeling.legs": "feeling_legs"}
)


def load_intervals(folder: Path | str) -> DataSet:
    """Athletes, Tests, Periods, Sessions and Streams of the interval study from its workbooks.

    ``tests`` holds the two laboratory days of each test; only the second, the 40-min trial, is
    dated. ``periods`` has a row a rider and period: minutes by zone, sport and kind of strength
    training, how many sessions, the mean felt effort and ``design``, the intervals of the period.

    ``sessions`` are the interval sessions. ``power_mean_w`` is the mean of the five bouts,
    ``hr_mean_bpm``, ``vo2_mean_ml_min`` and ``lactate_mean_mmol_l`` too, each over the last six of
    a bout's eight minutes as the study states them; ``rpe`` is CR10 of the session; ``duration_s``
    is the time of the bouts that were ridden. A session without a date was not ridden.

    ``streams`` has a row every 10 s: ``t_s`` is seconds of work, the bouts laid end to end.
    ``vo2_ml_kg_min`` is the measured uptake divided by the body mass of the test that opened the
    period: the original's own quotient takes another rider's mass in some sessions.

    Raises
    ------
    UserError naming file, row and column for anything that cannot be read
    """
    root, dropped = Path(folder), Dropped()
    day_1 = _test_day(root, "testday1.xlsx", [*ABOUT, *DAY_1], ["gender"], [])
    day_2 = _test_day(root, "testday2.xlsx", list(DAY_2), [], ["date"])
    blood = _test_day(root, "hb-data.xlsx", list(BLOOD), [], [])
    day_2["date"] = _dates(day_2, ["test"], dropped, "dates of tests")
    tests = _tests([day_1.rename(columns=DAY_1), day_2.rename(columns=DAY_2),
                    blood.rename(columns=BLOOD)], dropped)  # fmt: skip
    ridden = _ridden(root, dropped)
    diary = _diary(root, dropped)
    rows = _rows(root, ridden, dropped)
    people = sorted({*tests["athlete_id"], *ridden["athlete_id"], *diary["athlete_id"]})
    known = _known(day_1, people, dropped)
    dropped.count("riders without a file of 10-s rows", len({*people} - {*rows["athlete_id"]}))
    streams = _streams(rows, _mass(tests), dropped)
    return DataSet(
        name="intervals",
        athletes=dataset.plausible(known, "athletes", dropped),
        sessions=_sessions(ridden, rows, streams, dropped),
        streams=streams,
        tests=tests,
        periods=_periods(people, diary, ridden),
        dropped=dropped.table(),
    )


def _rider(numbers: pd.Series) -> pd.Series:
    return numbers.map("rider_{:02d}".format).astype("str")


def _dates(frame: pd.DataFrame, order: list[str], dropped: Dropped, what: str) -> pd.Series:
    """Dates within the study's season and in order; a slip of the pen becomes missing."""
    dates = frame.sort_values(["athlete_id", *order])["date"]
    inside = dates.isna() | dates.between(*SEASON)
    dropped.count(f"{what} outside the study's season (set to missing)", (~inside).sum())
    dates = dates.where(inside)
    early = dates < dates.groupby(frame["athlete_id"]).cummax()
    dropped.count(f"{what} before an earlier one's (set to missing)", early.sum())
    return dates.mask(early).reindex(frame.index)


# --- tests and people ----------------------------------------------------------------------------


def _test_day(
    root: Path, file: str, numbers: list[str], texts: list[str], dates: list[str]
) -> pd.DataFrame:
    """A sheet with a row a rider and test; ``athlete_id`` and ``test`` in front."""
    path = dataset.existing(root, file, "intervals")
    raw = workbook.read_sheet(path, numbers, ["timepoint", *texts], dates, ["id"])
    dataset.refuse_unknown(path, raw["timepoint"], tuple(TIMEPOINTS))
    dataset.refuse_twice(path, raw, ["id", "timepoint"])
    if "gender" in raw:
        raw["gender"] = raw["gender"].str.lower()
        dataset.refuse_unknown(path, raw["gender"].dropna(), tuple(SEX))
    keys = pd.DataFrame({"athlete_id": _rider(raw["id"]), "test": raw["timepoint"].map(TIMEPOINTS)})
    return keys.join(raw[[*texts, *dates, *numbers]])


def _tests(days: list[pd.DataFrame], dropped: Dropped) -> pd.DataFrame:
    keys = ["athlete_id", "test", "date"]
    outcomes = list(schema.columns("outcomes"))
    wide = [day[[name for name in day if name in keys + outcomes]] for day in days]
    table = pd.concat([dataset.tests(one, dropped) for one in wide], ignore_index=True)
    return table.sort_values(["athlete_id", "test"], kind="stable", ignore_index=True)


def _known(day_1: pd.DataFrame, people: list[str], dropped: Dropped) -> pd.DataFrame:
    """What is known of each rider: as first stated, for a later value would look ahead."""
    names = DAY_1 | ABOUT
    stated = day_1.rename(columns=names).sort_values("test").groupby("athlete_id")
    kept = ["age_y", "height_cm", "mass_kg", "vo2max_ml_kg_min"]
    known = stated[kept].first().assign(hr_max_bpm=stated["hr_max_bpm"].max())
    sexes = day_1["gender"].map(SEX).groupby(day_1["athlete_id"])
    known["sex"] = sexes.agg(_most)
    other = day_1["gender"].map(SEX) != day_1["athlete_id"].map(known["sex"])
    reason = "tests that state another sex than the rider's others (most of them taken)"
    dropped.count(reason, (other & day_1["gender"].notna()).sum())
    return schema.conform(known.reindex(people).rename_axis("athlete_id").reset_index(), "athletes")


def _most(values: pd.Series) -> str | None:
    """The value that stands most often; none where two do so equally."""
    counts = values.value_counts()
    clear = len(counts) == 1 or (len(counts) > 1 and counts.iloc[0] > counts.iloc[1])
    return counts.index[0] if clear else None


def _mass(tests: pd.DataFrame) -> pd.Series:
    """Body mass (kg) by rider and test, that of an earlier test where it is missing."""
    mass = tests[tests["outcome"] == "mass_kg"].set_index(["athlete_id", "test"])["value"]
    return mass.sort_index().groupby("athlete_id").ffill()


# --- periods -------------------------------------------------------------------------------------


def _diary(root: Path, dropped: Dropped) -> pd.DataFrame:
    """The training diary, a row a rider and period."""
    path = dataset.existing(root, "diary-data.xlsx", "intervals")
    raw = workbook.read_sheet(path, list(DIARY), keys=["id", "period"])
    dataset.refuse_unknown(path, raw["period"].astype("str"), [*map(str, (*PERIODS, TOTAL))])
    dataset.refuse_twice(path, raw, ["id", "period"])
    raw = dropped.keep(raw, raw["period"] != TOTAL, "diary rows that sum up a rider's periods")
    values = raw[list(DIARY)].rename(columns=DIARY)
    dropped.count("negative diary values (set to missing)", (values < 0).to_numpy().sum())
    values = values.mask(values < 0)
    sports = list(BY_SPORT.values())
    whole = (values[sports].sum(axis=1) - values["endurance_min"]).abs() <= 1
    odd = values[sports].notna().any(axis=1) & ~whole
    dropped.count("diary rows whose minutes by sport do not add up (set to missing)", odd.sum())
    values.loc[odd, sports] = float("nan")
    return values.assign(athlete_id=_rider(raw["id"]), period=raw["period"])


def _periods(people: list[str], diary: pd.DataFrame, ridden: pd.DataFrame) -> pd.DataFrame:
    """A row a rider and period, of everybody, missing where nobody wrote a diary."""
    keys = pd.MultiIndex.from_product([people, PERIODS], names=["athlete_id", "period"])
    by = ["athlete_id", "period"]
    design = ridden.groupby(by)["design"].agg(_most).astype("str")
    count = ridden["power_mean_w"].notna().groupby([ridden[key] for key in by]).sum()
    table = pd.DataFrame({"design": design, "interval_sessions": count.astype("float64")})
    return table.reindex(keys).join(diary.set_index(by)).reset_index()


# --- sessions ------------------------------------------------------------------------------------


def _ridden(root: Path, dropped: Dropped) -> pd.DataFrame:
    """The interval sessions as the study sums them up, in order."""
    path = dataset.existing(root, "sessions-data.xlsx", "intervals")
    each = {name: [f"{name}.{bout}" for bout in BOUTS] for name in ("watt", "hr", "vo2", "la")}
    numbers = [
        "session.rpe",
        "feeling.legs",
        *(column for columns in each.values() for column in columns),
    ]
    keys = ["id", "period", "session"]
    raw = workbook.read_sheet(path, numbers, ["design"], ["date"], keys)
    dataset.refuse_unknown(path, raw["period"].astype("str"), [*map(str, PERIODS)])
    dataset.refuse_twice(path, raw, keys)
    raw = raw.sort_values(keys)
    raw["athlete_id"] = _rider(raw["id"])
    for name, columns in [("session RPE", ["session.rpe"]), *each.items()]:
        zero = raw[columns] <= 0
        dropped.count(f"{name} of 0 or less in a session (set to missing)", zero.to_numpy().sum())
        raw[columns] = raw[columns].mask(zero)
    rested = raw[each["watt"]].isna().all(axis=1)
    dropped.count("sessions that were not ridden (kept)", rested.sum())
    return raw.assign(
        session_id=_name(raw),
        start=_dates(raw, ["period", "session"], dropped, "dates of sessions"),
        rpe=raw["session.rpe"],
        feeling_legs=raw["feeling.legs"],
        power_mean_w=raw[each["watt"]].mean(axis=1),
        hr_mean_bpm=raw[each["hr"]].mean(axis=1),
        vo2_mean_ml_min=raw[each["vo2"]].mean(axis=1),
        lactate_mean_mmol_l=raw[each["la"]].mean(axis=1),
    )


def _name(frame: pd.DataFrame) -> pd.Series:
    period, number = frame["period"].astype("str"), frame["session"].astype("str")
    return _rider(frame["id"]) + "-p" + period + "-" + number


def _sessions(
    ridden: pd.DataFrame, rows: pd.DataFrame, streams: pd.DataFrame, dropped: Dropped
) -> pd.DataFrame:
    """Sessions table; how long the ridden bouts were is known from their 10-s rows."""
    length = rows.groupby(["session_id", "bout"])["bout_s"].max().unstack()
    length = length.reindex(index=ridden["session_id"], columns=list(BOUTS))
    done = ridden[[f"watt.{bout}" for bout in BOUTS]].notna().to_numpy()
    own = ["period", "session", "design", "feeling_legs", "vo2_mean_ml_min", "lactate_mean_mmol_l"]
    measured = ["rpe", "power_mean_w", "hr_mean_bpm"]
    table = ridden[["session_id", "athlete_id", "start", *measured, *own]].assign(
        sport="cycling",
        duration_s=length.where(done).sum(axis=1, min_count=1).to_numpy(),
        hr_max_bpm=ridden["session_id"].map(streams.groupby("session_id")["hr_bpm"].max()),
        source="intervals/sessions-data.xlsx",
    )
    table = schema.conform(table.reset_index(drop=True), "sessions")
    return dataset.plausible(table, "sessions", dropped)


# --- streams -------------------------------------------------------------------------------------


def _rows(root: Path, ridden: pd.DataFrame, dropped: Dropped) -> pd.DataFrame:
    """The 10-s rows of every rider, as measured."""
    paths = sorted(root.glob("session-data/FP*.xlsx"))
    rows = pd.concat([_file(path) for path in paths]) if paths else _no_rows()
    rows["session_id"] = _name(rows)
    twice = rows.duplicated(["session_id", "bout", "bout_s"])
    if twice.any():
        first = rows[twice].iloc[0]
        raise UserError(
            f"{root / 'session-data'}: bout {first['bout']} of {first['session_id']} stands twice; "
            "keep one file a rider"
        )
    known = rows["session_id"].isin(ridden["session_id"])
    rows = dropped.keep(rows, known, "10-s rows of sessions that sessions-data.xlsx does not hold")
    return rows.assign(athlete_id=_rider(rows["id"])).reset_index(drop=True)


def _file(path: Path) -> pd.DataFrame:
    keys = ["id", "period", "session", "bout"]
    raw = workbook.read_sheet(path, ["vo2", "vo2.kg", "hr"], ["time"], keys=keys)
    dataset.refuse(path, raw["id"] != raw["id"].min(), "has another rider's id; give each a file")
    # A clock that was meant as minutes and seconds was stored as hours and minutes.
    clock = pd.to_timedelta(raw["time"].str[-8:], errors="coerce").dt.total_seconds() / 60
    bad = clock.isna() | (clock % STEP_S != 0)
    dataset.refuse(path, bad, lambda row: f"time = {raw.loc[row, 'time']!r} is no multiple of "
                   f"{STEP_S} s, written as 00:10:00 for 10 s; correct it")  # fmt: skip
    return raw.assign(bout_s=clock)


def _no_rows() -> pd.DataFrame:
    columns = {"id": "int64", "period": "int64", "session": "int64", "bout": "int64"}
    columns |= dict.fromkeys(["vo2", "vo2.kg", "hr", "bout_s"], "float64")
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})


def _streams(rows: pd.DataFrame, mass_kg: pd.Series, dropped: Dropped) -> pd.DataFrame:
    """Streams table: bouts end to end, uptake by the mass of the test that opened the period."""
    if rows.empty:
        return dataset.empty("streams")
    ends = rows.groupby(["session_id", "bout"])["bout_s"].max()
    begins = (ends.groupby("session_id").cumsum() - ends).rename("begin_s")
    rows = rows.join(begins, on=["session_id", "bout"])
    at = pd.MultiIndex.from_frame(rows[["athlete_id", "period"]])
    uptake = rows["vo2"] / mass_kg.reindex(at).to_numpy()
    other = (uptake / rows["vo2.kg"] - 1).abs() > OTHER_MASS
    dropped.count("10-s rows divided by another body mass (divided anew)", other.sum())
    uptake = uptake.fillna(rows["vo2.kg"])
    low = uptake < REST_ML_KG_MIN
    dropped.count("oxygen uptake below rest during a bout (set to missing)", low.sum())
    table = rows[["session_id", "bout"]].assign(
        t_s=rows["begin_s"] + rows["bout_s"],
        hr_bpm=rows["hr"],
        vo2_ml_kg_min=uptake.mask(low),
    )
    measured = table[["hr_bpm", "vo2_ml_kg_min"]].notna().any(axis=1)
    table = dropped.keep(table, measured, "10-s rows without any measurement")
    table = table.sort_values(["session_id", "t_s"], ignore_index=True)
    return dataset.plausible(schema.conform(table, "streams"), "streams", dropped)
