"""Chapter 4: how much of a session's effect can be known, and by whom.

Every model is judged on athletes it has never met. **Features alone:** naive answers, lines on one
number, ridge, boosted trees, the MLP. **With the athlete's own past:** the same answers, moved by
how this person's *earlier* sessions turned out. **Bounds:** the noise floor of someone who knows
everything hidden; a strong model of many more athletes; the athlete's level known in hindsight.
The target is a training effect where there is one, else perceived exertion and the session load
that is made of it; the column ``target`` says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, prepare, protocol
from sportsml_lite.baselines import sessions as baselines
from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets import public
from sportsml_lite.collect.datasets.dataset import told
from sportsml_lite.errors import UserError
from sportsml_lite.models import MLP
from sportsml_lite.prepare import Table
from sportsml_lite.protocol import Split
from sportsml_lite.simulate import simulate
from sportsml_lite.studies.outcome import OUTCOMES
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training import TrainConfig, examples, fit_many, predict_values

CONFIG = TrainConfig()  # AdamW at 0.001, batches of 32, patience of 20 epochs
FEW = 40  # below so many people each one is left out in turn
METRICS = ("rmse", "mse", "mae")
EARLIER = (0, 1, 2, 3, 5, 10, 20, 40)  # sessions on record: lower ends of the bins
FOLLOWED = ("mean", "athlete_mean", "ridge", "ridge_past", "mlp_past", "floor")  # in those bins
RATED = ("effect", "rpe")
EVERY = (*RATED, "srpe")
UNITS = {"effect": "points", "rpe": "CR10 points", "srpe": "CR10 min"}


@dataclass(frozen=True)
class Arm:
    """A way to predict a session.

    model : a key of ``baselines.sessions.BASELINES``, ``'mlp'``, ``'bound'`` (ridge and boosted
        trees of many more athletes) or ``'floor'`` (everything hidden is known)
    past : ``'own'`` moves the answer by the athlete's earlier residuals, ``'hindsight'`` by the
        mean of all of them, which nobody knows beforehand
    athletes : only so many train; 0 is all; shift : added to the job's seed
    targets : what it is asked for
    """

    model: str
    past: str = ""
    athletes: int = 0
    shift: int = 0
    targets: tuple[str, ...] = RATED


ARMS = {
    "mean": Arm("mean", targets=EVERY),
    "athlete_mean": Arm("athlete_mean", targets=EVERY),
    "per_minute": Arm("per_minute", targets=("srpe",)),
    "trimp": Arm("trimp"),
    "ratio": Arm("ratio"),
    "ridge": Arm("ridge", targets=EVERY),
    "boosting": Arm("boosting", targets=EVERY),
    "mlp": Arm("mlp"),
    "mlp_again": Arm("mlp", shift=1000),
    "ridge_past": Arm("ridge", past="own", targets=EVERY),
    "mlp_past": Arm("mlp", past="own"),
    "ridge_hindsight": Arm("ridge", past="hindsight"),
    "bound": Arm("bound"),
    "bound_past": Arm("bound", past="own"),
    "floor": Arm("floor"),
} | {
    f"{model}_{n}": Arm(model, athletes=n)
    for n in (10, 40)
    for model in ("ridge", "boosting", "mlp")
}
TITLES = {
    "mean": "mean predictor",
    "athlete_mean": "athlete's own mean so far",
    "per_minute": "duration × others' mean rating",
    "trimp": "line on TRIMP",
    "ratio": "line on TRIMP ratio",
    "ridge": "ridge",
    "boosting": "boosted trees",
    "mlp": "MLP",
    "mlp_again": "MLP, another seed",
    "ridge_past": "ridge + own past",
    "mlp_past": "MLP + own past",
    "ridge_hindsight": "ridge + own level in hindsight",
    "bound": "observable bound",
    "bound_past": "observable bound + own past",
    "floor": "noise floor",
    "ridge_10": "ridge, 10 athletes",
    "boosting_10": "boosted trees, 10 athletes",
    "mlp_10": "MLP, 10 athletes",
    "ridge_40": "ridge, 40 athletes",
    "boosting_40": "boosted trees, 40 athletes",
    "mlp_40": "MLP, 40 athletes",
}


@dataclass(frozen=True)
class Data:
    """Sessions with what is predicted of them.

    tables : target → features and target; athletes, sessions : as loaded
    hidden : a row a session_id, what only a simulator knows; None where athletes are real
    first : number of the first athlete that no one has simulated yet
    alone : whether, where they are few, each athlete is tested alone
    told : whose they are, and what was left out, where they were read
    """

    tables: dict[str, Table]
    athletes: pd.DataFrame
    sessions: pd.DataFrame
    hidden: pd.DataFrame | None = None
    first: int = 0
    alone: bool = False
    told: str = ""

    @property
    def target(self) -> str:
        """The first target: the training effect, or perceived exertion."""
        return next(iter(self.tables))


def knows(options: Options) -> bool:
    """Whether a data set may have sessions with an effect or a rating."""
    return options.simulated or options.dataset not in OUTCOMES


def load(options: Options) -> Data:
    """Simulate, or read, sessions that have an effect or a rating.

    Settings: n_athletes (simulated).

    Raises
    ------
    UserError for a data set without such sessions
    """
    if options.simulated:
        n = options.settings.get("n_athletes", 200 if options.full else 60)
        sim = simulate(n, seed=options.seed, generator=options.dataset)
        tables = {"effect": prepare.session_table(sim.sessions, sim.athletes)}
        return Data(tables, sim.athletes, sim.sessions, sim.hidden.set_index("session_id"), n)
    if options.dataset in fetch.SIMULATED:  # the reader's own tables, in data_dir
        found = public.load(options.data_dir)
    else:
        found = public.load(options.dataset, options.data_dir)
    # A training that PMData knows from a report alone has no heart rate, and may stand twice.
    sessions = found.sessions[found.sessions["source"] != "pmdata/pmsys"].reset_index(drop=True)
    targets = ("effect",) if sessions["effect"].notna().any() else ("rpe", "srpe")
    tables = {t: prepare.session_table(sessions, found.athletes, t).varied() for t in targets}
    words = told(found.name, sessions["athlete_id"].nunique(), found.dropped)
    return Data(tables, found.athletes, sessions, alone=options.full, told=words)


def splits(data: Data, partition: int) -> list[Split]:
    """Five groups of athletes, each tested once; where they are few, one athlete at a time.

    A quick run has one fold, and an interval needs two athletes: there it is groups for all.
    """
    athlete = data.tables[data.target].athlete
    few = data.alone and len(set(athlete)) < FEW
    return (protocol.leave_one_out if few else protocol.fold_athletes)(athlete, seed=partition)


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one fold: errors and mean residual of each test athlete, for each target."""
    parts = []
    for target, table in data.tables.items():
        asked = {name: arm for name, arm in arms.items() if target in arm.targets}
        tables = cut(table, split)
        answers = predictions(data, tables, split, seed, asked, options)
        for name, prediction in answers:
            rows = list(_rows(tables[2], prediction))
            if name in FOLLOWED:
                rows += _by_experience(data, tables[2], prediction)
            if asked[name].model == "floor":
                rows.append(_responders(data, tables[2]))
            parts.append(pd.concat(rows).assign(arm=name, target=target))
    rows = pd.concat(parts, ignore_index=True)
    return rows.reindex(columns=["arm", "target", "earlier", "athlete", "metric", "value", "n"])


