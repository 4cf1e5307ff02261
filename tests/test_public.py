"""Public data sets: counts against independent one-liners, and odd variants of the real files."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sportsml_lite import intensity, schema
from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets import actes, pmdata, public, runners, swimming
from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError


def _left_out(data: DataSet, reason: str) -> int:
    rows = data.dropped.set_index("reason")["rows"]
    return int(rows[rows.index.str.contains(reason, regex=False)].sum())


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- PMData --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pm_folder(data_folder):
    return data_folder("pmdata")


@pytest.fixture(scope="module")
def pm(pm_folder):
    return public.load_pmdata(pm_folder)


@pytest.fixture
def pm_copy(pm_folder, tmp_path):
    """Two people of PMData, free to damage."""
    for person in ("p01", "p03"):
        shutil.copytree(pm_folder / person, tmp_path / person, copy_function=shutil.copyfile)
    shutil.copyfile(pm_folder / "participant-overview.xlsx", tmp_path / "participant-overview.xlsx")
    for path in tmp_path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path


def test_pmdata_accounts_for_every_report_and_every_recording(pm, pm_folder):
    reports = sum(
        pd.read_csv(path)["perceived_exertion"].count()
        for path in pm_folder.glob("p*/pmsys/srpe.csv")
    )
    entries = [
        entry
        for path in pm_folder.glob("p*/fitbit/exercise.json")
        for entry in json.loads(path.read_text())
    ]
    s = pm.sessions
    assert s["rpe"].count() + _left_out(pm, "reports sent twice") == reports
    recorded = s["source"].str.contains("fitbit").sum()
    assert recorded + _left_out(pm, "under 60 s") == len(entries)
    kept = [e for e in entries if e["activeDuration"] >= 60_000]
    assert s["distance_m"].count() == sum(e.get("distance", 0) > 0 for e in kept)
    assert s["distance_m"].sum() == pytest.approx(sum(1000 * e.get("distance", 0) for e in kept))
    assert s["steps"].sum() == sum(e.get("steps", 0) for e in kept)
    assert s["session_id"].is_unique


def test_pmdata_keeps_the_contract(pm):
    schema.validate(pm.athletes, "athletes", "pmdata")
    schema.validate(pm.sessions, "sessions", "pmdata")
    assert not pm.days.duplicated(["athlete_id", "date"]).any()
    assert pm.days["hr_rest_bpm"].min() > 25


def test_pmdata_people_are_as_the_overview_says(pm):
    people = pm.athletes.set_index("athlete_id")
    assert people.loc["p01", ["sex", "age_y", "height_cm", "hr_max_bpm"]].tolist() == [
        "m",
        48,
        195,
        182,
    ]
    assert people.loc["p04", "sex"] == "f"
    assert people.loc["p06", "sex"] == "m"  # 'male ' in the overview
    assert people.loc[["p07", "p12"], "hr_max_bpm"].isna().all()  # blank, and a space


def test_a_joined_session_ends_within_half_an_hour_of_its_report(pm, pm_folder):
    both = pm.sessions[pm.sessions["source"] == "pmdata/fitbit+pmsys"]
    assert both["rpe"].notna().all()
    entries = {
        f"{path.parts[-3]}-{e['logId']}": e
        for path in pm_folder.glob("p*/fitbit/exercise.json")
        for e in json.loads(path.read_text())
    }
    for row in both.itertuples():
        entry = entries[row.session_id]
        end = pd.Timestamp(entry["startTime"], tz="UTC") + pd.Timedelta(entry["duration"], "ms")
        diary = pd.read_csv(pm_folder / row.athlete_id / "pmsys" / "srpe.csv")
        gap = (pd.to_datetime(diary["end_date_time"], format="ISO8601") - end).abs()
        near = diary[gap <= pd.Timedelta(minutes=30)]
        assert row.rpe in near["perceived_exertion"].tolist()


def test_the_recordings_count_in_utc(pm_folder):
    """Read as local time, far fewer reports find a recording and far more people train asleep."""
    check = public.clock_check(pm_folder).set_index("clock")
    assert check.loc["UTC", "reports_matched"] > 4 * check.loc["Europe/Oslo", "reports_matched"]
    assert check.loc["UTC", "asleep_min"] < 0.5 * check.loc["Europe/Oslo", "asleep_min"]


def test_blank_and_half_blank_reports_are_left_out_and_counted(pm_copy):
    before = public.load_pmdata(pm_copy)
    with (pm_copy / "p01/pmsys/srpe.csv").open("a") as diary:
        diary.write(",,,\n\n2020-01-01T10:00:00.000Z,\"['individual', 'running']\",,30\n")
        diary.write("2020-01-02T10:00:00.000Z,\"['team', 'soccer']\",11,30\n")
    after = public.load_pmdata(pm_copy)
    assert after.sessions["rpe"].count() == before.sessions["rpe"].count()
    assert _left_out(after, "blank rows") == 2
    assert _left_out(after, "without an exertion") == 1
    assert _left_out(after, "beyond 0 to 10") == 1


def test_a_report_without_a_recording_is_a_session_of_its_own(pm_copy):
    with (pm_copy / "p03/pmsys/srpe.csv").open("a") as diary:
        diary.write("2019-12-24T23:30:00.000Z,\"['individual', 'strength', 'running']\",5,45\n")
    session = public.load_pmdata(pm_copy).sessions.query("source == 'pmdata/pmsys'").iloc[-1]
    assert session["start"] == pd.Timestamp("2019-12-24T22:45:00Z")
    assert session["duration_s"] == 45 * 60
    assert (session["sport"], session["rpe"]) == ("strength+running", 5)
    assert np.isnan(session["hr_mean_bpm"])


@pytest.mark.parametrize("content", [None, "", "[]"])
def test_a_person_without_recordings_keeps_the_reports(pm_copy, content):
    path = pm_copy / "p01/fitbit/exercise.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    data = public.load_pmdata(pm_copy)
    mine = data.sessions[data.sessions["athlete_id"] == "p01"]
    assert len(mine) == mine["rpe"].count() == 34
    assert (mine["source"] == "pmdata/pmsys").all()
    assert _left_out(data, "people without Fitbit sessions") == 1
    schema.validate(data.sessions, "sessions", "copy")


def test_a_person_without_reports_keeps_the_recordings(pm_copy, pm):
    (pm_copy / "p01/pmsys/srpe.csv").unlink()
    _keep_header(pm_copy / "p03/pmsys/srpe.csv")
    data = public.load_pmdata(pm_copy)
    assert data.sessions["rpe"].isna().all()
    recorded = pm.sessions["source"].str.contains("fitbit") & pm.sessions["athlete_id"].isin(
        ["p01", "p03"]
    )
    assert len(data.sessions) == recorded.sum()


def _keep_header(path):
    path.write_text(path.read_text().splitlines()[0] + "\n")


def test_a_person_with_nothing_but_a_name_stays_an_athlete(pm_copy):
    shutil.rmtree(pm_copy / "p03")
    (pm_copy / "p03/pmsys").mkdir(parents=True)
    (pm_copy / "participant-overview.xlsx").unlink()
    data = public.load_pmdata(pm_copy)
    assert data.athletes["athlete_id"].tolist() == ["p01", "p03"]
    assert data.athletes["age_y"].isna().all()
    assert set(data.sessions["athlete_id"]) == set(data.days["athlete_id"]) == {"p01"}


def test_days_follow_oslo_through_the_change_to_summer_time(pm_copy):
    path = pm_copy / "p01/pmsys/wellness.csv"
    _keep_header(path)
    rest = ",2,3,5,6,3,2,[],3\n"
    with path.open("a") as diary:
        for time in ("2020-03-28T22:30Z", "2020-03-28T23:30Z", "2020-03-29T21:30Z"):
            diary.write(time + rest)
        diary.write("2020-03-29T22:30Z" + rest)
    days = public.load_pmdata(pm_copy).days.dropna(subset="fatigue")
    mine = days[days["athlete_id"] == "p01"]["date"].dt.strftime("%m-%d").tolist()
    assert mine == ["03-28", "03-29", "03-30"]  # 23:30, 00:30, 23:30 (same day), 00:30


def test_a_session_on_the_day_of_the_change_is_matched(pm_copy):
    entry = json.loads((pm_copy / "p01/fitbit/exercise.json").read_text())[0]
    entry |= {"logId": 7, "startTime": "2020-03-29 00:40:00", "duration": 3_600_000}
    (pm_copy / "p01/fitbit/exercise.json").write_text(json.dumps([entry]))
    _keep_header(pm_copy / "p01/pmsys/srpe.csv")
    with (pm_copy / "p01/pmsys/srpe.csv").open("a") as diary:
        diary.write("2020-03-29T01:45:00.000Z,\"['individual', 'running']\",6,60\n")
    sessions = public.load_pmdata(pm_copy).sessions.set_index("session_id")
    assert sessions.loc["p01-7", "rpe"] == 6
    assert sessions.loc["p01-7", "start"] == pd.Timestamp("2020-03-29T00:40Z")


def test_extra_columns_and_windows_line_ends_change_nothing(pm_copy):
    before = public.load_pmdata(pm_copy)
    path = pm_copy / "p01/pmsys/srpe.csv"
    lines = [line + ",x" for line in path.read_text().splitlines()]
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    after = public.load_pmdata(pm_copy)
    pd.testing.assert_frame_equal(before.sessions, after.sessions)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "pmsys/srpe.csv",
            ",7,30",
            ",seven,30",
            r"srpe\.csv, line 2: perceived_exertion = 'seven'",
        ),
        ("pmsys/srpe.csv", "2019-11-05T22:51:54.710Z", "yesterday", r"srpe\.csv, line 2: end_date"),
        (
            "pmsys/srpe.csv",
            "perceived_exertion",
            "effort",
            "column 'perceived_exertion' is missing",
        ),
        ("fitbit/exercise.json", '"logId"', "logId", r"exercise\.json, line 1, column 3"),
        (
            "fitbit/exercise.json",
            "2019-11-01 14:56:32",
            "soon",
            r"exercise\.json, entry 1: startTime",
        ),
        ("fitbit/exercise.json", "Kilometer", "League", "distanceUnit = 'League' is unknown"),
        (
            "pmsys/wellness.csv",
            ",2,3,5,6,3,2,",
            ",two,3,5,6,3,2,",
            r"wellness\.csv, line 2: fatigue",
        ),
    ],
)
def test_pmdata_names_file_and_place_of_what_cannot_be_read(pm_copy, file, old, new, message):
    _replace(pm_copy / "p01" / file, old, new)
    with pytest.raises(UserError, match=message) as error:
        public.load_pmdata(pm_copy)
    assert "\n" not in str(error.value)


def test_a_cut_json_file_is_named(pm_copy):
    path = pm_copy / "p01/fitbit/exercise.json"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"exercise\.json, line 1, column \d+"):
        public.load_pmdata(pm_copy)


@given(
    arrays(float, st.integers(0, 12), elements=st.integers(0, 20_000)),
    arrays(float, st.integers(0, 12), elements=st.integers(0, 20_000)),
)
def test_matching_is_one_to_one_close_and_leaves_no_free_pair(reports, recordings):
    found = pmdata.match(reports, recordings)
    used = found[found >= 0]
    assert len(used) == len(set(used))
    assert (np.abs(reports[found >= 0] - recordings[used]) <= pmdata.MATCH_S).all()
    free = np.setdiff1d(np.arange(len(recordings)), used)
    gaps = np.abs(reports[found < 0][:, None] - recordings[free])
    assert (gaps > pmdata.MATCH_S).all()


# --- ACTES ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def actes_folder(data_folder):
    return data_folder("actes")


@pytest.fixture(scope="module")
def tests_(actes_folder):
    return public.load_actes(actes_folder)


@pytest.fixture
def actes_copy(actes_folder, tmp_path):
    """The first two athletes of ACTES, free to damage."""
    raw = pd.read_csv(actes_folder / "test_measure.csv")
    raw[raw["ID"] <= 2].to_csv(tmp_path / "test_measure.csv", index=False)
    people = pd.read_csv(actes_folder / "subject-info.csv")
    people[people["ID"] <= 2].to_csv(tmp_path / "subject-info.csv", index=False)
    return tmp_path


def test_actes_accounts_for_rest_and_recovery(tests_, actes_folder):
    raw = pd.read_csv(actes_folder / "test_measure.csv")
    peak = raw.groupby("ID")["power"].transform("max")
    last = raw["time"].where(raw["power"] == peak).groupby(raw["ID"]).transform("max")
    assert _left_out(tests_, "rest before the test") == (raw["time"] < 0).sum()
    assert _left_out(tests_, "recovery after") == (raw["time"] > last).sum()
    assert _left_out(tests_, "beats without an RR interval") == raw["RR"].isna().sum()
    seconds = np.ceil(last.groupby(raw["ID"]).first()) + 1
    assert len(tests_.streams) == seconds.sum()


def test_actes_keeps_the_contract(tests_):
    schema.validate(tests_.athletes, "athletes", "actes")
    schema.validate(tests_.streams, "streams", "actes")
    assert tests_.sessions["start"].isna().all()  # nobody knows when
    steps = tests_.streams.groupby("session_id")["t_s"].diff().dropna()
    assert (steps == 1).all()


def test_actes_streams_are_the_beats_of_their_second(tests_, actes_folder):
    raw = pd.read_csv(actes_folder / "test_measure.csv")
    mine = raw[(raw["ID"] == 1) & (raw["time"] > 99) & (raw["time"] <= 100)]
    second = tests_.streams.query("session_id == 'actes_01' and t_s == 100").iloc[0]
    assert second["hr_bpm"] == pytest.approx(60_000 / mine["RR"].mean())
    assert second["power_w"] == mine["power"].iloc[-1]
    assert second["vo2_ml_kg_min"] == pytest.approx(mine["VO2"].iloc[-1] / 53.7 * 1000)


def test_actes_labels_are_the_thresholds(tests_):
    s = tests_.streams.merge(tests_.athletes, left_on="session_id", right_on="athlete_id")
    expected = np.select(
        [s["power_w"] <= s["vt1"], s["power_w"] <= s["vt2"]],
        intensity.DOMAINS[:2],
        intensity.DOMAINS[2],
    )
    assert (s["label"] == expected).all()
    assert s.groupby("session_id")["label"].nunique().eq(3).all()


def test_an_rr_artefact_leaves_a_gap_and_no_heart_rate(tests_):
    """Athlete 16's sensor slept for 30.5 s; the interval it then wrote is no heart beat."""
    hr = tests_.streams.query("session_id == 'actes_16'").set_index("t_s")["hr_bpm"]
    assert hr.loc[48:76].isna().all()
    assert hr.loc[[45, 78]].between(80, 200).all()
    assert _left_out(tests_, "RR artefacts") >= 5
    assert tests_.streams["hr_bpm"].max() < 230


