"""Training on windows: repeatable, remembered, honest about what it kept, and refusing nonsense."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.losses import Hard, Soft, hard_loss
from sportsml_lite.models import LSTMTeacher, Student
from sportsml_lite.training import data as reading
from sportsml_lite.training import trainer
from sportsml_lite.training.cache import fit_cached
from sportsml_lite.training.config import TrainConfig
from sportsml_lite.training.data import Sequences, TrainData, outputs_of, without_labels
from sportsml_lite.training.trainer import Batches, fit

# pytest undoes the filter that the package sets when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")


def steps(count, epochs, **options):
    """So many batches in so many epochs, with the schedule and the clipping of teachers."""
    given = {"rate": 3e-3, "patience": 100, "schedule": "cosine", "clip": 1.0, **options}
    return TrainConfig(max_epochs=epochs, steps_per_epoch=count // epochs, **given)


SHORT = steps(12, 3, batch_size=16)


def student(channels=2, outputs=3, width=8, kernel=5):
    return Student(channels, outputs, width, kernel=kernel, stride=2)


def teacher(channels=2, dropout=0.3):
    return LSTMTeacher(channels, 3, 8, 8, dropout=dropout)


BUILD = student


def blank(channels=2, outputs=3):
    """A network whose first weights no seed has drawn."""
    model = student(channels, outputs)
    for weights in model.parameters():
        torch.nn.init.zeros_(weights)
    return model


def planted(rows, seed, padded=False):
    """Three classes: channel 0 rises, falls or stays in the last half of a noisy window."""
    random = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (rows,), generator=random)
    X = torch.randn(rows, 2, 24, generator=random)
    X[:, 0, 12:] += (y - 1.0)[:, None] * torch.linspace(0, 4, 12)
    if not padded:
        return Sequences(X, None, y)
    mask = torch.arange(24) >= 2 * torch.randint(5, (rows,), generator=random)[:, None]
    return Sequences(X * mask[:, None], mask, y)


def data_of(padded=False, **changed):
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    parts = planted(120, 0, padded), planted(60, 1, padded)
    return replace(TrainData(*parts, signs, torch.ones(3), 3), **changed)


@pytest.fixture(scope="module")
def data():
    return data_of()


def weights(trained):
    return torch.cat([p.flatten() for p in trained.model.state_dict().values()])


def same_curve(one, other):
    columns = ["epoch", "step", "train_loss", "val_loss"]
    return one.history[columns].equals(other.history[columns])


# --- learning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("build", [BUILD, teacher])
def test_a_planted_pattern_is_found(build, padded):
    data = data_of(padded)
    trained = fit(build, data, 0, steps(80, 4, batch_size=32, rate=2e-2))
    right = outputs_of(trained.model, data.validation).argmax(1) == data.validation.y
    assert right.float().mean() > 0.9
    assert not trained.model.training


def test_a_number_is_learned_too():
    parts = [planted(120, s) for s in (0, 1)]
    train, validation = (replace(p, y=p.y.float()) for p in parts)
    train.y[:20] = torch.nan
    data = TrainData(train, validation, torch.ones(1, 2), None, 1)
    build = partial(student, outputs=1)
    trained = fit(build, data, 0, steps(80, 4, batch_size=32, rate=2e-2))
    assert trained.history["val_loss"].min() < 0.3 * validation.y.var()


def test_the_best_check_is_kept(data):
    """With a rate far too high the loss does not fall steadily, so the last is not the best."""
    plan = steps(30, 10, batch_size=16, rate=0.5)
    trained = fit(BUILD, data, 3, plan)
    found = hard_loss(outputs_of(trained.model, data.validation), data.validation.y, data.weight)
    losses = trained.history["val_loss"]
    assert losses.min() < losses.iloc[-1]
    np.testing.assert_allclose(float(found), losses.min(), rtol=1e-6)


def test_patience_ends_a_training_that_stands_still(data):
    plan = steps(40, 20, batch_size=16, rate=1e-7, optimizer="sgd", patience=2)
    # In float32 the first check is also the last that is better.
    assert len(fit(BUILD, data, 0, plan).history) < 20


def test_the_history_counts_steps_and_compares_losses(data):
    history = fit(BUILD, data, 0, SHORT).history
    assert history["step"].tolist() == [4, 8, 12]
    assert np.isfinite(history.to_numpy()).all()


def test_a_run_that_diverges_says_so(data):
    with pytest.raises(UserError, match="diverged.*lower the rate"):
        fit(
            BUILD,
            data,
            0,
            replace(SHORT, rate=10.0, clip=None, optimizer="sgd", steps_per_epoch=100),
        )


# --- the same again ------------------------------------------------------------------------------


def test_a_seed_decides_the_weights_and_the_worlds_random_numbers_are_left_alone(data):
    build = teacher
    torch.manual_seed(5)
    one = fit(build, data, 0, SHORT)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert after == torch.rand(1)
    same, other = fit(build, data, 0, SHORT), fit(build, data, 1, SHORT)
    assert torch.equal(weights(one), weights(same))
    assert same_curve(one, same)
    assert not torch.equal(weights(one), weights(other))


def test_without_a_teacher_in_the_mix_the_weights_are_those_of_the_labels_alone(data):
    soft = torch.randn(120, 3)
    plain = fit(BUILD, data, 0, SHORT)
    mixed = fit(BUILD, data, 0, SHORT, Soft(alpha=0), soft)
    assert torch.equal(weights(plain), weights(mixed))


def test_one_symmetry_that_changes_nothing_changes_nothing(data):
    part, model = data.validation, BUILD().eval()
    ones = torch.ones(1, 2)
    assert torch.equal(outputs_of(model, part), outputs_of(model, part, ones))
    for X, _, y, _ in Batches(replace(data, signs=ones), None, SHORT, 0):
        rows = [int((x == data.train.X).all(2).all(1).nonzero()) for x in X]
        assert torch.equal(data.train.y[rows], y)


def test_outputs_are_the_mean_over_the_symmetries_in_chunks(data, monkeypatch):
    part, model = data.validation, BUILD().eval()
    with torch.no_grad():
        wanted = torch.stack([model(part.X * sign[:, None]) for sign in data.signs]).mean(0)
    monkeypatch.setattr(reading, "CHUNK", 7)
    torch.testing.assert_close(outputs_of(model, part, data.signs), wanted, rtol=0, atol=1e-6)
    outputs_of(model, part).sum().requires_grad_()  # an ordinary tensor: others may learn from it


# --- batches -------------------------------------------------------------------------------------


def test_a_pass_takes_each_window_once_with_its_mask_label_and_soft_label():
    data = data_of(padded=True, signs=torch.ones(1, 2))
    soft = torch.arange(360.0).reshape(120, 3)
    plan = steps(15, 1, batch_size=16)  # two passes of 120
    taken = [[], []]
    for i, (X, mask, y, of_teacher) in enumerate(Batches(data, soft, plan, 0)):
        rows = (of_teacher[:, 0] / 3).long()
        assert torch.equal(X, data.train.X[rows]) and torch.equal(mask, data.train.mask[rows])
        assert torch.equal(y, data.train.y[rows])
        for j, row in enumerate(rows.tolist()):
            taken[(16 * i + j) // 120].append(row)
    assert sorted(taken[0]) == sorted(taken[1]) == list(range(120)) and taken[0] != taken[1]


def test_every_symmetry_has_its_turn_and_a_batch_is_no_larger_than_the_data(data):
    few = replace(data, train=data.train.take(torch.arange(5)))
    batches = list(Batches(few, None, steps(40, 1, batch_size=16), 0))
    assert {len(y) for _, _, y, _ in batches} == {5}
    flipped = torch.stack([(X[:, 1, None] == few.train.X[None, :, 1]).all(2).any(1)
                           for X, *_ in batches])  # fmt: skip
    assert 0.3 < flipped.float().mean() < 0.7


def test_the_rate_rises_over_a_tenth_and_falls_to_zero():
    plan = steps(100, 20)
    factor = np.array([plan.factor(step) for step in range(101)])
    np.testing.assert_allclose(factor[:10], np.arange(1, 11) / 10)
    assert (np.diff(factor[10:]) < 0).all() and factor[10] == 1 and abs(factor[100]) < 1e-12
    np.testing.assert_allclose(factor[55], 0.5, atol=1e-12)


# --- trained once --------------------------------------------------------------------------------


def forbid(monkeypatch):
    def never(*args):
        raise AssertionError("it was trained again")

    monkeypatch.setattr(trainer, "fit", never)


def test_the_second_call_reads_what_the_first_trained(data, tmp_path, monkeypatch):
    soft = torch.randn(120, 3)
    plain = fit(BUILD, data, 0, SHORT, Soft(), soft)
    first = fit_cached(BUILD, data, 0, SHORT, Soft(), soft, tmp_path)
    forbid(monkeypatch)
    second = fit_cached(BUILD, data, 0, SHORT, Soft(), soft, tmp_path)
    for one in (first, second):
        assert torch.equal(weights(one), weights(plain)) and same_curve(one, plain)
        assert not one.model.training


def test_whatever_changes_trains_anew(tmp_path, monkeypatch):
    """Every input that a result depends on is in its key."""
    plain, padded = data_of(), data_of(padded=True)
    soft = torch.ones(120, 3)
    train, validation = plain.train, plain.validation
    other_y = without_labels(train, torch.arange(120) < 1)
    other_X = replace(validation, X=validation.X + 1e-6 * (torch.arange(60) == 59)[:, None, None])
    cut = padded.train.mask.clone()
    cut[0, :2] = ~cut[0, :2]
    base = (BUILD, plain, 0, SHORT, Soft(0.5, 2.0), soft)
    padded = replace(padded, train=replace(padded.train, X=train.X))
    calls = [
        base,
        (partial(BUILD, kernel=7), *base[1:]),
        (teacher, *base[1:]),
        (partial(teacher, dropout=0.1), *base[1:]),
        *[(BUILD, changed, *base[2:]) for changed in (
            replace(plain, train=other_y),
            replace(plain, validation=other_X),
            replace(plain, signs=plain.signs[:1]),
            replace(plain, weight=torch.tensor([1.0, 1.0, 2.0])),
            replace(plain, weight=None),
            padded,
            replace(padded, train=replace(padded.train, mask=cut)),
        )],
        (BUILD, plain, 1, *base[3:]),
        (blank, *base[1:]),
        (blank, plain, 1, *base[3:]),
        *[(BUILD, plain, 0, replace(SHORT, **changed), *base[4:]) for changed in (
            {"steps_per_epoch": 5}, {"rate": 1e-3}, {"clip": 2.0}, {"weight_decay": 0.0},
            {"batch_size": 8}, {"max_epochs": 4}, {"patience": 2}, {"schedule": "constant"},
        )],
        *[(*base[:4], loss, soft) for loss in (
            Hard(), Soft(0.4, 2.0), Soft(0.5, 3.0),
        )],
        (*base[:5], soft * 2),
        (*base[:4], Hard(), None),
    ]  # fmt: skip

    class Stop(Exception):
        pass

    def stop(*args):
        raise Stop

    monkeypatch.setattr(trainer, "fit", stop)
    for call in calls:
        with pytest.raises(Stop):
            fit_cached(*call, tmp_path)
    assert len({p.stem for p in tmp_path.iterdir()}) == len(calls)


@pytest.mark.parametrize("spoil", [b"", b"PK\x03\x04 no archive", None])
def test_a_spoilt_file_is_trained_anew(data, tmp_path, spoil):
    first = fit_cached(BUILD, data, 0, SHORT, folder=tmp_path)
    (path,) = tmp_path.glob("*.pt")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if spoil is None else spoil)
    again = fit_cached(BUILD, data, 0, SHORT, folder=tmp_path)
    assert torch.equal(weights(first), weights(again))
    assert torch.load(path, weights_only=True)["history"]["step"] == [4, 8, 12]


def test_a_file_of_another_network_is_trained_anew(data, tmp_path):
    first = fit_cached(BUILD, data, 0, SHORT, folder=tmp_path)
    (path,) = tmp_path.glob("*.pt")
    for content in ({"weights": {}, "history": {}}, {"weights": first.model.state_dict()}):
        torch.save(content, path)
        again = fit_cached(BUILD, data, 0, SHORT, folder=tmp_path)
        assert torch.equal(weights(first), weights(again)) and len(again.history) == 3


class Plain(torch.nn.Module):
    """A network of a page, not of the package."""

    def __init__(self, channels):
        super().__init__()
        self.head = torch.nn.Linear(channels, 3)

    def forward(self, x, mask):
        return self.head(self.pool(x))

    def pool(self, x):
        return x.mean(2)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("forward", lambda self, x, mask: self.head(x.amax(2))),
        ("pool", lambda self, x: x.amax(2)),
    ],
)
def test_another_way_through_the_same_layers_trains_anew(data, tmp_path, monkeypatch, name, other):
    """A helper method counts like ``forward`` does."""
    fit_cached(Plain, data, 0, SHORT, folder=tmp_path)
    monkeypatch.setattr(Plain, name, other)
    fit_cached(Plain, data, 0, SHORT, folder=tmp_path)
    assert len(list(tmp_path.glob("*.pt"))) == 2


def test_another_loss_of_the_same_name_trains_anew(data, tmp_path, monkeypatch):
    soft = torch.randn(120, 3)
    fit_cached(BUILD, data, 0, SHORT, Soft(), soft, tmp_path)
    hard = Soft.__call__
    monkeypatch.setattr(Soft, "__call__", lambda self, o, y, s, w: 2 * hard(self, o, y, s, w))
    fit_cached(BUILD, data, 0, SHORT, Soft(), soft, tmp_path)
    assert len(list(tmp_path.glob("*.pt"))) == 2


def test_a_network_without_a_file_is_trained_every_time(data, tmp_path):
    """What a notebook defines can change without a trace, so it is never remembered."""
    world = {"torch": torch, "__name__": "a_notebook"}
    exec(
        "class Own(torch.nn.Module):\n"
        "    def __init__(self, c):\n"
        "        super().__init__()\n"
        "        self.head = torch.nn.Linear(c, 3)\n"
        "    def forward(self, x, mask):\n"
        "        return self.head(x.mean(2))\n",
        world,
    )
    assert len(fit_cached(world["Own"], data, 0, SHORT, folder=tmp_path).history) == 3
    assert not list(tmp_path.glob("*.pt"))


def test_weights_that_are_no_numbers_are_trained_anew(data, tmp_path):
    first = fit_cached(BUILD, data, 0, SHORT, folder=tmp_path)
    (path,) = tmp_path.glob("*.pt")
    content = torch.load(path, weights_only=True)
    content["weights"]["head.bias"][:] = torch.nan
    torch.save(content, path)
    again = fit_cached(BUILD, data, 0, SHORT, folder=tmp_path)
    assert torch.equal(weights(first), weights(again))


# --- labels that are not there -------------------------------------------------------------------


def test_windows_without_labels_teach_through_the_teacher_alone():
    """Their labels change nothing; the soft labels do."""
    rows, soft = torch.arange(120) >= 20, torch.randn(120, 3)
    data = data_of()
    other = replace(data.train, y=torch.where(rows, 2 - data.train.y, data.train.y))
    hidden = [replace(data, train=without_labels(p, rows)) for p in (data.train, other)]
    assert torch.equal(hidden[0].train.y, hidden[1].train.y)
    assert (hidden[0].train.y[rows] == -1).all() and (data.train.y >= 0).all()
    one = fit(BUILD, hidden[0], 0, SHORT, Soft(), soft)
    two = fit(BUILD, hidden[0], 0, SHORT, Soft(), torch.where(rows[:, None], -soft, soft))
    assert not torch.equal(weights(one), weights(two))


def test_a_batch_without_any_label_is_no_error(data):
    part = without_labels(data.train, torch.arange(120) >= 2)
    trained = fit(BUILD, replace(data, train=part), 0, replace(SHORT, batch_size=4))
    assert np.isfinite(trained.history.to_numpy()).all()


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda p: {"train": p.take(torch.zeros(0, dtype=torch.long))}, "train: no windows"),
        (lambda p: {"validation": replace(p, X=p.X / 0)}, "validation: a window has a missing"),
        (lambda p: {"validation": replace(p, X=p.X[:, :1])}, r"shapes \[\(1, 24\), \(2, 24\)\]"),
        (lambda p: {"validation": replace(p, X=p.X[..., 1:])}, "give all the same channels"),
        (lambda p: {"validation": replace(p, y=p.y * 0 - 1)}, "validation: no window has a label"),
        (
            lambda p: {"validation": replace(p, y=p.y * 0), "weight": torch.tensor([0.0, 1, 1])},
            "a label that training has too",
        ),
        (lambda p: {"signs": torch.ones(1, 3)}, r"signs \(1, 3\)"),
    ],
)
def test_windows_that_do_not_fit_are_refused(data, wrong, said):
    with pytest.raises(UserError, match=said):
        replace(data, **wrong(data.validation))


@pytest.mark.parametrize(
    ("loss", "soft", "said"),
    [
        (Soft(), torch.zeros(120, 2), r"soft labels \(120, 2\) for 120 windows and 3 outputs"),
        (Soft(), torch.zeros(60, 3), "give one row a window"),
        (Soft(), None, "Soft needs the teacher's outputs"),
    ],
)
def test_soft_labels_that_do_not_fit_are_refused(data, loss, soft, said):
    with pytest.raises(UserError, match=said):
        fit(BUILD, data, 0, SHORT, loss, soft)


@pytest.mark.parametrize("seed", [-1, 1.5, True])
def test_a_seed_is_a_whole_number(data, seed, tmp_path):
    with pytest.raises(UserError, match="seed"):
        fit_cached(BUILD, data, seed, SHORT, folder=tmp_path)
