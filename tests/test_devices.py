"""Device files: the real ones agree, the odd ones load, the broken ones say why in one line."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from garmin_fit_sdk import CrcCalculator, Encoder, Profile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sportsml_lite import schema
from sportsml_lite.collect import devices
from sportsml_lite.collect.formats import assemble
from sportsml_lite.collect.formats.recording import sport_name
from sportsml_lite.errors import UserError

OSAKA = "18360138543_ACTIVITY_Osaka_Marathon_2025.fit"
RIDE = ("4078723797.fit", "activity_4078723797.tcx", "activity_4078723797.gpx")
SHORT = ("2020-06-01-16-52-40.fit", "activity_5039744860.tcx", "activity_5039744860.gpx")
ROWING = "6471559601_ACTIVITY.fit"
START = pd.Timestamp("2024-05-01T06:00:00Z")
T0 = int(START.timestamp()) - 631_065_600  # in FIT's own seconds

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")  # notes on odd files

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def real(data_folder):
    """Sessions by id and Streams of the eight real files."""
    sessions, streams, problems = devices.read(data_folder("device_files"))
    assert problems.empty
    return sessions.set_index("session_id"), streams


@pytest.fixture
def load(tmp_path):
    """``load(name, content)``: Sessions and Streams of a file written for the test."""

    def write_and_read(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        sessions, streams = devices.read_file(path)
        assert_conforming(sessions, streams)
        return sessions, streams

    return write_and_read


def assert_conforming(sessions, streams):
    """The contract's columns and dtypes, a row a second, every stream with its session."""
    for frame, table in ((sessions, "sessions"), (streams, "streams")):
        pd.testing.assert_frame_equal(frame, schema.conform(frame, table))
        numbers = frame.select_dtypes("number").to_numpy(float)
        assert not np.isinf(numbers).any()
    assert sessions["session_id"].is_unique
    assert set(streams["session_id"]) <= set(sessions["session_id"])
    for _, stream in streams.groupby("session_id"):
        np.testing.assert_array_equal(stream["t_s"], np.arange(len(stream)))


def refusal(load, name, content):
    """The one line that refuses a file; it names the file, and no parser was caught unprepared."""
    with pytest.raises(devices.DeviceFileError) as caught:
        load(name, content)
    text = str(caught.value)
    assert text.startswith(f"{name}: ") and "; " in text and "\n" not in text
    assert "cannot be read (" not in text
    return text


def fit(*messages, kind="activity"):
    """A FIT file of messages, each a (name, fields) pair."""
    encoder, number = Encoder(), Profile["mesg_num"]
    file_id = {"type": kind, "manufacturer": "development", "time_created": T0}
    for name, fields in [("FILE_ID", file_id), *messages]:
        encoder.write_mesg({"mesg_num": number[name], **fields})
    return encoder.close()


def record(second, **fields):
    return "RECORD", {"timestamp": T0 + second, **fields}


def session(begin=0, **fields):
    return "SESSION", {"start_time": T0 + begin, "timestamp": T0 + begin + 60} | fields


def resealed(data):
    """The same bytes with the length and checksum of a sound FIT file."""
    data = bytearray(data)
    data[4:8] = struct.pack("<I", len(data) - data[0] - 2)
    data[-2:] = struct.pack("<H", CrcCalculator.calculate_crc(bytes(data[:-2]), 0, len(data) - 2))
    return bytes(data)


def tcx(*points, sport="Running", lap="", begin="2024-05-01T06:00:00Z"):
    track = "".join(f"<Trackpoint>{point}</Trackpoint>" for point in points)
    return (
        '<?xml version="1.0"?><TrainingCenterDatabase '
        'xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" '
        'xmlns:x="http://www.garmin.com/xmlschemas/ActivityExtension/v2"><Activities>'
        f'<Activity Sport="{sport}"><Id>{begin}</Id><Lap StartTime="{begin}">{lap}'
        f"<Track>{track}</Track></Lap></Activity></Activities></TrainingCenterDatabase>"
    )


def at(second):
    return f"<Time>{(START + pd.Timedelta(seconds=second)).isoformat()}</Time>"


def gpx(*segments, sport="running", before=""):
    body = "".join(f"<trkseg>{''.join(points)}</trkseg>" for points in segments)
    return (
        '<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1" '
        'xmlns:any="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">'
        f"{before}<trk><type>{sport}</type>{body}</trk></gpx>"
    )


def fix(second, lat=50.0, lon=5.0, inner=""):
    time = "" if second is None else at(second).replace("Time>", "time>")
    return f'<trkpt lat="{lat}" lon="{lon}">{time}{inner}</trkpt>'


# Real files -------------------------------------------------------------------------------------


def test_every_real_session_loads_and_keeps_the_contract(real):
    sessions, streams = real
    assert len(sessions) == 10  # eight files, one of them with three sessions
    assert_conforming(sessions.reset_index()[list(schema.columns("sessions"))], streams)
    schema.validate(sessions.reset_index(), "sessions", "the device files")
    schema.validate(streams, "streams", "the device files")


def test_the_marathon_is_what_the_watch_says(real):
    osaka = real[0].loc[OSAKA]
    assert osaka["sport"] == "running"
    assert osaka["start"] == pd.Timestamp("2025-02-24T00:15:21Z")
    assert (osaka["effect"], osaka["effect_name"]) == (5.0, "device")
    assert (osaka["duration_s"], osaka["distance_m"]) == (8834.062, 42429.43)
    assert osaka["steps"] == 2 * 13504
    assert osaka["elevation_gain_m"] == pytest.approx(103.67)
    assert osaka["hr_mean_bpm"] == pytest.approx(184, abs=devices.SAME_HR_BPM)
    assert osaka["hr_max_bpm"] == 202
    assert osaka["speed_mean_mps"] == pytest.approx(4.803, abs=5e-4)


def test_a_pause_does_not_pull_the_mean(real):
    """The device states 150 bpm and 149 W; a value held through the pause would give 146 W."""
    short = real[0].loc[SHORT[0]]
    assert short["hr_mean_bpm"] == pytest.approx(150, abs=devices.SAME_HR_BPM)
    assert short["power_mean_w"] == pytest.approx(149, abs=2)


