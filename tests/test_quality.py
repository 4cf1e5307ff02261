"""Gaps and artefacts: each rule finds what was put there, and leaves real data in peace."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sportsml_lite import schema
from sportsml_lite.collect import devices, quality
from sportsml_lite.errors import UserError

OSAKA = "18360138543_ACTIVITY_Osaka_Marathon_2025.fit"
RIDE = "4078723797.fit"


def stream(begin=0, **columns):
    """Streams of one session with the given channels."""
    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame({"session_id": "s", "t_s": np.arange(begin, begin + rows, dtype=float)})
    return schema.conform(frame.assign(**columns), "streams")


def found(table, rule):
    """(start, length) of what a rule reports."""
    rows = table[table["rule"] == rule]
    return list(zip(rows["start_s"], rows["length_s"], strict=True))


@pytest.fixture(scope="module")
def osaka(data_folder):
    return devices.read_file(data_folder("device_files") / OSAKA)[1]


# Gaps -------------------------------------------------------------------------------------------


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 3))
@settings(deadline=None)
def test_gaps_are_the_runs_of_missing_seconds(written, longest_ok_s):
    """Against a plain loop over the seconds."""
    expected, run = [], 0
    for second, there in enumerate([*written, True]):
        if there and run > longest_ok_s:
            expected.append((second - run, run))
        run = 0 if there else run + 1
    table = quality.gaps(stream(hr_bpm=np.where(written, 100.0, np.nan)), "hr_bpm", longest_ok_s)
    assert list(zip(table["start_s"], table["length_s"], strict=True)) == expected


def test_gaps_count_rows_that_are_not_there_and_start_where_the_stream_does():
    part = stream(begin=50, hr_bpm=[100, np.nan, 101, 102, 103, 104.0]).drop(index=[3, 4])
    assert quality.gaps(part, longest_ok_s=0).to_numpy().tolist() == [[51, 1], [53, 2]]


def test_gaps_of_a_channel_that_never_was_are_the_whole_stream():
    assert quality.gaps(stream(hr_bpm=[1.0] * 9), "power_w").to_numpy().tolist() == [[0, 9]]
    assert quality.gaps(stream(hr_bpm=[]), "hr_bpm").empty


def test_gaps_of_a_misspelt_channel_are_refused():
    with pytest.raises(UserError, match="no column 'heart_rate'; it has session_id"):
        quality.gaps(stream(hr_bpm=[1.0]), "heart_rate")


def test_smart_recording_leaves_most_seconds_of_the_marathon_empty(osaka):
    table = quality.gaps(osaka, longest_ok_s=0)
    assert table["length_s"].sum() == 8835 - 2958
    assert table["length_s"].max() == 6


def test_several_sessions_are_refused(osaka):
    two = pd.concat([osaka, osaka.assign(session_id="other")])
    for ask in (quality.gaps, quality.artefacts):
        with pytest.raises(UserError, match="select one by its session_id"):
            ask(two)


# Artefacts --------------------------------------------------------------------------------------


def test_real_files_give_two_stretches_and_no_more(data_folder):
    """A rule that cries wolf teaches nothing: 4.9 hours, two stretches, both worth a look."""
    sessions, streams, _ = devices.read(data_folder("device_files"))
    sports = sessions.set_index("session_id")["sport"]
    reports = {
        name: quality.artefacts(stream, sports[name])
        for name, stream in streams.groupby("session_id")
        if name.endswith(".fit") or ".fit#" in name
    }
    assert found(reports.pop(OSAKA), "heart-rate jump") == [(9, 1)]  # 86 to 93 bpm in a second
    assert found(reports.pop(RIDE), "heart rate stuck") == [(157, 80)]  # 116 bpm at 12 to 19 m/s
    assert all(report.empty for report in reports.values())


def test_a_quiet_stream_gives_an_empty_report_of_the_same_form():
    table = quality.artefacts(stream(hr_bpm=100 + np.arange(30.0) % 3))
    assert table.empty
    assert table.dtypes.astype(str).to_dict() == quality.COLUMNS
    assert quality.artefacts(stream(hr_bpm=[])).empty


def test_a_jump_is_judged_by_its_rate_not_its_size():
    sudden = [100, 100, 120, 121.0]
    slow = [100, *[np.nan] * 9, 120, 121.0]  # 20 bpm in 10 s: 2 bpm/s
    table = quality.artefacts(stream(hr_bpm=sudden))
    assert found(table, "heart-rate jump") == [(2, 1)]
    assert table[["value", "limit"]].iloc[0].tolist() == [20, quality.HR_JUMP_BPM_S]
    assert quality.artefacts(stream(hr_bpm=slow)).empty


@pytest.mark.parametrize("step", [1, 5])
def test_a_stuck_heart_rate_is_found_however_often_it_was_written(step):
    heart = np.concatenate([100 + np.arange(40.0) % 2, np.full(80, 130.0), [131.0] * 20])
    heart[np.arange(len(heart)) % step != 0] = np.nan
    table = quality.heart_rate_stuck(stream(hr_bpm=heart))
    assert found(table, "heart rate stuck") == [(40, 80)]
    assert quality.heart_rate_stuck(stream(hr_bpm=np.full(quality.HR_STUCK_S, 130.0))).empty


def test_two_stuck_stretches_that_touch_are_two():
    heart = np.repeat([130.0, 131.0], 70)
    table = quality.heart_rate_stuck(stream(hr_bpm=heart))
    assert found(table, "heart rate stuck") == [(0, 70), (70, 70)]


def test_silence_is_not_a_stuck_heart_rate():
    heart = np.full(300, np.nan)
    heart[[0, 299]] = 130
    assert quality.heart_rate_stuck(stream(hr_bpm=heart)).empty


def locked(osaka, begin, length, noise_bpm, rng):
    """Simulated: the marathon with heart rate replaced by cadence for ``length`` seconds."""
    held = osaka.assign(
        hr_bpm=osaka["hr_bpm"].ffill(limit=9), cadence_spm=osaka["cadence_spm"].ffill(limit=9)
    )
    inside = held["t_s"].between(begin, begin + length - 1)
    fake = held["cadence_spm"].rolling(3, min_periods=1).mean()
    fake = (fake + rng.normal(0, noise_bpm, len(held))).round()
    return held.assign(hr_bpm=held["hr_bpm"].mask(inside, fake))


def test_the_marathon_shows_no_cadence_lock_although_the_means_agree(osaka):
    """Mean heart rate 184, mean cadence 185: near each other, but not together."""
    both = osaka[["hr_bpm", "cadence_spm"]].mean()
    assert abs(both["hr_bpm"] - both["cadence_spm"]) < 2
    assert quality.cadence_lock(osaka).empty


def test_a_simulated_lock_is_found(osaka):
    rng = np.random.default_rng(0)
    begins = rng.integers(300, 8300, 12)
    hits = [
        bool(len(quality.cadence_lock(locked(osaka, begin, 240, 1.0, rng)))) for begin in begins
    ]
    assert np.mean(hits) >= 0.9


def test_chance_rarely_looks_like_a_lock(osaka):
    """With the cadence shifted in time every finding is false: the rule's false alarms."""
    held = osaka["cadence_spm"].ffill(limit=9).to_numpy()
    shifts = np.random.default_rng(1).integers(600, 8200, 25)
    false = [
        len(quality.cadence_lock(osaka.assign(cadence_spm=np.roll(held, shift))))
        for shift in shifts
    ]
    assert np.mean(false) <= 0.1  # stretches a marathon