def test_missed_and_extra_beats_go_and_a_changing_rhythm_stays():
    rr = pd.Series(np.linspace(800, 400, 60))
    rr.iloc[20], rr.iloc[40], rr.iloc[50] = 2 * rr.iloc[20], 0.4 * rr.iloc[40], 30_500
    clean = actes.clean_rr(rr, pd.Series(1, index=rr.index))
    assert clean.index[clean.isna()].tolist() == [20, 40, 50]


def test_a_beat_is_judged_by_earlier_beats_alone():
    rr = pd.Series(np.random.default_rng(0).uniform(300, 1400, 200))
    whole = actes.clean_rr(rr, pd.Series(1, index=rr.index))
    assert whole.isna().any()
    for n in range(1, 200, 7):
        part = actes.clean_rr(rr[:n], pd.Series(1, index=rr.index[:n]))
        pd.testing.assert_series_equal(part, whole[:n])


def test_odd_actes_rows_are_counted(actes_copy):
    with (actes_copy / "test_measure.csv").open("a") as file:
        file.write(",,,,\n99,0.5,600,0.3,50\n2,,600,0.3,50\n")
    data = public.load_actes(actes_copy)
    assert _left_out(data, "blank rows") == 1
    assert _left_out(data, "unknown athlete") == 1
    assert _left_out(data, "without ID or time") == 1


