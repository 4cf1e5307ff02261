"""The networks: sizes, shapes, and the arithmetic against numpy."""

import numpy as np
import pytest
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.models import MLP


def test_the_mlp_has_two_hidden_layers_of_100_with_relu():
    names = [type(layer).__name__ for layer in MLP(12).layers]
    assert names == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    shapes = [tuple(p.shape) for p in MLP(12).parameters()]
    assert shapes == [(100, 12), (100,), (100, 100), (100,), (1, 100), (1,)]


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_predictions_have_shape_n(rows):
    assert MLP(7)(torch.zeros(rows, 7)).shape == (rows,)


def test_forward_is_the_formula():
    torch.manual_seed(0)
    model = MLP(3, hidden=(5, 4)).double()
    X = np.random.default_rng(0).normal(size=(6, 3))
    W1, b1, W2, b2, w, c = (p.detach().numpy() for p in model.parameters())
    hidden = np.maximum(0, np.maximum(0, X @ W1.T + b1) @ W2.T + b2)
    np.testing.assert_allclose(model(torch.tensor(X)).detach(), hidden @ w[0] + c, atol=1e-14)


@pytest.mark.parametrize(
    ("n_features", "hidden"), [(0, (100, 100)), (3, ()), (3, (100, 0)), (3, (2.5,)), (3.0, (4,))]
)
def test_impossible_sizes_are_refused(n_features, hidden):
    with pytest.raises(UserError, match="whole numbers above 0"):
        MLP(n_features, hidden)
