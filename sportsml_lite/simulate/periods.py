"""Athletes who train in three periods between four laboratory tests: loads only, no watch.

What a study of periods sees of people is a diary and a laboratory, and so it is here: no session is
run second by second. A session's minutes in five zones of heart rate are drawn around its period's
plan, and a minute in a zone has the strain of the zone's middle. Nothing of the physiology between
speed and heart rate is in it; what training does to VO2max is that of
:mod:`sportsml_lite.simulate.adaptation`.

What is done in a period is drawn by lot, whoever the athlete is: how much of a change is due to
training can be read off without asking who chooses to train more. All constants are assumptions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite import intensity
from sportsml_lite.errors import UserError
from sportsml_lite.simulate import adaptation, draws
from sportsml_lite.simulate import athletes as people
from sportsml_lite.simulate.effect import (
    STRAIN,
    check_generator,
    perceived_exertion,
    strain_rate,
    strain_rate_b,
)

PERIODS = 3
ZONES = [f"zone_{zone}_min" for zone in range(1, 6)]
# By lot: factor on the accustomed minutes, and tilt of the zones, each drawn evenly in between.
KINDS = {
    "as_usual": ((0.9, 1.1), (-0.1, 0.1)),
    "more": ((1.2, 2.0), (-0.1, 0.1)),
    "less": ((0.4, 0.8), (-0.1, 0.1)),
    "harder": ((0.9, 1.1), (0.2, 0.6)),
    "easier": ((0.9, 1.1), (-0.6, -0.2)),
    "rest": ((0.0, 0.15), (-0.1, 0.1)),
}
# SD of one VO2max test, per cent. By the covariance of a change with the one before it, it is about
# 1.4 in the riders of `intervals` and 4.7 in those of `sylta2016`.
TEST_ERROR_PCT = 2.5
HOURS, HOURS_SD = 7.0, 0.35  # a week of the habit: median, SD of ln between people
SESSION_H, OFTEN_MOST = 1.25, 0.9  # hours of a session; share of days with one, at most
SHARES = (0.36, 0.36, 0.13, 0.11, 0.04)  # of the habit's minutes in zone 1 to 5
TILT_SD = 0.15  # of habits between people
ZONE_SD = 0.6  # of ln minutes in a zone, from session to session
_OWN, _DAY = 1 + PERIODS + 1, 1 + len(SHARES)  # normal draws: tilt, tests; rating, zones


def draw(
    athletes: int = 1000,
    seed: int = 0,
    generator: str = "simulated",
    effect: float = 1.0,
    error_pct: float = TEST_ERROR_PCT,
    weeks: tuple[int, int] = (3, 8),
    first: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw athletes, what they do in three periods, and what the laboratory finds.

    Parameters
    ----------
    athletes : how many
    seed : key of every draw; athlete ``i`` is the same however many others there are
    generator : ``'simulated'``, or ``'simulated_b'``: another strain, another law of adaptation
    effect : factor on all that training does; 0 is a world where it changes nothing
    error_pct : SD of one VO2max test, per cent
    weeks : shortest and longest period
    first : number of the first athlete

    Returns
    -------
    diary : a row an athlete and period, what a model may read: ``kind`` as drawn by lot, ``weeks``,
        ``sex``, ``age_y``, ``mass_kg``, ``vo2max_ml_kg_min`` of the test before,
        ``endurance_sessions``, their mean ``session_rpe`` (CR10; NaN without a session), minutes
        ``zone_1_min`` to ``zone_5_min``, what :func:`per_week` makes of them, ``trimp_change_week``
        (against the period before, at first the habit), and the outcome ``vo2max_change_pct``
    hidden : the same rows: the true ``vo2max_ml_kg_min`` and ``vo2max_change_pct``, ``responder``,
        ``capacity``, ``load_ratio`` (to the accustomed load); never a model's input

    Raises
    ------
    UserError for an unknown generator, a negative effect or error, or impossible weeks
    """
    _check(generator, effect, error_pct, weeks)
    body = people.draw(athletes, seed, first=first)
    body["capacity"] = adaptation.capacity(body.index, seed)
    lots = _lots(body, seed, weeks)
    minutes, rpe = _sessions(body, lots)
    strain = _strain(body, generator)
    load = np.einsum("adz,az->ad", minutes, strain)
    usual = (lots["habit_min"] * strain).sum(axis=1) / 7
    # The first test, too, comes after a day of rest.
    rested = np.vstack([np.zeros(len(body)), load.T])
    daily = adaptation.vo2max(rested, usual, body, generator, effect)[1:].T
    true = np.take_along_axis(daily, lots["test_day"], axis=1)
    ratio = _between(load, lots) / (7 * lots["weeks"] * usual[:, None])
    own = {name: body[[name]].to_numpy() for name in ("responder", "capacity")}
    hidden = _rows(body, _outcome(true) | own | {"load_ratio": ratio})
    measured = true * (1 + error_pct / 100 * lots["test_error"])
    return _diary(body, lots, minutes, rpe, measured), hidden


