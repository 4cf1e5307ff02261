"""Policies judged from months under another: by hand on a small log, and against the simulator."""

from types import SimpleNamespace

import numpy as np
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import effect, judged, months
from sportsml_lite.simulate.weeks import World


@pytest.fixture(scope="module")
def model():
    return effect.fit_population(effect.by_lot(World.draw(80, seed=0, first=5000).rest(), 4))


@pytest.fixture(scope="module")
def lived(model):
    world = World.draw(30, seed=1).rest()
    return {name: months.live(world, name, model, blocks=2) for name in ("random_safe", "coach")}


def small():
    """Two athletes, one block; weeks: as usual and more, and for the first one much more too."""
    names = np.array([[["as usual", "more", "much more"]], [["as usual", "more", ""]]], object)
    X = np.array([[[0.0], [1], [2]], [[0], [1], [np.nan]]])[:, None].reshape(2, 1, 3, 1)
    return SimpleNamespace(
        policy="hand", names=names, X=X, chosen=np.array([[2], [0]]),
        propensity=np.array([[[0.2, 0.3, 0.5]], [[0.4, 0.6, 0.0]]]),
        predicted=np.array([[[0.0, -1, -2]], [[0, 3, np.nan]]]),
        reward=np.array([[4.0], [1.0]]),
        truth=np.array([[[0.0, 2, 3]], [[1, 2, np.nan]]]),
    )  # fmt: skip


MORE = SimpleNamespace(mean=np.array([1.5]))  # the more, the better


def test_policies_and_their_values_by_hand():
    log = small()
    chosen = {name: judged.TARGETS[name](log, MORE)[:, 0].tolist() for name in judged.TARGETS}
    assert chosen["as_usual"] == [[1, 0, 0], [1, 0, 0]]
    assert chosen["greedy"] == [[0, 0, 1], [0, 1, 0]]
    assert chosen["feedback"] == [[1, 0, 0], [0, 1, 0]]
    np.testing.assert_allclose(chosen["random_safe"], [[1 / 3] * 3, [0.5, 0.5, 0]])
    found, true = judged.value(log, "greedy", MORE, "ips")
    assert found.interval.estimate == pytest.approx((4 / 0.5 + 0) / 2) and true == 2.5
    found, _ = judged.value(log, "greedy", MORE, "dm")
    assert found.interval.estimate == pytest.approx((3 + 1.5) / 2)
    found, _ = judged.value(log, "greedy", MORE, "dr")
    assert found.interval.estimate == pytest.approx((3 + (4 - 3) / 0.5 + 1.5) / 2)


def test_the_policy_that_logged_is_worth_the_mean_of_its_rewards(lived, model):
    log = lived["random_safe"]
    for estimator in ("ips", "snips"):
        found, _ = judged.value(log, "random_safe", model, estimator)
        assert found.interval.estimate == pytest.approx(log.reward.mean())
        assert found.interval.athletes == len(log.names)


@pytest.mark.parametrize("target", judged.TARGETS)
def test_targets_are_probabilities_of_accepted_weeks(lived, model, target):
    log = lived["random_safe"]
    wanted = judged.TARGETS[target](log, model)
    np.testing.assert_allclose(wanted.sum(axis=2), 1)
    assert not wanted[log.names == ""].any()
    found, true = judged.value(log, target, model)
    assert found.interval.low - 1 < true < found.interval.high + 1


def test_what_cannot_be_judged_is_refused(lived, model):
    with pytest.raises(UserError, match="choose one of as_usual"):
        judged.value(lived["random_safe"], "oracle", model)
    with pytest.raises(UserError, match="holds no probabilities"):
        judged.value(lived["coach"], "greedy", model)
