"""A reader's own sessions: how well the device's training effect is predicted for this one person.

Whoever has one person's files cannot hold people out, so sessions are split in time: the first
70 per cent are learned from, the next 15 choose how strongly a model is held back, the last 15 are
asked once. Four predictors answer: the mean of the sessions learned from; a ridge fitted on
*simulated* athletes, whose effect follows the simulator's law and not a device's; a ridge of the
person's own sessions; and between these two a weighted mean, the own model's weight n/(n + k)
growing with the n sessions that it learned from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, protocol
from sportsml_lite.baselines.sessions import STRENGTHS, fit_baseline
from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets import own_files, own_tables
from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError
from sportsml_lite.intensity import ACCUSTOMED_D
from sportsml_lite.prepare import Table, TrainingHistory, fit_scaler, with_hr_max
from sportsml_lite.protocol import PROTOCOL
from sportsml_lite.simulate import simulate
from sportsml_lite.studies.runner import Options

FEATURES = ("log_minutes", "share_mean", "share_peak", "log_usual", "log_week")
ARMS = {
    "mean": "mean so far",
    "population": "simulated athletes",
    "own": "own sessions",
    "between": "own and simulated",
}
LEAST = 20  # sessions of one person: 14 to learn from, 3 to choose by, 3 to be asked
SIZES = (5, 10, 20, 40, 80, 160, 320)  # of the learning curve, as far as there are sessions
WORTH = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)  # k: sessions that the simulated model counts as
SHOWN = 4  # people, those with the most sessions
TRIMP_NEEDS = ("sex", "hr_rest_bpm")
CROWD = 60  # simulated athletes
WHOSE = {"device": "the device's training effect"}  # any other is the simulator's


@dataclass(frozen=True)
class Person:
    """One person's sessions and how they were predicted.

    name; what : the target in words; sessions : start, effect and part (``train``, ``validation``
    or ``test``) in the order of time; errors : n (sessions learned from), arm, session and error
    (prediction minus effect) of the test sessions; worth : k at the largest n; hr_max_bpm :
    on which heart rate was scaled; left_out : reason → sessions
    """

    name: str
    what: str
    sessions: pd.DataFrame
    errors: pd.DataFrame
    worth: float
    hr_max_bpm: float
    left_out: Mapping[str, int]

    @property
    def n(self) -> int:
        """Sessions learned from at most."""
        return int(self.errors["n"].max())


@dataclass(frozen=True)
class Own:
    """What a lesson does with the reader's folder.

    live : what its live example runs on: the reader's people, or simulated ones where they are
    too few to be held out; people : those with enough sessions for a model of their own; note :
    whose the target of the live example is; left_out : reason → how often, when files were read
    """

    live: Options
    people: tuple[Person, ...] = ()
    note: str = ""
    left_out: Mapping[str, int] = field(default_factory=dict)


def open_folder(options: Options, least: int = protocol.PROTOCOL.folds) -> Own:
    """Read the reader's folder, of tables or device files; without one nothing changes.

    Parameters
    ----------
    options : of the lesson
    least : people that its live example deals into folds or parts

    Raises
    ------
    UserError if the folder has neither so many people nor one with :data:`LEAST` sessions
    """
    live = with_tables(options)
    if live is options:
        return Own(options)
    given = options.data_dir or options.dataset
    found = own_tables.load_tables(live.data_dir)
    found = replace(found, name=Path(given).expanduser().resolve().name)
    has = found.sessions[["effect", "rpe"]].notna()
    target = next((name for name in has if has[name].any()), None)  # else it may be oxygen uptake
    asked = found.sessions[has[target]] if target else found.sessions
    count = asked["athlete_id"].nunique()
    people, left_out = study(found), _left_out(Path(live.data_dir))
    if people and count > len(people):
        left_out |= {f"people of {count}: fewer than {LEAST} sessions, or more than {SHOWN} people":
                     count - len(people)}  # fmt: skip
    if count >= least:
        device = target == "effect" and asked["effect_name"].eq("device").any()
        return Own(live, people, ", as the device computes it" if device else "", left_out)
    if not people:
        raise UserError(_too_few(found, least))
    note = f" (simulated: to hold people out, {least} are needed, and your files have {count})"
    return Own(replace(options, dataset=fetch.SIMULATED[0], data_dir=""), people, note, left_out)


def with_tables(options: Options, needs: Collection[str] = ()) -> Options:
    """The options with a folder of tables in place of a folder of device files.

    Parameters
    ----------
    options : of a lesson or lab
    needs : columns of Athletes that at least one athlete must have, e.g. :data:`TRIMP_NEEDS`

    Raises
    ------
    UserError if the folder holds neither, or nothing of what is needed
    """
    if options.simulated or options.dataset in fetch.ORIGINS:
        return options
    named = options.data_dir if options.dataset in fetch.SIMULATED else options.dataset
    tables = own_files.kept_tables(fetch.locate(named))
    athletes = own_tables.load_tables(tables).athletes if needs else None
    for column in needs:
        if not athletes[column].notna().any():
            raise UserError(
                f"{named}: no athlete has {column}, which TRIMP needs; make tables of device "
                "files (sportsml tables FOLDER), fill in athletes.csv and give the new folder"
            )
    return replace(options, dataset=fetch.SIMULATED[0], data_dir=str(tables))


def study(found: DataSet) -> tuple[Person, ...]:
    """Everyone who has at least :data:`LEAST` sessions, the :data:`SHOWN` with most of them.

    Raises
    ------
    UserError for effects of two kinds, such as a device's and a simulator's
    """
    usable, reasons = _usable(found.sessions)
    kinds = usable["effect_name"].dropna().unique()
    if len(kinds) > 1:
        raise UserError(
            f"{found.name}: effects of two kinds, {kinds[0]!r} and {kinds[1]!r}; keep one kind"
        )
    counts = usable["athlete_id"].value_counts()
    names = counts.index[counts >= LEAST][:SHOWN]
    if not len(names):
        return ()
    everything = features(found.sessions, found.athletes)
    people = []
    for name in names:
        mine = reasons[found.sessions["athlete_id"] == name]
        left = mine[mine != ""].value_counts().to_dict()
        start = found.sessions.set_index("session_id")["start"]
        table = everything.take(everything.athlete == name)
        table = table.take(np.argsort(start.loc[table.session].to_numpy(), kind="stable"))
        top = _hr_max(found.sessions, found.athletes)[found.sessions["athlete_id"] == name].iloc[0]
        whose = usable.loc[usable["athlete_id"] == name, "effect_name"].iloc[0]
        errors, worth = learning_curve(table)
        sessions = pd.DataFrame({"start": start.loc[table.session].to_numpy(), "effect": table.y,
                                 "part": parts(len(table))})  # fmt: skip
        what = WHOSE.get(whose, "the training effect")
        people.append(Person(str(name), what, sessions, errors, worth, float(top), left))
    return tuple(people)


def parts(n: int) -> np.ndarray:
    """The part of each of n sessions in the order of time: 70, 15 and 15 per cent, (n,) str."""
    held = max(1, round(PROTOCOL.validation * n)), max(1, round(PROTOCOL.test * n))
    return np.repeat(["train", "validation", "test"], [n - sum(held), *held])


def features(sessions: pd.DataFrame, athletes: pd.DataFrame) -> Table:
    """Few numbers of each session that has effect, duration and heart rate: :data:`FEATURES`.

    Logarithm of minutes; mean and highest heart rate as shares of the athlete's maximum (a resting
    heart rate, which the reserve needs, is rarely in a file); logarithms of what the athlete is
    used to and of the last 7 days, in minutes times share. Nothing looks ahead.

    Parameters
    ----------
    sessions, athletes : tables of the contract; sessions without an effect count for the past
    """
    usable, reasons = _usable(sessions)
    top = _hr_max(sessions, athletes).to_numpy(float)
    minutes = sessions["duration_s"].to_numpy(float) / 60
    mean, peak = (sessions[n].to_numpy(float) / top for n in ("hr_mean_bpm", "hr_max_bpm"))
    past, load = TrainingHistory.of(sessions), minutes * mean
    usual, week = past.accustomed(load, ACCUSTOMED_D), past.total(load, 7)
    X = np.column_stack([_log(minutes), mean, peak, _log(usual), np.log1p(week)])
    keep = (reasons == "").to_numpy()
    ids = (usable[n].astype(str).to_numpy(dtype=object) for n in ("athlete_id", "session_id"))
    y = usable["effect"].to_numpy(float)
    return Table(X[keep], y, *ids, FEATURES, "effect", int((~keep).sum()))


def learning_curve(table: Table) -> tuple[pd.DataFrame, float]:
    """Errors of every predictor on the test sessions, by the number of sessions learned from.

    The n latest of the sessions to learn from are used, so that always the same sessions are asked
    after the same time.

    Parameters
    ----------
    table : one person's sessions in the order of time

    Returns
    -------
    errors : columns n, arm, session, error; worth : k at the largest n
    """
    part = parts(len(table))
    train, validation, test = (table.take(part == p) for p in ("train", "validation", "test"))
    crowd = [population()(t) for t in (validation, test)]
    rows = []
    for n in (*(s for s in SIZES if s < len(train)), len(train)):
        some = train.take(np.arange(len(train) - n, len(train)))
        own = fit_own(some)
        guess, worth = between([own(validation), own(test)], crowd, n, validation.y)
        answers = {
            "mean": np.full(len(test), some.y.mean()),
            "population": crowd[1],
            "own": own(test),
            "between": guess,
        }
        rows += [pd.DataFrame({"n": n, "arm": arm, "session": test.session, "error": p - test.y})
                 for arm, p in answers.items()]  # fmt: skip
    return pd.concat(rows, ignore_index=True), worth


def fit_own(train: Table):
    """A ridge of one person's sessions; each session, left out in turn, helps choose its penalty.

    Returns
    -------
    function of a table, giving (N,) predictions within the range of the effect
    """
    from sklearn.linear_model import RidgeCV

    scaler = fit_scaler(train.X)
    ridge = RidgeCV(STRENGTHS).fit(scaler.transform(train.X, "mean"), train.y)
    return lambda table: np.clip(ridge.predict(scaler.transform(table.X, "mean")), 0, 5)


def between(own, crowd, n: int, y) -> tuple[np.ndarray, float]:
    r"""Weighted mean of two answers, :math:`(n\,p_\text{own} + k\,p_\text{crowd})/(n + k)`.

    Parameters
    ----------
    own, crowd : answers to the validation and to the test sessions, two arrays each
    n : sessions that the own model learned from
    y : truth of the validation sessions, by which k is chosen from :data:`WORTH`

    Returns
    -------
    answers to the test sessions; k
    """

    def mixed(place: int, k: float) -> np.ndarray:
        return (n * own[place] + k * crowd[place]) / (n + k)

    errors = [evaluate.mse(y, mixed(0, k)) for k in WORTH]
    k = WORTH[int(np.argmin(errors))]
    return mixed(1, k), k


@lru_cache(maxsize=1)
def population():
    """A ridge of :data:`CROWD` simulated athletes on the same features, and of nobody real.

    Returns
    -------
    function of a table, giving (N,) predictions within the range of the effect
    """
    sim = simulate(CROWD)
    table = features(sim.sessions, sim.athletes)
    split = protocol.split_athletes(table.athlete)
    rows = (table.take(split.rows(table.athlete, p)) for p in ("train", "validation"))
    ridge = fit_baseline("ridge", *rows)
    return lambda table: np.clip(ridge(table), 0, 5)


def misses(person: Person) -> pd.DataFrame:
    """Mean miss by arm and n: columns arm (its title), n, estimate, low, high.

    The interval is over the test sessions, taken as independent of each other.
    """
    rows = []
    for (arm, n), part in person.errors.groupby(["arm", "n"], sort=False):
        i = _positive(_over_sessions(part.set_index("session")["error"].abs()))
        rows.append((ARMS[arm], n, i.estimate, i.low, i.high))
    return pd.DataFrame(rows, columns=["arm", "n", "estimate", "low", "high"])


def results(person: Person) -> list[dict]:
    """A row an arm, at the largest n: mean miss and gain over the mean so far, with intervals."""
    last = person.errors[person.errors["n"] == person.n]
    miss = last.assign(miss=last["error"].abs()).pivot(index="session", columns="arm")["miss"]
    return [
        {
            "prediction": title,
            "mean miss": _positive(_over_sessions(miss[arm])),
            "gain": "–" if arm == "mean" else _over_sessions(miss["mean"] - miss[arm]),
        }
        for arm, title in ARMS.items()
    ]


def told(own: Own) -> str:
    """The result in a line, for a terminal."""
    lines = []
    for person in own.people:
        miss = {row["prediction"]: row["mean miss"] for row in results(person)}
        said = ", ".join(f"{name} {interval:.2f}" for name, interval in miss.items())
        lines.append(f"{person.name} ({person.what}, mean miss in points): {said}")
    return "; ".join(lines) or "no files of one person"


def about(person: Person) -> str:
    """What was split, chosen, assumed and left out, for the caption of a table."""
    count = person.sessions["part"].value_counts()
    left = [f"{rows} {reason}" for reason, rows in person.left_out.items()]
    return (
        f"{person.name}: {person.what}. Mean miss in points with its 95 % interval over the latest "
        f"{count['test']} sessions, and the gain over the mean; learned from the first "
        f"{count['train']}, k chosen by the {count['validation']} between: the model of simulated "
        f"athletes counts as {person.worth:g} sessions. Maximal heart rate: "
        f"{person.hr_max_bpm:.0f} bpm, stated or the highest seen. Left out: "
        f"{', '.join(left) or 'nothing'}."
    )


def _over_sessions(values: pd.Series) -> evaluate.Interval:
    """Mean with its t interval; a session stands where elsewhere in the book a person stands."""
    cells = values.rename_axis("athlete").to_frame("value")
    cells = cells.assign(partition=0, fold=0, seed=0)
    return evaluate.interval(cells.set_index(evaluate.verdicts.JOB, append=True)["value"])


def _positive(interval: evaluate.Interval) -> evaluate.Interval:
    """No miss is below 0, though a t interval over few sessions may reach there."""
    return replace(interval, low=max(interval.low, 0.0))


def _usable(sessions: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The sessions that can be predicted, and why each other one cannot (empty for these)."""
    lacks = {
        "sessions without a duration": ~(sessions["duration_s"] > 0),
        "sessions without heart rate": ~(sessions["hr_mean_bpm"] > 0),
        "sessions without a training effect": sessions["effect"].isna(),
    }
    reasons = pd.Series("", index=sessions.index)
    for why, wrong in lacks.items():
        reasons = reasons.mask(wrong & (reasons == ""), why)
    return sessions[reasons == ""], reasons


