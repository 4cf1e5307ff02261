"""Training on tables: settings, Lightning against a plain loop, many seeds against one."""

import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sportsml_lite.errors import UserError
from sportsml_lite.models import MLP
from sportsml_lite.training import (
    OPTIMIZERS,
    TrainConfig,
    examples,
    fit_many,
    predict_values,
    repeatable,
)
from sportsml_lite.training.cache import fit_cached
from sportsml_lite.training.data import Sequences, TrainData
from sportsml_lite.training.stacked import gradient
from sportsml_lite.training.trainer import Batches, fit

# pytest undoes the filter that the package sets when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")

SMALL = partial(MLP, hidden=(16, 8))


def table(rows=330, n_features=4, seed=0, noise=0.3):
    """A regression with a bend and a product, which no linear model can follow."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, n_features))
    y = np.abs(X[:, 0]) + X[:, 1] * X[:, 2] + rng.normal(0, noise, rows)
    return X, y


def data_of(dtype=torch.float64, train=250, **options):
    X, y = table(**options)
    return examples(X[:train], y[:train], X[train:], y[train:], dtype)


@pytest.fixture(scope="module")
def data():
    return data_of()


def same_weights(one, other, atol):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(a, b, rtol=0, atol=atol) for a, b in pairs)


# --- config and examples -------------------------------------------------------------------------


def test_the_default_config_is_the_books():
    assert replace(TrainConfig(), patience=1) == TrainConfig("adamw", 1e-3, 0.01, 32, 1000, 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"optimizer": "adamW"}, "'adamW' is unknown: choose 'sgd', 'momentum', 'adam'"),
        ({"rate": 0.0}, "rate = 0.0: give a number from 1e-07 to 10"),
        ({"rate": float("nan")}, "rate = nan"),
        ({"rate": "0.1"}, "rate = '0.1'"),
        ({"batch_size": 0}, "batch_size = 0: give a whole number from 1 to"),
        ({"batch_size": 32.0}, "batch_size = 32.0: give a whole number"),
        ({"max_epochs": -1}, "max_epochs = -1"),
        ({"patience": True}, "patience = True"),
    ],
)
def test_a_wrong_config_is_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        TrainConfig(**wrong)


def _with(name, value):
    X, y = table(20)
    arrays = {"X": X, "y": y, "X_val": X[:5], "y_val": y[:5]}
    return arrays | {name: value(arrays[name].copy())}


def _gap(array):
    array[3] = np.nan
    return array


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("y", lambda y: y[:, None], r"y has shape \(20, 1\); give \(N,\).*mean predictor"),
        ("y_val", lambda y: y[:, None], r"y_val has shape \(5, 1\)"),
        ("y", lambda y: y[:-1], r"X has shape \(20, 4\) and y \(19,\)"),
        ("X", lambda X: X[:, 0], r"X has shape \(20,\)"),
        ("X_val", lambda X: X[:, 1:], r"X has shape \(20, 4\) and X_val \(5, 3\)"),
        ("X", _gap, "X, row 3: a value is missing or infinite; impute it"),
        ("y", lambda y: y / 0.0, "y, row 0: a value is missing or infinite"),
        ("y_val", _gap, "y_val, row 3"),
        ("X", lambda X: X.astype(str).astype(object) + "m", "X holds something that is no number"),
        ("y", lambda y: 1.0, r"y \(1,\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_examples_are_named(name, value, said):
    with pytest.raises(UserError, match=said):
        examples(**_with(name, value))


def test_no_rows_are_refused():
    X, y = table(5)
    with pytest.raises(UserError, match="at least one row"):
        examples(X, y, X[:0], y[:0])


def test_examples_are_copies_and_take_tables():
    X, y = table(20)
    data = examples(pd.DataFrame(X), pd.Series(y), X, y)
    assert data.train.X.dtype == torch.float32
    X[:] = 0
    assert not torch.equal(data.validation.X, torch.zeros(20, 4))


# --- batches -------------------------------------------------------------------------------------


def batches_of(X, y, size, seed):
    part = Sequences(X, None, y)
    return Batches(TrainData(part, part), None, TrainConfig(batch_size=size), seed)


@given(rows=st.integers(1, 70), size=st.integers(1, 80), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_an_epoch_shows_every_row_once_with_its_target(rows, size, seed):
    numbers = torch.arange(rows)
    batches = batches_of(numbers[:, None], 10 * numbers, size, seed)
    for _ in range(2):
        parts = [(X, y) for X, _, y, _ in batches]
        assert [len(y) for _, y in parts[:-1]] == [min(size, rows)] * (len(batches) - 1)
        X, y = (torch.cat(part) for part in zip(*parts, strict=True))
        assert torch.equal(10 * X[:, 0], y)
        assert torch.equal(X[:, 0].sort().values, numbers)


def test_orders_change_with_epoch_and_seed_and_repeat():
    def orders(seed):
        batches = batches_of(torch.arange(50)[:, None], torch.arange(50), 50, seed)
        return [next(iter(list(batches)))[2].tolist() for _ in range(3)]

    a, b, c = orders(1)
    assert a != b != c != a
    assert orders(1) == [a, b, c]
    assert orders(2)[0] != a


# --- one network ---------------------------------------------------------------------------------


def plain_loop(data, seed, epochs):
    """The config as a textbook writes it, with torch's own DataLoader."""
    torch.manual_seed(seed)
    model = SMALL(4).double()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rows = torch.utils.data.TensorDataset(data.train.X, data.train.y)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(rows), generator=generator).tolist()
        for X, y in torch.utils.data.DataLoader(rows, batch_size=32, sampler=order):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(X), y).backward()
            optimizer.step()
    return model


