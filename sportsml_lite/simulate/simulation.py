"""Put together: athletes follow plans, run with a watch, and train with an effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.errors import UserError
from sportsml_lite.simulate import adaptation, blocks, draws, effect, plans, sensors
from sportsml_lite.simulate import athletes as people

FIRST_DAY = pd.Timestamp("2024-01-01", tz="UTC")
TEST_EVERY_D = 28
# SD of one VO2max test, mL/kg/min (assumption): two of them differ by 3.7, the SD of change of a
# trained group (Williamson et al. 2017), with no true change at all.
TEST_SD = 2.6
RPE_MISSING = 0.05  # share of sessions that nobody rated (assumption)


@dataclass(frozen=True)
class Simulation:
    """Simulated athletes, and apart from them what only the simulator knows.

    athletes, sessions : tables in the contract's form; what a model may read
    tests : VO2max tests every four weeks, with the error of a test
    hidden : a row a session: responder ρ, freshness f, load L, accustomed load C, fitness g,
        fatigue h, mean fraction of heart-rate reserve, effect without noise; never a model's input
    hidden_days : fitness, fatigue, performance (VO2max) of every athlete-day
    hidden_bodies : the true bodies, a row an athlete
    plan : what each session was meant to be
    """

    athletes: pd.DataFrame
    sessions: pd.DataFrame
    tests: pd.DataFrame
    hidden: pd.DataFrame
    hidden_days: pd.DataFrame
    hidden_bodies: pd.DataFrame
    plan: pd.DataFrame
    seed: int

    def streams(self, sessions, laboratory: bool = False) -> pd.DataFrame:
        """What the watch recorded in these sessions, a row a second, in the contract's form.

        Parameters
        ----------
        sessions : ids from ``sessions``, any order; the rows come in that order
        laboratory : add ``vo2_ml_kg_min`` and ``label`` (below_vt1, between or above_vt2)

        Raises
        ------
        UserError naming an id that is not there
        """
        extra = [blocks.laboratory_columns] if laboratory else []
        return schema.conform(self._seconds(sessions, blocks.watch_columns, *extra), "streams")

    def hidden_seconds(self, sessions) -> pd.DataFrame:
        """The truth of these sessions, a row a second; never a model's input."""
        return self._seconds(sessions, blocks.hidden_columns)

    def _seconds(self, sessions, *columns: Callable) -> pd.DataFrame:
        ids = [sessions] if isinstance(sessions, str) else list(sessions)
        row = pd.Index(self.sessions["session_id"]).get_indexer(ids)
        if (row < 0).any():
            raise UserError(f"no session {ids[int(np.argmin(row))]!r}: take ids from .sessions")
        parts = {}
        for block in blocks.run(self.hidden_bodies, self.plan.iloc[np.unique(row)], self.seed):
            for found in columns:
                for i, part in zip(block.plan.index, found(block), strict=True):
                    parts.setdefault(i, {}).update(part)
        return blocks.table(ids, [parts[i] for i in self.plan.index[row]])


def simulate(
    athletes: int = 200,
    days: int = 112,
    seed: int = 0,
    generator: str = "simulated",
    first: int = 0,
) -> Simulation:
    """Simulate athletes over months of training.

    Parameters
    ----------
    athletes : how many
    days : how long
    seed : key of every draw; athlete ``i`` is the same however many others there are
    generator : ``'simulated'``, or ``'simulated_b'``: the same runs with another law of strain,
        another response and another noise
    first : number of the first athlete

    Returns
    -------
    Simulation

    Raises
    ------
    UserError for an unknown generator, or counts below 1
    """
    effect.check_generator(generator)
    if days < 1:
        raise UserError(f"days = {days}: simulate at least one day")
    body = people.draw(athletes, seed, first=first)
    plan = plans.draw(body, days, seed)
    kept, z, u = _run_all(body, plan, seed, generator)
    body["capacity"] = adaptation.capacity(body.index, seed)
    habit = plans.usual(body)
    states = effect.days(plan, kept["load"].to_numpy(), body, days, habit)
    states["performance"] = _performance(states, body, habit, generator)
    hidden = _hidden(body, plan, kept, states, z, generator)
    sessions = _sessions(body, plan, kept, hidden, z, u, generator)
    tests = _tests(body, states, days, seed)
    return Simulation(people.visible(body), sessions, tests, hidden, states, body, plan, seed)


