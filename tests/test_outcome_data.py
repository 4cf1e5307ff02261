"""Data sets with measured outcomes: counts of the real ones, and odd copies that a test writes."""

import shutil
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset, public, sylta, workbook
from sportsml_lite.errors import UserError

BOUT = [f"00:{10 * row:02d}:00" for row in range(1, 4)]  # what the files write for 10, 20, 30 s


def _rows(data, reason):
    rows = data.dropped.set_index("reason")["rows"]
    (found,) = rows[rows.index.str.contains(reason, regex=False)]
    return found


def _pairs(tests, outcome):
    """Neighbouring tests of an athlete that both have a value."""
    table = tests[tests["outcome"] == outcome].pivot(
        index="athlete_id", columns="test", values="value"
    )
    return int((table.notna() & table.shift(-1, axis=1).notna()).sum().sum())


def _holds(data):
    for name in ("athletes", "sessions", "streams", "tests"):
        schema.validate(getattr(data, name), name, name)
    assert set(data.tests["athlete_id"]) | set(data.sessions["athlete_id"]) <= {
        *data.athletes["athlete_id"]
    }
    assert not data.tests.duplicated(["athlete_id", "test", "outcome"]).any()
    assert data.sessions["session_id"].is_unique
    assert not data.streams.duplicated(["session_id", "t_s"]).any()


# --- small copies --------------------------------------------------------------------------------


