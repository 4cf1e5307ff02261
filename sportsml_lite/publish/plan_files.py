"""A planned week as files: a page, a calendar, and a workout a session, read back at once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sportsml_lite.collect.datasets.dataset import folder_name
from sportsml_lite.errors import Failed, UserError
from sportsml_lite.paths import project_root
from sportsml_lite.publish.plan import CAVEAT, Plan
from sportsml_lite.publish.plan_page import CALENDAR, page
from sportsml_lite.recommend import calendar, rules, workout
from sportsml_lite.recommend.week import DAYS, PlannedSession

PAGE = "page.html"


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
    UserError if the folder exists already or cannot be written
    """
    out = refuse_existing(Path(folder))
    files = _files(plan)
    try:
        _appear(out, files)
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror}); name another folder (--out)"
        ) from None
    return [out / name for name in files]


def _appear(out: Path, files: dict[str, bytes]) -> None:
    """Write into a hidden folder beside the place, which then gets its name."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        draft = Path(scratch) / out.name
        for name, data in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_bytes(data)
        os.replace(draft, out)


def _files(plan: Plan) -> dict[str, bytes]:
    """Content of every file by its name below the folder of the plan."""
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
