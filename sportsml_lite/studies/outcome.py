"""Chapter 4: can the effect of weeks of training be predicted, measured in a laboratory?

A period lies between two tests. What is asked is by how many per cent the outcome changes in it,
for an athlete whom no model has met. **Naive:** nothing changes; all change by the mean. **Who:** the
number of the period, the level at its start, sex, age, mass. **Past:** the person's own earlier
changes. **Done:** hours, zones and loads from diary and watch. **Simulated:** the network first
learns from simulated athletes, whose training pays by known equations.

``measured`` holds what the tests themselves say, by athlete: ``change``, the mean over periods;
``spread``, the mean squared distance from the period's mean; ``successive``, the mean product of
two neighbouring distances. A test that errs by e too high makes one change too large and the next
too small, by the same e. So where true changes are independent, minus the mean of ``successive`` is
the error variance of a test, and twice that no model can explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, prepare, protocol
from sportsml_lite.baselines.sessions import STRENGTHS, fit_baseline
from sportsml_lite.collect.datasets import public
from sportsml_lite.models import MLP
from sportsml_lite.prepare.features import Table
from sportsml_lite.prepare.periods import KINDS, Periods, only
from sportsml_lite.protocol import Split
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training import TrainConfig, examples, fit_many, predict_values

FEW = 40  # below so many people each one is left out in turn
METRICS = ("rmse", "mse", "mae")
MEASURED = "measured"  # arm of the rows that describe the tests, and no model
CONFIG = TrainConfig()  # AdamW at 0.001, batches of 32, patience of 20 epochs
TUNING = TrainConfig(rate=1e-4)  # of a network that has learned elsewhere before
INNER = 10  # groups of training people among which a ridge's penalty is chosen
PRETRAINING = 4000  # simulated athletes that a network learns from first


@dataclass(frozen=True)
class Arm:
    """A way to predict a change.

    model : ``'none'``, ``'mean'``, ``'ridge'``, ``'boosting'``, ``'mlp'``, ``'simulated'`` (a
        network of simulated athletes alone) or ``'floor'`` (the true change is known)
    kinds : of the features that it reads
    pretrained : the network starts from the simulated athletes' one; shift : added to the seed
    """

    model: str
    kinds: tuple[str, ...] = ()
    pretrained: bool = False
    shift: int = 0


ARMS = {
    "none": Arm("none"),
    "mean": Arm("mean"),
    "who": Arm("ridge", ("who",)),
    "past": Arm("ridge", ("who", "past")),
    "done": Arm("ridge", ("who", "done")),
    "everything": Arm("ridge", KINDS),
    "boosting": Arm("boosting", KINDS),
    "mlp": Arm("mlp", ("who", "done")),
    "mlp_again": Arm("mlp", ("who", "done"), shift=1000),
    "pretrained": Arm("mlp", ("who", "done"), pretrained=True),
    "simulated": Arm("simulated", ("who", "done")),
    "floor": Arm("floor"),
}
TITLES = {
    "none": "nothing changes",
    "mean": "all change by the mean",
    "who": "period, level, sex, age, mass",
    "past": "… and own past",
    "done": "… and what was done",
    "everything": "everything, ridge",
    "boosting": "everything, boosted trees",
    "mlp": "MLP: who, and what was done",
    "mlp_again": "the same MLP, another seed",
    "pretrained": "the MLP, taught by simulated athletes first",
    "simulated": "simulated athletes alone",
    "floor": "noise floor",
}


@dataclass(frozen=True)
class Data:
    """Periods by outcome.

    periods : outcome → periods; true : by session of the tables, the change without the error of
    the tests, where athletes are simulated; shared : features that simulated athletes have too
    """

    periods: Mapping[str, Periods]
    true: pd.Series | None = None
    told: str = ""
    group: Mapping[str, str] = field(default_factory=dict)


def splits(data: Data, partition: int) -> list[Split]:
    """Each athlete is left out in turn; from :data:`FEW` on, five groups of athletes are."""
    people = np.unique(np.concatenate([p.table.athlete for p in data.periods.values()]).astype(str))
    few = len(people) < FEW
    return (protocol.leave_one_out if few else protocol.fold_athletes)(people, seed=partition)


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one fold: errors of each test athlete for each outcome, and the arm ``measured``."""
    rows = []
    for outcome, periods in data.periods.items():
        tested = split.rows(periods.table.athlete, "test")
        if not tested.any():
            continue
        rows.append(measured(periods.table, tested).assign(arm=MEASURED, target=outcome))
        for name, said in predictions(data, periods, split, seed, arms):
            table = periods.table.take(tested)
            errors = evaluate.by_athlete(table.y, said, table.athlete, METRICS)
            long = errors.reset_index(names="athlete").melt(["athlete", "n"], var_name="metric")
            rows.append(long.assign(arm=name, target=outcome))
    return pd.concat(rows, ignore_index=True)


