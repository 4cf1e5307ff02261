"""Training what a search asks for, an epoch at a time, so that it can be given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sportsml_lite.training.config import repeatable
from sportsml_lite.training.configurations import Configuration, Stack
from sportsml_lite.training.data import TrainData
from sportsml_lite.training.stacked import Track


@dataclass(frozen=True)
class Live:
    """Trains a configuration when called, and gives its validation MSE after each epoch.

    Parameters
    ----------
    data : from :func:`~sportsml_lite.training.data.examples`
    seed : of first weights and batches, the same for every configuration
    max_epochs, patience : as in :class:`~sportsml_lite.training.config.TrainConfig`
    """

    data: TrainData
    seed: int = 0
    max_epochs: int = 60
    patience: int = 10

    def __call__(self, configuration: Configuration) -> Iterator[float]:
        stack, track = Stack([configuration], [self.seed], self.data), Track()
        for _ in range(self.max_epochs):
            with repeatable(self.seed):  # not around the yield: whoever asked has settings too
                train, val = (each.item() for each in stack.epoch())
            track.add(stack.steps, train, val, {})
            yield val
            if track.finished(self.patience):
                return
