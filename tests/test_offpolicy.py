"""Off-policy estimates: exact expectations of a small bandit, and what must not count twice."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import evaluate
from sportsml_lite.errors import UserError
from sportsml_lite.recommend import offpolicy
from sportsml_lite.recommend.offpolicy import Log

# Two people (contexts), three actions: rewards, logging and target probabilities, and a bad model.
REWARD = np.array([[1.0, 4.0, 2.0], [0.0, -1.0, 5.0]])
LOGGING = np.array([[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]])
TARGET = np.array([[0.1, 0.8, 0.1], [0.3, 0.0, 0.7]])
WRONG = np.array([[3.0, 0.0, -1.0], [2.0, 2.0, 0.0]])
TRUE = float((TARGET * REWARD).sum(1).mean())


def expected(estimator, model=None, propensity=LOGGING):
    """Expectation over all pairs of actions that could have been logged."""
    total = 0.0
    for actions in product(range(3), repeat=2):
        a = np.array(actions)
        rows = np.arange(2)
        log = Log(rows, a, REWARD[rows, a], propensity[rows, a])
        if estimator != "dm" and not offpolicy.weights(log, TARGET).any():
            continue  # nothing of what the target does was logged: IPS is 0
        found = offpolicy.value(log, TARGET, estimator, model).interval.estimate
        total += LOGGING[rows, a].prod() * found
    return total


def test_weights_of_the_true_propensities_are_unbiased():
    assert expected("ips") == pytest.approx(TRUE)


def test_doubly_robust_is_right_if_either_is():
    other = np.full((2, 3), 1 / 3)
    assert expected("dr", WRONG) == pytest.approx(TRUE)
    assert expected("dr", REWARD, other) == pytest.approx(TRUE)
    assert expected("dr", WRONG, other) != pytest.approx(TRUE, abs=0.1)
    assert expected("ips", None, other) != pytest.approx(TRUE, abs=0.1)
    assert expected("dm", WRONG) != pytest.approx(TRUE, abs=0.1)
    assert expected("dm", REWARD) == pytest.approx(TRUE)


def drawn(people=400, each=2, seed=0, spread=1.0):
    """A log of people with a level of their own; contexts alternate."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    context = who % 2
    action = (rng.random(len(who))[:, None] > LOGGING[context].cumsum(1)[:, :-1]).sum(1)
    reward = REWARD[context, action] + spread * np.repeat(rng.standard_normal(people), each)
    return Log(who, action, reward, LOGGING[context, action]), TARGET[context], context


