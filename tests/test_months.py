"""Months under a policy: probabilities that are true, rules that hold, nothing hidden read."""

from dataclasses import replace

import numpy as np
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import effect, months
from sportsml_lite.recommend.effect import EffectModel
from sportsml_lite.recommend.months import COACH, day_minutes, live, persons
from sportsml_lite.recommend.policies import POLICIES, Situation
from sportsml_lite.recommend.week import PlannedSession, Week
from sportsml_lite.simulate.weeks import World

F = len(effect.FEATURES)
ALL = (*POLICIES, COACH)


@pytest.fixture(scope="module")
def model():
    return effect.fit_population(effect.by_lot(World.draw(80, seed=0, first=5000).rest(), 4))


@pytest.fixture(scope="module")
def world():
    return World.draw(12, seed=1).rest()


@pytest.fixture(scope="module")
def logs(world, model):
    return {name: live(world, name, model, blocks=3) for name in ALL}


def situation(**changes):
    X = np.zeros((3, F))
    X[:, 0] = [0, 1, 2]
    prior = EffectModel(np.array([1.0, 0, 0, 0, 0]), np.diag([4.0, 0, 0, 0, 0]), 0.0, 2.5)
    own = EffectModel(np.array([-1.0, 0, 0, 0, 0]), np.diag([4.0, 0, 0, 0, 0]), 0.0, 2.5)
    given = Situation(("as usual", "more", "much more"), X, prior, own, np.array([0.0, 2, 1]))
    return replace(given, **changes)


def test_each_policy_by_hand():
    """By the population more is better, by the athlete's own tests it is worse, in truth both."""
    rng = np.random.default_rng(0)
    taken = {n: int(np.argmax(POLICIES[n](situation(), rng))) for n in POLICIES if n != "thompson"}
    assert taken == {
        "as_usual": 0, "random_safe": 0, "greedy": 2, "feedback": 0, "half_sure": 0,
        "lower_bound": 0, "oracle": 1,
    }  # fmt: skip
    sure = EffectModel(np.array([1.0, 0, 0, 0, 0]), np.diag([0.49, 0, 0, 0, 0]), 0.0, 2.5)
    assert POLICIES["lower_bound"](situation(personal=sure), rng)[0] == 1  # 1 - 1.64 · 0.7 < 0
    assert POLICIES["half_sure"](situation(personal=sure), rng)[2] == 1  # 1 - 0.67 · 0.7 > 0
    assert POLICIES["random_safe"](situation(), rng) == pytest.approx([1 / 3] * 3)


def test_thompson_takes_a_week_as_often_as_it_may_be_the_best():
    """Above 0 the third week is best, below 0 the first; the middle one never is."""
    own = EffectModel(np.array([1.0, 0, 0, 0, 0]), np.diag([4.0, 0, 0, 0, 0]), 0.0, 2.5)
    found = POLICIES["thompson"](situation(personal=own), np.random.default_rng(0))
    assert found[1] == 0 and found.sum() == pytest.approx(1)
    assert found[2] == pytest.approx(0.6915, abs=0.05)  # of N(1, 2²) above 0


def test_where_as_usual_is_refused_the_first_week_stands_for_it():
    found = POLICIES["as_usual"](situation(names=("gentle", "gentler", "none")), None)
    assert found.tolist() == [1, 0, 0]


@pytest.mark.parametrize("name", POLICIES)
def test_probabilities_are_logged_for_every_choice(logs, name):
    log = logs[name]
    there = log.names != ""
    assert log.propensity.sum(axis=2) == pytest.approx(1)
    assert (log.propensity[~there] == 0).all() and there.any(axis=2).all()
    taken = np.take_along_axis(log.propensity, log.chosen[..., None], axis=2)
    assert (taken > 0).all()
    if name == "random_safe":
        assert taken[..., 0] == pytest.approx(1 / there.sum(axis=2))
    elif name != "thompson":
        assert (taken == 1).all()


