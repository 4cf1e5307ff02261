r"""Chapter 8: does a teacher with a mask help a student with a watch? Oxygen uptake of real riders.

What is asked, every half minute of an interval bout, is the mean uptake of the half minute that
follows. The **teacher** sees the uptake so far, *privileged information* that no watch has (Vapnik
and Izmailov 2015; Lopez-Paz et al. 2016). The **student** sees what a watch does: heart rate, time,
the power of the session and who rides. It learns from the truth, from the teacher's answers, or
from both. For squared errors that is one mixed target
(:func:`~sportsml_lite.losses.mixed_target`), and a teacher who is right on average,

.. math:: E[t \mid \text{watch}] = E[y \mid \text{watch}],

moves no student whose data are many: it takes noise from the target and adds nothing that a watch
could know. Nor can it speak for riders who wore only a watch: without a mask nobody can ask it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from sportsml_lite.baselines.sessions import STRENGTHS
from sportsml_lite.baselines.windows import ridges
from sportsml_lite.collect.datasets import public
from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import Comparison, by_athlete, compare
from sportsml_lite.losses import Hard, bounded_loss, mixed_target
from sportsml_lite.models import MLP
from sportsml_lite.prepare import fit_scaler
from sportsml_lite.prepare.features import Table
from sportsml_lite.prepare.periods import only
from sportsml_lite.protocol import PARTS, Split, fold_athletes
from sportsml_lite.soft import leave_groups_out
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training.cache import fit_cached
from sportsml_lite.training.config import TrainConfig
from sportsml_lite.training.data import examples, predict_values

AHEAD_S, EVERY_S, STEP_S = 30, 30, 10  # of the target, between two questions, between two rows
BOUND = 0.5  # weight of the teacher's bound
HEART, UPTAKE = "hr_bpm", "vo2_ml_kg_min"
CONFIG = TrainConfig(
    rate=2e-3, batch_size=128, max_epochs=20, patience=20, steps_per_epoch=40, schedule="cosine"
)


@dataclass(frozen=True)
class Arm:
    """How somebody answers.

    model : ``'mean'``, ``'ridge'``, ``'mlp'`` or ``'teacher'``, a ridge with the laboratory channel
    alpha : weight of the teacher in the student's target; bounded : it is a bound, and no target
    shift : added to the job's seed
    """

    model: str
    alpha: float = 0.0
    bounded: bool = False
    shift: int = 0


ARMS = {
    "mean": Arm("mean"),
    "ridge": Arm("ridge"),
    "ridge_taught": Arm("ridge", 0.5),
    "plain": Arm("mlp"),
    "plain_again": Arm("mlp", shift=50),
    "taught_50": Arm("mlp", 0.5),
    "taught_90": Arm("mlp", 0.9),
    "bounded": Arm("mlp", bounded=True),
    "teacher": Arm("teacher"),
}
TITLES = {
    "mean": "the riders' mean",
    "ridge": "ridge: truth alone",
    "ridge_taught": "ridge: truth and teacher, half each",
    "plain": "network: truth alone",
    "plain_again": "network: truth alone, another seed",
    "taught_50": "network: truth and teacher, half each",
    "taught_90": "network: nine tenths teacher",
    "bounded": "network: bounded by the teacher",
    "teacher": "the teacher, with a mask",
}
QUESTIONS = {
    "ridge": "mean",
    "plain": "ridge",
    "ridge_taught": "ridge",
    "taught_50": "plain",
    "taught_90": "plain",
    "bounded": "plain",
    "teacher": "ridge",
}


def load(options: Options) -> Table:
    """A row every half minute of a bout: what a watch saw, what the mask saw, and what came next.

    Raises
    ------
    UserError for a data set without oxygen uptake in bouts
    """
    data = public.load(options.dataset, options.data_dir)
    if "bout" not in data.streams or "power_mean_w" not in data.sessions:
        raise UserError(f"{options.name}: has no bouts with oxygen uptake; take intervals")
    return bout_table(data)


def bout_table(data: DataSet) -> Table:
    """Features and target of every half minute of a bout that has a whole one before and after it.

    ``hr_bpm`` and ``vo2_ml_kg_min`` are means of the half minute before; ``_before``: of the one
    before that, in the same bout; ``_bout``: of the bout so far. ``power_w_kg`` is the mean of the
    session, as if it had been planned. The target is the mean uptake of the half minute that
    follows. Rows that lack an uptake are left out.
    """
    rows = data.streams[["session_id", "bout", "t_s"]].copy()
    keys = ["session_id", "bout"]
    rows["bout_s"] = rows["t_s"] - rows.groupby(keys)["t_s"].transform("min") + STEP_S
    half = AHEAD_S // STEP_S
    for name in (HEART, UPTAKE):
        each = data.streams.groupby(keys)[name]
        rows[name] = each.rolling(half).mean().droplevel(keys)
        rows[f"{name}_bout"] = each.expanding().mean().droplevel(keys)
    before, after = (rows.groupby(keys)[[HEART, UPTAKE, "t_s"]].shift(n) for n in (half, -half))
    rows = rows.assign(**{f"{name}_before": before[name] for name in (HEART, UPTAKE)})
    rows["y"] = after[UPTAKE].where(after["t_s"] - rows["t_s"] == AHEAD_S)
    asked = rows[rows["bout_s"] % EVERY_S == 0]
    known = asked[asked[["y", UPTAKE]].notna().all(axis=1)]
    whole = known.merge(_about(data), on="session_id").drop(columns="t_s")
    names = tuple(whole.columns.drop(["session_id", "athlete_id", "y"]))
    owner, session = (whole[k].astype(str).to_numpy(object) for k in ("athlete_id", "session_id"))
    X, y = whole[[*names]].to_numpy(float), whole["y"].to_numpy(float)
    return Table(X, y, owner, session, names, UPTAKE, len(asked) - len(known))


def _about(data: DataSet) -> pd.DataFrame:
    """What is known of each session and its rider: the plan, the power, and who rides."""
    who = data.athletes.set_index("athlete_id")
    own = data.sessions.dropna(subset="power_mean_w")
    rider = who.loc[own["athlete_id"]]
    about = {
        "power_w_kg": own["power_mean_w"].to_numpy() / rider["mass_kg"].to_numpy(),
        "is_male": (rider["sex"] == "m").to_numpy(float),
        **{name: rider[name].to_numpy() for name in ("age_y", "mass_kg", "hr_max_bpm")},
    }
    plans = pd.get_dummies(own["design"], prefix="plan", dtype=float)
    return own[["session_id", "athlete_id"]].assign(**about).join(plans)


def splits(data: Table, partition: int) -> list[Split]:
    """Grouped folds of the riders."""
    return fold_athletes(data.athlete, seed=partition)


def score(
    data: Table, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one job: arm, athlete, RMSE (mL/kg/min) of each test rider, alpha."""
    watch = only(data, tuple(n for n in data.names if not n.startswith(UPTAKE)))
    field = Field.of(watch, split)
    masked = Field.of(data, split)
    told = masked.honest()
    rows = []
    for name, arm in arms.items():
        said = masked.ridge() if arm.model == "teacher" else field.answer(arm, told, seed)
        test = field.test
        found = by_athlete(test.y, said, test.athlete, ["rmse"]).reset_index(names="athlete")
        alpha = np.nan if arm.model in ("mean", "teacher") else arm.alpha
        long = found.melt(["athlete", "n"], var_name="metric")
        rows.append(long.assign(arm=name, alpha=alpha))
    return pd.concat(rows, ignore_index=True)