def test_an_athlete_without_a_test_or_threshold_stays(actes_copy):
    with (actes_copy / "subject-info.csv").open("a") as file:
        file.write("3,17,60,170,100,200,rowing\n")
    _replace(actes_copy / "subject-info.csv", ",50,140,", ",,140,")
    data = public.load_actes(actes_copy)
    assert len(data.athletes) == 3
    assert data.sessions["session_id"].tolist() == ["actes_01", "actes_02"]
    assert data.streams.query("session_id == 'actes_01'")["label"].isna().all()
    assert data.streams.query("session_id == 'actes_02'")["label"].notna().all()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "test_measure.csv",
            "672.0",
            "fast",
            r"test_measure\.csv, line 2: RR = 'fast' is no number",
        ),
        ("test_measure.csv", "-130.168", "-131.9", r"line 3: time runs backwards"),
        ("test_measure.csv", "VO2", "VO_2", "column 'VO2' is missing"),
        ("subject-info.csv", "\n2,", "\n1,", r"subject-info\.csv, line 3: ID is twice"),
    ],
)
def test_actes_names_file_and_line(actes_copy, file, old, new, message):
    _replace(actes_copy / file, old, new)
    with pytest.raises(UserError, match=message):
        public.load_actes(actes_copy)


def test_a_missing_file_says_what_to_fetch(actes_copy):
    (actes_copy / "subject-info.csv").unlink()
    with pytest.raises(UserError, match=r"holds no subject-info\.csv.*sportsml fetch actes"):
        public.load_actes(actes_copy)


