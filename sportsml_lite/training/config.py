"""How a network is trained, the same words for every training of the book."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.training.augment import Augment

# Name → class and what differs from torch's defaults.
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
}
SCHEDULES = ("constant", "cosine")
RANGES = {
    "rate": (1e-7, 10.0),
    "weight_decay": (0.0, 10.0),
    "batch_size": (1, 1_000_000),
    "max_epochs": (1, 100_000),
    "patience": (1, 100_000),
    "steps_per_epoch": (1, 1_000_000),
    "clip": (1e-9, 1e9),
}
REAL = ("rate", "weight_decay", "clip")


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained; the defaults are those of the book's MLP.

    Parameters
    ----------
    optimizer : ``'sgd'``, ``'momentum'`` (SGD with momentum 0.9), ``'adam'`` or ``'adamw'``
    rate : highest learning rate, 1e-7 to 10; weight_decay : of AdamW, 0 to 10
    batch_size : rows a step; the last batch of a pass may be smaller
    max_epochs : at most so many epochs; after each one validation athletes are asked
    patience : epochs without a lower validation loss after which training stops
    steps_per_epoch : batches of an epoch, so that a network with more windows works no longer than
        one with fewer; None is one pass over all rows
    schedule : ``'constant'``, or ``'cosine'``: up over the first tenth of all steps, then down to 0
    clip : largest norm of the gradient; None does not clip
    augment : how each batch's windows are changed by chance; None leaves them as recorded

    Raises
    ------
    UserError naming the parameter and what it may be
    """

    optimizer: str = "adamw"
    rate: float = 1e-3
    weight_decay: float = 0.01
    batch_size: int = 32
    max_epochs: int = 1000
    patience: int = 20
    steps_per_epoch: int | None = None
    schedule: str = "constant"
    clip: float | None = None
    augment: Augment | None = None

    def __post_init__(self):
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                choices = ", ".join(map(repr, known))
                raise UserError(f"{name} {getattr(self, name)!r} is unknown: choose {choices}")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None and name in ("steps_per_epoch", "clip"):
                continue
            kind, word = ((int, float), "number") if name in REAL else (int, "whole number")
            right = isinstance(value, kind) and not isinstance(value, bool)
            if not right or not low <= value <= high:
                raise UserError(f"{name} = {value!r}: give a {word} from {low:g} to {high:g}")
        if self.schedule == "cosine" and self.steps_per_epoch is None:
            raise UserError("schedule = 'cosine' needs steps_per_epoch, to know its end")

    @property
    def steps(self) -> int | None:
        """Batches in all, where epochs have a fixed number of them."""
        return None if self.steps_per_epoch is None else self.steps_per_epoch * self.max_epochs

    def make_optimizer(self, parameters) -> torch.optim.Optimizer:
        """The optimizer of ``parameters``; *fused*: one pass over memory, the same arithmetic."""
        kind, options = OPTIMIZERS[self.optimizer]
        if self.optimizer == "adamw":
            options = {"weight_decay": self.weight_decay}
        return kind(parameters, lr=self.rate, fused=True, **options)

    def factor(self, step: int) -> float:
        """Share of the highest rate at a step (0, 1, …)."""
        if self.schedule == "constant":
            return 1.0
        rise = max(1, self.steps // 10)
        if step < rise:
            return (step + 1) / rise
        along = (step - rise) / max(1, self.steps - rise)
        return 0.5 * (1 + math.cos(math.pi * min(along, 1.0)))


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
