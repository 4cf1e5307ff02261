"""A week as a calendar: a parser of calendars finds each session on its day."""

from datetime import date, timedelta

from icalendar import Calendar

from sportsml_lite.recommend import calendar
from sportsml_lite.recommend.week import PlannedSession, Week

MONDAY = date(2026, 3, 2)
SESSIONS = (
    PlannedSession(1, "intervals", 50),
    PlannedSession(1, "easy", 30),
    PlannedSession(5, "long", 90),
)


def events(data):
    return [part for part in Calendar.from_ical(data).walk() if part.name == "VEVENT"]


def made(note="Caveat; a, b\nsecond line"):
    week = Week("as usual", SESSIONS)
    return calendar.ics(week, "running", MONDAY, date(2026, 3, 1), 190.0, note)


def test_each_session_is_an_event_of_its_day():
    found = events(made())
    assert [event.decoded("dtstart") for event in found] == [
        MONDAY + timedelta(days=session.day) for session in SESSIONS
    ]
    assert all(e.decoded("dtend") - e.decoded("dtstart") == timedelta(days=1) for e in found)
    assert found[2]["summary"] == "running: long, 90 min"
    assert str(found[0]["description"]).splitlines() == [
        "10 min zone 1–2, 114–156 bpm",
        "5 × (4 min zone 4–5, 165–184 bpm; 3 min zone 1, 114–137 bpm)",
        "5 min zone 1, 114–137 bpm",
        "Caveat; a, b",
        "second line",
    ]


def test_events_are_told_apart_and_the_same_each_time():
    assert made() == made()
    assert len({event["uid"] for event in events(made())}) == len(SESSIONS)
    assert [e["uid"] for e in events(made())] == [e["uid"] for e in events(made("other"))]


def test_lines_are_those_of_the_standard():
    lines = made().split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR" and lines[-1] == b""
    assert all(len(line) <= 75 and b"\n" not in line for line in lines)


def test_a_week_of_rest_is_an_empty_calendar():
    data = calendar.ics(Week("rest", ()), "running", MONDAY, MONDAY, 190.0, "")
    assert Calendar.from_ical(data).name == "VCALENDAR" and events(data) == []
