"""The effect model: Bayes' rule in closed form, a population found again, intervals that hold."""

import numpy as np
import pytest

from sportsml_lite import intensity
from sportsml_lite.errors import UserError
from sportsml_lite.recommend import effect
from sportsml_lite.recommend.effect import Blocks, EffectModel, features, fit_population
from sportsml_lite.recommend.week import Person, PlannedSession, Week
from sportsml_lite.simulate.weeks import World

F = len(effect.FEATURES)


def prior(misfit=0.7, error=2.5):
    random = np.random.default_rng(0)
    root = random.standard_normal((F, F))
    return EffectModel(random.standard_normal(F), root @ root.T, misfit, error)


def test_features_by_hand():
    """A man who doubles his training of zone 1, and one who adds hard minutes."""
    habit = np.array([100.0, 0, 0, 0, 0])
    double = features(["m"], habit[None], habit[None], habit[None], 2 * habit[None])[0]
    kept = np.exp(-28 / np.array([42.0, 7.0]))
    chronic, acute = 2 - kept
    assert double == pytest.approx([chronic - 1, chronic**2 - 1, acute - 1, acute**2 - 1, 0])
    hard = habit + np.array([0, 0, 0, 0, 10])
    found = features(["m"], habit[None], habit[None], habit[None], hard[None])[0]
    minute = intensity.zone_trimp(np.eye(5), ["m"] * 5)
    more = 10 * minute[4] / (100 * minute[0])
    assert found[[0, 2, 4]] == pytest.approx([more * (1 - kept[0]), more * (1 - kept[1]), 0.1])


def test_going_on_as_usual_brings_nothing_and_blocks_follow_one_another():
    weeks = np.random.default_rng(1).uniform(1, 90, (3, 5))
    same = features(["m", "f", ""], weeks, weeks, weeks, weeks)
    np.testing.assert_allclose(same, 0, atol=1e-12)
    # Form at the end minus form at the start: a block there and a block back sum to nothing only
    # where the memory is gone, as that of the acute load nearly is.
    there = features(["m"] * 3, weeks, weeks, weeks, 2 * weeks)
    back = features(["m"] * 3, weeks, weeks, 2 * weeks, weeks)
    np.testing.assert_allclose((there + back)[:, 2:4], 0, atol=0.1)
    assert (there + back)[:, 0].min() > 0.1


def test_of_an_unknown_sex_the_impulse_is_between():
    habit = np.array([[200.0, 100, 30, 20, 10]])
    hard = np.array([[100.0, 50, 60, 60, 30]])
    man, woman, unknown = (features([s], habit, habit, habit, hard)[0, 0] for s in ("m", "f", ""))
    assert min(man, woman) < unknown < max(man, woman)


def test_a_persons_features_are_those_of_the_arrays():
    week = Week("some", (PlannedSession(1, "intervals", 60), PlannedSession(5, "long", 100)))
    habit, recent = (90.0, 60, 20, 10, 5), (100.0, 70, 10, 5, 5)
    person = Person("running", "f", 30, 60, 50, 190, 50, habit, recent, 4, 90, np.nan, np.nan)
    found = effect.of_person(person, [week, Week("rest", ())])
    args = [np.array([m]) for m in (habit, habit, recent)]
    expected = features(["f"], *args, week.zone_minutes()[None])
    assert found.shape == (2, F) and found[0] == pytest.approx(expected[0])
    other = effect.of_person(person, [week], reference=2 * np.array(habit))
    assert other[0, 0] == pytest.approx(found[0, 0] / 2)


def test_the_posterior_is_that_of_precisions():
    """Against the other closed form: precisions add, and the noise of neighbours is correlated."""
    model, random = prior(), np.random.default_rng(2)
    X, y = random.standard_normal((4, F)), random.standard_normal(4)
    noise = 0.7**2 * np.eye(4) + 2.5**2 * (2 * np.eye(4) - np.eye(4, k=1) - np.eye(4, k=-1))
    precision = np.linalg.inv(model.covariance) + X.T @ np.linalg.inv(noise) @ X
    mean = np.linalg.solve(
        precision, np.linalg.inv(model.covariance) @ model.mean + X.T @ np.linalg.inv(noise) @ y
    )
    found = model.personal(X, y)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(precision), atol=1e-8)
    np.testing.assert_allclose(found.mean, mean, atol=1e-8)
    assert model.personal(np.zeros((0, F)), []).mean == pytest.approx(model.mean)


def test_a_block_makes_nobody_less_sure():
    model = prior()
    X = np.random.default_rng(3).standard_normal((6, F))
    sds = [model.personal(X[:n], np.ones(n)).predict(X)[1] for n in range(7)]
    assert (np.diff(sds, axis=0) <= 1e-9).all() and (sds[-1] < sds[0]).all()


def test_a_sample_has_the_mean_and_spread_that_are_believed():
    model = prior()
    found = model.sample(np.random.default_rng(0), 60_000)
    np.testing.assert_allclose(found.mean(axis=0), model.mean, atol=0.06)
    np.testing.assert_allclose(np.cov(found.T), model.covariance, atol=0.35)


