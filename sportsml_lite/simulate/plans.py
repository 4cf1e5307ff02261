"""Training plans over months, and the course that each session runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.simulate import athletes, draws
from sportsml_lite.simulate.physiology import KNOT_S, MINUTE, Course, hill_speed

KINDS = ("easy", "long", "tempo", "intervals")
# Weeks of three to six sessions, Monday first: easy, quality, long, rest (assumption).
WEEKS = {3: ".Q.E..L", 4: ".Q.E.EL", 5: ".QEQ.EL", 6: "EQEQ.EL"}
PROGRESS = (1.0, 1.06, 1.12, 0.7)  # volume over a four-week block: build, build, build, recover
MISSED = 0.08  # share of planned sessions that do not happen (assumption)
LONGEST_S = 150 * MINUTE
# Minutes of an easy run, a long one against it, SD of ln volume between people (assumption).
EASY_MIN, LONG, VOLUME_SD = 42.0, 1.8, 0.22
SLOPE_STEEPEST = 0.15  # of a road (assumption)
WANDER = 0.02  # SD of the pace from minute to minute (assumption)
HUM_BPM, HUM_TAU_S = 2.3, 30.0  # left around a heart-rate model: 2.07–2.27 bpm, Wang & Hunt 2021
DRAWS_A_DAY = 8
CHANNELS, UNIFORMS = 3, 1  # of a session's draws: slope, pace, heart rate; weather


def draw(body: pd.DataFrame, days: int, seed: int) -> pd.DataFrame:
    """Everyone's sessions: at most one a day, weeks that build and recover, personal habits.

    Returns
    -------
    DataFrame, one row a session, sorted by athlete and day: ``athlete``, ``day``, ``kind``,
    ``hour``, and the workout as warm-up, ``reps`` times work and rest, cool-down, with durations
    in whole seconds and speeds on the flat in m/s
    """
    u = np.stack([_days(seed, int(i), days) for i in body.index]).transpose(2, 0, 1)
    drive = body["drive"].to_numpy()
    kind = _kinds(body, drive, days, u)
    row, day = np.nonzero(kind)
    u = u[:, row, day]
    mine = {name: body[name].to_numpy()[row] for name in body if name != "sex"}
    frame = pd.DataFrame(
        {
            "athlete": body.index.to_numpy()[row],
            "day": day,
            "kind": np.array(KINDS)[kind[row, day] - 1],
            "hour": np.where(mine["hour"] < 0.5, 6.5, 17.0) + 2.5 * u[7],
        }
    )
    return frame.assign(**_workouts(frame, mine, _minutes(mine, drive[row], day), u))


def usual(body: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """What each athlete was used to before the first day: minutes a session, sessions a day."""
    drive = body["drive"].to_numpy()
    often = _often(body, drive)
    relative = {"E": 1.0, "L": LONG, "Q": 0.95}  # to the minutes of an easy run
    size = {n: np.mean([relative[d] for d in week if d != "."]) for n, week in WEEKS.items()}
    minutes = EASY_MIN * np.exp(VOLUME_SD * drive) * np.vectorize(size.get)(often)
    return minutes, often * (1 - MISSED) / 7


def _often(body, drive):
    often = 4.4 + 0.9 * drive + 1.2 * (body["days_a_week"].to_numpy() - 0.5)
    return often.round().clip(min(WEEKS), max(WEEKS)).astype(int)


def _days(seed, athlete, days):
    return draws.generator(seed, draws.PLAN, athlete).random((days, DRAWS_A_DAY))


def _kinds(body, drive, days, u):
    """(A, days) kinds, counted from 1; 0 is rest."""
    week = np.array([list(WEEKS[n]) for n in _often(body, drive)])
    shift = (3 * body["shift_days"].to_numpy()).astype(int)
    dow = (np.arange(days) + shift[:, None]) % 7
    letter = np.take_along_axis(week, dow, axis=1)
    quality = np.where(u[1] < body["tempo_share"].to_numpy()[:, None], 3, 4)
    kind = np.select([letter == "E", letter == "L", letter == "Q"], [1, 2, quality], 0)
    return np.where(u[0] < MISSED, 0, kind)


def _minutes(mine, drive, day):
    """Minutes of an easy run on this day: habit, block and trend over the months."""
    week = day // 7
    block = np.array(PROGRESS)[week % len(PROGRESS)]
    return EASY_MIN * np.exp(VOLUME_SD * drive) * block * (1 + 0.012 * mine["trend"]) ** week


def _workouts(frame, mine, minutes, u):
    """Warm-up, reps × (work, rest) and cool-down of each session; all numbers are assumptions."""
    first, second = (athletes.flat_speed(mine[name], mine["economy"]) for name in ("vt1", "vt2"))
    easy = mine["easy_pace"] * first * (0.97 + 0.06 * u[2])
    long = frame["kind"].to_numpy() == "long"
    kinds = {
        ("easy", "long"): _steady(easy, minutes * np.where(long, LONG, 1.0), u),
        ("tempo",): _tempo(easy, minutes, first + (0.6 + 0.35 * u[6]) * (second - first), u),
        ("intervals",): _intervals(easy, minutes, mine["critical_mps"], u),
    }
    here = [frame["kind"].isin(names).to_numpy() for names in kinds]
    out = {k: np.select(here, [w[k] for w in kinds.values()]) for k in kinds["tempo",]}
    out |= {name: out[name].astype(int) for name in out if not name.endswith("_mps")}
    turns = out["reps"] * (out["work_s"] + out["rest_s"]) - out["rest_s"]
    return out | {"seconds": out["warm_s"] + turns + out["cool_s"]}


def _steady(easy, minutes, u):
    work = (minutes * MINUTE * (0.8 + 0.4 * u[4])).clip(900, LONGEST_S) - 300
    nothing = np.zeros_like(easy)
    times = {"warm_s": nothing + 300, "work_s": work, "rest_s": nothing, "cool_s": nothing}
    speeds = {"warm_mps": 0.88 * easy, "work_mps": easy, "rest_mps": easy, "cool_mps": easy}
    return {"reps": nothing + 1} | times | speeds


def _tempo(easy, minutes, speed, u):
    more = (minutes / EASY_MIN) ** 0.5
    work = (480 + 720 * u[4]) * more
    times = {"warm_s": 600 * more, "work_s": work, "rest_s": 120 + 0 * more, "cool_s": 480 * more}
    speeds = {"work_mps": speed, "rest_mps": 0.8 * easy}
    return {"reps": 1 + 2 * u[5]} | times | speeds | _slowly(easy)


def _intervals(easy, minutes, critical, u):
    """A dozen of about a minute well above critical speed, or some of three minutes just above."""
    more, short = (minutes / EASY_MIN) ** 0.5, u[3] < 0.4
    work = np.where(short, 75, 150 + 90 * u[4])
    speed = critical * np.where(short, 1.12 + 0.08 * u[6], 1.02 + 0.06 * u[6])
    times = {"warm_s": 600 * more, "work_s": work, "rest_s": 0.8 * work, "cool_s": 480 * more}
    speeds = {"work_mps": speed, "rest_mps": 0.7 * easy}
    reps = np.where(short, 8 + 4 * u[5], 4 + 3 * u[5])
    return {"reps": reps} | times | speeds | _slowly(easy)


def _slowly(easy):
    return {"warm_mps": 0.88 * easy, "cool_mps": 0.88 * easy}


def course(plan: pd.DataFrame, body: dict, u, knots) -> Course:
    """The course of a block of sessions, padded to the minute of the longest.

    Parameters
    ----------
    plan : W rows of :func:`draw`
    body : (W,) arrays by name
    u : (W, 1) the session's own draws
    knots : (K, 3, W) float32 noise along the session: slope, pace, heart rate

    Returns
    -------
    Course
    """
    seconds = plan["seconds"].to_numpy()
    minutes = -(-int(seconds.max()) // MINUTE)
    at, column, speed = _changes(plan)
    every = slice(0, minutes * MINUTE // KNOT_S, MINUTE // KNOT_S)
    slope = draws.red_noise(knots[every, 0], tau=2.0) * body["hilliness"].astype(np.float32)
    slope = _and_back(slope, seconds // MINUTE).clip(-SLOPE_STEEPEST, SLOPE_STEEPEST)
    return Course(
        seconds=seconds,
        at=at,
        column=column,
        speed_mps=speed,
        slope=slope,
        wander=1 + np.float32(WANDER) * knots[every, 1],
        heat=(0.15 + 0.6 * u[:, 0]).astype(np.float32),
        hum_bpm=np.float32(HUM_BPM) * draws.red_noise(knots[:, 2], HUM_TAU_S / KNOT_S),
    )


def _changes(plan):
    """When, for whom and to what the intended speed changes; sorted by second."""
    p = {name: plan[name].to_numpy() for name in plan if name.endswith(("_s", "_mps", "reps"))}
    width, most = len(plan), int(p["reps"].max())
    rep = np.arange(most)[:, None]
    start = p["warm_s"] + rep * (p["work_s"] + p["rest_s"])
    after = np.where(rep < p["reps"] - 1, p["rest_mps"], p["cool_mps"])
    at = np.concatenate([np.zeros((1, width), int), start, start + p["work_s"]])
    speed = np.concatenate([p["warm_mps"][None], np.tile(p["work_mps"], (most, 1)), after])
    real = np.concatenate([np.ones((1, width), bool), rep < p["reps"], rep < p["reps"]])
    column = np.broadcast_to(np.arange(width), at.shape)[real]
    order = np.argsort(at[real], kind="stable")
    return at[real][order], column[order], speed[real][order].astype(np.float32)


def _and_back(slope, minutes):
    """Out and back: the second half meets the first half's slopes in reverse and turned round.

    A minute downhill covers more ground than a minute uphill: scaled so that the climbs cancel.
    """
    row = np.arange(len(slope))[:, None]
    mirror = np.clip(minutes - 1 - row, 0, None)
    back = row >= (minutes + 1) // 2
    there = np.take_along_axis(slope, mirror, axis=0)
    home = -there * hill_speed(there) / hill_speed(-there)
    return np.where(back, home, slope).astype(np.float32)
