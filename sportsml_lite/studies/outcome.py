"""Chapter 4: can the effect of weeks of training be predicted, measured in a laboratory?

A period lies between two tests. What is asked is by how many per cent the outcome changes in it,
for an athlete whom no model has met. **Naive:** nothing changes; all change by the mean. **Who:**
the number of the period, the level at its start, sex, age, mass. **Past:** the person's own earlier
changes. **Load:** hours and loads of the period. **Done:** all that diary and watch hold.
**Simulated:** the network first learns from simulated athletes, whose training pays by known
equations.

``measured`` holds what the tests themselves say, by athlete: ``change``, the mean over periods;
``spread``, the mean squared distance from the period's mean; ``successive``, the mean product of
two neighbouring distances. A test that errs by e too high makes one change too large and the next
too small, by the same e. So where true changes are independent, minus the mean of ``successive`` is
the error variance of a test, and twice that no model can explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, prepare, protocol
from sportsml_lite.baselines.sessions import STRENGTHS, fit_baseline
from sportsml_lite.baselines.windows import ridges
from sportsml_lite.collect.datasets import public
from sportsml_lite.collect.datasets.dataset import told
from sportsml_lite.errors import UserError
from sportsml_lite.models import MLP
from sportsml_lite.prepare.features import Table
from sportsml_lite.prepare.periods import (
    KINDS,
    SPEED,
    Periods,
    bouts,
    months,
    only,
    period_table,
)
from sportsml_lite.protocol import Split
from sportsml_lite.simulate import periods as simulate_periods
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training import TrainConfig, examples, fit_many, predict_values

FEW = 40  # below so many people each one is left out in turn
METRICS = ("rmse", "mse", "mae")
MEASURED = "measured"  # arm of the rows that describe the tests, and no model
CONFIG = TrainConfig()  # AdamW at 0.001, batches of 32, patience of 20 epochs
TEACHING = TrainConfig(batch_size=256, patience=10)  # by simulated athletes
TUNING = TrainConfig(rate=1e-4)  # of a network that has learned from them before
WEEKS = 3, 5  # of a simulated period, as the riders' are
MEANT = dict.fromkeys(("endurance_min", "srpe", "edwards", "hours", "beats"), "load") | {
    "vo2max_90_min": "laboratory"
}
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
    "load": Arm("ridge", ("who", "load")),
    "done": Arm("ridge", ("who", "load", "done")),
    "everything": Arm("ridge", KINDS),
    "boosting": Arm("boosting", KINDS),
    "mlp": Arm("mlp", ("who", "load", "done")),
    "mlp_again": Arm("mlp", ("who", "load", "done"), shift=1000),
    "pretrained": Arm("mlp", ("who", "load", "done"), pretrained=True),
    "simulated": Arm("simulated", ("who", "load", "done")),
    "floor": Arm("floor"),
}
TITLES = {
    "none": "nothing changes",
    "mean": "all change by the mean",
    "who": "period, level, sex, age, mass",
    "past": "… and own past",
    "load": "… and how much was done",
    "done": "… and all that was done",
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

    Attributes
    ----------
    periods : outcome → periods
    true : by session of the tables, the change without the error of the tests, where athletes are
        simulated; None where they are real
    groups : of an athlete, where groups trained in another order; their data must be free to show
    told : whose they are, and what was left out
    alone : whether, where they are few, each athlete is tested alone
    """

    periods: Mapping[str, Periods]
    true: pd.Series | None = None
    groups: pd.Series | None = None
    told: str = ""
    alone: bool = True


OUTCOMES = {  # by data set, the first one first on every page
    "intervals": (
        "vo2max_ml_min",
        "power_max_w",
        "power_4mmol_w",
        "power_15min_w",
        "power_40min_w",
    ),
    "sylta2016": ("vo2max_ml_min", "power_max_w", "power_4mmol_w"),
    "strava_runners": (SPEED,),
    "simulated": ("vo2max_ml_kg_min",),
}


def knows(options: Options) -> bool:
    """Whether a data set has tests before and after weeks of training."""
    return options.dataset in OUTCOMES and (options.simulated or options.dataset != "simulated")


