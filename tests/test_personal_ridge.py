"""MiniRocket for one athlete: the ridge nearest to the population's, and who is moved."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sportsml_lite.baselines.personal import fit_score_means, ridge_says
from sportsml_lite.errors import UserError
from sportsml_lite.protocol import few_shot
from sportsml_lite.transfer import Adaptation, Shots

D, K = 6, 3


@pytest.fixture
def case():
    """Two athletes of two classes in one place of features; the second's are exchanged."""
    rng = np.random.default_rng(0)
    y = np.tile(np.repeat([0, 1], 12), 2)
    athlete = np.repeat(["a", "b"], 24)
    made = np.where(athlete == "b", 1 - y, y)
    features = np.eye(D)[made] * 3 + rng.normal(0, 0.1, (48, D))
    weight = rng.normal(0, 0.01, (D, K))
    weight[0, 0] = weight[1, 1] = 0.5
    bias = np.array([0.0, 0.0, -0.5])

    class Model:
        def read(self, windows):
            rows = windows.rows
            return features[rows] @ weight + bias, features[rows]

        def __call__(self, windows):
            return self.read(windows)[0]

    class Rows:
        def __init__(self, rows):
            self.rows, self.y, self.athlete = rows, y[rows], athlete[rows]

        def __len__(self):
            return len(self.rows)

    start = np.tile(np.arange(24.0), 2)
    shots = Shots(None, y, athlete, few_shot(athlete, start, start + 1, 0.0, y))
    return SimpleNamespace(model=Model(), windows=Rows(np.arange(48)), shots=shots, y=y,
                           features=features, weight=weight, bias=bias)  # fmt: skip


def says(case):
    known = fit_score_means(case.model, case.windows)
    return ridge_says(case.model, known, case.windows, case.shots)


def right(said, athlete):
    mine = said[said["athlete"] == athlete]
    return (mine["y"] == mine["predicted"]).mean()


def test_the_shrunken_ridge_is_the_minimum_of_its_own_loss(case):
    from sportsml_lite.baselines.personal import _ridge_moves

    scores = case.features @ case.weight + case.bias
    own, test, kappa = np.r_[24:27, 36:38], np.r_[30:33], 2.0
    moved = _ridge_moves(case.features, scores, case.y, own, test, kappa)
    X = torch.tensor(case.features[own])
    target = torch.where(torch.tensor(case.y[own])[:, None] == torch.arange(K), 1.0, -1.0)
    B = torch.tensor(case.weight, requires_grad=True)
    m = X.square().sum(1).mean()
    loss = (target - X @ B - torch.tensor(case.bias)).square().sum()
    loss = loss + kappa * m * (B - torch.tensor(case.weight)).square().sum()
    (gradient,) = torch.autograd.grad(loss, B)
    hessian = X.mT @ X + kappa * m * torch.eye(D)
    found = B.detach() - torch.linalg.solve(2 * hessian, gradient)  # quadratic: one Newton step
    wanted = case.features[test] @ (found.numpy() - case.weight)
    np.testing.assert_allclose(moved, wanted, atol=1e-9)
    same = np.repeat(case.features[:1], 4, axis=0)
    went = _ridge_moves(same, np.zeros((4, K)), np.zeros(4, int), np.arange(3), [3], 2.0)
    np.testing.assert_allclose(went, [[3 / 5, -3 / 5, -3 / 5]])  # n / (n + κ) of the way


@pytest.mark.parametrize("method", ["head", "shrink"])
def test_five_windows_turn_round_whom_the_population_reads_the_wrong_way(case, method):
    still = says(case)(5, Adaptation("population", masked=True))
    assert (right(still, "a"), right(still, "b")) == (1.0, 0.0)
    moved = says(case)(5, Adaptation(method, kappa=0.3, masked=True, guarded=True))
    assert (right(moved, "a"), right(moved, "b")) == (1.0, 1.0)
    rows, _ = case.shots.test(5)
    assert moved["y"].tolist() == case.y[rows].tolist()


def test_the_guard_holds_back_whom_the_population_reads_rightly(case):
    case.y[5:12] = 1  # later windows of the first athlete look like the other class
    tiny = Adaptation("shrink", kappa=1e-6, masked=True)
    guarded = says(case)(1, Adaptation("shrink", kappa=1e-6, masked=True, guarded=True))
    still = says(case)(1, Adaptation("population", masked=True))
    mine = guarded["athlete"] == "a"
    assert guarded[mine].equals(still[mine])
    assert not guarded[~mine].equals(still[~mine])
    assert right(says(case)(1, tiny), "b") == 1.0


def test_answers_are_classes_that_the_athlete_shows(case):
    case.bias[2] = 9.0
    assert (says(case)(2, Adaptation("population"))["predicted"] == 2).all()
    assert (says(case)(2, Adaptation("population", masked=True))["predicted"] < 2).all()


def test_other_windows_and_other_methods_are_refused(case):
    with pytest.raises(UserError, match="all; choose|'all'"):
        says(case)(1, Adaptation("all"))
    case.windows.rows = case.windows.rows[:5]
    known = fit_score_means(case.model, SimpleNamespace(rows=np.arange(48), y=case.y,
                                                        athlete=case.shots.athlete))  # fmt: skip
    with pytest.raises(UserError, match="5 windows and 48"):
        ridge_says(case.model, known, case.windows, case.shots)