@pytest.fixture
def riders(two_riders, tmp_path):
    """A copy of the two riders that a test may change."""
    return shutil.copytree(two_riders, tmp_path, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def two_riders(tmp_path_factory):
    """Two riders in the layout of ``intervals``; the second has no 10-s rows."""
    folder = tmp_path_factory.mktemp("riders")
    tests = [{"id": i, "timepoint": t} for i in (1, 12) for t in ("T1", "T2", "T3", "T4")]
    columns = ["bodymass", "vo2.max", "vo2.rel.max", "w.max", "w.4mmol", "w.15tt"]
    values = [80, 4800, 60, 400, 280, 300]
    day_1 = pd.DataFrame(tests).assign(**dict(zip(columns, values, strict=True)))
    day_1 = day_1.assign(age=20, bodyheight=180, gender="Mann ", **{"hr.max": [*range(190, 198)]})
    dates = pd.to_datetime(["2021-10-08", "2021-10-30", "2021-11-20", "2021-12-12"] * 2)
    day_2 = pd.DataFrame(tests).assign(date=dates, **{"w.40tt": 270})
    blood = pd.DataFrame(tests).assign(hbmass=900)
    diary = pd.DataFrame([{"id": 1, "period": p} for p in (1, 2, 3, 9)]).assign(
        **{f"zone.{z}": 100 for z in range(1, 6)},
        **{"total.t.endurance": 500, "t.bike": 400, "t.run": 100, "t.ski": 0, "t.other": 0},
        **{"strength.max": 0, "strength.general": 30, "total.n.endurance": 12},
        **{"total.n.strengt": 1, "session.rpe": "na", "feeling.legs": 5.5},
    )
    keys = [{"id": i, "period": p, "session": s} for i in (1, 12) for p in (1, 2, 3) for s in (1,)]
    sessions = pd.DataFrame(keys).assign(
        design=["FLAT", "30/15", "60/60"] * 2,
        date=pd.to_datetime(["2021-10-12", "2021-11-02", "2021-11-23"] * 2),
        **{"session.rpe": [7, 0, 8, 6, 6, 6], "feeling.legs": 5},
        **{f"{n}.{b}": v for n, v in (("watt", 300), ("hr", 170), ("vo2", 4000), ("la", 5))
           for b in range(1, 6)},
    )  # fmt: skip
    bouts = [{"id": 1, "period": p, "session": 1, "bout": b, "time": t}
             for p in (1, 2, 3) for b in (1, 2) for t in BOUT]  # fmt: skip
    rows = pd.DataFrame(bouts).assign(vo2=4000, hr=160.0, **{"vo2.kg": 50.0})
    (folder / "session-data").mkdir()
    sheets = {"testday1": day_1, "testday2": day_2, "hb-data": blood, "diary-data": diary}
    for name, table in (sheets | {"sessions-data": sessions, "session-data/FP1": rows}).items():
        table.to_excel(folder / f"{name}.xlsx", index=False)
    return folder


def _change(path, column, row, value):
    """Write ``value`` into a sheet's cell; row 2 is the first below the head."""
    table = pd.read_excel(path, engine="calamine").astype({column: "object"})
    table.loc[row - 2, column] = value
    table.to_excel(path, index=False)


@pytest.fixture
def cyclists(tmp_path):
    """Two cyclists in the layout of ``sylta2016``."""
    path = tmp_path / "cyclingStudy.xlsx"
    days = [{"subject": s, "timepoint": t} for s in (1, 2) for t in sylta.TIMEPOINTS]
    table = pd.DataFrame(days).assign(group=["INCR"] * 4 + ["MIX"] * 4, comment=None)
    table = table.assign(age=30, **{"height.T1": 180, "weight.T1": 80, "VO2.max": 4800})
    loads = {"lac.125": 1.0, "lac.175": 2.0, "lac.225": 6.0}
    table.assign(**{"end.load": 400, "HF.max": 190}, **loads).to_excel(path, index=False)
    return tmp_path


HEAD = "athlete;gender;timestamp;distance (m);elapsed time (s);elevation gain (m);"
HEAD += "average heart rate (bpm)"


def _runs(folder, *lines, head=HEAD):
    (folder / "raw-data-kaggle.csv").write_bytes("\r\n".join([head, *lines, ""]).encode())
    return folder


GOOD = "7;M;15/12/2019 09:08;3000;1000;17.4;150.3"


# --- intervals -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_riders(data_folder):
    begun = time.process_time()  # the machine may be busy with other things
    data = public.load_intervals(data_folder("intervals"))
    assert time.process_time() - begun < 15  # about 2 s; 27 workbooks once took 10
    return data


def test_the_interval_study_loads_whole(real_riders):
    data = real_riders
    _holds(data)
    assert len(data.athletes) == 28
    assert (data.tests["outcome"].value_counts() == 112).all()
    assert set(data.tests["outcome"]) == {*schema.columns("outcomes")}
    assert len(data.sessions) == 588
    assert data.streams["session_id"].str[:8].nunique() == 27
    assert _pairs(data.tests, "vo2max_ml_kg_min") == 81
    assert _pairs(data.tests, "power_40min_w") == 84
    assert len(data.periods) == 84
    assert data.periods.groupby("athlete_id")["design"].nunique().eq(3).all()
    assert data.athletes["sex"].value_counts().to_dict() == {"m": 25, "f": 3}


def test_the_interval_study_keeps_what_the_sheets_say(real_riders, data_folder):
    raw = pd.read_excel(data_folder("intervals") / "testday1.xlsx", na_values="na")
    sums = real_riders.tests.groupby("outcome")["value"].sum()
    for column, outcome in (("vo2.max", "vo2max_ml_min"), ("w.15tt", "power_15min_w")):
        assert sums[outcome] == pytest.approx(raw[column].sum())
    streams = real_riders.streams
    lost = _rows(real_riders, "10-s rows without any measurement")
    assert len(streams) + lost == 27 * 3 * 7 * 5 * 48
    assert streams.groupby("session_id")["t_s"].max().max() == 5 * 480
    assert streams["hr_bpm"].between(80, 200).sum() == streams["hr_bpm"].count() > 131_000


def test_uptake_is_divided_by_the_riders_own_mass(real_riders):
    tests, streams = real_riders.tests, real_riders.streams
    best = tests[tests["outcome"] == "vo2max_ml_kg_min"].groupby("athlete_id")["value"].max()
    high = streams["vo2_ml_kg_min"].groupby(streams["session_id"].str[:8]).quantile(0.95)
    assert len(high) == 27
    assert (high / best).dropna().between(0.7, 1.1).all()
    assert _rows(real_riders, "divided by another body mass") >= 10 * 200


def test_dates_that_slipped_are_missing(real_riders):
    sessions = real_riders.sessions
    assert sessions["start"].min() >= pd.Timestamp("2021-10-01", tz="UTC")
    for _, mine in sessions.groupby("athlete_id"):
        assert mine["start"].dropna().is_monotonic_increasing
    assert _rows(real_riders, "dates of sessions outside") == 7


def test_small_riders_by_hand(riders):
    data = public.load_intervals(riders)
    _holds(data)
    one = data.athletes.set_index("athlete_id").loc["rider_01"]
    assert (one["sex"], one["hr_max_bpm"], one["mass_kg"]) == ("m", 193, 80)
    first = data.streams[data.streams["session_id"] == "rider_01-p1-1"]
    assert first["t_s"].tolist() == [10, 20, 30, 40, 50, 60]
    assert first["bout"].tolist() == [1, 1, 1, 2, 2, 2]
    assert (first["vo2_ml_kg_min"] == 50).all()
    sessions = data.sessions.set_index("session_id")
    assert sessions.loc["rider_01-p1-1", "duration_s"] == 60
    assert np.isnan(sessions.loc["rider_12-p1-1", "duration_s"])
    assert np.isnan(sessions.loc["rider_01-p2-1", "rpe"])
    assert _rows(data, "session RPE of 0") == 1
    assert _rows(data, "riders without a file of 10-s rows") == 1
    periods = data.periods.set_index(["athlete_id", "period"])
    assert periods.loc[("rider_01", 2), ["design", "zone_3_min", "bike_min"]].tolist() == [
        "30/15",
        100,
        400,
    ]
    assert np.isnan(periods.loc[("rider_12", 2), "zone_3_min"])


def test_without_any_10_s_rows_the_rest_is_there(riders):
    shutil.rmtree(riders / "session-data")
    data = public.load_intervals(riders)
    _holds(data)
    assert data.streams.empty
    assert len(data.sessions) == 6
    assert _rows(data, "riders without a file of 10-s rows") == 2


def test_a_sex_that_nobody_states_is_missing(riders):
    for row in range(2, 10):
        _change(riders / "testday1.xlsx", "gender", row, "na" if row < 6 else "Kvinne")
    sexes = public.load_intervals(riders).athletes["sex"]
    assert sexes.isna().tolist() == [True, False]
    assert sexes.iloc[1] == "f"


def test_a_rider_of_the_diary_alone_is_not_lost(riders):
    _change(riders / "diary-data.xlsx", "id", 5, 30)
    _change(riders / "diary-data.xlsx", "period", 5, 2)
    data = public.load_intervals(riders)
    assert data.athletes["athlete_id"].tolist() == ["rider_01", "rider_12", "rider_30"]
    assert len(data.periods) == 9


@pytest.mark.parametrize(
    ("column", "row", "value", "missing", "reason"),
    [
        ("vo2", 3, 0, "vo2_ml_kg_min", "oxygen uptake below rest"),
        ("hr", 3, 0, "hr_bpm", "hr_bpm outside its range"),
        ("hr", 3, 255, "hr_bpm", "hr_bpm outside its range"),
        ("hr", 3, -5, "hr_bpm", "hr_bpm outside its range"),
    ],
)
def test_what_cannot_be_is_missing_and_counted(riders, column, row, value, missing, reason):
    _change(riders / "session-data" / "FP1.xlsx", column, row, value)
    data = public.load_intervals(riders)
    assert data.streams[missing].isna().sum() == 1
    assert _rows(data, reason) == 1


@pytest.mark.parametrize(
    ("file", "column", "row", "value", "message"),
    [
        ("testday1", "w.max", 4, "strong", r"row 4: w.max = 'strong' is no number"),
        ("testday1", "w.max", 4, pd.Timestamp("2021-01-02"), r"row 4: w.max = .* is no number"),
        ("testday1", "timepoint", 5, "T5", r"row 5: timepoint = 'T5' is none of T1, T2, T3, T4"),
        ("testday1", "timepoint", 3, "T1", r"row 3: id 1, timepoint T1 stands twice"),
        ("testday1", "gender", 2, "X", r"row 2: gender = 'x' is none of mann, kvinne"),
        ("testday2", "date", 2, "8.10.2021", r"row 2: date = '8.10.2021' is no date"),
        ("hb-data", "id", 6, "na", r"row 6: id is missing or no whole number"),
        ("diary-data", "period", 3, 4, r"row 3: period = '4' is none of 1, 2, 3, 9"),
        ("sessions-data", "session", 2, 1.5, r"row 2: session is missing or no whole number"),
        ("sessions-data", "watt.3", 2, "300 W", r"row 2: watt.3 = '300 W' is no number"),
        ("session-data/FP1", "id", 4, 2, r"row 4: has another rider's id"),
        ("session-data/FP1", "time", 4, "00:00:10", r"row 4: time = '00:00:10' is no multiple"),
    ],
)
def test_a_wrong_cell_is_named(riders, file, column, row, value, message):
    path = riders / f"{file}.xlsx"
    _change(path, column, row, value)
    with pytest.raises(UserError, match=message) as error:
        public.load_intervals(riders)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "file", ["testday1", "testday2", "hb-data", "diary-data", "sessions-data", "session-data/FP1"]
)
def test_a_workbook_that_is_none_or_lacks_a_column_is_named(riders, file):
    path = riders / f"{file}.xlsx"
    table = pd.read_excel(path, engine="calamine")
    table.rename(columns={"id": "ID"}).to_excel(path, index=False)
    with pytest.raises(UserError, match="column 'id' is missing"):
        public.load_intervals(riders)
    table.iloc[:0].to_excel(path, index=False)
    with pytest.raises(UserError, match="holds no rows"):
        public.load_intervals(riders)
    path.write_bytes(b"PK\x03\x04\x14\0\x06\x06cut here")
    with pytest.raises(UserError, match=r"\.xlsx: no readable workbook"):
        public.load_intervals(riders)
    if file != "session-data/FP1":
        path.unlink()
        with pytest.raises(UserError, match=f"holds no {file}.xlsx; .*sportsml fetch intervals"):
            public.load_intervals(riders)


