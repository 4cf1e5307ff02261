"""Simulated seconds a second on one core: wide arrays beside one session at a time.

Prints, of one process and in processor time (neighbours on the machine do not count):

- the physiology as `simulate` uses it, and the whole of `simulate` with watch, load and tables;
- the same physiology for one session after another in plain Python, second by second;
- its linear parts for one session after another with `scipy.signal.lfilter`. That leaves out what
  feeds back (D′ limits speed, VO2max caps uptake), so it does less.

The plain loop is checked against the wide arrays before anything is timed.
"""

import math
import resource
import statistics
import time

import numpy as np
from scipy.signal import lfilter

from sportsml_lite.simulate import athletes, blocks, draws, physiology, plans, simulate

ATHLETES, DAYS, RUNS, PLAIN_SESSIONS = 200, 112, 5, 12


def plain_session(body: dict, course: physiology.Course, w: int) -> dict[str, list[float]]:
    """One session, second by second in Python floats, straight from the equations.

    Parameters
    ----------
    body : (W,) arrays by name
    course : of the block
    w : column of the session

    Returns
    -------
    ``speed``, ``vo2`` and ``hr``, a number a second
    """
    b = {name: float(values[w]) for name, values in body.items()}
    rest, vo2max, vt1 = athletes.VO2_REST, b["vo2max_ml_kg_min"], b["vt1"]
    unit = 60 * 3.6 / athletes.J_PER_ML * b["economy"]
    beat = (b["hr_max_bpm"] - b["hr_rest_bpm"]) / (vo2max - rest)
    near = {k: 1 - math.exp(-1 / b[f"tau_{k}_s"]) for k in ("p", "s", "h", "w")}
    take_up = 1 - math.exp(-1 / athletes.TAU_SPEED_S)
    slope_s, bend = physiology.slow_slopes(b["slow_size"], b["slow_delay_s"], b["tau_s_s"])
    mine = course.column == w
    changes = dict(zip(course.at[mine].tolist(), course.speed_mps[mine].tolist(), strict=True))
    dead, late = int(b["dead_s"]), int(b["slow_delay_s"])
    drift_rate = physiology.DRIFT_2H / (7200 - physiology.DRIFT_FROM_S) * float(course.heat[w])
    relative = (athletes.cost(course.slope[:, w]) / 3.6).tolist()
    hill = (physiology.hill_speed(course.slope[:, w]) * course.wander[:, w]).tolist()
    hum = course.hum_bpm[:, w].tolist()
    v = s = spent = intended = 0.0
    primary = physiology.STANDING * rest
    heart = b["hr_rest_bpm"] + beat * (primary - rest)
    start, over = primary, []
    out = {"speed": [], "vo2": [], "hr": []}
    for t in range(int(course.seconds[w])):
        intended = changes.get(t, intended)
        steep = relative[t // 60]
        goal = min(intended * hill[t // 60], b["critical_mps"] / steep + b["d_prime_m"] - spent)
        v += (goal - v) * take_up
        spent -= min(spent * near["w"], b["critical_mps"] - v * steep)
        demand = rest + unit * steep * v
        over.append(max(demand - vt1, 0.0))
        then = over[t - late] if t >= late else 0.0
        size = slope_s * then - bend * max(then - physiology.SLOW_AT[0] * (vo2max - vt1), 0.0)
        s += (size - s) * near["s"]
        primary += (demand - (1 - physiology.PRIMARY_GAIN) * over[t] - primary) * near["p"]
        primary = min(primary, vo2max - s)
        out["vo2"].append(primary + s)
        before = out["vo2"][t - dead] if t >= dead else start
        goal = b["hr_rest_bpm"] + beat * (before - rest)
        if t >= physiology.DRIFT_FROM_S:
            goal *= 1 + (t - physiology.DRIFT_FROM_S) * drift_rate
        heart += (min(goal, b["hr_max_bpm"]) - heart) * near["h"]
        knot, part = divmod(t, physiology.KNOT_S)
        shown = heart + hum[knot] + (hum[knot + 1] - hum[knot]) * part / physiology.KNOT_S
        out["hr"].append(min(shown, b["hr_max_bpm"]))
        out["speed"].append(v)
    return out


def filtered_session(body: dict, course: physiology.Course, w: int) -> np.ndarray:
    """Heart rate of one session by four linear filters along time; nothing feeds back."""
    b = {name: float(values[w]) for name, values in body.items()}
    seconds, rest = int(course.seconds[w]), athletes.VO2_REST
    mine = course.column == w
    length = np.diff(np.append(course.at[mine], seconds))
    slope = np.repeat(course.slope[:, w], 60)[:seconds]
    relative = athletes.cost(slope) / 3.6
    goal = np.repeat(course.speed_mps[mine], length) * np.repeat(course.wander[:, w], 60)[:seconds]
    speed = _first_order(goal * physiology.hill_speed(slope), athletes.TAU_SPEED_S)
    demand = rest + 60 * 3.6 / athletes.J_PER_ML * b["economy"] * relative * speed
    over = np.maximum(demand - b["vt1"], 0)
    slope_s, bend = physiology.slow_slopes(b["slow_size"], b["slow_delay_s"], b["tau_s_s"])
    span = physiology.SLOW_AT[0] * (b["vo2max_ml_kg_min"] - b["vt1"])
    size = slope_s * over - bend * np.maximum(over - span, 0)
    slow = np.roll(_first_order(size, b["tau_s_s"]), int(b["slow_delay_s"]))
    vo2 = slow + _first_order(demand - (1 - physiology.PRIMARY_GAIN) * over, b["tau_p_s"])
    reserve = (np.roll(vo2, int(b["dead_s"])) - rest) / (b["vo2max_ml_kg_min"] - rest)
    drift = 1 + np.maximum(np.arange(seconds) - 600, 0) * float(course.heat[w]) * 2e-5
    aim = (b["hr_rest_bpm"] + (b["hr_max_bpm"] - b["hr_rest_bpm"]) * reserve) * drift
    return _first_order(np.minimum(aim, b["hr_max_bpm"]), b["tau_h_s"])


def _first_order(goal, tau_s):
    keep = math.exp(-1 / tau_s)
    return lfilter([1 - keep], [1, -keep], goal)


def some_sessions(count: int):
    """Bodies and course of ``count`` simulated sessions of all kinds."""
    everyone = athletes.draw(20, 1)
    plan = plans.draw(everyone, 28, 1).sample(count, random_state=1)
    knots = physiology.MINUTE * -(-plan["seconds"].max() // physiology.MINUTE) // 10 + 1
    shape = (int(knots), plans.CHANNELS)
    keys = plan[["athlete", "day"]].to_numpy()
    _, u, noise = draws.session_noise(1, keys, 0, plans.UNIFORMS, shape, draws.Scratch())
    body = blocks.runners(everyone, plan["athlete"])
    return body, plans.course(plan, body, u, noise)


def check(body: dict, course: physiology.Course) -> float:
    """Largest difference in heart rate between the plain loop and the wide arrays, bpm."""
    truth = physiology.run(body, course, draws.Scratch())
    plain = [plain_session(body, course, w)["hr"] for w in range(3)]
    return max(np.abs(truth.hr_bpm[: len(hr), w] - hr).max() for w, hr in enumerate(plain))


class Stopwatch:
    """A function that adds up the processor time that it takes."""

    def __init__(self, function):
        self.function, self.seconds = function, 0.0

    def __call__(self, *args):
        begun = time.process_time()
        result = self.function(*args)
        self.seconds += time.process_time() - begun
        return result


def as_used() -> tuple[float, float]:
    """Simulated seconds a second: the physiology within `simulate`, and all of it."""
    original, physiology.run = physiology.run, Stopwatch(physiology.run)
    begun = time.process_time()
    try:
        simulated = simulate(ATHLETES, DAYS, seed=2).sessions["duration_s"].sum()
        return simulated / physiology.run.seconds, simulated / (time.process_time() - begun)
    finally:
        physiology.run = original


def one_by_one(function, body: dict, course: physiology.Course) -> float:
    """Simulated seconds a second of ``function`` over all sessions in turn."""
    begun = time.process_time()
    for w in range(len(course.seconds)):
        function(body, course, w)
    return float(course.seconds.sum()) / (time.process_time() - begun)


def main() -> None:
    body, course = some_sessions(PLAIN_SESSIONS)
    print(f"plain loop and wide arrays differ by at most {check(body, course):.4f} bpm")
    rates = {k: [] for k in ("physiology as used", "all of simulate", "plain loop", "lfilter")}
    for _ in range(RUNS):  # in turn, so that a busy moment meets all of them
        used = as_used()
        plain, filtered = (one_by_one(f, body, course) for f in (plain_session, filtered_session))
        for name, rate in zip(rates, (*used, plain, filtered), strict=True):
            rates[name].append(rate / 1e6)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    print(f"{ATHLETES} athletes, {DAYS} days, median of {RUNS} runs on one core")
    print(f"{'':20}{'million simulated s/s':>22}{'over plain loop':>17}{'over lfilter':>14}")
    for name, rate in middle.items():
        ratios = f"{rate / middle['plain loop']:16.1f}x{rate / middle['lfilter']:13.1f}x"
        print(f"{name:20}{rate:22.2f}{ratios}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process {peak:.0f} MB")


if __name__ == "__main__":
    main()
