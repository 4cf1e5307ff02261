"""Tasks: what is predicted, what may be read for it, and which recordings are the same movement."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.collect.datasets.swimming import CHANNELS, INERTIAL
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import tasks
from sportsml_lite.prepare.tasks import DOMAINS, STROKES, load_task
from sportsml_lite.prepare.tasks.motion import motion_task
from sportsml_lite.prepare.tasks.seconds import UNKNOWN_AGE_Y, grade, hr_fraction, seconds_task
from sportsml_lite.schema import conform
from sportsml_lite.simulate import simulate

SMALL = {"n_athletes": 2, "sessions_each": 2}
SIZE = (120.0, 60.0)


@pytest.fixture(scope="module")
def seconds():
    """Two simulated athletes as a data set."""
    return tasks.drawn("simulated", 0, 2, 2)


@pytest.fixture(scope="module")
def heart_rate():
    return load_task("simulated", target="heart_rate", **SMALL)


def of_window(windows, i, streams):
    """The recording of window ``i`` and the row of its last second in it."""
    own = streams[streams["session_id"] == windows.recording[i]].reset_index(drop=True)
    return own, int(windows.t0_s[i]) + windows.X.shape[2] - 1


# --- the next minute -----------------------------------------------------------------------------


def test_the_target_is_the_mean_of_the_sixty_seconds_after_the_window(seconds, heart_rate):
    windows, found = heart_rate.windows, {}
    for i in range(len(windows)):
        own, last = of_window(windows, i, seconds.streams)
        ahead = own["hr_bpm"].to_numpy()[last + 1 : last + 61]
        assert len(ahead) == 60 and np.isfinite(ahead).sum() >= 30
        np.testing.assert_allclose(windows.y[i], np.nanmean(ahead), rtol=1e-12)
        found.setdefault(windows.recording[i], set()).add(int(windows.t0_s[i]))
    for name, own in seconds.streams.groupby("session_id"):
        known = own["hr_bpm"].notna().to_numpy()
        wanted = {t for t in range(0, len(own) - 179, 60) if known[t + 120 : t + 180].sum() >= 30}
        assert found[name] == wanted


def test_only_the_planned_speed_comes_from_the_next_minute(seconds, heart_rate):
    windows = heart_rate.windows
    assert windows.channels == (
        "hr_bpm", "speed_mps", "cadence_spm", "grade", "planned_speed_mps",
    )  # fmt: skip
    for i in range(len(windows)):
        own, last = of_window(windows, i, seconds.streams)
        past, ahead = slice(last - 119, last + 1), slice(last - 59, last + 61)
        np.testing.assert_array_equal(windows.X[i, 4], own["speed_mps"][ahead].astype("float32"))
        for c, name in enumerate(windows.channels[:3]):
            np.testing.assert_array_equal(windows.X[i, c], own[name][past].astype("float32"))


# --- nothing looks ahead -------------------------------------------------------------------------


def test_what_happens_later_changes_no_window_before(seconds):
    streams = seconds.streams
    given = (SIZE, "class", "age")
    whole = seconds_task(seconds, *given)
    later = streams["t_s"] >= 600
    measured = [c for c in streams.select_dtypes("number") if c != "t_s"]
    other = streams.copy()
    other.loc[later, measured] = other.loc[later, measured] * 0.7 + 3
    changed = seconds_task(replace(seconds, streams=other), *given)
    before = whole.windows.t0_s + 120 <= 600
    assert 0 < before.sum() < len(before)
    np.testing.assert_array_equal(whole.windows.X[before], changed.windows.X[before])
    np.testing.assert_array_equal(whole.laboratory[before], changed.laboratory[before])
    assert not np.array_equal(whole.windows.X[~before], changed.windows.X[~before], equal_nan=True)


def test_the_class_is_that_of_the_last_second(seconds):
    task = load_task("simulated", **SMALL)
    windows = task.windows
    assert windows.classes == DOMAINS and task.name == "simulated"
    for i in range(0, len(windows), 7):
        own, last = of_window(windows, i, seconds.streams)
        assert windows.classes[windows.y[i]] == own["label"][last]
        lab = own["vo2_ml_kg_min"][last - 119 : last + 1].astype("float32")
        np.testing.assert_array_equal(task.laboratory[i, 0], lab)


def test_power_names_the_domain_and_is_no_input(data_folder):
    folder = str(data_folder("actes"))
    task = load_task("actes", folder)
    assert task.windows.channels == ("hr_fraction",) and task.windows.classes == DOMAINS
    assert len(task.windows) == 1460 and task.laboratory.shape == (1460, 1, 60)
    minute = load_task("actes", folder, target="heart_rate").windows
    assert minute.channels == ("hr_bpm", "power_w", "planned_power_w")


# --- slope and heart rate ------------------------------------------------------------------------


def climb(slope, speed=3.0, seconds=120, steps=0.0):
    distance = speed * np.arange(seconds)
    altitude = 500 + slope * distance
    altitude = np.round(altitude / steps) * steps if steps else altitude
    name = np.repeat(["up", "again"], seconds)
    return pd.DataFrame(
        {"session_id": name, "t_s": np.tile(np.arange(seconds), 2)}
        | {"distance_m": np.r_[distance, distance + 5000], "altitude_m": np.tile(altitude, 2)}
    )


@pytest.mark.parametrize(("slope", "is_"), [(0.05, 0.05), (-0.2, -0.2), (0.6, 0.45), (0.0, 0.0)])
def test_grade_is_rise_over_run_of_thirty_seconds(slope, is_):
    found = grade(climb(slope)).reshape(2, -1)
    assert np.isnan(found[:, :30]).all()  # a second recording does not begin in the first
    np.testing.assert_allclose(found[:, 30:], is_, atol=1e-12)


def test_a_barometers_steps_are_no_hills_and_who_stands_has_no_slope():
    error = grade(climb(0.02, steps=0.2))[30:120] - 0.02
    assert np.abs(error).max() <= 0.2 / 90 + 1e-12
    assert np.isnan(grade(climb(0.02, speed=0.4))).all()


def test_heart_rate_is_a_share_of_the_age_or_of_the_reserve(seconds):
    by_age, by_reserve = (
        load_task("simulated", heart_rate=kind, **SMALL).windows for kind in ("age", "reserve")
    )
    athletes = seconds.athletes.set_index("athlete_id").loc[by_age.athlete]
    rest, top = (athletes[c].to_numpy()[:, None] for c in ("hr_rest_bpm", "hr_max_bpm"))
    bpm = by_age.X[:, 0] * (211 - 0.64 * athletes["age_y"].to_numpy()[:, None])
    share = np.clip((bpm - rest) / (top - rest), 0, 1)
    np.testing.assert_allclose(by_reserve.X[:, 0], share, atol=1e-5)


def test_an_unknown_age_is_an_ordinary_one():
    streams = pd.DataFrame({"session_id": "s", "t_s": [0.0, 1.0], "hr_bpm": [100.0, np.nan]})
    sessions = pd.DataFrame({"session_id": ["s"], "athlete_id": ["a"]})
    athletes = conform(pd.DataFrame({"athlete_id": ["a"]}), "athletes")
    found = hr_fraction(streams, sessions, athletes, "age")
    np.testing.assert_allclose(found, [100 / (211 - 0.64 * UNKNOWN_AGE_Y), np.nan])


# --- simulated athletes --------------------------------------------------------------------------


def test_simulated_windows_are_decided_by_their_seed():
    one, same, other = (load_task("simulated", seed=seed, **SMALL).windows for seed in (0, 0, 1))
    for field in ("X", "y", "t0_s", "recording"):
        np.testing.assert_array_equal(getattr(one, field), getattr(same, field))
    assert not np.array_equal(one.X[:20], other.X[:20], equal_nan=True)


@pytest.mark.parametrize("wanted", [1, 3])
def test_each_simulated_athlete_gives_so_many_sessions(wanted):
    sessions = tasks.drawn("simulated_b", 0, 3, wanted).sessions
    assert (sessions.groupby("athlete_id").size() == wanted).all()
    assert sessions["session_id"].is_unique and sessions["athlete_id"].is_monotonic_increasing


def test_the_sessions_are_as_mixed_as_the_plan_and_an_athletes_do_not_depend_on_the_others():
    few, many = (tasks.drawn("simulated", 0, n, 4).sessions["session_id"] for n in (2, 25))
    assert many[: len(few)].tolist() == few.tolist()
    kinds = simulate(25, days=tasks.SIMULATED_DAYS).hidden.set_index("session_id")["kind"]
    whole, taken = (k.value_counts(normalize=True) for k in (kinds, kinds[many]))
    assert (taken - whole).abs().max() < 0.1


# --- motion --------------------------------------------------------------------------------------


def swim(pieces, rate=30.0, name="r"):
    """A recording in pieces (first sample, samples, label) whose acc_x counts its samples."""
    tick = np.concatenate([np.arange(a, a + n) for a, n, _ in pieces])
    frame = {c: np.cos(tick / 7 + i) for i, c in enumerate(INERTIAL)} | {"acc_x_mps2": tick * 1.0}
    label = np.repeat([p[2] for p in pieces], [p[1] for p in pieces])
    return pd.DataFrame({"session_id": name, "t_s": tick / rate, "label": label, **frame})


def swimmers(**recordings):
    owner = {"session_id": list(recordings), "athlete_id": [f"{name}'s" for name in recordings]}
    return DataSet(
        "swimming", sessions=pd.DataFrame(owner), motion=pd.concat(list(recordings.values()))
    )


@pytest.fixture(scope="module")
def strokes():
    pieces = [(0, 200, "null"), (200, 250, "turn"), (500, 400, "freestyle"), (901, 185, "turn")]
    return motion_task(
        swimmers(r=swim(pieces), q=swim([(30, 365, "butterfly")], name="q")), (6.0, 2.0), "class"
    )


def test_no_window_bridges_a_jump_or_two_recordings(strokes):
    windows = strokes.windows
    assert (np.diff(windows.X[:, 0], axis=1) == 1).all() and windows.mask.all()
    # 450 samples, 400 and 185 by themselves: 60 apart, each 180 long; and 365 of another.
    assert windows.X[:, 0, 0].tolist() == [0, 60, 120, 180, 240, 500, 560, 620, 680, 901,
                                           30, 90, 150, 210]  # fmt: skip


def test_recordings_keep_name_clock_and_swimmer(strokes):
    windows = strokes.windows
    assert windows.recording.tolist() == ["r"] * 10 + ["q"] * 4
    assert windows.athlete.tolist() == ["r's"] * 10 + ["q's"] * 4
    np.testing.assert_allclose(windows.t0_s, windows.X[:, 0, 0] / 30, atol=1e-6)


def test_null_and_turn_are_one_class(strokes):
    windows = strokes.windows
    assert windows.classes == STROKES and windows.channels == INERTIAL
    names = np.array(STROKES)[windows.y].tolist()
    assert names == ["transition"] * 5 + ["freestyle"] * 4 + ["transition"] + ["butterfly"] * 4


@pytest.mark.parametrize("rate", [29.75, 29.9, 30.1, 30.25])
def test_a_clock_within_the_loaders_tolerance_loses_no_window(rate):
    data = swimmers(r=swim([(0, 3000, "null")], rate), q=swim([(0, 3000, "turn")], rate, "q"))
    windows = motion_task(data, (6.0, 2.0), "class").windows
    assert len(windows) == 2 * 48 and (np.diff(windows.X[:, 0], axis=1) == 1).all()


def test_no_piece_as_long_as_a_window_is_an_error():
    data = swimmers(r=swim([(0, 170, "null"), (200, 170, "turn")]))
    with pytest.raises(UserError, match="windows: none with a known 'label'.*length"):
        motion_task(data, (6.0, 2.0), "class")


def test_a_sensor_that_is_silent_everywhere_is_named():
    data = swimmers(r=swim([(0, 400, "null")]).assign(gyro_y_radps=np.nan))
    with pytest.raises(UserError, match="gyro_y_radps"):
        motion_task(data, (6.0, 2.0), "class")


def swimming_file(folder, labels, rate=30.0):
    folder.mkdir(parents=True)
    n = len(labels)
    table = {"timestamp": (np.arange(n) / rate * 1e9).astype(np.int64)}
    table |= {c: np.sin(np.arange(n) + i) for i, c in enumerate(CHANNELS)} | {"label": labels}
    pd.DataFrame(table).to_csv(folder / "Freestyle_1526814573646.csv")


def test_swimmers_in_the_original_layout_and_one_without_a_known_label(tmp_path):
    swimming_file(tmp_path / "11", [1] * 300 + [-1] * 30 + [5] * 300)
    swimming_file(tmp_path / "12", [6] * 400)
    swimming_file(tmp_path / "anna", [4] * 200)
    task = load_task("swimming", str(tmp_path))
    assert dict(zip(*np.unique(task.windows.athlete, return_counts=True), strict=True)) == {
        "swimmer_11": 6,
        "swimmer_anna": 1,
    }
    dropped = task.dropped.set_index("reason")["rows"]
    assert dropped["samples of undocumented label 6"] == 400
    with pytest.raises(UserError, match="no heart rate"):
        load_task("swimming", str(tmp_path), target="heart_rate")


def test_the_symmetries_are_a_group_of_involutions(strokes):
    rows = {tuple(row) for row in strokes.signs.tolist()}
    assert tuple(strokes.signs[0]) == (1,) * 6 and len(rows) == len(strokes.signs) > 1
    assert strokes.signs.dtype == np.float32
    products = strokes.signs[:, None] * strokes.signs[None]
    assert {tuple(p) for p in products.reshape(-1, 6).tolist()} == rows
    np.testing.assert_array_equal(strokes.signs**2, 1)


def watch(world, body, n=2000, seconds=2.0):
    """Specific force and angular rate of a watch on a moving arm, (6, n), in the watch's frame.

    ``world`` mirrors the movement (gravity stays), ``body`` names the watch's axes anew.
    """
    t = np.linspace(0, seconds, n)
    z, y = np.sin(2 * t) + 0.3 * t, np.cos(3 * t)
    cz, sz, cy, sy = np.cos(z), np.sin(z), np.cos(y), np.sin(y)
    flat = np.stack([cz * cy, -sz, cz * sy, sz * cy, cz, sz * sy, -sy, 0 * t, cy], -1)
    turn = world @ flat.reshape(n, 3, 3) @ body.T
    place = np.stack([np.sin(3 * t), np.cos(2 * t), 0.5 * np.sin(t)], -1) @ world.T
    up = np.array([0, 0, 9.81])
    force = np.gradient(np.gradient(place, t, axis=0), t, axis=0) + up
    spin = turn.mT @ np.gradient(turn, t, axis=0)
    rate = np.stack([spin[:, 2, 1], spin[:, 0, 2], spin[:, 1, 0]])
    return np.concatenate([np.einsum("nij,ni->jn", turn, force), rate])[:, 4:-4]


def test_a_sign_row_is_what_the_watch_would_record(strokes):
    """Acceleration is a vector; the angular rate is axial, and a mirror turns it the other way."""
    plain = watch(np.eye(3), np.eye(3))
    for row in strokes.signs:
        body = np.diag(row[:3].astype(float))
        world = np.diag([1.0, np.linalg.det(body), 1.0])  # the other wrist: the mirrored swimmer
        np.testing.assert_allclose(watch(world, body), row[:, None] * plain, atol=1e-9)


# --- own tables ----------------------------------------------------------------------------------


def own_tables(folder, labels=("easy", "hard"), seconds=400, drop=(), **columns):
    """Three athletes, a recording each, whose label follows the heart rate."""
    t = np.arange(seconds)
    rows = []
    for a in range(3):
        hr = 130 + 30 * np.sin(t / 50 + a)
        label = np.array(labels)[np.digitize(hr, np.linspace(100, 160, len(labels) + 1)[1:-1])]
        frame = {"session_id": f"s{a}", "t_s": t, "hr_bpm": hr, "label": label} | columns
        rows.append(pd.DataFrame(frame))
    folder.mkdir(exist_ok=True)
    pd.concat(rows).drop(columns=list(drop)).to_csv(folder / "streams.csv", index=False)
    sessions = {"session_id": ["s0", "s1", "s2"], "athlete_id": ["a0", "a1", "a2"]}
    pd.DataFrame(sessions).to_csv(folder / "sessions.csv", index=False)
    return str(folder)


def test_what_was_left_out_or_assumed_is_told(tmp_path):
    mine = tmp_path / "mine"
    own_tables(mine, seconds=300)
    streams = pd.read_csv(mine / "streams.csv")
    streams.loc[streams["session_id"] == "s2", "label"] = None
    again = streams.iloc[[5, 6]].assign(t_s=[5.2, 6.3])
    pd.concat([streams.drop(index=[20]), again]).to_csv(mine / "streams.csv", index=False)
    told = load_task(str(mine)).left_out
    assert "rows averaged with others of their second: 2" in told
    assert "seconds without a row, kept as missing: 1" in told
    assert "athletes of unknown age, read as 35: 3" in told
    assert "athletes without a window that has a label (a2): 1" in told
    assert load_task("simulated", **SMALL).left_out == "nothing"


def test_labels_that_differ_in_case_only_are_refused(tmp_path):
    with pytest.raises(UserError, match="'easy' and 'Easy'|'Easy' and 'easy'"):
        load_task(own_tables(tmp_path / "mine", ("Easy", "easy", "hard")))


def test_a_folder_is_found_by_its_bare_name_and_two_folders_are_refused(tmp_path, monkeypatch):
    own = own_tables(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert load_task("mine").name == "mine"
    with pytest.raises(UserError, match="are two folders; give one"):
        load_task("mine", data_dir=own)


def test_own_tables_with_labels_are_a_task(tmp_path):
    task = load_task(own_tables(tmp_path / "mine", ("rest", "easy", "hard"), speed_mps=2.0))
    windows = task.windows
    assert task.name == "mine" and windows.classes == ("easy", "hard", "rest")
    assert windows.channels == ("hr_fraction", "speed_mps") and task.laboratory is None
    assert len(windows) == 15 and task.signs.tolist() == [[1, 1]]


def test_the_three_domains_keep_their_order_and_may_be_two(tmp_path):
    own = own_tables(tmp_path, ("above_vt2", "below_vt1"))
    assert load_task(own).windows.classes == DOMAINS


def test_a_missing_second_is_a_gap_and_not_an_error(tmp_path):
    own = own_tables(tmp_path)
    table = pd.read_csv(tmp_path / "streams.csv")
    table[table["t_s"] != 30].to_csv(tmp_path / "streams.csv", index=False)
    windows = load_task(own).windows
    begin = windows.t0_s == 0
    assert len(windows) == 15 and np.isnan(windows.X[begin, 0, 30]).all()
    assert np.isnan(windows.X[begin]).sum() == begin.sum()


def test_a_recording_shorter_than_a_window_is_padded_in_front(tmp_path):
    windows = load_task(own_tables(tmp_path), length_s=500.0).windows
    assert len(windows) == 3 and (windows.mask.sum(1) == 400).all()
    assert windows.mask[:, 100:].all() and np.isnan(windows.X[:, 0, :100]).all()
    assert windows.t0_s.tolist() == [-100] * 3


@pytest.mark.parametrize(
    ("tables", "asked", "said"),
    [
        ({"drop": ["label"]}, {}, "have 0 kinds of label; add a column 'label'"),
        ({"labels": ("easy",)}, {}, "have 1 kinds of label"),
        ({"drop": ["hr_bpm"]}, {}, "no heart rate"),
        ({}, {"target": "heart_rate"}, "no speed and no power"),
        ({"seconds": 150, "speed_mps": 2.0}, {"target": "heart_rate"}, "none with a known"),
        ({}, {"heart_rate": "reserve"}, "'a0' has no measured hr_rest_bpm"),
        ({}, {"length_s": -5}, "length_s = -5: give a whole number of samples"),
        ({}, {"stride_s": 0.3}, "stride_s = 0.3: give a whole number of samples"),
    ],
)
def test_own_tables_that_lack_something_say_what(tmp_path, tables, asked, said):
    with pytest.raises(UserError, match=said):
        load_task(own_tables(tmp_path, **tables), **asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"dataset": "simulated", "target": "speed"}, "target = 'speed': choose one of class"),
        ({"dataset": "simulated", "heart_rate": "max"}, "heart_rate = 'max': choose one of age"),
        ({"dataset": "simulated", "sessions_each": 0}, "sessions_each = 0"),
        ({"dataset": "simulated", "sessions_each": 1.5}, "sessions_each = 1.5"),
        ({"dataset": "simulated", "n_athletes": 0}, "athletes = 0"),
        ({"dataset": "nobody"}, "unknown data set 'nobody'"),
        ({"dataset": "./nowhere"}, "'./nowhere' does not exist"),
        ({"dataset": "pmdata"}, "no streams to cut windows from"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(asked, said):
    with pytest.raises(UserError, match=said):
        load_task(**asked)


@pytest.mark.parametrize("asked", ["folder", "data_dir"])
def test_own_tables_are_read_whatever_their_folder_is_called(tmp_path, monkeypatch, asked):
    """As a dataset, or as data_dir beside the default; also by a name without a separator."""
    own_tables(tmp_path / "simulated")
    table = pd.read_csv(tmp_path / "simulated" / "streams.csv")
    table[table["t_s"] != 30].to_csv(tmp_path / "simulated" / "streams.csv", index=False)
    (tmp_path / "simulated").rename(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    task = load_task("mine") if asked == "folder" else load_task("simulated", "mine")
    assert len(task.windows) == 15 and np.isnan(task.windows.X).sum() == 3
    (tmp_path / "mine").rename(tmp_path / "simulated")
    assert len(load_task("./simulated").windows) == 15
    with pytest.raises(UserError, match="holds no sessions"):
        load_task("simulated", "nowhere")


def test_beats_need_no_reserve(tmp_path):
    own = own_tables(tmp_path, speed_mps=2.0)
    windows = load_task(own, target="heart_rate", heart_rate="reserve").windows
    assert windows.channels == ("hr_bpm", "speed_mps", "planned_speed_mps")


def test_nobody_without_streams_is_a_task(tmp_path):
    own = own_tables(tmp_path)
    (tmp_path / "streams.csv").unlink()
    with pytest.raises(UserError, match="has no streams"):
        load_task(own)