# --- ETH swimming --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swim_folder(data_folder):
    return data_folder("swimming")


@pytest.fixture
def swim_copy(swim_folder, tmp_path):
    """Two recordings, one of them with both undocumented labels."""
    for name in ("2/Freestyle_1532600456605.csv", "11/Butterfly_5420449245383.csv"):
        (tmp_path / name).parent.mkdir()
        shutil.copyfile(swim_folder / name, tmp_path / name)
    return tmp_path


def test_swimming_accounts_for_every_sample(swim_folder):
    data = public.load_swimming(swim_folder)
    labels = pd.concat(
        pd.read_csv(path, usecols=["label"])["label"] for path in swim_folder.glob("*/*.csv")
    ).value_counts()
    assert _left_out(data, "label -1") == labels[-1]
    assert _left_out(data, "label 6") == labels[6]
    kept = data.motion["label"].value_counts()
    assert kept.to_dict() == {name: labels[i] for i, name in enumerate(swimming.LABELS)}
    assert len(data.athletes) == len(list(swim_folder.iterdir()))
    assert set(data.motion["session_id"]) == set(data.sessions["session_id"])


def test_swimming_values_and_times_are_the_files(swim_copy):
    data = public.load_swimming(swim_copy)
    raw = pd.read_csv(swim_copy / "2/Freestyle_1532600456605.csv")
    good = raw[raw["label"].between(0, 5)]
    mine = data.motion[data.motion["session_id"] == "swimmer_02-Freestyle_1532600456605"]
    for column, name in swimming.CHANNELS.items():
        np.testing.assert_array_equal(mine[name], good[column])
    expected = (good["timestamp"] - raw["timestamp"].iloc[0]) / 1e9
    np.testing.assert_allclose(mine["t_s"], expected)
    assert mine["t_s"].diff().max() > 1  # what was left out leaves a jump, not a shift
    assert data.motion["label"].isin(swimming.LABELS).all()


