"""Chapter 8: is a student that also learns from its teacher better than the same student without?

The teacher is the ensemble that chapter 7 chooses. Two students of a comparison have the same
size, first weights, windows, order of batches and steps; what differs is what they are told.
**Few labels.** Some training athletes are labelled, and teacher and student learn from these;
``others`` also has the other athletes' windows, with the teacher's answers in place of labels.
Validation athletes are labelled in every arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from sportsml_lite.evaluate import Comparison, by_athlete, compare
from sportsml_lite.losses import Hard, Soft, kl_divergence, soft_cross_entropy
from sportsml_lite.prepare.tasks import Task, load_task
from sportsml_lite.protocol import Split
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training.folds import Fold, folds_of, label_budget, make_fold
from sportsml_lite.training.networks import (
    ModelConfig,
    answers,
    config_for,
    predict,
    train_student,
    train_teacher,
)

ALPHA, TAU = 0.5, 2.0  # fixed before anything ran, and not tuned
FEW = 8  # labelled athletes
ATHLETES = {"full": (200, 4), "quick": (60, 2)}  # simulated: how many, and sessions of each


@dataclass(frozen=True)
class Arm:
    """What may differ between two models.

    teacher : the teacher itself answers; alpha : weight of its answers in a student's loss
    n_labelled : labelled training athletes, 0 for all; others : the rest too, without labels
    shift : added to the job's seed
    """

    teacher: bool = False
    alpha: float = 0.0
    tau: float = TAU
    n_labelled: int = 0
    others: bool = False
    shift: int = 0


ARMS = {
    "plain": Arm(),
    "distilled": Arm(alpha=ALPHA),
    "teacher": Arm(teacher=True),
    "plain_again": Arm(shift=50),
    "only_distilled": Arm(alpha=1.0),
    "plain_8": Arm(n_labelled=FEW),
    "distilled_8": Arm(alpha=ALPHA, n_labelled=FEW),
    "others_8": Arm(alpha=ALPHA, n_labelled=FEW, others=True),
    "teacher_8": Arm(teacher=True, n_labelled=FEW),
}
TITLES = {
    "plain": "labels alone",
    "distilled": "labels and teacher",
    "teacher": "the teacher",
    "plain_again": "labels alone, another seed",
    "only_distilled": "teacher alone",
    "plain_8": "8 labelled: labels alone",
    "distilled_8": "8 labelled: labels and teacher",
    "others_8": "8 labelled: the others' windows too",
    "teacher_8": "8 labelled: the teacher",
}
# What the study asks: an arm, and the one that it is held against.
QUESTIONS = {
    "distilled": "plain",
    "only_distilled": "plain",
    "distilled_8": "plain_8",
    "others_8": "plain_8",
    "teacher": "plain",
    "teacher_8": "plain_8",
}


def load(options: Options) -> Task:
    """Windows of a data set; simulated athletes are as many as the profile says.

    Raises
    ------
    UserError as :func:`sportsml_lite.prepare.tasks.load_task` does
    """
    people, sessions = ATHLETES["full" if options.full else "quick"]
    return load_task(
        options.dataset, options.data_dir, seed=options.seed, n_athletes=people,
        sessions_each=sessions, **options.window,
    )  # fmt: skip


def score(
    task: Task, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one job: arm, athlete, metric, value, n and the settings of the arm.

    Metrics of each test athlete: ``macro_f1``, ``accuracy``; ``fidelity``, the share of windows
    that a student answers like the teacher of the same labels; ``confidence``, the teacher's mean
    probability of the class that it prefers (``confidence_train``: on training athletes);
    ``cross_entropy`` H(T, S) and ``entropy`` H(T) at the arm's τ; ``logit`` (settings ``truth``
    and ``answer``) of one window, which the teacher answers rightly and with most doubt.
    ``options.settings`` may hold another ``alpha`` or ``tau``. An arm that needs more labelled
    athletes than train is left out.

    Raises
    ------
    UserError as :func:`sportsml_lite.training.folds.make_fold` does
    """
    fold = make_fold(task, split)
    config = config_for(fold, "full" if options.full else "quick")
    people = len(set(fold.train_athlete))
    arms = {name: _with(arm, options.settings) for name, arm in arms.items()}
    arms = {name: arm for name, arm in arms.items() if arm.n_labelled < people}
    led = {arm.n_labelled for arm in arms.values() if arm.teacher or arm.alpha}
    rows = []
    for labels in dict.fromkeys(arm.n_labelled for arm in arms.values()):
        room = Room.make(fold, labels, seed, config, labels in led)
        for name, arm in arms.items():
            if arm.n_labelled == labels:
                found = room.teacher_rows() if arm.teacher else room.student_rows(arm)
                rows.append(found.assign(arm=name, **_settings(arm)))
    return pd.concat(rows, ignore_index=True)


