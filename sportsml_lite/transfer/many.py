"""Thousands of athletes at once: parameters side by side, one call moves all of them.

Every athlete keeps the gradient of its own loss, as if the losses were *added*, and AdamW works
element by element: each athlete takes the steps that it would take alone. A mean over athletes, or
a limit on the length of the common gradient, would couple them.
"""

from __future__ import annotations

import torch

from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.training import students
from sportsml_lite.training.data import Sequences
from sportsml_lite.transfer.guard import misread
from sportsml_lite.transfer.one import start_of
from sportsml_lite.transfer.shrink import Population, shrink
from sportsml_lite.transfer.support import (
    Adaptation,
    Personal,
    Support,
    check_fit,
    features_of,
    phases,
    stacked_start,
    unmoved,
)

MEMORY_MB = 256.0
ACTIVATIONS = 12  # tensors of a step and width that a gradient holds at once, measured


def personalise_many(
    student: Student,
    support: Support,
    adaptation: Adaptation,
    population: Population | None = None,
    seed: int = 0,
    memory_mb: float = MEMORY_MB,
) -> Personal:
    """A model for each athlete of ``support``.

    Equal to a loop over :func:`~sportsml_lite.transfer.one.personalise_one` but for rounding
    (1e-8 in float64). An athlete without windows, or whose windows show one class only, or whom the
    guard holds back, keeps the population's weights; masked, the second is always given that one
    class.

    Parameters
    ----------
    student : trained on other athletes
    support : athletes may have unequal numbers of windows
    adaptation : method and settings
    population : from :func:`~sportsml_lite.transfer.shrink.fit_population`, for ``'shrink'``
    seed : of the random weights of ``'scratch'``
    memory_mb : athletes are taken in chunks that need about this much beside their windows

    Raises
    ------
    UserError if channels or classes do not fit the student, or ``'shrink'`` lacks a population
    """
    check_fit(student, support)
    start = unmoved(student, support, adaptation.masked)
    able = support.seen(student.head.out_features).sum(1) >= 2
    if adaptation.guarded:
        able &= misread(student, support)
    able = torch.nonzero(able)[:, 0]
    if adaptation.method == "population" or not len(able):
        return start
    if adaptation.method == "shrink" and population is None:
        raise UserError("shrink: give the population's class means, from fit_population")
    origin = start_of(student, adaptation.method, seed)
    names = ["head.weight", "head.bias"]
    if adaptation.method != "shrink":
        names = list(phases(adaptation.method, student)[-1])
    moved, adapted = stacked_start(student, names, len(support)), start.adapted.clone()
    for rows in able.split(_chunk(student, support, names, memory_mb)):
        own, seen = support.take(rows), start.seen[rows]
        if adaptation.method == "shrink":
            weights = shrink(student, own, population, adaptation.kappa)
        elif set(names) == {"head.weight", "head.bias"}:
            weights = _train_head(origin, own, seen, adaptation)
        else:
            weights = _train(origin, own, seen, adaptation)
        for name in names:
            moved[name][rows] = weights[name]
        adapted[rows] = True
    return Personal(student, moved, start.seen, adapted)


def _chunk(student: Student, support: Support, names, memory_mb: float) -> int:
    """Athletes a chunk: what their weights, AdamW's memory and the activations need."""
    if not memory_mb > 0:
        raise UserError(f"memory_mb = {memory_mb}: give a number above 0")
    _, windows, channels, length = support.X.shape
    width, size = student.stem.out_channels, support.X.element_size()
    own, most = 5 * sum(student.get_parameter(n).numel() for n in names), len(support)
    if all(n.startswith("head") for n in names):
        own += windows * (channels * length + 8 * width)
    else:
        steps, read = length // student.stride, channels * student.kernel
        own += windows * steps * (read + ACTIVATIONS * width)
        most = students.at_once(student, length) // max(1, windows)
    return max(1, min(most, int(memory_mb * 2**20 / (own * size))))


# --- the head: features once, then softmax regression --------------------------------------------


def _train_head(student, support, seen, adaptation):
    a, m = support.y.shape
    mask = None if support.mask is None else support.mask.flatten(0, 1)
    flat = Sequences(support.X.flatten(0, 1), mask, support.y.flatten())
    features = features_of(student, flat).view(a, m, -1)
    features = torch.where((support.y >= 0)[..., None], features, 0)

    def slope(moving, weights):
        logits = torch.baddbmm(weights["head.bias"][:, None], features, weights["head.weight"].mT)
        delta = softmax_slope(logits.masked_fill(~seen[:, None], -torch.inf), support.y)[1]
        return {"head.weight": torch.bmm(delta.mT, features), "head.bias": delta.sum(1)}

    return _descend(student, support, adaptation, slope)


def softmax_slope(logits: torch.Tensor, y: torch.Tensor):
    r"""Mean cross-entropy of each athlete's windows, and its gradient :math:`(p - y) / n`.

    Parameters
    ----------
    logits : (A, M, K); y : (A, M), -1 where there is no window

    Returns
    -------
    losses (A,), and the gradient by the logits (A, M, K)
    """
    known = y >= 0
    n = known.sum(1)[:, None, None]
    log_p = torch.log_softmax(logits, 2)
    at = y.clamp(min=0)[..., None]
    losses = -(log_p.gather(2, at)[..., 0] * known).sum(1) / n[:, 0, 0]
    delta = log_p.exp().scatter_add(2, at, -torch.ones_like(log_p[..., :1]))
    return losses, delta * known[..., None] / n


# --- any layers: the gradient of many students ---------------------------------------------------


def _train(student, support, seen, adaptation):
    read = students.Seen.of(student, support.X, support.mask)

    def by_outputs(logits):
        return softmax_slope(logits.masked_fill(~seen[:, None], -torch.inf), support.y)

    def slope(moving, weights):
        return students.gradient(weights, read, by_outputs, moving)[1]

    return _descend(student, support, adaptation, slope)


def _descend(student, support, adaptation, gradient):
    """Steps of AdamW for all; returns the weights by name."""
    schedule = phases(adaptation.method, student)
    weights = stacked_start(student, schedule[-1], len(support))
    first = {n: student.get_parameter(n).detach() for n in weights}
    optimizer = torch.optim.AdamW(weights.values(), lr=adaptation.rate, weight_decay=0, fused=True)
    share = adaptation.l2_sp_strength / (support.y >= 0).sum(1)
    for step in range(adaptation.steps):
        moving = schedule[step * len(schedule) // adaptation.steps]
        found = gradient(moving, weights)
        for name in moving:
            w = weights[name]
            pull = share.view(-1, *[1] * (w.ndim - 1)).to(w.dtype)
            w.grad = found[name].addcmul_(pull, w - first[name])
        optimizer.step()
        optimizer.zero_grad()
    return weights
