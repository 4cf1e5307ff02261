"""Candidate weeks: what is kept by construction, and that no accepted week breaks the cap, ever."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import candidates as c
from sportsml_lite.recommend import layout, limits
from sportsml_lite.recommend.rehabilitation import after
from sportsml_lite.recommend.week import GOALS, INJURIES, WORK, Person, Week, Wishes

NAN = math.nan
SHARES = np.array([0.36, 0.36, 0.13, 0.11, 0.04])


def person(sport="running", minutes=240.0, sessions=4.0, longest=90.0, shares=SHARES, **others):
    zones = tuple(float(m) for m in minutes * np.asarray(shares))
    known = {"habit_min_week": zones, "longest_m": NAN, "speed_mps": NAN} | others
    return Person(
        sport, "f", 30, 60, 55, 190, NAN, known["habit_min_week"], zones, sessions, longest,
        known["longest_m"], known["speed_mps"],
    )  # fmt: skip


RUNNER = person(longest_m=14_400.0, speed_mps=2.7)
TYPICAL = {
    "beginner": person(minutes=60, sessions=2, longest=30, shares=[0.5, 0.5, 0, 0, 0]),
    "runner": RUNNER,
    "cyclist": person("cycling", 600, 5, 240),
    "swimmer": person("swimming", 180, 3, 70),
}


@pytest.mark.parametrize("who", TYPICAL)
def test_typical_people_have_weeks_to_choose_from(who):
    one = TYPICAL[who]
    weeks, refused = c.accepted(one, Wishes())
    assert len(weeks) >= 5
    assert weeks[0].name == "as usual"
    assert weeks[0].minutes == pytest.approx(sum(one.recent_min_week), rel=0.05)
    assert len({week.sessions for week in weeks}) == len(weeks)
    assert all(reasons for _, reasons in refused)


def test_templates_do_what_they_say():
    weeks = {week.name: week for week in c.candidates(RUNNER, Wishes())}
    assert list(weeks) == list(c.TEMPLATES)
    for name, (volume, _) in c.TEMPLATES.items():
        assert weeks[name].minutes == pytest.approx(240 * volume, abs=10), name
    hard = {name: week.zone_minutes()[2:].sum() for name, week in weeks.items()}
    assert hard["easier"] < hard["as usual"] < hard["harder"]
    assert hard["less and easier"] == 0 < hard["less"] < hard["less and harder"]


def test_as_usual_comes_near_to_the_zones():
    week = c.candidates(RUNNER, Wishes())[0]
    asked = np.array(RUNNER.recent_min_week)
    assert week.zone_minutes()[2] == pytest.approx(asked[2], abs=5)
    assert week.zone_minutes()[3:].sum() == pytest.approx(asked[3:].sum(), abs=5)


def test_who_never_trains_hard_may_begin_with_one_repetition():
    weeks = {week.name: week for week in c.candidates(TYPICAL["beginner"], Wishes())}
    assert weeks["as usual"].zone_minutes()[2:].sum() == 0
    assert weeks["harder"].zone_minutes()[2:].sum() == 10


def test_more_than_fits_is_left_for_the_cap_to_refuse():
    wishes = Wishes(days=(1, 3, 5))
    _, refused = c.accepted(RUNNER, wishes)
    reasons = {week.name: why for week, why in refused}
    assert "1.10 times the longest" in reasons["much more"][0]
    assert all(len(week.sessions) <= 3 for week, _ in refused)


def test_a_small_cap_grows_by_the_week():
    """Rounded to 5 minutes, 20 would stay 20 for ever."""
    small = person(minutes=60, sessions=3, longest=20, shares=[0.5, 0.5, 0, 0, 0])
    assert max(week.longest_min for week in c.accepted(small, Wishes())[0]) == 22


def test_an_empty_month_and_an_injury():
    new = person(minutes=0, sessions=0, longest=0, habit_min_week=tuple(200 * SHARES))
    weeks, refused = c.accepted(new, Wishes())
    assert [[s.minutes for s in week.sessions] for week in weeks] == [[30] * 3, [30] * 2, [30]]
    assert not refused
    for injury, most in (("returning", 96), ("injured", 45)):
        weeks, _ = c.accepted(RUNNER, Wishes(injury=injury))
        assert max(week.longest_min for week in weeks) <= most
        assert not any(limits.hard(week) for week in weeks)
    assert c.accepted(new, Wishes(injury="injured"))[0][-1] == Week("no training", ())


def test_back_to_habit_after_some_weeks_off():
    one = person(minutes=90, sessions=2, longest=90, habit_min_week=tuple(240 * SHARES))
    week = next(week for week in c.candidates(one, Wishes()) if week.name == "back to habit")
    assert week.minutes == 240
    assert not limits.hard(week)


def test_all_the_time_there_is():
    names = {week.name: week for week in c.candidates(RUNNER, Wishes(minutes=200))}
    assert 170 <= names["all your time"].minutes <= 200
    weeks, _ = c.accepted(RUNNER, Wishes(minutes=220))
    assert all(week.minutes <= 220 for week in weeks)


@pytest.mark.parametrize(
    ("one", "wishes", "said"),
    [
        (RUNNER, Wishes(minutes=10), "takes 15 at least"),
        (RUNNER, Wishes(minutes=60), "choose another goal"),
        (RUNNER, Wishes(days=(0,)), "minutes or days"),
        (RUNNER, Wishes(rest_days=6), "minutes or days"),
    ],
)
def test_contradictions_are_said_in_one_line(one, wishes, said):
    with pytest.raises(UserError, match=said) as caught:
        c.accepted(one, wishes)
    assert "\n" not in str(caught.value)


def test_days_by_hand():
    sessions = [("intervals", 60), ("tempo", 50), ("long", 90), ("easy", 40)]
    found = layout.placed(sessions, range(7))
    at = {s.kind: s.day for s in found}
    assert at["long"] in (5, 6)
    assert (at["tempo"] - at["intervals"]) % 7 not in (0, 1, 6)
    assert (at["long"] - at["intervals"]) % 7 != 1
    assert layout.placed(sessions, (0, 1, 2)) == ()
    assert layout.placed([("tempo", 50), ("tempo", 50)], (6, 0)) == ()
    fixed = layout.placed(sessions, range(7), (2, 4))
    assert {s.kind: s.day for s in fixed}.items() >= {"intervals": 2, "tempo": 4}.items()
    assert layout.placed(sessions, (0, 2, 4, 6), (1,)) == ()


PEOPLE = st.builds(
    person,
    sport=st.sampled_from(["running", "cycling", "swimming", "rowing", "walking", "skating"]),
    minutes=st.floats(0, 900),
    sessions=st.floats(0, 8),
    longest=st.one_of(st.just(0.0), st.floats(0, 300)),
    shares=st.sampled_from(
        [SHARES, np.array([0.5, 0.5, 0, 0, 0]), np.array([0, 0, 0.4, 0.3, 0.3])]
    ),
    longest_m=st.one_of(st.just(NAN), st.floats(0, 50_000)),
    speed_mps=st.one_of(st.just(NAN), st.floats(0.5, 5)),
)
WISHES = st.builds(
    Wishes,
    goal=st.sampled_from(GOALS),
    days=st.sets(st.integers(0, 6), min_size=1).map(tuple),
    minutes=st.one_of(st.just(0.0), st.floats(10, 900)),
    injury=st.sampled_from(INJURIES),
    rest_days=st.integers(0, 6),
)
FACTOR = {"none": 1.10, "returning": 1.07, "injured": 0.5}
START = {"none": 30, "returning": 20, "injured": 10}


def keeps(week, longest, one, wishes):
    """Said once more, without the package's rules; ``longest`` is of the last 30 days."""
    days = [s.day for s in week.sessions]
    assert len(set(days)) == len(days) <= 7 - wishes.rest_days
    assert set(days) <= set(wishes.days)
    assert not wishes.minutes or week.minutes <= wishes.minutes
    hard = [s for s in week.sessions if s.kind in WORK]
    if longest < 10:
        assert week.longest_min <= START[wishes.injury]
        assert not hard
    else:
        assert week.longest_min <= FACTOR[wishes.injury] * longest
    assert not (hard and wishes.injury != "none")
    for s in hard:
        assert {(s.day + 1) % 7, (s.day - 1) % 7}.isdisjoint(h.day for h in hard)


