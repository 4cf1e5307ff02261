"""A week for the owner of a folder of device files: what is known, compared and planned.

What a week is expected to bring comes from a model of simulated athletes, which is said wherever a
number of it stands. The rules come first: no week that breaks one is written, whatever the model
expects of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect.datasets import own_files, own_tables
from sportsml_lite.collect.datasets.dataset import DataSet, folder_name, in_words
from sportsml_lite.errors import Failed, UserError
from sportsml_lite.recommend import (
    candidates,
    effect,
    person,
    rank,
    rules,
    wearer,
)
from sportsml_lite.recommend.week import BLOCK_WEEKS, Person, Week, Wishes
from sportsml_lite.studies import own_week

UNLED = "The model knows no injury and chooses nothing here: "
STEP, STEP_HARD_MIN = 1.15, 10  # a larger step on the last four weeks is refused (assumption)
REASONS_SHOWN = 10  # of files that were left out
LOOKED_D = 84  # files of so many days before the last session say who wore which device
CAVEAT = (
    "What a week is expected to bring comes from a model of simulated athletes. It has seen no "
    "real person, proves nothing about you and claims no effect."
)
MODEL = (
    f"Model: the change of VO2max over {BLOCK_WEEKS} such weeks, learned from simulated athletes "
    "whose training was drawn by lot; without laboratory tests of your own it cannot be made yours."
)


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
    of the week; ranking : the weeks that were compared, the one to take first; why : that one;
    device : what the device would say, or None; first : advice and warnings, notes : what is
    missing or assumed, a sentence each
    """

    name: str
    about: Person
    wishes: Wishes
    today: date
    monday: date
    ranking: rank.Ranking
    why: str
    device: own_week.Expected | None
    first: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def week(self) -> Week:
        """The one that is recommended."""
        return self.ranking.weeks[0]


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
    if broken := rules.refusals(ranking.weeks[0], about, wishes):
        raise Failed(f"the week that was chosen breaks a rule: {broken[0]}")
    week = ranking.weeks[0]
    large = _step(week, about)
    first = (*rules.advice(about, wishes), *((large,) if large else ()), CAVEAT)
    device = own_week.expected(data, week, monday) if week.sessions else None
    notes = (MODEL, *notes, *_left_out(data.dropped), *([device.told()] if device else ()))
    why = _why(ranking, wishes)
    return Plan(data.name, about, wishes, who.today, monday, ranking, why, device, first, notes)


def _why(ranking: rank.Ranking, wishes: Wishes) -> str:
    if wishes.injury == "none":
        return ranking.sentence
    name = ranking.weeks[0].name
    if name == rank.USUAL:
        return f"{UNLED}go on as usual."
    return f"{UNLED}{name!r} is the gentlest week that the rules allow."


def _step(week: Week, about: Person) -> str:
    """Why a week is too large a step for a model that has seen no real person, or nothing."""
    recent = np.array(about.recent_min_week)
    more, before = week.minutes, recent.sum()
    harder, hard = week.zone_minutes()[2:].sum(), recent[2:].sum()
    if before == 0 or (more <= STEP * before and harder <= STEP * hard + STEP_HARD_MIN):
        return ""
    return (
        f"It is a large step: {more} min after {before:.0f} a week, {harder:.0f} of them hard "
        f"(zones 3 to 5) after {hard:.0f}. That such a step pays is known of simulated athletes "
        "only."
    )


def _left_out(dropped: pd.DataFrame) -> tuple[str, ...]:
    """What was left out or doubted when files were read, in a sentence, the most frequent first."""
    rows = dropped[dropped["rows"] > 0].sort_values("rows", ascending=False, kind="stable")
    if rows.empty:
        return ()
    more = len(rows) - REASONS_SHOWN
    rest = f"; and {more} more, see {own_files.LEFT_OUT} of sportsml tables" if more > 0 else ""
    said = in_words(rows.head(REASONS_SHOWN))
    return (f"Left out or doubted when the files were read: {said}{rest}.",)


def _ranked(about: Person, wishes: Wishes) -> rank.Ranking:
    """All candidates, those that keep to the rules in order, the others with the reasons.

    Large steps are refused, too: where nothing but simulated athletes speaks for one, no real
    person should be sent on it. Only where every week is one they stay, and the plan says so.
    """
    kept, refused = candidates.accepted(about, wishes)
    weeks = [*kept, *(week for week, _ in refused)]
    steps = {week.name: (why,) for week in kept if (why := _step(week, about))}
    reasons = {week.name: why for week, why in refused}
    reasons |= steps if len(steps) < len(kept) else {}
    model, X = effect.simulated_population(), effect.of_person(about, weeks)
    mean, _ = model.predict(X)
    found = rank.rank(weeks, mean, model.spread(X), reasons)
    return found if wishes.injury == "none" else _gentlest(found)


def _gentlest(found: rank.Ranking) -> rank.Ranking:
    """The order under an injury, of which the model knows nothing: as usual, then less first."""
    weeks = found.weeks
    order = sorted(range(len(weeks)), key=lambda i: (weeks[i].name != rank.USUAL, weeks[i].minutes))
    numbers = {name: getattr(found, name)[order] for name in ("mean", "low", "high")}
    return replace(found, weeks=tuple(weeks[i] for i in order), **numbers)


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
