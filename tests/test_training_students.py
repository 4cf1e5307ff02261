"""Many students side by side: each does what it would do alone."""

from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from sportsml_lite.errors import UserError
from sportsml_lite.losses import Hard, Soft
from sportsml_lite.models import LSTMTeacher, Student
from sportsml_lite.training import cache
from sportsml_lite.training.cache import fit_students_cached
from sportsml_lite.training.config import TrainConfig
from sportsml_lite.training.data import Sequences, TrainData, outputs_of, without_labels
from sportsml_lite.training.students import Seen, gradient, outputs
from sportsml_lite.training.together import Ask, fit_students
from sportsml_lite.training.trainer import fit

# pytest undoes the filter that the package sets when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")


def stack(models):
    return {n: torch.stack([m.get_parameter(n).detach() for m in models])
            for n, _ in models[0].named_parameters()}  # fmt: skip


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("samples", [6, 24, 60])  # at 6 some taps see before the window only
def test_outputs_and_gradient_are_autograds(samples, padded):
    torch.manual_seed(0)
    models = [Student(3, 4, 8, kernel=5, stride=2).double() for _ in range(3)]
    for model in models:  # as they come, norms scale by 1 and shift by 0
        for norm in model.norms:
            torch.nn.init.normal_(norm.scale)
            torch.nn.init.normal_(norm.shift)
    X = torch.randn(3, 7, 3, samples, dtype=torch.float64)
    ahead = torch.randint(0, samples - 1, (3, 7, 1))
    mask = torch.arange(samples) >= ahead if padded else None
    aim = torch.randn(3, 7, 4, dtype=torch.float64)
    weights, seen = stack(models), Seen.of(models[0], X, mask)

    def slope(z):
        return (z - aim).square().sum((1, 2)), 2 * (z - aim)

    losses, found = gradient(weights, seen, slope)
    assert set(found) == set(weights)
    for s, model in enumerate(models):
        z = model(X[s], None if mask is None else mask[s])
        torch.testing.assert_close(outputs(weights, seen)[s], z.detach(), rtol=0, atol=1e-12)
        loss = F.mse_loss(z, aim[s], reduction="sum")
        loss.backward()
        torch.testing.assert_close(losses[s], loss.detach())
        for name, p in model.named_parameters():
            torch.testing.assert_close(found[name][s], p.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["depth.0.weight", "norms.1.scale", "norms.2.shift"])
def test_what_is_no_number_stays_none(name):
    """A training that diverges is told by its loss: no layer may swallow a NaN, as max() would."""
    model = Student(3, 4, 8, kernel=5, stride=2)
    weights, seen = stack([model]), Seen.of(model, torch.randn(1, 7, 3, 24))
    weights[name].fill_(torch.nan)
    logits = outputs(weights, seen)
    assert logits.isnan().all()
    found = gradient(weights, seen, lambda z: (z.sum((1, 2)), torch.ones_like(z)))[1]
    assert found["head.weight"].isnan().any()


def test_only_what_moves_has_a_gradient():
    torch.manual_seed(0)
    model = Student(3, 4, 8, kernel=5, stride=2)
    weights, seen = stack([model]), Seen.of(model, torch.randn(1, 7, 3, 24))

    def slope(z):
        return z.square().sum((1, 2)), 2 * z

    every = gradient(weights, seen, slope)[1]
    for names in (["head.bias"], ["norms.1.scale", "head.weight"], ["stem.weight"]):
        found = gradient(weights, seen, slope, names)[1]
        assert set(found) == set(names)
        for name in names:
            assert torch.equal(found[name], every[name])


# --- trained side by side ------------------------------------------------------------------------


def planted(rows, seed, padded, dtype):
    """Three classes: channel 0 rises, falls or stays."""
    random = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (rows,), generator=random)
    X = torch.randn(rows, 2, 24, generator=random, dtype=dtype)
    X[:, 0, 12:] += (y - 1.0)[:, None] * torch.linspace(0, 4, 12)
    ahead = 2 * torch.randint(5, (rows,), generator=random)[:, None]
    mask = torch.arange(24) >= ahead if padded else None
    return Sequences(X, mask, y)


def data_of(padded=False, dtype=torch.float64):
    parts = (planted(rows, s, padded, dtype) for s, rows in enumerate((100, 60)))
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=dtype)
    return TrainData(*parts, signs, torch.tensor([1, 2, 0.5], dtype=dtype), 3)


def numbers_of(data):
    """The same windows with a number to predict."""
    parts = (replace(p, y=p.y.double()) for p in (data.train, data.validation))
    return TrainData(*parts, data.signs)


def build(channels, outputs=3, width=6):
    return Student(channels, outputs, width, kernel=5, stride=2)


