"""Faults met in files of real watches and apps: the right value, or one line that names them.

The small synthetic files of ``tests/cases`` hold one fault each; their right values were checked
with other decoders.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sportsml_lite import schema
from sportsml_lite.collect import devices

CASES = Path(__file__).parent / "cases"
START = pd.Timestamp("2024-05-01T06:00:00Z")
NAN = float("nan")


def read(name):
    """Sessions, Streams and the notes on one case."""
    return opened(CASES / name)


def opened(path):
    sessions, streams, problems = devices.read(path)
    for frame, table in ((sessions, "sessions"), (streams, "streams")):
        pd.testing.assert_frame_equal(frame, schema.conform(frame, table))
    assert problems["read"].all()
    return sessions, streams, " | ".join(problems["reason"])


@pytest.fixture
def load(tmp_path):
    """``load(name, text)``: a file written for the test, read."""

    def write_and_read(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return opened(path)

    return write_and_read


def refusal(load, name, content):
    with pytest.raises(devices.DeviceFileError) as caught:
        load(name, content)
    text = str(caught.value)
    assert text.startswith(f"{name}: ") and "\n" not in text and "cannot be read (" not in text
    return text


@pytest.mark.parametrize(
    ("name", "seconds", "metres", "bpm", "rows", "note"),
    [
        ("gpx_times_jitter.gpx", 9, 27.02, NAN, 10, "4 steps of time go backward"),
        ("gpx_untimed_between.gpx", 8, 239.96, NAN, 9, "7 of 9 points have no time"),
        ("gpx_unbound_prefix.gpx", 9, 27.02, 120, 10, ""),
        ("tcx_bom_then_spaces.tcx", 9, 27, 124.5, 10, ""),
        ("tcx_decimal_comma.tcx", 9, 31.5, 124.5, 10, ""),
        ("tcx_lap_says_zero_metres.tcx", 9, 27, 124.5, 10, "laps state 0 m, points reach 27 m"),
        ("tcx_times_not_iso.tcx", 9, 27, 124.5, 10, ""),
        ("csv_excel_serial_time.csv", 9, NAN, 124.5, 10, ""),
    ],
)
def test_a_case_gives_its_right_values(name, seconds, metres, bpm, rows, note):
    sessions, streams, notes = read(name)
    row = sessions.iloc[0]
    assert (row["start"], row["duration_s"], len(streams)) == (START, seconds, rows)
    assert row["distance_m"] == pytest.approx(metres, abs=0.01, nan_ok=True)
    assert row["hr_mean_bpm"] == pytest.approx(bpm, nan_ok=True)
    assert note in notes and bool(note) == bool(notes)


def test_the_line_that_excel_puts_first_is_skipped():
    sessions, streams, notes = read("csv_excel_sep_line.csv")
    assert (len(streams), sessions["hr_mean_bpm"].iloc[0], notes) == (10, 124.5, "")
    assert streams["speed_mps"].tolist() == [3] * 10


def test_cadence_counts_what_the_sport_counts():
    steps = read("tcx_cadence_already_steps.tcx")[1]["cadence_spm"]
    assert (steps.median(), steps.max()) == (118, 176)
    turns = read("tcx_cadence_255.tcx")[1]["cadence_rpm"]
    assert turns.dropna().tolist() == [85] * 5  # 255 means "not measured"
    sessions, streams, _ = read("gpx_strava_type_17.gpx")
    assert sessions["sport"].tolist() == ["cycling"]
    assert streams["cadence_rpm"].tolist() == [85] * 10


def test_every_session_has_seven_days_of_its_own():
    sessions, streams, notes = read("gpx_two_four_day_tracks.gpx")
    assert sessions["duration_s"].tolist() == [4 * 86_400] * 2
    assert sessions["distance_m"].tolist() == pytest.approx([10_007.56] * 2, abs=0.01)
    assert len(streams) == 2 * (4 * 86_400 + 1) and not notes


def case(name):
    return (CASES / name).read_text()


JITTER, RUN = "gpx_times_jitter.gpx", "tcx_bom_then_spaces.tcx"


def run(sport="Running", keep=lambda text: text):
    """The sound run of ten seconds, as TCX."""
    return keep(case(RUN).lstrip("\ufeff ").replace('Sport="Running"', f'Sport="{sport}"'))


def track(*points, sport="running"):
    """GPX of (time or None, latitude) pairs."""

    def fix(time, lat):
        clock = "" if time is None else f"<time>{time}</time>"
        return f'<trkpt lat="{lat}" lon="11.0">{clock}</trkpt>'

    inner = "".join(fix(*point) for point in points)
    return f"<gpx><trk><type>{sport}</type><trkseg>{inner}</trkseg></trk></gpx>"


def clock(second):
    return (START + pd.Timedelta(seconds=second)).isoformat()


@pytest.mark.parametrize(
    "data",
    [
        run().encode("utf-16"),  # says UTF-8
        run().replace('"UTF-8"', '"utf-16"').encode(),  # says UTF-16
        run().replace('<?xml version="1.0" encoding="UTF-8"?>', "").encode("utf-16-le"),
        run().encode("utf-16-be"),
        b"\xef\xbb\xbf\r\n \r\n" + run().encode(),
        run().encode() + bytes(4096),  # blocks that a crash left empty
        run(keep=lambda t: t.replace("<Lap ", '<Lap xsi:nil="0" ')).encode(),  # xsi not declared
        run(keep=lambda t: t.replace("Trackpoint>", "gt:Trackpoint>")).encode(),
    ],
)
def test_one_run_however_its_text_is_stored(load, data):
    sessions, streams, notes = load("x.tcx", data)
    assert sessions[["duration_s", "distance_m", "hr_mean_bpm"]].iloc[0].tolist() == [9, 27, 124.5]
    assert len(streams) == 10 and not notes


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("2024/05/01 06:00:0{}", START),
        ("2024-5-1 6:00:0{}", START),
        ("01.05.2024 06:00:0{}", START),
        ("13/05/2024 06:00:0{}", START + pd.Timedelta(days=12)),
        ("05/13/2024 06:00:0{}", START + pd.Timedelta(days=12)),
        ("05/05/2024 06:00:0{}", START + pd.Timedelta(days=4)),
        ("5/13/2024 6:00:0{} PM", START + pd.Timedelta(days=12, hours=12)),
        ("May 1, 2024, 6:00:0{} AM", START),
        ("2024-05-01T08:00:0{},000+02:00", START),
    ],
)
@pytest.mark.parametrize("suffix", ["gpx", "csv"])
def test_times_in_other_forms_than_iso(load, suffix, written, first):
    if suffix == "gpx":
        text = track(*((written.format(i), 48) for i in range(3)))
    else:
        text = "time;hr_bpm\n" + "".join(f"{written.format(i)};100\n" for i in range(3))
    sessions, streams, notes = load(f"x.{suffix}", text)
    assert sessions["start"].tolist() == [first] and len(streams) == 3 and not notes


@pytest.mark.parametrize("suffix", ["gpx", "csv"])
def test_a_date_that_may_be_two_is_refused(load, suffix):
    times = [f"05/04/2024 06:00:0{i}" for i in range(3)]
    text = track(*((t, 48) for t in times))
    if suffix == "csv":
        text = "time,hr_bpm\n" + "".join(f"{t},100\n" for t in times)
    where = {"gpx": "point 1", "csv": "line 2"}[suffix]
    assert f"{where}: the date '05/04/2024 06:00:00'" in refusal(load, f"x.{suffix}", text)
    sessions = load("x.tcx", run(keep=lambda t: t.replace("Time>2024-05-01T", "Time>05/01/2024 ")))
    assert sessions[0]["start"].tolist() == [START]  # the stated start tells the two apart


def test_a_time_that_cannot_be_read_is_named(load):
    text = run(keep=lambda t: t.replace("<Time>2024-05-01T06:00:04Z", "<Time>2024-05-01Tx6:00:04Z"))
    _, streams, notes = load("x.tcx", text)
    assert "time of 1 of 10 points is not a time ('2024-05-01Tx6:00:04Z' at point 5)" in notes
    assert streams["hr_bpm"].notna().sum() == 9
    text = run(keep=lambda t: t.replace("<Time>2024", "<Time>noon"))
    assert "time of 10 of 10 points is not a time" in refusal(load, "x.tcx", text)
    text = run(keep=lambda t: t.replace("<Value>124", "<Value>12h"))
    assert "hr_bpm of 1 of 10 points is not a number ('12h' at point 5)" in load("x.tcx", text)[2]


def test_a_clock_that_was_days_off_for_a_few_points_is_named(load):
    early = [("2024-04-17T06:00:00Z", 48.5), ("2024-04-17T06:00:01Z", 48.5)]
    text = track(*early, *((clock(i), 48 + i * 2.7e-5) for i in range(10)))
    sessions, streams, notes = load("x.gpx", text)
    assert "2 of 12 points, 14 days away at 2024-04-17 06:00:00, left out" in notes
    assert sessions["distance_m"].iloc[0] == pytest.approx(27.02, abs=0.01) and len(streams) == 10


def test_the_newest_first_is_an_order_too(load):
    text = track(*((clock(9 - i), 48 + i * 2.7e-5) for i in range(10)))
    sessions, _, notes = load("x.gpx", text)
    assert sessions["distance_m"].iloc[0] == pytest.approx(27.02, abs=0.01) and not notes


def test_points_out_of_order_are_sorted_and_counted(load):
    """Two pieces of a track in the wrong order: in order of time the way is shorter."""
    seconds = [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
    sessions, streams, notes = load("x.gpx", track(*((clock(t), 48 + t * 2.7e-5) for t in seconds)))
    assert sessions["distance_m"].iloc[0] == pytest.approx(27.02, abs=0.01)
    assert "1 step of time goes backward; points were put in order of time" in notes
    assert streams["lat_deg"].is_monotonic_increasing


def test_a_position_that_nobody_can_reach_is_left_out_and_named(load):
    lat = [48 + i * 2.7e-5 for i in range(10)]
    lat[4] = 49
    sessions, _, notes = load("x.gpx", track(*((clock(i), lat[i]) for i in range(10))))
    assert "positions that cannot be right left out: 1, the first at 2024-05-01 06:00:04" in notes
    assert sessions["distance_m"].iloc[0] == pytest.approx(27.02, abs=0.01)
    lat[4:] = [49 + i * 2.7e-5 for i in range(6)]  # a leap that stays: kept, and named
    sessions, _, notes = load("x.gpx", track(*((clock(i), lat[i]) for i in range(10))))
    assert "distance leaps by 111,186 m in 1 s at 2024-05-01 06:00:04" in notes
    assert sessions["distance_m"].iloc[0] > 111_000


@pytest.mark.parametrize(
    ("was", "now", "note"),
    [
        (
            "<DistanceMeters>27</DistanceMeters><Track>",
            "<DistanceMeters>72</DistanceMeters><Track>",
            "laps state 72 m, points reach 27 m",
        ),
        ("<TotalTimeSeconds>9<", "<TotalTimeSeconds>99<", "laps state 99 s, points span 9 s"),
        ("<TotalTimeSeconds>9<", "<TotalTimeSeconds>1<", "laps state 1 s, points span 9 s"),
    ],
)
def test_laps_that_the_points_contradict_are_named(load, was, now, note):
    assert was in run()
    assert note in load("x.tcx", run(keep=lambda t: t.replace(was, now)))[2]


def test_what_is_broken_beside_something_good_is_left_out_and_named(load):
    empty = '<Activity Sport="Biking"></Activity>'
    text = run(keep=lambda t: t.replace("</Activities>", f"{empty}</Activities>"))
    sessions, _, notes = load("x.tcx", text)
    assert sessions["session_id"].tolist() == ["x.tcx"]
    assert "activity 2 left out: an activity has no trackpoints and no laps" in notes
    good = track((clock(0), 48), (clock(1), 48.00002))
    text = good.replace("<trk>", "<trk/><trk><trkseg><trkpt lat='1' lon='1'/></trkseg></trk><trk>")
    sessions, _, notes = load("x.gpx", text)
    assert len(sessions) == 1
    assert "track 1 left out: it holds no track points" in notes
    assert "track 2 left out: its points have no time" in notes


def test_a_session_of_weeks_beside_a_good_one_is_left_out_and_named(load):
    good, weeks = track((clock(0), 48), (clock(1), 48)), track((clock(0), 48), (clock(9e5), 48))
    text = good.replace("</gpx>", "") + weeks.removeprefix("<gpx>")
    sessions, streams, notes = load("x.gpx", text)
    assert sessions["session_id"].tolist() == ["x.gpx#1"] and len(streams) == 2
    assert "session 2: its points fill more than 7 days" in notes and "left out" in notes


@pytest.mark.parametrize(
    ("sport", "given", "steps"),
    [
        ("running", [85] * 10, 170),
        ("running", [118] * 6 + [176] * 4, 118),
        ("running", [85] * 19 + [140], 170),  # a sprint among strides
        ("walking", [55] * 10, 110),
        ("walking", [110] * 10, 110),
        ("walking", [55] * 8 + [80] * 2, 110),  # jogs a little
    ],
)
@pytest.mark.parametrize("suffix", ["gpx", "tcx"])
def test_strides_are_doubled_and_steps_are_not(load, suffix, sport, given, steps):
    if suffix == "gpx":
        text = track(*((clock(i), 48) for i in range(len(given))), sport=sport)
        tag, close = "cad", "</trkpt>"
    else:
        points = "".join(
            f"<Trackpoint><Time>{clock(i)}</Time></Trackpoint>" for i in range(len(given))
        )
        text = (
            "<TrainingCenterDatabase><Activities>"
            f'<Activity Sport="{sport}"><Lap StartTime="{clock(0)}"><Track>{points}</Track></Lap>'
            "</Activity></Activities></TrainingCenterDatabase>"
        )
        tag, close = "Cadence", "</Trackpoint>"
    pieces = text.split(close)
    text = "".join(
        f"{piece}<{tag}>{value}</{tag}>{close}" for piece, value in zip(pieces, given, strict=False)
    )
    assert load(f"x.{suffix}", text + pieces[-1])[1]["cadence_spm"].median() == steps


def test_what_was_left_out_is_warned_of_where_there_is_no_table():
    with pytest.warns(UserWarning, match=r"gpx_times_jitter\.gpx: 4 steps of time go backward"):
        _, streams = devices.read_file(CASES / "gpx_times_jitter.gpx")
    np.testing.assert_allclose(streams["distance_m"].diff().dropna(), 3.0, atol=0.01)


@pytest.mark.parametrize(
    ("name", "text", "column", "values"),
    [
        (
            "x.gpx",
            track(*((clock(i), 48) for i in range(3)), sport="cycling")
            .replace('lat="48"', 'lat="48,5"')
            .replace("</trkpt>", "<cad>85</cad></trkpt>", 2)
            .replace("</trkpt></trkseg>", "<cad>255</cad></trkpt></trkseg>"),
            "cadence_rpm",
            [85, 85, NAN],
        ),
        ("x.csv", "t_s;cadence_rpm;lat_deg\n0;85;48,5\n1;255;48,5\n", "cadence_rpm", [85, NAN]),
        ("x.csv", "t_s,hr,lat_deg\n0,255,48.5\n1,90,48.5\n", "hr_bpm", [NAN, 90]),
    ],
)
def test_not_measured_and_decimal_commas_in_every_format(load, name, text, column, values):
    _, streams, notes = load(name, text)
    np.testing.assert_array_equal(streams[column], values)
    assert streams["lat_deg"].tolist() == [48.5] * len(values) and not notes


@pytest.mark.parametrize(
    ("sport", "given", "steps"), [("running", 85, 170), ("running", 170, 170), ("walking", 55, 110)]
)
def test_a_cadence_without_a_unit_counts_what_it_can(load, sport, given, steps):
    streams = load("x.csv", f"t_s,sport,cadence\n0,{sport},{given}\n1,,{given}\n")[1]
    assert streams["cadence_spm"].tolist() == [steps] * 2
