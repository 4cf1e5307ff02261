"""A folded student answers as the trained one does."""

import numpy as np
import pytest
import torch

from sportsml_lite.deploy.network import describe
from sportsml_lite.errors import UserError
from sportsml_lite.models import Student, count_parameters
from sportsml_lite.training.keep import Card


def a_student(channels=3, classes=4, width=8, kernel=9, stride=3, samples=60, seed=0):
    """A student with weights far from their start, and its card."""
    torch.manual_seed(seed)
    student = Student(channels, classes, width, kernel, stride).eval()
    for weight in student.parameters():
        weight.data += 0.3 * torch.randn_like(weight)
    names = tuple(f"channel_{i}_mps2" for i in range(channels))
    mean = (101325.0, *np.linspace(-2, 2, channels - 1).tolist())
    factor = (None if i == channels - 1 else 2.0 + i for i in range(channels))
    card = Card(
        names, 30.0, samples, mean, tuple(factor), tuple("abcdefghij"[:classes]), width, kernel,
        stride, "simulated", 10, 10, seed, {},
    )  # fmt: skip
    return student, card


@pytest.mark.parametrize("sizes", [{}, {"width": 16, "channels": 10}, {"kernel": 5, "stride": 5}])
def test_a_folded_student_answers_as_the_student(sizes):
    student, card = a_student(**sizes)
    network = describe(student, card)
    x = torch.randn(7, len(card.channels), card.samples)
    with torch.no_grad():
        assert np.allclose(network.states(x.numpy()), student.states(x).numpy(), atol=1e-5)
        assert np.allclose(network.features(x.numpy()), student.features(x).numpy(), atol=1e-5)
        assert np.allclose(network.logits(x.numpy()), student(x).numpy(), atol=1e-5)


def test_a_running_answer_is_that_of_a_window_and_then_remembers():
    student, card = a_student()
    network = describe(student, card)
    x = np.random.default_rng(3).normal(size=(2, 3, 240)).astype(np.float32)
    running = network.running_logits(x)
    assert running.shape == (2, 4, 80)
    assert np.allclose(running[:, :, network.steps - 1], network.logits(x[:, :, :60]), atol=1e-4)
    h = network.states(x)[:, :, 31:51]  # the twenty states up to step 50
    wanted = network.head_mean @ h.mean(2).T + network.head_last @ h[:, :, -1].T
    assert np.allclose(running[:, :, 50].T, wanted + network.head_bias[:, None], atol=1e-4)


def test_the_scaling_keeps_the_digits_of_a_large_offset():
    student, card = a_student()
    measured = np.full((1, 3, 60), 1.0)
    measured[0, 0] = 101325.0 + 0.01 * np.arange(60)
    read = describe(student, card).scale(measured)
    assert read.dtype == np.float32
    assert np.allclose(read[0, 0], 0.005 * np.arange(60), atol=1e-6)
    assert not read[0, 2].any()  # no factor: not read


def test_multiplications_are_counted():
    student, card = a_student(channels=10, width=16, samples=180)
    network = describe(student, card)
    assert count_parameters(student) > 2000
    assert network.macs == 60 * (16 * 10 * 9 + 3 * (16 * 9 + 16 * 16)) + 2 * 4 * 16


def test_what_does_not_fit_is_refused():
    student, card = a_student()
    other, _ = a_student(channels=4)
    with pytest.raises(UserError, match="reads 4 channels"):
        describe(other, card)
    with pytest.raises(UserError, match="T a multiple of 3"):
        describe(student, card).logits(np.zeros((1, 3, 61), np.float32))
