"""Chapter 2: what a model gains by having met the athlete, and what stands in a gap.

**The leak.** A model is judged on the rows of test athletes. One that *never met* them learned from
training athletes alone. One that *met* them learned from as many rows, but four fifths of the test
athletes' own took the place of others, and it is asked for the fifth that is left, five times in
turn: what a random split of rows does. Same rows asked, as many rows learned from, same model: the
difference is the leak. **Gaps.** Known heart rate is hidden in bursts, filled, and compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, prepare, protocol
from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets import public
from sportsml_lite.collect.datasets.dataset import told
from sportsml_lite.errors import UserError
from sportsml_lite.protocol import Split
from sportsml_lite.simulate import simulate
from sportsml_lite.studies.runner import Options, Study

TURNS = 5  # parts into which a test athlete's rows are dealt
HIDDEN = 0.2  # share of the seconds that are hidden to test filling
GAPS_S = (5, 20, 60, 300)
LONGEST_S = 300  # length of the gaps while a whole channel is lost
COMPANIONS = ("speed_mps", "power_w")  # what a forest reads beside heart rate
TARGETS = {"effect": "training effect", "rpe": "perceived exertion", "vo2": "oxygen uptake"}
UNITS = {"effect": "points of effect", "rpe": "CR10 points", "vo2": "mL/kg/min"}


@dataclass(frozen=True)
class Arm:
    """A model that is judged on rows, or a way to fill gaps.

    model : of :data:`MODELS`, or empty; met : whether training holds other rows of the athlete
    peek : the scaler also learns from test athletes; imputer : of ``prepare.METHODS``, or empty
    shift : added to the job's seed
    """

    model: str = ""
    met: bool = False
    peek: bool = False
    imputer: str = ""
    shift: int = 0


MODELS = ("mean", "ridge", "neighbours", "forest", "boosted", "locker")
IMPUTERS = ("mean", "hold", "decay", "forest", "forest_dropped", "interpolate")
ARMS = (
    {name: Arm(name) for name in MODELS}
    | {f"{name}_met": Arm(name, met=True) for name in MODELS}
    | {"forest_again": Arm("forest", shift=1000), "ridge_peek": Arm("ridge", peek=True)}
    | {"floor": Arm("floor")}
    | {f"fill_{name}": Arm(imputer=name) for name in IMPUTERS}
)
TITLES = {
    "mean": "mean predictor",
    "ridge": "ridge",
    "neighbours": "nearest neighbours",
    "forest": "random forest",
    "boosted": "boosted trees",
    "locker": "locker number",
    "forest_again": "forest, another seed",
    "ridge_peek": "ridge, everybody's scaler",
    "floor": "noise floor",
    "fill_mean": "mean",
    "fill_hold": "hold",
    "fill_decay": "decay",
    "fill_forest": "forest",
    "fill_forest_dropped": "forest, practised",
    "fill_interpolate": "line",
}


@dataclass(frozen=True)
class Rows:
    """What the leak is measured on.

    X : (N, D) features; y : (N,) target; athlete : (N,); floor : (N,) the target without its noise,
    where a simulator knows it, or None; target : key of :data:`TARGETS`
    """

    X: np.ndarray
    y: np.ndarray
    athlete: np.ndarray
    floor: np.ndarray | None
    target: str


@dataclass(frozen=True)
class Data:
    """Rows for the leak; streams (regular, in range) for the gaps, empty where there are none.

    owner : athlete of each session; companion : channel beside heart rate, or empty
    athletes, sessions : the tables, as loaded
    told : whose they are, and what was left out, where they were read
    """

    rows: Rows
    streams: pd.DataFrame
    owner: pd.Series
    companion: str
    athletes: pd.DataFrame | None = None
    sessions: pd.DataFrame | None = None
    told: str = ""


def load(options: Options) -> Data:
    """Simulate, or read, sessions and streams.

    Settings: n_athletes, n_days (simulated).

    Raises
    ------
    UserError for a data set that has no sessions with a target, or is no table of sessions
    """
    if options.simulated:
        settings = {"n_athletes": 200 if options.full else 60, "n_days": 56, **options.settings}
        sim = simulate(settings["n_athletes"], settings["n_days"], options.seed, options.dataset)
        sample = sim.sessions.groupby("athlete_id")["session_id"].nth(3)
        clean = sim.hidden.set_index("session_id")["effect_clean"]
        return _data(sim.athletes, sim.sessions, sim.streams(sample, laboratory=True), clean)
    if options.dataset in fetch.SIMULATED:  # the reader's own tables, in data_dir
        found = public.load(options.data_dir)
    else:
        found = public.load(options.dataset, options.data_dir)
    data = _data(found.athletes, found.sessions, found.streams)
    people = found.sessions["athlete_id"].nunique()
    return replace(data, told=told(found.name, people, found.dropped))


def splits(data: Data, partition: int) -> list[Split]:
    """Five groups of athletes, each tested once."""
    return protocol.fold_athletes(data.rows.athlete, seed=partition)


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one fold: RMSE of each test athlete, of the models and of the ways to fill a gap."""
    parts = list(_leak(data.rows, split, seed, arms))
    fillings = {name: arm.imputer for name, arm in arms.items() if arm.imputer}
    if len(data.streams) and fillings:
        parts += _gaps(data, split, seed, fillings)
    rows = pd.concat(parts, ignore_index=True)
    return rows.reindex(columns=["arm", "gap_s", "lost", "athlete", "metric", "value", "n"])


