"""A week for the owner of a folder of device files: what is planned, told, and written.

What a week is expected to bring comes from a model of simulated athletes, which is said wherever a
number of it stands. The rules come first: no week that breaks one is written, whatever the model
expects of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import own_files, own_tables
from sportsml_lite.collect.datasets.dataset import DataSet, folder_name, in_words
from sportsml_lite.errors import Failed, UserError
from sportsml_lite.paths import project_root
from sportsml_lite.recommend import calendar, person, rules, wearer, workout
from sportsml_lite.recommend.rank import Ranking
from sportsml_lite.recommend.week import DAYS, PlannedSession, Week, Wishes
from sportsml_lite.studies import own_week

LOOKED_D = 84  # files of so many days before the last session say who wore which device
CAVEAT = (
    "What a week is expected to bring comes from a model of simulated athletes. It has seen no "
    "real person, proves nothing about you and claims no effect."
)
PAGE, CALENDAR = "page.html", "week.ics"


@dataclass(frozen=True)
class Asked:
    """Who asks for a week, beside the wishes.

    athlete : name, chosen or given; sport : '' is the one with most minutes; hr_max_bpm : NaN takes
    the profile's, or by age, or the highest seen; today : day of planning; replayed : that it was
    named, so that later sessions are no mistake but have not happened yet
    """

    today: date
    replayed: bool = False
    athlete: str = ""
    sport: str = ""
    hr_max_bpm: float = np.nan


@dataclass(frozen=True)
class Plan:
    """A week with all that is said of it.

    name : of the person; about : what is known; wishes; today, monday : day of planning, first day
    of the week; ranking : the weeks that were compared; device : what the device would say, or
    None; notes : what is missing, assumed or advised, a sentence each
    """

    name: str
    about: person.Person
    wishes: Wishes
    today: date
    monday: date
    ranking: Ranking
    device: own_week.Expected | None
    notes: tuple[str, ...]

    @property
    def week(self) -> Week:
        """The one that is recommended."""
        return self.ranking.chosen


def asked(athlete: str, sport: str, hr_max: float | None, today: str) -> Asked:
    """What was typed, checked.

    Parameters
    ----------
    athlete, sport : as in :class:`Asked`
    hr_max : bpm, or None
    today : as YYYY-MM-DD; empty is the computer's day

    Raises
    ------
    UserError for what is no date, or no maximal heart rate
    """
    known = schema.columns("athletes")["hr_max_bpm"]
    if hr_max is not None and not known.low <= hr_max <= known.high:
        raise UserError(f"--hr-max {hr_max:g}: give {known.low:g} to {known.high:g} bpm")
    try:
        day = date.fromisoformat(today) if today else date.today()
    except ValueError:
        raise UserError(f"--today {today}: is no date; write it as YYYY-MM-DD") from None
    return Asked(day, bool(today), athlete, sport, np.nan if hr_max is None else hr_max)


def prepare(folder: Path | str, wishes: Wishes, who: Asked) -> Plan:
    """Read a folder and plan a week.

    Parameters
    ----------
    folder : of device files, or of tables (``sportsml tables``)
    wishes, who : what is asked for

    Raises
    ------
    UserError where the folder, what is in it, or the wishes do not allow a week; it says what to do
    """
    data = _read(Path(folder), who)
    returning = wishes.injury != "none"
    about, notes = person.known(data, who.today, who.sport, who.hr_max_bpm, returning)
    monday = person.monday_after(data.sessions, who.today)
    ranking = _ranked(about, wishes)
    if broken := rules.refusals(ranking.chosen, about, wishes):
        raise Failed(f"the week that was chosen breaks a rule: {broken[0]}")
    left_out = in_words(data.dropped)
    notes = (*rules.advice(about, wishes), *notes)
    if left_out != "nothing":
        notes = (*notes, f"Left out when the files were read: {left_out}.")
    device = own_week.expected(data, ranking.chosen, monday)
    return Plan(data.name, about, wishes, who.today, monday, ranking, device, notes)


def _read(folder: Path, who: Asked) -> DataSet:
    """The one person's data, up to the day of planning."""
    kept = own_files.kept_tables(folder)
    found = replace(own_tables.load_tables(kept), name=folder_name(folder))
    left = kept / own_files.LEFT_OUT
    if left.is_file():
        found = replace(found, dropped=pd.read_csv(left))
    data = person.whose(found, who.athlete)
    if who.replayed:
        data = _until(data, who.today)
    person.refuse_future(data.sessions, who.today)
    if not who.athlete:
        first = data.sessions["start"].max() - pd.Timedelta(days=LOOKED_D)
        wearer.refuse_several(folder, data.sessions[data.sessions["start"] >= first])
    if who.hr_max_bpm > 0:
        data = replace(data, athletes=data.athletes.assign(hr_max_bpm=who.hr_max_bpm))
    return data


