r"""Soft answers that are worth learning from: asked out of fold, and at a fitted temperature.

A ridge on thousands of features fits its own training windows almost perfectly. What it says of
them is the label once more, without a doubt in it, and a student has nothing to learn from that.
So each training athlete is answered by a ridge of all the *others*, which needs no second fit: with
:math:`H` the matrix that turns labels into fitted scores, the residual that athlete g would have
had is

.. math:: d_g = (I - H_{gg})^{-1} (y_g - \hat y_g)

(the block form of Allen's PRESS), and the ridge without g follows from it.

Boosted trees are fitted again for each of a few groups of athletes; networks are too dear for that,
and are asked in sample. A ridge's scores are no logits: their temperature is the one at which the
out-of-fold answers predict the labels best.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from sportsml_lite.baselines.kernels import Kernels
from sportsml_lite.baselines.windows import KERNEL_STRENGTHS, every_nth, ridges
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import fit_temperature, macro_f1
from sportsml_lite.prepare import fit_scaler
from sportsml_lite.teachers import LACKING, Teachers
from sportsml_lite.training.folds import class_weights

GROUPS = 5  # of athletes, where a teacher is fitted again without each


def soft_answers(teachers: Teachers, kind: str) -> torch.Tensor:
    """What a teacher says of its fold's training windows, logits (N, K) float32.

    ``minirocket`` and ``boosting`` are asked out of fold; ``lstm`` and ``lite`` in sample; a
    ``blend`` mixes what its members say.

    Parameters
    ----------
    teachers : the candidates of a fold and some labels
    kind : of :data:`~sportsml_lite.teachers.KINDS`

    Raises
    ------
    UserError where labels of a single athlete are known
    """
    if kind == "blend":
        share = teachers.share
        lstm, ridge = (soft_answers(teachers, member) for member in ("lstm", "minirocket"))
        return share * lstm + (1 - share) * ridge
    if kind == "minirocket":
        return ridge_answers(teachers)[0]
    told = teachers.fit(kind).logits(teachers.train)
    if kind == "boosting":
        told = _refitted(teachers, kind, told)
    return told.float()


def _refitted(teachers: Teachers, kind: str, told: torch.Tensor) -> torch.Tensor:
    """``told`` with each labelled athlete's rows answered by a teacher of other athletes."""
    owner, told = teachers.train.athlete.astype(str), told.clone()
    names = np.unique(owner[teachers.known])
    for group in range(min(GROUPS, len(names))):
        mine = np.isin(owner, names[group::GROUPS])
        others = [n for i, n in enumerate(names) if i % GROUPS != group]
        teacher = teachers.without(others).fit(kind)
        told[torch.as_tensor(mine)] = teacher.logits(teachers.train.take(mine))
    return told


def ridge_answers(teachers: Teachers) -> tuple[torch.Tensor, torch.Tensor]:
    """What MiniRocket's ridge says of the training windows: out of fold, and in sample.

    Out of fold, each athlete whose labels it learns from is answered by the others' ridge,
    everybody else by the ridge of all. In sample, the ridge of all answers its own training windows
    too, which is a trap that chapter 8 shows. Validation athletes choose the ridge's strength.

    Returns
    -------
    two tensors (N, K) float32 of logits

    Raises
    ------
    UserError where labels of a single athlete are known
    """
    train, validation = teachers.train, teachers.validation
    kernels = Kernels(train, teachers.task.signs)
    rows = np.flatnonzero(teachers.known)
    rows = rows[every_nth(train.take(rows))]
    X, X_val = (kernels.features(part).astype(float) for part in (train, validation))
    scaler = fit_scaler(X[rows])
    X, X_val = scaler.transform(X), scaler.transform(X_val)
    owner, y = train.athlete.astype(str), train.y[rows]
    kinds, place = np.unique(y, return_inverse=True)
    weight = class_weights(torch.as_tensor(place), len(kinds))[place].double().numpy()
    Y = 2.0 * (place[:, None] == np.arange(len(kinds))) - 1
    found = list(ridges(X[rows], Y, KERNEL_STRENGTHS, weight))
    right = [macro_f1(validation.y, kinds[(X_val @ B + b).argmax(1)]) for B, b in found]
    B, b = found[best := int(np.argmax(right))]
    scores = X @ B + b
    honest = scores.copy()
    without = leave_groups_out(X[rows], Y, KERNEL_STRENGTHS[best], owner[rows], weight)
    for athlete, B_g, b_g in without:
        honest[owner == athlete] = X[owner == athlete] @ B_g + b_g
    tau = fit_temperature(honest[rows], place)
    return tuple(_logits(part / tau, kinds, len(train.classes)) for part in (honest, scores))


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


def _logits(scores: np.ndarray, kinds: np.ndarray, n_classes: int) -> torch.Tensor:
    """Scores of the classes that were learned; the others lie far below."""
    out = np.full((len(scores), n_classes), LACKING)
    out[:, kinds] = scores
    return torch.from_numpy(out.astype(np.float32))
