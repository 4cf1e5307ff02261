"""The MSE of a linear model against independent witnesses, and the (N, 1) trap in numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sportsml_lite import regression as reg
from sportsml_lite.errors import UserError

shapes = st.tuples(st.integers(1, 40), st.integers(1, 6), st.integers(0, 10_000))


def problem(rows, features, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    X = spread * rng.normal(size=(rows, features))
    return X, rng.normal(2.5, 1.0, rows), rng.normal(size=features)


def torch_half_mse(X, y, w):
    return 0.5 * torch.nn.functional.mse_loss(torch.tensor(X) @ w, torch.tensor(y))


# --- gradient, Hessian, minimum ------------------------------------------------------------------


@given(shapes)
@settings(max_examples=40, deadline=None)
def test_gradient_agrees_with_autograd_and_finite_differences(shape):
    X, y, w = problem(*shape)
    weights = torch.tensor(w, requires_grad=True)
    loss = torch_half_mse(X, y, weights)
    loss.backward()
    assert reg.half_mse(X, y, w) == pytest.approx(loss.item(), rel=1e-12)
    gradient = reg.half_mse_gradient(X, y, w)
    assert gradient == pytest.approx(weights.grad.numpy(), rel=1e-9, abs=1e-10)
    numeric = reg.finite_difference(lambda v: reg.half_mse(X, y, v), w)
    assert gradient == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_finite_difference_finds_the_slope_of_what_is_no_quadratic():
    w = np.array([0.3, -1.2, 2.0])
    numeric = reg.finite_difference(lambda v: np.sin(v).sum() + v[0] * v[2], w)
    assert numeric == pytest.approx(np.cos(w) + np.array([w[2], 0, w[0]]), abs=1e-8)


@given(shapes)
@settings(max_examples=15, deadline=None)
def test_hessian_agrees_with_autograd(shape):
    X, y, w = problem(*shape)
    expected = torch.autograd.functional.hessian(lambda v: torch_half_mse(X, y, v), torch.tensor(w))
    assert reg.half_mse_hessian(X) == pytest.approx(expected.numpy(), abs=1e-12)


@given(shapes)
@settings(max_examples=30, deadline=None)
def test_no_step_from_the_closed_form_lowers_the_loss(shape):
    X, y, w = problem(*shape)
    best = reg.closed_form(X, y)
    assert reg.half_mse_gradient(X, y, best) == pytest.approx(0, abs=1e-9)
    assert reg.half_mse(X, y, best) <= reg.half_mse(X, y, best + w) + 1e-12


def test_collinear_features_give_the_shortest_of_the_best_weights():
    X, y, _ = problem(50, 2, 0)
    twice = np.column_stack([X, 60 * X[:, 1]])  # hours, and again in minutes
    best = reg.closed_form(twice, y)
    assert best == pytest.approx(np.linalg.pinv(twice) @ y)
    assert twice @ best == pytest.approx(X @ reg.closed_form(X, y))
    assert best[2] == pytest.approx(60 * best[1])


def test_arguments_are_left_alone():
    X, y, w = problem(20, 3, 1)
    before = X.copy(), y.copy(), w.copy()
    reg.gradient_descent(X, y, w, 0.1, 5)
    assert all((a == b).all() for a, b in zip(before, (X, y, w), strict=True))


# --- how far a step may go -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_descent_converges_below_the_limit_and_diverges_above(seed):
    X, y, w = problem(60, 3, seed)
    limit, best = reg.largest_stable_rate(reg.half_mse_hessian(X)), reg.closed_form(X, y)
    below = reg.gradient_descent(X, y, w, 0.99 * limit, 2000)
    above = reg.gradient_descent(X, y, w, 1.01 * limit, 2000)
    assert below[-1] == pytest.approx(best, abs=1e-8)
    assert np.linalg.norm(above[-1] - best) > 1e3 * np.linalg.norm(w - best)


def test_the_whole_mse_of_pytorch_has_half_the_limit():
    X, y, w = problem(60, 3, 4)
    limit = reg.largest_stable_rate(reg.half_mse_hessian(X))
    ends = {}
    for share in (0.49, 0.51):
        weights = torch.tensor(w, requires_grad=True)
        optimiser = torch.optim.SGD([weights], lr=share * limit)
        for _ in range(800):
            optimiser.zero_grad()
            torch.nn.MSELoss()(torch.tensor(X) @ weights, torch.tensor(y)).backward()
            optimiser.step()
        ends[share] = np.linalg.norm(weights.detach().numpy() - reg.closed_form(X, y))
    assert ends[0.49] < 1e-5 < 1e5 < ends[0.51]


def test_each_step_shrinks_an_eigenvector_by_its_own_factor():
    X, y, _ = problem(60, 3, 5)
    curvature, directions = np.linalg.eigh(reg.half_mse_hessian(X))
    rate, best = 0.5, reg.closed_form(X, y)
    for value, direction in zip(curvature, directions.T, strict=True):
        path = reg.gradient_descent(X, y, best + direction, rate, 4)
        assert path[-1] - best == pytest.approx((1 - rate * value) ** 4 * direction, abs=1e-9)


def test_steps_are_counted_to_the_first_point_that_is_near():
    X = np.eye(2) * np.sqrt(2)  # the Hessian is the identity: a step shrinks the distance by 1 - η
    path = reg.gradient_descent(X, np.zeros(2), [1.0, 1.0], 0.5, 20)
    assert reg.steps_to(path, np.zeros(2)) == 7  # 0.5**7 < 0.01 < 0.5**6
    assert reg.steps_to(path, np.zeros(2), share=0.5) == 1
    assert reg.steps_to(path[:5], np.zeros(2)) is None
    assert reg.steps_to(path, path[0]) == 0


# --- the (N, 1) trap -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_shapes_that_would_broadcast_are_refused(kind):
    p, y = kind(np.arange(4.0)), kind(np.ones(4))
    assert float(reg.mse(p, y)) == pytest.approx(1.5)
    for prediction, target in [(p[:, None], y), (p, y[:, None]), (p[:1], y), (p[0], y)]:
        with pytest.raises(UserError, match=r"make both \(N,\)"):
            reg.mse(prediction, target)


@pytest.mark.parametrize(
    "call",
    [
        lambda X, y, w: reg.half_mse(X, y, w),
        lambda X, y, w: reg.half_mse_gradient(X, y, w),
        lambda X, y, w: reg.closed_form(X, y),
        lambda X, y, w: reg.gradient_descent(X, y, w, 0.1, 1),
    ],
)
def test_every_function_refuses_a_column_of_targets(call):
    X, y, w = problem(10, 2, 0)
    call(X, y, w)
    with pytest.raises(UserError, match=r"\(10, 1\)"):
        call(X, y[:, None], w)
    with pytest.raises(UserError, match="one row a session"):
        call(X[:, 0], y, w)


def test_the_trap_pulls_every_prediction_to_the_mean():
    """The identity that chapter 3 states: gradient (2/N)(p - mean y), least loss Var(y)."""
    X, y, w = problem(30, 2, 2)
    target = torch.tensor(y)
    p = (torch.tensor(X) @ torch.tensor(w))[:, None].requires_grad_()
    loss = ((p - target) ** 2).mean()
    loss.backward()
    assert p.grad.numpy() == pytest.approx(2 / 30 * (p.detach().numpy() - y.mean()), abs=1e-14)
    to_mean = ((p - target.mean()) ** 2).mean().item()
    assert loss.item() == pytest.approx(to_mean + y.var())


# --- what the lab asks ---------------------------------------------------------------------------


def test_no_descent_needs_more_steps_than_its_features_allow():
    X, y, w = problem(60, 3, 6)
    X = X * [1.0, 3.0, 5.0]
    limit, kappa, steps = reg.convergence(X)
    assert limit == pytest.approx(reg.largest_stable_rate(reg.half_mse_hessian(X)))
    best_rate = limit * kappa / (kappa + 1)  # 2 / (λmin + λmax)
    path = reg.gradient_descent(X, y, w, best_rate, int(steps))
    assert reg.steps_to(path, reg.closed_form(X, y)) <= steps


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_coupled_decay_settles_at_ridge_and_decoupled_does_not(name):
    X, y, w = problem(60, 2, 7)
    ridge = reg.ridge(X, y, 0.5)
    assert reg.half_mse_gradient(X, y, ridge) + 0.5 * ridge == pytest.approx(0, abs=1e-12)
    options = {"lr": 0.1} | ({"betas": (0.9, 0.99)} if name == "Adam" else {})
    path = reg.optimiser_path(X, y, w, name, 1500, fade=True, weight_decay=0.5, **options)
    assert path[0] == pytest.approx(w)
    assert path[-1] == pytest.approx(ridge, abs=1e-3)
    boxed = reg.optimiser_path(X, y, w, "AdamW", 1500, fade=True, lr=0.1, weight_decay=0.5)
    assert np.abs(boxed[-1]).max() <= 2 + 1e-6
    assert not np.allclose(boxed[-1], ridge, atol=0.05)


def test_sgd_is_the_descent_of_the_lesson():
    X, y, w = problem(30, 2, 8)
    ours = reg.gradient_descent(X, y, w, 0.1, 20)
    assert reg.optimiser_path(X, y, w, "SGD", 20, lr=0.1) == pytest.approx(ours)
