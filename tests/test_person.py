"""A person from sessions: numbers by hand, and what is too thin, too late or somebody else's."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError
from sportsml_lite.recommend import person, zones

TODAY = date(2026, 3, 1)  # a Sunday


def folder(ago, minutes=30, athlete="me", profile=None, streams=None, **columns):
    """One person's sessions, so many days ago each, at seven in the morning."""
    start = [pd.Timestamp(TODAY, tz="UTC") + pd.Timedelta(hours=7 - 24 * d) for d in ago]
    given = {"sport": "running", "distance_m": np.nan, "hr_mean_bpm": np.nan} | columns
    sessions = pd.DataFrame({
        "session_id": [f"s{i}" for i in range(len(ago))], "athlete_id": athlete, "start": start,
        "duration_s": 60.0 * np.broadcast_to(minutes, len(ago)), **given,
    })  # fmt: skip
    sessions = schema.conform(sessions, "sessions")
    known = {name: profile or {} for name in sessions["athlete_id"].unique()}
    seconds = dataset.empty("streams") if streams is None else schema.conform(streams, "streams")
    return DataSet("my_runs", dataset.athletes(list(known), known), sessions, seconds)


def heard(name, shares, top=200):
    """A minute at each share of the maximal heart rate."""
    hr = np.repeat(np.array(shares) * top, 60)
    return pd.DataFrame({"session_id": name, "t_s": np.arange(len(hr)) * 1.0, "hr_bpm": hr})


def test_weeks_and_the_longest_are_counted_by_hand():
    """Twelve weeks of two runs: 30 and 60 min, but in the last four 20 and 40."""
    ago = [7 * week + day for week in range(12) for day in (1, 3)]
    minutes = [m * (2 if week < 4 else 3) for week in range(12) for m in (10, 20)]
    found, notes = person.known(folder(ago, minutes, distance_m=6000.0), TODAY)
    assert sum(found.recent_min_week) == pytest.approx(60)
    assert sum(found.habit_min_week) == pytest.approx(90)
    assert found.sessions_week == 2 and found.longest_m == 6000
    assert found.longest_min == 40  # that of 60 min was 31 days ago
    assert found.recent_min_week[0] == found.recent_min_week[1] == pytest.approx(30)
    assert any("No heart rate" in note for note in notes) and np.isnan(found.hr_max_bpm)
    assert "running: 60 min a week in 2.0 sessions" in person.told(found)


@pytest.mark.parametrize(
    ("ago", "habit"),
    [
        ([1, 3, 8, 13], 2.0),  # four sessions in two weeks
        ([1, 2, 3, 4], 4.0),
        ([1, 2, 3, 30, 40, 41], 3 / 2),  # three in the two weeks before the last four
        ([1, 2, 3, 29], 4 / 4),  # a day before the last four weeks is no habit
    ],
)
def test_a_short_history_is_a_habit_as_long_as_it_is(ago, habit):
    found, _ = person.known(folder(ago, 35), TODAY)
    assert sum(found.recent_min_week) == pytest.approx(35 * sum(d < 28 for d in ago) / 4)
    assert sum(found.habit_min_week) == pytest.approx(35 * habit)


@pytest.mark.parametrize(
    ("share", "zone"),
    [(0.4, 1), (0.6, 1), (0.719, 1), (0.72, 2), (0.82, 3), (0.87, 4), (0.92, 5), (1.1, 5)],
)
def test_zones_begin_at_their_lower_ends(share, zone):
    assert zones.zone_of(share) == zone
    assert zones.zone_of(np.nan) == 0


def test_minutes_by_zone_sum_to_the_duration():
    """By seconds, by the mean, by the other sessions' shares: in this order."""
    streams = pd.concat([heard("s0", [0.65, 0.65, 0.75, 0.95]), heard("s2", [0.65])])
    data = folder([1, 2, 3], [8, 10, 20], streams=streams, hr_mean_bpm=[150.0, 170.0, np.nan])
    found, notes = zones.zone_minutes(data.sessions, data.streams, 200.0)
    np.testing.assert_allclose(found[0], [4, 2, 0, 0, 2])
    np.testing.assert_allclose(found[1], [0, 0, 10, 0, 0])
    np.testing.assert_allclose(found[2], 20 * np.array([4, 2, 10, 0, 2]) / 18)
    assert [note.split(" have ")[0] for note in notes] == ["1 of 3 sessions", "1 of 3 sessions"]


def test_smart_recording_is_heard_and_a_strap_that_fails_early_is_not():
    few = heard("s0", [0.75] * 10).iloc[::7]
    early = heard("s1", [0.75] * 4)
    data = folder([1, 2], 10, streams=pd.concat([few, early]))
    found, notes = zones.zone_minutes(data.sessions, data.streams, 200.0)
    np.testing.assert_allclose(found[0], [0, 10, 0, 0, 0])
    assert "1 of 2 sessions have no heart rate" in notes[0]