def test_seconds_the_watch_did_not_write_are_missing_not_invented(real):
    stream = real[1].query("session_id == @OSAKA")
    assert len(stream) == 8835
    assert stream["hr_bpm"].notna().sum() == 2958
    assert stream["cadence_spm"].median() == pytest.approx(186, abs=2)  # steps, not strides
    assert stream["cadence_rpm"].isna().all()


@pytest.mark.parametrize("column", ["duration_s", "distance_m", "hr_mean_bpm", "elevation_gain_m"])
def test_one_ride_in_three_formats_agrees(real, column):
    values = real[0].loc[list(RIDE), column]
    tolerance = {
        "duration_s": devices.SAME_DURATION_S,
        "distance_m": devices.SAME_DISTANCE * values.iloc[0],
        "hr_mean_bpm": devices.SAME_HR_BPM,
        "elevation_gain_m": assemble.CLIMB_M,  # stated by the device, counted for the others
    }[column]
    assert values.notna().all()
    assert np.ptp(values) <= tolerance


def test_one_ride_has_one_heart_rate_stream(real):
    streams = [real[1].query("session_id == @name")["hr_bpm"].to_numpy() for name in RIDE]
    np.testing.assert_array_equal(streams[0], streams[1])
    np.testing.assert_array_equal(streams[0], streams[2])


def test_a_pause_is_known_to_fit_alone(real):
    """32 s with the timer stopped: TCX and GPX cannot say so, and GPX adds the way walked in it."""
    short = real[0].loc[list(SHORT)]
    assert short["duration_s"].tolist() == [93.7, 126.0, 126.0]
    assert short["distance_m"].round().tolist() == [668, 668, 899]
    paused = real[1].query("session_id in @SHORT and 53 < t_s < 85")
    assert len(paused) == 3 * 31 and paused["hr_bpm"].isna().all()


def test_a_multi_sport_file_gives_each_sport_its_records(real):
    parts = real[0].loc[[f"{ROWING}#{number}" for number in (1, 2, 3)]]
    assert parts["sport"].tolist() == ["running", "transition", "rowing"]
    assert parts["effect"].tolist() == [0.0, 0.0, 0.0]  # stated as 0.0: not missing
    assert [(real[1]["session_id"] == name).sum() for name in parts.index] == [24, 12, 24]
    assert parts["hr_mean_bpm"].round().tolist() == [54, 48, 54]  # as the device states them


def test_an_effect_that_no_device_states_is_missing(real):
    assert real[0].loc[list(RIDE), ["effect", "effect_name"]].isna().all(axis=None)


def test_formats_of_one_workout_are_found(real):
    same = devices.same_session(real[0].reset_index())
    assert same.groupby("group")["format"].agg(list).tolist() == [["FIT", "GPX", "TCX"]] * 2
    assert set(same["session_id"]) == {*RIDE, *SHORT}
    assert devices.same_session(real[0].reset_index().iloc[:1]).empty


def test_two_athletes_are_never_one_workout(real):
    sessions = real[0].loc[list(RIDE[:2])].reset_index()
    assert len(devices.same_session(sessions)) == 2
    assert devices.same_session(sessions.assign(athlete_id=["a", "b"])).empty
    later = sessions["start"] + pd.to_timedelta([0, 61], unit="s")
    assert devices.same_session(sessions.assign(start=later)).empty


def test_importing_is_cheap():
    code = "import sys, sportsml_lite.collect.devices; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"garmin_fit_sdk", "defusedxml", "scipy", "torch"} & set(loaded.stdout.split())


# FIT --------------------------------------------------------------------------------------------


def test_fit_fields_become_the_contracts_units(load):
    fields = {"heart_rate": 150, "power": 200, "enhanced_speed": 3.5, "enhanced_altitude": -20.0}
    place = {"position_lat": 2**29, "position_long": -(2**30), "distance": 7.25}
    sessions, streams = load(
        "run.fit",
        fit(
            record(0, **fields, **place, cadence=90, fractional_cadence=0.5),
            session(sport="running", total_cycles=100, total_timer_time=60.5, workout_rpe=70),
        ),
    )
    row = streams.iloc[0]
    assert row["hr_bpm":"cadence_spm"].tolist() == [150, 3.5, 200, 181]
    assert (row["altitude_m"], row["lat_deg"], row["lon_deg"]) == (-20, 45, -90)
    assert sessions[["steps", "duration_s", "rpe"]].iloc[0].tolist() == [200, 60.5, 7]


def test_fit_cadence_of_a_ride_is_revolutions_and_of_no_sport_stays_apart(load):
    ride = load("ride.fit", fit(record(0, cadence=80), session(sport="cycling")))[1]
    assert ride["cadence_rpm"].tolist() == [80] and ride["cadence_spm"].isna().all()
    unknown = load("unknown.fit", fit(record(0, cadence=80), session(sport="generic")))[1]
    assert unknown["cadence_per_min"].tolist() == [80] and unknown["cadence_spm"].isna().all()


def test_fit_invalid_values_and_a_heart_rate_of_zero_are_missing(load):
    invalid = record(0, heart_rate=255, power=0xFFFF, cadence=255, distance=0xFFFFFFFF / 100)
    streams = load("x.fit", fit(invalid, record(1, heart_rate=0), session(sport="cycling")))[1]
    assert streams.drop(columns=["session_id", "t_s"]).isna().all(axis=None)


def test_fit_records_out_of_order_are_sorted_and_doubles_averaged(load):
    beats = [(3, 130), (0, 100), (1, 110), (1, 120)]
    streams = load("x.fit", fit(*(record(t, heart_rate=h) for t, h in beats), session()))[1]
    np.testing.assert_array_equal(streams["hr_bpm"], [100, 115, np.nan, 130])


def test_fit_records_without_a_session_are_recovered(load):
    records = [record(t, heart_rate=120, distance=t * 3.0) for t in range(5, 66)]
    sessions = load("died.fit", fit(("SPORT", {"sport": "running"}), *records))[0]
    found = sessions[["sport", "start", "duration_s", "distance_m"]].iloc[0].tolist()
    assert found == ["running", START + pd.Timedelta("5s"), 60, 195]


