"""Pretraining: what was hidden is not seen, a rhythm is learned, and the head stays untrained."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from sportsml_lite.models import Student
from sportsml_lite.training.config import TrainConfig
from sportsml_lite.training.data import Sequences, TrainData
from sportsml_lite.training.networks import train_student
from sportsml_lite.training.pretrain import SPANS, Gaps, pretrain, with_body

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")
SHORT = TrainConfig(rate=5e-3, batch_size=32, max_epochs=4, patience=4, steps_per_epoch=25,
                    schedule="cosine", clip=1.0)  # fmt: skip


def waves(n, seed, padded=False):
    """Two channels that swing together, at a frequency and a phase of each window's own."""
    random = torch.Generator().manual_seed(seed)
    speed, phase = torch.rand(2, n, 1, generator=random)
    at = 6.28 * (torch.arange(72) * (0.05 + 0.05 * speed) + phase)
    X = torch.stack([at.sin(), at.cos()], 1)
    mask = torch.arange(72) >= 24 * torch.randint(2, (n, 1), generator=random)
    mask = mask if padded else None
    return Sequences(X if mask is None else X * mask[:, None], mask, torch.arange(n) % 3)


def fold_of(padded=False):
    parts = {"train": waves(200, 0, padded), "validation": waves(60, 1, padded)}
    data = TrainData(**parts, weight=torch.ones(3), n_outputs=3)
    return SimpleNamespace(**parts, data=lambda *_: data, n_outputs=3, stride=3)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("sportsml_lite.training.cache.project_root", lambda: tmp_path)


@pytest.mark.parametrize("padded", [False, True])
def test_it_learns_to_fill_gaps_better_than_the_mean_does(padded):
    fold = fold_of(padded)
    trained = pretrain(fold, 0, SHORT, 8)
    part = fold.validation
    size = part.X.square().mean(1)
    hidden = trained.model._spans(part.X)
    hidden = hidden if part.mask is None else hidden & part.mask
    mean = ((size * hidden).sum(1) / hidden.sum(1).clamp(min=1)).mean()
    assert trained.val_loss < 0.7 * float(mean)
    untrained = float(trained.history["val_loss"].iloc[0])
    assert trained.val_loss < untrained


def test_labels_change_nothing():
    fold = fold_of()
    other = SimpleNamespace(**vars(fold))
    other.train = replace(fold.train, y=fold.train.y.flip(0))
    one, two = (pretrain(f, 0, replace(SHORT, max_epochs=1), 8) for f in (fold, other))
    assert one.history["train_loss"].equals(two.history["train_loss"])


def test_a_hidden_sample_is_not_seen_but_judged():
    torch.manual_seed(0)
    gaps = Gaps(Student(2, 3, 8, stride=3), 2).eval()
    X = waves(5, 2).X
    hidden = gaps._spans(X)
    assert torch.equal(hidden, gaps._spans(X))  # validation is the same after each epoch
    assert 0 < hidden.float().mean() < 1
    assert hidden.unflatten(1, (SPANS, -1)).float().std(2).max() == 0
    seen = []
    gaps.student.states, states = lambda x, mask: seen.append(x) or states(x, mask), (
        gaps.student.states
    )  # fmt: skip
    one, two = gaps(X), gaps(X + 5 * hidden[:, None])
    assert torch.equal(*seen)
    assert bool((two > one + 1)[hidden.any(1)].all())


def test_the_decoder_stands_where_the_window_stands():
    """A decoder that says what the state holds fills sample t of channel c, not another one."""
    gaps = Gaps(Student(2, 3, 8, stride=3), 2).eval()
    X = torch.arange(2 * 36.0).reshape(1, 2, 36)
    gaps._spans = lambda x: torch.ones(1, 36, dtype=torch.bool)
    gaps.decode.forward = lambda states: X.unflatten(2, (12, 3)).permute(0, 2, 1, 3).flatten(2)
    assert float(gaps(X)) < 1e-5


def test_the_body_is_taken_and_the_head_is_the_seeds_own():
    fold = fold_of()
    trained = pretrain(fold, 0, replace(SHORT, max_epochs=1), 8)
    torch.manual_seed(3)
    plain = Student(2, 3, 8, stride=3)
    own = {name: w.clone() for name, w in plain.state_dict().items()}
    begun = with_body(plain, trained).state_dict()
    for name, w in begun.items():
        source = own if name.startswith("head.") else trained.model.student.state_dict()
        assert torch.equal(w, source[name]), name
    config = SimpleNamespace(student=replace(SHORT, max_epochs=1), student_width=8)
    two = [train_student(fold, 5, config, start=start).model for start in (None, trained)]
    assert not torch.equal(two[0].stem.weight, two[1].stem.weight)
