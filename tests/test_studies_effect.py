"""Chapter 4's study: nobody is judged on athletes that taught, and the past is only the past."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import evaluate, protocol
from sportsml_lite.findings import effect as findings
from sportsml_lite.prepare import session_table
from sportsml_lite.simulate import simulate
from sportsml_lite.studies import effect as study
from sportsml_lite.studies.effect import ARMS, Arm, Data
from sportsml_lite.studies.runner import Options

OPTIONS = Options("simulated", profile="quick", settings={"n_athletes": 45, "n_bound": 50})
CHEAP = ("mean", "athlete_mean", "ridge", "ridge_past", "ridge_hindsight", "floor")


@pytest.fixture(scope="module")
def data():
    return study.load(OPTIONS)


@pytest.fixture(scope="module")
def split(data):
    return study.splits(data, 0)[0]


def _score(data, split, *names):
    found = study.score(data, split, 0, {name: ARMS[name] for name in names}, OPTIONS)
    return found.assign(study="effect", dataset="simulated", partition=0, fold=0, seed=0)


@pytest.fixture(scope="module")
def scores(data, split):
    return _score(data, split, *CHEAP)


def _rated(data):
    """The same sessions with a rating only, as where athletes are real."""
    sessions = data.sessions.assign(effect=np.nan, effect_name=None)
    tables = {t: session_table(sessions, data.athletes, t) for t in ("rpe", "srpe")}
    return Data(tables, data.athletes, sessions)


def test_every_arm_is_judged_on_all_sessions_of_the_test_athletes(data, split, scores):
    table = data.tables["effect"]
    wanted = pd.Series(table.athlete).value_counts()
    for _, part in scores[scores["metric"].isin(study.METRICS)].groupby(["arm", "metric"]):
        assert set(part["athlete"]) == set(split.test)
        assert (part.set_index("athlete")["n"] == wanted[part["athlete"]].to_numpy()).all()


def test_test_athletes_teach_nobody(data, split):
    """Another truth of the test athletes changes their errors, not what was predicted of them."""
    table = data.tables["effect"]
    tables = study.cut(table, split)
    changed = [*tables[:2], replace(tables[2], y=tables[2].y + 3)]
    arms = {n: ARMS[n] for n in ("mean", "trimp", "ridge", "boosting", "mlp_10")}
    here, there = (
        dict(study.predictions(data, t, split, 0, arms, OPTIONS)) for t in (tables, changed)
    )
    assert list(here) == list(arms)
    for name in arms:
        np.testing.assert_array_equal(here[name], there[name])


def test_validation_and_training_athletes_never_meet_the_test(data, split):
    for part in study.cut(data.tables["effect"], split)[:2]:
        assert not set(part.athlete) & set(split.test)


def test_own_past_reads_earlier_sessions_only(data, split):
    tables = study.cut(data.tables["effect"], split)
    test = tables[2]
    start = study.sessions_of(data, test)["start"]
    last = start.groupby(test.athlete).transform("max").eq(start).to_numpy()
    changed = [*tables[:2], replace(test, y=np.where(last, 0.0, test.y))]
    arms = {"ridge_past": ARMS["ridge_past"]}
    here, there = (
        dict(study.predictions(data, t, split, 0, arms, OPTIONS))["ridge_past"]
        for t in (tables, changed)
    )
    np.testing.assert_array_equal(here, there)


def test_first_sessions_have_no_past_and_the_floor_is_the_noise(scores):
    def first(arm):
        part = scores[(scores["arm"] == arm) & (scores["metric"] == "mae_after")]
        return part[part["earlier"] == 0].set_index("athlete")["value"]

    pd.testing.assert_series_equal(first("ridge"), first("ridge_past"))
    assert (first("athlete_mean") == first("mean")).all()
    floor = evaluate.mean(scores, "floor", "mse").estimate
    assert floor == pytest.approx(0.09, abs=0.02)


def test_the_responder_factor_stands_in_the_table_and_in_no_table_of_features(data, scores):
    part = scores[scores["metric"] == "responder"].set_index("athlete")["value"]
    hidden = data.hidden.assign(athlete=data.sessions.set_index("session_id")["athlete_id"])
    truth = hidden.groupby("athlete")["responder"].first()
    assert (part == truth[part.index]).all()
    X = data.tables["effect"].X
    assert not any(np.allclose(X[:, j], hidden["responder"]) for j in range(X.shape[1]))


def test_hindsight_leaves_no_mean_residual(scores):
    bias = scores[(scores["arm"] == "ridge_hindsight") & (scores["metric"] == "bias")]["value"]
    np.testing.assert_allclose(bias, 0, atol=1e-9)


def test_bins_of_experience_hold_every_session_once(data, scores):
    part = scores[scores["metric"] == "mae_after"]
    counts = part.groupby(["arm", "athlete"])["n"].sum()
    sessions = pd.Series(data.tables["effect"].athlete).value_counts()
    assert (counts["mean"] == sessions[counts["mean"].index]).all()
    assert set(part["earlier"]) <= set(map(float, study.EARLIER))


def test_networks_of_one_size_are_trained_once_with_their_own_seeds(data, split, monkeypatch):
    seen, real = [], study.fit_many
    quick = replace(study.CONFIG, max_epochs=1)
    monkeypatch.setattr(
        study, "fit_many",
        lambda build, d, seeds, config: seen.append(list(seeds)) or real(build, d, seeds, quick),
    )  # fmt: skip
    found = _score(data, split, "mlp", "mlp_again", "mlp_past", "mlp_10")
    assert seen == [[0, 1000], [0]]
    assert ARMS["mlp_again"] == replace(ARMS["mlp"], shift=1000)
    assert (evaluate.gains(found, "mlp_again", "mlp", "rmse") != 0).all()


def test_bound_learns_from_others_only(data, split):
    crowd = study.crowd("simulated", 0, data.first, 50)
    assert not set(crowd.athlete) & set(data.tables["effect"].athlete)
    assert len(set(crowd.athlete)) == 50
    found = _score(data, split, "bound", "ridge")
    error = {a: evaluate.mean(found, a, "mse").estimate for a in ("bound", "ridge")}
    assert 0.09 < error["bound"] < 1.5 * error["ridge"]


def test_real_people_have_ratings_and_no_bounds(data):
    rated = _rated(data)
    split = study.splits(rated, 0)[0]
    found = _score(rated, split, "mean", "per_minute", "ridge", "bound", "floor", "trimp")
    assert set(found["target"]) == {"rpe", "srpe"} and rated.target == "rpe"
    assert not {"bound", "floor"} & set(found["arm"])
    assert set(found.loc[found["arm"] == "per_minute", "target"]) == {"srpe"}
    assert set(found.loc[found["arm"] == "trimp", "target"]) == {"rpe"}


def test_few_people_are_left_out_one_at_a_time(data):
    table = data.tables["effect"]
    some = table.take(np.isin(table.athlete, sorted(set(table.athlete))[:6]))
    few = replace(data, tables={"effect": some}, alone=True)
    assert [len(split.test) for split in study.splits(few, 0)] == [1] * 6
    quick = study.splits(replace(few, alone=False), 0)[0]  # its one fold needs an interval
    assert len(quick.test) == 2
    assert len(study.splits(data, 0)) == protocol.PROTOCOL.folds


def test_own_tables_are_read_from_data_dir(data, tmp_path):
    data.sessions.to_csv(tmp_path / "sessions.csv", index=False)
    data.athletes.to_csv(tmp_path / "athletes.csv", index=False)
    own = study.load(Options(data_dir=str(tmp_path)))
    assert own.target == "effect" and own.hidden is None
    np.testing.assert_allclose(own.tables["effect"].y, data.tables["effect"].y)


# --- what pages ask ------------------------------------------------------------------------------


def _errors(**errors):
    """Scores of two folds; a list of squared errors an athlete for each arm."""
    rows = [
        {"arm": arm, "athlete": f"a{i}", "metric": "mse", "value": v, "n": 10.0,
         "partition": 0, "fold": i % 2, "seed": i % 2}
        for arm, values in errors.items() for i, v in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_way_by_hand():
    table = _errors(mean=[1.0, 1.2, 0.8, 1.0], half=[0.6, 0.7, 0.5, 0.6], floor=[0.2] * 4)
    found = findings.way(table, "half")
    assert found.estimate == pytest.approx(0.4 / 0.8)
    assert found.low <= found.estimate <= found.high
    assert findings.way(table, "mean").estimate == 0
    end = findings.way(table, "floor")
    assert (end.estimate, end.low, end.high) == pytest.approx((1, 1, 1))
    assert findings.way(table, "half", end="").estimate == pytest.approx(0.4)


def test_questions_are_asked_where_both_arms_ran(scores):
    panels = findings.by_target({"here": scores})
    found = study.judge(panels)
    assert list(panels) == [("here", "effect")]
    assert {key[2:] for key in found} == {("ridge", "mean"), ("ridge_past", "ridge"),
                                          ("ridge_past", "athlete_mean")}  # fmt: skip
    gain = found["here", "effect", "ridge_past", "ridge"].gain.estimate
    means = [evaluate.mean(scores, arm, "rmse").estimate for arm in ("ridge", "ridge_past")]
    assert gain == pytest.approx(means[0] - means[1]) and gain > 0


def test_arms_say_what_differs():
    assert Arm("ridge").targets == ("effect", "rpe")
    assert set(study.TITLES) == set(ARMS)
    assert simulate is study.simulate
