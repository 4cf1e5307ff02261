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
from sportsml_lite.evaluate import Comparison, by_athlete, compare, gains, holm
from sportsml_lite.prepare.tasks import Task, load_task
from sportsml_lite.protocol import Split, margin
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
PEOPLE = {"swimming": "swimmers", "actes": "riders", "simulated": "simulated runners"}
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


# --- what the lesson prints ----------------------------------------------------------------------


def other_wrist(scores: pd.DataFrame) -> list[str]:
    """Athletes whose forearm's mean acceleration has the sign of the few; none if all agree."""
    levels = _levels(scores)
    few = -1 if (levels > 0).mean() > 0.5 else 1
    return sorted(levels.index[np.sign(levels) == few])


def typical(scores: pd.DataFrame) -> tuple[str, str]:
    """The athlete of either wrist with the most windows of the stroke; '' where there is none."""
    few = other_wrist(scores)
    counts = scores[scores["metric"] == "level"].groupby("athlete")["n"].first()
    pair = counts.drop(few), counts.loc[few]
    return tuple(part.idxmax() if len(part) else "" for part in pair)


def mended(scores: pd.DataFrame) -> dict[str, pd.Series]:
    """What the mirror gains one network, athlete by athlete, by the wrist that the watch sits on.

    Those who do not show the stroke are a group of their own: their wrist is not known from it.
    """
    gain, few, known = gains(scores, "single", "unmirrored"), other_wrist(scores), _levels(scores)
    groups = {
        "on the other wrist": gain.loc[few],
        "on the usual wrist": gain.loc[known.index.difference(few)],
        f"no {stroke(scores)}, wrist unknown": gain.loc[gain.index.difference(known.index)],
    }
    return {name: part for name, part in groups.items() if len(part)}


def wave_of(scores: pd.DataFrame, athlete: str) -> np.ndarray:
    """An athlete's mean window along the forearm, m/s², every third sample."""
    rows = scores[(scores["metric"] == "wave") & (scores["channel"] == WRIST)]
    return rows[rows["athlete"] == athlete].groupby("step")["value"].mean().to_numpy()


def stroke(scores: pd.DataFrame) -> str:
    """The movement in which wrists are told apart."""
    return scores.loc[scores["metric"] == "level", "truth"].iloc[0]


def confusion(scores: pd.DataFrame, arm: str, classes: tuple[str, ...]) -> pd.DataFrame:
    """Windows of each class (rows) by what an arm answered (columns), all athletes and models."""
    rows = scores[(scores["metric"] == "count") & (scores["arm"] == arm)]
    table = rows.pivot_table(index="truth", columns="predicted", values="value", aggfunc="sum")
    return table.reindex(index=classes, columns=classes).fillna(0)


def classes_of(scores: pd.DataFrame) -> tuple[str, ...]:
    """Names of the classes that were seen or answered, the most frequent first."""
    rows = scores[scores["metric"] == "count"]
    seen = rows.groupby("truth")["value"].sum().sort_values(ascending=False)
    return tuple(dict.fromkeys([*seen.index, *sorted(rows["predicted"].unique())]))


WON = {
    "better": "the LSTM teacher beats MiniRocket, the rival named beforehand",
    "worse": "MiniRocket, the rival named beforehand, beats the LSTM teacher",
    "no difference": "the LSTM teacher is as good as MiniRocket, the rival named beforehand, and "
    "no better",
    "undecided": "the LSTM teacher cannot be told from MiniRocket, the rival named beforehand",
}
STANDS = {
    "better": "It is better, by {}",
    "worse": "It is worse, by {}",
    "no difference": "There is no difference worth naming: {}",
    "undecided": "The data cannot decide: {}",
}


LITTLE = "The more a label follows from one number, the less there is for a network to find."
RULE = {
    "better": "It is better than two cuts of the heart rate, {}.",
    "worse": "Two cuts of the heart rate are better than it, {}. " + LITTLE,
    "no difference": "Two cuts of the heart rate are as good, {}. " + LITTLE,
    "undecided": "It cannot be told from two cuts of the heart rate, {}. " + LITTLE,
}


