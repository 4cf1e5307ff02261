"""Athletes who follow Banister's model: its sums by hand, and draws that hold what they promise."""

import numpy as np
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.simulate import impulse
from sportsml_lite.simulate.impulse import Body


def test_a_trace_is_the_sum_of_faded_impulses():
    load = np.random.default_rng(0).random(30)
    found = impulse.trace(load, 7.0)
    by_hand = [sum(load[s] * np.exp(-(t - s) / 7) for s in range(t)) for t in range(31)]
    np.testing.assert_allclose(found, by_hand, atol=1e-12)


def test_what_was_done_before_is_as_if_it_had_been_recorded():
    load = np.random.default_rng(1).random(20)
    long = np.concatenate([np.full(2000, 0.8), load])
    np.testing.assert_allclose(
        impulse.trace(load, 42.0, before=0.8), impulse.trace(long, 42.0)[2000:], rtol=1e-12
    )


def test_performance_rises_by_fitness_and_falls_by_fatigue():
    load = np.zeros(200)
    load[0] = 1
    body = Body(50.0, 0.5, 1.0, 42.0, 7.0)
    days = np.arange(1, 201)
    expected = 50 + 0.5 * np.exp(-days / 42) - np.exp(-days / 7)
    np.testing.assert_allclose(impulse.performance(load, body, before=0)[1:], expected)


def test_whoever_trains_as_accustomed_stays_at_the_start():
    for body in impulse.bodies(5, seed=3):
        np.testing.assert_allclose(impulse.performance(np.ones(100), body), impulse.START_PCT)


def test_an_athlete_is_the_same_whoever_else_is_drawn():
    assert impulse.bodies(3, 1) == impulse.bodies(8, 1)[:3]
    assert impulse.bodies(3, 1) != impulse.bodies(3, 2)
    few, many = (impulse.loads(n, 60, "varied", 1) for n in (2, 4))
    np.testing.assert_array_equal(few, many[:2])


def test_time_constants_lie_around_the_textbooks():
    tau = np.array([(b.tau1_d, b.tau2_d) for b in impulse.bodies(400)])
    np.testing.assert_allclose(np.median(tau, axis=0), [42, 7], rtol=0.06)
    np.testing.assert_allclose(np.log(tau).std(axis=0), [0.25, 0.29], atol=0.03)


def test_habits_are_near_the_accustomed_load_and_varied_ones_far_from_it_in_blocks():
    habit, varied = (impulse.loads(40, 126, kind) for kind in impulse.LOADS)
    assert habit.mean() == pytest.approx(1, abs=0.1)
    factor = varied.sum(axis=1) / habit.sum(axis=1)
    assert factor.std() > 0.2
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (varied / habit).reshape(40, -1, impulse.BLOCK_D)
    for block in ratio.reshape(-1, impulse.BLOCK_D):
        known = block[~np.isnan(block)]
        assert len(np.unique(known.round(9))) == 1
        assert known[0].round(9) in impulse.FACTORS


def test_a_test_errs_by_so_many_per_cent_and_alike_whatever_else_is_tested():
    truth = np.full(4001, 80.0)
    found = impulse.tests(truth, np.arange(4001), 2.5, 0, 7)
    assert (found / 80 - 1).std() == pytest.approx(0.025, rel=0.05)
    assert found[5] == impulse.tests(truth, [5], 2.5, 0, 7)[5]
    np.testing.assert_array_equal(impulse.tests(truth, [1, 9], 0.0, 0, 7), [80, 80])


def test_unknown_loads_and_errors_are_refused():
    with pytest.raises(UserError, match="choose one of habit, varied"):
        impulse.loads(2, 10, "hard")
    with pytest.raises(UserError, match="error_pct = -1"):
        impulse.tests(np.ones(3), [1], -1, 0, 0)
