"""Many seeds at once: S perceptrons side by side in tensors with one more dimension in front.

A network this small leaves the processor waiting for Python. Stacked, one call moves S of them:
matrix products become batched ones, and since the optimizers of this book work element by element,
every network takes the steps that it would take alone. That holds because each network keeps the
gradient of its own loss, as if the S losses were *added*: their mean would shrink every step by S,
and a limit on the length of the common gradient would couple the networks.

``weights`` is here an MLP's parameters in their own order (W, b of each layer), stacked:
W (S, above, below), b (S, above).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import nn

from sportsml_lite.errors import UserError
from sportsml_lite.models import MLP
from sportsml_lite.training.config import TrainConfig, repeatable
from sportsml_lite.training.data import TrainData, TrainResult

Weights = list[torch.Tensor]


def forward(weights: Weights, X: torch.Tensor) -> list[torch.Tensor]:
    """The input and every layer's output: hidden ones after their ReLU, last the prediction.

    Parameters
    ----------
    weights : stacked, of S perceptrons
    X : (S, N, D) features; network s reads ``X[s]``

    Returns
    -------
    tensors (S, N, units), the last one with one unit
    """
    outputs = [X]
    for W, b in zip(weights[::2], weights[1::2], strict=True):
        if len(outputs) > 1:
            outputs[-1].relu_()
        outputs.append(torch.baddbmm(b.unsqueeze(1), outputs[-1], W.mT))
    return outputs


def gradient(
    weights: Weights, X: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    r"""The whole MSE of each of S perceptrons, and its gradient: back-propagation written out.

    With :math:`h_l` the output of layer l and :math:`\delta_L = \tfrac{2}{B} (p - y)` at the last,

    .. math:: \nabla W_l = \delta_l^\top h_{l-1}, \quad \nabla b_l = \sum_i \delta_{l,i}, \quad
       \delta_{l-1} = (\delta_l W_l) \odot [h_{l-1} > 0]

    These are the numbers of ``loss.backward()``, without the time it takes to note what was done.

    Parameters
    ----------
    weights : stacked, of S perceptrons
    X : (S, B, D) features of a batch; y : (S, B) targets

    Returns
    -------
    losses (S,), and a gradient of each tensor of ``weights``
    """
    *hidden, prediction = forward(weights, X)
    error = prediction.squeeze(-1) - y
    delta = (2 / y.shape[1]) * error.unsqueeze(-1)
    gradients = []
    for W, below in zip(weights[::2][::-1], hidden[::-1], strict=True):
        gradients = [torch.bmm(delta.mT, below), delta.sum(1), *gradients]
        if below is not X:
            delta = torch.bmm(delta, W).mul_(below.sign())  # after a ReLU the sign is 0 or 1
    return error.square().mean(1), gradients


def fit_many(
    build: Callable[[int], nn.Module],
    data: TrainData,
    seeds: Sequence[int],
    config: TrainConfig | None = None,
) -> list[TrainResult]:
    """Train an MLP from each of several seeds, all at once.

    Each seed has its own first weights, its own order of batches and its own early stopping, and
    gets what :func:`~sportsml_lite.training.trainer.fit` gives it alone, but for rounding:
    equal within 1e-8 over three epochs in float64. In float32 long runs drift apart, as they do
    between two machines.

    Parameters
    ----------
    build : makes an untrained :class:`~sportsml_lite.models.MLP` from the number of features
    data : from :func:`~sportsml_lite.training.data.examples`
    seeds : whole numbers, each once
    config : as for ``fit``; one pass an epoch, a constant rate, no clipping and no augmentation

    Returns
    -------
    one result a seed, in their order; ``seconds`` is the time of all that still trained

    Raises
    ------
    UserError if a seed comes twice, ``build`` or ``config`` cannot be stacked, or training diverges
    """
    seeds, config = list(seeds), config or TrainConfig()
    if not seeds or len(set(seeds)) < len(seeds):
        raise UserError(f"seeds {seeds}: give at least one, and each once")
    if config.schedule != "constant" or config.clip or config.steps_per_epoch or config.augment:
        raise UserError(
            "fit_many: no schedule, clipping or augmentation, one pass an epoch; use fit"
        )
    models = []
    for seed in seeds:
        with repeatable(seed):
            models.append(build(data.train.X.shape[1]).to(data.train.X.dtype))
    if type(models[0]) is not MLP or data.train.X.ndim != 2:
        raise UserError("fit_many stacks the MLP on (N, D) features only; use fit for each seed")
    with repeatable(seeds[0]), torch.no_grad():
        tracks = _train(models, data, seeds, config)
    return [t.result(m, s) for t, m, s in zip(tracks, models, seeds, strict=True)]


class Track:
    """History of one network under way, and a copy of the weights of its best epoch so far."""

    def __init__(self):
        self.rows, self.best, self.weights, self.waited = [], math.inf, None, 0
        self.begun = time.perf_counter()

    def add(self, steps: int, train: float, val: float, weights: dict[str, torch.Tensor]) -> None:
        epoch, spent = len(self.rows) + 1, time.perf_counter() - self.begun
        self.rows.append((epoch, epoch * steps, train, val, spent))
        self.waited += 1
        if val < self.best:
            self.best, self.waited = val, 0
            self.weights = {name: w.detach().clone() for name, w in weights.items()}

    def finished(self, patience: int) -> bool:
        return self.waited >= patience or not math.isfinite(self.rows[-1][3])

    def result(self, model: nn.Module, seed: int) -> TrainResult:
        """The network with its best weights.

        Raises
        ------
        UserError if no validation loss was finite
        """
        if self.weights is None:
            raise UserError("training diverged: no finite validation loss; lower the rate")
        model.load_state_dict(self.weights)
        columns = ["epoch", "step", "train_loss", "val_loss", "seconds"]
        return TrainResult(model.eval(), pd.DataFrame(self.rows, columns=columns), seed)


def _train(models: list[MLP], data: TrainData, seeds: list[int], config) -> list[Track]:
    names = [name for name, _ in models[0].named_parameters()]
    weights = [torch.stack(each) for each in zip(*(m.parameters() for m in models), strict=True)]
    optimizer = config.make_optimizer(weights)
    orders = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    tracks = [Track() for _ in seeds]
    active = list(range(len(seeds)))
    size = min(config.batch_size, len(data.train))
    steps = -(-len(data.train) // size)
    for _ in range(config.max_epochs):
        own = [orders[i] for i in active]
        train = _epoch(weights, optimizer, data, own, size)
        val = _validate(weights, data)
        for row, i in enumerate(active):
            state = {name: w[row] for name, w in zip(names, weights, strict=True)}
            tracks[i].add(steps, train[row].item(), val[row].item(), state)
        rows = [r for r, i in enumerate(active) if not tracks[i].finished(config.patience)]
        if not rows:
            break
        if len(rows) < len(active):
            active = [active[r] for r in rows]
            keep_rows(rows, weights, optimizer)
    return tracks


def _epoch(weights, optimizer, data, orders, batch_size) -> torch.Tensor:
    """One pass, each network in its own order; returns the mean loss (S,) over the rows."""
    rows = data.train
    order = torch.stack([torch.randperm(len(rows), generator=own) for own in orders])
    total = torch.zeros(len(orders), dtype=rows.y.dtype)
    batches = (part[order].split(batch_size, 1) for part in (rows.X, rows.y))
    for X, y in zip(*batches, strict=True):
        losses, gradients = gradient(weights, X, y)
        for w, g in zip(weights, gradients, strict=True):
            w.grad = g
        optimizer.step()
        total += losses * y.shape[1]
    return total / len(rows)


def _validate(weights, data) -> torch.Tensor:
    """Validation MSE (S,) of each network."""
    part = data.validation
    everyone = part.X.expand(len(weights[0]), -1, -1)
    return (forward(weights, everyone)[-1].squeeze(-1) - part.y).square().mean(1)


def keep_rows(rows: list[int], weights: Weights, optimizer: torch.optim.Optimizer) -> None:
    """Leave only these networks in the stack, and in the optimizer's memory of them."""
    for w in weights:
        for name, value in optimizer.state[w].items():
            if torch.is_tensor(value) and value.ndim:  # the count of steps is common to all
                optimizer.state[w][name] = value[rows]
        w.data = w.data[rows]