def test_a_start_that_does_not_fit_the_records_gives_way_to_them(load):
    """Later than the first record, or long before it: the clock was set in between."""
    for begin, start in ((7, 5), (-60, -60), (-86_400, 5)):
        records = [record(t, heart_rate=120) for t in (5, 6, 7, 8)]
        sessions, streams = load("x.fit", fit(*records, session(begin, sport="running")))
        assert sessions["start"].iloc[0] == START + pd.Timedelta(seconds=start)
        assert streams["hr_bpm"].notna().sum() == 4 and len(streams) == 9 - start


def test_a_fit_session_without_records_is_a_session_without_a_stream(load):
    stated = {"sport": "running", "total_timer_time": 60, "avg_heart_rate": 140}
    sessions, streams = load("x.fit", fit(session(**stated, total_training_effect=2.5)))
    assert sessions[["duration_s", "hr_mean_bpm", "effect"]].iloc[0].tolist() == [60, 140, 2.5]
    assert streams.empty


def test_fit_distance_starts_again_with_each_session(load):
    records = [record(t, distance=10.0 * t) for t in range(20)]
    parts = (session(0, sport="cycling"), session(10, sport="running"))
    streams = load("x.fit", fit(*records, *parts))[1]
    assert streams.groupby("session_id")["distance_m"].agg(
        ["first", "last"]
    ).to_numpy().tolist() == [
        [0, 90],
        [10, 100],
    ]


def test_chained_fit_files_are_sessions_in_order(load):
    first = fit(record(0, heart_rate=100), session(0, sport="cycling"))
    second = fit(record(90, heart_rate=150), session(90, sport="running"))
    sessions, streams = load("x.fit", first + fit(kind="settings") + second)
    assert sessions["session_id"].tolist() == ["x.fit#1", "x.fit#2"]
    assert streams["hr_bpm"].tolist() == [100, 150]


def test_fit_developer_fields_are_left_out(load):
    encoder, number = Encoder(), Profile["mesg_num"]
    owner = {"developer_data_index": 0, "application_id": [1] * 16}
    described = {
        "developer_data_index": 0,
        "field_definition_number": 7,
        "fit_base_type_id": 136,  # float32
        "field_name": "leaf",
    }
    encoder.add_developer_field(0, owner, described)
    for kind, fields in [
        ("FILE_ID", {"type": "activity"}),
        ("DEVELOPER_DATA_ID", owner),
        ("FIELD_DESCRIPTION", described),
        ("RECORD", {"timestamp": T0, "heart_rate": 99, "developer_fields": {0: 1.5}}),
        session(sport="running"),
    ]:
        encoder.write_mesg({"mesg_num": number[kind], **fields})
    assert load("dev.fit", encoder.close())[1]["hr_bpm"].tolist() == [99]


def test_a_clock_that_jumps_by_years_is_refused_before_it_fills_memory(load):
    data = fit(record(0, heart_rate=90), record(1, heart_rate=91), record(10**8, heart_rate=92))
    text = refusal(load, "jump.fit", data)
    assert "point 3 of 3" in text and "2027-07-02" in text