def cut(table: Table, split: Split) -> list[Table]:
    """Training, validation and test rows, with the features that training athletes have."""
    usable = table.known(split.rows(table.athlete, "train"))
    return [usable.take(split.rows(table.athlete, p)) for p in ("train", "validation", "test")]


def predictions(
    data: Data,
    tables: list[Table],
    split: Split,
    seed: int,
    arms: Mapping[str, Arm],
    options: Options,
) -> Iterator[tuple[str, np.ndarray]]:
    """What each arm says of the test sessions; arms that this data set cannot have are left out.

    Parameters
    ----------
    tables : from :func:`cut`
    """
    test = tables[-1]
    rows = sessions_of(data, test)
    answers = _networks(tables, split, seed, arms)
    for name, arm in arms.items():
        if arm.model in ("bound", "floor") and data.hidden is None:
            continue
        if arm.athletes and arm.athletes >= len(split.train):
            continue
        base = (arm.model, arm.athletes, arm.shift)
        if base not in answers:
            answers[base] = _answer(data, arm, tables, split, options)
        prediction = answers[base]
        if arm.past == "own":
            prediction = baselines.add_own_past(prediction, test.y, rows)
        elif arm.past == "hindsight":
            level = pd.Series(test.y - prediction).groupby(test.athlete).transform("mean")
            prediction = prediction + level.to_numpy()
        yield name, prediction