def test_two_files_of_one_rider_are_refused(riders):
    shutil.copy(riders / "session-data" / "FP1.xlsx", riders / "session-data" / "FP1 (2).xlsx")
    with pytest.raises(UserError, match="bout 1 of rider_01-p1-1 stands twice"):
        public.load_intervals(riders)


def test_a_workbook_that_unpacks_to_too_much_is_not_opened(tmp_path, monkeypatch):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 10_000)
    monkeypatch.setattr(workbook, "MAX_BYTES", 9_999)
    with pytest.raises(UserError, match="unpacks to 10,000 bytes"):
        workbook.read_workbook(path)


# --- Sylta ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_cyclists(data_folder):
    return public.load_sylta(data_folder("sylta2016"))


def test_the_cycling_study_loads_whole(real_cyclists):
    data = real_cyclists
    _holds(data)
    assert len(data.athletes) == 20
    assert (data.tests["outcome"].value_counts() == 80).all()
    measured = data.tests.dropna(subset="value")["outcome"].value_counts()
    assert measured.to_dict() == {
        "vo2max_ml_min": 76,
        "vo2max_ml_kg_min": 76,
        "power_max_w": 76,
        "mass_kg": 76,
        "power_4mmol_w": 74,
    }
    groups = data.periods.drop_duplicates("athlete_id")["group"].value_counts()
    assert groups.to_dict() == {"INCR": 7, "DECR": 7, "MIX": 6}
    assert data.tests.drop_duplicates(["athlete_id", "test"])["doubted"].sum() == 15


