"""FIT files as watches really write them: the whole is read, the broken part is named."""

import os
import struct
import time
from pathlib import Path

import fitdecode
import numpy as np
import pandas as pd
import pytest
from garmin_fit_sdk import CrcCalculator, Encoder, Profile

from sportsml_lite.collect import devices
from sportsml_lite.collect.formats import fit as fit_format
from sportsml_lite.collect.formats import fit_frames

CASES = Path(__file__).parent / "cases"
START = pd.Timestamp("2024-05-01T06:00:00Z")
T0 = int(START.timestamp()) - 631_065_600  # in FIT's own seconds
RIDE, ROWING = "2020-06-01-16-52-40.fit", "6471559601_ACTIVITY.fit"


def fit(*messages, kind="activity"):
    """A FIT file of messages, each a (name, fields) pair."""
    encoder, number = Encoder(), Profile["mesg_num"]
    for name, fields in [("FILE_ID", {"type": kind}), *messages]:
        encoder.write_mesg({"mesg_num": number[name], **fields})
    return encoder.close()


def record(second, **fields):
    return "RECORD", {"timestamp": T0 + second, **fields}


def records(seconds, first=0):
    return [record(t, heart_rate=120, distance=3.0 * (t - first)) for t in seconds]


def session(begin, seconds, metres=None, **fields):
    about = {"start_time": T0 + begin, "timestamp": T0 + begin + seconds, "sport": "running"}
    times = {"total_timer_time": seconds, "total_elapsed_time": seconds, "total_distance": metres}
    return "SESSION", about | times | fields


def lap(begin, seconds, metres):
    return "LAP", dict(session(begin, seconds, metres)[1])


def resealed(data):
    """The same bytes with the length and checksum of a sound FIT file."""
    data = bytearray(data)
    data[4:8] = struct.pack("<I", len(data) - data[0] - 2)
    data[-2:] = struct.pack("<H", CrcCalculator.calculate_crc(bytes(data[:-2]), 0, len(data) - 2))
    return bytes(data)


@pytest.fixture
def load(tmp_path):
    """``load(data)``: Sessions, Streams and the reasons of a FIT file of these bytes."""

    def write_and_read(data):
        path = tmp_path / "x.fit"
        path.write_bytes(data)
        sessions, streams, problems = devices.read(path)
        assert (problems["file"] == "x.fit").all()
        return sessions, streams, problems["reason"].tolist()

    return write_and_read


def totals(sessions):
    return sessions[["duration_s", "distance_m"]].to_numpy().tolist()


# Files of the kinds that were met ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mean_bpm", "beats", "note"),
    [
        ("fit_chained_heart_rate.fit", 143.1, 9, None),
        ("fit_bytes_after_the_end.fit", 124.5, 10, "57 bytes from byte 209 on are not FIT data"),
        ("fit_compressed_timestamps.fit", 124.5, 10, None),
        ("fit_clock_jump.fit", 124.5, 10, "2 of 12 points, far from every session at 2021-08-25"),
    ],
)
def test_a_file_of_a_kind_that_was_met_gives_its_right_values(name, mean_bpm, beats, note):
    sessions, streams, problems = devices.read(CASES / name)
    assert totals(sessions) == [[9, 27]]
    assert len(streams) == 10 and streams["distance_m"].iloc[-1] == 27
    assert streams["hr_bpm"].count() == beats
    assert sessions["hr_mean_bpm"].iloc[0] == pytest.approx(mean_bpm, abs=0.05)
    assert len(problems) == bool(note) and (not note or note in problems["reason"].iloc[0])


def test_what_was_left_out_stands_beside_what_failed(tmp_path):
    for name in ("fit_clock_jump.fit", "fit_compressed_timestamps.fit"):
        (tmp_path / name).write_bytes((CASES / name).read_bytes())
    (tmp_path / "picture.fit").write_bytes(b"\x89PNG and so on")
    sessions, _, problems = devices.read(tmp_path)
    assert len(sessions) == 2
    assert sorted(problems["file"]) == ["fit_clock_jump.fit", "picture.fit"]


def test_heart_rates_of_one_strap_reach_each_of_two_activities(load):
    def beats(begin, bpm):
        anchor = {"timestamp": T0 + begin, "fractional_timestamp": 0.0}
        first = ("HR", {**anchor, "filtered_bpm": [bpm], "event_timestamp": [50.0]})
        rest = [
            ("HR", {"filtered_bpm": [bpm], "event_timestamp": [50.0 + s]}) for s in range(1, 12)
        ]
        return fit(first, *rest)

    def swim(begin):
        way = [record(begin + t, distance=3.0 * t) for t in range(10)]
        return fit(*way, session(begin, 9, 27.0, sport="swimming"))

    data = swim(0) + beats(0, 130) + swim(7200) + beats(7200, 150)
    sessions, streams, notes = load(data)
    assert sessions["hr_mean_bpm"].tolist() == [130, 150] and notes == []
    assert streams.groupby("session_id")["hr_bpm"].count().tolist() == [10, 10]


