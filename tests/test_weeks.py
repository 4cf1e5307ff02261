"""Simulated athletes week by week: the law of adaptation, the same luck in every life, a diary."""

import numpy as np
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.intensity import BANISTER, ZONE_RESERVE
from sportsml_lite.simulate import GENERATORS, adaptation, weeks
from sportsml_lite.simulate.weeks import World


@pytest.fixture(scope="module", params=GENERATORS)
def world(request):
    return World.draw(60, seed=3, generator=request.param).rest()


def plan(world, volume=1.0, tilt=0.0):
    flat = np.zeros(len(world))
    return world.habit_week(flat + volume, flat + tilt)


def live(world, volumes):
    for volume in volumes:
        world = world.follow(plan(world, volume))
    return world.rest()


def test_vo2max_is_that_of_the_whole_history_of_loads():
    world = live(World.draw(9, seed=1), [1.5, 0.4, 2.0])
    share, body = np.array(ZONE_RESERVE), world.body
    b = body["sex"].map(lambda sex: BANISTER[sex][1]).to_numpy()[:, None]
    strain = share * np.exp(b * share)
    load = (world.minutes * strain[:, None]).sum(axis=2).T
    usual = (world.habit * strain).sum(axis=1) / 7
    whole = adaptation.vo2max(load, usual, body, "simulated")
    np.testing.assert_allclose(world.true_vo2max(), whole[-1], rtol=1e-12)
    np.testing.assert_allclose(world.level(), whole[-28:].mean(axis=0), rtol=1e-12)
    # Zones 1 to 5 of both sexes count: a load of 0 or of one sex for all would be seen here.
    assert set(body["sex"]) == {"m", "f"} and (load.max(axis=0) > 0).all()


def test_the_truth_of_a_block_is_what_living_it_exactly_brings(world, monkeypatch):
    monkeypatch.setattr(weeks, "MISSED", 0.0)
    monkeypatch.setattr(weeks, "ZONE_SD", 0.0)
    lived = [live(world, [v] * 4) for v in (0.5, 1.6)]
    days = np.stack([np.tile(plan(world, v), (1, 4, 1)) for v in (0.5, 1.6)], axis=1)
    found = world.truth(days)
    for k, other in enumerate(lived):
        change = 100 * (other.true_vo2max() / world.true_vo2max() - 1)
        np.testing.assert_allclose(found[:, k], change, atol=1e-9)
    assert (found[:, 0] < found[:, 1]).mean() > 0.7


def test_living_changes_no_world(world):
    before = world.minutes.copy(), world.weeks, world.true_vo2max()
    live(world, [2.0])
    world.truth(plan(world)[:, None])
    assert (world.minutes == before[0]).all() and world.weeks == before[1]
    assert (world.true_vo2max() == before[2]).all()


def test_an_athlete_has_the_same_luck_in_any_company_and_under_any_plan(world):
    some = world.take([4, 7])
    a, b = live(world, [1.2]), live(some, [1.2])
    np.testing.assert_array_equal(a.minutes[[4, 7]], b.minutes)
    np.testing.assert_array_equal(a.test()[[4, 7]], b.test())
    alone = World.draw(1, seed=3, generator=world.generator, first=7).rest()
    np.testing.assert_allclose(live(alone, [1.2]).test()[0], b.test()[1])
    other = live(world, [2.4])
    np.testing.assert_allclose(other.minutes[:, -8:], 2 * a.minutes[:, -8:])
    error = [found.test() / found.true_vo2max() for found in (a, other)]
    np.testing.assert_allclose(*error)
    assert not np.allclose(error[0], world.test() / world.true_vo2max())


