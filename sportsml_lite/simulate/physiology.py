"""Second by second: from what the runner means to do to oxygen uptake and heart rate.

Arrays are float32, one column a session and one row a second, so that each step in time is a
handful of operations over thousands of sessions at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sportsml_lite.simulate import athletes, draws

MINUTE = 60
# Uphill a runner slows, but by less than the cost rises: this share of the rise (assumption).
HILL_SHARE = 0.6
# Carter et al. 2002, 69.8 kg runners, 6 min: slow component 139 and 487 mL/min at 20 and 80 % of
# the way from threshold to VO2max (Δ). Their primary component rises above the threshold with
# only about 0.73 of its gain below, which leaves the slow component room beneath VO2max.
PRIMARY_GAIN = 0.73
SLOW_AT = (0.2, 0.8)  # of Δ
SLOW_SIZE = (139 / 1137, 487 / 1137)  # of Δ: VO2max 4137 less threshold about 3000 mL/min
SLOW_MEASURED_S = 360.0  # when those sizes were read
DRIFT_FROM_S = 600  # from about ten minutes on heart rate drifts up (Coyle, González-Alonso 2001)
DRIFT_2H = 0.14  # over two hours in the heat, as Ganio et al. 2006 let people ride (assumption)
# Seconds between two knots of whatever varies slowly, and seconds done at once: the slow component
# must not be asked about seconds that are still to come.
KNOT_S = 10
SECOND = np.arange(KNOT_S, dtype=np.float32)[:, None]
LONGEST_DELAY_S = max(athletes.SLOW_DELAY_S)
STANDING = 2.0  # oxygen uptake before the start, multiples of rest (assumption)


@dataclass(frozen=True)
class Course:
    """What a block of W sessions is asked to do, over M minutes.

    seconds : (W,) int, duration
    at, column, speed_mps : (E,) changes of the intended flat speed, sorted by second
    slope : (M, W) rise over run in each minute
    wander : (M, W) factor on the intended speed in each minute
    heat : (W,) share of the full heart-rate drift that the day's weather brings
    hum_bpm : (6 M + 1, W) slow variation of heart rate, a knot every 10 s
    """

    seconds: np.ndarray
    at: np.ndarray
    column: np.ndarray
    speed_mps: np.ndarray
    slope: np.ndarray
    wander: np.ndarray
    heat: np.ndarray
    hum_bpm: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Seconds and sessions of the block, padded to whole minutes."""
        return MINUTE * self.slope.shape[0], self.slope.shape[1]


@dataclass(frozen=True)
class Truth:
    """What really happened: (T, W) float32 arrays; rows past ``seconds`` (W,) are padding.

    ``spent_m`` is how much of D\' is gone; the balance is what is left of it.
    """

    seconds: np.ndarray
    speed_mps: np.ndarray
    climb_m: np.ndarray
    vo2: np.ndarray
    hr_bpm: np.ndarray
    spent_m: np.ndarray


