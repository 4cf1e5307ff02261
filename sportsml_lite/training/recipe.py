"""What every training shares: the recipe, the examples, what comes out, and how to predict."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from sportsml_lite.errors import UserError

# Name → class and what differs from torch's defaults (weight decay of AdamW: torch's 0.01).
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
}
RANGES = {
    "rate": (1e-7, 10.0),
    "batch_size": (1, 1_000_000),
    "max_epochs": (1, 100_000),
    "patience": (1, 100_000),
}
CHUNK = 4096  # rows of a forward pass without gradients: bounds memory, changes no number


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults are the book's.

    Parameters
    ----------
    optimizer : ``'sgd'``, ``'momentum'`` (SGD with momentum 0.9), ``'adam'`` or ``'adamw'``
    rate : learning rate, 1e-7 to 10
    batch_size : rows a step, 1 to 1,000,000; the last batch of an epoch may be smaller
    max_epochs : passes over the training rows, 1 to 100,000
    patience : epochs without a lower validation MSE after which training stops, 1 to 100,000

    Raises
    ------
    UserError naming the parameter and what it may be
    """

    optimizer: str = "adamw"
    rate: float = 1e-3
    batch_size: int = 32
    max_epochs: int = 1000
    patience: int = 20

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(map(repr, OPTIMIZERS))
            raise UserError(f"optimizer {self.optimizer!r} is unknown: choose one of {known}")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            kind, word = ((int, float), "number") if name == "rate" else (int, "whole number")
            right = isinstance(value, kind) and not isinstance(value, bool)
            if not right or not low <= value <= high:
                raise UserError(f"{name} = {value!r}: give a {word} from {low:g} to {high:g}")

    def make_optimizer(self, parameters) -> torch.optim.Optimizer:
        """The optimizer of ``parameters``; *fused*: one pass over memory, the same arithmetic."""
        kind, options = OPTIMIZERS[self.optimizer]
        return kind(parameters, lr=self.rate, fused=True, **options)


RECIPE = Recipe()


@dataclass(frozen=True)
class Examples:
    """Rows to learn from and rows that say when to stop, as tensors; :func:`examples` checks them.

    X, X_val : (N, D) or (N, C, T) features; y, y_val : (N,) targets
    """

    X: torch.Tensor
    y: torch.Tensor
    X_val: torch.Tensor
    y_val: torch.Tensor


def examples(X, y, X_val, y_val, dtype: torch.dtype = torch.float32) -> Examples:
    """Check arrays or tables and copy them into tensors, once, before any training.

    Parameters
    ----------
    X, X_val : (N, D) features, or (N, C, T) windows, scaled and without gaps
    y, y_val : (N,) targets
    dtype : ``torch.float32``; ``torch.float64`` to compare two computations

    Raises
    ------
    UserError naming the array, the row and what to do: a target of shape (N, 1), lengths or
    features that do not agree, no rows, text, missing or infinite values
    """
    data = Examples(
        *(_tensor(v, name, dtype) for v, name in ((X, "X"), (y, "y"))),
        *(_tensor(v, name, dtype) for v, name in ((X_val, "X_val"), (y_val, "y_val"))),
    )
    _check_pair(data.X, data.y, "X", "y")
    _check_pair(data.X_val, data.y_val, "X_val", "y_val")
    if data.X.shape[1:] != data.X_val.shape[1:]:
        shapes = f"{tuple(data.X.shape)} and X_val {tuple(data.X_val.shape)}"
        raise UserError(f"X has shape {shapes}; both need the same features, in the same order")
    return data


def _tensor(values, name: str, dtype: torch.dtype) -> torch.Tensor:
    try:
        array = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} holds something that is no number ({error}); encode it") from None
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1) if array.size else np.array([])
    if not finite.all():
        row = int(np.argmin(finite))
        raise UserError(f"{name}, row {row}: a value is missing or infinite; impute it, or drop it")
    return torch.tensor(array, dtype=dtype)