def per_week(diary: pd.DataFrame) -> pd.DataFrame:
    """A week's training from a diary, of simulated athletes and of real ones alike.

    Parameters
    ----------
    diary : rows with ``sex``, ``weeks``, ``session_rpe``, ``zone_1_min`` to ``zone_5_min``

    Returns
    -------
    DataFrame of ``hours_week``, ``trimp_week`` (from the zones' middles, see
    :func:`sportsml_lite.intensity.zone_trimp`) and ``srpe_week`` (mean rating times minutes)
    """
    minutes = diary[ZONES].to_numpy(float)
    weeks, total = diary["weeks"].to_numpy(float), minutes.sum(axis=1)
    rated = np.where(total == 0, 0, diary["session_rpe"].to_numpy(float) * total)
    trimp = intensity.zone_trimp(minutes, diary["sex"])
    found = {"hours_week": total / 60, "trimp_week": trimp, "srpe_week": rated}
    return pd.DataFrame({k: v / weeks for k, v in found.items()}, index=diary.index)


def _check(generator, effect, error_pct, weeks):
    check_generator(generator)
    for name, value in {"effect": effect, "error_pct": error_pct}.items():
        if not 0 <= value < np.inf:
            raise UserError(f"{name} = {value}: give a number of 0 or more")
    shortest, longest = weeks
    if not 1 <= shortest <= longest <= 26:
        raise UserError(f"weeks = {weeks}: give a shortest and a longest period, 1 to 26 weeks")


def _lots(body, seed, weeks):
    """All that is drawn, by name: (A, 3) a period, (A, D, ·) a day."""
    days = 7 * weeks[1] * PERIODS
    keys = [(int(i),) for i in body.index]
    z = draws.table(seed, draws.PERIODS, keys, _OWN + _DAY * days)
    u = draws.table(seed, draws.PERIODS, [(*k, 1) for k in keys], 4 * PERIODS + days, normal=False)
    kind, long, volume, tilt = u[:, : 4 * PERIODS].reshape(-1, 4, PERIODS).swapaxes(0, 1)
    kind = (kind * len(KINDS)).astype(int)
    low, high = np.array(list(KINDS.values()))[kind].transpose(3, 2, 0, 1)
    volume, tilt = low + (high - low) * [volume, tilt]
    length = weeks[0] + (long * (weeks[1] - weeks[0] + 1)).astype(int)
    hours = HOURS * np.exp(HOURS_SD * body["drive"].to_numpy())
    own = TILT_SD * z[:, 0]
    return {
        "kind": np.array(list(KINDS))[kind],
        "weeks": length,
        "test_day": 7 * np.pad(length.cumsum(axis=1), ((0, 0), (1, 0))),
        "volume": volume,
        "shares": _shares(own[:, None] + tilt),
        "habit_min": 60 * hours[:, None] * _shares(own),
        "often": np.minimum(hours / SESSION_H / 7, OFTEN_MOST),
        "test_error": z[:, 1:_OWN],
        "chance": u[:, 4 * PERIODS :],
        "z": z[:, _OWN:].reshape(len(body), days, _DAY),
    }


def _shares(tilt):
    """Shares of the zones, (..., 5), moved towards the hard ones by a positive tilt (...)."""
    shares = np.array(SHARES) * np.exp(tilt[..., None] * np.arange(-2, 3))
    return shares / shares.sum(axis=-1, keepdims=True)