def test_a_rule_that_found_nothing_is_told_with_a_zero(swim_copy):
    shutil.rmtree(swim_copy / "2")
    dropped = public.load_swimming(swim_copy).dropped.set_index("reason")["rows"]
    assert dropped["samples of undocumented label -1"] == 0
    assert dropped["samples of undocumented label 6"] == 0


def test_a_stamp_that_is_no_date_gives_no_start(swim_copy):
    start = public.load_swimming(swim_copy).sessions.set_index("athlete_id")["start"]
    assert pd.isna(start["swimmer_11"])
    assert start["swimmer_02"] == pd.Timestamp(1532600456605, unit="ms", tz="UTC")


def test_the_repository_root_works_too(swim_copy, tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(swim_copy, root / "data" / "processed_30hz_relabeled")
    assert len(public.load_swimming(root).sessions) == 2


def test_unknown_labels_blank_rows_and_empty_files_are_counted(swim_copy):
    path = swim_copy / "11/Butterfly_5420449245383.csv"
    raw = pd.read_csv(path)
    raw.loc[10:14, "label"] = 7
    raw.loc[20, "label"] = np.nan
    raw.loc[30, "ACC_0"] = np.inf
    raw.to_csv(path, index=False)
    header = path.read_text().splitlines()[0]
    (swim_copy / "2/Freestyle_1.csv").write_text(header + "\n" + "," * header.count(",") + "\n")
    (swim_copy / "2/notes.csv").write_text("not,a,recording\n")
    data = public.load_swimming(swim_copy)
    assert _left_out(data, "label 7") == 5
    assert _left_out(data, "without a label") == 1
    assert _left_out(data, "blank rows") == 1
    assert _left_out(data, "files without samples") == 1
    assert data.motion["acc_x_mps2"].isna().sum() == 1
    assert len(data.sessions) == 2


def test_swimming_refuses_another_rate_and_a_clock_that_turns_back(swim_copy):
    path = swim_copy / "11/Butterfly_5420449245383.csv"
    raw = pd.read_csv(path)
    raw.iloc[::2].to_csv(path, index=False)
    with pytest.raises(
        UserError, match=r"Butterfly_5420449245383\.csv: has 15\.0 samples a second"
    ):
        public.load_swimming(swim_copy)
    raw.loc[5, "timestamp"] = raw.loc[4, "timestamp"]
    raw.to_csv(path, index=False)
    with pytest.raises(UserError, match="line 7: timestamp does not rise"):
        public.load_swimming(swim_copy)


# --- runners -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log_folder(data_folder):
    return data_folder("lovdal_sample")


def test_runners_have_seven_days_an_event_in_order(log_folder):
    data = public.load_runners(log_folder)
    raw = pd.read_csv(log_folder / "day_sample.csv")
    assert len(data.days) == 7 * len(raw)
    week = data.days[data.days["event"] == 4]  # line 4 of the file: its third row
    assert (week["day"] - week["event_day"]).tolist() == [-7, -6, -5, -4, -3, -2, -1]
    kilometres = raw[[f"total km.{k}" if k else "total km" for k in range(7)]].to_numpy()
    assert (kilometres == -0.01).any()
    expected = np.where(kilometres == -0.01, 0, kilometres)
    np.testing.assert_array_equal(data.days["distance_km"], expected.ravel())
    assert data.days.drop_duplicates("event")["injury"].sum() == raw["injury"].sum()
    assert not (data.days[list(runners.LOGGED.values())] < 0).any(axis=None)


def _log(tmp_path, events):
    """A log as the original writes it: one runner, events of consecutive days."""
    days = {day: [1, 10 + day, 0, 0, 0, 0, 0, 0.2, 0.5, 0.1] for day in range(40)}
    days[5] = [0, 0, 0, 0, 0, 0, 0, -0.01, -0.01, -0.01]
    names = [f"{name}.{k}" if k else name for k in range(7) for name in runners.LOGGED]
    rows = [[v for k in range(7) for v in days[event - 7 + k]] for event in events]
    frame = pd.DataFrame(rows, columns=names)
    frame = frame.assign(**{"Athlete ID": 3, "injury": 0, "Date": events})
    frame.loc[frame.index[-1], "injury"] = 1
    path = tmp_path / "day_approach_maskedID_timeseries.csv"
    frame.to_csv(path, index=False)
    return path


def test_rest_is_zero_kilometres_and_no_feeling(tmp_path):
    _log(tmp_path, [9, 10, 11])
    days = public.load_runners(tmp_path).days
    rest = days[days["day"] == 5]
    assert rest["rest"].all()
    assert (rest["distance_km"] == 0).all()
    assert rest[["exertion", "training_success", "recovery"]].isna().all(axis=None)
    assert not days.loc[days["day"] != 5, "rest"].any()


def test_overlapping_events_that_agree_make_one_row_a_day_and_others_are_told(tmp_path):
    path = _log(tmp_path, [9, 10, 11])
    data = public.load_runners(tmp_path)
    once = data.days.drop_duplicates(["athlete_id", "day"])
    assert once["day"].tolist() == list(range(2, 11))
    assert once["distance_km"].drop(once.index[3]).tolist() == [12, 13, 14, 16, 17, 18, 19, 20]
    assert _left_out(data, "tell differently") == 0
    raw = pd.read_csv(path)
    raw.loc[1, "total km.3"] += 1
    raw.to_csv(path, index=False)
    assert _left_out(public.load_runners(tmp_path), "tell differently") == 1


def test_runners_refuse_the_weekly_file_alone_and_a_strange_label(tmp_path, log_folder):
    shutil.copyfile(log_folder / "week_sample.csv", tmp_path / "week_sample.csv")
    with pytest.raises(UserError, match="holds no file of the day approach"):
        public.load_runners(tmp_path)
    path = _log(tmp_path, [9, 10])
    raw = pd.read_csv(path)
    raw.assign(injury=[0, 1.1]).to_csv(path, index=False)
    with pytest.raises(UserError, match=r"line 3: injury = 1\.1, expected 0 or 1"):
        public.load_runners(tmp_path)


# --- the reader's own tables ---------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    (tmp_path / "sessions.csv").write_text(
        "session_id,athlete_id,start,sport,duration_s,hr_mean_bpm,rpe,club\n"
        "007,01,2024-05-31T06:30:00+02:00,running,3600,150,4,x\n"
        "008,02,2024-06-01T06:30:00Z,running,1800,,,\n",
        encoding="utf-8",
    )
    (tmp_path / "athletes.csv").write_text("athlete_id,age_y,sex\n01,30,f\n02,,\n")
    (tmp_path / "streams.csv").write_text("session_id,t_s,hr_bpm\n007,0,90\n007,1,\n")
    return tmp_path