def test_heart_rates_without_an_anchor_are_named(load):
    lost = ("HR", {"filtered_bpm": [130], "event_timestamp": [50.0]})
    sessions, _, notes = load(fit(*records(range(10)), lost, session(0, 9, 27.0)))
    assert totals(sessions) == [[9, 27]] and "1 heart-rate messages" in notes[0]


# Chained parts ----------------------------------------------------------------------------------


def test_an_empty_activity_beside_good_ones_is_named(load):
    good = [fit(*records(range(b, b + 10), b), session(b, 9, 27.0)) for b in (0, 7200)]
    sessions, _, notes = load(good[0] + fit() + good[1])
    assert totals(sessions) == [[9, 27], [9, 27]]
    assert notes == [f"left out from byte {len(good[0])} on: it holds no records and no session"]


def test_a_session_without_anything_beside_a_good_one_is_named(load):
    empty = ("SESSION", {"sport": "cycling"})
    sessions, _, notes = load(fit(*records(range(10)), empty, session(0, 9, 27.0)))
    assert totals(sessions) == [[9, 27]] and notes == ["a session has no records and no start"]


@pytest.mark.parametrize("spoil", ["cut", "flip"])
def test_a_spoilt_part_does_not_cost_the_other(load, spoil):
    good = fit(*records(range(10)), session(0, 9, 27.0))
    bad = good[:-9] if spoil == "cut" else good[:40] + bytes([good[40] ^ 1]) + good[41:]
    sessions, _, notes = load(good + bad)
    assert totals(sessions) == [[9, 27]] and len(notes) == 1
    assert notes[0].startswith(f"left out from byte {len(good)} on: ")


# Clocks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [-14 * 86_400, -7200, 7200, 10**8])
@pytest.mark.parametrize("at", [0, 5, 19])
def test_a_clock_that_jumps_and_comes_back_costs_its_points_alone(load, away, at):
    kept = records(range(20))
    kept[at] = record(at + away, heart_rate=200, distance=3.0 * at)
    sessions, streams, notes = load(fit(*kept, session(0, 19, 57.0)))
    assert totals(sessions) == [[19, 57]]
    assert sessions["hr_max_bpm"].iloc[0] == 120 and len(streams) <= 20
    assert notes[0].startswith("1 of 20 points, far from every session at ")


def test_records_within_the_hour_before_a_session_are_its_own(load):
    sessions, streams, notes = load(fit(*records(range(-30, 60), -30), session(0, 89, 267.0)))
    assert len(streams) == 90 and notes == [] and totals(sessions) == [[89, 267]]


def test_a_long_rest_is_no_wrong_clock(load):
    way = [*records(range(100)), *records(range(7300, 7400), 7200)]
    rest = {"total_elapsed_time": 7399, "timestamp": T0 + 7399}
    sessions, streams, notes = load(fit(*way, session(0, 199, 597.0, **rest)))
    assert streams["hr_bpm"].count() == 200 and notes == [] and totals(sessions) == [[199, 597]]


def test_records_without_a_time_are_counted(load):
    timeless = [("RECORD", {"heart_rate": 99}), ("RECORD", {"timestamp": 50, "heart_rate": 99})]
    sessions, _, notes = load(fit(*timeless, *records(range(10)), session(0, 9, 27.0)))
    assert sessions["hr_max_bpm"].tolist() == [120]
    assert notes == ["2 of 12 records have no time, left out"]


def test_compressed_times_count_on_over_their_32_seconds_and_changes_of_definition():
    head = [b"\x40\0\0\0\0\1\0\1\0", b"\0\4"]  # file_id: type
    whole = b"\x41\0\0" + struct.pack("<HB", 20, 2) + bytes([253, 4, 0x86, 3, 1, 2])
    short = b"\x42\0\0" + struct.pack("<HB", 20, 1) + bytes([3, 1, 2])
    skipped = b"\x43\0\0" + struct.pack("<HB", 105, 1) + bytes([0, 1, 2])  # kept out of the file
    rows = []
    for t in range(0, 100, 9):
        row = b"\1" + struct.pack("<IB", T0 + t, 100 + t)
        rows.append(row if t in (0, 45) else bytes([0xC0 | (T0 + t) & 31, 100 + t]))
        rows.append(bytes([0xE0 | (T0 + t + 1) & 31, 7]))  # a time in a message nobody asks for
    data = resealed(
        bytes([14])
        + bytes(7)
        + b".FIT"
        + bytes(2)
        + b"".join([*head, whole, short, skipped, *rows])
        + bytes(2)
    )
    points = fit_format.read_fit(data)[0].points
    with fitdecode.FitReader(data, processor=None) as frames:
        theirs = [
            (frame.get_value("timestamp"), frame.get_value("heart_rate"))
            for frame in frames
            if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "record"
        ]
    assert points["hr_bpm"].tolist() == [100.0 + t for t in range(0, 100, 9)]
    ours = points["time_us"] // 1_000_000 - 631_065_600
    assert list(zip(ours, points["hr_bpm"], strict=True)) == theirs
    assert ours.tolist() == [T0 + t for t in range(0, 100, 9)]


