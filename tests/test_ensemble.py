"""Several models asked together: the equation of a mean, bags of people, honest stacks."""

import numpy as np
import pytest

from sportsml_lite import ensemble
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import Table
from sportsml_lite.prepare.periods import only

PEOPLE = 20


def table(people=PEOPLE, each=6, seed=0, first=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((people * each, 3))
    athlete = np.repeat([f"a{first + i:02}" for i in range(people)], each).astype(object)
    session = np.array([f"s{first}-{i}" for i in range(len(X))], dtype=object)
    return Table(X, X @ [1.0, 2.0, 0.0], athlete, session, ("x", "y", "z"), "effect", 0)


VALIDATION = table(4, first=50)


def mean_of(train, validation, *more):
    """A model that knows the mean target of those whom it met, and says -99 of nobody it met."""
    met = {name: train.y[train.athlete == name].mean() for name in set(train.athlete)}
    return lambda asked: np.array([[met.get(name, -99.0) for name in asked.athlete]])


# --- the mean ------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 2, 7])
def test_the_error_of_a_mean_is_the_members_less_their_disagreement(members):
    rng = np.random.default_rng(members)
    answers, truth = rng.normal(3, 2, (members, 50)), rng.normal(0, 1, 50)
    error, disagreement = ensemble.decompose(answers, truth)
    np.testing.assert_allclose(error - disagreement, (answers.mean(0) - truth) ** 2, atol=1e-12)
    assert (disagreement >= 0).all() and (disagreement.max() < 1e-12) == (members == 1)


def test_decompose_by_hand():
    error, disagreement = ensemble.decompose([[1.0], [3.0]], [0.0])
    assert (error[0], disagreement[0]) == (5.0, 1.0)  # (1 + 9) / 2, and 5 - 2²


@pytest.mark.parametrize(("answers", "truth"), [([1.0, 2.0], [1.0, 2.0]), ([[1.0], [2.0]], [1, 2]),
                                                (np.zeros((0, 2)), [1, 2])])  # fmt: skip
def test_shapes_that_do_not_agree_are_refused(answers, truth):
    with pytest.raises(UserError, match="a row a member"):
        ensemble.decompose(answers, truth)


# --- bags ----------------------------------------------------------------------------------------


def test_a_bag_holds_whole_athletes_as_often_as_they_were_drawn():
    whole = table()
    drawn = ensemble.resample(whole, 3)
    assert len(drawn) == len(whole)
    times = {name: (drawn.athlete == name).sum() / 6 for name in set(whole.athlete)}
    assert sum(times.values()) == PEOPLE and 0 in times.values() and max(times.values()) > 1
    for name, count in times.items():
        sessions, seen = np.unique(drawn.session[drawn.athlete == name], return_counts=True)
        assert len(sessions) == (6 if count else 0) and (seen == count).all()
    rows = [list(whole.session).index(s) for s in drawn.session]
    np.testing.assert_array_equal(drawn.X, whole.X[rows])


def test_bags_differ_by_their_seed_alone_and_hold_63_per_cent():
    whole = table(300, 1)
    first, again, other = (ensemble.resample(whole, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.session, again.session)
    assert (first.session != other.session).any()
    shares = [len(set(ensemble.resample(whole, s).athlete)) / 300 for s in range(20)]
    assert np.mean(shares) == pytest.approx(1 - np.exp(-1), abs=0.02)


def test_each_member_of_a_bag_learns_from_its_own_athletes():
    seen = []

    def fit(train, validation, seed):
        assert validation.session.tolist() == VALIDATION.session.tolist()
        seen.append((seed, train.session.tolist()))
        return mean_of(train, validation)

    whole = table()
    answers = ensemble.bag(fit, whole, VALIDATION, [5, 6, 7])(whole)
    assert answers.shape == (3, len(whole))
    assert [seed for seed, _ in seen] == [5, 6, 7]
    assert seen[0][1] == ensemble.resample(whole, 5).session.tolist()
    out = [~np.isin(whole.athlete, ensemble.resample(whole, s).athlete) for s in (5, 6, 7)]
    np.testing.assert_array_equal(answers == -99, out)


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_bags_need_a_seed_each(seeds):
    with pytest.raises(UserError, match="each once"):
        ensemble.bag(mean_of, table(), VALIDATION, seeds)


def test_a_feature_that_a_bag_lacks_is_no_feature_of_its_model():
    whole, names = table(), []
    whole.X[:, 1] = np.where(whole.athlete == "a00", 1.0, np.nan)

    def fit(train, validation, seed):
        names.append(train.names)
        assert validation.names == train.names
        return lambda asked: asked.X[:, :1].T + 0 * (asked.names == train.names or 1 / 0)

    ensemble.bag(fit, whole, VALIDATION, range(6))(whole)
    has = ["a00" in ensemble.resample(whole, s).athlete for s in range(6)]
    assert 0 < sum(has) < 6
    assert names == [("x", "y", "z") if h else ("x", "z") for h in has]


# --- stacks --------------------------------------------------------------------------------------


def test_nobody_is_answered_by_a_model_that_met_them():
    whole = table()
    honest = ensemble.out_of_fold({"memory": mean_of}, whole, VALIDATION)
    assert (honest.X == -99).all() and honest.X.shape == (len(whole), 1)
    flattered = ensemble.answered({"memory": mean_of(whole, VALIDATION)}, whole)
    assert not (flattered.X == -99).any()
    assert honest.names == ("memory",) and honest.session.tolist() == whole.session.tolist()


def test_out_of_fold_learns_from_all_the_others():
    sizes = []

    def fit(train, validation):
        sizes.append(len(set(train.athlete)))
        return lambda asked: np.full((2, len(asked)), len(sizes)) * [[1.0], [3.0]]

    whole = table()
    honest = ensemble.out_of_fold({"a": fit}, whole, VALIDATION, 4)
    assert sizes == [15] * 4
    assert sorted(set(honest.X[:, 0])) == [2, 4, 6, 8]  # the mean of its two members
    per_person = {n: set(honest.X[honest.athlete == n, 0]) for n in set(honest.athlete)}
    assert all(len(values) == 1 for values in per_person.values())
    with pytest.raises(UserError, match="5 folds needs 5 athletes, found 4"):
        ensemble.out_of_fold({"a": fit}, table(4), VALIDATION)


def answers_of(X, y, names=("one", "two")):
    """A table of answers whose target has the mean 2."""
    whole = table(len(y) // 6)
    return Table(np.asarray(X), y, whole.athlete, whole.session, names, "effect", 0)


@pytest.fixture
def two():
    rng = np.random.default_rng(1)
    y = rng.normal(2, 1, 120)
    y += 2 - y.mean()
    return y, rng.normal(0, 0.5, 120), rng.normal(0, 1.0, 120)


def test_weights_are_least_squares_where_none_is_below_0(two):
    y, small, large = two
    honest = answers_of(np.stack([y + small, y + large], 1), y)
    mix = ensemble.weigh(honest)
    free = np.linalg.lstsq(honest.X - 2, y - 2, rcond=None)[0]
    assert (free > 0).all()
    np.testing.assert_allclose(mix.weights, free)
    assert mix.weights[0] > mix.weights[1]
    np.testing.assert_allclose(mix(honest), 2 + (honest.X - 2) @ free)


def test_weights_are_never_below_0_and_nonsense_falls_back_to_the_mean(two):
    y, small, large = two
    against = answers_of(np.stack([y, 2 - (y - 2)], 1), y)
    np.testing.assert_allclose(ensemble.weigh(against).weights, [1, 0], atol=1e-9)
    nonsense = ensemble.weigh(answers_of(np.stack([2 - (y - 2) + small, 4 - y], 1), y))
    np.testing.assert_array_equal(nonsense.weights, 0)
    np.testing.assert_allclose(nonsense(answers_of(np.stack([small, large], 1), y)), 2)


def test_a_mix_reads_answers_by_name(two):
    y, small, large = two
    honest = answers_of(np.stack([y + small, y + large], 1), y)
    mix = ensemble.weigh(honest)
    np.testing.assert_allclose(mix(only(honest, ("two", "one"))), mix(honest))
    with pytest.raises(UserError, match="no feature 'two'"):
        mix(only(honest, ("one",)))


def test_the_best_out_of_fold_is_asked_alone(two):
    y, small, large = two
    honest = answers_of(np.stack([y + large, y + small], 1), y)
    mix = ensemble.choose(honest)
    np.testing.assert_array_equal(mix.weights, [0, 1])
    np.testing.assert_allclose(mix(honest), y + small)


def test_trees_on_top_learn_whom_to_trust_where():
    rng = np.random.default_rng(2)
    f = rng.normal(0, 1, (600, 2))
    y = np.where(f[:, 0] > 0, f[:, 0], f[:, 1])
    honest = answers_of(f, y)
    trees, mix = ensemble.boost(honest), ensemble.weigh(honest)
    new = answers_of(rng.normal(0, 1, (600, 2)), y)
    truth = np.where(new.X[:, 0] > 0, new.X[:, 0], new.X[:, 1])
    error = [np.mean((combine(new) - truth) ** 2) for combine in (trees, mix)]
    assert error[0] < 0.5 * error[1]


def test_other_athletes_choose_the_number_of_trees(monkeypatch):
    seen = {}

    def fit(name, train, validation):
        seen.update(train=set(train.athlete), validation=set(validation.athlete), name=name)

    monkeypatch.setattr(ensemble, "fit_baseline", fit)
    ensemble.boost(answers_of(np.zeros((120, 2)), np.zeros(120)))
    assert seen["name"] == "boosting" and len(seen["validation"]) == PEOPLE // ensemble.GROUPS
    assert not seen["train"] & seen["validation"]
    assert len(seen["train"] | seen["validation"]) == PEOPLE
