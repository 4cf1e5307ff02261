"""The leak is measured on the same rows with as many to learn from; gaps on hidden seconds."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import evaluate, protocol
from sportsml_lite.collect.datasets import public
from sportsml_lite.findings import prepare as findings
from sportsml_lite.studies import prepare as study
from sportsml_lite.studies import runner
from sportsml_lite.studies.prepare import ARMS, Arm, Data, Rows
from sportsml_lite.studies.runner import Options

OPTIONS = Options("simulated", profile="quick")


def _rows(people=20, each=25, own=5.0, seed=0):
    """Rows whose target is the athlete's own level and noise; the features say nothing."""
    rng = np.random.default_rng(seed)
    athlete = np.repeat([f"a{i:02d}" for i in range(people)], each)
    level = np.repeat(rng.normal(0, own, people), each)
    y = level + rng.normal(size=len(athlete))
    return Rows(rng.normal(size=(len(athlete), 3)), y, athlete, level, "rpe")


def _data(rows, streams=None, owner=None):
    empty = pd.DataFrame({"session_id": [], "t_s": [], "hr_bpm": []})
    return Data(rows, empty if streams is None else streams, owner, "")


def _scored(rows, *arms):
    split = protocol.fold_athletes(rows.athlete)[0]
    found = study.score(_data(rows), split, 0, {a: ARMS[a] for a in arms}, OPTIONS)
    return split, found.assign(study="prepare", partition=0, fold=0, seed=0)


def test_turns_ask_every_row_once_and_learn_from_the_rest_of_the_athlete():
    rows = _rows()
    split = protocol.fold_athletes(rows.athlete)[0]
    tested, train = (split.rows(rows.athlete, part) for part in ("test", "train"))
    validation = split.rows(rows.athlete, "validation")
    pairs = study.turns(rows.athlete, split, 0)
    assert (sum(asked.astype(int) for asked, _ in pairs) == tested).all()
    for asked, learned in pairs:
        assert learned.sum() == train.sum()
        assert not (asked & learned).any() and not (validation & learned).any()
        assert (learned & tested).sum() == tested.sum() - asked.sum()
        assert set(rows.athlete[asked]) == set(split.test)


def test_turns_leave_a_model_as_many_rows_even_where_test_athletes_have_most():
    rows = _rows(people=6, each=10)
    athlete = np.concatenate([rows.athlete, np.repeat("a00", 300)])
    split = protocol.Split(("a01", "a02", "a03"), ("a04",), ("a00", "a05"))
    for _, learned in study.turns(athlete, split, 0):
        assert learned.sum() == 30


def test_a_locker_number_helps_only_with_people_it_has_met():
    _, found = _scored(_rows(), "mean", "locker", "locker_met")
    error = {arm: evaluate.mean(found, arm, "rmse").estimate for arm in found["arm"].unique()}
    assert error["locker_met"] < 0.5 * error["mean"]
    assert error["locker"] >= 0.95 * error["mean"]


def test_every_arm_is_judged_on_all_rows_of_the_same_athletes():
    rows = _rows(each=7)
    split, found = _scored(rows, "mean", "mean_met", "forest", "forest_met", "floor")
    for _, part in found.groupby("arm"):
        assert set(part["athlete"]) == set(split.test) and (part["n"] == 7).all()


def test_never_met_means_that_test_athletes_teach_nothing():
    rows = _rows()
    split = protocol.fold_athletes(rows.athlete)[0]
    told = Rows(rows.X, np.where(split.rows(rows.athlete, "test"), 100.0, 0.0), rows.athlete, None,
                "rpe")  # fmt: skip
    found = study.score(_data(told), split, 0, {"mean": ARMS["mean"]}, OPTIONS)
    assert found["value"].tolist() == [100.0] * len(split.test)


def test_the_floor_is_the_target_without_its_noise_and_absent_where_nobody_knows_it():
    rows = _rows()
    _, found = _scored(rows, "mean", "floor")
    floor = found[found["arm"] == "floor"]["value"].mean()
    assert floor == pytest.approx(1.0, abs=0.2)
    unknown = Rows(rows.X, rows.y, rows.athlete, None, "rpe")
    assert "floor" not in _scored(unknown, "mean", "floor")[1]["arm"].unique()


def test_a_peeking_scaler_reads_the_rows_that_are_asked(monkeypatch):
    rows, sizes = _rows(), []
    real = study.prepare.fit_scaler
    monkeypatch.setattr(study.prepare, "fit_scaler", lambda X: sizes.append(len(X)) or real(X))
    split, _ = _scored(rows, "ridge", "ridge_peek")
    train, tested = (split.rows(rows.athlete, p).sum() for p in ("train", "test"))
    assert sizes == [train, train + tested]


def test_the_same_arm_null_differs_by_its_seed_alone():
    assert ARMS["forest_again"] == Arm("forest", shift=ARMS["forest_again"].shift)
    _, found = _scored(_rows(), "forest", "forest_again")
    gain = evaluate.gains(found, "forest_again", "forest", "rmse")
    assert (gain != 0).any()