def test_choices_are_drawn_as_often_as_logged(world, model):
    """Under many seeds a week is taken as often as its probability says."""
    menu = months._menu(world, persons(world), [model] * 12, world.diary().habit_min_week,
                        months.Wishes())  # fmt: skip
    for name in ("random_safe", "thompson"):
        drawn = [
            months._choose(menu, world, POLICIES[name], model, [model] * 12, (seed, 0))
            for seed in range(80)
        ]
        chance = np.mean([chance for chance, _ in drawn], axis=0)
        taken = np.mean([np.eye(16)[chosen] for _, chosen in drawn], axis=0)
        assert np.abs(taken - chance).max() < 4.5 * np.sqrt(0.25 / 80)
        assert np.abs((taken - chance).sum(axis=0)).max() < 4.5 * np.sqrt(12 * 0.25 / 80)
        assert (taken[chance == 0] == 0).all() and 0 < taken.max() < 1


@pytest.mark.parametrize("name", ALL)
def test_no_plan_ever_goes_beyond_the_cap(logs, name):
    assert logs[name].planned_over.sum() == 0


def test_the_count_beyond_the_cap_can_see(world):
    """The same weeks with sessions twice as long as anything before are counted."""
    people = persons(world)
    long = [Week("x", (PlannedSession(2, "easy", int(2 * p.longest_min)),)) for p in people]
    months_allowed, months._allowed = months._allowed, lambda week, person, wishes: week
    try:
        asked = lambda a, week, person, wishes: (long[a], wishes)  # noqa: E731
        _, planned, over = months._follow(world, people, asked, None)
    finally:
        months._allowed = months_allowed
    assert planned.shape == (12, 28, 5)
    assert (over[0] >= 1).all()


def test_the_oracle_is_best_at_what_it_sees(logs):
    for name in POLICIES:
        best = np.nanmax(logs[name].truth, axis=2)
        regret = best - logs[name].taken
        assert (regret >= -1e-9).all()
        assert (regret.max() < 1e-9) == (name == "oracle")
    gain = {n: (log.tested[:, -1] / log.tested[:, 0]).mean() for n, log in logs.items()}
    assert max(gain, key=gain.get) == "oracle"


def test_nothing_hidden_reaches_a_policy_but_the_oracle(world, model, logs):
    """Without the truth the same weeks are chosen."""
    for name in ("as_usual", "random_safe", "greedy", "feedback", "lower_bound", "thompson"):
        blind = POLICIES[name]
        POLICIES["blind"] = lambda s, rng, blind=blind: blind(replace(s, truth=None), rng)
        found = live(world, "blind", model, blocks=2)
        np.testing.assert_array_equal(found.chosen, logs[name].chosen[:, :2])
    del POLICIES["blind"]


def test_what_was_learned_is_of_blocks_before(world, model, logs):
    """The first block is chosen by the prior alone, and the second is not."""
    log = logs["feedback"]
    x = log.X[:, 0]
    usual = (log.names[:, 0] == "as usual").argmax(axis=1)
    gain = x @ model.mean - np.take_along_axis(x @ model.mean, usual[:, None], axis=1)
    np.testing.assert_allclose(log.predicted[:, 0], gain)
    later = log.X[:, 1] @ model.mean
    later -= np.take_along_axis(later, usual[:, None], axis=1)
    assert np.nanmax(np.abs(log.predicted[:, 1] - later)) > 0.05


def test_the_coach_builds_for_three_weeks_and_rests_in_the_fourth(world):
    reference = world.diary().habit_min_week
    people = persons(world)
    ask = months._coach(reference, block=0)
    wishes = months.Wishes()
    ratio = np.array([
        [ask(a, week, p, wishes)[0].minutes / reference[a].sum() for week in range(4)]
        for a, p in enumerate(people)
    ])  # fmt: skip
    assert ratio[:, :3] == pytest.approx(1.1, abs=0.06)
    assert ratio[:, 3].mean() == pytest.approx(0.66, abs=0.05)


def test_days_hold_the_minutes_of_their_sessions():
    week = Week("x", (PlannedSession(1, "intervals", 60), PlannedSession(6, "long", 90)))
    found = day_minutes(week)
    assert found.sum(axis=1).tolist() == [0, 60, 0, 0, 0, 0, 90]
    np.testing.assert_allclose(found.sum(axis=0), week.zone_minutes())


def test_persons_know_what_the_diary_knows(world):
    people, diary = persons(world), world.diary()
    assert people[3].longest_min == diary.longest_min[3]
    assert people[3].recent_min_week == tuple(diary.recent_min_week[3])
    assert people[3].sex in "mf" and np.isnan(people[3].longest_m)


def test_an_unknown_policy_is_named(world, model):
    with pytest.raises(UserError, match="no policy 'best': choose one of as_usual"):
        live(world, "best", model)