def sessions_of(data: Data, table: Table) -> pd.DataFrame:
    """The sessions of a table's rows, in their order."""
    return data.sessions.set_index("session_id").loc[table.session].reset_index()


def fit_network(train: Table, validation: Table, seeds, config: TrainConfig = CONFIG):
    """The book's MLP from each seed, all at once; features scaled by the training athletes.

    Returns
    -------
    results, and a function of a table that gives a list of predictions (N,), one a seed
    """
    scaler = prepare.fit_scaler(train.X)
    X, X_val = (scaler.transform(t.X, "mean") for t in (train, validation))
    results = fit_many(MLP, examples(X, train.y, X_val, validation.y), seeds, config)

    def predict(table: Table) -> list[np.ndarray]:
        scaled = scaler.transform(table.X, "mean")
        return [predict_values(result.model, scaled) for result in results]

    return results, predict


def _networks(tables, split: Split, seed: int, arms: Mapping[str, Arm]) -> dict:
    """Test predictions of all networks, by model, athletes and shift; seeds trained together."""
    wanted: dict[int, list[int]] = {}
    for arm in arms.values():
        small = not arm.athletes or arm.athletes < len(split.train)
        if arm.model == "mlp" and small and arm.shift not in wanted.setdefault(arm.athletes, []):
            wanted[arm.athletes].append(arm.shift)
    answers = {}
    for n, shifts in wanted.items():
        train, validation, test = _fewer(tables, split, n)
        _, predict = fit_network(train, validation, [seed + shift for shift in shifts])
        for shift, prediction in zip(shifts, predict(test), strict=True):
            answers["mlp", n, shift] = prediction
    return answers


def _answer(data: Data, arm: Arm, tables, split: Split, options: Options) -> np.ndarray:
    train, validation, test = _fewer(tables, split, arm.athletes)
    if arm.model == "floor":
        return data.hidden.loc[test.session, "effect_clean"].to_numpy(float)
    if arm.model == "bound":
        n = options.settings.get("n_bound", 1500 if options.full else 240)
        many = crowd(options.dataset, options.seed, data.first, n)
        many = replace(many, X=many.X[:, [many.names.index(k) for k in train.names]],
                       names=train.names)  # fmt: skip
        two = [baselines.fit_baseline(m, many, validation)(test) for m in ("ridge", "boosting")]
        return np.mean(two, axis=0)
    own_mean = baselines.own_past(data.sessions, _target(data.sessions, test.target))
    return baselines.fit_baseline(arm.model, train, validation, own_mean)(test)


def _fewer(tables: list[Table], split: Split, athletes: int) -> list[Table]:
    """The tables with the first so many training athletes of the split; 0: with all of them."""
    if not athletes:
        return tables
    train, *rest = tables
    train = train.take(np.isin(train.athlete.astype(str), split.train[:athletes]))
    some = ~np.isnan(train.X).all(axis=0)
    names = tuple(np.array(train.names)[some])
    return [replace(t, X=t.X[:, some], names=names) for t in (train, *rest)]


def _target(sessions: pd.DataFrame, target: str) -> np.ndarray:
    if target == "srpe":
        return prepare.srpe_load(sessions["rpe"], sessions["duration_s"]).to_numpy(float)
    return sessions[target].to_numpy(float)


@lru_cache(maxsize=1)
def crowd(generator: str, seed: int, first: int, count: int, each: int = 500) -> Table:
    """Many further simulated athletes, whom no model of the study is tested on."""
    made = []
    for start in range(0, count, each):
        some = simulate(
            min(each, count - start), seed=seed, generator=generator, first=first + start
        )
        made.append(prepare.session_table(some.sessions, some.athletes))
    columns = ("X", "y", "athlete", "session")
    joined = {c: np.concatenate([getattr(t, c) for t in made]) for c in columns}
    return replace(made[0], **joined)


# --- rows ----------------------------------------------------------------------------------------


