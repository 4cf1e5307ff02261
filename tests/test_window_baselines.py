"""Baselines on windows find what is planted, read the past alone and never answer the unseen."""

from dataclasses import replace

import numpy as np
import pytest

from sportsml_lite.baselines import kernels
from sportsml_lite.baselines import windows as window_baselines
from sportsml_lite.baselines.sessions import STRENGTHS
from sportsml_lite.baselines.windows import (
    WINDOW_BASELINES,
    best_cuts,
    fit_window_baseline,
    window_baselines_of,
    window_statistics,
)
from sportsml_lite.collect.datasets.swimming import INERTIAL
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import macro_f1, mae
from sportsml_lite.prepare.tasks import DOMAINS
from sportsml_lite.schema import Windows

CUTS = (0.6, 0.8)
CLASSES = ["majority", "zone", "forest", "boosting", "minirocket"]
NUMBERS = ["mean", "last", "autoregression", "autoregression_plan", "forest", "boosting",
           "minirocket"]  # fmt: skip
ATHLETES = {"train": ("a", "b", "c", "d"), "validation": ("v", "w"), "test": ("x", "y")}


def _windows(part, y, X, channels, classes, each, rate_hz=1.0):
    n, _, t = X.shape
    names = np.repeat(np.array(ATHLETES[part], dtype=object), each)
    return Windows(X.astype(np.float32), np.ones((n, t), bool), y, names, names, np.arange(n) * 9.0,
                   channels, classes, rate_hz)  # fmt: skip


def _heart(part, rng, each=60):
    """Heart rate that drifts to a level at the end of the window, and a speed that lags it."""
    n = each * len(ATHLETES[part])
    end, begin = rng.uniform(0.4, 1.0, n), rng.uniform(0.4, 1.0, n)
    way = np.clip(np.arange(60) / 45, 0, 1)
    hr = begin[:, None] + (end - begin)[:, None] * way + rng.normal(0, 0.002, (n, 60))
    return hr, end, each


def _domain(part, seed=0):
    rng = np.random.default_rng((seed, len(part)))
    hr, end, each = _heart(part, rng)
    X = np.stack([hr, rng.normal(3, 1, hr.shape)], axis=1)
    y = np.searchsorted(CUTS, end)
    return _windows(part, y, X, ("hr_fraction", "speed_mps"), DOMAINS, each)


def _next_minute(part, seed=0):
    """The next minute is heart rate now, moved by what is planned."""
    rng = np.random.default_rng((seed, len(part)))
    hr, end, each = _heart(part, rng)
    plan = rng.normal(3, 1, (len(hr), 1))
    y = 190 * end + 5 * (plan[:, 0] - 3) + rng.normal(0, 0.5, len(hr))
    X = np.stack([190 * hr, 3 + 0 * hr, plan + rng.normal(0, 0.1, hr.shape)], axis=1)
    return _windows(part, y, X, ("hr_bpm", "speed_mps", "planned_speed_mps"), (), each)


def _stroke(part, seed=0):
    """Classes that differ in frequency alone: means and spreads are the same."""
    rng = np.random.default_rng((seed, len(part)))
    n = 40 * len(ATHLETES[part])
    y = np.arange(n) % 3
    phase = rng.uniform(0, 6.3, (n, 6, 1))
    wave = np.sin(2 * np.pi * np.array([0.5, 1, 2])[y, None, None] * np.arange(90) / 30 + phase)
    X = wave + rng.normal(0, 0.3, wave.shape)
    return _windows(part, y, X, INERTIAL, ("slow", "middle", "fast"), 40, 30.0)


def _parts(make, seed=0):
    return tuple(make(part, seed) for part in ATHLETES)


@pytest.fixture(autouse=True)
def fewer_kernels(monkeypatch, tmp_path):
    """Ten thousand kernels are for the book; nothing tested here depends on their number."""
    monkeypatch.setattr(kernels, "COUNT", kernels.FEWER)
    monkeypatch.setattr(kernels, "project_root", lambda: tmp_path)


