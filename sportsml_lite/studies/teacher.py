"""Chapter 7: can an LSTM read a window better than every baseline, for athletes never seen?

Rivals were named before anything ran: heart-rate zones where they apply, trees on statistics, and
random convolutions, which get the mirror too. The one that the network is held against first is
:func:`rival`, whatever came out. ``single`` is the first of the networks whose mean is
``ensemble``; ``teacher`` is whichever candidate validates best in its fold. The students show what
each invariance is worth, alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from sportsml_lite.baselines.windows import fit_window_baseline, window_baselines_of
from sportsml_lite.evaluate import Comparison, by_athlete, compare
from sportsml_lite.prepare import fill_windows
from sportsml_lite.prepare.tasks import Task, load_task
from sportsml_lite.protocol import Split
from sportsml_lite.schema import Windows
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.teachers import Teachers
from sportsml_lite.training import Augment
from sportsml_lite.training.folds import folds_of, make_fold
from sportsml_lite.training.networks import (
    WORN,
    ModelConfig,
    answers,
    config_for,
    predict,
    train_student,
    train_teacher,
)

ATHLETES = {"full": (200, 4), "quick": (60, 2)}  # simulated: how many, and sessions of each
WRIST = "acc_x_mps2"  # the axis along the forearm: its sign tells the wrist
RECORDING = "recording"  # arm of the rows that describe recordings, and no model
EVERY = 3  # samples of an averaged window, of which one is kept
RATE_HZ = 30.0  # of such a recording


@dataclass(frozen=True)
class Arm:
    """What may differ between two models.

    model : ``'lstm'`` or ``'student'``, one network; a kind of
        :data:`~sportsml_lite.teachers.KINDS`; or a key of
        :data:`~sportsml_lite.baselines.windows.WINDOW_BASELINES`
    mirror : knows the recording's symmetries, in training and (but for a student) in use
    augment : of its training windows, where a sensor has three axes
    view : a key of :data:`VIEWS`, how windows are changed before anything reads them
    shift : added to the job's seed
    """

    model: str
    mirror: bool = False
    augment: Augment | None = None
    view: str = ""
    shift: int = 0


ARMS = {
    "majority": Arm("majority"),
    "zone": Arm("zone"),
    "forest": Arm("forest"),
    "boosting": Arm("boosting"),
    "minirocket": Arm("minirocket"),
    "minirocket_mirrored": Arm("minirocket", mirror=True),
    "multirocket_hydra": Arm("multirocket_hydra", mirror=True),
    "unmirrored": Arm("lstm"),
    "mirrored": Arm("lstm", mirror=True),
    "single": Arm("lstm", True, WORN),
    "single_again": Arm("lstm", True, WORN, shift=50),
    "ensemble": Arm("ensemble", True, WORN),
    "lite": Arm("lite", True, WORN),
    "blend": Arm("blend", True, WORN),
    "teacher": Arm("chosen", True, WORN),
    "student": Arm("student", True),
    "student_rotation": Arm("student", True, Augment(rotation_deg=30)),
    "student_gain": Arm("student", True, Augment(gain=0.2)),
    "student_both": Arm("student", True, WORN),
    "student_offset": Arm("student", True, Augment(offset=0.3)),
    "student_warp": Arm("student", True, Augment(warp=0.1)),
    "student_gravity": Arm("student", True, view="gravity"),
    "student_recording": Arm("student", True, view="recording"),
}
TITLES = {
    "majority": "most frequent class",
    "zone": "heart-rate zones",
    "forest": "random forest",
    "boosting": "boosted trees",
    "minirocket": "MiniRocket",
    "minirocket_mirrored": "MiniRocket, mirrored",
    "multirocket_hydra": "MultiRocket-Hydra, mirrored",
    "unmirrored": "one LSTM, no mirror",
    "mirrored": "one LSTM, mirror",
    "single": "one LSTM, mirror, turned",
    "single_again": "the same, another seed",
    "ensemble": "two LSTMs",
    "lite": "two LITEs",
    "blend": "LSTMs and MiniRocket",
    "teacher": "the teacher",
    "student": "student, mirror",
    "student_rotation": "student, rotation",
    "student_gain": "student, gain",
    "student_both": "student, rotation and gain",
    "student_offset": "student, offset",
    "student_warp": "student, time warped",
    "student_gravity": "student, no gravity",
    "student_recording": "student, by recording",
}
# What the study asks: an arm, and the one that it is held against.
RIVALS = ("zone", "forest", "boosting", "minirocket", "minirocket_mirrored", "multirocket_hydra")
QUESTIONS = {
    **{name: ("teacher", name) for name in RIVALS},
    "network_minirocket": ("ensemble", "minirocket"),
    "network_minirocket_mirrored": ("ensemble", "minirocket_mirrored"),
    "chosen": ("teacher", "ensemble"),
    "blend": ("blend", "ensemble"),
    "lite": ("lite", "ensemble"),
    "ensemble": ("ensemble", "single"),
    "turned": ("single", "mirrored"),
    "mirror": ("mirrored", "unmirrored"),
    "mirror_rival": ("minirocket_mirrored", "minirocket"),
    **{name: (name, "student") for name in ARMS if name.startswith("student_")},
}
COUNTED = ("teacher", "minirocket", "minirocket_mirrored")  # arms whose mistakes are kept
KINDS = {"ensemble": "lstm"}  # of teachers; the others bear the arm's name
KERNELS = ("minirocket", "multirocket_hydra", "blend")
FIELD = ("boosting", "multirocket_hydra", "ensemble", "lite", "blend", "chosen")


def without_gravity(windows: Windows) -> Windows:
    """Acceleration less its mean over the window, which is mostly gravity."""
    X, falls = _filled(windows), [c.startswith("acc_") for c in windows.channels]
    X[:, falls] -= X[:, falls].mean(axis=2, keepdims=True)
    return replace(windows, X=X)


def by_recording(windows: Windows) -> Windows:
    """Each channel with mean 0 and spread 1 over its own recording, which must have ended."""
    X = _filled(windows)
    for name in np.unique(windows.recording.astype(str)):
        mine = windows.recording.astype(str) == name
        mean, spread = (f(X[mine], axis=(0, 2), keepdims=True) for f in (np.mean, np.std))
        X[mine] = (X[mine] - mean) / (spread + 1e-6)
    return replace(windows, X=X)


def _filled(windows: Windows) -> np.ndarray:
    return fill_windows(windows.X, np.zeros(len(windows.channels))).copy()


VIEWS = {"gravity": without_gravity, "recording": by_recording}


def load(options: Options) -> Task:
    """Windows of a data set; simulated athletes are as many as the profile says.

    Raises
    ------
    UserError as :func:`sportsml_lite.prepare.tasks.load_task` does
    """
    people, sessions = ATHLETES["full" if options.full else "quick"]
    return load_task(
        options.dataset,
        options.data_dir,
        seed=options.seed,
        n_athletes=people,
        sessions_each=sessions,
        **options.window,
    )


def score(
    task: Task, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one job: arm, athlete, metric, value, n and what a count counts.

    Metrics of each test athlete: ``macro_f1``, ``accuracy``; of the arms :data:`COUNTED` also
    ``count``, windows of class ``truth`` answered as ``predicted``. ``chosen`` is the teacher's
    kind. Where a watch can sit on two wrists, the arm :data:`RECORDING` holds what :func:`wrists`
    finds. An arm that such windows do not allow is left out: no heart rate, no mirror.

    Raises
    ------
    UserError as :func:`sportsml_lite.training.folds.make_fold` does
    """
    windows = task.windows
    parts = [windows.take(split.rows(windows.athlete, p)) for p in ("train", "validation", "test")]
    room = _Room(task, split, seed, options)
    rows = []
    for name, arm in arms.items():
        if not room.applies(arm):
            continue
        found = judged(parts[2], room.answer(arm, *parts), name in COUNTED).assign(arm=name)
        chosen = {"chosen": room.teachers.fit("chosen").kind} if arm.model == "chosen" else {}
        rows.append(found.assign(**chosen))
    if WRIST in windows.channels:
        moves = int(np.bincount(windows.y[windows.y > 0]).argmax())
        rows.append(wrists(parts[2], moves).assign(arm=RECORDING))
    return pd.concat(rows, ignore_index=True)


