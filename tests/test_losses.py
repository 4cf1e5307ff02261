"""Distillation: every formula against a hand computation, autograd or its limit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from sportsml_lite.errors import UserError
from sportsml_lite.losses import (
    Hard,
    Soft,
    bounded_loss,
    distillation_loss,
    fidelity,
    hard_loss,
    kl_divergence,
    mixed_target,
    soft_cross_entropy,
    soften,
)
from sportsml_lite.models import Student
from sportsml_lite.training import Sequences, TrainConfig, TrainData, fit

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")
TAUS = (0.5, 1.0, 2.0, 7.0)


def logits(rows=6, classes=4, seed=0, scale=3.0):
    """Student's and teacher's logits in float64; the student's take gradients."""
    random = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, rows, classes, generator=random, dtype=torch.float64) * scale
    return student.requires_grad_(), teacher


def gradient(loss, student):
    return torch.autograd.grad(loss, student)[0]


# --- soft targets --------------------------------------------------------------------------------


def test_a_soft_target_by_hand():
    # exp(2/2) and exp(0/2): e against 1.
    answer = soften(torch.tensor([[2.0, 0.0]]), 2.0)[0]
    torch.testing.assert_close(answer, torch.tensor([np.e / (np.e + 1), 1 / (np.e + 1)]).float())


def test_temperature_goes_from_the_first_class_to_all_alike():
    _, teacher = logits()
    torch.testing.assert_close(soften(teacher, 1.0), F.softmax(teacher, 1))
    hot = soften(teacher, 1e6)
    torch.testing.assert_close(hot, torch.full_like(hot, 1 / 4), atol=1e-5, rtol=0)
    cold = soften(teacher, 1e-4)
    torch.testing.assert_close(cold, F.one_hot(teacher.argmax(1), 4).double())


@pytest.mark.parametrize("tau", TAUS)
def test_soft_cross_entropy_is_its_sum(tau):
    student, teacher = logits()
    s, t = student.detach().numpy() / tau, teacher.numpy() / tau
    p, q = (np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in (s, t))
    by_hand = -np.mean(np.sum(q * np.log(p), axis=1))
    np.testing.assert_allclose(soft_cross_entropy(student, teacher, tau).item(), by_hand)
    by_hand = np.mean(np.sum(q * np.log(q / p), axis=1))
    np.testing.assert_allclose(kl_divergence(student, teacher, tau).item(), by_hand)


@pytest.mark.parametrize("tau", TAUS)
def test_the_gradient_of_the_soft_term_is_tau_times_the_difference(tau):
    student, teacher = logits()
    found = gradient(tau**2 * soft_cross_entropy(student, teacher, tau), student)
    formula = tau * (soften(student, tau) - soften(teacher, tau)) / len(student)
    torch.testing.assert_close(found, formula.detach())


def test_at_high_temperature_centred_logits_are_matched():
    student, teacher = logits()
    rows, classes = student.shape
    centred = [z - z.mean(1, keepdim=True) for z in (student.detach(), teacher)]
    limit = (centred[0] - centred[1]) / (rows * classes)
    gaps = []
    for tau in (1e2, 1e3, 1e4):
        found = gradient(tau**2 * soft_cross_entropy(student, teacher, tau), student)
        gaps.append((found - limit).abs().max().item())
    assert gaps[-1] < 1e-4
    # The error falls like 1/tau.
    np.testing.assert_allclose(np.divide(gaps[:-1], gaps[1:]), 10, rtol=0.05)


def test_without_the_factor_the_gradient_dies_with_the_square_of_tau():
    student, teacher = logits()
    sizes = [
        gradient(soft_cross_entropy(student, teacher, tau), student).norm() for tau in (1e3, 1e4)
    ]
    assert float(sizes[0] / sizes[1]) == pytest.approx(100, rel=0.01)


@pytest.mark.parametrize("tau", TAUS)
def test_h_and_kl_differ_by_the_teachers_entropy_and_share_a_gradient(tau):
    student, teacher = logits()
    other, _ = logits(seed=1)
    q = soften(teacher, tau)
    entropy = -(q * q.log()).sum(1).mean()
    for z in (student, other):
        gap = soft_cross_entropy(z, teacher, tau) - kl_divergence(z, teacher, tau)
        torch.testing.assert_close(gap.detach(), entropy)
        torch.testing.assert_close(
            gradient(soft_cross_entropy(z, teacher, tau), z),
            gradient(kl_divergence(z, teacher, tau), z),
        )