@pytest.fixture(scope="module")
def domains():
    return _parts(_domain)


@pytest.fixture(scope="module")
def minutes():
    return _parts(_next_minute)


@pytest.mark.parametrize("name", CLASSES[1:])
def test_classifiers_find_planted_zones(domains, name):
    train, validation, test = domains
    answer = fit_window_baseline(name, train, validation)(test)
    assert answer.shape == (len(test),) and answer.dtype.kind == "i"
    assert macro_f1(test.y, answer) > (0.85 if name == "minirocket" else 0.93)


@pytest.mark.parametrize("name", ["forest", "boosting", "minirocket"])
def test_learners_find_a_planted_frequency(name):
    train, validation, test = _parts(_stroke)
    assert macro_f1(test.y, fit_window_baseline(name, train, validation)(test)) > 0.95


def test_numbers_are_found_by_those_who_read_what_decides(minutes):
    train, validation, test = minutes
    error = {n: mae(test.y, fit_window_baseline(n, train, validation)(test)) for n in NUMBERS}
    assert error["last"] < 0.3 * error["mean"]
    assert error["autoregression"] < 1.1 * error["last"]
    assert error["autoregression_plan"] < 0.25 * error["last"]
    assert error["boosting"] < 0.6 * error["last"]
    assert error["forest"] < 0.9 * error["last"]
    assert error["minirocket"] < 0.5 * error["mean"]


def test_names_that_apply(domains, minutes):
    assert window_baselines_of(domains[0]) == CLASSES
    assert window_baselines_of(minutes[0]) == NUMBERS
    assert window_baselines_of(_stroke("train")) == ["majority", "forest", "boosting", "minirocket"]
    alone = replace(minutes[0], X=minutes[0].X[:, :2], channels=minutes[0].channels[:2])
    assert "autoregression_plan" not in window_baselines_of(alone)
    short = replace(domains[0], X=domains[0].X[:, :, :8], mask=domains[0].mask[:, :8])
    assert "minirocket" not in window_baselines_of(short)


@pytest.mark.parametrize(("name", "lacking"), [("zone", "hr_fraction"), ("mean", "number"),
                                               ("autoregression_plan", "planned_")])  # fmt: skip
def test_a_baseline_that_does_not_apply_says_what_it_needs(name, lacking):
    train, validation, _ = _parts(_stroke)
    with pytest.raises(UserError, match=lacking):
        fit_window_baseline(name, train, validation)


@pytest.mark.parametrize("name", WINDOW_BASELINES)
def test_gaps_are_allowed_and_the_target_of_the_test_is_never_read(domains, minutes, name):
    """A channel may also lack in a whole window, or everywhere in training."""
    train, validation, test = domains if name in CLASSES else minutes
    holes = np.random.default_rng(3).random(test.X.shape) < 0.2
    X = np.where(holes, np.nan, test.X).astype(np.float32)
    X[:5, 0], X[:, 1] = np.nan, np.nan
    empty = train.X.copy()
    empty[:, 1] = np.nan
    predict = fit_window_baseline(name, replace(train, X=empty), validation)
    answer = predict(replace(test, X=X))
    assert answer.shape == (len(test),) and np.isfinite(answer).all()
    np.testing.assert_array_equal(answer, predict(replace(test, X=X, y=np.roll(test.y, 7))))


@pytest.mark.parametrize("name", ["zone", "forest", "boosting", "minirocket"])
def test_a_class_that_training_lacks_is_never_answered(domains, name):
    train, validation, test = domains
    for lacking in (0, 1, 2):
        few = train.take(train.y != lacking)
        answer = fit_window_baseline(name, few, validation)(test)
        assert set(np.unique(answer)) == {0, 1, 2} - {lacking}


@pytest.mark.parametrize("name", CLASSES)
def test_one_class_in_training_is_an_error_except_for_the_majority(domains, name):
    train, validation, test = domains
    train = train.take(train.y == 1)
    if name == "majority":
        assert (fit_window_baseline(name, train, validation)(test) == 1).all()
        return
    with pytest.raises(UserError, match="only 'between'"):
        fit_window_baseline(name, train, validation)


