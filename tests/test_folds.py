"""Folds, budgets and jobs: what is learned from whom, and that nothing of the test gets in."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.losses import Soft
from sportsml_lite.prepare.tasks import Task
from sportsml_lite.protocol import Split
from sportsml_lite.schema import Windows
from sportsml_lite.training import Augment, cache
from sportsml_lite.training.config import TrainConfig
from sportsml_lite.training.data import outputs_of
from sportsml_lite.training.folds import class_weights, folds_of, label_budget, make_fold
from sportsml_lite.training.networks import (
    MOTION,
    SECONDS,
    ModelConfig,
    answers,
    config_for,
    latency_us,
    predict,
    train_student,
    train_teacher,
)

# pytest undoes the filter that the package sets when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")

NAMES = tuple("abcdefgh")
SPLIT = Split(train=NAMES[:5], validation=NAMES[5:6], test=NAMES[6:])
TINY = TrainConfig(batch_size=32, rate=2e-2, max_epochs=3, steps_per_epoch=20, clip=1.0)
SIZES = ModelConfig(8, 8, 2, TINY, 2, 8, TINY)
CLASSES = ("low", "middle", "high")


def task_of(classes=CLASSES, rate_hz=1.0, samples=12, gaps=0.0, pad=0, laboratory=False):
    """Eight athletes, 30 windows each; the class (or number) is the trend of the first channel."""
    random = np.random.default_rng(0)
    n = 30 * len(NAMES)
    y = random.integers(3, size=n)
    X = random.normal(size=(n, 3, samples)).astype(np.float32) * np.float32([1, 5, 100])[:, None]
    X[:, 0] += (y - 1)[:, None] * np.linspace(0, 4, samples, dtype=np.float32)
    X += np.float32([3, -20, 500])[:, None]
    X[random.random(X.shape) < gaps] = np.nan
    mask = np.arange(samples) >= np.where(np.arange(n) % 4, 0, pad)[:, None]
    X[~np.broadcast_to(mask[:, None], X.shape)] = np.nan
    athlete = np.repeat(np.array(NAMES, dtype=object), 30)
    windows = Windows(
        X, mask, y if classes else 120 + 10.0 * y, athlete, athlete + "-1",
        np.tile(np.arange(30.0) * samples, len(NAMES)), ("x", "y", "z"), classes, rate_hz,
    )  # fmt: skip
    lab = y[:, None, None] + random.normal(size=(n, 1, samples)) if laboratory else None
    lab = None if lab is None else lab.astype(np.float32)
    signs = np.float32([[1, 1, 1], [1, -1, 1]])
    return Task("planted", windows, lab, signs, pd.DataFrame(), pd.DataFrame())


def with_windows(task, **changed):
    return replace(task, windows=replace(task.windows, **changed))


def equal(one, other):
    """Two parts of folds hold the same numbers."""
    masks = (one.mask is None and other.mask is None) or torch.equal(one.mask, other.mask)
    return masks and torch.equal(one.X, other.X) and torch.equal(one.y, other.y)


@pytest.fixture
def models_in(tmp_path, monkeypatch):
    """Trained networks are kept in a folder of the test."""
    monkeypatch.setattr(cache, "project_root", lambda: tmp_path)
    return tmp_path / "_build" / "models"


# --- folds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [CLASSES, ()])
def test_only_training_athletes_decide_the_scale(classes):
    task = task_of(classes, gaps=0.1)
    held = ~np.isin(task.windows.athlete, SPLIT.train)
    X, y = task.windows.X.copy(), task.windows.y.copy()
    X[held] = X[held] * 50 - 7
    y[held] = y[held][::-1]
    fold, other = make_fold(task, SPLIT), make_fold(with_windows(task, X=X, y=y), SPLIT)
    assert equal(fold.train, other.train)
    assert (fold.y_mean, fold.y_scale, fold.absent) == (other.y_mean, other.y_scale, other.absent)
    assert not torch.equal(fold.test.X, other.test.X)


def test_training_windows_have_mean_zero_and_size_one_but_where_a_sign_may_change():
    X = make_fold(task_of(), SPLIT).train.X.double()
    np.testing.assert_allclose(X.std((0, 2), correction=0), 1, rtol=1e-4)
    np.testing.assert_allclose(X.mean((0, 2))[[0, 2]], 0, atol=1e-4)
    assert X.mean((0, 2))[1] < -3  # -20 of size 5, divided only


def test_a_symmetry_of_the_recording_is_one_of_the_scaled_windows():
    task = task_of()
    held = ~np.isin(task.windows.athlete, SPLIT.train)
    X = task.windows.X.copy()
    X[held] *= task.signs[1][:, None]
    fold, turned = make_fold(task, SPLIT), make_fold(with_windows(task, X=X), SPLIT)
    wanted = fold.test.X * fold.signs[1][:, None]
    torch.testing.assert_close(turned.test.X, wanted, rtol=1e-6, atol=1e-6)


def test_a_gap_in_a_channel_that_may_turn_has_no_side():
    task = task_of()
    X = task.windows.X.copy()
    X[:, 1, :3] = np.nan
    fold = make_fold(with_windows(task, X=X), SPLIT)
    assert (fold.test.X[:, 1, :3] == 0).all() and (fold.test.X[:, 1, 3:] != 0).all()


def test_a_channel_that_no_training_athlete_has_is_read_from_nobody():
    task = task_of()
    X = task.windows.X.copy()
    X[np.isin(task.windows.athlete, SPLIT.train), 2] = np.nan
    fold = make_fold(with_windows(task, X=X), SPLIT)
    assert all((p.X[:, 2] == 0).all() for p in (fold.train, fold.validation, fold.test))


def test_gaps_are_held_and_padding_is_zero():
    task = task_of(gaps=0.3, pad=5)
    X = task.windows.X.copy()
    X[0, 2] = np.nan  # a sensor that is silent for a whole window
    fold = make_fold(with_windows(task, X=X), SPLIT)
    for part in (fold.train, fold.validation, fold.test):
        assert torch.isfinite(part.X).all() and not part.mask.all()
        assert (part.X.mT[~part.mask] == 0).all()
    np.testing.assert_allclose(fold.train.X[0, 2], 0, atol=1e-6)
    raw, scaled = X[1, 0], fold.train.X[1, 0]
    for t in np.flatnonzero(np.isnan(raw))[1:]:
        assert scaled[t] == scaled[t - 1] or np.isnan(raw[:t]).all()


def test_parts_hold_their_athletes_in_order():
    task = task_of()
    fold = make_fold(task, SPLIT)
    assert set(fold.train_athlete) == set(SPLIT.train) and len(fold.train) == 150
    assert set(fold.windows.athlete) == set(SPLIT.test) and len(fold.windows) == len(fold.test)
    assert torch.equal(fold.test.y, torch.from_numpy(fold.windows.y))
    assert fold.test.mask is None and fold.n_outputs == 3


@pytest.mark.parametrize(
    ("rate_hz", "samples", "stride"),
    [(30.0, 12, 3), (30.0, 10, 2), (1.0, 12, 2), (1.0, 9, 1), (30.0, 7, 1), (50.0, 12, 2)],
)
def test_the_students_stride_divides_the_window(rate_hz, samples, stride):
    assert make_fold(task_of(rate_hz=rate_hz, samples=samples), SPLIT).stride == stride


def test_a_number_is_scaled_and_turned_back():
    task = task_of(())
    fold = make_fold(task, SPLIT)
    assert fold.n_outputs == 1 and fold.classes == () and fold.train.y.dtype == torch.float32
    np.testing.assert_allclose(float(fold.train.y.mean()), 0, atol=1e-5)
    back = answers(fold, fold.test.y[:, None])
    np.testing.assert_allclose(back, fold.windows.y, rtol=1e-5)
    flat = with_windows(task, y=np.full(len(task.windows), 130.0))
    assert answers(make_fold(flat, SPLIT), torch.zeros(2, 1)).tolist() == [130, 130]


def test_outputs_become_the_position_of_the_class():
    fold = make_fold(task_of(), SPLIT)
    assert answers(fold, torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]])).tolist() == [1, 0]


def test_the_laboratory_channel_is_added_for_a_teacher_alone():
    task = task_of(laboratory=True)
    fold, plain = make_fold(task, SPLIT, laboratory=True), make_fold(task, SPLIT)
    assert fold.train.X.shape[1] == 4 and plain.train.X.shape[1] == 3
    assert fold.windows.channels == ("x", "y", "z", "laboratory")
    assert torch.equal(fold.train.X[:, :3], plain.train.X)
    assert fold.signs[:, 3].tolist() == [1, 1] and len(plain.signs[0]) == 3
    assert torch.equal(fold.train.y, plain.train.y)  # a teacher's answers fit the student's rows
    with pytest.raises(UserError, match="planted: has no laboratory channel"):
        make_fold(task_of(), SPLIT, laboratory=True)


def test_a_part_without_windows_is_an_error():
    split = Split(train=NAMES, validation=("nobody",), test=("else",))
    with pytest.raises(UserError, match="no window of the validation athletes"):
        make_fold(task_of(), split)
    with pytest.raises(UserError, match="'h' was not there when the split was made"):
        make_fold(task_of(), Split(NAMES[:5], NAMES[5:6], NAMES[6:7]))


# --- classes -------------------------------------------------------------------------------------


def test_weights_make_every_class_count_the_same():
    y = torch.tensor([0] * 6 + [1] * 3 + [2] + [-1] * 5)
    weight = class_weights(y, 4)
    count = torch.tensor([6.0, 3.0, 1.0, 0.0])
    np.testing.assert_allclose(weight * count, [10 / 3] * 3 + [0], rtol=1e-6)
    assert class_weights(torch.zeros(3), 1) is None
    assert class_weights(torch.tensor([-1, -1]), 3).tolist() == [0, 0, 0]


def test_a_class_that_training_lacks_is_named_and_never_answered(models_in):
    """It stands in validation and test: there it weighs nothing, and counts as wrong."""
    task = task_of()
    lacking = np.isin(task.windows.athlete, SPLIT.train) & (task.windows.y == 1)
    windows = task.windows.take(~lacking)
    fold = make_fold(replace(task, windows=windows), SPLIT)
    assert fold.absent == ("middle",) and fold.data().weight[1] == 0
    assert (fold.validation.y == 1).any() and (fold.test.y == 1).any()
    for train in (train_teacher, train_student):
        trained = train(fold, 0, SIZES)
        trained = trained if isinstance(trained, list) else [trained]
        assert np.isfinite(trained[0].history["val_loss"]).all()
        assert not (answers(fold, predict(trained, fold.test)) == 1).any()
    assert make_fold(task, SPLIT).absent == ()


# --- budgets -------------------------------------------------------------------------------------


def with_strokes(**strokes):
    """A task whose athletes have the windows of their own classes only."""
    task = task_of()
    own = [strokes.get(name, "012") for name in task.windows.athlete]
    keep = np.array([str(k) in mine for k, mine in zip(task.windows.y, own, strict=True)])
    return replace(task, windows=task.windows.take(keep))


def test_a_budget_sees_every_class_as_early_as_can_be():
    fold = make_fold(with_strokes(a="0", b="01", c="0", d="02", e="0"), SPLIT)
    assert label_budget(fold, 1) == ("b",)
    assert label_budget(fold, 2) == ("b", "d")
    assert label_budget(fold, 4) == ("b", "d", "a", "c")
    assert sorted(label_budget(fold, 5)) == list(SPLIT.train)
    assert label_budget(make_fold(task_of(()), SPLIT), 2) == ("a", "b")


def test_a_budget_of_one_class_is_an_error():
    fold = make_fold(with_strokes(a="0", b="0", c="1", d="0", e="0"), SPLIT)
    assert label_budget(fold, 2) == ("a", "c")
    with pytest.raises(UserError, match="labelled athletes = 1: they show only 'low'; label more"):
        label_budget(fold, 1)


def test_a_fold_with_nothing_to_tell_apart_is_an_error():
    with pytest.raises(UserError, match="training athletes of a fold show only 'low'"):
        make_fold(with_strokes(**dict.fromkeys("abcde", "0")), SPLIT)
    with pytest.raises(UserError, match="validation athletes of a fold show only high"):
        make_fold(with_strokes(**dict.fromkeys("abcde", "01"), f="2"), SPLIT)


def test_folds_of_a_task_name_who_is_missing():
    task = task_of()
    first, second = folds_of(task), folds_of(task, 1)
    assert len(first) == len(second) == 5 and {s.test for s in first} != {s.test for s in second}
    few = task.windows.take(np.isin(task.windows.athlete, list("abcd")))
    dropped = pd.DataFrame({"reason": ["athletes without a label (e)"], "rows": [1]})
    few = replace(task, windows=few, dropped=dropped)
    with pytest.raises(UserError, match=r"planted: 4 athletes .* \(left out: .*\(e\): 1\)"):
        folds_of(few)


@pytest.mark.parametrize("count", [0, 6, -1])
def test_a_budget_beyond_training_is_an_error(count):
    with pytest.raises(UserError, match=f"labelled athletes = {count}: training has 5"):
        label_budget(make_fold(task_of(), SPLIT), count)


def test_athletes_without_labels_stay_or_go():
    fold = make_fold(task_of(), SPLIT)
    known = np.isin(fold.train_athlete, ["b", "d"])
    some, beside = fold.data(("b", "d")), fold.data(("b", "d"), unlabelled=True)
    assert equal(some.train, fold.train.take(known))
    assert torch.equal(beside.train.X, fold.train.X)
    assert torch.equal(beside.train.y[known], fold.train.y[known])
    assert (beside.train.y[~known] == -1).all() and (fold.train.y >= 0).all()
    assert torch.equal(some.weight, beside.weight)  # of the labels that are known
    assert equal(fold.data(SPLIT.train).train, fold.train)
    numbers = make_fold(task_of(()), SPLIT).data(("b",), unlabelled=True)
    assert numbers.weight is None and numbers.train.y.isnan().sum() == 120
    with pytest.raises(UserError, match="none of them is in training"):
        fold.data(("h",))


def test_soft_labels_follow_the_labelled_athletes(models_in):
    """Soft labels of all training windows: those of the athletes that are left are taken."""
    fold = make_fold(task_of(), SPLIT)
    soft = torch.randn(150, 3)
    known = torch.as_tensor(np.isin(fold.train_athlete, ["b", "d"]))
    one = train_student(fold, 0, SIZES, Soft(), soft, ("d", "b"))
    spoilt = torch.where(known[:, None], soft, 9.0)
    assert (
        train_student(fold, 0, SIZES, Soft(), spoilt, ("b", "d"))
        .history["val_loss"]
        .equals(one.history["val_loss"])
    )
    assert len(list(models_in.glob("*.pt"))) == 1  # the same inputs: trained once


@pytest.mark.parametrize("labelled", [None, ("a",)])
def test_soft_labels_of_other_windows_are_refused(models_in, labelled):
    with pytest.raises(UserError, match=r"soft labels \(9, 3\)"):
        train_student(make_fold(task_of(), SPLIT), 0, SIZES, Soft(), torch.zeros(9, 3), labelled)


# --- teacher and student -------------------------------------------------------------------------


def test_a_teacher_and_its_student_find_the_planted_trend(models_in):
    """From gaps and padding, on athletes never seen."""
    fold = make_fold(task_of(gaps=0.05, pad=4), SPLIT)
    teachers = train_teacher(fold, 0, SIZES)
    assert len(teachers) == 2 and teachers[0].seed != teachers[1].seed
    soft = predict(teachers, fold.train, fold.signs)
    student = train_student(fold, 0, SIZES, Soft(), soft, ("a",), unlabelled=True, width=10)
    for trained in ([*teachers], [student]):
        right = answers(fold, predict(trained, fold.test, fold.signs)) == fold.windows.y
        assert right.mean() > 0.8
    assert student.model.head.in_features == 20 and student.model.stride == (fold.stride)


def test_asking_two_networks_is_the_mean_over_them_and_the_symmetries(models_in):
    fold = make_fold(task_of(), SPLIT)
    short = replace(SIZES, student=replace(TINY, steps_per_epoch=1))
    two = [train_student(fold, seed, short) for seed in (0, 1)]
    turned = replace(fold.test, X=fold.test.X * fold.signs[1][:, None])
    each_one = [outputs_of(t.model, part) for t in two for part in (fold.test, turned)]
    wanted = torch.stack(each_one).mean(0)
    torch.testing.assert_close(predict(two, fold.test, fold.signs), wanted, rtol=0, atol=1e-6)


def test_sizes_go_with_the_kind_of_windows_and_the_profile():
    motion, watch = (make_fold(task_of(rate_hz=rate), SPLIT) for rate in (30.0, 1.0))
    assert config_for(motion, "full") == MOTION and config_for(watch, "full") == SECONDS
    with pytest.raises(UserError, match="profile = 'Full'"):
        config_for(motion, "Full")
    quick = config_for(motion, "quick")
    assert quick.networks == 1 and quick.teacher.steps * 3 == MOTION.teacher.steps
    assert quick.student.steps < MOTION.student.steps / 2
    for config in (MOTION, quick):
        assert config.teacher.augment == config.student.augment == Augment(30, 0.2)
    assert SECONDS.teacher.augment is None  # a heart rate has no axes
    for config in (MOTION, SECONDS):
        assert (config.teacher.schedule, config.teacher.clip) == ("cosine", 1.0)
        assert config.teacher.steps == 600 and config.networks == 2


def test_latency_are_those_of_a_window_in_a_call_of_all():
    calls = []

    def model(X):
        calls.append(len(X))
        time.sleep(0.002)

    spent = latency_us(model, torch.zeros(4, 1, 8), turns=3)
    assert spent.shape == (3,) and (spent > 499).all()  # 2 ms a call, four windows
    assert set(calls) == {4}
