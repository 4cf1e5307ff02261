"""Tables of other programs, by their headers: what they mean, in the contract's units."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.collect import devices
from sportsml_lite.collect.formats.columns import BY_NAME, UNITS, meaning

START = pd.Timestamp("2024-05-01T06:00:00Z")


@pytest.fixture
def load(tmp_path):
    """``load(text, columns)``: Sessions, Streams and notes of a CSV file."""

    def write_and_read(text, columns=""):
        (tmp_path / "x.csv").write_text(text, encoding="utf-8")
        sessions, streams, problems = devices.read(tmp_path / "x.csv", columns=columns)
        return sessions, streams, " | ".join(problems["reason"])

    return write_and_read


def ten(line, separator="\n"):
    """Ten rows; ``{i}`` counts the seconds, ``{d}`` the metres at 3 m/s."""
    return separator.join(line.format(i=i, d=3 * i, h=120 + i) for i in range(10)) + "\n"


POLAR = (
    "Name,Sport,Date,Start time,Duration,Total distance (km),Average heart rate (bpm)\n"
    "A B,RUNNING,01-05-2024,06:00:00,00:00:09,0.03,124\n"
    "Sample rate,Time,HR (bpm),Speed (km/h),Pace (min/km),Cadence,Altitude (m),"
    "Stride length (m),Distances (m),Temperatures (C),Power (W),\n"
    + ten("1,00:00:0{i},{h},10.8,05:33,85,400,,{d},,,")
)
GOLDEN = "secs,cad,hr,km,kph,nm,watts,alt,lon,lat,headwind,slope,temp,interval\n" + "".join(
    f"{i},85,{120 + i},{3 * i / 1000},10.8,0,200,400,11.0,48.0,0,0,0,0\n" for i in range(10)
)
CONCEPT2 = (
    'Number,"Time (seconds)","Distance (meters)","Pace (seconds)",Watts,"Stroke Rate",'
    '"Heart Rate"\n'
)
# Written as the app writes: laps above the header, a column a sensor, zeros where there is none.
WAHOO = (
    "Device,fisica,model,key,version,1,AppVersion,5.8.1\n"
    "Year,2024,Month,5,Day,1,Hour,6,Minute,0,Second,0,BatteryUsage (%),14.9\n\n"
    "comments\nFile created by the app.\n\nsensor,present,smrec,zeroavg,model\n"
    "spd,no,no,no,n/a\nhr,yes,no,no,n/a\n"
    "workout,starttime,runningtime,pausedtime,wheeldist,hravg,gpsdist,manualdist\n"
    ",0,9.1,41.5,0.0,124.0,27.0,0.0\n\ninterval,starttime,runningtime,pausedtime,gpsdist\n"
    "1,0.0,9.1,41.5,27.0\n" + 70 * "1,0.0,1.6,0.0,,\n" + "\n"
    "time,pwr_accdist,pwr_instpwr,spd_accdist,spd_instspeed,cad_cadence,hr_heartrate,"
    "gps_altitude,gps_lat,gps_lon,gps_dist,gps_speed,ma_cadence,interval,paused\n"
)
EPSON = (
    "[[Training]]\n[TrainingResult]\nTrainingName,On the dam\nMemo,Jo, Pia\nFormatType,1\n"
    "TrainingKindId,StartDay,StartTime,TrainingTime,Distance,CreateDate,TimeZoneOffset,"
    "DaylightSavingsTime\n1,2024/05/01,08:00:00,9,27,2024/05/02,60,60\n"
    "[TrainingData]\nLapCount,Calorie\n1,11\n[GraphData]\nLogInterval,1\nHrInterval,1\n"
    "GraphAltitude,"
    + ",".join(["400"] * 10)
    + "\nGraphPitch,"
    + ",".join(["170"] * 10)
    + "\nGraphDistance,"
    + ",".join(str(3 * i) for i in range(10))
    + "\nHeartRate,"
    + ",".join(str(120 + i) for i in range(10))
    + "\n[LapData]\nLap,LapTime,LapDistance\n1,9,27\n[[end]]\n"
)
EXCEL = "".join(
    f"{45413.25 + i / 86_400:.9f}".replace(".", ",") + f";{120 + i};10,8\n" for i in range(10)
)
PROGRAMS = {
    "Polar Flow": POLAR,
    "GoldenCheetah": GOLDEN,
    "Concept2": CONCEPT2 + ten("{i},{i},{d},166.7,200,30,{h}"),
    "Wahoo": WAHOO + ten("{i},0.0,0.0,0.0,0.0,0,{h},400.0,48.0,11.0,{d},1.1,0.0,1,0"),
    "Epson": EPSON,
    "Strava streams": "time,distance,velocity_smooth,heartrate,watts\n".replace(
        "distance", "distance (m)"
    )
    + ten("{i},{d},3.0,{h},200"),
    "FIT tools": "record.timestamp[s],record.heart_rate[bpm],record.distance[m],"
    "record.enhanced_speed[m/s]\n"
    + "".join(f"{1083477600 + i},{120 + i},{3 * i}.0,3.0\n" for i in range(10)),
    "Excel": "sep=;\nZeit;Puls;Geschwindigkeit (km/h)\n" + EXCEL,
    "a preamble": "My watch\nexported by an app\n\nTime;HR;Speed [mph]\n"
    + ten("00:0{i};{h};6,710808876"),
    "tabs and pace": "elapsed\theart rate\tpace (min/mi)\n" + ten("{i}\t{h}\t8:56.448"),
    "unix milliseconds": "timestamp,hr,distance_m\n"
    + "".join(f"{1714543200000 + 1000 * i},{120 + i},{3 * i}\n" for i in range(10)),
    "US dates": "DateTime,HeartRate,Distance (mi)\n"
    + "".join(f"5/13/2024 6:00:0{i} AM,{120 + i},{3 * i / 1609.344:.9f}\n" for i in range(10)),
    "a date that holds the clock": "Datum;HF;Strecke (m)\n" + ten("2024-05-01 06:00:0{i};{h};{d}"),
    "date and clock": "Date,Time,HR (bpm),Distance (yd)\n"
    + "".join(f"2024-05-01,06:00:0{i},{120 + i},{3 * i / 0.9144:.9f}\n" for i in range(10)),
}
DATED = (
    "Polar Flow",
    "FIT tools",
    "Excel",
    "unix milliseconds",
    "date and clock",
    "Wahoo",
    "Epson",
    "a date that holds the clock",
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_table_of_a_program_means_what_it_says(load, program):
    """Ten seconds at 3 m/s with 120 to 129 bpm, whoever wrote them."""
    sessions, streams, notes = load(PROGRAMS[program])
    assert streams["hr_bpm"].tolist() == list(range(120, 130))
    assert sessions["duration_s"].tolist() == [9]
    np.testing.assert_allclose(streams["speed_mps"].iloc[1:], 3.0, rtol=1e-6)
    if streams["distance_m"].notna().any():
        assert sessions["distance_m"].iloc[0] == pytest.approx(27, abs=1e-6)
    assert (sessions["start"].iloc[0] == START) == (program in DATED)
    assert not notes


def test_what_a_program_states_beside_its_samples_is_used(load):
    sessions, streams, _ = load(POLAR)
    assert sessions["sport"].tolist() == ["running"]
    assert streams["cadence_spm"].tolist() == [170] * 10 and streams["altitude_m"].max() == 400
    assert load(CONCEPT2 + ten("{i},{i},{d},166.7,200,30,{h}"))[1]["cadence_spm"].max() == 30


def test_a_pause_of_a_wahoo_is_no_training(load):
    """Its clock stands, its rows go on, with the last place and a heart rate of 0 or an old one."""
    lines = ten("{i},0.0,0.0,0.0,0.0,0,{h},400.0,48.0,11.0,{d},1.1,0.0,1,0").splitlines()
    lines[4] = lines[4].removesuffix("0") + "1"
    _, streams, _ = load(WAHOO + "\n".join(lines) + "\n")
    assert streams["hr_bpm"].dropna().tolist() == [120, 121, 122, 123, 125, 126, 127, 128, 129]


def test_an_epson_whose_channels_end_apart_keeps_all(load):
    text = EPSON.replace(",127,128,129", "")
    _, streams, _ = load(text)
    assert streams["hr_bpm"].count() == 7 and streams["distance_m"].iloc[-1] == 27
    with pytest.raises(Exception, match=r"HeartRate: value 3 is no number"):
        load(EPSON.replace("120,121,122", "120,121,x22"))


@pytest.mark.parametrize(
    ("header", "column", "factor"),
    [
        ("Speed (km/h)", "speed_mps", 1 / 3.6),
        ("speed_kmh", "speed_mps", 1 / 3.6),
        ("VELOCITY [mph]", "speed_mps", 0.44704),
        ("Distance (miles)", "distance_m", 1609.344),
        ("Altitude (ft)", "altitude_m", 0.3048),
        ("position_lat [semicircles]", "lat_deg", 180 / 2**31),
        ("speed", "speed_mps", None),
        ("Distance", "distance_m", None),
        ("hr_bpm", "hr_bpm", 1),
    ],
)
def test_a_header_states_name_and_unit(header, column, factor):
    found = meaning(header)
    assert (found.column, found.factor) == (column, pytest.approx(factor) if factor else factor)


def test_every_alias_has_a_unit_that_its_column_knows():
    for alias, (column, unit) in BY_NAME.items():
        assert not unit or unit in UNITS[column], alias
    assert meaning("wind speed") is None and meaning("note") is None


def test_a_column_without_its_unit_is_not_guessed(load):
    text = "t_s,hr,speed\n" + ten("{i},{h},10.8")
    _, streams, notes = load(text)
    assert streams["speed_mps"].isna().all()
    assert "column 'speed' states no unit" in notes and "speed(m/s)=speed" in notes
    _, streams, notes = load(text, columns="speed_kmh=speed")
    np.testing.assert_allclose(streams["speed_mps"], 3.0)
    assert not notes


def test_the_reader_names_what_no_table_knows(load):
    text = "t_s;Vel(km/h);Pulsschlag\n" + ten("{i};10,8;{h}")
    with pytest.raises(devices.DeviceFileError, match="its columns are 't_s', 'Vel.km/h.', 'Pulss"):
        load(text)
    _, streams, notes = load(text, columns="speed=Vel(km/h), hr=pulsschlag")
    np.testing.assert_allclose(streams["speed_mps"], 3.0)
    assert streams["hr_bpm"].tolist() == list(range(120, 130)) and not notes
    assert "no column 'x'" in load(text, columns="hr=Pulsschlag, speed=x")[2]
    for wrong, reason in (("hr", "is no pair"), ("heat=Puls", "'heat' is no known name")):
        with pytest.raises(devices.DeviceFileError, match=reason):
            load(text, columns=wrong)


def test_a_misspelt_column_is_named(load):
    _, streams, notes = load("t_s,hr_bpm,dixtance_m\n" + ten("{i},{h},{d}"))
    assert "column 'dixtance_m' is not known; did you mean 'distance_m'?" in notes
    assert streams["dixtance_m"].max() == 27  # kept as it is


def test_thousands_and_decimals_are_told_apart(load):
    streams = load("t_s;hr;distance_m\n0;100;999,5\n1;101;1.000,5\n2;102;1.002\n")[1]
    assert streams["distance_m"].tolist() == [999.5, 1000.5, 1002]
    streams = load('t_s,hr,distance_m\n0,100,999.5\n1,101,"1,000.5"\n2,102,"1,002"\n')[1]
    assert streams["distance_m"].tolist() == [999.5, 1000.5, 1002]


def test_a_clock_past_midnight_goes_on(load):
    text = "Time,HR\n23:59:58,100\n23:59:59,101\n00:00:00,102\n00:00:01,103\n"
    sessions, streams, notes = load(text)
    assert streams["hr_bpm"].tolist() == [100, 101, 102, 103]
    assert sessions["start"].isna().all()
    assert "times of day without a date count from the first, 23:59:58" in notes


GARMIN = (
    "Activity Type,Date,Favorite,Title,Distance,Calories,Time,Avg HR,Max HR,Aerobic TE\n"
    'Running,2024-05-01 06:00:00,false,"A, B","5.02","1,024",00:31:40,148,163,3.1\n'
    "Strength Training,2024-05-02 06:00:00,false,Gym,--,250,55:00.5,--,--,--\n"
)


def test_a_list_of_activities_is_sessions_without_streams(load):
    sessions, streams, notes = load(GARMIN)
    assert streams.empty and sessions["sport"].tolist() == ["running", "strength_training"]
    assert sessions["start"].iloc[0] == START
    assert sessions["duration_s"].tolist() == [1900, 3300.5]
    assert sessions[["hr_mean_bpm", "hr_max_bpm", "effect"]].iloc[0].tolist() == [148, 163, 3.1]
    assert sessions["effect_name"].iloc[0] == "device"
    assert sessions["distance_m"].isna().all() and "column 'Distance' states no unit" in notes
    sessions, _, notes = load(GARMIN, columns="distance_km=Distance")
    assert sessions["distance_m"].iloc[0] == 5020 and not notes
    spoilt = GARMIN.replace("2024-05-02 06", "yesterday")
    assert "line 3 left out" in load(spoilt, columns="distance_km=Distance")[2]
    german = (
        "Aktivitätstyp,Datum,Favorit,Titel,Distanz,Kalorien,Zeit,Ø HF,Max. HF\n"
        'Indoor-Radfahren,2024-05-01 06:00:00,false,"x","5,02","412","00:31:40","148","163"\n'
    )
    row = load(german, columns="distance_km=Distanz")[0].iloc[0]
    wanted = ["cycling", 1900, 5020, 148]
    assert row[["sport", "duration_s", "distance_m", "hr_mean_bpm"]].tolist() == wanted


def test_laps_add_up_to_one_session(load):
    text = (
        "Laps,Time,Cumulative Time,Distance km,Avg Pace min/km,Avg HR,Max HR\n"
        "1,5:00.0,5:00.0,1.00,5:00,140,150\n2,10:00.0,15:00.0,1.50,6:40,146,160\n"
        "Summary,15:00,15:00,2.50,6:00,144,160\n"
    )
    sessions, streams, notes = load(text)
    assert sessions[["duration_s", "distance_m"]].iloc[0].tolist() == [900, 2500]
    assert sessions[["hr_mean_bpm", "hr_max_bpm"]].iloc[0].tolist() == [144, 160]
    assert streams.empty and not notes
    assert "summary says 2,000" in load(text.replace("0,2.50", "0,2.00"))[2]


def test_a_logbook_is_a_list_too(load):
    text = (
        "Log ID,Date,Description,Work Time (Seconds),Work Distance,Avg Watts,Avg Heart Rate,Type\n"
        "1,2024-05-01 06:00:00,5000m row,1200.5,5000,200,150,RowErg\n"
    )
    row = load(text)[0].iloc[0]
    assert row[["duration_s", "distance_m", "power_mean_w"]].tolist() == [1200.5, 5000, 200]