# --- the leak ------------------------------------------------------------------------------------


def turns(athlete: np.ndarray, split: Split, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """What a random split of rows gives: in each turn who is asked, and who is learned from.

    Returns
    -------
    five pairs of (N,) bool arrays: a fifth of each test athlete's rows; and as many rows as the
    training athletes have, the test athletes' other rows among them
    """
    rng = np.random.default_rng(seed)
    tested, train = split.rows(athlete, "test"), split.rows(athlete, "train")
    deal = pd.Series(rng.random(len(athlete))).groupby(athlete).rank().to_numpy() % TURNS
    pairs = []
    for turn in range(TURNS):
        asked = tested & (deal == turn)
        known = rng.permutation(np.flatnonzero(tested & ~asked))
        rows = np.concatenate([known, rng.permutation(np.flatnonzero(train))])[: train.sum()]
        pairs.append((asked, np.isin(np.arange(len(athlete)), rows)))
    return pairs


def _leak(rows: Rows, split: Split, seed: int, arms: Mapping[str, Arm]) -> Iterator[pd.DataFrame]:
    tested, train = (split.rows(rows.athlete, part) for part in ("test", "train"))
    dealt = turns(rows.athlete, split, seed)
    for name, arm in arms.items():
        if not arm.model or (arm.model == "floor" and rows.floor is None):
            continue
        guess = np.full(len(rows.y), np.nan)
        for asked, learned in dealt if arm.met else [(tested, train)]:
            if not asked.any():  # nobody has so many rows
                continue
            guess[asked] = _guess(rows, arm, learned, asked, seed + arm.shift)
        yield _errors(rows.y[tested], guess[tested], rows.athlete[tested], arm=name)


def _guess(rows: Rows, arm: Arm, learned, asked, seed: int) -> np.ndarray:
    """Prediction of the rows that are asked, by a model of the rows that are learned from."""
    if arm.model == "floor":
        return rows.floor[asked]
    if arm.model == "mean":
        return np.full(asked.sum(), rows.y[learned].mean())
    X = locker_numbers(rows.athlete, seed) if arm.model == "locker" else rows.X
    if arm.model in ("ridge", "neighbours"):
        scaler = prepare.fit_scaler(X[learned | asked if arm.peek else learned])
        X = scaler.transform(X, missing="mean")
    return _model(arm.model, seed).fit(X[learned], rows.y[learned]).predict(X[asked])


def locker_numbers(athlete: np.ndarray, seed: int) -> np.ndarray:
    """A number drawn for each athlete, which means nothing, (N, 1)."""
    code, names = pd.factorize(athlete, sort=True)
    return np.random.default_rng(seed).permutation(len(names))[code].astype(float)[:, None]


def _model(name: str, seed: int):
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeRegressor

    if name == "forest":
        half = {"max_features": 0.3, "max_samples": 0.4}
        return RandomForestRegressor(30, min_samples_leaf=3, random_state=seed, **half)
    return {
        "ridge": Ridge(10.0),
        "neighbours": KNeighborsRegressor(10),
        "boosted": HistGradientBoostingRegressor(random_state=seed),
        "locker": DecisionTreeRegressor(min_samples_leaf=5, random_state=seed),
    }[name]


# --- gaps ----------------------------------------------------------------------------------------


def _gaps(data: Data, split: Split, seed: int, fillings: Mapping[str, str]) -> list[pd.DataFrame]:
    who = data.owner.loc[data.streams["session_id"]].to_numpy()
    train, held_out = (
        data.streams[np.isin(who, names)].reset_index(drop=True)
        for names in (split.train, split.test)
    )
    if not held_out["hr_bpm"].notna().any():
        return []
    channels = ["hr_bpm", data.companion] if data.companion else ["hr_bpm"]
    fitted = {
        name: prepare.fit_imputer(method, train, channels, seed)
        for name, method in fillings.items()
        if data.companion or not method.startswith("forest")
    }
    situations = [(gap, "nothing", []) for gap in GAPS_S] + [(LONGEST_S, "heart rate", ["hr_bpm"])]
    if data.companion:
        situations.append((LONGEST_S, "companion", [data.companion]))
    parts = []
    for gap_s, lost, columns in situations:
        holed, hidden = prepare.hide_bursts(held_out, ["hr_bpm"], gap_s, HIDDEN, seed)
        holed = holed.assign(**dict.fromkeys(columns, np.nan))
        asked = (hidden | ("hr_bpm" in columns)) & held_out["hr_bpm"].notna().to_numpy()
        known = held_out.loc[asked, "hr_bpm"].to_numpy()
        athlete = data.owner.loc[held_out.loc[asked, "session_id"]].to_numpy()
        for name, imputer in fitted.items():
            guess = imputer.transform(holed).loc[asked, "hr_bpm"].to_numpy()
            parts.append(_errors(known, guess, athlete, arm=name, gap_s=float(gap_s), lost=lost))
    return parts


def _errors(truth, guess, athlete, **settings) -> pd.DataFrame:
    """RMSE of each athlete, as rows of Scores."""
    table = evaluate.by_athlete(truth, guess, athlete, ["rmse"])
    rows = {"athlete": table.index, "metric": "rmse", "value": table["rmse"].to_numpy()}
    return pd.DataFrame(rows | {"n": table["n"].to_numpy()}).assign(**settings)


# --- data ----------------------------------------------------------------------------------------


def _data(athletes, sessions, streams, clean: pd.Series | None = None) -> Data:
    owner = sessions.set_index("session_id")["athlete_id"].astype(str)
    companion = ""
    if len(streams) and streams["hr_bpm"].notna().any():
        streams, _ = prepare.check_ranges(prepare.regular(streams)[0], "streams")
        there = streams[[c for c in COMPANIONS if c in streams]].notna().mean()
        companion = there.idxmax() if there.max() > 0.5 else ""
    else:
        streams = streams.iloc[:0]
    laboratory = clean is None and "vo2_ml_kg_min" in streams
    if laboratory and not sessions["effect"].notna().any():
        rows = _uptake(streams, athletes, owner)
    else:
        rows = _sessions(sessions, athletes, clean)
    return Data(rows, streams, owner, companion, athletes, sessions)


def _sessions(sessions, athletes, clean: pd.Series | None) -> Rows:
    """A row a session: training effect, or how hard it felt."""
    target = "effect" if sessions["effect"].notna().any() else "rpe"
    # A training that PMData knows from a report alone has no heart rate, and may stand twice.
    sessions = sessions[sessions["source"] != "pmdata/pmsys"].reset_index(drop=True)
    table = prepare.session_table(sessions, athletes, target).varied()
    table = table.known(np.ones(len(table), bool))
    floor = None if clean is None else clean.loc[table.session].to_numpy()
    return Rows(table.X, table.y, np.asarray(table.athlete, str), floor, target)


def _uptake(streams, athletes, owner: pd.Series) -> Rows:
    """A row every ten seconds of a laboratory test: oxygen uptake from heart rate and body."""
    hr = streams.groupby("session_id")["hr_bpm"]
    minute = hr.transform(lambda beats: beats.rolling(60, min_periods=1).mean())
    every = streams.assign(hr_minute=minute)[streams["t_s"] % 10 == 0]
    every = every.dropna(subset=["vo2_ml_kg_min", "hr_bpm"])
    if not len(every):
        raise UserError("streams: no second has both heart rate and oxygen uptake")
    athlete = owner.loc[every["session_id"]].to_numpy().astype(str)
    body = athletes.set_index("athlete_id")[["age_y", "mass_kg", "height_cm", "hr_rest_bpm"]]
    body.index = body.index.astype(str)
    X = np.column_stack([every[["hr_bpm", "hr_minute"]], body.loc[athlete].to_numpy()])
    return Rows(X, every["vo2_ml_kg_min"].to_numpy(float), athlete, None, "vo2")


STUDY = Study(
    name="prepare",
    question="What does a model gain by having met the athlete, and what may stand in a gap?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="forest",
    metric="rmse",
    datasets=("pmdata", "actes", "simulated"),
    quick=("mean", "mean_met", "ridge", "ridge_met", "forest", "forest_met", "forest_again",
           "locker", "locker_met", "floor", "fill_mean", "fill_hold", "fill_interpolate"),
    cheap=("mean", "ridge", "ridge_met", "locker", "locker_met", "fill_hold"),
    tolerance=0.05,
    simulated_partitions=2,
)  # fmt: skip
