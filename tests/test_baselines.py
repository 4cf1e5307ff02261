"""Baselines answer what their names say, from training athletes and the past alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import schema
from sportsml_lite.baselines.sessions import BASELINES, add_own_past, fit_baseline, own_past
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import Table

NAMES = ("duration_min", "trimp", "trimp_ratio", "age_y")


def _table(athletes, seed=0, each=30):
    rng = np.random.default_rng(seed)
    n = len(athletes) * each
    X = np.column_stack([rng.uniform(20, 90, n), rng.uniform(20, 200, (n, 1)),
                         rng.uniform(0.2, 3, n), rng.uniform(18, 60, n)])  # fmt: skip
    y = 1 + 0.01 * X[:, 1] + 0.5 * X[:, 2] + rng.normal(0, 0.1, n)
    names = np.repeat(np.array(athletes, dtype=object), each)
    sessions = np.array([f"{a}-{i}" for i, a in enumerate(names)], dtype=object)
    return Table(X, y, names, sessions, NAMES, "effect", 0)


@pytest.fixture
def parts():
    train = _table([f"a{i}" for i in range(6)])
    return train, _table(["v1", "v2"], 1), _table(["t1", "t2"], 2)


def _fit(name, train, validation):
    past = pd.Series(np.arange(60.0), index=_table(["t1", "t2"], 2).session)
    return fit_baseline(name, train, validation, past)


@pytest.mark.parametrize("name", BASELINES)
def test_predicts_one_finite_number_a_session_also_with_gaps(parts, name):
    train, validation, test = parts
    holes = np.where(np.random.default_rng(3).random(test.X.shape) < 0.2, np.nan, test.X)
    prediction = _fit(name, train, validation)(replace(test, X=holes))
    assert prediction.shape == (len(test),)
    assert np.isfinite(prediction).all()


@pytest.mark.parametrize("name", BASELINES)
def test_never_reads_the_target_of_the_test(parts, name):
    train, validation, test = parts
    predict = _fit(name, train, validation)
    np.testing.assert_array_equal(predict(test), predict(replace(test, y=test.y + 100)))


def test_mean_is_the_training_mean_and_nothing_else(parts):
    train, validation, test = parts
    np.testing.assert_allclose(_fit("mean", train, validation)(test), train.y.mean())


def test_lines_are_least_squares(parts):
    train, validation, test = parts
    for name, at in (("trimp", 1), ("ratio", 2)):
        design = np.column_stack([np.ones(len(train)), train.X[:, at]])
        weights = np.linalg.lstsq(design, train.y, rcond=None)[0]
        wanted = weights[0] + weights[1] * test.X[:, at]
        np.testing.assert_allclose(_fit(name, train, validation)(test), wanted)


def test_duration_times_mean_rating(parts):
    """For a session load of rating × minutes this is the others' mean rating × the minutes."""
    train, validation, test = parts
    rating = np.linspace(2, 8, len(train))
    loads = replace(train, y=rating * train.column("duration_min"), target="srpe")
    predict = _fit("per_minute", loads, replace(validation, target="srpe"))
    np.testing.assert_allclose(predict(test), rating.mean() * test.column("duration_min"))


def test_ridge_and_trees_learn_what_is_there(parts):
    train, validation, test = parts
    for name, share in (("ridge", 0.05), ("boosting", 0.2)):
        error = np.mean((_fit(name, train, validation)(test) - test.y) ** 2)
        assert error < share * test.y.var(), name


def test_ridge_strength_is_chosen_by_validation_athletes():
    """Where validation contradicts training, the strongest penalty wins: nearly the mean."""
    train, validation = _table(["a", "b"]), _table(["v"], 1)
    against = fit_baseline("ridge", train, replace(validation, y=-validation.y))
    agreeing = fit_baseline("ridge", train, validation)
    assert np.ptp(against(validation)) < 0.02 * np.ptp(agreeing(validation))


def test_trees_stop_on_validation_athletes():
    """More trees than validation asks for would fit the noise of the training rows."""
    train, validation = _table(["a", "b"]), _table(["v"], 1)
    rng = np.random.default_rng(0)
    noise = replace(train, y=rng.normal(size=len(train)))
    predict = fit_baseline(
        "boosting", noise, replace(validation, y=rng.normal(size=len(validation)))
    )
    assert np.corrcoef(predict(noise), noise.y)[0, 1] < 0.9


def _sessions(athlete, days):
    start = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    ids = [f"{a}{d}" for a, d in zip(athlete, days, strict=True)]
    frame = pd.DataFrame({"session_id": ids, "athlete_id": athlete, "start": start})
    return schema.conform(frame.assign(duration_s=3600.0), "sessions")


def test_own_past_never_looks_ahead():
    sessions = _sessions(["a", "b", "a", "a", "b"], [0, 0, 1, 2, 5])
    found = own_past(sessions, np.array([1.0, 10, 3, 99, 20]))
    assert found["a1"] == 1 and found["a2"] == 2 and found["b5"] == 10
    assert found[["a0", "b0"]].isna().all()
    later = own_past(sessions, np.array([1.0, 10, 3, -5, 20]))
    pd.testing.assert_series_equal(found, later)


def test_own_past_moves_a_prediction_by_earlier_residuals_only():
    sessions = _sessions(["a", "b", "a", "a"], [0, 0, 1, 2])
    truth, guess = np.array([4.0, 1, 2, 9]), np.array([3.0, 1, 3, 3])
    found = add_own_past(guess, truth, sessions, strength=3)
    np.testing.assert_allclose(found, [3, 1, 3 + 1 / 4, 3 + 0 / 5])
    np.testing.assert_allclose(found, add_own_past(guess, np.add(truth, [0, 0, 0, 50]), sessions))
    with pytest.raises(UserError, match="own past"):
        add_own_past(guess[:2], truth[:2], sessions)


def test_athlete_mean_starts_with_the_others(parts):
    train, validation, test = parts
    past = pd.Series([np.nan, 4.0], index=test.session[:2])
    found = fit_baseline("athlete_mean", train, validation, past)(test.take(np.arange(2)))
    np.testing.assert_allclose(found, [train.y.mean(), 4.0])


def test_refusals(parts):
    train, validation, _ = parts
    with pytest.raises(UserError, match="no baseline 'median'"):
        fit_baseline("median", train, validation)
    with pytest.raises(UserError, match="own_past"):
        fit_baseline("athlete_mean", train, validation)
    with pytest.raises(UserError, match="'a0' trains and validates"):
        fit_baseline("mean", train, train)
    with pytest.raises(UserError, match="no session"):
        fit_baseline("mean", train, validation.take(np.arange(0)))
    with pytest.raises(UserError, match="differ in features"):
        fit_baseline("mean", train, replace(validation, names=("a", "b", "c", "d")))
