"""Chapter 6: what would another plan have brought? Estimates from a coach's log, against the truth.

A club is a log of :data:`ATHLETES` athletes, three decisions each, whom no other club has; what
each plan would bring is known in the simulator. From the log alone five ways estimate the value of
a *target*: each plan for everybody, and one policy by the proxy. **Naive:** the mean of those who
happened to do it. **Adjusted** (direct method): a regression of the change on the proxy, for each
plan. **Weighted** (IPS, SNIPS): those who happened to do it, weighted to be like everybody.
**Doubly robust:** both. Propensities are estimated from the proxy, or as the coach wrote them down.

``assignment`` says by what the coach chose (see :mod:`sportsml_lite.simulate.assignment`). A row's
``athlete`` is a club: its people make one estimate together, so they count once. ``mae`` is the
distance from the truth, ``bias`` with its sign, both in % of VO2max; ``covered`` whether the
interval holds the truth, ``covered_rows`` if every decision counted as a person of its own;
``width`` of the interval, ``effective`` decisions. Of the target ``ranking``: ``wrong``, whether
the plan that looks best is not, ``regret``, what that costs in % of VO2max, ``chosen``, its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, protocol
from sportsml_lite.errors import UserError
from sportsml_lite.protocol import Split
from sportsml_lite.recommend import offpolicy
from sportsml_lite.recommend.offpolicy import Log
from sportsml_lite.simulate import GENERATORS, assignment
from sportsml_lite.studies.runner import Options, Study

ATHLETES = 200  # of a club
POPULATION = 20_000  # athletes of whom the truth is the mean; none of them is in a club
_FIRST = 1_000_000  # number of the first of them
PLANS = tuple(assignment.PLANS)
MATCHED, RANKING = "by proxy", "ranking"
TARGETS = (*PLANS, MATCHED)
POWERS = 2  # of the proxy in both regressions
# A smaller estimated chance counts as this (assumption; 0.01 and 0.05 did as well in 30 clubs):
# far out the regression makes chances of a thousandth, and one decision weighs more than a club.
LEAST = 0.02


@dataclass(frozen=True)
class Arm:
    """A way to estimate.

    estimator : of :data:`sportsml_lite.recommend.offpolicy.ESTIMATORS`
    propensity : ``'share'`` (of the plan among all, whoever the athlete is), ``'estimated'`` from
        the proxy and at least :data:`LEAST`, ``'unbounded'`` (the same without a bound), or
        ``'logged'``; shift : added to the seed of the log
    """

    estimator: str
    propensity: str = "estimated"
    shift: int = 0


ARMS = {
    "naive": Arm("snips", "share"),
    "dm": Arm("dm"),
    "ips": Arm("ips"),
    "snips": Arm("snips"),
    "dr": Arm("dr"),
    "dr_again": Arm("dr", shift=1000),
    "dr_unbounded": Arm("dr", "unbounded"),
    "ips_logged": Arm("ips", "logged"),
    "snips_logged": Arm("snips", "logged"),
    "dr_logged": Arm("dr", "logged"),
}
TITLES = {
    "naive": "mean of those who did it",
    "dm": "adjusted (direct method)",
    "ips": "weighted (IPS)",
    "snips": "weighted, self-normalised (SNIPS)",
    "dr": "doubly robust",
    "dr_again": "doubly robust, another log",
    "dr_unbounded": "doubly robust, chances unbounded",
    "ips_logged": "weighted by logged chances (IPS)",
    "snips_logged": "weighted by logged chances (SNIPS)",
    "dr_logged": "doubly robust, logged chances",
}


@dataclass(frozen=True)
class Data:
    """Clubs by name → number, the simulator that makes them, and its seed."""

    clubs: dict[str, int]
    generator: str
    seed: int


def load(options: Options) -> Data:
    """Names of the clubs; each is simulated when it is scored. Settings: n_clubs.

    Raises
    ------
    UserError for a data set that is not simulated: nobody knows what other plans would have brought
    """
    if not options.simulated:
        raise UserError(
            f"{options.name}: what another plan would have brought is known of simulated athletes "
            f"only; take one of {', '.join(GENERATORS)}"
        )
    count = int(options.settings.get("n_clubs", 100 if options.full else 20))
    return Data({f"club{i:03d}": i for i in range(count)}, options.dataset, options.seed)


def splits(data: Data, partition: int) -> list[Split]:
    """Five groups of clubs; nothing is learned from one club for another."""
    return protocol.fold_athletes(list(data.clubs), seed=partition)


@lru_cache(maxsize=2)
def truth(generator: str, seed: int) -> dict[str, dict[str, float]]:
    """Mean change of VO2max, %, by assignment and target, over many athletes of no club."""
    true = assignment.effects(POPULATION, seed, generator, first=_FIRST)
    own = true[list(PLANS)].to_numpy()
    return {
        how: {
            target: float((policy(assignment.proxy(true, how), target) * own).sum(1).mean())
            for target in TARGETS
        }
        for how in assignment.ASSIGNMENTS
    }


def policy(proxy, target: str) -> np.ndarray:
    """Probability of each plan, (N, K): one plan for all, or more to those with a high proxy.

    proxy : (N,); target : of :data:`TARGETS`
    """
    at = np.full(len(proxy), PLANS.index(target) if target in PLANS else 0)
    if target == MATCHED:
        at = np.where(np.asarray(proxy) > 0, PLANS.index("much more"), PLANS.index("more"))
    return np.eye(len(PLANS))[at]


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of some clubs: every arm's estimate of each target, under each assignment."""
    rows, shifts = [], {arm.shift for arm in arms.values()}
    for club in split.test:
        number = data.clubs[club]
        true = assignment.effects(ATHLETES, data.seed, data.generator, number * ATHLETES)
        for how in assignment.ASSIGNMENTS:
            known = truth(data.generator, data.seed)[how]
            logs = {s: Prepared(assignment.log(true, how, seed + s)) for s in shifts}
            for name, arm in arms.items():
                own = {"arm": name, "athlete": club, "n": float(ATHLETES), "assignment": how}
                rows += [own | row for row in rows_of(logs[arm.shift], arm, known)]
    return pd.DataFrame(rows)


