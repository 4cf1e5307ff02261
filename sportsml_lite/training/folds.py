"""The folds of a task, made ready for a network: filled, scaled, weighted, partly labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.prepare import fill_windows, fit_scaler
from sportsml_lite.prepare.tasks import Task
from sportsml_lite.protocol import PARTS, PROTOCOL, Split, fold_athletes
from sportsml_lite.schema import Windows
from sportsml_lite.training.augment import Sensors, sensors_of
from sportsml_lite.training.data import Sequences, TrainData, without_labels

STRIDES = {30.0: 3, 1.0: 2}  # of the student, by rate: 0.1 s and 2 s between two steps


@dataclass(frozen=True)
class Fold:
    """One split of a task, scaled by its training athletes.

    windows : test windows, for their athletes, times and labels
    train, validation, test : :class:`~sportsml_lite.training.data.Sequences`
    train_athlete : (N,) str, of the training windows
    absent : classes that no training window has: they are never predicted, and count as wrong
    """

    windows: Windows
    train: Sequences
    validation: Sequences
    test: Sequences
    train_athlete: np.ndarray
    signs: torch.Tensor
    classes: tuple[str, ...]
    absent: tuple[str, ...]
    stride: int
    y_mean: float
    y_scale: float
    sensors: Sensors

    @property
    def n_outputs(self) -> int:
        """Classes, or 1 for a number."""
        return len(self.classes) or 1

    def data(self, labelled: Sequence[str] | None = None, unlabelled: bool = False) -> TrainData:
        """What a network is trained on.

        Parameters
        ----------
        labelled : training athletes whose labels are known; None is all of them
        unlabelled : keep the other athletes' windows, without their labels

        Raises
        ------
        UserError if none of the labelled athletes is in training
        """
        train = self.train
        if labelled is not None:
            known = torch.as_tensor(np.isin(self.train_athlete.astype(str), list(labelled)))
            if not bool(known.any()):
                raise UserError(f"labelled athletes {list(labelled)}: none of them is in training")
            train = without_labels(train, ~known) if unlabelled else train.take(known)
        return TrainData(
            train, self.validation, self.signs, class_weights(train.y, self.n_outputs),
            self.n_outputs, self.sensors,
        )  # fmt: skip


def class_weights(y: torch.Tensor, n_classes: int) -> torch.Tensor | None:
    """Weights (K,) by which every class counts the same in all; 0 for one that is absent."""
    if y.is_floating_point():
        return None
    count = torch.bincount(y[y >= 0], minlength=n_classes).float()
    present = count > 0
    weight = torch.zeros(n_classes)
    weight[present] = count.sum() / (present.sum() * count[present])
    return weight


def make_fold(task: Task, split: Split, laboratory: bool = False) -> Fold:
    """Fill, scale and cut a task by a split; everything learned comes from training athletes.

    A channel that a symmetry may turn round is divided by its size and not shifted, and 0 where
    nothing was measured yet, so that the symmetry holds after scaling too. A channel that no
    training athlete has becomes 0 for everyone. A number to predict is scaled;
    :func:`~sportsml_lite.training.networks.answers` turns back.

    Parameters
    ----------
    laboratory : add the laboratory channel, for a teacher with privileged information

    Raises
    ------
    UserError if the task has no such channel, or no window in one of the parts
    """
    windows, signs = task.windows, task.signs
    if laboratory:
        if task.laboratory is None:
            raise UserError(f"{task.name}: has no laboratory channel; take laboratory=False")
        windows = replace(
            windows,
            X=np.concatenate([windows.X, task.laboratory], axis=1),
            channels=(*windows.channels, "laboratory"),
        )
        signs = np.concatenate([signs, np.ones((len(signs), 1), np.float32)], axis=1)
    parts = {part: windows.take(split.rows(windows.athlete, part)) for part in PARTS[:3]}
    for name, part in parts.items():
        if not len(part):
            raise UserError(f"{task.name}: no window of the {name} athletes; give more recordings")
    scaler = fit_scaler(parts["train"].X)
    turned = (signs < 0).any(axis=0)
    silent = np.isnan(parts["train"].X).all(axis=(0, 2))
    scaler = replace(
        scaler,
        factor=np.where(silent, np.inf, scaler.factor),
        mean=np.where(turned, 0, scaler.mean),
    )
    y = parts["train"].y
    if windows.classes:
        _check_classes(task.name, y, parts["validation"].y, windows.classes)
    mean, scale = (0.0, 1.0) if windows.classes else (float(y.mean()), float(y.std()) or 1.0)
    made = {name: _sequences(part, scaler, mean, scale) for name, part in parts.items()}
    absent = [c for k, c in enumerate(windows.classes) if not (y == k).any()]
    return Fold(
        windows=parts["test"],
        **made,
        train_athlete=parts["train"].athlete,
        signs=torch.from_numpy(signs),
        classes=windows.classes,
        absent=tuple(absent),
        stride=_stride(windows),
        y_mean=mean,
        y_scale=scale,
        sensors=sensors_of(windows.channels, scaler.mean, scaler.factor),
    )


def _check_classes(name: str, train: np.ndarray, validation: np.ndarray, classes) -> None:
    """There is something to tell apart, and something to stop by."""
    shown = sorted({classes[k] for k in train})
    if len(shown) < 2:
        raise UserError(
            f"{name}: the training athletes of a fold show only {shown[0]!r}; give more athletes, "
            "or windows (length_s) in which more than one class can be seen"
        )
    if not np.isin(validation, train).any():
        seen = sorted({classes[k] for k in validation})
        raise UserError(
            f"{name}: the validation athletes of a fold show only {', '.join(seen)}, the training "
            f"athletes only {', '.join(shown)}; give more athletes who show the same classes"
        )


def _sequences(windows: Windows, scaler, mean: float, scale: float) -> Sequences:
    X = scaler.transform(fill_windows(windows.X, scaler.mean)).astype(np.float32)
    mask = None if windows.mask.all() else torch.from_numpy(windows.mask)
    if mask is not None:
        X = X * windows.mask[:, None]
    y = windows.y if windows.classes else ((windows.y - mean) / scale).astype(np.float32)
    return Sequences(torch.from_numpy(np.ascontiguousarray(X)), mask, torch.from_numpy(y.copy()))


def _stride(windows: Windows) -> int:
    """The student's stride: the usual one of this rate, or the next smaller that divides T."""
    usual = STRIDES.get(windows.rate_hz, 2)
    return next(s for s in range(usual, 0, -1) if windows.X.shape[2] % s == 0)


