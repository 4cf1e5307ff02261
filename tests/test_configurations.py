"""Stacked configurations: each takes the steps that it would take alone."""

import numpy as np
import pytest
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.training import examples, fit, fit_many
from sportsml_lite.training.configurations import Configuration, Stack, fit_configurations

MIXED = [
    Configuration(rate, decay, width, depth, size)
    for width, depth, size in ((8, 1, 16), (5, 2, 16), (5, 2, 30))
    for rate, decay in ((1e-3, 0.01), (3e-2, 1.0), (1e-4, 0.0))
]


def rows(n, dtype=torch.float64, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n + 40, 6))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * random.normal(size=n + 40)
    return examples(X[:n], y[:n], X[n:], y[n:], dtype)


def largest(a, b):
    pairs = zip(a.model.parameters(), b.model.parameters(), strict=True)
    return max((x - y).abs().max().item() for x, y in pairs)


@pytest.fixture(scope="module")
def data():
    return rows(70)  # no batch size divides it


def test_each_equals_a_training_alone(data):
    seeds = range(len(MIXED))
    found = fit_configurations(MIXED, data, seeds, max_epochs=5)
    for one, seed, result in zip(MIXED, seeds, found, strict=True):
        (alone,) = fit_many(one.build, data, [seed], one.training(5))
        assert largest(alone, result) < 1e-12
        columns = ["epoch", "step", "train_loss", "val_loss"]
        np.testing.assert_allclose(alone.history[columns], result.history[columns], atol=1e-12)
    one = MIXED[4]
    assert largest(fit(one.build, data, 4, one.training(3)), fit_configurations(
        [*MIXED[3:6]], data, [3, 4, 5], 3)[1]) < 1e-8  # fmt: skip


def test_who_stops_early_leaves_the_others_as_they_were(data):
    patient = [Configuration(rate, 0.01, 8, 1, 16) for rate in (1e-4, 1e-1, 3e-2)]
    together = fit_configurations(patient, data, [0, 1, 2], max_epochs=40, patience=2)
    lengths = [len(result.history) for result in together]
    assert len(set(lengths)) > 1  # somebody left before the others
    for one, seed, result in zip(patient, range(3), together, strict=True):
        (alone,) = fit_many(one.build, data, [seed], one.training(40, 2))
        assert len(alone.history) == len(result.history)
        assert alone.best_epoch == result.best_epoch
        assert largest(alone, result) < 1e-8


def test_weight_decay_shrinks_and_rates_differ(data):
    decays = [Configuration(1e-2, decay, 8, 1, 16) for decay in (0.0, 1.0)]
    free, held = (Stack([one], [0], data) for one in decays)
    for _ in range(10):
        free.epoch()
        held.epoch()
    assert held.weights.norm() < 0.9 * free.weights.norm()


def test_a_diverged_training_spoils_nobody_else():
    data = rows(70, torch.float32)
    wild = Configuration(10.0, 10.0, 8, 2, 16)  # each step makes the weights 99 times as large
    tame = Configuration(1e-3, 0.01, 8, 2, 16)
    found = fit_configurations([wild, tame], data, [0, 1], max_epochs=40)
    (alone,) = fit_many(tame.build, data, [1], tame.training(40))
    assert found[1].history["val_loss"].iloc[2] == pytest.approx(alone.history["val_loss"].iloc[2])
    stuck = fit_configurations([wild], rows(2000, torch.float32), [0], max_epochs=3)
    assert stuck == [None]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"width": 0}, "width = 0: give a whole number"),
        ({"depth": 1.5}, "depth = 1.5"),
        ({"rate": 100.0}, "rate = 100"),
        ({"batch_size": 0}, "batch_size = 0"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(given, says):
    with pytest.raises(UserError, match=says):
        Configuration(**given)


def test_numbers_that_do_not_fit_are_refused(data):
    with pytest.raises(UserError, match="0 configurations"):
        fit_configurations([], data, [])
    with pytest.raises(UserError, match="2 seeds"):
        fit_configurations(MIXED[:1], data, [0, 1])
    with pytest.raises(UserError, match="one shape"):
        Stack(MIXED, range(len(MIXED)), data)