def _until(data: DataSet, today: date) -> DataSet:
    """The data as they were at the end of a day; what came later is counted as left out."""
    over = data.sessions["start"] >= pd.Timestamp(today, tz="UTC") + pd.Timedelta(days=1)
    if over.all():
        first = data.sessions["start"].min().date()
        raise UserError(f"--today {today}: the first session is of {first}; name a later day")
    later = {"reason": f"sessions after {today}", "rows": int(over.sum())}
    dropped = pd.concat([data.dropped, pd.DataFrame([later])], ignore_index=True)
    return replace(data, sessions=data.sessions[~over].reset_index(drop=True), dropped=dropped)


def default_folder(folder: Path | str, plan: Plan) -> Path:
    """Where a plan is written unless a place is named."""
    return project_root() / "runs" / f"plan-{folder_name(folder)}-{plan.monday}"


def refuse_existing(out: Path) -> Path:
    """Where a plan may be written.

    Raises
    ------
    UserError if something is there already
    """
    if out.exists():
        raise UserError(f"{out}: exists already; delete it or name another folder (--out)")
    return out


def write(plan: Plan, folder: Path | str) -> list[Path]:
    """Write page, calendar and workouts into a new folder, which appears whole or not at all.

    Returns
    -------
    the files, the page first

    Raises
    ------
    UserError if the folder exists already
    """
    out = refuse_existing(Path(folder))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        draft = Path(scratch) / out.name
        for name, data in _files(plan).items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_bytes(data)
        os.replace(draft, out)
    return [out / name for name in _files(plan)]


def _files(plan: Plan) -> dict[str, bytes]:
    """Content of every file by its name below the folder of the plan."""
    from sportsml_lite.publish.plan_page import page

    sport, top = plan.about.sport, plan.about.hr_max_bpm
    workouts = {}
    for session in plan.week.sessions:
        day = calendar.day_of(session, plan.monday)
        name = f"workouts/{day}_{session.kind}_{session.minutes}min"
        workouts[f"{name}.fit"] = _checked(session, workout.fit(session, sport, day, top), top)
        if sport == "cycling":
            title = f"{DAYS[session.day]}: {session.kind}, {session.minutes} min"
            workouts[f"{name}.zwo"] = workout.zwo(session, title).encode()
    note = " ".join((CAVEAT, *rules.advice(plan.about, plan.wishes)))
    week = calendar.ics(plan.week, sport, plan.monday, plan.today, top, note)
    return {PAGE: page(plan, list(workouts)).encode(), CALENDAR: week, **workouts}


def _checked(session: PlannedSession, data: bytes, hr_max_bpm: float) -> bytes:
    """The workout, once it has been read back step by step."""
    if workout.read_fit(data) != workout.targets(session, hr_max_bpm):
        raise Failed(f"the workout of {DAYS[session.day]} is not read back as it was planned")
    return data


def rows(plan: Plan) -> list[dict[str, str]]:
    """The week as a table: a row a session, what is printed and what stands on the page."""
    effects = plan.device.effects if plan.device else ()
    out = []
    for place, session in enumerate(plan.week.sessions):
        day = calendar.day_of(session, plan.monday)
        steps = "; ".join(workout.described(session, plan.about.hr_max_bpm))
        row = {"day": f"{DAYS[session.day][:3]} {day}", "session": session.kind,
               "minutes": str(session.minutes), "steps": steps}  # fmt: skip
        out.append(row | ({"device effect": f"{effects[place]:.1f}"} if effects else {}))
    return out


def lines(plan: Plan) -> Iterator[str]:
    """What a terminal shows of a plan."""
    sunday = plan.monday + timedelta(days=6)
    yield f"{plan.name}, {plan.about.sport}, {plan.monday} to {sunday}: {plan.week.name}"
    yield f"  from {person.told(plan.about)}"
    table = rows(plan)
    heads = list(table[0]) if table else []
    widths = [max(len(head), *(len(row[head]) for row in table)) for head in heads]
    for row in [{head: head for head in heads}, *table] if table else []:
        cells = (row[head].ljust(width) for head, width in zip(heads, widths, strict=True))
        yield f"  {'  '.join(cells).rstrip()}"
    if not table:
        yield "  no session: a week of rest"
    yield from _why(plan)
    for note in (CAVEAT, *plan.notes, *([plan.device.told()] if plan.device else [])):
        yield f"note: {note}"


def _why(plan: Plan) -> Iterator[str]:
    yield f"why: {plan.ranking.sentence}"