def label_budget(fold: Fold, count: int) -> tuple[str, ...]:
    """The first ``count`` training athletes by which every class is seen as early as can be.

    Athletes are taken in the order of their names, but one who brings a class that is still
    missing comes before one who does not.

    Raises
    ------
    UserError for more athletes than there are, or so few that they show one class
    """
    names = sorted(set(fold.train_athlete.astype(str)))
    if not 1 <= count <= len(names):
        raise UserError(f"labelled athletes = {count}: training has {len(names)}")
    owner = fold.train_athlete.astype(str)
    if not fold.classes:
        return tuple(names[:count])
    shown = {n: set(fold.train.y[torch.as_tensor(owner == n)].tolist()) for n in names}
    chosen, seen = [], set()
    while len(chosen) < count:
        rest = [n for n in names if n not in chosen]
        best = max(rest, key=lambda n: len(shown[n] - seen))
        chosen.append(best)
        seen |= shown[best]
    if len(seen) < 2:
        only = fold.classes[min(seen)]
        raise UserError(f"labelled athletes = {count}: they show only {only!r}; label more")
    return tuple(chosen)


def folds_of(task: Task, partition: int = 0) -> list[Split]:
    """The grouped folds of a task's athletes; another partition, other groups.

    Raises
    ------
    UserError with fewer athletes than folds, saying who was left out
    """
    people = len(set(task.windows.athlete))
    if people < PROTOCOL.folds:
        raise UserError(
            f"{task.name}: {people} athletes have windows with a label; {PROTOCOL.folds} or more "
            f"are needed, to test each by a model that never saw them (left out: {task.left_out})"
        )
    return fold_athletes(task.windows.athlete, seed=PROTOCOL.split_seed + partition)
