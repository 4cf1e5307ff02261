"""Does 80 per cent mean 80 per cent? Reliability of predicted classes, and a temperature."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sportsml_lite.errors import UserError


def reliability(truth, probability, bins: int = 10) -> pd.DataFrame:
    """How often the most probable class is right, by how probable it was said to be.

    Parameters
    ----------
    truth : (N,) int, position of the class
    probability : (N, C) rows that sum to 1
    bins : bands of equal width between 0 and 1

    Returns
    -------
    a row for each band with rows in it: low, high, n, confidence, accuracy

    Raises
    ------
    UserError if the shapes do not agree, or rows are no probabilities
    """
    truth, probability = np.asarray(truth), np.asarray(probability, dtype=float)
    if probability.ndim != 2 or truth.shape != probability.shape[:1] or not len(truth):
        raise UserError(
            f"reliability: truth {truth.shape}, probability {probability.shape}; give (N,), (N, C)"
        )
    if not np.allclose(probability.sum(axis=1), 1, atol=1e-3):
        row = int(np.argmax(np.abs(probability.sum(axis=1) - 1)))
        raise UserError(f"reliability: probability row {row} does not sum to 1; apply a softmax")
    confidence = probability.max(axis=1)
    band = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    right = probability.argmax(axis=1) == truth
    rows = pd.DataFrame({"confidence": confidence, "accuracy": right.astype(float)})
    table = rows.groupby(band).mean()
    table.insert(0, "n", rows.groupby(band).size())
    table.insert(0, "high", (table.index + 1) / bins)
    table.insert(0, "low", table.index / bins)
    return table.reset_index(drop=True)


def ece(truth, probability, bins: int = 10) -> float:
    """Expected calibration error: mean gap of confidence and accuracy (Guo et al. 2017)."""
    table = reliability(truth, probability, bins)
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float((gap * table["n"]).sum() / table["n"].sum())


def fit_temperature(logits, truth) -> float:
    r"""The temperature with the lowest cross-entropy (Guo et al. 2017), found by LBFGS.

    At it the mean logit of the true class is the one that the probabilities expect:
    :math:`\sum_n z_{n,y_n} = \sum_n \sum_k p_{nk}(\tau) z_{nk}`.

    Parameters
    ----------
    logits : (N, C) of athletes that trained nothing; truth : (N,) int, position of the class

    Raises
    ------
    UserError if the shapes do not agree
    """
    import torch

    z, y = torch.as_tensor(logits), torch.as_tensor(truth)
    if z.ndim != 2 or y.shape != z.shape[:1] or not len(y):
        raise UserError(
            f"fit_temperature: logits {tuple(z.shape)}, truth {tuple(y.shape)}; give (N, C), (N,)"
        )
    log_tau = torch.zeros(1, dtype=z.dtype, requires_grad=True)  # its logarithm: τ stays above 0
    optimizer = torch.optim.LBFGS([log_tau], max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(z / log_tau.exp(), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_tau.detach().exp())
