"""Chapter 8: where does a teacher pay? Labelled athletes, others' windows and steps.

Simulated athletes only, for a thousand others are needed. Boosted trees on statistics of windows
teach, the best reader of these windows in chapter 7, asked out of fold for windows that they
learned from. *Strangers* are athletes who belong to no fold: nobody labels their few windows, the
teacher answers in place of a label, and none is ever tested. A taught student is held against one
with the same labels, first weights and number of steps and no teacher. Validation athletes are
labelled in every arm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from sportsml_lite.collect.datasets.dataset import DataSet
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import Comparison, by_athlete, compare
from sportsml_lite.losses import Hard, Soft
from sportsml_lite.models import Student
from sportsml_lite.prepare.tasks import OTHER_LENGTH, SIMULATED_DAYS, Task, load_task
from sportsml_lite.prepare.tasks.seconds import seconds_task
from sportsml_lite.protocol import Split
from sportsml_lite.schema import Windows
from sportsml_lite.simulate import simulate
from sportsml_lite.soft import soft_answers
from sportsml_lite.studies.distil import ALPHA, ATHLETES, TAU
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.teachers import Teachers
from sportsml_lite.training.cache import fit_students_cached
from sportsml_lite.training.data import Sequences, without_labels
from sportsml_lite.training.folds import Fold, folds_of, make_fold
from sportsml_lite.training.networks import ModelConfig, answers, config_for, predict
from sportsml_lite.training.together import Ask

TEACHER = "boosting"
LABELLED = {"8": 8, "40": 40, "all": 0}  # athletes; all are about 136
# Times the usual steps → which labels and how many strangers: a cross, for the cube would take
# hours, and long trainings are the dear ones.
CROSS = {
    1: (("8", "40", "all"), (0, 200, 2000)),
    5: (("8", "40", "all"), (0, 2000)),
    10: (("8", "all"), (0, 2000)),
}
EACH = 5  # windows of a stranger, from one session
FIRST, BLOCK = 100_000, 200  # number of the first stranger; so many are simulated at once
NTH = 2  # every n-th window of the validation athletes tells a student's best epoch
STRIDE_S = 120.0  # windows do not overlap here: nearly as much to learn from, in half the time


@dataclass(frozen=True)
class Arm:
    """What may differ between two models.

    n_labelled : labelled training athletes, drawn by lot; 0 for all
    strangers : others whose windows have the teacher's answer only; times : the usual steps
    taught : hears the teacher; itself : no student: the teacher answers; shift : added to the seed
    """

    n_labelled: int = 0
    strangers: int = 0
    times: int = 1
    taught: bool = False
    itself: bool = False
    shift: int = 0


# A cell, and the plain student that it is held against.
QUESTIONS = {
    f"taught_{some}_{others}_x{times}": f"plain_{some}_x{times}"
    for times, (labels, strangers) in CROSS.items()
    for some in labels
    for others in strangers
}


def _arm(name: str) -> Arm:
    """What the parts of a student's name say."""
    _, some, *others, times = name.split("_")
    taught = bool(others)
    return Arm(LABELLED[some], int(others[0]) if taught else 0, int(times[1:]), taught)


ARMS = {
    **{name: _arm(name) for name in dict.fromkeys(QUESTIONS.values())},
    "plain_all_x1_again": Arm(shift=50),
    **{name: _arm(name) for name in QUESTIONS},
    **{f"teacher_{some}": Arm(count, itself=True) for some, count in LABELLED.items()},
}


@dataclass(frozen=True)
class Data:
    """The cohort, of which folds are made, and windows of strangers whose labels nobody reads."""

    task: Task
    strangers: Windows


def load(options: Options) -> Data:
    """Windows of simulated athletes and of strangers.

    Raises
    ------
    UserError for a data set whose athletes are real
    """
    full = "full" if options.full else "quick"
    people, sessions = ATHLETES[full]
    if not options.simulated:
        raise UserError(f"{options.name}: no two thousand others ride or run here; take simulated")
    task = load_task(options.dataset, seed=options.seed, n_athletes=people, sessions_each=sessions)
    most = max(arm.strangers for arm in ARMS.values())
    return Data(task, strangers(most if options.full else BLOCK, options))


def strangers(count: int, options: Options) -> Windows:
    """A few windows of each of ``count`` athletes who are in no fold, in order of their numbers.

    Block by block: whole sessions are kept of :data:`BLOCK` athletes at a time.
    """
    blocks = [
        _block(min(BLOCK, count - begin), FIRST + begin, options)
        for begin in range(0, count, BLOCK)
    ]
    names = ("X", "mask", "y", "athlete", "recording", "t0_s")
    return replace(blocks[0], **{n: np.concatenate([getattr(b, n) for b in blocks]) for n in names})


def _block(count: int, first: int, options: Options) -> Windows:
    """:data:`EACH` windows by lot from one session by lot of each of some athletes."""
    seed, random = options.seed, np.random.default_rng([options.seed, first])
    sim = simulate(count, SIMULATED_DAYS, seed, options.dataset, first)
    sessions = _by_lot(sim.sessions, sim.sessions["athlete_id"], 1, random)
    streams = sim.streams(sessions["session_id"], laboratory=True)
    data = DataSet(options.dataset, sim.athletes, sessions, streams)
    windows = seconds_task(data, (OTHER_LENGTH[0], STRIDE_S), "class", "age").windows
    rows = pd.Series(np.arange(len(windows)))
    return windows.take(_by_lot(rows, windows.athlete.astype(str), EACH, random).to_numpy())