def test_own_tables_keep_names_zones_gaps_and_further_columns(own):
    data = public.load_tables(own)
    first = data.sessions.iloc[0]
    assert (first["session_id"], first["athlete_id"], first["club"]) == ("007", "01", "x")
    assert first["start"] == pd.Timestamp("2024-05-31T04:30:00Z")
    assert np.isnan(data.sessions.loc[1, "rpe"])
    assert np.isnan(data.streams.loc[1, "hr_bpm"])
    for table in ("athletes", "sessions", "streams"):
        schema.validate(getattr(data, table), table, table)


def test_a_blank_behind_a_name_or_label_makes_no_other_one(own):
    (own / "streams.csv").write_text("session_id,t_s,label\n007 ,0,easy\n007,1,easy \n008,0, \n")
    streams = public.load_tables(own).streams
    assert streams["session_id"].tolist() == ["007", "007", "008"]
    assert streams["label"].tolist()[:2] == ["easy", "easy"] and pd.isna(streams.loc[2, "label"])


def test_own_tables_need_only_sessions(own):
    (own / "athletes.csv").unlink()
    (own / "streams.csv").unlink()
    data = public.load(str(own))
    assert data.athletes["athlete_id"].tolist() == ["01", "02"]
    assert data.streams.empty


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("sessions.csv", "3600", "an hour", r"sessions\.csv, line 2: duration_s = 'an hour'"),
        ("sessions.csv", ",150,", ",950,", r"sessions\.csv, line 2: hr_mean_bpm = 950"),
        ("sessions.csv", "2024-06-01T06:30:00Z", "June", r"line 3: start = 'June' is no time"),
        ("sessions.csv", "008", "007", "session_id = '007' stands twice"),
        ("sessions.csv", "008,02", "008,09", "athlete_id = '09' is not among the athletes"),
        ("streams.csv", "007,1", "999,1", "session_id = '999' is not among the sessions"),
        ("athletes.csv", "01,30", "01,300", r"athletes\.csv, line 2: age_y = 300"),
        ("streams.csv", "t_s", "seconds", "column 't_s' is missing; there are only 'session_id'"),
        ("sessions.csv", "athlete_id", "who", "column 'athlete_id' is missing"),
        (
            "streams.csv",
            "session_id,t_s,hr_bpm",
            "session_id;t_s;hr_bpm",
            "line 2: 1 fields where the header has 3",
        ),
        ("sessions.csv", "club", "rpe", "column 'rpe' stands twice"),
    ],
)
def test_own_tables_name_file_row_and_column(own, file, old, new, message):
    _replace(own / file, old, new)
    with pytest.raises(UserError, match=message) as error:
        public.load_tables(own)
    assert "\n" not in str(error.value)


