"""Chapter 9: how much better does a student become for one athlete, from a few of their windows?

The student is the distilled one of chapter 8; MiniRocket, which fits no watch, gets what it gets.
An athlete gives the earliest k windows of each class that they perform; after a gap, their later
windows test, the same ones for every k. What a method may be set to is tried on the fold's **own
validation athletes** with the fold's own model, and on nobody else: the athletes who test a fold
have no part in what was trained or chosen for it.

``…_random`` is another exam: one window of each class drawn by lot, and *all* others test, also
those that overlap it. In a ramp test the classes come one after the other, so the earliest windows
show one class only. There an athlete gives two measured heart rates instead: ``reserve``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from sportsml_lite.baselines.personal import fit_score_means, ridge_says
from sportsml_lite.baselines.windows import fit_symmetric_scores
from sportsml_lite.collect import fetch
from sportsml_lite.evaluate import Comparison, by_athlete, compare, gains
from sportsml_lite.losses import Soft
from sportsml_lite.prepare.tasks import Task, joined, load_task
from sportsml_lite.protocol import (
    PARTS,
    PROTOCOL,
    FewShot,
    Split,
    few_shot_windows,
    hold_out,
)
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training.folds import Fold, folds_of, make_fold
from sportsml_lite.training.networks import (
    ModelConfig,
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
    Shots,
    adapted,
    choose,
    fit_population,
    student_says,
    take_shots,
    trials,
)
from sportsml_lite.transfer import answers as shot_answers

ALPHA, TAU = 0.5, 2.0  # as in chapter 8
KS = (1, 2, 5, 10, 20)
FEW_KS = (1, 5)  # of the methods that train more than a head, and of every choice
STEPS = 40  # of AdamW for one athlete, in every method
KAPPAS = (30.0, 10.0, 3.0, 1.0, 0.3)  # the most careful setting comes first, here and below
HEAD = tuple(product((3e-3, 1e-2, 3e-2), (10.0, 1.0, 0.0)))  # learning rate, strength of L2-SP
LAYERS = ((1e-3, 0.0),)  # fixed, not chosen: as many steps as the head, at a tenth of its rate
HELD_BACK = ((1e-3, 10.0),)
ATHLETES = {"full": (200, 4), "quick": (60, 2)}  # simulated: how many, and sessions of each
COUNTED = 5  # the k whose confusion counts are kept
STILL = Adaptation("population")
COLUMNS = ["arm", "athlete", "metric", "value", "n", "k"]


@dataclass(frozen=True)
class Arm:
    """What may differ between two models of an athlete.

    adaptation : of the student; tried : learning rates with strengths of L2-SP, or κ, among which
        validation athletes choose; empty: nothing is chosen
    ks : windows a class; random : the kinder exam; reserve : measured heart rates
    counts : keep confusion counts; shift : added to the student's seed
    minirocket : of MiniRocket, in place of the student
    """

    adaptation: Adaptation = STILL
    tried: tuple = ()
    ks: tuple[int, ...] = KS
    random: bool = False
    reserve: bool = False
    counts: bool = False
    shift: int = 0
    minirocket: bool = False

    @property
    def grid(self) -> list[Adaptation]:
        """Settings to try, the most careful first."""
        if not self.tried:
            return [self.adaptation]
        if self.minirocket or self.adaptation.method == "shrink":
            return [replace(self.adaptation, kappa=kappa) for kappa in self.tried]
        return [
            replace(self.adaptation, rate=rate, l2_sp_strength=strength)
            for rate, strength in self.tried
        ]


MASKED = replace(STILL, masked=True)
SHRINK = Adaptation("shrink", masked=True)
RIDGE = Adaptation("head", masked=True)  # of MiniRocket
TRAIN = {
    name: Adaptation(name, STEPS, l2_sp_strength=float(name == "l2_sp"), masked=True)
    for name in ("head", "lp_ft", "l2_sp", "gradual", "all", "scratch")
}
ARMS = {
    "population": Arm(counts=True),
    "population_again": Arm(shift=50),
    "masked": Arm(MASKED, counts=True),
    "means": Arm(replace(SHRINK, kappa=NO_OWN_DATA)),
    "shrink": Arm(SHRINK, KAPPAS),
    "guarded": Arm(replace(SHRINK, guarded=True), KAPPAS, counts=True),
    "head": Arm(TRAIN["head"], HEAD),
    "lp_ft": Arm(TRAIN["lp_ft"], LAYERS, FEW_KS),
    "l2_sp": Arm(TRAIN["l2_sp"], HELD_BACK, FEW_KS),
    "l2_sp_guarded": Arm(replace(TRAIN["l2_sp"], guarded=True), HELD_BACK, FEW_KS),
    "gradual": Arm(TRAIN["gradual"], LAYERS, FEW_KS),
    "all": Arm(TRAIN["all"], LAYERS, FEW_KS),
    "scratch": Arm(TRAIN["scratch"], ((1e-2, 0.0),), FEW_KS),
    "minirocket": Arm(minirocket=True),
    "minirocket_masked": Arm(MASKED, minirocket=True),
    "minirocket_shrink": Arm(SHRINK, KAPPAS, minirocket=True),
    "minirocket_ridge": Arm(RIDGE, KAPPAS, minirocket=True),
    "minirocket_guarded": Arm(replace(RIDGE, guarded=True), KAPPAS, minirocket=True),
    "population_random": Arm(ks=(1,), random=True),
    "head_random": Arm(replace(TRAIN["head"], masked=False), HEAD, (1,), random=True),
    "head_earliest": Arm(replace(TRAIN["head"], masked=False), HEAD, (1,)),
    "reserve": Arm(reserve=True),
}
TITLES = {
    "population": "the same student for all",
    "population_again": "the same, another seed",
    "masked": "knows which classes",
    "means": "class means of others",
    "shrink": "shrunken class means",
    "guarded": "shrunken, guarded",
    "head": "head",
    "lp_ft": "head, then all (LP-FT)",
    "l2_sp": "all, held back (L2-SP)",
    "l2_sp_guarded": "all, held back, guarded",
    "gradual": "gradual unfreezing",
    "all": "all layers",
    "scratch": "from random weights",
    "minirocket": "MiniRocket",
    "minirocket_masked": "MiniRocket, knows which classes",
    "minirocket_shrink": "MiniRocket, shrunken class means",
    "minirocket_ridge": "MiniRocket, shrunken ridge",
    "minirocket_guarded": "MiniRocket, guarded",
    "population_random": "random exam: the same student",
    "head_random": "random exam: head, unmasked",
    "head_earliest": "earliest windows: head, unmasked",
    "reserve": "measured heart rates",
}


@dataclass(frozen=True)
class Data:
    """A data set's windows.

    measured : the same with heart rate in parts of the own reserve, or None
    apart : athletes of another folder, who are tested by models of all the others; empty where the
        athletes are folded
    """

    task: Task
    measured: Task | None
    apart: tuple[str, ...] = ()


def load(options: Options) -> Data:
    """Windows of a data set; simulated athletes are as many as the profile says.

    Raises
    ------
    UserError as :func:`sportsml_lite.prepare.tasks.load_task` does
    """
    kinds = ("age", "reserve") if ramp(options) else ("age",)
    tasks = [load_windows(options, kind) for kind in kinds]
    apart = ()
    if options.test_dir:
        others = [load_windows(_tested(options), kind) for kind in kinds]
        tasks = [joined(*pair) for pair in zip(tasks, others, strict=True)]
        apart = tuple(sorted(set(others[0].windows.athlete.astype(str))))
    return Data(tasks[0], tasks[1] if len(tasks) > 1 else None, apart)


def _tested(options: Options) -> Options:
    """The same for the athletes of ``test_dir``, in the form of ``dataset`` or as own tables."""
    if options.dataset in (*fetch.ORIGINS, *fetch.SIMULATED):
        return replace(options, data_dir=options.test_dir)
    return replace(options, dataset=options.test_dir)


def load_windows(options: Options, heart_rate: str = "age") -> Task:
    """The task of chapters 9 and 10."""
    people, sessions = ATHLETES["full" if options.full else "quick"]
    return load_task(
        options.dataset, options.data_dir, seed=options.seed, heart_rate=heart_rate,
        n_athletes=people, sessions_each=sessions, **options.window,
    )  # fmt: skip


def ramp(options: Options) -> bool:
    """Whether classes come one after the other, each once, so that no earliest windows help."""
    return options.dataset == "actes"


def splits(data: Data, partition: int) -> list[Split]:
    """The folds of every chapter; or the athletes of another folder, tested once a partition."""
    if data.apart:
        return [hold_out(data.task.windows.athlete, data.apart, PROTOCOL.split_seed + partition)]
    return folds_of(data.task, partition)


def tested(data: Data, split: Split, options: Options) -> int:
    """How many test athletes can give k windows a class, or as many as a short run needs."""
    windows = data.task.windows
    if data.measured is not None:
        return len(split.test)
    shot = few_shot_windows(windows.take(split.rows(windows.athlete, "test")))
    k = int(options.settings.get("k", COUNTED))
    return len(np.unique(shot.athlete[shot.max_k >= k]))


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one job: arm, athlete, metric, value, n; settings k, truth, predicted.

    Metrics of each test athlete who can give k windows: ``macro_f1``, ``accuracy``; ``moved``, 1
    where the method moved the athlete's model at all; ``count`` (settings ``truth`` and
    ``predicted``) of some arms at one k. Where measured heart rates stand in for windows, every
    test window counts and k is empty.

    Raises
    ------
    UserError as :func:`sportsml_lite.training.folds.make_fold` does
    """
    fold = make_fold(data.task, split)
    config = config_for(fold, "full" if options.full else "quick")
    if data.measured is not None:
        rows = _by_heart_rate(fold, make_fold(data.measured, split), seed, config, arms)
    else:
        windows = data.task.windows
        parts = [windows.take(split.rows(windows.athlete, part)) for part in PARTS]
        rows = _by_windows(fold, parts, data.task.signs, seed, config, arms)
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


