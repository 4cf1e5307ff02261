"""The study of measured outcomes: nothing of the tested athlete is known, and its sums by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import evaluate
from sportsml_lite.errors import UserError
from sportsml_lite.prepare.features import Table
from sportsml_lite.prepare.periods import Periods
from sportsml_lite.studies import outcome as study
from sportsml_lite.studies.runner import Options

NAMES = ("period", "start_level", "last_change", "hours", "zone_1_min")
KINDS = dict(zip(NAMES, ("who", "who", "past", "load", "done"), strict=True))


def data(athletes=12, slope=3.0, seed=0, groups=False):
    random = np.random.default_rng(seed)
    athlete = np.repeat([f"a{i:02}" for i in range(athletes)], 3).astype(object)
    X = random.standard_normal((len(athlete), len(NAMES)))
    X[:, 0] = np.tile([1, 2, 3], athletes)
    y = 2.0 + slope * X[:, 3] + random.standard_normal(len(athlete))
    session = np.array([f"{a}/{p:.0f}" for a, p in zip(athlete, X[:, 0], strict=True)], object)
    table = Table(X, y, athlete, session, NAMES, "vo2max_ml_min", 0)
    own = pd.Series("INCR", sorted(set(athlete))) if groups else None
    return study.Data({"vo2max_ml_min": Periods(table, KINDS)}, groups=own)


ARMS = {n: a for n, a in study.ARMS.items() if a.model in ("none", "mean", "ridge")}


def scored(found, arms=ARMS):
    rows = [
        study.score(found, split, i, arms, Options()).assign(partition=0, fold=i, seed=i)
        for i, split in enumerate(study.splits(found, 0))
    ]
    return pd.concat(rows, ignore_index=True)


def test_few_people_are_left_out_one_by_one_and_many_in_five_groups():
    assert [len(s.test) for s in study.splits(data(12), 0)] == [1] * 12
    many = study.splits(data(study.FEW), 0)
    assert len(many) == 5 and sum(len(s.test) for s in many) == study.FEW


def test_no_answer_changes_with_what_the_tested_athlete_did_in_the_laboratory(monkeypatch):
    monkeypatch.setattr(study, "CONFIG", replace(study.CONFIG, max_epochs=3))
    found = data()
    split = study.splits(found, 0)[0]
    periods = found.periods["vo2max_ml_min"]
    mine = split.rows(periods.table.athlete, "test")
    y = np.where(mine, 99.0, periods.table.y)
    other = Periods(Table(periods.table.X, y, *(getattr(periods.table, n) for n in
                    ("athlete", "session", "names", "target", "dropped"))), KINDS)  # fmt: skip
    arms = {**ARMS, "mlp": study.ARMS["mlp"], "boosting": study.ARMS["boosting"]}
    first = dict(study.predictions(found, periods, split, 0, arms))
    second = dict(study.predictions(found, other, split, 0, arms))
    assert set(first) == set(arms)
    for name in arms:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_a_model_that_reads_what_matters_wins_and_the_others_do_not():
    arms = {n: study.ARMS[n] for n in ("none", "mean", "who", "load")}
    scores = scored(data(20), arms)
    gain = {a: evaluate.compare(scores, a, "mean", "rmse", "change").gain for a in ("who", "load")}
    assert gain["load"].low > 0.5 and abs(gain["who"].estimate) < 0.5
    assert (
        evaluate.mean(scores, "none", "rmse").estimate
        > evaluate.mean(scores, "mean", "rmse").estimate
    )


def test_an_arm_without_its_features_is_left_out():
    found = data(8)
    periods = found.periods["vo2max_ml_min"]
    bare = Periods(periods.of("who", "past"), KINDS)
    some = {"load": study.ARMS["load"], "done": study.ARMS["done"], "mlp": study.ARMS["mlp"],
            "floor": study.ARMS["floor"], "past": study.ARMS["past"]}  # fmt: skip
    split = study.splits(found, 0)[0]
    assert [n for n, _ in study.predictions(found, bare, split, 0, some)] == ["past"]


def test_what_the_tests_say_by_hand():
    table = Table(
        np.array([[1.0], [2], [1], [2]]), np.array([4.0, -1, 0, 3]),
        np.array(["a", "a", "b", "b"], object), np.array(list("wxyz"), object), ("period",), "t", 0,
    )  # fmt: skip
    found = study.measured(table, np.ones(4, bool)).set_index(["athlete", "metric"])["value"]
    # Means of the periods: 2 and 1; distances a: 2, -2; b: -2, 2.
    assert found["a", "change"] == 1.5 and found["b", "spread"] == 4.0
    assert found["a", "successive"] == found["b", "successive"] == -4.0
    gone = Table(
        table.X * [[1], [2], [1], [2]], table.y, table.athlete, table.session, ("period",), "t", 0
    )
    assert "successive" not in set(study.measured(gone, np.ones(4, bool))["metric"])


def test_the_error_of_a_test_is_found_from_neighbouring_changes():
    """True changes independent, tests that err by 2 %: minus the mean product is about 4."""
    random = np.random.default_rng(1)
    level = 100 + np.cumsum(random.normal(0, 1.0, (400, 4)), axis=1)
    seen = level * (1 + 0.02 * random.standard_normal((400, 4)))
    change = 100 * (seen[:, 1:] / seen[:, :-1] - 1)
    athlete = np.repeat(np.arange(400).astype(str), 3).astype(object)
    table = Table(np.tile([[1.0], [2], [3]], (400, 1)), change.ravel(), athlete, athlete,
                  ("period",), "t", 0)  # fmt: skip
    found = study.measured(table, np.ones(1200, bool))
    noise = -found.loc[found["metric"] == "successive", "value"].mean()
    assert noise == pytest.approx(4.0, rel=0.15)


def test_groups_that_trained_in_another_order_keep_their_whole_change():
    found = data(6, groups=True)
    rows = scored(found, {"mean": study.ARMS["mean"]}).query("metric == 'total'")
    y = found.periods["vo2max_ml_min"].table.y.reshape(6, 3)
    expected = 100 * (np.prod(1 + y / 100, axis=1) - 1)
    np.testing.assert_allclose(rows.sort_values("athlete")["value"], expected)
    assert set(rows["group"]) == {"INCR"}


def test_simulated_athletes_have_true_changes_and_features_that_riders_have_too():
    made, true = study.imagined(30, 0)
    table = made.table
    assert len(table) == len(true) == 90 and set(table.session) == set(true.index)
    error = table.y - true.loc[table.session].to_numpy()
    assert 1.5 < error.std() < 6  # two tests of 2.5 % each
    assert {"zone_1_min", "session_rpe", "endurance_min"} <= set(study.imagined_names())


def test_a_network_taught_by_simulated_athletes_starts_from_theirs(monkeypatch):
    """Simulated athletes alone, tested on others of their kind, beat the mean."""
    monkeypatch.setattr(study, "PRETRAINING", 300)
    study.taught.cache_clear()
    found = study.load(Options("simulated", settings={"n_athletes": 45}))
    arms = {n: study.ARMS[n] for n in ("mean", "simulated", "pretrained", "floor")}
    scores = scored(found, arms)
    study.taught.cache_clear()
    value = {a: evaluate.mean(scores, a, "rmse").estimate for a in arms}
    assert value["floor"] < value["pretrained"] < value["mean"]
    assert value["simulated"] < value["mean"]


def test_a_data_set_without_tests_is_refused():
    with pytest.raises(UserError, match="swimming holds no tests before and after"):
        study.load(Options("swimming"))
