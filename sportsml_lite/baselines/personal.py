r"""MiniRocket for one athlete: what a student gets, by the same formula.

Its *scores* of the classes can be shrunk as a student's features are: class means of the scores,
those of the athlete between their own and the population's. Or its *ridge* is shrunk. With weights
:math:`B_0` from other athletes and n windows X of the athlete, of targets Y (1 for the class, -1
for the others), the athlete's weights are

.. math:: \min_B \lVert Y - X B \rVert^2 + \kappa\, m \lVert B - B_0 \rVert^2
   \;\Rightarrow\; B = B_0 + X^\top (X X^\top + \kappa m I)^{-1} (Y - X B_0)

with m the mean squared length of these windows. If all n were the same window, its score would go
:math:`n / (n + \kappa)` of the way to its target: κ counts in windows, as in shrunken class means.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from sportsml_lite.baselines.windows import SymmetricScores
from sportsml_lite.errors import UserError
from sportsml_lite.schema import Windows
from sportsml_lite.transfer import (
    Adaptation,
    Population,
    Says,
    Shots,
    class_means,
    shrunken_heads,
)


def fit_score_means(model: SymmetricScores, train: Windows) -> Population:
    """Class means of the scores of the training athletes, for ``'shrink'``."""
    scores, y = torch.from_numpy(model(train)), torch.as_tensor(train.y)
    return class_means(scores, y, train.athlete.astype(str), scores.shape[1])


def ridge_says(
    model: SymmetricScores, population: Population, windows: Windows, shots: Shots
) -> Says:
    """What MiniRocket answers, fitted to the athletes of ``shots``.

    The adaptations are a student's: ``'population'``, ``'shrink'`` (of the scores) and ``'head'``
    (of the ridge, by κ and without steps); masked and guarded mean the same.

    Parameters
    ----------
    model : from :func:`~sportsml_lite.baselines.windows.fit_symmetric_scores`
    population : from :func:`fit_score_means`
    windows, shots : of the same athletes, row by row

    Raises
    ------
    UserError if the two do not have the same rows; when asked, for another adaptation
    """
    if len(windows) != len(shots.y):
        raise UserError(f"{len(windows)} windows and {len(shots.y)} of the shots; give the same")
    scores, features = model.read(windows)
    features = features.astype(np.float32)  # half the memory

    def says(k: int, how: Adaptation) -> pd.DataFrame:
        rows, owner = shots.test(k)
        predicted = np.empty(len(rows), int)
        for i, own in enumerate(shots.support_rows(k)):
            test = rows[owner.numpy() == i]
            hidden = ~np.isin(np.arange(scores.shape[1]), shots.y[own])
            moves = (~hidden).sum() > 1 and (not how.guarded or _misread(own, hidden))
            told = _moved(own, test, how, moves)
            answer = np.where(hidden & how.masked, -np.inf, told).argmax(1)
            predicted[owner.numpy() == i] = answer
        said = {"athlete": shots.athlete[rows], "y": shots.y[rows], "predicted": predicted}
        return pd.DataFrame(said)

    def _misread(own, hidden) -> bool:
        answer = np.where(hidden, -np.inf, scores[own]).argmax(1)
        return bool((answer != shots.y[own]).any())

    def _moved(own, test, how, moves) -> np.ndarray:
        if not moves or how.method == "population":
            return scores[test]
        if how.method == "head":
            return scores[test] + _ridge_moves(features, scores, shots.y, own, test, how.kappa)
        if how.method != "shrink":
            raise UserError(f"MiniRocket: method {how.method!r}; choose population, shrink or head")
        given = torch.from_numpy(scores[own])[None]
        y = torch.as_tensor(shots.y[own])[None]
        weight, bias = (p[0].numpy() for p in shrunken_heads(given, y, population, how.kappa))
        return scores[test] @ weight.T + bias

    return says


def _ridge_moves(features, scores, y, own, test, kappa: float) -> np.ndarray:
    """What the athlete's windows ``own`` add to the scores of ``test``, (T, K)."""
    X = features[own].astype(float)
    left = np.where(y[own][:, None] == np.arange(scores.shape[1]), 1.0, -1.0) - scores[own]
    products = X @ X.T
    products.flat[:: len(own) + 1] += kappa * np.trace(products) / len(own)
    return features[test] @ (X.T @ np.linalg.solve(products, left))