def test_many_sessions_cannot_fill_memory_either(load):
    days = [session(86_400 * day) for day in range(57)]
    ends = [record(86_400 * day + s, heart_rate=90) for day in range(57) for s in (0, 86_399)]
    assert "more than 56 days in all" in refusal(load, "long.fit", fit(*ends, *days))
    assert "1,001 sessions" in refusal(load, "many.fit", fit(*[session()] * 1001))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (fit(kind="settings"), "of type 'settings'"),
        (fit(record(0, distance=1), kind="course"), "of type 'course'"),
        (fit(kind="workout"), "of type 'workout'"),
        (fit(), "no records and no session"),
        (fit(("SESSION", {"sport": "running"})), "no start"),
        (fit(("RECORD", {"timestamp": 50, "heart_rate": 99})), "clock was never set"),
        (fit(record(0))[:-40], "cut short"),
        (fit(record(0))[:10], "binary data of an unknown kind"),
        (b"", "it is empty"),
        (bytes(400), "it is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fit_file_that_is_no_activity_is_refused(load, data, reason):
    assert reason in refusal(load, "x.fit", data)


def test_a_fit_header_never_closed_is_refused(load):
    data = bytearray(fit(record(0, heart_rate=99)))
    data[4:8] = bytes(4)
    assert "never closed" in refusal(load, "x.fit", bytes(data))


@given(flipped=st.integers(14, 9703))
@quick
def test_a_wrong_checksum_is_refused(load, data_folder, flipped):
    data = bytearray((data_folder("device_files") / ROWING).read_bytes())
    data[flipped] ^= 0x10
    assert "checksum is wrong" in refusal(load, "x.fit", bytes(data))


@pytest.mark.parametrize("name", [ROWING, SHORT[0]])
@given(data=st.data())
@quick
def test_a_fit_file_cut_anywhere_is_refused(load, data_folder, name, data):
    whole = (data_folder("device_files") / name).read_bytes()
    refusal(load, "x.fit", whole[: data.draw(st.integers(0, len(whole) - 1))])


# TCX --------------------------------------------------------------------------------------------


def test_ragged_trackpoints_give_what_they_have(load):
    stream = load(
        "x.tcx",
        tcx(
            at(0) + "<HeartRateBpm><Value>120</Value></HeartRateBpm>",
            at(1) + "<Position><LatitudeDegrees>50</LatitudeDegrees></Position>",
            at(2) + "<DistanceMeters>junk</DistanceMeters><HeartRateBpm/>",
            "<HeartRateBpm><Value>200</Value></HeartRateBpm>",  # no time: cannot be placed
            at(3) + "<Extensions><x:TPX><x:Watts>210</x:Watts></x:TPX></Extensions>",
        ),
    )[1]
    np.testing.assert_array_equal(stream["hr_bpm"], [120, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(stream["power_w"], [np.nan, np.nan, np.nan, 210])
    assert stream["lat_deg"].notna().tolist() == [False, True, False, False]


def test_a_makers_number_for_missing_is_missing(load):
    points = [
        at(0) + "<HeartRateBpm><Value>255</Value></HeartRateBpm>",
        at(1) + "<HeartRateBpm><Value>0</Value></HeartRateBpm>",
        at(2) + "<Extensions><x:TPX><x:Watts>65535</x:Watts></x:TPX></Extensions>",
        at(3) + "<AltitudeMeters>1e308</AltitudeMeters><DistanceMeters>inf</DistanceMeters>",
    ]
    stream = load("x.tcx", tcx(*points))[1]
    assert stream.drop(columns=["session_id", "t_s"]).isna().all(axis=None)


@pytest.mark.parametrize(("given_", "steps"), [(85, 170), (170, 170)])
@pytest.mark.parametrize("tag", ["Cadence", "x:RunCadence"])
def test_strides_become_steps_unless_they_are_steps_already(load, tag, given_, steps):
    stream = load("x.tcx", tcx(at(0) + f"<{tag}>{given_}</{tag}>"))[1]
    assert stream["cadence_spm"].tolist() == [steps]


def test_tcx_sums_its_laps(load):
    lap = "<TotalTimeSeconds>{}</TotalTimeSeconds><DistanceMeters>{}</DistanceMeters>"
    text = tcx(at(0), at(700), sport="Biking", lap=lap.format(600.5, 4000))
    second = '<Lap StartTime="2024-05-01T06:10:00Z">' + lap.format(60, 500) + "</Lap>"
    row = load("x.tcx", text.replace("</Lap>", "</Lap>" + second))[0].iloc[0]
    assert row[["sport", "duration_s", "distance_m"]].tolist() == ["cycling", 660.5, 4500]
    unstated = second.replace("<TotalTimeSeconds>60</TotalTimeSeconds>", "")
    row = load("x.tcx", text.replace("</Lap>", "</Lap>" + unstated))[0].iloc[0]
    assert row["duration_s"] == 700  # one lap states none: first to last point
    row = load("x.tcx", text.replace(">600.5<", ">0<"))[0].iloc[0]
    assert row["duration_s"] == 700  # nor does a lap of no time


def test_tcx_without_trackpoints_keeps_its_laps_or_is_refused(load):
    lap = "<TotalTimeSeconds>600</TotalTimeSeconds><AverageHeartRateBpm><Value>140</Value>"
    lap += "</AverageHeartRateBpm>"
    sessions, streams = load("x.tcx", tcx(lap=lap))
    assert sessions[["duration_s", "hr_mean_bpm"]].iloc[0].tolist() == [600, 140]
    assert streams.empty
    assert "no trackpoints" in refusal(load, "x.tcx", tcx(begin=""))
    course = tcx().replace("Activities", "Courses").replace("Activity", "Course")
    assert "no activity" in refusal(load, "x.tcx", course)


def test_tcx_that_begins_with_spaces_is_read(load):
    """Strava's does, which a strict parser refuses; the line of a later error still counts."""
    assert len(load("x.tcx", b"   \n  " + tcx(at(0)).encode())[1]) == 1
    assert "line 3" in refusal(load, "x.tcx", b"\n\n" + tcx(at(0)).encode()[:-5])


def test_two_activities_are_two_sessions(load):
    text = tcx(at(0))
    activity = text[text.index("<Activity ") : text.index("</Activities>")]
    sessions = load("x.tcx", text.replace(activity, 2 * activity))[0]
    assert sessions["session_id"].tolist() == ["x.tcx#1", "x.tcx#2"]


# GPX --------------------------------------------------------------------------------------------


def test_gpx_distance_and_speed_follow_from_position(load):
    """0.001° of latitude is π/180/1000 of the earth's radius: 111.195 m; at 10 s, 11.12 m/s."""
    step = np.pi / 180e3 * 6_371_008.8
    sessions, streams = load("x.gpx", gpx([fix(10 * i, 50 + i / 1000) for i in range(4)]))
    seen = streams.iloc[::10]
    np.testing.assert_allclose(seen["distance_m"], step * np.arange(4), rtol=1e-6)
    np.testing.assert_allclose(seen["speed_mps"].iloc[1:], step / 10, rtol=1e-6)
    assert sessions["distance_m"].iloc[0] == pytest.approx(3 * step)
    assert streams.iloc[1:10]["distance_m"].isna().all()  # no second is invented


def test_a_gap_between_segments_is_neither_time_nor_way(load):
    first = [fix(t, 50 + t / 1e5) for t in range(11)]
    second = [fix(t, 51 + t / 1e5) for t in range(500, 511)]
    sessions, streams = load("x.gpx", gpx(first, second))
    assert sessions["duration_s"].iloc[0] == 20
    assert sessions["distance_m"].iloc[0] == pytest.approx(20 * 1.11195, rel=1e-4)
    assert streams["speed_mps"].notna().sum() == 20  # none from one segment to the next


@pytest.mark.parametrize(
    "inner",
    [
        "<extensions><any:TrackPointExtension><any:hr>140</any:hr></any:TrackPointExtension>"
        "</extensions>",
        "<extensions><g:hr xmlns:g='http://www.cluetrust.com/XML/GPXDATA/1/0'>140</g:hr>"
        "</extensions>",
        "<extensions><heartrate>140</heartrate></extensions>",
        "<extensions><any:HeartRate> 140.0 </any:HeartRate></extensions>",
    ],
)
def test_gpx_heart_rate_is_found_whoever_wrote_it(load, inner):
    assert load("x.gpx", gpx([fix(0, inner=inner)]))[1]["hr_bpm"].tolist() == [140]


def test_a_fix_at_0_0_is_no_fix(load):
    sessions, streams = load("x.gpx", gpx([fix(0), fix(1, 0, 0), fix(2, 50.00001)]))
    assert sessions["distance_m"].iloc[0] < 2
    assert np.isnan(streams["lat_deg"].iloc[1])


def test_times_with_fractions_and_zones_fall_on_the_right_second(load):
    times = ["06:00:00.200Z", "06:00:01.199Z", "08:00:01.200+02:00", "06:00:03.900"]
    points = [f'<trkpt lat="1" lon="1"><time>2024-05-01T{t}</time></trkpt>' for t in times]
    sessions, streams = load("x.gpx", gpx(points))
    assert sessions["start"].iloc[0] == pd.Timestamp("2024-05-01T06:00:00.2Z")
    assert streams["lat_deg"].notna().tolist() == [True, True, False, True]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (gpx([fix(None), fix(None)]), "its points have no time"),
        ('<gpx><wpt lat="1" lon="2"><name>hut</name></wpt></gpx>', "it holds no track"),
        ("<gpx><rte><rtept lat='1' lon='2'/></rte></gpx>", "it holds no track"),
        ("<gpx><trk></trk></gpx>", "it holds no track"),
        ("<html><body>Sign in</body></html>", "<html>"),
        (gpx([fix(0)])[:-3], "line 1: it is no well-formed XML"),
        ("<gpx>\n<trk>\n</gpx>", "line 3: it is no well-formed XML"),
        ("<gpx><trk><time>now</time></trk></gpx>", "it holds no track"),
        ("<?xml version='1.0' encoding='klingon'?><gpx/>", "it"),
    ],
)
def test_gpx_that_is_no_recording_is_refused(load, text, reason):
    assert reason in refusal(load, "x.gpx", text)


@pytest.mark.parametrize("suffix", ["gpx", "tcx"])
@pytest.mark.parametrize(
    "dtd",
    [
        '<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE gpx SYSTEM "http://localhost:1/x.dtd">',
    ],
)
def test_entities_and_document_types_are_refused(load, suffix, dtd):
    body = gpx([fix(0, inner="<ele>&a;</ele>")]) if suffix == "gpx" else tcx(at(0) + "&a;")
    text = dtd + body.removeprefix('<?xml version="1.0"?>')
    assert "can be an attack" in refusal(load, f"x.{suffix}", text)


def test_deep_xml_does_not_break_the_parser(load):
    inner = "<a>" * 20_000 + "</a>" * 20_000
    assert len(load("x.gpx", gpx([fix(0, inner=inner)]))[1]) == 1


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Biking", "cycling"),
        ("road_biking", "cycling"),
        ("VirtualRide", "cycling"),
        ("1", "cycling"),
        ("trail running", "running"),
        ("Run", "running"),
        ("lap_swimming", "swimming"),
        ("e_biking", "e_biking"),
        ("E-Bike Ride", "e_biking"),
        ("wheelchair_push_run", "wheelchair_push_run"),
        ("Generic", "other"),
        ("Kite Surfing", "kite_surfing"),
        (" ", None),
        (None, None),
    ],
)
def test_sports_have_one_vocabulary(name, ours):
    assert sport_name(name) == ours