class _Room:
    """One job: who answers, fitted when asked."""

    def __init__(self, task: Task, split: Split, seed: int, options: Options):
        self.task, self.split, self.seed = task, split, seed
        self.profile = "full" if options.full else "quick"
        self.two_sided, self.able = len(task.signs) > 1, window_baselines_of(task.windows)

    @cached_property
    def teachers(self) -> Teachers:
        """The field that the book's teacher is chosen from."""
        return Teachers(self.task, self.split, self.seed, self.config)

    @cached_property
    def config(self) -> ModelConfig:
        """The book's networks of such windows."""
        return config_for(make_fold(self.task, self.split), self.profile)

    def applies(self, arm: Arm) -> bool:
        """Whether such windows allow it, and it differs from another arm."""
        turned = self.config.teacher.augment is not None
        if arm.model == "student":
            return turned
        if arm.model == "lstm" and arm.augment is None:
            return turned if arm.mirror else self.two_sided
        if arm.model in KERNELS and "minirocket" not in self.able:
            return False
        if arm.model == "minirocket":
            return self.two_sided or not arm.mirror
        return arm.model in (*FIELD, "lstm") or arm.model in self.able

    def answer(self, arm: Arm, train: Windows, validation: Windows, test: Windows) -> np.ndarray:
        """Class positions of the test windows, (N,) int."""
        kind = KINDS.get(arm.model, arm.model)
        if arm.model in FIELD or (arm.model == "minirocket" and arm.mirror):
            return self.teachers.fit(kind).answers(test)
        if arm.model in ("lstm", "student"):
            return self._network(arm)
        return fit_window_baseline(arm.model, train, validation, self.seed)(test)

    def _network(self, arm: Arm) -> np.ndarray:
        """Answers of a single network, trained as the arm says."""
        task = self.task
        if arm.view:
            task = replace(task, windows=VIEWS[arm.view](task.windows))
        fold, config = make_fold(task, self.split), self.config
        if not arm.mirror:
            fold = replace(fold, signs=fold.signs[:1])
        seed, augment = self.seed + arm.shift, self.config.teacher.augment and arm.augment
        if arm.model == "student":
            config = replace(config, student=replace(config.student, augment=augment))
            return answers(fold, predict([train_student(fold, seed, config)], fold.test))
        config = replace(config, networks=1, teacher=replace(config.teacher, augment=augment))
        return answers(fold, predict(train_teacher(fold, seed, config), fold.test, fold.signs))