def test_impossible_speed_depends_on_the_sport():
    fast = stream(speed_mps=[10, 15, 16, 10.0])
    assert found(quality.artefacts(fast, "running"), "impossible speed") == [(1, 2)]
    assert quality.artefacts(fast, "cycling").empty
    assert quality.artefacts(fast).empty


def test_altitude_steps_and_distance_that_runs_back():
    table = quality.artefacts(
        stream(altitude_m=[0, 5, 40, 41.0], distance_m=[0, 10, 9, 20.0]), "cycling"
    )
    assert found(table, "altitude step") == [(2, 1)]
    assert found(table, "distance runs back") == [(2, 1)]
    assert table["value"].tolist() == [35, -1]


def test_values_out_of_range_are_reported_with_the_limit_they_break():
    table = quality.out_of_range(stream(hr_bpm=[100, 300, 310, 10.0], power_w=[0, 0, 0, 2501.0]))
    assert table[["column", "start_s", "length_s", "value", "limit"]].to_numpy().tolist() == [
        ["hr_bpm", 1, 2, 310, 240],
        ["hr_bpm", 3, 1, 10, 25],
        ["power_w", 3, 1, 2501, 2500],
    ]


def test_every_rule_says_what_it_looks_for_in_numbers():
    said = [quality.what_it_finds(rule) for rule in quality.RULES]
    assert "5 (in bpm/s)" in said[0]
    assert not any("``" in sentence for sentence in said)


def test_planted_locks_are_seen_and_shifted_cadence_is_not():
    """On a simulated run without a lock: the rule finds planted locks, and nothing by itself."""
    from sportsml_lite.collect import cadence_lock
    from sportsml_lite.simulate import example_run

    _, stream = example_run(2)
    test = cadence_lock.lock_test(stream, close_bpm=5, shifts=20, seed=0)
    assert test["verdict"] == "no sign of a lock"
    seen = cadence_lock.power(stream, test, close_bpm=5, trials=4, seed=0)
    assert seen.loc[15, "rule"] == 100
    short = cadence_lock.lock_test(stream[:300], close_bpm=5, shifts=5, seed=0)
    assert "too little" in short["verdict"]
