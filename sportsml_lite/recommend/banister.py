r"""Banister's model fitted to tests, and whether the tests can tell its parameters.

Given τ1 and τ2 the model is linear in p0, k1 and k2, so these are found by least squares and only
the two time constants are searched for (variable projection, Golub and Pereyra 1973), within
bounds, from the best point of a grid and from the textbook's values; k1 and k2 are never negative.
A profile holds one time constant fixed at each value in turn and fits all others anew. Where it
stays flat, the tests fit as well with any value: the parameter is not identified, and a single
number for it would say nothing.

A search that cannot move is not an answer. :func:`fit` refuses tests that depend on no time
constant, and :func:`refusals` names one that an ordinary search would give back as it began.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.intensity import FATIGUE_D, FITNESS_D
from sportsml_lite.protocol import PROTOCOL
from sportsml_lite.recommend.profiles import Profile, profile
from sportsml_lite.simulate.impulse import Body, trace

TAU1_D, TAU2_D = (15.0, 120.0), (1.0, 15.0)  # days; wide, and τ2 below τ1 (assumption)
START_D = (FITNESS_D, FATIGUE_D)  # of an ordinary search
SEARCH = {"xtol": 1e-6, "ftol": 1e-8, "gtol": 1e-10}
STEPS = 40  # of a profile, evenly in ln τ
WIDEST = 2.0  # upper over lower end of an interval of τ that still counts as found (assumption)
LATEST_D = 120.0  # a peak later than this counts as this late
_STILL = 1e-6  # of ln τ: a search that moved less did not move
_WORSE = 1.001  # residual sum of squares over the best that is another minimum
_FLAT = 1e-18  # variance over mean square that is rounding
PARAMETERS = 5
_TINY = 1e-300


@dataclass(frozen=True)
class Fit:
    """What tests say of an athlete's parameters.

    body : the best parameters; residual_pct : SD of the tests around them, with n - 5 in the
        denominator; r2 : explained share of the tests' variance
    tests : how many
    on_bound : parameters that ended on a bound, k1 and k2 at 0 among them
    stuck : time constants that an ordinary search, from 42 and 7 days, gives back unchanged
    missed : whether that search ends in a minimum that is not the best
    profiles : of ``tau1_d`` and ``tau2_d``
    k_correlation : of the errors of k1 and k2, from the curvature at the best; NaN on a bound
    """

    body: Body
    residual_pct: float
    r2: float
    tests: int
    on_bound: tuple[str, ...]
    stuck: tuple[str, ...]
    missed: bool
    profiles: dict[str, Profile]
    k_correlation: float


def fit(load, days, values, before: float = 1.0, level: float = PROTOCOL.level) -> Fit:
    r"""Fit the five parameters of Banister's model to one athlete's tests.

    The interval of a time constant holds every value whose residual sum of squares, all other
    parameters fitted anew, is beyond the best by no more than
    :math:`F_{1,n-5}\,\mathrm{RSS}_{\min}/(n-5)`.

    Parameters
    ----------
    load : (D,) of each day, in shares of the accustomed one
    days : (n,) whole days of the tests, 0 to D; a test comes before the day's training
    values : (n,) performance, in any unit that the parameters shall have
    before : load of every day before the first
    level : of the intervals

    Returns
    -------
    Fit

    Raises
    ------
    UserError for fewer than six tests, tests outside the record, a missing value, or tests that
    do not depend on the time constants
    """
    load, days, values = _checked(load, days, values)
    columns, left = _columns(load, days, before), len(values) - PARAMETERS
    squares = _grid(columns, values)
    if squares.min() >= (1 - 1e-12) * np.square(values - values.mean()).sum():
        raise UserError(
            "these tests depend on no time constant: they rise with no fitness and fall with no "
            "fatigue, and a search would give back its start; give loads that change from week to "
            "week, and tests after both"
        )
    at = np.unravel_index(squares.argmin(), squares.shape)
    best = _search(columns, values, [grid[i] for grid, i in zip(_grids(), at, strict=True)])
    ordinary = _search(columns, values, START_D)
    still = np.abs(np.log(ordinary[0] / START_D)) < _STILL
    missed = ordinary[1] > _WORSE * best[1]
    taus, rss = min(best, ordinary, key=lambda end: end[1])
    coefficients, _ = _linear(*columns(*taus), values)
    body = Body(*map(float, (*coefficients, *taus)))
    bounds = _on_bound(body)
    return Fit(
        body,
        residual_pct=float(np.sqrt(rss / left)),
        r2=float(1 - rss / np.square(values - values.mean()).sum()),
        tests=len(values),
        on_bound=bounds,
        stuck=tuple(n for n, s in zip(("tau1_d", "tau2_d"), still, strict=True) if s),
        missed=bool(missed),
        profiles=_profiles(squares, rss, left, level),
        k_correlation=np.nan if bounds else _k_correlation(columns, body),
    )


def refusals(found: Fit, widest: float = WIDEST) -> tuple[str, ...]:
    """Why the time constants of a fit must not be believed; empty if they may.

    Parameters
    ----------
    found : a fit
    widest : upper over lower end of an interval that still counts as found
    """
    said = [f"{name} ends on a bound" for name in found.on_bound]
    said += [f"{name}: an ordinary search gives back its start" for name in found.stuck]
    for name, held in found.profiles.items():
        if not held.closed:
            said.append(f"{name}: the tests fit as well at a bound of the search")
        elif held.high_d / held.low_d > widest:
            said.append(f"{name}: anything from {held.low_d:.0f} to {held.high_d:.0f} d fits")
    return tuple(said)


def identified(found: Fit, widest: float = WIDEST) -> bool:
    """Whether both time constants are found: intervals closed, and not wider than a factor.

    found, widest : as for :func:`refusals`
    """
    return not refusals(found, widest)


def fixed(load, days, values, tau1_d: float, tau2_d: float, before: float = 1.0) -> Body:
    """Parameters with both time constants given, and p0, k1, k2 fitted.

    Parameters
    ----------
    load, days, values, before : as for :func:`fit`, but three tests are enough
    tau1_d, tau2_d : time constants, days

    Raises
    ------
    UserError for fewer tests, tests outside the record, or a missing value
    """
    load, days, values = _checked(load, days, values, least=3)
    (p0, k1, k2), _ = _linear(*_columns(load, days, before)(tau1_d, tau2_d), values)
    return Body(*map(float, (p0, k1, k2, tau1_d, tau2_d)))


def surface(load, days, values, before: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residual sum of squares over both time constants, everything else fitted.

    Parameters
    ----------
    load, days, values, before : as for :func:`fixed`

    Returns
    -------
    tau1_d : (T,) days; tau2_d : (T,) days; rss : (T, T), a row a τ1

    Raises
    ------
    UserError as :func:`fixed` does
    """
    load, days, values = _checked(load, days, values, least=3)
    return *_grids(), _grid(_columns(load, days, before), values)


