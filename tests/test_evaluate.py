"""Errors against closed forms and scikit-learn; intervals and coverage against simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from sportsml_lite import evaluate
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate.metrics import athlete_sums, from_sums


def test_metrics_of_a_case_worked_by_hand():
    truth, prediction = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 2.0])
    found = evaluate.scores(truth, prediction)
    assert found.to_dict() == {"mse": 1.0, "rmse": 1.0, "mae": 0.5, "r2": pytest.approx(0.2)}
    assert evaluate.accuracy(["x", "x", "y", "y"], ["x", "y", "y", "y"]) == 0.75


def test_macro_f1_averages_the_classes_of_the_truth_only():
    """'z' is never true: its row is a miss of 'x', but no third term that would be zero."""
    truth, prediction = ["x", "x", "x", "y"], ["x", "x", "z", "y"]
    assert evaluate.macro_f1(truth, prediction) == pytest.approx((0.8 + 1) / 2)


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (np.zeros((4, 1)), np.zeros(4), r"truth has shape \(4, 1\) and prediction \(4,\)"),
        (np.zeros((4, 1)), np.zeros((4, 1)), r"make both \(N,\)"),
        (np.zeros(4), np.zeros(3), "broadcast"),
        (np.zeros(0), np.zeros(0), "no rows"),
        (np.array([1, np.nan]), np.zeros(2), "truth row 1 is nan"),
        (np.zeros(2), np.array([np.inf, 0]), "prediction row 0 is inf"),
    ],
)
@pytest.mark.parametrize("metric", evaluate.METRICS)
def test_shapes_that_broadcast_and_missing_values_are_refused(truth, prediction, message, metric):
    with pytest.raises(UserError, match=message):
        evaluate.score(truth, prediction, metric)
    with pytest.raises(UserError, match=message):
        evaluate.by_athlete(truth, prediction, np.zeros(len(truth)), [metric])


def test_an_unknown_metric_is_named():
    with pytest.raises(UserError, match="no metric 'f1'"):
        evaluate.score([1.0], [1.0], "f1")


rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=40
)


@given(rows)
@settings(max_examples=40, deadline=None)
def test_sums_give_what_scikit_learn_gives_for_each_athlete_and_for_all(case):
    athlete, truth, prediction = (np.array(v) for v in zip(*case, strict=True))
    table = evaluate.by_athlete(truth, prediction, athlete, evaluate.METRICS)
    for metric in evaluate.METRICS:
        for name, row in table.iterrows():
            mine = athlete == name
            alone = evaluate.score(truth[mine], prediction[mine], metric)
            assert row[metric] == pytest.approx(alone, nan_ok=True)
        names, sums = athlete_sums(truth, prediction, athlete, metric)
        assert from_sums(sums.sum(0), metric) == pytest.approx(
            evaluate.score(truth, prediction, metric), nan_ok=True
        )
        assert list(names) == list(table.index)
    assert table["n"].sum() == len(case)
    assert evaluate.mae(truth, prediction) == sk.mean_absolute_error(truth, prediction)


def test_an_oracle_and_a_baseline_put_a_model_between_them():
    rng = np.random.default_rng(0)
    oracle = rng.normal(size=4000)
    truth = oracle + rng.normal(0, 0.3, 4000)
    naive = np.full(4000, truth.mean())
    assert evaluate.oracle_ratio(truth, oracle, oracle) == 1
    assert evaluate.reached(truth, naive, naive, oracle) == 0
    assert evaluate.reached(truth, oracle, naive, oracle) == 1
    model = oracle + rng.normal(0, 0.4, 4000)  # error 0.5 where the noise alone makes 0.3
    assert evaluate.oracle_ratio(truth, model, oracle) == pytest.approx(5 / 3, rel=0.03)
    with pytest.raises(UserError, match="is no error"):
        evaluate.oracle_ratio(truth, model, oracle, "r2")


def test_reliability_and_ece_of_a_case_worked_by_hand():
    probability = np.array([[0.9, 0.1]] * 4 + [[0.35, 0.65]] * 2)
    truth = [0, 0, 0, 1, 1, 1]
    table = evaluate.reliability(truth, probability)
    assert table["n"].tolist() == [2, 4]
    assert table["low"].tolist() == [0.6, 0.8] and table["accuracy"].tolist() == [1.0, 0.75]
    assert evaluate.ece(truth, probability) == pytest.approx((2 * 0.35 + 4 * 0.15) / 6)
    with pytest.raises(UserError, match="row 0 does not sum to 1"):
        evaluate.ece(truth, probability * 2)
    with pytest.raises(UserError, match=r"give \(N,\), \(N, C\)"):
        evaluate.ece(truth, probability[:3])


def test_probabilities_that_are_true_have_no_calibration_error():
    rng = np.random.default_rng(5)
    p = rng.uniform(0, 1, 40_000)
    truth = (rng.uniform(0, 1, 40_000) < p).astype(int)
    assert evaluate.ece(truth, np.stack([1 - p, p], axis=1)) < 0.01


def test_temperature_undoes_a_factor_and_meets_its_condition():
    rng = np.random.default_rng(8)
    z = rng.normal(size=(5000, 3))
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    truth = (p.cumsum(1) < rng.uniform(size=(5000, 1))).sum(1)  # drawn from softmax(z)
    tau = evaluate.fit_temperature(z, truth)
    assert tau == pytest.approx(1, abs=0.05)
    assert evaluate.fit_temperature(3 * z, truth) == pytest.approx(3 * tau, rel=1e-4)
    q = np.exp(z / tau) / np.exp(z / tau).sum(1, keepdims=True)
    expected = (q * z).sum(1).mean()
    assert z[np.arange(5000), truth].mean() == pytest.approx(expected, abs=1e-4)
    with pytest.raises(UserError, match=r"give \(N, C\), \(N,\)"):
        evaluate.fit_temperature(z, truth[:4])