def test_lightning_takes_the_steps_of_the_plain_loop(data):
    fitted = fit(SMALL, data, seed=3, config=TrainConfig(max_epochs=3))
    assert fitted.best_epoch == 3  # else the weights are an earlier epoch's
    assert same_weights(fitted.model, plain_loop(data, 3, 3), atol=1e-12)


@pytest.fixture(scope="module")
def stopped(data):
    config = TrainConfig(rate=0.02, max_epochs=200, patience=3)
    return fit(SMALL, data, seed=0, config=config)


def test_it_learns_what_a_mean_cannot(stopped, data):
    assert stopped.val_loss < 0.5 * data.validation.y.var()


def test_it_stops_early_and_keeps_the_best_weights(stopped, data):
    history = stopped.history
    assert list(history) == ["epoch", "step", "train_loss", "val_loss", "seconds"]
    assert list(history["epoch"]) == list(range(1, len(history) + 1))
    assert len(history) == stopped.best_epoch + 3 < 200
    error = predict_values(stopped.model, data.validation.X) - data.validation.y.numpy()
    assert np.mean(error**2) == pytest.approx(stopped.val_loss, rel=1e-12)
    assert history["seconds"].is_monotonic_increasing


def test_train_loss_is_the_mean_over_rows():
    data = data_of(train=33)  # the second batch holds one row
    fitted = fit(SMALL, data, seed=0, config=TrainConfig(optimizer="sgd", rate=1e-7, max_epochs=1))
    error = predict_values(fitted.model, data.train.X) - data.train.y.numpy()
    assert fitted.history["train_loss"][0] == pytest.approx(np.mean(error**2), rel=1e-5)


def test_the_best_weights_include_running_statistics(data):
    def build(n_features):
        return nn.Sequential(nn.BatchNorm1d(n_features), MLP(n_features, (8,)))

    fitted = fit(build, data, seed=0, config=TrainConfig(rate=0.1, max_epochs=12))
    assert fitted.best_epoch < 12
    error = predict_values(fitted.model, data.validation.X) - data.validation.y.numpy()
    assert np.mean(error**2) == pytest.approx(fitted.val_loss, rel=1e-12)