def _hr_max(sessions: pd.DataFrame, athletes: pd.DataFrame) -> pd.Series:
    """Each session's athlete's maximal heart rate; by age, or the highest seen, where unknown."""
    known = with_hr_max(athletes).set_index("athlete_id")["hr_max_bpm"]
    seen = sessions.groupby("athlete_id")["hr_max_bpm"].transform("max")
    return sessions["athlete_id"].map(known).fillna(seen)


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(np.where(values > 0, values, np.nan))


def _left_out(folder: Path) -> dict[str, int]:
    """What was left out when a folder's tables were made from device files."""
    path = folder / own_files.LEFT_OUT
    rows = pd.read_csv(path, index_col="reason")["rows"] if path.is_file() else pd.Series(dtype=int)
    return rows[rows > 0].to_dict()


def _too_few(found: DataSet, least: int) -> str:
    usable, reasons = _usable(found.sessions)
    most = int(usable["athlete_id"].value_counts().max()) if len(usable) else 0
    people = found.sessions["athlete_id"].nunique()
    why = [f"{rows} {reason}" for reason, rows in reasons[reasons != ""].value_counts().items()]
    return (
        f"{found.name}: one person's model needs {LEAST} sessions with a training effect and heart "
        f"rate, {most} are here (of {len(found.sessions)}"
        f"{'; ' if why else ''}{', '.join(why)}); add files, or people: {least} are needed to "
        f"hold people out, {people} here"
    )
