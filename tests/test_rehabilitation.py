"""The way back: by hand, under the rules, and longer after an injury."""

import math
from dataclasses import replace

import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import rehabilitation as r
from sportsml_lite.recommend import rules
from sportsml_lite.recommend.week import Person, PlannedSession, Week, Wishes

NAN = math.nan
ZONES = (90.0, 90.0, 30.0, 20.0, 10.0)
RUNNER = Person("running", "m", 30, 70, 50, 190, NAN, ZONES, ZONES, 4, 80, 12_000, 2.5)
RETURNING = Wishes(injury="returning")


def test_after_some_weeks_by_hand():
    done = Week("w", (PlannedSession(0, "easy", 60), PlannedSession(3, "long", 100)))
    now = r.after(RUNNER, [done])
    assert now.recent_min_week == pytest.approx(((3 * 90 + 80) / 4, 87.5, 22.5, 15, 7.5))
    assert now.sessions_week == (3 * 4 + 2) / 4
    assert now.longest_min == 100
    assert now.longest_m == pytest.approx(100 * 60 * 2.5)
    assert now.habit_min_week == RUNNER.habit_min_week
    month = r.after(RUNNER, [Week("long ago", (PlannedSession(0, "long", 200),))] + [done] * 4)
    assert (month.longest_min, month.sessions_week) == (100, 2)
    assert r.after(RUNNER, [Week("off", ())] * 4).longest_min == 0
    assert r.after(RUNNER, []) == RUNNER
    assert math.isnan(r.after(replace(RUNNER, speed_mps=NAN), [done]).longest_m)


def test_from_an_empty_month_the_cap_sets_the_pace():
    """Sessions of 30, then 10 % more each week, in whole minutes, until 60 are reached."""
    weeks = r.way_back(RUNNER, 6)
    assert [week.longest_min for week in weeks] == [30, 33, 36, 39, 42, 46, 50, 55, 60]
    assert [len(week.sessions) for week in weeks] == [3] + [4] * 8
    rider = replace(RUNNER, sport="cycling", recent_min_week=(300.0, 300, 0, 0, 0), sessions_week=5)
    minutes = [week.minutes for week in r.way_back(rider, 6)]
    assert minutes == sorted(minutes)
    assert minutes[-3:] == [515, 565, 600]


@pytest.mark.parametrize("weeks_off", [1, 2, 4, 10])
@pytest.mark.parametrize("wishes", [Wishes(), RETURNING])
def test_every_week_keeps_to_the_rules_of_its_own_month(weeks_off, wishes):
    weeks = r.way_back(RUNNER, weeks_off, wishes)
    done = [Week("off", ())] * weeks_off
    for week in weeks:
        assert rules.refusals(week, r.after(RUNNER, done), wishes) == ()
        done.append(week)
    assert weeks[-1].minutes >= 0.95 * 240
    assert all(week.minutes < 0.95 * 240 for week in weeks[:-1])
    assert all(week.zone_minutes()[2:].sum() == 0 for week in weeks)


def test_an_injury_costs_weeks():
    for weeks_off in (2, 6):
        healthy, hurt = r.delay(RUNNER, weeks_off)
        assert hurt > healthy
        assert hurt == len(r.way_back(RUNNER, weeks_off, RETURNING))


def test_two_weeks_off_are_no_start_from_nothing():
    """The longest of 30 days still counts; after an injury half the habit plus a quarter."""
    assert len(r.way_back(RUNNER, 2)) == 1
    assert r.way_back(RUNNER, 2, RETURNING)[0].minutes == pytest.approx(150, abs=4)


@pytest.mark.parametrize(
    ("person", "weeks_off", "wishes"),
    [
        (RUNNER, 0, Wishes()),
        (replace(RUNNER, recent_min_week=(0.0,) * 5), 4, Wishes()),
        (RUNNER, 4, Wishes(minutes=100)),
        (RUNNER, 4, Wishes(injury="injured")),
    ],
)
def test_no_way_back_is_said_in_one_line(person, weeks_off, wishes):
    with pytest.raises(UserError) as caught:
        r.way_back(person, weeks_off, wishes)
    assert "\n" not in str(caught.value)
