"""Self-supervised pretraining: a student learns from windows without labels to fill in gaps.

Spans of time are hidden, and a linear decoder of the student's state at each step says what was
there (after masked autoencoders, He et al. 2022). The student is causal, so a span is foreseen from
what came before it. Then the decoder is thrown away, and the head learns from labels as ever.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from sportsml_lite.models import Student
from sportsml_lite.training.cache import fit_cached
from sportsml_lite.training.config import TrainConfig
from sportsml_lite.training.data import TrainResult
from sportsml_lite.training.folds import Fold

SPANS, HIDDEN = 12, 0.4  # a window is cut into so many; such a share of them is hidden


class Gaps(nn.Module):
    """A student and a decoder; what they miss in spans that they did not see.

    Parameters
    ----------
    student : whose states are decoded
    n_channels : C
    """

    def __init__(self, student: Student, n_channels: int):
        super().__init__()
        self.student, self.n_channels = student, n_channels
        self.decode = nn.Linear(student.stem.out_channels, n_channels * student.stride)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Windows (N, C, T) to the root mean square error (N, 1) over the hidden samples.

        Its mean square over windows is the loss, so a training towards 0 is what is wanted.
        """
        hidden = self._spans(x)
        if mask is not None:
            hidden = hidden & mask
        states = self.student.states(x * ~hidden[:, None], mask)
        said = self.decode(states.mT).unflatten(2, (self.n_channels, -1))  # (N, steps, C, stride)
        said = said.permute(0, 2, 1, 3).flatten(2)
        wrong = ((said - x).square().mean(1) * hidden).sum(1) / hidden.sum(1).clamp(min=1)
        return (wrong + 1e-12).sqrt()[:, None]  # the root of 0 has no slope

    def _spans(self, x: torch.Tensor) -> torch.Tensor:
        """Which samples (N, T) are hidden: by chance in training, the same ones ever after."""
        random = None if self.training else torch.Generator().manual_seed(0)
        spans = torch.rand(len(x), SPANS, generator=random) < HIDDEN
        at = torch.arange(x.shape[2]) * SPANS // x.shape[2]
        return spans[:, at]


def pretrain(fold: Fold, seed: int, config: TrainConfig, width: int) -> TrainResult:
    """Train a student to fill gaps in all training windows of a fold; no label is read.

    Parameters
    ----------
    seed : of the first weights, which are those of a student of the same seed
    config : as for a student, so it takes as many steps more
    width : of the student

    Returns
    -------
    the trained :class:`Gaps`; its ``student`` is what the head is put on
    """

    def build(channels):
        student = Student(channels, fold.n_outputs, width, stride=fold.stride)
        return Gaps(student, channels)

    parts = (replace(part, y=torch.zeros(len(part))) for part in (fold.train, fold.validation))
    data = replace(fold.data(), **dict(zip(("train", "validation"), parts, strict=True)),
                   weight=None, n_outputs=1)  # fmt: skip
    return fit_cached(build, data, seed, config)


def with_body(student: Student, trained: TrainResult) -> Student:
    """The student with a pretrained body and its own, untrained head."""
    body = trained.model.student.state_dict()
    student.load_state_dict({name: w for name, w in body.items() if not name.startswith("head.")},
                            strict=False)  # fmt: skip
    return student
