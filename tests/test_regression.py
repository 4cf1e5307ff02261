"""The MSE of a linear model against independent witnesses, and the (N, 1) trap in numbers."""

import numpy as np
import pandas as pd
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


# --- sessions ------------------------------------------------------------------------------------


def test_trimp_has_banisters_values():
    trimp = reg.banister_trimp(np.array([60.0, 60.0]), np.array([0.74, 0.85]), ["m", "m"])
    assert trimp == pytest.approx([117.7, 166.9], abs=0.05)
    woman = reg.banister_trimp(np.array([60.0]), np.array([0.5]), ["f"])
    assert woman == pytest.approx(60 * 0.5 * 0.86 * np.exp(1.67 * 0.5))
    with pytest.raises(UserError, match="'x'"):
        reg.banister_trimp(np.array([60.0]), np.array([0.5]), ["x"])


def test_simulated_sessions_are_plausible_and_hide_their_noise():
    one, other = (reg.simulate_effects(60, 30, 0.3, seed) for seed in (0, 1))
    pd.testing.assert_frame_equal(one, reg.simulate_effects(60, 30, 0.3, 0))
    assert not np.allclose(one["effect"], other["effect"])
    assert one["effect"].between(0, 5).all()
    assert one["hr_reserve"].between(0.5, 0.9).all()
    assert one["hr_mean_bpm"].between(60, 215).all()
    floor = reg.mse(one["effect_expected"].to_numpy(), one["effect"].to_numpy())
    assert floor == pytest.approx(0.09, rel=0.15)
    line = np.column_stack([np.ones(len(one)), one[["hr_reserve", "duration_h"]]])
    fitted = reg.mse(line @ reg.closed_form(line, one["effect"]), one["effect"].to_numpy())
    assert 2 * floor < fitted < 0.8 * one["effect"].var()  # between the floor and the baseline


def write_tables(folder, **changes):
    sessions = {
        "session_id": ["1", "2", "3"],
        "athlete_id": ["7", "7", "8"],
        "start": ["2024-05-01T08:00:00Z"] * 3,
        "hr_mean_bpm": [125, 150, 140],
        "duration_s": [3600, 1800, 5400],
        "effect": [2.5, None, 3.0],
    }
    athletes = {"athlete_id": ["7", "8"], "sex": ["m", "f"]}
    athletes |= {"hr_rest_bpm": [50, 60], "hr_max_bpm": [200, 190]}
    sessions |= {k: v for k, v in changes.items() if k in sessions}
    athletes |= {k: v for k, v in changes.items() if k in athletes and k != "athlete_id"}
    pd.DataFrame(sessions).to_csv(folder / "sessions.csv", index=False)
    pd.DataFrame(athletes).to_csv(folder / "athletes.csv", index=False)


def test_the_readers_own_tables(tmp_path):
    write_tables(tmp_path)
    table = reg.read_effects(tmp_path)
    assert table["athlete_id"].tolist() == ["7", "8"]  # the session without effect is left out
    assert table["hr_reserve"].tolist() == pytest.approx([0.5, 80 / 130])
    assert table["duration_h"].tolist() == pytest.approx([1.0, 1.5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"athlete_id": ["7", "9", "9"]}, r"athletes\.csv: athlete '9'"),
        ({"effect": [2.5, 6.0, 3.0]}, r"sessions\.csv.*effect = 6\.0"),
        ({"effect": ["high", 1, 2]}, r"sessions\.csv: .*high"),
        ({"effect": [None, None, None]}, r"sessions\.csv: no row"),
        ({"sex": ["m", "woman"]}, "'woman'"),
        ({"hr_rest_bpm": [50, None]}, r"athletes\.csv: athlete '8'"),
        ({"hr_rest_bpm": [115, 60], "hr_max_bpm": [110, 190]}, "'7': hr_max_bpm is not above"),
    ],
)
def test_a_wrong_table_is_named(tmp_path, changes, message):
    write_tables(tmp_path, **changes)
    with pytest.raises(UserError, match=message) as error:
        reg.read_effects(tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(UserError, match=r"sessions\.csv: not found"):
        reg.read_effects(tmp_path)