# CSV --------------------------------------------------------------------------------------------


def test_a_stream_written_as_csv_reads_back(real, load):
    stream = real[1].query("session_id == @OSAKA").dropna(axis=1, how="all")
    back = load("osaka.csv", stream.to_csv(index=False).encode())[1]
    pd.testing.assert_frame_equal(
        back[stream.columns].drop(columns="session_id"),
        stream.drop(columns="session_id").reset_index(drop=True),
    )


@pytest.mark.parametrize(
    "text",
    [
        "time,hr_bpm\n2024-05-01T06:00:00Z,100\n2024-05-01T06:00:02Z,102\n",
        "timestamp,hr_bpm\n2024-05-01 08:00:00+02:00,100\n2024-05-01T06:00:02Z,102",
        "timestamp,hr_bpm\n1714543200,100\n1714543202,102",
        "timestamp,hr_bpm\n1714543200000,100\n1714543202000,102",
        "t_s;start;hr_bpm\r\n0,0;2024-05-01T06:00:00Z;100,0\r\n2,0;;102,0\r\n",
        "﻿ Time ,HR_BPM\n2024-05-01T06:00:00Z, 100 \n\n2024-05-01T06:00:02Z,102\n",
        'time\thr_bpm\n"2024-05-01T06:00:00Z"\t100\n2024-05-01T06:00:02Z\t102',
        ",t_s,start,hr_bpm\n0,0,2024-05-01T06:00:00Z,100\n1,1,,NA\n2,2,,102",
        "time,hr_bpm\n2024-05-01T06:00:02Z,102\n2024-05-01T06:00:00Z,100",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_csv_dialects_mean_the_same(load, text, encoding):
    sessions, streams = load(
        "x.csv", text.removeprefix("﻿" * (encoding != "utf-8")).encode(encoding)
    )
    assert sessions["start"].iloc[0] == START
    np.testing.assert_array_equal(streams["hr_bpm"], [100, np.nan, 102])


def test_csv_without_a_clock_has_a_stream_and_no_start(load):
    sessions, streams = load(
        "x.csv", "t_s,hr_bpm,my_sensor,note\n0,100,5,a\n1.2,110,6,b\n1.8,120,8,\n"
    )
    assert sessions["start"].isna().all()
    assert streams["hr_bpm"].tolist() == [100, 115]
    assert streams["my_sensor"].tolist() == [5, 7] and streams["note"].tolist() == ["a", "b"]


def test_csv_separates_sessions_and_names_sports(load):
    text = "session_id,sport,t_s,cadence_rpm\nb,Biking,0,80\nb,Biking,1,81\na,Row,0,30\n"
    sessions, streams = load("x.csv", text)
    assert sessions["sport"].tolist() == ["cycling", "rowing"]
    assert streams["session_id"].tolist() == ["x.csv#1", "x.csv#1", "x.csv#2"]


def test_csv_values_out_of_range_are_loaded_not_hidden(load):
    assert load("x.csv", "t_s,hr_bpm\n0,400\n")[1]["hr_bpm"].tolist() == [400]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("t_s,hr_bpm\n0,100\n1,fast\n", "line 3: hr_bpm = 'fast' is not a number"),
        ("t_s,hr_bpm\n\n0,100\n1\n", "line 4: 1 fields where the header has 2"),
        ("t_s,hr_bpm\n0,100,7\n", "line 2: 3 fields"),
        ("t_s;hr_bpm\n0;1.00,5\n", "line 2: hr_bpm = '1.00,5'"),
        ('t_s,hr_bpm,distance_m\n0,100,"1,234"\n', "line 2: distance_m = '1,234' is not one"),
        ("t_s,hr_bpm\n,100\n", "line 2: t_s = ''"),
        ("t_s,hr_bpm\n-5,100\n", "line 2: t_s = '-5.0'"),
        ("time,hr_bpm\n2024-05-01T06:00:00Z,100\nnoon,100\n", "line 3: time = 'noon'"),
        ("0,100\n1,101\n", "line 1 holds numbers"),
        ("2024-05-01T06:00:00Z,100\n2024-05-01T06:00:01Z,100\n", "line 1 holds numbers"),
        ("hr_bpm\n100\n", "it has no time"),
        ("t_s,comfort\n0,1\n", "no channel that is known"),
        ("t_s,hart_rate\n0,100\n", "its columns are 't_s', 'hart_rate' (hr_bpm?)"),
        ("t_s,speed\n0,3\n", "no channel that is known; its columns are 't_s', 'speed'"),
        (
            "Activity ID,Activity Date,Distance,Distance\n1,2024,1,1\n",
            "a list of activities, not a recording",
        ),
        ("t_s,hr_bpm,hr_bpm\n0,1,2\n", "stands twice"),
        ("t_s,hr_bpm,segment\n0,1,2\n", "a name this reader uses itself"),
        ("t_s,hr_bpm\n", "no rows below a header"),
        ('t_s,hr_bpm\n0,"100\n1,100\n', "line 3: unexpected end of data"),
        ("t_s,hr_bpm\n0,100\n1,101\xe9\n".encode("latin-1"), "line 3: it is no UTF-8 text"),
        ("t_s,hr_bpm\n0,100\n9999999999,100\n", "more than 7 days"),
    ],
)
def test_csv_that_cannot_be_read_names_the_line(load, text, reason):
    assert reason in refusal(load, "x.csv", text)