# What a session and its records say -------------------------------------------------------------


def test_a_triathlon_is_a_session_for_each_sport(load):
    sports = ["swimming", "transition", "cycling", "transition", "running"]
    begins = [0, 100, 120, 400, 420]
    ends = [*begins[1:], 600]
    way = records(range(601))
    parts = [
        session(b, e - b, 3.0 * (e - b), sport=s)
        for b, e, s in zip(begins, ends, sports, strict=True)
    ]
    sessions, streams, notes = load(fit(*way, *parts, ("ACTIVITY", {"num_sessions": 5})))
    assert sessions["sport"].tolist() == sports and notes == []
    assert sessions["distance_m"].sum() == 1800
    assert streams.groupby("session_id").size().tolist() == [100, 20, 280, 20, 181]
    lost = load(fit(*way, *parts[:4], ("ACTIVITY", {"num_sessions": 5})))[2]
    assert "it promises 5 sessions, 4 are there" in lost


@pytest.mark.parametrize("way", [True, False])
def test_a_pool_swim_has_the_distance_of_its_lengths(load, way):
    strokes = [(0, 30, "active"), (30, 30, "active"), (60, 20, "idle"), (80, 30, "active")]
    lengths = [
        ("LENGTH", {"start_time": T0 + b, "total_elapsed_time": s, "length_type": kind})
        for b, s, kind in strokes
    ]
    beats = [record(t, heart_rate=130) for t in range(0, 111, 5)] if way else []
    about = {"sport": "swimming", "pool_length": 25.0}
    sessions, streams, notes = load(fit(*beats, *lengths, session(0, 110, 75.0, **about)))
    assert totals(sessions) == [[110, 75]] and notes == []
    assert streams["distance_m"].dropna().tolist() == [0, 25, 50, 50, 75]
    assert load(fit(*beats, *lengths, session(0, 110, **about)))[0]["distance_m"].tolist() == [75]
    doubt = load(fit(*beats, *lengths, session(0, 110, 150.0, **about)))[2]
    assert doubt == ["the session states 150 m, its records make 100 m"]


def test_an_invalid_value_copied_to_a_wide_field_is_missing(load):
    wide = {"enhanced_speed": 65.535, "enhanced_altitude": 12607.0}
    odd = record(0, **wide, heart_rate=255, power=65535, cadence=255, fractional_cadence=0.5)
    fine = record(1, enhanced_speed=3.0, enhanced_altitude=20.0, cadence=80, fractional_cadence=0.5)
    stream = load(fit(odd, fine, session(0, 1, sport="cycling")))[1]
    channels = ["hr_bpm", "speed_mps", "power_w", "altitude_m", "cadence_rpm"]
    assert stream.loc[0, channels].isna().all()
    assert stream.loc[1, channels[1:]].dropna().tolist() == [3, 20, 80.5]


def test_a_sport_that_is_only_a_number_keeps_it(load):
    assert load(fit(record(0), session(0, 9, sport=200)))[0]["sport"].tolist() == ["sport_200"]


def test_a_field_of_an_unknown_type_does_not_cost_the_file(load):
    data = bytearray(fit(*records(range(10)), session(0, 9, 27.0)))
    at = data.index(bytes([253, 4, 0x86, 3, 1, 2, 5, 4, 0x86]))  # time, heart rate, distance
    data[at + 5] = 0x1E
    sessions, streams, _ = load(resealed(data))
    assert totals(sessions) == [[9, 27]] and streams["distance_m"].iloc[-1] == 27


