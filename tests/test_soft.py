"""Soft answers: a ridge without an athlete is the ridge that never saw them, and is calibrated."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sportsml_lite.baselines.windows import NEVER, ridges
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate.calibration import fit_temperature
from sportsml_lite.training.data import Sequences
from sportsml_lite.training.soft import (
    Answers,
    leave_groups_out,
    network_answers,
    ridge_answers,
)


@pytest.mark.parametrize("columns", [4, 90], ids=["long", "wide"])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_ridge_without_a_group_is_the_one_fitted_without_it(columns, weighted):
    random = np.random.default_rng(0)
    X, Y = random.normal(1, 2, (40, columns)), random.normal(3, 1, (40, 2))
    weight = random.uniform(0.3, 3, 40) if weighted else None
    group = random.integers(0, 5, 40)
    found = list(leave_groups_out(X, Y, 7.0, group, weight))
    assert [name for name, *_ in found] == [0, 1, 2, 3, 4]
    for name, B, b in found:
        rest = group != name
        own = None if weight is None else weight[rest]
        B_rest, b_rest = next(ridges(X[rest], Y[rest], [7.0], own))
        np.testing.assert_allclose(B, B_rest, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(b, b_rest, rtol=1e-8)


def test_one_group_cannot_be_left_out():
    with pytest.raises(UserError, match=r"only \['a'\]"):
        next(leave_groups_out(np.ones((3, 1)), np.ones((3, 1)), 1.0, np.array(["a"] * 3)))


def fold_of(people=6, each=20, columns=300, signal=2.0, seed=0):
    """Three classes that a few features tell apart among many of noise, and a fold of them."""
    random = np.random.default_rng(seed)

    def part(n):
        y = random.integers(0, 3, n)
        X = random.normal(size=(n, columns)).astype(np.float32)
        X[:, :3] += signal * (y[:, None] == np.arange(3))
        return X, Sequences(torch.zeros(n, 1, 1), None, torch.from_numpy(y))

    n = people * each
    (X, train), (X_val, validation), (X_test, test) = part(n), part(60), part(60)
    owner = np.repeat([f"p{i}" for i in range(people)], each)
    fold = SimpleNamespace(
        train=train, validation=validation, test=test, train_athlete=owner, n_outputs=4
    )
    return fold, (X, X_val, X_test)


def hits(logits, y):
    return float((logits.argmax(1) == y).double().mean())


def sure(logits):
    return float(logits.softmax(1).amax(1).mean())


def test_out_of_fold_answers_doubt_as_those_to_strangers_do():
    fold, features = fold_of()
    every = np.ones(len(fold.train), bool)
    honest, trap = ridge_answers(fold, features, every)
    assert hits(trap.train, fold.train.y) > 0.99 > hits(honest.train, fold.train.y)
    assert abs(sure(honest.train) - sure(honest.test)) < 0.05 < sure(trap.train) - sure(trap.test)
    torch.testing.assert_close(honest.test, trap.test)
    assert fit_temperature(honest.train[:, :3], fold.train.y) == pytest.approx(1, abs=0.02)


def test_unlabelled_athletes_never_change_an_answer_by_their_labels():
    """Also the class that no labelled window has stays far below, and nobody else's label leaks."""
    fold, features = fold_of()
    known = np.isin(fold.train_athlete, ["p0", "p1", "p2"])
    found, _ = ridge_answers(fold, features, known)
    y = fold.train.y.clone()
    y[torch.as_tensor(~known)] = 3
    hidden = SimpleNamespace(**(vars(fold) | {"train": replace(fold.train, y=y)}))
    other, _ = ridge_answers(hidden, features, known)
    for name in ("train", "validation", "test"):
        assert torch.equal(getattr(found, name), getattr(other, name))
    assert bool((found.train[:, 3] <= found.train[:, :3].amin(1) + NEVER + 1).all())
    with pytest.raises(UserError, match="two or more"):
        ridge_answers(fold, features, fold.train_athlete == "p0")


def test_an_answer_of_someone_left_out_does_not_depend_on_their_own_labels():
    fold, features = fold_of(columns=20, signal=4.0)
    every = np.ones(len(fold.train), bool)
    mine = torch.as_tensor(fold.train_athlete == "p1")
    y = fold.train.y.clone()
    y[mine] = (y[mine] + 1) % 3
    other = SimpleNamespace(**(vars(fold) | {"train": replace(fold.train, y=y)}))
    one, two = (ridge_answers(f, features, every)[0].train for f in (fold, other))
    agree = (one.argmax(1) == two.argmax(1)).double()
    assert float(agree[mine].mean()) > 0.9  # their answers come from the other five


def test_a_network_is_asked_at_the_temperature_of_validation():
    fold, _ = fold_of()
    y = fold.validation.y
    random = torch.Generator().manual_seed(1)
    logits = 9 * torch.nn.functional.one_hot(y, 4) + 6 * torch.randn(60, 4, generator=random)
    found = network_answers(fold, (logits, logits, 2 * logits))
    assert fit_temperature(found.validation, y) == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(found.test, 2 * found.train)


def test_a_blend_is_the_mean_of_the_logits():
    a, b = (Answers(*torch.full((3, 2, 4), v)) for v in (1.0, 3.0))
    assert all(bool((part == 2).all()) for part in vars(a.blended(b)).values())