def test_power_at_4_mmol_by_hand(real_cyclists):
    """The first cyclist's first test: 3.54 mmol/L at 250 W, 6.21 at 275 W."""
    first = real_cyclists.tests.iloc[:5].set_index("outcome")["value"]
    assert first["power_4mmol_w"] == pytest.approx(250 + 25 * (4 - 3.54) / (6.21 - 3.54))
    loads = np.array([125.0, 175, 225, 250, 275, 300])
    twice = np.array([1.72, 7.89, 7.43, 2.48, 3.54, 8.06])
    assert sylta.power_at_lactate(loads, twice) == pytest.approx(275 + 25 * 0.46 / 4.52)
    gap = np.array([1.0, np.nan, 2.0, np.nan, 6.0, np.nan])
    assert sylta.power_at_lactate(loads, gap) == pytest.approx(250.0)
    assert np.isnan(sylta.power_at_lactate(loads, np.full(6, 3.9)))
    assert np.isnan(sylta.power_at_lactate(loads, np.full(6, np.nan)))


@given(st.lists(st.floats(0.3, 20) | st.just(np.nan), min_size=2, max_size=9))
def test_power_at_4_mmol_lies_between_loads_that_were_ridden(lactate):
    loads, lactate = np.arange(len(lactate)) * 25.0 + 125, np.array(lactate)
    power, ridden = sylta.power_at_lactate(loads, lactate), loads[np.isfinite(lactate)]
    assert np.isnan(power) or ridden.min() <= power <= ridden.max()