def measured(table: Table, rows: np.ndarray) -> pd.DataFrame:
    """What the tests say of some athletes, beside all: athlete, metric, value, n."""
    period = table.column("period")
    own = pd.DataFrame({"athlete": table.athlete.astype(str), "period": period, "change": table.y})
    own["off"] = own["change"] - own.groupby("period")["change"].transform("mean")
    own = own.sort_values(["athlete", "period"])
    before = own.groupby("athlete")[["off", "period"]].shift()
    own["product"] = (own["off"] * before["off"]).where(own["period"] - before["period"] == 1)
    own["spread"] = own["off"] ** 2
    own = own[own["athlete"].isin(set(table.athlete[rows].astype(str)))]
    names = {"change": "change", "spread": "spread", "product": "successive"}
    long = own.melt("athlete", list(names), var_name="metric").dropna()
    found = long.groupby(["athlete", "metric"])["value"].agg(["mean", "size"]).reset_index()
    found["metric"] = found["metric"].map(names)
    return found.rename(columns={"mean": "value", "size": "n"})


def predictions(
    data: Data, periods: Periods, split: Split, seed: int, arms: Mapping[str, Arm]
) -> Iterator[tuple[str, np.ndarray]]:
    """What each arm says of the test periods; arms that this data set cannot have are left out."""
    for name, arm in arms.items():
        if arm.model == "floor" and data.true is None:
            continue
        yield name, _answer(data, periods, arm, split, seed + arm.shift)


def _answer(data: Data, periods: Periods, arm: Arm, split: Split, seed: int) -> np.ndarray:
    parts = cut(periods.of(*arm.kinds) if arm.kinds else periods.table, split)
    train, _, test = parts
    if arm.model == "none":
        return np.zeros(len(test))
    if arm.model == "floor":
        return data.true.loc[test.session].to_numpy(float)
    if arm.model == "mean":
        return np.full(len(test), train.y.mean())
    if arm.model == "ridge":
        return ridge(*parts)
    if arm.model == "boosting":
        return fit_baseline("boosting", *parts[:2])(test)
    return network(parts, arm, seed)


def cut(table: Table, split: Split) -> list[Table]:
    """Training, validation and test rows, with the features that training athletes have."""
    usable = table.known(split.rows(table.athlete, "train"))
    return [usable.take(split.rows(usable.athlete, p)) for p in ("train", "validation", "test")]


def ridge(train: Table, validation: Table, test: Table) -> np.ndarray:
    """Answers of a ridge whose penalty is chosen among training people, left out in groups.

    So few validation people would choose by luck; they train here, as nothing else needs them.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GroupKFold

    X, y = np.concatenate([train.X, validation.X]), np.concatenate([train.y, validation.y])
    people = np.concatenate([train.athlete, validation.athlete]).astype(str)
    scaler = prepare.fit_scaler(X)
    groups = GroupKFold(min(INNER, len(set(people)))).split(X, y, people)
    model = RidgeCV(STRENGTHS, scoring="neg_mean_squared_error", cv=list(groups))
    model.fit(scaler.transform(X, "mean"), y)
    return model.predict(scaler.transform(test.X, "mean"))


def network(parts: list[Table], arm: Arm, seed: int) -> np.ndarray:
    """Answers of the book's MLP, with or without simulated athletes before."""
    shared = tuple(n for n in parts[0].names if n in simulated_features())
    train, validation, test = (only(part, shared) for part in parts)
    scaler = prepare.fit_scaler(train.X)
    X = [scaler.transform(part.X, "mean") for part in (train, validation, test)]
    centre, spread = train.y.mean(), train.y.std() or 1.0
    if arm.model == "mlp":
        start = deepcopy(taught(shared, seed)) if arm.pretrained else None
        build = (lambda _: start) if arm.pretrained else MLP
        y = [(part.y - centre) / spread for part in (train, validation)]
        config = TUNING if arm.pretrained else CONFIG
        model = fit_many(build, examples(X[0], y[0], X[1], y[1]), [seed], config)[0].model
    else:
        model = taught(shared, seed)
    return centre + spread * predict_values(model, X[2])


# --- what the study asks -------------------------------------------------------------------------

QUESTIONS = (  # arm → what it is held against
    ("mean", "none"),
    ("who", "mean"),
    ("past", "who"),
    ("done", "who"),
    ("everything", "who"),
    ("boosting", "mean"),
    ("mlp", "mean"),
    ("pretrained", "mlp"),
    ("simulated", "mean"),
)


def judge(panels: Mapping[tuple[str, str], pd.DataFrame]) -> dict[tuple, evaluate.Comparison]:
    """Every question of the study, in RMSE: (data set, outcome, arm, against) → comparison."""
    return {
        (name, target, arm, rival): evaluate.compare(scores, arm, rival, "rmse", "change")
        for (name, target), scores in panels.items()
        for arm, rival in QUESTIONS
        if {arm, rival} <= set(scores["arm"])
    }


STUDY = Study(
    name="outcome",
    question="Can the effect of weeks of training be predicted, measured in a laboratory?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="mlp",
    metric="rmse",
    datasets=("intervals", "sylta2016", "strava_runners", "simulated"),
    quick=("none", "mean", "who", "past", "done", "mlp", "mlp_again", "pretrained", "simulated",
           "floor"),
    cheap=("none", "mean", "who", "past", "done", "everything"),
)  # fmt: skip