def test_own_tables_without_sessions_say_so(tmp_path):
    with pytest.raises(UserError, match=r"holds no sessions\.csv"):
        public.load_tables(tmp_path)


# --- all of them ---------------------------------------------------------------------------------


def test_load_finds_by_name_and_says_what_to_fetch(actes_folder, tmp_path, monkeypatch):
    assert public.load("actes", str(actes_folder)).name == "actes"
    assert public.load("actes", str(actes_folder.parent)).name == "actes"
    monkeypatch.setenv("SPORTSML_DATA", str(tmp_path))
    monkeypatch.setattr(fetch, "cache_home", lambda: tmp_path)
    with pytest.raises(UserError, match="sportsml fetch actes"):
        public.load("actes")
    with pytest.raises(UserError, match="did you mean actes"):
        public.load("actess")


@pytest.mark.parametrize("name", public.LOADERS)
def test_an_empty_folder_is_one_clear_line(name, tmp_path):
    with pytest.raises(UserError, match=f"sportsml fetch {name}") as error:
        public.LOADERS[name](tmp_path)
    assert "\n" not in str(error.value)


def test_a_summary_counts_rows_and_what_was_left_out(tests_):
    counts = public.summary(tests_).set_index("what")["count"]
    assert counts["athletes: rows"] == 18
    labels = counts[counts.index.str.startswith("streams: label")]
    assert labels.sum() == counts["streams: rows"] == len(tests_.streams)
    left_out = counts[counts.index.str.startswith("left out: ")]
    assert left_out.tolist() == tests_.dropped["rows"].tolist()


def test_own_tables_read_parquet_or_say_what_is_missing(own):
    csv = public.load_tables(own)
    path = own / "streams.parquet"
    (own / "streams.csv").unlink()
    if importlib.util.find_spec("pyarrow"):
        csv.streams.to_parquet(path)
        pd.testing.assert_frame_equal(public.load_tables(own).streams, csv.streams)
    else:
        path.write_bytes(b"PAR1")
        with pytest.raises(UserError, match=r"streams\.parquet: reading Parquet needs pyarrow"):
            public.load_tables(own)