def load(options: Options) -> Data:
    """Tests and the training between them, of one of :data:`OUTCOMES`.

    Raises
    ------
    UserError for a data set without such tests
    """
    if not knows(options):
        raise UserError(
            f"{options.name} holds no tests before and after weeks of training; take one of "
            f"{', '.join(OUTCOMES)}"
        )
    if options.simulated:
        return simulated(options)
    found = public.load(options.dataset, options.data_dir)
    tests, periods = found.tests, found.periods
    if options.dataset == "strava_runners":
        tests, periods = months(found.sessions)
    if len(found.streams):
        seen = bouts(found.streams, found.sessions, tests, found.athletes)
        periods = periods.merge(seen, on=["athlete_id", "period"], how="left")
        periods["srpe"] = periods["session_rpe"] * periods["endurance_min"]
    made = {
        outcome: period_table(tests, periods, found.athletes, outcome, MEANT)
        for outcome in OUTCOMES[options.dataset]
    }
    groups = None
    if "group" in periods:
        groups = periods.groupby("athlete_id")["group"].first()
    words = told(found.name, len(found.athletes), found.dropped)
    return Data(made, None, groups, words, alone=options.full)


def simulated(options: Options) -> Data:
    """Simulated athletes, what they did by lot, and what a laboratory with its error found."""
    count = int(options.settings.get("n_athletes", 200 if options.full else 60))
    periods, true = imagined(count, options.seed)
    return Data({"vo2max_ml_kg_min": periods}, true)


def imagined(count: int, seed: int, first: int = 0) -> tuple[Periods, pd.Series]:
    """Periods of simulated athletes, and the true change of each, % by session of the table."""
    diary, hidden = simulate_periods.draw(count, seed, weeks=WEEKS, first=first)
    start = diary[["athlete_id", "period", "vo2max_ml_kg_min"]].set_axis(
        ["athlete_id", "test", "value"], axis=1
    )
    last = start.loc[start["test"] == simulate_periods.PERIODS].copy()
    change = diary.set_index(["athlete_id", "period"])["vo2max_change_pct"]
    last["value"] *= 1 + change.xs(simulate_periods.PERIODS, level="period").to_numpy() / 100
    last["test"] += 1
    tests = pd.concat([start, last]).assign(outcome="vo2max_ml_kg_min")
    minutes = diary[simulate_periods.ZONES].sum(axis=1)
    keep = ["athlete_id", "period", "endurance_sessions", "session_rpe", *simulate_periods.ZONES]
    done = diary[keep].assign(endurance_min=minutes, srpe=minutes * diary["session_rpe"].fillna(0))
    athletes = diary.drop_duplicates("athlete_id")[["athlete_id", "sex", "age_y", "mass_kg"]]
    made = period_table(tests, done, athletes, "vo2max_ml_kg_min", MEANT)
    true = hidden["vo2max_change_pct"].to_numpy(float)
    names = diary["athlete_id"].astype(str) + "/" + diary["period"].astype(str)
    return made, pd.Series(true, names)


@lru_cache(maxsize=2)
def taught(names: tuple[str, ...]):
    """The MLP of many simulated athletes, whom no study tests, in units of their own spread."""
    periods, _ = imagined(PRETRAINING, 0, first=100_000)
    table = only(periods.table, names)
    split = protocol.split_athletes(table.athlete)
    train, validation = (table.take(split.rows(table.athlete, p)) for p in ("train", "validation"))
    scaler = prepare.fit_scaler(train.X)
    X, X_val = (scaler.transform(t.X, "mean") for t in (train, validation))
    y, y_val = ((t.y - train.y.mean()) / train.y.std() for t in (train, validation))
    return fit_many(MLP, examples(X, y, X_val, y_val), [0], TEACHING)[0].model


@lru_cache(maxsize=1)
def imagined_names() -> tuple[str, ...]:
    """Features that simulated athletes have."""
    return imagined(10, 0)[0].table.names


def shared_of(table: Table, kinds: Mapping[str, str]) -> tuple[str, ...]:
    """Features of what was done that simulated athletes have too, with who they are; () if none."""
    both = tuple(n for n in table.names if n in imagined_names() and kinds[n] != "past")
    return both if {"load", "done"} & {kinds[n] for n in both} else ()