class Prepared:
    """A log with what arms share of it, computed once.

    logged : decisions of :func:`sportsml_lite.simulate.assignment.log`
    """

    def __init__(self, logged: pd.DataFrame):
        self.proxy = logged["proxy"].to_numpy()
        self.model = predicted(logged)
        self.logs = {
            kind: Log(
                logged["athlete"].to_numpy(),
                logged["plan"].to_numpy(),
                logged["change_pct"].to_numpy(),
                chance,
            )
            for kind, chance in propensities(logged).items()
        }


def rows_of(prepared: Prepared, arm: Arm, known: Mapping[str, float]) -> Iterator[dict]:
    """What one arm says of one log, held against the known values by target."""
    log, said = prepared.logs[arm.propensity], {}
    apart = replace(log, athlete=np.arange(len(log.action)))
    for target, true in known.items():
        wanted = policy(prepared.proxy, target)
        found, rows = (
            offpolicy.value(each, wanted, arm.estimator, prepared.model) for each in (log, apart)
        )
        said[target] = found.interval.estimate
        for metric, value in _judged(found, rows.interval, true).items():
            yield {"target": target, "metric": metric, "value": float(value)}
    for metric, value in ranked(said, known).items():
        yield {"target": RANKING, "metric": metric, "value": float(value)}


def ranked(said: Mapping[str, float], known: Mapping[str, float]) -> dict[str, float]:
    """What the plan that looks best costs: ``wrong``, ``regret``, ``chosen``.

    said, known : estimated and true value by target
    """
    chosen = max(PLANS, key=lambda plan: said[plan])
    regret = max(known[plan] for plan in PLANS) - known[chosen]
    return {"wrong": regret > 0, "regret": regret, "chosen": PLANS.index(chosen)}


def propensities(logged: pd.DataFrame) -> dict[str, np.ndarray]:
    """Probability of each logged decision, (N,), by the kinds that :class:`Arm` names."""
    from sklearn.linear_model import LogisticRegression

    plan, X = logged["plan"].to_numpy(), _powers(logged["proxy"])
    fitted = LogisticRegression(C=100.0).fit(X, plan)
    chance = np.zeros((len(plan), len(PLANS)))
    chance[:, fitted.classes_] = fitted.predict_proba(X)
    own = chance[np.arange(len(plan)), plan]
    return {
        "share": (np.bincount(plan, minlength=len(PLANS)) / len(plan))[plan],
        "estimated": np.maximum(own, LEAST),
        "unbounded": own,
        "logged": logged["propensity"].to_numpy(),
    }


def predicted(logged: pd.DataFrame) -> np.ndarray:
    """Change of every plan, (N, K), by a line on powers of the proxy, fitted to other athletes."""
    X = np.column_stack([np.ones(len(logged)), _powers(logged["proxy"])])
    plan, change = logged["plan"].to_numpy(), logged["change_pct"].to_numpy()

    def fit(rows):
        # The smallest coefficients that fit: a plan that hardly anybody follows has few rows.
        lines = [np.linalg.lstsq(X[rows & (plan == k)], change[rows & (plan == k)], rcond=None)[0]
                 for k in range(len(PLANS))]  # fmt: skip
        return lambda asked: X[asked] @ np.transpose(lines)

    return offpolicy.crossed(logged["athlete"], fit)


def _powers(proxy) -> np.ndarray:
    return np.stack([np.asarray(proxy) ** p for p in range(1, POWERS + 1)], axis=1)


def _judged(found: offpolicy.Value, rows: evaluate.Interval, true: float) -> dict[str, float]:
    own = found.interval
    return {
        "estimate": own.estimate,
        "truth": true,
        "bias": own.estimate - true,
        "mae": abs(own.estimate - true),
        "covered": own.low <= true <= own.high,
        "covered_rows": rows.low <= true <= rows.high,
        "width": own.high - own.low,
        "effective": found.effective,
    }


# --- what the study asks -------------------------------------------------------------------------

QUESTIONS = (("dm", "naive"), ("snips", "naive"), ("dr", "naive"), ("dr_logged", "naive"))


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple, evaluate.Comparison]:
    """Distance from the truth, mean over plans, by (data set, assignment, arm, against)."""
    return {
        (name, how, arm, rival): evaluate.compare(part, arm, rival, "mae", "change")
        for name, scores in tables.items()
        for how in assignment.ASSIGNMENTS
        for part in [over_plans(scores, how, "mae")]
        for arm, rival in QUESTIONS
        if {arm, rival} <= set(part["arm"])
    }


def over_plans(scores: pd.DataFrame, how: str, metric: str) -> pd.DataFrame:
    """Scores of one assignment with a club's mean of a metric over the plans, a row a club."""
    part = scores[(scores["assignment"] == how) & (scores["metric"] == metric)]
    part = part[part["target"].isin(PLANS)]
    keys = ["arm", "athlete", "partition", "fold", "seed", "metric"]
    return part.groupby(keys, as_index=False)["value"].mean()


STUDY = Study(
    name="offpolicy",
    question="What would another plan have brought, and can a coach's log tell?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="dr",
    metric="mae",
    datasets=GENERATORS,
    quick=tuple(ARMS),
    cheap=("naive", "dm"),
)