def test_small_cyclists_by_hand(cyclists):
    _change(cyclists / "cyclingStudy.xlsx", "comment", 3, "a cold")
    data = public.load_sylta(cyclists)
    _holds(data)
    first = data.tests[(data.tests["athlete_id"] == "cyclist_01") & (data.tests["test"] == 1)]
    assert first.set_index("outcome")["value"].to_dict() == {
        "vo2max_ml_min": 4800,
        "vo2max_ml_kg_min": 60,
        "power_max_w": 400,
        "power_4mmol_w": 200,
        "mass_kg": 80,
    }
    assert data.periods["intervals"].tolist() == ["4x16 min", "4x8 min", "4x4 min"] + ["mixed"] * 3
    doubted = data.tests.drop_duplicates(["athlete_id", "test"])["doubted"]
    assert doubted.tolist() == [False, True] + [False] * 6
    assert _rows(data, "tests with a comment") == 1


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        ("timepoint", 2, "post", "row 2: timepoint = 'post' is none of pre, meso1, meso2, meso3"),
        ("timepoint", 3, "pre", "row 3: subject 1, timepoint pre stands twice"),
        ("group", 3, "DECR", "row 3: has another group than before"),
        ("lac.225", 4, "6,0", "row 4: lac.225 = '6,0' is no number"),
        ("subject", 9, None, "row 9: subject is missing"),
    ],
)
def test_a_wrong_cell_of_the_cycling_study_is_named(cyclists, column, row, value, message):
    _change(cyclists / "cyclingStudy.xlsx", column, row, value)
    with pytest.raises(UserError, match=message):
        public.load_sylta(cyclists)


def test_a_cycling_study_without_lactate_is_refused(cyclists):
    path = cyclists / "cyclingStudy.xlsx"
    table = pd.read_excel(path, engine="calamine")
    table.rename(columns=lambda name: name.replace("lac.", "La ")).to_excel(path, index=False)
    with pytest.raises(UserError, match=r"column 'lac.125' or its like is missing"):
        public.load_sylta(cyclists)


# --- Strava --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_runners(data_folder):
    return public.load_strava_runners(data_folder("strava_runners"))


def test_every_run_is_there_or_counted(real_runners):
    data = real_runners
    _holds(data)
    assert len(data.athletes) == 116
    twice = _rows(data, "runs that stand twice")
    assert len(data.sessions) + twice == 42_116
    assert twice == 408
    assert data.sessions["speed_mean_mps"].max() <= 7
    assert data.sessions["start"].dt.year.between(2000, 2020).all()
    assert data.sessions["hr_mean_bpm"].notna().mean() == pytest.approx(0.57, abs=0.01)


def test_dates_are_day_month_year(tmp_path):
    data = public.load_strava_runners(_runs(tmp_path, GOOD, GOOD.replace("15/12", "02/03")))
    _holds(data)
    assert data.sessions["start"].tolist() == [
        pd.Timestamp("2019-03-02 09:08", tz="UTC"),
        pd.Timestamp("2019-12-15 09:08", tz="UTC"),
    ]
    assert data.sessions["speed_mean_mps"].tolist() == [3, 3]


