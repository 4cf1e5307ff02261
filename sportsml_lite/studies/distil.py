"""Chapter 8: is a student that also learns from a teacher better than the same student without?

Two students of a comparison have the same size, first weights, windows, order of batches and as
many steps; what differs is what they are told. A teacher is one of :data:`TEACHERS`, or whichever
candidate of chapter 7 reads a fold's validation athletes best: that is the book's teacher.
**Few labels.** Some training athletes are labelled, and teacher and student learn from these;
``others`` also has the other athletes' windows, with the teacher's answers in place of labels.
Validation athletes are labelled in every arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from sportsml_lite.baselines.kernels import MIN_SAMPLES
from sportsml_lite.evaluate import Comparison, by_athlete, compare
from sportsml_lite.losses import Hard, Soft, kl_divergence, soft_cross_entropy
from sportsml_lite.prepare.tasks import Task, load_task
from sportsml_lite.protocol import Split
from sportsml_lite.soft import ridge_answers, soft_answers
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.teachers import Teachers
from sportsml_lite.training.data import TrainResult
from sportsml_lite.training.folds import Fold, folds_of, label_budget, make_fold
from sportsml_lite.training.networks import (
    ModelConfig,
    answers,
    config_for,
    predict,
    train_student,
)
from sportsml_lite.training.pretrain import pretrain

ALPHA, TAU = 0.5, 2.0  # fixed before anything ran, and not tuned
FEW = 8  # labelled athletes
PATIENT = 5  # times the steps
ATHLETES = {"full": (200, 4), "quick": (60, 2)}  # simulated: how many, and sessions of each
TEACHERS = ("lstm", "minirocket", "blend")  # the ensemble, the mirrored ridge, a mean of both
BEST = "best"  # the one that chapter 7 chooses by validation athletes
IN_SAMPLE = "in_sample"  # MiniRocket asked for the windows that it was fitted on
CONVOLVED = ("minirocket", "blend", IN_SAMPLE)  # need windows as long as a kernel


@dataclass(frozen=True)
class Arm:
    """What may differ between two models.

    teacher : who is listened to, of :data:`TEACHERS`, :data:`BEST` or :data:`IN_SAMPLE`; '' nobody
    itself : no student: the teacher answers
    alpha : weight of the teacher's answers in a student's loss, at the temperature tau
    n_labelled : labelled training athletes, 0 for all; others : the rest too, without labels
    pretrained : begins with what it learned from all windows without labels, in as many steps
    times : the usual steps; shift : added to the job's seed
    """

    teacher: str = ""
    itself: bool = False
    alpha: float = ALPHA
    tau: float = TAU
    n_labelled: int = 0
    others: bool = False
    pretrained: bool = False
    times: int = 1
    shift: int = 0


ARMS = {
    "plain": Arm(),
    "distilled": Arm(BEST),
    "teacher": Arm(BEST, itself=True),
    "plain_again": Arm(shift=50),
    **{f"by_{name}": Arm(name) for name in (*TEACHERS, IN_SAMPLE)},
    **{name: Arm(name, itself=True) for name in TEACHERS},
    "pretrained": Arm(pretrained=True),
    "plain_long": Arm(times=PATIENT),
    "distilled_long": Arm(BEST, times=PATIENT),
    "plain_8": Arm(n_labelled=FEW),
    "distilled_8": Arm(BEST, n_labelled=FEW),
    "others_8": Arm(BEST, n_labelled=FEW, others=True),
    "others_8_lstm": Arm("lstm", n_labelled=FEW, others=True),
    "others_8_minirocket": Arm("minirocket", n_labelled=FEW, others=True),
    "pretrained_8": Arm(n_labelled=FEW, pretrained=True),
    "teacher_8": Arm(BEST, itself=True, n_labelled=FEW),
}
NAMES = {"lstm": "the LSTMs", "minirocket": "MiniRocket", "blend": "both, averaged"}
CHOSEN = NAMES | {"boosting": "boosted trees", "blend": "the weighted mean"}
TITLES = {
    "plain": "labels alone",
    "distilled": "labels and teacher",
    "teacher": "the teacher",
    "plain_again": "labels alone, another seed",
    **{f"by_{name}": f"taught by {title}" for name, title in NAMES.items()},
    f"by_{IN_SAMPLE}": "taught by MiniRocket, in sample",
    **{name: f"{title}: no student" for name, title in NAMES.items()},
    "pretrained": "pretrained without labels",
    "plain_long": f"{PATIENT} × steps: labels alone",
    "distilled_long": f"{PATIENT} × steps: labels and teacher",
    "plain_8": "8 labelled: labels alone",
    "distilled_8": "8 labelled: labels and teacher",
    "others_8": "8 labelled: others' windows too",
    "others_8_lstm": "8 labelled: others', by the LSTMs",
    "others_8_minirocket": "8 labelled: others', by MiniRocket",
    "pretrained_8": "8 labelled: pretrained without labels",
    "teacher_8": "8 labelled: the teacher",
}
# What the study asks: an arm, and the one that it is held against.
QUESTIONS = {
    "distilled": "plain",
    **{f"by_{name}": "plain" for name in (*TEACHERS, IN_SAMPLE)},
    "pretrained": "plain",
    "distilled_long": "plain_long",
    "distilled_8": "plain_8",
    "others_8": "plain_8",
    "others_8_lstm": "plain_8",
    "others_8_minirocket": "plain_8",
    "pretrained_8": "plain_8",
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
    that a student answers like its teacher (where it has none, like the best teacher of the same
    labels); ``confidence``, a teacher's mean probability of the class that it prefers
    (``confidence_train``: on training athletes, also of the teacher of a student);
    ``cross_entropy`` H(T, S) and ``entropy`` H(T) at the arm's τ; ``logit`` (settings ``truth`` and
    ``answer``) of one window, which the teacher answers rightly and with most doubt; ``chosen``
    (setting ``answer``), a row a job: which teacher was the best on validation.
    ``options.settings`` may hold another ``alpha`` or ``tau``. An arm is left out that needs more
    labelled athletes than train, or MiniRocket where windows are shorter than its kernels.

    Raises
    ------
    UserError as :func:`sportsml_lite.training.folds.make_fold` does
    """
    fold = make_fold(task, split)
    config = config_for(fold, "full" if options.full else "quick")
    people = len(set(fold.train_athlete))
    short = task.windows.X.shape[2] < MIN_SAMPLES
    arms = {
        name: _with(arm, options.settings) for name, arm in arms.items()
        if arm.n_labelled < people and not (short and arm.teacher in CONVOLVED)
    }  # fmt: skip
    rows = []
    for labels in dict.fromkeys(arm.n_labelled for arm in arms.values()):
        mine = {name: arm for name, arm in arms.items() if arm.n_labelled == labels}
        room = Room(task, split, seed, config, label_budget(fold, labels) if labels else None)
        led = any(arm.teacher for arm in mine.values())
        for name, arm in mine.items():
            found = room.teacher_rows(arm) if arm.itself else room.student_rows(arm, led)
            rows.append(found.assign(arm=name, **_settings(arm)))
    return pd.concat(rows, ignore_index=True)