# Files and folders ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["fit", "tcx", "gpx", "csv"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "a JPEG picture"),
        (b"PK\x03\x04" + bytes(50), "a ZIP archive"),
        (b"\x01\x02\x03\x00" * 20, "binary data"),
        (b"", "it is empty"),
    ],
)
def test_a_renamed_picture_is_refused_by_its_content(load, suffix, data, reason):
    assert reason in refusal(load, f"holiday.{suffix}", data)


def test_content_and_suffix_must_agree(load):
    assert "rename it to .fit" in refusal(load, "x.gpx", fit(record(0)))
    assert "rename it to .tcx" in refusal(load, "x.gpx", tcx(at(0)))
    assert "it holds XML, not CSV" in refusal(load, "x.csv", gpx([fix(0)]))
    assert "it holds text, not FIT" in refusal(load, "x.fit", "t_s,hr_bpm\n0,100\n")
    assert "its suffix '.txt' is not known" in refusal(load, "x.txt", "t_s,hr_bpm\n0,100\n")


def test_one_file_is_read_like_a_folder(tmp_path):
    (tmp_path / "a.gpx").write_text(gpx([fix(0)]))
    for given_ in (tmp_path / "a.gpx", tmp_path, str(tmp_path)):
        sessions, streams, problems = devices.read(given_, athlete_id="me")
        assert_conforming(sessions, streams)
        assert sessions[["session_id", "athlete_id"]].to_numpy().tolist() == [["a.gpx", "me"]]
        assert list(problems) == ["file", "reason", "read"] and problems.empty


def test_a_giant_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "x.csv", "wb") as file:
        file.truncate(devices.MAX_BYTES + 1)  # a hole: it takes no disk
    with pytest.raises(devices.DeviceFileError, match="more than any recording"):
        devices.read_file(tmp_path / "x.csv")


def test_names_may_be_odd(load):
    name = "Läufe 跑步 №1 (kopie).GPX"
    assert load(name, gpx([fix(0)]))[0]["session_id"].tolist() == [name]
    assert str(refusal(load, "ö ß.gpx", "<gpx>")).startswith("ö ß.gpx: ")


