"""Chapter 5: is a search for hyper-parameters worth it, and whom does it fool?

In every fold each configuration of the space is trained **once**, stacked by shape, and its curve
of validation errors is kept. Grid, random and TPE search then *look up* what they ask for, an
epoch at a time, as in a tabular benchmark (Klein and Hutter 2019). So ten seeds of every search
cost little more than one, and all of them search the same trainings. Validation athletes choose;
test athletes are asked what the choice is worth. Arms beside them: the network of chapter 4 as it
is; the best of many *seeds* of it, which differ by luck alone; ridge regression; the mean.

Rows with ``budget`` or ``trials`` tell the same after so many epochs, or so many trained
configurations. Rows of ``everything`` with hyper-parameters hold the whole table of validation
errors, rows ``chosen`` what each search took.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, prepare, protocol
from sportsml_lite.baselines import sessions as baselines
from sportsml_lite.prepare import Table
from sportsml_lite.protocol import Split
from sportsml_lite.studies import effect
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training import TrainResult, examples, predict_values
from sportsml_lite.training.configurations import Configuration, fit_configurations
from sportsml_lite.tune import SPACE, Space, best_at, search
from sportsml_lite.tune.space import NAMES

DEFAULT = Configuration()  # the network of chapter 4
ATHLETES, SESSIONS = 100, 8  # simulated ones, and how many of each one's last sessions
SEARCHES, SEEDS = 10, 32  # searches with each method in a fold; seeds of the default's control
BUDGETS = (60, 120, 300, 600, 1200)  # epochs; the last one is the budget of every search
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
VALIDATION = "validation athletes"  # whom a row speaks of that is about all of them together
SMALL = Space(
    levels={
        "rate": (1e-4, 1e-3, 1e-2, 1e-1),
        "weight_decay": (1e-2,),
        "width": (25, 100),
        "depth": (1, 2),
        "batch_size": (32, 128),
    },
    grid={"rate": (0, 1, 2, 3), "weight_decay": (0,), "width": (0, 1), "depth": (0, 1),
          "batch_size": (0, 1)},
)  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """A way to come by a model.

    way : ``'mean'`` or ``'ridge'``; ``'default'``; ``'seeds'``, the default from the seed that
        validation likes best; a method of :data:`sportsml_lite.tune.METHODS`; ``'everything'``,
        the best of the whole space
    prune : give up trials that look bad early; shift : added to the job's seed
    """

    way: str
    prune: bool = False
    shift: int = 0


ARMS = {
    "mean": Arm("mean"),
    "ridge": Arm("ridge"),
    "default": Arm("default"),
    "default_again": Arm("default", shift=1000),
    "seeds": Arm("seeds", shift=2000),
    "grid": Arm("grid"),
    "random": Arm("random"),
    "tpe": Arm("tpe"),
    "random_pruned": Arm("random", prune=True),
    "tpe_pruned": Arm("tpe", prune=True),
    "everything": Arm("everything"),
}
TITLES = {
    "mean": "mean predictor",
    "ridge": "ridge",
    "default": "default",
    "default_again": "default, another seed",
    "seeds": "default, best of 32 seeds",
    "grid": "grid",
    "random": "random",
    "tpe": "TPE",
    "random_pruned": "random, pruned",
    "tpe_pruned": "TPE, pruned",
    "everything": "all configurations",
}
FOUND = ("grid", "random", "tpe", "random_pruned", "tpe_pruned")  # by a search with a budget


@dataclass(frozen=True)
class Data:
    """Sessions with the one target that is searched for; told : whose they are."""

    table: Table
    told: str = ""


def load(options: Options) -> Data:
    """The first target of chapter 4's sessions; of simulated athletes the last sessions only.

    Settings: n_athletes (simulated).

    Raises
    ------
    UserError as :func:`sportsml_lite.studies.effect.load` does
    """
    people = {"n_athletes": ATHLETES if options.full else 40} | dict(options.settings)
    data = effect.load(replace(options, settings=people))
    table = data.tables[data.target]
    if options.simulated:
        rows = pd.DataFrame({"athlete": table.athlete})
        rows["start"] = effect.sessions_of(data, table)["start"].to_numpy()
        late = rows.sort_values("start").groupby("athlete").tail(SESSIONS).index
        table = table.take(np.sort(late))
    return Data(table, data.told)


def splits(data: Data, partition: int) -> list[Split]:
    """Five groups of athletes, each tested once."""
    return protocol.fold_athletes(data.table.athlete, seed=partition)


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one fold: errors of test and of validation athletes under each arm's choice."""
    trained = Trained(effect.cut(data.table, split))
    space, budgets, searches = scale(options)
    keys = [(DEFAULT, seed + arm.shift) for arm in arms.values() if arm.way == "default"]
    if {arm.way for arm in arms.values()} - {"mean", "ridge", "default", "seeds"}:
        keys += [(one, seed) for one in space.everything()]
    if "seeds" in arms:
        keys += seeds_of(arms["seeds"], seed)
    trained.fit(keys)
    parts = []
    for name, arm in arms.items():
        rows = list(rows_of_arm(name, arm, trained, space, seed, budgets, searches))
        parts.append(pd.concat(rows).assign(arm=name, target=data.table.target))
    first = ["arm", "target", "budget", "trials", *NAMES, "athlete", "metric", "value", "n"]
    return pd.concat(parts, ignore_index=True).reindex(columns=first)


