"""One athlete at a time, in plain torch: what :mod:`~sportsml_lite.transfer.many` must equal."""

from __future__ import annotations

import copy

import torch
from torch.nn import functional as F

from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.training.config import repeatable
from sportsml_lite.transfer.guard import misread
from sportsml_lite.transfer.support import Adaptation, Support, check_fit, phases


def personalise_one(
    student: Student, support: Support, adaptation: Adaptation, seed: int = 0
) -> Student:
    """A copy of the student, trained on the windows of the first athlete of ``support``.

    What does not move keeps its bits. An athlete whose windows show fewer than two classes keeps
    the population's model: there is nothing to tell apart. So does one whom the guard holds back.

    Parameters
    ----------
    student : trained on other athletes; it is not changed
    support : the athlete's windows
    adaptation : with a method that trains, see :func:`~sportsml_lite.transfer.support.phases`
    seed : of the random weights of ``'scratch'``

    Returns
    -------
    the athlete's student

    Raises
    ------
    UserError if the method trains nothing
    """
    check_fit(student, support)
    if not phases(adaptation.method, student):
        raise UserError(
            f"personalise_one: {adaptation.method!r} has no steps; use personalise_many"
        )
    model = start_of(student, adaptation.method, seed)
    known = support.y[0] >= 0
    X, y = support.X[0, known], support.y[0, known]
    mask = None if support.mask is None else support.mask[0, known]
    held = adaptation.guarded and not bool(misread(student, support)[0])
    if held or len(y.unique()) < 2:
        return copy.deepcopy(student).eval()
    absent = ~support.seen(student.head.out_features)[0] & adaptation.masked
    names = phases(adaptation.method, student)
    first = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=adaptation.rate, weight_decay=0)
    for step in range(adaptation.steps):
        moving = names[step * len(names) // adaptation.steps]
        for name, p in model.named_parameters():
            p.requires_grad_(name in moving)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X, mask).masked_fill(absent, -torch.inf), y)
        far = sum((p - first[n]).square().sum() for n, p in model.named_parameters() if n in moving)
        (loss + adaptation.l2_sp_strength / (2 * len(y)) * far).backward()
        optimizer.step()
    return model.requires_grad_(True).eval()


def start_of(student: Student, method: str, seed: int) -> Student:
    """A copy of the student; for ``'scratch'`` with random weights, the same for every athlete."""
    model = copy.deepcopy(student).eval()
    if method == "scratch":
        with repeatable(seed):
            for module in model.modules():
                if isinstance(module, (torch.nn.Conv1d, torch.nn.Linear)):
                    module.reset_parameters()
                elif hasattr(module, "scale"):
                    torch.nn.init.ones_(module.scale)
                    torch.nn.init.zeros_(module.shift)
    return model
