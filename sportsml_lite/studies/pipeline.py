"""Chapter 10: how much better is the whole pipeline than its parts, for an athlete never seen?

Eight training athletes are labelled, the others gave their windows alone. A teacher learns from the
labelled ones and answers for the rest; a student learns from both; the new athlete's k earliest
windows of each class, or two measured heart rates, fit it to this athlete. Every student has the
same size, first weights and number of steps; an arm leaves one thing out. MiniRocket gets what the
student gets: the mirror images, the names of the athlete's classes, and the athlete's windows, by
which either the class means of its scores are shrunk or its ridge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from sportsml_lite.baselines.personal import fit_score_means, ridge_says
from sportsml_lite.baselines.windows import fit_symmetric_scores, fit_window_baseline
from sportsml_lite.deploy.kept import card_of, parts_of
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import Comparison, compare_all
from sportsml_lite.losses import Hard, Soft
from sportsml_lite.protocol import Split
from sportsml_lite.schema import Windows
from sportsml_lite.soft import ridge_answers
from sportsml_lite.studies.runner import Options, Study, first_job
from sportsml_lite.studies.transfer import (
    ALPHA,
    HELD_BACK,
    TAU,
    TRAIN,
    Data,
    judged,
    load,
    splits,
    tested,
)
from sportsml_lite.teachers import Teachers
from sportsml_lite.training.folds import Fold, label_budget, make_fold
from sportsml_lite.training.keep import Card, keep_student
from sportsml_lite.training.networks import (
    answers,
    config_for,
    predict,
    train_student,
    train_teacher,
)
from sportsml_lite.transfer import (
    NO_OWN_DATA,
    Adaptation,
    Says,
    fit_population,
    student_says,
    take_shots,
)

FEW = 8  # labelled training athletes
K = 5  # windows a class that a new athlete gives
KAPPA = 3.0  # windows that the population's means count as; fixed, and not tuned
KEPT = ("only_distilled", "guarded", "whole")  # arms of the student that is kept
WIDE = 32  # channels of a student twice as wide
RIDGE_KAPPA = 1.0  # the same of MiniRocket's ridge, which needs less: by validation swimmers


@dataclass(frozen=True)
class Arm:
    """What may differ between two models.

    model : ``'majority'``, ``'forest'``, ``'minirocket'``, ``'teacher'``, or a student:
        ``'plain'`` (labels alone), ``'taught'`` (also the teacher's answers), ``'self'`` (also
        those of a plain student), ``'rocket'`` (also MiniRocket's, out of fold)
    width : of a student; 0 is the book's
    masked : answers only with classes that the athlete's windows show
    kappa : class means with κ in place of the trained head; 0 keeps the head
    ridge : κ shrinks MiniRocket's ridge, and not the class means of its scores
    held_back : all layers of a student are trained, held back by L2-SP, as in chapter 9
    guarded : only whom the unmoved model misreads is fitted
    personal : fitted to the athlete: by windows (κ), or by two measured heart rates
    shift : added to the job's seed
    """

    model: str
    masked: bool = False
    kappa: float = 0.0
    ridge: bool = False
    held_back: bool = False
    guarded: bool = False
    personal: bool = False
    shift: int = 0
    width: int = 0

    @property
    def adaptation(self) -> Adaptation:
        """Of a student or MiniRocket, by windows."""
        if self.held_back:
            ((rate, strength),) = HELD_BACK
            how = replace(TRAIN["l2_sp"], rate=rate, l2_sp_strength=strength)
            return replace(how, guarded=self.guarded)
        if self.kappa:
            method = "head" if self.ridge else "shrink"
            return Adaptation(method, kappa=self.kappa, masked=True, guarded=self.guarded)
        return Adaptation("population", masked=self.masked)


ARMS = {
    "majority": Arm("majority"),
    "forest": Arm("forest"),
    "minirocket": Arm("minirocket"),
    "minirocket_masked": Arm("minirocket", masked=True),
    "minirocket_personal": Arm("minirocket", kappa=KAPPA, personal=True),
    "minirocket_ridge": Arm("minirocket", kappa=RIDGE_KAPPA, ridge=True, personal=True),
    "teacher": Arm("teacher"),
    "none": Arm("plain"),
    "none_again": Arm("plain", shift=50),
    "masked": Arm("plain", masked=True),
    "only_distilled": Arm("taught"),
    "taught_masked": Arm("taught", masked=True),
    "means": Arm("taught", kappa=NO_OWN_DATA),
    "only_personal": Arm("plain", kappa=KAPPA, personal=True),
    "self": Arm("self", kappa=KAPPA, personal=True),
    "whole": Arm("taught", kappa=KAPPA, personal=True),
    "guarded": Arm("taught", kappa=KAPPA, guarded=True, personal=True),
    "plain_guarded": Arm("plain", kappa=KAPPA, guarded=True, personal=True),
    "rocket": Arm("rocket"),
    "rocket_guarded": Arm("rocket", kappa=KAPPA, guarded=True, personal=True),
    "rocket_layers": Arm("rocket", True, held_back=True, guarded=True, personal=True),
    "rocket_wide": Arm("rocket", kappa=KAPPA, guarded=True, personal=True, width=WIDE),
}
TITLES = {
    "majority": "most frequent class",
    "forest": "random forest",
    "minirocket": "MiniRocket",
    "minirocket_masked": "MiniRocket, knows which classes",
    "minirocket_personal": "MiniRocket, shrunken class means",
    "minirocket_ridge": "MiniRocket, shrunken ridge",
    "teacher": "the teacher",
    "none": "small student alone",
    "none_again": "the same, another seed",
    "masked": "+ knows which classes",
    "only_distilled": "+ teacher",
    "taught_masked": "+ teacher, knows which classes",
    "means": "+ teacher, class means of others",
    "only_personal": "+ personal",
    "self": "+ equal teacher, personal",
    "whole": "everything: + teacher, personal",
    "guarded": "everything, guarded",
    "plain_guarded": "+ personal, guarded",
    "rocket": "+ MiniRocket as teacher",
    "rocket_guarded": "+ MiniRocket as teacher, personal, guarded",
    "rocket_layers": "the same, all layers held back",
    "rocket_wide": "the same, by class means, twice as wide",
}
# What the study asks: an arm, and the one that it is held against.
QUESTIONS = {
    "everything": ("whole", "none"),
    "teacher": ("only_distilled", "none"),
    "personal": ("only_personal", "none"),
    "mask": ("masked", "none"),
    "without_teacher": ("whole", "only_personal"),
    "without_personal": ("whole", "only_distilled"),
    "beyond_mask": ("whole", "taught_masked"),
    "own_windows": ("whole", "means"),
    "large_teacher": ("whole", "self"),
    "guard": ("guarded", "none"),
    "rocket_teaches": ("rocket", "none"),
    "better_teacher": ("rocket_guarded", "guarded"),
    "rival": ("whole", "minirocket_personal"),
    "rival_ridge": ("guarded", "minirocket_ridge"),
    "wrist": ("rocket_layers", "minirocket_ridge"),
    "wide_wrist": ("rocket_wide", "minirocket_ridge"),
}


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one job: arm, athlete, metric (macro_f1, accuracy), value, n.

    The same windows test every arm: those after the athlete's first k of each class and a gap; or
    all of them, where two measured heart rates stand in for windows (there, arms that need windows
    are left out). ``options.settings`` may hold another ``k`` or ``n_labelled``.

    Raises
    ------
    UserError as :func:`sportsml_lite.training.folds.make_fold` does
    """
    room = Room.make(data, split, seed, options)
    rows = []
    for name, arm in arms.items():
        by_windows = arm.ridge or arm.guarded or ((arm.masked or arm.kappa) and not arm.personal)
        if data.measured is not None and by_windows:
            continue
        said = room.said(arm)
        if len(said):
            rows.append(judged(said).assign(arm=name, k=float(room.k)))
    if not rows:
        return pd.DataFrame(columns=["arm", "athlete", "metric", "value", "n", "k"])
    return pd.concat(rows, ignore_index=True)


class Room:
    """One fold: its data, and each network or rival that was fitted in it, fitted once."""

    def __init__(self, data, split, seed, options):
        self.data, self.split, self.seed = data, split, seed
        self.k = int(options.settings.get("k", K))
        self.fold = make_fold(data.task, split)
        self.config = config_for(self.fold, "full" if options.full else "quick")
        count = int(options.settings.get("n_labelled", FEW))
        self.labelled = label_budget(self.fold, count)
        self.measured = make_fold(data.measured, split) if data.measured is not None else None
        self.shots = take_shots(self.fold.test, self.fold.windows)
        self.fitted = {}

    @classmethod
    def make(cls, data: Data, split: Split, seed: int, options: Options) -> Room:
        """Prepare the fold."""
        return cls(data, split, seed, options)

    def said(self, arm: Arm) -> pd.DataFrame:
        """What an arm answers: columns athlete, y, predicted, over the windows that test."""
        rows = self.rows
        if not len(rows):
            return pd.DataFrame(columns=["athlete", "y", "predicted"])
        if arm.model in ("majority", "forest"):
            predicted = self.rival(arm.model)(self.fold.windows.take(rows))
        elif arm.model == "minirocket":
            return self.minirocket(arm)
        elif self.measured is None and (arm.masked or arm.kappa):
            student = self.network(arm.model, arm.shift, self.fold, arm.width)[0].model
            known = self.once(("means", arm.model, arm.width), lambda: self.population(student))
            return student_says(student, self.shots, known)(self.k, arm.adaptation)
        else:
            fold = self.measured if self.measured is not None and arm.personal else self.fold
            signs = fold.signs if arm.model == "teacher" else None
            nets = self.network(arm.model, arm.shift, fold, arm.width)
            predicted = answers(fold, predict(nets, fold.test, signs))[rows]
        return self.frame(rows, predicted)

    @property
    def rows(self) -> np.ndarray:
        """Test windows that count, (M,) int: the same for every arm."""
        if self.measured is not None:
            return np.arange(len(self.fold.windows))
        if not self.shots.feasible_ks((self.k,)):
            return np.arange(0)
        return self.shots.test(self.k)[0]

    def frame(self, rows: np.ndarray, predicted) -> pd.DataFrame:
        windows = self.fold.windows
        return pd.DataFrame({
            "athlete": windows.athlete[rows].astype(str), "y": windows.y[rows],
            "predicted": np.asarray(predicted),
        })  # fmt: skip

    def once(self, key, make):
        """What ``make`` gives, made at the first call."""
        if key not in self.fitted:
            self.fitted[key] = make()
        return self.fitted[key]

    # --- networks ---------------------------------------------------------------------------------

    def network(self, kind: str, shift: int, fold: Fold, width: int = 0) -> list:
        """The teacher's networks, or a student in a list, on one scale of heart rate."""
        key = (kind, shift, id(fold), width)
        return self.once(key, lambda: self._train(kind, shift, fold, width or None))

    def _train(self, kind: str, shift: int, fold: Fold, width: int | None) -> list:
        seed, config, labelled = self.seed + shift, self.config, self.labelled
        if kind == "teacher":
            return train_teacher(fold, seed, config, labelled)
        if kind == "plain":
            return [train_student(fold, seed, config, Hard(), None, labelled, width=width)]
        soft, loss = self.soft(kind, fold), Soft(ALPHA, TAU)
        return [train_student(fold, seed, config, loss, soft, labelled, True, width)]

    def soft(self, kind: str, fold: Fold) -> torch.Tensor:
        """What the teacher of a student answers, for all training windows, (N, K)."""
        if kind != "rocket":
            told = self.network("teacher" if kind == "taught" else "plain", 0, fold)
            return predict(told, fold.train, fold.signs)
        task = self.data.measured if fold is self.measured else self.data.task
        return ridge_answers(Teachers(task, self.split, self.seed, self.config, self.labelled))[0]

    def population(self, student):
        """Class means of the labelled athletes."""
        fold = self.fold
        known = np.isin(fold.train_athlete.astype(str), self.labelled)
        return fit_population(student, fold.train.take(known), fold.train_athlete[known])

    # --- rivals -----------------------------------------------------------------------------------

    def part(self, task, name: str) -> Windows:
        """Windows of the training, validation or test athletes."""
        return task.windows.take(self.split.rows(task.windows.athlete, name))

    def is_labelled(self, windows: Windows) -> np.ndarray:
        """Whether an athlete's labels are known, (N,) bool."""
        return np.isin(windows.athlete.astype(str), self.labelled)

    def rival(self, name: str):
        """A baseline that learns from the labelled athletes alone."""
        train, validation = (self.part(self.data.task, part) for part in ("train", "validation"))
        train = train.take(self.is_labelled(train))
        return self.once(name, lambda: fit_window_baseline(name, train, validation, self.seed))

    def minirocket(self, arm: Arm) -> pd.DataFrame:
        """What MiniRocket in each symmetry answers; personal by the same means as the student."""
        if self.measured is None:
            return self.once("minirocket", self._ridge)(self.k, arm.adaptation)
        task = self.data.measured if arm.personal else self.data.task
        return self.frame(self.rows, self.symmetric(task)(self.part(task, "test")).argmax(1))

    def symmetric(self, task):
        """MiniRocket of the labelled athletes."""
        train, validation = (self.part(task, name) for name in ("train", "validation"))
        known = self.is_labelled(train)
        return fit_symmetric_scores(train, validation, task.signs, known=known)

    def _ridge(self) -> Says:
        task = self.data.task
        model, train = self.symmetric(task), self.part(task, "train")
        known = fit_score_means(model, train.take(self.is_labelled(train)))
        return ridge_says(model, known, self.part(task, "test"), self.shots)


def keep(options: Options, scores: pd.DataFrame, folder: str) -> Card:
    """Write the distilled student of the first job, and its card, into a folder.

    With ``test_dir`` that is the one of all athletes but those who validate and test. Beside it lie
    the others' class means, windows by which it is calibrated, and the head of each test athlete
    who can give k windows a class.

    Parameters
    ----------
    options, scores : of a study that was run, which gives the card its scores
    folder : of the run

    Raises
    ------
    UserError without a folder, or for accepted results, which hold scores alone
    """
    if options.profile == "accepted" or not folder:
        raise UserError(
            "keep = true: a student is kept by a run that trains one: "
            "sportsml run 10_pipeline_lab -p profile quick -p keep true"
        )
    data, split, job = first_job(STUDY, options)
    room = Room.make(data, split, job.seed, options)
    student = room.network("taught", 0, room.fold)[0].model
    own = scores[(scores["partition"] == job.partition) & (scores["fold"] == job.fold)]
    means = own[own["metric"] == "macro_f1"].groupby("arm")["value"].mean()
    card = card_of(
        student, room.fold, dataset=options.name, athletes=len(split.train),
        labelled=len(room.labelled), seed=job.seed,
        scores={f"macro_f1, {TITLES[a]}": float(means[a]) for a in KEPT if a in means},
    )  # fmt: skip
    shots = None if room.measured is not None else room.shots
    parts = parts_of(student, room.fold, room.labelled, shots, room.k, KAPPA)
    keep_student(student, card, folder, parts)
    return card


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], Comparison]:
    """Every question of the study on every data set: (data set, question) → comparison.

    tables : Scores by data set; a question whose arms a table lacks is left out
    """
    return compare_all(tables, QUESTIONS)


STUDY = Study(
    name="pipeline",
    question="How much better is the whole pipeline than its parts, for an athlete never seen?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="none",
    metric="macro_f1",
    datasets=("swimming", "actes", "simulated"),
    quick=("majority", "teacher", "none", "none_again", "masked", "only_distilled", "guarded",
           "taught_masked", "means", "only_personal", "self", "whole"),
    cheap=("majority", "none"),
    tested=tested,
)  # fmt: skip
