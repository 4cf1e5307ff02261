"""A planned week as an iCalendar file (RFC 5545), which every calendar opens."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sportsml_lite.recommend.week import PlannedSession, Week
from sportsml_lite.recommend.workout import described

PRODUCT = "-//sportsml_lite//a planned week//EN"


def day_of(session: PlannedSession, monday: date) -> date:
    """The date of a session in the week that begins on a Monday."""
    return monday + timedelta(days=session.day)


def ics(week: Week, sport: str, monday: date, made: date, hr_max_bpm: float, note: str) -> bytes:
    """One event a session; equal input gives equal bytes.

    Files of a watch say when a session was in UTC and not where, so that no hour of the day is
    planned: an event is of a whole day, and does not make its owner busy. The identifier of an
    event is its day and place in it: a week planned anew replaces the old one in a calendar.

    Parameters
    ----------
    week, sport : what is planned
    monday : first day of the week
    made : day of planning
    hr_max_bpm : NaN gives targets in per cent
    note : is added to every description
    """
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    stamp = datetime.combine(made, time(), UTC)
    for place, session in enumerate(week.sessions):
        day = day_of(session, monday)
        before = sum(other.day == session.day for other in week.sessions[:place])
        what = [*described(session, hr_max_bpm), note]
        calendar.add_component(_event(session, sport, day, f"{day}-{before}", stamp, what))
    return calendar.to_ical()


def _event(session, sport, day, name, stamp, what):
    from icalendar import Event

    event = Event()
    event.add("uid", f"{name}@sportsml_lite")
    event.add("dtstamp", stamp)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("summary", f"{sport}: {session.kind}, {session.minutes} min")
    event.add("description", "\n".join(what))
    event.add("transp", "TRANSPARENT")
    return event