@dataclass(frozen=True)
class Field:
    """Training, validation and test rows of one fold, their features scaled by training riders."""

    train: Table
    validation: Table
    test: Table

    @classmethod
    def of(cls, data: Table, split: Split) -> Field:
        """Of a table and a split."""
        usable = data.known(split.rows(data.athlete, "train"))
        parts = [usable.take(split.rows(usable.athlete, part)) for part in PARTS]
        scaler = fit_scaler(parts[0].X)
        return cls(*(replace(part, X=scaler.transform(part.X, "mean")) for part in parts))

    def answer(self, arm: Arm, told: np.ndarray, seed: int) -> np.ndarray:
        """What an arm without a mask says of the test rows, mL/kg/min.

        told : (N,) the teacher's answers to the training rows
        """
        y = self.train.y
        target = y if arm.bounded else mixed_target(told, y, arm.alpha)
        if arm.model == "mean":
            return np.full(len(self.test), y.mean())
        if arm.model == "ridge":
            return self.ridge(target)
        return self.network(target, told if arm.bounded else None, seed + arm.shift)

    def ridge(self, target: np.ndarray | None = None) -> np.ndarray:
        """Answers (N,) of a ridge whose strength the validation riders choose."""
        y = self.train.y if target is None else target
        B, b = next(ridges(self.train.X, y[:, None], [self.strength(y)]))
        return (self.test.X @ B + b)[:, 0]

    def strength(self, y: np.ndarray) -> float:
        """The strength with the smallest squared error on the validation riders' true uptake."""
        X, truth = self.validation.X, self.validation.y[:, None]
        found = ridges(self.train.X, y[:, None], STRENGTHS)
        return STRENGTHS[int(np.argmin([np.square(X @ B + b - truth).mean() for B, b in found]))]

    def honest(self) -> np.ndarray:
        """Answers (N,) to the training rows, each rider's by the ridge of the others."""
        train, said = self.train, np.empty(len(self.train))
        without = leave_groups_out(
            train.X, train.y[:, None], self.strength(train.y), train.athlete.astype(str)
        )
        for rider, B, b in without:
            mine = train.athlete == rider
            said[mine] = (train.X[mine] @ B + b)[:, 0]
        return said

    def network(self, target: np.ndarray, bound: np.ndarray | None, seed: int) -> np.ndarray:
        """Answers (N,) of the book's MLP; ``bound`` is the teacher of a bounded loss."""
        centre, spread = self.train.y.mean(), self.train.y.std()

        def scaled(values):
            return (values - centre) / spread

        data = examples(self.train.X, scaled(target), self.validation.X, scaled(self.validation.y))
        loss, soft = Hard(), None
        if bound is not None:
            loss, soft = Bounded(), torch.as_tensor(scaled(bound)).float()[:, None]
        model = fit_cached(MLP, data, seed, CONFIG, loss, soft).model
        return centre + spread * predict_values(model, self.test.X)


@dataclass(frozen=True)
class Bounded:
    """Learn from the truth, and more so where the student is worse than its teacher.

    weight : of the bound, 0 or above; see :func:`~sportsml_lite.losses.bounded_loss`
    """

    weight: float = BOUND

    def __call__(self, outputs, y, soft, weight) -> torch.Tensor:
        return bounded_loss(outputs, soft[:, 0], y, self.weight, 0.0)


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], Comparison]:
    """Every question of the study, in RMSE: (data set, arm) → comparison."""
    return {
        (dataset, arm): compare(scores, arm, against, "rmse", UPTAKE)
        for dataset, scores in tables.items()
        for arm, against in QUESTIONS.items()
        if {arm, against} <= set(scores["arm"])
    }


STUDY = Study(
    name="privileged",
    question="Does a teacher who sees oxygen uptake make a student better who sees a watch?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="plain",
    metric="rmse",
    datasets=("intervals",),
    quick=("mean", "ridge", "ridge_taught", "plain", "plain_again", "taught_50", "teacher"),
    cheap=("mean", "ridge", "ridge_taught", "teacher"),
)