def findings(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the lesson prints of the study, by the name under which it is recorded.

    Parameters
    ----------
    tables : Scores of ``swimming``, ``actes`` and ``simulated``
    """
    swimmers, rule = tables["swimming"], margin("macro_f1")
    verdicts = judge(tables)
    survives = holm(verdicts)
    few, levels, groups = other_wrist(swimmers), _levels(swimmers), mended(swimmers)
    mend = {name: f"{part.mean():+.2f}" for name, part in groups.items()}
    other, usual = (mend.get(f"on the {side} wrist", "–") for side in ("other", "usual"))
    main = {d: verdicts[d, rival(t)] for d, t in tables.items()}
    first, pair = main["swimming"], verdicts["swimming", "ensemble"]
    rule_of_thumb = verdicts["actes", "zone"]
    does = "lifts" if other.startswith("+") else "does not lift"
    every = [c.verdict == "better" for (d, q), c in verdicts.items()
             if QUESTIONS[q][0] == "teacher" and q != "ensemble" and d == "swimming"]  # fmt: skip
    names = [f"{PEOPLE[d]} over {TITLES[QUESTIONS[q][1]]}" for (d, q), c in verdicts.items()
             if QUESTIONS[q][0] == "teacher" and q != "ensemble" and survives[d, q]
             and c.verdict == "better"]  # fmt: skip
    return {
        "in_short": f"One line of physics, the mirror, {does} a network for swimmers whose watch "
        f"sits on the other wrist ({other} in macro-F1); and, all swimmers together, "
        f"{WON[first.verdict]}.",
        "answer": "Yes, it is" if all(every) else "That is not shown",
        "stands": STANDS[first.verdict].format(f"{first.gain:+.3f}"),
        "rule": RULE[rule_of_thumb.verdict].format(f"{rule_of_thumb.gain:+.3f}"),
        "riders": _sentence("riders", main["actes"]),
        "runners": _sentence("simulated runners", main["simulated"]),
        "won": f"these of the teacher's gains stand: {'; '.join(names)}"
        if names
        else "none of the teacher's gains stands",
        "ensemble": STANDS[pair.verdict].format(f"{pair.gain:+.3f}"),
        "swimmers": f"{first.athletes}",
        "harmed": f"{first.harmed}",
        "harmed_null": f"{compare(swimmers, 'single_again', 'single').harmed}",
        "smallest": f"{rule.smallest_effect:.2f}",
        "harm": f"{rule.harm:.2f}",
        "asked": f"{len(verdicts)}",
        "shown": f"{len(levels)}",
        "few": f"{len(few)}",
        "mended": other,
        "unmended": usual,
        "third": _third(groups),
    }


def _third(groups: Mapping[str, pd.Series]) -> str:
    """A sentence on whoever's wrist is unknown."""
    least = groups.get("on the other wrist", pd.Series([np.inf])).min()
    unknown = next((part for name, part in groups.items() if "unknown" in name), pd.Series([0.0]))
    count = int((unknown >= least).sum())
    if not count:
        return "Nobody whose wrist is unknown gains as much."
    words = {1: "One swimmer gains", 2: "Two swimmers gain", 3: "Three swimmers gain"}
    who = words.get(count, f"As many as {count} swimmers gain")
    return f"{who} as much without showing the stroke: perhaps theirs sits on that wrist too."


def _sentence(people: str, c: Comparison) -> str:
    said = {
        "better": f"for the {people} the teacher is better, {c.gain:+.3f}",
        "worse": f"for the {people} the teacher is worse, {c.gain:+.3f}",
        "no difference": f"for the {people} nothing worth naming lies between them, {c.gain:+.3f}",
        "undecided": f"for the {people} it stays open, {c.gain:+.3f}",
    }
    return said[c.verdict]


def _levels(scores: pd.DataFrame) -> pd.Series:
    """Mean acceleration along the forearm of each athlete who shows the stroke, m/s²."""
    return scores[scores["metric"] == "level"].groupby("athlete")["value"].mean()


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
    partitions=1,  # five models; a second division costs as many hours again
)