def judged(windows: Windows, answer: np.ndarray, counted: bool = False) -> pd.DataFrame:
    """Macro-F1 and accuracy of each athlete, and how often which class was taken for which.

    answer : (N,) int, positions in the windows' classes
    """
    scores = by_athlete(windows.y, answer, windows.athlete, ["macro_f1", "accuracy"])
    long = scores.reset_index(names="athlete").melt(["athlete", "n"], var_name="metric")
    if not counted:
        return long
    names = np.array(windows.classes)
    pairs = pd.DataFrame({
        "athlete": windows.athlete.astype(str), "truth": names[windows.y],
        "predicted": names[answer],
    })  # fmt: skip
    counts = pairs.value_counts().rename("value").reset_index()
    n = counts.groupby("athlete")["value"].transform("sum")
    return pd.concat([long, counts.assign(metric="count", n=n)], ignore_index=True)


def wrists(windows: Windows, moves: int) -> pd.DataFrame:
    """What one movement looks like on each athlete's wrist: mean along the forearm, mean window.

    Parameters
    ----------
    moves : position of the class in ``windows.classes``

    Returns
    -------
    rows ``level`` (mean of :data:`WRIST`) and ``wave`` (settings ``channel``, ``step``): the mean
    of the athlete's windows, laid over one another where they fit best
    """
    channels = [windows.channels.index(c) for c in (WRIST, WRIST.replace("_x_", "_y_"))]
    rows = []
    for athlete in np.unique(windows.athlete.astype(str)):
        mine = (windows.athlete.astype(str) == athlete) & (windows.y == moves)
        if not mine.any():
            continue
        X = np.nan_to_num(windows.X[mine][:, channels].astype(float))
        one = {"athlete": athlete, "n": int(mine.sum()), "truth": windows.classes[moves]}
        rows.append(one | {"metric": "level", "value": X[:, 0].mean()})
        wave = mean_window(X)[:, ::EVERY]
        rows += [
            one | {"metric": "wave", "value": v, "channel": windows.channels[c], "step": float(t)}
            for c, line in zip(channels, wave, strict=True) for t, v in enumerate(line)
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=["athlete", "metric", "value", "n", "truth", "channel",
                                       "step"])  # fmt: skip


def mean_window(X: np.ndarray) -> np.ndarray:
    """Mean of windows (N, C, T), each shifted round until its first channel fits the others'."""
    first = X[:, 0] - X[:, 0].mean(axis=1, keepdims=True)
    spectrum, mean = np.fft.rfft(first), first[0]
    for _ in range(3):
        match = np.fft.irfft(spectrum * np.conj(np.fft.rfft(mean)), X.shape[2])
        at = (np.arange(X.shape[2]) + match.argmax(axis=1)[:, None]) % X.shape[2]
        mean = np.take_along_axis(first, at, axis=1).mean(axis=0)
    return np.take_along_axis(X, at[:, None], axis=2).mean(axis=0)


def rival(scores: pd.DataFrame) -> str:
    """The arm that the teacher is held against first, named before anything ran."""
    arms = set(scores["arm"])
    return "minirocket_mirrored" if "minirocket_mirrored" in arms else "minirocket"


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], Comparison]:
    """Every question of the study, asked on every data set: (data set, question) → comparison.

    tables : Scores by data set; a question whose arms a table lacks is left out
    """
    found = {}
    for dataset, scores in tables.items():
        arms = set(scores["arm"])
        for name, (arm, against) in QUESTIONS.items():
            if {arm, against} <= arms:
                found[dataset, name] = compare(scores, arm, against)
    return found


STUDY = Study(
    name="teacher",
    question="Can an LSTM read a window better than every baseline, for athletes never seen?",
    load=load,
    splits=folds_of,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="single",
    metric="macro_f1",
    datasets=("swimming", "actes", "simulated"),
    quick=(
        "majority",
        "zone",
        "forest",
        "unmirrored",
        "single",
        "single_again",
        "ensemble",
        "teacher",
    ),
    cheap=("majority", "forest"),
)