def test_the_maximal_heart_rate_is_said_profiled_aged_or_seen():
    ago = [1, 2, 3, 4]

    def top(said=np.nan, profile=None, **columns):
        found, notes = person.known(folder(ago, profile=profile, **columns), TODAY, "", said)
        return found.hr_max_bpm, " ".join(notes)

    assert top(191, {"hr_max_bpm": 185.0})[0] == 191
    assert top(profile={"hr_max_bpm": 185.0, "age_y": 50.0})[0] == 185
    by_age, why = top(profile={"age_y": 50.0})
    assert by_age == pytest.approx(211 - 32) and "expected at this age" in why
    seen, why = top(hr_max_bpm=[170.0, 188.0, np.nan, 160.0])
    assert seen == 188 and "the highest seen" in why and "--hr-max" in why


def test_only_the_planned_sport_counts():
    sport = ["running", "cycling"] * 4 + ["walking"] * 4
    data = folder(range(1, 13), [30, 60] * 4 + [200] * 4, sport=sport)
    found, notes = person.known(data, TODAY)
    assert found.sport == "cycling" and sum(found.recent_min_week) == pytest.approx(60)
    assert any("230 min a week of other sports" in note for note in notes)
    assert person.known(data, TODAY, "running")[0].longest_min == 30
    with pytest.raises(UserError, match="sport 'chess': choose one of"):
        person.known(data, TODAY, "chess")
    with pytest.raises(UserError, match="sports here: yoga"):
        person.known(folder([1, 2, 3, 4], sport="yoga"), TODAY)
    assert person.known(folder([1, 2, 3, 4], sport="hiking"), TODAY)[0].sport == "hiking"


def test_easy_runs_give_the_typical_speed():
    data = folder(range(1, 5), 10, distance_m=[1500.0, 1600.0, 1700.0, 3000.0],
                  hr_mean_bpm=[120.0, 130.0, 140.0, 180.0])  # fmt: skip
    assert person.known(data, TODAY, "", 190)[0].speed_mps == pytest.approx(1600 / 600)
    assert np.isnan(person.known(folder([1, 2, 3, 4]), TODAY)[0].speed_mps)


@pytest.mark.parametrize(
    ("ago", "what"),
    [
        ([3], "1 running session in the 6 weeks before 2026-03-01 (of 1, the last of 2026-02-26): "
              "a week is planned from at least 4"),
        ([3, 10, 50, 60, 70], "2 running sessions in the 6 weeks"),
        ([40, 45, 50, 55], "no running session in the 28 days before 2026-03-01, the last of "
                           "2026-01-20"),
        ([-5, 1, 2, 3, 4], "s0: recorded on 2026-03-06, after 2026-03-01"),
        ([-5, -6, 2, 3, 4], "s0 and 1 more: recorded on 2026-03-06"),
    ],
)  # fmt: skip
def test_too_few_too_long_ago_and_the_future_are_one_line(ago, what):
    with pytest.raises(UserError) as caught:
        person.known(folder(ago), TODAY)
    assert what in str(caught.value) and "\n" not in str(caught.value)


def test_an_evening_run_west_of_greenwich_is_not_the_future():
    assert person.known(folder([-1, 1, 2, 3]), TODAY)  # 7 h UTC of the next day


def test_whoever_returns_has_an_empty_month_and_an_old_habit():
    found, _ = person.known(folder([100, 103, 107, 110], 40), TODAY, returning=True)
    assert sum(found.recent_min_week) == 0 and found.longest_min == 0 and found.sessions_week == 0
    assert found.longest_m == 0 and sum(found.habit_min_week) > 0
    with pytest.raises(UserError, match="1 running session in all"):
        person.known(folder([100], 40), TODAY, returning=True)


def test_a_folder_of_several_people_asks_whom_to_plan_for():
    data = folder([1, 2, 3, 4], athlete=["ann", "ann", "bob", "bob"])
    with pytest.raises(UserError, match="2 people .ann, bob.; choose one with --athlete"):
        person.whose(data)
    with pytest.raises(UserError, match="none of them 'eve'"):
        person.whose(data, "eve")
    mine = person.whose(data, "bob")
    assert mine.sessions["session_id"].tolist() == ["s2", "s3"] and mine.name == "bob"
    assert person.whose(folder([1, 2]), "any name").name == "any name"


@pytest.mark.parametrize(
    ("ago", "today", "monday"),
    [
        ([1], "2026-03-01", "2026-03-02"),
        ([2], "2026-03-02", "2026-03-02"),
        ([-1], "2026-03-02", "2026-03-09"),  # somebody has run on this Monday already
        ([9], "2026-03-03", "2026-03-09"),
    ],
)
def test_a_week_begins_on_the_next_monday_that_is_free(ago, today, monday):
    found = person.monday_after(folder(ago).sessions, date.fromisoformat(today))
    assert found == date.fromisoformat(monday) and found.weekday() == 0


def test_days_are_read_as_people_write_them():
    assert person.weekdays("sat, mon,Wed") == (0, 2, 5)
    assert person.weekdays("Monday monday") == (0,)
    for wrong in ("t", "xyz", "", "mo-fr"):
        with pytest.raises(UserError, match="--days mon,wed,sat"):
            person.weekdays(wrong)
