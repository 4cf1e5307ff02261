"""Chapter 6: are Banister's parameters found again in data that the model itself made?

Athletes follow the impulse-response model exactly, every load is known, and each test has an error.
What is asked: how far the fitted parameters are from the true ones, what a fit says of its own
doubt, and how well it foretells tests of six later weeks. **Fitted:** all five parameters of an
athlete from their own tests. **Textbook:** τ1 and τ2 are 42 and 7 days, only p0, k1 and k2 are
fitted; people were drawn around these values, so that this arm knows more than it could of real
ones. **Pooled:** τ1 and τ2 are those that fit other athletes' tests best, together. **Last,
mean:** the last test, the mean of all, whatever is trained. **Known:** the true parameters.

A row's ``target`` is a parameter, ``peak_d`` (see :func:`sportsml_lite.recommend.banister.peak_d`),
``held_out`` (later tests, % of the level) or ``fit``. The error ``mae`` of τ1 and τ2 is the
distance of logarithms, of k1 and k2 the distance from the truth over the truth, of the peak days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, protocol
from sportsml_lite.errors import UserError
from sportsml_lite.intensity import FATIGUE_D, FITNESS_D
from sportsml_lite.protocol import Split
from sportsml_lite.recommend import banister
from sportsml_lite.simulate import impulse
from sportsml_lite.simulate.impulse import Body
from sportsml_lite.studies.runner import Options, Study

FIT_D, LATER_D, EVERY_D = 126, 42, 7  # days fitted, days held out, days between held-out tests
TESTS, ERRORS_PCT = (8, 24, 60), (1.0, 2.5)
POOLED = 40  # other athletes whose tests choose the pooled time constants
PARAMETERS = ("tau1_d", "tau2_d", "k1", "k2", "peak_d")
HELD_OUT, FITTED = "held_out", "fit"  # targets that are no parameter
REFUSED = {"refused": 1.0, "found": 0.0, "stuck": 1.0}  # what is said of a fit that was refused
SETTINGS = ["tests", "error_pct", "loads"]


@dataclass(frozen=True)
class Arm:
    """A way to foretell later tests: ``kind`` as in the module's text; shift : of the seed of the
    tests' errors, so that the same athletes are tested again
    """

    kind: str
    shift: int = 0


ARMS = {
    "fit": Arm("fit"),
    "fit_again": Arm("fit", shift=1000),
    "textbook": Arm("textbook"),
    "pooled": Arm("pooled"),
    "last": Arm("last"),
    "mean": Arm("mean"),
    "true": Arm("true"),
}
TITLES = {
    "fit": "all five fitted",
    "fit_again": "the same athletes, tested again",
    "textbook": "τ1, τ2 of textbooks",
    "pooled": "τ1, τ2 of others",
    "last": "the last test",
    "mean": "the mean of the tests",
    "true": "true parameters",
}


@dataclass(frozen=True)
class Data:
    """Athletes who follow the model.

    bodies : true parameters by athlete; loads : kind → (A, D); truth : kind → (A, D + 1), %
    """

    bodies: dict[str, Body]
    loads: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]


@dataclass(frozen=True)
class Design:
    """How athletes are tested: so many tests, with that error, while they train in that way."""

    tests: int
    error_pct: float
    loads: str

    @property
    def days(self) -> np.ndarray:
        """Of the tests to be fitted, (tests,)."""
        return np.linspace(0, FIT_D, self.tests + 1)[1:].round().astype(int)


DESIGNS = tuple(Design(n, e, kind) for kind, e, n in product(impulse.LOADS, ERRORS_PCT, TESTS))
QUICK = tuple(d for d in DESIGNS if d.tests == 24)
LATER = np.arange(FIT_D + EVERY_D, FIT_D + LATER_D + 1, EVERY_D)  # days of the held-out tests


def load(options: Options) -> Data:
    """Athletes, their loads and what the model makes of them. Settings: n_athletes.

    Raises
    ------
    UserError for a data set that is not ``'simulated'``: nobody knows real people's parameters
    """
    if options.name != "simulated":
        raise UserError(
            f"{options.name}: true parameters are known of simulated athletes only; take dataset "
            "= 'simulated'"
        )
    count = int(options.settings.get("n_athletes", 200 if options.full else 30))
    bodies = impulse.bodies(count, options.seed)
    loads = {k: impulse.loads(count, FIT_D + LATER_D, k, options.seed) for k in impulse.LOADS}
    truth = {
        kind: np.array([impulse.performance(*each) for each in zip(load, bodies, strict=True)])
        for kind, load in loads.items()
    }
    return Data({f"b{i:04d}": body for i, body in enumerate(bodies)}, loads, truth)


def splits(data: Data, partition: int) -> list[Split]:
    """Five groups of athletes; the others of each choose the pooled time constants."""
    return protocol.fold_athletes(list(data.bodies), seed=partition)


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one fold: what each arm says of each test athlete under each design."""
    parts = []
    for design in DESIGNS if options.full else QUICK:
        rows = [
            row
            for name, arm in arms.items()
            for row in _of_arm(data, split, seed, name, arm, design)
        ]
        parts.append(pd.DataFrame(rows).assign(**asdict(design)))
    return pd.concat(parts, ignore_index=True)


def tested(data: Data, athlete: str, design: Design, seed: int) -> tuple[np.ndarray, pd.Series]:
    """Loads of the days that are fitted, and the tests by day, the later ones too."""
    at = list(data.bodies).index(athlete)
    days = np.concatenate([design.days, LATER])
    truth = data.truth[design.loads][at]
    return data.loads[design.loads][at], impulse.tests(truth, days, design.error_pct, seed, at)


