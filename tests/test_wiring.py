"""What is computed correctly is also used: weights, schedule, clipping and pairs arrive."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sportsml_lite import evaluate, schema
from sportsml_lite.baselines import windows as window_baselines
from sportsml_lite.losses import Hard, hard_loss
from sportsml_lite.models import Student
from sportsml_lite.prepare.tasks import Task
from sportsml_lite.protocol import Split
from sportsml_lite.schema import Windows
from sportsml_lite.studies import transfer
from sportsml_lite.studies.runner import Options
from sportsml_lite.training.config import TrainConfig
from sportsml_lite.training.data import Sequences, TrainData, outputs_of
from sportsml_lite.training.folds import make_fold
from sportsml_lite.training.networks import answers
from sportsml_lite.training.trainer import fit

# pytest undoes the filter that the package sets when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec")

# --- training ------------------------------------------------------------------------------------


class One(nn.Module):
    """A single weight, which is also every output."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1))

    def forward(self, X, mask=None):
        return self.w.expand(len(X), 2)


class Slope(Hard):
    """A loss whose gradient is ``slope``, and which notes the weight at every step."""

    def __init__(self, slope):
        object.__setattr__(self, "slope", slope)
        object.__setattr__(self, "seen", [])

    def __call__(self, outputs, y, soft, weight):
        self.seen.append(float(outputs[0, 0].detach()))
        return self.slope * outputs[:, 0].mean()


def constant_windows(rows=8):
    y = torch.arange(rows) % 2
    return Sequences(torch.ones(rows, 1, 4), None, y)


def steps_taken(slope, **config):
    """How far plain gradient descent moves the weight at each step but the last, (S - 1,)."""
    loss = Slope(slope)
    plan = TrainConfig(optimizer="sgd", rate=0.1, patience=1000, batch_size=8, **config)
    parts = constant_windows(), constant_windows()
    fit(lambda channels: One(), TrainData(*parts, n_outputs=2), 0, plan, loss)
    return -np.diff(loss.seen)


