"""Rules that refuse a week: each by hand, none without its reason, and never a word of ACWR."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sportsml_lite import intensity
from sportsml_lite.recommend import limits, rules
from sportsml_lite.recommend.week import Person, PlannedSession, Week, Wishes

NAN = math.nan
ZONES = (90.0, 90.0, 30.0, 20.0, 10.0)
RUNNER = Person("running", "m", 30, 70, 50, 190, NAN, ZONES, ZONES, 4, 80, 12_000, 2.5)
RIDER = replace(RUNNER, sport="cycling", longest_m=40_000)
NEW = replace(RUNNER, recent_min_week=(0.0,) * 5, sessions_week=0, longest_min=0, longest_m=0)


def week(*sessions):
    return Week("a week", tuple(PlannedSession(*each) for each in sessions))


USUAL = week((0, "easy", 60), (1, "tempo", 55), (3, "intervals", 60), (5, "long", 80))


def names(one, person=RUNNER, **wishes):
    return {rule.name for rule, _ in rules.broken(one, person, Wishes(**wishes))}


def test_a_week_as_usual_is_accepted_by_all():
    assert rules.refusals(USUAL, RUNNER, Wishes()) == ()


@pytest.mark.parametrize(
    ("rule", "one", "wishes"),
    [
        ("cap", week((0, "easy", 80), (3, "easy", 80), (5, "long", 89)), {}),
        ("days", USUAL, {"days": (0, 1, 5)}),
        ("once", week((0, "easy", 60), (0, "easy", 60), (3, "easy", 60), (5, "long", 80)), {}),
        ("rest", USUAL, {"rest_days": 4}),
        ("time", USUAL, {"minutes": 250}),
        ("goal", week((0, "easy", 60)), {}),
        ("goal", week(*((d, "easy", 88) for d in (0, 2, 4, 6))), {"goal": "maintain"}),
        ("goal", USUAL, {"goal": "recover"}),
        ("goal", week((0, "tempo", 60)), {"goal": "recover"}),
        ("injury", week((0, "tempo", 30)), {"injury": "returning"}),
        ("injury", week(*((d, "easy", 79) for d in (0, 1, 3, 5))), {"injury": "returning"}),
        ("rest", week(*((d, "easy", 30) for d in (0, 1, 3, 4, 5, 6))), {"injury": "returning"}),
        ("hard", week((0, "tempo", 60), (2, "tempo", 60), (4, "tempo", 60), (6, "easy", 60)), {}),
        ("hard", week((0, "tempo", 60), (1, "tempo", 60), (3, "easy", 60), (5, "long", 80)), {}),
        ("hard", week((6, "tempo", 60), (0, "tempo", 60), (2, "easy", 60), (4, "long", 80)), {}),
        ("long", week((4, "intervals", 60), (5, "long", 80), (0, "easy", 60), (2, "easy", 60)), {}),
        ("sport", week((0, "easy", 14), (2, "easy", 80), (4, "easy", 80), (6, "easy", 80)), {}),
        ("sport", week((0, "tempo", 26), (2, "easy", 80), (4, "easy", 80), (6, "easy", 80)), {}),
    ],
)
def test_each_rule_refuses_what_it_is_for(rule, one, wishes):
    assert names(one, **wishes) == {rule}


def test_the_cap_holds_to_the_minute_and_to_the_metre():
    """80 minutes: 88 pass and 89 do not; 12 km at 2.5 m/s are 80 minutes as well."""
    rest = (0, "easy", 80), (2, "easy", 80)
    assert names(week(*rest, (5, "long", 88))) == set()
    assert names(week(*rest, (5, "long", 89))) == {"cap"}
    assert names(week(*rest, (5, "long", 88)), RIDER) == set()
    assert names(week(*rest, (5, "long", 89)), RIDER) == {"cap"}
    slow = replace(RUNNER, longest_min=100)  # more minutes, the same distance
    assert names(week(*rest, (5, "long", 88)), slow) == set()
    (reason,) = rules.refusals(week(*rest, (5, "long", 90)), slow, Wishes())
    assert "13.5 km" in reason
    assert "13.2 km" in reason
    assert names(week(*rest, (5, "long", 110)), replace(slow, speed_mps=NAN)) == set()
    assert names(week(*rest, (5, "long", 110)), replace(slow, longest_m=300)) == set()
    assert names(week(*rest, (5, "long", 110)), replace(slow, sport="cycling")) == set()


def test_hard_minutes_are_faster_metres():
    easy, hard = PlannedSession(0, "easy", 60), PlannedSession(0, "intervals", 60)
    assert limits.distance_m(easy, RUNNER) == pytest.approx(60 * 60 * 2.5)
    share = np.array(intensity.ZONE_RESERVE)
    by_hand = 150 * hard.zone_minutes() @ share / share[:2].mean()
    assert limits.distance_m(hard, RUNNER) == pytest.approx(by_hand, abs=1e-3)
    assert limits.most_minutes(RUNNER, Wishes(), "easy") == 88
    most = limits.most_minutes(RUNNER, Wishes(), "intervals")
    for minutes, over in ((most, False), (most + 1, True)):
        metres = limits.distance_m(PlannedSession(0, "intervals", minutes), RUNNER)
        assert (metres > 13_200) == over


def test_an_injury_lowers_the_cap_and_speaks():
    caps = [limits.cap_min(RUNNER, Wishes(injury=i)) for i in ("none", "returning", "injured")]
    assert caps == pytest.approx([88, 85.6, 40])
    caps = [limits.cap_min(NEW, Wishes(injury=i)) for i in ("none", "returning", "injured")]
    assert caps == [30, 20, 10]
    assert rules.advice(RUNNER, Wishes()) == ()
    for injury in ("returning", "injured"):
        assert "physiotherapist" in rules.advice(RUNNER, Wishes(injury=injury))[0]
        assert limits.rest_days(Wishes(injury=injury, rest_days=0)) >= 2
        assert limits.rest_days(Wishes(injury=injury, rest_days=5)) == 5


def test_after_an_empty_month_a_start():
    assert names(week((0, "easy", 30), (2, "easy", 30), (4, "easy", 30)), NEW) == set()
    for one in (
        week((0, "easy", 31)),
        week((0, "tempo", 30)),
        week(*((day, "easy", 30) for day in (0, 2, 4, 6))),
    ):
        assert names(one, NEW) == {"start"}
    assert "gently" in rules.advice(NEW, Wishes())[0]
    for longest in (NAN, 0, 9.9):
        assert limits.month_empty(replace(NEW, longest_min=longest))
    assert not limits.month_empty(replace(NEW, longest_min=10))


def test_a_short_cap_allows_short_sessions():
    """Where the cap is below the sport's shortest session, a session of the cap is fine."""
    rider = replace(RIDER, longest_min=12, recent_min_week=(6.0, 6.0, 0, 0, 0))
    assert names(week((0, "easy", 13)), rider) == set()
    assert names(week((0, "easy", 12)), rider) == {"sport"}


