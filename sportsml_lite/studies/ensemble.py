"""Chapter 5: what does it add to ask several models, in error and in seconds?

On the sessions of chapter 4, each athlete tested by models that never met them. **One:** the MLP,
ridge, boosted trees. **Copies:** five MLPs that differ by their seed, or by the seed and the bag of
training athletes. **Kinds:** MLPs, ridge and trees together: their plain mean; two stacks, fitted
to answers out of fold; and, as a stack must beat it, the one kind that is best out of fold.

A mean's squared error is that of its members less their disagreement; ``member_mse`` and
``disagreement`` hold the two for each athlete. ``seconds`` are of one core, for all that an arm
trains; ``weight_*`` is what a mix gives a kind. Both belong to the fold, the same for each of its
athletes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from sportsml_lite import ensemble, evaluate
from sportsml_lite.baselines.sessions import fit_baseline
from sportsml_lite.ensemble import Fit, Members
from sportsml_lite.prepare import Table
from sportsml_lite.protocol import Split
from sportsml_lite.studies import effect
from sportsml_lite.studies.effect import Data
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training import TrainConfig

ATHLETES = {"full": 100, "quick": 40}  # simulated; a fold trains 37 networks
MEMBERS = 5  # networks of an ensemble
SHIFT = 1000  # between their seeds
METRICS = ("rmse", "mse", "mae")
KINDS = ("seeds", "ridge", "boosting")  # what the arms of several kinds ask


@dataclass(frozen=True)
class Arm:
    """Who is asked, and how their answers become one.

    models : of :func:`fits`, or ``'floor'`` (everything hidden is known)
    by : ``'mean'``, or a key of ``ensemble.COMBINE``; shift : added to the job's seed
    """

    models: tuple[str, ...]
    by: str = "mean"
    shift: int = 0


ARMS = {
    "mean": Arm(("mean",)),
    "ridge": Arm(("ridge",)),
    "boosting": Arm(("boosting",)),
    "network": Arm(("network",)),
    "network_again": Arm(("network",), shift=SHIFT),
    "seeds": Arm(("seeds",)),
    "bag": Arm(("bag",)),
    "average": Arm(KINDS),
    "chosen": Arm(KINDS, by="best"),
    "stack": Arm(KINDS, by="weights"),
    "stack_trees": Arm(KINDS, by="trees"),
    "floor": Arm(("floor",)),
}
TITLES = {
    "mean": "mean predictor",
    "ridge": "ridge",
    "boosting": "boosted trees",
    "network": "one network",
    "network_again": "one network, another seed",
    "seeds": "five seeds",
    "bag": "five bags of athletes",
    "average": "three kinds, plain mean",
    "chosen": "three kinds, the best one",
    "stack": "three kinds, weighted",
    "stack_trees": "three kinds, trees on top",
    "floor": "noise floor",
}


def load(options: Options) -> Data:
    """The sessions of chapter 4; simulated athletes are fewer, since each arm trains much more.

    Settings: n_athletes (simulated).

    Raises
    ------
    UserError for a data set without an effect or a rating
    """
    count = ATHLETES["full" if options.full else "quick"]
    return effect.load(replace(options, settings={"n_athletes": count, **options.settings}))


# --- models --------------------------------------------------------------------------------------


def fits(seed: int) -> dict[str, Fit]:
    """Everything that an arm may train, by name."""
    seeds = [seed + SHIFT * i for i in range(MEMBERS)]
    return {name: partial(baseline, name=name) for name in ("mean", "ridge", "boosting")} | {
        "network": partial(networks, seeds=[seed]),
        "seeds": partial(networks, seeds=seeds),
        "bag": partial(ensemble.bag, lambda t, v, own: networks(t, v, [own]), seeds=seeds),
    }


def networks(train: Table, validation: Table, seeds, config: TrainConfig = effect.CONFIG):
    """Chapter 4's MLP from each seed: a function of a table that gives (S, N) answers."""
    predict = effect.fit_network(train, validation, seeds, config)[1]
    return lambda table: np.stack(predict(table)).astype(float)


def baseline(train: Table, validation: Table, name: str) -> Members:
    """A baseline as an ensemble of one: a function of a table that gives (1, N) answers."""
    predict = fit_baseline(name, train, validation)
    return lambda table: predict(table)[None]


class Fold:
    """The models of one fold, each trained when first asked for, and the seconds that it took.

    tables : training, validation and test rows, from ``effect.cut``; seed : of the job
    """

    def __init__(self, tables: list[Table], seed: int):
        self.train, self.validation, self.test = tables
        self.seed = seed
        self._done: dict[tuple, tuple] = {}

    def model(self, name: str, shift: int = 0) -> tuple[Members, float]:
        """Members, and seconds."""
        fit = fits(self.seed + shift)[name]
        return self._once((name, shift), lambda: fit(self.train, self.validation))

    def honest(self, names: tuple[str, ...]) -> tuple[Table, float]:
        """Answers out of fold of the training athletes, and seconds."""
        asked = {name: fits(self.seed)[name] for name in names}
        return self._once(names, lambda: ensemble.out_of_fold(asked, self.train, self.validation))

    def _once(self, key: tuple, make: Callable[[], object]) -> tuple:
        if key not in self._done:
            begun = time.process_time()  # of this process: others on the machine do not count
            self._done[key] = make(), time.process_time() - begun
        return self._done[key]


