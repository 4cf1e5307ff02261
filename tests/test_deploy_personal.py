"""The head that a device computes is that of chapter 9."""

import numpy as np
import pytest
import torch

from sportsml_lite.deploy.personal import NEVER, Prior, personal_head, prior_of
from sportsml_lite.errors import UserError
from sportsml_lite.transfer.shrink import Population, shrunken_heads


def a_population(classes=4, width=6):
    g = torch.Generator().manual_seed(1)
    root = torch.randn(width, width, generator=g)
    return Population(torch.randn(classes, width, generator=g), root @ root.T + torch.eye(width))


@pytest.mark.parametrize("lacking", [False, True])
def test_it_is_the_closed_form_of_chapter_9(lacking):
    population = a_population()
    if lacking:
        population.means[3] = torch.nan  # no training athlete has shown it
    g = torch.Generator().manual_seed(2)
    features, y = torch.randn(9, 6, generator=g), torch.tensor([0, 0, 0, 1, 1, 3, 3, 3, 3])
    weight, bias = personal_head(prior_of(population, 3.0), features.numpy(), y.numpy(), False)
    wanted, wanted_bias = shrunken_heads(features[None], y[None], population, 3.0)
    assert np.allclose(weight, wanted[0].numpy(), atol=1e-5)
    assert np.allclose(bias, wanted_bias[0].numpy(), atol=1e-4)


def test_a_class_that_the_athlete_does_not_show_is_never_the_answer():
    population = a_population()
    x, y = np.ones((2, 6), np.float32), np.array([1, 2])
    assert personal_head(prior_of(population, 3.0), x, y)[1].tolist()[0] == NEVER
    population.means[0] = torch.nan  # nor one that nobody has shown
    assert personal_head(prior_of(population, 3.0), x, y, masked=False)[1][0] == NEVER


def test_what_does_not_fit_is_refused():
    prior = Prior(np.zeros((3, 2), np.float32), np.eye(2, dtype=np.float32), 3.0)
    with pytest.raises(UserError, match="a row a window"):
        personal_head(prior, np.zeros((1, 3)), np.array([0]))
    with pytest.raises(UserError, match="give 0 to 2"):
        personal_head(prior, np.zeros((1, 2)), np.array([3]))
    with pytest.raises(UserError, match="kappa = 0"):
        prior_of(a_population(), 0)
