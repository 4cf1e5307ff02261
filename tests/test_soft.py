"""Soft answers: a ridge without an athlete is the ridge that never saw them, and is calibrated."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sportsml_lite import soft
from sportsml_lite.baselines.windows import ridges
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import fit_temperature
from sportsml_lite.schema import Windows
from sportsml_lite.soft import leave_groups_out, ridge_answers, soft_answers
from sportsml_lite.teachers import LACKING


@pytest.mark.parametrize("columns", [4, 90], ids=["long", "wide"])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_ridge_without_a_group_is_the_one_fitted_without_it(columns, weighted):
    random = np.random.default_rng(0)
    X, Y = random.normal(1, 2, (40, columns)), random.normal(3, 1, (40, 2))
    weight = random.uniform(0.3, 3, 40) if weighted else None
    group = random.integers(0, 5, 40)
    found = list(leave_groups_out(X, Y, 7.0, group, weight))
    assert [name for name, *_ in found] == [0, 1, 2, 3, 4]
    for name, B, b in found:
        rest = group != name
        own = None if weight is None else weight[rest]
        B_rest, b_rest = next(ridges(X[rest], Y[rest], [7.0], own))
        np.testing.assert_allclose(B, B_rest, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(b, b_rest, rtol=1e-8)


def test_one_group_cannot_be_left_out():
    with pytest.raises(UserError, match=r"only \['a'\]"):
        next(leave_groups_out(np.ones((3, 1)), np.ones((3, 1)), 1.0, np.array(["a"] * 3)))


def part(random, names, each, columns, signal):
    """Windows of one channel whose samples are features: three classes, and much noise."""
    n = len(names) * each
    y = random.integers(0, 3, n)
    X = random.normal(size=(n, 1, columns)).astype(np.float32)
    X[:, 0, :3] += signal * (y[:, None] == np.arange(3))
    owner = np.repeat(names, each)
    return Windows(
        X=X, mask=np.ones((n, columns), bool), y=y, athlete=owner, recording=owner,
        t0_s=np.arange(n, dtype=float), channels=("x",), classes=("a", "b", "c", "d"), rate_hz=1.0,
    )  # fmt: skip


def field(labelled=None, columns=300, signal=2.0, seed=0):
    """Teachers of six athletes, a class of whom nobody has seen; and windows of strangers."""
    random = np.random.default_rng(seed)
    train = part(random, [f"p{i}" for i in range(6)], 20, columns, signal)
    validation, test = (part(random, [name], 60, columns, signal) for name in ("v", "t"))
    known = np.ones(120, bool) if labelled is None else np.isin(train.athlete, labelled)
    task = SimpleNamespace(signs=None)
    return SimpleNamespace(train=train, validation=validation, known=known, task=task), test


@pytest.fixture(autouse=True)
def samples_as_features(monkeypatch):
    """In place of convolutions."""
    kernels = SimpleNamespace(features=lambda windows: windows.X[:, 0])
    monkeypatch.setattr(soft, "Kernels", lambda train, signs: kernels)


def hits(logits, y):
    return float((logits.argmax(1).numpy() == y).mean())


def sure(logits):
    return float(logits.softmax(1).amax(1).mean())


def test_out_of_fold_answers_doubt_and_the_others_do_not():
    teachers, _ = field()
    y = teachers.train.y
    honest, trap = ridge_answers(teachers)
    assert hits(trap, y) > 0.99 > 0.9 > hits(honest, y) > 0.4
    assert sure(trap) > sure(honest) + 0.1
    assert abs(sure(honest) - hits(honest, y)) < 0.1  # as sure as right
    assert fit_temperature(honest[:, :3], y) == pytest.approx(1, abs=0.02)


def test_unlabelled_athletes_never_change_an_answer_by_their_labels():
    """Nor has a class without a label a chance; and they are answered alike in and out of fold."""
    teachers, _ = field(["p0", "p1", "p2"])
    found = ridge_answers(teachers)
    teachers.train.y[~teachers.known] = 3
    for one, two in zip(found, ridge_answers(teachers), strict=True):
        assert torch.equal(one, two)
        assert bool((one[:, 3] == LACKING).all())
    rest = torch.as_tensor(~teachers.known)
    assert torch.equal(found[0][rest], found[1][rest])
    with pytest.raises(UserError, match="two or more"):
        ridge_answers(field(["p0"])[0])


def test_an_answer_of_someone_left_out_does_not_depend_on_their_own_labels():
    teachers, _ = field(columns=20, signal=4.0)
    one = ridge_answers(teachers)[0].argmax(1).numpy()
    mine = teachers.train.athlete == "p1"
    teachers.train.y[mine] = (teachers.train.y[mine] + 1) % 3
    two = ridge_answers(teachers)[0].argmax(1).numpy()
    assert (one == two)[mine].mean() > 0.9  # their answers come from the other five


class Memory:
    """A teacher of any kind that knows how many athletes it learned from."""

    def __init__(self, teachers, labelled):
        self.known = np.isin(teachers.train.athlete, labelled)
        self.train, self.share, self.labelled = teachers.train, 0.25, labelled

    def without(self, labelled):
        return Memory(self, labelled)

    def fit(self, kind):
        def logits(windows):
            met = np.isin(windows.athlete, self.labelled)
            return torch.as_tensor(np.stack([met, ~met, 0 * met, 0 * met], 1).astype(float))

        return SimpleNamespace(logits=logits)


def test_trees_are_asked_by_those_who_never_met_the_athlete_and_networks_in_sample():
    teachers, _ = field()
    names = [f"p{i}" for i in range(5)]
    memory = Memory(teachers, names)
    for kind, met in (("lstm", 1.0), ("boosting", 0.0)):
        found = soft_answers(memory, kind)
        labelled = torch.as_tensor(memory.known)
        assert float(found[labelled, 0].mean()) == met
        assert float(found[~labelled, 0].mean()) == 0  # p5 is a stranger to both
        assert found.dtype == torch.float32


def test_a_blend_mixes_its_members_in_their_shares(monkeypatch):
    teachers, _ = field()
    monkeypatch.setattr(soft, "ridge_answers", lambda teachers: (torch.ones(120, 4), None))
    memory = Memory(teachers, [f"p{i}" for i in range(6)])
    found = soft_answers(memory, "blend")
    assert torch.equal(found, 0.25 * soft_answers(memory, "lstm") + 0.75)