class Mean(nn.Module):
    def __init__(self, n_channels):
        super().__init__()
        self.head = MLP(n_channels, (4,))

    def forward(self, X, mask):
        return self.head(X.mean(2))


def test_windows_train_too():
    X = np.random.default_rng(0).normal(size=(60, 2, 9))
    fitted = fit(Mean, examples(X, X[:, 0, 0], X, X[:, 0, 0]), config=TrainConfig(max_epochs=2))
    assert len(fitted.history) == 2


def test_one_seed_one_result_and_the_callers_random_numbers_are_left_alone(data):
    threads = torch.get_num_threads()
    before = torch.get_rng_state()
    one, two, other = (fit(SMALL, data, s, TrainConfig(max_epochs=2)) for s in (1, 1, 2))
    assert same_weights(one.model, two.model, atol=0)
    assert not same_weights(one.model, other.model, atol=1e-3)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True, None])
def test_a_wrong_seed_is_refused(seed):
    with pytest.raises(UserError, match="seed = "), repeatable(seed):
        pass


def test_a_column_of_predictions_does_not_broadcast(data):
    """(N, 1) against (N,) would make an (N, N) table, and train a mean predictor."""
    fitted = fit(
        partial(nn.Linear, out_features=1), data, config=TrainConfig(rate=0.05, max_epochs=9)
    )
    error = fitted.model(data.validation.X)[:, 0] - data.validation.y
    assert error.detach().square().mean().item() == pytest.approx(fitted.val_loss, rel=1e-9)


def test_divergence_is_said(data):
    vast = replace(data, train=replace(data.train, y=1e160 * data.train.y))
    for way in (fit, lambda build, data, seed, config: fit_many(build, data, [seed], config)[0]):
        with pytest.raises(UserError, match="lower the rate"):
            way(SMALL, vast, 0, TrainConfig("sgd"))