def rows_of_arm(
    name: str,
    arm: Arm,
    trained: Trained,
    space: Space,
    seed: int,
    budgets: Sequence[int],
    searches: int,
) -> Iterator[pd.DataFrame]:
    """Errors of the athletes under one arm, and what else there is to say of it."""
    every = [(one, seed) for one in space.everything()]
    if arm.way in ("mean", "ridge"):
        trained.add(name, baselines.fit_baseline(arm.way, *trained.tables[:2]))
        yield rows_of(trained, {END: [name]})
    elif arm.way == "default":
        yield rows_of(trained, {END: [(DEFAULT, seed + arm.shift)]})
    elif arm.way in ("seeds", "everything"):
        every = seeds_of(arm, seed) if arm.way == "seeds" else every
        found = by_count(every, trained, seed, searches)
        yield rows_of(trained, found)
        if arm.way == "everything":
            yield landscape(trained, every)
            yield chosen(trained, found[END])
    else:
        trials = [look(arm, trained, space, seed, budgets[-1], i) for i in range(searches)]
        found = by_budget(trials, space, seed, budgets)
        yield rows_of(trained, found)
        yield chosen(trained, found[END])
        tried = np.mean([len(table) for table in trials])
        yield about_all([{"metric": "tried", "value": tried}], searches)


def scale(options: Options) -> tuple[Space, tuple[int, ...], int]:
    """Space, budgets and searches of a full run, or of a quick one."""
    return (SPACE, BUDGETS, SEARCHES) if options.full else (SMALL, BUDGETS[:3], 3)


# --- trainings -----------------------------------------------------------------------------------

Key = tuple[Configuration, int]  # a configuration and a seed: a training
Point = tuple[float, float]  # after so many epochs, or so many trials; the other is NaN
END: Point = (np.nan, np.nan)  # of the search


class Trained:
    """The trainings of one fold, and what they are worth to each athlete.

    tables : training, validation and test rows, from :func:`sportsml_lite.studies.effect.cut`
    """

    def __init__(self, tables: Sequence[Table]):
        self.tables = tables
        scaler = prepare.fit_scaler(tables[0].X)
        self.X = [scaler.transform(table.X, "mean") for table in tables]
        self.answer, self.curve, self._errors = {}, {}, {}

    def fit(self, keys: Sequence[Key]) -> None:
        """Train what is not trained yet, those of one shape at once."""
        keys = [key for key in dict.fromkeys(keys) if key not in self.curve]
        if not keys:
            return
        data = examples(self.X[0], self.tables[0].y, self.X[1], self.tables[1].y)
        configurations, seeds = zip(*keys, strict=True)
        results = fit_configurations(configurations, data, seeds)
        for key, result in zip(keys, results, strict=True):
            self.curve[key] = [np.nan] if result is None else result.history["val_loss"].tolist()
            self.answer[key] = self._answers(result)

    def _answers(self, result: TrainResult | None) -> list[np.ndarray]:
        """Predictions for validation and test; the training mean where training diverged."""
        if result is None:
            mean = self.tables[0].y.mean()
            return [np.full(len(table), mean) for table in self.tables[1:]]
        return [predict_values(result.model, X) for X in self.X[1:]]

    def add(self, name: str, predict) -> None:
        """Answers of another model, a function of a table."""
        self.answer[name] = [predict(table) for table in self.tables[1:]]

    def value(self, key: Key) -> float:
        """Lowest validation MSE of a training; infinite where it diverged."""
        curve = np.array(self.curve[key])
        return float(curve[np.isfinite(curve)].min(initial=np.inf))

    def errors(self, key, part: int) -> pd.DataFrame:
        """RMSE and sessions of each athlete of validation (0) or test (1)."""
        if (key, part) not in self._errors:
            table = self.tables[1 + part]
            found = evaluate.by_athlete(
                table.y, self.answer[key][part], table.athlete, ("rmse", "mse")
            )
            self._errors[key, part] = found
        return self._errors[key, part]


def seeds_of(arm: Arm, seed: int) -> list[Key]:
    """The default from many seeds."""
    return [(DEFAULT, seed + arm.shift + i) for i in range(SEEDS)]


# --- choices -------------------------------------------------------------------------------------


def look(
    arm: Arm, trained: Trained, space: Space, seed: int, budget: int, which: int
) -> pd.DataFrame:
    """One search among the trainings of a fold, as a table of its trials."""

    def learn(one: Configuration) -> Iterator[float]:
        return iter(trained.curve[one, seed])

    return search(arm.way, space, learn, budget, 1000 * seed + which, arm.prune)