def run(body: dict[str, np.ndarray], course: Course, scratch: draws.Scratch) -> Truth:
    r"""Let a block of sessions happen.

    .. math::

       V' = (\dot V_{O_2}^* - V)/\tau_p, \quad S' = (A_s - S)/\tau_s, \quad
       H' = (H^*(t-d) - H)/\tau_H,

       H^* = \Bigl(H_{rest} + (H_{max} - H_{rest})
       \frac{V + S - rest}{\dot V_{O_2\max} - rest}\Bigr) \cdot drift,
       \quad V + S \le \dot V_{O_2\max},

    each stepped exactly over one second (:math:`1-e^{-1/\tau}`). Above the first threshold the
    primary component V aims at less than the demand and the slow component S at more (Carter).
    Speed above critical speed drains D\'; below it D\' refills with :math:`\tau_W`, at most by what
    the speed is short of critical speed; nobody spends more D\' in a second than is left.

    Parameters
    ----------
    body : (W,) float arrays by name, one entry a session: columns of :func:`athletes.draw`
    course : what the sessions ask for
    scratch : where the truth is written

    Returns
    -------
    Truth with T = 60 M rows

    Sources: Minetti et al. 2002 (cost), Carter et al. 2002 (oxygen), Hunt et al. 2015 (response of
    the cascade), Coyle and González-Alonso 2001 (drift), Skiba et al. 2012 (refilling).
    """
    runners = _Runners(body, course, scratch)
    for knot in range(course.shape[0] // KNOT_S):
        if knot % (MINUTE // KNOT_S) == 0:
            runners.enter_minute(knot * KNOT_S // MINUTE)
        runners.move(knot)
        runners.breathe(knot)
        runners.beat(knot)
    return runners.truth


def hill_speed(slope):
    """Share of the flat speed that a runner keeps on a slope."""
    return 1 / (1 + HILL_SHARE * (athletes.cost(slope) / athletes.COST[-1] - 1))


class _Runners:
    """A block of runners on their way, ten seconds at a time: constants, state and record.

    Only what feeds back goes second by second; the rest is done for ten rows at once. Operations
    write into arrays that are there already, which is where the speed comes from.
    """

    def __init__(self, body, course, scratch):
        rows, width = course.shape
        constants = _constants({k: np.asarray(v, np.float64) for k, v in body.items()}, course)
        vars(self).update({name: value.astype(np.float32) for name, value in constants.items()})
        self.course = course
        self.changes = np.searchsorted(course.at, np.arange(rows + 1))
        self.intended, self.a, self.c = np.zeros((3, width), np.float32)
        self.x, self.y = np.empty((2, KNOT_S, width), np.float32)
        # Rows before the start, so that what looks back finds the runner standing.
        early, standing = LONGEST_DELAY_S, np.float32(STANDING * athletes.VO2_REST)
        tall, taller = (rows, width), (early + rows, width)
        self.speed, self.climb, self.spent, self.hr = (
            scratch.array(k, tall) for k in ("speed", "climb", "spent", "hr")
        )
        self.over, self.vo2 = (scratch.array(k, taller) for k in ("over", "vo2"))
        self.over[:early], self.vo2[:early] = 0, standing
        self.now_speed, self.now_spent, self.now_climb, self.slow = np.zeros((4, width), np.float32)
        self.primary = np.full(width, standing)
        self.heart = self.hr_zero + self.per_vo2 * standing
        self.slow_back, self.dead_back = (
            _looking_back(body[k], early, width) for k in ("slow_delay_s", "dead_s")
        )
        self.truth = Truth(
            course.seconds, self.speed, self.climb, self.vo2[early:], self.hr, self.spent
        )

    def enter_minute(self, minute):
        """Take up a new slope and a new mood."""
        self.slope = self.course.slope[minute]
        self.relative = (athletes.cost(self.slope) / athletes.COST[-1]).astype(np.float32)
        self.unit = self.flat_unit * self.relative
        self.hill = (self.course.wander[minute] * hill_speed(self.slope)).astype(np.float32)
        self.most = self.critical / self.relative + self.d_full

    def move(self, knot):
        """Speed, and D\' spent above critical speed; nobody spends more than is left."""
        a, c = self.a, self.c
        first = knot * KNOT_S
        for t in range(first, first + KNOT_S):
            new = slice(self.changes[t], self.changes[t + 1])
            self.intended[self.course.column[new]] = self.course.speed_mps[new]
            np.multiply(self.intended, self.hill, out=a)
            np.subtract(self.most, self.now_spent, out=c)
            np.minimum(a, c, out=a)
            self.now_speed = _towards(a, self.now_speed, self.take_up, self.speed[t])
            np.multiply(self.now_speed, self.relative, out=a)
            np.subtract(self.critical, a, out=a)
            np.multiply(self.now_spent, self.refill, out=c)
            np.minimum(a, c, out=a)
            self.now_spent = np.subtract(self.now_spent, a, out=self.spent[t])
        climb = np.multiply(self.speed[first : first + KNOT_S], self.slope, out=self.x)
        for i in range(KNOT_S):
            self.now_climb = np.add(self.now_climb, climb[i], out=self.climb[first + i])

    def breathe(self, knot):
        """Oxygen uptake: the primary component at once, the slow one after its delay."""
        first = knot * KNOT_S
        start = LONGEST_DELAY_S + first
        over = self.over[start : start + KNOT_S]
        primary = np.multiply(self.unit, self.speed[first : first + KNOT_S], out=self.x)
        primary += np.float32(athletes.VO2_REST)
        np.subtract(primary, self.vt1, out=over)
        np.maximum(over, 0, out=over)
        primary -= np.multiply(over, np.float32(1 - PRIMARY_GAIN), out=self.y)
        slow = self._slow_goal(first)
        for i in range(KNOT_S):
            _towards(slow[i], self.slow, self.slow_rate, self.slow)
            _towards(primary[i], self.primary, self.primary_rate, self.primary)
            np.subtract(self.vo2max, self.slow, out=self.a)
            np.minimum(self.primary, self.a, out=self.primary)
            np.add(self.primary, self.slow, out=self.vo2[start + i])

    def _slow_goal(self, first):
        over = self.over[first:].reshape(-1).take(self.slow_back, out=self.y, mode="clip")
        bend = over - self.bend_at
        np.maximum(bend, 0, out=bend)
        bend *= self.slow_bend
        over *= self.slow_slope
        over -= bend
        return over

    def beat(self, knot):
        """Heart rate: the oxygen uptake a dead time ago, drifting, with its slow variation."""
        first = knot * KNOT_S
        heart = self.vo2[first:].reshape(-1).take(self.dead_back, out=self.x, mode="clip")
        heart *= self.per_vo2
        heart += self.hr_zero
        if first >= DRIFT_FROM_S:
            heart *= 1 + (first - DRIFT_FROM_S + SECOND) * self.drift_rate
        np.minimum(heart, self.hr_max, out=heart)
        for i in range(KNOT_S):
            _towards(heart[i], self.heart, self.heart_rate, self.heart)
            self.hr[first + i] = self.heart
        rows = self.hr[first : first + KNOT_S]
        rows += draws.line(self.course.hum_bpm, knot, KNOT_S)
        np.minimum(rows, self.hr_max, out=rows)


def _towards(goal, now, rate, out):
    """One second nearer to the goal, which is spoilt: now + (goal - now)·rate."""
    goal -= now
    goal *= rate
    return np.add(now, goal, out=out)


def _looking_back(delay_s, early, width):
    """Flat indices, ten rows of ``width``, of what each column was ``delay_s`` before."""
    row = np.arange(KNOT_S)[:, None] + early - np.asarray(delay_s).astype(np.intp)
    return row * width + np.arange(width)


def _constants(b, course):
    """What does not change while running, from the bodies, by the names that _Runners uses."""
    rest, vo2max, vt1 = athletes.VO2_REST, b["vo2max_ml_kg_min"], b["vt1"]
    slope, bend = slow_slopes(b["slow_size"], b["slow_delay_s"], b["tau_s_s"])
    per_vo2 = (b["hr_max_bpm"] - b["hr_rest_bpm"]) / (vo2max - rest)
    return {
        "take_up": _rate(np.full_like(vt1, athletes.TAU_SPEED_S)),
        "primary_rate": _rate(b["tau_p_s"]),
        "slow_rate": _rate(b["tau_s_s"]),
        "heart_rate": _rate(b["tau_h_s"]),
        "vo2max": vo2max,
        "vt1": vt1,
        "bend_at": SLOW_AT[0] * (vo2max - vt1),
        "slow_slope": slope,
        "slow_bend": bend,
        "per_vo2": per_vo2,
        "hr_zero": b["hr_rest_bpm"] - per_vo2 * rest,
        "hr_max": b["hr_max_bpm"],
        "flat_unit": MINUTE * athletes.COST[-1] / athletes.J_PER_ML * b["economy"],
        "critical": b["critical_mps"],
        "d_full": b["d_prime_m"],
        "refill": _rate(b["tau_w_s"]),
        "drift_rate": DRIFT_2H / (7200 - DRIFT_FROM_S) * course.heat,
    }


def _rate(tau_s):
    """Share of the way to its goal that a first-order process goes in one second."""
    return 1 - np.exp(-1 / tau_s)


def slow_slopes(size, delay_s, tau_s):
    """How the slow component grows with demand above the first threshold.

    Parameters
    ----------
    size : (W,) person's factor on the published sizes
    delay_s, tau_s : (W,) its delay and time constant, s

    Returns
    -------
    slope : (W,) final size over the part of the demand above the threshold, up to 20 % of Δ
    bend : (W,) by how much it is flatter beyond

    The published sizes were read after six minutes, when the component was not yet complete.
    """
    share = 1 - np.exp(-(SLOW_MEASURED_S - delay_s) / tau_s)
    first = SLOW_SIZE[0] / SLOW_AT[0]
    second = (SLOW_SIZE[1] - SLOW_SIZE[0]) / (SLOW_AT[1] - SLOW_AT[0])
    return first * size / share, (first - second) * size / share
