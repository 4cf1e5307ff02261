"""Few labelled windows of athletes never seen: adapt, ask, and choose settings on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import by_athlete
from sportsml_lite.models import Student
from sportsml_lite.protocol import FewShot, few_shot_windows
from sportsml_lite.schema import Windows
from sportsml_lite.training.data import Sequences
from sportsml_lite.transfer.many import personalise_many
from sportsml_lite.transfer.shrink import Population
from sportsml_lite.transfer.support import (
    Adaptation,
    Personal,
    Support,
    as_support,
    features_of,
)

Says = Callable[[int, Adaptation], pd.DataFrame]  # what models of k windows a class answer


@dataclass(frozen=True)
class Shots:
    """The windows of some athletes, and which of them calibrate and test.

    part : windows as a network reads them; y : (N,) class; athlete : (N,) str
    shot : from :func:`~sportsml_lite.protocol.few_shot_windows`
    """

    part: Sequences
    y: np.ndarray
    athlete: np.ndarray
    shot: FewShot
    _known: list = field(default_factory=list, compare=False, repr=False)

    def features(self, student: Student) -> torch.Tensor:
        """What the student's head sees of every window; computed once a student."""
        for model, features in self._known:
            if model is student:
                return features
        self._known.append((student, features_of(student, self.part)))
        return self._known[-1][1]

    def feasible_ks(self, wanted: Sequence[int]) -> tuple[int, ...]:
        """Those of the ``wanted`` k that some athlete can give."""
        return tuple(k for k in wanted if k <= self.shot.max_k.max())

    def support_rows(self, k: int) -> list[np.ndarray]:
        """Rows of the k earliest windows a class, of each athlete who remains at k, by name."""
        rows = self.shot.support(k)
        return [np.flatnonzero(rows & (self.athlete == a)) for a in self.shot.athletes(k)]

    def support(self, k: int) -> Support:
        """The windows of :meth:`support_rows`."""
        return as_support(self.part, self.support_rows(k))

    def test(self, k: int) -> tuple[np.ndarray, torch.Tensor]:
        """Rows that test the athletes who remain at k, and the number of each row's athlete."""
        rows = np.flatnonzero(self.shot.test_rows(k))
        owner = np.searchsorted(self.shot.athletes(k), self.athlete[rows])
        return rows, torch.as_tensor(owner)


def take_shots(part: Sequences, windows: Windows) -> Shots:
    """Calibration and test rows of a part of a fold; ``windows`` are the part's own.

    Raises
    ------
    UserError if the two do not have the same rows
    """
    if len(part) != len(windows):
        raise UserError(f"{len(part)} windows and {len(windows)} of their names; give the same")
    return Shots(part, windows.y, windows.athlete.astype(str), few_shot_windows(windows))


def adapted(
    student: Student,
    shots: Shots,
    k: int,
    adaptation: Adaptation,
    population: Population | None = None,
) -> Personal:
    """Models of the athletes who remain at k, from their k earliest windows a class."""
    return personalise_many(student, shots.support(k), adaptation, population)


def answers(personal: Personal, shots: Shots, k: int) -> pd.DataFrame:
    """What the athletes' models say of the test rows at k: columns athlete, y, predicted."""
    rows, owner = shots.test(k)
    if personal.same_features:
        logits = personal.by_head(shots.features(personal.student)[rows], owner)
    else:
        logits = personal.outputs(shots.part.take(rows), owner)
    predicted = logits.argmax(1).numpy()
    return pd.DataFrame(
        {"athlete": shots.athlete[rows], "y": shots.y[rows], "predicted": predicted}
    )


def student_says(student: Student, shots: Shots, population: Population) -> Says:
    """What a student answers, fitted to the athletes of ``shots``: see :func:`answers`."""
    return lambda k, how: answers(adapted(student, shots, k, how, population), shots, k)


def scored(said: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and macro-F1 of each athlete, index athlete."""
    return by_athlete(said["y"], said["predicted"], said["athlete"], ["accuracy", "macro_f1"])


def trials(says: Says, grid: Sequence[Adaptation], ks: Sequence[int]) -> pd.DataFrame:
    """Gain in macro-F1 of every setting over the unmoved model, on validation athletes.

    Parameters
    ----------
    says : answers of the validation athletes' models, e.g. from :func:`student_says`
    grid : settings to try
    ks : numbers of windows a class that somebody can give, counted alike

    Returns
    -------
    (A, settings) DataFrame, index athlete: mean over k; empty where ``ks`` is
    """
    gains = []
    for k in ks:
        base = scored(says(k, Adaptation("population", masked=True)))["macro_f1"]
        found = [scored(says(k, each))["macro_f1"] - base for each in grid]
        gains.append(pd.concat(found, axis=1, keys=range(len(grid))))
    if not gains:
        return pd.DataFrame(columns=range(len(grid)), dtype=float)
    return pd.concat(gains).groupby(level=0).mean()


def choose(grid: Sequence[Adaptation], gains: pd.DataFrame) -> Adaptation:
    """The setting with the highest mean gain; of equal ones the first, so put careful ones first.

    Parameters
    ----------
    grid, gains : as for and from :func:`trials`; without an athlete who tried, the most careful
    """
    return grid[gains.mean().idxmax()] if len(gains) else grid[0]
