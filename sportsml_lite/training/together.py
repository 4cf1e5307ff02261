"""Several students trained side by side: seeds, settings, losses and labels of their own.

A step of a network this small is mostly the way to it. Side by side, one call moves several, with
the gradient of :mod:`~sportsml_lite.training.students`; each network has its own batches, schedule,
clipping and optimizer, and stops for itself, so that it becomes what it would become alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from sportsml_lite import losses
from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.training.config import TrainConfig, repeatable
from sportsml_lite.training.data import TrainData, TrainResult
from sportsml_lite.training.stacked import Track
from sportsml_lite.training.students import Seen, at_once, gradient, outputs


@dataclass(frozen=True)
class Ask:
    """One training; the parts are those of :func:`~sportsml_lite.training.trainer.fit`."""

    build: Callable[..., nn.Module]
    data: TrainData
    seed: int
    config: TrainConfig
    loss: Callable
    soft: torch.Tensor | None = None


def fit_students(asks: Sequence[Ask]) -> list[TrainResult]:
    """Train students, each as :func:`~sportsml_lite.training.trainer.fit` would, several at once.

    Those whose windows and batches have the same shape stand side by side, as many as the
    processor's cache holds. Equal to ``fit`` but for rounding: within 1e-8 in float64 over a few
    epochs. In float32 long runs drift apart, as they do between two machines.

    Parameters
    ----------
    asks : seeds, data, settings, losses and soft labels may all differ

    Returns
    -------
    one result a training, in their order; ``seconds`` is the time of all that train beside it

    Raises
    ------
    UserError as ``fit`` does, or if a network is no :class:`~sportsml_lite.models.Student`
    """
    runs = [_Run(ask) for ask in asks]
    alike = {}
    for run in runs:
        alike.setdefault(run.shape, []).append(run)
    for same in alike.values():
        for begin in range(0, len(same), same[0].beside):
            with repeatable(same[begin].ask.seed):
                _train(same[begin : begin + same[0].beside])
    return [run.track.result(run.model, run.ask.seed) for run in runs]


class _Run:
    """One network under way: its row of weights with all that moves it."""

    def __init__(self, ask: Ask):
        from sportsml_lite.training.trainer import Batches, build_model, check_soft

        self.ask, config, train = ask, ask.config, ask.data.train
        check_soft(ask.data, ask.loss, ask.soft)
        with repeatable(ask.seed):
            self.model = build_model(ask.build, ask.data)
        if type(self.model) is not Student:
            kind = type(self.model).__name__
            raise UserError(f"{kind}: only students are trained side by side; use fit")
        self.row = nn.Parameter(nn.utils.parameters_to_vector(self.model.parameters()).detach())
        self.optimizer = config.make_optimizer([self.row])
        self.batches = Batches(ask.data, ask.soft, config, ask.seed)
        self.track, self.step = Track(), 0
        # What must agree, for the steps of several to be the same operations.
        self.shape = (
            *(tuple(p.shape) for p in self.model.parameters()), self.model.stride,
            train.X.dtype, train.X.shape[1:], train.mask is None,
            len(self.batches), self.batches.size, config.steps_per_epoch or len(train),
        )  # fmt: skip
        self.beside = max(1, at_once(self.model, train.X.shape[2]) // self.batches.size)

    def move(self, gradient: torch.Tensor) -> None:
        """One step of the optimizer."""
        config, self.row.grad = self.ask.config, gradient
        if config.clip:
            gradient.mul_((config.clip / (gradient.norm() + 1e-6)).clamp(max=1))
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate * config.factor(self.step)
        self.optimizer.step()
        self.step += 1

    def loss(self, outputs, y, soft):
        """Of one batch, by the outputs (M, K)."""
        return self.ask.loss(outputs, y, soft, self.ask.data.weight)

    def validate(self, weights) -> float:
        """Validation loss of the weights, stacked of this network alone."""
        part = self.ask.data.validation
        size = at_once(self.model, part.X.shape[2])
        with torch.no_grad():
            each = []
            for begin in range(0, len(part), size):
                few = part.take(slice(begin, begin + size))
                mask = None if few.mask is None else few.mask[None]
                each.append(outputs(weights, Seen.of(self.model, few.X[None], mask))[0])
            return float(losses.hard_loss(torch.cat(each), part.y, self.ask.data.weight))

    @property
    def finished(self) -> bool:
        return len(self.track.rows) >= self.ask.config.max_epochs or self.track.finished(
            self.ask.config.patience
        )


def _train(runs: list[_Run]) -> None:
    while runs:
        weights = _beside(runs)
        train = _epoch(runs, weights)
        for i, run in enumerate(runs):
            own = {name: w[i : i + 1] for name, w in weights.items()}
            state = {name: w[0] for name, w in own.items()}
            run.track.add(len(run.batches), train[i].item(), run.validate(own), state)
        runs = [run for run in runs if not run.finished]


def _beside(runs: list[_Run]) -> dict[str, torch.Tensor]:
    """The weights (S, ...) by name; each network's optimizer goes on in its row of them."""
    rows = torch.stack([run.row.data for run in runs])
    for run, row in zip(runs, rows, strict=True):
        run.row.data = row
    parameters = dict(runs[0].model.named_parameters())
    parts = rows.split([p.numel() for p in parameters.values()], 1)
    return {name: part.view(len(runs), *p.shape)
            for (name, p), part in zip(parameters.items(), parts, strict=True)}  # fmt: skip


def _epoch(runs, weights) -> torch.Tensor:
    """One epoch of all; returns the mean loss (S,) over the rows."""
    total, rows = 0, 0
    for batches in zip(*(run.batches for run in runs), strict=True):
        X, mask, y, soft = zip(*batches, strict=True)

        def slope(logits, y=y, soft=soft):
            with torch.enable_grad():
                leaf = logits.detach().requires_grad_()
                each = torch.stack([run.loss(o, *its) for run, o, *its in
                                    zip(runs, leaf, y, soft, strict=True)])  # fmt: skip
                return each.detach(), torch.autograd.grad(each.sum(), leaf)[0]

        masks = torch.stack(mask) if mask[0].numel() else None
        seen = Seen.of(runs[0].model, torch.stack(X), masks)
        found, slopes = gradient(weights, seen, slope)
        every = torch.cat([slopes[name].flatten(1) for name in weights], 1)
        for run, own in zip(runs, every, strict=True):
            run.move(own)
        total, rows = total + found * len(y[0]), rows + len(y[0])
    return total / rows
