r"""Soft answers that are worth learning from: asked out of fold, and at a fitted temperature.

A ridge on thousands of features fits its own training windows almost perfectly. What it says of
them is the label once more, without a doubt in it, and a student has nothing to learn from that.
So each training athlete is answered by a ridge of all the *others*, which needs no second fit: with
:math:`H` the matrix that turns labels into fitted scores, the residual that athlete g would have
had is

.. math:: d_g = (I - H_{gg})^{-1} (y_g - \hat y_g)

(the block form of Allen's PRESS), and the ridge without g follows from it.

A ridge's scores are no logits either: their temperature is the one at which the out-of-fold answers
predict the labels best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from sportsml_lite.baselines.kernels import Kernels
from sportsml_lite.baselines.windows import KERNEL_STRENGTHS, NEVER, every_nth, ridges
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import macro_f1
from sportsml_lite.evaluate.calibration import fit_temperature
from sportsml_lite.prepare import fit_scaler
from sportsml_lite.prepare.tasks import Task
from sportsml_lite.protocol import PARTS, Split
from sportsml_lite.training.folds import Fold, class_weights


@dataclass(frozen=True)
class Answers:
    """Calibrated logits of a teacher, (N, K) each, for the windows of a fold."""

    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor

    def blended(self, other: Answers) -> Answers:
        """The mean of two teachers' logits."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Answers(*((a + b) / 2 for a, b in pairs))


class Convolved:
    """Random convolutions of a split's training, validation and test windows, made when asked."""

    def __init__(self, task: Task, split: Split):
        windows = task.windows
        self.parts = [windows.take(split.rows(windows.athlete, part)) for part in PARTS]
        self.signs = task.signs

    @cached_property
    def features(self) -> tuple[np.ndarray, ...]:
        """(N, F) of each part; labels have no part in them."""
        kernels = Kernels(self.parts[0], self.signs)
        return tuple(kernels.features(part) for part in self.parts)

    def rows(self, labelled: tuple[str, ...] | None) -> np.ndarray:
        """(N,) bool: the training windows that a ridge learns from; of very many every n-th."""
        train = self.parts[0]
        known = np.ones(len(train), bool)
        if labelled is not None:
            known = np.isin(train.athlete.astype(str), labelled)
        known[known] = every_nth(train.take(known))
        return known


def leave_groups_out(
    X: np.ndarray, Y: np.ndarray, strength: float, group: np.ndarray, weight=None
) -> Iterator[tuple[object, np.ndarray, np.ndarray]]:
    """The ridge without each group of rows, from one factorisation.

    Parameters
    ----------
    X, Y, strength, weight : as for :func:`~sportsml_lite.baselines.windows.ridges`
    group : (N,) of the rows, e.g. their athlete

    Yields
    ------
    group, B (D, K) and b (K,): what ``ridges`` gives without the group's rows

    Raises
    ------
    UserError if there is one group only
    """
    from scipy.linalg import cho_factor, cho_solve, solve

    names = np.unique(group)
    if len(names) < 2:
        raise UserError(f"out of fold: only {names.tolist()}; two or more groups are needed")
    root = np.sqrt(np.ones(len(X)) if weight is None else weight)[:, None]
    total = float((root**2).sum())
    centre, level = ((root**2 * Z).sum(0) / total for Z in (X, Y))
    A, targets = root * (X - centre), root * (Y - level)
    wide = A.shape[1] > A.shape[0]
    products = A @ A.T if wide else A.T @ A
    products.flat[:: len(products) + 1] += strength
    factor = cho_factor(products, overwrite_a=True, check_finite=False)
    B = A.T @ cho_solve(factor, targets) if wide else cho_solve(factor, A.T @ targets)
    missed = targets - A @ B
    for name in names:
        g = group == name
        if wide:
            column = cho_solve(factor, np.eye(len(A))[:, g])
            hat = np.eye(g.sum()) - strength * column[g]
        else:
            column = cho_solve(factor, A[g].T)
            hat = A[g] @ column
        left = np.eye(g.sum()) - hat - root[g] @ root[g].T / total
        missed_alone = solve(left, missed[g])
        pull = column @ missed_alone
        own = B - (A.T @ pull if wide else pull)
        level_alone = level - (root[g] * missed_alone).sum(0) / total
        yield name, own, level_alone - centre @ own


def ridge_answers(
    fold: Fold,
    features: tuple[np.ndarray, np.ndarray, np.ndarray],
    rows: np.ndarray,
) -> tuple[Answers, Answers]:
    """What a ridge on features says of a fold's windows: out of fold, and in sample.

    Out of fold, each athlete whose labels it learns from is answered by the others' ridge,
    everybody else by the ridge of all. In sample, the ridge of all answers its own training windows
    too, which is a trap that chapter 8 shows. Validation athletes choose the ridge's strength.

    Parameters
    ----------
    features : (N, D) of the training, validation and test windows
    rows : (N,) bool, the training windows that it learns from

    Raises
    ------
    UserError if the rows are those of a single athlete
    """
    scaler = fit_scaler(features[0][rows].astype(float))
    X, X_val, X_test = (scaler.transform(part.astype(float)) for part in features)
    y, owner = fold.train.y[rows], fold.train_athlete.astype(str)
    weight = class_weights(y, fold.n_outputs)[y].double().numpy()
    kinds, place = np.unique(y, return_inverse=True)
    Y = 2.0 * (place[:, None] == np.arange(len(kinds))) - 1
    found = list(ridges(X[rows], Y, KERNEL_STRENGTHS, weight))
    truth = fold.validation.y.numpy()
    right = [macro_f1(truth, kinds[(X_val @ B + b).argmax(1)]) for B, b in found]
    best = int(np.argmax(right))
    B, b = found[best]
    strength = KERNEL_STRENGTHS[best]
    scores = X @ B + b
    honest = scores.copy()
    for athlete, B_g, b_g in leave_groups_out(X[rows], Y, strength, owner[rows], weight):
        honest[owner == athlete] = X[owner == athlete] @ B_g + b_g
    tau = fit_temperature(honest[rows], place)
    each = (honest, scores, X_val @ B + b, X_test @ B + b)
    own, trap, *others = (_logits(part / tau, kinds, fold.n_outputs) for part in each)
    return Answers(own, *others), Answers(trap, *others)


def network_answers(fold: Fold, logits: tuple[torch.Tensor, ...]) -> Answers:
    """A network's logits for training, validation and test windows, at validation's temperature."""
    tau = fit_temperature(logits[1], fold.validation.y)
    return Answers(*(part / tau for part in logits))


def _logits(scores: np.ndarray, kinds: np.ndarray, n_classes: int) -> torch.Tensor:
    """Scores of the classes that were learned; the others stand far below."""
    out = np.full((len(scores), n_classes), scores.min() + NEVER)
    out[:, kinds] = scores
    return torch.from_numpy(out.astype(np.float32))