def test_kl_of_equal_answers_is_0_and_survives_a_certain_teacher():
    _, teacher = logits()
    assert kl_divergence(teacher, teacher, 2.0).item() == pytest.approx(0, abs=1e-12)
    certain = torch.tensor([[500.0, -500.0]])
    assert kl_divergence(certain, certain, 1.0).item() == 0
    assert torch.isfinite(kl_divergence(-certain, certain, 1.0))


def test_nothing_flows_into_the_teacher():
    student, teacher = logits()
    teacher.requires_grad_()
    y = torch.zeros(len(student), dtype=torch.long)
    distillation_loss(student, teacher, y, 0.5, 2.0).backward()
    assert teacher.grad is None
    assert student.grad is not None


# --- the mix -------------------------------------------------------------------------------------


def test_the_hard_loss_is_weighted_cross_entropy_over_labelled_rows():
    student, _ = logits()
    y = torch.tensor([0, -1, 2, 3, -1, 1])
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64)
    known = y >= 0
    torch.testing.assert_close(
        hard_loss(student, y, weight), F.cross_entropy(student[known], y[known], weight)
    )
    none = hard_loss(student, torch.full_like(y, -1), weight)
    assert none.item() == 0
    assert gradient(none, student).abs().max() == 0


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_loss_is_the_sum_of_its_parts(alpha):
    student, teacher = logits()
    y = torch.tensor([0, 1, 2, 3, -1, -1])
    parts = (
        alpha * 9 * soft_cross_entropy(student, teacher, 3.0)
        + (1 - alpha) * F.cross_entropy(student[:4], y[:4])
    )  # fmt: skip
    torch.testing.assert_close(distillation_loss(student, teacher, y, alpha, 3.0), parts)


def test_alpha_1_does_not_look_at_labels():
    student, teacher = logits()
    y = torch.tensor([0, 1, 2, 3, 0, 1])
    found = [distillation_loss(student, teacher, labels, 1.0, 2.0) for labels in (y, y.flip(0))]
    assert found[0] == found[1]


def test_rows_without_label_learn_from_the_teacher_alone():
    student, teacher = logits()
    y = torch.tensor([0, 1, 2, -1, -1, -1])
    soft = gradient(4 * soft_cross_entropy(student, teacher, 2.0), student)
    found = gradient(distillation_loss(student, teacher, y, 0.4, 2.0), student)
    torch.testing.assert_close(found[3:], 0.4 * soft[3:])
    assert not torch.allclose(found[:3], 0.4 * soft[:3])


def test_fidelity_counts_equal_first_classes():
    a = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [0.0, 3.0]])
    b = torch.tensor([[9.0, 0.0], [1.0, 0.0], [0.5, 0.1], [0.0, 0.1]])
    assert fidelity(a, b) == 0.75


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40))
def test_distilling_a_number_is_one_target_and_a_constant(alpha, seed, rows):
    s, t, y = torch.randn(3, rows, generator=torch.Generator().manual_seed(seed)).double()
    s.requires_grad_()
    mixed = alpha * F.mse_loss(s, t) + (1 - alpha) * F.mse_loss(s, y)
    one = F.mse_loss(s, mixed_target(t, y, alpha))
    constant = alpha * (1 - alpha) * F.mse_loss(t, y)
    torch.testing.assert_close(mixed, one + constant)
    torch.testing.assert_close(gradient(mixed, s), gradient(one, s))
    of_book = distillation_loss(s[:, None], t[:, None], y, alpha, 5.0)  # no temperature in it
    torch.testing.assert_close(of_book, mixed)


def test_a_number_without_label_learns_from_the_teacher_alone():
    s = torch.tensor([[1.0], [2.0]], requires_grad=True)
    t, y = torch.tensor([[0.0], [5.0]]), torch.tensor([3.0, float("nan")])
    loss = distillation_loss(s, t, y, 0.25, 1.0)
    assert loss.item() == pytest.approx(0.25 * (1 + 9) / 2 + 0.75 * 4)