def _run_all(body, plan, seed, generator):
    """What is kept of each session: the watch's summary, load and mean fraction; its draws."""
    names = (*sensors.SUMMARY, "load", "fraction_mean")
    kept = {name: np.empty(len(plan)) for name in names}
    z, u = np.empty((len(plan), effect.NORMALS)), np.empty((len(plan), effect.UNIFORMS))
    for block in blocks.run(body, plan, seed):
        row = plan.index.get_indexer(block.plan.index)
        load, fraction = effect.load(block.truth, block.body, generator)
        found = sensors.summary(block.watch) | {"load": load, "fraction_mean": fraction}
        for name in names:
            kept[name][row] = found[name]
        z[row], u[row] = block.z, block.u
    return pd.DataFrame(kept), z, u


def _performance(states, body, habit, generator):
    """VO2max of every athlete-day, in the order of ``states``."""
    load = states["load"].fillna(0).to_numpy().reshape(len(body), -1).T
    usual = effect.usual_load(body, habit[0]) * habit[1]
    return adaptation.vo2max(load, usual, body, generator)[:-1].T.reshape(-1)


def _hidden(body, plan, kept, states, z, generator):
    """The table of what only the simulator knows, a row a session."""
    athlete = body.index.get_indexer(plan["athlete"])
    day = plan["day"].to_numpy()
    today = states.iloc[athlete * (len(states) // len(body)) + day].reset_index(drop=True)
    responder = body["responder"].to_numpy()[athlete]
    state = {k: today[k].to_numpy() for k in ("freshness", "accustomed", "fitness", "fatigue")}
    load = kept["load"].to_numpy()
    clean = effect.response(responder, state["freshness"], load, state["accustomed"], generator)
    return pd.DataFrame(
        {
            "session_id": _session_ids(plan),
            "athlete_id": _athlete_ids(plan["athlete"]),
            "kind": plan["kind"].to_numpy(),
            "responder": responder,
            "load": load,
        }
        | state
        | {
            "fraction_mean": kept["fraction_mean"].to_numpy(),
            "effect_clean": clean,
            "effect": effect.observe(clean, z[:, 1:], generator),
        }
    )


def _sessions(body, plan, kept, hidden, z, u, generator):
    """The table of what a watch and a diary say, a row a session."""
    bias = body["rpe_bias"].to_numpy()[body.index.get_indexer(plan["athlete"])]
    minutes = kept["duration_s"].to_numpy() / 60
    rpe = effect.perceived_exertion(hidden["fraction_mean"].to_numpy(), minutes, bias, z[:, 0])
    seconds = plan["day"] * 86400 + (plan["hour"] * 3600).round()
    frame = hidden[["session_id", "athlete_id"]].assign(
        start=(FIRST_DAY + pd.to_timedelta(seconds, unit="s")).reset_index(drop=True),
        sport="running",
        **{name: kept[name] for name in sensors.SUMMARY},
        rpe=np.where(u[:, 0] < RPE_MISSING, np.nan, rpe),
        effect=hidden["effect"],
        effect_name="simulated",
        source=generator,
    )
    return schema.conform(frame, "sessions")


def _athlete_ids(numbers):
    return [f"a{number:05d}" for number in numbers]


def _session_ids(plan):
    return [f"a{a:05d}-d{d:03d}" for a, d in zip(plan["athlete"], plan["day"], strict=True)]


def _tests(body, states, days, seed):
    """VO2max tests of everyone: the day's performance and the error of a test."""
    when = np.arange(0, days, TEST_EVERY_D)
    keys = [(int(athlete), int(day)) for athlete in body.index for day in when]
    error = TEST_SD * draws.table(seed, draws.TEST, keys, 1)[:, 0]
    true = states["performance"].to_numpy().reshape(len(body), days)[:, when].reshape(-1)
    return pd.DataFrame(
        {
            "athlete_id": _athlete_ids(np.repeat(body.index, len(when))),
            "day": np.tile(when, len(body)),
            "vo2max_ml_kg_min": (true + error).round(1),
        }
    )
