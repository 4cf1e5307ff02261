"""One simulated marathon for the first chapter."""

from __future__ import annotations

from itertools import count

import pandas as pd

from sportsml_lite import schema
from sportsml_lite.simulate import athletes, blocks, draws, effect, plans, sensors
from sportsml_lite.simulate.simulation import FIRST_DAY

MARATHON_M = 42_195.0
MARATHON_SHARE = 0.84  # of critical speed, on the day (assumption)
MARATHON_CRITICAL = 3.9  # m/s: of twenty athletes the one closest to this runs
ACCUSTOMED = 120.0  # load of this runner's usual session (assumption)
LOCAL_START_H = 8.0


def example_run(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A simulated marathon with a watch's artefacts, in the contract's form.

    The day is chosen so that the optical sensor both loses the heart rate and locks on to the
    cadence for some minutes; otherwise it is an ordinary session of the simulator.

    Returns
    -------
    sessions : one row
    streams : a row a second, about three and a half hours
    """
    crowd = athletes.draw(20, seed).assign(strap=False, barometer=True, pod=True)
    body = crowd.iloc[[int((crowd["critical_mps"] - MARATHON_CRITICAL).abs().argmin())]]
    plan = _marathon(body, _eventful_day(seed, int(body.index[0])))
    block = next(blocks.run(body, plan, seed))
    name = f"marathon-{seed}"
    streams = blocks.table([name], blocks.watch_columns(block))
    row = sensors.summary(block.watch)
    load, fraction = effect.load(block.truth, block.body, "simulated")
    clean = effect.response(block.body["responder"], 1.0, load, ACCUSTOMED, "simulated")
    row |= {
        "session_id": name,
        "athlete_id": f"a{body.index[0]:05d}",
        "start": FIRST_DAY + pd.Timedelta(days=104, hours=LOCAL_START_H),
        "sport": "running",
        "rpe": effect.perceived_exertion(fraction, row["duration_s"] / 60, 0, block.z[:, 0]),
        "effect": effect.observe(clean, block.z[:, 1:], "simulated").round(1),
        "effect_name": "simulated",
        "source": "simulated",
    }
    return schema.conform(pd.DataFrame(row), "sessions"), schema.conform(streams, "streams")


def _marathon(body, day):
    speed = MARATHON_SHARE * body["critical_mps"].to_numpy()
    seconds = (MARATHON_M / speed).astype(int)
    whole = {"warm_s": 0, "work_s": seconds, "rest_s": 0, "cool_s": 0, "reps": 1}
    pace = {f"{part}_mps": speed for part in ("warm", "work", "rest", "cool")}
    return pd.DataFrame({"athlete": body.index, "day": day, "seconds": seconds} | whole | pace)


def _eventful_day(seed, athlete):
    """The first day whose draws hold a cadence lock, some dropouts and working sensors."""
    return next(day for day in count() if sensors.eventful(_draws(seed, athlete, day))[0])


def _draws(seed, athlete, day):
    sizes = blocks.NORMALS, blocks.UNIFORMS, (0, 0)
    _, u, _ = draws.session_noise(seed, [(athlete, day)], *sizes, draws.Scratch())
    return u[:, plans.UNIFORMS :]
