"""A week, its sessions and their minutes by zone; persons' and readers' mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sportsml_lite.errors import UserError
from sportsml_lite.recommend.week import (
    KINDS,
    PlannedSession,
    Week,
    Wishes,
    table,
    words,
)

SESSIONS = st.builds(
    PlannedSession, st.integers(0, 6), st.sampled_from(KINDS), st.integers(10, 600)
)


@given(SESSIONS)
def test_every_minute_lies_in_a_zone_and_in_a_step(session):
    steps = sum(part.times * step.minutes for part in session.parts() for step in part.steps)
    assert steps == pytest.approx(session.minutes)
    assert session.zone_minutes().sum() == pytest.approx(session.minutes)
    assert session.zone_minutes().min() >= 0


def test_intervals_by_hand():
    """10 warm-up + 3 left over, 6 × (4 + 3), 5 cool-down."""
    session = PlannedSession(0, "intervals", 60)
    assert session.zone_minutes() == pytest.approx([6.5 + 18 + 5, 6.5, 0, 12, 12])
    assert words(session) == ("13 min easy, 6 × (4 min in zone 4–5, 3 min easy), 5 min easy")


@pytest.mark.parametrize(
    ("kind", "minutes", "times"),
    [
        ("tempo", 26, 0),
        ("tempo", 27, 1),
        ("tempo", 63, 4),
        ("tempo", 300, 4),
        ("intervals", 300, 8),
    ],
)
def test_repetitions_fit_and_are_bounded(kind, minutes, times):
    parts = PlannedSession(2, kind, minutes).parts()
    assert sum(part.times for part in parts[1:2]) == times


def test_what_is_asked_for_twice_is_no_shared_array():
    session = PlannedSession(0, "easy", 40)
    session.zone_minutes()[:] = 0
    assert session.zone_minutes().sum() == 40


def test_a_week_adds_up():
    week = Week("w", (PlannedSession(0, "easy", 40), PlannedSession(3, "long", 90)))
    assert (week.minutes, week.longest_min) == (130, 90)
    assert week.zone_minutes() == pytest.approx([65, 65, 0, 0, 0])
    empty = Week("rest", ())
    assert (empty.minutes, empty.longest_min) == (0, 0)
    assert np.array_equal(empty.zone_minutes(), np.zeros(5))
    assert table(empty).empty


def test_a_table_for_a_page():
    sessions = (PlannedSession(5, "long", 90), PlannedSession(1, "tempo", 40))
    found = table(Week("w", sessions))
    assert found["day"].to_list() == ["Tuesday", "Saturday"]
    assert found["zone"].to_list() == ["3", "1–2"]
    assert found["minutes"].sum() == 130
    assert found["what"].str.contains("10 min in zone 3").to_list() == [True, False]


@pytest.mark.parametrize(
    "call",
    [
        lambda: PlannedSession(0, "sprint", 30),
        lambda: PlannedSession(7, "easy", 30),
        lambda: PlannedSession(0, "easy", 9),
        lambda: PlannedSession(0, "easy", 601),
        lambda: Wishes(goal="win"),
        lambda: Wishes(injury="knee"),
        lambda: Wishes(days=()),
        lambda: Wishes(days=(7,)),
        lambda: Wishes(rest_days=7),
        lambda: Wishes(minutes=float("nan")),
        lambda: Wishes(minutes=-1),
    ],
)
def test_mistakes_are_said_in_one_line(call):
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