def test_a_notebook_stays_quiet_and_its_folder_empty(tmp_path):
    code = """
import numpy as np
from sportsml_lite.models import MLP
from sportsml_lite.training import TrainConfig, examples, fit
X = np.random.default_rng(0).normal(size=(50, 3))
fit(MLP, examples(X, X[:, 0], X, X[:, 0]), 0, TrainConfig(max_epochs=2))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_predict_refuses_what_does_not_fit(stopped):
    with pytest.raises(UserError, match=r"X has shape \(5, 3\): not the model's"):
        predict_values(stopped.model, np.zeros((5, 3)))
    with pytest.raises(UserError, match="X, row 0"):
        predict_values(stopped.model, np.full((5, 4), np.nan))
    with pytest.raises(UserError, match=r"gives \(5, 1\) for 5 rows"):
        predict_values(nn.Linear(4, 1), np.zeros((5, 4)))


def test_predict_does_not_depend_on_the_number_of_rows_or_the_mode():
    X, _ = table(9000)
    model = nn.Sequential(nn.BatchNorm1d(4), MLP(4)).train()
    whole = predict_values(model, X)
    assert model.training
    np.testing.assert_allclose(
        predict_values(model.eval(), X[4090:4100]), whole[4090:4100], atol=1e-6
    )


# --- many networks -------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(5,), (6, 4), (5, 6, 4)])
def test_the_gradient_by_hand_is_autograds(hidden):
    torch.manual_seed(0)
    networks = [MLP(3, hidden).double() for _ in range(4)]
    X, y = torch.randn(4, 7, 3, dtype=float), torch.randn(4, 7, dtype=float)
    parameters = zip(*(n.parameters() for n in networks), strict=True)
    with torch.no_grad():
        losses, gradients = gradient([torch.stack(each) for each in parameters], X, y)
    for s, network in enumerate(networks):
        loss = nn.functional.mse_loss(network(X[s]), y[s])
        loss.backward()
        assert losses[s].item() == pytest.approx(loss.item(), rel=1e-12)
        for p, g in zip(network.parameters(), gradients, strict=True):
            torch.testing.assert_close(g[s], p.grad, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_many_seeds_equal_each_alone(data, optimizer):
    config = TrainConfig(optimizer, max_epochs=3)
    many = fit_many(MLP, data, [5, 0, 7], config)
    assert [one.seed for one in many] == [5, 0, 7]
    for one in many:
        alone = fit(MLP, data, one.seed, config)
        assert same_weights(one.model, alone.model, atol=1e-8)
        columns = ["epoch", "train_loss", "val_loss"]
        pd.testing.assert_frame_equal(one.history[columns], alone.history[columns], rtol=1e-8)


@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_each_seed_stops_for_itself(data, optimizer):
    config = TrainConfig(optimizer, rate=0.01, max_epochs=40, patience=2)
    many = fit_many(SMALL, data, range(4), config)
    assert len({len(one.history) for one in many}) > 1  # some leave the stack before others
    for one in many:
        alone = fit(SMALL, data, one.seed, config)
        assert len(one.history) == len(alone.history)
        assert one.best_epoch == alone.best_epoch
        assert same_weights(one.model, alone.model, atol=1e-8)


def test_float32_follows_for_an_epoch():
    data = data_of(torch.float32)
    (one,) = fit_many(MLP, data, [4], TrainConfig(max_epochs=1))
    assert same_weights(one.model, fit(MLP, data, 4, TrainConfig(max_epochs=1)).model, atol=1e-5)


def test_many_refuses_what_it_cannot_stack(data):
    with pytest.raises(UserError, match="each once"):
        fit_many(MLP, data, [1, 1])
    with pytest.raises(UserError, match="at least one"):
        fit_many(MLP, data, [])
    with pytest.raises(UserError, match="use fit for each seed"):
        fit_many(lambda d: nn.Sequential(nn.Linear(d, 1), nn.Flatten(0)), data, [0])


# --- trained once ---------------------------------------------------------------------------------


def test_training_is_done_once_for_the_same_inputs(tmp_path, data):
    config = TrainConfig(max_epochs=2)
    once = fit_cached(SMALL, data, 0, config, folder=tmp_path)
    again = fit_cached(SMALL, data, 0, config, folder=tmp_path)
    pd.testing.assert_frame_equal(once.history, again.history)  # with the first one's seconds
    assert same_weights(once.model, again.model, atol=0)
    assert not again.model.training
    (path,) = tmp_path.glob("*.pt")
    path.write_bytes(b"spoilt")
    anew = fit_cached(SMALL, data, 0, config, folder=tmp_path)
    assert same_weights(once.model, anew.model, atol=0)
    assert (anew.history["seconds"] != once.history["seconds"]).all()


def _odd_one(function):
    class Odd(nn.Module):
        forward = function

    return Odd()


def _tanh(self, X):
    return X[:, 0].tanh()


def _sine(self, X):
    return X[:, 0].sin()


def test_whatever_changes_trains_anew(tmp_path, data):
    config = TrainConfig(max_epochs=1)
    part = data.validation
    other = replace(data, validation=replace(part, y=part.y + 1e-9))

    def with_code(function, n_features):
        network = SMALL(n_features)
        network.extra = _odd_one(function)
        return network

    def warm(n_features):
        network = SMALL(n_features)
        nn.init.zeros_(network.layers[0].bias)
        return network

    calls = [
        (SMALL, data, 0, config),
        (partial(MLP, hidden=(16, 9)), data, 0, config),
        (SMALL, other, 0, config),
        (SMALL, data, 1, config),
        (SMALL, data, 0, replace(config, rate=2e-3)),
        (warm, data, 0, config),
        (partial(with_code, _tanh), data, 0, config),
        (partial(with_code, _sine), data, 0, config),
    ]
    for done, call in enumerate(calls, 1):
        fit_cached(*call, folder=tmp_path)
        fit_cached(*call, folder=tmp_path)
        assert len(list(tmp_path.glob("*.pt"))) == done