@dataclass(frozen=True)
class Answer:
    """What an arm says of N test sessions.

    said : (N,); seconds : of one core, to train all that it asks
    members : (M, N) of which ``said`` is the plain mean, or None
    weights : of the models of a mix, by name
    """

    said: np.ndarray
    seconds: float
    members: np.ndarray | None
    weights: Mapping[str, float]


def answer(fold: Fold, arm: Arm) -> Answer:
    """Train what an arm asks, and ask it."""
    models, seconds = zip(*(fold.model(name, arm.shift) for name in arm.models), strict=True)
    if len(models) == 1:
        members = models[0](fold.test)
        return Answer(members.mean(axis=0), seconds[0], members, {})
    answers = ensemble.answered(dict(zip(arm.models, models, strict=True)), fold.test)
    if arm.by == "mean":
        return Answer(answers.X.mean(axis=1), sum(seconds), answers.X.T, {})
    honest, more = fold.honest(arm.models)
    combine = ensemble.COMBINE[arm.by](honest)
    weights = {}
    if isinstance(combine, ensemble.Mix):  # trees have none
        weights = dict(zip(combine.names, combine.weights, strict=True))
    return Answer(combine(answers), sum(seconds) + more, None, weights)


@lru_cache(maxsize=1)
def ready() -> None:
    """Train everything once on next to nothing: what is loaded at first use is no arm's cost."""
    X = np.random.default_rng(0).standard_normal((40, 2))
    people = np.repeat(["a", "b"], 20).astype(object)
    table = Table(X, X[:, 0], people, people, ("one", "two"), "effect", 0)
    train, validation = table.take(people == "a"), table.take(people == "b")
    networks(train, validation, [0], TrainConfig(max_epochs=1))
    for name in ("ridge", "boosting"):
        baseline(train, validation, name)(validation)


# --- rows ----------------------------------------------------------------------------------------


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one fold: what each arm errs by, athlete by athlete, and what it cost."""
    ready()
    fold = Fold(effect.cut(data.tables[data.target], split), seed)
    parts = []
    for name, arm in arms.items():
        if arm.models != ("floor",):
            found = answer(fold, arm)
        elif data.hidden is not None:
            clean = data.hidden.loc[fold.test.session, "effect_clean"].to_numpy(float)
            found = Answer(clean, np.nan, None, {})
        else:
            continue  # nobody knows what is hidden of real people
        parts += [rows.assign(arm=name) for rows in _rows(fold.test, found)]
    return pd.concat(parts, ignore_index=True).assign(target=data.target)


def _rows(test: Table, found: Answer) -> Iterator[pd.DataFrame]:
    """Each test athlete's errors; the two parts of a mean's; seconds and weights of the fold."""
    errors = evaluate.by_athlete(test.y, found.said, test.athlete, METRICS)
    values = {metric: errors[metric] for metric in METRICS}
    if found.members is not None and len(found.members) > 1:
        both = ensemble.decompose(found.members, test.y)
        by = [pd.Series(part).groupby(test.athlete.astype(str)).mean() for part in both]
        values |= dict(zip(("member_mse", "disagreement"), by, strict=True))
    fixed = {f"weight_{name}": weight for name, weight in found.weights.items()}
    if np.isfinite(found.seconds):
        fixed["seconds"] = found.seconds
    values |= {name: pd.Series(value, errors.index) for name, value in fixed.items()}
    for metric, value in values.items():
        value = value.loc[errors.index].to_numpy(float)
        yield pd.DataFrame({
            "athlete": errors.index, "metric": metric, "value": value, "n": errors["n"].to_numpy()
        })  # fmt: skip


# --- what the study asks -------------------------------------------------------------------------

QUESTIONS = (  # arm → what it is held against
    ("network", "mean"),
    ("seeds", "network"),
    ("bag", "network"),
    ("bag", "seeds"),
    ("average", "network"),
    ("stack", "network"),
    ("stack_trees", "network"),
    ("average", "chosen"),
    ("stack", "chosen"),
    ("stack", "average"),
    ("stack_trees", "stack"),
)


def judge(panels: Mapping[tuple[str, str], pd.DataFrame]) -> dict[tuple, evaluate.Comparison]:
    """Every question of the study, in RMSE: (data set, target, arm, against) → comparison."""
    return {
        (name, target, arm, rival): evaluate.compare(scores, arm, rival, "rmse", target)
        for (name, target), scores in panels.items()
        for arm, rival in QUESTIONS
        if {arm, rival} <= set(scores["arm"])
    }


STUDY = Study(
    name="ensemble",
    question="What does it add to ask several models, in error and in seconds?",
    load=load,
    splits=effect.splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="network",
    metric="rmse",
    datasets=("pmdata", "simulated", "simulated_b"),
    quick=tuple(ARMS),
    cheap=("mean", "ridge", "boosting"),
    simulated_partitions=2,
)