def distilled(fold: Fold, seed: int, config: ModelConfig, shift: int = 0):
    """The student of chapter 8: labels, and the teacher of the same seed."""
    soft = predict(train_teacher(fold, seed, config), fold.train, fold.signs)
    return train_student(fold, seed + shift, config, Soft(ALPHA, TAU), soft)


def _by_heart_rate(fold, measured, seed, config, arms) -> list[pd.DataFrame]:
    """Arms that need no windows of the athlete; all test windows count."""
    rows = []
    for name, arm in arms.items():
        if arm.adaptation == STILL and not (arm.random or arm.minirocket):
            room = measured if arm.reserve else fold
            outputs = predict([distilled(room, seed, config, arm.shift)], room.test)
            said = pd.DataFrame(
                {
                    "athlete": fold.windows.athlete.astype(str),
                    "y": fold.windows.y,
                    "predicted": answers(room, outputs),
                }
            )
            rows.append(judged(said).assign(arm=name, k=np.nan))
    return rows


def _by_windows(fold, parts, signs, seed, config, arms) -> list[pd.DataFrame]:
    """Arms with windows of the athlete, at every k that somebody can give.

    parts : windows of the training, validation and test athletes
    """
    validation, test = take_shots(fold.validation, parts[1]), take_shots(fold.test, parts[2])
    exams = {False: test, True: drawn_by_lot(test, seed)}
    students, rows = {}, []
    for name, arm in arms.items():
        if arm.reserve or arm.minirocket:
            continue
        if arm.shift not in students:
            student = distilled(fold, seed, config, arm.shift).model
            known = fit_population(student, fold.train, fold.train_athlete)
            students[arm.shift] = student, known
        student, known = students[arm.shift]
        how = setting(arm, student_says(student, validation, known), validation)
        shots = exams[arm.random]
        for k in shots.feasible_ks(arm.ks):
            models = adapted(student, shots, k, how, known)
            said = shot_answers(models, shots, k)
            found = [judged(said), moved(models, shots, k)]
            if arm.counts and k == COUNTED:
                found.append(confusion(said, fold.classes))
            rows.append(pd.concat(found).assign(arm=name, k=float(k)))
    return rows + _by_minirocket(parts, signs, (validation, test), arms)


