"""The networks: sizes, shapes, the arithmetic against numpy, padding, and who looks ahead."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sportsml_lite.errors import UserError
from sportsml_lite.models import LITE, MLP, ChannelNorm, LSTMTeacher, Student, count_parameters
from sportsml_lite.training import repeatable


def test_the_mlp_has_two_hidden_layers_of_100_with_relu():
    names = [type(layer).__name__ for layer in MLP(12).layers]
    assert names == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    shapes = [tuple(p.shape) for p in MLP(12).parameters()]
    assert shapes == [(100, 12), (100,), (100, 100), (100,), (1, 100), (1,)]


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_predictions_have_shape_n(rows):
    assert MLP(7)(torch.zeros(rows, 7)).shape == (rows,)


def test_forward_is_the_formula():
    torch.manual_seed(0)
    model = MLP(3, hidden=(5, 4)).double()
    X = np.random.default_rng(0).normal(size=(6, 3))
    W1, b1, W2, b2, w, c = (p.detach().numpy() for p in model.parameters())
    hidden = np.maximum(0, np.maximum(0, X @ W1.T + b1) @ W2.T + b2)
    np.testing.assert_allclose(model(torch.tensor(X)).detach(), hidden @ w[0] + c, atol=1e-14)


@pytest.mark.parametrize(
    ("n_features", "hidden"), [(0, (100, 100)), (3, ()), (3, (100, 0)), (3, (2.5,)), (3.0, (4,))]
)
def test_impossible_sizes_are_refused(n_features, hidden):
    with pytest.raises(UserError, match="whole numbers above 0"):
        MLP(n_features, hidden)


# --- windows -------------------------------------------------------------------------------------


def network(kind, channels=3, outputs=4, **options):
    torch.manual_seed(1)
    return kind(channels, outputs, **options).double().eval()


def windows(rows=5, channels=3, samples=60, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(rows, channels, samples, generator=random, dtype=torch.float64)


TEACHER = {"kind": LSTMTeacher, "width": 8, "hidden": 6}
TEACHERS = [TEACHER | {"layers": layers} for layers in (1, 2, 3)]
STUDENTS = [
    {"kind": Student, "width": 8, "stride": stride, "kernel": kernel}
    for stride, kernel in ((1, 9), (2, 9), (3, 9), (3, 3), (2, 5))
]


@pytest.mark.parametrize("options", [*TEACHERS, *STUDENTS])
def test_a_padded_window_gives_what_the_recording_alone_gives(options):
    """Even where something was left in the padding, and beside windows of other lengths."""
    model, X = network(**options), windows()
    length = torch.tensor([60, 54, 30, 12, 6])
    mask = torch.arange(60) >= 60 - length[:, None]
    spoilt = torch.where(mask[:, None], X, 1e3)
    padded = model(spoilt, mask)
    for i, n in enumerate(length.tolist()):
        alone = model(X[i : i + 1, :, 60 - n :])
        torch.testing.assert_close(padded[i : i + 1], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 59])
def test_the_teacher_reads_any_length(length):
    model, X = network(**TEACHERS[2]), windows(2)
    mask = (torch.arange(60) >= 60 - length).expand(2, 60)
    alone = model(X[:, :, 60 - length :])
    torch.testing.assert_close(model(X, mask), alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [TEACHER, STUDENTS[2]])
def test_a_mask_without_padding_is_no_mask(options):
    model, X = network(**options), windows()
    found = model(X, torch.ones(5, 60, dtype=torch.bool))
    torch.testing.assert_close(found, model(X), rtol=0, atol=1e-13)


@pytest.mark.parametrize("options", STUDENTS)
def test_no_step_of_the_student_looks_ahead(options):
    """The last step is what the stream gives so far, whatever comes after it."""
    model, X = network(**options), windows(samples=60)
    width, stride = model.head.in_features // 2, options["stride"]
    total = torch.zeros(5, width, dtype=torch.float64)
    for steps in range(1, 60 // stride + 1):
        mean, last = model.features(X[:, :, : steps * stride]).split(width, dim=1)
        # What the window so far adds to the sum of all its steps is its last step alone: the
        # steps before are what they were when the window ended with them.
        torch.testing.assert_close(steps * mean - total, last, rtol=0, atol=1e-12)
        total = steps * mean


def test_the_student_sees_as_far_back_as_its_dilations_say():
    model, X = network(**STUDENTS[2]), windows(1, samples=300)
    X.requires_grad_()
    model.features(X)[:, model.head.in_features // 2 :].sum().backward()
    seen = X.grad.abs().sum((0, 1)).nonzero()[:, 0]
    assert 299 - seen.min() + 1 == 9 + 3 * 8 * (1 + 2 + 4)
    assert seen.max() == 299


def test_many_students_are_one_call_with_stacked_parameters():
    models = [Student(3, 4, 8) for _ in range(3)]
    stacked, buffers = torch.func.stack_module_state(models)
    X, mask = windows(6, samples=30).float(), torch.arange(30) >= torch.arange(0, 18, 3)[:, None]

    def call(parameters, buffer, X, mask):
        return torch.func.functional_call(models[0], (parameters, buffer), (X, mask))

    together = torch.vmap(call, (0, 0, None, None))(stacked, buffers, X, mask)
    for model, found in zip(models, together, strict=True):
        torch.testing.assert_close(found, model(X, mask), rtol=1e-5, atol=1e-5)


def test_the_student_has_no_state_but_its_weights():
    """So a frozen layer cannot drift, and one window does not depend on the others of a batch."""
    model, X = network(**STUDENTS[2]), windows()
    assert not list(model.buffers())
    both = model.train()(X)
    torch.testing.assert_close(torch.cat([model(x[None]) for x in X]), both, rtol=0, atol=1e-13)


def test_each_time_step_is_normalised_by_itself():
    norm, X = ChannelNorm(3).double(), windows() * 5 + 2
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([1.0, 2.0, 3.0]))
        norm.shift.copy_(torch.tensor([0.5, 0.0, -1.0]))
    x = X.numpy()
    wanted = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    wanted = wanted * np.array([1, 2, 3])[:, None] + np.array([0.5, 0, -1])[:, None]
    np.testing.assert_allclose(norm(X).detach(), wanted, atol=1e-12)
    assert torch.isfinite(ChannelNorm(1)(torch.ones(2, 1, 4))).all()


@pytest.mark.parametrize(("width", "thousand"), [(8, 1), (16, 2), (24, 4), (32, 6)])
def test_a_students_parameters_are_counted(width, thousand):
    model = Student(6, 5, width)
    blocks = 3 * (9 * width + width + width**2 + width + 2 * width)
    assert count_parameters(model) == (54 * width + width) + blocks + 5 * (2 * width + 1)
    assert round(count_parameters(model), -3) in (1000 * thousand,)
    model.stem.requires_grad_(False)
    assert count_parameters(model) == blocks + 5 * (2 * width + 1)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Student(0, 2), "Student: sizes"),
        (lambda: Student(2, 2, 8.0), "whole numbers above 0"),
        (lambda: Student(2, 2, kernel=3, stride=4), "stride 4 above kernel 3"),
        (lambda: LSTMTeacher(2, 0), "LSTMTeacher: sizes"),
        (lambda: LSTMTeacher(2, 3, hidden=-1), "LSTMTeacher: sizes"),
        (lambda: LSTMTeacher(2, 3, layers=0), "LSTMTeacher: sizes"),
        (lambda: Student(3, 2)(torch.zeros(1, 3, 10)), "10 samples and a stride of 3"),
    ],
)
def test_windows_networks_refuse_what_cannot_be(build, said):
    with pytest.raises(UserError, match=said):
        build()


def test_light_convolutions_ignore_padding_and_have_few_weights():
    with repeatable(0):
        network = LITE(3, 4, width=8, kernel=12).eval()
    x = torch.randn(5, 3, 30)
    padded, mask = F.pad(x, (10, 0)), torch.arange(40) >= 10
    with torch.inference_mode():
        alone, masked = network(x), network(padded, mask.expand(5, 40))
        noisy = network(padded + ~mask * 7.0, mask.expand(5, 40))
    torch.testing.assert_close(masked, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(noisy, masked)
    assert alone.shape == (5, 4) and count_parameters(LITE(6, 5)) == 9765
    with pytest.raises(UserError, match="LITE: kernel 3"):
        LITE(3, 4, kernel=3)
