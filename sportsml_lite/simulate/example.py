"""One simulated marathon for the first chapter, and simulated sessions as real FIT files."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pandas as pd

from sportsml_lite import schema
from sportsml_lite.simulate import athletes, blocks, draws, effect, plans, sensors
from sportsml_lite.simulate.simulation import FIRST_DAY, Simulation

MARATHON_M = 42_195.0
MARATHON_SHARE = 0.84  # of critical speed, on the day (assumption)
MARATHON_CRITICAL = 3.9  # m/s: of twenty athletes the one closest to this runs
ACCUSTOMED = 120.0  # load of this runner's usual session (assumption)
LOCAL_START_H = 8.0
AT_ONCE = 100  # sessions in memory while they are written


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


def export_fit(sim: Simulation, folder, sessions=None) -> list[Path]:
    """Write simulated sessions as FIT files, one each, as a watch would.

    Parameters
    ----------
    sim : a simulation
    folder : made if absent
    sessions : ids; default all (one file a session, some 70 kB each)

    Returns
    -------
    Paths of the files, ``<session_id>.fit``
    """
    from sportsml_lite.collect import devices

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ids = list(sim.sessions["session_id"] if sessions is None else sessions)
    rows = sim.sessions.set_index("session_id", drop=False)
    paths = []
    for start in range(0, len(ids), AT_ONCE):
        streams = sim.streams(ids[start : start + AT_ONCE])
        for name, stream in streams.groupby("session_id", sort=False):
            paths.append(folder / f"{name}.fit")
            devices.write_fit(paths[-1], rows.loc[name], stream.reset_index(drop=True))
    return paths