@pytest.mark.parametrize(
    ("messages", "note"),
    [
        ([*records(range(100)), session(0, 99, 280.0)], "states 280 m, its records make 297 m"),
        ([*records(range(100)), session(0, 99, 295.0)], None),
        ([*records(range(100)), session(0, 120, 297.0)], "states 120 s, its records make 101 s"),
        ([*records(range(100)), lap(0, 99, 200.0), session(0, 99, 297.0)], "its laps make 200 m"),
        ([lap(0, 40, 120.0), lap(40, 59, 177.0), session(0, 99, 297.0)], None),
        ([lap(0, 40, 120.0), session(0, 99, 297.0)], "states 99 s, its laps make 40 s"),
        (records(range(100)), "no session message"),
    ],
)
def test_totals_that_laps_or_records_do_not_bear_out_are_named(load, messages, note):
    notes = load(fit(*messages))[2]
    assert bool(notes) == bool(note) and (not note or any(note in n for n in notes))


@pytest.mark.parametrize("laps", [[], [lap(0, 40, 120.0), lap(50, 49, 177.0)]])
def test_a_total_of_zero_gives_way_to_what_was_recorded(load, laps):
    sessions, _, notes = load(fit(*records(range(100)), *laps, session(0, 0, 0.0)))
    assert totals(sessions) == [[89, 297]] if laps else [[99, 297]]
    assert any("states 0 m" in note for note in notes)


def test_a_treadmill_that_stood_still_has_run_no_metre(load):
    still = [record(t, heart_rate=90, distance=0.0) for t in range(20)]
    sessions, _, notes = load(fit(*still, session(0, 19, 0.0)))
    assert totals(sessions) == [[19, 0]] and notes == []


# Bytes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [RIDE, ROWING])
def test_the_messages_kept_are_those_of_another_decoder(data_folder, name):
    data = (data_folder("device_files") / name).read_bytes()
    assert fit_frames.checksum(data) == 0  # with its own checksum behind it
    with fitdecode.FitReader(data, processor=None) as frames:
        theirs = [
            [
                frame.get_value(field, fallback=None)
                for field in ("timestamp", "heart_rate", "power")
            ]
            for frame in frames
            if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "record"
        ]
    points = pd.concat([r.points for r in fit_format.read_fit(data)], ignore_index=True)
    points["time_us"] = points["time_us"] // 1_000_000 - 631_065_600
    ours = points.reindex(columns=["time_us", "hr_bpm", "power_w"])
    np.testing.assert_array_equal(ours, np.array(theirs, dtype=float))


# Damage -----------------------------------------------------------------------------------------

COPIES = int(os.environ.get("FIT_COPIES", 60))  # of each file; 1,000 take half a minute
IN_TIME_S = 5.0


def damaged(data, rng):
    """A copy with bits flipped, bytes changed, inserted or lost, cut, or a stretch of it twice."""
    copy, at = bytearray(data), int(rng.integers(len(data)))
    some = bytes(rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8))
    how = int(rng.integers(6))
    if how == 0:
        copy[at] ^= 1 << int(rng.integers(8))
    elif how == 1:
        copy[at : at + len(some)] = some
    elif how == 2:
        copy[at:at] = some
    elif how == 3:
        del copy[at : at + len(some)]
    elif how == 4:
        del copy[at:]
    else:
        copy[at:at] = data[at : at + 200]
    return bytes(copy)


def same_totals(sessions, whole):
    columns = ["duration_s", "distance_m"]
    return len(sessions) == len(whole) and np.allclose(
        sessions[columns], whole[columns], rtol=0.01, atol=0, equal_nan=True
    )


@pytest.mark.parametrize("sealed", [False, True], ids=["checksum wrong", "checksum right"])
@pytest.mark.parametrize("name", [RIDE, ROWING, "written"])
def test_a_damaged_copy_never_changes_a_total_in_silence(data_folder, tmp_path, name, sealed):
    path = tmp_path / "whole.fit"
    if name == "written":
        seconds = np.arange(120.0)
        way = pd.DataFrame({"t_s": seconds, "hr_bpm": 120 + seconds / 4, "distance_m": 3 * seconds})
        about = {"start": START, "sport": "running", "duration_s": 119.0, "distance_m": 357.0}
        devices.write_fit(path, about, way)
    else:
        path.write_bytes((data_folder("device_files") / name).read_bytes())
    data, (whole, _, _) = path.read_bytes(), devices.read(path)
    rng = np.random.default_rng([sealed, *name.encode()])
    read, silent = 0, []
    for number in range(COPIES):
        copy = damaged(data, rng)
        copy = resealed(copy) if sealed and len(copy) > 16 else copy
        path.write_bytes(copy)
        begun = time.process_time()
        try:
            sessions, streams, problems = devices.read(path)
        except devices.DeviceFileError as error:
            assert "cannot be read (" not in str(error), number
        else:
            read += 1
            assert len(streams) <= 7 * 86_400
            if problems.empty and not same_totals(sessions, whole):
                silent.append((number, totals(sessions)))
        assert time.process_time() - begun < IN_TIME_S, number
    assert not silent
    assert not sealed or read > COPIES / 4
