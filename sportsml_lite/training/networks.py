"""Teacher and student of one fold: how large, how long, trained once, and asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.losses import Hard
from sportsml_lite.models import LITE, LSTMTeacher, Student
from sportsml_lite.training.augment import Augment
from sportsml_lite.training.cache import fit_cached, fit_students_cached
from sportsml_lite.training.config import TrainConfig
from sportsml_lite.training.data import Sequences, TrainResult, outputs_of
from sportsml_lite.training.folds import Fold
from sportsml_lite.training.pretrain import with_body
from sportsml_lite.training.together import Ask


@dataclass(frozen=True)
class ModelConfig:
    """Networks and how long they learn; the same for every arm of a comparison.

    networks : of the teacher, whose answers are the mean of theirs
    """

    teacher_width: int
    teacher_hidden: int
    teacher_layers: int
    teacher: TrainConfig
    networks: int
    student_width: int
    student: TrainConfig


def _steps(count: int, rate: float, augment: Augment | None = None, epochs: int = 20):
    return TrainConfig(
        rate=rate, batch_size=64, max_epochs=epochs, patience=epochs,
        steps_per_epoch=count // epochs, schedule="cosine", clip=1.0, augment=augment,
    )  # fmt: skip


# A watch never met sits otherwise and measures otherwise: chapter 7's lab says what each is worth.
WORN = Augment(rotation_deg=30, gain=0.2)
# Motion at 30 Hz has more to say in a window than a watch's row a second.
MOTION = ModelConfig(48, 64, 3, _steps(600, 2e-3, WORN), 2, 16, _steps(400, 5e-3, WORN))
SECONDS = ModelConfig(24, 32, 2, _steps(600, 2e-3), 2, 16, _steps(300, 5e-3))


def config_for(fold: Fold, profile: str = "full") -> ModelConfig:
    """The book's sizes for a fold's kind of windows; ``'quick'``: one network, a third as long.

    Raises
    ------
    UserError for another profile
    """
    config = MOTION if fold.windows.rate_hz > 1 else SECONDS
    if profile not in ("quick", "full"):
        raise UserError(f"profile = {profile!r}: choose 'quick' or 'full'")
    if profile == "full":
        return config
    teacher, student = (
        _steps(whole.steps // 3, whole.rate, whole.augment, epochs=10)
        for whole in (config.teacher, config.student)
    )
    return replace(config, networks=1, teacher=teacher, student=student)


def train_teacher(
    fold: Fold,
    seed: int,
    config: ModelConfig,
    labelled: Sequence[str] | None = None,
    lite: bool = False,
) -> list[TrainResult]:
    """The LSTM teacher of one fold: ``config.networks`` networks of different seeds.

    Parameters
    ----------
    seed : of the teacher; its networks draw from seeds of their own
    labelled : training athletes whose labels are known; None is all of them
    lite : light convolutions instead of an LSTM
    """
    sizes = config.teacher_width, config.teacher_hidden, config.teacher_layers

    def build(channels):
        if lite:
            return LITE(channels, fold.n_outputs)
        return LSTMTeacher(channels, fold.n_outputs, *sizes)

    data = fold.data(labelled)
    seeds = range(1000 * (seed + 1), 1000 * (seed + 1) + config.networks)
    return [fit_cached(build, data, s, config.teacher) for s in seeds]


def train_student(
    fold: Fold,
    seed: int,
    config: ModelConfig,
    loss: Callable | None = None,
    soft: torch.Tensor | None = None,
    labelled: Sequence[str] | None = None,
    unlabelled: bool = False,
    width: int | None = None,
    start: TrainResult | None = None,
) -> TrainResult:
    """A student of one fold, from one seed; the parameters are those of :func:`ask_student`."""
    ask = ask_student(fold, seed, config, loss, soft, labelled, unlabelled, width, start)
    return fit_students_cached([ask])[0]


def ask_student(
    fold: Fold,
    seed: int,
    config: ModelConfig,
    loss: Callable | None = None,
    soft: torch.Tensor | None = None,
    labelled: Sequence[str] | None = None,
    unlabelled: bool = False,
    width: int | None = None,
    start: TrainResult | None = None,
) -> Ask:
    """What a student of one fold and one seed is to learn.

    Parameters
    ----------
    loss : from :mod:`sportsml_lite.losses`; None is the labels alone
    soft : (N, K) the teacher's outputs for all training windows of the fold
    labelled, unlabelled : see :meth:`~sportsml_lite.training.folds.Fold.data`
    width : of the student; None is that of ``config``
    start : from :func:`~sportsml_lite.training.pretrain.pretrain`, whose body it begins with
    """

    def build(channels):
        size = width or config.student_width
        student = Student(channels, fold.n_outputs, size, stride=fold.stride)
        return student if start is None else with_body(student, start)

    data = fold.data(labelled, unlabelled)
    if soft is not None and len(soft) == len(fold.train) != len(data.train):
        soft = soft[torch.as_tensor(np.isin(fold.train_athlete.astype(str), list(labelled)))]
    return Ask(build, data, seed, config.student, loss or Hard(), soft)


def predict(
    trained: Sequence[TrainResult], part: Sequences, signs: torch.Tensor | None = None
) -> torch.Tensor:
    """Outputs (N, K), averaged over the networks and over the symmetries ``signs`` (G, C)."""
    each = [outputs_of(t.model, part, signs) for t in trained]
    return torch.stack(each).mean(0)


def answers(fold: Fold, outputs: torch.Tensor) -> np.ndarray:
    """Class positions (N,) int, or predicted numbers (N,) in the target's unit.

    A class that no training window has is no answer.
    """
    if fold.classes:
        absent = [fold.classes.index(name) for name in fold.absent]
        outputs = outputs.clone()
        outputs[:, absent] = -torch.inf
        return outputs.argmax(1).numpy()
    return outputs.squeeze(1).double().numpy() * fold.y_scale + fold.y_mean


def latency_us(model: Callable, X: torch.Tensor, turns: int = 200) -> np.ndarray:
    """Time of a window in each of several calls of ``model(X)``, µs, (turns,).

    X : (N, C, T), all in one call
    """
    spent = []
    with torch.inference_mode():
        for _ in range(turns + 3):  # the first calls prepare
            begun = time.perf_counter()
            model(X)
            spent.append(time.perf_counter() - begun)
    return 1e6 * np.array(spent[3:]) / len(X)
