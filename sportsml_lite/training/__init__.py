"""Training networks: one way for all, and many at once.

``config`` says how, ``augment`` changes windows by chance, ``data`` holds what a network reads and
what comes out, ``trainer`` trains with Lightning, ``cache`` does it once, ``stacked`` trains many
MLPs at once. ``folds`` makes a task's folds ready for a network, ``networks`` trains teacher and
student on them, ``pretrain`` a student on windows without labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sportsml_lite.training.augment import Augment, Sensors
from sportsml_lite.training.config import OPTIMIZERS, TrainConfig, repeatable
from sportsml_lite.training.data import (
    Sequences,
    TrainData,
    TrainResult,
    examples,
    outputs_of,
    predict_values,
)
from sportsml_lite.training.stacked import fit_many

if TYPE_CHECKING:
    from sportsml_lite.training.cache import fit_cached
    from sportsml_lite.training.trainer import fit

__all__ = [
    "OPTIMIZERS",
    "Augment",
    "Sensors",
    "Sequences",
    "TrainConfig",
    "TrainData",
    "TrainResult",
    "examples",
    "fit",
    "fit_cached",
    "fit_many",
    "outputs_of",
    "predict_values",
    "repeatable",
]


def fit(*arguments, **named) -> TrainResult:
    """:func:`sportsml_lite.training.trainer.fit`; Lightning takes seconds to import, so late."""
    from sportsml_lite.training.trainer import fit as run

    return run(*arguments, **named)


def fit_cached(*arguments, **named) -> TrainResult:
    """:func:`sportsml_lite.training.cache.fit_cached`."""
    from sportsml_lite.training.cache import fit_cached as run

    return run(*arguments, **named)