def by_budget(
    trials: Sequence[pd.DataFrame], space: Space, seed: int, budgets: Sequence[int]
) -> dict[Point, list[Key]]:
    """What validation chose in each search, after each budget and at the end."""
    found: dict[Point, list[Key]] = {}
    for table in trials:
        for budget, row in zip(budgets, best_at(table, budgets), strict=True):
            # Until something has ended there is only the first trial that one would take.
            places = table.iloc[max(row, 0)]
            key = (space.at({n: int(places[n]) for n in NAMES}), seed)
            found.setdefault((float(budget), np.nan), []).append(key)
    return found | {END: found[float(budgets[-1]), np.nan]}


def by_count(
    keys: Sequence[Key], trained: Trained, seed: int, searches: int
) -> dict[Point, list[Key]]:
    """The best by validation of the first so many trainings, in ``searches`` random orders."""
    value = np.array([trained.value(key) for key in keys])
    counts = [n for n in COUNTS if n < len(keys)] + [len(keys)]
    found = {}
    for i in range(searches):
        order = np.random.default_rng([seed, i]).permutation(len(keys))
        for n in counts:
            best = keys[order[np.argmin(value[order[:n]])]]
            found.setdefault((np.nan, float(n)), []).append(best)
    return found | {END: [keys[int(np.argmin(value))]]}


# --- rows ----------------------------------------------------------------------------------------


def rows_of(trained: Trained, found: Mapping[Point, list]) -> pd.DataFrame:
    """Error of each athlete, mean over the searches: ``rmse`` of test, ``val_rmse`` of validation.

    Those after a budget or a number of trials are called ``rmse_at`` and ``val_rmse_at``.
    """
    parts = []
    for (budget, trials), keys in found.items():
        late = "" if np.isnan(budget) and np.isnan(trials) else "_at"
        for part, metric in ((1, "rmse"), (0, "val_rmse")):
            each = [trained.errors(key, part) for key in keys]
            rows = pd.DataFrame({"value": sum(e["rmse"] for e in each) / len(each)})
            rows["n"] = each[0]["n"]
            rows = rows.reset_index(names="athlete")
            parts.append(rows.assign(metric=metric + late, budget=budget, trials=trials))
    return pd.concat(parts, ignore_index=True)


def landscape(trained: Trained, keys: Sequence[Key]) -> pd.DataFrame:
    """Validation MSE of every configuration; and how well its order holds for test athletes."""
    value = [trained.value(key) for key in keys]
    rows = pd.DataFrame([asdict(one) for one, _ in keys]).assign(metric="val_mse", value=value)
    truth = trained.tables[2].y
    test = [np.mean((trained.answer[key][1] - truth) ** 2) for key in keys]
    held = pd.Series(value).corr(pd.Series(test), method="spearman")
    rows = [*rows[np.isfinite(rows["value"])].to_dict("records"),
            {"metric": "agreement", "value": held}]  # fmt: skip
    return about_all(rows, len(truth))


def chosen(trained: Trained, keys: Sequence[Key]) -> pd.DataFrame:
    """What each search took, with its validation MSE: a row a search."""
    rows = [asdict(key[0]) | {"metric": "chosen", "value": trained.value(key)} for key in keys]
    return about_all(rows, 1)


def about_all(rows: Sequence[Mapping], n: int) -> pd.DataFrame:
    """Rows that speak of all validation athletes together."""
    return pd.DataFrame(rows).assign(athlete=VALIDATION, n=float(n))


# --- what the study asks -------------------------------------------------------------------------

QUESTIONS = (  # arm, and what it is held against
    ("grid", "default"), ("random", "default"), ("tpe", "default"), ("tpe_pruned", "default"),
    ("everything", "default"), ("seeds", "default"), ("random", "grid"), ("tpe", "random"),
    ("random_pruned", "random"), ("tpe_pruned", "tpe"), ("tpe_pruned", "ridge"),
    ("default", "mean"),
)  # fmt: skip


def judge(panels: Mapping[tuple[str, str], pd.DataFrame]) -> dict[tuple, evaluate.Comparison]:
    """Every question of the study, in RMSE: (data set, target, arm, against) → comparison."""
    found = {}
    for (name, target), scores in panels.items():
        arms = set(scores["arm"])
        for arm, rival in QUESTIONS:
            if {arm, rival} <= arms:
                key = (name, target, arm, rival)
                found[key] = evaluate.compare(scores, arm, rival, "rmse", target)
    return found


STUDY = Study(
    name="tune",
    question="Is a search for hyper-parameters worth it beside the default?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="default",
    metric="rmse",
    datasets=("pmdata", "simulated", "simulated_b"),
    quick=("mean", "ridge", "default", "default_again", "grid", "random", "tpe", "tpe_pruned",
           "everything"),
    cheap=("mean", "ridge", "default"),
    tolerance=0.02,
)  # fmt: skip