@settings(max_examples=15, deadline=None)
@given(PEOPLE, WISHES, st.lists(st.integers(0, 100), min_size=26, max_size=26))
def test_half_a_year_of_accepted_weeks_never_breaks_the_cap(one, wishes, choices):
    done, longest = [], [one.longest_min]
    for choice in choices:
        now = after(one, done)
        try:
            weeks, refused = c.accepted(now, wishes)
        except UserError as error:
            assert "\n" not in str(error)
            done.append(Week("nothing fits", ()))
            longest.append(0)
            continue
        for week in weeks:
            # The old longest counts until four weeks have passed.
            keeps(week, max(longest[-4:] if len(done) >= 4 else longest), now, wishes)
        for _, reasons in refused:
            assert all(why[0].isupper() and why.endswith(".") for why in reasons)
        done.append(weeks[choice % len(weeks)])
        longest.append(done[-1].longest_min)


@settings(max_examples=100, deadline=None)
@given(PEOPLE, WISHES)
def test_candidates_keep_days_and_rest_by_construction(one, wishes):
    try:
        weeks = c.candidates(one, wishes)
    except UserError:
        return
    assert weeks
    for week in weeks:
        days = {s.day for s in week.sessions}
        assert len(days) == len(week.sessions) <= 7 - limits.rest_days(wishes)
        assert days <= set(wishes.days)