def test_the_bounded_loss_by_hand():
    student, teacher, y = (torch.tensor(v) for v in ([1.0, 3.0, 5.0], [2.0, 1.0, 5.5], [0.0] * 3))
    # Squared errors 1, 9, 25 against the bounds 4, 1, 30.25: only the second is worse.
    assert bounded_loss(student, teacher, y, 0.5, 0.0).item() == pytest.approx((35 + 0.5 * 9) / 3)
    # With slack 6 all count: 1 + 6 > 4 and 25 + 6 > 30.25.
    expected = (35 + 0.5 * (1 + 9 + 25)) / 3
    assert bounded_loss(student, teacher, y, 0.5, 6.0).item() == pytest.approx(expected)
    assert bounded_loss(student, teacher, y, 0.0, 6.0).item() == pytest.approx(35 / 3)


def test_a_silent_bound_gives_the_plain_gradient():
    y, teacher = torch.zeros(4), torch.full((4,), 9.0)
    student = torch.arange(4.0, requires_grad=True)
    bounded = gradient(bounded_loss(student, teacher, y, 2.0, 0.0), student)
    torch.testing.assert_close(bounded, gradient(F.mse_loss(student, y), student))


# --- training ------------------------------------------------------------------------------------


def windows(rows=40, number=False):
    """Windows of two channels whose mean over time tells the class, or is the number."""
    random = torch.Generator().manual_seed(3)
    X = torch.randn(rows, 2, 12, generator=random)
    level = X[:, 0].mean(1)
    y = level if number else (level > 0).long()
    part = Sequences(X, None, y)
    return TrainData(part, part, torch.ones(1, 2), None, 1 if number else 2)


def train(data, loss, soft):
    config = TrainConfig(batch_size=16, max_epochs=2, patience=2, steps_per_epoch=3)

    def build(channels):
        return Student(channels, data.n_outputs, 4, 4, 2)

    model = fit(build, data, 5, config, loss, soft).model
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("number", [False, True])
def test_training_with_alpha_0_is_plain_training(number):
    data = windows(number=number)
    soft = torch.randn(40, data.n_outputs, generator=torch.Generator().manual_seed(1))
    plain = train(data, Hard(), None)
    assert torch.equal(train(data, Soft(0.0, 4.0), soft), plain)
    assert not torch.equal(train(data, Soft(0.5, 4.0), soft), plain)


def test_training_with_alpha_1_needs_no_label():
    data = windows()
    soft = torch.randn(40, 2, generator=torch.Generator().manual_seed(1))
    unlabelled = Sequences(data.train.X, None, torch.full_like(data.train.y, -1))
    without = TrainData(unlabelled, data.validation, data.signs, None, 2)
    assert torch.equal(train(data, Soft(1.0, 2.0), soft), train(without, Soft(1.0, 2.0), soft))


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0, -1.0, float("nan")])
def test_a_temperature_that_is_not_above_0_is_refused(tau):
    student, teacher = logits()
    y = torch.zeros(6, dtype=torch.long)
    for ask in (
        lambda: soften(teacher, tau),
        lambda: soft_cross_entropy(student, teacher, tau),
        lambda: kl_divergence(student, teacher, tau),
        lambda: distillation_loss(student, teacher, y, 0.5, tau),
    ):
        with pytest.raises(UserError, match="temperature above 0"):
            ask()


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    student, teacher = logits()
    with pytest.raises(UserError, match="share from 0 to 1"):
        distillation_loss(student, teacher, torch.zeros(6, dtype=torch.long), alpha, 1.0)


def test_shapes_that_would_broadcast_are_refused():
    student, teacher = logits()
    for bad in (teacher[:1], teacher[:, :1], teacher[0]):
        with pytest.raises(UserError, match="would broadcast"):
            soft_cross_entropy(student, bad, 1.0)
        with pytest.raises(UserError, match="would broadcast"):
            fidelity(student, bad)
    numbers = torch.zeros(6)
    with pytest.raises(UserError, match="would broadcast"):
        bounded_loss(numbers[:, None], numbers, numbers, 0.5, 0.0)
    with pytest.raises(UserError, match="give"):
        hard_loss(student, torch.zeros(6, 1).long())
    with pytest.raises(UserError, match="would broadcast"):
        distillation_loss(numbers[:, None].double(), numbers.double(), numbers.double(), 0.5, 1.0)