def test_a_name_that_is_no_text_is_shown_on_one_line(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9\n.csv"
    with open(raw, "w") as file:
        file.write("t_s,hr_bpm\n0,100\n")
    sessions, _, problems = devices.read_folder(tmp_path)
    assert sessions["session_id"].tolist() == ["caf\\udce9\\n.csv"] and problems.empty
    with open(raw, "w") as file:
        file.write("nothing")
    with pytest.raises(devices.DeviceFileError) as caught:
        devices.read(tmp_path)
    assert "\n" not in str(caught.value).encode("utf-8").decode()


def test_a_folder_loads_the_good_and_lists_the_bad(tmp_path):
    good = gpx([fix(0)])
    for place in ("b.gpx", "sub/b.gpx", "x.fit/inside.GPX", ".trash/b.gpx", "._b.gpx", "notes.txt"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(good)
    (tmp_path / "a.fit").write_bytes(b"\x89PNG")
    (tmp_path / "dangling.tcx").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.csv")
    seen = []
    sessions, streams, problems = devices.read(
        tmp_path, athlete_id="me", progress=lambda *step: seen.append(step)
    )
    assert_conforming(sessions, streams)
    assert sessions["session_id"].tolist() == ["b.gpx", "sub/b.gpx", "x.fit/inside.GPX"]
    assert set(sessions["athlete_id"]) == {"me"}
    assert problems["file"].tolist() == ["a.fit", "dangling.tcx", "pipe.csv"]
    assert problems["reason"].str.contains("PNG|No such file|not an ordinary file").all()
    assert seen == [(i, 6, name) for i, (_, _, name) in enumerate(seen, start=1)]
    assert [name for _, _, name in seen] == sorted(name for _, _, name in seen)


def test_a_folder_link_is_not_followed_round_and_round(tmp_path):
    (tmp_path / "a.gpx").write_text(gpx([fix(0)]))
    (tmp_path / "loop").symlink_to(tmp_path)
    assert len(devices.read(tmp_path)[0]) == 1


def test_a_file_or_folder_without_the_right_to_read_is_listed(tmp_path, monkeypatch):
    for place in ("a.gpx", "b.gpx", "closed/c.gpx"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(gpx([fix(0)]))
    scandir, read_bytes = os.scandir, Path.read_bytes

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    def closed(path):
        return denied(path) if Path(path).name == "closed" else scandir(path)

    def unreadable(path):
        return denied(path) if path.name == "b.gpx" else read_bytes(path)

    monkeypatch.setattr(os, "scandir", closed)  # root, who runs many tests, may read everything
    monkeypatch.setattr(Path, "read_bytes", unreadable)
    sessions, _, problems = devices.read(tmp_path)
    assert sessions["session_id"].tolist() == ["a.gpx"]
    assert problems["file"].tolist() == ["closed", "b.gpx"]
    assert problems["reason"].str.contains("Permission denied").all()


def test_a_folder_that_gives_nothing_says_so(tmp_path):
    def line(path):
        with pytest.raises(devices.DeviceFileError) as caught:
            devices.read_folder(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no such folder" in line(tmp_path / "absent")
    assert "holds no .fit" in line(tmp_path)
    (tmp_path / "b.fit").write_bytes(b"\x89PNG")
    assert "its only file cannot be read (b.fit: it holds a PNG picture" in line(tmp_path)
    (tmp_path / "a.csv").touch()
    assert "none of its 2 files can be read (a.csv: it is empty" in line(tmp_path)
    assert "is a file, not a folder" in line(tmp_path / "a.csv")
    with pytest.raises(devices.DeviceFileError, match=r"absent\.fit: cannot be opened"):
        devices.read(tmp_path / "absent.fit")
    with pytest.raises(devices.DeviceFileError, match="it is a folder"):
        devices.read_file(tmp_path)


def test_a_bug_in_a_parser_does_not_stop_a_folder(tmp_path, monkeypatch):
    (tmp_path / "a.gpx").write_text(gpx([fix(0)]))
    (tmp_path / "b.csv").write_text("t_s,hr_bpm\n0,100\n")

    def broken(data, columns):
        raise KeyError("surprise")

    monkeypatch.setattr(devices, "read_csv", broken)
    sessions, _, problems = devices.read(tmp_path)
    assert len(sessions) == 1
    assert "KeyError: 'surprise'" in problems["reason"].iloc[0]


MUTANTS = {
    ".fit": [ROWING, SHORT[0]],
    ".tcx": [SHORT[1]],
    ".gpx": [SHORT[2]],
}
edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([0, 1, 2, 20]),
        st.one_of(
            st.binary(max_size=8),
            st.sampled_from(
                [b"nan", b"1e308", b"-1", b"9" * 400, b"\xff\xff\xff\xff", b"<a>", b"&"]
            ),
        ),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("suffix", [".fit", ".tcx", ".gpx", ".csv"])
@given(data=st.data())
@settings(quick, max_examples=60)
def test_whatever_the_bytes_a_file_loads_or_is_refused(load, data_folder, suffix, data):
    """Real files with bytes replaced; most FIT mutants are sealed again to reach the parser."""
    if suffix == ".csv":
        whole = b"time,hr_bpm,lat_deg\n" + b"2024-05-01T06:00:00Z,100,50.1\n" * 20
    else:
        name = data.draw(st.sampled_from(MUTANTS[suffix]))
        whole = (data_folder("device_files") / name).read_bytes()
    mutant = bytearray(whole)
    for where, removed, put in data.draw(edits):
        i = int(where * len(mutant))
        mutant[i : i + removed] = put
    if suffix == ".fit" and len(mutant) > 20 and data.draw(st.booleans()):
        mutant[:1], mutant[8:12] = b"\x0e", b".FIT"
        mutant = resealed(mutant)
    try:
        load(f"x{suffix}", bytes(mutant))
    except devices.DeviceFileError as error:
        assert "cannot be read (" not in str(error)


# Writing FIT ------------------------------------------------------------------------------------


def channel(low, high, rows):
    return arrays(float, rows, elements=st.floats(low, high), fill=st.just(np.nan))


RESOLUTION = {  # half of what FIT's fields hold, and float's rounding
    "hr_bpm": 0.5,
    "speed_mps": 0.5e-3,
    "power_w": 0.5,
    "altitude_m": 0.1,
    "distance_m": 0.5e-2,
    "lat_deg": 90 / 2**31,
    "lon_deg": 360 / 2**31,  # 180° itself would be two steps on, past the "invalid" value
}


@given(
    data=st.data(),
    seconds=st.lists(st.integers(0, 3000), min_size=1, max_size=8, unique=True).map(sorted),
    sport=st.sampled_from(["running", "cycling", "rowing", "hiking", "other"]),
)
@settings(quick, phases=[Phase.reuse, Phase.generate])  # shrinking it would take minutes
def test_a_written_fit_file_reads_back_to_its_resolution(tmp_path, data, seconds, sport):
    columns = schema.columns("streams")
    cadence = {"cycling": "cadence_rpm", "other": "cadence_per_min"}.get(sport, "cadence_spm")
    stream = pd.DataFrame({"session_id": "s", "t_s": np.array(seconds, float)})
    for name in [*RESOLUTION, "cadence_rpm", "cadence_spm"]:
        low, high = columns[name].low, min(columns[name].high, 254)
        stream[name] = data.draw(channel(low, high, len(stream)))
    numbers = st.floats(0, 5) | st.just(np.nan)
    session = {
        "start": START + pd.Timedelta(milliseconds=data.draw(st.integers(0, 999))),
        "sport": sport,
        "duration_s": data.draw(st.floats(1, 86400)),  # a stated 0 gives way to the records
        "distance_m": data.draw(st.floats(1, 2e5)),
        "elevation_gain_m": data.draw(st.floats(0, 9000)),
        "steps": data.draw(st.floats(0, 1e5)),
        "effect": data.draw(numbers),
        "effect_name": data.draw(st.sampled_from(["device", "simulated"])),
        "rpe": data.draw(numbers),
    }
    devices.write_fit(tmp_path / "s.fit", session, stream)
    sessions, back = devices.read_file(tmp_path / "s.fit")
    assert_conforming(sessions, back)
    assert len(back) == seconds[-1] + 1
    expected = stream.set_index("t_s").reindex(range(len(back)))
    nowhere = (expected[["lat_deg", "lon_deg"]].abs() < 90 / 2**31).all(axis=1)
    expected.loc[nowhere, ["lat_deg", "lon_deg"]] = np.nan  # 0°N 0°E means no fix
    turns = expected["cadence_rpm" if sport == "cycling" else "cadence_spm"]
    per_turn = 2 if sport in ("running", "hiking") else 1
    back = back.reindex(columns=[*expected, "cadence_per_min"])  # a channel all missing is absent
    close(back[cadence], turns, per_turn * 0.5 / 128)
    for name, step in RESOLUTION.items():
        if name != "speed_mps" or expected[name].notna().any():  # else derived from distance
            close(back[name], expected[name], step)
    row = sessions.iloc[0]
    assert row["start"] == START and row["sport"] == sport
    assert row["effect_name"] == session["effect_name"] or np.isnan(session["effect"])
    half = {"duration_s": 5e-4, "distance_m": 5e-3, "elevation_gain_m": 5e-3, "effect": 0.05}
    half |= {"rpe": 0.05} | ({"steps": 1 / 128} if per_turn == 2 else {})
    for name, step in half.items():
        close(row[[name]], pd.Series([session[name]]), step)


def close(found, wanted, step):
    found, wanted = np.array(found, dtype=float), np.array(wanted, dtype=float)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    assert np.nanmax(np.abs(found - wanted), initial=0) <= step * (1 + 1e-6) + 1e-9


def test_a_real_session_survives_being_written(real, tmp_path):
    stream = real[1].query("session_id == @ROWING + '#1'")
    devices.write_fit(tmp_path / "again.fit", real[0].loc[f"{ROWING}#1"], stream)
    sessions, back = devices.read_file(tmp_path / "again.fit")
    pd.testing.assert_frame_equal(
        back.drop(columns="session_id"),
        stream[back.columns].drop(columns="session_id").reset_index(drop=True),
        atol=0.11,
    )
    again, before = sessions.iloc[0], real[0].loc[f"{ROWING}#1"]
    for name in ("start", "sport", "duration_s", "hr_mean_bpm", "effect", "effect_name"):
        assert again[name] == before[name], name


def some_stream(**columns):
    return pd.DataFrame({"session_id": "s", "t_s": [0.0, 1.0, 2.0], **columns})


@pytest.mark.parametrize(
    ("session", "stream", "reason"),
    [
        ({}, some_stream(hr_bpm=[100, 300, 100]), "row 1: hr_bpm = 300 does not fit"),
        ({}, some_stream(hr_bpm=[100, np.inf, 100]), "row 1: hr_bpm = inf"),
        ({}, some_stream(altitude_m=[0, 0, -600.0]), "row 2: altitude_m = -600"),
        ({}, some_stream(lat_deg=[0, 95.0, 0]), "row 1: lat_deg = 95"),
        ({}, some_stream(cadence_spm=[0, 0, 600.0]), "row 2: cadence_spm = 600"),
        ({}, some_stream().assign(t_s=[0, 0.5, 1]), "whole seconds"),
        ({}, some_stream().assign(t_s=[0, 2, 1]), "goes back or repeats"),
        ({}, some_stream().assign(t_s=[0, 1, np.nan]), "whole seconds"),
        ({"start": pd.NaT}, some_stream(), "no start"),
        ({"start": pd.Timestamp("1970-01-01", tz="UTC")}, some_stream(), "FIT knows no time"),
        ({"sport": "quidditch"}, some_stream(), "no sport 'quidditch'"),
        ({"duration_s": -1.0}, some_stream(), "duration_s = -1"),
        ({"effect": 99.0}, some_stream(), "effect = 99"),
    ],
)
def test_what_fit_cannot_hold_is_refused_and_nothing_written(tmp_path, session, stream, reason):
    path = tmp_path / "s.fit"
    path.write_text("as it was")
    with pytest.raises(UserError) as caught:
        devices.write_fit(path, {"start": START, "sport": "running"} | session, stream)
    assert reason in str(caught.value) and "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["s.fit"]
    assert path.read_text() == "as it was"


def test_silence_at_both_ends_keeps_its_length(tmp_path):
    heart = np.full(5000, np.nan)
    heart[4000] = 120  # more than an hour after the start
    stream = pd.DataFrame({"session_id": "s", "t_s": np.arange(5000.0), "hr_bpm": heart})
    devices.write_fit(tmp_path / "s.fit", {"start": START}, stream)
    sessions, back = devices.read_file(tmp_path / "s.fit")
    assert sessions["start"].iloc[0] == START
    np.testing.assert_array_equal(back["hr_bpm"], heart)


def test_a_written_file_has_the_rights_of_any_file(tmp_path):
    devices.write_fit(tmp_path / "s.fit", {"start": START}, some_stream())
    (tmp_path / "any").touch()
    assert (tmp_path / "s.fit").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        devices.write_fit(tmp_path / "absent" / "s.fit", {"start": START}, some_stream())


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "s.fit"
    devices.write_fit(path, {"start": START, "sport": "running"}, some_stream(hr_bpm=100.0))
    before = path.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        devices.write_fit(path, {"start": START, "sport": "running"}, some_stream(hr_bpm=120.0))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["s.fit"]


# Definitions ------------------------------------------------------------------------------------


def test_time_mean_weights_each_value_by_how_long_it_stands():
    values = np.full(40, np.nan)
    values[[0, 4, 5]] = 100, 140, 160  # stand 4 s, 1 s and, the last, 1 s
    assert assemble.time_mean(values) == pytest.approx((4 * 100 + 140 + 160) / 6)
    values[39] = 100  # after a pause of 34 s, which counts for nothing
    assert assemble.time_mean(values) == pytest.approx((400 + 140 + 160 + 100) / 7)
    assert np.isnan(assemble.time_mean(np.full(3, np.nan)))


def test_a_climb_counts_steps_and_ignores_noise():
    hill = np.concatenate([np.arange(0, 31.0), np.arange(30, -1.0, -1), np.arange(0, 31.0)])
    assert assemble.climb_m(hill) == 60
    noise = np.random.default_rng(0).uniform(-1.4, 1.4, 10_000)
    assert assemble.climb_m(noise) == 0
    assert assemble.climb_m(noise, step_m=0.1) > 1000
    assert np.isnan(assemble.climb_m(np.array([np.nan])))


def test_a_folder_of_sub_folders_keeps_ids_unique(tmp_path, data_folder):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        shutil.copy(data_folder("device_files") / ROWING, tmp_path / place / ROWING)
    sessions, streams, _ = devices.read(tmp_path)
    assert sessions["session_id"].is_unique and len(sessions) == 6
    assert_conforming(sessions, streams)