def test_the_schedule_decides_the_length_of_every_step():
    plan = {"max_epochs": 4, "steps_per_epoch": 5}
    found = steps_taken(1.0, schedule="cosine", **plan)
    step = np.arange(19)
    fall = 0.5 * (1 + np.cos(np.pi * (step - 2) / 18))
    expected = np.where(step < 2, (step + 1) / 2, fall)  # a tenth of twenty steps rises
    np.testing.assert_allclose(found, 0.1 * expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(steps_taken(1.0, **plan), 0.1, rtol=1e-4)


def test_no_step_is_longer_than_the_clip_allows():
    plan = {"max_epochs": 3, "steps_per_epoch": 2}
    np.testing.assert_allclose(steps_taken(100.0, clip=2.0, **plan), 0.2, rtol=1e-4)
    np.testing.assert_allclose(steps_taken(100.0, **plan), 10.0, rtol=1e-4)
    np.testing.assert_allclose(steps_taken(0.5, clip=2.0, **plan), 0.05, rtol=1e-4)


class Linear(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.last = nn.Linear(channels, 3)

    def forward(self, X, mask=None):
        return self.last(X.mean(2))


def three_classes(rows, seed):
    random = torch.Generator().manual_seed(seed)
    y = torch.tensor([0, 0, 0, 0, 0, 1, 1, 2])[torch.arange(rows) % 8]
    return Sequences(torch.randn(rows, 2, 6, generator=random) + y[:, None, None], None, y)


def test_training_and_its_best_epoch_are_judged_by_the_class_weights():
    weight = torch.tensor([0.2, 1.0, 5.0])
    data = TrainData(three_classes(64, 0), three_classes(40, 1), weight=weight, n_outputs=3)
    still = TrainConfig(rate=1e-7, batch_size=64, max_epochs=1)
    result = fit(Linear, data, 0, still)
    for column, part in (("train_loss", data.train), ("val_loss", data.validation)):
        outputs = outputs_of(result.model, part)
        weighted, plain = (float(hard_loss(outputs, part.y, w)) for w in (weight, None))
        assert result.history[column][0] == pytest.approx(weighted, rel=1e-4)
        assert abs(weighted - plain) > 0.01


def windows_of(athletes, y, classes=("low", "high"), seed=0):
    n = len(y)
    X = np.random.default_rng(seed).normal(size=(n, 2, 12)).astype(np.float32)
    X[:, 0] += np.asarray(y, dtype=np.float32)[:, None]
    return Windows(
        X=X,
        mask=np.ones((n, 12), bool),
        y=np.asarray(y),
        athlete=np.asarray(athletes, dtype=object),
        recording=np.asarray(athletes, dtype=object),
        t0_s=np.arange(n) * 12.0,
        channels=("a", "b"),
        classes=classes,
        rate_hz=1.0,
    )


def test_a_fold_hands_its_class_weights_to_the_training():
    athletes = np.repeat(["a", "b", "c"], 10)
    windows = windows_of(athletes, np.tile([0] * 8 + [1] * 2, 3))
    task = Task("t", windows, None, np.ones((1, 2), np.float32), pd.DataFrame(), pd.DataFrame())
    data = make_fold(task, Split(("a",), ("b",), ("c",))).data()
    assert data.weight.tolist() == pytest.approx([10 / 16, 10 / 4])
    assert data.n_outputs == 2 and data.signs.tolist() == [[1, 1]]


def test_a_class_that_training_never_showed_is_no_answer_however_sure_the_network():
    names = ("low", "high", "never")
    windows = windows_of(np.repeat(["a", "b", "c"], 4), np.tile([0, 1], 6), names)
    task = Task("t", windows, None, np.ones((1, 2), np.float32), pd.DataFrame(), pd.DataFrame())
    fold = make_fold(task, Split(("a",), ("b",), ("c",)))
    outputs = torch.tensor([[1.0, 2.0, 9.0], [2.0, 1.0, 9.0]])
    assert fold.absent == ("never",)
    assert answers(fold, outputs).tolist() == [1, 0] and outputs[0, 2] == 9


# --- baselines -----------------------------------------------------------------------------------


@pytest.fixture
def noted(monkeypatch):
    """What scikit-learn's boosted trees are fitted with."""
    from sklearn import ensemble

    given = {}

    def fit(self, X, y, sample_weight=None, **more):
        given.update(more, y=y, sample_weight=sample_weight)
        self.classes_ = np.unique(y)
        return self

    monkeypatch.setattr(ensemble.HistGradientBoostingClassifier, "fit", fit)
    return given


def test_boosted_trees_weigh_classes_the_same_in_training_and_in_stopping(noted):
    train = windows_of(np.repeat(["a", "b"], 20), np.tile([0] * 18 + [1] * 2, 2))
    validation = windows_of(["c"] * 20, [0] * 15 + [1] * 5)
    window_baselines.fit_window_baseline("boosting", train, validation)
    for y, weight in (("y", "sample_weight"), ("y_val", "sample_weight_val")):
        low, high = (noted[weight][noted[y] == k] for k in (0, 1))
        assert len(np.unique(low)) == len(np.unique(high)) == 1
    assert noted["sample_weight"][train.y == 0].sum() == pytest.approx(
        noted["sample_weight"][train.y == 1].sum()
    )
    ratio = noted["sample_weight_val"][-1] / noted["sample_weight_val"][0]
    assert ratio == pytest.approx(18 / 2)  # the weights are those of training


@pytest.mark.parametrize("name", ["boosting", "forest", "minirocket"])
def test_a_rare_class_is_not_given_up(name):
    """One in ten and hard to tell: whoever counts rows answers with the frequent class alone."""
    y = np.tile([0] * 9 + [1], 30)
    train, validation, test = (windows_of([a] * 300, y, seed=i) for i, a in enumerate("abc"))
    predict = window_baselines.fit_window_baseline(name, train, validation)
    assert (predict(test) == 1).mean() > 0.05


# --- verdicts ------------------------------------------------------------------------------------


def scores_of(**arms):
    """Scores of twenty athletes in five folds of two partitions; each arm a (2, 20) array."""
    rows = []
    for arm, values in arms.items():
        for partition in (0, 1):
            for i in range(20):
                fold = (i + 7 * partition) % 5
                rows.append(
                    ("s", "d", arm, partition, fold, 10 * partition + fold, f"a{i:02d}",
                     "macro_f1", values[partition, i], 30.0)
                )  # fmt: skip
    names = [column.name for column in schema.SCORES]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture
def pairs():
    """A gain of 0.03 that all share, under differences between athletes ten times as large."""
    rng = np.random.default_rng(3)
    old = 0.7 + 0.15 * rng.standard_normal((1, 20)) + 0.01 * rng.standard_normal((2, 20))
    new = old + 0.03 + 0.01 * rng.standard_normal((2, 20))
    return old, new, scores_of(old=old, new=new)


def test_an_arm_is_compared_with_the_other_arm_of_the_same_athlete(pairs):
    old, new, scores = pairs
    result = evaluate.compare(scores, "new", "old")
    own = (new - old).mean(axis=0)
    assert result.gain.estimate == pytest.approx(own.mean())
    assert result.gain.high - result.gain.low < 0.03  # unpaired it would be four times as wide
    assert result.verdict == "better"
    assert result.harmed == (own < -0.02).sum() and result.helped == (own > 0.02).sum()
    assert result.worst_tenth == pytest.approx(np.sort(own)[:2].mean())
    gains = evaluate.gains(scores, "new", "old")
    assert gains.to_numpy() == pytest.approx(own)


def test_pairs_do_not_depend_on_the_order_of_the_rows(pairs):
    *_, scores = pairs
    mixed = scores.sample(frac=1, random_state=1)
    one, other = (evaluate.compare(s, "new", "old") for s in (scores, mixed))
    assert one == other
    turned = evaluate.compare(scores, "old", "new")
    assert turned.gain.estimate == pytest.approx(-one.gain.estimate)
    assert (turned.harmed, turned.helped) == (one.helped, one.harmed)


def test_a_smaller_error_is_a_gain(pairs):
    old, new, _ = pairs
    scores = scores_of(old=old, new=new).assign(metric="mae")
    result = evaluate.compare(scores, "new", "old", "mae", "hr_bpm")
    assert result.gain.estimate == pytest.approx(-(new - old).mean())


# --- choosing ------------------------------------------------------------------------------------


def test_settings_are_chosen_on_validation_athletes_alone(monkeypatch):
    """Whoever tests a fold has no part in what was chosen for it."""
    names = [f"a{i}" for i in range(9)]
    athletes = np.repeat(names, 24)
    windows = windows_of(athletes, np.tile([0] * 12 + [1] * 12, 9))
    task = Task("t", windows, None, np.ones((1, 2), np.float32), pd.DataFrame(), pd.DataFrame())
    split = Split(tuple(names[:4]), tuple(names[4:6]), tuple(names[6:]))
    student = SimpleNamespace(model=Student(2, 2, 8, kernel=3, stride=1).eval())
    asked, real = [], transfer.trials

    def trials(says, grid, ks):
        asked.append(set(says(1, transfer.STILL)["athlete"]))
        return real(says, grid, ks)

    monkeypatch.setattr(transfer, "distilled", lambda *_: student)
    monkeypatch.setattr(transfer, "trials", trials)
    arms = {"shrink": transfer.ARMS["shrink"]}
    data, options = transfer.Data(task, None), Options("t", profile="quick")
    scores = transfer.score(data, split, 0, arms, options)
    assert asked == [set(split.validation)]
    assert set(scores["athlete"]) == set(split.test)
