"""A squad: the shared days hold for all, nobody gains by sharing, and who cannot is named."""

import math
from dataclasses import replace

import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.recommend import limits, rules, squad
from sportsml_lite.recommend.candidates import accepted
from sportsml_lite.recommend.week import Person, PlannedSession, Week, Wishes

NAN = math.nan
ZONES = (90.0, 90.0, 30.0, 20.0, 10.0)
RUNNER = Person("running", "m", 30, 70, 50, 190, NAN, ZONES, ZONES, 4, 80, 12_000, 2.5)
HALF = tuple(minutes / 2 for minutes in ZONES)
SLOW = replace(RUNNER, recent_min_week=HALF, habit_min_week=HALF, sessions_week=3, longest_min=50)
MEMBERS = {
    "Ada": (RUNNER, Wishes()),
    "Ben": (SLOW, Wishes(days=(1, 3, 5, 6))),
    "Cem": (RUNNER, Wishes(days=(0, 1, 2, 3, 5), minutes=260)),
}


def value(person, week):
    """Best at 1.2 times the load of now."""
    share = limits.load(week.zone_minutes(), person.sex) / limits.load(
        person.recent_min_week, person.sex
    )
    return 2.4 * share - share**2


@pytest.fixture(scope="module")
def found():
    return squad.plan(MEMBERS, value)


def test_shared_sessions_are_shared_and_loads_are_not(found):
    for plan in (found.by_sum, found.by_least):
        assert [kind for _, kind in plan.skeleton] == ["intervals", "long"]
        for name, week in plan.weeks.items():
            at = {(s.day, s.kind) for s in week.sessions}
            assert set(plan.skeleton) <= at
            assert rules.refusals(week, *MEMBERS[name]) == ()
            assert plan.values[name] == value(MEMBERS[name][0], week)
    ada, ben = (found.by_sum.weeks[name].minutes for name in ("Ada", "Ben"))
    assert ada > 1.5 * ben


def test_the_best_plan_is_the_best_and_alone_is_no_worse(found):
    table = found.table().set_index("athlete")
    assert list(table.index) == list(MEMBERS)
    assert (table[["cost_by_sum", "cost_by_least"]] >= 0).all(axis=None)
    assert table["by_sum"].sum() >= table["by_least"].sum()
    assert table["by_least"].min() >= table["by_sum"].min()
    for name, who in MEMBERS.items():
        best = max(value(who[0], week) for week in accepted(*who)[0])
        assert found.alone[name] >= best
        assert value(who[0], found.alone_weeks[name]) == found.alone[name]
        assert rules.refusals(found.alone_weeks[name], *who) == ()


def test_the_sum_and_the_least_may_ask_for_different_days():
    """Saturday suits one of two very well, and the other not at all."""
    worth = {("m", True): 10.0, ("m", False): 4.0, ("f", True): 1.0, ("f", False): 4.0}

    def by_day(person, week):
        return worth[person.sex, any(s.day == 5 and s.kind == "long" for s in week.sessions)]

    two = {"Ada": (RUNNER, Wishes()), "Fay": (replace(RUNNER, sex="f"), Wishes())}
    both = squad.plan(two, by_day, ("long",))
    assert both.by_sum.skeleton == ((5, "long"),)
    assert both.by_sum.values == {"Ada": 10, "Fay": 1}
    assert both.by_least.skeleton != both.by_sum.skeleton
    assert both.by_least.values == {"Ada": 4, "Fay": 4}
    assert both.alone == {"Ada": 10, "Fay": 4}


def test_of_equals_the_long_session_is_at_the_weekend(found):
    assert found.by_sum.skeleton[1] == (5, "long")
    assert str(found.by_sum).endswith("long on Saturday")


def test_refused_days_have_their_reasons(found):
    why = found.refused[((0, "intervals"), (5, "long"))]
    assert why == {"Ben": "No training is possible on Monday."}
    assert len(found.refused) < 42


def test_join_by_hand():
    week = Week("w", tuple(PlannedSession(*s) for s in [(0, "tempo", 55), (2, "easy", 40)]))
    joined = squad.join(week, ((3, "intervals"),), RUNNER, Wishes())
    assert {(s.day, s.kind, s.minutes) for s in joined.sessions} >= {(3, "intervals", 55)}
    assert joined.minutes == week.minutes
    short = Week("w", (PlannedSession(0, "easy", 15),))
    (only,) = squad.join(short, ((3, "tempo"),), RUNNER, Wishes()).sessions
    assert (only.kind, only.minutes) == ("tempo", limits.shortest("tempo", RUNNER))
    assert squad.join(short, ((3, "tempo"), (5, "long")), RUNNER, Wishes()) is None
    assert squad.join(week, ((3, "intervals"),), RUNNER, Wishes(days=(3,))) is None


@pytest.mark.parametrize(
    ("members", "kinds", "said"),
    [
        ({}, ("long",), "empty"),
        (MEMBERS, ("sprint",), "sprint"),
        (MEMBERS, (), "1 to 3"),
        (
            MEMBERS | {"Dia": (RUNNER, Wishes(injury="returning"))},
            ("intervals",),
            "Dia: It has 1 h",
        ),
        (MEMBERS | {"Eli": (SLOW, Wishes(days=(0, 4)))}, ("long",), "Eli: no week"),
        (MEMBERS | {"Eli": (SLOW, Wishes(days=(0, 2, 4)))}, ("long",), "Eli: No tr|Ben: No tr"),
    ],
)
def test_who_cannot_is_named_in_one_line(members, kinds, said):
    with pytest.raises(UserError, match=said) as caught:
        squad.plan(members, value, kinds)
    assert "\n" not in str(caught.value)
