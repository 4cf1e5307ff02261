"""Move only whom the population's model misreads.

The model has never seen the athlete, so their few labelled windows examine it fairly, before
anything moves. Whoever is read without a mistake has little to gain and something to lose; whoever
is misread may have all their classes wrong, and is not held back for it.
"""

from __future__ import annotations

import torch

from sportsml_lite.models import Student
from sportsml_lite.training.data import Sequences
from sportsml_lite.transfer.support import Support, unmoved


def misread(student: Student, support: Support) -> torch.Tensor:
    """Whether a student is wrong on any of an athlete's own windows, (A,) bool.

    It may answer only with classes that the windows show, which costs it nothing to know.

    Parameters
    ----------
    student : trained on other athletes; support : the athletes' windows
    """
    athlete = torch.arange(len(support)).repeat_interleave(support.y.shape[1])
    mask = None if support.mask is None else support.mask.flatten(0, 1)
    part = Sequences(support.X.flatten(0, 1), mask, support.y.flatten())
    answer = unmoved(student, support, masked=True).outputs(part, athlete).argmax(1)
    return ((answer != part.y) & (part.y >= 0)).view(support.y.shape).any(1)
