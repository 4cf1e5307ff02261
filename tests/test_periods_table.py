"""Periods between two tests as a table: what may be known before, by hand; odd tables refused."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.prepare.periods import SPEED, bouts, months, only, period_table

LEVELS = {"a": (50.0, 55.0, 44.0), "b": (60.0, np.nan, 66.0), "c": (40.0, 42.0, np.nan)}


@pytest.fixture
def tests():
    rows = [(a, i + 1, "vo2max_ml_min", v) for a, own in LEVELS.items() for i, v in enumerate(own)]
    return pd.DataFrame(rows, columns=["athlete_id", "test", "outcome", "value"]).dropna()


@pytest.fixture
def athletes():
    return pd.DataFrame(
        {"athlete_id": ["a", "b", "c"], "sex": ["m", "f", None], "age_y": [20.0, 30, 40],
         "mass_kg": [70.0, 60, 80]}
    )  # fmt: skip


@pytest.fixture
def periods():
    return pd.DataFrame(
        {"athlete_id": ["a", "a", "c"], "period": [1, 2, 1], "hours": [10.0, 20, 30],
         "group": ["x", "y", "x"]}
    )  # fmt: skip


def test_a_row_is_a_change_and_what_was_known_before_it(tests, periods, athletes):
    made = period_table(tests, periods, athletes, "vo2max_ml_min", {"hours": "load"})
    table = made.table
    assert table.session.tolist() == ["a/1", "a/2", "c/1"]  # b lacks the middle test
    np.testing.assert_allclose(table.y, [10, -20, 5])
    expected = {
        "period": [1, 2, 1], "start_level": [50, 55, 40], "is_male": [1, 1, np.nan],
        "last_change": [np.nan, 10, np.nan], "above_own_mean": [0, 100 * (55 / 52.5 - 1), 0],
        "tests_before": [0, 1, 0], "hours": [10, 20, 30], "group_x": [1, 0, 1],
    }  # fmt: skip
    for name, values in expected.items():
        np.testing.assert_allclose(table.column(name), values, err_msg=name)
    assert made.kinds["hours"] == "load" and made.kinds["group_x"] == "done"
    assert made.of("who", "load").names == ("period", "start_level", "is_male", "age_y", "mass_kg",
                                            "hours")  # fmt: skip


def test_no_feature_changes_with_what_the_test_after_the_period_says(tests, periods, athletes):
    before = period_table(tests, periods, athletes, "vo2max_ml_min").table
    later = tests.assign(value=tests["value"].where(tests["test"] != 3, 99.0))
    after = period_table(later, periods, athletes, "vo2max_ml_min").table
    at = before.session.tolist().index("a/2")
    np.testing.assert_array_equal(before.X[at], after.X[at])
    assert before.y[at] != after.y[at]


def test_what_cannot_be_a_table_is_refused(tests, periods, athletes):
    with pytest.raises(UserError, match="nobody has 'power_max_w' in two tests in a row"):
        period_table(tests.assign(outcome="power_max_w")[tests["test"] == 1], periods, athletes,
                     "power_max_w")  # fmt: skip
    twice = pd.concat([periods, periods.iloc[:1]])
    with pytest.raises(UserError, match=r"athlete 'a' has period 1 twice"):
        period_table(tests, twice, athletes, "vo2max_ml_min")
    table = period_table(tests, periods, athletes, "vo2max_ml_min").table
    with pytest.raises(UserError, match="no feature 'watts'"):
        only(table, ("watts",))


def test_minutes_of_the_bouts_by_hand():
    """Six rows of ten seconds at 95 % of maximal heart rate, then three at 55 %."""
    n = 9
    streams = pd.DataFrame({
        "session_id": "s", "t_s": 10.0 * np.arange(1, n + 1), "hr_bpm": [190.0] * 6 + [110.0] * 3,
        "vo2_ml_kg_min": [58.0] * 3 + [40.0] * 6,
    })  # fmt: skip
    sessions = pd.DataFrame({"session_id": ["s"], "athlete_id": ["a"], "period": [2]})
    level = pd.DataFrame({"athlete_id": ["a"], "test": [2], "outcome": ["vo2max_ml_kg_min"],
                          "value": [60.0]})  # fmt: skip
    athletes = pd.DataFrame({"athlete_id": ["a"], "hr_max_bpm": [200.0]})
    found = bouts(streams, sessions, level, athletes).iloc[0]
    assert found["period"] == 2
    assert found["hr_90_min"] == pytest.approx(1.0)
    assert found["vo2max_90_min"] == pytest.approx(0.5)
    # Weight 5 for a minute, weight 1 for twenty seconds and the one second of the last row.
    assert found["edwards"] == pytest.approx(5 * 1.0 + 21 / 60)
    nothing = bouts(streams.assign(hr_bpm=np.nan), sessions, level, athletes).iloc[0]
    assert np.isnan(nothing["edwards"]) and nothing["vo2max_90_min"] == pytest.approx(0.5)


def runs(speed_mps, hr_bpm, day, athlete="a"):
    start = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=day)
    return {
        "athlete_id": athlete, "start": start,
        "duration_s": 3600.0, "distance_m": 3600 * speed_mps, "speed_mean_mps": speed_mps,
        "elevation_gain_m": 100.0, "hr_mean_bpm": hr_bpm,
    }  # fmt: skip


def test_a_month_needs_three_runs_and_its_proxy_is_the_speed_at_145():
    first = [runs(3.0, 145.0, d) for d in (0, 5, 10)]
    second = [runs(3.2, 145.0, d) for d in (28, 33, 40)] + [runs(9.0, 100.0, 50)]
    third = [runs(4.0, 145.0, d) for d in (60, 70)]
    tests, done = months(pd.DataFrame([*first, *second, *third]))
    assert tests["test"].tolist() == [1, 2] and set(tests["outcome"]) == {SPEED}
    np.testing.assert_allclose(tests["value"], [3.0, 3.2])
    own = done.set_index("period")
    # The change from month 1 to 2 is asked of the running of month 2, beside that of month 1.
    assert own.loc[1, "runs"] == 4 and own.loc[1, "runs_before"] == 3
    assert own.loc[1, "hours"] == 4 and own.loc[1, "longest_h"] == 1
    assert not {"distance_m", "speed_mean_mps"} & set(done)  # they would tell the proxy