def peak_d(body: Body) -> float:
    r"""Days after a session at which it has brought most: how long before a race to train hardest.

    .. math:: t = \frac{\tau_1\tau_2}{\tau_1-\tau_2} \ln\frac{k_2\,\tau_1}{k_1\,\tau_2}

    At once where fatigue costs nothing, and :data:`LATEST_D` at most.

    Parameters
    ----------
    body : parameters
    """
    if body.k1 <= 0:
        return LATEST_D
    if body.k2 * body.tau1_d <= body.k1 * body.tau2_d:
        return 0.0
    slow = body.tau1_d * body.tau2_d / (body.tau1_d - body.tau2_d)
    return min(LATEST_D, slow * float(np.log(body.k2 * body.tau1_d / (body.k1 * body.tau2_d))))


def _checked(load, days, values, least: int = PARAMETERS + 1):
    load, days, values = np.asarray(load, float), np.asarray(days), np.asarray(values, float)
    if days.shape != values.shape or values.ndim != 1:
        raise UserError(f"tests: days {days.shape} and values {values.shape}; make both (n,)")
    if len(values) < least:
        raise UserError(
            f"{len(values)} tests: the model has {PARAMETERS} parameters; give {least} or more"
        )
    if not (np.isfinite(load).all() and np.isfinite(values).all()):
        raise UserError("a load or a test is missing; a day without training has the load 0")
    if not np.array_equal(days, days.astype(int)) or days.min() < 0 or days.max() > len(load):
        raise UserError(
            f"tests on days {days.min():g} to {days.max():g} of {len(load)}: give whole days of "
            "the record, from 0"
        )
    return load, days.astype(int), values


def _columns(load, days, before):
    """Time constants → what multiplies k1 and k2 on the days of the tests, (n,) each."""
    return lambda tau1, tau2: (trace(load, tau1, before)[days], -trace(load, tau2, before)[days])