def test_locker_numbers_are_a_permutation_of_the_people():
    athlete = _rows().athlete
    number = study.locker_numbers(athlete, 3)[:, 0]
    assert sorted(set(number)) == list(range(20))
    assert (pd.Series(number).groupby(athlete).nunique() == 1).all()


def _streams(people=10, seconds=1200):
    """Heart rate that rises by a beat every 10 s, from another start for each athlete."""
    names = [f"a{i}" for i in range(people)]
    parts = []
    for i, name in enumerate(names):
        t = np.arange(float(seconds))
        parts.append(pd.DataFrame({"session_id": f"s_{name}", "t_s": t, "hr_bpm": 80 + i + t / 10}))
    owner = pd.Series(names, [f"s_{name}" for name in names])
    return pd.concat(parts, ignore_index=True), owner


def _ten():
    """Rows of the ten people of the streams, and a split of them."""
    rows = _rows(people=10)
    athlete = np.char.replace(rows.athlete.astype(str), "a0", "a")
    return Rows(rows.X, rows.y, athlete, None, "rpe"), protocol.fold_athletes(athlete)[0]


def test_filling_is_learned_from_training_athletes_alone():
    """They stand at 100 bpm, those tested at 150: who fills their mean is off by exactly 50."""
    rows, split = _ten()
    streams, owner = _streams()
    tested = owner.loc[streams["session_id"]].isin(split.test).to_numpy()
    streams["hr_bpm"] = np.where(tested, 150.0, 100.0)
    arms = {"fill_mean": ARMS["fill_mean"]}
    found = study.score(_data(rows, streams, owner), split, 0, arms, OPTIONS)
    np.testing.assert_allclose(found["value"], 50.0)


def test_gaps_are_scored_on_test_athletes_and_a_straight_line_is_filled_exactly():
    rows, split = _ten()
    streams, owner = _streams()
    arms = {name: ARMS[name] for name in ("fill_hold", "fill_interpolate", "fill_forest")}
    found = study.score(_data(rows, streams, owner), split, 0, arms, OPTIONS)
    assert set(found["athlete"]) == set(split.test)
    assert "fill_forest" not in set(found["arm"])  # without a companion there is no forest
    short = found[(found["gap_s"] == 5) & (found["lost"] == "nothing")].set_index("arm")["value"]
    assert short["fill_interpolate"].max() < 0.1 < short["fill_hold"].min()
    lost = found[found["lost"] == "heart rate"]
    assert (lost["n"] == 1200).all()


def test_only_the_honest_way_of_looking_back_stands_still_when_the_future_changes():
    start = pd.date_range("2026-01-01", periods=60, freq="D", tz="UTC")
    sessions = pd.DataFrame({"athlete_id": "a", "start": start, "duration_s": 3600.0})
    found = findings.look_ahead(sessions)
    assert found.moved["last 7 days"] == 0
    assert found.moved["calendar week"] == 3  # Monday to Wednesday of the week of the turn
    assert found.moved["centred"] == 14
    assert found.before == (found.days < found.turn).sum()
    assert findings.look_ahead(sessions.assign(start=pd.NaT)) is None


def test_the_impulse_of_a_mean_is_smaller_where_a_session_is_uneven():
    athletes = pd.DataFrame(
        {"athlete_id": ["a"], "sex": ["m"], "age_y": [30.0], "hr_rest_bpm": [50.0],
         "hr_max_bpm": [200.0]}
    )  # fmt: skip
    sessions = pd.DataFrame({"session_id": ["even", "hard"], "athlete_id": "a"})
    t = np.arange(3600.0)
    even, hard = np.full(3600, 162.5), np.where(t < 1800, 132.5, 192.5)
    streams = pd.concat(
        [pd.DataFrame({"session_id": name, "t_s": t, "hr_bpm": hr})
         for name, hr in (("even", even), ("hard", hard))], ignore_index=True,
    )  # fmt: skip
    owner = sessions.set_index("session_id")["athlete_id"]
    data = Data(_rows(), streams, owner, "", athletes, sessions)
    found = findings.impulses(data)
    assert found["trimp_mean"].round(1).tolist() == [121.6, 121.6]
    assert found["trimp_stream"].round(1).tolist() == [121.6, 143.4]
    assert findings.impulses(_data(_rows())).empty


@pytest.mark.parametrize(
    ("dataset", "reads"), [("swimming", {"swimming"}), ("pmdata", {"pmdata"}), ("simulated", set())]
)
def test_a_result_does_not_rest_on_the_loaders_of_other_data_sets(dataset, reads):
    """A better reader of one's own tables must not make the swimmers' results stale."""
    code = runner.depends_on(study.STUDY, Options(dataset))["code"]
    loaders = {module.__module__ for module in (*public.LOADERS.values(), public.load_tables)}
    modules = {name.partition(":")[0] for name in code} & loaders
    assert {module.rpartition(".")[2] for module in modules} == reads