def _rows(test: Table, prediction: np.ndarray) -> Iterator[pd.DataFrame]:
    """Each test athlete's errors, and the mean residual: truth minus prediction."""
    table = evaluate.by_athlete(test.y, prediction, test.athlete, METRICS)
    residual = pd.Series(test.y - prediction).groupby(test.athlete.astype(str)).mean()
    for metric in (*METRICS, "bias"):
        value = residual if metric == "bias" else table[metric]
        value = value.loc[table.index].to_numpy()
        yield pd.DataFrame(
            {"athlete": table.index, "metric": metric, "value": value, "n": table["n"].to_numpy()}
        )


def _responders(data: Data, test: Table) -> pd.DataFrame:
    """The hidden responder factor ρ of each test athlete, which no model reads."""
    value = data.hidden.loc[test.session, "responder"].groupby(test.athlete.astype(str)).first()
    return pd.DataFrame({"athlete": value.index, "metric": "responder", "value": value.to_numpy()})


def _by_experience(data: Data, test: Table, prediction: np.ndarray) -> list[pd.DataFrame]:
    """Mean absolute error of each athlete, by how many measured sessions lay before."""
    before = prepare.TrainingHistory.of(sessions_of(data, test)).count()
    bins = np.array(EARLIER)[np.searchsorted(EARLIER, before, side="right") - 1]
    table = pd.DataFrame({"athlete": test.athlete.astype(str), "earlier": bins.astype(float)})
    table["value"] = np.abs(test.y - prediction)
    found = table.groupby(["athlete", "earlier"])["value"].agg(["mean", "size"]).reset_index()
    return [found.rename(columns={"mean": "value", "size": "n"}).assign(metric="mae_after")]


def example(options: Options) -> tuple[Data, list[Table]]:
    """Data, and one split of it, for a page: training, validation and test, the last by time.

    Raises
    ------
    UserError for a data set of tests before and after weeks, and as :func:`load` does
    """
    if not knows(options):
        raise UserError(
            f"{options.name} holds tests before and after weeks, no effect of a session; run "
            f"04_effect_lab -p dataset {options.name}"
        )
    data = load(options)
    table = data.tables[data.target]
    train, validation, test = cut(table, protocol.fold_athletes(table.athlete)[0])
    start = sessions_of(data, test)["start"].to_numpy()
    return data, [train, validation, test.take(np.argsort(start, kind="stable"))]


# --- what the study asks -------------------------------------------------------------------------

QUESTIONS = {  # arm → what it is held against
    "effect": (("mlp", "ridge"), ("mlp", "boosting"), ("boosting", "ridge"), ("ridge", "mean"),
               ("ridge", "ratio"), ("ridge_past", "ridge"), ("ridge_past", "athlete_mean"),
               ("mlp_past", "ridge_past")),
    "srpe": (("per_minute", "mean"), ("ridge", "per_minute"), ("boosting", "per_minute"),
             ("ridge_past", "per_minute")),
}  # fmt: skip
QUESTIONS["rpe"] = QUESTIONS["effect"]


def judge(panels: Mapping[tuple[str, str], pd.DataFrame]) -> dict[tuple, evaluate.Comparison]:
    """Every question of the study, in RMSE: (data set, target, arm, against) → comparison."""
    found = {}
    for (name, target), scores in panels.items():
        arms = set(scores["arm"])
        for arm, rival in QUESTIONS[target]:
            if {arm, rival} <= arms:
                key = (name, target, arm, rival)
                found[key] = evaluate.compare(scores, arm, rival, "rmse", target)
    return found


STUDY = Study(
    name="effect",
    question="How much of a session's effect can be known, from features, a past, or at all?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="mlp",
    metric="rmse",
    datasets=("pmdata", "simulated", "simulated_b"),
    quick=("mean", "athlete_mean", "per_minute", "trimp", "ratio", "ridge", "boosting", "mlp",
           "mlp_again", "ridge_past", "mlp_past", "ridge_hindsight", "bound", "floor", "ridge_10",
           "mlp_10"),
    cheap=("mean", "athlete_mean", "trimp", "ratio", "ridge", "ridge_past", "ridge_hindsight"),
    tolerance=0.02,
    simulated_partitions=2,
)  # fmt: skip
