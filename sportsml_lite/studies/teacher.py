"""Chapter 7: can an LSTM read a window better than every baseline, for athletes never seen?

Rivals were named before anything ran: heart-rate zones where they apply, trees on statistics, and
MiniRocket, which gets the mirror too. The one that the teacher is held against first is
:func:`rival`, whatever came out. ``single`` is the first of the networks whose mean is ``teacher``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite.baselines.windows import (
    fit_symmetric_scores,
    fit_window_baseline,
    window_baselines_of,
)
from sportsml_lite.evaluate import Comparison, by_athlete, compare
from sportsml_lite.prepare.tasks import Task, load_task
from sportsml_lite.protocol import Split
from sportsml_lite.schema import Windows
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.training.folds import folds_of, make_fold
from sportsml_lite.training.networks import answers, config_for, predict, train_teacher

ATHLETES = {"full": (200, 4), "quick": (60, 2)}  # simulated: how many, and sessions of each
WRIST = "acc_x_mps2"  # the axis along the forearm: its sign tells the wrist
RECORDING = "recording"  # arm of the rows that describe recordings, and no model
EVERY = 3  # samples of an averaged window, of which one is kept
RATE_HZ = 30.0  # of such a recording


@dataclass(frozen=True)
class Arm:
    """What may differ between two models.

    model : ``'lstm'``, or a key of :data:`~sportsml_lite.baselines.windows.WINDOW_BASELINES`
    mirror : knows the recording's symmetries, in training and in use
    ensemble : the mean of all networks of the fold's config, and not the first one
    shift : added to the job's seed
    """

    model: str
    mirror: bool = False
    ensemble: bool = False
    shift: int = 0


ARMS = {
    "majority": Arm("majority"),
    "zone": Arm("zone"),
    "forest": Arm("forest"),
    "boosting": Arm("boosting"),
    "minirocket": Arm("minirocket"),
    "minirocket_mirrored": Arm("minirocket", mirror=True),
    "unmirrored": Arm("lstm"),
    "single": Arm("lstm", mirror=True),
    "single_again": Arm("lstm", mirror=True, shift=50),
    "teacher": Arm("lstm", mirror=True, ensemble=True),
}
TITLES = {
    "majority": "most frequent class",
    "zone": "heart-rate zones",
    "forest": "random forest",
    "boosting": "boosted trees",
    "minirocket": "MiniRocket",
    "minirocket_mirrored": "MiniRocket, mirrored",
    "unmirrored": "one LSTM, no mirror",
    "single": "one LSTM",
    "single_again": "one LSTM, another seed",
    "teacher": "the teacher",
}
# What the study asks: an arm, and the one that it is held against.
QUESTIONS = {
    "zone": ("teacher", "zone"),
    "forest": ("teacher", "forest"),
    "boosting": ("teacher", "boosting"),
    "minirocket": ("teacher", "minirocket"),
    "minirocket_mirrored": ("teacher", "minirocket_mirrored"),
    "alone": ("single", "minirocket_mirrored"),
    "ensemble": ("teacher", "single"),
    "mirror": ("single", "unmirrored"),
    "mirror_rival": ("minirocket_mirrored", "minirocket"),
}
COUNTED = ("teacher", "minirocket", "minirocket_mirrored")  # arms whose mistakes are kept


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
    ``count``, windows of class ``truth`` answered as ``predicted``. Where a watch can sit on two
    wrists, the arm :data:`RECORDING` holds what :func:`wrists` finds. An arm that such windows do
    not allow is left out: no heart rate, no mirror.

    Raises
    ------
    UserError as :func:`sportsml_lite.training.folds.make_fold` does
    """
    windows = task.windows
    parts = [windows.take(split.rows(windows.athlete, p)) for p in ("train", "validation", "test")]
    test, able = parts[2], window_baselines_of(windows)
    rows = []
    for name, arm in arms.items():
        if not _applies(arm, len(task.signs) > 1, able):
            continue
        if arm.model == "lstm":
            answer = _network(task, split, seed + arm.shift, arm, options)
        elif arm.mirror:
            answer = fit_symmetric_scores(*parts[:2], task.signs, seed)(test).argmax(1)
        else:
            answer = fit_window_baseline(arm.model, *parts[:2], seed)(test)
        rows.append(judged(test, answer, name in COUNTED).assign(arm=name))
    if WRIST in windows.channels:
        moves = int(np.bincount(windows.y[windows.y > 0]).argmax())
        rows.append(wrists(test, moves).assign(arm=RECORDING))
    return pd.concat(rows, ignore_index=True)


def _applies(arm: Arm, two_sided: bool, able: list[str]) -> bool:
    """Whether such windows allow it, and it differs from an arm without the mirror."""
    if arm.model == "lstm":
        return two_sided or arm.mirror
    return arm.model in able and (two_sided or not arm.mirror)


def _network(task: Task, split: Split, seed: int, arm: Arm, options: Options) -> np.ndarray:
    """Answers of the LSTM to the test windows."""
    fold = make_fold(task, split)
    config = config_for(fold, "full" if options.full else "quick")
    if not arm.ensemble:
        config = replace(config, networks=1)
    if not arm.mirror:
        fold = replace(fold, signs=fold.signs[:1])
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
    quick=("majority", "zone", "forest", "unmirrored", "single", "single_again", "teacher"),
    cheap=("majority", "forest"),
)