def _check_pair(X: torch.Tensor, y: torch.Tensor, x_name: str, y_name: str) -> None:
    if y.ndim != 1:
        raise UserError(
            f"{y_name} has shape {tuple(y.shape)}; give (N,), e.g. with .reshape(-1): (N, 1) would "
            "broadcast and train a mean predictor"
        )
    if X.ndim < 2 or len(X) != len(y) or len(y) == 0:
        raise UserError(
            f"{x_name} has shape {tuple(X.shape)} and {y_name} {tuple(y.shape)}; "
            "give (N, D) and (N,), with at least one row"
        )


@dataclass(frozen=True)
class Fitted:
    """What a training returns.

    model : the network, in ``eval`` mode, with the weights of its best epoch
    history : a row an epoch: epoch (1, 2, …), train_mse (mean over the epoch's batches, while the
        weights moved), val_mse (after the epoch), seconds (wall time since the start)
    seed : of the first weights and of the order of the batches
    """

    model: nn.Module
    history: pd.DataFrame
    seed: int

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept: the first of the lowest validation MSE."""
        return int(self.history["epoch"][self.history["val_mse"].idxmin()])

    @property
    def val_mse(self) -> float:
        """Validation MSE of the weights that were kept."""
        return float(self.history["val_mse"].min())


class Track:
    """History of a training under way, and a copy of the weights of its best epoch so far."""

    def __init__(self):
        self.rows, self.best, self.weights, self.waited = [], math.inf, None, 0
        self.begun = time.perf_counter()

    def add(self, train_mse: float, val_mse: float, weights: dict[str, torch.Tensor]) -> None:
        """Note one epoch; keep a copy of ``weights`` if its validation MSE is the lowest."""
        seconds = time.perf_counter() - self.begun
        self.rows.append((len(self.rows) + 1, train_mse, val_mse, seconds))
        self.waited += 1
        if val_mse < self.best:
            self.best, self.waited = val_mse, 0
            self.weights = {name: w.detach().clone() for name, w in weights.items()}

    def finished(self, patience: int) -> bool:
        """Whether ``patience`` epochs brought nothing, or the error is no longer a number."""
        return self.waited >= patience or not math.isfinite(self.rows[-1][2])

    def fitted(self, model: nn.Module, seed: int) -> Fitted:
        """Give ``model`` the best weights.

        Raises
        ------
        UserError if no epoch had a finite validation MSE
        """
        if self.weights is None:
            raise UserError("training diverged in its first epoch: lower the learning rate `rate`")
        model.load_state_dict(self.weights)
        history = pd.DataFrame(self.rows, columns=["epoch", "train_mse", "val_mse", "seconds"])
        return Fitted(model.eval(), history, seed)


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Inside: torch's random numbers begin at ``seed``, one thread, deterministic algorithms.

    One thread because small matrices run slower on two, and because the order of a sum is then
    fixed. Everything is put back at the end.

    Raises
    ------
    UserError if ``seed`` is not a whole number from 0 on
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise UserError(f"seed = {seed!r}: give a whole number from 0 on")
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seed))
            torch.set_num_threads(1)
            torch.use_deterministic_algorithms(True)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


def build_model(build: Callable[[int], nn.Module], data: Examples) -> nn.Module:
    """``build(number of features)`` in the data's dtype; seed it with :func:`repeatable`."""
    return build(data.X.shape[1]).to(data.X.dtype)


def predict(model: nn.Module, X) -> np.ndarray:
    """Predictions of a trained model.

    Parameters
    ----------
    model : a network of (N, ...) features to (N,) numbers
    X : (N, ...) array or table of features, scaled as in training

    Returns
    -------
    (N,) float array

    Raises
    ------
    UserError if X has a gap, or the features or the output do not have the model's shape
    """
    rows = _tensor(X, "X", next(model.parameters()).dtype)
    training = model.training
    try:
        with torch.inference_mode():
            model.eval()
            parts = [model(part) for part in rows.split(CHUNK)]
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"X has shape {tuple(rows.shape)}: not the model's ({reason})") from None
    finally:
        model.train(training)
    out = torch.cat(parts)
    if out.shape != (len(rows),):
        raise UserError(f"the model gives {tuple(out.shape)} for {len(rows)} rows; give it (N,)")
    return out.numpy()