def _by_minirocket(parts, signs, shots, arms) -> list[pd.DataFrame]:
    """Arms of MiniRocket, which is fitted once."""
    arms = {name: arm for name, arm in arms.items() if arm.minirocket}
    if not arms:
        return []
    model = fit_symmetric_scores(*parts[:2], signs)
    known = fit_score_means(model, parts[0])
    validation, test = (
        ridge_says(model, known, *part) for part in zip(parts[1:], shots, strict=True)
    )
    rows = []
    for name, arm in arms.items():
        how = setting(arm, validation, shots[0])
        for k in shots[1].feasible_ks(arm.ks):
            rows.append(judged(test(k, how)).assign(arm=name, k=float(k)))
    return rows


def setting(arm: Arm, says: Says, validation: Shots) -> Adaptation:
    """The arm's setting with the highest mean gain on validation athletes, over k = 1 and 5.

    says, validation : of the fold's validation athletes, and of nobody else
    """
    if len(arm.grid) == 1:
        return arm.grid[0]
    tried = [replace(each, masked=True) for each in arm.grid]
    gains = trials(says, tried, validation.feasible_ks(FEW_KS))
    return arm.grid[tried.index(choose(tried, gains))]


def drawn_by_lot(shots: Shots, seed: int) -> Shots:
    """A kinder exam: a random window of each class calibrates, and all others test."""
    random = np.random.default_rng([seed, 9])
    rank = np.zeros(len(shots.y), int)
    owners = pd.DataFrame({"athlete": shots.athlete, "y": shots.y})
    for own in owners.groupby(["athlete", "y"]).indices.values():
        rank[random.choice(own)] = len(own) > 1
    stays = np.where(shots.shot.max_k >= 1, 1, -1)  # the athletes of the other exam
    exam = FewShot(shots.athlete.astype(object), rank, stays, (rank == 0) & (stays > 0))
    return replace(shots, shot=exam)