@pytest.mark.parametrize(
    ("old", "new", "missing", "reason"),
    [
        (";3000;", ";8000;", ["distance_m", "duration_s", "speed_mean_mps"], "faster than 7 m/s"),
        (";3000;", ";0;", ["distance_m", "speed_mean_mps"], "distance under 1 m"),
        (";1000;", ";0;", ["duration_s", "speed_mean_mps"], "elapsed time under 1 s"),
        (";1000;", ";2971531;", ["duration_s", "speed_mean_mps"], "elapsed time under 1 s"),
        (";150.3", ";19.5", ["hr_mean_bpm"], "mean heart rate outside"),
        (";150.3", ";237", ["hr_mean_bpm"], "mean heart rate outside"),
    ],
)
def test_an_impossible_run_is_kept_without_what_cannot_be(tmp_path, old, new, missing, reason):
    data = public.load_strava_runners(_runs(tmp_path, GOOD, GOOD.replace(old, new)))
    _holds(data)
    empty = data.sessions[["distance_m", "duration_s", "speed_mean_mps", "hr_mean_bpm"]].isna()
    assert empty.columns[empty.any()].tolist() == missing
    assert _rows(data, reason) == 1


def test_runs_at_one_minute_stay_apart_and_equal_ones_do_not(tmp_path):
    data = public.load_strava_runners(_runs(tmp_path, GOOD, GOOD, GOOD.replace("3000", "2000")))
    assert data.sessions["session_id"].tolist() == [
        "strava_7-20191215T0908",
        "strava_7-20191215T0908-2",
    ]
    assert data.sessions["distance_m"].tolist() == [3000, 2000]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD.replace("15/12", "12/15"), r"line 3: timestamp = '12/15/2019 09:08' is no date"),
        (GOOD.replace("15/12/2019", "2019-12-15"), "line 3: timestamp = .* is no date"),
        (GOOD.replace("3000", "3,0"), r"line 3: distance \(m\) = '3,0' is no number"),
        (GOOD.replace(";M;", ";X;"), "line 3: gender = 'X' is none of M, F"),
        (GOOD.replace(";M;", ";F;"), "line 2: gender differs between runs"),
        (GOOD.replace("7;M", ";M"), "line 3: athlete is missing"),
    ],
)
def test_a_wrong_cell_of_a_run_is_named(tmp_path, line, message):
    with pytest.raises(UserError, match=message):
        public.load_strava_runners(_runs(tmp_path, GOOD, line))


def test_other_forms_of_the_runs_are_refused(tmp_path):
    lines = [line.replace(";", ",") for line in (GOOD, HEAD)]
    with pytest.raises(UserError, match="columns separated by ';'"):
        public.load_strava_runners(_runs(tmp_path, lines[0], head=lines[1]))
    with pytest.raises(UserError, match="day and month cannot be told apart"):
        public.load_strava_runners(_runs(tmp_path, GOOD.replace("15/12", "03/12")))
    with pytest.raises(UserError, match="column 'timestamp' is missing"):
        public.load_strava_runners(_runs(tmp_path, GOOD, head=HEAD.replace("timestamp", "date")))
    with pytest.raises(UserError, match="is empty"):
        (tmp_path / "raw-data-kaggle.csv").write_bytes(b"")
        public.load_strava_runners(tmp_path)


# --- the contract --------------------------------------------------------------------------------


def test_an_outcome_is_one_of_a_closed_set():
    wide = pd.DataFrame({"athlete_id": ["a"], "test": [1], "mass_kg": [70.0]})
    table = dataset.tests(wide, dataset.Dropped())
    assert schema.validate(table, "tests", "here") is table
    with pytest.raises(UserError, match="outcome = 'weight' is none of vo2max_ml_min"):
        schema.validate(table.assign(outcome="weight"), "tests", "here")
    with pytest.raises(UserError, match="test = 0"):
        schema.validate(table.assign(test=0), "tests", "here")


def test_an_impossible_outcome_is_missing_and_counted():
    dropped = dataset.Dropped()
    wide = pd.DataFrame({"athlete_id": ["a", "b"], "test": [1, 1], "power_max_w": [0.0, 300.0]})
    assert dataset.tests(wide, dropped)["value"].isna().tolist() == [True, False]
    assert dropped.table()["rows"].sum() == 1