@dataclass(frozen=True)
class Room:
    """A fold with some labels, and what their teacher says of its training and test windows."""

    fold: Fold
    seed: int
    config: ModelConfig
    labelled: tuple[str, ...] | None
    soft: torch.Tensor | None
    told: torch.Tensor | None

    @classmethod
    def make(cls, fold, n_labelled, seed, config, led):
        """Hide labels, then train and ask the teacher where ``led``."""
        labelled = label_budget(fold, n_labelled) if n_labelled else None
        soft = told = None
        if led:
            teacher = train_teacher(fold, seed, config, labelled)
            soft, told = (predict(teacher, part, fold.signs) for part in (fold.train, fold.test))
        return cls(fold, seed, config, labelled, soft, told)

    def student_rows(self, arm: Arm) -> pd.DataFrame:
        """Train a student and judge it, by the truth and by the teacher."""
        fold = self.fold
        loss = Soft(arm.alpha, arm.tau) if arm.alpha else Hard()
        soft = self.soft if arm.alpha else None
        student = train_student(
            fold, self.seed + arm.shift, self.config, loss, soft, self.labelled, arm.others
        )
        outputs = predict([student], fold.test)
        tables = [_judged(fold, outputs)]
        if self.told is not None:
            like = by_athlete(
                answers(fold, self.told), answers(fold, outputs), fold.windows.athlete,
                ["accuracy"],
            )  # fmt: skip
            tables.append(_long(like.rename(columns={"accuracy": "fidelity"})))
            tables.append(_long(_losses(fold, outputs, self.told, arm.tau)))
        return pd.concat(tables)

    def teacher_rows(self) -> pd.DataFrame:
        """Judge the teacher, and keep how sure it is and one window that it doubts."""
        fold = self.fold
        sure = _confidence(self.told, fold.windows.athlete, "confidence")
        known = _confidence(self.soft, fold.train_athlete, "confidence_train")
        return pd.concat(
            [_judged(fold, self.told), _long(sure), _long(known), doubted(fold, self.told)]
        )


def doubted(fold: Fold, told: torch.Tensor) -> pd.DataFrame:
    """Logits of one window an athlete: answered rightly, with the most likely second class."""
    truth = torch.as_tensor(fold.windows.y)
    second = told.softmax(1).topk(2).values[:, 1].where(told.argmax(1) == truth, -1.0)
    owner = fold.windows.athlete.astype(str)
    best = pd.Series(second.numpy()).groupby(owner).idxmax()
    rows = [
        {"athlete": athlete, "metric": "logit", "value": float(told[i, k]), "n": 1,
         "truth": fold.classes[truth[i]], "answer": name}
        for athlete, i in best.items() if second[i] >= 0
        for k, name in enumerate(fold.classes)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["athlete", "metric", "value", "n", "truth", "answer"])


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], Comparison]:
    """Every question of the study, asked on every data set: (data set, arm) → comparison.

    tables : Scores by data set; a question whose arms a table lacks is left out
    """
    found = {}
    for dataset, scores in tables.items():
        arms = set(scores["arm"])
        for arm, against in QUESTIONS.items():
            if {arm, against} <= arms:
                found[dataset, arm] = compare(scores, arm, against)
    return found


def _with(arm: Arm, settings: Mapping[str, object]) -> Arm:
    """The arm with the reader's α and τ; plain stays plain, α = 1 stays 1."""
    tau = float(settings.get("tau", arm.tau))
    alpha = float(settings.get("alpha", arm.alpha)) if 0 < arm.alpha < 1 else arm.alpha
    return replace(arm, alpha=alpha, tau=tau)


def _settings(arm: Arm) -> dict[str, float]:
    return {
        "alpha": np.nan if arm.teacher else arm.alpha,
        "tau": arm.tau if arm.alpha else np.nan,
        "n_labelled": float(arm.n_labelled or np.nan),
    }


def _judged(fold: Fold, outputs: torch.Tensor) -> pd.DataFrame:
    windows = fold.windows
    given = answers(fold, outputs)
    return _long(by_athlete(windows.y, given, windows.athlete, ["macro_f1", "accuracy"]))


def _losses(fold: Fold, outputs: torch.Tensor, told: torch.Tensor, tau: float) -> pd.DataFrame:
    """H(T, S) and H(T) of each athlete's windows."""
    owner = fold.windows.athlete.astype(str)
    rows = {}
    for athlete in np.unique(owner):
        mine = torch.as_tensor(owner == athlete)
        pair = outputs[mine].double(), told[mine].double()
        h, kl = (float(f(*pair, tau)) for f in (soft_cross_entropy, kl_divergence))
        rows[athlete] = {"n": int(mine.sum()), "cross_entropy": h, "entropy": h - kl}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("athlete_id")


def _confidence(logits: torch.Tensor, athlete: np.ndarray, name: str) -> pd.DataFrame:
    sure = pd.Series(logits.softmax(1).amax(1).numpy()).groupby(athlete.astype(str))
    return pd.DataFrame({"n": sure.size(), name: sure.mean()}).rename_axis("athlete_id")


def _long(table: pd.DataFrame) -> pd.DataFrame:
    """A row an athlete and metric, from a column a metric."""
    return table.reset_index(names="athlete").melt(["athlete", "n"], var_name="metric")


STUDY = Study(
    name="distil",
    question="Does a small student become better when it learns from a teacher's soft answers?",
    load=load,
    splits=folds_of,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="plain",
    metric="macro_f1",
    datasets=("swimming", "actes", "simulated"),
    quick=("plain", "distilled", "teacher", "plain_again", "plain_8", "distilled_8", "others_8"),
    cheap=("plain", "plain_again"),
)