PLAN = TrainConfig(rate=3e-3, batch_size=16, max_epochs=3, steps_per_epoch=4,
                   schedule="cosine", clip=1.0)  # fmt: skip


def alone(ask):
    return fit(ask.build, ask.data, ask.seed, ask.config, ask.loss, ask.soft)


def assert_same(one, other, atol=1e-8):
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=atol)
    columns = ["epoch", "step", "train_loss", "val_loss"]
    pd.testing.assert_frame_equal(one.history[columns], other.history[columns], rtol=1e-6)
    assert (one.seed, one.model.training) == (other.seed, False)


@pytest.mark.parametrize("padded", [False, True])
def test_each_becomes_what_it_becomes_alone(padded):
    """Seeds, rates, decay, losses, soft labels, missing labels, clipping and sizes that differ."""
    data = data_of(padded)
    soft = torch.randn(100, 3, dtype=torch.float64)
    few = replace(data, train=without_labels(data.train, torch.arange(100) > 20))
    asks = [
        Ask(build, data, 0, PLAN, Hard()),
        Ask(build, data, 0, PLAN, Soft(0.5, 2.0), soft),
        Ask(build, data, 1, replace(PLAN, rate=2e-2, weight_decay=1.0), Soft(1.0, 4.0), -soft),
        Ask(build, few, 2, replace(PLAN, clip=None, schedule="constant"), Soft(0.9, 2.0), soft),
        Ask(partial(build, width=4), data, 0, replace(PLAN, optimizer="momentum"), Hard()),
        Ask(build, data, 3, replace(PLAN, steps_per_epoch=None, schedule="constant"), Hard()),
    ]
    for ask, one in zip(asks, fit_students(asks), strict=True):
        assert_same(one, alone(ask))


def test_a_number_is_learned_too():
    ask = Ask(partial(build, outputs=1), numbers_of(data_of()), 0, PLAN, Hard())
    assert_same(fit_students([ask])[0], alone(ask))


def test_each_stops_for_itself():
    data, long = data_of(), replace(PLAN, max_epochs=30, rate=3e-2, schedule="constant")
    asks = [Ask(build, data, s, replace(long, patience=p), Hard())
            for s, p in enumerate((1, 2, 5))]  # fmt: skip
    many = fit_students(asks)
    assert len({len(one.history) for one in many}) > 1  # some leave before others
    for ask, one in zip(asks, many, strict=True):
        assert_same(one, alone(ask), atol=1e-6)


def test_in_float_the_first_steps_agree():
    ask = Ask(build, data_of(dtype=torch.float32), 0, replace(PLAN, max_epochs=1), Hard())
    one, other = fit_students([ask])[0], alone(ask)
    part = ask.data.validation
    torch.testing.assert_close(outputs_of(one.model, part), outputs_of(other.model, part),
                               rtol=0, atol=1e-4)  # fmt: skip


def test_bits_do_not_depend_on_company():
    """So that a result that is kept is the one that another set of arms would have had."""
    data = data_of(dtype=torch.float32)
    asks = [Ask(build, data, seed, PLAN, Hard()) for seed in range(3)]
    for ask, one in zip(asks, fit_students(asks), strict=True):
        for a, b in zip(one.model.parameters(), fit_students([ask])[0].model.parameters(),
                        strict=True):  # fmt: skip
            assert torch.equal(a, b)


def test_each_is_trained_once(tmp_path, monkeypatch):
    data = data_of()
    asks = [Ask(build, data, seed, PLAN, Hard()) for seed in range(3)]
    first = fit_students_cached(asks[:1], tmp_path)
    trained = []
    monkeypatch.setattr(cache, "fit_students", lambda a: trained.extend(a) or fit_students(a))
    every = fit_students_cached([asks[2], asks[0], asks[1]], tmp_path)
    assert [ask.seed for ask in trained] == [2, 1]
    assert [one.seed for one in every] == [2, 0, 1]
    assert_same(every[1], first[0], atol=0)
    assert len(list(tmp_path.glob("*.pt"))) == 3


def test_what_cannot_be_trained_is_refused():
    data = data_of()
    with pytest.raises(UserError, match="LSTMTeacher: only students"):
        fit_students([Ask(lambda c: LSTMTeacher(c, 3), data, 0, PLAN, Hard())])
    with pytest.raises(UserError, match="Soft needs the teacher's outputs"):
        fit_students([Ask(build, data, 0, PLAN, Soft())])
    numbers = numbers_of(data)
    vast = replace(numbers, train=replace(numbers.train, y=1e160 * numbers.train.y))
    wild = replace(PLAN, optimizer="sgd", rate=1.0, clip=None)
    with pytest.raises(UserError, match=r"diverged.*lower the rate"):
        fit_students([Ask(partial(build, outputs=1), vast, 0, wild, Hard())])
    assert fit_students([]) == []