def _by_lot(rows, owner, each: int, random: np.random.Generator):
    """At most ``each`` rows of every owner, in their old order."""
    lot = pd.Series(random.random(len(rows)))
    return rows[(lot.groupby(np.asarray(owner)).rank() <= each).to_numpy()]


def splits(data: Data, partition: int) -> list[Split]:
    """The grouped folds of the cohort."""
    return folds_of(data.task, partition)


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one job: arm, athlete, macro-F1 of each test athlete, and the settings of the arm.

    Raises
    ------
    UserError as :func:`sportsml_lite.training.folds.make_fold` does
    """
    config = config_for(make_fold(data.task, split), "full" if options.full else "quick")
    rows = []
    for labelled in dict.fromkeys(arm.n_labelled for arm in arms.values()):
        mine = {name: arm for name, arm in arms.items() if arm.n_labelled == labelled}
        known = by_lot(split.train, labelled, seed)
        room = Room(data, replace(split, train=known), seed, config)
        for name, outputs in room.outputs(mine):
            arm, found = mine[name], judged(room.fold, outputs)
            rows.append(found.assign(
                arm=name, n_labelled=len(known), strangers=arm.strangers, times=arm.times,
                alpha=np.nan if arm.itself else ALPHA * arm.taught,
            ))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def by_lot(athletes: Iterable[str], count: int, seed: int) -> tuple[str, ...]:
    """The first ``count`` athletes of a lot that only the seed decides; 0 is all of them.

    Fewer are among more: the eight are among the forty.
    """
    names = np.random.default_rng(seed).permutation(sorted(athletes))
    return tuple(map(str, names[: count or None]))


def judged(fold: Fold, outputs: torch.Tensor) -> pd.DataFrame:
    """Macro-F1 of each test athlete: athlete, n, metric, value."""
    windows = fold.windows
    found = by_athlete(windows.y, answers(fold, outputs), windows.athlete, ["macro_f1"])
    return found.reset_index(names="athlete").melt(["athlete", "n"], var_name="metric")


class Room:
    """A fold whose training athletes are the labelled ones, their teacher, and the strangers.

    Parameters
    ----------
    data, split : whose training athletes are all labelled
    seed : of the teacher and the students; config : of the students
    """

    def __init__(self, data: Data, split: Split, seed: int, config: ModelConfig):
        people = [*split.train, *split.validation, *split.test]
        windows = data.task.windows
        mine = windows.take(np.isin(windows.athlete.astype(str), people))
        self.teachers = Teachers(replace(data.task, windows=mine), split, seed, config)
        self.fold, self.seed, self.config = self.teachers.fold, seed, config
        self.strangers = data.strangers

    @cached_property
    def told(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The teacher's answers to the labelled windows, out of fold, and to the strangers'."""
        others = self.teachers.fit(TEACHER).logits(self.strangers)
        return soft_answers(self.teachers, TEACHER), others.float()

    def outputs(self, arms: Mapping[str, Arm]) -> Iterator[tuple[str, torch.Tensor]]:
        """Each arm's answers to the test windows, (N, K); students of a kind learn side by side."""
        asks = {name: self.ask(arm) for name, arm in arms.items() if not arm.itself}
        trained = dict(zip(asks, fit_students_cached(list(asks.values())), strict=True))
        for name in arms:
            if name in trained:
                yield name, predict([trained[name]], self.fold.test)
            else:
                yield name, self.teachers.fit(TEACHER).logits(self.fold.windows)

    def ask(self, arm: Arm) -> Ask:
        """What the student of an arm is to learn: labelled windows first, then the strangers'."""
        rows = of_first(self.strangers, arm.strangers)
        few = self.fold.sequences(self.strangers.take(rows))
        few = without_labels(few, torch.ones(len(few), dtype=torch.bool))
        data = self.fold.data()
        validation = data.validation.take(slice(None, None, NTH))
        data = replace(data, train=joined(data.train, few), validation=validation)
        labelled, others = self.told if arm.taught else (None, None)
        soft = torch.cat([labelled, others[torch.as_tensor(rows)]]) if arm.taught else None
        config = self.config.student
        config = replace(config, steps_per_epoch=arm.times * config.steps_per_epoch)
        loss = Soft(ALPHA, TAU) if arm.taught else Hard()
        return Ask(self.build, data, self.seed + arm.shift, config, loss, soft)

    def build(self, channels: int) -> Student:
        """An untrained student of the book's size."""
        fold, width = self.fold, self.config.student_width
        return Student(channels, fold.n_outputs, width, stride=fold.stride)


def of_first(windows: Windows, count: int) -> np.ndarray:
    """Which windows are of the first ``count`` athletes, (N,) bool."""
    return pd.factorize(windows.athlete)[0] < count


def joined(one: Sequences, two: Sequences) -> Sequences:
    """The rows of both, without padding: every simulated session is longer than a window."""
    return Sequences(torch.cat([one.X, two.X]), None, torch.cat([one.y, two.y]))


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], Comparison]:
    """Every cell against the plain student: (data set, arm) → comparison."""
    return {
        (dataset, arm): compare(scores, arm, against)
        for dataset, scores in tables.items()
        for arm, against in QUESTIONS.items()
        if {arm, against} <= set(scores["arm"])
    }


STUDY = Study(
    name="surface",
    question="With how many labels, others' windows and steps does a teacher pay?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles={},
    reference="plain_all_x1",
    metric="macro_f1",
    datasets=("simulated",),
    quick=("plain_all_x1", "plain_all_x1_again", "taught_all_200_x1", "teacher_all"),
    cheap=("plain_all_x1", "plain_all_x1_again"),
)
