"""Rows of a table or windows of a recording as tensors, and what a trained network says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from sportsml_lite.errors import UserError
from sportsml_lite.training.augment import Sensors

CHUNK = 1024  # rows of a forward pass without gradients: bounds memory, changes no number


@dataclass(frozen=True)
class Sequences:
    """Rows or windows as a network reads them.

    X : (N, D) or (N, C, T) float, scaled, without gaps; mask : (N, T) bool, or None where nothing
    is padded; y : (N,) int64 class, -1 without a label, or float, NaN without one
    """

    X: torch.Tensor
    mask: torch.Tensor | None
    y: torch.Tensor

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows) -> Sequences:
        """The rows at an index, a slice or a (N,) bool tensor or array."""
        rows = rows if isinstance(rows, slice) else torch.as_tensor(rows)
        mask = None if self.mask is None else self.mask[rows]
        return Sequences(self.X[rows], mask, self.y[rows])


@dataclass(frozen=True)
class TrainData:
    """What a training needs.

    train, validation : :class:`Sequences` of different athletes
    signs : (G, C) symmetries of ±1, each window of a batch gets one by chance; None: there are none
    weight : (K,) of the classes, or None
    n_outputs : K classes, or 1
    sensors : what the channels are, for augmentation; None: not known

    Raises
    ------
    UserError naming the part: no rows, a missing value, shapes that differ, or nothing to validate
    """

    train: Sequences
    validation: Sequences
    signs: torch.Tensor | None = None
    weight: torch.Tensor | None = None
    n_outputs: int = 1
    sensors: Sensors | None = None

    def __post_init__(self):
        for name in ("train", "validation"):
            part = getattr(self, name)
            if not len(part):
                raise UserError(f"{name}: no windows; give at least one athlete with a recording")
            if not bool(torch.isfinite(part.X).all()):
                raise UserError(f"{name}: a window has a missing value; use prepare.fill_windows")
        shapes = {tuple(p.X.shape[1:]) for p in (self.train, self.validation)}
        signs = () if self.signs is None else tuple(self.signs.shape)
        if len(shapes) > 1 or (signs and signs[1] != self.train.X.shape[1]):
            raise UserError(
                f"windows of shapes {sorted(shapes)} and signs {signs}; give all the same channels"
            )
        y = self.validation.y
        known = torch.isfinite(y) if y.is_floating_point() else y >= 0
        if self.weight is not None:
            known &= self.weight[y.clamp(min=0)] > 0
        if not bool(known.any()):
            raise UserError("validation: no window has a label that training has too, so nothing "
                            "says which epoch is best; give other athletes")  # fmt: skip


def examples(X, y, X_val, y_val, dtype: torch.dtype = torch.float32) -> TrainData:
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
    arrays = {"X": X, "y": y, "X_val": X_val, "y_val": y_val}
    tensors = {name: as_tensor(values, name, dtype) for name, values in arrays.items()}
    for x_name, y_name in (("X", "y"), ("X_val", "y_val")):
        _check_pair(tensors[x_name], tensors[y_name], x_name, y_name)
    if tensors["X"].shape[1:] != tensors["X_val"].shape[1:]:
        shapes = f"{tuple(tensors['X'].shape)} and X_val {tuple(tensors['X_val'].shape)}"
        raise UserError(f"X has shape {shapes}; both need the same features, in the same order")
    train = Sequences(tensors["X"], None, tensors["y"])
    return TrainData(train, Sequences(tensors["X_val"], None, tensors["y_val"]))


def as_tensor(values, name: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Numbers as a tensor of their own.

    Raises
    ------
    UserError naming ``name`` and the row: text, a missing or an infinite value
    """
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


def without_labels(part: Sequences, rows: torch.Tensor) -> Sequences:
    """A copy in which the windows ``rows`` ((N,) bool) have no label."""
    y = part.y.clone()
    y[rows] = float("nan") if y.is_floating_point() else -1
    return replace(part, y=y)


@dataclass(frozen=True)
class TrainResult:
    """What a training returns.

    model : the network, in ``eval`` mode, with the weights of its best epoch
    history : a row an epoch: epoch (1, 2, …), step (batches so far), train_loss (mean over the
        epoch's rows, while the weights moved), val_loss (after it), seconds (wall time so far)
    seed : of the first weights and of the order of the batches
    """

    model: nn.Module
    history: pd.DataFrame
    seed: int

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept: the first of the lowest validation loss."""
        return int(self.history["epoch"][self.history["val_loss"].idxmin()])

    @property
    def val_loss(self) -> float:
        """Validation loss of the weights that were kept."""
        return float(self.history["val_loss"].min())


def outputs_of(
    model: nn.Module, part: Sequences, signs: torch.Tensor | None = None
) -> torch.Tensor:
    """Outputs of a network for all rows, averaged over the symmetries ``signs`` (G, C)."""
    total = 0
    with torch.inference_mode():
        for sign in [None] if signs is None else signs:
            each = []
            for begin in range(0, len(part), CHUNK):
                rows = part.take(slice(begin, begin + CHUNK))
                X = rows.X if sign is None else rows.X * sign[:, None]
                each.append(model(X) if part.X.ndim == 2 else model(X, rows.mask))
            total = total + torch.cat(each)
    return total.clone() if signs is None else total / len(signs)


def predict_values(model: nn.Module, X) -> np.ndarray:
    """Predictions of a network that was trained on a table.

    Parameters
    ----------
    model : a network of (N, D) features to (N,) numbers
    X : (N, D) array or table of features, scaled as in training

    Returns
    -------
    (N,) float array

    Raises
    ------
    UserError if X has a gap, or the features or the output do not have the model's shape
    """
    rows = as_tensor(X, "X", next(model.parameters()).dtype)
    training = model.training
    try:
        out = outputs_of(model.eval(), Sequences(rows, None, torch.zeros(len(rows))))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"X has shape {tuple(rows.shape)}: not the model's ({reason})") from None
    finally:
        model.train(training)
    if out.shape != (len(rows),):
        raise UserError(f"the model gives {tuple(out.shape)} for {len(rows)} rows; give it (N,)")
    return out.numpy()
