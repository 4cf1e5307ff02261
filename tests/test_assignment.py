"""Logs of a coach: true effects, chances that are those of the draws, and who knows what."""

import numpy as np
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.simulate import adaptation, assignment
from sportsml_lite.simulate import athletes as people

TRUE = assignment.effects(300, seed=2)


@pytest.mark.parametrize("generator", ["simulated", "simulated_b"])
def test_effects_are_those_of_the_law_of_adaptation(generator):
    body = people.draw(3, 2)
    body["capacity"] = adaptation.capacity(body.index, 2)
    load = np.full((29, 3), 1.4)
    load[[0, -1]] = 0
    level = adaptation.vo2max(load, np.ones(3), body, generator)
    found = assignment.effects(3, 2, generator)["more"]
    np.testing.assert_allclose(found, 100 * (level[-1] / level[1] - 1))


def test_whoever_absorbs_more_gains_more_from_much_and_an_athlete_is_always_the_same():
    assert TRUE[["trait", "much more"]].corr().iloc[0, 1] > 0.7
    assert TRUE["trait"].std() == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(assignment.effects(2, 2, first=10), TRUE.iloc[10:12])


def test_the_proxy_tells_as_much_of_the_trait_as_it_should():
    many = assignment.effects(2000, seed=0)
    for how, r in (("seen", assignment.PROXY_R), ("unseen", 0.0)):
        shown = assignment.proxy(many, how)
        assert np.corrcoef(shown, many["trait"])[0, 1] == pytest.approx(r, abs=0.05)
        assert shown.std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("how", assignment.ASSIGNMENTS)
def test_chances_sum_to_one_and_none_is_impossible(how):
    p = assignment.chances(TRUE, how)
    np.testing.assert_allclose(p.sum(1), 1)
    assert p.min() >= assignment.BY_LOT / len(assignment.PLANS)


def test_only_who_is_thought_to_absorb_more_is_given_more():
    np.testing.assert_allclose(assignment.chances(TRUE, "lottery"), 0.25)
    heavy = {how: assignment.chances(TRUE, how)[:, -1] for how in assignment.ASSIGNMENTS}
    rank = TRUE["trait"].rank()
    assert np.all(np.diff(heavy["unseen"][rank.argsort()]) >= 0)
    np.testing.assert_allclose(heavy["unseen"], heavy["sensed"])
    shown = assignment.proxy(TRUE, "seen")
    assert np.all(np.diff(heavy["seen"][shown.argsort()]) >= 0)


def test_plans_are_drawn_as_often_as_their_chance_says():
    many = assignment.effects(2000, seed=0)
    logged = assignment.log(many, "seen", seed=1)
    p = assignment.chances(many, "seen")
    share = np.bincount(logged["plan"], minlength=4) / len(logged)
    np.testing.assert_allclose(share, p.mean(0), atol=0.02)
    who = np.repeat(np.arange(len(many)), assignment.DECISIONS)
    np.testing.assert_allclose(logged["propensity"], p[who, logged["plan"]])
    # Weighted by its chance each plan is as frequent as any other.
    weight = np.bincount(logged["plan"], 1 / logged["propensity"], 4) / len(logged)
    np.testing.assert_allclose(weight, 1, atol=0.12)


def test_what_is_measured_is_the_true_effect_with_the_error_of_two_tests():
    logged = assignment.log(TRUE, "sensed", seed=3, error_pct=2.0)
    own = TRUE[list(assignment.PLANS)].to_numpy()
    true = own[np.repeat(np.arange(300), assignment.DECISIONS), logged["plan"]]
    error = logged["change_pct"] - true
    assert error.std() == pytest.approx(2 * 2**0.5, rel=0.08)
    assert abs(error.mean()) < 0.35
    exact = assignment.log(TRUE, "sensed", seed=3, error_pct=0.0)
    np.testing.assert_allclose(exact["change_pct"], true)


def test_unknown_assignments_are_refused():
    with pytest.raises(UserError, match="choose one of lottery"):
        assignment.proxy(TRUE, "mood")
