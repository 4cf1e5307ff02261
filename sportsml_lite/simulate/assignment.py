"""Who was given which plan, by whom, and what came of it: logs of a coach's decisions.

An athlete follows one of four plans for a block of weeks, between two tests of VO2max, and comes
back to the habit before the next block. What each plan would have brought is known here, of each
athlete, from :mod:`sportsml_lite.simulate.adaptation`: the load is the accustomed one times a
factor, and the day before the last test is free.

How much load an athlete can absorb is hidden. The data hold a *proxy* of it, say a rating of how
well the athlete recovers. A coach gives more load to those of whom he thinks that they absorb more:

- ``lottery``: to nobody; the plan is drawn by lot, evenly.
- ``seen``: by the proxy alone, which the data hold too.
- ``sensed``: by the trait itself, of which the proxy tells a part.
- ``unseen``: by the trait itself, of which the proxy tells nothing.

All constants are assumptions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError
from sportsml_lite.simulate import adaptation, draws
from sportsml_lite.simulate import athletes as people
from sportsml_lite.simulate.effect import check_generator
from sportsml_lite.simulate.periods import TEST_ERROR_PCT

PLANS = {"less": 0.6, "as usual": 1.0, "more": 1.4, "much more": 2.0}  # of the accustomed load
ASSIGNMENTS = ("lottery", "seen", "sensed", "unseen")
WEEKS = 4  # of a block
DECISIONS = 3  # blocks of an athlete, each from the habit
PROXY_R = 0.7  # correlation of the proxy with ln of the capacity
STRENGTH = 1.0  # of a coach's rule: odds of the next heavier plan for one SD of the trait, ln
BY_LOT = 0.1  # share of a coach's decisions that are drawn evenly all the same
_KEY = 1002  # draws of this module; those of other modules have small numbers


def effects(athletes: int, seed: int, generator: str = "simulated", first: int = 0) -> pd.DataFrame:
    """What each plan brings each athlete, without the error of any test.

    Parameters
    ----------
    athletes : how many; first : number of the first
    seed : key of all draws
    generator : ``'simulated'`` or ``'simulated_b'``, another law of adaptation

    Returns
    -------
    DataFrame, a row an athlete: a column a plan, change of VO2max in %; ``trait``, ln of the
    capacity in its SDs; ``luck``, a draw of the proxy's own

    Raises
    ------
    UserError for an unknown generator or fewer than one athlete
    """
    check_generator(generator)
    body = people.draw(athletes, seed, first=first)
    body["capacity"] = adaptation.capacity(body.index, seed)
    found = {}
    for name, factor in PLANS.items():
        # The first test, too, comes after a free day.
        load = np.full((7 * WEEKS + 1, athletes), factor)
        load[[0, -1]] = 0
        level = adaptation.vo2max(load, np.ones(athletes), body, generator)
        found[name] = 100 * (level[-1] / level[1] - 1)
    luck = draws.table(seed, _KEY, [(int(i),) for i in body.index], 1)[:, 0]
    trait = np.log(body["capacity"].to_numpy()) / adaptation.CAPACITY_SD
    return pd.DataFrame({**found, "trait": trait, "luck": luck}, index=body.index)


def proxy(true: pd.DataFrame, assignment: str) -> np.ndarray:
    """What the data hold of the trait, (A,), mean 0 and SD 1 over all athletes.

    Parameters
    ----------
    true : of :func:`effects`
    assignment : of :data:`ASSIGNMENTS`

    Raises
    ------
    UserError for another assignment
    """
    if assignment not in ASSIGNMENTS:
        raise UserError(f"assignment {assignment!r}: choose one of {', '.join(ASSIGNMENTS)}")
    r = 0.0 if assignment == "unseen" else PROXY_R
    return r * true["trait"].to_numpy() + np.sqrt(1 - r**2) * true["luck"].to_numpy()


def chances(true: pd.DataFrame, assignment: str) -> np.ndarray:
    """Probability of each plan for each athlete, (A, K).

    true, assignment : as for :func:`proxy`
    """
    shown = proxy(true, assignment)
    opinion = {"lottery": 0 * shown, "seen": shown}.get(assignment, true["trait"].to_numpy())
    rank = np.arange(len(PLANS)) - (len(PLANS) - 1) / 2
    odds = np.exp(STRENGTH * opinion[:, None] * rank)
    return (1 - BY_LOT) * odds / odds.sum(1, keepdims=True) + BY_LOT / len(PLANS)


def log(
    true: pd.DataFrame, assignment: str, seed: int, error_pct: float = TEST_ERROR_PCT
) -> pd.DataFrame:
    """Decisions of a coach, and the change between the two tests around each.

    Parameters
    ----------
    true, assignment : as for :func:`proxy`
    seed : key of what is drawn here: plans, errors
    error_pct : SD of one test, per cent

    Returns
    -------
    DataFrame, a row a decision: ``athlete``, ``proxy``, ``plan`` (number in :data:`PLANS`),
    ``propensity`` by which it was drawn, ``change_pct`` as measured
    """
    keys = [(int(i), ASSIGNMENTS.index(assignment)) for i in true.index]
    p = chances(true, assignment)
    u = draws.table(seed, _KEY, [(*k, 2) for k in keys], DECISIONS, normal=False)
    plan = (u[..., None] >= p.cumsum(1)[:, None, :-1]).sum(-1)
    z = draws.table(seed, _KEY, [(*k, 3) for k in keys], 2 * DECISIONS).reshape(len(true), 2, -1)
    gain = np.take_along_axis(true[list(PLANS)].to_numpy(), plan, axis=1)
    before, after = 1 + error_pct / 100 * z.swapaxes(0, 1)
    measured = 100 * ((1 + gain / 100) * after / before - 1)
    return pd.DataFrame({
        "athlete": np.repeat(true.index.to_numpy(), DECISIONS),
        "proxy": np.repeat(proxy(true, assignment), DECISIONS),
        "plan": plan.ravel(),
        "propensity": np.take_along_axis(p, plan, axis=1).ravel(),
        "change_pct": measured.ravel(),
    })  # fmt: skip