def judged(said: pd.DataFrame) -> pd.DataFrame:
    """A row an athlete and metric, from columns athlete, y, predicted."""
    table = by_athlete(said["y"], said["predicted"], said["athlete"], ["macro_f1", "accuracy"])
    return table.reset_index(names="athlete").melt(["athlete", "n"], var_name="metric")


def moved(models, shots: Shots, k: int) -> pd.DataFrame:
    """Whether each athlete's model differs from the population's."""
    names = shots.shot.athletes(k).astype(str)
    value = models.adapted.numpy().astype(float)
    return pd.DataFrame({"athlete": names, "metric": "moved", "value": value, "n": 1})


def confusion(said: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """How many windows of each class got which answer, a row a cell that is not empty."""
    cells = said.groupby(["athlete", "y", "predicted"]).size().rename("value").reset_index()
    names = np.asarray(classes, object)
    return pd.DataFrame(
        {
            "athlete": cells["athlete"],
            "metric": "count",
            "value": cells["value"],
            "n": cells["value"],
            "truth": names[cells["y"]],
            "predicted": names[cells["predicted"]],
        }
    )


# What the study asks at each of FEW_KS: an arm, and the one that it is held against.
QUESTIONS = (
    ("masked", "population"),
    *((arm, "masked") for arm in ("means", "shrink", "guarded", *TRAIN, "l2_sp_guarded")),
    ("shrink", "means"),
    *(
        (arm, "minirocket")
        for arm in ("minirocket_shrink", "minirocket_ridge", "minirocket_guarded")
    ),
    ("guarded", "minirocket_guarded"),
)
# The same head in three exams, at k = 1, in accuracy.
EXAMS = {
    "windows drawn by lot": ("head_random", "population_random"),
    "earliest windows, a gap": ("head_earliest", "population"),
    "beyond knowing the classes": ("head", "masked"),
}


def at(scores: pd.DataFrame, k: float) -> pd.DataFrame:
    """The rows of one k."""
    return scores[scores["k"] == k]


def most_helped(scores: pd.DataFrame) -> str:
    """The athlete who gains most by the recipe, whom a page shows: named by a rule, not by eye.

    scores : of this study and one data set
    """
    return gains(at(scores, COUNTED), "guarded", "population").idxmax()


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple, Comparison]:
    """Every question of the study on every data set: (data set, arm, against, k) → comparison.

    tables : Scores by data set; a question whose arms a table lacks is left out
    """
    found = {}
    for dataset, scores in tables.items():
        arms = set(scores["arm"])
        if "reserve" in arms:
            found[dataset, "reserve", "population", np.nan] = compare(
                scores, "reserve", "population"
            )
            continue
        for k, (arm, against) in product(FEW_KS, QUESTIONS):
            if {arm, against} <= set(at(scores, k)["arm"]):
                found[dataset, arm, against, k] = compare(at(scores, k), arm, against)
        for arm, against in EXAMS.values():
            if arm not in ("head",) and {arm, against} <= arms:
                found[dataset, arm, against, 1] = compare(at(scores, 1), arm, against, "accuracy")
    return found


STUDY = Study(
    name="transfer",
    question="How much better does a student become for one athlete, from a few of their windows?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="population",
    metric="macro_f1",
    datasets=("swimming", "simulated", "actes"),
    quick=("population", "population_again", "masked", "means", "shrink", "guarded", "head",
           "population_random", "head_random", "head_earliest", "reserve"),
    cheap=("population", "masked"),
    tested=tested,
)  # fmt: skip
