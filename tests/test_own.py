"""A reader's own device files: tables that read back equal, and a model of one person in time."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from garmin_fit_sdk import Encoder, Profile
from scipy import stats

from sportsml_lite import cli, schema
from sportsml_lite.collect import devices
from sportsml_lite.collect.datasets import dataset, own_files
from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.collect.datasets.own_tables import in_order, load_tables
from sportsml_lite.errors import UserError
from sportsml_lite.plots import own as figures
from sportsml_lite.simulate import simulate
from sportsml_lite.studies import own as study
from sportsml_lite.studies.runner import Options

DAYS, EACH = 70, 24
START = pd.Timestamp("2024-05-01T06:00:00Z")
T0 = int(START.timestamp()) - 631_065_600  # in FIT's own seconds


@pytest.fixture(scope="module")
def sim():
    return simulate(2, DAYS, seed=3)


@pytest.fixture(scope="module")
def runner(sim, tmp_path_factory):
    """A folder of one runner's FIT files, a row each 20 s; the effects count as the device's."""
    folder = tmp_path_factory.mktemp("my runs")
    mine = sim.sessions[sim.sessions["athlete_id"] == "a00000"].head(EACH)
    streams = sim.streams(mine["session_id"])
    for _, session in mine.assign(effect_name="device").iterrows():
        own = streams[(streams["session_id"] == session["session_id"]) & (streams["t_s"] % 20 == 0)]
        devices.write_fit(folder / f"{session['session_id']}.fit", session, own)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The kept tables of a test lie in a folder of its own."""
    monkeypatch.setattr(own_files, "project_root", lambda: tmp_path / "clone")
    return tmp_path / "clone" / "_build" / "own"


def fit(path, hr_bpm, profile=None, start=0, effect=2.5):
    """A FIT file of one run, with a user profile if wanted."""
    encoder, number = Encoder(), Profile["mesg_num"]
    last = T0 + start + len(hr_bpm)
    messages = [("FILE_ID", {"type": "activity", "time_created": T0})]
    messages += [("USER_PROFILE", profile)] if profile else []
    messages += [("RECORD", {"timestamp": T0 + start + i, "heart_rate": v, "position_lat": 2**29,
                             "position_long": 2**28}) for i, v in enumerate(hr_bpm)]  # fmt: skip
    messages.append(("SESSION", {"start_time": T0 + start, "timestamp": last, "sport": "running",
                                 "total_timer_time": float(len(hr_bpm)),
                                 "total_training_effect": effect}))  # fmt: skip
    for name, fields in messages:
        encoder.write_mesg({"mesg_num": number[name], **fields})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoder.close())
    return path


def assert_same(data, back):
    data = in_order(data)
    for table in own_files.TABLES:
        pd.testing.assert_frame_equal(getattr(data, table), getattr(back, table), rtol=1e-12)


# --- files become tables -------------------------------------------------------------------------


def test_the_devices_effect_arrives_in_the_table(runner, sim):
    data = own_files.load_files(runner)
    truth = sim.sessions.set_index(sim.sessions["session_id"] + ".fit")["effect"]
    assert len(data.sessions) == EACH
    expected = truth.loc[data.sessions["session_id"]].round(1)
    np.testing.assert_allclose(data.sessions["effect"], expected, atol=0.051)
    assert set(data.sessions["effect_name"]) == {"device"}
    assert data.sessions["start"].is_monotonic_increasing
    assert data.athletes["athlete_id"].tolist() == [runner.name]


def test_tables_written_are_read_back_equal(runner, tmp_path):
    data = own_files.load_files(runner)
    assert_same(data, load_tables(own_files.write_tables(data, tmp_path / "out")))


def test_odd_names_and_missing_values_are_read_back_equal(tmp_path):
    sessions = pd.DataFrame({
        "session_id": ['a, "b".fit', "ü\n2", "3"],
        "athlete_id": ["José, Ana", "1", "1"],
        "start": pd.to_datetime([START, START + pd.Timedelta(microseconds=1), pd.NaT], utc=True),
        "effect": [0.1 + 0.2, np.nan, 5.0],
    })  # fmt: skip
    streams = pd.DataFrame(
        {"session_id": ["3", "3"], "t_s": [0.0, 1.0], "lat_deg": [np.nan, 1 / 3]}
    )
    data = DataSet("x", dataset.athletes(["José, Ana", "1"]), schema.conform(sessions, "sessions"),
                   schema.conform(streams, "streams"))  # fmt: skip
    assert_same(data, load_tables(own_files.write_tables(data, tmp_path / "out")))


