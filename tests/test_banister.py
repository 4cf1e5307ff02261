"""Banister's model fitted: found where it can be, doubted where it cannot, else refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import banister
from sportsml_lite.recommend.profiles import profile
from sportsml_lite.simulate import impulse
from sportsml_lite.simulate.impulse import Body

TRUE = Body(85.0, 0.55, 1.1, 45.0, 8.0)
LOAD = impulse.loads(1, 168, "varied", seed=4)[0]
DAYS = np.arange(3, 169, 3)


def measured(error_pct=0.0, seed=0, load=LOAD, days=DAYS, true=TRUE):
    return impulse.tests(impulse.performance(load, true), days, error_pct, seed, 0).to_numpy()


def test_without_error_every_parameter_is_found():
    found = banister.fit(LOAD, DAYS, measured())
    for name in ("p0", "k1", "k2", "tau1_d", "tau2_d"):
        assert getattr(found.body, name) == pytest.approx(getattr(TRUE, name), rel=1e-3)
    assert banister.identified(found) and not banister.refusals(found)
    assert found.r2 == pytest.approx(1) and found.tests == len(DAYS) and not found.missed


@pytest.mark.parametrize("seed", range(20))
def test_coefficients_are_those_of_bounded_least_squares(seed):
    """Against scipy's nnls with an intercept that may have either sign."""
    rng = np.random.default_rng(seed)
    a, b, y = rng.standard_normal((3, 12))
    X = np.column_stack([np.ones(12), -np.ones(12), a, b])
    by_scipy, norm = nnls(X, y)
    found, rss = banister._linear(a, b, y)
    expected = [by_scipy[0] - by_scipy[1], *by_scipy[2:]]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert rss == pytest.approx(norm**2)


def test_a_profile_is_the_best_fit_with_one_time_constant_held():
    values = measured(1.0)
    found = banister.fit(LOAD, DAYS, values)
    held_at = found.profiles["tau1_d"]
    at = int(np.abs(held_at.tau_d - 30).argmin())
    tau2 = np.geomspace(*banister.TAU2_D, banister.STEPS)

    def rss(tau1, tau2):
        body = banister.fixed(LOAD, DAYS, values, tau1, tau2)
        return np.square(values - impulse.performance(LOAD, body)[DAYS]).sum()

    best = rss(found.body.tau1_d, found.body.tau2_d)
    held = min(rss(held_at.tau_d[at], tau) for tau in tau2)
    assert held_at.excess[at] == pytest.approx((held - best) / found.residual_pct**2, rel=1e-6)
    assert held_at.limit == pytest.approx(4.03, abs=0.03)  # F(1, 51), 95 %


def test_an_interval_ends_where_the_excess_crosses_the_limit():
    tau, excess = np.array([1.0, 2, 4, 8, 16]), np.array([6.0, 2, 0, 2, 6])

    def ends(excess, limit):
        found = profile(tau, excess, limit)
        return found.low_d, found.high_d, found.closed

    assert ends(excess, 4.0) == pytest.approx((2**0.5, 8 * 2**0.5, True))
    assert ends(excess, 10.0) == (0.0, np.inf, False)
    assert ends(excess + 5, 4.0) == (2, 8, True)  # all between two points of the grid


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = []
    for seed in range(40):
        found = banister.fit(LOAD, DAYS[::2], measured(1.0, seed, days=DAYS[::2])).profiles
        held += [p.low_d <= getattr(TRUE, n) <= p.high_d for n, p in found.items()]
    assert np.mean(held) >= 0.88  # 95 % of 80, with three standard errors


def test_noisy_tests_of_usual_training_identify_nothing():
    load = impulse.loads(1, 126, "habit")[0]
    days = np.linspace(5, 126, 12).astype(int)
    found = banister.fit(load, days, measured(2.5, 1, load, days))
    assert not banister.identified(found)
    assert any("at a bound" in said for said in banister.refusals(found))


