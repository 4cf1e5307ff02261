r"""Distillation: a student learns from a teacher's soft answers (Hinton et al. 2015).

.. math:: L = \alpha\,\tau^2\,H\bigl(T(x), S(x)\bigr) + (1 - \alpha)\,L_\text{original}

with :math:`T(x)` and :math:`S(x)` the softmax of the logits divided by the temperature τ. Losses
are plain functions of tensors; :class:`Hard` and :class:`Soft` hold their settings, so that two
trainings with equal settings can be known to be equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from sportsml_lite.errors import UserError


def soften(logits: torch.Tensor, tau: float) -> torch.Tensor:
    r"""Probabilities at temperature τ, :math:`p_k = e^{z_k/\tau} / \sum_j e^{z_j/\tau}`.

    Parameters
    ----------
    logits : (N, K)
    tau : above 0; 1 is the usual softmax, towards infinity all classes become equal

    Raises
    ------
    UserError if τ is not above 0
    """
    return F.softmax(logits / _positive(tau), dim=1)


def soft_cross_entropy(student: torch.Tensor, teacher: torch.Tensor, tau: float) -> torch.Tensor:
    r"""Mean over the rows of :math:`H(T, S) = -\sum_k T_k \log S_k`, both softened by τ.

    Parameters
    ----------
    student, teacher : (N, K) logits; no gradient flows into the teacher

    Raises
    ------
    UserError if the shapes differ (they would broadcast) or τ is not above 0
    """
    _same(student, teacher)
    log_student = F.log_softmax(student / _positive(tau), dim=1)
    return -(soften(teacher.detach(), tau) * log_student).sum(1).mean()


def kl_divergence(student: torch.Tensor, teacher: torch.Tensor, tau: float) -> torch.Tensor:
    r"""Mean of :math:`KL(T \| S) = H(T, S) - H(T)`: 0 when the student answers like the teacher.

    The entropy H(T) of the teacher does not depend on the student, so both have the same gradient,
    but H contains it: the share that no student can remove is H(T)/H(T, S). It grows with τ and
    with the teacher's doubts, so a curve of H may look flat while the student learns; watch KL.
    """
    target = soften(teacher.detach(), tau)
    entropy = -(target * torch.log(target.clamp(min=1e-30))).sum(1).mean()
    return soft_cross_entropy(student, teacher, tau) - entropy


def hard_loss(
    outputs: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None = None
) -> torch.Tensor:
    """The original loss over the labelled rows: weighted cross-entropy, or the whole MSE.

    Parameters
    ----------
    outputs : (N, K) logits, or (N, 1) predictions where y is float
    y : (N,) int class, -1 where there is no label; or float, NaN where there is none
    weight : (K,) of the classes

    Returns
    -------
    scalar; 0 where no row has a label

    Raises
    ------
    UserError if outputs and y do not have the same rows, or y is not (N,)
    """
    if y.ndim != 1 or len(outputs) != len(y):
        raise UserError(f"loss: outputs {tuple(outputs.shape)} and y {tuple(y.shape)}; give (N, K) "
                        "and (N,)")  # fmt: skip
    known = torch.isfinite(y) if y.is_floating_point() else y >= 0
    if not bool(known.all()):
        outputs, y = outputs[known], y[known]
    if not len(y):
        return outputs.sum() * 0
    if y.is_floating_point():
        # Shapes (N,) and (N, 1) would broadcast to (N, N) and train a mean predictor.
        return (outputs.reshape(y.shape) - y).square().mean()
    return F.cross_entropy(outputs, y, weight)


def distillation_loss(
    student: torch.Tensor,
    teacher: torch.Tensor,
    y: torch.Tensor,
    alpha: float,
    tau: float,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    r""":math:`\alpha\tau^2 H(T, S) + (1 - \alpha) L_\text{original}`; see the module's head.

    Rows without a label have the soft part only. With a float ``y`` the soft part is the squared
    distance to the teacher's prediction, for which τ has no meaning.

    Raises
    ------
    UserError if α is not within 0 to 1, or τ not above 0
    """
    if not 0 <= alpha <= 1:
        raise UserError(f"alpha = {alpha}: give a share from 0 to 1")
    hard = hard_loss(student, y, weight)
    if y.is_floating_point():
        _same(student, teacher)
        return alpha * (student - teacher.detach()).square().mean() + (1 - alpha) * hard
    soft = soft_cross_entropy(student, teacher, tau)
    return alpha * tau**2 * soft + (1 - alpha) * hard


def mixed_target(teacher: torch.Tensor, y: torch.Tensor, alpha: float) -> torch.Tensor:
    r"""The one target that distilling a regression amounts to, :math:`\alpha t + (1 - \alpha) y`.

    .. math:: \alpha\,\mathrm{MSE}(s, t) + (1-\alpha)\,\mathrm{MSE}(s, y)
       = \mathrm{MSE}(s, \alpha t + (1-\alpha) y) + \alpha(1-\alpha)\,\mathrm{MSE}(t, y)

    The last term does not depend on the student: it learns from a label that the teacher smoothed.
    """
    return alpha * teacher + (1 - alpha) * y


def bounded_loss(
    student: torch.Tensor, teacher: torch.Tensor, y: torch.Tensor, weight: float, slack: float
) -> torch.Tensor:
    r"""Teacher-bounded regression loss (Chen et al. 2017).

    .. math:: \mathrm{MSE}(s, y) + \nu\,\frac1N \sum_i (s_i - y_i)^2
       \,[\,(s_i - y_i)^2 + m > (t_i - y_i)^2\,]

    The teacher is a bound, not a target: where the student is better by the slack m, the second
    term is silent.

    Parameters
    ----------
    student, teacher, y : (N,)
    weight : ν, 0 or above; slack : m, in squared units of y, 0 or above
    """
    _same(student, teacher)
    _same(student, y)
    own, bound = (student - y).square(), (teacher.detach() - y).square()
    return own.mean() + weight * (own * (own + slack > bound)).mean()


def fidelity(student: torch.Tensor, teacher: torch.Tensor) -> float:
    """Share of rows on which both have the same first class (Stanton et al. 2021)."""
    _same(student, teacher)
    return float((student.argmax(1) == teacher.argmax(1)).float().mean())


@dataclass(frozen=True)
class Hard:
    """Learn from labels alone."""

    def __call__(self, outputs, y, soft, weight) -> torch.Tensor:
        return hard_loss(outputs, y, weight)


@dataclass(frozen=True)
class Soft:
    """Learn from a teacher too; α = 0 is exactly :class:`Hard`.

    alpha : weight of the teacher, 0 to 1; tau : temperature, above 0
    """

    alpha: float = 0.5
    tau: float = 2.0

    def __call__(self, outputs, y, soft, weight) -> torch.Tensor:
        return distillation_loss(outputs, soft, y, self.alpha, self.tau, weight)


def _positive(tau: float) -> float:
    if not tau > 0:
        raise UserError(f"tau = {tau}: give a temperature above 0")
    return tau


def _same(a: torch.Tensor, b: torch.Tensor) -> None:
    if a.shape != b.shape:
        raise UserError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} differ and would broadcast")
