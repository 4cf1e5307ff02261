"""What a device would say of planned sessions: learned from a person's own, or not said."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import schema
from sportsml_lite.collect.datasets import dataset
from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.recommend.week import PlannedSession, Week
from sportsml_lite.studies import own_week

MONDAY = date(2026, 3, 2)
WEEK = Week("x", (PlannedSession(1, "intervals", 50), PlannedSession(3, "easy", 30),
                  PlannedSession(5, "long", 90)))  # fmt: skip


def folder(count=60, law=lambda minutes, share: np.log(minutes) * share, noise=0.05, seed=0):
    """One person whose device's effect follows a law of minutes and mean heart rate."""
    rng = np.random.default_rng(seed)
    minutes, share = rng.uniform(20, 100, count), rng.uniform(0.6, 0.95, count)
    start = pd.Timestamp(MONDAY, tz="UTC") - pd.to_timedelta(np.arange(count, 0, -1), unit="D")
    sessions = pd.DataFrame({
        "session_id": [f"s{i}" for i in range(count)], "athlete_id": "me", "start": start,
        "sport": "running", "duration_s": 60 * minutes, "hr_mean_bpm": 190 * share,
        "hr_max_bpm": 190 * np.minimum(share + 0.05, 1), "effect_name": "device",
        "effect": np.clip(law(minutes, share) + rng.normal(0, noise, count), 0, 5),
    })  # fmt: skip
    athletes = dataset.athletes(["me"], {"me": {"hr_max_bpm": 190.0}})
    return DataSet("my_runs", athletes, schema.conform(sessions, "sessions"))


def test_a_law_that_can_be_learned_is_said_of_the_planned_sessions():
    found = own_week.expected(folder(), WEEK, MONDAY)
    assert found.n == 60 and found.asked == 9
    assert found.miss < 0.2 < found.miss_of_mean
    intervals, easy, long = found.effects
    assert easy < intervals and easy < long
    assert easy == pytest.approx(np.log(30) * 0.715, abs=0.3)
    assert "missed your device's training effect by" in found.told()


def test_noise_is_not_said_of_anything():
    """Chance alone beats the mean now and then, so several people are asked."""
    said = [
        bool(own_week.expected(folder(30, lambda m, s: 2.5 + 0 * m, 0.8, i), WEEK, MONDAY).effects)
        for i in range(8)
    ]
    assert np.mean(said) < 0.7
    silent = own_week.Expected((), 30, 4, 0.5, 0.4)
    assert silent.told().startswith("No training effect is expected")


def test_few_sessions_or_another_effect_give_nothing():
    assert own_week.expected(folder(19), WEEK, MONDAY) is None
    data = folder()
    simulated = replace(data, sessions=data.sessions.assign(effect_name="simulated"))
    assert own_week.expected(simulated, WEEK, MONDAY) is None


def test_a_week_of_rest_expects_nothing():
    assert own_week.expected(folder(), Week("rest", ()), MONDAY).effects == ()


def test_the_past_is_not_changed_by_what_is_planned():
    data = folder()
    before = data.sessions.copy()
    one = own_week.expected(data, WEEK, MONDAY)
    two = own_week.expected(data, Week("y", WEEK.sessions[:1]), MONDAY)
    assert one.miss == two.miss and one.effects[0] == two.effects[0]
    pd.testing.assert_frame_equal(before, data.sessions)