@pytest.mark.parametrize("name", ["NA", "blank "])
def test_a_name_that_a_table_cannot_hold_is_refused_and_nothing_is_written(tmp_path, name):
    sessions = schema.conform(pd.DataFrame({"session_id": ["1"], "athlete_id": [name]}), "sessions")
    with pytest.raises(UserError):
        own_files.write_tables(DataSet("x", dataset.athletes([name]), sessions), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_touched(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="exists already"):
        own_files.write_tables(DataSet("x"), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("folders", "athlete", "people"),
    [
        (("ann", "bob"), "", ["ann", "bob"]),
        (("ann", "bob"), "me", ["me"]),
        (("ann", "ann/2024"), "", ["mine"]),
        (("ann", "."), "", ["mine"]),
        (("2023", "2024-05"), "", ["mine"]),
        (("01", "02"), "", ["01", "02"]),
    ],
)
def test_each_sub_folder_is_a_person(tmp_path, folders, athlete, people):
    for i, name in enumerate(folders):
        fit(tmp_path / "mine" / name / f"{i}.fit", [100 + i] * 40, start=86_400 * i)
    data = own_files.load_files(tmp_path / "mine", athlete)
    assert data.athletes["athlete_id"].tolist() == people
    assert len(data.sessions) == len(folders)


def test_a_person_is_read_from_the_latest_profile_and_from_the_heart(tmp_path):
    """0 is what nobody entered; a rate counts as the highest once it was held for 30 s."""
    old = {"gender": "male", "weight": 70.0, "resting_heart_rate": 50}
    new = {"gender": "female", "weight": 61.5, "height": 1.7, "age": 33, "resting_heart_rate": 0,
           "default_max_heart_rate": 180}  # fmt: skip
    fit(tmp_path / "1.fit", [150] * 60, old)
    fit(tmp_path / "2.fit", [186] * 30 + [150] * 60 + [220] * 29, new, start=86_400)
    fit(tmp_path / "3.fit", [140] * 60, start=2 * 86_400)
    person = own_files.load_files(tmp_path).athletes.iloc[0]
    assert (person["sex"], person["age_y"], person["mass_kg"]) == ("f", 33, 61.5)
    assert person["height_cm"] == pytest.approx(170)
    assert np.isnan(person["hr_rest_bpm"])
    assert person["hr_max_bpm"] == 186
    (tmp_path / "2.fit").unlink()
    person = own_files.load_files(tmp_path).athletes.iloc[0]
    assert (person["sex"], person["hr_rest_bpm"], person["hr_max_bpm"]) == ("m", 50, 150)


def test_copies_undated_and_broken_files_are_left_out_and_counted(tmp_path):
    first = fit(tmp_path / "1.fit", [150] * 60)
    shutil.copyfile(first, tmp_path / "1 (copy).fit")
    (tmp_path / "2.csv").write_text("t_s,hr_bpm\n0,100\n1,101\n")
    (tmp_path / "3.fit").write_bytes(first.read_bytes()[:50])
    fit(tmp_path / "4.fit", [150] * 60, start=86_400, effect=7.5)
    data = own_files.load_files(tmp_path)
    assert data.sessions["effect"].tolist()[:1] == [2.5]
    assert len(data.sessions) == 2
    left = data.dropped.set_index("reason")["rows"]
    assert left["sessions without a date"] == left["copies of a session, in any format"] == 1
    assert left["effect outside its range (set to missing)"] == 1
    assert left[left.index.str.startswith("3.fit: ")].tolist() == [1]
    assert data.sessions["effect_name"].isna().tolist() == [False, True]


def test_of_a_workout_in_several_formats_the_one_with_the_effect_is_kept(data_folder):
    data = own_files.load_files(data_folder("device_files"))
    assert data.sessions["source"].str.endswith(".fit").all()
    assert len(data.sessions) == 6
    assert data.sessions["effect"].max() == 5.0


def test_kept_tables_are_made_once_and_anew_when_a_file_changes(tmp_path, cache, monkeypatch):
    folder = tmp_path / "mine"
    fit(folder / "1.fit", [150] * 60)
    first = own_files.kept_tables(folder)
    assert "lat_deg" in own_files.load_files(folder).streams
    assert "lat_deg" not in load_tables(first).streams
    with monkeypatch.context() as patch:
        patch.setattr(devices, "read", None)
        assert own_files.kept_tables(folder) == first
    fit(folder / "2.fit", [150] * 60, start=86_400)
    second = own_files.kept_tables(folder)
    assert len(load_tables(second).sessions) == 2
    assert [path for path in cache.iterdir() if path.is_dir()] == [second]


def test_a_folder_of_tables_stays_itself(tmp_path):
    (tmp_path / "streams.csv").write_text("session_id,t_s\n")
    assert own_files.kept_tables(tmp_path) == tmp_path


def test_the_command_writes_tables_and_says_what_was_left_out(runner, tmp_path):
    shutil.copytree(runner, tmp_path / "runs")
    (tmp_path / "runs" / "broken.fit").write_bytes(b"")
    out = tmp_path / "tables"
    words = ["tables", str(tmp_path / "runs"), "--athlete", "me", "--out", str(out)]
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 0, done.output
    assert f"sessions: {EACH} rows" in done.output
    assert "left out: 1 × broken.fit: it is empty" in done.output
    assert load_tables(out).athletes["athlete_id"].tolist() == ["me"]
    again = CliRunner().invoke(cli.main, words)
    assert again.exit_code == 2
    assert "exists already" in again.output


# --- one person ----------------------------------------------------------------------------------


def data_of(sessions, athletes):
    return DataSet("mine", athletes, sessions.reset_index(drop=True))


@pytest.fixture(scope="module")
def one(sim):
    return data_of(sim.sessions[sim.sessions["athlete_id"] == "a00000"], sim.athletes)


@pytest.fixture(scope="module")
def table(one):
    return study.features(one.sessions, one.athletes)


def test_seventy_fifteen_fifteen_in_the_order_of_time(one):
    assert list(study.parts(20)) == ["train"] * 14 + ["validation"] * 3 + ["test"] * 3
    assert list(study.parts(40)) == ["train"] * 28 + ["validation"] * 6 + ["test"] * 6
    shuffled = replace(one, sessions=one.sessions.sample(frac=1, random_state=1))
    (person,) = study.study(replace(shuffled, sessions=shuffled.sessions.reset_index(drop=True)))
    sessions = person.sessions
    assert sessions["start"].is_monotonic_increasing
    assert list(sessions["part"]) == list(study.parts(len(one.sessions)))
    assert sessions["effect"].tolist() == one.sessions.sort_values("start")["effect"].tolist()


def test_features_by_hand():
    sessions = pd.DataFrame({
        "session_id": ["1", "2", "3"],
        "athlete_id": "a",
        "start": START + pd.to_timedelta([0, 2, 12], unit="D"),
        "duration_s": [3600.0, 1800.0, 3600.0],
        "hr_mean_bpm": [150.0, 100.0, 120.0],
        "hr_max_bpm": [180.0, 160.0, 170.0],
        "effect": 2.0,
    })  # fmt: skip
    people = dataset.athletes(["a"], {"a": {"hr_max_bpm": 200.0}})
    X = study.features(schema.conform(sessions, "sessions"), people).X
    np.testing.assert_allclose(X[:, 0], np.log([60, 30, 60]))
    np.testing.assert_allclose(X[:, 1], [0.75, 0.5, 0.6])
    np.testing.assert_allclose(X[:, 2], [0.9, 0.8, 0.85])
    ends = np.array([3600, 2 * 86_400 + 1800]) / 86_400  # loads of 45 and 15, fading with 28 days
    weight = np.exp(-(12 - ends) / 28)
    np.testing.assert_allclose(
        X[:, 3], [np.nan, np.log(45), np.log(weight @ [45, 15] / weight.sum())]
    )
    np.testing.assert_allclose(X[:, 4], np.log1p([0, 45, 0]))


def test_a_feature_reads_no_later_session_and_no_effect(one):
    late = one.sessions["start"] > one.sessions["start"].median()
    changed = one.sessions.assign(effect=1.0)
    changed.loc[late, ["duration_s", "hr_mean_bpm"]] *= 0.5
    here, there = (study.features(s, one.athletes).X for s in (one.sessions, changed))
    np.testing.assert_array_equal(here[~late], there[~late])
    assert (here[late] != there[late]).any()


def answers(table):
    """Predictions of the test sessions by arm and n."""
    errors, _ = study.learning_curve(table)
    truth = pd.Series(table.y, index=table.session)
    errors["answer"] = errors["error"] + truth.loc[errors["session"]].to_numpy()
    return errors.set_index(["n", "arm", "session"])["answer"]


def changed(table, part):
    return replace(table, y=np.where(study.parts(len(table)) == part, 5 - table.y, table.y))


def test_test_sessions_teach_nobody_and_validation_chooses_the_mixture_alone(table):
    here = answers(table)
    pd.testing.assert_series_equal(answers(changed(table, "test")), here)
    chosen = answers(changed(table, "validation"))
    moved = (chosen - here).abs().groupby("arm").max()
    assert moved.drop("between").max() < 1e-12 < moved["between"]
    taught = answers(changed(table, "train"))
    moved = (taught - here).abs().groupby("arm").max()
    assert moved["population"] == 0 < min(moved["mean"], moved["own"])


def test_each_size_learns_from_the_sessions_just_before(table):
    part = study.parts(len(table))
    train = table.y[part == "train"]
    means = answers(table).xs("mean", level="arm").groupby("n").first()
    assert list(means.index) == [5, 10, 20, len(train)]
    np.testing.assert_allclose(means, [train[-n:].mean() for n in means.index])


def test_the_mixture_by_hand():
    y = np.array([1.0, 3.0])
    far = y + 2
    asked = np.array([4.0]), np.array([1.0])
    own, crowd = (y, asked[0]), (far, asked[1])
    assert study.between(own, crowd, 10, y) == (4.0, 0.0)
    guess, k = study.between((far, asked[0]), (y, asked[1]), 10, y)
    assert (guess, k) == (pytest.approx((10 * 4 + 1000 * 1) / 1010), 1000)
    guess, k = study.between((y + 1, asked[0]), (y - 1, asked[1]), 10, y)
    assert (guess, k) == (pytest.approx(2.5), 10)


def test_who_knows_the_person_beats_the_mean():
    """Mean over simulated runners whom the population never met, at 5 and at all sessions."""
    sim = simulate(12, DAYS, seed=11)
    counts = sim.sessions["athlete_id"].value_counts()
    names = counts.index[counts >= study.LEAST]
    miss = []
    for name in names:
        mine = sim.sessions[sim.sessions["athlete_id"] == name].reset_index(drop=True)
        (person,) = study.study(data_of(mine, sim.athletes))
        miss.append(study.misses(person).pivot(index="n", columns="arm", values="estimate").loc[
            [5, person.n]].to_numpy())  # fmt: skip
    columns = sorted(study.ARMS.values())
    few, all_ = (dict(zip(columns, row, strict=True)) for row in np.mean(miss, axis=0))
    own, mixed, mean = (study.ARMS[a] for a in ("own", "between", "mean"))
    assert len(names) >= 8
    assert all_[mixed] < 0.8 * all_[mean]
    assert few[mixed] < few[own]


def test_the_interval_is_students_over_the_test_sessions(one):
    (person,) = study.study(one)
    last = person.errors[(person.errors["n"] == person.n) & (person.errors["arm"] == "own")]
    miss = last["error"].abs().to_numpy()
    low, high = stats.t.interval(0.95, len(miss) - 1, miss.mean(), stats.sem(miss))
    found = next(r for r in study.results(person) if r["prediction"] == study.ARMS["own"])
    assert found["mean miss"].high == pytest.approx(high)
    assert found["mean miss"].low == pytest.approx(max(low, 0))


def test_what_cannot_be_predicted_is_counted_by_its_reason(one):
    sessions = one.sessions.copy()
    sessions.loc[:2, "effect"] = np.nan
    sessions.loc[2:6, "hr_mean_bpm"] = np.nan
    sessions.loc[6, "duration_s"] = 0.0
    (person,) = study.study(data_of(sessions, one.athletes))
    assert person.left_out == {"sessions without heart rate": 4, "sessions without a duration": 1,
                               "sessions without a training effect": 2}  # fmt: skip
    assert len(person.sessions) == len(sessions) - 7
    assert "4 sessions without heart rate" in study.about(person)


def test_effects_of_two_kinds_are_not_mixed(one):
    sessions = one.sessions.copy()
    sessions.loc[0, "effect_name"] = "device"
    with pytest.raises(UserError, match="two kinds, 'device' and 'simulated'"):
        study.study(data_of(sessions, one.athletes))


# --- a lesson's folder ---------------------------------------------------------------------------


@pytest.mark.parametrize("options", [Options(), Options("pmdata"), Options("pmdata", "somewhere")])
def test_without_a_folder_of_the_readers_nothing_changes(options):
    assert study.open_folder(options) == study.Own(options)


@pytest.mark.parametrize("given", ["data_dir", "dataset"])
def test_one_persons_files_leave_the_live_example_simulated(runner, cache, given):
    options = replace(Options(seed=4), **{given: str(runner)})
    found = study.open_folder(options)
    assert found.live == Options(seed=4)
    assert "5 are needed, and your files have 1" in found.note
    (person,) = found.people
    assert (person.name, person.what) == (runner.name, "the device's training effect")
    assert len(person.sessions) == EACH
    assert study.told(found).startswith(f"{runner.name} (the device's training effect")


def test_many_people_are_the_live_example(one, tmp_path):
    sessions = one.sessions.assign(effect_name="device")
    sessions["athlete_id"] = np.array(list("abcdef"))[np.arange(len(sessions)) % 6]
    people = dataset.athletes(list("abcdef"))
    out = own_files.write_tables(data_of(sessions, people), tmp_path / "out")
    found = study.open_folder(Options(data_dir=str(out)))
    assert found.live == Options(data_dir=str(out))
    assert found.note == ", as the device computes it"
    assert found.people == ()
    sessions[["effect", "rpe"]] = np.nan  # a laboratory's: the target may be oxygen uptake
    out = own_files.write_tables(data_of(sessions, people), tmp_path / "laboratory")
    assert study.open_folder(Options(data_dir=str(out))).live.data_dir == str(out)


def test_who_is_not_shown_is_counted(one, tmp_path):
    few = one.sessions.head(3).assign(athlete_id="z", session_id=["z1", "z2", "z3"])
    sessions = pd.concat([one.sessions, few], ignore_index=True)
    data = data_of(sessions, dataset.athletes(["a00000", "z"]))
    found = study.open_folder(Options(data_dir=str(own_files.write_tables(data, tmp_path / "o"))))
    assert [person.name for person in found.people] == ["a00000"]
    assert list(found.left_out.values()) == [1]


def test_too_few_sessions_are_one_line_with_both_numbers(tmp_path, cache):
    for i in range(3):
        fit(tmp_path / "mine" / f"{i}.fit", [150] * 60, start=86_400 * i)
    with pytest.raises(UserError) as caught:
        study.open_folder(Options(data_dir=str(tmp_path / "mine")))
    text = str(caught.value)
    assert text.startswith("mine: ")
    assert "needs 20 sessions" in text
    assert "3 are here (of 3)" in text
    assert "\n" not in text


def test_a_lab_names_the_column_that_nobody_has(tmp_path, cache):
    fit(tmp_path / "mine" / "1.fit", [150] * 60, {"gender": "male"})
    options = Options(data_dir=str(tmp_path / "mine"))
    assert study.with_tables(options, ["sex"]) == study.with_tables(options)
    with pytest.raises(UserError, match=r"no athlete has hr_rest_bpm.*athletes\.csv"):
        study.with_tables(options, study.TRIMP_NEEDS)


def test_a_folder_without_files_says_what_it_should_hold(tmp_path, cache):
    with pytest.raises(UserError, match=r"holds no \.fit.*sessions\.csv"):
        study.open_folder(Options(data_dir=str(tmp_path)))


# --- figures -------------------------------------------------------------------------------------


def test_figures_show_what_was_computed(one):
    (person,) = study.study(one)
    (axes,) = figures.timeline(person).axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    counts = person.sessions["part"].value_counts()
    assert [len(line.get_xdata()) for line in dots] == [counts[part] for part in figures.PARTS]
    (axes,) = figures.curve(person).axes
    table = study.misses(person).set_index(["arm", "n"])["estimate"]
    drawn = {tuple(np.round(line.get_ydata(), 9)) for line in axes.lines}
    assert drawn == {tuple(part.round(9)) for _, part in table.groupby("arm", sort=False)}


def test_a_lesson_shows_nothing_without_files_and_text_for_the_blind_with_them(one):
    evil = "<img src=x onerror=alert(1)>$"
    (person,) = study.study(one)
    found = study.Own(Options(), (replace(person, name=evil),), left_out={evil: 2})
    assert list(figures.items(study.Own(Options()))) == []
    picture, scores, left = figures.items(found)
    assert f'alt="{figures.spoken(person, figures.curve)[:30]}' in picture.data
    for table in (scores, left):
        assert "<img" not in table.to_html()