def test_what_sports_allow():
    three = week((0, "tempo", 60), (2, "tempo", 60), (4, "tempo", 60), (6, "easy", 80))
    assert names(three, RIDER) == set()
    assert "hard" in names(three, RUNNER)
    assert "sport" in names(three, replace(RUNNER, sport="walking"))
    assert "hard" in names(three, replace(RIDER, sport="skating"))  # an unknown one: two


def test_load_by_hand():
    assert limits.load([60, 0, 0, 0, 0], "m") == pytest.approx(
        60 * 0.54 * 0.64 * np.exp(1.92 * 0.54)
    )
    both = [limits.load(ZONES, sex) for sex in "mf"]
    assert limits.load(ZONES, "") == pytest.approx(np.mean(both))


def test_reasons_are_sentences_with_numbers():
    bad = week((0, "tempo", 100), (1, "intervals", 100), (2, "long", 200), (2, "easy", 10))
    reasons = rules.refusals(bad, RUNNER, Wishes(minutes=100, days=(0, 1), rest_days=5))
    assert len(reasons) == 8
    for reason in reasons:
        assert reason[0].isupper()
        assert reason.endswith(".")
    assert sum(any(c.isdigit() for c in reason) for reason in reasons) >= 4
    for rule in rules.RULES:
        assert rule.sentence.endswith(".")
        assert rule.change[0].islower()
        assert not rule.change.endswith(".")


def test_the_ratio_of_weeks_is_no_rule():
    """A week of twice the load of the last four passes, if no single session is too long."""
    double = week(*((day, "easy", 80) for day in range(6)))
    assert double.minutes == 2 * sum(RUNNER.recent_min_week)
    assert names(double) == set()