def test_the_seed_decides_and_nothing_else(minutes):
    train, validation, test = minutes
    first, again, other = (
        fit_window_baseline("forest", train, validation, seed)(test) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_windows_that_do_not_fit_are_refused(domains):
    train, validation, test = domains
    predict = fit_window_baseline("forest", train, validation)
    renamed = replace(test, channels=("hr_fraction", "power_w"))
    short = replace(test, X=test.X[:, :, 1:], mask=test.mask[:, 1:])
    for wrong, word in ((renamed, "power_w"), (short, "59"), (replace(test, rate_hz=2.0), "2.0")):
        with pytest.raises(UserError, match=word):
            predict(wrong)
        with pytest.raises(UserError, match=word):
            fit_window_baseline("forest", wrong, validation)
    with pytest.raises(UserError, match="split by athlete"):
        fit_window_baseline("forest", train, train)
    with pytest.raises(UserError, match="no baseline 'tree'"):
        fit_window_baseline("tree", train, validation)
    with pytest.raises(UserError, match="no window"):
        fit_window_baseline("majority", train, validation.take(np.array([], int)))


def test_cuts_are_the_planted_ones_and_no_others_score_better():
    rng = np.random.default_rng(0)
    value = rng.uniform(0.4, 1, 4000)
    np.testing.assert_allclose(best_cuts(value, np.searchsorted(CUTS, value)), CUTS, atol=0.002)
    y = np.searchsorted(CUTS, value + rng.normal(0, 0.08, 4000))
    found = macro_f1(y, np.searchsorted(best_cuts(value, y), value, side="right"))
    for cuts in np.sort(rng.uniform(0.5, 0.9, (100, 2)), axis=1):
        assert macro_f1(y, np.searchsorted(cuts, value, side="right")) <= found + 1e-3


def test_zone_reads_the_last_ten_seconds(domains):
    train, validation, test = domains
    predict = fit_window_baseline("zone", train, validation)
    X = test.X.copy()
    X[:, :, :50] = 0.1
    np.testing.assert_array_equal(predict(test), predict(replace(test, X=X)))


def test_autoregression_is_ridge_in_closed_form(minutes):
    train, validation, test = minutes

    def past(windows):
        return windows.X[:, 0].reshape(len(windows), 12, 5).mean(axis=2).astype(float)

    centre, spread = past(train).mean(axis=0), past(train).std(axis=0)
    Z, Z_val, Z_test = ((past(w) - centre) / spread for w in minutes)
    offset = train.y.mean()
    weights = [np.linalg.solve(Z.T @ Z + s * np.eye(12), Z.T @ (train.y - offset))
               for s in STRENGTHS]  # fmt: skip
    errors = [np.mean((Z_val @ w + offset - validation.y) ** 2) for w in weights]
    wanted = Z_test @ weights[int(np.argmin(errors))] + offset
    predict = fit_window_baseline("autoregression", train, validation)
    np.testing.assert_allclose(predict(test), wanted, rtol=1e-4)


def test_naive_answers(domains, minutes):
    train, validation, test = domains
    assert (fit_window_baseline("majority", train, validation)(test)
            == np.bincount(train.y).argmax()).all()  # fmt: skip
    train, validation, test = minutes
    np.testing.assert_allclose(fit_window_baseline("mean", train, validation)(test), train.y.mean())


def test_statistics_are_what_they_are_called():
    X = np.array([[[1.0, 2, np.nan, 4]]], np.float32)
    windows = Windows(X, np.ones((1, 4), bool), np.zeros(1), np.array(["a"], object),
                      np.array(["r"], object), np.zeros(1), ("hr_fraction",), (), 0.1)  # fmt: skip
    found = window_statistics(windows, np.zeros(1))[0]
    held = np.array([1, 2, 2, 4])
    slope = np.polyfit(np.arange(4) * 10, held, 1)[0]
    wanted = [0.25, held.mean(), held.std(), *np.quantile(held, (0, 0.25, 0.5, 0.75, 1)),
              4, slope, 1]  # fmt: skip
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_inertial_statistics_hold_norm_frequency_and_correlation():
    windows = _stroke("train")
    t = np.arange(90) / 30
    X = np.zeros((1, 6, 90), np.float32)
    X[0, 0], X[0, 1], X[0, 2] = 3 + np.sin(2 * np.pi * t), -np.sin(2 * np.pi * t), 4
    found = window_statistics(replace(windows.take([0]), X=X), np.zeros(6))[0]
    norm = np.sqrt((X[0, :3] ** 2).sum(axis=0))
    assert len(found) == 6 + 10 * 8 + 2 * 8 + 15
    np.testing.assert_allclose(found[6 + 6], norm.mean(), rtol=1e-5)
    np.testing.assert_allclose(found[86], 1.0, atol=1e-6)  # Hz, of the first channel
    np.testing.assert_allclose(found[94], 1.0, atol=1e-3)  # all its energy there
    np.testing.assert_allclose(found[102:104], [-1, 0], atol=1e-3)  # x with y, x with z


def test_many_windows_are_thinned_without_losing_an_athlete_or_a_class(domains, monkeypatch):
    train, _, _ = domains
    monkeypatch.setattr(window_baselines, "MOST_WINDOWS", 50)
    rare = train.take(np.r_[np.flatnonzero(train.y < 2), np.flatnonzero(train.y == 2)[:1]])
    few = rare.take(window_baselines.every_nth(rare))
    assert 45 <= len(few) <= 50 + 12
    assert set(few.athlete) == set(rare.athlete) and set(few.y) == {0, 1, 2}


def test_symmetric_scores_know_the_other_wrist_and_no_image_changes_them():
    """Everyone in training wears the watch on one wrist, the test athlete on the other."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    wave = np.sin(np.arange(30) * np.where(y, 2.0, 0.7)[:, None])
    X = (1.0 + wave + rng.normal(0, 0.3, (120, 30)))[:, None]

    def make(part, X):
        each = 120 // len(ATHLETES[part])
        return _windows(part, y, X, ("acc",), ("rest", "move"), each)

    train, validation, test = make("train", X), make("validation", X), make("test", -X)
    signs = np.array([[1.0], [-1.0]])
    scores = window_baselines.fit_symmetric_scores(train, validation, signs)
    assert macro_f1(test.y, scores(test).argmax(1)) > 0.95
    mirrored = scores(replace(test, X=-test.X))
    np.testing.assert_allclose(scores(test), mirrored, rtol=1e-4, atol=1e-5)


def test_symmetric_scores_never_prefer_a_class_that_training_lacks(domains):
    train, validation, test = domains
    signs = np.ones((1, 2))
    scores = window_baselines.fit_symmetric_scores(train.take(train.y != 1), validation, signs)
    assert (scores(test)[:, 1] == window_baselines.NEVER).all()
    assert scores(test).max(axis=1).min() > window_baselines.NEVER


def test_symmetric_scores_of_a_number_are_refused(minutes):
    train, validation, _ = minutes
    with pytest.raises(UserError, match="number"):
        window_baselines.fit_symmetric_scores(train, validation, np.ones((1, 3)))


@pytest.mark.parametrize("columns", [5, 70])
def test_ridges_are_scikit_learns_with_more_rows_or_more_columns(columns):
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(40, columns)) + 3, rng.normal(size=(40, 2))
    weight = rng.uniform(0.2, 3, 40)
    strengths = (0.5, 10.0)
    found = list(window_baselines.ridges(X, Y, strengths, weight))
    for strength, (B, b) in zip(strengths, found, strict=True):
        wanted = Ridge(strength).fit(X, Y, weight)
        np.testing.assert_allclose(B, wanted.coef_.T, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(b, wanted.intercept_, rtol=1e-6)