def _grids():
    return tuple(np.geomspace(*bounds, STEPS) for bounds in (TAU1_D, TAU2_D))


def _linear(a, b, y):
    """Least squares of y on 1, a and b with the last two coefficients at or above 0.

    a, b : (..., n); y : (n,)

    Returns
    -------
    coefficients (..., 3) and residual sums of squares (...)
    """
    means = [v.mean(-1, keepdims=True) for v in (a, b)]
    a0, b0, y0 = a - means[0], b - means[1], y - y.mean()
    aa, bb, ab = (a0 * a0).sum(-1), (b0 * b0).sum(-1), (a0 * b0).sum(-1)
    ay, by = a0 @ y0, b0 @ y0
    # A trace that does not change explains nothing, whatever rounding makes of it.
    some = [v > _FLAT * len(y) * m[..., 0] ** 2 for v, m in ((aa, means[0]), (bb, means[1]))]
    ay, by = ay * some[0], by * some[1]
    det = aa * bb - ab**2
    regular = (det > 1e-12 * aa * bb) & some[0] & some[1]
    safe = np.where(regular, det, 1.0)
    k1, k2 = (bb * ay - ab * by) / safe, (aa * by - ab * ay) / safe
    inside = regular & (k1 >= 0) & (k2 >= 0)
    # Else one of them is 0: the other alone, whichever explains more.
    first, second = np.maximum(ay, 0) / (aa + _TINY), np.maximum(by, 0) / (bb + _TINY)
    by_first = first * ay >= second * by
    k1 = np.where(inside, k1, first * by_first)
    k2 = np.where(inside, k2, second * ~by_first)
    p0 = y.mean() - k1 * means[0][..., 0] - k2 * means[1][..., 0]
    off = y0 - k1[..., None] * a0 - k2[..., None] * b0
    return np.stack(np.broadcast_arrays(p0, k1, k2), -1), (off * off).sum(-1)


def _search(columns, y, start):
    """Time constants (2,) at which a search from a start ends, and their sum of squares."""
    from scipy.optimize import least_squares

    def off(x):
        a, b = columns(*np.exp(x))
        p0, k1, k2 = _linear(a, b, y)[0]
        return y - p0 - k1 * a - k2 * b

    bounds = np.log([TAU1_D, TAU2_D]).T
    found = least_squares(off, np.log(start), bounds=bounds, x_scale=0.5, **SEARCH)
    return np.exp(found.x), float(2 * found.cost)


def _on_bound(body: Body) -> tuple[str, ...]:
    near = [n for n in ("k1", "k2") if getattr(body, n) == 0]
    for name, bounds in (("tau1_d", TAU1_D), ("tau2_d", TAU2_D)):
        if np.abs(np.log(np.array(bounds) / getattr(body, name))).min() < 1e-3:
            near.append(name)
    return tuple(near)


def _grid(columns, y) -> np.ndarray:
    """Residual sums of squares over the grids of both time constants, (T, T)."""
    a, b = (np.array(part) for part in zip(*map(columns, *_grids()), strict=True))
    return _linear(a[:, None], b[None], y)[1]


def _profiles(squares, rss: float, left: int, level: float) -> dict[str, Profile]:
    from scipy.special import fdtri  # scipy.stats is slow to import

    limit, found = float(fdtri(1, left, level)), {}
    for axis, (name, grid) in enumerate(zip(("tau1_d", "tau2_d"), _grids(), strict=True)):
        excess = (squares.min(1 - axis) - rss) / max(rss / left, _TINY)
        found[name] = profile(grid, excess, limit)
    return found


def _k_correlation(columns, body: Body) -> float:
    """Correlation of the errors of k1 and k2, from the model's slopes in all five parameters."""
    a, b = columns(body.tau1_d, body.tau2_d)
    step = 1e-4
    up, down = (columns(*(tau * np.exp(s) for tau in (body.tau1_d, body.tau2_d)))
                for s in (step, -step))  # fmt: skip
    slopes = [
        k * (u - d) / (2 * step) for k, u, d in zip((body.k1, body.k2), up, down, strict=True)
    ]
    jacobian = np.stack([np.ones(len(a)), a, b, *slopes], axis=1)
    scaled = jacobian / np.linalg.norm(jacobian, axis=0)
    inverse = np.linalg.pinv(scaled.T @ scaled)
    return float(inverse[1, 2] / np.sqrt(inverse[1, 1] * inverse[2, 2]))