def test_two_weeks_that_are_alike_differ_by_what_is_known_of_their_difference():
    model = EffectModel(np.zeros(F), np.zeros((F, F)), 1.0, 2.5)
    X = np.zeros((3, F))
    X[:, 2] = [0, 0.1, 2]
    spread = model.spread(X)
    apart = np.diag(spread) + spread[0, 0] - 2 * spread[0]
    assert apart[0] == 0 and apart[1] < 0.05 and apart[2] == pytest.approx(2, abs=0.01)
    assert np.linalg.eigvalsh(spread).min() > -1e-9
    assert model.predict(X)[1] == pytest.approx([1, 1, 1])


def drawn(athletes, model, seed=0, blocks=6):
    """Blocks whose changes follow a given model exactly."""
    random = np.random.default_rng(seed)
    habit = np.array([200.0, 150, 40, 30, 10]) * random.uniform(0.5, 2, (athletes, 1))
    weeks = habit[:, None] * random.uniform(0.3, 2, (athletes, blocks + 2, 1))
    weeks = weeks * random.uniform(0.5, 1.5, (*weeks.shape[:2], 5))
    given = Blocks(
        np.array(["m", "f"] * (athletes // 2)), habit, weeks[:, :-2], weeks[:, 1:-1], weeks[:, 2:],
        np.zeros((athletes, blocks)),
    )  # fmt: skip
    beta = model.sample(random, athletes)
    error = model.error_pct * np.diff(random.standard_normal((athletes, blocks + 1)), axis=1)
    missed = model.misfit_pct * random.standard_normal((athletes, blocks))
    change = np.einsum("abf,af->ab", given.X, beta) + missed + error
    return Blocks(*(getattr(given, n) for n in list(vars(given))[:-1]), change)


def test_a_population_is_found_again():
    truth = EffectModel(np.array([20.0, 0, 6, -5, -1]), np.diag([36.0, 2, 2, 4, 9]), 0.8, 1.0)
    found = fit_population(drawn(500, truth), error_pct=1.0)
    sd = np.sqrt(np.diag(found.covariance))
    assert found.misfit_pct == pytest.approx(0.8, abs=0.15)
    assert found.mean == pytest.approx(truth.mean, abs=1.5)
    assert sd[[0, 3]] == pytest.approx([6, 2], rel=0.3)


def test_the_hidden_truth_is_not_read():
    """Blocks are all that a fit sees, and they hold what diary and laboratory say."""
    blocks = effect.by_lot(World.draw(40, seed=4).rest(), blocks=2)
    told = {name: np.shape(value) for name, value in vars(blocks).items()}
    assert told["change_pct"] == (40, 2) and told["done_min_week"] == (40, 2, 5)
    again = effect.by_lot(World.draw(40, seed=4, effect=0).rest(), blocks=2, error_pct=0)
    np.testing.assert_array_equal(again.done_min_week, blocks.done_min_week)  # by lot, not by need
    np.testing.assert_allclose(again.change_pct, 0, atol=1e-9)


@pytest.fixture(scope="module")
def fitted():
    return effect.fit_population(effect.by_lot(World.draw(150, seed=0, first=5000).rest()))


def test_intervals_hold_for_athletes_whom_no_model_has_met(fitted):
    """Difference of two weeks from a usual one: nine of ten true ones lie in a 90 % interval."""
    world = World.draw(200, seed=1).rest()
    diary, flat = world.diary(), np.zeros(200)
    weeks = np.stack([world.habit_week(flat + v, flat) for v in (1.0, 0.7, 1.4)], axis=1)
    known = (diary.habit_min_week[:, None], diary.recent_min_week[:, None], weeks.sum(axis=2))
    X = features(world.athletes()["sex"], diary.habit_min_week[:, None], *known)
    true = world.truth(np.tile(weeks, (1, 1, 4, 1)))
    spread = np.array([fitted.spread(x) for x in X])
    off = (X - X[:, :1]) @ fitted.mean - (true - true[:, :1])
    sd = np.sqrt(spread[:, [1, 2], [1, 2]] + spread[:, :1, 0] - 2 * spread[:, 0, 1:])
    inside = np.abs(off[:, 1:]) < 1.645 * sd
    assert 0.83 < inside.mean() < 0.97
    assert np.abs(off[:, 1:].mean(axis=0)).max() < 1.2  # a few fall far, and squares do not


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m: m.personal(np.zeros((2, 3)), [1, 2]), "blocks of shape"),
        (lambda m: m.personal(np.zeros((2, F)), [1, np.nan]), "none of them missing"),
        (lambda m: m.personal(np.zeros((2, F)), [1]), r"changes of shape \(1,\)"),
        (lambda m: fit_population(drawn(20, m)), "20 athletes with 6 blocks"),
        (lambda m: fit_population(drawn(40, m, blocks=1)), "40 athletes with 1 blocks"),
        (lambda m: features(["m"], np.zeros((1, 5)), *[np.ones((1, 5))] * 3), "without training"),
    ],
)
def test_odd_input_is_named(call, says):
    with pytest.raises(UserError, match=says):
        call(prior())