def pooled(data: Data, athletes, design: Design, seed: int) -> tuple[float, float]:
    """Time constants that fit the tests of all these athletes best: the sum of n ln RSS."""
    total = 0.0
    for athlete in list(athletes)[:POOLED]:
        load, tests = tested(data, athlete, design, seed)
        tau1, tau2, rss = banister.surface(load, design.days, tests[design.days])
        total = total + design.tests * np.log(rss)
    i, j = np.unravel_index(np.argmin(total), np.shape(total))
    return float(tau1[i]), float(tau2[j])


def _of_arm(data, split, seed, name, arm, design) -> Iterator[dict]:
    seed = seed + arm.shift
    taus = FITNESS_D, FATIGUE_D
    if arm.kind == "pooled":
        taus = pooled(data, split.train, design, seed)
    for athlete in split.test:
        load, tests = tested(data, athlete, design, seed)
        body, found = _answer(data, athlete, arm, design, load, tests, taus)
        own = {"arm": name, "athlete": athlete, "n": float(design.tests)}
        for target, metric, value in _rows(data.bodies[athlete], body, found, load, tests, design):
            yield own | {"target": target, "metric": metric, "value": float(value)}


def _answer(data, athlete, arm, design, load, tests, taus):
    """Parameters, or the number that stands for all later tests, and a fit that says its doubt."""
    values = tests[design.days]
    if arm.kind == "last":
        return float(values.iloc[-1]), None
    if arm.kind == "mean":
        return float(values.mean()), None
    if arm.kind == "true":
        return data.bodies[athlete], None
    if arm.kind == "fit":
        try:
            found = banister.fit(load, design.days, values)
        except UserError:
            # Refused: others would give the values from which the search began, and say nothing.
            return banister.fixed(load, design.days, values, *taus), "refused"
        return found.body, found
    return banister.fixed(load, design.days, values, *taus), None


def _rows(true: Body, body, found, load, tests, design) -> Iterator[tuple[str, str, float]]:
    """(target, metric, value) of one athlete."""
    later = tests[LATER].to_numpy()
    if isinstance(body, float):
        yield HELD_OUT, "rmse", evaluate.rmse(later, np.full(len(later), body))
        return
    yield HELD_OUT, "rmse", evaluate.rmse(later, impulse.performance(load, body)[LATER])
    for name in PARAMETERS:
        value, truth = value_of(body, name), value_of(true, name)
        yield name, "estimate", value
        yield name, "mae", distance(name, value, truth)
    if found == "refused":
        yield from ((FITTED, *pair) for pair in REFUSED.items())
    elif found:
        yield from _doubt(true, found)


def value_of(body: Body, name: str) -> float:
    """A parameter, or what follows from all: one of :data:`PARAMETERS`."""
    return banister.peak_d(body) if name == "peak_d" else getattr(body, name)


def distance(name: str, value: float, truth: float) -> float:
    """Error of a parameter, see the module's text."""
    if name.startswith("tau"):
        return float(abs(np.log(value / truth)))
    return abs(value - truth) / (1.0 if name == "peak_d" else truth)


def _doubt(true: Body, found: banister.Fit) -> Iterator[tuple[str, str, float]]:
    """What a fit says of itself."""
    yield FITTED, "refused", 0.0
    yield FITTED, "found", banister.identified(found)
    yield FITTED, "on_bound", bool(found.on_bound)
    yield FITTED, "stuck", bool(found.stuck)
    yield FITTED, "missed", found.missed
    yield FITTED, "r2", found.r2
    if np.isfinite(found.k_correlation):
        yield FITTED, "k_correlation", found.k_correlation
    for name, bounds in (("tau1_d", banister.TAU1_D), ("tau2_d", banister.TAU2_D)):
        profile, truth = found.profiles[name], getattr(true, name)
        low, high = max(profile.low_d, bounds[0]), min(profile.high_d, bounds[1])
        yield name, "covered", profile.low_d <= truth <= profile.high_d
        yield name, "closed", profile.closed
        yield name, "factor", high / low


# --- what the study asks -------------------------------------------------------------------------

QUESTIONS = (("fit", "last"), ("fit", "mean"), ("fit", "textbook"), ("pooled", "fit"))


def of(scores: pd.DataFrame, design: Design, target: str) -> pd.DataFrame:
    """Rows of one design and target."""
    wanted = asdict(design) | {"target": target}
    return scores[np.logical_and.reduce([scores[k] == v for k, v in wanted.items()])]


def designs(scores: pd.DataFrame) -> list[Design]:
    """The designs that a table holds, in order."""
    there = set(scores[SETTINGS].drop_duplicates().itertuples(index=False, name=None))
    return [d for d in DESIGNS if (d.tests, d.error_pct, d.loads) in there]


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple, evaluate.Comparison]:
    """Later tests, in RMSE (% of the level): (data set, design, arm, against) → comparison."""
    return {
        (name, design, arm, rival): evaluate.compare(part, arm, rival, "rmse", "change")
        for name, scores in tables.items()
        for design in designs(scores)
        for part in [of(scores, design, HELD_OUT)]
        for arm, rival in QUESTIONS
        if {arm, rival} <= set(part["arm"])
    }


STUDY = Study(
    name="banister",
    question="Are Banister's parameters found again in data that the model itself made?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="fit",
    metric="rmse",
    datasets=("simulated",),
    quick=tuple(ARMS),
    cheap=("textbook", "last", "mean", "true"),
)