class Room:
    """A fold with some labels, and what teachers of these labels say of its windows."""

    def __init__(
        self, task: Task, split: Split, seed: int, config: ModelConfig,
        labelled: tuple[str, ...] | None,
    ):  # fmt: skip
        self.field = Teachers(task, split, seed, config, labelled)
        self.fold, self.seed, self.config, self.labelled = self.field.fold, seed, config, labelled
        self.soft: dict[str, torch.Tensor] = {}

    @cached_property
    def best(self) -> str:
        """The kind of teacher that chapter 7 chooses by this fold's validation athletes."""
        return self.field.fit("chosen").kind

    def told(self, teacher: str) -> torch.Tensor:
        """Logits of a teacher for the training windows; each is asked once."""
        kind = self.best if teacher == BEST else teacher
        if kind not in self.soft and kind in ("minirocket", IN_SAMPLE):
            self.soft["minirocket"], self.soft[IN_SAMPLE] = ridge_answers(self.field)
        elif kind not in self.soft:
            self.soft[kind] = soft_answers(self.field, kind)
        return self.soft[kind]

    def asked(self, teacher: str) -> torch.Tensor:
        """Logits of a teacher for the test windows."""
        kind = {BEST: "chosen", IN_SAMPLE: "minirocket"}.get(teacher, teacher)
        return self.field.fit(kind).logits(self.fold.windows)

    @cached_property
    def _body(self) -> TrainResult:
        return pretrain(self.fold, self.seed, self.config.student, self.config.student_width)

    def student_rows(self, arm: Arm, led: bool) -> pd.DataFrame:
        """Train a student and judge it, by the truth and, where ``led``, by a teacher."""
        fold, config = self.fold, _longer(self.config, arm.times)
        soft = self.told(arm.teacher) if arm.teacher else None
        loss = Soft(arm.alpha, arm.tau) if arm.teacher else Hard()
        student = train_student(
            fold, self.seed + arm.shift, config, loss, soft, self.labelled, arm.others,
            start=self._body if arm.pretrained else None,
        )  # fmt: skip
        outputs = predict([student], fold.test)
        tables = [_judged(fold, outputs)]
        if arm.teacher:
            tables.append(_long(_confidence(soft, fold.train_athlete, "confidence_train")))
        if led:
            asked = self.asked(arm.teacher or BEST)
            like = by_athlete(
                answers(fold, asked), answers(fold, outputs), fold.windows.athlete, ["accuracy"]
            )
            tables.append(_long(like.rename(columns={"accuracy": "fidelity"})))
            tables.append(_long(_losses(fold, outputs, asked, arm.tau)))
        return pd.concat(tables)

    def teacher_rows(self, arm: Arm) -> pd.DataFrame:
        """Judge a teacher, and keep how sure it is and one window that it doubts."""
        fold, asked = self.fold, self.asked(arm.teacher)
        sure = _confidence(asked, fold.windows.athlete, "confidence")
        known = _confidence(self.told(arm.teacher), fold.train_athlete, "confidence_train")
        tables = [_judged(fold, asked), _long(sure), _long(known), doubted(fold, asked)]
        if arm.teacher == BEST:
            row = {
                "athlete": tables[0]["athlete"].iloc[0],
                "metric": "chosen",
                "value": 1.0,
                "n": 1,
            }
            tables.append(pd.DataFrame([row | {"answer": self.best}]))
        return pd.concat(tables)


def _longer(config: ModelConfig, times: int) -> ModelConfig:
    """The same with so many times the steps of a student, in as many epochs."""
    student = config.student
    return replace(
        config, student=replace(student, steps_per_epoch=times * student.steps_per_epoch)
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
    """The arm with the reader's α and τ."""
    return replace(arm, **{k: float(settings[k]) for k in ("alpha", "tau") if k in settings})


def _settings(arm: Arm) -> dict[str, float]:
    told = arm.teacher and not arm.itself
    return {
        "alpha": np.nan if arm.itself else arm.alpha if told else 0.0,
        "tau": arm.tau if told else np.nan,
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
    quick=(
        "plain",
        "distilled",
        "teacher",
        "plain_again",
        "by_in_sample",
        "plain_8",
        "distilled_8",
        "others_8",
        "pretrained_8",
    ),
    cheap=("plain", "plain_again"),
)
