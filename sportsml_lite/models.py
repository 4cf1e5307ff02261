"""Networks as plain ``torch.nn.Module``; they know nothing of training."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from sportsml_lite.errors import UserError


class MLP(nn.Module):
    r"""Multi-layer perceptron for one number: hidden layers with ReLU, then a linear output.

    .. math:: h_0 = x, \quad h_l = \max(0, W_l h_{l-1} + b_l), \quad p = w^\top h_L + c

    Parameters
    ----------
    n_features : D, columns of X
    hidden : units of each hidden layer; the book's model has two of 100

    Raises
    ------
    UserError if a size is not a whole number above 0, or there is no hidden layer
    """

    def __init__(self, n_features: int, hidden: tuple[int, ...] = (100, 100)):
        super().__init__()
        sizes = (n_features, *hidden)
        if len(sizes) < 2 or not all(isinstance(size, int) and size > 0 for size in sizes):
            raise UserError(f"MLP: layers of {sizes} units; give whole numbers above 0, e.g. 100")
        layers = []
        for below, above in itertools.pairwise(sizes):
            layers += [nn.Linear(below, above), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """(N, D) features to (N,) predictions: never (N, 1), which would broadcast."""
        return self.layers(X).squeeze(-1)