def splits(data: Data, partition: int) -> list[Split]:
    """Each athlete is left out in turn; from :data:`FEW` on, five groups of athletes are.

    A quick run has one fold, and an interval needs two athletes: there it is groups for all.
    """
    people = np.unique(np.concatenate([p.table.athlete for p in data.periods.values()]).astype(str))
    few = data.alone and len(people) < FEW
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
        table = periods.table.take(tested)
        tests = measured(periods.table, tested)
        if data.groups is not None:
            tests = pd.concat([tests, totals(table, data.groups)])
        rows.append(tests.assign(arm=MEASURED, target=outcome))
        for name, said in predictions(data, periods, split, seed, arms):
            errors = evaluate.by_athlete(table.y, said, table.athlete, METRICS)
            long = errors.reset_index(names="athlete").melt(["athlete", "n"], var_name="metric")
            rows.append(long.assign(arm=name, target=outcome))
    return pd.concat(rows, ignore_index=True)


def totals(table: Table, groups: pd.Series) -> pd.DataFrame:
    """Change over the periods that an athlete has, n of them, with the group: ``total``, %."""
    own = pd.DataFrame({"athlete": table.athlete.astype(str), "change": table.y})
    own["factor"] = 1 + own["change"] / 100
    found = own.groupby("athlete")["factor"].agg(["prod", "size"])
    found = found[found["size"] == table.column("period").max()]
    return pd.DataFrame({
        "athlete": found.index, "metric": "total", "value": 100 * (found["prod"] - 1).to_numpy(),
        "n": found["size"].to_numpy(), "group": groups.loc[found.index].to_numpy(),
    })  # fmt: skip


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
    there = {periods.kinds[name] for name in periods.table.names}
    for name, arm in arms.items():
        if arm.model == "floor" and data.true is None:
            continue
        if "load" in arm.kinds and not there & {"load", "done"}:
            continue
        if arm.kinds == ("who", "load") and "load" not in there:
            continue
        shared = shared_of(periods.table, periods.kinds)
        if (arm.pretrained or arm.model == "simulated") and not shared:
            continue
        yield name, _answer(data, periods, arm, split, seed + arm.shift)


def _answer(data: Data, periods: Periods, arm: Arm, split: Split, seed: int) -> np.ndarray:
    table = periods.of(*arm.kinds) if arm.kinds else periods.table
    if arm.model in ("mlp", "simulated"):  # one set of features, with or without simulated athletes
        names = shared_of(table, periods.kinds)
        table = only(table, names) if names else table
    parts = cut(table, split)
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
    X, y = np.concatenate([train.X, validation.X]), np.concatenate([train.y, validation.y])
    people = np.concatenate([train.athlete, validation.athlete]).astype(str)
    scaler = prepare.fit_scaler(X)
    X, y = scaler.transform(X, "mean"), y[:, None]
    group = np.unique(people, return_inverse=True)[1] % INNER
    errors = np.zeros(len(STRENGTHS))
    for g in range(min(INNER, group.max() + 1)):
        out = group == g
        found = ridges(X[~out], y[~out], STRENGTHS)
        errors += [np.square(X[out] @ B + b - y[out]).sum() for B, b in found]
    B, b = next(ridges(X, y, [STRENGTHS[int(errors.argmin())]]))
    return (scaler.transform(test.X, "mean") @ B + b)[:, 0]


def network(parts: list[Table], arm: Arm, seed: int) -> np.ndarray:
    """Answers of the book's MLP, with or without simulated athletes before."""
    train, validation, test = parts
    scaler = prepare.fit_scaler(train.X)
    X = [scaler.transform(part.X, "mean") for part in (train, validation, test)]
    centre, spread = train.y.mean(), train.y.std() or 1.0
    if arm.model == "mlp":
        start = deepcopy(taught(train.names)) if arm.pretrained else None
        build = (lambda _: start) if arm.pretrained else MLP
        y = [(part.y - centre) / spread for part in (train, validation)]
        config = TUNING if arm.pretrained else CONFIG
        model = fit_many(build, examples(X[0], y[0], X[1], y[1]), [seed], config)[0].model
    else:
        model = taught(train.names)
    return centre + spread * predict_values(model, X[2])


# --- what the study asks -------------------------------------------------------------------------

QUESTIONS = (  # arm → what it is held against
    ("mean", "none"),
    ("who", "mean"),
    ("past", "who"),
    ("load", "who"),
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
    quick=("none", "mean", "who", "past", "load", "done", "mlp", "mlp_again", "pretrained",
           "simulated", "floor"),
    cheap=("none", "mean", "who", "past", "load", "done", "everything"),
    simulated_partitions=2,
)  # fmt: skip