@pytest.mark.parametrize("estimator", ["ips", "snips", "dr"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(estimator):
    held = 0
    for seed in range(200):
        log, target, context = drawn(60, seed=seed)
        found = offpolicy.value(log, target, estimator, WRONG[context]).interval
        held += found.low <= TRUE <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_self_normalised_weights_move_with_the_rewards_and_are_a_weighted_mean():
    log, target, _ = drawn(20)
    higher = Log(log.athlete, log.action, log.reward + 100, log.propensity)
    first, second = (offpolicy.value(each, target, "snips").interval for each in (log, higher))
    assert second.estimate - first.estimate == pytest.approx(100)
    assert second.high - second.low == pytest.approx(first.high - first.low)
    w = offpolicy.weights(log, target)
    assert first.estimate == pytest.approx(np.average(log.reward, weights=w))


def test_the_policy_that_logged_is_worth_what_was_logged():
    log, _, context = drawn(30)
    own = Log(log.athlete, log.action, log.reward, np.ones(len(log.action)))
    for estimator in ("ips", "snips"):
        found = offpolicy.value(log, LOGGING[context], estimator)
        assert found.interval.estimate == pytest.approx(log.reward.mean())
        assert found.effective == pytest.approx(len(log.action))
        assert found.largest == pytest.approx(1 / len(log.action))
    assert offpolicy.value(own, np.eye(3)[own.action], "ips").interval.estimate == pytest.approx(
        log.reward.mean()
    )


def test_an_athlete_counts_once_however_many_decisions():
    log, target, context = drawn(40, each=1)
    again = Log(*(np.tile(v, 5) for v in vars(log).values()))
    for estimator in offpolicy.ESTIMATORS:
        once = offpolicy.value(log, target, estimator, WRONG[context]).interval
        many = np.tile(context, 5)
        five = offpolicy.value(again, TARGET[many], estimator, WRONG[many]).interval
        for name in ("estimate", "low", "high", "athletes"):
            assert getattr(five, name) == pytest.approx(getattr(once, name))


def test_the_interval_is_that_of_the_whole_book():
    rng = np.random.default_rng(3)
    who, terms = rng.integers(0, 9, 50), rng.standard_normal(50) + 1
    cells = pd.DataFrame({"athlete": who.astype(str), "value": terms})
    cells = cells.assign(partition=0, fold=0, seed=0)
    cells = cells.set_index(["athlete", "partition", "fold", "seed"])["value"]
    found, known = offpolicy._over_athletes(who, terms), evaluate.interval(cells)
    for name in ("estimate", "low", "high", "p", "athletes", "models", "level"):
        assert getattr(found, name) == pytest.approx(getattr(known, name))


def test_the_effective_size_counts_equal_weights_fully():
    assert offpolicy.effective([2, 2, 2, 0]) == 3
    assert offpolicy.effective([1, 0, 0]) == 1
    with pytest.raises(UserError, match="above 0"):
        offpolicy.effective([0, 0])


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.01, np.nan])
def test_an_impossible_propensity_is_refused_by_its_row(wrong):
    with pytest.raises(UserError, match="decision 1 has propensity"):
        Log(np.arange(2), np.zeros(2, int), np.ones(2), np.array([0.5, wrong]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reward": np.array([1.0, np.nan])}, "a reward is missing"),
        ({"action": np.array([0.0, 1.0])}, "whole numbers"),
        ({"action": np.array([0, -1])}, "whole numbers"),
        ({"athlete": np.arange(3)}, "a row a decision"),
    ],
)
def test_an_impossible_log_is_refused(change, says):
    good = {"athlete": np.arange(2), "action": np.array([0, 1]), "reward": np.ones(2),
            "propensity": np.full(2, 0.5)}  # fmt: skip
    with pytest.raises(UserError, match=says):
        Log(**(good | change))


def test_what_cannot_be_asked_is_refused():
    log, target, context = drawn(4)
    with pytest.raises(UserError, match="choose one of ips"):
        offpolicy.value(log, target, "magic")
    with pytest.raises(UserError, match="give model"):
        offpolicy.value(log, target, "dr")
    with pytest.raises(UserError, match="nothing missing"):
        offpolicy.value(log, target, "dm", WRONG[context][:, :2])
    with pytest.raises(UserError, match="sum to 1"):
        offpolicy.value(log, 2 * target, "ips")
    with pytest.raises(UserError, match="give \\(N, K\\)"):
        offpolicy.value(log, target[:, :1], "ips")
    never = np.zeros_like(target)
    never[np.arange(len(never)), (log.action + 1) % 3] = 1
    with pytest.raises(UserError, match="no weight is above 0"):
        offpolicy.value(log, never, "snips")
    one = Log(np.zeros(2, int), np.array([0, 1]), np.ones(2), np.full(2, 0.5))
    with pytest.raises(UserError, match="two or more"):
        offpolicy.value(one, np.full((2, 2), 0.5), "ips")


def test_no_row_is_answered_by_a_model_that_met_its_athlete():
    who = np.array([7, 7, 3, 3, 3, 9, 1, 2, 5, 5])
    met = []

    def fit(rows):
        met.append(set(who[rows]))
        return lambda asked: np.stack([who[asked] * 1.0, np.full(asked.sum(), len(met))], axis=1)

    found = offpolicy.crossed(who, fit)
    np.testing.assert_array_equal(found[:, 0], who)
    for name, fold in zip(who, found[:, 1].astype(int), strict=True):
        assert name not in met[fold - 1]
    with pytest.raises(UserError, match="2 athletes for 5 folds"):
        offpolicy.crossed([0, 0, 1], fit)
