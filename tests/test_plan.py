"""`sportsml plan` as a user types it: a week with its files, and every odd folder in one line."""

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import fitdecode
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from garmin_fit_sdk import FIT_EPOCH_S, Encoder, Profile
from icalendar import Calendar

from sportsml_lite.cli import main
from sportsml_lite.collect import devices
from sportsml_lite.collect.datasets import own_files
from sportsml_lite.publish import plan as planning
from sportsml_lite.publish import plan_files
from sportsml_lite.recommend import rank, workout
from sportsml_lite.recommend.week import Person, PlannedSession, Week, Wishes
from sportsml_lite.simulate import simulate

TODAY = "2024-03-04"  # a Monday, the day after the last of the simulated weeks
DAYS, LAST = 63, 26


@pytest.fixture(scope="module")
def sim():
    return simulate(2, DAYS, seed=3)


@pytest.fixture(scope="module", autouse=True)
def clone(tmp_path_factory):
    """Cached tables and plans lie in a folder of these tests."""
    home = tmp_path_factory.mktemp("clone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_files, "project_root", lambda: home)
        patch.setattr(plan_files, "project_root", lambda: home)
        yield home


def write(folder, sim, athlete=0, count=LAST, **changed):
    """The last sessions of a simulated athlete as FIT files, a row a minute."""
    mine = sim.sessions[sim.sessions["athlete_id"] == f"a{athlete:05d}"].tail(count)
    streams = sim.streams(mine["session_id"])
    streams = streams[streams["t_s"] % 60 == 0]
    folder.mkdir(parents=True, exist_ok=True)
    for _, session in mine.assign(**changed).iterrows():
        own = streams[streams["session_id"] == session["session_id"]]
        devices.write_fit(folder / f"{session['session_id']}.fit", session, own)
    return folder


@pytest.fixture(scope="module")
def runs(sim, tmp_path_factory):
    return write(tmp_path_factory.mktemp("home") / "my runs", sim, effect_name="device")


def plan(*words):
    """The command within this process; what is no plain error breaks."""
    done = CliRunner().invoke(main, ["plan", *map(str, words)], prog_name="sportsml")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def planned(folder, out, *words):
    done = plan(folder, "--today", TODAY, "--out", out, *words)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def sessions_of(out):
    """Day and summary of the calendar's events."""
    events = Calendar.from_ical((out / "week.ics").read_bytes()).walk("VEVENT")
    return [(event.decoded("dtstart"), str(event["summary"])) for event in events]


@pytest.fixture(scope="module")
def made(runs, tmp_path_factory):
    """What was printed of one plan, and its folder."""
    out = tmp_path_factory.mktemp("plans") / "out"
    return planned(runs, out), out


# --- what is written ------------------------------------------------------------------------------


def test_a_week_is_told_and_written(made):
    said, out = made
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*"))
    assert {"page.html", "week.ics"} < set(names)
    events = sessions_of(out)
    assert events and all("2024-03-04" <= str(day) <= "2024-03-10" for day, _ in events)
    assert sum(name.endswith(".fit") for name in names) == len(events)
    for day, summary in events:  # table, calendar and workouts say the same
        kind, minutes = re.fullmatch(r"running: (\w+), (\d+) min", summary).groups()
        assert f"workouts/{day}_{kind}_{minutes}min.fit" in names
        assert re.search(rf"{day} +{kind} +{minutes} ", said)
    assert planning.CAVEAT in said and planning.MODEL in said
    assert "maximal heart rate of" in said and "--hr-max" in said


def test_every_workout_is_what_was_planned_by_a_second_decoder(made):
    for path in (made[1] / "workouts").glob("*.fit"):
        minutes = int(re.search(r"_(\d+)min", path.name)[1])
        data = path.read_bytes()
        assert sum(to.seconds for to in workout.read_fit(data)) == 60 * minutes
        with fitdecode.FitReader(io.BytesIO(data), check_crc=fitdecode.CrcCheck.RAISE) as reader:
            frames = [f for f in reader if isinstance(f, fitdecode.FitDataMessage)]
        assert [f.name for f in frames[:2]] == ["file_id", "workout"]
        assert frames[0].get_value("type") == "workout"
        assert frames[1].get_value("num_valid_steps") == len(frames) - 2


def test_the_page_needs_nothing_else(made):
    out = made[1]
    text = (out / "page.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!data:|workouts/|week\.ics)', text)
    assert "http" not in re.sub(r"base64,[^\"]*", "", text) and "prefers-color-scheme" in text
    for link in re.findall(r'href="([^"]+)"', text):
        assert (out / link).is_file()
    assert text.index(planning.CAVEAT) < text.index("The week")
    assert "Refused" in text and re.search(r'<img alt="[^"]{20,}"', text)


def test_equal_input_gives_equal_files_and_nothing_is_overwritten(made, runs, tmp_path):
    out, again = made[1], tmp_path / "again"
    planned(runs, again)
    files = [path.relative_to(out) for path in out.rglob("*") if path.is_file()]
    assert files
    for name in files:
        assert (out / name).read_bytes() == (again / name).read_bytes()
    (again / "page.html").write_text("mine")
    done = plan(runs, "--today", TODAY, "--out", again)
    assert done.exit_code == 2 and "exists already" in done.stderr
    assert (again / "page.html").read_text() == "mine"


def test_without_a_place_it_lies_in_runs_and_no_name_breaks_the_page(runs, clone):
    done = plan(runs, "--today", TODAY, "--athlete", "<script>alert(1)</script> & Co")
    assert done.exit_code == 0
    page = clone / "runs" / f"plan-my runs-{TODAY}" / "page.html"
    assert "<script>" not in page.read_text(encoding="utf-8")
    assert plan(runs, "--today", TODAY).exit_code == 2  # it is there already


def test_the_device_effect_is_the_devices_and_no_gain(made):
    said, out = made
    assert "your device's training effect" in said
    page = (out / "page.html").read_text(encoding="utf-8")
    if "device effect" in said.splitlines()[2]:
        assert "no gain of fitness" in page
    else:
        assert "No training effect is expected for single sessions" in page


def test_a_place_that_cannot_be_written_is_one_line(runs, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = plan(runs, "--today", TODAY, "--out", tmp_path / "file" / "x")
    assert done.exit_code == 2 and "name another folder (--out)" in done.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_under_an_injury_the_gentlest_week_comes_first():
    minutes = {"more": 60, "as usual": 40, "less": 20, "none": 0}
    weeks = [Week(n, (PlannedSession(1, "easy", m),) if m else ()) for n, m in minutes.items()]
    found = rank.rank(weeks, [3.0, 0.0, 1.0, -1.0], np.eye(4))
    gentle = planning._gentlest(found)
    assert [week.name for week in gentle.weeks] == ["as usual", "none", "less", "more"]
    assert gentle.mean.tolist() == [0.0, -1.0, 1.0, 3.0]
    order = [found.weeks.index(week) for week in gentle.weeks]
    np.testing.assert_array_equal(gentle.low, found.low[order])


def test_a_large_step_is_refused():
    recent = (60.0, 40.0, 0.0, 0.0, 0.0)
    about = SimpleNamespace(recent_min_week=recent)

    def told(kind, minutes):
        return planning._step(Week("x", (PlannedSession(1, kind, minutes),)), about)

    assert told("easy", 100) == told("easy", 114) == ""
    assert "120 min after 100 a week, 0 of them hard" in told("easy", 120)
    assert "20 of them hard (zones 3 to 5) after 0" in told("intervals", 50)
    empty = SimpleNamespace(recent_min_week=(0.0,) * 5)
    assert planning._step(Week("x", (PlannedSession(1, "easy", 20),)), empty) == ""


def test_no_plan_takes_a_large_step_where_another_week_is_left():
    nan = float("nan")
    recent = (130.0, 60.0, 30.0, 12.0, 8.0)
    about = Person("running", "m", 35, 70, 50, 185, nan, recent, recent, 4.0, 90, nan, nan)
    found = planning._ranked(about, Wishes())
    assert all(not planning._step(week, about) for week in found.weeks)
    reasons = {one.week.name: one.reasons for one in found.refused}
    assert any("simulated athletes only" in why for why in reasons["more and easier"])


# --- what is wished for --------------------------------------------------------------------------


def test_days_minutes_and_rest_are_kept(runs, tmp_path):
    wished = ("--days", "tue,thu,sun", "--minutes", "120", "--rest-days", "5", "--goal", "recover")
    planned(runs, tmp_path / "out", *wished)
    events = sessions_of(tmp_path / "out")
    assert len(events) <= 2 and {day.weekday() for day, _ in events} <= {1, 3, 6}
    assert sum(int(re.search(r"(\d+) min", what)[1]) for _, what in events) <= 120


@pytest.mark.parametrize("injury", ["returning", "injured"])
def test_an_injury_lowers_the_cap_and_sends_to_a_professional(runs, tmp_path, injury):
    said = planned(runs, tmp_path / "out", "--injury", injury)
    page = (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    longest = float(re.search(r"longest of 30 days (\d+) min", said)[1])
    cap = {"returning": 1.05, "injured": 0.5}[injury] * longest
    events = sessions_of(tmp_path / "out")
    assert all(float(re.search(r"(\d+) min", what)[1]) <= cap for _, what in events)
    assert not any("intervals" in what or "tempo" in what for _, what in events)
    assert planning.UNLED in said and planning.UNLED in page
    assert events or injury == "injured"  # who asks for none gets none, and the advice
    calendar_text = (tmp_path / "out" / "week.ics").read_text().replace("\n ", "")  # unfolded
    assert "doctor" in said and "doctor" in page
    assert not events or calendar_text.count("doctor") == len(events)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--rest-days", "7"], "seven days of rest leave no week to plan"),
        (["--goal", "glory"], "goal = 'glory': choose one of fitness, maintain, recover"),
        (["--injury", "bad"], "injury = 'bad'"),
        (["--days", "moonday"], "'moonday' is no day of the week"),
        (["--days", ","], "no day is named"),
        (["--minutes", "5"], "minutes"),
        (["--minutes", "-5"], "give 0 (no bound)"),
        (["--minutes", "lots"], "not a valid float"),
        (["--minutes", "60", "--goal", "maintain"], "no week keeps to all rules"),
        (["--hr-max", "20"], "give 100 to 240 bpm"),
        (["--sport", "chess"], "sport 'chess': choose one of"),
        (["--sport", "cycling"], "0 cycling sessions"),
        (["--today", "tomorrow"], "is no date; write it as YYYY-MM-DD"),
        (["--today", "1999-01-01"], "name a later day"),
        (["--today", "2024-01-14"], "a week is planned from at least 4"),
        (["--today", "2025-01-01"], "--injury returning for a gentle start"),
    ],
)
def test_wishes_that_cannot_be_are_one_line_and_nothing_is_written(runs, tmp_path, words, what):
    days = [] if "--today" in words else ["--today", TODAY]
    done = plan(runs, *days, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2 and what in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 or "Usage" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_minutes_that_are_no_number_are_no_traceback(runs, tmp_path):
    assert plan(runs, "--minutes", "nan", "--out", tmp_path / "out").exit_code == 2


# --- odd folders ---------------------------------------------------------------------------------


def refused(folder, *words):
    done = plan(folder, *words, "--out", folder.parent / "out")
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1, done.output
    assert not (folder.parent / "out").exists()
    return done.stderr


def test_one_ride_is_too_few(sim, tmp_path):
    folder = write(tmp_path / "one", sim, count=1)
    assert "a week is planned from at least 4" in refused(folder, "--today", TODAY)


def test_old_rides_are_no_habit_unless_somebody_returns(runs, tmp_path):
    said = refused(Path(shutil.copytree(runs, tmp_path / "copy")), "--today", "2024-06-01")
    assert "no running session in the 28 days before 2024-06-01" in said
    out = tmp_path / "back"
    words = ("--today", "2024-06-01", "--injury", "returning", "--out", out)
    done = plan(runs, *words)
    assert done.exit_code == 0, done.stderr
    assert "The last month is empty" in done.stdout
    assert all(int(re.search(r"(\d+) min", what)[1]) <= 20 for _, what in sessions_of(out))


def test_rides_of_the_future_are_named(sim, tmp_path):
    start = pd.Timestamp("2100-01-01T08:00:00Z")
    folder = write(tmp_path / "future", sim, count=1, start=start)
    said = refused(folder)
    assert "2100-01-01" in said and "wrong clock" in said


def of_device(path, serial, start):
    """A run of 40 minutes that a watch with a serial number wrote, a row a minute."""
    encoder, number = Encoder(), Profile["mesg_num"]
    begin = int(pd.Timestamp(start).timestamp()) - FIT_EPOCH_S
    messages = [
        ("FILE_ID", {"type": "activity", "manufacturer": "garmin", "serial_number": serial})
    ]
    messages += [("RECORD", {"timestamp": begin + 60 * i, "heart_rate": 140}) for i in range(41)]
    messages.append(("SESSION", {"start_time": begin, "timestamp": begin + 2400, "sport": "running",
                                 "total_timer_time": 2400.0}))  # fmt: skip
    for name, fields in messages:
        encoder.write_mesg({"mesg_num": number[name], **fields})
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encoder.close())


def test_two_devices_are_asked_about_and_the_answer_is_taken(tmp_path):
    for i in range(6):
        start = f"2024-02-{18 + 2 * i:02d}T06:00:00Z"
        of_device(tmp_path / "mine" / f"{i}.fit", 7 if i < 3 else 8, start)
    said = refused(tmp_path / "mine", "--today", TODAY)
    assert "may hold files of several people" in said and "--athlete NAME" in said
    assert "no. 7: 3 of running, highest heart rate 140 bpm" in said
    assert planned(tmp_path / "mine", tmp_path / "out", "--athlete", "Ana").startswith("Ana,")


def test_later_sessions_have_not_happened_on_a_day_that_is_named(runs, tmp_path):
    done = plan(runs, "--today", "2024-02-19", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert re.search(r"sessions after 2024-02-19: \d+", done.stdout)
    assert all(str(day) >= "2024-02-19" for day, _ in sessions_of(tmp_path / "out"))


def test_two_people_are_asked_about_and_a_broken_file_is_told(sim, tmp_path):
    for athlete in (0, 1):
        write(tmp_path / "two" / f"p{athlete}", sim, athlete, count=6)
    (tmp_path / "two" / "p1" / "broken.fit").write_bytes(b"no FIT file")
    said = refused(tmp_path / "two", "--today", TODAY)
    assert "2 people (p0, p1); choose one with --athlete NAME" in said
    said = planned(tmp_path / "two", tmp_path / "out", "--athlete", "p1")
    assert said.startswith("p1, running") and "broken.fit" in said


@pytest.mark.parametrize("content", [None, b"no FIT file"])
def test_a_folder_without_readable_files_says_so(tmp_path, content):
    folder = tmp_path / "empty"
    folder.mkdir()
    if content:
        (folder / "a.fit").write_bytes(content)
    assert "empty" in refused(folder)


def test_a_folder_that_is_none_is_no_traceback(tmp_path):
    done = plan(tmp_path / "nowhere")
    assert done.exit_code == 2 and "does not exist" in done.stderr


def test_tables_give_rides_files_for_the_trainer(tmp_path):
    sessions = pd.DataFrame({
        "session_id": [f"s{i}" for i in range(8)], "athlete_id": "Ana", "sport": "cycling",
        "start": pd.date_range("2024-02-08T17:00:00Z", periods=8, freq="3D"),
        "duration_s": 3600.0, "hr_mean_bpm": 140.0, "hr_max_bpm": 180.0,
    })  # fmt: skip
    (tmp_path / "tables").mkdir()
    sessions.to_csv(tmp_path / "tables" / "sessions.csv", index=False)
    said = planned(tmp_path / "tables", tmp_path / "out")
    assert said.startswith("Ana, cycling") and "only a mean heart rate" in said
    found = {p.suffix for p in (tmp_path / "out" / "workouts").iterdir()}
    assert found == {".fit", ".zwo"}


def test_without_a_heart_rate_steps_are_in_per_cent(tmp_path):
    sessions = pd.DataFrame({
        "session_id": [f"s{i}" for i in range(8)], "athlete_id": "Ana", "sport": "running",
        "start": pd.date_range("2024-02-08T17:00:00Z", periods=8, freq="3D"),
        "duration_s": 3600.0, "distance_m": 10_000.0,
    })  # fmt: skip
    (tmp_path / "tables").mkdir()
    sessions.to_csv(tmp_path / "tables" / "sessions.csv", index=False)
    said = planned(tmp_path / "tables", tmp_path / "out")
    assert "No heart rate is in these files" in said and "% of the maximal heart rate" in said


def test_real_files_are_too_few(data_folder, tmp_path):
    """A ride of 2019 and a marathon of 2025 are no habit; several devices wrote them."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("18360138543_ACTIVITY_Osaka_Marathon_2025.fit", "4078723797.fit"):
        shutil.copy(data_folder("device_files") / name, folder)
    done = plan(folder, "--today", "2025-02-28", "--out", tmp_path / "out")
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert "1 running session in the 6 weeks before 2025-02-28 (of 1, the last of" in done.stderr
    assert list(tmp_path.iterdir()) == [folder]


def test_the_command_itself_ends_with_code_2(tmp_path):
    command = [str(Path(sys.executable).with_name("sportsml")), "plan", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "holds no" in done.stderr
