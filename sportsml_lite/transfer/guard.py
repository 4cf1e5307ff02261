"""Move only who gains by it: each class judged by a model that did not see it.

An athlete's windows of one class come one after the other and overlap, so that a window left out
has its twin among those that stay. Here a whole *class* is left out, the athlete's model is made
from the others, and must explain the class that it did not see better than a model made in the
same way without the athlete's windows. Otherwise a better *kind* of head would pass for a gain by
the windows. Who shows fewer than three classes cannot be examined, and gains 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from sportsml_lite.models import Student
from sportsml_lite.training.data import Sequences
from sportsml_lite.transfer.support import Personal, Support


def without_each_class(support: Support, n_classes: int) -> Support:
    """Athletes A·K: each one K times, every time without the windows of one class."""
    rows = torch.arange(len(support)).repeat_interleave(n_classes)
    left_out = torch.arange(n_classes).repeat(len(support))
    part = support.take(rows)
    return Support(part.X, part.mask, torch.where(part.y == left_out[:, None], -1, part.y))


def gains(
    student: Student,
    support: Support,
    reference: Callable[[Support], Personal],
    personalise: Callable[[Support], Personal],
) -> torch.Tensor:
    """How much lower the loss on classes left out is than the reference's, (A,); 0 without any.

    The loss is the mean cross-entropy among the classes that the athlete's windows show. It is NaN
    where neither can know the class left out (no other athlete has shown it).

    Parameters
    ----------
    reference, personalise : make models of the athletes of a support, without and with the
        windows' help
    """
    a, m = support.y.shape
    k = student.head.out_features
    athlete = torch.arange(a).repeat_interleave(m)
    mask = None if support.mask is None else support.mask.flatten(0, 1)
    part = Sequences(support.X.flatten(0, 1), mask, support.y.flatten())
    known, y = part.y >= 0, part.y.clamp(min=0)
    fewer = without_each_class(support, k)
    hidden = ~support.seen(k)[athlete]
    losses = []
    for models in (reference(fewer), personalise(fewer)):
        logits = models.outputs(part, athlete * k + y).masked_fill(hidden, -torch.inf)
        each = torch.where(known, F.cross_entropy(logits, y, reduction="none"), 0)
        losses.append(each.view(a, m).sum(1) / known.view(a, m).sum(1).clamp(min=1))
    return losses[0] - losses[1]