def test_what_is_wide_on_a_bound_or_unmoved_is_refused():
    found = banister.fit(LOAD, DAYS, measured(0.2))
    assert banister.identified(found)
    wide = replace(found.profiles["tau1_d"], low_d=20.0, high_d=70.0)
    odd = replace(found, profiles={**found.profiles, "tau1_d": wide})
    assert banister.refusals(odd) == ("tau1_d: anything from 20 to 70 d fits",)
    assert banister.identified(odd, widest=4)
    assert not banister.identified(replace(found, stuck=("tau2_d",)))
    assert not banister.identified(replace(found, on_bound=("k2",)))


def test_an_ordinary_search_gives_back_its_start_where_fatigue_costs_nothing():
    """Training that helps at once: k2 is held at 0, and τ2, without influence, stays as it was."""
    helped = impulse.performance(LOAD, replace(TRUE, k2=0.0)) + 0.5 * impulse.trace(LOAD, 3.0)
    found = banister.fit(LOAD, DAYS, helped[DAYS])
    assert "k2" in found.on_bound and found.stuck == ("tau2_d",)
    assert np.ptp(found.profiles["tau2_d"].excess) < 1e-9
    assert "tau2_d: an ordinary search gives back its start" in banister.refusals(found)


@pytest.mark.parametrize(
    ("load", "values"),
    [
        (np.ones(168), measured(1.0)),  # always as accustomed: nothing to learn from
        (LOAD, np.full(len(DAYS), 90.0)),  # tests that never change
    ],
)
def test_tests_that_depend_on_no_time_constant_are_refused(load, values):
    with pytest.raises(UserError, match="depend on no time constant"):
        banister.fit(load, DAYS, values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"days": DAYS[:5], "values": np.arange(5.0)}, "5 tests"),
        ({"days": DAYS + 1}, "whole days of the record"),
        ({"days": DAYS + 0.5}, "whole days of the record"),
        ({"values": np.full(len(DAYS), np.nan)}, "missing"),
        ({"values": np.ones(3)}, "make both"),
    ],
)
def test_impossible_tests_are_refused(change, says):
    with pytest.raises(UserError, match=says):
        banister.fit(**({"load": LOAD, "days": DAYS, "values": measured()} | change))


def test_with_time_constants_given_three_parameters_are_found():
    found = banister.fixed(LOAD, DAYS, measured(), TRUE.tau1_d, TRUE.tau2_d)
    assert (found.p0, found.k1, found.k2) == pytest.approx((TRUE.p0, TRUE.k1, TRUE.k2))


@pytest.mark.parametrize("body", [TRUE, Body(0, 0.5, 1.0, 42, 7), Body(0, 1.0, 1.2, 20, 3)])
def test_a_session_brings_most_on_the_day_at_which_its_curve_is_highest(body):
    t = np.linspace(0, 120, 120_001)
    curve = body.k1 * np.exp(-t / body.tau1_d) - body.k2 * np.exp(-t / body.tau2_d)
    assert banister.peak_d(body) == pytest.approx(t[curve.argmax()], abs=2e-3)


def test_a_peak_is_at_once_without_fatigue_and_never_later_than_the_latest():
    assert banister.peak_d(Body(0, 1, 0, 42, 7)) == 0
    assert banister.peak_d(Body(0, 0, 1, 42, 7)) == banister.LATEST_D
    assert banister.peak_d(Body(0, 1e-9, 1, 42, 7)) == banister.LATEST_D


def test_the_correlation_of_k1_and_k2_is_that_of_repeated_tests():
    """Slopes of the whole model by differences of :func:`impulse.performance`."""
    found = banister.fit(LOAD, DAYS, measured(0.3))
    names = ("p0", "k1", "k2", "tau1_d", "tau2_d")

    def at(**change):
        return impulse.performance(LOAD, replace(found.body, **change))[DAYS]

    jacobian = np.stack([
        (at(**{n: getattr(found.body, n) + 1e-5}) - at(**{n: getattr(found.body, n) - 1e-5})) / 2e-5
        for n in names
    ], axis=1)  # fmt: skip
    cov = np.linalg.inv(jacobian.T @ jacobian)
    expected = cov[1, 2] / np.sqrt(cov[1, 1] * cov[2, 2])
    assert found.k_correlation == pytest.approx(expected, abs=1e-3)