def _sessions(body, lots):
    """Minutes by zone (A, D, 5) and rating (A, D) of every day; 0 and NaN without a session."""
    test, often = lots["test_day"][:, None, 1:], lots["often"][:, None]
    day = np.arange(lots["chance"].shape[1])[:, None]
    period = (day >= test).sum(axis=2).clip(max=PERIODS - 1)
    volume = np.take_along_axis(lots["volume"], period, axis=1)
    shares = np.take_along_axis(lots["shares"], period[..., None], axis=1)
    # Less training is fewer sessions, more is longer ones; the day before a test is free.
    done = (lots["chance"] < often * np.minimum(volume, 1)) & (day + 1 != test).all(axis=2)
    total = lots["habit_min"].sum(axis=1)[:, None] / 7 / often * np.maximum(volume, 1) * done
    chance = np.exp(ZONE_SD * lots["z"][..., 1:] - ZONE_SD**2 / 2)
    minutes = total[..., None] * shares * chance
    length = np.where(done, minutes.sum(axis=2), np.nan)
    fraction = minutes @ np.array(intensity.ZONE_RESERVE) / length
    rpe = perceived_exertion(fraction, length, body[["rpe_bias"]].to_numpy(), lots["z"][..., 0])
    return minutes, rpe


def _strain(body, generator):
    """Strain of a minute in each zone, (A, 5): load as the simulator's sessions have it."""
    share = np.array(intensity.ZONE_RESERVE)
    if generator == "simulated":
        return strain_rate(share, body["sex"].map(STRAIN).to_numpy(float)[:, None])
    rest = people.VO2_REST / body[["vo2max_ml_kg_min"]].to_numpy()
    return strain_rate_b(rest + (1 - rest) * share).astype(float)


def _between(daily, lots):
    """Sums (A, 3, ...) of (A, D, ...) from each test to the next."""
    so_far = np.pad(daily.cumsum(axis=1), ((0, 0), (1, 0), *[(0, 0)] * (daily.ndim - 2)))
    at = lots["test_day"].reshape(*lots["test_day"].shape, *[1] * (daily.ndim - 2))
    return np.diff(np.take_along_axis(so_far, at, axis=1), axis=1)


def _outcome(vo2max):
    """VO2max before each period, and its change over it in per cent, from the tests (A, 4)."""
    change = 100 * (vo2max[:, 1:] / vo2max[:, :-1] - 1)
    return {"vo2max_ml_kg_min": vo2max[:, :-1], "vo2max_change_pct": change}


def _rows(body, columns):
    """A row an athlete and period, of (A, 3) arrays or of (A, 1), the same in all periods."""
    shape = len(body), PERIODS
    keys = {
        "athlete_id": np.repeat([f"a{i:05d}" for i in body.index], PERIODS),
        "period": np.tile(np.arange(1, PERIODS + 1), len(body)),
    }
    return pd.DataFrame(keys | {k: np.broadcast_to(v, shape).ravel() for k, v in columns.items()})


def _diary(body, lots, minutes, rpe, measured):
    rated = ~np.isnan(rpe)
    count = _between(rated.astype(float), lots)
    total = _between(np.where(rated, rpe, 0), lots)
    zones = np.moveaxis(_between(minutes, lots), 2, 0)
    known = people.visible(body)
    about = {name: known[[name]].to_numpy() for name in ("sex", "age_y", "mass_kg")}
    done = {"endurance_sessions": count, "session_rpe": total / np.where(count, count, np.nan)}
    plan = {name: lots[name] for name in ("kind", "weeks")}
    diary = _rows(body, plan | about | done | dict(zip(ZONES, zones, strict=True)))
    diary = diary.join(per_week(diary))
    trimp = diary["trimp_week"].to_numpy().reshape(-1, PERIODS)
    habit = intensity.zone_trimp(lots["habit_min"], body["sex"])
    diary["trimp_change_week"] = np.diff(trimp, axis=1, prepend=habit[:, None]).ravel()
    return diary.join(_rows(body, _outcome(measured)).drop(columns=["athlete_id", "period"]))
