"""Blocks of sessions side by side: simulated at once, a bounded number of seconds at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sportsml_lite.intensity import DOMAINS
from sportsml_lite.simulate import draws, effect, physiology, plans, sensors

# Wide enough to be fast, small enough to stay under about 300 MB.
SESSIONS, SECONDS = 2000, 6_000_000
VO2_NOISE = 0.9  # SD of a second of the laboratory channel, mL/kg/min (assumption)
CHANNELS = plans.CHANNELS + sensors.CHANNELS + 1  # the last: the laboratory's noise
NORMALS = sensors.NORMALS + effect.NORMALS
UNIFORMS = plans.UNIFORMS + sensors.UNIFORMS + effect.UNIFORMS


@dataclass(frozen=True)
class Block:
    """W sessions: their rows of the plan and runners, what happened, what the watch recorded.

    plan : W rows of the plan
    body : (W,) float64 arrays by name: the runner of each session
    z, u : (W, ·) the draws that are left for the effect
    laboratory : (K, W) float32 noise of the laboratory channel, a knot every ten seconds
    """

    plan: pd.DataFrame
    body: dict[str, np.ndarray]
    truth: physiology.Truth
    watch: sensors.Watch
    z: np.ndarray
    u: np.ndarray
    laboratory: np.ndarray


def run(body: pd.DataFrame, plan: pd.DataFrame, seed: int) -> Iterator[Block]:
    """Simulate the sessions of ``plan``; a session is the same in whatever block it stands.

    A block is written over by the next: take what you need before you ask for another.

    Parameters
    ----------
    body : true bodies, a row an athlete
    plan : any rows of :func:`plans.draw`
    seed : key of all draws
    """
    by_length = plan.iloc[np.argsort(plan["seconds"].to_numpy(), kind="stable")]
    scratch = draws.Scratch(room=2 * SECONDS)
    for part in _cut(by_length["seconds"].to_numpy()):
        yield _block(body, by_length.iloc[part], seed, scratch)


def _cut(seconds):
    """Slices of sorted durations, each within SESSIONS and SECONDS (but at least one session)."""
    start = 0
    while start < len(seconds):
        sizes = seconds[start : start + SESSIONS] * np.arange(
            1, len(seconds[start:][:SESSIONS]) + 1
        )
        stop = start + max(1, int(np.searchsorted(sizes, SECONDS, side="right")))
        yield slice(start, stop)
        start = stop


def _block(body, plan, seed, scratch):
    mine = runners(body, plan["athlete"])
    rows = physiology.MINUTE * -(-int(plan["seconds"].max()) // physiology.MINUTE)
    keys = plan[["athlete", "day"]].to_numpy()
    shape = rows // physiology.KNOT_S + 1, CHANNELS
    z, u, noise = draws.session_noise(seed, keys, NORMALS, UNIFORMS, shape, scratch)
    first, last = plans.CHANNELS, plans.CHANNELS + sensors.CHANNELS
    course = plans.course(plan, mine, u[:, : plans.UNIFORMS], noise[:, :first])
    truth = physiology.run(mine, course, scratch)
    u = u[:, plans.UNIFORMS :]
    worn = z[:, : sensors.NORMALS], u[:, : sensors.UNIFORMS], noise[:, first:last]
    watch = sensors.record(truth, mine, *worn, scratch)
    rest = z[:, sensors.NORMALS :], u[:, sensors.UNIFORMS :]
    return Block(plan, mine, truth, watch, *rest, noise[:, last])


def runners(body: pd.DataFrame, athlete) -> dict[str, np.ndarray]:
    """(W,) arrays by name: the body of each session's athlete, with the strain exponent."""
    row = body.index.get_indexer(athlete)
    mine = {name: body[name].to_numpy()[row] for name in body if name != "sex"}
    man = (body["sex"] == "m").to_numpy()[row]
    return mine | {"strain": np.where(man, effect.STRAIN["m"], effect.STRAIN["f"])}


def domain(vo2, body) -> np.ndarray:
    """0 below VT1, 1 between, 2 above VT2, from the true oxygen uptake (T, W) or (W, T)."""
    return (vo2 >= body["vt1"]).astype(np.int8) + (vo2 >= body["vt2"])


def watch_columns(block: Block) -> list[dict[str, np.ndarray]]:
    """Each session's stream, a dict of (n,) float64 columns in the contract's units."""
    w = block.watch
    flat = {
        "hr_bpm": np.where(w.hr.T > 0, w.hr.T, np.nan),
        "speed_mps": w.speed_mm.T / 1000,
        "cadence_spm": w.cadence.T.astype(float),
        "altitude_m": (w.altitude.T * sensors.ALTITUDE_STEP_M).round(1),
        "distance_m": np.cumsum(w.speed_mm.T, axis=1, dtype=np.int64) // 10 / 100,
    }
    sensor = {"distance_m": "speed_mps"}
    for name, values in flat.items():
        values[~w.has[sensor.get(name, name)]] = np.nan
    return _by_session(flat, w.seconds)


def laboratory_columns(block: Block) -> list[dict[str, np.ndarray]]:
    """Each session's laboratory channel (with noise) and label."""
    vo2 = block.truth.vo2.T
    noise = np.repeat(block.laboratory[:-1], physiology.KNOT_S, axis=0).T
    label = domain(block.truth.vo2, block.body).T
    flat = {
        "vo2_ml_kg_min": (vo2 + VO2_NOISE * noise).astype(float).clip(0).round(2),
        "label": np.array(DOMAINS, object)[label],
    }
    return _by_session(flat, block.watch.seconds)


def hidden_columns(block: Block) -> list[dict[str, np.ndarray]]:
    """Each session's truth a second, under names that no contract knows."""
    t, body = block.truth, block.body
    reserve = (t.hr_bpm - body["hr_rest_bpm"]) / (body["hr_max_bpm"] - body["hr_rest_bpm"])
    flat = {
        "true_hr_bpm": t.hr_bpm.T,
        "true_fraction": np.maximum(reserve, 0).T,
        "true_vo2": t.vo2.T,
        "true_speed_mps": t.speed_mps.T,
        "true_d_balance_m": (body["d_prime_m"] - t.spent_m).T,
        "true_domain": domain(t.vo2, body).T,
    }
    return _by_session(flat, t.seconds)


def _by_session(flat, seconds):
    return [{name: v[i, :n].copy() for name, v in flat.items()} for i, n in enumerate(seconds)]


def table(ids, parts: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """One frame of several sessions' columns, with ``session_id`` and ``t_s``."""
    length = [len(next(iter(part.values()))) for part in parts]
    seconds = [np.arange(n, dtype=float) for n in length]
    out = {"session_id": np.repeat(np.array(ids, object), length), "t_s": np.concatenate(seconds)}
    return pd.DataFrame(out | {k: np.concatenate([p[k] for p in parts]) for k in parts[0]})
