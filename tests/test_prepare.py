"""Preparation: nothing invented in silence, nothing from the future or from other athletes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sportsml_lite import prepare, protocol
from sportsml_lite.errors import UserError
from sportsml_lite.schema import Windows, conform, validate


def streams(**channels):
    """One session 's' with a row a second."""
    n = len(next(iter(channels.values())))
    frame = pd.DataFrame({"session_id": "s", "t_s": np.arange(float(n))} | channels)
    return conform(frame, "streams")


def athletes(*ids, sex="m", hr_rest_bpm=60.0, hr_max_bpm=200.0):
    frame = pd.DataFrame({"athlete_id": list(ids), "sex": sex, "age_y": 30.0})
    return conform(frame.assign(hr_rest_bpm=hr_rest_bpm, hr_max_bpm=hr_max_bpm), "athletes")


def sessions(days, athlete="a", minutes=60.0, **columns):
    start = pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(
        np.asarray(days), unit="D"
    ).round("s")
    frame = pd.DataFrame({"athlete_id": athlete, "start": start, "duration_s": minutes * 60.0})
    frame["session_id"] = [f"s{i}" for i in range(len(frame))]
    defaults = {"hr_mean_bpm": 160.0, "rpe": 5.0, "sport": "run"}
    return conform(frame.assign(**(defaults | columns)), "sessions")


def heart(seed, n=4, length=900):
    """Heart rate that follows speed slowly, in ``n`` sessions."""
    rng, frames = np.random.default_rng(seed), []
    for i in range(n):
        speed = np.repeat(rng.uniform(2, 5, length // 90), 90)
        hr = np.zeros(length)
        hr[0] = 90
        for t in range(1, length):
            hr[t] = hr[t - 1] + (70 + 22 * speed[t] - hr[t - 1]) / 40 + rng.normal(0, 0.5)
        frames.append(streams(hr_bpm=hr, speed_mps=speed).assign(session_id=f"s{seed}{i}"))
    return pd.concat(frames, ignore_index=True)


# --- clean ---------------------------------------------------------------------------------------


def test_impossible_values_become_missing_and_are_counted():
    raw = streams(hr_bpm=[0.0, 60.0, 300.0, np.nan], speed_mps=[1.0, np.inf, 2.0, 3.0])
    kept = raw.copy()
    clean, report = prepare.check_ranges(raw, "streams")
    assert clean["hr_bpm"].tolist()[1] == 60 and clean["hr_bpm"].isna().sum() == 3
    assert report.loc["hr_bpm", ["missing", "outside"]].tolist() == [1, 2]
    assert report.loc["hr_bpm", "extreme"] == 300
    assert report.loc["speed_mps", "outside"] == 1
    pd.testing.assert_frame_equal(raw, kept)
    validate(clean, "streams", "clean")


def test_text_where_a_number_belongs_is_counted_too():
    frame = pd.DataFrame({"athlete_id": ["a", "b"], "sex": "m", "age_y": ["30", "about 30"]})
    clean, report = prepare.check_ranges(frame, "athletes")
    assert clean["age_y"].tolist()[0] == 30
    assert report.loc["age_y", "not_a_number"] == 1


def test_a_row_cannot_lose_its_time():
    with pytest.raises(UserError, match=r"streams, row 0: t_s = -130\.84"):
        prepare.check_ranges(streams(hr_bpm=[60.0]).assign(t_s=-130.84), "streams")


def test_artefacts_of_a_real_recording_are_found(data_folder):
    """RR intervals up to 30.5 s mean a heart that beats twice a minute."""
    raw = pd.read_csv(data_folder("actes") / "test_measure.csv")
    raw = raw[raw["time"] >= 0]
    frame = pd.DataFrame({"session_id": raw["ID"].astype(str), "t_s": raw["time"].astype(float)})
    frame = conform(frame.assign(hr_bpm=60_000 / raw["RR"]), "streams")
    clean, report = prepare.check_ranges(frame, "streams")
    outside = (frame["hr_bpm"] < 25) | (frame["hr_bpm"] > 240)
    assert report.loc["hr_bpm", "outside"] == outside.sum() > 0
    assert clean["hr_bpm"].notna().sum() == frame["hr_bpm"].notna().sum() - outside.sum()


def test_a_regular_clock_shows_missing_seconds_and_merges_twins():
    speed = [2.0, 2.0, 3.0, np.nan, 2.0]  # the second of the twins has none
    raw = streams(hr_bpm=[100.0, 101, 104, 105, 90], speed_mps=speed).assign(
        session_id=["s", "s", "s", "s", "z"], t_s=[0.0, 1.1, 4.0, 4.2, 1.0], label=["x"] * 5
    )
    clock, report = prepare.regular(raw.iloc[::-1])
    s = clock[clock["session_id"] == "s"]
    assert s["t_s"].tolist() == [0, 1, 2, 3, 4]
    assert s["hr_bpm"].isna().tolist() == [False, False, True, True, False]
    assert s["hr_bpm"].iloc[4] == 104.5 and s["speed_mps"].iloc[4] == 3.0
    assert s["label"].isna().sum() == 2
    assert report.loc["s"].to_dict() == {"rows": 4, "inserted": 2, "merged": 1}
    assert clock[clock["session_id"] == "z"]["hr_bpm"].isna().tolist() == [True, False]
    assert clock["session_id"].notna().all()


def test_each_reading_moves_to_its_nearest_second_and_halves_go_up():
    clock, report = prepare.regular(
        streams(hr_bpm=[60.0, 61, 62, 63]).assign(t_s=[0.6, 1.5, 2.5, 4.2])
    )
    assert clock["hr_bpm"].tolist()[1:] == [60, 61, 62, 63] and report["merged"].sum() == 0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20, unique=True))
@settings(max_examples=30, deadline=None)
def test_a_regular_clock_keeps_every_reading(ticks):
    raw = streams(hr_bpm=np.arange(60.0, 60 + len(ticks))).assign(t_s=np.array(ticks) / 30)
    clock, report = prepare.regular(raw, 1 / 30)
    assert len(clock) == max(ticks) + 1
    assert sorted(clock["hr_bpm"].dropna()) == raw["hr_bpm"].tolist()
    assert report["merged"].sum() == 0


def test_a_clock_that_is_no_time_of_session_is_refused():
    with pytest.raises(UserError, match="is not within a week of the session"):
        prepare.regular(streams(hr_bpm=[60.0, 61]).assign(t_s=[0, 1.7e9]))


def test_rows_out_of_order_are_named():
    frame = streams(hr_bpm=[60.0, 61, 62])
    with pytest.raises(UserError, match="row 2: time does not run forward"):
        prepare.seconds(frame.assign(t_s=[0.0, 2, 1]))
    with pytest.raises(UserError, match="comes twice"):
        prepare.seconds(frame.assign(session_id=list("aba")))


# --- impute --------------------------------------------------------------------------------------


def test_interpolation_is_a_line_within_a_session_and_the_mean_where_nothing_was_read():
    nan = np.nan
    frame = streams(hr_bpm=[nan, 100, nan, nan, 106, nan, nan, 200, nan, nan])
    frame = frame.assign(session_id=list("aaaaaabbcc"), t_s=[0.0, 1, 2, 3, 4, 5, 0, 1, 0, 1])
    filled = prepare.fit_imputer("interpolate", streams(hr_bpm=[70.0]), ["hr_bpm"]).transform(frame)
    assert filled["hr_bpm"].tolist() == [100, 100, 102, 104, 106, 106, 200, 200, 70, 70]
    assert frame["hr_bpm"].isna().sum() == 7


def test_causal_ways_hold_or_fade_and_start_from_the_mean():
    nan = np.nan
    frame = streams(hr_bpm=[nan, 100, nan, nan])
    train = streams(hr_bpm=[70.0])
    hold = prepare.fit_imputer("hold", train, ["hr_bpm"]).transform(frame)["hr_bpm"]
    assert hold.tolist() == [70, 100, 100, 100]
    decay = prepare.impute.Decay({"hr_bpm": 70.0}, {"hr_bpm": 2.0}).transform(frame)["hr_bpm"]
    assert decay.tolist() == pytest.approx([70, 100, 70 + 30 * np.exp(-0.5), 70 + 30 * np.exp(-1)])


def test_the_time_constant_of_fading_is_found_in_training():
    rng, tau = np.random.default_rng(0), 50.0
    keep = np.exp(-1 / tau)
    x = np.zeros(60_000)
    for t in range(1, len(x)):
        x[t] = keep * x[t - 1] + rng.normal()
    imputer = prepare.fit_imputer("decay", streams(hr_bpm=120 + x), ["hr_bpm"])
    assert imputer.tau_s["hr_bpm"] == pytest.approx(tau, rel=0.15)


@pytest.mark.parametrize("method", prepare.METHODS)
def test_every_imputer_fills_all_gaps_changes_no_reading_and_knows_if_it_is_causal(method):
    train, frame = heart(1), heart(2, n=2, length=450)
    imputer = prepare.fit_imputer(method, train, ["hr_bpm", "speed_mps"])
    holed, hidden = prepare.hide_bursts(frame, ["hr_bpm"], burst_s=30, share=0.3)
    filled = imputer.transform(holed)
    assert filled[["hr_bpm", "speed_mps"]].notna().all(axis=None)
    pd.testing.assert_frame_equal(filled[~hidden], frame[~hidden])
    # another future, and the past stays what it was — unless the way looks ahead
    later = np.arange(len(frame)) >= 300
    other = holed.assign(hr_bpm=holed["hr_bpm"].where(~later, holed["hr_bpm"] + 40))
    same = np.array_equal(imputer.transform(other)["hr_bpm"][:300], filled["hr_bpm"][:300])
    ends_in_gap = hidden[299]
    assert same or not imputer.causal
    assert ends_in_gap and same == imputer.causal


@pytest.mark.parametrize("method", prepare.METHODS)
def test_no_imputer_learns_from_the_athletes_it_is_tested_on(method):
    rows = pd.concat([heart(1), heart(2)], ignore_index=True)
    athlete = rows["session_id"].str[:2]
    test = (athlete == "s2").to_numpy()
    other = rows.assign(hr_bpm=rows["hr_bpm"].where(~test, 220.0))
    holed, _ = prepare.hide_bursts(heart(3, n=1), ["hr_bpm"], 30, 0.3)
    fits = [prepare.fit_imputer(method, f[~test], ["hr_bpm", "speed_mps"]) for f in (rows, other)]
    pd.testing.assert_frame_equal(*(f.transform(holed) for f in fits))


def test_errors_on_held_out_truth_rank_the_ways_as_they_should():
    train, held_out = heart(12, n=12), heart(52, n=12)
    channels = ["hr_bpm", "speed_mps"]
    imputers = {m: prepare.fit_imputer(m, train, channels) for m in prepare.METHODS}

    def errors(streams, burst_s, hidden_channels=("hr_bpm",)):
        holed, hidden = prepare.hide_bursts(streams, hidden_channels, burst_s, share=0.1)
        filled = {m: imputer.transform(holed)["hr_bpm"] for m, imputer in imputers.items()}
        return {m: (f - held_out["hr_bpm"])[hidden].abs().mean() for m, f in filled.items()}

    short, long = (errors(held_out, burst_s) for burst_s in (10, 300))
    assert short["interpolate"] < short["forest"] < short["hold"] < short["mean"]
    assert short["forest"] < 0.5 * long["forest"]  # a short gap has the last reading beside it
    assert long["forest"] < 0.5 * long["hold"]  # and a long one needs the other channels
    # a watch without speed: the augmented forest has met that
    bare = errors(held_out.assign(speed_mps=np.nan), 300)
    assert bare["forest_dropped"] < bare["forest"]
    assert errors(held_out, 300, channels)["forest"] > 1.5 * long["forest"]


def test_the_last_minute_of_another_session_is_no_companion():
    frame = streams(hr_bpm=np.r_[np.zeros(5), np.arange(100.0)])
    frame = frame.assign(session_id=["a"] * 5 + ["b"] * 100)
    frame["t_s"] = [*map(float, range(5)), *map(float, range(100))]
    minute = prepare.forest._trailing_mean(frame, frame["hr_bpm"].to_numpy())
    assert minute[5:8].tolist() == [0, 0.5, 1] and minute[-1] == np.arange(40, 100).mean()


def test_hidden_bursts_take_their_share_within_sessions():
    frame = heart(1)
    holed, hidden = prepare.hide_bursts(frame, ["hr_bpm"], burst_s=20, share=0.25, seed=3)
    assert hidden.mean() == pytest.approx(0.25, abs=0.03)
    assert holed["hr_bpm"].isna().to_numpy().tolist() == hidden.tolist()
    assert holed["speed_mps"].notna().all() and frame["hr_bpm"].notna().all()
    short = streams(hr_bpm=np.ones(2000)).assign(session_id=np.repeat(np.arange(200), 10))
    short["t_s"] = np.tile(np.arange(10.0), 200)
    _, hidden = prepare.hide_bursts(short, ["hr_bpm"], burst_s=1000, share=0.25)
    assert 1 <= hidden.sum() <= 10  # one burst, which ends with its session


def test_mistakes_about_imputers_are_named():
    train = streams(hr_bpm=[60.0, 70.0])
    for call, message in [
        (lambda: prepare.fit_imputer("spline", train, ["hr_bpm"]), "imputer 'spline': choose one"),
        (lambda: prepare.fit_imputer("mean", train, ["power_w"]), "no training value of 'power_w'"),
        (lambda: prepare.fit_imputer("forest", train, ["hr_bpm"]), "give another channel"),
        (lambda: prepare.hide_bursts(train, ["hr_bpm"], 10, 1.0), "share = 1.0"),
    ]:
        with pytest.raises(UserError, match=message):
            call()


# --- load ----------------------------------------------------------------------------------------


def test_trimp_of_an_hour_matches_banister():
    assert prepare.trimp(60, 0.74, "m") == pytest.approx(117.7, abs=0.05)
    assert prepare.trimp(60, 0.85, "m") == pytest.approx(166.9, abs=0.05)
    both = prepare.trimp([60, 60, 60], [0.5, 0.5, np.nan], ["m", "f", "m"])
    assert both[:2] == pytest.approx([30 * 0.64 * np.exp(0.96), 30 * 0.86 * np.exp(0.835)])
    assert np.isnan(both[2]) and np.isnan(prepare.trimp(60, 0.5, None))
    with pytest.raises(UserError, match="sex = 'x'"):
        prepare.trimp(60, 0.5, "x")


def test_intervals_weigh_more_by_the_second_than_by_their_mean():
    """Half an hour at 0.55 and half at 0.95 of the reserve, in turns of a minute."""
    reserve = np.tile(np.repeat([0.55, 0.95], 60), 30)
    frame = streams(hr_bpm=60 + 140 * reserve)
    loads = prepare.stream_loads(frame, sessions([0]).assign(session_id="s"), athletes("a"))
    assert loads.loc["s", "trimp"] == pytest.approx(143.4, abs=0.05)
    assert prepare.trimp(60, reserve.mean(), "m") == pytest.approx(121.6, abs=0.05)
    assert loads.loc["s", "minutes"] == pytest.approx(60)


def test_edwards_weighs_tenths_of_the_maximum():
    """Ten minutes in each band, at its lower edge; the first 10 minutes are below all."""
    share = np.repeat([0.45, 0.5, 0.6, 0.7, 0.8, 0.9], 600)
    frame = streams(hr_bpm=200 * share)
    loads = prepare.stream_loads(frame, sessions([0]).assign(session_id="s"), athletes("a"))
    assert loads.loc["s", "edwards"] == pytest.approx(10 * (1 + 2 + 3 + 4 + 5))


def test_perceived_load_is_exertion_times_minutes():
    assert prepare.srpe_load(5, 3600) == 300


def test_a_session_without_heart_rate_has_no_load_and_a_gap_counts_for_nothing():
    nan = np.full(600, np.nan)
    frame = streams(hr_bpm=np.r_[nan, nan, np.full(600, 160.0)])
    frame["session_id"] = np.repeat(["x", "s"], [600, 1200])
    frame["t_s"] = np.r_[np.arange(600.0), np.arange(1200.0)]
    who = sessions([0, 1]).assign(session_id=["s", "x"])
    loads = prepare.stream_loads(frame, who, athletes("a"))
    assert loads.loc["x", "minutes"] == 0 and np.isnan(loads.loc["x", "trimp"])
    assert loads.loc["s", "trimp"] == pytest.approx(prepare.trimp(10, 100 / 140, "m"))


def test_a_row_stands_for_the_time_to_the_next_but_not_for_a_pause():
    frame = streams(hr_bpm=[1.0, 2, 3, 4]).assign(t_s=[0.0, 4, 5, 600])
    assert prepare.seconds(frame).tolist() == [4, 1, 10, 1]


def test_zones_leave_out_missing_seconds():
    frame = streams(hr_bpm=[np.nan] * 60 + [100.0] * 60 + [150.0] * 60)
    zones = prepare.zone_minutes(frame["hr_bpm"], [120], frame)
    assert zones.loc["s"].tolist() == pytest.approx([1, 1])


def test_heart_rate_from_zero_to_one():
    found = prepare.heart_rate_reserve([60, 130, 200, 40, 230, np.nan], 60, 200)
    assert found[:5].tolist() == [0, 0.5, 1, 0, 1] and np.isnan(found[5])
    with pytest.raises(UserError, match="row 1 has a maximum at or below rest"):
        prepare.heart_rate_reserve([100, 100], [60, 60], [200, 60])


def test_an_unknown_maximum_comes_from_age_and_an_impossible_one_names_the_athlete():
    who = athletes("a", "b", hr_max_bpm=[np.nan, 190.0])
    assert prepare.with_hr_max(who)["hr_max_bpm"].tolist() == [211 - 0.64 * 30, 190]
    with pytest.raises(UserError, match="'b' has hr_max_bpm 190 at or below hr_rest_bpm 195"):
        prepare.with_hr_max(athletes("a", "b", hr_max_bpm=190.0, hr_rest_bpm=[60, 195.0]))


# --- past ----------------------------------------------------------------------------------------

diary = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 60 * 48).map(lambda halves: halves / 48),
        st.sampled_from([0.0, 30.0, 60.0, 180.0]),
        st.one_of(st.just(np.nan), st.floats(0, 300)),
    ),
    min_size=1,
    max_size=25,
)


def read(case):
    athlete, days, minutes, load = zip(*case, strict=True)
    return sessions(days, list(athlete), np.array(minutes)), np.array(load)


def looks_back(frame, load):
    past = prepare.TrainingHistory.of(frame)
    return {
        "7d": past.total(load, 7),
        "28d": past.total(load, 28),
        "longest": past.longest(load, 30),
        "fatigue": past.decayed(load, 7),
        "fitness": past.decayed(load, 42),
        "accustomed": past.accustomed(load, 28),
        "mean": past.mean(load),
        "count": past.count(),
        "since": past.days_since(),
    }


@given(diary)
@settings(max_examples=60, deadline=None)
def test_looking_back_equals_adding_up_session_by_session(case):
    frame, load = read(case)
    found = looks_back(frame, load)
    end = frame["start"] + pd.to_timedelta(frame["duration_s"], unit="s")
    for i, row in frame.iterrows():
        # the last condition: a session of no length doesn't see itself or its twins
        before = (frame["athlete_id"] == row["athlete_id"]) & (end <= row["start"]) & (end < end[i])
        age = (row["start"] - end[before]) / pd.Timedelta(days=1)
        value = load[before]
        known, zero = ~np.isnan(value), np.nan_to_num(value)
        month = value[known & (age <= 30)]
        weight = np.exp(-age / 28)
        expected = {
            "7d": zero[age <= 7].sum(),
            "28d": zero[age <= 28].sum(),
            "longest": month.max() if len(month) else np.nan,
            "fatigue": (zero * np.exp(-age / 7)).sum(),
            "fitness": (zero * np.exp(-age / 42)).sum(),
            "accustomed": (zero * weight).sum() / weight[known].sum() if known.any() else np.nan,
            "mean": value[known].mean() if known.any() else np.nan,
            "count": before.sum(),
            "since": age.min() if len(age) else np.nan,
        }
        for name, value in expected.items():
            assert found[name][i] == pytest.approx(value, rel=1e-9, abs=1e-7, nan_ok=True), name


@given(diary, st.integers(0, 24), st.floats(0, 500), st.booleans())
@settings(max_examples=60, deadline=None)
def test_another_future_and_another_athlete_leave_the_past_unchanged(case, at, load_now, gone):
    """Bit for bit: a session's own load, later ones and other athletes' must not reach it."""
    frame, load = read(case)
    at %= len(frame)
    other = load.copy()
    other[at] = load_now
    end = frame["start"] + pd.to_timedelta(frame["duration_s"], unit="s")
    untouched = (frame["athlete_id"] != frame["athlete_id"][at]) | (frame["start"] < end[at])
    untouched[at] = True
    keep = np.ones(len(frame), bool)
    if gone:
        keep[at] = untouched[at] = False
    after = looks_back(frame[keep], other[keep])
    for name, value in looks_back(frame, load).items():
        np.testing.assert_array_equal(
            value[untouched.to_numpy()], after[name][untouched.to_numpy()[keep]], err_msg=name
        )


def test_impulses_a_day_are_banisters_daily_recursion():
    load = np.random.default_rng(0).uniform(0, 200, 50)
    frame = sessions(np.arange(50), minutes=0.0)
    g = 0.0
    for day, found in enumerate(prepare.TrainingHistory.of(frame).decayed(load, 42)):
        assert found == pytest.approx(g * np.exp(-1 / 42) if day else 0)
        g = g * np.exp(-1 / 42) + load[day]


def test_the_order_of_rows_does_not_matter_to_the_past():
    frame = sessions(np.arange(30), ["a", "b"] * 15)
    load = np.arange(30.0)
    order = np.random.default_rng(0).permutation(30)
    mixed = looks_back(frame.iloc[order], load[order])
    for name, value in looks_back(frame, load).items():
        np.testing.assert_array_equal(mixed[name], value[order])


def test_a_session_without_a_start_is_named():
    with pytest.raises(UserError, match="sessions: .* has no start"):
        prepare.TrainingHistory.of(sessions([0, np.nan]))


# --- features ------------------------------------------------------------------------------------


def test_the_table_names_its_features_and_counts_what_it_leaves_out():
    frame = sessions([0, 1, 2, 3], rpe=[4.0, np.nan, 6.0, 8.0], distance_m=10_000.0, steps=9000.0)
    table = prepare.session_table(frame, athletes("a"), target="rpe")
    assert (len(table), table.dropped) == (3, 1)
    assert table.y.tolist() == [4, 6, 8] and table.session.tolist() == ["s0", "s2", "s3"]
    assert table.names == prepare.FEATURE_NAMES and table.X.shape == (3, len(table.names))
    one = prepare.trimp(60, 100 / 140, "m")
    assert table.column("trimp") == pytest.approx([one] * 3)
    assert table.column("trimp_7d") == pytest.approx([0, 2 * one, 3 * one])  # s1 counts
    assert np.isnan(table.column("accustomed_trimp")[0])
    assert table.column("trimp_ratio")[1:] == pytest.approx([1, 1])
    assert table.column("distance_km").tolist() == [10] * 3
    assert table.column("steps_per_min").tolist() == [150] * 3
    assert table.column("is_run").tolist() == [1] * 3 and table.column("is_ride").sum() == 0
    assert np.isnan(table.column("power_mean_w")).all()
    assert len(table.take(table.y > 4)) == 2
    known = table.known(np.array([True, False, False]))
    assert "power_mean_w" not in known.names and "trimp" in known.names
    assert "days_since_last" not in known.names  # the one training row is a first session
    assert known.X.shape == (3, len(known.names))


def test_the_target_never_reaches_a_feature():
    frame = sessions(np.arange(8.0), rpe=np.arange(1.0, 9), effect=2.0, effect_name="simulated")
    changed = frame.assign(rpe=10.0, effect=np.linspace(0, 5, 8))
    for target in ("effect", "rpe", "srpe"):
        a, b = (prepare.session_table(f, athletes("a"), target) for f in (frame, changed))
        np.testing.assert_array_equal(a.X, b.X)
    assert prepare.session_table(frame, athletes("a"), "srpe").y.tolist() == [
        60.0 * i for i in range(1, 9)
    ]


def test_sports_are_recognised_in_the_words_of_several_makers():
    sport = [
        "Run",
        "treadmill running",
        "cycling",
        "Spinning",
        "hike",
        "lap swimming",
        "brunch",
        None,
    ]
    table = prepare.session_table(sessions(np.arange(8), sport=sport), athletes("a"), "rpe")
    flags = {
        name: np.nan_to_num(table.column(name)).tolist() for name in table.names if "is_" in name
    }
    assert flags["is_run"] == [1, 1, 0, 0, 0, 0, 0, 0]
    assert flags["is_ride"] == [0, 0, 1, 1, 0, 0, 0, 0]
    assert flags["is_walk"][4] == flags["is_swim"][5] == 1
    assert np.isnan(table.column("is_run")[7])


def test_mistakes_about_the_table_are_named():
    frame, who = sessions([0, 1]), athletes("a")
    two = frame.assign(effect=1.0, effect_name=["device", "simulated"])
    for call, message in [
        (lambda: prepare.session_table(frame, who, "load"), "target 'load': choose one of"),
        (lambda: prepare.session_table(frame, who), "none has 'effect'; there is rpe"),
        (lambda: prepare.session_table(two, who), "'device' and 'simulated'; keep one kind"),
        (lambda: prepare.session_table(frame, athletes("z"), "rpe"), "athlete 'a' is not in"),
        (lambda: prepare.session_table(frame, athletes("a", "a"), "rpe"), "'a' has two rows"),
        (
            lambda: prepare.session_table(frame.assign(session_id="s"), who, "rpe"),
            "'s' has two rows",
        ),
        (lambda: prepare.session_table(frame, who, "rpe").column("hrv"), "no feature 'hrv'"),
    ]:
        with pytest.raises(UserError, match=message):
            call()


def test_an_athlete_with_one_session_has_a_row_and_no_past():
    table = prepare.session_table(sessions([0]), athletes("a"), "rpe")
    assert table.column("sessions_before").tolist() == [0]
    assert np.isnan(table.column("days_since_last")).all()


# --- scale ---------------------------------------------------------------------------------------


def test_scales_centre_the_training_rows_and_can_fill_with_their_mean():
    X = np.array([[1.0, 10, 5, np.nan], [3.0, np.nan, 5, np.nan]])
    standard = prepare.fit_scaler(X).transform(X)
    assert standard[:, 0].tolist() == [-1, 1] and standard[:, 2].tolist() == [0, 0]
    assert np.isnan(standard[1, 1]) and np.isnan(standard[:, 3]).all()
    filled = prepare.fit_scaler(X).transform(X, missing="mean")
    assert filled.tolist() == [[-1, 0, 0, 0], [1, 0, 0, 0]]
    assert np.isnan(X[1, 1])  # what was given stays as it was


def test_windows_are_scaled_by_channel_and_stay_float32():
    X = np.random.default_rng(0).normal([[[5.0], [-3.0]]], 2, (50, 2, 30)).astype(np.float32)
    X[0, :, :10] = np.nan
    Z = prepare.fit_scaler(X).transform(X)
    assert Z.dtype == np.float32
    assert np.nanmean(Z, axis=(0, 2)) == pytest.approx([0, 0], abs=1e-5)
    assert np.nanstd(Z, axis=(0, 2)) == pytest.approx([1, 1], abs=1e-5)


@given(st.integers(0, 20))
@settings(max_examples=30, deadline=None)
def test_no_statistic_crosses_a_split(seed):
    """Whatever the test athletes do, what was fitted on the training athletes stays the same."""
    rng = np.random.default_rng(seed)
    athlete = np.repeat([f"a{i}" for i in range(12)], 5)
    X = rng.normal(size=(60, 3))
    train = protocol.split_athletes(athlete, seed).rows(athlete, "train")
    other = np.where(train[:, None], X, X * 100 - 7)
    assert not np.array_equal(X, other)
    a, b = (prepare.fit_scaler(x[train]) for x in (X, other))
    for name in ("mean", "factor"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_mistakes_about_scales_are_named():
    scaler = prepare.fit_scaler(np.ones((2, 3)))
    for call, message in [
        (lambda: prepare.fit_scaler(np.ones((0, 3))), "no training rows"),
        (lambda: prepare.fit_scaler(np.ones(3)), r"give \(N, D\)"),
        (lambda: scaler.transform(np.ones((2, 4))), "4 features, fitted on 3"),
        (lambda: scaler.transform(np.ones((2, 3)), "zero"), "missing = 'zero'"),
    ]:
        with pytest.raises(UserError, match=message):
            call()


# --- windows -------------------------------------------------------------------------------------


def two_recordings(first=10, second=7):
    n = first + second
    frame = streams(hr_bpm=np.arange(float(n)), label=["x"] * n)
    frame["session_id"] = ["s0"] * first + ["s1"] * second
    frame["t_s"] = [*map(float, range(first)), *map(float, range(second))]
    return frame, sessions([0, 1], ["a", "b"])


def cut(frame, who, **options):
    defaults = {"channels": ["hr_bpm"], "length_s": 4, "stride_s": 3, "classes": ("x", "y")}
    return prepare.cut_windows(frame, who, **(defaults | options))


def test_windows_stay_within_one_recording_of_one_athlete():
    found = cut(*two_recordings())
    assert found.X[:, 0].tolist() == [
        [0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9], [10, 11, 12, 13], [13, 14, 15, 16]
    ]  # fmt: skip
    assert found.athlete.tolist() == ["a", "a", "a", "b", "b"]
    assert found.recording.tolist() == ["s0"] * 3 + ["s1"] * 2
    assert found.t0_s.tolist() == [0, 3, 6, 0, 3]
    assert found.mask.all() and found.X.dtype == np.float32
    assert len(found.take(found.athlete == "b")) == 2


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 8), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_no_window_crosses_a_recording(lengths, size, stride):
    session = np.repeat([f"s{i}" for i in range(len(lengths))], lengths)
    frame = streams(
        hr_bpm=np.repeat(np.arange(float(len(lengths))), lengths), label=["x"] * sum(lengths)
    )
    frame = frame.assign(
        session_id=session, t_s=np.concatenate([np.arange(float(n)) for n in lengths])
    )
    who = sessions(np.arange(len(lengths)), [f"a{i % 2}" for i in range(len(lengths))])
    found = cut(frame, who, length_s=size, stride_s=stride, short="pad")
    own = np.array([float(name[1:]) for name in found.recording])
    assert (np.where(found.mask, found.X[:, 0], own[:, None]) == own[:, None]).all()
    assert (np.isnan(found.X[:, 0]) == ~found.mask).all()
    assert set(found.recording) == set(session)
    expected = [max((n - size) // stride + 1, 1) for n in lengths]
    assert pd.Series(found.recording).value_counts(sort=False).sort_index().tolist() == expected


def test_a_recording_shorter_than_a_window_is_an_error_skipped_or_padded_in_front():
    frame, who = two_recordings(10, 3)
    with pytest.raises(UserError, match="recording 's1' lasts 3 s, a window 4 s"):
        cut(frame, who)
    assert set(cut(frame, who, short="skip").recording) == {"s0"}
    padded = cut(frame, who, short="pad")
    assert padded.mask[-1].tolist() == [False, True, True, True]
    assert np.isnan(padded.X[-1, 0, 0]) and padded.X[-1, 0, 1:].tolist() == [10, 11, 12]
    assert padded.t0_s[-1] == -1


def test_labels_by_majority_or_last_and_windows_without_one_are_left_out():
    frame, who = two_recordings(8, 8)
    labels = ["x", "x", "y", "y", "x", "y", "y", "y", None, None, None, "y", None, None, None, None]
    frame["label"] = pd.Series(labels, dtype="str")
    found = cut(frame, who, stride_s=4)
    assert found.y.tolist() == [0, 1, 1]  # of two equal ones the first class
    last = cut(frame, who, stride_s=4, rule="last")
    assert last.y.tolist() == [1, 1, 1] and last.y.dtype == np.int64
    other = cut(frame.assign(label="-1"), who, classes=("-1",))
    assert set(other.y) == {0}
    with pytest.raises(UserError, match="none with a known 'label'"):
        cut(frame, who, classes=("z",))


def test_a_number_is_read_last():
    frame, who = two_recordings()
    frame["speed_mps"] = frame["hr_bpm"] * 2
    options = {"target": "speed_mps", "classes": ()}
    assert cut(frame, who, rule="last", **options).y[0] == 6


def test_windows_at_thirty_samples_a_second():
    n = 300
    frame = streams(hr_bpm=np.arange(float(n)), label=["x"] * n).assign(t_s=np.arange(n) / 30)
    found = cut(frame, sessions([0]).assign(session_id="s"), length_s=6, stride_s=1, rate_hz=30)
    assert found.X.shape == (5, 1, 180) and found.t0_s.tolist() == pytest.approx([0, 1, 2, 3, 4])


def test_mistakes_about_windows_are_named():
    frame, who = two_recordings()
    holed = frame.drop(index=4).reset_index(drop=True)
    for call, message in [
        (lambda: cut(frame, who, length_s=0.5), "length_s = 0.5: give a whole number of samples"),
        (lambda: cut(frame, who, rule="mode"), "rule = 'mode'"),
        (lambda: cut(frame, who, target="hr_bpm", classes=()), "a majority is for classes"),
        (lambda: cut(frame, who, short="drop"), "short = 'drop'"),
        (lambda: cut(frame, who, channels=["vo2"]), "have no 'vo2'"),
        (lambda: cut(frame, who, channels=["label"]), "target 'label' is a channel too"),
        (
            lambda: cut(holed, who),
            "row 4: 2 s after the row before, expected 1 s; use prepare.regular",
        ),
        (lambda: cut(frame, who.iloc[:1]), "session 's1' is not in the sessions table"),
    ]:
        with pytest.raises(UserError, match=message):
            call()


def test_windows_check_themselves():
    good = cut(*two_recordings())
    fields = {name: getattr(good, name) for name in good.__dataclass_fields__}
    for change, message in [
        ({"X": good.X.astype(float)}, "give float32"),
        ({"X": good.X[:, 0]}, r"give float32 \(N, C, T\)"),
        ({"y": good.y[:, None]}, r"y has shape \(5, 1\)"),
        ({"mask": good.mask[:, :2]}, "mask has shape"),
        ({"mask": good.mask.astype(int)}, "give bool"),
        ({"channels": ("hr_bpm", "x")}, "1 channels"),
        ({"y": good.y + 2}, "outside 0 to 1"),
        ({"y": good.y.astype(float)}, "as int"),
        ({"classes": ()}, "without classes"),
        ({"rate_hz": 0.0}, "rate_hz = 0"),
        ({"recording": np.array(["r"] * 5, dtype=object)}, "'r' has two athletes"),
    ]:
        with pytest.raises(UserError, match=message):
            Windows(**(fields | change))