def test_on_average_people_do_what_is_planned():
    world = World.draw(200, seed=5)
    planned, lived = plan(world, 1.3, 0.2), world.follow(plan(world, 1.3, 0.2))
    done = lived.minutes[:, -7:]
    there = planned.sum(axis=2) > 0
    assert done.sum() / planned.sum() == pytest.approx(1, abs=0.02)
    assert (done.sum(axis=2)[there] == 0).mean() == pytest.approx(weeks.MISSED, abs=0.015)
    assert (done.sum(axis=2)[~there] == 0).all()
    total = planned.sum(axis=(1, 2))
    np.testing.assert_allclose(total, 1.3 * world.habit.sum(axis=1))
    hard = planned[..., 3:].sum(axis=(1, 2)) / total
    assert (hard > world.habit[:, 3:].sum(axis=1) / world.habit.sum(axis=1)).all()


def test_a_test_errs_as_it_says(world):
    big = World.draw(300, seed=6, generator=world.generator)
    error = 100 * (big.test(2.5) / big.true_vo2max() - 1)
    assert error.std() == pytest.approx(2.5, rel=0.1) and abs(error.mean()) < 0.3
    np.testing.assert_array_equal(big.test(0), big.true_vo2max())


def test_the_diary_by_hand():
    world = World.draw(2, seed=0)
    minutes = np.zeros((2, 84, 5))
    minutes[:, 0:56:7, 0] = 70  # one session a week in the eight weeks of the habit
    minutes[:, 56:84:2, 1] = 30
    minutes[0, 60, 4] = 100
    free = np.zeros(84, bool)
    world = World(world.body, minutes, free, 12, 0, "simulated", 1.0).rest()
    diary = world.diary()
    np.testing.assert_allclose(diary.habit_min_week, [[70, 0, 0, 0, 0]] * 2)
    np.testing.assert_allclose(diary.recent_min_week, [[0, 105, 0, 0, 25], [0, 105, 0, 0, 0]])
    np.testing.assert_allclose(diary.sessions_week, 3.5)
    np.testing.assert_allclose(diary.longest_min, [130, 30])
    later = world.follow(np.zeros((2, 7, 5))).diary()  # day 60 is 31 days ago now
    assert later.longest_min[0] == 30
    assert later.recent_min_week[0, 4] == 0
    assert not {"responder", "capacity", "often", "habit_zone_1_min"} & set(world.athletes())


def test_more_pays_up_to_a_point_and_the_next_test_wants_less_than_half_a_year():
    """Best of constant loads, in shares of the habit: soon and late, on test days and on all."""
    world = World.draw(80, seed=2).rest()
    volumes = (1.0, 1.2, 1.6, 2.5)
    blocks = [np.tile(plan(world, v), (1, 4, 1)) for v in volumes]
    soon = world.truth(np.stack(blocks, axis=1)).mean(axis=0)
    late = [live(world, [v] * 20) for v in volumes]
    assert volumes[np.argmax(soon)] == 1.2
    assert volumes[np.argmax([w.level().mean() for w in late])] == 1.6
    assert volumes[np.argmax([w.true_vo2max().mean() for w in late])] == 1.6


def test_without_an_effect_nothing_changes():
    world = live(World.draw(5, seed=0, effect=0), [2.0])
    np.testing.assert_allclose(world.true_vo2max(), world.body["vo2max_ml_kg_min"])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda w: w.follow(np.zeros((2, 5))), r"shape \(2, 5\).*\(60, 7, 5\)"),
        (lambda w: w.follow(plan(w) - 1), "below 0"),
        (lambda w: w.follow(plan(w) * 100), "above a day"),
        (lambda w: w.follow(plan(w) * np.nan), "below 0 or above"),
        (lambda w: w.truth(np.zeros((60, 7, 5))), "shape"),
        (lambda w: World.draw(3, generator="other"), "unknown generator"),
        (lambda w: World.draw(3, effect=-1), "effect = -1"),
        (lambda w: World.draw(0), "athletes = 0"),
    ],
)
def test_odd_input_is_named(world, call, says):
    with pytest.raises(UserError, match=says):
        call(world)
